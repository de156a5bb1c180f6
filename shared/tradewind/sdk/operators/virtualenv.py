"""Operators that call Python functions in another Python: a virtual environment made for the task, or one given."""

import ast
import fcntl
import hashlib
import inspect
import os
import pickle
import shutil
import subprocess
import sys
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Container, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from tradewind.sdk.exceptions import AirflowException, AirflowSkipException
from tradewind.sdk.operators.branch import BaseBranchOperator
from tradewind.sdk.operators.python import PythonOperator
from tradewind.sdk.subprocess import SubprocessHook

if TYPE_CHECKING:
    pass

SERIALIZERS: Final = ("pickle", "cloudpickle", "dill")

PLAIN_CONTEXT_KEYS: Final = (
    "ds",
    "ds_nodash",
    "expanded_ti_count",
    "inlets",
    "outlets",
    "partition_key",
    "run_id",
    "task_instance_key_str",
    "task_reschedule_count",
    "test_mode",
    "ts",
    "ts_nodash",
    "ts_nodash_with_tz",
)
"""What of the context any Python can read."""

DATE_CONTEXT_KEYS: Final = (
    "data_interval_end",
    "data_interval_start",
    "logical_date",
    "prev_data_interval_end_success",
    "prev_data_interval_start_success",
    "prev_end_date_success",
    "prev_start_date_success",
)
"""What of it needs pendulum on the other side."""

_SCRIPT: Final = """\
import sys
import {serializer} as _serializer

{source}

with open(sys.argv[1], "rb") as _file:
    _call = _serializer.load(_file)
_result = {name}(*_call["args"], **_call["kwargs"])
with open(sys.argv[2], "wb") as _file:
    _serializer.dump(_result, _file)
"""


class ForeignPythonOperator(PythonOperator, ABC):
    """Calls the function in another Python. It must be a plain function that imports within itself what it needs;
    its source, its arguments and its result travel through files. What it prints goes to the task's log."""

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
        use_airflow_context: bool = False,
        **kwargs: Any,
    ) -> None:
        if not inspect.isfunction(python_callable) or python_callable.__name__ == "<lambda>":
            raise ValueError(f"{type(self).__name__} only supports functions for python_callable arg")
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
        self.expect_airflow, self.use_airflow_context = expect_airflow, use_airflow_context
        self.env_vars, self.inherit_env = env_vars, inherit_env
        codes = skip_on_exit_code
        self.skip_on_exit_code: Container[int] = () if codes is None else (codes,) if isinstance(codes, int) else codes
        self._hook = SubprocessHook()

    @abstractmethod
    def python(self) -> Any:
        """A context that gives the path of the Python to use."""

    @property
    def has_pendulum(self) -> bool:
        """Whether dates of the context can be read on the other side."""
        return False

    def execute(self, context: Any) -> Any:
        """Call the function with its arguments and what of the context it names and the other side can read."""
        keys = (*PLAIN_CONTEXT_KEYS, *(DATE_CONTEXT_KEYS if self.has_pendulum else ()))
        readable: Any = {key: context[key] for key in keys if key in context}
        return super().execute(readable)

    def execute_callable(self) -> Any:
        """Write the script and the arguments, run it, read the result."""
        with self.python() as python, TemporaryDirectory(prefix="tradewind-") as name:
            folder = Path(name)
            script, given, result = folder / "script.py", folder / "script.in", folder / "script.out"
            script.write_text(self._script(), encoding="utf-8")
            given.write_bytes(self._library().dumps({"args": list(self.op_args), "kwargs": dict(self.op_kwargs)}))
            (folder / "string_args.txt").write_text("\n".join(map(str, self.string_args)), encoding="utf-8")
            command = [str(python), str(script), str(given), str(result), str(folder / "string_args.txt")]
            exit_code = self._hook.run_command(command, env=self._environment(), cwd=name).exit_code
            self._raise_for(exit_code)
            return self._library().loads(result.read_bytes()) if result.exists() else None

    def _raise_for(self, exit_code: int) -> None:
        if exit_code in self.skip_on_exit_code:
            raise AirflowSkipException(f"Process exited with code {exit_code}. Skipping.")
        if exit_code != 0:
            raise AirflowException(f"The function's process failed with exit code {exit_code}; its log says why")

    def _environment(self) -> dict[str, str]:
        return {**(os.environ if self.inherit_env else {}), **(self.env_vars or {})}

    def _library(self) -> Any:
        if self.serializer == "pickle":
            return pickle
        try:
            return import_module(self.serializer)
        except ModuleNotFoundError as exc:
            raise AirflowException(
                f"Task {self.task_id!r} has serializer={self.serializer!r}, which is not installed beside Tradewind"
            ) from exc

    def _script(self) -> str:
        return _SCRIPT.format(
            serializer=self.serializer, source=source_of(self.python_callable), name=self.python_callable.__name__
        )

    def on_kill(self) -> None:
        """End the other process."""
        self._hook.send_sigterm()


def source_of(function: Callable[..., Any]) -> str:
    """The text of a function, without its decorators and indentation."""
    text = textwrap.dedent(inspect.getsource(function))
    node = ast.parse(text).body[0]
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef), f"{function!r} is no function definition"
    return "\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno])


class PythonVirtualenvOperator(ForeignPythonOperator):
    """Calls the function in a virtual environment that is made for it: `requirements` (a list, or the text of a
    requirements file) are installed by uv or pip; with `venv_cache_path` it is kept and used again."""

    template_fields: Sequence[str] = (
        *("requirements", "index_urls", "venv_cache_path"),
        *PythonOperator.template_fields,
    )
    template_ext: Sequence[str] = (".txt",)

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        requirements: Iterable[str] | str | None = None,
        python_version: str | None = None,
        system_site_packages: bool = True,
        pip_install_options: list[str] | None = None,
        index_urls: Sequence[str] | str | None = None,
        index_urls_from_connection_ids: Sequence[str] | str | None = None,
        venv_cache_path: str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(python_callable=python_callable, **kwargs)
        self.requirements: Any = requirements if isinstance(requirements, str) else list(requirements or [])
        self.python_version, self.system_site_packages = python_version, system_site_packages
        self.pip_install_options = list(pip_install_options or [])
        self.index_urls: Any = [index_urls] if isinstance(index_urls, str) else index_urls
        given = index_urls_from_connection_ids
        self.index_urls_from_connection_ids = [given] if isinstance(given, str) else list(given or [])
        self.venv_cache_path = str(venv_cache_path) if venv_cache_path else None

    @property
    def has_pendulum(self) -> bool:
        """Ours is seen through system packages; otherwise it must be among the requirements."""
        return self.system_site_packages or "pendulum" in " ".join(self._requirements())

    @contextmanager
    def python(self) -> Generator[Path]:
        """The Python of the environment, made now or kept from before."""
        if self.venv_cache_path is None:
            with TemporaryDirectory(prefix="tradewind-venv-") as name:
                yield self._make(Path(name))
            return
        yield self._cached(Path(self.venv_cache_path))

    def _cached(self, cache: Path) -> Path:
        cache.mkdir(parents=True, exist_ok=True)
        wanted = repr((self._requirements(), self.python_version, self.system_site_packages, self.pip_install_options))
        folder = cache / f"venv-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"
        with (cache / f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = folder / "installed.txt"
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                self._make(folder)
                done.write_text(wanted, encoding="utf-8")
        return folder / "bin" / "python"

    def _make(self, folder: Path) -> Path:
        python = folder / "bin" / "python"
        interpreter = f"python{self.python_version}" if self.python_version else sys.executable
        options = ["--system-site-packages"] if self.system_site_packages else []
        requirements = self._requirements()
        uv = shutil.which("uv")
        self._run(
            [uv, "venv", "--allow-existing", "--python", interpreter, *options, str(folder)]
            if uv
            else [interpreter, "-m", "venv", *options, str(folder)]
        )
        if requirements:
            listed = folder / "requirements.txt"
            listed.write_text("\n".join(requirements) + "\n", encoding="utf-8")
            pip = [uv, "pip", "install", "--python", str(python)] if uv else [str(python), "-m", "pip", "install"]
            self._run([*pip, *self.pip_install_options, "-r", str(listed)])
        return python

    def _run(self, command: list[str]) -> None:
        self.log.info("Executing: %s", " ".join(command))
        done = subprocess.run(  # noqa: S603 - the author says what to install
            command, env={**os.environ, **self._index()}, capture_output=True, text=True, check=False, cwd="/"
        )
        if done.returncode != 0:
            self.log.error("%s", done.stdout + done.stderr)
            raise AirflowException(f"{Path(command[0]).name} could not make the virtual environment; see above")

    def _index(self) -> dict[str, str]:
        urls: list[str] = [*(self.index_urls or []), *map(_url_of_connection, self.index_urls_from_connection_ids)]
        if not urls:
            return {}
        first, rest = urls[0], " ".join(urls[1:])
        return {"PIP_INDEX_URL": first, "PIP_EXTRA_INDEX_URL": rest, "UV_DEFAULT_INDEX": first, "UV_INDEX": rest}

    def _requirements(self) -> list[str]:
        lines = self.requirements.splitlines() if isinstance(self.requirements, str) else list(self.requirements)
        kept = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
        needed = [] if self.serializer == "pickle" else [self.serializer]
        return [*kept, *(name for name in needed if name not in " ".join(kept))]


def _url_of_connection(conn_id: str) -> str:
    from tradewind.sdk.connection import Connection

    connection = Connection.get(conn_id)
    login = f"{connection.login}:{connection.password}@" if connection.login else ""
    scheme, _, host = str(connection.host or "").rpartition("://")
    return f"{scheme or 'https'}://{login}{host}"


class ExternalPythonOperator(ForeignPythonOperator):
    """Calls the function in the Python at the path `python`, whose environment is made by somebody else."""

    template_fields: Sequence[str] = ("python_path", *PythonOperator.template_fields)

    def __init__(
        self, *, python: str, python_callable: Callable[..., Any], expect_pendulum: bool = False, **kwargs: Any
    ) -> None:
        if not python:
            raise ValueError("Python Path must be defined in ExternalPythonOperator")
        super().__init__(python_callable=python_callable, **kwargs)
        self.python_path, self.expect_pendulum = python, expect_pendulum

    @property
    def has_pendulum(self) -> bool:
        """As the author says."""
        return self.expect_pendulum

    @contextmanager
    def python(self) -> Generator[Path]:
        """The path given; raises ValueError if there is no program."""
        path = Path(self.python_path)
        if not path.is_file():
            raise ValueError(f"Python Path {self.python_path!r} of task {self.task_id!r} must be an existing file")
        yield path


class BranchPythonVirtualenvOperator(BaseBranchOperator, PythonVirtualenvOperator):
    """A branch chosen by a function in a virtual environment."""

    def choose_branch(self, context: Any) -> Any:
        """Call the function."""
        return PythonVirtualenvOperator.execute(self, context)


class BranchExternalPythonOperator(BaseBranchOperator, ExternalPythonOperator):
    """A branch chosen by a function in another Python."""

    def choose_branch(self, context: Any) -> Any:
        """Call the function."""
        return ExternalPythonOperator.execute(self, context)
