"""Lists as files: the same rows in every format, and Parquet that other readers take."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import io
import json
import math
import re
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock.interfaces.pages import ListQuery, Page
from penstock.web.lists import exporting
from penstock.web.lists.exporting import Export, Field, send
from penstock.web.lists.parquet_writing import Column, Kind, ParquetWriter
from penstock.web.pages.lists.exports import LISTS
from penstock.web.previews.parquet import read_head
from tests.browser.app import SeededApp
from tests.conformance.metaflow.machine import DATA_CLIENT
from tests.support.clients import client_environment, client_python
from tests.unit.web.conftest import PageClient

COLUMNS = [Column("text", Kind.TEXT), Column("n", Kind.NUMBER), Column("i", Kind.INTEGER), Column("is", Kind.FLAG), Column("at", Kind.MOMENT)]
ROWS: list[list[Any]] = [
    ["", 0.5, 0, True, 1_800_000_000.25],
    [None, None, None, None, None],
    ["한글 <b>", math.inf, -(2**63), False, 0.0],
    ["x" * 70_000, -1e300, 2**63 - 1, True, -1.0],
]
READ = """
import json, sys
import pyarrow.parquet as pq
table = pq.read_table(sys.argv[1])
print(json.dumps({"types": [str(field.type) for field in table.schema], "names": table.column_names, "rows": table.to_pylist()}, default=str))
"""


def written(columns: Sequence[Column], *groups: Sequence[Sequence[Any]]) -> bytes:
    """A file of these row groups."""
    writer = ParquetWriter(columns)
    return b"".join([*(writer.group(rows) for rows in groups), writer.end()])


def read_by_arrow(data: bytes, folder: Path) -> Any:
    """What Arrow finds in a file."""
    path = folder / "rows.parquet"
    path.write_bytes(data)
    command = [str(client_python(*DATA_CLIENT)), "-c", READ, str(path)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, env=client_environment()).stdout)


def test_arrow_reads_every_kind_with_its_gaps_over_several_row_groups(tmp_path: Path) -> None:
    found = read_by_arrow(written(COLUMNS, ROWS, ROWS[::-1]), tmp_path)
    assert found["names"] == [column.name for column in COLUMNS]
    assert found["types"] == ["string", "double", "int64", "bool", "timestamp[us, tz=UTC]"]
    for row, (text, number, integer, flag, at) in zip(found["rows"], [*ROWS, *ROWS[::-1]], strict=True):
        assert (row["text"], row["n"], row["i"], row["is"]) == (text, number, integer, flag)
        assert row["at"] == (None if at is None else str(dt.datetime.fromtimestamp(at, dt.UTC)))


def test_many_columns_many_rows_and_none_at_all_are_read(tmp_path: Path) -> None:
    wide = [Column(f"column {number}", Kind.INTEGER) for number in range(40)]
    rows = [[number * 1000 + place if (number + place) % 3 else None for place in range(40)] for number in range(1001)]
    found = read_by_arrow(written(wide, rows), tmp_path)
    assert [list(row.values()) for row in found["rows"]] == rows
    assert read_by_arrow(written(COLUMNS), tmp_path)["rows"] == []


def test_our_own_previews_read_what_is_written() -> None:
    data = written(COLUMNS, ROWS)
    head = read_head(lambda offset, length: data[offset : offset + length], len(data), rows=10)
    assert head.row_count == 4
    assert [column.problem for column in head.columns] == [""] * 5
    assert list(head.columns[0].values) == [row[0] for row in ROWS]
    assert list(head.columns[3].values) == [row[3] for row in ROWS]


@pytest.mark.parametrize("name", ["runs", *LISTS])
def test_every_list_has_the_same_rows_in_every_format(client: PageClient, name: str, tmp_path: Path) -> None:
    address = f"/ui/export/{name}?format="
    rows = client.get(address + "json").json()
    assert rows
    key = next(iter(rows[0]))
    text = client.get(address + "csv").text
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [line[key] for line in lines] == [str(row[key]) for row in rows]
    data = client.get(address + "parquet").content
    head = read_head(lambda offset, length: data[offset : offset + length], len(data), rows=100_000)
    assert head.row_count == len(rows)
    assert {column.name for column in head.columns} >= set(rows[0])
    listing = next(column for column in head.columns if column.name == key)
    assert [str(value) for value in listing.values] == [str(row[key]) for row in rows]
    assert client.get(address + "xlsx").status_code == 400


def test_exports_obey_the_filter_and_lists_that_are_not_there_are_refused(client: PageClient, seeded: SeededApp) -> None:
    rows = client.get("/ui/export/executions?format=json&q=status:failed").json()
    assert {row["state"] for row in rows} == {"FAILED"}
    assert client.get("/ui/export/secrets?format=json").status_code == 400
    page = client.get("/ui/executions?q=status:failed&n=25&sort=created").text
    assert "/ui/export/executions?q=status%3Afailed&amp;sort=created&amp;format=parquet" in page


@pytest.mark.parametrize("name", ["runs", *LISTS])
def test_fields_of_exports_follow_the_columns_of_the_page_and_none_is_lost(client: PageClient, name: str) -> None:
    address = f"/ui/export/{name}?format=csv" if name != "runs" else "/ui/runs/export?format=csv&column=accuracy"

    def header(order: str) -> list[str]:
        return client.get(address + order).text.splitlines()[0].split(",")

    plain = header("")
    moved = header("&order=Started&order=Created&order=accuracy&order=no-such-column&order=Name&order=Task")
    assert sorted(moved) == sorted(plain)
    assert name == "recurring" or moved.index("created_at") < moved.index("task" if name == "executions" else "name")
    if name == "runs":
        assert moved[:6] == ["run_id", "created_at", "started_at", "finished_at", "duration_seconds", "experiment"]
        assert moved.index("accuracy") < moved.index("name") < moved.index("state")
    assert header("&order=no-such-column") == plain


def test_values_that_do_not_fit_their_column_are_left_out_of_parquet_only(tmp_path: Path) -> None:
    async def rows() -> AsyncIterator[Mapping[str, Any]]:
        yield {"score": "n/a", "size": 2**70, "note": {"a": 1}, "at": math.nan}
        yield {"score": 1, "size": 3.7, "note": "text", "at": 1.0}

    fields = [Field("score", Kind.NUMBER), Field("size", Kind.INTEGER), Field("note"), Field("at", Kind.MOMENT)]

    async def body() -> bytes:
        answer = send(Export("x", fields, rows()), "parquet")
        return b"".join([part async for part in answer.body_iterator])  # type: ignore[attr-defined]

    found = read_by_arrow(asyncio.run(body()), tmp_path)["rows"]
    assert [(row["score"], row["size"], row["note"]) for row in found] == [(None, None, '{"a":1}'), (1.0, 3, "text")]
    assert found[0]["at"] is None


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@sum", "\tx", "\rx"])
def test_a_name_that_a_spreadsheet_would_run_is_text_in_a_csv(name: str) -> None:
    async def rows() -> AsyncIterator[Mapping[str, Any]]:
        yield {"name": name, "count": -1}

    async def body() -> str:
        answer = send(Export("x", [Field("name"), Field("count", Kind.INTEGER)], rows()), "csv")
        return b"".join([part async for part in answer.body_iterator]).decode()  # type: ignore[attr-defined]

    assert list(csv.reader(io.StringIO(asyncio.run(body()), newline="")))[1] == [f"'{name}", "-1"]


def test_an_export_ends_after_the_most_rows_and_not_at_the_end_of_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "MOST_ROWS", 5)
    asked: list[ListQuery] = []

    async def listed(query: ListQuery) -> Page[int]:
        asked.append(query)
        begin = int(query.cursor or 0)
        return Page(list(range(begin, begin + 3)), str(begin + 3), 100)

    async def found() -> list[int]:
        return [row async for row in exporting.rows_of(listed, ListQuery(limit=25, cursor="7"))]

    assert asyncio.run(found()) == [0, 1, 2, 3, 4]
    assert len(asked) == 2


def test_the_tasks_of_a_run_are_exported_as_its_page_lists_them(client: PageClient, seeded: SeededApp) -> None:
    run_id = seeded.runs["failed"]
    page = client.get(f"/ui/runs/{run_id}?view=tasks&q=status:failed&sort=-duration&task=x&panel=only").text
    assert f"/ui/export/tasks?q=status%3Afailed&amp;sort=-duration&amp;run={run_id}&amp;format=parquet" in page

    def found(more: str = "") -> list[str]:
        rows = client.get(f"/ui/export/tasks?run={run_id}&format=json{more}").json()
        assert {row["run_id"] for row in rows} <= {run_id}
        return [row["task_id"] for row in rows]

    def listed(more: str = "") -> list[str]:
        return re.findall(r'id="task-row-([^"]+)"', client.get(f"/ui/runs/{run_id}?view=tasks&n=200{more}").text)

    for more in ("", "&q=status:failed", "&sort=-name", "&q=train"):
        assert found(more) == listed(more)
    assert found("&q=status:failed") != found()
    assert len(found("&limit=1")) == 1
    assert client.get("/ui/export/tasks?run=none").status_code == client.get("/ui/export/tasks").status_code == 404
    moved = client.get(f"/ui/export/tasks?run={run_id}&format=csv&order=Why&order=Where").text.splitlines()[0].split(",")
    assert moved.index("reason") < moved.index("error") < moved.index("path")
