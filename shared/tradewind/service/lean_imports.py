"""Imports without what a library would load only because it happens to be installed."""

import sys
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def not_installed(*packages: str) -> Generator[None]:
    """Inside the block these optional packages are not to be had; whoever needs them finds them as ever afterwards.

    A module that is None in `sys.modules` raises `ModuleNotFoundError` when it is imported, as the language says.
    """
    before = {name: sys.modules.get(name) for name in packages}
    for name in packages:
        sys.modules[name] = None  # pyright: ignore[reportArgumentType] - the documented way to say so
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
