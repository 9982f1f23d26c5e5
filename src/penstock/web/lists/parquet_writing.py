"""Writes Parquet without a library: flat, nullable columns in row groups, plain values packed by gzip, which every reader takes.

Format: github.com/apache/parquet-format, Thrift compact protocol. A file is made piece by piece: rows of one group are held at a time.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from penstock.web.previews.parquet import MAGIC

_GZIP = 2
_PLAIN, _RLE = 0, 3
_I32, _I64, _BINARY, _LIST, _STRUCT, _TRUE = 5, 6, 8, 9, 12, 1


class Kind(Enum):
    """What a column holds; any value may be None."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    FLAG = "flag"
    MOMENT = "moment"
    """Seconds since the epoch, UTC; kept in microseconds."""


_PHYSICAL = {Kind.FLAG: 0, Kind.INTEGER: 2, Kind.MOMENT: 2, Kind.NUMBER: 5, Kind.TEXT: 6}
_UTF8, _TIMESTAMP_MICROS = 0, 10


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Where a column of a row group lies."""

    offset: int
    size: int
    raw_size: int


class ParquetWriter:
    """Makes one file: `group` for each part of the rows, then `end`; what they return, one after the other, is the file."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._position = 0
        self._groups: list[tuple[int, list[_Chunk]]] = []

    def group(self, rows: Sequence[Sequence[Any]]) -> bytes:
        """Return a row group; every row has a value for each column."""
        parts = [MAGIC] if self._position == 0 else []
        self._position = self._position or len(MAGIC)
        chunks = []
        for place, column in enumerate(self._columns):
            raw = _page(column.kind, [row[place] for row in rows])
            packed = zlib.compress(raw, wbits=31)
            head = _struct(
                (1, _I32, 0), (2, _I32, len(raw)), (3, _I32, len(packed)),
                (5, _STRUCT, _struct((1, _I32, len(rows)), (2, _I32, _PLAIN), (3, _I32, _RLE), (4, _I32, _RLE))),
            )  # fmt: skip
            chunks.append(_Chunk(self._position, len(head) + len(packed), len(head) + len(raw)))
            parts += [head, packed]
            self._position += len(head) + len(packed)
        self._groups.append((len(rows), chunks))
        return b"".join(parts)

    def end(self) -> bytes:
        """Return the footer."""
        root = _struct((4, _BINARY, b"schema"), (5, _I32, len(self._columns)))
        groups = [self._group_meta(count, chunks) for count, chunks in self._groups]
        meta = _struct(
            (1, _I32, 2), (2, _LIST, (_STRUCT, [root, *(_leaf(column) for column in self._columns)])),
            (3, _I64, sum(count for count, _ in self._groups)), (4, _LIST, (_STRUCT, groups)), (6, _BINARY, b"penstock"),
        )  # fmt: skip
        return (MAGIC if self._position == 0 else b"") + meta + struct.pack("<I", len(meta)) + MAGIC

    def _group_meta(self, count: int, chunks: Sequence[_Chunk]) -> bytes:
        columns = []
        for column, chunk in zip(self._columns, chunks, strict=True):
            meta = _struct(
                (1, _I32, _PHYSICAL[column.kind]), (2, _LIST, (_I32, [_zigzag(_PLAIN), _zigzag(_RLE)])),
                (3, _LIST, (_BINARY, [_text(column.name)])), (4, _I32, _GZIP), (5, _I64, count), (6, _I64, chunk.raw_size),
                (7, _I64, chunk.size), (9, _I64, chunk.offset),
            )  # fmt: skip
            columns.append(_struct((2, _I64, chunk.offset), (3, _STRUCT, meta)))
        return _struct((1, _LIST, (_STRUCT, columns)), (2, _I64, sum(chunk.raw_size for chunk in chunks)), (3, _I64, count))


def _leaf(column: Column) -> bytes:
    fields: list[tuple[int, int, Any]] = [
        (1, _I32, _PHYSICAL[column.kind]), (3, _I32, 1), (4, _BINARY, column.name.encode("utf-8", "replace")),
    ]  # fmt: skip
    if column.kind is Kind.TEXT:
        fields += [(6, _I32, _UTF8), (10, _STRUCT, _struct((1, _STRUCT, _struct())))]
    elif column.kind is Kind.MOMENT:
        unit = _struct((2, _STRUCT, _struct()))
        fields += [(6, _I32, _TIMESTAMP_MICROS), (10, _STRUCT, _struct((8, _STRUCT, _struct((1, _TRUE, None), (2, _STRUCT, unit)))))]
    return _struct(*fields)


def _page(kind: Kind, values: Sequence[Any]) -> bytes:
    """Return the body of a data page: which values are there, then those values."""
    levels = _bits([value is not None for value in values])
    levels = _varint((len(values) + 7) // 8 << 1 | 1) + levels
    given = [value for value in values if value is not None]
    return struct.pack("<I", len(levels)) + levels + _plain(kind, given)


def _plain(kind: Kind, values: Sequence[Any]) -> bytes:
    if kind is Kind.NUMBER:
        return struct.pack(f"<{len(values)}d", *values)
    if kind is Kind.INTEGER:
        return struct.pack(f"<{len(values)}q", *values)
    if kind is Kind.MOMENT:
        return struct.pack(f"<{len(values)}q", *(round(value * 1_000_000) for value in values))
    if kind is Kind.FLAG:
        return _bits([bool(value) for value in values])
    parts = []
    for value in values:
        text = str(value).encode("utf-8", "replace")
        parts += [struct.pack("<I", len(text)), text]
    return b"".join(parts)


def _bits(flags: Sequence[bool]) -> bytes:
    """Return flags packed eight to a byte, the first in the lowest bit."""
    packed = bytearray((len(flags) + 7) // 8)
    for place, flag in enumerate(flags):
        packed[place >> 3] |= flag << (place & 7)
    return bytes(packed)


def _struct(*fields: tuple[int, int, Any]) -> bytes:
    """Return a Thrift struct of (id, type, value), in order of ids; structs and elements of lists come encoded."""
    parts, last = [], 0
    for number, kind, value in fields:
        parts.append(bytes([(number - last) << 4 | kind]))
        last = number
        if kind in {_I32, _I64}:
            parts.append(_zigzag(value))
        elif kind == _BINARY:
            parts += [_varint(len(value)), value]
        elif kind == _STRUCT:
            parts.append(value)
        elif kind == _LIST:
            element, items = value
            parts.append(bytes([len(items) << 4 | element]) if len(items) < 15 else bytes([0xF0 | element]) + _varint(len(items)))
            parts += items
    return b"".join(parts) + b"\0"


def _text(value: str) -> bytes:
    """Return a text as an element of a list."""
    encoded = value.encode("utf-8", "replace")
    return _varint(len(encoded)) + encoded


def _zigzag(value: int) -> bytes:
    return _varint(value << 1 if value >= 0 else (-value << 1) - 1)


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
