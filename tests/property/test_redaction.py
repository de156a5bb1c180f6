"""What is masked on the way out and comes back unchanged is what it was."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.api.redaction import MASK, redacted, restored, restored_text

NAMES = st.sampled_from(["host", "password", "api-key", "Token", "x-proxy", "n"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)


@settings(max_examples=50)
@given(value=OBJECTS)
def test_a_masked_value_that_comes_back_is_restored(value: dict[str, object]) -> None:
    assert restored(redacted(value), value) == value
    assert json.loads(restored_text(json.dumps(redacted(value)), json.dumps(value)) or "") == value


@settings(max_examples=50)
@given(new=OBJECTS, old=OBJECTS)
def test_only_masks_are_replaced(new: dict[str, object], old: dict[str, object]) -> None:
    assert (restored(new, old) == new) or MASK in json.dumps(new)


@settings(max_examples=50)
@given(given_text=st.text() | OBJECTS.map(json.dumps), stored=st.text() | OBJECTS.map(json.dumps))
def test_texts_without_a_mask_are_taken(given_text: str, stored: str) -> None:
    assert restored_text(given_text, stored, "password") == (stored if given_text == MASK and stored else given_text)
    assert restored_text(given_text, stored) == given_text or MASK in given_text


@given(secret=st.text(min_size=1))
def test_a_changed_secret_is_taken(secret: str) -> None:
    expected = "old" if secret == MASK else secret
    assert restored({"password": secret}, {"password": "old"}) == {"password": expected}
    assert restored({"host": MASK}, {"host": "old"}) == {"host": MASK}
