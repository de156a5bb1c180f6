"""What is remembered of permissions, and for how long."""

from fnmatch import fnmatchcase

import pytest

from tests.servers.api import ApiServer
from tradewind.api.access.grants import KNOWN_FOR_SECONDS, REMEMBERED_CALLERS, Grants
from tradewind.api.access.rights import DagPermission, regex_of
from tradewind.api.identity.caller import Caller
from tradewind.db.api.access import delete_dag_permission, put_dag_permission

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Watch:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def caller(username: str) -> Caller:
    return Caller(username=username, role="Public", via="password_token")


async def test_what_another_process_changes_counts_within_two_seconds(api: ApiServer, dag_id: str) -> None:
    watch = Watch()
    grants, user = Grants(api.database, watch), caller(dag_id)
    assert await grants.of(user) == {}

    await put_dag_permission(api.database, "user", dag_id, "d", ["read", "trigger"])
    watch.seconds += KNOWN_FOR_SECONDS / 2
    assert await grants.of(user) == {}
    watch.seconds += KNOWN_FOR_SECONDS / 2
    assert await grants.of(user) == {"d": {DagPermission.READ, DagPermission.TRIGGER}}

    await delete_dag_permission(api.database, "user", dag_id, "d")
    watch.seconds += KNOWN_FOR_SECONDS
    assert await grants.of(user) == {}


async def test_what_this_process_changes_counts_at_once(api: ApiServer, dag_id: str) -> None:
    grants, user = Grants(api.database, Watch()), caller(dag_id)
    await grants.of(user)
    await put_dag_permission(api.database, "user", dag_id, "d", ["delete"])

    grants.forget()

    assert await grants.of(user) == {"d": {DagPermission.DELETE}}


async def test_others_do_not_get_it(api: ApiServer, dag_id: str) -> None:
    await put_dag_permission(api.database, "user", dag_id, "d", ["edit"])
    grants = Grants(api.database, Watch())

    assert await grants.of(caller(f"{dag_id}_2")) == {}
    assert await grants.of(Caller(username="x", role=dag_id, via="password_token")) == {}


async def test_not_everybody_is_remembered(api: ApiServer) -> None:
    asked: list[str] = []

    class Counted(Grants):
        async def _load(self, role: str, username: str) -> dict[str, frozenset[DagPermission]]:
            asked.append(username)
            return {}

    grants = Counted(api.database, Watch())
    for number in (*range(REMEMBERED_CALLERS + 1), REMEMBERED_CALLERS, 0):
        await grants.of(caller(f"u{number}"))

    assert asked[-2:] == [f"u{REMEMBERED_CALLERS}", "u0"]


GLOBS = (
    "*",
    "a?c",
    "[abc]*",
    "[!a-c]*",
    "[z-a]*",
    "[!z-a]*",
    "[]a]",
    "[",
    "a[",
    "[\\]x",
    "a.c",
    "a+",
    "(",
    "[+--]",
    "[^a]",
    "a\\",
)
TEXTS = ("", "abc", "a.c", "z", "]", "[", "a[", "\\x", "a+", "aa", "(", ",", "-", "^", "a\\", "Zz")


async def test_the_database_reads_patterns_as_python_does(api: ApiServer) -> None:
    pairs = [(glob, text) for glob in GLOBS for text in TEXTS]
    matching = (
        "SELECT text ~ regex AS matches FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t (regex, text, n)"
    )

    rows = await api.database.fetch(
        f"{matching} ORDER BY n", [regex_of([glob]) for glob, _ in pairs], [text for _, text in pairs]
    )

    found = [pair for pair, row in zip(pairs, rows, strict=True) if row["matches"]]
    assert found == [(glob, text) for glob, text in pairs if fnmatchcase(text, glob)]
