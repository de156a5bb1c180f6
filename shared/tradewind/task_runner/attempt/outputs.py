"""The XComs that a task's result makes."""

from collections.abc import Mapping
from typing import Any

from tradewind.sdk import serde
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.xcom import BaseXCom, backend, stored_text
from tradewind.sdk.xcom_arg import XCOM_RETURN_KEY


def outputs_of(task: BaseOperator, result: Any, ti: Any) -> tuple[tuple[str, bytes], ...]:
    """The XComs that a result makes, as (key, JSON text): none for None, and with `multiple_outputs` one per key too.
    Raises TypeError if the result does not fit."""
    if result is None or not task.do_xcom_push:
        return ()
    pairs: dict[str, Any] = {}
    if task.multiple_outputs:
        if not isinstance(result, Mapping):
            raise TypeError(f"Returned output was type {type(result).__name__}; multiple_outputs expects a dictionary")
        for key, value in result.items():  # pyright: ignore[reportUnknownVariableType] - keys are checked here
            if not isinstance(key, str):
                raise TypeError(f"Returned dictionary keys must be strings when using multiple_outputs, found {key!r}")
            pairs[key] = value
    pairs[XCOM_RETURN_KEY] = result
    xcom = backend()
    if xcom is BaseXCom:
        return tuple((key, serde.to_json(value)) for key, value in pairs.items())
    place = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "map_index": ti.map_index}
    return tuple((key, stored_text(xcom.serialize_value(value, key=key, **place))) for key, value in pairs.items())
