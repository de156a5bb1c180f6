"""`check_cycle`, as authors' tests call it."""

from tradewind.sdk.dags import DAG
from tradewind.sdk.exceptions import AirflowDagCycleException
from tradewind.sdk.serialize import DagSpecError, check_acyclic


def check_cycle(dag: DAG) -> None:
    """Raises AirflowDagCycleException, which names the tasks, for a DAG whose tasks depend on each other in a cycle."""
    try:
        check_acyclic(dag)
    except DagSpecError as exc:
        raise AirflowDagCycleException(str(exc)) from None
