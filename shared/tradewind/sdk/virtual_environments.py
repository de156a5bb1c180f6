"""Making virtual environments, and the script that calls one function in another Python."""

import os
import shutil
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.subprocess import SubprocessHook

_SCRIPT: Final = """\
from __future__ import annotations

import datetime as _tradewind_datetime
import os as _tradewind_os
import sys
import {serializer} as _tradewind_serializer

virtualenv_string_args = []


def _tradewind_is_given(place):
    path = sys.argv[place] if len(sys.argv) > place else ""
    return _tradewind_os.path.isfile(path) and _tradewind_os.path.getsize(path) > 0


def _tradewind_dates(value, make):
    if type(value) is dict:
        return {{key: _tradewind_dates(item, make) for key, item in value.items()}}
    if type(value) in (list, tuple):
        return type(value)([_tradewind_dates(item, make) for item in value])
    return make(value)


try:
    import pendulum as _tradewind_pendulum
except ImportError:
    def _tradewind_to_pendulum(value):
        return value
    _tradewind_to_native = _tradewind_to_pendulum
else:
    def _tradewind_to_pendulum(value):
        is_aware = type(value) is _tradewind_datetime.datetime and value.tzinfo
        return _tradewind_pendulum.instance(value) if is_aware else value

    def _tradewind_to_native(value):
        if not isinstance(value, _tradewind_pendulum.DateTime):
            return value
        return _tradewind_datetime.datetime.fromisoformat(value.isoformat())

if _tradewind_is_given(3):
    with open(sys.argv[3]) as _tradewind_file:
        virtualenv_string_args = [_tradewind_line.strip() for _tradewind_line in _tradewind_file]

{taking_over}
{source}

_tradewind_call = {{"args": [], "kwargs": {{}}}}
if _tradewind_is_given(1):
    with open(sys.argv[1], "rb") as _tradewind_file:
        _tradewind_call = _tradewind_serializer.load(_tradewind_file)
_tradewind_call = _tradewind_dates(_tradewind_call, _tradewind_to_pendulum)
try:
    _tradewind_result = {name}(*_tradewind_call["args"], **_tradewind_call["kwargs"])
except Exception as _tradewind_error:
    if len(sys.argv) > 4:
        with open(sys.argv[4], "w") as _tradewind_file:
            _tradewind_file.write(str(_tradewind_error))
    raise
with open(sys.argv[2], "wb") as _tradewind_file:
    if _tradewind_result is not None:
        _tradewind_serializer.dump(_tradewind_dates(_tradewind_result, _tradewind_to_native), _tradewind_file)
"""
"""Its arguments name files: the call, its result, lines of text, and what it says when it fails. Dates travel as plain
datetimes: the two Pythons need not have one version of pendulum, nor any."""


_TAKING_OVER: Final = """\
try:
    from tradewind.task_runner.attempt.foreign import speak_for_task as _tradewind_speak_for_task
except ImportError:
    pass
else:
    _tradewind_speak_for_task()
"""
"""Where Tradewind is installed there, too."""


def write_python_script(
    jinja_context: Mapping[str, Any], filename: str, render_template_as_native_obj: bool = False
) -> None:
    """Write the script for a function: `python_callable` (its name), `python_callable_source` and `pickling_library`
    among the values of `jinja_context`; with `expect_airflow`, one that names airflow
    finds Tradewind and speaks for the task."""
    source: str = jinja_context["python_callable_source"]
    asks_airflow = bool(jinja_context.get("expect_airflow")) and ("airflow" in source or "tradewind" in source)
    text = _SCRIPT.format(
        taking_over=_TAKING_OVER if asks_airflow else "",
        serializer=jinja_context["pickling_library"],
        source=source,
        name=jinja_context["python_callable"],
    )
    Path(filename).write_text(text, encoding="utf-8")


def prepare_virtualenv(
    venv_directory: str,
    python_bin: str,
    system_site_packages: bool,
    requirements: Sequence[str] | None = None,
    requirements_file_path: str | None = None,
    pip_install_options: Sequence[str] | None = None,
    index_urls: Collection[str] | None = None,
) -> str:
    """Make an environment with uv or pip, as the setting `standard.venv_install_method` says; the path of its Python.
    No index URLs (None) = the system's own; an empty list = none at all. Raises AirflowException."""
    if requirements is not None and requirements_file_path is not None:
        raise ValueError("Either requirements OR requirements_file_path has to be passed, but not both")
    python = str(Path(venv_directory) / "bin" / "python")
    options = ["--system-site-packages"] if system_site_packages else []
    uv = _uv()
    env = {**os.environ, **_index(index_urls)}
    if uv:
        _run([uv, "venv", "--allow-existing", "--seed", "--python", python_bin, *options, venv_directory], env)
    else:
        _run([python_bin, "-m", "venv", *options, venv_directory], env)
    wanted = ["-r", requirements_file_path] if requirements_file_path else list(requirements or ())
    if wanted:
        pip = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
        _run([*pip, *(pip_install_options or ()), *wanted], env)
    return python


def interpreter(version: str | None) -> str:
    """The Python of a version, on the search path; without one, the one that runs this."""
    return f"python{version}" if version else sys.executable


def _uv() -> str | None:
    from tradewind.sdk.configuration import conf

    method = str(conf.get("standard", "venv_install_method", fallback="auto")).lower()
    return "uv" if method == "uv" else shutil.which("uv") if method == "auto" else None


def _index(urls: Collection[str] | None) -> dict[str, str]:
    """What tells pip and uv where to look: in the environment, where no log shows a password."""
    if urls is None:
        return {}
    if not urls:
        return {"PIP_NO_INDEX": "1", "UV_NO_INDEX": "1"}
    first, *others = urls
    rest = " ".join(others)
    return {"PIP_INDEX_URL": first, "PIP_EXTRA_INDEX_URL": rest, "UV_DEFAULT_INDEX": first, "UV_INDEX": rest}


def _run(command: list[str], env: Mapping[str, str]) -> None:
    try:
        exit_code = SubprocessHook().run_command(command, env=env, cwd="/").exit_code
    except FileNotFoundError as exc:
        raise AirflowException(f"the virtual environment cannot be made: there is no program {command[0]!r}") from exc
    if exit_code != 0:
        raise AirflowException(
            f"the virtual environment cannot be made: {Path(command[0]).name} exited with {exit_code}; see above"
        )
