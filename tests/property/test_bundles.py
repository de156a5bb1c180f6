"""Manifests: canonical, checked, and never a way out of their folder."""

import hashlib
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.core.bundles import (
    EXECUTABLE_MODE,
    PLAIN_MODE,
    BundleFile,
    BundleLimits,
    InvalidManifest,
    agrees,
    bundle_of,
    decode_manifest,
    manifest_of,
    prefix_of,
    too_large,
    too_much,
)

PART = st.text(st.characters(codec="utf-8", exclude_characters="/\\\0"), min_size=1, max_size=8).filter(
    lambda part: part not in (".", "..")
)
DIGEST = st.binary(max_size=8).map(lambda content: hashlib.sha256(content).hexdigest())
FILE = st.builds(
    BundleFile,
    path=st.lists(PART, min_size=1, max_size=3).map("/".join),
    digest=DIGEST,
    mode=st.sampled_from([PLAIN_MODE, EXECUTABLE_MODE]),
    size=st.integers(0, 2**40),
)


def without_clashes(files: list[BundleFile]) -> list[BundleFile]:
    """No path twice, none both a file and a folder."""
    kept: dict[str, BundleFile] = {}
    for file in sorted(files, key=lambda file: file.path.count("/"), reverse=True):
        if not any(path == file.path or path.startswith(f"{file.path}/") for path in kept):
            kept[file.path] = file
    return list(kept.values())


FILES = st.lists(FILE, max_size=6).map(without_clashes)


@given(FILES, st.randoms(use_true_random=False))
def test_a_manifest_is_read_back_and_its_order_is_its_own(files: list[BundleFile], random: Random) -> None:
    manifest = manifest_of(files)
    shuffled = list(files)
    random.shuffle(shuffled)
    assert manifest_of(shuffled).digest == manifest.digest
    again = decode_manifest(manifest.content, manifest.digest)
    assert again == manifest
    assert sorted(again.files.values()) == sorted(files)


@given(FILES.filter(bool))
def test_other_content_is_another_version(files: list[BundleFile]) -> None:
    first, *rest = files
    other = BundleFile(first.path, hashlib.sha256(first.digest.encode()).hexdigest(), first.mode, first.size)
    assert manifest_of([other, *rest]).digest != manifest_of(files).digest


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../up.py", "a/../../up.py", "a//b", "a/", "./a", "a/./b", "a\\b", "a\0b", "\ud800.py"]
)
def test_names_that_leave_their_folder_are_refused(path: str) -> None:
    digest = hashlib.sha256(b"").hexdigest()
    with pytest.raises(InvalidManifest):
        manifest_of([BundleFile(path, digest, PLAIN_MODE, 0)])


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([("a", "0" * 64, 0o644, 0), ("a", "1" * 64, 0o644, 0)], "twice"),
        ([("a", "0" * 64, 0o644, 0), ("a/b", "0" * 64, 0o644, 0)], "file and a folder"),
        ([("a", "../" + "0" * 61, 0o644, 0)], "digest"),
        ([("a", "0" * 64, 0o4755, 0)], "mode"),
        ([("a", "0" * 64, 0o644, -1)], "size"),
        ([("b", "0" * 64, 0o644, 0), ("a", "0" * 64, 0o644, 0)], "canonical"),
        (["nonsense"], "cannot be read"),
    ],
)
def test_what_is_no_manifest_is_refused_for_a_reason(rows: list[object], why: str) -> None:
    content = msgspec.json.encode({"format": 1, "files": rows})
    with pytest.raises(InvalidManifest, match=why):
        decode_manifest(content, hashlib.sha256(content).hexdigest())


def test_a_manifest_with_another_digest_is_refused() -> None:
    with pytest.raises(InvalidManifest, match="digest"):
        decode_manifest(manifest_of([]).content, "0" * 64)


def test_limits_name_the_file_and_the_setting() -> None:
    limits = BundleLimits(file_bytes=10, bundle_bytes=15, files=2)
    files = [BundleFile(name, "0" * 64, PLAIN_MODE, size) for name, size in (("big.csv", 10), ("dag.py", 6))]
    assert too_large("dag.py", 10, limits) is None
    assert "data/huge.bin" in (refusal := too_large("data/huge.bin", 11, limits) or "")
    assert "TRADEWIND__DAG_PROCESSOR__BUNDLE_FILE_MAX_BYTES" in refusal
    assert too_much(files[:1], limits) is None
    assert "big.csv" in (refusal := too_much(files, limits) or "")
    assert "TRADEWIND__DAG_PROCESSOR__BUNDLE_MAX_BYTES" in refusal
    small = [BundleFile(name, "0" * 64, PLAIN_MODE, 1) for name in "abc"]
    assert "TRADEWIND__DAG_PROCESSOR__BUNDLE_MAX_FILES" in (too_much(small, limits) or "")


def test_a_parse_agrees_with_what_it_read() -> None:
    digest, other = "0" * 64, "1" * 64
    manifest = manifest_of([BundleFile("dag.py", digest, PLAIN_MODE, 1)])
    assert agrees({"dag.py": digest, "absent.py": ""}, manifest, None)
    assert not agrees({"dag.py": other}, manifest, None)
    assert not agrees({"dag.py": ""}, manifest, None), "a module that was missing is there now"
    assert agrees({"dag.py": digest, ".hidden": other}, manifest, manifest), "what does not travel"
    before = manifest_of([BundleFile("gone.py", other, PLAIN_MODE, 1)])
    assert not agrees({"dag.py": digest, "gone.py": other}, manifest, before)


@pytest.mark.parametrize("name", ["dags-folder", "example_dags", "team.a"])
def test_names_of_files_say_their_bundle(name: str) -> None:
    assert bundle_of(f"{prefix_of(name)}folder/dag.py") == name
