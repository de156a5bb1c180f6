"""Secrets on the command line: for whoever has the database."""

import json
from pathlib import Path

from tests.integration.cli.test_commands import DATABASE_URL, tradewind


def test_who_has_the_database_sees_secrets(database_url: str, tmp_path: Path) -> None:
    settings = {DATABASE_URL: database_url, "TRADEWIND__HOME": str(tmp_path)}

    added = tradewind("connections", "add", "c", "--conn-uri", "http://u:p%40@h", **settings)
    exported = tradewind("connections", "export", "-", **settings)

    assert (added.returncode, exported.returncode, exported.stderr) == (0, 0, "")
    assert json.loads(exported.stdout)["c"]["password"] == "p@"
