"""Rows of a list as a file or for a program: CSV, JSON or Parquet, streamed while the list is read page by page."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import orjson
from starlette.responses import Response, StreamingResponse

from penstock.api.downloads import attachment
from penstock.domain.errors import InvalidArgumentError
from penstock.interfaces.pages import ListQuery, Page
from penstock.web.lists.parquet_writing import Column, Kind, ParquetWriter
from penstock.web.texts.formats import iso

T = TypeVar("T")

MOST_ROWS = 100_000
"""Rows of one export; a longer list is exported in parts, by time."""
FORMATS = {"csv": "text/csv; charset=utf-8", "json": "application/json", "parquet": "application/vnd.apache.parquet"}
"""Format -> media type."""
_PAGE = 200
_GROUP = 5_000
"""Rows of a Parquet row group, held in memory at a time."""
_INT64 = 2**63


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the rows."""

    name: str
    kind: Kind = Kind.TEXT
    is_document: bool = False
    """Holds a mapping: an object in JSON, JSON text elsewhere."""
    left_out_of: frozenset[str] = frozenset()
    """Formats that have the same in another field."""


@dataclass(frozen=True, slots=True)
class Export:
    """What is sent."""

    name: str
    """Of the file, without ending."""
    fields: Sequence[Field]
    rows: AsyncIterator[Mapping[str, Any]]
    """Values by name of the field; moments are seconds since the epoch."""


async def rows_of(listed: Callable[[ListQuery], Awaitable[Page[T]]], query: ListQuery) -> AsyncIterator[T]:
    """Yield what a list holds from its beginning, at most `MOST_ROWS`."""
    left = MOST_ROWS
    query = replace(query, limit=_PAGE, cursor=None)
    while left > 0:
        page = await listed(query)
        for item in page.items[:left]:
            yield item
        left -= len(page.items)
        if page.next_cursor is None:
            return
        query = replace(query, cursor=page.next_cursor)


async def batches(items: AsyncIterator[T], size: int) -> AsyncIterator[list[T]]:
    """Yield items in lists of at most `size`."""
    held: list[T] = []
    async for item in items:
        held.append(item)
        if len(held) == size:
            yield held
            held = []
    if held:
        yield held


def limited(export: Export, given: str | None) -> Export:
    """Return an export with as many rows as `limit` of an address says, all without one.

    Raises:
        InvalidArgumentError: that is no number from 1.
    """
    if given is None:
        return export
    if not given.isdecimal() or len(given) > 9 or int(given) < 1:
        raise InvalidArgumentError(f"limit: {given[:40]!r} is no number from 1")

    async def rows() -> AsyncIterator[Mapping[str, Any]]:
        left = int(given)
        async for row in export.rows:
            yield row
            left -= 1
            if not left:
                return

    return replace(export, rows=rows())


def send(export: Export, kind: str) -> Response:
    """Answer with the rows as `csv`, `json` or `parquet`; the first row of a CSV names the columns.

    Raises:
        InvalidArgumentError: another format.
    """
    if kind not in FORMATS:
        raise InvalidArgumentError(f"format: {kind[:40]!r} is not known; csv, json and parquet are")
    body = {"csv": _csv, "json": _json, "parquet": _parquet}[kind](export)
    headers = {"content-disposition": attachment(f"{export.name}.{kind}"), "cache-control": "no-store"}
    return StreamingResponse(body, media_type=FORMATS[kind], headers=headers)


async def _json(export: Export) -> AsyncIterator[bytes]:
    fields = [field for field in export.fields if "json" not in field.left_out_of]
    separator = b"["
    async for row in export.rows:
        values = {field.name: iso(row[field.name]) if field.kind is Kind.MOMENT else row[field.name] for field in fields}
        yield separator + orjson.dumps(values)
        separator = b",\n"
    yield b"]\n" if separator != b"[" else b"[]\n"


async def _csv(export: Export) -> AsyncIterator[bytes]:
    fields = [field for field in export.fields if "csv" not in field.left_out_of]
    yield _line([field.name for field in fields])
    async for row in export.rows:
        yield _line([_flat(field, row[field.name]) for field in fields])


def _flat(field: Field, value: Any) -> Any:
    if field.is_document:
        return orjson.dumps(value).decode()
    return iso(value) if field.kind is Kind.MOMENT else value


def _line(values: Sequence[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow([_cell(value) for value in values])
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula gets an apostrophe in front: names come from strangers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


async def _parquet(export: Export) -> AsyncIterator[bytes]:
    fields = [field for field in export.fields if "parquet" not in field.left_out_of]
    writer = ParquetWriter([Column(field.name, field.kind) for field in fields])
    held: list[list[Any]] = []
    async for row in export.rows:
        held.append([_typed(field, row[field.name]) for field in fields])
        if len(held) == _GROUP:
            yield writer.group(held)
            held = []
    if held:
        yield writer.group(held)
    yield writer.end()


def _typed(field: Field, value: Any) -> Any:
    """Return a value as its column holds it; None for one that does not fit."""
    if value is None:
        return None
    if field.is_document:
        return orjson.dumps(value).decode()
    if field.kind is Kind.TEXT:
        return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    if field.kind is Kind.FLAG:
        return bool(value)
    if not isinstance(value, int | float) or (field.kind is not Kind.NUMBER and not math.isfinite(value)):
        return None
    if field.kind is Kind.INTEGER:
        return int(value) if abs(value) < _INT64 else None
    return float(value)
