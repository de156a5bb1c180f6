"""`[dag_processor] dag_bundle_config_list`: which bundles there are, as Airflow writes them.

A JSON list of objects with `name`, `classpath` and `kwargs`. What is wrong with the list as a whole is an error of the
deployment; what is wrong with one bundle concerns that bundle alone, and the others go on.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec

from tradewind.core.bundles import is_bundle_name
from tradewind.core.errors import DomainError

SETTING: Final = "TRADEWIND__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"
RESERVED_NAMES: Final = ("example_dags",)
BUNDLES_MAX: Final = 1_000

LOCAL_CLASSPATH: Final = "airflow.dag_processing.bundles.local.LocalDagBundle"
GIT_CLASSPATH: Final = "airflow.providers.git.bundles.git.GitDagBundle"
DEFAULT_LIST: Final = f'[{{"name": "dags-folder", "classpath": "{LOCAL_CLASSPATH}", "kwargs": {{}}}}]'

_REF: Final = re.compile(r"[^-\s:^~?*\[\\\x00-\x20\x7f][^\s:^~?*\[\\\x00-\x20\x7f]*")
_ITEM_FIELDS: Final = ("name", "classpath", "kwargs", "team_name")


class InvalidBundleList(DomainError):
    """The list of bundles cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalBundle:
    """A folder of each machine's own."""

    name: str
    path: str | None
    """None: the DAGs folder."""
    refresh_interval_seconds: float | None
    """None: as the dag processor's own setting says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitBundle:
    """What a ref of a Git repository names."""

    name: str
    tracking_ref: str
    """A branch, a tag or a commit."""
    subdir: str | None
    """The folder inside the repository that is the bundle; None: all of it."""
    git_conn_id: str | None
    """The connection with the credentials, and with the URL unless `repo_url` is given."""
    repo_url: str | None
    submodules: bool
    refresh_interval_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenBundle:
    """A bundle that cannot be used as it is written."""

    name: str
    error: str
    """Names the bundle and the setting."""


BundleConfig = LocalBundle | GitBundle | BrokenBundle


def parse_bundle_list(text: str) -> tuple[BundleConfig, ...]:
    """The bundles, in their order; raises `InvalidBundleList`, which names the setting and the place."""
    try:
        items: object = msgspec.json.decode(text)
    except msgspec.DecodeError as exc:
        raise InvalidBundleList(f"{SETTING} is not JSON: {exc}") from exc
    if not isinstance(items, list):
        raise InvalidBundleList(f"{SETTING} must be a JSON list of bundles, as in {DEFAULT_LIST}")
    entries = [_entry(number, item) for number, item in enumerate(cast("list[object]", items), start=1)]
    if not entries:
        raise InvalidBundleList(f"{SETTING} names no bundle; without the setting there is one for the DAGs folder")
    if len(entries) > BUNDLES_MAX:
        raise InvalidBundleList(f"{SETTING} names {len(entries)} bundles; there may be {BUNDLES_MAX}")
    names = [name for name, _, _ in entries]
    for name in names:
        if names.count(name) > 1:
            raise InvalidBundleList(f"{SETTING} names the bundle {name!r} more than once")
    return tuple(_bundle(*entry) for entry in entries)


def _entry(number: int, item: object) -> tuple[str, str, Mapping[str, object]]:
    """Name, classpath and kwargs of one item."""
    where = f"{SETTING}: bundle {number}"
    if not isinstance(item, dict):
        raise InvalidBundleList(f"{where} must be an object with name, classpath and kwargs")
    fields = cast("dict[str, Any]", item)
    name, classpath, kwargs = (fields.get(key) for key in _ITEM_FIELDS[:3])
    for key in fields:
        if key not in _ITEM_FIELDS:
            raise InvalidBundleList(f"{where} has {key!r}; known are {', '.join(_ITEM_FIELDS)}")
    if not isinstance(name, str) or not is_bundle_name(name):
        raise InvalidBundleList(
            f"{where}: the name must be letters, digits, '_', '-' and '.' (not in front), not {name!r}"
        )
    if name in RESERVED_NAMES:
        raise InvalidBundleList(
            f"{where}: the name {name!r} is reserved for the shipped examples (TRADEWIND__CORE__LOAD_EXAMPLES)"
        )
    if not isinstance(classpath, str):
        raise InvalidBundleList(f"{where} ({name!r}) has no classpath, as in {LOCAL_CLASSPATH!r}")
    if not isinstance(kwargs, dict):
        raise InvalidBundleList(f"{where} ({name!r}): kwargs must be an object; {{}} if there are none")
    if fields.get("team_name") is not None:
        raise InvalidBundleList(f"{where} ({name!r}) has a team_name, but there are no teams here")
    return name, classpath, cast("dict[str, object]", kwargs)


def _bundle(name: str, classpath: str, kwargs: Mapping[str, object]) -> BundleConfig:
    make = _KINDS.get(classpath)
    try:
        if make is None:
            raise _Wrong(f"the classpath {classpath!r} is unknown; known are {' and '.join(_KINDS)}")
        return make(name, _Kwargs(kwargs))
    except _Wrong as exc:
        return BrokenBundle(name=name, error=f"The bundle {name!r} cannot be used: {exc} ({SETTING})")


class _Wrong(Exception):
    """What is wrong with one bundle."""


class _Kwargs:
    """What is taken is known; what is left in the end is not."""

    def __init__(self, given: Mapping[str, object]) -> None:
        self._left = dict(given)
        self._known: list[str] = []

    def text(self, key: str) -> str | None:
        value = self._take(key)
        if value is not None and (not isinstance(value, str) or not value or "\0" in value):
            raise _Wrong(f"{key} must be a text, not {value!r}")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        value = self._take(key)
        if value is not None and not isinstance(value, bool):
            raise _Wrong(f"{key} must be true or false, not {value!r}")
        return default if value is None else value

    def seconds(self, key: str) -> float | None:
        value = self._take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise _Wrong(f"{key} must be a number of seconds, not {value!r}")
        return float(value)

    def finish(self) -> None:
        """`view_url_template` is for people, and taken of every bundle."""
        self.text("view_url_template")
        if self._left:
            raise _Wrong(f"the argument {next(iter(self._left))!r} is unknown; known are {', '.join(self._known)}")

    def _take(self, key: str) -> Any:
        self._known.append(key)
        return self._left.pop(key, None)


def _local(name: str, kwargs: _Kwargs) -> LocalBundle:
    bundle = LocalBundle(
        name=name, path=kwargs.text("path"), refresh_interval_seconds=kwargs.seconds("refresh_interval")
    )
    kwargs.finish()
    return bundle


def _git(name: str, kwargs: _Kwargs) -> GitBundle:
    tracking_ref = kwargs.text("tracking_ref")
    subdir, conn_id, url = kwargs.text("subdir"), kwargs.text("git_conn_id"), kwargs.text("repo_url")
    submodules = kwargs.flag("submodules", default=False)
    # Of what Airflow keeps on disk; here content travels without .git in any case.
    kwargs.flag("prune_dotgit_folder", default=True)
    interval = kwargs.seconds("refresh_interval")
    kwargs.finish()
    if tracking_ref is None:
        raise _Wrong("tracking_ref is missing: a branch, a tag or a commit")
    if _REF.fullmatch(tracking_ref) is None or ".." in tracking_ref:
        raise _Wrong(f"tracking_ref {tracking_ref!r} is no name of a branch, tag or commit")
    if conn_id is None and url is None:
        raise _Wrong("git_conn_id or repo_url is needed")
    if url is not None and not is_repository_url(url):
        raise _Wrong("repo_url is no URL of a repository (https://…, ssh://…, git@host:path, file://…, a path)")
    if subdir is not None and (subdir.startswith("/") or ".." in subdir.split("/")):
        raise _Wrong(f"subdir {subdir!r} leaves the repository")
    return GitBundle(
        name=name,
        tracking_ref=tracking_ref,
        subdir=subdir and subdir.strip("/").removeprefix("./"),
        git_conn_id=conn_id,
        repo_url=url,
        submodules=submodules,
        refresh_interval_seconds=interval,
    )


def is_repository_url(url: str) -> bool:
    """Whether Git may be given this as the place of a repository: no option, and no transport that runs programs."""
    return not url.startswith("-") and "::" not in url and not any(ord(character) < 32 for character in url)


_KINDS: Final[Mapping[str, Callable[[str, _Kwargs], BundleConfig]]] = {LOCAL_CLASSPATH: _local, GIT_CLASSPATH: _git}
