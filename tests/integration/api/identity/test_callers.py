"""Who was recognised is remembered: as long as somebody watches for changes, and no longer."""

import asyncio
from datetime import datetime

import pytest
from prometheus_client import CollectorRegistry

from tests.integration.api.identity.conftest import NewPerson
from tests.servers.api import ApiServer
from tradewind.api.errors import Forbidden
from tradewind.api.identity import callers as module
from tradewind.api.identity.callers import Callers
from tradewind.db.api.identity.users import UserChange, change_user
from tradewind.service.clock import utc_now
from tradewind.service.metrics import Telemetry

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def callers(api: ApiServer) -> Callers:
    """Of a process that nobody has watch yet."""
    telemetry = Telemetry(CollectorRegistry(), service="api")
    return Callers(database=api.database, signer=api.signer, clock=utc_now, settings=api.settings, telemetry=telemetry)


async def unnoted_role(api: ApiServer, username: str, role: str) -> None:
    """Change a role behind everybody's back, without the number by which others learn of it."""
    await api.database.fetch("UPDATE app_user SET role = $2 WHERE username = $1", username, role)


async def test_without_a_watch_each_request_asks(api: ApiServer, callers: Callers, person: NewPerson) -> None:
    who = await person("not_watched", "Viewer")
    assert (await callers.by_token(who.token)).role == "Viewer"

    await unnoted_role(api, "not_watched", "Op")

    assert (await callers.by_token(who.token)).role == "Op"


async def test_with_a_watch_no_request_asks_until_something_has_changed(
    api: ApiServer, callers: Callers, person: NewPerson
) -> None:
    who = await person("watched", "Viewer")
    await callers.watch()
    assert (await callers.by_token(who.token)).role == "Viewer"

    await unnoted_role(api, "watched", "Op")
    await callers.watch()
    assert (await callers.by_token(who.token)).role == "Viewer"

    await change_user(api.database, "watched", UserChange(email="x"))
    await callers.watch()
    assert (await callers.by_token(who.token)).role == "Op"


async def test_a_watch_that_is_not_answered_is_not_trusted(
    api: ApiServer, callers: Callers, person: NewPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = await person("once_watched", "Viewer")
    await callers.watch()
    assert (await callers.by_token(who.token)).role == "Viewer"
    await unnoted_role(api, "once_watched", "Op")

    monkeypatch.setattr(module, "TRUST_SECONDS", -1.0)

    assert (await callers.by_token(who.token)).role == "Op"


async def test_no_more_are_remembered_than_the_limit(
    api: ApiServer, callers: Callers, person: NewPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    await callers.watch()
    people = [await person(f"remembered_{number}", "Viewer") for number in range(3)]
    for each in people:
        await callers.by_token(each.token)

    for each in people:
        await unnoted_role(api, each.username, "Op")

    assert [(await callers.by_token(each.token)).role for each in people[1:]] == ["Viewer", "Viewer"]
    assert (await callers.by_token(people[0].token)).role == "Op"


async def test_what_is_refused_is_not_remembered(callers: Callers) -> None:
    await callers.watch()
    for _ in range(2):
        with pytest.raises(Forbidden):
            await callers.by_token("nonsense")


async def test_when_an_api_token_was_used_last_is_noted_later(api: ApiServer, callers: Callers) -> None:
    made = (await api.client.post("/auth/tokens", json={"name": "used"})).json()
    await callers.watch()
    before = utc_now()
    for _ in range(2):
        assert (await callers.by_token(made["token"])).username == "ada"
    unused = (await api.client.get(f"/auth/tokens/{made['id']}")).json()

    await callers.note_used()

    used = (await api.client.get(f"/auth/tokens/{made['id']}")).json()
    assert unused["last_used_at"] is None
    assert datetime.fromisoformat(used["last_used_at"]) >= before


async def test_what_was_used_is_noted_at_the_latest_as_the_process_stops(api: ApiServer, callers: Callers) -> None:
    made = (await api.client.post("/auth/tokens", json={"name": "used at last"})).json()
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(callers.run(stop), name="identity-watch")
        await callers.by_token(made["token"])
        stop.set()

    shown = (await api.client.get(f"/auth/tokens/{made['id']}")).json()
    assert shown["last_used_at"] is not None
