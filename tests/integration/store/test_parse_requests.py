"""People want files parsed again: rows, until they were."""

from tests.store_driver import START, Driver
from tradewind.db.parse_requests import WantedParse


async def test_a_file_is_wanted_until_it_was_parsed(driver: Driver) -> None:
    for name in ("b.py", "a.py"):
        await driver.store.write_import_error(name, "digest", "broken", START)

    assert [await driver.store.request_parse(name) for name in ("b.py", "a.py", "none.py")] == [True, True, False]
    wanted = await driver.store.wanted_parses(10)
    assert [each.relative_fileloc for each in wanted] == ["a.py", "b.py"]
    assert await driver.store.wanted_parses(1) == [wanted[0]]

    await driver.store.finish_parses([wanted[0], WantedParse("none.py", 0)])
    assert await driver.store.wanted_parses(10) == [wanted[1]]


async def test_a_file_that_is_wanted_again_meanwhile_stays_wanted(driver: Driver) -> None:
    await driver.store.write_import_error("a.py", "digest", "broken", START)
    await driver.store.request_parse("a.py")
    before = await driver.store.wanted_parses(10)
    await driver.store.request_parse("a.py")

    await driver.store.finish_parses(before)

    (after,) = await driver.store.wanted_parses(10)
    assert (after.relative_fileloc, after != before[0]) == ("a.py", True)
    await driver.store.finish_parses([after])
    assert await driver.store.wanted_parses(10) == []
