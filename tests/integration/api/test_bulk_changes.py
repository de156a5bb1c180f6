"""`PATCH` of `/api/v2/pools`, `/api/v2/variables` and `/api/v2/connections` as a whole."""

from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass(frozen=True)
class Noun:
    """What is called how, and two values of it."""

    key: str
    value: str
    pattern: str
    one: object
    two: object
    more: dict[str, object] = field(default_factory=dict[str, object])


NOUNS: Final = {
    "pools": Noun("name", "slots", "pool_name_prefix_pattern", 1, 2),
    "variables": Noun("key", "value", "variable_key_prefix_pattern", "one", "two"),
    "connections": Noun("connection_id", "host", "connection_id_prefix_pattern", "one", "two", {"conn_type": "http"}),
}


class Kind:
    """One kind of thing, by which the same tests go over all of them."""

    def __init__(self, client: httpx.AsyncClient, noun: str, prefix: str) -> None:
        self._client = client
        self._name, self._noun = noun, NOUNS[noun]
        self._prefix = prefix[:150]
        self.path = f"/api/v2/{noun}"
        self.one, self.two = self._noun.one, self._noun.two

    def key(self, name: str) -> str:
        return f"{self._prefix}.{name}"

    def entity(self, name: str, value: object) -> dict[str, object]:
        return {self._noun.key: self.key(name), self._noun.value: value, **self._noun.more}

    async def patch(self, *actions: dict[str, Any]) -> dict[str, Any]:
        answer = await self._client.patch(self.path, json={"actions": actions})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def values(self) -> dict[str, Any]:
        """name → value of all that this test made."""
        page = (await self._client.get(self.path, params={self._noun.pattern: self.key("")})).json()[self._name]
        return {each[self._noun.key].removeprefix(self.key("")): each[self._noun.value] for each in page}


@pytest.fixture(params=list(NOUNS))
def kind(request: pytest.FixtureRequest, client: httpx.AsyncClient, dag_id: str) -> Kind:
    return Kind(client, request.param, dag_id)


async def test_many_are_created_changed_and_removed_in_one_request(kind: Kind) -> None:
    answer = await kind.patch(
        {"action": "create", "entities": [kind.entity(name, kind.one) for name in "abc"]},
        {"action": "update", "entities": [kind.entity("b", kind.two)]},
        {"action": "delete", "entities": [kind.key("c"), kind.entity("a", kind.one)]},
        {"action": "create", "entities": [kind.entity("d", kind.two)]},
    )

    assert await kind.values() == {"b": kind.two, "d": kind.two}
    assert answer == {
        "create": {"success": [kind.key(name) for name in "abcd"], "errors": []},
        "update": {"success": [kind.key("b")], "errors": []},
        "delete": {"success": [kind.key("c"), kind.key("a")], "errors": []},
    }


async def test_what_exists_fails_the_action_or_is_skipped_or_overwritten(kind: Kind) -> None:
    await kind.patch({"action": "create", "entities": [kind.entity("a", kind.one)]})
    both = [kind.entity("a", kind.two), kind.entity("b", kind.two)]

    failed = await kind.patch({"action": "create", "entities": both})
    after_failure = await kind.values()
    skipped = await kind.patch({"action": "create", "entities": both, "action_on_existence": "skip"})
    after_skip = await kind.values()
    over = await kind.patch({"action": "create", "entities": both, "action_on_existence": "overwrite"})

    [error] = failed["create"]["errors"]
    assert (failed["create"]["success"], error["status_code"], after_failure) == ([], 409, {"a": kind.one})
    assert kind.key("a") in error["error"]
    assert kind.key("b") not in error["error"]
    assert (failed["update"], failed["delete"]) == (None, None)
    assert skipped["create"] == {"success": [kind.key("b")], "errors": []}
    assert after_skip == {"a": kind.one, "b": kind.two}
    assert over["create"] == {"success": [kind.key("a"), kind.key("b")], "errors": []}
    assert await kind.values() == {"a": kind.two, "b": kind.two}


@pytest.mark.parametrize("action", ["update", "delete"])
async def test_what_is_missing_fails_the_action_or_is_skipped(kind: Kind, action: str) -> None:
    await kind.patch({"action": "create", "entities": [kind.entity("a", kind.one)]})
    both = [kind.entity("a", kind.two), kind.entity("b", kind.two)]

    failed = await kind.patch({"action": action, "entities": both})
    after_failure = await kind.values()
    skipped = await kind.patch({"action": action, "entities": both, "action_on_non_existence": "skip"})

    [error] = failed[action]["errors"]
    assert (failed[action]["success"], error["status_code"], after_failure) == ([], 404, {"a": kind.one})
    assert kind.key("b") in error["error"]
    assert skipped[action] == {"success": [kind.key("a")], "errors": []}
    assert await kind.values() == ({"a": kind.two} if action == "update" else {})


async def test_a_mask_leaves_the_rest(kind: Kind) -> None:
    described = {**kind.entity("a", kind.one), "description": "before"}
    await kind.patch({"action": "create", "entities": [described]})
    change = {**kind.entity("a", kind.two), "description": "after"}

    await kind.patch({"action": "update", "entities": [change], "update_mask": ["description"]})

    assert await kind.values() == {"a": kind.one}


async def test_one_name_twice_is_one_too_many(kind: Kind) -> None:
    twice = [kind.entity("a", kind.one), kind.entity("a", kind.two)]

    refused = await kind.patch({"action": "create", "entities": twice})
    last_wins = await kind.patch({"action": "create", "entities": twice, "action_on_existence": "overwrite"})

    assert [error["status_code"] for error in refused["create"]["errors"]] == [409]
    assert last_wins["create"]["success"] == [kind.key("a")] * 2
    assert await kind.values() == {"a": kind.two}


@pytest.mark.parametrize(
    "action", [{"action": "create"}, {"action": "upsert", "entities": []}, {"action": "create", "entities": [None]}]
)
async def test_malformed_requests_are_refused(client: httpx.AsyncClient, kind: Kind, action: object) -> None:
    assert (await client.patch(kind.path, json={"actions": [action]})).status_code == 422


async def test_the_default_pool_is_spared(client: httpx.AsyncClient, dag_id: str) -> None:
    actions: list[dict[str, object]] = [
        {"action": "create", "entities": [{"name": dag_id, "slots": 1}]},
        {"action": "delete", "entities": ["default_pool", dag_id]},
        {"action": "update", "entities": [{"name": "default_pool", "slots": -1, "description": "mine"}]},
    ]

    answer = (await client.patch("/api/v2/pools", json={"actions": actions})).json()

    assert answer["delete"]["success"] == [dag_id]
    assert [error["status_code"] for error in answer["delete"]["errors"]] == [400]
    assert [error["status_code"] for error in answer["update"]["errors"]] == [400]
    assert (await client.get("/api/v2/pools/default_pool")).json()["description"] == "Default pool"
