"""What operators that call a function in another Python have in common."""

import ast
import inspect
import os
import pickle
import sys
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tradewind.sdk.exceptions import AirflowException, AirflowSkipException
from tradewind.sdk.operators.python import PythonOperator
from tradewind.sdk.runtime import current_runtime
from tradewind.sdk.subprocess import SubprocessHook
from tradewind.sdk.virtual_environments import write_python_script

SERIALIZERS: Final = ("pickle", "cloudpickle", "dill")

READABLE_CONTEXT_KEYS: Final = (
    "data_interval_end",
    "data_interval_start",
    "ds",
    "ds_nodash",
    "expanded_ti_count",
    "inlets",
    "logical_date",
    "outlets",
    "partition_date",
    "partition_key",
    "prev_data_interval_end_success",
    "prev_data_interval_start_success",
    "prev_end_date_success",
    "prev_start_date_success",
    "run_id",
    "task_instance_key_str",
    "task_reschedule_count",
    "test_mode",
    "ts",
    "ts_nodash",
    "ts_nodash_with_tz",
)
"""What of the context any Python can read; `params` are given as a plain dict besides."""


class ForeignPythonOperator(PythonOperator, ABC):
    """Calls the function in another Python. It must be a plain function that imports within itself what it needs;
    its source, its arguments and its result travel through files. It finds `string_args` as the list
    `virtualenv_string_args`, and modules of the DAGs folder. What it prints goes to the task's log."""

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        serializer: str | None = None,
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        string_args: Iterable[str] | None = None,
        templates_dict: dict[str, Any] | None = None,
        templates_exts: Sequence[str] | None = None,
        expect_airflow: bool = True,
        skip_on_exit_code: int | Container[int] | None = None,
        env_vars: dict[str, str] | None = None,
        inherit_env: bool = True,
        **kwargs: Any,
    ) -> None:
        if not inspect.isfunction(python_callable) or python_callable.__name__ == "<lambda>":
            raise ValueError(f"{type(self).__name__} only supports functions for python_callable arg")
        if inspect.isgeneratorfunction(python_callable):
            raise ValueError(f"{type(self).__name__} does not support using 'yield' in python_callable")
        self.serializer = serializer or "pickle"
        if self.serializer not in SERIALIZERS:
            raise AirflowException(f"Unsupported serializer {self.serializer!r}; expected one of {SERIALIZERS}")
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            templates_dict=templates_dict,
            templates_exts=templates_exts,
            **kwargs,
        )
        self.string_args = list(string_args or [])
        self.expect_airflow = expect_airflow
        self.env_vars, self.inherit_env = env_vars, inherit_env
        codes = skip_on_exit_code
        self.skip_on_exit_code: Container[int] = () if codes is None else (codes,) if isinstance(codes, int) else codes
        self._hook = SubprocessHook()

    @abstractmethod
    def interpreter(self) -> Any:
        """A context that gives the path of the Python to use."""

    def execute(self, context: Any) -> Any:
        """Call the function with its arguments and what of the context it names and the other side can read."""
        readable: Any = {key: context[key] for key in READABLE_CONTEXT_KEYS if key in context}
        if "params" in context:
            readable["params"] = dict(context["params"])
        return super().execute(readable)

    def execute_callable(self) -> Any:
        """Write the script and the arguments, run it, read the result."""
        with self.interpreter() as python, TemporaryDirectory(prefix="tradewind-") as name:
            folder = Path(name)
            names = ("script.py", "script.in", "script.out", "string_args.txt", "termination.log")
            script, given, result, texts, message = (folder / name for name in names)
            self._write_script(script)
            given.write_bytes(self._dumped_call())
            texts.write_text("\n".join(map(str, self.string_args)), encoding="utf-8")
            command = [str(path) for path in (python, script, given, result, texts, message)]
            exit_code = self._hook.run_command(command, env=self._environment(), cwd=name).exit_code
            self._raise_for(exit_code, message)
            return self._library().loads(result.read_bytes()) if result.stat().st_size else None

    def _write_script(self, script: Path) -> None:
        function = self.python_callable
        values = {
            "pickling_library": self.serializer,
            "python_callable": function.__name__,
            "python_callable_source": source_of(function),
            "expect_airflow": self.expect_airflow,
        }
        write_python_script(values, str(script))

    def _dumped_call(self) -> bytes:
        args, kwargs = _plain_dates(list(self.op_args)), _plain_dates(dict(self.op_kwargs))
        library = self._library()
        try:
            return library.dumps({"args": args, "kwargs": kwargs})
        except Exception as exc:
            refused = [name for name, value in kwargs.items() if not _can_dump(library, value)]
            what = f"op_kwargs {refused}" if refused else "op_args"
            raise AirflowException(
                f"Failed to serialize {what} of task {self.task_id!r} with {self.serializer}: {exc}."
                " Pass texts or numbers, e.g. '{{ ti.task_id }}' instead of '{{ ti }}'"
            ) from exc

    def _raise_for(self, exit_code: int, message: Path) -> None:
        if exit_code in self.skip_on_exit_code:
            raise AirflowSkipException(f"Process exited with code {exit_code}. Skipping.")
        if exit_code != 0:
            said = message.read_text(encoding="utf-8") if message.exists() else "its log says why"
            raise AirflowException(f"Process returned non-zero exit status {exit_code}.\n{said}")

    def _environment(self) -> dict[str, str]:
        """The author's, over the task's own if that is to be inherited, with the folders that the DAG file lies in."""
        env = {**(os.environ if self.inherit_env else {}), **(self.env_vars or {})}
        file = Path(self.dag.fileloc)
        folders = [entry for entry in sys.path if entry and Path(entry) != file and file.is_relative_to(entry)]
        if found := [*filter(None, [env.get("PYTHONPATH")]), *folders]:
            env["PYTHONPATH"] = os.pathsep.join(found)
        runtime = current_runtime()
        return {**env, **(runtime.handed_on() if runtime is not None and self.expect_airflow else {})}

    def _library(self) -> Any:
        if self.serializer == "pickle":
            return pickle
        try:
            return import_module(self.serializer)
        except ModuleNotFoundError as exc:
            raise AirflowException(
                f"Task {self.task_id!r} has serializer={self.serializer!r}, which is not installed beside Tradewind"
            ) from exc

    def on_kill(self) -> None:
        """End the other process."""
        self._hook.send_sigterm()


def source_of(function: Callable[..., Any]) -> str:
    """The text of a function, without its decorators and indentation."""
    text = textwrap.dedent(inspect.getsource(function))
    node = ast.parse(text).body[0]
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef), f"{function!r} is no function definition"
    return "\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno])


def _plain_dates(value: Any) -> Any:
    """The value with plain datetimes in place of pendulum's, in collections too; what stands for a value of the
    context that has not been asked for yet is asked for."""
    if type(value) is not value.__class__:
        value = getattr(value, "__wrapped__", value)
    if type(value) is dict:
        return {key: _plain_dates(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if type(value) in (list, tuple):
        return type(value)([_plain_dates(item) for item in value])
    is_other_kind = isinstance(value, datetime) and type(value) is not datetime
    return datetime.fromisoformat(value.isoformat()) if is_other_kind else value


def _can_dump(library: Any, value: Any) -> bool:
    try:
        library.dumps(value)
    except Exception:  # pickling runs code of the values
        return False
    return True
