"""An operator that runs a Bash command or script."""

import os
import shutil
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar

from tradewind.sdk.environment import context_to_airflow_vars
from tradewind.sdk.exceptions import AirflowException, AirflowSkipException
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.subprocess import SubprocessHook, SubprocessResult

if TYPE_CHECKING:
    from tradewind.sdk.context import Context


def _unchanged(output: str) -> str:
    return output


class BashOperator(BaseOperator):
    """Runs `bash_command`; the last line of its output (stdout and stderr together) is the task's return value.

    Exit code 0 is success, one of `skip_on_exit_code` (default 99) skips, any other fails. A command that ends in
    `.sh` or `.bash` is a file to be rendered as a template and run. Without `env` the process's environment is
    inherited; with it only what it says is set, unless `append_env`. `cwd` defaults to a temporary folder.
    """

    template_fields: Sequence[str] = ("bash_command", "env", "cwd")
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"bash_command": "bash", "env": "json"}
    template_ext: Sequence[str] = (".sh", ".bash")
    ui_color = "#f0ede4"

    def __init__(
        self,
        *,
        bash_command: Any,
        env: dict[str, str] | None = None,
        append_env: bool = False,
        output_encoding: str = "utf-8",
        skip_on_exit_code: int | Container[int] | None = 99,
        cwd: str | None = None,
        output_processor: Callable[[str], Any] = _unchanged,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bash_command = bash_command
        self.env = env
        self.append_env = append_env
        self.output_encoding = output_encoding
        self.skip_on_exit_code: Container[int] = (
            skip_on_exit_code
            if isinstance(skip_on_exit_code, Container)
            else ()
            if skip_on_exit_code is None
            else (skip_on_exit_code,)
        )
        self.cwd = cwd
        self.output_processor = output_processor
        self._hook: SubprocessHook | None = None

    @property
    def subprocess_hook(self) -> SubprocessHook:
        """The running (or next) command."""
        if self._hook is None:
            self._hook = SubprocessHook()
        return self._hook

    def get_env(self, context: "Context") -> dict[str, str]:
        """The command's environment, with Airflow's AIRFLOW_CTX_* variables."""
        env: dict[str, str] = {} if self.env is not None and not self.append_env else dict(os.environ)
        env.update(self.env or {})
        env.update(context_to_airflow_vars(context, in_env_var_format=True))
        return env

    def execute(self, context: "Context") -> Any:
        """Run the command to its end."""
        self._check_cwd()
        bash = shutil.which("bash") or "bash"
        env = self.get_env(context)
        if str(self.bash_command).endswith(tuple(self.template_ext)):
            result = self._run_script(bash, env)
        else:
            result = self._run([bash, "-c", self.bash_command], env, self.cwd)
        if result.exit_code in self.skip_on_exit_code:
            raise AirflowSkipException(f"Bash command returned exit code {result.exit_code}. Skipping.")
        if result.exit_code != 0:
            raise AirflowException(
                f"Bash command failed. The command returned a non-zero exit code {result.exit_code}."
            )
        return self.output_processor(result.output)

    def _check_cwd(self) -> None:
        if self.cwd is not None and not Path(self.cwd).exists():
            raise AirflowException(f"Can not find the cwd: {self.cwd}")
        if self.cwd is not None and not Path(self.cwd).is_dir():
            raise AirflowException(f"The cwd {self.cwd} must be a directory")

    def _run(self, command: Sequence[str], env: dict[str, str], cwd: str | None) -> SubprocessResult:
        return self.subprocess_hook.run_command(command, env=env, output_encoding=self.output_encoding, cwd=cwd)

    def _run_script(self, bash: str, env: dict[str, str]) -> SubprocessResult:
        """The rendered text goes into a file of its own, so that its length is not limited as an argument's is."""
        with TemporaryDirectory(prefix="tradewind-") as own:
            folder = self.cwd or own
            with NamedTemporaryFile("w", dir=folder, suffix=".sh", encoding="utf-8") as script:
                script.write(self.bash_command)
                script.flush()
                return self._run([bash, Path(script.name).name], env, folder)

    def on_kill(self) -> None:
        """End the command and everything that it started."""
        self.subprocess_hook.send_sigterm()
