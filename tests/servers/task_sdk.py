"""Airflow's own task SDK, unmodified, in an environment of its own: its client, called from here."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from tests.servers.environments import TASK_SDK, environment

DRIVER: Final = Path(__file__).with_name("task_sdk_driver.py")
PATIENCE_SECONDS: Final = 60.0


class SdkError(Exception):
    """What a method of the client raised."""

    def __init__(self, *, raised: str, status: int | None, detail: Any) -> None:
        super().__init__(f"{raised}: {status} {detail}")
        self.raised = raised
        self.status = status
        self.detail = detail


class TaskSdk:
    """The process with the clients."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    async def exchange(self, asked: dict[str, Any]) -> dict[str, Any]:
        """One call with its answer."""
        assert self._process.stdin is not None
        async with self._turn, asyncio.timeout(PATIENCE_SECONDS):
            self._process.stdin.write(json.dumps(_sent(asked)).encode() + b"\n")
            return json.loads(await self.line())

    async def line(self) -> bytes:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line, "the process with Airflow's SDK has ended; what it said is on standard error"
        return line


class SdkClient:
    """One `Client` of a task's supervisor, which keeps the token that it was given last."""

    def __init__(self, sdk: TaskSdk, url: str, token: str, process: str) -> None:
        self._sdk = sdk
        self._url = url
        self.token = token
        self._process = process

    async def call(self, group: str, method: str, *args: object, **kwargs: object) -> Any:
        """What the method gives, as JSON; raises `SdkError`."""
        said = await self._sdk.exchange(
            {
                "process": self._process,
                "url": f"{self._url}/execution",
                "token": self.token,
                "group": group,
                "method": method,
                "args": list(args),
                "kwargs": kwargs,
            }
        )
        self.token = said["token"]
        if "raised" in said:
            raise SdkError(raised=said["raised"], status=said["status"], detail=said["detail"])
        return said["answer"]


def message(name: str, **fields: object) -> dict[str, object]:
    """A message of `airflow.sdk.execution_time.comms`."""
    return {"$message": [name, fields]}


@asynccontextmanager
async def task_sdk(home: Path) -> AsyncGenerator[TaskSdk]:
    """A process until the context is left."""
    python = environment("task-sdk", TASK_SDK) / "python"
    variables = {
        "PATH": "/usr/bin:/bin",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "1",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
    }
    process = await asyncio.create_subprocess_exec(
        str(python),
        "-P",  # files beside the driver are none of its modules
        str(DRIVER),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=variables,
    )
    sdk = TaskSdk(process)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await sdk.line()).strip() != b"ready":
                pass
        yield sdk
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


def _sent(value: Any) -> Any:
    match value:
        case UUID():
            return {"$uuid": str(value)}
        case datetime():
            return {"$moment": value.isoformat()}
        case dict():
            return {key: _sent(each) for key, each in value.items()}  # pyright: ignore[reportUnknownVariableType] - JSON
        case list() | tuple():
            return [_sent(each) for each in value]  # pyright: ignore[reportUnknownVariableType] - JSON
        case _:
            return value
