"""Operators that call Python functions in another Python: a virtual environment made for the task, or one given."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Container, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.hooks.package_index import PackageIndexHook
from tradewind.sdk.operators.branch import BaseBranchOperator
from tradewind.sdk.operators.foreign_python import ForeignPythonOperator
from tradewind.sdk.operators.python import PythonOperator
from tradewind.sdk.virtual_environments import interpreter, prepare_virtualenv

CACHE_KEY_VARIABLE: Final = "python_virtualenv_operator_cache_key"
"""The Variable that people change to have all kept environments made anew."""


class PythonVirtualenvOperator(ForeignPythonOperator):
    """Calls the function in a virtual environment that is made for it: `requirements` (a list, or the text of a
    requirements file) are installed by uv or pip; with `venv_cache_path` it is kept and used again."""

    template_fields: Sequence[str] = (
        *("requirements", "index_urls", "index_urls_from_connection_ids", "venv_cache_path"),
        *PythonOperator.template_fields,
    )
    template_ext: Sequence[str] = (".txt",)

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        requirements: Iterable[str] | str | None = None,
        python_version: str | None = None,
        serializer: str | None = None,
        system_site_packages: bool = True,
        pip_install_options: list[str] | None = None,
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        string_args: Iterable[str] | None = None,
        templates_dict: dict[str, Any] | None = None,
        templates_exts: Sequence[str] | None = None,
        expect_airflow: bool = True,
        skip_on_exit_code: int | Container[int] | None = None,
        index_urls: Collection[str] | str | None = None,
        index_urls_from_connection_ids: Collection[str] | str | None = None,
        venv_cache_path: str | os.PathLike[str] | None = None,
        env_vars: dict[str, str] | None = None,
        inherit_env: bool = True,
        **kwargs: Any,
    ) -> None:
        _check_version(python_version, has_arguments=bool(op_args or op_kwargs))
        super().__init__(
            python_callable=python_callable,
            serializer=serializer,
            op_args=op_args,
            op_kwargs=op_kwargs,
            string_args=string_args,
            templates_dict=templates_dict,
            templates_exts=templates_exts,
            expect_airflow=expect_airflow,
            skip_on_exit_code=skip_on_exit_code,
            env_vars=env_vars,
            inherit_env=inherit_env,
            **kwargs,
        )
        self.requirements: Any = _as_list(requirements) or []
        self.python_version, self.system_site_packages = python_version, system_site_packages
        self.pip_install_options = pip_install_options
        self.index_urls: Any = _as_list(index_urls)
        self.index_urls_from_connection_ids: Any = _as_list(index_urls_from_connection_ids)
        self.venv_cache_path: Any = None if venv_cache_path is None else os.fspath(venv_cache_path)

    @contextmanager
    def interpreter(self) -> Generator[Path]:
        """The Python of the environment, made now or kept from before."""
        urls = self._index_urls()
        if self.venv_cache_path:
            yield self._cached(Path(self.venv_cache_path), urls) / "bin" / "python"
            return
        with TemporaryDirectory(prefix="tradewind-venv-") as name:
            yield self._make(Path(name), urls)

    def _index_urls(self) -> list[str] | None:
        asked = [
            PackageIndexHook(conn_id).get_connection_url() for conn_id in self.index_urls_from_connection_ids or ()
        ]
        return None if self.index_urls is None and not asked else [*(self.index_urls or ()), *asked]

    def _cached(self, cache: Path, urls: list[str] | None) -> Path:
        """The folder of the environment for these settings; one process at a time makes it."""
        wanted = self._cache_text(urls)
        folder = cache / f"venv-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = folder / "install_complete_marker.json"
            if done.exists():
                self.log.info("Reusing cached Python virtual environment in %s", folder)
                return folder
            shutil.rmtree(folder, ignore_errors=True)
            self._make(folder, urls)
            done.write_text(hashlib.sha256(wanted.encode()).hexdigest(), encoding="utf-8")
            self.log.info("New Python virtual environment created in %s", folder)
        return folder

    def _cache_text(self, urls: list[str] | None) -> str:
        from tradewind.sdk.variable import Variable

        return json.dumps(
            {
                "requirements": sorted(self._requirements()),
                "pip_install_options": self.pip_install_options,
                "index_urls": urls,
                "cache_key": str(Variable.get(CACHE_KEY_VARIABLE, "")),
                "python_version": self.python_version,
                "system_site_packages": self.system_site_packages,
            }
        )

    def _make(self, folder: Path, urls: list[str] | None) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        listed = folder / "requirements.txt"
        wanted = self._requirements()
        listed.write_text("\n".join(wanted) + "\n", encoding="utf-8")
        python = prepare_virtualenv(
            venv_directory=str(folder),
            python_bin=interpreter(self.python_version),
            system_site_packages=self.system_site_packages,
            requirements_file_path=str(listed) if wanted else None,
            pip_install_options=self.pip_install_options,
            index_urls=urls,
        )
        return Path(python)

    def _requirements(self) -> list[str]:
        lines = [line.strip() for text in self.requirements for line in str(text).splitlines()]
        kept = [line for line in lines if line and not line.startswith("#")]
        is_missing = not self.system_site_packages and self.serializer != "pickle" and self.serializer not in kept
        return [*kept, self.serializer] if is_missing else kept


def _as_list(value: Iterable[str] | str | None) -> list[str] | None:
    return None if value is None else [value] if isinstance(value, str) else list(value)


def _check_version(version: object, *, has_arguments: bool) -> None:
    if version is not None and not isinstance(version, str):
        raise AirflowException(f"python_version must be a text such as '3.12', not {version!r}")
    if version and version[0] != str(sys.version_info.major) and has_arguments:
        raise _other_major(version)


def _other_major(version: str) -> AirflowException:
    return AirflowException(
        "Passing op_args or op_kwargs is not supported across different Python major versions; please use"
        f" string_args: here runs {sys.version_info.major}, there {version}"
    )


class ExternalPythonOperator(ForeignPythonOperator):
    """Calls the function in the Python at the path `python`, whose environment is made by somebody else."""

    template_fields: Sequence[str] = ("python", *PythonOperator.template_fields)

    def __init__(
        self,
        *,
        python: str,
        python_callable: Callable[..., Any],
        serializer: str | None = None,
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        string_args: Iterable[str] | None = None,
        templates_dict: dict[str, Any] | None = None,
        templates_exts: Sequence[str] | None = None,
        expect_airflow: bool = True,
        expect_pendulum: bool = False,
        skip_on_exit_code: int | Container[int] | None = None,
        env_vars: dict[str, str] | None = None,
        inherit_env: bool = True,
        **kwargs: Any,
    ) -> None:
        if not python:
            raise ValueError("Python Path must be defined in ExternalPythonOperator")
        super().__init__(
            python_callable=python_callable,
            serializer=serializer,
            op_args=op_args,
            op_kwargs=op_kwargs,
            string_args=string_args,
            templates_dict=templates_dict,
            templates_exts=templates_exts,
            expect_airflow=expect_airflow,
            skip_on_exit_code=skip_on_exit_code,
            env_vars=env_vars,
            inherit_env=inherit_env,
            **kwargs,
        )
        self.python, self.expect_pendulum = python, expect_pendulum

    @contextmanager
    def interpreter(self) -> Generator[Path]:
        """The path given; raises ValueError if there is no program."""
        path = Path(self.python)
        if not path.is_absolute():
            raise ValueError(f"Python Path {self.python!r} of task {self.task_id!r} must be an absolute path")
        if not path.is_file():
            raise ValueError(f"Python Path {self.python!r} of task {self.task_id!r} must be an existing file")
        if self.op_args or self.op_kwargs:
            major = _major_of(path)
            if major != str(sys.version_info.major):
                raise _other_major(major)
        yield path


def _major_of(python: Path) -> str:
    command = [str(python), "-c", "import sys; print(sys.version_info[0])"]
    try:
        return subprocess.check_output(command, text=True).strip()  # noqa: S603 - the Python that the author names
    except (OSError, subprocess.CalledProcessError) as exc:
        raise ValueError(f"Python Path {str(python)!r} cannot be used: {exc}") from exc


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
