"""The XCom class of DAG files: its constant, and reading values of any task."""

from typing import Any, ClassVar

from tradewind.sdk import serde
from tradewind.sdk.exceptions import AirflowRuntimeError
from tradewind.sdk.runtime import current_runtime
from tradewind.sdk.xcom_arg import XCOM_RETURN_KEY


class BaseXCom:
    """Values that tasks push for other tasks."""

    XCOM_RETURN_KEY: ClassVar[str] = XCOM_RETURN_KEY

    @classmethod
    def get_one(cls, *, dag_id: str, run_id: str, task_id: str, key: str, map_index: int | None = None) -> Any:
        """The value, None if there is none. Raises AirflowRuntimeError outside of a task."""
        runtime = current_runtime()
        if runtime is None:
            raise AirflowRuntimeError("XComs can only be read while a task executes")
        found, value = runtime.get_xcom(dag_id, run_id, task_id, key, -1 if map_index is None else map_index)
        return serde.deserialize(value) if found else None


XCom = BaseXCom
