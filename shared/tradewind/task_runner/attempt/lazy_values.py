"""Values of the context that are made when somebody looks at them."""

from collections.abc import Callable, ItemsView, Iterator, ValuesView
from typing import Any


class Later:
    """A context value that is made when its key is asked for."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


class LazyContext(dict[str, Any]):
    """The context as a dict. Dates become pendulum's when they are looked at: most tasks look at none, and their
    processes do without that library."""

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if type(value) is Later:  # not isinstance, which would look behind a proxy
            value = self[key] = value.make()
        return value

    def __iter__(self) -> Iterator[str]:
        # Overridden so that dict(context) and **context come by __getitem__, and do not copy what is inside.
        return super().__iter__()

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or the default."""
        return self[key] if key in self else default  # noqa: SIM401 - the built-in `get` would give what is inside

    def items(self) -> Any:
        """The pairs, made as they are iterated."""
        return ItemsView(self)

    def values(self) -> Any:
        """The values, made as they are iterated."""
        return ValuesView(self)

    def copy(self) -> dict[str, Any]:
        """An ordinary dict of all values."""
        return dict(self)

    def pop(self, key: str, *default: Any) -> Any:
        """Take a value out."""
        value = super().pop(key, *default)
        return value.make() if type(value) is Later else value

    def __repr__(self) -> str:
        return repr(dict(self))


class Proxy:
    """Stands for a value that costs a question to the execution API: it is asked for when it is used, not when the
    context is copied, as templates and `**context` do."""

    __slots__ = ("_known", "_make", "_value")

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make, self._known, self._value = make, False, None

    @property
    def __wrapped__(self) -> Any:
        if not self._known:
            self._value, self._known = self._make(), True
        return self._value

    @property
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - nobody sets it
        return self.__wrapped__.__class__

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)

    def __str__(self) -> str:
        return str(self.__wrapped__)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __format__(self, spec: str) -> str:
        return format(self.__wrapped__, spec)

    def __bool__(self) -> bool:
        return bool(self.__wrapped__)

    def __eq__(self, other: object) -> bool:
        return self.__wrapped__ == other

    def __hash__(self) -> int:
        return hash(self.__wrapped__)

    def __lt__(self, other: Any) -> bool:
        return self.__wrapped__ < other

    def __le__(self, other: Any) -> bool:
        return self.__wrapped__ <= other

    def __gt__(self, other: Any) -> bool:
        return self.__wrapped__ > other

    def __ge__(self, other: Any) -> bool:
        return self.__wrapped__ >= other

    def __add__(self, other: Any) -> Any:
        return self.__wrapped__ + other

    def __sub__(self, other: Any) -> Any:
        return self.__wrapped__ - other

    def __rsub__(self, other: Any) -> Any:
        return other - self.__wrapped__
