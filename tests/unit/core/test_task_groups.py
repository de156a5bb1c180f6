from tradewind.core.spec import DagSpec, LengthKind, MapLength, TaskGroupSpec, TaskSpec
from tradewind.core.task_groups import is_mapped, tasks_inside

TWO = MapLength(kind=LengthKind.LITERAL, length=2)
SPEC = DagSpec(
    dag_id="d",
    relative_fileloc="d.py",
    tasks=(
        TaskSpec(task_id="top"),
        TaskSpec(task_id="mapped", map_length=TWO),
        TaskSpec(task_id="a.x", task_group_id="a"),
        TaskSpec(task_id="a.b.y", task_group_id="a.b"),
        TaskSpec(task_id="c.z", task_group_id="c"),
    ),
    task_groups=(
        TaskGroupSpec(group_id="a", map_length=TWO),
        TaskGroupSpec(group_id="a.b", parent_group_id="a"),
        TaskGroupSpec(group_id="c"),
        TaskGroupSpec(group_id="empty"),
    ),
)


def test_a_group_has_the_tasks_of_the_groups_in_it() -> None:
    assert tasks_inside(SPEC, "a") == ("a.x", "a.b.y")
    assert tasks_inside(SPEC, "a.b") == ("a.b.y",)
    assert tasks_inside(SPEC, "empty") == ()
    assert tasks_inside(SPEC, "none") is None


def test_a_task_is_mapped_by_itself_or_through_a_group() -> None:
    assert [task.task_id for task in SPEC.tasks if is_mapped(SPEC, task)] == ["mapped", "a.x", "a.b.y"]
