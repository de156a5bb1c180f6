"""What Airflow's states depend on besides the file: the time of day, the day of the week, chance, the network."""

import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

_MONDAY: Final = 0
_SATURDAY: Final = 5
_CONNECT_SECONDS: Final = 3.0

CHOICES: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "example_branch_operator": {
        "branching": ("branch", "follow"),
        "branching_ext_python": ("ext_py",),
        "branching_venv": ("venv",),
    },
    "example_branch_python_operator_decorator": {
        "branching": ("branch", "follow"),
        "branching_ext_python": ("ext_py",),
        "branching_virtualenv": ("venv",),
    },
}
"""DAG → task that chooses one of four branches at random → how the names of the branches' tasks begin."""

_OPTIONS: Final = ("a", "b", "c", "d")

HOSTS: Final = {"example_dag_decorator": "httpbingo.org", "tutorial_objectstorage": "opendata.fmi.fi"}
"""DAG → the host on the internet that it asks. Airflow's runs of these were made where there is none."""


def clock_states(dag_id: str, now: datetime) -> dict[str, str]:
    """Of a DAG whose tasks look at the clock, the states that they come to now; {} for other DAGs."""
    rule = _CLOCK_RULES.get(dag_id)
    return rule(now.astimezone(UTC)) if rule else {}


def chosen(tasks: Mapping[str, str], beginnings: Sequence[str]) -> str:
    """The branch that was run; `a` if there is not just one."""
    ran = [option for option in _OPTIONS if tasks.get(f"{beginnings[0]}_{option}") == "success"]
    return ran[0] if len(ran) == 1 else "a"


def as_if_first_chosen(dag_id: str, tasks: Mapping[str, str]) -> dict[str, str]:
    """The states as they would be, had chance chosen branch `a` each time: `a` and what was chosen trade names."""
    names = {name: name for name in tasks}
    for beginnings in CHOICES.get(dag_id, {}).values():
        option = chosen(tasks, beginnings)
        for begin in beginnings:
            names |= {f"{begin}_a": f"{begin}_{option}", f"{begin}_{option}": f"{begin}_a"}
    return {names[name]: state for name, state in sorted(tasks.items())}


def can_reach(host: str) -> bool:
    """Whether the host on the internet answers from here."""
    try:
        socket.create_connection((host, 443), _CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def _weekday_branch(now: datetime) -> dict[str, str]:
    is_monday, is_weekend = now.weekday() == _MONDAY, now.weekday() >= _SATURDAY
    follows = {
        "branch_true": is_monday,
        "branch_false": not is_monday,
        "make_weekend_choice": not is_monday,
        "branch_weekend": is_weekend,
        "branch_mid_week": not is_monday and not is_weekend,
    }
    return {task_id: "success" if is_followed else "skipped" for task_id, is_followed in follows.items()}


def _afternoon_branch(now: datetime) -> dict[str, str]:
    is_in_range = now.hour >= 15
    return {
        "date_in_range": "success" if is_in_range else "skipped",
        "date_outside_range": "skipped" if is_in_range else "success",
    }


def _sensors(now: datetime) -> dict[str, str]:
    an_hour_later_is_today = now.hour < 23
    return {
        "week_day_sensor_failing_on_timeout": "success" if now.weekday() == _MONDAY else "skipped",
        "timeout_after_second_date_in_the_future": "skipped" if an_hour_later_is_today else "success",
    }


_CLOCK_RULES: Final[Mapping[str, Callable[[datetime], dict[str, str]]]] = {
    "example_weekday_branch_operator": _weekday_branch,
    "example_branch_datetime_operator_2": _afternoon_branch,
    "example_sensors": _sensors,
}
"""Held against Airflow's states of the moment at which they were had."""
