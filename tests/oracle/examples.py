"""All example DAGs of Airflow's wheels: how they are driven, here and there."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from tests.e2e.client import ApiClient
from tests.oracle.acting import prepare
from tests.oracle.asset_families import FAMILIES, IN_FAMILIES, CameOf, FamilyDrive
from tests.oracle.driving import FIRST, Ended, in_turn, run_dag


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of them."""

    ended: dict[str, Ended] = field(default_factory=dict[str, Ended])
    """DAG → the run made by hand. Consumers of assets that had runs of their own have none."""
    came_of: dict[str, CameOf] = field(default_factory=dict[str, CameOf])
    """Family → what runs came of the steps."""


def drive_examples(
    api: ApiClient,
    dag_ids: Collection[str],
    *,
    at_once: int,
    seconds: float,
    quiet_seconds: float,
    expected: Mapping[str, Sequence[int]],
    warms_up: bool = False,
    tell: Callable[[str], None] = lambda _text: None,
) -> Outcome:
    """Run each DAG once, or its family; see `FamilyDrive` for the numbers. Families with DAGs beyond these: whole."""
    prepare(api)
    outcome = Outcome()
    drive = FamilyDrive(
        api=api,
        seconds=seconds,
        quiet_seconds=quiet_seconds,
        expected=expected,
        warms_up=warms_up,
        came_of=outcome.came_of,
        ended=outcome.ended,
    )
    families = [name for name in FAMILIES if any(IN_FAMILIES.get(dag_id) == name for dag_id in dag_ids)]
    alone = [dag_id for dag_id in dag_ids if dag_id not in IN_FAMILIES]
    alone.sort(key=lambda dag_id: (FIRST.index(dag_id) if dag_id in FIRST else len(FIRST), dag_id))
    scripts = [(dag_id, run_dag(api, dag_id, seconds, outcome.ended)) for dag_id in alone]
    first = sum(dag_id in FIRST for dag_id in alone)
    scripts[first:first] = [(f"family: {name}", drive.script(name)) for name in families]
    in_turn(scripts, at_once=at_once, tell=tell)
    return outcome


def known_dags(api: ApiClient) -> dict[str, str]:
    """DAG → its file."""
    found: dict[str, str] = {}
    for offset in range(0, 1000, 100):  # DAGs may come in between: a page is not where the last one ended
        page = api.get("/dags", limit=100, offset=offset, order_by="dag_id").json()
        found |= {dag["dag_id"]: dag["relative_fileloc"] for dag in page["dags"]}
        if offset + 100 >= page["total_entries"]:
            break
    return found
