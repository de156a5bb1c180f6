"""API tokens: what they open, what is kept of them, how they end."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.integration.api.identity.conftest import NewPerson, Person, bearer
from tests.polling import poll_until
from tests.servers.api import ApiServer
from tradewind.api.identity.api_tokens import is_well_formed, new_api_token
from tradewind.service.clock import utc_now

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def made(client: httpx.AsyncClient, who: Person | None = None, /, **body: Any) -> dict[str, Any]:
    headers = None if who is None else who.headers
    answer = await client.post("/auth/tokens", json={"name": "a token", **body}, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_token_is_shown_once_and_kept_as_a_digest(api: ApiServer) -> None:
    token = await made(api.client, name="shown once")

    text = token.pop("token")
    assert is_well_formed(text)
    assert text.startswith(token["prefix"])
    assert len(token["prefix"]) < 10
    assert (await api.client.get(f"/auth/tokens/{token['id']}")).json() == token
    listed = await api.client.get("/auth/tokens", params={"name": "shown once"})
    assert listed.json() == {"tokens": [token], "total_entries": 1}
    [row] = await api.database.fetch("SELECT * FROM api_token WHERE id::text = $1", token["id"])
    assert len(row["token_hash"]) == 32
    assert text not in str(dict(row))
    assert text.encode() not in row["token_hash"]


async def test_a_token_is_its_user(client: httpx.AsyncClient, person: NewPerson) -> None:
    hers = await person("token_owner", "Op")
    token = await made(client, hers, name="hers")

    me = await client.get("/auth/me", headers=bearer(token["token"]))

    assert me.json() == {"username": "token_owner", "role": "Op", "via": "api_token", "scopes": None}
    await client.patch("/auth/users/token_owner", json={"role": "Viewer"})
    assert (await client.get("/auth/me", headers=bearer(token["token"]))).json()["role"] == "Viewer"


async def test_a_token_can_be_narrow(client: httpx.AsyncClient) -> None:
    body: dict[str, Any] = {"actions": ["read", "trigger_dag_run"], "dag_patterns": ["team_a_*", "shared"]}
    token = await made(client, **body)

    me = await client.get("/auth/me", headers=bearer(token["token"]))

    assert {key: token[key] for key in body} == body
    assert me.json()["scopes"] == body


async def test_a_revoked_token_opens_nothing_and_stays_in_the_list(client: httpx.AsyncClient) -> None:
    token = await made(client, name="revoked")
    assert (await client.get("/auth/me", headers=bearer(token["token"]))).status_code == 200

    assert (await client.delete(f"/auth/tokens/{token['id']}")).status_code == 204

    refused = await client.get("/auth/me", headers=bearer(token["token"]))
    assert (refused.status_code, "revoked" in refused.json()["detail"]) == (401, True)
    first = (await client.get(f"/auth/tokens/{token['id']}")).json()["revoked_at"]
    assert (await client.delete(f"/auth/tokens/{token['id']}")).status_code == 204
    assert first == (await client.get(f"/auth/tokens/{token['id']}")).json()["revoked_at"]


async def test_a_token_expires(api: ApiServer) -> None:
    token = await made(api.client, expires_at=(utc_now() + timedelta(hours=1)).isoformat())
    assert (await api.client.get("/auth/me", headers=bearer(token["token"]))).status_code == 200
    past = (utc_now() - timedelta(seconds=1)).isoformat()
    over = await api.client.post("/auth/tokens", json={"name": "over", "expires_at": past})
    assert (over.status_code, "over already" in over.json()["detail"]) == (422, True)

    other = await made(api.client)
    await api.database.fetch("UPDATE api_token SET expires_at = now() WHERE id::text = $1", other["id"])

    refused = await api.client.get("/auth/me", headers=bearer(other["token"]))
    assert (refused.status_code, "expired" in refused.json()["detail"]) == (401, True)


@pytest.mark.parametrize("change", ["", "x", "0"])
async def test_a_token_that_was_cut_short_or_changed_is_refused(client: httpx.AsyncClient, change: str) -> None:
    text = (await made(client))["token"]

    for wrong in (text[:-1] + change, text[:10] + change + text[11:], "tw_" + change):
        if wrong != text:
            refused = await client.get("/auth/me", headers=bearer(wrong))
            assert (refused.status_code, "mistyped" in refused.json()["detail"]) == (403, True)


async def test_a_token_that_nobody_was_given_is_refused(client: httpx.AsyncClient) -> None:
    refused = await client.get("/auth/me", headers=bearer(new_api_token()))

    assert (refused.status_code, "not known" in refused.json()["detail"]) == (403, True)


async def test_tokens_make_no_tokens_and_narrow_ones_manage_nobody(client: httpx.AsyncClient) -> None:
    wide, narrow = await made(client), await made(client, actions=["create_user", "create_api_token", "read"])

    async def status(token: dict[str, Any], method: str, path: str, **body: Any) -> int:
        headers = bearer(token["token"])
        return (await client.request(method, path, json=body or None, headers=headers)).status_code

    assert await status(wide, "POST", "/auth/tokens", name="more") == 403
    assert await status(narrow, "POST", "/auth/tokens", name="more") == 403
    new = {"username": "by_token", "password": "long enough to pass", "role": "Admin"}
    assert await status(narrow, "POST", "/auth/users", **new) == 403
    assert await status(narrow, "DELETE", f"/auth/tokens/{wide['id']}") == 403
    assert await status(wide, "GET", "/auth/users") == 200


async def test_people_see_and_end_their_own_only(client: httpx.AsyncClient, person: NewPerson) -> None:
    his, hers = await person("token_his", "Op"), await person("token_hers", "Viewer")
    token = await made(client, hers)

    assert (await client.get("/auth/tokens", headers=his.headers)).json() == {"tokens": [], "total_entries": 0}
    assert (await client.get(f"/auth/tokens/{token['id']}", headers=his.headers)).status_code == 404
    assert (await client.delete(f"/auth/tokens/{token['id']}", headers=his.headers)).status_code == 404
    others = await client.get("/auth/tokens", params={"username": "token_hers"}, headers=his.headers)
    assert others.status_code == 403
    for_her = await client.post("/auth/tokens", json={"name": "x", "username": "token_hers"}, headers=his.headers)
    assert for_her.status_code == 403
    by_admin = await client.get("/auth/tokens", params={"username": "token_hers"})
    assert [each["id"] for each in by_admin.json()["tokens"]] == [token["id"]]
    assert (await made(client, username="token_hers"))["username"] == "token_hers"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"actions": ["trigger_dagrun"]}, 422, "no action 'trigger_dagrun'"),
        ({"actions": []}, 422, "too_short"),
        ({"dag_patterns": [""]}, 422, "string_too_short"),
        ({"name": ""}, 422, "string_too_short"),
        ({"username": "nobody"}, 404, "'nobody' was not found"),
        ({"expires_at": "2030-01-01T00:00:00"}, 422, "timezone_aware"),
    ],
)
async def test_what_cannot_be_a_token_is_explained(
    client: httpx.AsyncClient, body: dict[str, Any], status: int, said: str
) -> None:
    answer = await client.post("/auth/tokens", json={"name": "a token", **body})

    assert (answer.status_code, said in answer.text) == (status, True)


async def test_what_one_process_revokes_others_refuse(api: ApiServer, other: ApiServer) -> None:
    """Without anybody telling them."""
    token = await made(api.client)
    assert (await other.client.get("/auth/me", headers=bearer(token["token"]))).status_code == 200
    assert (await api.client.delete(f"/auth/tokens/{token['id']}")).status_code == 204

    async def refused() -> bool:
        answer = await other.client.get("/auth/me", headers=bearer(token["token"]))
        return answer.status_code == 401

    await poll_until(refused)
