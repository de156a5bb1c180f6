"""Puts the example DAGs of Airflow's wheels into a DAGs folder, as a user would copy them."""

from pathlib import Path
from typing import Final

from tests.airflow_files import airflow_tree

FOLDERS: Final = ("airflow/example_dags/", "airflow/providers/standard/example_dags/")
EARLY: Final = {"example_outlet_event_extra.py": "asset_with_extra_by_yield"}
"""Files that must be known before the others, with one of their DAGs: two files give one address of an asset different
names, and the one that comes first has it."""


def lay_out(into: Path) -> Path:
    """The wheels' example folders, as they lie in an installation; `into`."""
    for prefix in FOLDERS:
        airflow_tree(prefix, into)
    return into


def place_plugins(examples: Path, into: Path) -> None:
    """Make the examples' plugins known by the names under which the examples import them: one module with all."""
    into.mkdir(parents=True, exist_ok=True)
    modules = sorted(path.stem for path in plugins_folder(examples).glob("*.py") if path.stem != "__init__")
    lines = [f"from airflow.example_dags.plugins.{module} import *" for module in modules]
    (into / "plugins_of_examples.py").write_text("\n".join(lines) + "\n")


def plugins_folder(examples: Path) -> Path:
    """The examples' plugins, in what `lay_out` has made."""
    return examples / FOLDERS[0] / "plugins"


def place(examples: Path, dags_folder: Path, *, early: bool) -> None:
    """Copy the DAG files, and the SQL that belongs to them: those of `EARLY`, or the others."""
    for prefix in FOLDERS:
        for source in sorted((examples / prefix).rglob("*")):
            is_dag_file = source.suffix == ".py" and source.parent == examples / prefix and source.stem != "__init__"
            if (is_dag_file or source.suffix == ".sql") and (source.name in EARLY) == early:
                target = dags_folder / source.relative_to(examples / prefix)
                target.parent.mkdir(parents=True, exist_ok=True)
                partial = target.with_suffix(".partial")
                partial.write_bytes(source.read_bytes())
                partial.replace(target)
