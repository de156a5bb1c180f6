"""Who may do what: laws that hold for every role, grant and token."""

import re
from fnmatch import fnmatchcase
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tradewind.api.access.grants import declared
from tradewind.api.access.rights import (
    DAG_RIGHTS,
    OF_ONE_DAG,
    ROLE_RIGHTS,
    Action,
    DagPermission,
    Resource,
    Right,
    holds,
    is_allowed,
    regex_of,
    visible_dags,
)
from tradewind.api.access.rules import Dags
from tradewind.api.access.table import OPERATIONS
from tradewind.api.identity.caller import Caller, Role, Scopes

DAG_IDS = st.sampled_from(["a", "a_b", "team_a", "team_b", "z.1"])
PATTERNS = st.sampled_from(["*", "team_*", "a", "?", "[!a]*", "none"])
RIGHTS = st.builds(Right, st.sampled_from(Action), st.sampled_from(Resource))
PERMISSIONS = st.frozensets(st.sampled_from(DagPermission))
GRANTS = st.dictionaries(DAG_IDS, PERMISSIONS)
SCOPES = st.none() | st.builds(Scopes, dag_patterns=st.none() | st.lists(PATTERNS, min_size=1, max_size=3).map(tuple))
CALLERS = st.builds(
    Caller,
    username=st.just("grace"),
    role=st.sampled_from([*Role, "Nonsense"]),
    via=st.just("api_token"),
    scopes=SCOPES,
)


@given(CALLERS, GRANTS, RIGHTS, DAG_IDS)
def test_lists_show_just_what_may_be_asked_for_by_name(
    caller: Caller, grants: dict[str, frozenset[DagPermission]], right: Right, dag_id: str
) -> None:
    seen = visible_dags(caller, grants, right)

    assert is_allowed(caller, grants, right, dag_id) == (seen is not None and seen.sees(dag_id))


@given(CALLERS, GRANTS, PERMISSIONS, RIGHTS, DAG_IDS, DAG_IDS)
def test_more_permissions_never_allow_less_and_only_for_their_dag(
    caller: Caller,
    grants: dict[str, frozenset[DagPermission]],
    more: frozenset[DagPermission],
    right: Right,
    dag_id: str,
    other: str,
) -> None:
    richer = {**grants, dag_id: grants.get(dag_id, frozenset()) | more}

    assert is_allowed(caller, grants, right, dag_id) <= is_allowed(caller, richer, right, dag_id)
    if other != dag_id:
        assert is_allowed(caller, grants, right, other) == is_allowed(caller, richer, right, other)


@given(CALLERS, GRANTS, RIGHTS, DAG_IDS)
def test_a_token_never_allows_more_than_its_owner(
    caller: Caller, grants: dict[str, frozenset[DagPermission]], right: Right, dag_id: str
) -> None:
    owner = Caller(username=caller.username, role=caller.role, via="password_token")

    assert is_allowed(caller, grants, right, dag_id) <= is_allowed(owner, grants, right, dag_id)


@given(
    st.lists(PATTERNS | st.text("ab*?[]!-.+^\\$(|_", max_size=8), min_size=1, max_size=3),
    st.text("ab_.+^-]!", max_size=5),
)
def test_the_database_matches_what_python_matches(patterns: list[str], text: str) -> None:
    found = re.fullmatch(regex_of(patterns), text, re.DOTALL) is not None

    assert found == any(fnmatchcase(text, pattern) for pattern in patterns)


def test_each_role_may_do_what_the_one_before_it_may() -> None:
    ladder = [ROLE_RIGHTS[role] for role in (Role.PUBLIC, Role.VIEWER, Role.USER, Role.OP, Role.ADMIN)]

    assert all(less < more for less, more in pairwise(ladder))


def test_permissions_for_a_dag_give_nothing_that_belongs_to_none() -> None:
    assert {right.resource for rights in DAG_RIGHTS.values() for right in rights} <= OF_ONE_DAG


def test_who_may_change_many_at_once_may_do_each_of_it() -> None:
    """A bulk body creates, changes and deletes: a role is asked once, for all three."""
    for name, rule in OPERATIONS.items():
        if not name.startswith("bulk_") or rule.right is None:
            continue
        for role in Role:
            caller = Caller(username="grace", role=role, via="password_token")
            each = {holds(caller, Right(action, rule.right.resource)) for action in Action if action is not Action.READ}
            assert len(each) == 1, (name, role)


def test_what_names_a_dag_is_about_something_of_a_dag() -> None:
    """Else a permission for the DAG could never open it."""
    exempt = {Resource.ASSET, Resource.AUDIT_LOG, Resource.WEBHOOK}
    for name, rule in OPERATIONS.items():
        assert rule.dags is Dags.NONE or (rule.right and rule.right.resource in OF_ONE_DAG | exempt), name


def test_access_control_of_a_dag_is_read_as_airflow_does() -> None:
    given_ = {"DAGs": ["can_edit", "can_read", "menu_access"], "DAG Runs": ["can_create"], "Unknown": ["can_read"]}

    assert set(declared(given_)) == {DagPermission.READ, DagPermission.EDIT, DagPermission.TRIGGER}
    assert set(declared(None)) == set()
