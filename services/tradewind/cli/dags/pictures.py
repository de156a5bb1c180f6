"""`tradewind dags show` and `show-dependencies`."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import typer

from tradewind.cli.access.asking import asks_api
from tradewind.cli.arguments import DagId
from tradewind.cli.output.pictures import Imgcat, Node, Save, dot, show_graph

if TYPE_CHECKING:
    from tradewind.cli.access.api import Api


def add_commands(app: typer.Typer) -> None:
    """To the group `dags`."""
    app.command("show")(show_dag)
    app.command("show-dependencies")(show_dependencies)


@asks_api
def show_dag(api: "Api", dag_id: DagId, save: Save = None, *, imgcat: Imgcat = False) -> None:
    """Draw a DAG's tasks and what depends on what: in graphviz's language, or as a picture."""
    tasks: Sequence[dict[str, Any]] = api.get("dags", dag_id, "tasks")["tasks"]
    nodes = [Node(task["task_id"], task["task_display_name"], colour=task["ui_color"] or "white") for task in tasks]
    edges = [(task["task_id"], after) for task in tasks for after in sorted(task["downstream_task_ids"])]
    show_graph(dot(dag_id, nodes, edges), save, imgcat=imgcat)


@asks_api
def show_dependencies(api: "Api", save: Save = None, *, imgcat: Imgcat = False) -> None:
    """Draw which DAGs wait for what others write: assets and their aliases between DAGs."""
    edges = sorted({edge for asset in api.each("assets", key="assets") for edge in _edges(asset)})
    names = sorted({name for edge in edges for name in edge})
    nodes = [_node(name) for name in names]
    show_graph(dot("dependencies", nodes, edges), save, imgcat=imgcat)


def _edges(asset: dict[str, Any]) -> Iterator[tuple[str, str]]:
    own = f"asset:{asset['name']}"
    for task in asset["producing_tasks"]:
        yield f"dag:{task['dag_id']}", own
    for alias in asset["aliases"]:
        yield f"asset-alias:{alias['name']}", own
    for dag in asset["scheduled_dags"]:
        yield own, f"dag:{dag['dag_id']}"


def _node(name: str) -> Node:
    kind, _, label = name.partition(":")
    return Node(name, label, "box" if kind == "dag" else "hexagon")
