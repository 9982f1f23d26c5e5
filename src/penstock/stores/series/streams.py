"""One stream of one run: blocks on disk, the head in memory, and how the head becomes blocks.

Locks. `_lock` guards the head and is held for moments; `_compaction` is held while the file changes. A compaction freezes the head, works
without `_lock`, and swaps at the end; readers meanwhile see the old blocks, the frozen batches and the new head.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from penstock.domain.tracking import KeyStats
from penstock.stores.series.blockfile import Block, BlockFile, Commit
from penstock.stores.series.columns import Batch, concatenate, ordered
from penstock.stores.series.parsing import parse_lines
from penstock.stores.series.rows import Segment, rows_as_json
from penstock.stores.series.stats import KeyState, block_stats, fold

BLOCK_ROWS = 65_536
_BLOCK_SCALARS = 4_000_000
_BLOCK_BYTES = 32 * 1024 * 1024
_MAX_COLUMNS = 20_000
PENDING_LINES = 256
"""Lines of small requests that are kept as text before they become columns."""
_SMALL_BLOCK = 1024


@dataclass(slots=True)
class _HeadBatch:
    """A batch in memory, ordered, with its stats once they were asked for."""

    batch: Batch
    stats: dict[str, KeyState] | None = None


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """Counts and ends of a stream."""

    lines: int
    rows: int
    first_step: int | None
    last_step: int | None
    tail: str | None
    keys: tuple[KeyStats, ...]


class UnsavedBytes:
    """Running total of `Stream.unsaved_bytes` over many streams. Thread-safe."""

    def __init__(self) -> None:
        self.value = 0
        self._lock = threading.Lock()

    def change(self, by: int) -> None:
        """Add `by`, which may be negative."""
        with self._lock:
            self.value += by


class Stream:
    """Rows of one stream. Thread-safe."""

    def __init__(self, file: BlockFile, *, keyed_by_step: bool, total: UnsavedBytes) -> None:
        self._total = total
        self._file = file
        self._keyed = keyed_by_step
        self._lock = threading.RLock()
        self._compaction = threading.Lock()
        self._head: list[_HeadBatch] = []
        self._frozen: list[_HeadBatch] = []
        self._pending: list[tuple[Sequence[str], int]] = []
        self._pending_lines = 0
        self._pending_bytes = 0
        self._head_bytes = 0
        self.lines = file.commit.lines
        self._writers = dict(file.commit.writers)
        self.sequence = file.commit.sequence
        self._known = file.commit.sequence
        """Log records up to this one were part of the file when it was opened: replay skips them."""
        self._first_head: int | None = None
        self._first_frozen: int | None = None

    @property
    def first_unsaved(self) -> int | None:
        """Oldest log record that is not part of a committed block."""
        with self._lock:
            return self._first_frozen if self._first_frozen is not None else self._first_head

    @property
    def unsaved_bytes(self) -> int:
        """Rough memory of what is not part of a block yet."""
        return self._head_bytes + 2 * self._pending_bytes

    def _weigh(self, *, head: int | None = None, pending: int | None = None) -> None:
        """Set the sizes of head and pending texts, here and in the total; the lock is held."""
        before = self.unsaved_bytes
        self._head_bytes = self._head_bytes if head is None else head
        self._pending_bytes = self._pending_bytes if pending is None else pending
        self._total.change(self.unsaved_bytes - before)

    @property
    def is_idle(self) -> bool:
        """Whether everything that was applied is part of the file and nothing is being written."""
        return self.first_unsaved is None and not self._compaction.locked()

    def apply(self, sequence: int, lines: Sequence[str], offset: int, batch: Batch | None, writer: str) -> None:
        """Take in what log record `sequence` holds; called in order of sequence, also by replay.

        Args:
            sequence: of the record; one that is part of the blocks already changes nothing.
            lines: the texts.
            offset: line number of the first.
            batch: the texts as columns when they were parsed to such.
            writer: client id in shared mode.
        """
        with self._lock:
            if sequence <= self._known:
                return
            self.sequence = sequence
            if self._first_head is None:
                self._first_head = sequence
            if writer:
                self._apply_shared(lines, offset, batch, writer)
                return
            self.lines = max(self.lines, offset + len(lines))
            if batch is not None:
                self._settle()
                self._add(batch)
                return
            self._pending.append((lines, offset))
            self._pending_lines += len(lines)
            self._weigh(pending=self._pending_bytes + sum(map(len, lines)))
            if self._pending_lines >= PENDING_LINES:
                self._settle()

    def segments(self) -> list[Segment]:
        """Return the rows as segments that ascend in step and do not overlap; merges first when they would."""
        while True:
            with self._lock:
                self._settle()
                heads = [head.batch for head in (*self._frozen, *self._head)]
                blocks = self._file.blocks()
                last = blocks[-1].max_step if blocks else None
                if _ascend(last, heads):
                    return [*blocks, *heads]
            self.compact()

    def info(self, *, with_keys: bool) -> StreamInfo:
        """Return counts and ends; `with_keys` with the stats of every key."""
        segments = self.segments()
        with self._lock:
            lines, commit = self.lines, self._file.commit
            heads = [*self._frozen, *self._head]
            memory = [segment for segment in segments if isinstance(segment, Batch)]
        if not segments:
            return StreamInfo(lines, 0, None, None, None, ())
        tail = rows_as_json(segments[-1], np.array([len(segments[-1]) - 1])) if memory else [commit.tail or "{}"]
        keys: tuple[KeyStats, ...] = ()
        if with_keys:
            states = _states(commit, heads)
            keys = tuple(KeyStats(key, state.counts, state.last, state.is_monotonic) for key, state in states.items())
        first = segments[0].min_step if isinstance(segments[0], Block) else int(segments[0].steps[0])
        last = segments[-1].max_step if isinstance(segments[-1], Block) else int(segments[-1].steps[-1])
        return StreamInfo(lines, sum(map(len, segments)), first, last, tail[0], keys)

    def kinds(self) -> dict[str, Mapping[str, int]]:
        """Return every key with its values by type."""
        self.segments()
        with self._lock:
            commit, heads = self._file.commit, [*self._frozen, *self._head]
        return {key: state.counts for key, state in _states(commit, heads).items()}

    def compact(self) -> None:
        """Make everything that was applied part of the file."""
        with self._compaction:
            with self._lock:
                self._settle()
                if self._first_head is None:
                    return
                self._frozen, self._head = self._head, []
                self._first_frozen, self._first_head = self._first_head, None
                frozen_bytes = self._head_bytes
                self._weigh(head=0)
                commit = Commit(sequence=self.sequence, lines=self.lines, writers=dict(self._writers))
                frozen = [head.batch for head in self._frozen]
            try:
                self._write(ordered(concatenate(frozen)) if frozen else None, commit)
            except BaseException:
                with self._lock:
                    self._head = [*self._frozen, *self._head]
                    self._first_head = self._first_frozen
                    self._weigh(head=self._head_bytes + frozen_bytes)
                    self._frozen, self._first_frozen = [], None
                raise
            with self._lock:
                self._frozen, self._first_frozen = [], None

    def truncate(self, sequence: int, last_step: int) -> None:
        """Remove rows after `last_step` (log record `sequence`); the line count becomes the number of rows kept."""
        if sequence <= self._known:
            return
        self.compact()
        with self._compaction, self._lock:
            blocks = self._file.blocks()
            keep = [block for block in blocks if block.max_step <= last_step]
            cut = [block.load() for block in blocks if block.min_step <= last_step < block.max_step]
            kept = [batch.cut(0, int(np.searchsorted(batch.steps, last_step, side="right"))) for batch in cut]
            rows = sum(map(len, keep)) + sum(map(len, kept))
            self._file.replace(keep, kept, Commit(sequence=sequence, lines=rows, tail=_tail_of([*keep, *kept])))
            self.lines, self.sequence, self._writers = rows, sequence, {}

    def fill(self, segments: Sequence[Segment], last_step: int, sequence: int) -> None:
        """Make rows up to `last_step` of another stream the content of this empty one."""

        def parts() -> Iterator[Batch]:
            for segment in segments:
                batch = segment.load()
                stop = int(np.searchsorted(batch.steps, last_step, side="right"))
                if stop:
                    yield batch.cut(0, stop)

        with self._compaction, self._lock:
            batches = list(parts())
            rows = sum(map(len, batches))
            self._file.replace([], batches, Commit(sequence=sequence, lines=rows, tail=_tail_of(batches)))
            self.lines, self.sequence = rows, sequence

    def delete(self, sequence: int) -> None:
        """Remove everything (log record `sequence`)."""
        with self._compaction, self._lock:
            self._file.delete()
            self._head, self._frozen, self._pending = [], [], []
            self._pending_lines = self.lines = 0
            self._weigh(head=0, pending=0)
            self._writers, self.sequence = {}, sequence
            self._first_head = self._first_frozen = None

    def _apply_shared(self, lines: Sequence[str], offset: int, batch: Batch | None, writer: str) -> None:
        """Append what this writer has not sent before; steps follow the last one of the stream, whoever wrote it."""
        known = self._writers.get(writer, 0)
        skip = max(0, known - offset)
        self._writers[writer] = max(known, offset + len(lines))
        if skip >= len(lines):
            return
        rows = batch if batch is not None else parse_lines(lines, offset, keyed_by_step=self._keyed)
        rows = rows.cut(skip, len(rows))
        numbers = np.arange(self.lines, self.lines + len(rows), dtype=np.int64)
        self._settle()
        if self._keyed:
            saved = self._file.commit.last_step
            last = max([-1 if saved is None else saved, *(int(head.batch.steps[-1]) for head in (*self._frozen, *self._head))])
            rows = rows.with_steps(np.arange(last + 1, last + 1 + len(rows), dtype=np.int64), numbers)
        else:
            rows = Batch(numbers, numbers, rows.columns, rows.size_bytes)
        self.lines += len(rows)
        self._add(rows)

    def _settle(self) -> None:
        """Turn pending texts into a batch."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        self._pending_lines = 0
        self._weigh(pending=0)
        parts = [parse_lines(lines, offset, keyed_by_step=self._keyed) for lines, offset in pending]
        self._add(concatenate(parts))

    def _add(self, batch: Batch) -> None:
        if len(batch) == 0:
            return
        batch = ordered(batch)
        self._head.append(_HeadBatch(batch))
        self._weigh(head=self._head_bytes + batch.size_bytes + 200)
        if len(self._head) > 1 and len(batch) < PENDING_LINES:
            before = self._head[-2].batch
            if len(before) <= 2 * len(batch):  # small batches double up, so that there are never many
                self._head[-2:] = [_HeadBatch(ordered(concatenate([before, batch])))]

    def _write(self, fresh: Batch | None, commit: Commit) -> None:
        """Merge `fresh` into the file: blocks that it touches are replaced, small neighbours are joined."""
        blocks = self._file.blocks()
        if fresh is None or len(fresh) == 0:
            commit.tail = self._file.commit.tail
            self._file.replace(blocks, [], commit)
            return
        pieces = _pieces(blocks, fresh)
        keep, groups = _grouped(pieces)
        last_piece = pieces[-1]
        if last_piece.fresh is not None and last_piece.ends_fresh:
            commit.tail = rows_as_json(fresh, np.array([len(fresh) - 1]))[0]
        else:
            commit.tail = self._file.commit.tail

        def batches() -> Iterator[Batch]:
            for group in groups:
                yield from _split(ordered(concatenate([load() for piece in group for load in piece.loaders()])))

        self._file.replace(keep, batches(), commit)


@dataclass(slots=True)
class _Piece:
    """A stretch of the merged stream: a block, fresh rows, or both."""

    block: Block | None
    fresh: Batch | None
    ends_fresh: bool = False
    """The stretch ends with a fresh row."""

    @property
    def rows(self) -> int:
        return (len(self.block) if self.block is not None else 0) + (len(self.fresh) if self.fresh is not None else 0)

    def loaders(self) -> list[Callable[[], Batch]]:
        """Return what loads the rows: older ones first, so that of equal rows the fresh ones hold."""
        loads: list[Callable[[], Batch]] = []
        if self.block is not None:
            loads.append(self.block.load)
        if self.fresh is not None:
            fresh = self.fresh
            loads.append(lambda: fresh)
        return loads


def _pieces(blocks: Sequence[Block], fresh: Batch) -> list[_Piece]:
    """Lay fresh rows over blocks: rows between blocks, rows inside each block's range, untouched blocks; ascending."""
    pieces: list[_Piece] = []
    at = 0
    for block in blocks:
        start = int(np.searchsorted(fresh.steps, block.min_step, side="left"))
        stop = int(np.searchsorted(fresh.steps, block.max_step, side="right"))
        if start > at:
            pieces.append(_Piece(None, fresh.cut(at, start), ends_fresh=True))
        inside = fresh.cut(start, stop) if stop > start else None
        ends_fresh = inside is not None and int(inside.steps[-1]) == block.max_step
        pieces.append(_Piece(block, inside, ends_fresh=ends_fresh))
        at = max(at, stop)
    if at < len(fresh):
        pieces.append(_Piece(None, fresh.cut(at, len(fresh)), ends_fresh=True))
    return pieces


def _grouped(pieces: Sequence[_Piece]) -> tuple[list[Block], list[list[_Piece]]]:
    """Return blocks that stay, and groups of neighbouring pieces that are written as new blocks.

    A block at the end is joined to fresh rows behind it while it is smaller than twice their number, so that the number of blocks
    grows with the logarithm of appends and each row is rewritten that often only.
    """
    keep: list[Block] = []
    groups: list[list[_Piece]] = []
    group: list[_Piece] = []
    for piece in reversed(pieces):
        size = sum(member.rows for member in group)
        if size >= 2 * BLOCK_ROWS:  # bounds what is in memory at once
            groups.insert(0, group)
            group, size = [], 0
        is_small = piece.block is not None and piece.fresh is None and len(piece.block) < max(2 * size, _SMALL_BLOCK)
        if piece.fresh is not None or (group and is_small and size + piece.rows <= BLOCK_ROWS):
            group.insert(0, piece)
            continue
        if group:
            groups.insert(0, group)
            group = []
        if piece.block is not None:
            keep.insert(0, piece.block)
    if group:
        groups.insert(0, group)
    return keep, groups


def _split(batch: Batch) -> Iterator[Batch]:
    """Cut rows into blocks of a size that is quick to read and not large in memory."""
    columns = max(len(batch.columns), 1)
    limit = min(BLOCK_ROWS, max(_BLOCK_SCALARS // columns, 1), max(_BLOCK_BYTES * len(batch) // max(batch.size_bytes, 1), 1))
    if columns > _MAX_COLUMNS and len(batch) > 1:
        limit = min(limit, (len(batch) + 1) // 2)
    if len(batch) <= limit:
        yield batch
        return
    for start in range(0, len(batch), limit):
        yield from _split(batch.cut(start, min(start + limit, len(batch))))


def _states(commit: Commit, heads: Sequence[_HeadBatch]) -> Mapping[str, KeyState]:
    """Return the stats of every key, blocks and memory together; those of a head are found once."""
    for head in heads:
        if head.stats is None:
            head.stats = block_stats(head.batch)
    return fold([commit.stats.keys, *(head.stats or {} for head in heads)]).keys


def _ascend(last: int | None, heads: Sequence[Batch]) -> bool:
    for batch in heads:
        if last is not None and int(batch.steps[0]) <= last:
            return False
        last = int(batch.steps[-1])
    return True


def _tail_of(segments: Sequence[Segment]) -> str | None:
    return rows_as_json(segments[-1], np.array([len(segments[-1]) - 1]))[0] if segments else None
