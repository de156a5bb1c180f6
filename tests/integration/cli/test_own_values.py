"""Secrets on the command line: for whoever has the database."""

import json
from pathlib import Path

from cryptography.fernet import Fernet

from tests.integration.cli.test_commands import DATABASE_URL, tradewind
from tradewind.db.api.kept import CONNECTIONS
from tradewind.db.pool import open_pool
from tradewind.db.secrets import SecretBox


async def test_who_has_the_database_sees_secrets(database_url: str, tmp_path: Path) -> None:
    key = Fernet.generate_key().decode()
    row = {**dict.fromkeys(CONNECTIONS.columns), "conn_id": "c", "conn_type": "http"}
    async with open_pool(database_url, 1) as database:
        await CONNECTIONS.write_new(database, [{**row, "password": SecretBox(key).encrypt("p@")}])
    settings = {
        DATABASE_URL: database_url,
        "TRADEWIND__HOME": str(tmp_path),
        "TRADEWIND__CORE__FERNET_KEY": key,
    }

    exported = tradewind("connections", "export", "-", **settings)

    assert (exported.returncode, exported.stderr) == (0, "")
    assert json.loads(exported.stdout)["c"]["password"] == "p@"
