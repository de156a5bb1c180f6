"""Who calls a function and does not await it says so of an `async def`, and leaves no coroutine behind."""

from functools import partial
from typing import Any

import pytest

from tests.unit.sdk.conftest import LoadSource
from tradewind.sdk.operators.decorated import BashDecoratedOperator
from tradewind.sdk.sensors.python import PythonSensor


async def later(_answer: object = None) -> bool:
    return False


class Later:
    async def __call__(self) -> bool:
        return False


@pytest.mark.parametrize("function", [later, partial(later, 1), Later()], ids=["function", "partial", "object"])
def test_a_sensor_names_it(function: Any) -> None:
    with pytest.raises(TypeError, match=r"a sensor calls its function and does not await it.*an `async def`"):
        PythonSensor(task_id="waits", python_callable=function).poke({})


def test_decorated_tasks_name_it(load: LoadSource) -> None:
    tasks = (
        load("""
        from airflow.sdk import DAG, task
        with DAG("d"):
            @task.sensor
            async def waits(): return False
            waits()
            @task.bash
            async def says(): return "echo 1"
            says()
    """)
        .dags["d"]
        .task_dict
    )
    with pytest.raises(TypeError, match="'waits' is an `async def`"):
        tasks["waits"].execute({})
    says = tasks["says"]
    assert isinstance(says, BashDecoratedOperator)
    with pytest.raises(TypeError, match=r"@task.bash calls its function.*'says' is an `async def`"):
        says.execute({})
