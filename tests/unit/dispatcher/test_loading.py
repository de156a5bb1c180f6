"""Executors by name, loaded."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.unit.dispatcher.world import parts_for
from tests.unit.supervisor.world import in_virtual_time
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.core.errors import ConfigError
from tradewind.dispatcher.executors.celery import CeleryExecutor
from tradewind.dispatcher.executors.loading import load_executors
from tradewind.dispatcher.executors.local import LocalExecutor, SequentialExecutor


class Mine(SequentialExecutor):
    """Somebody's own."""


@in_virtual_time
async def test_loading_executors_by_name() -> None:
    parts = parts_for(MemoryBus(MemoryBroker()))
    loaded = load_executors(" CeleryExecutor, LocalExecutor,SequentialExecutor", parts)
    assert [type(each) for each in loaded.by_name.values()] == [CeleryExecutor, LocalExecutor, SequentialExecutor]
    assert [each.name for each in loaded.by_name.values()] == list(loaded.by_name)


@pytest.mark.parametrize(
    ("written", "name"),
    [(f"{__name__}:Mine", "Mine"), (f"{__name__}.Mine", "Mine"), (f"quick:{__name__}.Mine", "quick")],
)
def test_a_class_of_somebodys_own_is_loaded_and_chosen_by_all_its_names(written: str, name: str) -> None:
    async def load() -> None:
        loaded = load_executors(
            f"CeleryExecutor,{written}", parts_for(MemoryBus(MemoryBroker())), queues=f"mine={name}"
        )
        mine = loaded.by_name[name]
        assert isinstance(mine, Mine)
        assert mine.name == name
        for called in (name, "Mine", f"{__name__}.Mine"):
            assert loaded.choose(called, "default") is mine
        assert loaded.choose(None, "mine") is mine
        assert isinstance(loaded.choose(None, "default"), CeleryExecutor)

    asyncio.run(load())


def test_an_installed_package_offers_an_executor_by_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = tmp_path / "offering-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: offering\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[tradewind.executors]\noffered = offering_executor:Offered\n")
    (tmp_path / "offering_executor.py").write_text(
        "from tradewind.dispatcher.executors.local import SequentialExecutor\nclass Offered(SequentialExecutor): ...\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    async def load() -> None:
        loaded = load_executors("offered", parts_for(MemoryBus(MemoryBroker())))
        assert type(loaded.by_name["offered"]).__name__ == "Offered"

    asyncio.run(load())


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("MesosExecutor", "none of LocalExecutor, SequentialExecutor, CeleryExecutor, not of the form module.path"),
        ("", "TRADEWIND__CORE__EXECUTOR is empty"),
        ("no_such_module:Class", "no_such_module"),
        ("no_such_module.Class", "no_such_module"),
        ("os:path", "no subclass of"),
        ("os:no_such_name", "no_such_name"),
    ],
)
def test_wrong_executor_names_the_setting_and_the_choices(names: str, told: str) -> None:
    async def load() -> None:
        with pytest.raises(ConfigError) as caught:
            load_executors(names, parts_for(MemoryBus(MemoryBroker())))
        assert "TRADEWIND__CORE__EXECUTOR" in str(caught.value)
        assert told in str(caught.value)

    asyncio.run(load())
