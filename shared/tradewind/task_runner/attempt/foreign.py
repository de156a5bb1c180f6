"""In another Python that a task started: `airflow` means Tradewind there, too, and the task's Variables, Connections
and XComs can be asked for."""

import os

from tradewind.sdk import aliases
from tradewind.sdk.runtime import HANDED_TOKEN, HANDED_URL, install_runtime
from tradewind.task_runner.execution_api.client import ExecutionClient


def speak_for_task() -> None:
    """Take over what the task handed on; nothing that the function starts finds it."""
    aliases.install()
    url, token = os.environ.pop(HANDED_URL, ""), os.environ.pop(HANDED_TOKEN, "")
    if url:
        install_runtime(ExecutionClient(url, token))
