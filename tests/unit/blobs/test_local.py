from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from penstock.domain.errors import InvalidArgumentError, NotFoundError, UnavailableError
from penstock.domain.ids import Digest
from penstock.stores.blobs import files
from penstock.stores.blobs.local import LocalBlobStore


@pytest.fixture
def store(tmp_path: Path) -> LocalBlobStore:
    return LocalBlobStore(tmp_path / "blobs")


def digest_of(data: bytes) -> Digest:
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def content(store: LocalBlobStore, digest: Digest, **window: int) -> bytes:
    return b"".join(store.read(digest, **window))


def leftovers(tmp_path: Path) -> list[str]:
    return os.listdir(tmp_path / "blobs" / "incoming")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "deep" / "empty").mkdir(parents=True)
    (root / "b").write_text("bb")
    (root / "deep" / "a").write_text("a")
    (root / "run").write_text("#!/bin/sh\n")
    (root / "run").chmod(0o755)
    (root / "link").symlink_to("b")
    return root


@pytest.mark.parametrize("how", [{"move": False}, {"move": True}, {"move": False, "link": True}])
def test_a_file_is_stored_under_the_digest_of_its_bytes(store: LocalBlobStore, tmp_path: Path, how: dict) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3_000_000)
    stored = store.put_path(path, with_md5=True, **how)
    assert stored.digest == digest_of(b"x" * 3_000_000)
    assert stored.md5 == hashlib.md5(b"x" * 3_000_000).hexdigest()
    assert stored.size_bytes == store.size(stored.digest) == 3_000_000
    assert path.exists() != how["move"]
    assert store.has(stored.digest)
    assert store.verify(stored.digest)
    assert leftovers(tmp_path) == []


def test_moving_on_one_file_system_copies_no_bytes(store: LocalBlobStore, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"data")
    inode = path.stat().st_ino
    stored = store.put_path(path, move=True)
    place = store.path_of(stored.digest)
    assert place is not None
    assert place.stat().st_ino == inode


def test_a_file_with_another_name_elsewhere_is_copied(store: LocalBlobStore, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"data")
    os.link(path, tmp_path / "other")
    stored = store.put_path(path, move=True)
    (tmp_path / "other").write_bytes(b"changed")
    assert content(store, stored.digest) == b"data"


def test_linking_can_be_repeated(store: LocalBlobStore, tree: Path) -> None:
    first = store.put_path(tree, move=False, link=True)
    assert store.put_path(tree, move=False, link=True) == first


def test_a_tree_comes_back_as_it_was(store: LocalBlobStore, tree: Path, tmp_path: Path) -> None:
    stored = store.put_path(tree, move=False)
    assert stored.is_directory
    assert [entry.path for entry in store.list_tree(stored.digest)] == ["b", "deep/a", "link", "run"]
    assert store.size(stored.digest) == stored.size_bytes == 2 + 1 + 2 + 10
    target = tmp_path / "copies" / "tree"
    store.materialize(stored.digest, target)
    assert (target / "deep" / "empty").is_dir()
    assert (target / "link").read_text() == "bb"
    assert os.access(target / "run", os.X_OK)
    assert not os.access(target / "b", os.X_OK)
    assert store.path_of(stored.digest) is None


def test_equal_trees_have_one_digest_whatever_their_times_and_order(store: LocalBlobStore, tmp_path: Path) -> None:
    digests = set()
    for name, order in (("one", "abc"), ("two", "cba")):
        for letter in order:
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / letter).write_text(letter)
        digests.add(store.put_path(tmp_path / name, move=False).digest)
    assert len(digests) == 1


def test_a_large_tree_is_stored_and_consumed(store: LocalBlobStore, tmp_path: Path) -> None:
    root = tmp_path / "many"
    root.mkdir()
    for number in range(40):
        (root / str(number)).write_text(str(number % 7))
    stored = store.put_path(root, move=True)
    assert not root.exists()
    assert len(store.list_tree(stored.digest)) == 40
    assert store.verify(stored.digest)


def test_writing_to_a_copy_leaves_the_blob_alone(store: LocalBlobStore, tmp_path: Path) -> None:
    stored = store.put_bytes(b"data")
    store.materialize(stored.digest, tmp_path / "copy")
    (tmp_path / "copy").write_bytes(b"other")
    assert content(store, stored.digest) == b"data"


def test_ranges_are_read(store: LocalBlobStore) -> None:
    digest = store.put_bytes(bytes(range(256))).digest
    assert content(store, digest, offset=10, length=3) == bytes([10, 11, 12])
    assert content(store, digest, offset=250) == bytes(range(250, 256))
    assert content(store, digest, offset=999) == b""


@pytest.mark.parametrize("method", ["size", "list_tree", "read", "path_of"])
def test_missing_blobs_are_told_at_once(store: LocalBlobStore, method: str) -> None:
    with pytest.raises(NotFoundError):
        getattr(store, method)(digest_of(b"never stored"))
    assert not store.has(digest_of(b"never stored"))
    store.delete(digest_of(b"never stored"))


@pytest.mark.parametrize("digest", ["sha256:../../etc/passwd", "sha256:abc", "nonsense", "sha256:" + "g" * 64])
def test_a_digest_is_never_taken_for_a_path(store: LocalBlobStore, digest: str) -> None:
    with pytest.raises(InvalidArgumentError):
        store.has(Digest(digest))


def test_links_out_of_a_tree_are_refused_and_nothing_stays_behind(store: LocalBlobStore, tree: Path, tmp_path: Path) -> None:
    (tree / "secret").symlink_to("/etc/passwd")
    with pytest.raises(InvalidArgumentError, match="secret"):
        store.put_path(tree, move=True)
    assert leftovers(tmp_path) == []
    assert (tree / "b").exists()


@pytest.mark.parametrize("target", [".", "missing"])
def test_circles_and_dangling_links_are_refused(store: LocalBlobStore, tree: Path, target: str) -> None:
    (tree / "odd").symlink_to(target)
    with pytest.raises(InvalidArgumentError):
        store.put_path(tree, move=False)


def test_special_files_are_refused(store: LocalBlobStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(InvalidArgumentError):
        store.put_path(tmp_path / "fifo", move=False)
    with pytest.raises(InvalidArgumentError):
        store.put_path(tmp_path / "missing", move=False)


def test_a_full_disk_stores_nothing(store: LocalBlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "file").write_bytes(b"data")
    monkeypatch.setattr("penstock.stores.blobs.local.copy_private", full)
    monkeypatch.setattr("penstock.stores.blobs.local.write_all", full)
    with pytest.raises(UnavailableError, match="No space left"):
        store.put_path(tmp_path / "file", move=False)
    with pytest.raises(UnavailableError, match="No space left"):
        store.put_bytes(b"data")
    upload = store.open_upload()
    with pytest.raises(UnavailableError, match="No space left"):
        upload.write(b"data")
    assert leftovers(tmp_path) == []
    assert not store.has(digest_of(b"data"))


def test_an_upload_is_stored_with_both_digests(store: LocalBlobStore, tmp_path: Path) -> None:
    upload = store.open_upload()
    for chunk in (b"one ", b"two ", b"three"):
        upload.write(chunk)
    stored = upload.finish()
    upload.abort()
    assert stored.md5 == hashlib.md5(b"one two three").hexdigest()
    assert content(store, stored.digest) == b"one two three"
    assert leftovers(tmp_path) == []


def test_an_aborted_upload_leaves_nothing(store: LocalBlobStore, tmp_path: Path) -> None:
    upload = store.open_upload()
    upload.write(b"half")
    upload.abort()
    assert leftovers(tmp_path) == []
    with pytest.raises(UnavailableError):
        upload.finish()


def test_damage_is_found(store: LocalBlobStore) -> None:
    digest = store.put_bytes(b"sound").digest
    place = store.path_of(digest)
    assert place is not None
    place.chmod(0o644)
    place.write_bytes(b"rotten")
    assert not store.verify(digest)


def test_garbage_is_what_nothing_live_refers_to_and_is_old(store: LocalBlobStore, tree: Path) -> None:
    kept = store.put_path(tree, move=False).digest
    single = store.put_bytes(b"single").digest
    garbage, young = store.put_bytes(b"garbage").digest, store.put_bytes(b"young").digest
    long_ago = time.time() - 10_000
    for digest in (single, garbage, *(entry.digest for entry in store.list_tree(kept))):
        place = store.path_of(digest)
        assert place is not None
        os.utime(place, (long_ago, long_ago))
    assert store.collect_garbage({kept, single}, min_age_seconds=3600) == len(b"garbage")
    assert not store.has(garbage)
    assert store.has(kept)
    assert store.has(single)
    assert store.has(young)


def test_storing_again_makes_a_blob_young_again(store: LocalBlobStore) -> None:
    digest = store.put_bytes(b"data").digest
    place = store.path_of(digest)
    assert place is not None
    os.utime(place, (1, 1))
    store.put_bytes(b"data")
    assert store.collect_garbage(set(), min_age_seconds=3600) == 0
    assert store.has(digest)


def test_many_threads_may_store_the_same(store: LocalBlobStore, tmp_path: Path) -> None:
    paths = []
    for number in range(16):
        path = tmp_path / f"file{number}"
        path.write_bytes(b"the same")
        paths.append(path)
    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(lambda path: store.put_path(path, move=True).digest, paths))
    assert digests == {digest_of(b"the same")}
    assert leftovers(tmp_path) == []


def test_copies_are_made_without_help_of_the_kernel_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(files.os, "copy_file_range", refuse)
    (tmp_path / "source").write_bytes(os.urandom(2_500_000))
    with (tmp_path / "source").open("rb") as source, (tmp_path / "target").open("wb") as target:
        files.copy_private(source.fileno(), target.fileno())
    assert (tmp_path / "target").read_bytes() == (tmp_path / "source").read_bytes()
