"""The cache of bundles: checked contents, versions that appear whole, and making room beside others."""

import hashlib
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tradewind.core.bundles import BundleFile, Manifest, manifest_of
from tradewind.task_runner.bundles.cache import BundleCache, BundleMismatch


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def version(**files: bytes) -> Manifest:
    return manifest_of(
        BundleFile(name.replace("__", "/"), digest_of(content), 0o755 if name.endswith("sh") else 0o644, len(content))
        for name, content in files.items()
    )


def laid_out(cache: BundleCache, **files: bytes) -> Manifest:
    manifest = version(**files)
    cache.hold(manifest.digest)
    missing = cache.missing(manifest)
    for content in files.values():
        if digest_of(content) in missing:
            cache.add(digest_of(content), content)
    cache.lay_out(manifest)
    return manifest


def nobody(_digest: str) -> bool:
    return False


@pytest.fixture
def open_cache(tmp_path: Path) -> Callable[..., BundleCache]:
    def open_(max_bytes: int = 1 << 20) -> BundleCache:
        return BundleCache(tmp_path / "cache", max_bytes=max_bytes)

    return open_


def test_a_version_is_laid_out_with_modes_and_links(open_cache: Callable[..., BundleCache]) -> None:
    cache = open_cache()
    manifest = laid_out(cache, dag=b"dag", team__helper=b"helper", tools__run_sh=b"dag")
    files = cache.files_of(manifest.digest)
    assert (files / "team/helper").read_bytes() == b"helper"
    assert os.access(files / "tools/run_sh", os.X_OK)
    assert not (files / "dag").stat().st_mode & 0o111, "the same content elsewhere is a script"
    other = laid_out(cache, dag=b"dag", new=b"new")
    assert (cache.files_of(other.digest) / "dag").stat().st_ino == (files / "dag").stat().st_ino, "kept once"
    assert cache.found(manifest.digest) == manifest
    assert cache.missing(version(dag=b"dag", absent=b"absent")) == [digest_of(b"absent")]


@pytest.mark.parametrize("content", [zlib.compress(b"evil"), b"rubbish", zlib.compress(b"x" * 5_000_000)])
def test_content_that_is_not_what_its_digest_says_is_refused(
    open_cache: Callable[..., BundleCache], content: bytes
) -> None:
    cache, digest = open_cache(), digest_of(b"good")
    with pytest.raises(BundleMismatch, match=digest):
        cache.add_compressed(digest, 4, content)
    manifest = version(dag=b"good")
    assert cache.missing(manifest) == [digest]
    cache.add_compressed(digest, 4, zlib.compress(b"good"))
    assert cache.missing(manifest) == []


def test_damage_on_disk_is_found_and_made_good(open_cache: Callable[..., BundleCache]) -> None:
    cache = open_cache()
    manifest = laid_out(cache, dag=b"dag")
    damaged = cache.files_of(manifest.digest) / "dag"
    damaged.chmod(0o644)
    damaged.write_bytes(b"dog")
    assert open_cache().found(manifest.digest) is None
    assert open_cache().missing(manifest) == [digest_of(b"dag")]
    assert laid_out(open_cache(), dag=b"dag") == manifest
    assert damaged.read_bytes() == b"dag"


def test_two_processes_lay_out_the_same_version(open_cache: Callable[..., BundleCache]) -> None:
    first, second = open_cache(), open_cache()
    manifest = laid_out(first, dag=b"dag")
    second.hold(manifest.digest)
    second.lay_out(manifest)
    assert second.found(manifest.digest) == manifest
    assert [path.name for path in first.files_of(manifest.digest).parent.parent.iterdir()] == [manifest.digest]


def test_the_least_recently_used_version_makes_way_and_none_that_is_used(
    open_cache: Callable[..., BundleCache], tmp_path: Path
) -> None:
    cache, other = open_cache(max_bytes=250), open_cache(max_bytes=250)
    held_elsewhere = laid_out(other, dag=b"a" * 100)
    in_use = laid_out(cache, dag=b"b" * 100)
    idle = laid_out(cache, dag=b"c" * 100, shared=b"s" * 10)
    newest = laid_out(cache, dag=b"d" * 100, shared=b"s" * 10)
    for age, manifest in enumerate([newest, idle, in_use, held_elsewhere]):
        os.utime(tmp_path / "cache/locks" / manifest.digest, (1000 - age, 1000 - age))
    cache.evict(lambda digest: digest in (in_use.digest, newest.digest))
    there = {path.name for path in (tmp_path / "cache/versions").iterdir()}
    assert there == {held_elsewhere.digest, in_use.digest, newest.digest}
    assert cache.missing(idle) == [digest_of(b"c" * 100)], "what others need stays"
    other.close()
    assert cache.evict(nobody) == 1
    assert not cache.files_of(held_elsewhere.digest).exists(), "the oldest, now that nobody uses it"


def test_a_version_that_was_evicted_can_be_held_again(open_cache: Callable[..., BundleCache]) -> None:
    cache = open_cache(max_bytes=0)
    manifest = laid_out(cache, dag=b"dag")
    assert cache.evict(nobody) == 1
    cache.hold(manifest.digest)
    assert cache.found(manifest.digest) is None
    assert laid_out(cache, dag=b"dag") == manifest
