"""`RetentionStore` on SQL: old things by rank and age, and references to contents of one snapshot."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.domain.ids import Digest
from penstock.domain.retention import OldThing, RetentionRule
from penstock.domain.trash import TrashKind
from penstock.interfaces.retention import HeldContent, HeldManifest, Holdings
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.housekeeping import KEPT, REFERENCES, digests_of_cache

_DAY_SECONDS = 86_400.0
_CHUNK = 400

_ALIASED = "EXISTS (SELECT 1 FROM membership_alias a WHERE a.version_id = v.version_id{but})"
_LINKED = (
    "EXISTS (SELECT 1 FROM membership m JOIN collection l ON l.collection_id = m.collection_id"
    " WHERE m.version_id = v.version_id AND l.kind = 'portfolio')"
)
_NAMED = f"({_ALIASED.format(but=chr(32) + 'AND a.alias <> ' + chr(39) + 'latest' + chr(39))} OR {_LINKED})"
"""A version that somebody gave a name: then its maker stays as well. `latest` comes by itself and protects the version only."""

_OLD: Mapping[TrashKind, str] = {
    TrashKind.RUN: (
        "SELECT run_id AS subject, name AS title, pipeline_name AS place, '' AS entity, finished_at AS at FROM ("
        "SELECT run_id, name, pipeline_name, finished_at, state, ROW_NUMBER() OVER (PARTITION BY pipeline_name"
        " ORDER BY created_at DESC, run_id DESC) AS place FROM run WHERE kind <> 'flow' AND storage_state <> 'TRASHED') AS ranked"
        " WHERE place > :keep AND finished_at < :before AND state IN ('SUCCEEDED', 'FAILED', 'SKIPPED', 'CANCELED')"
        " AND NOT EXISTS (SELECT 1 FROM tracked_run t JOIN artifact_version v ON v.creator_run_id = t.run_id"
        f" WHERE t.pipeline_run_id = ranked.run_id AND v.state = 'COMMITTED' AND {_NAMED})"
        " AND NOT EXISTS (SELECT 1 FROM artifact_label l JOIN artifact o ON o.artifact_id = l.artifact_id"
        " WHERE l.kind = 'alias' AND o.run_id = ranked.run_id)"
    ),
    TrashKind.TRACKED_RUN: (
        "SELECT CAST(ranked.run_id AS TEXT) AS subject, title, entity || '/' || project AS place, entity, at FROM ("
        "SELECT r.run_id, COALESCE(NULLIF(r.display_name, ''), r.name) AS title, p.entity, p.name AS project, r.state,"
        " COALESCE(r.finished_at, r.heartbeat_at) AS at, ROW_NUMBER() OVER (PARTITION BY r.project_id"
        " ORDER BY r.created_at DESC, r.run_id DESC) AS place FROM tracked_run r JOIN tracked_project p ON p.project_id = r.project_id"
        ") AS ranked WHERE place > :keep AND at < :before AND state IN ('finished', 'failed', 'crashed', 'killed')"
        " AND NOT EXISTS (SELECT 1 FROM artifact_version v WHERE v.creator_run_id = ranked.run_id AND v.state = 'COMMITTED'"
        f" AND {_NAMED})"
    ),
    TrashKind.VERSION: (
        "SELECT CAST(v.version_id AS TEXT) AS subject, collection || ':v' || version_index AS title,"
        " entity || '/' || project AS place, entity, created_at AS at FROM ("
        "SELECT w.version_id, w.version_index, w.created_at, c.name AS collection, p.entity, p.name AS project, ROW_NUMBER() OVER"
        " (PARTITION BY w.collection_id ORDER BY w.version_index DESC) AS place FROM artifact_version w JOIN collection c"
        " ON c.collection_id = w.collection_id JOIN tracked_project p ON p.project_id = w.project_id WHERE w.state = 'COMMITTED') AS v"
        f" WHERE place > :keep AND created_at < :before AND NOT {_ALIASED.format(but='')} AND NOT {_LINKED}"
        " AND NOT EXISTS (SELECT 1 FROM version_use u WHERE u.version_id = v.version_id AND u.direction = 'input'"
        " AND u.created_at >= :before)"
    ),
}


class SqlRetentionStore:
    """See `interfaces.retention.RetentionStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def old(self, rule: RetentionRule, *, now: float, limit: int) -> Sequence[OldThing]:
        """See `RetentionStore.old`."""
        params = {"keep": rule.keep_newest, "before": now - rule.days * _DAY_SECONDS, "limit": limit}

        def work(tx: Transaction) -> list[OldThing]:
            found: list[OldThing] = []
            for kind in rule.kinds:
                rows = tx.all(f"SELECT * FROM ({_OLD[kind]}) AS found ORDER BY at, subject LIMIT :limit", params)
                found += [OldThing(kind, row["subject"], row["title"], row["place"], row["entity"], row["at"]) for row in rows]
            return sorted(found, key=lambda thing: (thing.at, thing.subject))[:limit]

        return await self._database.read(work)

    async def holdings(self, things: Sequence[OldThing]) -> Holdings:
        """See `RetentionStore.holdings`."""
        return await self._database.read(lambda tx: _holdings(tx, things))


def _holdings(tx: Transaction, things: Sequence[OldThing]) -> Holdings:
    runs = {thing.subject: number for number, thing in enumerate(things) if thing.kind is TrashKind.RUN}
    tracked = {int(thing.subject): number for number, thing in enumerate(things) if thing.kind is TrashKind.TRACKED_RUN}
    versions = {int(thing.subject): number for number, thing in enumerate(things) if thing.kind is TrashKind.VERSION}
    contents, artifacts = _of_runs(tx, runs)
    files = _rows(tx, "SELECT run_id, digest, size_bytes FROM tracked_file WHERE run_id IN ({places})", list(tracked))
    contents += [HeldContent(tracked[row["run_id"]], Digest(row["digest"]), int(row["size_bytes"])) for row in files]
    manifests, own = _of_versions(tx, versions)
    projects = {manifest.project_id for manifest in manifests}
    needed, trees = _needed(tx, _Going(runs.keys(), artifacts, tracked.keys(), versions.keys(), projects))
    select = "SELECT project_id, md5, blob_digest, size_bytes FROM project_content WHERE project_id IN ({places})"
    stored = {
        (row["project_id"], row["md5"]): (Digest(row["blob_digest"]), int(row["size_bytes"]))
        for row in _rows(tx, select, sorted(projects))
    }
    staying = tx.all(_LIVING) if manifests else []
    living = [Digest(row["manifest_digest"]) for row in staying if row["version_id"] not in versions]
    return Holdings([*contents, *own], manifests, needed, trees, living, stored)


@dataclass(frozen=True, slots=True)
class _Going:
    """Ids of what would go."""

    runs: Collection[str]
    artifacts: Collection[int]
    tracked: Collection[int]
    versions: Collection[int]
    projects: Collection[int]
    """Of the versions."""


_LIVING = (
    "SELECT v.version_id, v.manifest_digest FROM artifact_version v WHERE v.manifest_digest IS NOT NULL AND (v.state <> 'DELETED' OR"
    " EXISTS (SELECT 1 FROM trash_item t WHERE t.kind = 'version' AND t.subject = CAST(v.version_id AS TEXT)))"
)


def _of_runs(tx: Transaction, runs: Mapping[str, int]) -> tuple[list[HeldContent], set[int]]:
    """Return contents that go with these runs, and the ids of their artifacts: those that no other run used, as a removal has it."""
    rows = _rows(tx, "SELECT artifact_id, run_id, digest, size_bytes, is_directory FROM artifact WHERE run_id IN ({places})", list(runs))
    uses = _rows(
        tx,
        "SELECT DISTINCT u.artifact_id, u.run_id FROM artifact_use u JOIN artifact a ON a.artifact_id = u.artifact_id"
        " WHERE a.run_id IN ({places}) AND u.run_id <> a.run_id",
        list(runs),
    )
    used = {row["artifact_id"] for row in uses if row["run_id"] not in runs}
    going = [row for row in rows if row["artifact_id"] not in used]
    contents = [
        HeldContent(runs[row["run_id"]], Digest(row["digest"]), int(row["size_bytes"] or 0), bool(row["is_directory"]))
        for row in going
        if row["digest"]
    ]
    return contents, {row["artifact_id"] for row in going}


def _of_versions(tx: Transaction, versions: Mapping[int, int]) -> tuple[list[HeldManifest], list[HeldContent]]:
    select = (
        "SELECT version_id, project_id, manifest_digest FROM artifact_version"
        " WHERE manifest_digest IS NOT NULL AND version_id IN ({places})"
    )
    rows = _rows(tx, select, list(versions))
    manifests = [HeldManifest(versions[row["version_id"]], row["project_id"], Digest(row["manifest_digest"])) for row in rows]
    select = "SELECT version_id, blob_digest, size_bytes FROM version_manifest WHERE blob_digest IS NOT NULL AND version_id IN ({places})"
    own = _rows(tx, select, list(versions))
    return manifests, [HeldContent(versions[row["version_id"]], Digest(row["blob_digest"]), int(row["size_bytes"] or 0)) for row in own]


def _needed(tx: Transaction, going: _Going) -> tuple[set[Digest], list[Digest]]:
    """Return contents that rows of other things name, and which of them are directories."""
    needed = digests_of_cache(tx, without=going.runs)
    trees: set[Digest] = set()
    for row in tx.all("SELECT artifact_id, digest, is_directory FROM artifact WHERE digest IS NOT NULL AND digest <> '' AND " + KEPT):
        if row["artifact_id"] not in going.artifacts:
            (trees if row["is_directory"] else needed).add(Digest(row["digest"]))
    owners: Mapping[tuple[str, str], tuple[str, Collection[int]]] = {
        ("tracked_file", "digest"): ("run_id", going.tracked),
        ("version_manifest", "blob_digest"): ("version_id", going.versions),
        ("artifact_version", "manifest_digest"): ("version_id", going.versions),
        # Contents of these projects are judged by the manifests that name them.
        ("project_content", "blob_digest"): ("project_id", going.projects),
    }
    for table, column in REFERENCES:
        if table == "artifact":
            continue
        owner, gone = owners.get((table, column), ("", ()))
        # Only names from lists of our own are interpolated.
        select = f"{column} AS digest{f', {owner} AS owner' if owner else ''}"
        for row in tx.all(f"SELECT DISTINCT {select} FROM {table} WHERE {column} IS NOT NULL AND {column} <> ''"):
            if not owner or row["owner"] not in gone:
                needed.add(Digest(row["digest"]))
    return needed | trees, sorted(trees)


def _rows(tx: Transaction, sql: str, values: Sequence[Any]) -> list[Mapping[str, Any]]:
    """Ask in pieces, as many values as a statement takes."""
    found: list[Mapping[str, Any]] = []
    for start in range(0, len(values), _CHUNK):
        chunk = values[start : start + _CHUNK]
        found += [dict(row) for row in tx.all(sql.format(places=", ".join("?" for _ in chunk)), tuple(chunk))]
    return found


