from pathlib import Path

from tradewind.core.transitions import states_document

DOCUMENT = Path(__file__).parents[2] / "docs" / "states.md"
WRITE_IT = "from tradewind.core.transitions import states_document as d; print(d(), end='')"


def test_states_document_is_generated_from_the_tables() -> None:
    written = DOCUMENT.read_text(encoding="utf-8")
    assert written == states_document(), f'out of date: python -c "{WRITE_IT}" > docs/states.md'
