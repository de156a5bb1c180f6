"""The DAG files of the workloads, as a user would write them."""

from pathlib import Path
from typing import Final

_HEAD: Final = """\
from airflow.sdk import DAG
from airflow.providers.standard.operators.python import PythonOperator
"""

_NOTHING: Final = """
def nothing():
    pass
"""

_FIB: Final = """
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
"""


def write(folder: Path, dag_id: str, text: str) -> None:
    """Put a DAG file in place in one step."""
    aside = folder / f".{dag_id}.tmp"
    aside.write_text(text)
    aside.replace(folder / f"{dag_id}.py")


def chain(dag_id: str, length: int) -> str:
    """No-op tasks `t0000`, `t0001`, … in sequence."""
    return f"""{_HEAD}{_NOTHING}
with DAG({dag_id!r}, schedule=None, max_active_tasks=1000):
    tasks = [PythonOperator(task_id=f"t{{n:04}}", python_callable=nothing) for n in range({length})]
    for before, after in zip(tasks, tasks[1:]):
        before >> after
"""


def fan_out(dag_id: str, width: int) -> str:
    """`root`, then no-op tasks side by side, then `join`."""
    return f"""{_HEAD}{_NOTHING}
with DAG({dag_id!r}, schedule=None, max_active_tasks={width + 2}):
    root, join = (PythonOperator(task_id=name, python_callable=nothing) for name in ("root", "join"))
    root >> [PythonOperator(task_id=f"t{{n:05}}", python_callable=nothing) for n in range({width})] >> join
"""


def sleeping(dag_id: str, width: int, seconds: float) -> str:
    """Tasks side by side, each of which sleeps."""
    return f"""{_HEAD}import time

def nap():
    time.sleep({seconds})

with DAG({dag_id!r}, schedule=None, max_active_tasks={width}):
    for n in range({width}):
        PythonOperator(task_id=f"t{{n:05}}", python_callable=nap)
"""


def coroutines(dag_id: str, width: int, seconds: float) -> str:
    """Coroutine tasks side by side, each of which waits."""
    return f"""\
import asyncio

from airflow.sdk import DAG, task

with DAG({dag_id!r}, schedule=None, max_active_tasks={width}):

    @task
    async def nap():
        await asyncio.sleep({seconds})

    for n in range({width}):
        nap.override(task_id=f"t{{n:05}}")()
"""


def mapped(dag_id: str, width: int) -> str:
    """`items` gives a list, one task is mapped over it, `join` follows."""
    return f"""\
from airflow.sdk import DAG, task

with DAG({dag_id!r}, schedule=None, max_active_tasks={width + 2}):

    @task
    def items():
        return list(range({width}))

    @task
    def nothing(item):
        pass

    @task
    def join():
        pass

    nothing.expand(item=items()) >> join()
"""


def fib_chain(dag_id: str, length: int, number: int) -> str:
    """Tasks in sequence, each of which computes a Fibonacci number the slow way."""
    return f"""{_HEAD}{_FIB}
with DAG({dag_id!r}, schedule=None):
    tasks = [PythonOperator(task_id=f"t{{n:04}}", python_callable=fib, op_args=[{number}]) for n in range({length})]
    for before, after in zip(tasks, tasks[1:]):
        before >> after
"""


def waiting(dag_id: str, pool: str, runs: int) -> str:
    """A DAG whose runs stay active: their one task waits for a pool."""
    return f"""{_HEAD}{_NOTHING}
with DAG({dag_id!r}, schedule=None, max_active_runs={runs}):
    PythonOperator(task_id="waits", python_callable=nothing, pool={pool!r})
"""


def small(dag_id: str) -> str:
    """Five tasks in sequence."""
    return f"""\
from airflow.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator

with DAG({dag_id!r}, schedule=None):
    tasks = [BashOperator(task_id=f"t{{n}}", bash_command="true") for n in range(5)]
    for before, after in zip(tasks, tasks[1:]):
        before >> after
"""
