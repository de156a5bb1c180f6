"""A sensor that waits for a file."""

from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.hooks.filesystem import FSHook
from tradewind.sdk.sensors.base import BaseSensorOperator
from tradewind.sdk.sensors.time import default_deferrable
from tradewind.sdk.triggers.base import StartTriggerArgs
from tradewind.sdk.triggers.file import FileTrigger, found_files

if TYPE_CHECKING:
    from collections.abc import Sequence


class FileSensor(BaseSensorOperator):
    """Waits until there is a file at `filepath`, a path or glob pattern below the connection's base path. A folder
    counts once there is a file in it."""

    template_fields: "Sequence[str]" = ("filepath", "fs_conn_id")
    ui_color = "#91818a"

    def __init__(
        self,
        *,
        filepath: str,
        fs_conn_id: str = "fs_default",
        recursive: bool = False,
        deferrable: bool | None = None,
        start_from_trigger: bool = False,
        trigger_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filepath, self.fs_conn_id, self.recursive = filepath, fs_conn_id, recursive
        self.deferrable = default_deferrable() if deferrable is None else deferrable
        self.start_from_trigger = start_from_trigger
        if self.deferrable and start_from_trigger:
            classpath = "airflow.providers.standard.triggers.file.FileTrigger"
            arguments = {"filepath": self.path, "recursive": recursive, "poke_interval": self.poke_interval}
            limit = timedelta(seconds=self.timeout)
            self.start_trigger_args = StartTriggerArgs(classpath, "execute_complete", arguments, timeout=limit)

    @cached_property
    def path(self) -> str:
        """The whole path."""
        return str(Path(FSHook(self.fs_conn_id).get_path()) / self.filepath)

    def poke(self, context: Any) -> bool:
        """Whether there is a file."""
        self.log.info("Poking for file %s", self.path)
        return bool(found_files(self.path, recursive=self.recursive))

    def execute(self, context: Any) -> Any:
        """Wait, in the slot or in the triggerer."""
        if not self.deferrable:
            return super().execute(context)
        if not self.poke(context):
            trigger = FileTrigger(self.path, recursive=self.recursive, poke_interval=self.poke_interval)
            self.defer(trigger=trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout))
        return None

    def execute_complete(self, context: Any, event: Any = None) -> None:
        """The trigger has fired."""
        if not event:
            raise AirflowException(f"{self.task_id} task failed as {self.filepath} not found.")
        self.log.info("%s completed successfully as %s found.", self.task_id, self.filepath)
