"""How far long work has come whose end nobody knows."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def counting(what: str) -> Generator[Callable[[int], None]]:
    """Takes the number of rows of each batch; on a terminal their sum is shown."""
    if not sys.stderr.isatty():
        yield _unseen
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,.0f}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda rows: bar.advance(task, rows)


def _unseen(_rows: int) -> None:
    pass
