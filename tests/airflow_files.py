"""Files out of Airflow's wheels, as input for tests: fetched from the package index when first wanted, kept in
`.cache/`, never part of this repository."""

import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath
from typing import Final

CACHE: Final = Path(__file__).parents[1] / ".cache"
_DISTRIBUTIONS: Final = {
    "airflow/providers/standard/": ("apache-airflow-providers-standard", "1.21.0"),
    "airflow/": ("apache-airflow-core", "3.3.2"),
}
"""Beginning of a path inside a wheel → the wheel; the longest fits first."""
_PROVIDERS: Final = {
    "apache-airflow-providers-common-compat": "1.23.0",
    "apache-airflow-providers-common-sql": "2.4.0",
    "apache-airflow-providers-http": "6.3.0",
    "apache-airflow-providers-postgres": "7.1.1",
    "apache-airflow-providers-sqlite": "4.3.4",
}
"""Provider packages of other people, in versions that go with Airflow 3.3.2."""
_TIMEOUT_SECONDS: Final = 300


def airflow_file(path: str) -> Path:
    """A copy of the file at this path inside its wheel, e.g. `airflow/example_dags/tutorial_dag.py`. Raises
    RuntimeError, saying what failed, if the wheel cannot be had."""
    name, version = next(wheel for prefix, wheel in _DISTRIBUTIONS.items() if path.startswith(prefix))
    target = CACHE / "airflow_files" / f"{name}-{version}" / PurePosixPath(path)
    if not target.is_file():
        with zipfile.ZipFile(_wheel(name, version)) as wheel:
            data = wheel.read(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        partial.write_bytes(data)
        partial.replace(target)
    return target


def airflow_tree(prefix: str, into: Path) -> list[Path]:
    """Every file below this folder of its wheel, e.g. `airflow/example_dags/`, copied to the same path below `into`."""
    name, version = next(wheel for beginning, wheel in _DISTRIBUTIONS.items() if prefix.startswith(beginning))
    with zipfile.ZipFile(_wheel(name, version)) as wheel:
        return [Path(wheel.extract(path, into)) for path in wheel.namelist() if path.startswith(prefix)]


def install_providers(target: Path) -> None:
    """Install the provider packages into a folder, without what they depend on: `pip install --no-deps --target`."""
    wheels = [str(_wheel(name, version)) for name, version in _PROVIDERS.items()]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*command, *wheels], check=True, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS)


def _wheel(name: str, version: str) -> Path:
    folder = CACHE / "wheels"
    pattern = f"{name.replace('-', '_')}-{version}-*.whl"
    found = sorted(folder.glob(pattern))
    if not found:
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        done = subprocess.run(
            [*command, "--dest", str(folder), f"{name}=={version}"],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        found = sorted(folder.glob(pattern))
        if not found:
            raise RuntimeError(
                f"{name} {version} cannot be fetched with `pip download`, which these tests need once:\n{done.stderr}"
            )
    return found[0]
