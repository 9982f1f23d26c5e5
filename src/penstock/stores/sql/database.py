"""The one way to the database: many readers, one writer thread with group commit. SQLite files and PostgreSQL.

Theory of operation. `write` hands a function to the writer thread, which runs everything that is waiting inside one
transaction, each function in its own savepoint, commits once, and only then completes the callers: acknowledged means durable,
and the cost of a durable commit is shared by everything that arrived meanwhile. A function that raises undoes only itself.
`read` runs a function on a reader connection in a small thread pool and sees everything committed before it began.

What the database itself refuses (disk full, file locked, connection lost) reaches callers as `UnavailableError`, never as an error of a
driver. Text that it cannot hold (NUL, lone surrogates) is stored and looked for with U+FFFD instead; where that is too late (among many
rows), and for a number of more than 64 bits, they hear `InvalidArgumentError`, since nearly all that gets there was sent by somebody. A
lost connection is given up and opened anew by the next use; a write whose commit was under way then may or may not have happened, which
is why writes that must not happen twice carry keys of their own.

SQL is written for both dialects: named parameters as `:name`, positional as `?`; the few differences are fragments of `SqlDialect`.
Functions given to `write` may run twice on PostgreSQL serialisation failures, so they must not have other effects.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

from penstock.domain.errors import InvalidArgumentError, UnavailableError
from penstock.domain.storable import storable_params
from penstock.stores.sql.dialects import POSTGRESQL, SQLITE, SqlDialect
from penstock.stores.sql.migrate import migrate
from penstock.stores.sql.slow_reads import SlowReads
from penstock.stores.write_queue import WriteQueue, answer, refuse

T = TypeVar("T")
Row = Mapping[str, Any]
Params = Mapping[str, Any] | Sequence[Any]

_MAX_GROUP = 1024
_SQLITE_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_DAMAGED = "; start from a backup instead (`penstock backup --list` names them)"
_SQLITE_OUTAGES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)
"""Primary result codes that say something about the file or the machine, not about the statement."""
_POSTGRES_UNFIT = frozenset({None, "22003"})
"""States of data errors: what the driver itself refuses to send (NUL), and a number out of range."""
_UNFIT = "a text with a NUL character or half of a character, or a number of more than 64 bits, cannot be stored or looked for"
_MAPPED_BYTES = 32 * 1024 * 1024
"""Per connection; every connection maps for itself, and what is mapped counts as memory of the process."""


_CHECKPOINT_PAGES = 8_000
"""Size of SQLite's log, in pages of 4 KiB, at which it is carried over into the database. A task touches about 15 pages, most of them again
by its next event: carried over every 1,000 pages, as is SQLite's way, each would be written several times."""


class Transaction(Protocol):
    """What a function given to `read` or `write` works with."""

    dialect: SqlDialect

    def execute(self, sql: str, params: Params = ()) -> int:
        """Run a statement; return the number of rows changed."""
        ...

    def many(self, sql: str, rows: Iterable[Params]) -> None:
        """Run a statement once per parameter set."""
        ...

    def one(self, sql: str, params: Params = ()) -> Row | None:
        """Return the first row, or None."""
        ...

    def all(self, sql: str, params: Params = ()) -> list[Row]:
        """Return all rows."""
        ...


class _SqliteTransaction:
    dialect = SQLITE

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, params: Params = ()) -> int:
        return self._executed(sql, params).rowcount

    def many(self, sql: str, rows: Iterable[Params]) -> None:
        self._connection.executemany(sql, rows)

    def one(self, sql: str, params: Params = ()) -> Row | None:
        row: Row | None = self._executed(sql, params).fetchone()
        return row

    def all(self, sql: str, params: Params = ()) -> list[Row]:
        return self._executed(sql, params).fetchall()

    def _executed(self, sql: str, params: Params) -> sqlite3.Cursor:
        try:
            return self._connection.execute(sql, params)
        except UnicodeEncodeError:
            return self._connection.execute(sql, storable_params(params))


class _PostgresTransaction:
    dialect = POSTGRESQL

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, sql: str, params: Params = ()) -> int:
        return int(self._executed(sql, params).rowcount)

    def many(self, sql: str, rows: Iterable[Params]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(_to_pyformat(sql), rows)

    def one(self, sql: str, params: Params = ()) -> Row | None:
        row: Row | None = self._executed(sql, params).fetchone()
        return row

    def all(self, sql: str, params: Params = ()) -> list[Row]:
        rows: list[Row] = self._executed(sql, params).fetchall()
        return rows

    def _executed(self, sql: str, params: Params) -> Any:
        try:
            return self._connection.execute(_to_pyformat(sql), params or None)
        except Exception as error:
            # psycopg refuses text by itself, before the server hears of it, so that the transaction goes on.
            is_refused = type(error).__name__ == "DataError" and getattr(error, "sqlstate", None) is None
            if not is_refused and not isinstance(error, UnicodeEncodeError):
                raise
            return self._connection.execute(_to_pyformat(sql), storable_params(params))


_PLACEHOLDER = re.compile(r"'(?:[^']|'')*'|(?<![:\w]):([a-zA-Z_]\w*)|\?|%")
_converted: dict[str, str] = {}


def _to_pyformat(sql: str) -> str:
    """Rewrite `:name` and `?` to psycopg's form, leaving string literals and casts alone."""
    cached = _converted.get(sql)
    if cached is None:

        def swap(match: re.Match[str]) -> str:
            text = match.group(0)
            if match.group(1):
                return f"%({match.group(1)})s"
            if text == "?":
                return "%s"
            return text.replace("%", "%%")

        cached = _converted[sql] = _PLACEHOLDER.sub(swap, sql)
    return cached


def _is_half_a_character(error: BaseException) -> bool:
    return isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed"


class _Connections(Protocol):
    """Opens connections of one kind of database."""

    dialect: SqlDialect
    place: str
    """Where it is, without names of users and passwords."""

    def open(self, *, read_only: bool) -> Any: ...
    def transaction(self, connection: Any) -> Transaction: ...
    def begin(self, connection: Any) -> None: ...
    def is_outage(self, error: BaseException) -> bool:
        """Whether the database, not the statement, is why it failed."""
        ...

    def is_unfit(self, error: BaseException) -> bool:
        """Whether a value that was given is none that the database can hold or look for."""
        ...

    def is_lost(self, connection: Any) -> bool:
        """Whether the connection can never be used again."""
        ...
    def close(self, connection: Any) -> None: ...


class _SqliteConnections:
    dialect = SQLITE

    def __init__(self, path: Path, *, synchronous: str) -> None:
        self._path = path
        self._synchronous = synchronous
        self.place = str(path)

    def open(self, *, read_only: bool) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=30.0, cached_statements=512)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={self._synchronous}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA cache_size=-8000")
        connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA mmap_size={_MAPPED_BYTES}")
        if read_only:
            # Not on the writer: a savepoint's journal in memory makes large writes cost the square of their size.
            connection.execute("PRAGMA temp_store=MEMORY")
            connection.execute("PRAGMA query_only=ON")
        return connection

    def transaction(self, connection: sqlite3.Connection) -> Transaction:
        return _SqliteTransaction(connection)

    def begin(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")

    def is_outage(self, error: BaseException) -> bool:
        return isinstance(error, sqlite3.DatabaseError) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _SQLITE_OUTAGES

    def is_unfit(self, error: BaseException) -> bool:
        return _is_half_a_character(error) or (isinstance(error, OverflowError) and "SQLite" in str(error))

    def is_lost(self, connection: sqlite3.Connection) -> bool:
        return False  # a file: the next statement finds it as it is

    def close(self, connection: sqlite3.Connection) -> None:
        connection.close()


class _PostgresConnections:
    dialect = POSTGRESQL

    def __init__(self, url: str) -> None:
        self._url = url
        self.place = url.rpartition("@")[2]

    def open(self, *, read_only: bool) -> Any:
        try:
            import psycopg  # noqa: PLC0415 - an extra
            from psycopg.rows import dict_row  # noqa: PLC0415
        except ImportError as error:
            raise UnavailableError("PostgreSQL needs the extra 'penstock[postgres]'") from error
        connection = psycopg.connect(self._url, autocommit=True, row_factory=dict_row)
        if read_only:
            connection.execute("SET default_transaction_read_only = on")
        return connection

    def transaction(self, connection: Any) -> Transaction:
        return _PostgresTransaction(connection)

    def begin(self, connection: Any) -> None:
        connection.execute("BEGIN")

    def is_outage(self, error: BaseException) -> bool:
        # Programming, data and integrity errors have classes of their own; what is left is the server's or the network's doing.
        return any(kind.__name__ in {"OperationalError", "InterfaceError"} for kind in type(error).__mro__)

    def is_unfit(self, error: BaseException) -> bool:
        is_of_data = any(kind.__name__ == "DataError" for kind in type(error).__mro__)
        return _is_half_a_character(error) or (is_of_data and getattr(error, "sqlstate", None) in _POSTGRES_UNFIT)

    def is_lost(self, connection: Any) -> bool:
        return bool(connection.closed or connection.broken)

    def close(self, connection: Any) -> None:
        connection.close()


class Database:
    """A database with one writer and several readers. Open with `open_database`; `close` when done."""

    def __init__(self, connections: _Connections, *, readers: int = 4) -> None:
        self._connections = connections
        self.dialect = connections.dialect
        self._queue: WriteQueue[Callable[[Transaction], Any]] = WriteQueue()
        self._local = threading.local()
        self._open_readers: list[Any] = []
        self._lock = threading.Lock()
        self._readers = ThreadPoolExecutor(max_workers=readers, thread_name_prefix="penstock-read")
        self.slow_reads = SlowReads()
        self._writer_connection = self._open(read_only=False)
        self._writer = threading.Thread(target=self._write_loop, name="penstock-write", daemon=True)
        self._writer.start()

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a durable transaction; returns after the commit. An exception from `work` undoes only its own changes."""
        return await asyncio.wrap_future(self.submit(work))

    def write_sync(self, work: Callable[[Transaction], T]) -> T:
        """Blocking form of `write`, for threads other than the event loop's."""
        return self.submit(work).result()

    def submit(self, work: Callable[[Transaction], T]) -> Future[T]:
        """Queue `work`; the future completes after the commit."""
        return self._queue.put(work)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on a reader connection in a worker thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_sync, work)

    def read_sync(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on this thread's reader connection. All its queries see one snapshot.

        Raises:
            InvalidArgumentError: a value that was given is none that the database can hold.
            UnavailableError: the database cannot be reached or read.
        """
        connection = self._reader()
        try:
            try:
                connection.execute("BEGIN")
            except Exception:
                if not self._connections.is_lost(connection):
                    raise
                self._drop_reader(connection)  # lost while idle: nothing was read yet, so beginning again is safe
                connection = self._reader()
                connection.execute("BEGIN")
            began = time.perf_counter()
            try:
                return work(self._connections.transaction(connection))
            finally:
                self.slow_reads.note(work, time.perf_counter() - began)
                with contextlib.suppress(Exception):  # a lost connection has nothing to roll back; the error of `work` is the one to tell
                    connection.execute("ROLLBACK")
        except Exception as error:
            if self._connections.is_unfit(error):
                raise InvalidArgumentError(_UNFIT) from error
            if not self._connections.is_outage(error):
                raise
            raise UnavailableError(f"the database could not be read: {error}") from error
        finally:
            if self._connections.is_lost(connection):
                self._drop_reader(connection)

    def _told(self, error: BaseException) -> BaseException:
        """Return what the caller of a write hears of an error in its own work."""
        if not self._connections.is_unfit(error):
            return error
        told = InvalidArgumentError(_UNFIT)
        told.__cause__ = error
        return told

    def _reader(self) -> Any:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._open(read_only=True)
            with self._lock:
                self._open_readers.append(connection)
        return connection

    def _drop_reader(self, connection: Any) -> None:
        self._local.connection = None
        with self._lock:
            if connection in self._open_readers:
                self._open_readers.remove(connection)
        with contextlib.suppress(Exception):  # it is lost already
            self._connections.close(connection)

    def _open(self, *, read_only: bool) -> Any:
        try:
            return self._connections.open(read_only=read_only)
        except Exception as error:
            if not self._connections.is_outage(error):
                raise
            damage = _DAMAGED if getattr(error, "sqlite_errorcode", 0) & 0xFF in _SQLITE_DAMAGE else ""
            raise UnavailableError(f"the database {self._connections.place} cannot be reached: {str(error).strip()}{damage}") from error

    def close(self) -> None:
        """Finish queued writes and close all connections."""
        self._queue.close()
        self._writer.join()
        self._readers.shutdown(wait=True)
        for connection in self._open_readers:
            self._connections.close(connection)
        self._connections.close(self._writer_connection)

    def _write_loop(self) -> None:
        is_open = True
        while is_open:
            group, is_open = self._queue.take(most=_MAX_GROUP)
            if group:
                self._run_group(group)

    def _run_group(self, group: list[tuple[Callable[[Transaction], Any], Future[Any]]]) -> None:
        results: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            connection = self._begin_write()
            transaction = self._connections.transaction(connection)
            for work, future in group:
                connection.execute("SAVEPOINT one")
                try:
                    result = work(transaction)
                except BaseException as error:
                    if self._connections.is_outage(error):
                        raise  # a full disk or a lost connection fails every work of the group alike
                    connection.execute("ROLLBACK TO SAVEPOINT one")
                    results.append((future, None, self._told(error)))
                else:
                    results.append((future, result, None))
                connection.execute("RELEASE SAVEPOINT one")
            connection.execute("COMMIT")
        except BaseException as error:  # the whole group failed
            with contextlib.suppress(Exception):  # the connection may be gone; the next group's beginning replaces it
                self._writer_connection.execute("ROLLBACK")
            failure = UnavailableError(f"the database could not store the change: {error}")
            failure.__cause__ = error
            results = [(future, None, failure) for _, future in group]
        for future, result, failed in results:
            if failed is None:
                answer(future, result)
            else:
                refuse(future, failed)

    def _begin_write(self) -> Any:
        """Begin a transaction; a connection that was lost, before or by this, is replaced first."""
        if not self._connections.is_lost(self._writer_connection):
            try:
                self._connections.begin(self._writer_connection)
            except Exception:
                if not self._connections.is_lost(self._writer_connection):
                    raise
            else:
                return self._writer_connection
        with contextlib.suppress(Exception):  # it is lost already
            self._connections.close(self._writer_connection)
        self._writer_connection = self._connections.open(read_only=False)
        self._connections.begin(self._writer_connection)
        return self._writer_connection


def open_database(url: str, *, synchronous: str = "FULL") -> Database:
    """Open `url` (`sqlite:///<path>` or `postgresql://...`) and bring its schema up to date.

    Args:
        url: where the database is; the SQLite file and its folder are created when missing.
        synchronous: SQLite's PRAGMA: FULL survives power loss, NORMAL only process crashes.

    Raises:
        UnavailableError: the database cannot be reached, or its schema is newer than this program.
    """
    connections: _Connections
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        path.parent.mkdir(parents=True, exist_ok=True)
        connections = _SqliteConnections(path, synchronous=synchronous)
    elif url.startswith(("postgresql://", "postgres://")):
        connections = _PostgresConnections(url)
    else:
        raise UnavailableError(f"unknown database URL scheme in {url.rpartition('@')[2]!r}; use sqlite:///PATH or postgresql://")
    database = Database(connections)
    database.write_sync(migrate)
    return database
