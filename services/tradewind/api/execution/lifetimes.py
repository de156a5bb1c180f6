"""The life of an attempt that a process runs over HTTP: started, kept alive, ended. Each is relayed to the collector,
under the same guards as a worker's claims, heartbeats and ends; asking again gives the same answer."""

import json
from collections.abc import Mapping
from typing import Any, Final

from tradewind.api.errors import Conflicting
from tradewind.api.execution.ends import Said, finished, is_over, is_replay
from tradewind.api.execution.models.ending import StateBody
from tradewind.api.execution.models.starting import HeartbeatBody, RunContext, RunOfTask, StartBody
from tradewind.api.execution.relay import Relay, key_of
from tradewind.api.execution.speaking import Holder
from tradewind.api.execution.values import in_airflows_form
from tradewind.api.routes.hitl import answer_question
from tradewind.api.state import ApiState
from tradewind.core.rows import Verdict
from tradewind.core.states import EndCause, TaskInstanceState
from tradewind.core.triggers import HumanAnswer
from tradewind.db.api import attempt_questions as questions
from tradewind.db.api.attempt_assets import list_triggering_events
from tradewind.db.api.attempt_leases import Lease, get_lease
from tradewind.db.api.execution import StaleAttempt
from tradewind.db.api.hitl import get_hitl_detail
from tradewind.db.pool import Row
from tradewind.service.logging import get_logger
from tradewind.service.tokens import AttemptClaims
from tradewind.wire.messages import Grant

QUESTION: Final = ("subject", "body", "options", "defaults", "multiple", "params", "assigned_users")


async def start(state: ApiState, claims: AttemptClaims, body: StartBody) -> tuple[RunContext, Lease]:
    """Have the attempt granted to this process. Raises `Conflicting` unless it is queued, or runs in it already."""
    lease = Lease.of(claims.attempt_id, body.hostname, body.pid, body.start_date)
    row = await get_lease(state["database"], claims.attempt_id, lease)
    is_again = row["state"] == TaskInstanceState.RUNNING and row["incarnation"] == lease.incarnation
    if row["state"] != TaskInstanceState.QUEUED and not is_again:
        raise _not_startable(row)
    relay, sequence = Relay(state["bus"]), (row["sequence"] or 0) + 1
    beat = await relay.beat(lease, hostname=body.hostname, pid=body.pid, sequence=sequence, holds=is_again)
    if beat.verdict == Verdict.EXPIRED:
        raise _lease_expired()
    verdict = await relay.claim(lease, claims)
    if verdict.verdict == Verdict.EXPIRED:
        raise _lease_expired()
    if verdict.grant is None:
        await relay.leave(lease, hostname=body.hostname, pid=body.pid)
        raise _not_startable(await get_lease(state["database"], claims.attempt_id, lease))
    get_logger().info("attempt.started_over_http", attempt_id=str(claims.attempt_id), hostname=body.hostname)
    return await _context(state, claims, verdict.grant), lease


async def keep_alive(state: ApiState, holder: Holder, body: HeartbeatBody) -> None:
    """Renew the lease. Raises `Conflicting` or `StaleAttempt` if the process is to stop."""
    lease = holder.lease
    row = await get_lease(state["database"], lease.attempt_id, lease)
    _check_running(row, lease)
    if (body.hostname, body.pid) != (row["hostname"], row["pid"]):
        raise Conflicting(
            {
                "reason": "running_elsewhere",
                "message": "The attempt runs in another process",
                "current_hostname": row["hostname"],
                "current_pid": row["pid"],
            }
        )
    reply = await Relay(state["bus"]).beat(
        lease, hostname=body.hostname, pid=body.pid, sequence=(row["sequence"] or 0) + 1, holds=True
    )
    if reply.verdict == Verdict.EXPIRED or lease.attempt_id in reply.kill:
        _check_running(await get_lease(state["database"], lease.attempt_id, lease), lease)
        raise _lease_expired()


async def end(state: ApiState, holder: Holder, body: StateBody) -> bool:
    """Have the end recorded, with what the attempt has said before; False = it had been. Raises `Conflicting` if
    another end was, `StaleAttempt` if another attempt is current."""
    lease = holder.lease
    row = await get_lease(state["database"], lease.attempt_id, lease)
    if row["incarnation"] != lease.incarnation:
        raise _stale(lease)
    if is_over(row["state"]):
        if row["cause"] != EndCause.WORKER_LOST and is_replay(body, row["state"]):
            return False
        raise _not_running(row, "previous_state", "invalid_state")
    relay, said = Relay(state["bus"]), _said(holder.claims, row)
    verdict = await relay.report(lease, finished(lease.attempt_id, body, said, state["clock"]()))
    if verdict != Verdict.DONE:
        now = await get_lease(state["database"], lease.attempt_id, lease)
        is_held = now["incarnation"] == lease.incarnation
        raise _not_running(now, "previous_state", "invalid_state") if is_held else _stale(lease)
    await relay.leave(lease, hostname=said.hostname or "", pid=said.pid or 0)
    if body.state == TaskInstanceState.AWAITING_INPUT and row["responded_at"] is not None:
        await _go_on_with(state, holder.claims, row)
    return True


def _said(claims: AttemptClaims, row: Row) -> Said:
    return Said(
        key=key_of(claims),
        started_at=row["start_date"],
        hostname=row["hostname"],
        pid=row["pid"],
        rendered_fields=row["rendered_fields"],
        rendered_map_index=row["rendered_map_index"],
        map_length=row["map_length"],
        skipped=tuple((task_id, map_index) for task_id, map_index in row["skips"] or ()),
        question=None if row["subject"] is None else {name: row[name] for name in QUESTION},
    )


async def _go_on_with(state: ApiState, claims: AttemptClaims, row: Row) -> None:
    """The question was answered before its task waited for the answer: the task goes on at once."""
    names = (claims.dag_id, claims.run_id, claims.task_id, claims.map_index)
    question = await get_hitl_detail(state["database"], *names, None)
    if question is not None and question["attempt_id"] == claims.attempt_id:
        by = row["responded_by"]
        given = HumanAnswer(
            chosen_options=json.dumps(row["chosen_options"]).encode(),
            params_input=json.dumps(row["params_input"] or {}).encode(),
            responded_by=None if by is None else json.dumps(by).encode(),
        )
        await answer_question(state, question, given)


async def _context(state: ApiState, claims: AttemptClaims, grant: Grant) -> RunContext:
    database = state["database"]
    run = await questions.get_dag_run(database, claims.attempt_id, claims.dag_id, claims.run_id)
    if run is None:
        raise StaleAttempt(f"the run {claims.run_id!r} of the DAG {claims.dag_id!r} is gone")
    events = await list_triggering_events(database, claims.attempt_id)
    goes_on = grant.next_method is not None
    return RunContext(
        dag_run=run_of_task(run, [_consumed(event) for event in events]),
        task_reschedule_count=grant.task_reschedule_count,
        max_tries=grant.max_tries,
        next_method=grant.next_method,
        next_kwargs=json.loads(in_airflows_form(grant.next_kwargs or b"{}")) if goes_on else None,
        should_retry=grant.max_tries > 0 and grant.try_number <= grant.max_tries,
        start_date=grant.first_start_date if goes_on else None,
    )


def run_of_task(row: Row, events: list[Mapping[str, Any]]) -> RunOfTask:
    """A run, in which the row's `state` is the attempt's."""
    return RunOfTask.model_validate({**dict(row.items()), "state": row["run_state"], "consumed_asset_events": events})


def _consumed(row: Row) -> Mapping[str, Any]:
    asset = {"name": row["name"], "uri": row["uri"], "extra": row["asset_extra"]}
    aliases = [{"name": name} for name in row["source_aliases"]]
    return {**dict(row.items()), "asset": asset, "source_aliases": aliases}


def _check_running(row: Row, lease: Lease) -> None:
    if row["state"] == TaskInstanceState.RUNNING and row["incarnation"] == lease.incarnation:
        return
    if row["incarnation"] != lease.incarnation:
        raise _stale(lease)
    raise _not_running(row, "current_state", "not_running")


def _stale(lease: Lease) -> StaleAttempt:
    return StaleAttempt(f"attempt {lease.attempt_id} is not held by this lease any more: stop, nothing is kept")


def _not_running(row: Row, name: str, reason: str) -> Conflicting:
    message = f"The attempt does not run: its task instance is {row['state']}"
    return Conflicting({"reason": reason, "message": message, name: row["state"]})


def _not_startable(row: Row) -> Conflicting:
    message = f"Only a queued attempt can be started: its task instance is {row['state']}"
    return Conflicting({"reason": "invalid_state", "message": message, "previous_state": row["state"]})


def _lease_expired() -> Conflicting:
    message = "The lease of this process has run out: it was not heard of for too long, and the attempt is given up"
    return Conflicting({"reason": "lease_expired", "message": message})
