"""What a task process says of its end, as the collector is told by workers. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

import msgspec

from tradewind.api.errors import Unprocessable
from tradewind.api.execution.models.ending import (
    AssetProfile,
    AwaitingInputBody,
    DeferredBody,
    EndedBody,
    OutletEvent,
    RescheduledBody,
    RetriedBody,
    StateBody,
    SucceededBody,
)
from tradewind.api.execution.values import in_own_form
from tradewind.core.states import EndCause, Outcome, TaskInstanceState
from tradewind.wire.messages import Deferral, EndEffects, TaskFinished, TaskInstanceKey

FAILED_FOR_GOOD: Final = ("failed", "removed", "upstream_failed")
"""The process of a task that runs can say of it no more than that it failed; the other words come to that."""

REPLAYED: Final[Mapping[str, frozenset[str]]] = {
    "success": frozenset({"success"}),
    "skipped": frozenset({"skipped"}),
    "failed": frozenset({"failed"}),
    "removed": frozenset({"failed"}),
    "upstream_failed": frozenset({"failed"}),
    "up_for_retry": frozenset({"up_for_retry", "failed", "scheduled"}),
    "up_for_reschedule": frozenset({"up_for_reschedule", "scheduled"}),
    "deferred": frozenset({"deferred", "scheduled"}),
    "awaiting_input": frozenset({"awaiting_input", "scheduled"}),
}
"""What is said → in which states the same attempt shows that it has been said before."""

PARTITION_KEY_MAX: Final = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What an attempt has said before its end, and who it is."""

    key: TaskInstanceKey
    started_at: datetime
    hostname: str | None
    pid: int | None
    rendered_fields: bytes | None
    rendered_map_index: str | None
    map_length: int | None
    skipped: tuple[tuple[str, int], ...]
    question: Mapping[str, Any] | None


def is_replay(body: StateBody, state: str) -> bool:
    """Whether this end is the one that has brought the attempt's task instance to this state."""
    return state in REPLAYED[body.state]


def finished(attempt_id: Any, body: StateBody, said: Said, now: datetime) -> TaskFinished:
    """The end to report. Raises `Unprocessable`."""
    outcome, cause, detail = _judged(body)
    return TaskFinished(
        key=said.key,
        attempt_id=attempt_id,
        outcome=outcome,
        cause=cause,
        detail=detail,
        started_at=said.started_at,
        ended_at=getattr(body, "end_date", now),
        rendered_fields=said.rendered_fields,
        pid=said.pid,
        hostname=said.hostname,
        effects=_effects(body, said, now),
    )


def _judged(body: StateBody) -> tuple[Outcome, EndCause, str | None]:
    match body:
        case SucceededBody():
            return Outcome.SUCCESS, EndCause.NONE, None
        case RetriedBody():
            return Outcome.FAILED, EndCause.USER_ERROR, body.retry_reason
        case EndedBody(state="skipped"):
            return Outcome.SKIPPED, EndCause.NONE, None
        case EndedBody():
            detail = None if body.state == "failed" else f"the task's process reported {body.state}"
            return Outcome.FAILED_WITHOUT_RETRY, EndCause.USER_ERROR, detail
        case DeferredBody():
            return Outcome.DEFERRED, EndCause.NONE, None
        case AwaitingInputBody():
            return Outcome.AWAITING_INPUT, EndCause.NONE, None
        case RescheduledBody():
            return Outcome.RESCHEDULED, EndCause.NONE, None
        case _:
            assert_never(body)


def _effects(body: StateBody, said: Said, now: datetime) -> EndEffects:
    rendered = getattr(body, "rendered_map_index", None) or said.rendered_map_index
    common = EndEffects(map_length=said.map_length, rendered_map_index=rendered, skipped=said.skipped)
    change = msgspec.structs.replace
    match body:
        case SucceededBody():
            return change(common, asset_events=asset_events(body.task_outlets, body.outlet_events))
        case RetriedBody():
            return change(common, retry_delay_seconds=body.retry_delay_seconds)
        case DeferredBody():
            return change(common, deferral=_deferral(body, now))
        case AwaitingInputBody():
            if said.question is None:
                message = "The attempt has asked nothing: POST /execution/hitlDetails/{id} comes first"
                raise Unprocessable({"reason": "no_question", "message": message})
            question = json.dumps(said.question).encode()
            return change(common, deferral=_wait_for_input(body, now), human_input=question)
        case RescheduledBody():
            return change(common, reschedule_at=body.reschedule_date)
        case EndedBody():
            return common
        case _:
            assert_never(body)


def _deferral(body: DeferredBody, now: datetime) -> Deferral:
    if isinstance(body.trigger_kwargs, str):
        message = (
            "Arguments of a trigger come as a JSON object: a text encrypted with a key of the sender's opens nowhere"
        )
        raise Unprocessable({"reason": "invalid_value", "message": message})
    return Deferral(
        classpath=body.classpath,
        kwargs=_json(body.trigger_kwargs),
        next_method=body.next_method,
        next_kwargs=_json(body.next_kwargs),
        timeout_at=_deadline(now, body.trigger_timeout),
        queue=body.queue,
    )


def _wait_for_input(body: AwaitingInputBody, now: datetime) -> Deferral:
    return Deferral(
        classpath="",
        kwargs=b"{}",
        next_method=body.next_method,
        next_kwargs=_json(body.next_kwargs),
        timeout_at=_deadline(now, body.timeout),
    )


def _deadline(now: datetime, timeout: timedelta | None) -> datetime | None:
    try:
        return None if timeout is None else now + timeout
    except OverflowError as exc:
        raise Unprocessable({"reason": "invalid_value", "message": f"The timeout {timeout} is too long"}) from exc


def asset_events(outlets: Sequence[AssetProfile], said: Sequence[OutletEvent]) -> tuple[bytes, ...]:
    """One JSON object each, as `EndEffects.asset_events` has them: one event per asset or reference among the outlets
    (per partition, if the task named some), and those that it added for aliases among them. Raises `Unprocessable`."""
    for event in said:
        _check_partition_key(event.partition_key)
    direct = [event for event in said if event.source_alias_name is None]
    named = {(each.type, each.name or "", each.uri or ""): None for each in outlets}
    events = [event for outlet in named for event in _events_of(outlet, direct)]
    aliases = {each.name for each in outlets if each.type == "AssetAlias"}
    through = [event for event in said if event.source_alias_name is not None and event.source_alias_name in aliases]
    return tuple(_json(event) for event in [*events, *_aliased(through)])


def _events_of(outlet: tuple[str, str, str], said: Sequence[OutletEvent]) -> Iterator[dict[str, Any]]:
    kind, name, uri = outlet
    match kind:
        case "Asset" if name and uri:
            asset = {"name": name, "uri": uri}
            meant = [e for e in said if e.dest_asset_key.model_dump() == asset]
        case "AssetNameRef" if name:
            meant, asset = [e for e in said if e.dest_asset_key.name == name], {"name": name}
        case "AssetUriRef" if uri:
            meant, asset = [e for e in said if e.dest_asset_key.uri == uri], {"uri": uri}
        case _:
            return
    if not meant:
        yield {"asset": asset}
    for event in meant:
        key = {} if event.partition_key is None else {"partition_key": event.partition_key}
        yield {"asset": asset, "extra": event.extra, **key}


def _aliased(events: Sequence[OutletEvent]) -> Iterator[dict[str, Any]]:
    """The same event through several aliases is one."""
    through: dict[bytes, tuple[dict[str, Any], list[str]]] = {}
    for event in events:
        asset = {**event.dest_asset_key.model_dump(), "extra": event.dest_asset_extra}
        body = {"asset": asset, "extra": event.extra}
        _, names = through.setdefault(json.dumps(body, sort_keys=True).encode(), (body, []))
        if event.source_alias_name is not None and event.source_alias_name not in names:
            names.append(event.source_alias_name)
    for body, names in through.values():
        yield {**body, "aliases": names}


def _check_partition_key(key: str | None) -> None:
    if key is not None and (not key.strip() or len(key) > PARTITION_KEY_MAX):
        message = f"A partition key has 1 to {PARTITION_KEY_MAX} characters, not all blank; this one is {key[:300]!r}"
        raise Unprocessable({"reason": "invalid_partition_key", "message": message})


def _json(value: Mapping[str, Any]) -> bytes:
    return in_own_form(json.dumps(value).encode())


def is_over(state: str) -> bool:
    """Whether an attempt in this state is not under way any more."""
    return state not in (TaskInstanceState.RUNNING, TaskInstanceState.RESTARTING)
