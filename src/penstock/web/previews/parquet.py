"""Reads a Parquet file without a library, its first rows or row group by row group: flat columns, the encodings and codecs that pandas,
Arrow and Spark write by default. What it cannot decode (nested columns, zstd and other codecs beyond the standard library) is named, not
guessed.

Format: github.com/apache/parquet-format, Thrift compact protocol; snappy: google/snappy format_description.txt.
"""

from __future__ import annotations

import datetime as dt
import math
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Reader = Callable[[int, int], bytes]
"""(offset, length) -> bytes of the file."""

MAGIC = b"PAR1"
_MAX_FOOTER = 16 << 20
_MAX_PAGE = 32 << 20
_MAX_VALUES = 1 << 21
"""Values of a page: runs of one value make many of few bytes."""
_HEAD_SECONDS = 5.0
"""How long columns of the first rows are read; those after it are named."""
_GROUPS = 64
"""Groups of eight packed values that are taken at once: their bits are one number, and shifting a long one takes long."""
_MAX_WIDTH = 32
_MAX_COLUMNS = 60
_PHYSICAL = ("BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
_CODECS = ("uncompressed", "snappy", "gzip", "lzo", "brotli", "lz4", "zstd", "lz4")
_FIXED = {1: "<i", 2: "<q", 4: "<f", 5: "<d"}
_UNSIGNED = frozenset({11, 12, 13, 14})
_ORDERED = frozenset({"int32", "int64", "float", "double", "text"})
"""Types whose bounds in the footer are in the order of what is shown."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


_DAMAGE = (
    IndexError, KeyError, ValueError, TypeError, AttributeError, struct.error, OverflowError, RecursionError, MemoryError, zlib.error,
)  # fmt: skip
"""What reading bytes that are no such file can end in."""


class ParquetError(Exception):
    """The file, or this part of it, cannot be read here; the text says why."""


@dataclass(frozen=True, slots=True)
class ParquetColumn:
    """A leaf of the schema."""

    name: str
    type: str
    """Logical type if it has one, else the physical one."""
    values: Sequence[Any]
    """The first values; empty when they cannot be read."""
    problem: str
    """Why not; empty when they can."""


@dataclass(frozen=True, slots=True)
class ParquetHead:
    """The beginning of a file."""

    row_count: int
    columns: Sequence[ParquetColumn]
    column_count: int
    """All leaves, also those beyond the ones in `columns`."""


@dataclass(frozen=True, slots=True)
class ParquetFile:
    """A file whose footer was read; its rows are read in groups."""

    read: Reader
    names: Sequence[str]
    """Of the leaves that are shown."""
    types: Sequence[str]
    """Likewise."""
    groups: Sequence[int]
    """Rows of each row group."""
    leaves: Sequence[tuple[str, dict[int, Any], int | None]]
    """(dotted name, element, definition levels or None where it is nested)."""
    chunks: Sequence[Sequence[dict[int, Any]]]
    """Column chunks by row group and leaf."""

    def bounds(self, group: int, column: int) -> tuple[Any, Any] | None:
        """Return the least and the largest value of a column in a row group as the footer says them; None where it says nothing sure."""
        _, element, levels = self.leaves[column]
        try:
            if levels is None or element.get(6) in _UNSIGNED or _type_name(element) not in _ORDERED:
                return None
            told = self.chunks[group][column][12]
            least, most = (_bound(told[key], element) for key in (6, 5))
        except _DAMAGE:
            return None
        return least, most

    def values(self, group: int, column: int, *, skip: int) -> Iterator[Sequence[Any]]:
        """Decode a column of a row group from its row `skip` on, a page at a time.

        Raises:
            ParquetError: the page cannot be read; so cannot what follows it in this row group.
        """
        _, element, levels = self.leaves[column]
        if levels is None:
            raise ParquetError("nested")
        try:
            yield from _pages(self.read, self.chunks[group][column], element, levels, skip=skip)
        except _DAMAGE as error:
            raise ParquetError("damaged") from error


def open_file(read: Reader, size: int) -> ParquetFile:
    """Read the footer.

    Raises:
        ParquetError: this is no Parquet file that can be read here.
    """
    try:
        meta = _footer(read, size)
        leaves = _leaves(meta[2])[:_MAX_COLUMNS]
        groups = meta.get(4) or []
        chunks = [[column[3] for column in group[1]] for group in groups]
        types = [_type_name(element) for _, element, _ in leaves]
        return ParquetFile(read, [name for name, _, _ in leaves], types, [int(group[3]) for group in groups], leaves, chunks)
    except _DAMAGE as error:
        raise ParquetError("the footer of the file is damaged") from error


def _bound(data: bytes, element: dict[int, Any]) -> Any:
    if element[1] == 6:
        return data.decode()
    value = _plain(data, element, 1)[0]
    if isinstance(value, float) and math.isnan(value):
        raise ValueError(value)
    return value


def read_head(read: Reader, size: int, *, rows: int) -> ParquetHead:
    """Return schema and first rows.

    Raises:
        ParquetError: this is no Parquet file that can be read here.
    """
    try:
        return _read_head(read, size, rows)
    except _DAMAGE as error:
        raise ParquetError("the footer of the file is damaged") from error


def _footer(read: Reader, size: int) -> dict[int, Any]:
    tail = read(max(0, size - 8), 8)
    if tail[4:] != MAGIC:
        raise ParquetError("the file has no footer; it is encrypted or cut off")
    length = struct.unpack("<I", tail[:4])[0]
    if not 0 < length <= min(_MAX_FOOTER, size - 8):
        raise ParquetError("the footer of the file has an impossible length")
    return _Compact(read(size - 8 - length, length)).struct()


def _read_head(read: Reader, size: int, rows: int) -> ParquetHead:
    meta = _footer(read, size)
    leaves = _leaves(meta[2])
    groups = meta.get(4) or []
    columns = []
    until = time.monotonic() + _HEAD_SECONDS
    for index, (name, element, levels) in enumerate(leaves[:_MAX_COLUMNS]):
        values: Sequence[Any] = ()
        problem = ""
        if levels is None:
            problem = "nested"
        elif time.monotonic() > until:
            problem = "took too long"
        elif groups:
            try:
                values = _values(read, groups[0][1][index][3], element, levels, min(rows, groups[0][3]))
            except ParquetError as error:
                problem = str(error)
            except _DAMAGE:
                problem = "damaged"
        columns.append(ParquetColumn(name, _type_name(element), values, problem))
    return ParquetHead(int(meta[3]), columns, len(leaves))


def _leaves(schema: list[dict[int, Any]]) -> list[tuple[str, dict[int, Any], int | None]]:
    """Return (dotted name, element, definition levels) of the leaves in order; levels None for repeated or nested ones."""
    found: list[tuple[str, dict[int, Any], int | None]] = []
    position = 1

    def walk(count: int, path: tuple[str, ...], is_flat: bool) -> None:
        nonlocal position
        for _ in range(count):
            element = schema[position]
            position += 1
            names = (*path, element[4].decode("utf-8", "replace"))
            if element.get(5):
                walk(element[5], names, False)
            else:
                repetition = element.get(3, 0)
                found.append((".".join(names), element, repetition if is_flat and repetition < 2 else None))

    walk(schema[0].get(5, 0), (), True)
    return found


def _type_name(element: dict[int, Any]) -> str:
    if _unit(element) is not None:
        return "timestamp"
    converted = element.get(6)
    if converted in {0, 4} or (element.get(10) or {}).get(1) is not None:
        return "text"
    if converted == 6:
        return "date"
    name = _PHYSICAL[element[1]] if 0 <= element.get(1, -1) < len(_PHYSICAL) else "unknown"
    return {"BOOLEAN": "boolean", "INT32": "int32", "INT64": "int64", "FLOAT": "float", "DOUBLE": "double"}.get(name, name.lower())


def _unit(element: dict[int, Any]) -> int | None:
    """Return ticks per second of a timestamp; None for other types."""
    logical = (element.get(10) or {}).get(8)
    if isinstance(logical, dict) and isinstance(logical.get(2), dict):
        return {1: 1_000, 2: 1_000_000, 3: 1_000_000_000}.get(next(iter(logical[2]), 0))
    return {9: 1_000, 10: 1_000_000}.get(element.get(6, -1))


def _values(read: Reader, column: dict[int, Any], element: dict[int, Any], levels: int, rows: int) -> list[Any]:
    """Decode pages of a column chunk until there are enough values."""
    found: list[Any] = []
    for values in _pages(read, column, element, levels, limit=rows):
        found += values
        if len(found) >= rows:
            break
    return found[:rows]


def _pages(
    read: Reader, column: dict[int, Any], element: dict[int, Any], levels: int, *, skip: int = 0, limit: int | None = None
) -> Iterator[Sequence[Any]]:
    """Decode pages of a column chunk, without those that hold nothing but the first `skip` values, up to about `limit` values."""
    codec = column.get(4, 0)
    if codec not in {0, 1, 2}:
        raise ParquetError(_CODECS[codec] if 0 <= codec < len(_CODECS) else "codec")
    offset = min(value for value in (column.get(11), column[9]) if value)
    end = offset + column[7]
    dictionary: list[Any] = []
    while offset < end:
        head = _Compact(read(offset, min(1 << 16, end - offset)))
        page = head.struct()
        if not 0 <= page[3] <= _MAX_PAGE or not 0 <= page[2] <= _MAX_PAGE:
            raise ParquetError("a page is too large")
        start, offset = offset + head.position, offset + head.position + page[3]
        count = page[{0: 5, 3: 8}[page[1]]][1] if page[1] in {0, 3} else 0
        if count > _MAX_VALUES or (page[1] == 2 and page[7][1] > _MAX_VALUES):
            raise ParquetError("a page of too many values")
        if page[1] == 2:
            dictionary = _plain(_unpack(read(start, page[3]), codec, page[2]), element, page[7][1])
        elif count and skip >= count:
            skip -= count
        elif count:
            wanted = count if limit is None else min(count, limit)
            raw = read(start, page[3])
            if page[1] == 0:
                values = _page_v1(_unpack(raw, codec, page[2]), page[5], element, levels, dictionary, wanted)
            else:
                values = _page_v2(raw, codec, page, element, dictionary, wanted)
            yield _readable(values[skip:], element)
            limit, skip = None if limit is None else limit - len(values), 0


def _readable(values: list[Any], element: dict[int, Any]) -> list[Any]:
    """Return moments and days as text, other values as they are."""
    unit = _unit(element)
    if unit is not None:
        return [None if value is None else _moment(value / unit) for value in values]
    if element.get(6) == 6:
        return [None if value is None else str((_EPOCH + dt.timedelta(days=value)).date()) for value in values]
    return values


def _moment(seconds: float) -> str:
    return (_EPOCH + dt.timedelta(seconds=seconds)).isoformat(sep=" ", timespec="seconds").removesuffix("+00:00")


def _page_v1(data: bytes, head: dict[int, Any], element: dict[int, Any], levels: int, dictionary: list[Any], wanted: int) -> list[Any]:
    count, position = min(head[1], wanted), 0
    defined = [1] * count
    if levels:
        length = struct.unpack_from("<I", data)[0]
        defined = _hybrid(data[4 : 4 + length], 1, count)
        position = 4 + length
    return _merge(data[position:], head[2], element, defined, dictionary)


def _page_v2(raw: bytes, codec: int, page: dict[int, Any], element: dict[int, Any], dictionary: list[Any], wanted: int) -> list[Any]:
    head = page[8]
    start = head.get(5, 0) + head.get(6, 0)
    count = min(head[1], wanted)
    defined = _hybrid(raw[head.get(6, 0) : start], 1, count) if head.get(5, 0) else [1] * count
    data = raw[start:] if head.get(7) is False else _unpack(raw[start:], codec, page[2] - start)
    return _merge(data, head[4], element, defined, dictionary)


def _merge(data: bytes, encoding: int, element: dict[int, Any], defined: list[int], dictionary: list[Any]) -> list[Any]:
    """Lay the values that are there over the places that have one."""
    count = sum(defined)
    if encoding in {2, 8}:
        values = iter([dictionary[index] for index in _hybrid(data[1:], data[0], count)] if count else [])
    elif encoding == 0:
        values = iter(_plain(data, element, count))
    elif encoding == 3 and element[1] == 0:
        values = iter(bool(bit) for bit in _hybrid(data[4:], 1, count))
    else:
        raise ParquetError("encoding")
    return list(values) if count == len(defined) else [next(values) if is_there else None for is_there in defined]


def _plain(data: bytes, element: dict[int, Any], count: int) -> list[Any]:
    kind = element[1]
    if kind in _FIXED:
        code = _FIXED[kind]
        return list(struct.unpack_from(f"<{count}{code[1]}", data))
    if kind == 0:
        return [bool(data[index // 8] >> (index % 8) & 1) for index in range(count)]
    if kind == 6:
        found, position = [], 0
        for _ in range(count):
            length = struct.unpack_from("<I", data, position)[0]
            found.append(_text(data[position + 4 : position + 4 + length]))
            position += 4 + length
        return found
    width = 12 if kind == 3 else element[2]
    if width <= 0 or count * width > len(data):
        raise ValueError("fewer bytes than values")
    return ["0x" + data[index * width : (index + 1) * width].hex() for index in range(count)]


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "0x" + data[:64].hex()


def _hybrid(data: bytes, width: int, count: int) -> list[int]:
    """Decode runs and bit-packed groups, each value `width` bits wide."""
    found: list[int] = []
    position, size, mask = 0, (width + 7) // 8, (1 << width) - 1
    if width > _MAX_WIDTH:
        raise ParquetError("values of too many bits")
    while len(found) < count:
        head, position = _varint(data, position)
        if head & 1:
            end = position + (head >> 1) * width
            left = min((head >> 1) * 8, count - len(found))
            while left > 0:
                bits = int.from_bytes(data[position : position + _GROUPS * width], "little")
                found += [bits >> (index * width) & mask for index in range(min(_GROUPS * 8, left))]
                position, left = position + _GROUPS * width, left - _GROUPS * 8
            position = end
        else:
            value = int.from_bytes(data[position : position + size], "little")
            found += [value] * min(head >> 1, count - len(found))
            position += size
            if not head >> 1:
                raise ParquetError("an empty run")
    return found


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, position


def _unpack(data: bytes, codec: int, size: int) -> bytes:
    if codec == 0:
        return data
    if codec == 2:
        return zlib.decompressobj(31).decompress(data, _MAX_PAGE)
    return snappy(data, size)


def snappy(data: bytes, size: int) -> bytes:
    """Decompress a raw snappy block.

    Raises:
        ParquetError: it is longer than announced.
    """
    total, position = _varint(data, 0)
    if total > _MAX_PAGE or total != size:
        raise ParquetError("snappy")
    out = bytearray()
    while position < len(data):
        tag = data[position]
        position += 1
        if tag & 3 == 0:
            length = tag >> 2
            if length > 59:
                extra = length - 59
                length = int.from_bytes(data[position : position + extra], "little")
                position += extra
            out += data[position : position + length + 1]
            position += length + 1
            continue
        if tag & 3 == 1:
            length, offset = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | data[position]
            position += 1
        else:
            extra = 2 if tag & 3 == 2 else 4
            length, offset = (tag >> 2) + 1, int.from_bytes(data[position : position + extra], "little")
            position += extra
        start = len(out) - offset
        if offset == 0 or start < 0 or len(out) + length > total:
            raise ParquetError("snappy")
        piece = bytes(out[start : start + length])
        out += (piece * (length // len(piece) + 1))[:length]
    return bytes(out)


class _Compact:
    """Thrift's compact protocol, into dictionaries by field number."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def struct(self) -> dict[int, Any]:
        """Read a struct up to its end."""
        found: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) != 0:
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            kind = head & 15
            found[number] = kind == 1 if kind in {1, 2} else self._value(kind)
        return found

    def _value(self, kind: int) -> Any:
        if kind in {1, 2}:
            return self._byte() == 1
        if kind == 3:
            return struct.unpack("<b", self._take(1))[0]
        if kind in {4, 5, 6}:
            return self._zigzag()
        if kind == 7:
            return struct.unpack("<d", self._take(8))[0]
        if kind == 8:
            return self._take(self._plain())
        if kind in {9, 10}:
            head = self._byte()
            count = head >> 4 if head >> 4 != 15 else self._plain()
            if count > len(self._data):
                raise ValueError(count)
            return [self._value(head & 15) for _ in range(count)]
        if kind == 12:
            return self.struct()
        raise ValueError(kind)

    def _byte(self) -> int:
        byte = self._data[self.position]
        self.position += 1
        return byte

    def _take(self, length: int) -> bytes:
        taken = self._data[self.position : self.position + length]
        self.position += length
        return taken

    def _plain(self) -> int:
        value, self.position = _varint(self._data, self.position)
        return value

    def _zigzag(self) -> int:
        value = self._plain()
        return value >> 1 ^ -(value & 1)
