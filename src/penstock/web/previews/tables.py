"""Files as tables of plain text: delimited text, JSON lines, Parquet, arrays of NumPy, tables of tracked runs. Reads the beginning only."""

from __future__ import annotations

import ast
import csv
import io
import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from penstock.web.previews.parquet import Reader, read_head

MAX_ROWS = 200
"""Rows that are shown at first."""
ROW_CHOICES = (1000, 5000)
"""How many more the reader may ask for."""
SPREAD_BARS = 16
DELIMITERS = (",", "\t", ";")
"""Signs between the fields of a line."""
_MAX_COLUMNS = 60
_MAX_CELL = 300
_DTYPES: Mapping[str, tuple[str, int]] = {
    "f2": ("e", 2), "f4": ("f", 4), "f8": ("d", 8), "i1": ("b", 1), "i2": ("h", 2), "i4": ("i", 4), "i8": ("q", 8),
    "u1": ("B", 1), "u2": ("H", 2), "u4": ("I", 4), "u8": ("Q", 8), "b1": ("?", 1),
}  # fmt: skip


_TOLD: Mapping[str, str] = {
    "number": "number", "string": "text", "boolean": "boolean", "timestamp": "timestamp", "image-file": "media", "audio-file": "media",
    "video-file": "media",
}  # fmt: skip
KINDS = ("number", "text", "boolean", "mixed", "empty", "media", "timestamp", "date")
"""Types of columns in words; translated by the template."""


@dataclass(frozen=True, slots=True)
class TableHead:
    """The first rows of a table."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    """Texts, or `Picture`s."""
    types: Sequence[str]
    """What the values of each column are: `number`, `text`, ... or what the file says."""
    ranges: Sequence[str]
    """Smallest and largest number shown, by column; empty where there is none."""
    total: int | None = None
    """Rows in the file, where it says so."""
    notes: Sequence[str] = ()
    """What is not shown and why."""
    spreads: Sequence[Sequence[float] | int | None] = ()
    """How the values shown are spread, by column: heights of bars from 0 to 1 for numbers, how many different ones for texts."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A cell that shows a file beside the table."""

    path: str
    """Relative to where the table lies."""
    kind: str
    """`image`, `audio` or `video`."""
    layers: Mapping[str, Any] = field(default_factory=dict)
    """`masks` ({name: {path}}) and `boxes` ({name: [box]}) of an image, as the client wrote them."""

    @property
    def drawn(self) -> Mapping[str, Any]:
        """What the page's script draws it from."""
        return {**self.layers, "path": self.path}


def table_of(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    types: Sequence[str] = (),
    total: int | None = None,
    notes: Sequence[str] = (),
    limit: int = MAX_ROWS,
) -> TableHead:
    """Return values as a table of `limit` rows at most: cells cut, columns typed by what is in them."""
    width = min(len(columns), _MAX_COLUMNS)
    if len(columns) > width:
        notes = [*notes, f"{len(columns) - width} more columns"]
    by_column = [[row[index] if index < len(row) else None for row in rows] for index in range(width)]
    found = list(types[:width]) or [_kind(values) for values in by_column]
    cells = [[cell_of(row[index]) if index < len(row) else "" for index in range(width)] for row in rows[:limit]]
    ranges, spreads = [_range(values) for values in by_column], [_spread(values) for values in by_column]
    return TableHead(list(columns[:width]), cells, found, ranges, total, notes, spreads)


def cell_of(value: Any) -> Any:
    """Return what a cell shows of a value: a `Picture`, or text that is not too long."""
    if isinstance(value, Picture):
        return value
    if value is None:
        return ""
    is_plain = isinstance(value, str | int | float)
    try:
        text = str(value) if is_plain else json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, ValueError):  # nested deeper than can be written, or a number of more digits than are converted
        return "…"
    return text if len(text) <= _MAX_CELL else text[: _MAX_CELL - 1] + "…"


def number_of(value: Any) -> float | None:
    """Return a value as a finite number, None when it is none."""
    if isinstance(value, bool) or value is None or isinstance(value, Picture):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _kind(values: Sequence[Any]) -> str:
    present = [value for value in values if value not in (None, "")]
    if not present:
        return "empty"
    if any(isinstance(value, Picture) for value in present):
        return "media"
    if all(isinstance(value, bool) or str(value).lower() in {"true", "false"} for value in present):
        return "boolean"
    if all(number_of(value) is not None or str(value).lower() in {"nan", "inf", "-inf"} for value in present):
        return "number"
    return "text" if all(isinstance(value, str) for value in present) else "mixed"


def _range(values: Sequence[Any]) -> str:
    numbers = [number for value in values if (number := number_of(value)) is not None]
    present = [value for value in values if value not in (None, "")]
    return f"{min(numbers):.5g} … {max(numbers):.5g}" if numbers and len(numbers) == len(present) else ""


def _spread(values: Sequence[Any]) -> Sequence[float] | int | None:
    numbers = [number for value in values if (number := number_of(value)) is not None]
    present = [value for value in values if value not in (None, "") and not isinstance(value, Picture)]
    if len(numbers) > 1 and len(numbers) == len(present):
        low, width = min(numbers), max(numbers) - min(numbers) or 1
        counts = [0] * SPREAD_BARS
        for number in numbers:
            counts[min(SPREAD_BARS - 1, int((number - low) / width * SPREAD_BARS))] += 1
        return [round(count / max(counts), 3) for count in counts]
    return len({cell_of(value) for value in present}) if present and not numbers else None


def delimited(text: str, *, is_cut: bool, limit: int = MAX_ROWS) -> TableHead | None:
    """Return comma, tab or semicolon separated text as a table, None when it is none."""
    lines = text.splitlines()
    if is_cut and len(lines) > 2:
        lines = lines[:-1]
    if len(lines) < 2:
        return None
    for delimiter in DELIMITERS:
        width = lines[0].count(delimiter)
        if width and all(line.count(delimiter) == width for line in lines[1:6] if line):
            rows = list(csv.reader(io.StringIO("\n".join(lines[: limit + 1])), delimiter=delimiter))
            return table_of(rows[0], rows[1:], total=None if is_cut else len(lines) - 1, limit=limit)
    return None


def json_lines(text: str, *, is_cut: bool, limit: int = MAX_ROWS) -> TableHead | None:
    """Return one JSON object per line as a table over all keys, None when it is none."""
    lines = [line for line in text.splitlines() if line.strip()]
    if is_cut:
        lines = lines[:-1]
    if len(lines) < 2 or not lines[0].lstrip().startswith("{"):
        return None
    try:
        rows = [json.loads(line) for line in lines[:limit]]
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(row, dict) for row in rows):
        return None
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return table_of(columns, [[row.get(key) for key in columns] for row in rows], total=None if is_cut else len(lines), limit=limit)


def parquet_table(read: Reader, size: int, limit: int = MAX_ROWS) -> TableHead:
    """Return the head of a Parquet file.

    Raises:
        ParquetError: it cannot be read.
    """
    head = read_head(read, size, rows=limit)
    names = [column.name for column in head.columns]
    count = max((len(column.values) for column in head.columns), default=0)
    rows = [[column.values[index] if index < len(column.values) else None for column in head.columns] for index in range(count)]
    notes = [f"{column.name}: {column.problem}" for column in head.columns if column.problem]
    if head.column_count > len(head.columns):
        notes.append(f"{head.column_count - len(head.columns)} more columns")
    return table_of(names, rows, types=[column.type for column in head.columns], total=head.row_count, notes=notes, limit=limit)


def array_table(head: bytes, limit: int = MAX_ROWS) -> tuple[TableHead | None, str]:
    """Return the first values of an .npy file, where they are plain numbers or texts, and its shape and type in words."""
    described = header_of(head)
    if described is None:
        return None, ""
    descr, is_fortran, shape, start = described
    note = f"shape {shape}, {descr}"
    values = numbers_in(head[start:], descr, shape)
    if values is None or is_fortran or len(shape) > 2:
        return None, note
    width = shape[1] if len(shape) == 2 else 1
    if not 0 < width <= len(values):
        return None, note
    rows = [values[index : index + width] for index in range(0, len(values) - width + 1, width)][:limit]
    total = shape[0] if shape else 1
    return table_of([str(index) for index in range(width)], rows, types=[descr.lstrip("<>|=")] * width, total=total, limit=limit), note


def header_of(head: bytes) -> tuple[str, bool, tuple[int, ...], int] | None:
    """Return type, whether it is in Fortran's order, shape and place of the values of an .npy file; None when it is none."""
    if not head.startswith(b"\x93NUMPY") or len(head) < 12:
        return None
    length, start = (struct.unpack("<H", head[8:10])[0], 10) if head[6] == 1 else (struct.unpack("<I", head[8:12])[0], 12)
    try:
        # Literals only: numbers, texts, tuples. Nothing is called.
        found = ast.literal_eval(head[start : start + min(length, 4000)].decode("latin-1").strip())
        descr, shape = found["descr"], tuple(int(size) for size in found["shape"])
    except (ValueError, SyntaxError, KeyError, TypeError, MemoryError, RecursionError):
        return None
    return (descr if isinstance(descr, str) else "structured"), bool(found.get("fortran_order")), shape, start + length


def item_size(descr: str) -> int | None:
    """Return the bytes of one value of an array, None for types that are not shown."""
    if descr[1:2] == "U" and descr[2:].isdigit() and int(descr[2:]):
        return 4 * int(descr[2:])
    known = _DTYPES.get(descr.lstrip("<>|="))
    return None if known is None else known[1]


def numbers_in(data: bytes, descr: str, shape: tuple[int, ...]) -> list[Any] | None:
    """Decode values of an array, as many as there are whole in `data`; None for types that are not shown."""
    order = ">" if descr[:1] == ">" else "<"
    count = math.prod(shape)
    if descr[1:2] == "U" and descr[2:].isdigit() and int(descr[2:]):
        width = 4 * int(descr[2:])
        encoding = "utf-32-be" if order == ">" else "utf-32-le"
        pieces = [data[at : at + width] for at in range(0, min(len(data), count * width) - width + 1, width)]
        return [piece.decode(encoding, "replace").rstrip("\0") for piece in pieces]
    code = _DTYPES.get(descr.lstrip("<>|="))
    if code is None:
        return None
    letter, width = code
    fitting = min(count, len(data) // width)
    return list(struct.unpack_from(f"{order}{fitting}{letter}", data))


def tracked_table(document: Any, limit: int = MAX_ROWS) -> TableHead | None:
    """Return a table of a tracked run ({columns, data}) with pictures in their cells, None when the document is none.

    Columns are of the types that the client wrote; where it wrote none, of those of their values.
    """
    if not isinstance(document, dict) or not isinstance(document.get("columns"), list) or not isinstance(document.get("data"), list):
        return None
    rows = document["data"]
    if not all(isinstance(row, list) for row in rows):
        return None
    told = [told_type(document.get("column_types"), name) for name in document["columns"]]
    shown = [[shown_of(value, told[at] if at < len(told) else "") for at, value in enumerate(row)] for row in rows[:limit]]
    return table_of([str(name) for name in document["columns"]], shown, types=types_of(told, shown), total=len(rows), limit=limit)


def types_of(told: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Return the types of columns: as the client told them, else those of the values."""
    return [word or _kind([row[at] if at < len(row) else None for row in rows]) for at, word in enumerate(told)]


def told_type(column_types: Any, name: Any) -> str:
    """Return a column's type in our words as `column_types` of the client's table format says it; empty where it says nothing plain."""
    try:
        told = column_types["params"]["type_map"][str(name)]
        if told["wb_type"] == "union":
            (told,) = (one for one in told["params"]["allowed_types"] if one["wb_type"] != "none")
        return _TOLD.get(told["wb_type"], "")
    except (KeyError, TypeError, ValueError):
        return ""


def shown_of(value: Any, told: str) -> Any:
    """Return a value of a client's table as it is shown: moments as text, files of pictures and sound as `Picture`."""
    if told == "timestamp" and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        except (ValueError, OverflowError, OSError):
            return value
    return _media(value)


def _media(value: Any) -> Any:
    kinds = {"image-file": "image", "audio-file": "audio", "video-file": "video"}
    if isinstance(value, dict) and value.get("_type") in kinds and isinstance(value.get("path"), str):
        layers = {key: value[key] for key in ("masks", "boxes") if isinstance(value.get(key), dict)}
        return Picture(value["path"], kinds[value["_type"]], layers)
    return value
