"""Many changes in one request, against the plainest way to do them: one after the other, on a dict."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.api.bulk.answers import answered
from tradewind.api.kept.planning import Values, apply, keys_of
from tradewind.api.kept.pools import KIND, RULES
from tradewind.api.models.actions import BulkActionResponse, BulkBody
from tradewind.api.models.pools import PoolBody

NAMES = st.sampled_from(["a", "b", "default_pool"])
POOL = st.fixed_dictionaries({"name": NAMES, "slots": st.integers(-1, 3)}, optional={"description": st.just("d")})
ACTIONS = st.one_of(
    st.fixed_dictionaries(
        {
            "action": st.just("create"),
            "entities": st.lists(POOL, max_size=4),
            "action_on_existence": st.sampled_from(["fail", "skip", "overwrite"]),
        }
    ),
    st.fixed_dictionaries(
        {
            "action": st.just("update"),
            "entities": st.lists(POOL, max_size=4),
            "update_mask": st.sampled_from([None, ["slots"], ["description"]]),
            "action_on_non_existence": st.sampled_from(["fail", "skip"]),
        }
    ),
    st.fixed_dictionaries(
        {
            "action": st.just("delete"),
            "entities": st.lists(NAMES | POOL, max_size=4),
            "action_on_non_existence": st.sampled_from(["fail", "skip"]),
        }
    ),
)
ROWS = st.dictionaries(NAMES, st.integers(-1, 3), max_size=3)


def _row(name: str, slots: int) -> Values:
    return {"pool": name, "slots": slots, "description": None, "include_deferred": False}


def _done(actions: list[dict[str, Any]], rows: dict[str, Values]) -> dict[str, Any]:
    body = BulkBody[PoolBody].model_validate({"actions": actions})
    assert set(rows) <= {"a", "b", "default_pool"}
    assert keys_of(body, RULES) == sorted({_name(entity) for action in actions for entity in action["entities"]})

    async def do(action: Any) -> BulkActionResponse:
        return apply(action, rows, KIND.rules)

    return asyncio.run(answered(body, do)).model_dump()


def _name(entity: str | dict[str, Any]) -> str:
    return entity if isinstance(entity, str) else entity["name"]


@settings(max_examples=50)
@given(actions=st.lists(ACTIONS, max_size=4), sizes=ROWS)
def test_an_action_does_what_it_says_or_nothing(actions: list[dict[str, Any]], sizes: dict[str, int]) -> None:
    rows = {name: _row(name, slots) for name, slots in sizes.items()}
    for action in actions:
        before = dict(rows)
        answer = _done([action], rows)
        done = answer[action["action"]]
        others = {"create", "update", "delete"} - {action["action"]}
        assert [answer[other] for other in others] == [None, None]
        statuses = {error["status_code"] for error in done["errors"]}
        if statuses & {404, 409}:
            assert (rows, done["success"], len(done["errors"])) == (before, [], 1)
            continue
        assert statuses <= {400}
        _check(action, before, rows, done["success"])


def _check(action: dict[str, Any], before: dict[str, Values], rows: dict[str, Values], success: list[str]) -> None:
    asked = {_name(entity) for entity in action["entities"]}
    assert set(success) <= asked
    untouched = {name: row for name, row in before.items() if name not in success}
    assert untouched.items() <= rows.items()
    if action["action"] == "delete":
        assert set(rows) == set(before) - set(success)
        assert set(success) == (asked & set(before)) - {"default_pool"}
        return
    assert set(rows) == set(before) | set(success)
    if action["action"] == "create":
        skips = action["action_on_existence"] == "skip"
        assert set(success) == (asked - set(before) if skips else asked)
    mask = action.get("update_mask")
    for name in set(success):
        given = [entity for entity in action["entities"] if entity["name"] == name]
        chosen = given[0] if action.get("action_on_existence") == "skip" else given[-1]
        if not mask or "slots" in mask:
            assert rows[name]["slots"] == chosen["slots"] or name == "default_pool"
        else:
            assert rows[name]["slots"] == before[name]["slots"]


@settings(max_examples=50)
@given(actions=st.lists(ACTIONS, max_size=4), sizes=ROWS)
def test_one_request_is_its_actions_in_order(actions: list[dict[str, Any]], sizes: dict[str, int]) -> None:
    together = {name: _row(name, slots) for name, slots in sizes.items()}
    apart = dict(together)

    answer = _done(actions, together)

    success: dict[str, list[str]] = {}
    for action in actions:
        success.setdefault(action["action"], []).extend(_done([action], apart)[action["action"]]["success"])
    assert together == apart
    assert {kind: part["success"] for kind, part in answer.items() if part is not None} == success
