"""Notifiers: rendered, called and awaited."""

import logging
from typing import Any

import pytest

from tradewind.sdk import DAG, BaseNotifier


class Note(BaseNotifier):
    template_fields = ("text",)

    def __init__(self, text: str, fails: bool = False) -> None:
        super().__init__()
        self.text, self.fails = text, fails
        self.told: list[str] = []

    def notify(self, context: Any) -> None:
        if self.fails:
            raise RuntimeError("nobody listens")
        self.told.append(f"{self.text} of {context['dag'].dag_id}")

    async def async_notify(self, context: Any) -> None:
        self.told.append(f"{self.text}, awaited, {context['text']}")


def _twice(text: str) -> str:
    return text * 2


def test_fields_are_rendered_and_in_the_context() -> None:
    note = Note("run {{ run_id }} ({{ twice('ab') }})")
    dag = DAG("d", user_defined_macros={"twice": _twice})
    context = {"dag": dag, "run_id": "r"}
    note(context)
    assert note.told == ["run r (abab) of d"]
    assert context["text"] == "run {{ run_id }} ({{ twice('ab') }})"


async def test_is_awaited_with_its_own_context() -> None:
    note = Note("{{ run_id }}")
    note.context = {"run_id": "r"}
    await note
    assert note.told == ["r, awaited, {{ run_id }}"]


def test_as_sla_miss_callback_it_gets_what_was_missed() -> None:
    note = Note("late: {{ task_list }}")
    note(DAG("d"), "a\nb", "", [])
    assert note.told == ["late: a\nb of d"]


def test_failure_is_logged_and_raised(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(RuntimeError, match="nobody listens"):
        Note("x", fails=True)({"dag": DAG("d")})
    assert "Failed to send notification (sync): nobody listens" in caplog.text


def test_unknown_argument_is_refused() -> None:
    class Loose(BaseNotifier):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)

    with pytest.raises(TypeError, match="colour"):
        Loose(colour="red")
