"""Fingerprints of what is stored: one for each write, none for what is not there."""

from tests.store_driver import Driver


async def test_every_write_gives_another_fingerprint(driver: Driver) -> None:
    await driver.inside.set_variable("a", b"1")
    await driver.inside.set_connection("c", b"p")
    variables, connections = await driver.store.stored_fingerprints(["a", "none"], ["c", "a"])
    assert (list(variables), list(connections)) == (["a"], ["c"])

    await driver.inside.set_variable("a", b"2")
    after = await driver.store.stored_fingerprints(["a"], ["c"])
    assert after[0]["a"] != variables["a"]
    assert after[1] == connections

    await driver.inside.set_connection("c", b"q")
    assert (await driver.store.stored_fingerprints([], ["c"]))[1]["c"] != connections["c"]
