"""A child of the triggerer runs for months and speaks with a token of each trigger's own: none may stay behind."""

import asyncio
from contextvars import copy_context
from pathlib import Path

from tradewind.sdk.masking import MASK, MASKER
from tradewind.service.clock import new_id
from tradewind.service.dag_roots import DagRoot
from tradewind.triggerer.child.importing import TriggerClasses
from tradewind.triggerer.child.logs import TriggerLogs
from tradewind.triggerer.child.runner import TriggerRunner
from tradewind.triggerer.protocol import FromChild, RunTrigger, TriggerFailed


async def test_a_token_is_masked_while_its_trigger_runs_and_forgotten_afterwards(tmp_path: Path) -> None:
    said: list[FromChild] = []
    shown: list[str] = []

    def say(message: FromChild) -> None:
        said.append(message)
        shown.append(MASKER.redact(token))

    token = f"token-{new_id()}"
    async with asyncio.TaskGroup() as group:
        runner = TriggerRunner(
            classes=TriggerClasses([DagRoot(tmp_path)]),
            logs=TriggerLogs(10_000),
            execution_api_url="http://127.0.0.1:1",
            kill_seconds=1.0,
            say=say,
            group=group,
        )
        request = RunTrigger(
            id=1,
            trigger_id=1,
            classpath="no_such_module.Trigger",
            kwargs=b"{}",
            dag_id="d",
            run_id="r",
            task_id="t",
            map_index=-1,
            try_number=1,
            attempt_id=new_id(),
            token=token,
            relative_fileloc="d.py",
        )
        copy_context().run(runner.start, request)
    assert [type(message) for message in said] == [TriggerFailed]
    assert shown == [MASK]
    assert MASKER.redact(token) == token
