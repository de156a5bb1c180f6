"""The standard provider beside Airflow's: the same names, parameters, errors, and ends of tasks.

`tests/oracle/standard/facts.json` holds what Airflow says; `python -m tests.oracle.standard` asks it anew.
"""

from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.oracle.standard import DAG_FILES, EXPRESSIONS, PREAMBLE, facts
from tests.oracle.standard.asking import given, parameters
from tests.oracle.standard.files import write_files
from tradewind.sdk import aliases
from tradewind.sdk.dag_file import load_dag_file

FACTS: Final = facts()
_ROOT: Final = "airflow.providers.standard"

MISSING: Final = {
    f"{_ROOT}.triggers.hitl.HITLTrigger": "nothing starts it: people are waited for without a trigger",
    f"{_ROOT}.utils.openlineage.safe_inject_openlineage_properties_into_dagrun_conf": "OpenLineage is not among us",
}
"""Names that there are not, and why."""

TAKES_ANY_OPTION: Final = f"{_ROOT}.decorators."
"""Decorators of ours name no option of their operators: they take them all."""

DIFFERENT: Final = {
    "deferrable": {"None"},  # the setting is read when a task is made, not when the module is imported
}
"""Parameter → defaults of ours in place of Airflow's."""

STRICTER: Final = {"async_tasks": {"asens[-1]": "failed"}}
"""Where ours end otherwise: Airflow takes the coroutine of a sensor's `async def` for its answer and never runs it."""


@pytest.fixture(autouse=True)
def _installed() -> Generator[None]:  # pyright: ignore[reportUnusedFunction] - autouse
    aliases.install()
    yield
    aliases.uninstall()


def test_every_name_has_every_parameter() -> None:
    wrong: dict[str, object] = {}
    for module, names in FACTS["names"].items():
        for name in names.keys() - {place.rpartition(".")[2] for place in MISSING if place.startswith(module)}:
            if found := _differing(module, name, names[name]):
                wrong[f"{module}.{name}"] = found
    assert wrong == {}


def _differing(module: str, name: str, expected: Mapping[str, str | None]) -> object:
    """Parameter → (ours, Airflow's), where they differ; or why the name is not there."""
    try:
        found = parameters(module, name)
    except (AttributeError, ModuleNotFoundError) as exc:
        return str(exc)
    optional = expected.keys() - found.keys() if module.startswith(TAKES_ANY_OPTION) else set[str]()
    return {
        key: (found.get(key, "is not there"), expected[key])
        for key in expected.keys() - optional
        if key not in found or found[key] not in {expected[key], *DIFFERENT.get(key, ())}
    }


def test_missing_names_are_missing() -> None:
    for place in MISSING:
        with pytest.raises((AttributeError, ModuleNotFoundError)):
            parameters(*place.rsplit(".", 1))


@pytest.mark.filterwarnings("default")
def test_every_expression_gives_or_raises_the_same() -> None:
    expected: dict[str, str] = FACTS["expressions"]
    found = given(PREAMBLE.read_text(encoding="utf-8"), EXPRESSIONS.read_text(encoding="utf-8").splitlines())
    assert list(found) == list(dict.fromkeys(found))
    differing = {text: (found.get(text), wanted) for text, wanted in expected.items() if found.get(text) != wanted}
    assert differing == {}


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("dag_id", DAG_FILES)
def test_tasks_end_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dag_id: str) -> None:
    for name, value in write_files(tmp_path / "files").items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "dag_file.py"
    file.write_text(DAG_FILES[dag_id].read_text(encoding="utf-8"), encoding="utf-8")
    run = load_dag_file(file, tmp_path).dags[dag_id].test(logical_date=datetime(2021, 1, 2, tzinfo=UTC))
    expected: dict[str, tuple[str, dict[str, Any]]] = FACTS["tasks"][dag_id]
    found = {f"{ti.task_id}[{ti.map_index}]": ti for ti in run.get_task_instances()}
    assert found.keys() == expected.keys()
    differing: dict[str, object] = {}
    for place, (airflows, xcoms) in expected.items():
        ti, state = found[place], STRICTER.get(dag_id, {}).get(place, airflows)
        ours = (str(ti.state), _as_pulled({key: ti.xcom_pull(key=key) for key in xcoms}))
        if ours != (state, _as_pulled(xcoms)):
            differing[place] = (ours, (state, xcoms))
    assert differing == {}


def _as_pulled(xcoms: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _ordered_value(value) for key, value in xcoms.items()}


def _ordered_value(value: Any) -> Any:
    """What is skipped has no order."""
    is_note = isinstance(value, dict) and any(key in value for key in ("skipped", "followed"))
    return {key: sorted(task_ids) for key, task_ids in value.items()} if is_note else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
