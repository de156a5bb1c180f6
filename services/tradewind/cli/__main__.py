"""The `tradewind` command."""

from tradewind.cli.app import create_app
from tradewind.service.lifecycle import config_errors_reported


def main() -> None:
    """Run the command that the arguments name; a wrong setting is one line on stderr and exit code 2."""
    with config_errors_reported():
        create_app()()


if __name__ == "__main__":
    main()
