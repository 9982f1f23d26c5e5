"""Previews of files: what is in them is read from bytes, damaged files end in a sentence, nothing is executed."""

from __future__ import annotations

import base64
import io
import json
import pickle
import struct
import time
import tracemalloc
import zipfile
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from penstock.stores.blobs.local import LocalBlobStore
from penstock.web.previews import parquet
from penstock.web.previews.content import Preview, preview_of, rows_asked
from penstock.web.previews.parquet import ParquetError, read_head, snappy

PARQUET = base64.b64decode(
    "UEFSMRUEFSAVJEwVBBUAEgAAEDwBAAAAAAAAAAMAAAAAAAAAFQAVEhUWLBUGFRAVBhUGHAAAAAkgAgAAAAMFAQMCFQQVFBUYTBUEFQASAAAKJAEAAABhAQAA"
    "AGIVABUSFRYsFQYVEBUGFQYcAAAACSACAAAABgEBAwIVBBUwFS5MFQYVABIAABgEAQAJATwCAAAAAAAAAAMAAAAAAAAAFQAVIBUkLBUGFRAVBhUGHAAAABA8"
    "AgAAAAYAAgAAAAYDAgMkABUEGWw1ABgGc2NoZW1hFQYAFQQlAhgBbgAVDCUCGAFzJQBMHAAAADUCGAFsFQIVBkw8AAAANQQYBGxpc3QVAgAVBCUCGAdlbGVt"
    "ZW50ABYGGRwZPCYAHBUEGTUABhAZGAFuFQIWBhZ0FnwmSCYIKSwVBBUAFQIAFQAVEBUCADwpBhkmAgQAAAAmABwVDBk1AAYQGRgBcxUCFgYWaBZwJrgBJoQB"
    "KSwVBBUAFQIAFQAVEBUCADwWBhkGGSYABgAAACYAHBUEGTUABhAZOAFsBGxpc3QHZWxlbWVudBUCFgYWkgEWlAEmvgIm9AEpLBUEFQAVAgAVABUQFQIAPCkm"
    "BgAZRgAAAAYAAAAW7gIWBiYIFoADACggcGFycXVldC1jcHAtYXJyb3cgdmVyc2lvbiAyNi4wLjEZPBwAABwAABwAAABCAQAAUEFSMQ=="
)
"""Columns n (numbers with a gap), s (texts from a dictionary) and l (lists), three rows, written by Arrow with snappy."""


def preview(tmp_path: Path, data: bytes, name: str = "") -> Preview:
    store = LocalBlobStore(tmp_path / "blobs")
    blob = store.put_bytes(data)
    return preview_of(store, digest=blob.digest, type_="", is_directory=False, size=blob.size_bytes, name=name)


def npy(descr: str, shape: tuple[int, ...], data: bytes) -> bytes:
    head = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data


def test_rows_of_a_parquet_file_are_shown_with_their_types(tmp_path: Path) -> None:
    found = preview(tmp_path, PARQUET)
    assert found.kind == "table" and found.table is not None
    assert list(found.table.columns) == ["n", "s", "l.list.element"]
    assert list(found.table.types)[:2] == ["int64", "text"]
    assert [list(row) for row in found.table.rows] == [["1", "a", ""], ["", "b", ""], ["3", "a", ""]]
    assert (found.table.total, list(found.table.notes)) == (3, ["l.list.element: nested"])


def test_columns_say_how_their_values_are_spread(tmp_path: Path) -> None:
    text = "n,s,same,mixed\n" + "".join(f"{number},{number % 3}x,5,{'a' if number else 7}\n" for number in range(32))
    found = preview(tmp_path, text.encode(), name="a.csv").table
    assert found is not None
    assert list(found.spreads) == [[1.0] * 16, 3, [1.0, *[0.0] * 15], None]


def test_a_damaged_parquet_file_ends_in_a_sentence_wherever_it_is_cut_or_changed(tmp_path: Path) -> None:
    for position in range(0, len(PARQUET), 3):
        damaged = bytearray(PARQUET)
        damaged[position] ^= 0x5A
        for data in (bytes(damaged), PARQUET[:position]):
            try:
                head = read_head(lambda offset, length, data=data: data[offset : offset + length], len(data), rows=10)  # type: ignore[misc]
            except ParquetError:
                continue
            assert all(len(column.values) <= 10 for column in head.columns)
    assert preview(tmp_path, PARQUET[:40]).kind == "binary"


def test_snappy_copies_over_themselves_and_refuses_what_grows() -> None:
    assert snappy(b"\x0a\x04ab" + b"\x1e\x02\x00", 10) == b"ababababab"
    with pytest.raises(ParquetError):
        snappy(b"\x0a\x04ab" + b"\xfe\x02\x00", 10)
    with pytest.raises(ParquetError):
        snappy(b"\xff\xff\xff\xff\x0f", 10)


def test_arrays_show_shape_and_values(tmp_path: Path) -> None:
    found = preview(tmp_path, npy("<f8", (2, 3), struct.pack("<6d", 0, 1, 2, 3, 4, 5)))
    assert found.entries[0][2] == "shape (2, 3), <f8"
    assert found.table is not None and [list(row) for row in found.table.rows] == [["0.0", "1.0", "2.0"], ["3.0", "4.0", "5.0"]]
    named = preview(tmp_path, npy("<U2", (2,), "ab".encode("utf-32-le") + "c\0".encode("utf-32-le")))
    assert named.table is not None and [list(row) for row in named.table.rows] == [["ab"], ["c"]]
    for odd in (npy("|O", (1,), b"x"), npy("<f8", (0, 0), b""), npy("<f8", (10**12, 10**12), b"1234"), b"\x93NUMPY\x01\x00\xff\xffnot"):
        assert preview(tmp_path, odd).kind == "numpy"


def test_lines_of_json_become_a_table_over_all_keys(tmp_path: Path) -> None:
    lines = [json.dumps({"id": 1, "name": "a"}), json.dumps({"id": 2, "tags": ["x"]})]
    found = preview(tmp_path, "\n".join(lines).encode())
    assert found.table is not None
    assert (list(found.table.columns), list(found.table.types)) == (["id", "name", "tags"], ["number", "text", "mixed"])
    assert list(found.table.ranges) == ["1 … 2", "", ""]
    assert preview(tmp_path, b"{\n1: 2}\n").kind == "text"


def test_a_notebook_is_read_and_markup_in_it_stays_text(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "<script>bad()</script> ![x](http://elsewhere/x.png) [y](javascript:bad())"]},
        {
            "cell_type": "code", "execution_count": 3, "source": "1/0",
            "outputs": [
                {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[31mE\x1b[0m: v"]},
                {"output_type": "display_data", "data": {"image/png": "aGk=\n", "text/plain": "<Figure>"}},
                {"output_type": "display_data", "data": {"image/png": "' onerror=bad()", "text/html": "<b>"}},
            ],
        },
    ]  # fmt: skip
    found = preview(tmp_path, json.dumps({"nbformat": 4, "cells": cells}).encode())
    assert found.kind == "notebook"
    text, code = found.cells
    assert "<h1>Title</h1>" in text.html
    assert not any(bad in text.html for bad in ("<script", "<img", 'href="javascript'))
    assert [(output.kind, output.text) for output in code.outputs] == [
        ("error", "E: v\n"), ("image", "data:image/png;base64,aGk="), ("left", "image/png, text/html"),
    ]  # fmt: skip


def test_sound_film_figures_and_prose_are_told_apart(tmp_path: Path) -> None:
    assert preview(tmp_path, b"RIFF\0\0\0\0WAVEfmt ").kind == "audio"
    assert preview(tmp_path, b"\0\0\0\x18ftypisom").kind == "video"
    assert preview(tmp_path, json.dumps({"data": [], "layout": {}}).encode()).kind == "figure"
    for language in ("vega/v6", "vega-lite/v6"):
        chart = preview(tmp_path, json.dumps({"$schema": f"https://vega.github.io/schema/{language}.json", "data": [], "layout": {"columns": 3}}).encode())
        assert (chart.kind, '"columns": 3' in chart.text) == ("vega", True)
    assert preview(tmp_path, json.dumps({"$schema": "https://json-schema.org/x"}).encode()).kind == "json"
    assert preview(tmp_path, b"# Title", "README.md").kind == "prose"
    table = preview(tmp_path, json.dumps({"columns": ["a"], "data": [[{"_type": "image-file", "path": "media/x.png"}]]}).encode())
    assert table.table is not None and table.table.rows[0][0].path == "media/x.png"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_unpacks_to_far_more_is_listed_without_unpacking_it(tmp_path: Path, method: int) -> None:
    unpacked = 64 << 20
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as file, file.open("bomb.npy", "w") as member:
        member.write(npy("<f8", (3, 4), b""))
        for _ in range(unpacked >> 20):
            member.write(bytes(1 << 20))
    tracemalloc.start()
    try:
        found = preview(tmp_path, archive.getvalue())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [(name, size > unpacked) for name, size, _ in found.entries if size is not None] == [("bomb.npy", True)]
    assert peak < unpacked / 4


def test_a_damaged_archive_is_listed(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x.npy", npy("<f8", (3, 4), bytes(range(256)) * 40))
    damaged = bytearray(archive.getvalue())
    for position in range(40, 60):
        damaged[position] ^= 0xFF
    assert [entry[0] for entry in preview(tmp_path, bytes(damaged)).entries] == ["x.npy"]


def test_more_rows_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path / "blobs")
    blob = store.put_bytes(b"id,text\n" + b"".join(b"%d,%s\n" % (number, b"x" * 100) for number in range(3000)))
    shown = []
    for rows in (200, 1000, 5000):
        found = preview_of(store, digest=blob.digest, type_="", is_directory=False, size=blob.size_bytes, rows=rows)
        assert found.table is not None
        shown.append((len(found.table.rows), found.table.total, found.more_rows))
    assert shown == [(200, None, 1000), (1000, 3000, 5000), (3000, 3000, None)]


def test_only_known_numbers_of_rows_are_read() -> None:
    assert [rows_asked(text) for text in ("", "1000", "5000", "5001", "1e9", "-1")] == [200, 1000, 5000, 200, 200, 200]


def test_columns_of_a_tracked_table_have_the_types_that_the_client_wrote(tmp_path: Path) -> None:
    def optional(word: str) -> dict[str, object]:
        return {"wb_type": "union", "params": {"allowed_types": [{"wb_type": "none"}, {"wb_type": word}]}}

    either = {"wb_type": "union", "params": {"allowed_types": [{"wb_type": "number"}, {"wb_type": "string"}]}}
    types = {"when": optional("timestamp"), "text": optional("string"), "odd": either}
    picture = {"_type": "image-file", "path": "a.png", "masks": {"m": {"path": "m.png"}}, "size": 3}
    document = {
        "columns": ["when", "text", "odd", "pic"],
        "data": [[0, "1", 2, picture], [None, "2", 3, picture], [1e300, "3", 4, picture]],
        "column_types": {"wb_type": "typedDict", "params": {"type_map": types}},
    }
    found = preview(tmp_path, json.dumps(document).encode()).table
    assert found is not None
    assert list(found.types) == ["timestamp", "text", "number", "media"]
    assert [row[0] for row in found.rows] == ["1970-01-01T00:00:00Z", "", "1e+300"]
    assert found.rows[0][3].drawn == {"path": "a.png", "masks": {"m": {"path": "m.png"}}}


def test_a_pickle_says_what_opening_it_would_import_and_is_not_opened(tmp_path: Path) -> None:
    trap = tmp_path / "opened"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str, ...]]:
            return Path.touch, (str(trap),)

    for protocol in (2, 4, 5):
        data = pickle.dumps({"when": [datetime(2026, 1, 1), datetime(2026, 1, 2)], "evil": Evil() if protocol != 5 else None}, protocol=protocol)
        found = preview(tmp_path, data)
        assert found.kind == "pickle" and found.pickle is not None
        assert (found.pickle.protocol, found.pickle.is_whole) == (protocol, True)
        assert "datetime.datetime" in found.pickle.names
        assert any("touch" in name or "getattr" in name for name in found.pickle.names) == (protocol != 5)
    assert not trap.exists()


@pytest.mark.parametrize("data", [b"\x80\x04\x93\x93.", b"\x80\x04\x8e" + b"\xff" * 8, b"\x80\x05" + b"\x8c\x02\xff\xff" * 9, b"\x80\x02c\xff\n"])
def test_a_damaged_pickle_is_summed_up_as_far_as_it_goes(tmp_path: Path, data: bytes) -> None:
    found = preview(tmp_path, data)
    assert found.kind == "pickle" and found.pickle is not None


def test_names_in_a_long_pickle_are_counted_and_the_reading_ends(tmp_path: Path) -> None:
    data = pickle.dumps([Fraction(number, 7) for number in range(60_000)], protocol=4)
    found = preview(tmp_path, data).pickle
    assert found is not None and not found.is_whole
    assert list(found.names) == ["fractions.Fraction"]


def test_a_large_table_of_a_tracked_run_and_a_large_archive_show_their_beginning(tmp_path: Path) -> None:
    rows = [[number, "x" * 100] for number in range(90_000)]
    found = preview(tmp_path, json.dumps({"_type": "table", "columns": ["id", "text"], "data": rows, "ncols": 2, "nrows": len(rows)}).encode())
    assert found.table is not None
    assert (found.kind, found.is_cut, found.table.columns, len(found.table.rows), found.table.total, found.more_rows) == ("table", True, ["id", "text"], 200, 90_000, 1000)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("x.npy", npy("<f8", (3, 4), bytes(96)))
        file.writestr("large.bin", bytes(70 << 20))
    assert [entry[0] for entry in preview(tmp_path, archive.getvalue()).entries] == ["x.npy", "large.bin"]


def test_things_in_space_are_drawn_by_the_browser_and_ask_first_when_they_are_large(tmp_path: Path) -> None:
    for name in ("a.OBJ", "b.glb", "c.pts.json", "d.pdb"):
        found = preview(tmp_path, b"v 0 0 0\n", name)
        assert (found.kind, found.text, found.asks_first) == ("space", name, True)
    assert preview(tmp_path, b"\x89PNG\r\n\x1a\n", "picture.obj").kind == "image"


@pytest.mark.parametrize(
    ("data", "pixels"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (60_000).to_bytes(4, "big") * 2, (60_000, 60_000)),
        (b"GIF89a\x10\0\x20\0", (16, 32)),
        (b"BM" + bytes(16) + (5).to_bytes(4, "little") + (-7).to_bytes(4, "little", signed=True), (5, 7)),
        (b"\xff\xd8\xff\xe1\x00\x06Exif\xff\xc2\x00\x11\x08\x01\x00\x02\x00" + bytes(9), (512, 256)),
        (b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\0\0\x07\0\0", (256, 8)),
        (b"\x89PNG\r\n\x1a\n", None),
        (b"\xff\xd8" + b"\xff\xe1\xff\xff" * 9, None),
    ],
)
def test_a_picture_says_its_size_and_a_vast_one_is_not_loaded_unasked(tmp_path: Path, data: bytes, pixels: tuple[int, int] | None) -> None:
    found = preview(tmp_path, data)
    assert (found.kind, found.pixels, found.is_vast) == ("image", pixels, pixels == (60_000, 60_000))


def test_documents_of_very_many_parts_or_levels_are_text(tmp_path: Path) -> None:
    began = time.process_time()
    for data in (b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b'{"a":[' + b"[]," * 2_000_000 + b"0]}", b'{"a":' + b"9" * 5000 + b"}"):
        assert preview(tmp_path, data).kind == "text"
    found = preview(tmp_path, b'{"columns":["a"],"data":[' + b"[]," * 2_000_000 + b"[]]}")
    assert (found.kind, found.table is not None and len(found.table.rows)) == ("table", 200)
    long = preview(tmp_path, json.dumps({"a": [[1, 2, 3]] * 100_000}).encode())
    assert (long.kind, len(long.text), long.is_cut) == ("json", 200_000, True)
    assert preview(tmp_path, (b'{"a":' + b"[" * 900 + b"]" * 900 + b"}\n") * 50).kind in {"table", "text"}
    assert time.process_time() - began < 20


def test_a_notebook_of_much_markdown_is_read_in_part_and_the_rest_stands_as_it_is_written(tmp_path: Path) -> None:
    hostile = "<script>x</script> [x](javascript:x) " + "[" * 3000
    cells: list[Any] = [{"cell_type": "markdown", "source": [hostile]}] * 40
    cells += [{"cell_type": [1], "source": None, "outputs": {}}, None, "cell", {"cell_type": "code", "outputs": [{"output_type": "error", "traceback": 5, "evalue": "bad"}, {"output_type": "stream", "text": {"a": 1}}, {"data": [1]}, 5]}]
    found = preview(tmp_path, json.dumps({"nbformat": 4, "cells": cells}).encode())
    shown = [cell.html for cell in found.cells]
    assert (found.kind, sum(html is not None for html in shown)) == ("notebook", 1)
    assert all("<script" not in (html or "") and 'href="javascript' not in (html or "") for html in shown)
    assert [output.kind for output in found.cells[-1].outputs] == ["error", "text", "left"]
    much = preview(tmp_path, json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": "x" * 20_000}] * 200}).encode())
    assert (len(much.cells), much.is_cut) == (50, True)


def test_pages_of_a_parquet_file_that_claim_more_than_they_hold_cost_nothing(tmp_path: Path) -> None:
    packed = 1 << 20
    assert len(parquet._hybrid(b"\xff\xff\xff\xff\x07" + bytes(packed), 1, 1 << 20)) == 1 << 20
    with pytest.raises(parquet.ParquetError):
        parquet._hybrid(b"\x03" + bytes(9), 200, 8)
    with pytest.raises(ValueError, match="fewer bytes"):
        parquet._plain(b"x" * 64, {1: 7, 2: 16}, 1 << 31)
