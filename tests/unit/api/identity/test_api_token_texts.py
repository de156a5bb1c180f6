"""What API tokens look like, and what they are good for."""

from hypothesis import assume, given
from hypothesis import strategies as st

from tradewind.api.identity.api_tokens import ALPHABET, is_well_formed, new_api_token, shown_prefix
from tradewind.api.identity.caller import Scopes

PLACES = st.integers(0, len(new_api_token()) - 1)


def test_tokens_are_long_and_differ() -> None:
    tokens = {new_api_token() for _ in range(100)}

    assert len(tokens) == 100
    assert all(is_well_formed(token) and len(token) == 49 for token in tokens)
    assert len({shown_prefix(token) for token in tokens}) == 100


@given(place=PLACES, char=st.sampled_from(ALPHABET))
def test_any_other_character_is_noticed(place: int, char: str) -> None:
    token = new_api_token()
    assume(token[place] != char)

    assert not is_well_formed(token[:place] + char + token[place + 1 :])


@given(first=PLACES, second=PLACES)
def test_swapped_characters_are_noticed(first: int, second: int) -> None:
    token = [*new_api_token()]
    assume(token[first] != token[second])
    token[first], token[second] = token[second], token[first]

    assert not is_well_formed("".join(token))


@given(st.text(max_size=60))
def test_other_texts_are_none(text: str) -> None:
    assert not is_well_formed(text)


def test_reading_stands_for_all_that_only_reads() -> None:
    scopes = Scopes(actions=frozenset({"read", "trigger_dag_run"}))

    assert scopes.allow("get_dags", is_read=True)
    assert scopes.allow("trigger_dag_run", is_read=False)
    assert not scopes.allow("delete_dag", is_read=False)
    assert not Scopes(actions=frozenset({"get_dag"})).allow("get_dags", is_read=True)
    assert Scopes().allow("delete_dag", is_read=False)


def test_patterns_of_dags_are_globs() -> None:
    scopes = Scopes(dag_patterns=("team_a_*", "shared"))

    assert [dag for dag in ("team_a_1", "shared", "team_b_1", "Team_a_1", "shared2") if scopes.allow_dag(dag)] == [
        "team_a_1",
        "shared",
    ]
    assert Scopes().allow_dag("anything")
    assert not Scopes(dag_patterns=()).allow_dag("anything")
