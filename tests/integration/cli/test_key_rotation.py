"""`tradewind rotate-fernet-key`."""

from collections.abc import Sequence

from cryptography.fernet import Fernet

from tests.integration.cli.test_commands import tradewind
from tradewind.db.api.kept import CONNECTIONS, VARIABLES
from tradewind.db.pool import Database, open_pool
from tradewind.db.secrets import SecretBox

FIELDS = dict.fromkeys(CONNECTIONS.columns)


async def _store(database: Database, box: SecretBox, count: int) -> None:
    variables = [
        {"key": f"v{number:04d}", "value": box.encrypt(f"value {number}"), "description": None}
        for number in range(count)
    ]
    connections = [
        {**FIELDS, "conn_id": "c", "conn_type": "x", "password": box.encrypt("pw")},
        {**FIELDS, "conn_id": "empty", "conn_type": "x"},
    ]
    assert await VARIABLES.write_new(database, variables) == count
    assert await CONNECTIONS.write_new(database, connections) == 2


async def _tokens(database: Database) -> Sequence[bytes]:
    sql = "SELECT value FROM variable UNION ALL SELECT password FROM connection WHERE password IS NOT NULL"
    return [row["value"] for row in await database.fetch(sql)]


async def test_all_secrets_get_the_first_key(database_url: str) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    async with open_pool(database_url, 1) as database:
        await _store(database, SecretBox(old), 501)
        settings = {"TRADEWIND__DATABASE__URL": database_url, "TRADEWIND__CORE__FERNET_KEY": f"{new},{old}"}

        done = tradewind("rotate-fernet-key", **settings)

        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "Encrypted 501 variables, 2 connections and 0 webhooks with the first key.\n"
        texts = [SecretBox(new).decrypt(token) for token in await _tokens(database)]
        assert sorted(texts) == sorted(["pw", *(f"value {number}" for number in range(501))])


async def test_secret_of_no_known_key_is_named(database_url: str) -> None:
    async with open_pool(database_url, 1) as database:
        await _store(database, SecretBox(Fernet.generate_key().decode()), 1)
        before = await _tokens(database)
        settings = {
            "TRADEWIND__DATABASE__URL": database_url,
            "TRADEWIND__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        }

        done = tradewind("rotate-fernet-key", **settings)

        assert done.returncode == 2
        assert "variable 'v0000': a stored secret was encrypted with a key that" in done.stderr
        assert await _tokens(database) == before
