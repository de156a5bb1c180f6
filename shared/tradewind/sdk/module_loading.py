"""Names of modules and of what is in them, as texts."""

import pkgutil
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any, cast


def import_string(dotted_path: str) -> Any:
    """The attribute that `package.module.attribute` names. Raises ImportError."""
    module_path, _, name = dotted_path.rpartition(".")
    if not module_path:
        raise ImportError(f"{dotted_path} doesn't look like a module path")
    module = import_module(module_path)
    try:
        return getattr(module, name)
    except AttributeError:
        raise ImportError(f'Module "{module_path}" does not define a "{name}" attribute/class') from None


def qualname(value: Any, use_qualname: bool = False, exclude_module: bool = False) -> str:
    """`module.name` of a class or function, or of a value's class; nested names in full with `use_qualname`, without
    the module with `exclude_module`."""
    if isinstance(value, partial):
        value = cast("partial[Any]", value).func
    kind = value if hasattr(value, "__name__") else cast("Any", type(value))
    name = kind.__qualname__ if use_qualname or exclude_module else kind.__name__
    module = getattr(kind, "__module__", None)
    return name if exclude_module or not module else f"{module}.{name}"


def is_valid_dotpath(path: object) -> bool:
    """Whether a value is the text of two or more identifiers with dots between them."""
    if not isinstance(path, str):
        return False
    parts = path.split(".")
    return len(parts) > 1 and all(part.isidentifier() for part in parts)


def iter_namespace(namespace: ModuleType) -> Iterator[pkgutil.ModuleInfo]:
    """The modules directly below a package."""
    return pkgutil.iter_modules(namespace.__path__, f"{namespace.__name__}.")


def get_python_source(value: Any) -> str | None:
    """The source of a function or class, of what a partial calls, or of an object's class; a text as it is; None where
    there is none."""
    import inspect

    if value is None or isinstance(value, str):
        return value
    target: Any = cast("partial[Any]", value).func if isinstance(value, partial) else value
    kinds = cast("tuple[Any, ...]", (target, type(target)))
    for each in kinds:
        try:
            return inspect.getsource(each)
        except (TypeError, OSError):
            continue
    return None


def is_async_callable(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine: `async def`, an object with such a `__call__`, a partial of one."""
    import inspect

    while isinstance(function, partial):
        function = cast("partial[Any]", function).func
    called = getattr(type(function), "__call__", None)  # noqa: B004 - its nature is asked for, not whether it is there
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)


def refuse_async_callable(function: Callable[..., Any], caller: str) -> None:
    """Raise `TypeError` if it is one, for callers that do not await: it would never be run."""
    if is_async_callable(function):
        name = getattr(function, "__name__", repr(function))
        raise TypeError(
            f"{caller} calls its function and does not await it, but {name!r} is an `async def`: make it a plain "
            "function (it may call `asyncio.run`), or await what it waits for in a task, as in `@task async def …`"
        )
