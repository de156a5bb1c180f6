"""The loop that says when runs should be over, on the in-memory store."""

import pytest
from cryptography.fernet import Fernet

from tests.dag_specs import NOW, dag, task
from tradewind.bus.memory import MemoryBroker, MemoryBus
from tradewind.core.spec import DeadlineSpec
from tradewind.db.memory.store import MemoryStore
from tradewind.db.secrets import SecretBox
from tradewind.scheduler.deadlines import DeadlineLoop
from tradewind.scheduler.request_notice import RequestNotice
from tradewind.scheduler.settings import SchedulerLimits

KEY = Fernet.generate_key().decode()
OTHER_KEY = Fernet.generate_key().decode()


def by_variable(key: str) -> DeadlineSpec:
    return DeadlineSpec(reference="dagrun_queued_at", interval_seconds=0.0, interval_variable=key)


@pytest.mark.parametrize(
    ("text", "key", "seconds"), [("90", KEY, [90.0]), ("soon", KEY, []), ("90", OTHER_KEY, []), (None, KEY, [])]
)
async def test_an_interval_is_what_the_variable_says_when_the_run_is_made(
    text: str | None, key: str, seconds: list[float]
) -> None:
    store = MemoryStore()
    if text is not None:
        store.tables.variables["patience"] = SecretBox(KEY).encrypt(text)
    await store.write_dag_file("dag.py", "digest", [dag(task("t"), deadlines=(by_variable("patience"),))], NOW)
    await store.create_dag_run(dag_id="dag", run_id="r", now=NOW)
    bus = MemoryBus(MemoryBroker())
    loop = DeadlineLoop(
        store=store,
        scheduler_store=store,
        requests=RequestNotice(bus=bus),
        clock=lambda: NOW,
        limits=SchedulerLimits(),
        secrets=lambda: SecretBox(key),
    )
    assert await loop.run_once(NOW) == 0
    assert [(at - NOW).total_seconds() for at in store.tables.deadlines.values()] == seconds
    await bus.close()
