"""A service that ends by itself ends the process, with its reason."""

import asyncio

import pytest

from tradewind.cli.crash import ServiceCrashed, crashes_reported
from tradewind.cli.fleet import guarded
from tradewind.core.errors import ConfigError


async def fail_deep_inside() -> None:
    async with asyncio.TaskGroup():
        raise LookupError("the reason")


async def return_at_once() -> None:
    return


async def test_an_error_names_the_service_and_its_first_cause() -> None:
    with pytest.raises(ServiceCrashed, match=r"the scheduler crashed \(LookupError: the reason\)"):
        await guarded("scheduler", fail_deep_inside(), asyncio.Event())


async def test_an_end_that_nobody_asked_for_is_a_crash() -> None:
    with pytest.raises(ServiceCrashed, match="ended by itself"):
        await guarded("collector", return_at_once(), asyncio.Event())


async def test_an_end_that_was_asked_for_is_none() -> None:
    stop = asyncio.Event()
    stop.set()
    await guarded("collector", return_at_once(), stop)


async def test_a_wrong_setting_is_no_crash() -> None:
    async def run() -> None:
        async with asyncio.TaskGroup():
            raise ConfigError("TRADEWIND__X")

    with pytest.raises(ExceptionGroup) as caught:
        await guarded("api-server", run(), asyncio.Event())
    assert isinstance(caught.value.exceptions[0], ConfigError)


def test_a_crash_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, crashes_reported():
        raise ExceptionGroup("a", [ExceptionGroup("b", [ServiceCrashed("worker", "why")])])
    assert caught.value.code == 1
    assert capsys.readouterr().err == "tradewind: the worker crashed (why), so everything was stopped\n"


def test_other_errors_are_not_swallowed() -> None:
    with pytest.raises(ExceptionGroup), crashes_reported():
        raise ExceptionGroup("a", [LookupError()])
