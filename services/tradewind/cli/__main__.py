"""The `tradewind` command."""

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Final

from tradewind.service.config_errors import config_errors_reported

SERVICES: Final[Mapping[str, str]] = {
    "standalone": "tradewind.cli.standalone",
    "api-server": "tradewind.api.__main__",
    "dag-processor": "tradewind.dag_processor.__main__",
    "scheduler": "tradewind.scheduler.__main__",
    "dispatcher": "tradewind.dispatcher.__main__",
    "collector": "tradewind.collector.__main__",
    "worker": "tradewind.worker.__main__",
    "triggerer": "tradewind.triggerer.__main__",
}
"""Commands that run a service, and where it begins."""


def main() -> None:
    """Run the command that the arguments name; a wrong setting is one line on stderr and exit code 2."""
    with config_errors_reported():
        if len(sys.argv) == 2 and sys.argv[1] in SERVICES:
            # There are no options to read, and what reads them would stay: 10 MB in each service.
            import_module(SERVICES[sys.argv[1]]).main()
            return
        if sys.argv[1:] == ["--version"]:
            sys.argv[1] = "version"
        from tradewind.cli.app import create_app

        create_app()()


if __name__ == "__main__":
    main()
