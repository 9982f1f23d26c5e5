"""The file of one stream: compressed blocks of rows and, behind each change, a commit that says which blocks count.

Append-only. A block is `PBLK <directory length u32> <crc32 u32> <data length u64> <directory> <columns...>`; the directory names the
columns with place, size and checksum, so one column is read without the others. A commit is `PCMT <length u32> <crc32 u32> <body>
<length u32> PEND`. Blocks are made durable before the commit that names them, so the newest whole commit always holds; what follows it
is cut off when the stream is written again. When more than half of a file is replaced blocks, it is written anew and swapped.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import struct
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from penstock.stores.series import codec, pyramid
from penstock.stores.series.columns import Batch, Column, ColumnId
from penstock.stores.series.stats import KeyState, RunStats, block_stats, fold

_BLOCK = struct.Struct("<4sIIQ")
_COMMIT = struct.Struct("<4sII")
_COMMIT_END = struct.Struct("<I4s")
_LEVEL = 4
_GARBAGE_FLOOR = 1 << 20


class BlockRef(msgspec.Struct, array_like=True):
    """Where a block is and which rows it holds."""

    offset: int
    length: int
    rows: int
    min_step: int
    max_step: int


class Commit(msgspec.Struct):
    """State of a stream as of its newest compaction."""

    sequence: int = 0
    """Newest log record whose rows are in the blocks."""
    lines: int = 0
    """Highest line number received plus one."""
    blocks: list[BlockRef] = []
    tail: str | None = None
    """JSON text of the last row."""
    writers: dict[str, int] = {}
    """Shared mode: next line number of each writer."""
    stats: RunStats = msgspec.field(default_factory=RunStats)

    @property
    def rows(self) -> int:
        """Rows in all blocks."""
        return sum(block.rows for block in self.blocks)

    @property
    def last_step(self) -> int | None:
        """Highest step in the blocks."""
        return self.blocks[-1].max_step if self.blocks else None


class _Entry(msgspec.Struct, array_like=True):
    """A column in a block's directory; offsets count from the end of the directory."""

    path: tuple[str, ...]
    kind: str
    count: int
    offset: int
    size: int
    checksum: int
    rows_size: int
    pyramid_size: int


class _Directory(msgspec.Struct, array_like=True):
    """What a block says about itself; (size, checksum) of the two leading arrays."""

    rows: int
    steps: tuple[int, int]
    lines: tuple[int, int]
    columns: list[_Entry]
    stats: dict[str, KeyState]


_directory_codec = msgspec.msgpack.Decoder(_Directory)
_commit_codec = msgspec.msgpack.Decoder(Commit)
_pack = msgspec.msgpack.Encoder().encode


class CorruptSeriesError(Exception):
    """Bytes of a committed block do not match their checksum: the disk returned something else than was written."""


@dataclass(slots=True)
class ColumnCache:
    """Decoded columns of blocks, the least recently used dropped first. Shared by all streams."""

    limit_bytes: int
    _items: OrderedDict[tuple[Any, ...], tuple[Any, int]] = field(default_factory=OrderedDict)
    _size: int = 0

    def get(self, key: tuple[Any, ...]) -> Any:
        """Return what is kept under `key`, or None."""
        item = self._items.get(key)
        if item is None:
            return None
        with contextlib.suppress(KeyError):
            self._items.move_to_end(key)
        return item[0]

    def put(self, key: tuple[Any, ...], value: Any, size: int) -> None:
        """Keep `value`, unless it is larger than a quarter of the cache."""
        if size > self.limit_bytes // 4 or key in self._items:
            return
        self._items[key] = (value, size)
        self._size += size
        while self._size > self.limit_bytes and self._items:
            _, (_, dropped) = self._items.popitem(last=False)
            self._size -= dropped


class _Handle:
    """An open file, closed when nothing refers to it any more; blocks keep the file that they were found in."""

    _generations = itertools.count()

    def __init__(self, path: Path) -> None:
        self.generation = next(self._generations)
        self._file = os.open(path, os.O_RDONLY)

    def pread(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset`, fewer at the end of the file."""
        return os.pread(self._file, size, offset)

    def __del__(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            os.close(self._file)


class Block:
    """Rows of a stream on disk; columns are read when asked for. Same reading surface as `Batch`."""

    def __init__(self, handle: _Handle, ref: BlockRef, cache: ColumnCache) -> None:
        self._handle = handle
        self.ref = ref
        self._cache = cache
        self._directory: tuple[_Directory, dict[ColumnId, _Entry]] | None = None
        self._base = 0

    def __len__(self) -> int:
        return self.ref.rows

    @property
    def min_step(self) -> int:
        """Step of the first row."""
        return self.ref.min_step

    @property
    def max_step(self) -> int:
        """Step of the last row."""
        return self.ref.max_step

    @property
    def steps(self) -> np.ndarray[Any, Any]:
        """Steps of the rows."""
        return self._array("steps")

    @property
    def lines(self) -> np.ndarray[Any, Any]:
        """Line numbers of the rows."""
        return self._array("lines")

    @property
    def stats(self) -> dict[str, KeyState]:
        """Counts and numbers by key."""
        return self._read_directory()[0].stats

    def column_ids(self) -> Sequence[ColumnId]:
        """Return the columns there are."""
        return list(self._entries())

    def column(self, path: tuple[str, ...], kind: str) -> Column | None:
        """Return a column, or None."""
        entry = self._entries().get((path, kind))
        if entry is None:
            return None
        key = (self._handle.generation, self.ref.offset, path, kind)
        kept: Column | None = self._cache.get(key)
        if kept is not None:
            return kept
        data = self._read(entry.offset, entry.size, entry.checksum)
        values_size = entry.size - entry.rows_size - entry.pyramid_size
        rows = codec.decode_ints(data[: entry.rows_size]) if entry.rows_size else None
        body = data[entry.rows_size : entry.rows_size + values_size]
        values = codec.decode_floats(body) if kind == "f" else codec.decode_ints(body) if kind == "i" else codec.decode_texts(body)
        column = Column(values, rows)
        size = (sum(map(len, values)) + 40 * len(values)) if kind == "r" else values.nbytes
        self._cache.put(key, column, size + (rows.nbytes if rows is not None else 0))
        return column

    def value_count(self, path: tuple[str, ...], kind: str) -> int:
        """Return how many values a column has, without reading it."""
        entry = self._entries().get((path, kind))
        return entry.count if entry is not None else 0

    def buckets(self, path: tuple[str, ...], kind: str) -> pyramid.Buckets | None:
        """Return the stored level of the pyramid of a dense column that has one; else None."""
        entry = self._entries().get((path, kind))
        if entry is None or not entry.pyramid_size or entry.rows_size:
            return None
        key = (self._handle.generation, self.ref.offset, path, kind, "pyramid")
        kept: pyramid.Buckets | None = self._cache.get(key)
        if kept is None:
            place = entry.offset + entry.size - entry.pyramid_size
            raw = self._handle.pread(self.ref.offset + self._base + place, entry.pyramid_size)
            kept = pyramid.decode(raw, entry.count)
            self._cache.put(key, kept, 6 * kept.low.nbytes)
        return kept

    def load(self) -> Batch:
        """Return all rows in memory."""
        columns = {key: column for key in self._entries() if (column := self.column(*key)) is not None}
        return Batch(self.steps, self.lines, columns, self.ref.length)

    def _entries(self) -> dict[ColumnId, _Entry]:
        return self._read_directory()[1]

    def _read_directory(self) -> tuple[_Directory, dict[ColumnId, _Entry]]:
        if self._directory is None:
            head = self._handle.pread(self.ref.offset, _BLOCK.size)
            magic, size, checksum, _ = _BLOCK.unpack(head)
            packed = self._handle.pread(self.ref.offset + _BLOCK.size, size)
            if magic != b"PBLK" or zlib.crc32(packed) != checksum:
                raise CorruptSeriesError(f"the block at {self.ref.offset} is damaged")
            directory = _directory_codec.decode(zlib.decompress(packed))
            self._base = _BLOCK.size + size
            self._directory = directory, {(entry.path, entry.kind): entry for entry in directory.columns}
        return self._directory

    def _array(self, which: str) -> np.ndarray[Any, Any]:
        key = (self._handle.generation, self.ref.offset, which)
        kept: np.ndarray[Any, Any] | None = self._cache.get(key)
        if kept is None:
            directory, _ = self._read_directory()
            size, checksum = getattr(directory, which)
            offset = 0 if which == "steps" else directory.steps[0]
            kept = codec.decode_ints(self._read(offset, size, checksum))
            self._cache.put(key, kept, kept.nbytes)
        return kept

    def _read(self, offset: int, size: int, checksum: int) -> bytes:
        data = self._handle.pread(self.ref.offset + self._base + offset, size)
        if zlib.crc32(data) != checksum:
            raise CorruptSeriesError(f"a column of the block at {self.ref.offset} is damaged")
        return data


def encode_block(batch: Batch) -> bytes:
    """Return the bytes of a block of ordered rows."""
    steps, lines = codec.encode_ints(batch.steps), codec.encode_ints(batch.lines)
    chunks = [steps, lines]
    at = len(steps) + len(lines)
    entries: list[_Entry] = []
    for (path, kind), column in batch.columns.items():
        rows = codec.encode_ints(column.rows) if column.rows is not None else b""
        values = (
            codec.encode_floats(column.values) if kind == "f"
            else codec.encode_ints(column.values) if kind == "i"
            else codec.encode_texts(column.values)
        )  # fmt: skip
        has_pyramid = kind != "r" and column.rows is None and len(column.values) >= pyramid.MIN_VALUES
        peaks = pyramid.encode(column.values.astype(np.float64)) if has_pyramid else b""
        data = rows + values + peaks
        entries.append(_Entry(path, kind, len(column.values), at, len(data), zlib.crc32(data), len(rows), len(peaks)))
        chunks.append(data)
        at += len(data)
    head = _Directory(len(batch), (len(steps), zlib.crc32(steps)), (len(lines), zlib.crc32(lines)), entries, block_stats(batch))
    packed = zlib.compress(_pack(head), _LEVEL)
    return b"".join([_BLOCK.pack(b"PBLK", len(packed), zlib.crc32(packed), at), packed, *chunks])


class BlockFile:
    """One stream's file. Not safe for concurrent writing; reading committed blocks needs no lock."""

    def __init__(self, path: Path, cache: ColumnCache) -> None:
        self._path = path
        self._cache = cache
        self._handle: _Handle | None = None
        self._blocks: list[Block] | None = None
        self.commit = Commit()
        self._end = 0
        if path.exists():
            self._load()

    def blocks(self) -> list[Block]:
        """Return the committed blocks by ascending step."""
        blocks = self._blocks
        if blocks is None:
            blocks = self._blocks = [Block(self._open(), ref, self._cache) for ref in self.commit.blocks]
        return blocks

    def replace(self, keep: Sequence[Block], batches: Iterable[Batch], commit: Commit) -> None:
        """Make `keep` and new blocks of `batches` the stream's content, durably. `commit.blocks` and `.stats` are set here.

        The batches are ordered, and none of their steps lies within a kept block. They are taken one after the other.
        """
        garbage = self._end - sum(block.ref.length for block in keep)
        target = self._path
        if garbage > _GARBAGE_FLOOR and garbage > self._end // 2:
            target = self._path.with_suffix(".new")
        is_new = target != self._path or not self._path.exists()
        file = os.open(target, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if target == self._path:
                os.ftruncate(file, self._end)
                refs, at = [block.ref for block in keep], self._end
            else:
                os.ftruncate(file, 0)
                refs, at = _copy_blocks(self._open(), file, keep)
            at, added = _append_blocks(file, at, batches)
            commit.blocks = sorted([*refs, *added], key=lambda ref: ref.min_step)
            stats = {ref.min_step: block.stats for ref, block in zip(refs, keep, strict=True)}
            fresh = _Handle(target) if is_new else self._open()
            stats |= {ref.min_step: Block(fresh, ref, self._cache).stats for ref in added}
            commit.stats = fold(stats[ref.min_step] for ref in commit.blocks)
            end = _append_commit(file, at, commit)
        finally:
            os.close(file)
        if target != self._path:
            target.replace(self._path)
        if is_new:
            _sync_folder(self._path.parent)
        self._handle, self._end = fresh, end
        self.commit, self._blocks = commit, None

    def delete(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)
        self.commit, self._end, self._blocks, self._handle = Commit(), 0, None, None

    def _open(self) -> _Handle:
        if self._handle is None:
            self._handle = _Handle(self._path)
        return self._handle

    def _load(self) -> None:
        """Find the newest whole commit: at the end, or by walking from the start when the end is torn."""
        handle = self._open()
        size = self._path.stat().st_size
        found = _commit_at_end(handle, size) or _commit_by_walking(handle, size)
        if found is not None:
            self.commit, self._end = found


def _copy_blocks(source: _Handle, file: int, keep: Sequence[Block]) -> tuple[list[BlockRef], int]:
    """Copy blocks to the start of another file; return where they are there, and the end."""
    at, moved = 0, []
    for block in keep:
        ref = block.ref
        _pwrite_all(file, source.pread(ref.offset, ref.length), at)
        moved.append(BlockRef(at, ref.length, ref.rows, ref.min_step, ref.max_step))
        at += ref.length
    return moved, at


def _append_blocks(file: int, at: int, batches: Iterable[Batch]) -> tuple[int, list[BlockRef]]:
    """Write blocks and make them durable."""
    refs = []
    for batch in batches:
        data = encode_block(batch)
        _pwrite_all(file, data, at)
        refs.append(BlockRef(at, len(data), len(batch), int(batch.steps[0]), int(batch.steps[-1])))
        at += len(data)
    os.fdatasync(file)
    return at, refs


def _append_commit(file: int, at: int, commit: Commit) -> int:
    body = zlib.compress(_pack(commit), _LEVEL)
    data = _COMMIT.pack(b"PCMT", len(body), zlib.crc32(body)) + body + _COMMIT_END.pack(len(body), b"PEND")
    _pwrite_all(file, data, at)
    os.fdatasync(file)
    return at + len(data)


def _commit_at_end(handle: _Handle, size: int) -> tuple[Commit, int] | None:
    if size < _COMMIT.size + _COMMIT_END.size:
        return None
    length, magic = _COMMIT_END.unpack(handle.pread(size - _COMMIT_END.size, _COMMIT_END.size))
    start = size - _COMMIT_END.size - length - _COMMIT.size
    if magic != b"PEND" or start < 0:
        return None
    commit = _read_commit(handle, start, size)
    return (commit, size) if commit is not None else None


def _commit_by_walking(handle: _Handle, size: int) -> tuple[Commit, int] | None:
    at, found = 0, None
    while at + _COMMIT.size <= size:
        magic = handle.pread(at, 4)
        if magic == b"PBLK" and at + _BLOCK.size <= size:
            _, directory, _, data = _BLOCK.unpack(handle.pread(at, _BLOCK.size))
            at += _BLOCK.size + directory + data
        elif magic == b"PCMT":
            _, length, _ = _COMMIT.unpack(handle.pread(at, _COMMIT.size))
            end = at + _COMMIT.size + length + _COMMIT_END.size
            commit = _read_commit(handle, at, size) if end <= size else None
            if commit is None:
                break
            found, at = (commit, end), end
        else:
            break
    return found


def _read_commit(handle: _Handle, start: int, size: int) -> Commit | None:
    magic, length, checksum = _COMMIT.unpack(handle.pread(start, _COMMIT.size))
    if magic != b"PCMT" or start + _COMMIT.size + length > size:
        return None
    body = handle.pread(start + _COMMIT.size, length)
    if len(body) != length or zlib.crc32(body) != checksum:
        return None
    return _commit_codec.decode(zlib.decompress(body))


def _pwrite_all(file: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, at)
        view, at = view[written:], at + written


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
