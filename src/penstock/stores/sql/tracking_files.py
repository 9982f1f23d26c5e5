"""Files of tracked runs in SQL (`interfaces.tracking_store.RunFileStore`)."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.domain.errors import NotFoundError
from penstock.domain.ids import TrackedRunId
from penstock.domain.tracking import RunFile
from penstock.interfaces.clock import IdSource
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.page_rows import named_places
from penstock.stores.sql.tracking_rows import file_from_row

_IN_STEP = 500
_MOST_RUNS = 400


class SqlRunFileStore:
    """Files of runs."""

    def __init__(self, database: Database, ids: IdSource) -> None:
        self._database = database
        self._ids = ids

    async def put(self, file: RunFile) -> RunFile:
        """Register the file under its name, replacing an earlier one; return it with its id.

        Raises:
            NotFoundError: the run is gone.
        """
        new_id = self._ids.new_int()

        def work(tx: Transaction) -> RunFile:
            if tx.one("SELECT 1 FROM tracked_run WHERE run_id = ?", (file.run_id,)) is None:
                raise NotFoundError("the run of this file is gone")
            tx.execute(
                "INSERT INTO tracked_file (file_id, run_id, name, digest, size_bytes, md5, mimetype, updated_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run_id, name) DO UPDATE SET digest = excluded.digest, "
                "size_bytes = excluded.size_bytes, md5 = excluded.md5, mimetype = excluded.mimetype, updated_at = excluded.updated_at",
                (new_id, file.run_id, file.name, file.digest, file.size_bytes, file.md5 or "", file.mimetype, file.updated_at),
            )
            row = tx.one("SELECT * FROM tracked_file WHERE run_id = ? AND name = ?", (file.run_id, file.name))
            assert row is not None
            return file_from_row(row)

        return await self._database.write(work)

    async def get(self, run_id: TrackedRunId, name: str) -> RunFile | None:
        """Return the file, or None."""
        row = await self._database.read(lambda tx: tx.one("SELECT * FROM tracked_file WHERE run_id = ? AND name = ?", (run_id, name)))
        return file_from_row(row) if row is not None else None

    async def get_by_id(self, file_id: int) -> RunFile | None:
        """Return the file, or None."""
        row = await self._database.read(lambda tx: tx.one("SELECT * FROM tracked_file WHERE file_id = ?", (file_id,)))
        return file_from_row(row) if row is not None else None

    async def list(
        self, run_id: TrackedRunId, *, names: Sequence[str], pattern: str | None, after: str | None, limit: int
    ) -> tuple[Sequence[RunFile], bool]:
        """Return files by name, restricted to `names` when there are any and to the LIKE `pattern`, and whether more follow."""

        def work(tx: Transaction) -> list[RunFile]:
            where, params = "run_id = ? AND name > ?", [run_id, after or ""]
            if pattern is not None:
                where, params = where + " AND name LIKE ?", [*params, pattern]
            if not names:
                sql = f"SELECT * FROM tracked_file WHERE {where} ORDER BY name LIMIT ?"
                return [file_from_row(row) for row in tx.all(sql, [*params, limit + 1])]
            found: list[RunFile] = []
            for start in range(0, len(names), _IN_STEP):
                part = names[start : start + _IN_STEP]
                marks = ", ".join("?" * len(part))
                found += [
                    file_from_row(row)
                    for row in tx.all(f"SELECT * FROM tracked_file WHERE {where} AND name IN ({marks})", [*params, *part])
                ]
            return sorted(found, key=lambda file: file.name)

        files = await self._database.read(work)
        return files[:limit], len(files) > limit

    async def of_runs(
        self, run_ids: Sequence[TrackedRunId], *, names: Sequence[str], beginnings: Sequence[str], per_run: int
    ) -> Sequence[RunFile]:
        """Return files of several runs with one of these names or beginnings, by run and name, the first `per_run` of each."""
        if not run_ids:
            return ()
        runs, ids = named_places(list(run_ids)[:_MOST_RUNS], "run")
        named, values = named_places(list(names), "name")
        texts = {f"begin{place}": text for place, text in enumerate(beginnings)}
        # Names are in the index: files that are not asked for are passed over without being read.
        kept = " OR ".join([f"name IN ({named})", *(f"substr(name, 1, {len(text)}) = :{key}" for key, text in texts.items())])
        sql = (
            "SELECT f.* FROM (SELECT file_id, ROW_NUMBER() OVER (PARTITION BY run_id ORDER BY name) AS nth FROM tracked_file "
            f"WHERE run_id IN ({runs}) AND ({kept})) AS n JOIN tracked_file f ON f.file_id = n.file_id "
            "WHERE n.nth <= :per_run ORDER BY f.run_id, f.name"
        )
        params = {**ids, **values, **texts, "per_run": per_run}
        return [file_from_row(row) for row in await self._database.read(lambda tx: tx.all(sql, params))]

    async def count(self, run_id: TrackedRunId) -> int:
        """Return how many files the run has."""
        row = await self._database.read(lambda tx: tx.one("SELECT COUNT(*) AS n FROM tracked_file WHERE run_id = ?", (run_id,)))
        return int(row["n"]) if row is not None else 0

    async def delete(self, file_ids: Sequence[int]) -> Sequence[RunFile]:
        """Remove files; return those that existed."""

        def work(tx: Transaction) -> list[RunFile]:
            gone = []
            for file_id in file_ids:
                row = tx.one("SELECT * FROM tracked_file WHERE file_id = ?", (file_id,))
                if row is not None:
                    tx.execute("DELETE FROM tracked_file WHERE file_id = ?", (file_id,))
                    gone.append(file_from_row(row))
            return gone

        return await self._database.write(work)
