"""Rows of whole files: filtered, ordered, grouped and counted in pieces, whatever is wrong in the middle."""

from __future__ import annotations

import base64
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.stores.blobs.local import LocalBlobStore
from penstock.web.previews.row_scan import BARS, MOST_ROWS, Answer, Spread, question_of, scan
from penstock.web.previews.row_sources import BLOCK, Block, Passes, RowSource, open_rows
from tests.unit.web.test_previews import PARQUET, npy

GROUPS = base64.b64decode(
    "UEFSMRUAFTwVPCwVBhUAFQYVBhwYCAMAAAAAAAAAGAgBAAAAAAAAABYAKAgDAAAAAAAAABgIAQAAAAAAAAAREQAAAAIAAAAGAQEAAAAAAAAAAgAAAAAAAAAD"
    "AAAAAAAAABUAFTwVPCwVBhUAFQYVBhwYCAYAAAAAAAAAGAgEAAAAAAAAABYAKAgGAAAAAAAAABgIBAAAAAAAAAAREQAAAAIAAAAGAQQAAAAAAAAABQAAAAAA"
    "AAAGAAAAAAAAABUEGSw1ABgGc2NoZW1hFQIAFQQlAhgBbgAWDBksGRwmABwVBBklBgAZGAFuFQAWBha6ARa6ASYIPBgIAwAAAAAAAAAYCAEAAAAAAAAAFgAo"
    "CAMAAAAAAAAAGAgBAAAAAAAAABERABkcFQAVABUCADwpBhkmAAYAAAAWugEWBiYIFroBABkcJgAcFQQZJQYAGRgBbhUAFgYWugEWugEmwgE8GAgGAAAAAAAA"
    "ABgIBAAAAAAAAAAWACgIBgAAAAAAAAAYCAQAAAAAAAAAEREAGRwVABUAFQIAPCkGGSYABgAAABa6ARYGJsIBFroBACggcGFycXVldC1jcHAtYXJyb3cgdmVy"
    "c2lvbiAyNi4wLjEZHBwAAAAVAQAAUEFSMQ=="
)
"""A column n of six numbers in two row groups with their bounds, written by Arrow."""


def source_of(folder: Path, data: bytes, member: str = "") -> RowSource:
    """A file as rows."""
    store = LocalBlobStore(folder / "blobs")
    source = open_rows(store, store.put_bytes(data).digest, len(data), member)
    assert source is not None
    return source


def pieces(source: RowSource, find: str = "", order: str = "", by: str = "", *, step: float = 0.3) -> list[Answer]:
    """All answers to a question; the clock goes on by `step` whenever it is read, so that a piece has a few blocks."""
    found, position = [], ""
    while True:
        clock = iter(range(1_000_000)).__next__
        answer = scan(source, question_of(find, order, by, position, source.columns), clock=lambda tick=clock: tick() * step)  # type: ignore[misc]
        found.append(answer)
        position = answer.position
        if not position:
            return found


def cells_of(answers: list[Answer]) -> list[list[Any]]:
    """Rows of answers in order."""
    return [cells for answer in answers for _, cells in answer.rows]


def test_every_row_is_looked_at_once_over_all_pieces_and_the_best_are_kept(tmp_path: Path) -> None:
    count = 5 * BLOCK + 7
    text = "id,score\n" + "".join(f"{number},{(number * 7919) % count}\n" for number in range(count))
    answers = pieces(source_of(tmp_path, text.encode()), order="-score")
    assert len(answers) > 1
    assert sum(answer.looked for answer in answers) == count
    best = sorted((pair for answer in answers for pair in answer.rows), key=lambda pair: pair[0], reverse=True)[:MOST_ROWS]
    assert [cells[1] for _, cells in best] == [str(count - 1 - number) for number in range(MOST_ROWS)]
    spread = answers[0].spreads[1]
    assert spread is not None and sum(spread.bars) == spread.count


def test_a_quote_that_is_never_closed_costs_its_line_and_not_the_rest(tmp_path: Path) -> None:
    lines = [f"{number},text" for number in range(3000)]
    lines[10], lines[20] = '10,"never closed', '20,"closed,\nin the next ""line"""'
    lines[30] = "30," + "x" * 200_000
    lines[40] = "40,\xff\x00".encode("latin-1").decode("latin-1")
    source = source_of(tmp_path, ("id,name\n" + "\n".join(lines)).encode("latin-1"))
    (answer,) = pieces(source, "id<50", step=0)
    assert (answer.looked, answer.damaged, answer.matched) == (3000, 2, 48)
    assert ["20", 'closed,\nin the next "line"'] in cells_of([answer])


def test_lines_that_are_no_json_are_counted_and_left_out(tmp_path: Path) -> None:
    lines = [json.dumps({"id": number, "tags": {"a": number}}) for number in range(1000)]
    lines[500] = '{"id": 500, "tags":'
    lines[501] = "[" * 100_000
    lines[502] = "5"
    (answer,) = pieces(source_of(tmp_path, "\n".join(lines).encode()), "id>=499 id<=504", step=0)
    assert (answer.looked, answer.damaged) == (1000, 3)
    assert [row[0] for row in cells_of([answer])] == ["499", "503", "504"]


def test_a_row_group_that_cannot_match_is_passed_over_and_counted_and_damage_costs_values_only(tmp_path: Path) -> None:
    (answer,) = pieces(source_of(tmp_path, PARQUET), step=0)
    assert cells_of([answer]) == [["1", "a", ""], ["", "b", ""], ["3", "a", ""]]
    (answer,) = pieces(source_of(tmp_path, GROUPS), "n>4", step=0)
    assert (answer.looked, answer.passed_over, cells_of([answer])) == (6, 3, [["5"], ["6"]])
    for position in range(4, len(PARQUET) - 8, 5):
        data = bytearray(PARQUET)
        data[position] ^= 0x5A
        store = LocalBlobStore(tmp_path / "blobs")
        source = open_rows(store, store.put_bytes(bytes(data)).digest, len(data))
        if source is not None and (source.total or 0) < 100:
            assert sum(found.looked for found in pieces(source, step=0)) <= 100


def test_arrays_are_read_in_archives_too_and_one_that_is_cut_says_what_is_missing(tmp_path: Path) -> None:
    whole = npy("<i8", (12000, 2), struct.pack("<24000q", *range(24000)))
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", whole)
    for data, member in ((whole, ""), (packed.getvalue(), "x.npy")):
        answers = pieces(source_of(tmp_path, data, member), "0>=23990")
        assert (sum(answer.looked for answer in answers), len(answers) > 1) == (12000, True)
        assert cells_of(answers)[0] == ["23990", "23991"]
    answers = pieces(source_of(tmp_path, whole[:-1600]))
    assert (sum(answer.looked for answer in answers), sum(answer.damaged for answer in answers)) == (12000, 100)
    store = LocalBlobStore(tmp_path / "blobs")
    for member in ("../x.npy", ""):
        assert open_rows(store, store.put_bytes(packed.getvalue()).digest, len(packed.getvalue()), member) is None


def test_groups_are_counted_with_their_numbers_and_tables_of_tracked_runs_have_their_pictures(tmp_path: Path) -> None:
    picture = {"_type": "image-file", "path": "media/a.png"}
    table = {"columns": ["kind", "loss", "image"], "data": [["a", 1, picture], ["b", 5, None], ["a", 3, None], "no row"]}
    (answer,) = pieces(source_of(tmp_path, json.dumps(table).encode()), by="kind", step=0)
    assert {key: (count[0], numbers[1]) for key, (count, numbers) in answer.groups.items()} == {"a": (2, [2, 4.0, 1.0, 3.0]), "b": (1, [1, 5.0, 5.0, 5.0])}
    assert (answer.damaged, cells_of([answer])[0][2]) == (1, {"kind": "image", "path": "media/a.png", "drawn": {"path": "media/a.png"}})


@pytest.mark.parametrize(
    ("find", "found"),
    [
        ("model", ["0", "1"]),
        ("name:Model", ["0", "1"]),
        ('"name=the model"', ["0"]),
        ("name!=other lr>0.1", ["1"]),
        ("lr<=0.1 nowhere", []),
        ('"my col">1', ["1", "2"]),
        ("unknown=1", []),
    ],
)
def test_words_and_conditions_narrow_the_rows(tmp_path: Path, find: str, found: list[str]) -> None:
    text = "id,name,lr,my col\n0,the model,0.1,1\n1,a model,0.2,2\n2,other,nan,3\n"
    (answer,) = pieces(source_of(tmp_path, text.encode()), find, step=0)
    assert [row[0] for row in cells_of([answer])] == found


def test_a_question_that_no_file_can_be_asked_is_refused(tmp_path: Path) -> None:
    source = source_of(tmp_path, b"a,b\n1,2\n")
    for order, by, at in (("c", "", ""), ("", "c", ""), ("", "", "-1"), ("", "", "1:2:3"), ("", "", "9" * 20)):
        with pytest.raises(InvalidArgumentError):
            question_of("", order, by, at, source.columns)
    beyond = scan(source, question_of("", "", "", "99999", source.columns), clock=lambda: 0.0)
    assert (beyond.looked, beyond.position) == (0, "")


def test_a_piece_whose_first_block_took_long_goes_on_for_longer() -> None:
    def endless(position: str, passes: Passes) -> Iterator[Block]:
        while True:
            yield Block([["1"]], "1")

    def blocks_of(first: float) -> int:
        times: Callable[[], float] = iter([0.0, first, *(first + step / 10 for step in range(1, 1000))]).__next__
        return scan(RowSource(["a"], None, 1, endless), question_of("", "", "", "", ["a"]), clock=times).looked

    assert blocks_of(0.1) < 15
    assert 30 < blocks_of(1.5) < 60
    assert 30 < blocks_of(3.0) < 60


def test_bars_hold_every_number_whatever_comes_later() -> None:
    spread = Spread()
    for numbers in ([5.0], [5.0, 6.0], [-1e12], [1e18, 0.0], [1.7e9]):
        spread.add(numbers)
    assert (sum(spread.bars), spread.least, spread.most, len(spread.bars)) == (7, -1e12, 1e18, BARS)
    spread.add([1.7e308, -1.7e308])
    assert (spread.count, sum(spread.bars)) == (9, 7)


def tracked(rows: list[Any], **more: Any) -> bytes:
    """A table as the client writes it into an artifact."""
    types = {"wb_type": "typedDict", "params": {"type_map": {"when": {"wb_type": "timestamp"}}}}
    return json.dumps({"_type": "table", "column_types": types, "columns": ["id", "name", "when"], "data": rows, "ncols": 3, "nrows": len(rows)} | more, sort_keys=True).encode()


def test_a_table_of_a_tracked_run_of_any_size_is_read_row_by_row_in_bounded_memory(tmp_path: Path) -> None:
    count = 60_000
    rows = [[number, f"row {number}" + "x" * 200, 1000 * number] for number in range(count)]
    rows[count - 1][1] = 'quoted "text" ], [ \u4e2d'
    data = tracked(rows, zeta=1)
    assert len(data) > 12 << 20
    source = source_of(tmp_path, data)
    assert (source.columns, source.total) == (["id", "name", "when"], count)
    tracemalloc.start()
    try:
        answers = pieces(source, order="-id")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (sum(answer.looked for answer in answers), sum(answer.damaged for answer in answers)) == (count, 0)
    assert len(answers) > 5
    assert cells_of(answers[-1:])[0] == [str(count - 1), 'quoted "text" ], [ \u4e2d', "1970-01-01T16:39:59Z"]
    assert peak < len(data) / 2
    assert 0 < source.progress(answers[0].position) < source.progress(answers[1].position) < 1


def test_text_that_is_no_ascii_is_read_as_it_was_written(tmp_path: Path) -> None:
    data = json.dumps({"columns": ["\ud559\uc2b5"], "data": [["\u4e2d\u6587"], ["\u00e9"]]}, ensure_ascii=False).encode()
    source = source_of(tmp_path, data)
    (answer,) = pieces(source, step=0)
    assert (source.columns, cells_of([answer])) == (["\ud559\uc2b5"], [["\u4e2d\u6587"], ["\u00e9"]])


@pytest.mark.parametrize(
    ("damage", "lost"),
    [
        (b"[1, nonsense, 2]", 1),
        (b"[" * 100_000 + b"]" * 100_000, 1),
        (b'"no row"', 1),
        (b"7", 1),
        (b'["never closed, 1]', 1),
        (b"{" + b'"a": [1, 2], ' * 9 + b'"b": 1}', 1),
        (b"[" + b'"' + b"x" * (3 << 20) + b'"]', None),
    ],
)  # fmt: skip
def test_a_damaged_row_of_a_tracked_table_costs_itself(tmp_path: Path, damage: bytes, lost: int | None) -> None:
    good = [json.dumps([number, number + 0.5]).encode() for number in range(5000)]
    data = b'{"columns": ["a", "b"], "data": [' + b", ".join([*good[:100], damage, *good[100:]]) + b"]}"
    answers = pieces(source_of(tmp_path, data))
    assert sum(answer.matched for answer in answers) >= len(good) - 1
    assert 1 <= sum(answer.damaged for answer in answers) <= (lost or 4)


def test_a_tracked_table_that_is_cut_or_lies_ends_where_its_bytes_do(tmp_path: Path) -> None:
    data = tracked([[number, "x", 0] for number in range(100)])
    for cut in range(0, len(data), 37):
        store = LocalBlobStore(tmp_path / "blobs")
        source = open_rows(store, store.put_bytes(data[:cut]).digest, cut)
        if source is not None:
            assert sum(answer.looked for answer in pieces(source, step=0)) <= 101
    assert source_of(tmp_path, tracked([[1, "x", 0]], nrows=10**14)).total == 10**14
    source = source_of(tmp_path, data)
    assert scan(source, question_of("", "", "", str(len(data) + 99), source.columns), clock=lambda: 0.0).position == ""


def test_a_line_of_a_hundred_mebibytes_costs_itself_and_no_memory(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path / "blobs")
    for kind in ("csv", "jsonl"):
        row = (lambda number: f"{number},{number}\n") if kind == "csv" else (lambda number: json.dumps({"a": number, "b": number}) + "\n")
        with (tmp_path / "long").open("w") as file:
            file.write("a,b\n" if kind == "csv" else "")
            file.writelines(map(row, range(1000)))
            for _ in range(100):
                file.write("y" * (1 << 20))
            file.write("\n")
            file.writelines(map(row, range(1000, 2000)))
        stored = store.put_path(tmp_path / "long", move=True)
        source = open_rows(store, stored.digest, stored.size_bytes)
        assert source is not None
        tracemalloc.start()
        try:
            answers = pieces(source, step=0)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (sum(answer.matched for answer in answers), sum(answer.damaged for answer in answers)) == (2000, 1)
        assert peak < 24 << 20


def test_an_array_in_an_archive_is_unpacked_once_over_all_pieces_and_may_have_any_dimensions(tmp_path: Path) -> None:
    count = 40_000
    whole = npy("<f4", (count, 2, 3), struct.pack(f"<{count * 6}f", *(float(number) for number in range(count * 6))))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        packed = BytesIO()
        with zipfile.ZipFile(packed, "w", method) as archive:
            archive.writestr("before.txt", b"x" * 999)
            archive.writestr("x.npy", whole)
        source = source_of(tmp_path, packed.getvalue(), "x.npy")
        assert source.columns == ["0,0", "0,1", "0,2", "1,0", "1,1", "1,2"]
        answers = pieces(source, order="-0,0")
        assert (sum(answer.looked for answer in answers), len(answers) > 3) == (count, True)
        assert max(float(row[0]) for row in cells_of(answers)) == (count - 1) * 6
