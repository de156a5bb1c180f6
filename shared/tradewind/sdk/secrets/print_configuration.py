"""`python -m tradewind.sdk.secrets.print_configuration <name>`: what the secrets backend has for a configuration value.
Services ask for it so, because the backend's code is not theirs."""

import sys

from tradewind.sdk.aliases import install
from tradewind.sdk.secrets.search import find_config


def main() -> None:
    """Print the text as it is; nothing if the name is unknown."""
    install()
    sys.stdout.write(find_config(sys.argv[1]) or "")


if __name__ == "__main__":
    main()
