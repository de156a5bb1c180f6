"""What can be said of a path without asking its store."""

from pathlib import PurePosixPath
from typing import Self


class NamedPath:
    """A path of parts between slashes."""

    _path: str

    @property
    def path(self) -> str:
        """Bucket and key, as the filesystem takes them."""
        return self._path

    @property
    def sep(self) -> str:
        """What stands between parts."""
        return "/"

    @property
    def name(self) -> str:
        """The last part."""
        return self._pure.name

    @property
    def stem(self) -> str:
        """The last part without its suffix."""
        return self._pure.stem

    @property
    def suffix(self) -> str:
        """What follows the last dot of the last part, with the dot."""
        return self._pure.suffix

    @property
    def suffixes(self) -> list[str]:
        """All that follows dots in the last part, each with its dot."""
        return self._pure.suffixes

    @property
    def parts(self) -> tuple[str, ...]:
        """All parts."""
        return self._pure.parts

    @property
    def parent(self) -> Self:
        """The folder around it."""
        return self._at(str(self._pure.parent))

    @property
    def parents(self) -> tuple[Self, ...]:
        """The folders around it, the innermost first."""
        return tuple(self._at(str(folder)) for folder in self._pure.parents)

    def with_name(self, name: str) -> Self:
        """The same place under another name."""
        return self._at(str(self._pure.with_name(name)))

    def with_stem(self, stem: str) -> Self:
        """The same place and suffix under another name."""
        return self._at(str(self._pure.with_stem(stem)))

    def with_suffix(self, suffix: str) -> Self:
        """The same name with another suffix."""
        return self._at(str(self._pure.with_suffix(suffix)))

    def match(self, pattern: str) -> bool:
        """Whether its last parts fit a pattern."""
        return self._pure.match(pattern)

    def relative_to(self, other: "str | NamedPath") -> PurePosixPath:
        """What leads here from a folder around it. Raises ValueError for another folder."""
        return self._pure.relative_to(self._place_of(other))

    def is_relative_to(self, other: "str | NamedPath") -> bool:
        """Whether it is in the folder, or is it."""
        return self._pure.is_relative_to(self._place_of(other))

    def is_absolute(self) -> bool:
        """Whether it says the whole way."""
        return self._pure.is_absolute()

    @property
    def _pure(self) -> PurePosixPath:
        return PurePosixPath(self._path)

    def _place_of(self, other: "str | NamedPath") -> str:
        return other.path if isinstance(other, NamedPath) else other

    def _at(self, path: str) -> Self:
        raise NotImplementedError
