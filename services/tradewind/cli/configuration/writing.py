"""`python -m tradewind.cli.configuration.writing`: renews the catalogue of settings, and `docs/configuration.md`, from
the classes that declare them."""

import ast
import enum
import inspect
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from tradewind.api.settings import ApiServiceSettings
from tradewind.cli.configuration.page import page
from tradewind.cli.workers.flower_settings import FlowerSettings
from tradewind.collector.settings import CollectorSettings
from tradewind.dag_processor.settings import DagProcessorSettings
from tradewind.dispatcher.settings import DispatcherSettings
from tradewind.scheduler.settings import SchedulerSettings
from tradewind.service.configuration.catalogue import PATH, Setting
from tradewind.service.environment import SecretStr, is_group, is_secret
from tradewind.service.settings import ServiceSettings
from tradewind.triggerer.settings import TriggererSettings
from tradewind.worker.settings import WorkerSettings

EVERYONE: Final = ""
KINDS: Final[Mapping[str, type[ServiceSettings]]] = {
    EVERYONE: ServiceSettings,
    "api-server": ApiServiceSettings,
    "dag-processor": DagProcessorSettings,
    "scheduler": SchedulerSettings,
    "dispatcher": DispatcherSettings,
    "collector": CollectorSettings,
    "worker": WorkerSettings,
    "triggerer": TriggererSettings,
    "celery flower": FlowerSettings,
}
PAGE: Final = Path(__file__).parents[4] / "docs" / "configuration.md"


def main() -> None:
    """Write both files."""
    settings = declared_settings()
    PATH.write_bytes(catalogue_text(settings))
    PAGE.write_text(page(settings), encoding="utf-8")
    sys.stdout.write(f"{len(settings)} settings\n")


def catalogue_text(settings: Sequence[Setting]) -> bytes:
    """The file: a setting a line, so that a change shows as what it is."""
    lines = b",\n".join(msgspec.json.encode(setting) for setting in settings)
    return b"[\n" + lines + b"\n]\n"


def declared_settings() -> Sequence[Setting]:
    """All settings, each once, with the services that have it."""
    found: dict[str, Setting] = {}
    for service, kind in KINDS.items():
        for setting in _settings_of(kind, ""):
            known = found.get(setting.name)
            if known is None:
                services = () if service == EVERYONE else (service,)
                found[setting.name] = msgspec.structs.replace(setting, services=services)
            elif known.services:
                found[setting.name] = msgspec.structs.replace(known, services=(*known.services, service))
    return [found["home"], *sorted((found[name] for name in found if name != "home"), key=_section)]


def _section(setting: Setting) -> str:
    return setting.name.rpartition(".")[0]


def _settings_of(kind: type[msgspec.Struct], group: str) -> Iterator[Setting]:
    meanings = _meanings(kind)
    for field in msgspec.structs.fields(kind):
        name = group + field.name
        if is_group(field.type):
            yield from _settings_of(field.type, f"{name}.")
        else:
            default = "~/tradewind" if name == "home" else _text(_default_of(field))
            yield Setting(
                name=name, says=meanings.get(field.name, ""), default=default, is_secret=is_secret(field.type)
            )


def _default_of(field: Any) -> object:
    return field.default_factory() if field.default is msgspec.NODEFAULT else field.default


def _text(value: Any) -> str | None:
    """The text that would be read as this default; of a secret none."""
    match value:
        case None | SecretStr():
            return None
        case tuple():
            return ",".join(str(part) for part in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - of strings
        case enum.Enum():
            return str(value.value)
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def _meanings(kind: type) -> Mapping[str, str]:
    """What stands below each field, of the class and those that it extends."""
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        if each.__module__.startswith("tradewind."):
            found |= _texts_below(each)
    return found


def _texts_below(kind: type) -> Iterator[tuple[str, str]]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef)
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str() as meaning)),
            ):
                yield name, " ".join(meaning.split())
            case _:
                pass


if __name__ == "__main__":
    main()
