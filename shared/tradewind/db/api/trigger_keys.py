"""Runs that were asked for under a key: asking again gives the same run.

The run and its keys are written in one transaction, so that of any number who ask at once one makes the run, and the
others, who wait for that one's commit, find it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tradewind.db.api.dags import NewDagRun, create_dag_run
from tradewind.db.pool import Database, Row
from tradewind.db.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerKeys:
    """Under which keys a run is asked for. Each of them alone stands for the run."""

    scope: str
    keys: Sequence[str]
    digest: bytes
    """Of what is asked for."""
    lifetime: timedelta

    @property
    def ordered(self) -> list[str]:
        """Who locks several locks them in this order."""
        return sorted(self.keys)


async def find_keyed_run(database: Database, keys: TriggerKeys, now: datetime) -> Row | None:
    """The run that was made under one of the keys: dag_id, dag_run_id (its name), digest."""
    return await database.fetch_row(statement("api_find_keyed_run"), keys.scope, keys.ordered, now - keys.lifetime)


async def create_keyed_dag_run(database: Database, run: NewDagRun, keys: TriggerKeys, now: datetime) -> bool | None:
    """Insert the run in state `queued`, and its keys: True. None: the DAG has a run of this run_id or logical_date
    already; False: one of the keys stands for another run by now. Nothing is written then."""
    try:
        async with database.transaction() as session:
            if (run_key := await create_dag_run(session, run)) is None:
                return None
            values = (keys.scope, keys.ordered, keys.digest, run_key, now, now - keys.lifetime)
            written = await session.fetch(statement("api_insert_trigger_keys"), *values)
            if len(written) < len(keys.keys):
                raise _KeyTaken
    except _KeyTaken:
        return False
    return True


async def forget_trigger_keys(database: Database, before: datetime, limit: int) -> int:
    """Delete at most `limit` that were given before; how many."""
    return len(await database.fetch(statement("api_forget_trigger_keys"), before, limit))


class _KeyTaken(Exception):
    """Takes the transaction back."""
