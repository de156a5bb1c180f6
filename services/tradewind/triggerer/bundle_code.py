"""Triggers whose class is in a file of a bundle that this machine does not have: their code comes by content, as a
worker's does, and they run in a process of their version's own, for one process can import one version only.

Triggers of installed packages, and those whose DAG file stands in a folder of this machine, run where all run.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final, Protocol

from tradewind.core.bundles import prefix_of
from tradewind.core.errors import AdapterError, NotFound
from tradewind.core.triggers import TriggerOutcome, WaitingTrigger, failed
from tradewind.service.dag_roots import DagFileLocation, DagRoot, resolve_dag_file
from tradewind.service.lifecycle import Stopped, pause, unless_stopped
from tradewind.service.logging import get_logger
from tradewind.task_runner.bundles.port import Wanted
from tradewind.triggerer.outcomes import OutcomeLoop
from tradewind.triggerer.placement import Placement
from tradewind.triggerer.protocol import Roots, RunTrigger

VERSIONS_MAX: Final = 16
"""Versions of bundles whose triggers run at once, each in a process; those of further ones wait, or run elsewhere."""
RELEASE_SECONDS: Final = 5.0
GIVE_BACK_SECONDS: Final = 2.0
"""How long a trigger stays ours whose code is not to be had: nobody asks for it again and again."""
_OWN_PACKAGES: Final = ("airflow", "tradewind")


class FetchedCode(Protocol):
    """Who has versions of bundles."""

    async def locate(self, grant: Wanted) -> DagFileLocation:
        """As `task_runner.bundles.port.Bundles`."""
        ...

    def release(self, grant: Wanted) -> None:
        """As there."""
        ...


@dataclass(frozen=True, slots=True)
class TriggerFile:
    """The DAG file of a waiting task, in the version that it runs on."""

    relative_fileloc: str
    bundle_name: str
    bundle_digest: str | None
    token: str


class CodePlacement:
    """Stands before the placement, and has the code fetched that a trigger needs; a trigger counts as running
    meanwhile."""

    def __init__(
        self, *, placement: Placement, bundles: FetchedCode, roots: Sequence[DagRoot], outcomes: OutcomeLoop
    ) -> None:
        self._placement = placement
        self._bundles = bundles
        self._roots = tuple(roots)
        self._report = outcomes.put
        self._waiting: dict[int, tuple[RunTrigger, WaitingTrigger]] = {}
        self._refused: dict[int, None] = {}
        self._held: dict[Roots, TriggerFile] = {}
        """Versions that processes run, and by which of their triggers they are held."""
        self._arrived = asyncio.Event()
        self._log = get_logger(loop="trigger-code")

    @property
    def running(self) -> Sequence[int]:
        """Ids of the triggers that run, or are about to."""
        return (*self._placement.running, *self._waiting, *self._refused)

    @property
    def watching(self) -> Sequence[int]:
        """As of the placement."""
        return self._placement.watching

    def start(self, request: RunTrigger, trigger: WaitingTrigger) -> None:
        """Run a trigger; one that runs already goes on."""
        if trigger.id in self.running:
            return
        if trigger.bundle_digest is None or is_installed(trigger.classpath) or self._is_here(trigger.relative_fileloc):
            self._placement.start(request, trigger)
            return
        self._waiting[trigger.id] = (request, trigger)
        self._arrived.set()

    def stop(self, trigger_id: int, *, by_person: bool) -> None:
        """End a trigger that nobody waits for."""
        self._refused.pop(trigger_id, None)
        if self._waiting.pop(trigger_id, None) is None:
            self._placement.stop(trigger_id, by_person=by_person)

    async def run(self, stop: asyncio.Event) -> None:
        """Fetch what is waited for, until `stop`."""
        while not await pause(stop, RELEASE_SECONDS, self._arrived):
            while self._waiting and not stop.is_set():
                request, trigger = next(iter(self._waiting.values()))
                try:
                    await unless_stopped(stop, self.place(request, trigger))
                except Stopped:
                    return
            self._release_unused()

    async def place(self, request: RunTrigger, trigger: WaitingTrigger) -> None:
        """Start a trigger on its code. What cannot be had now is given back: anybody may take the trigger again."""
        file = TriggerFile(trigger.relative_fileloc, trigger.bundle_name, trigger.bundle_digest, request.token)
        try:
            location = await self._bundles.locate(file)
        except NotFound as exc:
            self._waiting.pop(trigger.id, None)
            self._report(_not_found(trigger, exc))
            return
        except AdapterError as exc:
            self._refuse(trigger, str(exc))
            return
        roots: Roots = ((str(location.root), prefix_of(trigger.bundle_name)),)
        is_wanted = self._waiting.pop(trigger.id, None) is not None
        if is_wanted and roots not in self._held and len(self._held) >= VERSIONS_MAX:
            self._refuse(trigger, f"triggers of {VERSIONS_MAX} other versions run here")
            is_wanted = False
        if not is_wanted or roots in self._held:
            self._bundles.release(file)
        if is_wanted:
            self._held.setdefault(roots, file)
            self._placement.start(request, trigger, roots)

    def _refuse(self, trigger: WaitingTrigger, error: str) -> None:
        self._waiting.pop(trigger.id, None)
        self._refused[trigger.id] = None
        asyncio.get_running_loop().call_later(GIVE_BACK_SECONDS, self._refused.pop, trigger.id, None)
        self._log.warning("trigger.code_unavailable", trigger_id=trigger.id, dag_id=trigger.dag_id, error=error)

    def _release_unused(self) -> None:
        used = dict.fromkeys(self._placement.roots)
        for roots in [roots for roots in self._held if roots not in used]:
            self._bundles.release(self._held.pop(roots))

    def _is_here(self, relative_fileloc: str) -> bool:
        try:
            return resolve_dag_file(self._roots, relative_fileloc).path.exists()
        except NotFound:
            return False


def is_installed(classpath: str) -> bool:
    """Whether a class is in an installed package, as opposed to a file of a bundle. Imports nothing."""
    package = classpath.partition(".")[0]
    if package in _OWN_PACKAGES:
        return True
    if package == "__main__":  # a file that was run, which is known here by the name of this program
        return False
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _not_found(trigger: WaitingTrigger, exc: NotFound) -> TriggerOutcome:
    return failed(trigger.id, [f"The code of the trigger {trigger.classpath} cannot be found: {exc}"])
