"""Waiting for a trigger in the process of a trial, instead of in a triggerer."""

import asyncio
import json
import logging
import traceback
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from tradewind.sdk import serde
from tradewind.sdk.operator import TRIGGER_FAILED, TRIGGER_TIMEOUT
from tradewind.sdk.triggers.base import BaseTaskEndEvent, BaseTrigger, TriggerEvent
from tradewind.wire.messages import Deferral

log = logging.getLogger("tradewind.task")


def resumption_of(deferral: Deferral) -> "tuple[str, dict[str, Any]] | BaseTaskEndEvent":
    """Wait for what a deferred task waits for: how it goes on, as method and arguments, or an event that ends it. A
    trigger that fails or takes too long makes the task go on with `__fail__`."""
    arguments: dict[str, Any] = serde.deserialize(json.loads(deferral.next_kwargs or b"{}"))
    try:
        event = asyncio.run(_first_event(deferral))
    except TimeoutError:
        return TRIGGER_FAILED, {"error": TRIGGER_TIMEOUT}
    except Exception as exc:
        return TRIGGER_FAILED, {"error": f"{type(exc).__name__}: {exc}", "traceback": traceback.format_exception(exc)}
    if isinstance(event, BaseTaskEndEvent):
        return event
    return deferral.next_method, {**arguments, "event": event.payload}


async def _first_event(deferral: Deferral) -> TriggerEvent:
    """What the trigger fires first; raises TimeoutError, and what the trigger raises."""
    trigger = _made(deferral)
    log.info("waiting for trigger %r", trigger)
    left = None if deferral.timeout_at is None else (deferral.timeout_at - datetime.now(UTC)).total_seconds()
    events: Any = trigger.run()
    limit = asyncio.timeout(left)
    try:
        async with limit:
            return await anext(events)
    except StopAsyncIteration:
        raise RuntimeError(f"trigger {trigger!r} ended without an event") from None
    except TimeoutError as exc:
        if limit.expired():
            raise
        raise RuntimeError(f"trigger {trigger!r}: {exc!r}") from exc
    finally:
        try:
            await trigger.cleanup()
        except Exception:
            log.exception("cleanup() failed")


def _made(deferral: Deferral) -> BaseTrigger:
    module, _, name = deferral.classpath.rpartition(".")
    kwargs: dict[str, Any] = serde.deserialize(json.loads(deferral.kwargs))
    return getattr(import_module(module), name)(**kwargs)
