"""Manifest listings: short ones in memory, long ones as SQLite files (`interfaces.manifests.ManifestIndex`).

A listing is built once per manifest file and can be thrown away at any time. A file appears by rename when it is complete.
Two threads that build the same listing at once do the work twice and keep one result.
"""

from __future__ import annotations

import bisect
import json
import os
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import chain, islice
from operator import lt
from pathlib import Path

from penstock.domain.ids import Digest
from penstock.domain.versions import ManifestEntry
from penstock.interfaces.manifests import ManifestListing, StoredEntry

_IN_MEMORY = 20_000
"""Entries up to which a listing is kept as Python objects."""
_KEPT_ENTRIES = 100_000
"""Entries in memory over all listings."""
_BATCH = 5_000
_FETCH = 500
_COLUMNS = "path, digest, size, ref, birth, extra"
_DEFINITIONS = "position INTEGER PRIMARY KEY, path TEXT, digest TEXT, size INTEGER, ref TEXT, birth TEXT, extra TEXT"


class LocalManifestIndex:
    """Listings below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._short: OrderedDict[Digest, _ShortListing] = OrderedDict()

    def listing(self, digest: Digest, read: Callable[[], Iterator[ManifestEntry]]) -> ManifestListing:
        """See `ManifestIndex.listing`."""
        with self._lock:
            known = self._short.get(digest)
            if known is not None:
                self._short.move_to_end(digest)
                return known
        path = self._folder / f"{digest.removeprefix('sha256:')}.sqlite"
        if path.exists():
            return _LongListing(path)
        entries = read()
        first = list(islice(entries, _IN_MEMORY + 1))
        if len(first) <= _IN_MEMORY:
            return self._keep(digest, _ShortListing(first))
        self._folder.mkdir(parents=True, exist_ok=True)
        _build(path, first, entries)
        return _LongListing(path)

    def _keep(self, digest: Digest, listing: _ShortListing) -> ManifestListing:
        with self._lock:
            self._short[digest] = listing
            total = sum(entry.count for entry in self._short.values())
            while total > _KEPT_ENTRIES and len(self._short) > 1:
                total -= self._short.popitem(last=False)[1].count
        return listing


class _ShortListing:
    """A listing in memory."""

    def __init__(self, entries: Sequence[ManifestEntry]) -> None:
        unique = {entry.path: entry for entry in entries}
        self._entries = sorted(unique.values(), key=lambda entry: entry.path.encode("utf-8", "surrogatepass"))
        self._keys = [entry.path.encode("utf-8", "surrogatepass") for entry in self._entries]
        self.count = len(self._entries)
        self.size_bytes = sum(entry.size_bytes or 0 for entry in self._entries)

    def page(self, offset: int, limit: int) -> Sequence[ManifestEntry]:
        return self._entries[offset : offset + limit]

    def below(self, folder: str, limit: int) -> Sequence[ManifestEntry]:
        edges = [edge.encode("utf-8", "surrogatepass") for edge in _edges(folder)]
        first, end = (bisect.bisect_left(self._keys, edge) for edge in edges) if folder else (0, self.count)
        return self._entries[first : min(end, first + limit)]

    def named(self, paths: Sequence[str]) -> Sequence[ManifestEntry]:
        found = []
        for path in paths:
            key = path.encode("utf-8", "surrogatepass")
            at = bisect.bisect_left(self._keys, key)
            if at < self.count and self._keys[at] == key:
                found.append(self._entries[at])
        return found

    def all(self) -> Iterator[ManifestEntry]:
        return iter(self._entries)

    def stored(self) -> Iterator[StoredEntry]:
        return ((entry.path, entry.digest, entry.birth_id) for entry in self._entries if entry.ref is None)


class _LongListing:
    """A listing in a SQLite file; SQLite orders TEXT bytewise."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(self._open()) as connection:
            self.count, self.size_bytes = connection.execute("SELECT count, size FROM total").fetchone()

    def page(self, offset: int, limit: int) -> Sequence[ManifestEntry]:
        with closing(self._open()) as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM entry WHERE position >= ? ORDER BY position LIMIT ?", (offset, limit))
            return [_entry(row) for row in rows]

    def below(self, folder: str, limit: int) -> Sequence[ManifestEntry]:
        if not folder:
            return self.page(0, limit)
        with closing(self._open()) as connection:
            sql = f"SELECT {_COLUMNS} FROM entry WHERE path >= ? AND path < ? ORDER BY path LIMIT ?"
            rows = connection.execute(sql, (*_edges(folder), limit))
            return [_entry(row) for row in rows]

    def named(self, paths: Sequence[str]) -> Sequence[ManifestEntry]:
        found: dict[str, ManifestEntry] = {}
        with closing(self._open()) as connection:
            for start in range(0, len(paths), _FETCH):
                part = paths[start : start + _FETCH]
                for row in connection.execute(f"SELECT {_COLUMNS} FROM entry WHERE path IN ({','.join('?' * len(part))})", part):
                    found[row[0]] = _entry(row)
        return [found[path] for path in paths if path in found]

    def all(self) -> Iterator[ManifestEntry]:
        with closing(self._open()) as connection:
            for row in connection.execute(f"SELECT {_COLUMNS} FROM entry ORDER BY position"):
                yield _entry(row)

    def stored(self) -> Iterator[StoredEntry]:
        with closing(self._open()) as connection:
            yield from connection.execute("SELECT path, digest, birth FROM entry WHERE ref IS NULL ORDER BY position")

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self._path}?mode=ro&immutable=1", uri=True)


def _edges(folder: str) -> tuple[str, str]:
    """Return the first path that may lie in a folder, and the first that comes after all of them (`0` follows `/`)."""
    return f"{folder}/", f"{folder}0"


def _build(path: Path, first: Sequence[ManifestEntry], rest: Iterator[ManifestEntry]) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.new")
    draft.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=OFF")
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("BEGIN")
            connection.execute(f"CREATE TABLE entry ({_DEFINITIONS})")
            is_ordered = _insert(connection, chain(first, rest))
            if not is_ordered:
                _sort(connection)
            connection.execute("CREATE UNIQUE INDEX entry_path ON entry (path)")
            connection.execute("CREATE TABLE total AS SELECT COUNT(*) AS count, COALESCE(SUM(size), 0) AS size FROM entry")
            connection.execute("COMMIT")
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _insert(connection: sqlite3.Connection, entries: Iterator[ManifestEntry]) -> bool:
    """Store entries in the order in which they come; return whether that is the order of their paths, as clients write them."""
    is_ordered, last, position = True, b"", 0
    while batch := list(islice(entries, _BATCH)):
        if is_ordered:
            keys = [entry.path.encode("utf-8", "surrogatepass") for entry in batch]
            is_ordered = (position == 0 or last < keys[0]) and all(map(lt, keys, islice(keys, 1, None)))
            last = keys[-1]
        rows = ((number, *_row(entry)) for number, entry in enumerate(batch, position))
        connection.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        position += len(batch)
    return is_ordered


def _sort(connection: sqlite3.Connection) -> None:
    """Put stored entries in path order; of those with one path the last one stays."""
    connection.execute("ALTER TABLE entry RENAME TO raw")
    connection.execute(f"CREATE TABLE entry ({_DEFINITIONS})")
    connection.execute(
        f"INSERT INTO entry SELECT row_number() OVER (ORDER BY path) - 1, {_COLUMNS} FROM raw"
        " WHERE position IN (SELECT MAX(position) FROM raw GROUP BY path) ORDER BY path"
    )
    connection.execute("DROP TABLE raw")


def _row(entry: ManifestEntry) -> tuple[object, ...]:
    extra = json.dumps(entry.extra) if entry.extra else None
    return entry.path, entry.digest, entry.size_bytes, entry.ref, entry.birth_id, extra


def _entry(row: tuple[object, ...]) -> ManifestEntry:
    path, digest, size, ref, birth, extra = row
    return ManifestEntry(
        path=str(path),
        digest=str(digest),
        size_bytes=size if isinstance(size, int) else None,
        ref=None if ref is None else str(ref),
        birth_id=None if birth is None else str(birth),
        extra=json.loads(extra) if isinstance(extra, str) else {},
    )
