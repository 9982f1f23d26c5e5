"""Neighbours of lineage nodes in SQL (`interfaces.lineage_store.LineageStore`). Names are in `lineage_names`.

Each level of a walk is one snapshot and at most a dozen statements; the keys asked for travel as one JSON list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from penstock.domain.ids import Digest
from penstock.domain.lineage import EdgeKind, LineageEdge, LineageNode
from penstock.interfaces.lineage_store import UnreadVersion
from penstock.stores.sql import lineage_edges as sql
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.dialects import SqlDialect
from penstock.stores.sql.lineage_names import describe, find


def listed(dialect: SqlDialect, column: str, *, is_number: bool = False, name: str = "keys") -> str:
    """SQL for `column` being one of the JSON list bound to `name`."""
    if dialect.name == "sqlite":
        return f"{column} IN (SELECT value FROM json_each(:{name}))"
    value = f"jsonb_array_elements_text(CAST(:{name} AS jsonb))"
    return f"{column} IN (SELECT {f'CAST({value} AS BIGINT)' if is_number else value})"


@dataclass(slots=True)
class _Asked:
    """Node keys by family."""

    digest: list[str] = field(default_factory=list)
    manifest: list[str] = field(default_factory=list)
    flowdata: list[str] = field(default_factory=list)
    task: list[str] = field(default_factory=list)
    artifact: list[int] = field(default_factory=list)
    version: list[int] = field(default_factory=list)
    trackedrun: list[int] = field(default_factory=list)
    collection: list[int] = field(default_factory=list)


def by_family(keys: Iterable[str]) -> _Asked:
    """Sort node keys by what they name; malformed ones are left out."""
    asked = _Asked()
    for key in keys:
        family, _, rest = key.partition(":")
        if family in {"artifact", "version", "trackedrun", "collection"}:
            if rest.isdecimal() and len(rest) < 19:
                getattr(asked, family).append(int(rest))
        elif family in {"digest", "manifest", "flowdata", "task"}:
            getattr(asked, family).append(rest)
    return asked


class _Reader:
    """Collects edges statement by statement."""

    def __init__(self, tx: Transaction, asked: _Asked, limit: int) -> None:
        self.tx = tx
        self.asked = asked
        self.limit = limit
        self.is_cut = False
        self.edges: set[LineageEdge] = set()

    def rows(self, statement: str, keys: Sequence[str | int], **more: object) -> Iterator[Row]:
        """Yield rows of a statement for `keys`; nothing is asked for no keys."""
        if not keys:
            return
        found = self.tx.all(statement, {"keys": orjson.dumps(keys).decode(), "limit": self.limit + 1, **more})
        self.is_cut = self.is_cut or len(found) > self.limit
        yield from found[: self.limit]

    def executions(self, kind: EdgeKind, *, of_data: bool) -> None:
        """Add the produced or used edges of the data, or of the executions, asked for."""
        dialect, asked = self.tx.dialect, self.asked
        direction = "output" if kind is EdgeKind.PRODUCED else "input"
        tasks: list[tuple[str, Sequence[str | int]]] = [(listed(dialect, "u.task_id"), asked.task)]
        versions: list[tuple[str, Sequence[str | int]]] = [
            (listed(dialect, "x.tracked_run_id", is_number=True), asked.trackedrun),
            (listed(dialect, "r.task_id"), asked.task),
        ]
        if of_data:
            tasks = [(listed(dialect, "a.digest"), asked.digest), (listed(dialect, "a.artifact_id", is_number=True), asked.artifact)]
            versions = [
                (listed(dialect, "w.blob_digest"), asked.digest),
                (listed(dialect, "v.digest") + " AND w.version_id IS NULL AND v.file_count > 0", asked.manifest),
                (listed(dialect, "v.version_id", is_number=True), asked.version),
            ]
        for condition, keys in tasks:
            for row in self.rows(sql.TASK_USES.format(asked=condition), keys, direction=direction):
                self._add(kind, f"task:{row['execution']}", row["data"], row["label"])
        for condition, keys in versions:
            for row in self.rows(sql.VERSION_USES.format(asked=condition), keys, direction=direction):
                self._add(kind, row["execution"], row["data"], row["label"])
        if kind is EdgeKind.USED:
            wanted = (listed(dialect, "x.digest"), asked.digest) if of_data else (listed(dialect, "x.task_id"), asked.task)
            for row in self.rows(sql.OBJECT_READS.format(asked=wanted[0]), wanted[1]):
                self._add(kind, f"task:{row['execution']}", row["data"], row["label"])
        self._flows(kind, of_data=of_data)

    def _flows(self, kind: EdgeKind, *, of_data: bool) -> None:
        dialect, asked = self.tx.dialect, self.asked
        bucket, path = sql.flow_object(dialect.name)
        first = "(SELECT MIN(p.task_number) FROM flow_artifact p WHERE p.sha = f.sha AND p.run_number = f.run_number)"
        first = f"f.task_number {'=' if kind is EdgeKind.PRODUCED else '>'} {first}"
        statement = sql.FLOW_USES.replace("{bucket}", bucket).replace("{object}", path).replace("{first}", first)
        pieces = [text.split("/") for text in asked.task if text.count("/") == 3]
        if not of_data:
            numbers = [int(part[1]) for part in pieces if part[1].isdecimal() and len(part[1]) < 19]
            runs = (
                f"q.run_number IN (SELECT g.run_number FROM flow_run g WHERE {listed(dialect, 'g.flow_id', name='flows')} AND "
                f"({listed(dialect, 'g.run_number', is_number=True, name='numbers')} OR {listed(dialect, 'g.run_id', name='names')}))"
            )
            more = {
                "flows": orjson.dumps([part[0] for part in pieces]).decode(),
                "numbers": orjson.dumps(numbers).decode(),
                "names": orjson.dumps([part[1] for part in pieces]).decode(),
            }
            condition = f"{runs} AND {listed(dialect, sql.FLOW_TASK)}"
            for row in self.rows(statement.replace("{asked}", condition), ["/".join(part) for part in pieces], **more):
                self._add(kind, row["execution"], row["data"], row["label"])
            return
        shas = (
            f"f.sha IN (SELECT substr(s.object_key, length(s.object_key) - 39) FROM object_entry s WHERE {listed(dialect, 's.digest')}"
            f" AND s.size_bytes >= {sql.SMALLEST_SHARED})"
        )
        for row in self.rows(statement.replace("{asked}", f"{shas} AND {listed(dialect, 'o.digest')}"), asked.digest):
            self._add(kind, row["execution"], row["data"], row["label"])
        wanted = {f"flowdata:{rest}" for rest in asked.flowdata}
        condition = listed(dialect, "CAST(f.run_number AS TEXT) || '/' || f.sha")
        hint = f"f.sha IN (SELECT substr(y.value, {'instr' if dialect.name == 'sqlite' else 'strpos'}(y.value, '/') + 1) FROM "
        hint += "json_each(:keys) y)" if dialect.name == "sqlite" else "jsonb_array_elements_text(CAST(:keys AS jsonb)) y(value))"
        for row in self.rows(statement.replace("{asked}", f"o.digest IS NULL AND {hint} AND {condition}"), asked.flowdata):
            if row["data"] in wanted:
                self._add(kind, row["execution"], row["data"], row["label"])

    def _add(self, kind: EdgeKind, execution: str, data: str, label: str) -> None:
        source, target = (execution, data) if kind is EdgeKind.PRODUCED else (data, execution)
        self.edges.add(LineageEdge(source, target, kind, label))

    def links(self, *, of_versions: bool) -> None:
        """Add the edges from versions to the collections that they are linked to."""
        dialect, asked = self.tx.dialect, self.asked
        conditions: list[tuple[str, Sequence[str | int]]] = [(listed(dialect, "c.collection_id", is_number=True), asked.collection)]
        if of_versions:
            conditions = [
                (listed(dialect, "w.blob_digest"), asked.digest),
                (listed(dialect, "v.digest") + " AND w.version_id IS NULL AND v.file_count > 0", asked.manifest),
                (listed(dialect, "v.version_id", is_number=True), asked.version),
            ]
        for condition, keys in conditions:
            for row in self.rows(sql.LINKS.format(asked=condition), keys):
                self.edges.add(LineageEdge(row["source"], row["target"], EdgeKind.LINKED, row["label"]))

    def contents(self, *, is_upstream: bool) -> None:
        """Add the `contains` edges of the data asked for that point the way of the walk."""
        dialect, asked = self.tx.dialect, self.asked
        keys = {f"digest:{rest}" for rest in asked.digest} | {f"manifest:{rest}" for rest in asked.manifest}
        for statement in (sql.CONTENTS, sql.BIRTHS):
            for condition, wanted in ((listed(dialect, "k.blob_digest"), asked.digest), (listed(dialect, "v.digest"), asked.manifest)):
                for row in self.rows(statement.format(asked=condition), wanted):
                    is_older = row["part_at"] <= row["version_at"]
                    source, target = (row["part"], row["version"]) if is_older else (row["version"], row["part"])
                    if (target if is_upstream else source) in keys:
                        self.edges.add(LineageEdge(source, target, EdgeKind.CONTAINS))


class SqlLineageStore:
    """Lineage over the server's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, ref: str) -> str | None:
        """See `LineageStore.find`."""
        return await self._database.read(lambda tx: find(tx, ref))

    async def upstream(self, keys: Iterable[str], *, limit: int, is_expanded: bool) -> tuple[Sequence[LineageEdge], bool]:
        """See `LineageStore.upstream`."""

        def work(tx: Transaction) -> tuple[Sequence[LineageEdge], bool]:
            reader = _Reader(tx, by_family(keys), limit)
            reader.executions(EdgeKind.PRODUCED, of_data=True)
            reader.executions(EdgeKind.USED, of_data=False)
            reader.links(of_versions=False)
            if is_expanded:
                reader.contents(is_upstream=True)
            return list(reader.edges), reader.is_cut

        return await self._database.read(work)

    async def downstream(self, keys: Iterable[str], *, limit: int, is_expanded: bool) -> tuple[Sequence[LineageEdge], bool]:
        """See `LineageStore.downstream`."""

        def work(tx: Transaction) -> tuple[Sequence[LineageEdge], bool]:
            reader = _Reader(tx, by_family(keys), limit)
            reader.executions(EdgeKind.USED, of_data=True)
            reader.executions(EdgeKind.PRODUCED, of_data=False)
            reader.links(of_versions=True)
            if is_expanded:
                reader.contents(is_upstream=False)
            return list(reader.edges), reader.is_cut

        return await self._database.read(work)

    async def describe(self, keys: Iterable[str], *, names: int) -> Mapping[str, LineageNode]:
        """See `LineageStore.describe`."""
        return await self._database.read(lambda tx: describe(tx, list(keys), names))

    async def unread_versions(self, *, max_files: int, limit: int) -> Sequence[UnreadVersion]:
        """See `LineageStore.unread_versions`."""
        rows = await self._database.read(
            lambda tx: tx.all(
                "SELECT v.version_id, v.project_id, v.manifest_digest FROM artifact_version v WHERE v.state = 'COMMITTED'"
                " AND v.file_count BETWEEN 1 AND :files AND v.manifest_digest IS NOT NULL AND NOT EXISTS"
                " (SELECT 1 FROM version_content c WHERE c.version_id = v.version_id AND c.blob_digest = '')"
                " ORDER BY v.version_id LIMIT :limit",
                {"files": max_files, "limit": limit},
            )
        )
        return [UnreadVersion(row["version_id"], row["project_id"], Digest(row["manifest_digest"])) for row in rows]

    async def add_contents(self, contents: Mapping[UnreadVersion, Sequence[str]]) -> None:
        """See `LineageStore.add_contents`."""
        folder = (  # a pipeline's folder with this very content: the version is that, whatever files it has
            "INSERT INTO version_content (version_id, blob_digest, is_whole)"
            " SELECT v.version_id, MIN(a.digest), 1 FROM artifact_version v JOIN artifact_version b ON b.digest = v.digest"
            " JOIN task_version t ON t.version_id = b.version_id JOIN artifact a ON a.artifact_id = t.artifact_id"
            " WHERE v.version_id = ? AND a.is_directory = 1 AND a.digest IS NOT NULL GROUP BY v.version_id"
            " ON CONFLICT (version_id, blob_digest) DO NOTHING"
        )
        insert = (
            "INSERT INTO version_content (version_id, blob_digest, is_whole)"
            " SELECT :version, c.blob_digest, CASE WHEN EXISTS (SELECT 1 FROM version_content w WHERE w.version_id = :version"
            " AND w.is_whole = 1) THEN 0 ELSE :whole END FROM project_content c WHERE c.project_id = :project AND c.md5 = :md5"
            " ON CONFLICT (version_id, blob_digest) DO NOTHING"
        )
        seen = "INSERT INTO version_content (version_id, blob_digest) VALUES (?, '') ON CONFLICT (version_id, blob_digest) DO NOTHING"

        def work(tx: Transaction) -> None:
            rows = [
                {"version": version.version_id, "project": version.project_id, "md5": md5, "whole": int(len(entries) == 1)}
                for version, entries in contents.items()
                for md5 in entries
            ]
            tx.many(folder, [(version.version_id,) for version in contents])
            tx.many(insert, rows)
            tx.many(seen, [(version.version_id,) for version in contents])

        await self._database.write(work)
