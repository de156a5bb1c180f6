from pathlib import Path

import pytest

from tradewind.core.errors import NotFound
from tradewind.service.dag_roots import DagRoot, resolve_dag_file

ROOTS = (DagRoot(Path("/dags")), DagRoot(Path("/lib/examples"), ".example_dags/"))


def test_names_resolve_by_their_prefix() -> None:
    assert resolve_dag_file(ROOTS, "team/a.py") == (Path("/dags/team/a.py"), Path("/dags"))
    assert resolve_dag_file(ROOTS, ".example_dags/a.py") == (Path("/lib/examples/a.py"), Path("/lib/examples"))


@pytest.mark.parametrize("root", ROOTS)
def test_a_name_resolves_to_the_path_it_was_made_from(root: DagRoot) -> None:
    path = root.folder / "deep" / "b.py"
    assert resolve_dag_file(ROOTS, root.name_of(path)) == (path, root.folder)


@pytest.mark.parametrize("name", ["", "../secret.py", "a/../../b.py", "/etc/passwd", ".example_dags/../../x.py"])
def test_names_cannot_leave_their_root(name: str) -> None:
    with pytest.raises(NotFound):
        resolve_dag_file(ROOTS, name)
