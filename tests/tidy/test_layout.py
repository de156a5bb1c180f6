"""What the tree must look like; each rule names the harm it prevents."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = ("services", "shared", "proto")


def tracked_files() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [ROOT / line for line in listing.stdout.splitlines() if (ROOT / line).is_file()]


@pytest.mark.parametrize("root", SOURCE_ROOTS)
def test_namespace_has_no_init(root: str) -> None:
    # An __init__.py here would hide the other two roots of the namespace.
    assert not (ROOT / root / "tradewind" / "__init__.py").exists()


def test_every_package_is_typed() -> None:
    packages = [
        path
        for root in SOURCE_ROOTS
        for path in (ROOT / root / "tradewind").iterdir()
        if path.is_dir() and path.name != "__pycache__"
    ]
    assert packages
    missing = [str(path.relative_to(ROOT)) for path in packages if not (path / "py.typed").exists()]
    assert missing == []


def test_no_vague_module_names() -> None:
    vague = {"utils", "util", "common", "helpers", "helper", "manager", "misc"}
    names = [str(path.relative_to(ROOT)) for path in tracked_files() if path.suffix == ".py" and path.stem in vague]
    assert names == []


def test_modules_stay_one_noun() -> None:
    # 500 lines is where a module is usually two nouns.
    long = {
        str(path.relative_to(ROOT)): count
        for path in tracked_files()
        if path.suffix == ".py" and path.is_relative_to(ROOT / "services") | path.is_relative_to(ROOT / "shared")
        if (count := len(path.read_text().splitlines())) > 500
    }
    assert long == {}


def test_every_sql_file_is_used_and_explained() -> None:
    sql_files = sorted((ROOT / "shared/tradewind/db/sql").glob("*.sql"))
    assert sql_files
    source = "\n".join(path.read_text() for path in (ROOT / "shared/tradewind/db").rglob("*.py"))
    unused = [path.name for path in sql_files if not re.search(rf"\b{path.stem}\b", source)]
    assert unused == []
    unexplained = [path.name for path in sql_files if not path.read_text().startswith("--")]
    assert unexplained == []


def test_no_sql_in_python() -> None:
    # SQL lives in sql/*.sql, where plans are tested and reviewers look.
    pattern = re.compile(r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|DELETE\s+FROM)\s", re.DOTALL)
    found = [
        str(path.relative_to(ROOT))
        for path in tracked_files()
        if path.suffix == ".py" and any(path.is_relative_to(ROOT / root) for root in SOURCE_ROOTS)
        if pattern.search(path.read_text())
    ]
    assert found == []


def test_nothing_is_left_unfinished() -> None:
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    found = [
        str(path.relative_to(ROOT))
        for path in tracked_files()
        if path.suffix in {".py", ".sql", ".toml", ".md", ".yaml", ".yml", ".sh"} and marks.search(path.read_text())
    ]
    assert found == []


def test_links_in_documents_lead_somewhere() -> None:
    link = re.compile(r"\[[^\]]+\]\(([^)#\s]+)(?:#[^)]*)?\)")
    broken = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in tracked_files()
        if path.suffix == ".md"
        for target in link.findall(path.read_text())
        if "://" not in target and not (path.parent / target).exists()
    ]
    assert broken == []
