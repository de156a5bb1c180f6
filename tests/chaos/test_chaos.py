"""Ten faults within seconds, of a kind each; `make chaos` commits a hundred of more kinds."""

from tests.chaos.faults import commit
from tests.chaos.judgement import judge, wait_until_settled
from tests.chaos.load import steady_load
from tests.chaos.plan import QUICK_DECK, plan_faults
from tests.chaos.room import Room

SEED = 11
SETTLE_SECONDS = 120.0


def test_ten_faults_lose_nothing(room: Room) -> None:
    faults = plan_faults(SEED, len(QUICK_DECK), list(room.stack.processes), deck=QUICK_DECK, longest_gap=0.4)
    said: list[str] = []
    with steady_load(room.stack, every_seconds=0.25) as load:
        deaths = commit(room, faults, said.append)
    wait_until_settled(room, SETTLE_SECONDS)
    judgement = judge(room, load.runs, deaths)
    assert judgement.complaints == [], "\n".join([*said, str(judgement)])
    assert len(said) == 10
    assert len(load.runs) > 5
