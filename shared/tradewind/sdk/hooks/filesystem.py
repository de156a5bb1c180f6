"""A hook for files: a connection whose extra holds the base path."""

from pathlib import Path

from tradewind.sdk.hook import BaseHook


class FSHook(BaseHook):
    """Where files of a connection lie. The connection need not exist: its base path is the root folder then."""

    conn_name_attr = "fs_conn_id"
    default_conn_name = "fs_default"
    conn_type = "fs"
    hook_name = "File (path)"

    def __init__(self, fs_conn_id: str = default_conn_name, **kwargs: object) -> None:
        super().__init__()
        self.conn_id = fs_conn_id

    def get_conn(self) -> None:
        """There is nothing to connect to."""

    @property
    def basepath(self) -> str:
        """What the connection's extra says under `path`."""
        from tradewind.sdk.exceptions import AirflowNotFoundException

        try:
            connection = self.get_connection(self.conn_id)
        except AirflowNotFoundException:
            if self.conn_id != self.default_conn_name:
                raise
            return "/"
        return str(connection.extra_dejson.get("path", "") or "/")

    def get_path(self) -> str:
        """The base path."""
        return self.basepath

    def test_connection(self) -> tuple[bool, str]:
        """Whether there is a base path that exists, and what to tell people."""
        path = Path(self.get_path())
        return path.exists(), f"{path} exists" if path.exists() else f"{path} does not exist"
