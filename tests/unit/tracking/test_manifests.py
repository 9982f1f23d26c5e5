"""Reading manifests piece by piece, and listings of both sizes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.ids import Digest
from penstock.domain.versions import ManifestEntry, manifest_digest
from penstock.stores.manifests import index as index_module
from penstock.stores.manifests.index import LocalManifestIndex
from penstock.tracking.manifests import manifest_text, read_entries

DIGEST = Digest("sha256:" + "0" * 64)


def text(contents: dict[str, Any], **extra: Any) -> bytes:
    return json.dumps({"version": 1, "storagePolicy": "p", **extra, "contents": contents}).encode()


@pytest.mark.parametrize("size", [1, 3, 7, 64, 10_000])
def test_entries_come_whole_however_the_file_is_cut(size: int) -> None:
    data = text({f"dir/ü{i}.txt": {"digest": f"d{i}", "size": i, "local_path": "x"} for i in range(50)} | {"r": {"digest": "e", "ref": "s3://b/k"}})
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    entries = list(read_entries(pieces))
    assert len(entries) == 51
    assert entries[7] == ManifestEntry("dir/ü7.txt", "d7", size_bytes=7)
    assert entries[-1].ref == "s3://b/k"


@pytest.mark.parametrize("size", [1 << 18, 300_001])
def test_commas_and_braces_inside_names_and_values_do_not_cut_entries(size: int) -> None:
    contents = {f'a"}},{i}': {"digest": "},", "extra": {"nested": {"deep": i}, "list": [{"x": "},"}, {}]}, "size": i} for i in range(20_000)}
    contents["\ud800 alone"] = {"digest": "x"}
    data = text(contents)
    entries = list(read_entries(data[at : at + size] for at in range(0, len(data), size)))
    assert [entry.path for entry in entries] == list(contents)
    assert entries[12_345] == ManifestEntry('a"},12345', "},", 12_345, extra={"nested": {"deep": 12_345}, "list": [{"x": "},"}, {}]})


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{", text({"a": {}}), text({"../a": {"digest": "x"}}), text({"/a": {"digest": "x"}}), text({}, version=2), text({"a": 3})[:-3]],
)
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgumentError):
        list(read_entries([data]))


def test_what_is_written_reads_back() -> None:
    entries = [ManifestEntry("a", "d", 3, birth_id="x"), ManifestEntry("b", "e", ref="http://r", extra={"etag": "q"})]
    assert list(read_entries(manifest_text(entries))) == entries


def test_the_artifact_digest_is_the_clients() -> None:
    assert manifest_digest([ManifestEntry("a.txt", "LGw0WQKZU2KvENkDZj46Tg==")]) == "7e44c6acb555610d53035b6f263193c8"


@pytest.mark.parametrize("order", ["sorted", "reversed", "repeated"])
@pytest.mark.parametrize("in_memory", [10, 10_000], ids=["file", "memory"])
def test_listings_page_in_path_order_and_find_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: int, order: str) -> None:
    monkeypatch.setattr(index_module, "_IN_MEMORY", in_memory)
    monkeypatch.setattr(index_module, "_BATCH", 30)
    entries = [
        ManifestEntry(f"f{i:03}", f"d{i}", i, ref="s3://x" if i == 7 else None, birth_id="b", extra={"n": i} if i == 5 else {})
        for i in range(100)
    ]
    if order == "reversed":
        entries.reverse()
    if order == "repeated":
        entries.insert(50, ManifestEntry("f099", "older", 1))
    index = LocalManifestIndex(tmp_path)
    for _ in range(2):
        listing = index.listing(DIGEST, lambda: iter(entries))
        assert (listing.count, listing.size_bytes) == (100, 4950)
        assert [entry.path for entry in listing.page(98, 10)] == ["f098", "f099"]
        assert [entry.path for entry in listing.below("", 2)] == ["f000", "f001"]
        assert [entry.path for entry in listing.named(["f005", "absent", "f001"])] == ["f005", "f001"]
        assert listing.named(["f005"])[0].extra == {"n": 5}
        assert [entry.path for entry in listing.all()] == [f"f{i:03}" for i in range(100)]
        assert listing.page(99, 1)[0].digest == "d99"
        assert list(listing.stored()) == [(f"f{i:03}", f"d{i}", "b") for i in range(100) if i != 7]


@pytest.mark.parametrize("in_memory", [0, 1000])
def test_what_lies_below_a_folder_is_found_without_what_stands_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: int) -> None:
    monkeypatch.setattr("penstock.stores.manifests.index._IN_MEMORY", in_memory)
    paths = ["a", "a-b/1", "a.txt", "a/1", "a/b/2", "a/\U0001f600", "a0/3", "ab/4"]
    listing = LocalManifestIndex(tmp_path).listing(DIGEST, lambda: iter([ManifestEntry(path, "d", 1) for path in paths]))
    assert [entry.path for entry in listing.below("a", 10)] == ["a/1", "a/b/2", "a/\U0001f600"]
    assert [entry.path for entry in listing.below("a", 2)] == ["a/1", "a/b/2"]
    assert [entry.path for entry in listing.below("a/b", 10)] == ["a/b/2"]
    assert [entry.path for entry in listing.below("z", 10)] == []
