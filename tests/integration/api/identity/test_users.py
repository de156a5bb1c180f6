"""Users over REST: made, changed, shut out, and what that does to those who are logged in."""

from typing import Any

import httpx
import pytest

from tests.integration.api.identity.conftest import PASSWORD, NewPerson, bearer, token_of
from tests.servers.api import ApiServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

NEW = {"username": "grace", "password": PASSWORD, "role": "Op", "first_name": "Grace", "email": "grace@example.org"}


async def test_a_user_is_made_shown_listed_and_removed(client: httpx.AsyncClient) -> None:
    made = await client.post("/auth/users", json=NEW)

    assert made.status_code == 201
    shown = made.json()
    assert {key: shown[key] for key in ("username", "role", "first_name", "last_name", "email")} == {
        "username": "grace",
        "role": "Op",
        "first_name": "Grace",
        "last_name": "",
        "email": "grace@example.org",
    }
    assert (shown["is_active"], shown["has_password"], shown["external_id"]) == (True, True, None)
    assert not {"password", "password_hash", "credentials_id"} & set(shown)
    assert (await client.get("/auth/users/grace")).json() == shown
    page = (await client.get("/auth/users", params={"username_pattern": "GRAC", "role": "Op"})).json()
    assert page == {"users": [shown], "total_entries": 1}
    assert (await client.get("/auth/users", params={"username_pattern": "grac", "is_active": False})).json()[
        "users"
    ] == []
    assert (await client.post("/auth/users", json=NEW)).status_code == 409
    assert (await client.delete("/auth/users/grace")).status_code == 204
    assert (await client.get("/auth/users/grace")).status_code == 404
    assert (await client.delete("/auth/users/grace")).status_code == 404


async def test_users_come_in_the_order_asked_for(client: httpx.AsyncClient, person: NewPerson) -> None:
    for name, role in (("order_b", "Viewer"), ("order_a", "User"), ("order_c", "User")):
        await person(name, role)

    async def names(order: str) -> list[str]:
        answer = await client.get("/auth/users", params={"username_pattern": "order_", "order_by": order})
        return [user["username"] for user in answer.json()["users"]]

    assert await names("-username") == ["order_c", "order_b", "order_a"]
    assert await names("role") == ["order_a", "order_c", "order_b"]
    second = await client.get("/auth/users", params={"username_pattern": "order_", "limit": 1, "offset": 1})
    assert ([user["username"] for user in second.json()["users"]], second.json()["total_entries"]) == (["order_b"], 3)
    wrong = await client.get("/auth/users", params={"order_by": "password_hash"})
    assert (wrong.status_code, "only by: username" in wrong.json()["detail"]) == (400, True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"password": "short"}, "at least 8 characters"),
        ({"password": "aaaaaaaaaaaaaaaa"}, "repeats the same few"),
        ({"username": "hopper1906", "password": "Hopper1906!"}, "hardly more than the user's name"),
        ({"username": "anonymous"}, "whoever has not logged in"),
        ({"username": "a b"}, "string_pattern_mismatch"),
        ({"username": "a/b"}, "string_pattern_mismatch"),
        ({"username": ""}, "string_too_short"),
        ({"role": "admin"}, "literal_error"),
        ({"role": "Superuser"}, "literal_error"),
        ({"password_hash": "x"}, "extra_forbidden"),
    ],
)
async def test_what_cannot_be_a_user_is_explained(client: httpx.AsyncClient, change: dict[str, str], said: str) -> None:
    answer = await client.post("/auth/users", json={**NEW, "username": "nobody_yet", **change})

    assert answer.status_code == 422
    assert said in answer.text


async def test_a_changed_role_counts_for_who_is_logged_in(client: httpx.AsyncClient, person: NewPerson) -> None:
    her = await person("changed_role", "Viewer")
    assert (await client.get("/auth/me", headers=her.headers)).json()["role"] == "Viewer"
    assert (await client.get("/auth/users", headers=her.headers)).status_code == 403

    answer = await client.patch("/auth/users/changed_role", json={"role": "Admin", "last_name": "Doe"})

    assert (answer.status_code, answer.json()["role"], answer.json()["last_name"]) == (200, "Admin", "Doe")
    assert (await client.get("/auth/me", headers=her.headers)).json() == {
        "username": "changed_role",
        "role": "Admin",
        "via": "password_token",
        "scopes": None,
    }
    assert (await client.get("/auth/users", headers=her.headers)).status_code == 200


async def test_a_deactivated_user_is_out_until_activated_again(client: httpx.AsyncClient, person: NewPerson) -> None:
    his = await person("deactivated", "User")
    token = await client.post("/auth/tokens", json={"name": "his"}, headers=his.headers)

    async def statuses() -> list[int]:
        login = {"username": "deactivated", "password": PASSWORD}
        return [
            (await client.get("/auth/me", headers=his.headers)).status_code,
            (await client.get("/auth/me", headers=bearer(token.json()["token"]))).status_code,
            (await client.post("/auth/token", json=login)).status_code,
        ]

    assert await statuses() == [200, 200, 201]
    await client.patch("/auth/users/deactivated", json={"is_active": False})
    assert await statuses() == [401, 401, 401]
    await client.patch("/auth/users/deactivated", json={"is_active": True})
    assert await statuses() == [200, 200, 201]


async def test_a_user_made_again_is_somebody_else(client: httpx.AsyncClient, person: NewPerson) -> None:
    before = await person("twice", "Viewer")
    assert (await client.delete("/auth/users/twice")).status_code == 204
    assert (await client.get("/auth/me", headers=before.headers)).status_code == 401

    after = await person("twice", "Viewer")

    assert (await client.get("/auth/me", headers=before.headers)).status_code == 401
    assert (await client.get("/auth/me", headers=after.headers)).status_code == 200


async def test_another_password_ends_all_logins_with_the_old_one(client: httpx.AsyncClient, person: NewPerson) -> None:
    his = await person("forgot", "User")

    answer = await client.put("/auth/users/forgot/password", json={"password": "a wholly other one"})

    assert answer.status_code == 204
    assert (await client.get("/auth/me", headers=his.headers)).status_code == 401
    old = await client.post("/auth/token", json={"username": "forgot", "password": PASSWORD})
    assert old.status_code == 401
    assert await token_of(client, "forgot", "a wholly other one")


async def test_people_change_their_own_password_by_the_present_one(
    client: httpx.AsyncClient, person: NewPerson
) -> None:
    hers = await person("own_password", "Viewer")

    async def put(**body: str) -> int:
        answer = await client.put("/auth/users/own_password/password", json=body, headers=hers.headers)
        return answer.status_code

    assert await put(password="something quite new") == 400
    assert await put(password="something quite new", current_password="wrong") == 401
    assert await put(password="short", current_password=PASSWORD) == 422
    assert await put(password="something quite new", current_password=PASSWORD) == 204
    assert await token_of(client, "own_password", "something quite new")
    others = await client.put(
        "/auth/users/ada/password", json={"password": "x" * 20, "current_password": PASSWORD}, headers=hers.headers
    )
    assert others.status_code == 401  # the login of before has ended


async def test_nobody_but_an_admin_manages_users(client: httpx.AsyncClient, person: NewPerson) -> None:
    await person("managed", "Viewer")
    calls: list[tuple[str, str, dict[str, Any] | None]] = [
        ("GET", "/auth/users", None),
        ("POST", "/auth/users", NEW),
        ("GET", "/auth/users/managed", None),
        ("PATCH", "/auth/users/managed", {"role": "Admin"}),
        ("DELETE", "/auth/users/managed", None),
        ("PUT", "/auth/users/managed/password", {"password": PASSWORD}),
    ]
    for role in ("Op", "User", "Viewer", "Public"):
        who = await person(f"not_admin_{role}", role)
        statuses = [
            (await client.request(method, path, json=body, headers=who.headers)).status_code
            for method, path, body in calls
        ]
        assert statuses == [403] * len(calls)
    assert (await client.get("/auth/users/managed")).json()["role"] == "Viewer"


async def test_the_last_admin_stays(api: ApiServer, person: NewPerson) -> None:
    answer = await api.client.get("/auth/users", params={"role": "Admin", "is_active": True})
    for user in answer.json()["users"]:
        if user["username"] != "ada":
            await api.client.patch(f"/auth/users/{user['username']}", json={"role": "Viewer"})

    for method, body in (("PATCH", {"role": "Op"}), ("PATCH", {"is_active": False}), ("DELETE", None)):
        refused = await api.client.request(method, "/auth/users/ada", json=body)
        assert (refused.status_code, "only active Admin" in refused.json()["detail"]) == (409, True)
    other = await person("other_admin", "Admin")
    assert (await api.client.patch("/auth/users/ada", json={"is_active": False})).status_code == 200
    back = await api.client.patch("/auth/users/ada", json={"is_active": True}, headers=other.headers)
    assert back.status_code == 200


async def test_the_settings_password_is_changed_in_the_settings(client: httpx.AsyncClient) -> None:
    answer = await client.put("/auth/users/ada/password", json={"password": PASSWORD})

    assert answer.status_code == 409
    assert "TRADEWIND__API__ADMIN_PASSWORD" in answer.json()["detail"]


async def test_a_change_of_nobody_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await client.patch("/auth/users/nobody", json={"role": "Op"})).status_code == 404
    assert (await client.put("/auth/users/nobody/password", json={"password": PASSWORD})).status_code == 404
