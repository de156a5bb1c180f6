"""By what logins are counted."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.servers.api import ApiServer
from tradewind.api.errors import TooManyRequests
from tradewind.api.identity import login_limit as module
from tradewind.api.identity.login_limit import LoginLimit
from tradewind.api.settings import LoginLimits
from tradewind.db.api.identity.logins import delete_expired_logins

pytestmark = pytest.mark.asyncio(loop_scope="session")

THEN = datetime(2020, 1, 2, 3, 4, tzinfo=UTC)
"""Long before other tests count."""


def limit_at(api: ApiServer, now: datetime, **limits: int) -> LoginLimit:
    defaults = {"per_user": 100, "per_address": 100, "window_seconds": 60}
    return LoginLimit(database=api.database, clock=lambda: now, limits=LoginLimits(**(defaults | limits)))


async def is_refused(limit: LoginLimit, username: str, address: str) -> bool:
    try:
        await limit.count(username, address)
    except TooManyRequests:
        return True
    return False


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("203.0.113.1", "203.0.113.1", True),
        ("203.0.113.2", "203.0.113.3", False),
        ("::ffff:203.0.113.4", "203.0.113.4", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:3::1", "2001:db8:1:4::1", False),
        ("here", "there", False),
    ],
)
async def test_an_address_is_what_one_person_can_have(
    api: ApiServer, first: str, second: str, *, is_same: bool
) -> None:
    limit = limit_at(api, THEN, per_address=1)
    await limit.count("one", first)

    assert await is_refused(limit, "two", second) == is_same
    await delete_expired_logins(api.database, THEN + timedelta(days=1))


async def test_a_count_ends_after_its_time_and_begins_anew(api: ApiServer) -> None:
    def limit(seconds: int) -> LoginLimit:
        return limit_at(api, THEN + timedelta(seconds=seconds), per_user=2)

    refused = [await is_refused(limit(second), "windowed", f"198.51.100.{second}") for second in (0, 10, 20, 59)]
    assert refused == [False, False, True, True]
    with pytest.raises(TooManyRequests) as told:
        await limit(50).count("windowed", "198.51.100.200")
    assert told.value.own_headers == {"Retry-After": "10"}
    again = [await is_refused(limit(second), "windowed", f"198.51.100.{second}") for second in (60, 61, 62)]
    assert again == [False, False, True]
    await delete_expired_logins(api.database, THEN + timedelta(days=1))


async def test_what_is_taken_back_does_not_count(api: ApiServer) -> None:
    limit = limit_at(api, THEN, per_user=1, per_address=1)
    for _ in range(3):
        await limit.take_back(await limit.count("right", "192.0.2.1"))
    await limit.count("right", "192.0.2.1")

    assert await is_refused(limit, "right", "192.0.2.2")
    await delete_expired_logins(api.database, THEN + timedelta(days=1))


async def test_what_is_over_is_forgotten(api: ApiServer) -> None:
    await limit_at(api, THEN).count("forgotten", "192.0.2.3")
    old = "SELECT count(*) FROM login_attempt WHERE ends_at < $1"
    before = await api.database.fetch_value(old, THEN + timedelta(days=1))

    await delete_expired_logins(api.database, THEN + timedelta(days=1))

    assert (before, await api.database.fetch_value(old, THEN + timedelta(days=1))) == (2, 0)


async def test_logins_of_a_name_take_turns_and_few_wait(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 1)
    limit, may_end, ended = limit_at(api, THEN), asyncio.Event(), list[int]()

    async def login(number: int) -> None:
        async with limit.turn("same"):
            await may_end.wait()
            ended.append(number)

    async with asyncio.TaskGroup() as group:
        group.create_task(login(1), name="first")
        await asyncio.sleep(0)
        group.create_task(login(2), name="second")
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequests, match="at once"):
            await login(3)
        may_end.set()
    async with limit.turn("same"), limit.turn("another"):
        assert ended == [1, 2]
