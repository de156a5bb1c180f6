"""`docs/configuration.md`, from what is declared."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from tradewind.service.configuration.airflow_options import IGNORED, IGNORED_SECTIONS, MAPPED
from tradewind.service.configuration.catalogue import Setting
from tradewind.service.configuration.code_options import CODE_OPTIONS
from tradewind.service.configuration.listing import ours
from tradewind.service.configuration.renamed import RENAMED

_HEAD = """# Configuration

This page is written by `python -m tradewind.cli.configuration.writing` from the classes that declare the settings.

A setting is a variable of the environment, `TRADEWIND__SECTION__KEY`. What is not set there is looked for in Airflow's
configuration, so that a deployment of Airflow's can be taken over as it is; then the default holds. In order:

1. `TRADEWIND__SECTION__KEY`; of a secret also `TRADEWIND__SECTION__KEY_CMD`, a command that prints it;
2. `AIRFLOW__SECTION__KEY`; of a secret also `…_CMD` and `…_SECRET` (the name that `[secrets] backend` has it under);
3. `airflow.cfg`, which is `AIRFLOW_CONFIG`, or in the home folder: `key`, and of a secret `key_cmd` and `key_secret`.
   Interpolation (`%(other)s`), variables of the environment and `~` mean what they mean to Airflow. Names that
   Airflow 2 had are understood;
4. the default below.

The home folder is `TRADEWIND__HOME`, else `AIRFLOW_HOME`, else `~/tradewind`.

    tradewind config list                 # every value, and where it comes from; what is given and ignored, and why
    tradewind config get-value core parallelism
    tradewind config lint                 # names that Airflow 3 renamed, and names that nobody knows

A service logs once, when it starts, which of Airflow's options are given and ignored (`configuration.airflow`), and
names that nobody knows with the nearest one that exists (`configuration.unknown`).

Variables and Connections: a task, and a DAG file that is parsed, asks `[workers] secrets_backend` or
`[secrets] backend` first, then `AIRFLOW_VAR_<KEY>` and `AIRFLOW_CONN_<ID>` (a URI or JSON) of its own environment, then
the execution API, which looks into the API's environment for the same names before it looks into the database, as
Airflow's does. A secrets backend is asked where tasks run, never in the API: its code is not ours.

Credentials in the environment (the database's, the broker's, the keys) are taken from the environment of processes that
run authors' code. A file that those processes can read is not: keep credentials out of an `airflow.cfg` on workers, or
name a command there that only services can run.
"""


def page(settings: Sequence[Setting]) -> str:
    """The document."""
    parts = [_HEAD, "## Settings\n", *_settings(settings), *_airflow()]
    return "\n".join(parts)


def _settings(settings: Sequence[Setting]) -> Iterator[str]:
    for section, group in groupby(settings, key=lambda setting: setting.name.rpartition(".")[0]):
        yield f"### {section or 'home'}\n"
        yield _table(("Variable", "Default", "Of", "Meaning"), map(_row, group))


def _row(setting: Setting) -> tuple[str, ...]:
    default = "secret" if setting.is_secret else _code(setting.default or "")
    return _code(ours(setting.name)), default, ", ".join(setting.services) or "all", setting.says


def _airflow() -> Iterator[str]:
    yield "## Airflow's options that mean something here\n"
    renamed = [(name, target.setting) for name, target in MAPPED.items()]
    yield _table(("Option", "Setting"), ((_code(_bracketed(old)), _code(new)) for old, new in sorted(renamed)))
    yield "## Airflow's options that DAG files and tasks are read by\n"
    yield "They keep their names: `AIRFLOW__SECTION__KEY`, `TRADEWIND__SECTION__KEY` or `airflow.cfg`.\n"
    yield _table(
        ("Option", "Default"), ((_code(_bracketed(name)), _code(text or "")) for name, text in CODE_OPTIONS.items())
    )
    yield "## Airflow's options that are ignored\n"
    yield _table(("Why", "Options"), ((why, ", ".join(names)) for why, names in _by_reason().items()))
    yield "## Older names\n"
    yield _table(
        ("Older", "Present"), ((_code(_bracketed(old)), _code(_bracketed(new))) for old, new in RENAMED.items())
    )


def _by_reason() -> Mapping[str, Sequence[str]]:
    found = {reason: [f"all of {_code(f'[{section}]')}"] for section, reason in IGNORED_SECTIONS.items()}
    for name, reason in IGNORED.items():
        found.setdefault(reason, []).append(_code(_bracketed(name)))
    return found


def _bracketed(name: str) -> str:
    section, _, key = name.rpartition(".")
    return f"[{section}] {key}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
