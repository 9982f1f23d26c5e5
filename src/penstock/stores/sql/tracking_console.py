"""Console lines of tracked runs in SQL: sparse, overwritable by line number (`interfaces.tracking_store.ConsoleStore`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from penstock.domain.ids import TrackedRunId
from penstock.domain.tracking import ConsoleLine
from penstock.interfaces.tracking_store import ConsoleEnds, ConsoleWrite
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.dialects import escape_like

_AT_ONCE = 1000
"""Lines that are read at once when it is not known how many are wanted."""
LineParser = Callable[[int, str], ConsoleLine]
"""Takes a stored line apart (`tracking.console.parse_line`)."""


class SqlConsoleStore:
    """Console lines."""

    def __init__(self, database: Database, parse_line: LineParser) -> None:
        self._database = database
        self._parse = parse_line

    async def read(
        self, run_id: TrackedRunId, *, after: int, before: int | None, limit: int, from_end: bool, writers: Sequence[str] = ()
    ) -> Sequence[ConsoleLine]:
        """Return lines with `after < number < before`, ascending: the first `limit`, or the last with `from_end`."""
        where, params = f"run_id = ? AND number > ?{_of_writers(writers)}", [run_id, after, *writers]
        if before is not None:
            where, params = where + " AND number < ?", [*params, before]
        direction = "DESC" if from_end else "ASC"
        sql = f"SELECT number, raw FROM tracked_console WHERE {where} ORDER BY number {direction} LIMIT ?"
        rows = await self._database.read(lambda tx: tx.all(sql, [*params, limit]))
        lines = [self._parse(row["number"], row["raw"]) for row in rows]
        return lines[::-1] if from_end else lines

    async def line_count(self, run_id: TrackedRunId, *, writers: Sequence[str] = ()) -> int:
        """Return the highest line number plus one."""
        sql = f"SELECT MAX(number) AS last FROM tracked_console WHERE run_id = ?{_of_writers(writers)}"
        row = await self._database.read(lambda tx: tx.one(sql, (run_id, *writers)))
        return 0 if row is None or row["last"] is None else int(row["last"]) + 1

    async def search(
        self, run_id: TrackedRunId, text: str, *, after: int, limit: int, writers: Sequence[str] = ()
    ) -> Sequence[ConsoleLine]:
        """Return lines that contain `text` (case-insensitive), ascending."""
        like = self._database.dialect.ilike("raw", "?")
        where = f"run_id = ? AND number > ?{_of_writers(writers)} AND {like}"
        sql = f"SELECT number, raw FROM tracked_console WHERE {where} ORDER BY number LIMIT ?"
        params = (run_id, after, *writers, f"%{escape_like(text)}%", limit)
        rows = await self._database.read(lambda tx: tx.all(sql, params))
        return [self._parse(row["number"], row["raw"]) for row in rows]

    async def first_lines(self, run_id: TrackedRunId) -> Mapping[str, ConsoleLine]:
        """Return the first line of each writer of a shared run, by writer."""
        sql = (
            "SELECT line.writer, line.number, line.raw FROM tracked_console AS line JOIN (SELECT writer, MIN(writer_line) AS first"
            " FROM tracked_console WHERE run_id = ? AND writer <> '' GROUP BY writer) AS head"
            " ON line.writer = head.writer AND line.writer_line = head.first WHERE line.run_id = ? AND line.writer <> ''"
        )
        rows = await self._database.read(lambda tx: tx.all(sql, (run_id, run_id)))
        return {row["writer"]: self._parse(row["number"], row["raw"]) for row in rows}

    async def ends(self, run_id: TrackedRunId, *, characters: int, per_line: int) -> ConsoleEnds:
        """See `ConsoleStore`."""
        sql = (
            "SELECT number, substr(raw, 1, ?) AS raw FROM tracked_console WHERE run_id = ? AND number < ? "
            f"ORDER BY number DESC LIMIT {_AT_ONCE}"
        )

        def work(tx: Transaction) -> list[Row]:
            found: list[Row] = []
            left, below = characters, 2**62
            while left > 0:
                rows = tx.all(sql, (per_line, run_id, below))
                for row in rows:
                    found.append(row)
                    left -= len(row["raw"])
                    if left <= 0:
                        break
                if len(rows) < _AT_ONCE:
                    break
                below = rows[-1]["number"]
            return found[::-1]

        rows = await self._database.read(work)
        return ConsoleEnds([self._parse(row["number"], row["raw"]) for row in rows], sum(len(row["raw"]) for row in rows))


def _of_writers(writers: Sequence[str]) -> str:
    """SQL that leaves only lines of these writers, if there are any; their places come where it stands."""
    return f" AND writer IN ({', '.join('?' * len(writers))})" if writers else ""


def write_console(tx: Transaction, run_id: TrackedRunId, write: ConsoleWrite, *, writer: str) -> None:
    """Store consecutive lines; a line that exists is replaced. PostgreSQL cannot hold NUL characters; there they are left out.

    With a writer (shared mode) the offset counts that writer's lines: lines it sent before are replaced where they are, new ones
    go to the end.
    """
    if tx.dialect.name != "sqlite":
        write = ConsoleWrite(write.offset, [raw.replace("\x00", "") for raw in write.lines])
    if not writer:
        tx.many(
            "INSERT INTO tracked_console (run_id, number, raw) VALUES (?, ?, ?) "
            "ON CONFLICT (run_id, number) DO UPDATE SET raw = excluded.raw",
            [(run_id, write.offset + index, raw) for index, raw in enumerate(write.lines)],
        )
        return
    last = write.offset + len(write.lines) - 1
    known = {
        row["writer_line"]: row["number"]
        for row in tx.all(
            "SELECT writer_line, number FROM tracked_console WHERE run_id = ? AND writer = ? AND writer_line BETWEEN ? AND ?",
            (run_id, writer, write.offset, last),
        )
    }
    row = tx.one("SELECT MAX(number) AS last FROM tracked_console WHERE run_id = ?", (run_id,))
    free = 0 if row is None or row["last"] is None else int(row["last"]) + 1
    for index, raw in enumerate(write.lines, start=write.offset):
        if index in known:
            tx.execute("UPDATE tracked_console SET raw = ? WHERE run_id = ? AND number = ?", (raw, run_id, known[index]))
        else:
            tx.execute(
                "INSERT INTO tracked_console (run_id, number, raw, writer, writer_line) VALUES (?, ?, ?, ?, ?)",
                (run_id, free, raw, writer, index),
            )
            free += 1
