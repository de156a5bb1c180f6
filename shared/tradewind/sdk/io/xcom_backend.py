"""An XCom backend that keeps large values as files in an object store, and small ones in Tradewind's own tables.

Settings, as those of Airflow's: `[common.io] xcom_objectstorage_path` (where to), `xcom_objectstorage_threshold` (bytes
of JSON from which a value is large; -1: none is, 0: all are), `xcom_objectstorage_compression` (of fsspec: `gzip` …).
"""

import json
from typing import Any
from uuid import uuid4

from tradewind.sdk.configuration import conf
from tradewind.sdk.exceptions import AirflowConfigException
from tradewind.sdk.io.path import ObjectStoragePath
from tradewind.sdk.xcom import BaseXCom, stored_text

SECTION = "common.io"


class XComObjectStorageBackend(BaseXCom):
    """`AIRFLOW__CORE__XCOM_BACKEND=tradewind.sdk.io.xcom_backend.XComObjectStorageBackend`."""

    @staticmethod
    def serialize_value(
        value: Any,
        *,
        key: str | None = None,
        task_id: str | None = None,
        dag_id: str | None = None,
        run_id: str | None = None,
        map_index: int | None = None,
    ) -> Any:
        """The value itself, or the place of the file that holds it."""
        form = BaseXCom.serialize_value(value)
        text = stored_text(form)
        threshold = conf.getint(SECTION, "xcom_objectstorage_threshold", fallback=-1)
        if threshold < 0 or len(text) < threshold:
            return form
        compression = _compression()
        suffix = f".{_suffix(compression)}" if compression else ""
        names = [name for name in (dag_id, run_id, task_id) if name]
        file = _base().joinpath(*names, f"{uuid4()}{suffix}")
        file.fs.makedirs(file.parent.path, exist_ok=True)
        with file.open("wb", compression=compression) as sink:
            sink.write(text)
        return BaseXCom.serialize_value(str(file))

    @staticmethod
    def deserialize_value(result: Any) -> Any:
        """The value itself, or what the file at the place holds."""
        value = BaseXCom.deserialize_value(result)
        file = _file_of(value)
        if file is None:
            return value
        with file.open("rb", compression="infer") as source:
            stored = json.loads(source.read())
        return BaseXCom.deserialize_value(_Held(stored))

    @classmethod
    def purge(cls, xcom: Any, *args: Any) -> None:
        """Remove the file, if the value is in one."""
        file = _file_of(BaseXCom.deserialize_value(xcom))
        if file is not None:
            file.unlink(missing_ok=True)


class _Held:
    def __init__(self, value: Any) -> None:
        self.value = value


def _base() -> ObjectStoragePath:
    path = conf.get(SECTION, "xcom_objectstorage_path", fallback=None)
    if not path:
        raise AirflowConfigException(f"[{SECTION}] xcom_objectstorage_path has to say where large XComs are kept")
    return ObjectStoragePath(path)


def _compression() -> str | None:
    return conf.get(SECTION, "xcom_objectstorage_compression", fallback=None) or None


def _suffix(compression: str) -> str:
    from fsspec.utils import compressions  # pyright: ignore[reportMissingTypeStubs] - the library is untyped

    for suffix, name in compressions.items():
        if name == compression:
            return suffix
    raise AirflowConfigException(f"[{SECTION}] xcom_objectstorage_compression: {compression!r} is unknown")


def _file_of(value: Any) -> ObjectStoragePath | None:
    """The file behind a text that is a place under the configured path; None for any other value."""
    if not isinstance(value, str) or not conf.get(SECTION, "xcom_objectstorage_path", fallback=None):
        return None
    return ObjectStoragePath(value) if value.startswith(f"{_base()}/") else None
