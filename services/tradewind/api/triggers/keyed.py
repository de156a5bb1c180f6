"""`Idempotency-Key`: who asks for a run again, because an answer was lost, gets the run that was made."""

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from tradewind.api.errors import AlreadyExists, BadRequest, Conflicting
from tradewind.api.models.dag_runs import TriggerDAGRunPostBody
from tradewind.api.state import ApiState
from tradewind.api.triggering import told_apart
from tradewind.db.api.dags import NewDagRun
from tradewind.db.api.trigger_keys import TriggerKeys, create_keyed_dag_run, find_keyed_run
from tradewind.db.pool import Row

REPLAYED: Final = "Idempotent-Replayed"
"""The header of an answer that speaks of a run that had been made before."""
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")


def keys_of_request(
    state: ApiState, idempotency_key: str, username: str, dag_id: str, body: TriggerDAGRunPostBody
) -> TriggerKeys:
    """What the header says: a key counts for one user and one DAG. Raises `BadRequest`."""
    if not _KEY.fullmatch(idempotency_key):
        raise BadRequest("An Idempotency-Key is 1 to 255 visible ASCII characters, such as a UUID")
    asked = json.dumps(body.model_dump(mode="json", exclude_unset=True), sort_keys=True)
    return trigger_keys(state, f"dag:{dag_id}:user:{username}", (idempotency_key,), asked.encode())


def trigger_keys(state: ApiState, scope: str, keys: Sequence[str], asked: bytes) -> TriggerKeys:
    """Keys that are kept as long as the settings say."""
    return TriggerKeys(
        scope=scope,
        keys=keys,
        digest=hashlib.sha256(asked).digest(),
        lifetime=timedelta(hours=state["settings"].api_server.idempotency_key_hours),
    )


async def first_run(state: ApiState, keys: TriggerKeys) -> Row | None:
    """dag_id, dag_run_id and state of the run that was made under one of these keys. Raises `Conflicting` if
    something else was asked for then."""
    found = await find_keyed_run(state["database"], keys, state["clock"]())
    if found is not None and bytes(found["digest"]) != keys.digest:
        raise Conflicting(
            f"This key was used for another request already, which made the run {found['dag_run_id']!r} of the DAG"
            f" {found['dag_id']!r}: a retry sends the same body, another request another key"
        )
    return found


async def stored_keyed_run(
    state: ApiState, run: NewDagRun, body: TriggerDAGRunPostBody, keys: TriggerKeys
) -> NewDagRun | Row:
    """The run as it was inserted, or the first run if somebody else was faster. Raises `AlreadyExists`."""
    for candidate in (run, told_apart(run, body, state["new_id"]())):
        if candidate is None:
            break
        if await create_keyed_dag_run(state["database"], candidate, keys, state["clock"]()):
            return candidate
        if (found := await first_run(state, keys)) is not None:
            return found
    raise AlreadyExists(f"The DAG {run.dag_id!r} has a run with this dag_run_id or logical_date already")
