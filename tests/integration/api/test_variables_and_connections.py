"""`/api/v2/variables`, `/api/v2/connections` and `/api/v2/importErrors`."""

import json

import httpx
import pytest
from cryptography.fernet import Fernet

from tests.servers.api import ApiServer
from tests.servers.scene import Scene
from tradewind.db.secrets import SecretBox
from tradewind.service.secrets import fernet_key

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_variable_is_created_read_changed_and_removed(client: httpx.AsyncClient, dag_id: str) -> None:
    key = f"{dag_id}/with/slashes"
    created = await client.post("/api/v2/variables", json={"key": key, "value": "one", "description": "d"})
    twice = await client.post("/api/v2/variables", json={"key": key, "value": "two"})
    read = await client.get(f"/api/v2/variables/{key}")
    changed = await client.patch(f"/api/v2/variables/{key}", json={"key": key, "value": "three"})
    masked = await client.patch(
        f"/api/v2/variables/{key}",
        json={"key": key, "value": "x", "description": "e"},
        params={"update_mask": "description"},
    )
    removed = await client.delete(f"/api/v2/variables/{key}")
    gone = [await client.request(method, f"/api/v2/variables/{key}") for method in ("GET", "DELETE")]

    expected = {"key": key, "value": "one", "description": "d", "is_encrypted": True, "team_name": None}
    assert (created.status_code, created.json()) == (201, expected)
    assert (twice.status_code, twice.json()) == (409, {"detail": f"The variable {key!r} exists already"})
    assert read.json() == expected
    assert changed.json() == {**expected, "value": "three"}
    assert masked.json() == {**expected, "value": "three", "description": "e"}
    assert (removed.status_code, removed.content) == (204, b"")
    assert [answer.status_code for answer in gone] == [404, 404]


async def test_values_are_encrypted_at_rest(api: ApiServer, dag_id: str) -> None:
    await api.client.post("/api/v2/variables", json={"key": dag_id, "value": "plain"})

    stored = await api.database.fetch("SELECT value FROM variable WHERE key = $1", dag_id)
    assert b"plain" not in stored[0]["value"]


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("{}", '{"a":[1, "ü"]}', '{"a":[1, "ü"]}'),
        ("{}", {"a": "ü"}, '{\n  "a": "\\u00fc"\n}'),
        ("{}", "5", "5"),
        ("{}", 5, "5"),
        ("{}", None, "null"),
        ("{}_password", "s3cret", "***"),
        ("{}", {"user": "u", "deep": [{"api-key": "k"}]}, '{"user": "u", "deep": [{"api-key": "***"}]}'),
    ],
    ids=["json", "object", "text", "number", "nothing", "key", "inside"],  # no word that is masked: keys are made of it
)
async def test_values_are_text_or_json_and_masked_by_name(
    client: httpx.AsyncClient, dag_id: str, key: str, value: object, shown: str
) -> None:
    created = await client.post("/api/v2/variables", json={"key": key.format(dag_id), "value": value})

    assert created.status_code == 201, created.text
    assert created.json()["value"] == shown


async def test_variables_are_listed(client: httpx.AsyncClient, dag_id: str) -> None:
    for number in range(3):
        await client.post("/api/v2/variables", json={"key": f"{dag_id}_{number}", "value": str(number)})

    params = {"variable_key_prefix_pattern": dag_id, "order_by": "-key", "limit": "2"}
    page = (await client.get("/api/v2/variables", params=params)).json()

    assert [entry["value"] for entry in page["variables"]] == ["2", "1"]
    assert page["total_entries"] == 3


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"key": "k"}, 422),
        ({"value": "v"}, 422),
        ({"key": "k" * 251, "value": "v"}, 422),
        ({"key": "k", "value": "v", "more": 1}, 422),
        ({"key": "k", "value": "v", "team_name": "t"}, 422),
        ({"key": "nul\u0000", "value": "v"}, 422),
    ],
)
async def test_malformed_variables_are_refused(client: httpx.AsyncClient, body: object, status: int) -> None:
    assert (await client.post("/api/v2/variables", json=body)).status_code == status


async def test_a_variable_is_changed_under_its_own_key_only(client: httpx.AsyncClient, dag_id: str) -> None:
    body = {"key": dag_id, "value": "v"}

    assert (await client.patch("/api/v2/variables/other", json=body)).status_code == 400
    assert (await client.patch(f"/api/v2/variables/{dag_id}", json=body)).status_code == 404


async def test_a_connection_is_created_read_changed_and_removed(client: httpx.AsyncClient, dag_id: str) -> None:
    connection_id = dag_id[:150]
    path = f"/api/v2/connections/{connection_id}"
    body = {
        "connection_id": connection_id,
        "conn_type": "postgres",
        "host": "db",
        "login": "ada",
        "password": "s3cret",
        "schema": "public",
        "port": 5432,
        "extra": '{"sslmode": "require", "token": "t"}',
    }
    created = await client.post("/api/v2/connections", json=body)
    twice = await client.post("/api/v2/connections", json=body)
    change = {"connection_id": connection_id, "conn_type": "mysql", "host": "db2", "password": "***"}
    changed = await client.patch(path, json=change)
    masked = await client.patch(path, json={**change, "port": 1}, params={"update_mask": "port"})
    removed = await client.delete(path)

    expected = {
        **body,
        "description": None,
        "password": "***",
        "extra": '{"sslmode": "require", "token": "***"}',
        "team_name": None,
    }
    assert (created.status_code, created.json()) == (201, expected)
    assert twice.status_code == 409
    assert changed.json() == {**expected, "conn_type": "mysql", "host": "db2"}
    assert masked.json() == {**expected, "conn_type": "mysql", "host": "db2", "port": 1}
    assert removed.status_code == 204
    assert [(await client.request(method, path)).status_code for method in ("GET", "DELETE")] == [404, 404]
    assert (await client.patch(path, json=change)).status_code == 404


async def test_a_masked_password_is_not_stored(api: ApiServer, dag_id: str) -> None:
    connection_id = dag_id[:150]
    body = {"connection_id": connection_id, "conn_type": "http", "password": "s3cret"}
    await api.client.post("/api/v2/connections", json=body)
    before = await api.database.fetch("SELECT password FROM connection WHERE conn_id = $1", connection_id)

    await api.client.patch(f"/api/v2/connections/{connection_id}", json={**body, "password": "***"})

    after = await api.database.fetch("SELECT password FROM connection WHERE conn_id = $1", connection_id)
    assert before == after
    assert b"s3cret" not in after[0]["password"]


@pytest.mark.parametrize(
    "change",
    [
        {"connection_id": "with space"},
        {"connection_id": ""},
        {"conn_type": None},
        {"extra": "no json"},
        {"extra": "[1]"},
        {"port": 2**31},
        {"team_name": "t"},
        {"surprise": 1},
    ],
)
async def test_malformed_connections_are_refused(client: httpx.AsyncClient, change: dict[str, object]) -> None:
    body = {"connection_id": "c", "conn_type": "http", **change}

    assert (await client.post("/api/v2/connections", json=body)).status_code == 422


async def test_connections_are_listed(client: httpx.AsyncClient, dag_id: str) -> None:
    for number in range(3):
        await client.post("/api/v2/connections", json={"connection_id": f"{dag_id}_{number}", "conn_type": "http"})

    params = {"connection_id_pattern": f"{dag_id}_1|{dag_id}_2", "order_by": "-connection_id"}
    page = (await client.get("/api/v2/connections", params=params)).json()

    assert [entry["connection_id"] for entry in page["connections"]] == [f"{dag_id}_2", f"{dag_id}_1"]
    assert page["total_entries"] == 2


async def test_masked_secrets_of_an_extra_stay(api: ApiServer, dag_id: str) -> None:
    connection_id = dag_id[:150]
    path = f"/api/v2/connections/{connection_id}"
    body = {"connection_id": connection_id, "conn_type": "http"}
    secret = {"token": "t", "deep": [{"api_key": "k", "timeout": 1}], "gone": 1}
    await api.client.post("/api/v2/connections", json={**body, "extra": json.dumps(secret)})
    shown = json.loads((await api.client.get(path)).json()["extra"])
    shown["deep"][0]["timeout"] = 2
    del shown["gone"]

    await api.client.patch(path, json={**body, "extra": json.dumps(shown)})

    row = await api.database.fetch_row("SELECT extra FROM connection WHERE conn_id = $1", connection_id)
    assert row is not None
    stored = json.loads(SecretBox(fernet_key(api.settings)).decrypt(row["extra"]))
    assert stored == {"token": "t", "deep": [{"api_key": "k", "timeout": 2}]}


@pytest.mark.parametrize(
    ("noun", "body"),
    [
        ("variables", '{"key": "odd", "value": "\\ud800"}'),
        ("connections", '{"connection_id": "odd", "conn_type": "x", "password": "\\ud800"}'),
        ("connections", '{"connection_id": "odd", "conn_type": "x", "extra": ' + json.dumps("[" * 100_000) + "}"),
    ],
    ids=["half a character in a value", "in a password", "too deep an extra"],
)
async def test_what_is_no_text_or_no_json_is_refused(client: httpx.AsyncClient, noun: str, body: str) -> None:
    answer = await client.post(f"/api/v2/{noun}", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422, answer.text


async def test_what_lies_too_deep_to_be_looked_through_is_masked(client: httpx.AsyncClient, dag_id: str) -> None:
    value = "[" * 100_000 + "]" * 100_000
    created = await client.post("/api/v2/variables", json={"key": dag_id, "value": value})
    listed = await client.get("/api/v2/variables", params={"variable_key_prefix_pattern": dag_id})

    assert created.json()["value"] == listed.json()["variables"][0]["value"] == "***"


async def test_what_no_key_opens_can_be_seen_changed_and_removed(api: ApiServer, dag_id: str) -> None:
    path = f"/api/v2/variables/{dag_id}"
    await api.client.post("/api/v2/variables", json={"key": dag_id, "value": "v"})
    lost = SecretBox(Fernet.generate_key().decode()).encrypt("v")
    await api.database.fetch("UPDATE variable SET value = $2 WHERE key = $1", dag_id, lost)

    seen = await api.client.get(path)
    listed = await api.client.get("/api/v2/variables", params={"variable_key_prefix_pattern": dag_id})
    described = await api.client.patch(
        path, json={"key": dag_id, "value": "x", "description": "d"}, params={"update_mask": "description"}
    )
    kept = await api.database.fetch_value("SELECT value FROM variable WHERE key = $1", dag_id)
    changed = await api.client.patch(path, json={"key": dag_id, "value": "new"})

    assert (seen.status_code, seen.json()["value"], listed.json()["total_entries"]) == (200, None, 1)
    assert (described.json()["description"], kept) == ("d", lost)
    assert changed.json()["value"] == "new"
    await api.database.fetch("UPDATE variable SET value = $2 WHERE key = $1", dag_id, lost)
    assert (await api.client.delete(path)).status_code == 204


async def test_masked_values_stay(api: ApiServer, dag_id: str) -> None:
    whole, inside = f"{dag_id}_password", f"{dag_id}_settings"
    await api.client.post("/api/v2/variables", json={"key": whole, "value": "s3cret"})
    await api.client.post("/api/v2/variables", json={"key": inside, "value": {"token": "t", "size": 1}})

    for key, value in ((whole, "***"), (inside, {"token": "***", "size": 2})):
        body = {"key": key, "value": value, "description": "d"}
        assert (await api.client.patch(f"/api/v2/variables/{key}", json=body)).status_code == 200

    box = SecretBox(fernet_key(api.settings))
    rows = await api.database.fetch("SELECT value FROM variable WHERE key = ANY ($1) ORDER BY key", [whole, inside])
    assert box.decrypt(rows[0]["value"]) == "s3cret"
    assert json.loads(box.decrypt(rows[1]["value"])) == {"token": "t", "size": 2}


async def test_an_empty_extra_is_an_empty_object(client: httpx.AsyncClient, dag_id: str) -> None:
    body = {"connection_id": dag_id[:150], "conn_type": "http", "extra": ""}

    assert (await client.post("/api/v2/connections", json=body)).json()["extra"] == "{}"


async def test_a_mask_names_what_changes_of_what_was_given(client: httpx.AsyncClient, dag_id: str) -> None:
    path = f"/api/v2/variables/{dag_id}"
    await client.post("/api/v2/variables", json={"key": dag_id, "value": "one", "description": "d"})
    body = {"key": dag_id, "value": "two"}

    unchanged = await client.patch(path, json=body, params={"update_mask": "description"})
    immutable = await client.patch(path, json=body, params={"update_mask": ["key", "value"]})

    assert (unchanged.json()["value"], unchanged.json()["description"]) == ("one", "d")
    assert immutable.status_code == 400
    assert "key cannot be changed" in immutable.json()["detail"]


async def test_default_connections_are_created_where_they_are_missing(client: httpx.AsyncClient) -> None:
    mine = {"connection_id": "http_default", "conn_type": "http", "host": "mine"}
    await client.delete("/api/v2/connections/http_default")  # of another test
    await client.post("/api/v2/connections", json=mine)

    answers = [await client.post("/api/v2/connections/defaults") for _ in range(2)]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    kept, made = [(await client.get(f"/api/v2/connections/{name}_default")).json() for name in ("http", "postgres")]
    assert kept["host"] == "mine"
    assert (made["conn_type"], made["host"], made["login"], made["password"], made["schema"], made["port"]) == (
        *("postgres", "postgres", "postgres", "***", "airflow", None),
    )
    redis = (await client.get("/api/v2/connections/redis_default")).json()
    assert (redis["port"], redis["extra"]) == (6379, '{"db": 0}')
    ids = {"connection_id_pattern": "_default", "limit": "100"}
    assert (await client.get("/api/v2/connections", params=ids)).json()["total_entries"] >= 57
    for name in (await client.get("/api/v2/connections", params=ids)).json()["connections"]:
        await client.delete(f"/api/v2/connections/{name['connection_id']}")


async def test_import_errors_are_shown(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    await scene.break_file(f"{dag_id}/a.py", "Traceback: a\n")
    await scene.break_file(f"{dag_id}/b.py", "Traceback: b\n")

    params = {"filename_prefix_pattern": dag_id, "order_by": "-import_error_id"}
    page = (await client.get("/api/v2/importErrors", params=params)).json()
    one = (await client.get(f"/api/v2/importErrors/{page['import_errors'][0]['import_error_id']}")).json()

    assert [entry["filename"] for entry in page["import_errors"]] == [f"{dag_id}/b.py", f"{dag_id}/a.py"]
    assert one == page["import_errors"][0]
    assert (one["stack_trace"], one["bundle_name"]) == ("Traceback: b\n", "dags-folder")
    by_name = (await client.get("/api/v2/importErrors", params={"filename": f"{dag_id}/a.py"})).json()
    assert by_name["total_entries"] == 1
    assert (await client.get("/api/v2/importErrors/0")).status_code == 404
    assert (await client.get(f"/api/v2/importErrors/{2**70}")).status_code == 422


async def test_a_mended_file_has_no_import_error(client: httpx.AsyncClient, scene: Scene, dag_id: str) -> None:
    await scene.break_file(f"{dag_id}.py")
    await scene.write_file(f"{dag_id}.py", [])

    page = (await client.get("/api/v2/importErrors", params={"filename": f"{dag_id}.py"})).json()
    assert page == {"import_errors": [], "total_entries": 0}
