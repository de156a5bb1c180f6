"""An author's timetable in the form that the scheduler works with."""

import json
from typing import Any, Final

from tradewind.core.spec import TimetableSpec
from tradewind.sdk.timetables.base import Timetable
from tradewind.sdk.timetables.built_in import BuiltInTimetable

DAG_FILE_MODULE: Final = "tradewind_dag_"


def timetable_spec(timetable: Any) -> TimetableSpec | None:
    """None = no runs are made by time. An author's own class is `custom`: its name, and what tells it from others of
    its class. Raises ValueError if that is no JSON."""
    if isinstance(timetable, BuiltInTimetable) and timetable.built_in:
        return timetable.spec()
    if not isinstance(timetable, Timetable):
        return None
    class_name = _name_of(type(timetable))
    try:
        data = json.loads(json.dumps(timetable.serialize(), allow_nan=False))
    except (TypeError, ValueError) as exc:
        raise ValueError(f"timetable {class_name}: serialize() gives no JSON: {exc}") from exc
    return TimetableSpec(kind="custom", data={"class": class_name, "data": data})


def _name_of(kind: type) -> str:
    """The module of a DAG file is called after where the file lies: only its own name is kept."""
    module = kind.__module__
    if module.startswith(DAG_FILE_MODULE):
        module = module.removeprefix(DAG_FILE_MODULE).partition("_")[2]
    return f"{module}.{kind.__qualname__}"
