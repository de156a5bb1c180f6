"""Each rule's answers: from a table written by hand, then over every way in which four upstream tasks can stand."""

from itertools import combinations_with_replacement

import pytest

from tradewind.core.spec import TriggerRule
from tradewind.core.trigger_rules import RULES, Answer, UpstreamCounts, answer

WAIT, RUN, SKIP, FAIL = Answer.WAIT, Answer.RUN, Answer.SKIP, Answer.UPSTREAM_FAILED

LETTER_ANSWERS = {"W": WAIT, "R": RUN, "S": SKIP, "F": FAIL}
LETTERS = {"s": "success", "k": "skipped", "f": "failed", "u": "upstream_failed", "r": "removed"}
TABLE = """
rule                        ... s.. k.. f.. u.. sss kkk fff uuu ssk ssf ssu skf kkf kku ffu ssr kkr rrr
all_success                 W   W   S   F   F   R   S   F   F   S   F   F   F   F   F   F   R   S   R
all_failed                  W   S   S   W   W   S   S   R   R   S   S   S   S   S   S   R   S   S   R
all_done                    W   W   W   W   W   R   R   R   R   R   R   R   R   R   R   R   R   R   R
all_done_min_one_success    W   W   S   W   W   R   S   F   F   S   R   R   S   S   S   F   R   S   F
all_done_setup_success      W   W   W   W   W   R   R   R   R   R   R   R   R   R   R   R   R   R   R
one_success                 W   R   W   W   W   R   S   F   F   R   R   R   R   F   F   F   R   F   F
one_failed                  W   W   W   R   R   S   S   R   R   S   R   R   R   R   R   R   S   S   S
one_done                    W   R   W   R   W   R   S   R   S   R   R   R   R   R   S   R   R   S   S
none_failed                 W   W   W   F   F   R   R   F   F   R   F   F   F   F   F   F   R   R   R
none_failed_min_one_success W   W   W   F   F   R   S   F   F   R   F   F   F   F   F   F   R   F   F
none_skipped                W   W   S   W   W   R   S   R   R   S   R   R   S   S   S   R   R   S   R
always                      R   R   R   R   R   R   R   R   R   R   R   R   R   R   R   R   R   R   R
all_skipped                 W   S   W   S   S   S   R   S   S   S   S   S   S   S   S   S   S   W   W
"""
(_, *SITUATIONS), *ROWS = (line.split() for line in TABLE.strip().splitlines())


def counts(situation: str, **more: int) -> UpstreamCounts:
    ended = {name: situation.count(letter) for letter, name in LETTERS.items()}
    return UpstreamCounts(total=len(situation), **ended, **more)


@pytest.mark.parametrize(
    ("rule", "situation", "expected"),
    [
        (rule, situation, LETTER_ANSWERS[letter])
        for rule, *row in ROWS
        for situation, letter in zip(SITUATIONS, row, strict=True)
    ],
)
def test_rule_answers_as_the_table_says(rule: str, situation: str, expected: Answer) -> None:
    assert answer(TriggerRule(rule), counts(situation)) is expected


def test_table_and_rules_name_every_rule() -> None:
    assert sorted(rule for rule, *_ in ROWS) == sorted(TriggerRule) == sorted(RULES)


@pytest.mark.parametrize("rule", TriggerRule)
def test_a_task_without_upstream_runs(rule: TriggerRule) -> None:
    assert answer(rule, counts("")) is RUN


@pytest.mark.parametrize("rule", TriggerRule)
def test_an_answer_stands_whatever_the_other_upstream_tasks_do_unless_it_is_a_failure_that_outranks_a_skip(
    rule: TriggerRule,
) -> None:
    for situation in combinations_with_replacement(".skfu", 4):
        first = answer(rule, counts("".join(situation)))
        if first is RUN and "." in situation:
            for letter in "skfu":
                after = "".join(situation).replace(".", letter, 1)
                assert answer(rule, counts(after)) is RUN


@pytest.mark.parametrize("rule", TriggerRule)
def test_nothing_waits_for_ever_once_all_upstream_tasks_are_done_and_none_was_removed(rule: TriggerRule) -> None:
    for situation in combinations_with_replacement("skfu", 4):
        assert answer(rule, counts("".join(situation))) is not WAIT


@pytest.mark.parametrize(
    ("situation", "setups", "successful", "skipped", "expected"),
    [
        ("ss.", 1, 1, 0, WAIT),
        ("sf", 1, 1, 0, RUN),
        ("fs", 1, 0, 0, FAIL),
        ("ks", 1, 0, 1, SKIP),
        ("skf", 2, 1, 1, RUN),
        ("fks", 2, 0, 1, FAIL),
        ("kks", 2, 0, 2, SKIP),
    ],
)
def test_all_done_setup_success_asks_for_one_successful_setup(
    situation: str, setups: int, successful: int, skipped: int, expected: Answer
) -> None:
    given = counts(situation, setups=setups, successful_setups=successful, skipped_setups=skipped)
    assert answer(TriggerRule.ALL_DONE_SETUP_SUCCESS, given) is expected
