"""Rows of whole files: filtered, ordered, grouped and counted in pieces, whatever is wrong in the middle."""

from __future__ import annotations

import base64
import json
import struct
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
