"""`python -m tradewind.worker.attempt_process PARENT tasks run …`: becomes `tradewind tasks run …`, told to stop when
its parent dies."""

import os
import signal
import sys

from tradewind.service.parent_death import die_with_parent


def main() -> None:
    """The wish outlives the exec."""
    parent, *arguments = sys.argv[1:]
    die_with_parent(int(parent), signal.SIGTERM)
    os.execv(  # noqa: S606 - our own program, with an argv that was read
        sys.executable, [sys.executable, "-m", "tradewind.cli", *arguments]
    )


if __name__ == "__main__":
    main()
