"""Artifact versions in SQL: creation with de-duplication, commit, edits, manifests, content, use (`interfaces.versions`)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from penstock.domain.errors import ConflictError, NotFoundError, PreconditionError
from penstock.domain.ids import Digest, TrackedRunId
from penstock.domain.versions import (
    LATEST,
    ArtifactVersion,
    CollectionKind,
    Manifest,
    ManifestKind,
    NewVersion,
    StoredContent,
    UploadPart,
    UseDirection,
    VersionState,
)
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.protected_aliases import check_version_free
from penstock.stores.sql.version_rows import (
    VERSION_SELECT,
    add_member,
    batches,
    ensure_type_row,
    manifest_from_row,
    marks,
    move_alias,
    note_change,
    only,
    remove_member,
    version_from_row,
)

_EDITABLE = frozenset({"description", "metadata", "labels", "ttl_seconds"})


class SqlVersionStore:
    """`VersionStore` over `artifact_version` and its neighbours."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_version(self, new: NewVersion) -> ArtifactVersion:
        """See `VersionStore.create_version`."""
        return self._database.write_sync(lambda tx: _create(tx, new))

    def version(self, version_id: int) -> ArtifactVersion | None:
        """See `VersionStore.version`."""
        return self._database.read_sync(lambda tx: _version(tx, version_id))

    def versions(self, version_ids: Iterable[int]) -> Mapping[int, ArtifactVersion]:
        """See `VersionStore.versions`."""
        wanted = list(dict.fromkeys(version_ids))

        def work(tx: Transaction) -> dict[int, ArtifactVersion]:
            found: dict[int, ArtifactVersion] = {}
            for part in batches(wanted):
                for row in tx.all(f"{VERSION_SELECT} WHERE v.version_id IN ({marks(len(part))})", part):
                    found[row["version_id"]] = version_from_row(row)
            return found

        return self._database.read_sync(work)

    def version_by_client_id(self, client_id: str) -> ArtifactVersion | None:
        """See `VersionStore.version_by_client_id`."""
        sql = f"{VERSION_SELECT} WHERE v.client_id = ? ORDER BY v.version_id DESC LIMIT 1"
        row = self._database.read_sync(lambda tx: tx.one(sql, (client_id,)))
        return None if row is None else version_from_row(row)

    def update_version(
        self,
        version_id: int,
        *,
        changes: Mapping[str, Any],
        add_tags: Sequence[str] = (),
        remove_tags: Sequence[str] = (),
        at: float,
        by: str = "",
    ) -> ArtifactVersion:
        """See `VersionStore.update_version`."""
        if unknown := changes.keys() - _EDITABLE:
            raise ValueError(f"not editable: {sorted(unknown)}")

        def work(tx: Transaction) -> ArtifactVersion:
            known = _version(tx, version_id)
            if known is None:
                raise NotFoundError(f"no artifact version {version_id}")
            _note_edits(tx, known, changes, add_tags, remove_tags, by=by, at=at)
            columns = "".join(f"{name} = :{name}, " for name in changes)
            tx.execute(
                f"UPDATE artifact_version SET {columns}updated_at = :at WHERE version_id = :id", {**changes, "at": at, "id": version_id}
            )
            _add_tags(tx, version_id, add_tags)
            for tag in remove_tags:
                tx.execute("DELETE FROM version_tag WHERE version_id = ? AND tag = ?", (version_id, tag))
            return _existing(tx, version_id)

        return self._database.write_sync(work)

    def delete_version(self, version_id: int, *, with_aliases: bool, at: float, by: str = "") -> ArtifactVersion:
        """See `VersionStore.delete_version`."""

        def work(tx: Transaction) -> ArtifactVersion:
            version = _version(tx, version_id)
            if version is None:
                raise NotFoundError(f"no artifact version {version_id}")
            if version.state is VersionState.DELETED:
                return version
            aliases = tx.all("SELECT alias FROM membership_alias WHERE version_id = ?", (version_id,))
            if aliases and not with_aliases:
                names = ", ".join(sorted({row["alias"] for row in aliases}))
                raise PreconditionError(f"artifact version has the aliases {names}; delete them too (delete_aliases) or first")
            check_version_free(tx, version_id, by)
            had = ", ".join(sorted({row["alias"] for row in aliases})) or None
            note_change(tx, version.collection_id, version_id, "delete", old=had, by=by, at=at)
            _remove_everywhere(tx, version_id, at)
            return _existing(tx, version_id)

        return self._database.write_sync(work)

    def commit_version(
        self, version_id: int, *, digest: str, size_bytes: int, file_count: int, manifest: Digest, at: float
    ) -> ArtifactVersion:
        """See `VersionStore.commit_version`."""

        def work(tx: Transaction) -> ArtifactVersion:
            row = tx.one("SELECT * FROM artifact_version WHERE version_id = ?", (version_id,))
            if row is None:
                raise NotFoundError(f"no artifact version {version_id}")
            if row["state"] == VersionState.DELETED:
                raise ConflictError("the artifact version was deleted")
            if row["state"] == VersionState.PENDING:
                member = add_member(tx, row["collection_id"], version_id, at)
                tx.execute(
                    "UPDATE artifact_version SET state = 'COMMITTED', digest = ?, size_bytes = ?, file_count = ?, manifest_digest = ?,"
                    " version_index = ?, committed_at = ?, updated_at = ? WHERE version_id = ?",
                    (digest, size_bytes, file_count, manifest, member["version_index"], at, at, version_id),
                )
                by, new = row["creator_user"], f"v{member['version_index']}"
                note_change(tx, row["collection_id"], version_id, "created", new=new, by=by, at=at)
                for alias in [*json.loads(row["aliases"]), LATEST]:
                    move_alias(tx, row["collection_id"], alias, version_id, at, by=by)
                if row["creator_run_id"] is not None:
                    _note_use(tx, row["creator_run_id"], version_id, UseDirection.OUTPUT, None, at)
            return _existing(tx, version_id)

        return self._database.write_sync(work)

    def tags(self, version_ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
        """See `VersionStore.tags`."""

        def work(tx: Transaction) -> dict[int, list[str]]:
            found: dict[int, list[str]] = {}
            for part in batches(version_ids):
                for row in tx.all(f"SELECT * FROM version_tag WHERE version_id IN ({marks(len(part))}) ORDER BY tag", part):
                    found.setdefault(row["version_id"], []).append(row["tag"])
            return found

        return self._database.read_sync(work)

    def upsert_manifest(
        self, version_id: int, name: str, *, kind: ManifestKind, md5: str, base_version_id: int | None, at: float
    ) -> Manifest:
        """See `VersionStore.upsert_manifest`."""

        def work(tx: Transaction) -> Manifest:
            row = None
            if kind is ManifestKind.FULL:
                row = tx.one("SELECT manifest_id FROM version_manifest WHERE version_id = ? AND name = ?", (version_id, name))
            if row is None:
                row = only(
                    tx,
                    "INSERT INTO version_manifest (version_id, name, type, md5, base_version_id, created_at) VALUES (?, ?, ?, ?, ?, ?)"
                    " RETURNING manifest_id",
                    (version_id, name, kind.value, md5, base_version_id, at),
                )
            return _change_manifest(tx, row["manifest_id"], md5 or None, base_version_id)

        return self._database.write_sync(work)

    def manifest(self, manifest_id: int) -> Manifest | None:
        """See `VersionStore.manifest`."""
        row = self._database.read_sync(lambda tx: tx.one("SELECT * FROM version_manifest WHERE manifest_id = ?", (manifest_id,)))
        return None if row is None else manifest_from_row(row)

    def manifests(self, version_id: int) -> Sequence[Manifest]:
        """See `VersionStore.manifests`."""
        sql = "SELECT * FROM version_manifest WHERE version_id = ? ORDER BY manifest_id"
        return [manifest_from_row(row) for row in self._database.read_sync(lambda tx: tx.all(sql, (version_id,)))]

    def update_manifest(self, manifest_id: int, *, md5: str | None = None, base_version_id: int | None = None) -> Manifest:
        """See `VersionStore.update_manifest`."""
        return self._database.write_sync(lambda tx: _change_manifest(tx, manifest_id, md5, base_version_id))

    def set_manifest_blob(self, manifest_id: int, *, md5: str, digest: Digest, size_bytes: int) -> None:
        """See `VersionStore.set_manifest_blob`."""
        sql = "UPDATE version_manifest SET md5 = ?, blob_digest = ?, size_bytes = ? WHERE manifest_id = ?"
        self._database.write_sync(lambda tx: tx.execute(sql, (md5, digest, size_bytes, manifest_id)))

    def missing_content(self, project_id: int, md5s: Sequence[str]) -> Sequence[str]:
        """See `VersionStore.missing_content`."""

        def work(tx: Transaction) -> list[str]:
            missing: list[str] = []
            for part in batches(md5s):
                # The primary key's index alone answers this; no row is read.
                rows = tx.all(f"SELECT md5 FROM project_content WHERE project_id = ? AND md5 IN ({marks(len(part))})", (project_id, *part))
                if len(rows) < len(part):
                    known = {row["md5"] for row in rows}
                    missing += [md5 for md5 in part if md5 not in known]
            return missing

        return self._database.read_sync(work)

    def content(self, project_id: int, md5s: Sequence[str]) -> Mapping[str, StoredContent]:
        """See `VersionStore.content`."""

        def work(tx: Transaction) -> dict[str, StoredContent]:
            found: dict[str, StoredContent] = {}
            for part in batches(md5s):
                sql = f"SELECT * FROM project_content WHERE project_id = ? AND md5 IN ({marks(len(part))})"
                for row in tx.all(sql, (project_id, *part)):
                    found[row["md5"]] = _content_from_row(row)
            return found

        return self._database.read_sync(work)

    def content_of_entity(self, entity: str, md5: str) -> StoredContent | None:
        """See `VersionStore.content_of_entity`."""
        sql = (
            "SELECT c.* FROM project_content c JOIN tracked_project p ON p.project_id = c.project_id"
            " WHERE p.entity = ? AND c.md5 = ? LIMIT 1"
        )
        row = self._database.read_sync(lambda tx: tx.one(sql, (entity, md5)))
        return None if row is None else _content_from_row(row)

    def add_content(self, project_id: int, contents: Sequence[StoredContent]) -> None:
        """See `VersionStore.add_content`."""
        rows = [(project_id, entry.md5, entry.blob_digest, entry.size_bytes, entry.birth_version_id) for entry in contents]
        self._database.write_sync(
            lambda tx: tx.many(
                "INSERT INTO project_content (project_id, md5, blob_digest, size_bytes, birth_version_id) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (project_id, md5) DO NOTHING",
                rows,
            )
        )

    def put_part(self, version_id: int, md5: str, part: UploadPart) -> None:
        """See `VersionStore.put_part`."""
        sql = (
            "INSERT INTO upload_part (version_id, md5, number, part_md5, blob_digest, size_bytes) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (version_id, md5, number) DO UPDATE SET"
            " part_md5 = excluded.part_md5, blob_digest = excluded.blob_digest, size_bytes = excluded.size_bytes"
        )
        values = (version_id, md5, part.number, part.md5, part.blob_digest, part.size_bytes)
        self._database.write_sync(lambda tx: tx.execute(sql, values))

    def parts(self, version_id: int, md5: str) -> Sequence[UploadPart]:
        """See `VersionStore.parts`."""
        sql = "SELECT * FROM upload_part WHERE version_id = ? AND md5 = ? ORDER BY number"
        rows = self._database.read_sync(lambda tx: tx.all(sql, (version_id, md5)))
        return [UploadPart(row["number"], row["part_md5"], Digest(row["blob_digest"]), row["size_bytes"]) for row in rows]

    def drop_parts(self, version_id: int, md5: str) -> None:
        """See `VersionStore.drop_parts`."""
        self._database.write_sync(lambda tx: tx.execute("DELETE FROM upload_part WHERE version_id = ? AND md5 = ?", (version_id, md5)))

    def note_use(self, run_id: TrackedRunId, version_id: int, direction: UseDirection, *, used_as: str | None, at: float) -> None:
        """See `VersionStore.note_use`."""
        self._database.write_sync(lambda tx: _note_use(tx, run_id, version_id, direction, used_as, at))

    def versions_of_run(
        self, run_id: TrackedRunId, direction: UseDirection, *, offset: int, limit: int | None
    ) -> tuple[Sequence[ArtifactVersion], int]:
        """See `VersionStore.versions_of_run`."""
        condition = (
            " JOIN version_use u ON u.version_id = v.version_id WHERE u.tracked_run_id = ? AND u.direction = ? AND v.state = 'COMMITTED'"
        )
        parameters = (run_id, direction.value)

        def work(tx: Transaction) -> tuple[list[ArtifactVersion], int]:
            places = " JOIN tracked_project p ON p.project_id = v.project_id"
            total = tx.one(f"SELECT COUNT(*) AS n FROM artifact_version v{places}{condition}", parameters)
            sql = f"{VERSION_SELECT}{condition} ORDER BY u.created_at, u.version_id LIMIT ? OFFSET ?"
            rows = tx.all(sql, (*parameters, limit if limit is not None else 2**31, offset))
            return [version_from_row(row) for row in rows], 0 if total is None else total["n"]

        return self._database.read_sync(work)

    def runs_using(self, version_id: int) -> Sequence[TrackedRunId]:
        """See `VersionStore.runs_using`."""
        sql = "SELECT tracked_run_id FROM version_use WHERE version_id = ? AND direction = 'input' ORDER BY created_at, tracked_run_id"
        return [TrackedRunId(row["tracked_run_id"]) for row in self._database.read_sync(lambda tx: tx.all(sql, (version_id,)))]

    def expired(self, at: float, *, limit: int) -> Sequence[ArtifactVersion]:
        """See `VersionStore.expired`."""
        sql = (
            f"{VERSION_SELECT} WHERE v.state = 'COMMITTED' AND v.ttl_seconds > 0 AND v.created_at + v.ttl_seconds < ?"
            " AND NOT EXISTS (SELECT 1 FROM membership_alias m JOIN collection h ON h.collection_id = m.collection_id"
            " JOIN protected_alias a ON a.project_id = h.project_id AND a.alias = m.alias WHERE m.version_id = v.version_id)"
            " ORDER BY v.version_id LIMIT ?"
        )
        return [version_from_row(row) for row in self._database.read_sync(lambda tx: tx.all(sql, (at, limit)))]


def _change_manifest(tx: Transaction, manifest_id: int, md5: str | None, base_version_id: int | None) -> Manifest:
    tx.execute(
        "UPDATE version_manifest SET md5 = COALESCE(?, md5), base_version_id = COALESCE(?, base_version_id) WHERE manifest_id = ?",
        (md5, base_version_id, manifest_id),
    )
    row = tx.one("SELECT * FROM version_manifest WHERE manifest_id = ?", (manifest_id,))
    if row is None:
        raise NotFoundError(f"no artifact manifest {manifest_id}")
    return manifest_from_row(row)


def _content_from_row(row: Row) -> StoredContent:
    return StoredContent(row["md5"], Digest(row["blob_digest"]), row["size_bytes"], row["birth_version_id"])


def _version(tx: Transaction, version_id: int) -> ArtifactVersion | None:
    row = tx.one(f"{VERSION_SELECT} WHERE v.version_id = ?", (version_id,))
    return None if row is None else version_from_row(row)


def _existing(tx: Transaction, version_id: int) -> ArtifactVersion:
    return version_from_row(only(tx, f"{VERSION_SELECT} WHERE v.version_id = ?", (version_id,)))


def _create(tx: Transaction, new: NewVersion) -> ArtifactVersion:
    collection_id = _sequence(tx, new)["collection_id"]
    known = _reusable(tx, collection_id, new)
    if known is not None:
        for alias in new.aliases:
            move_alias(tx, collection_id, alias, known, new.created_at, by=new.creator_user)
        _add_tags(tx, known, new.tags)
        if new.client_id:
            tx.execute("UPDATE artifact_version SET client_id = ? WHERE version_id = ?", (new.client_id, known))
        if new.creator_run_id is not None:
            _note_use(tx, new.creator_run_id, known, UseDirection.OUTPUT, None, new.created_at)
        return _existing(tx, known)
    shared = _pending(tx, collection_id, new)
    return _existing(tx, shared if shared is not None else _insert(tx, collection_id, new))


def _sequence(tx: Transaction, new: NewVersion) -> Row:
    ensure_type_row(tx, new.project_id, new.type_name, "", new.created_at)
    tx.execute(
        "INSERT INTO collection (project_id, name, kind, type_name, client_id, created_at, updated_at)"
        " VALUES (?, ?, 'sequence', ?, ?, ?, ?)"
        " ON CONFLICT (project_id, name) DO NOTHING",
        (new.project_id, new.collection_name, new.type_name, new.sequence_client_id, new.created_at, new.created_at),
    )
    row = only(tx, "SELECT * FROM collection WHERE project_id = ? AND name = ?", (new.project_id, new.collection_name))
    if row["kind"] != CollectionKind.SEQUENCE:
        raise ConflictError(f"{new.collection_name!r} is a portfolio of links; artifacts cannot be logged to it")
    if row["type_name"] != new.type_name:
        raise ConflictError(
            f"artifact {new.collection_name!r} already exists with type {row['type_name']!r}; cannot create it with type {new.type_name!r}"
        )
    if new.sequence_client_id and row["client_id"] != new.sequence_client_id:
        tx.execute("UPDATE collection SET client_id = ? WHERE collection_id = ?", (new.sequence_client_id, row["collection_id"]))
    return row


def _reusable(tx: Transaction, collection_id: int, new: NewVersion) -> int | None:
    """Return a committed version with the digest; the newest if there are several."""
    if new.dedupe_any:
        row = tx.one(
            "SELECT version_id FROM artifact_version WHERE collection_id = ? AND digest = ? AND state = 'COMMITTED'"
            " ORDER BY version_index DESC LIMIT 1",
            (collection_id, new.digest),
        )
    else:
        row = tx.one(
            "SELECT v.version_id FROM membership_alias a JOIN artifact_version v ON v.version_id = a.version_id"
            " WHERE a.collection_id = ? AND a.alias = ? AND v.digest = ? AND v.state = 'COMMITTED'",
            (collection_id, LATEST, new.digest),
        )
    return None if row is None else int(row["version_id"])


def _pending(tx: Transaction, collection_id: int, new: NewVersion) -> int | None:
    """Return the version on its way in that `new` is, too: another writer's part of it, or the same one announced again.

    `wandb job create` (0.31.0) announces a version, keeps the id, and then logs it: its client id says that it is the same.
    """
    sql = "SELECT version_id FROM artifact_version WHERE collection_id = ? AND state = 'PENDING' AND"
    if new.distributed_id:
        row = tx.one(f"{sql} distributed_id = ?", (collection_id, new.distributed_id))
    elif new.client_id:
        row = tx.one(f"{sql} client_id = ? AND digest = ? ORDER BY version_id LIMIT 1", (collection_id, new.client_id, new.digest))
    else:
        return None
    if row is None:
        return None
    if new.creator_run_id is not None:
        tx.execute("UPDATE artifact_version SET creator_run_id = ? WHERE version_id = ?", (new.creator_run_id, row["version_id"]))
    if new.aliases:
        tx.execute("UPDATE artifact_version SET aliases = ? WHERE version_id = ?", (json.dumps(new.aliases), row["version_id"]))
    return int(row["version_id"])


def _insert(tx: Transaction, collection_id: int, new: NewVersion) -> int:
    row = only(
        tx,
        "INSERT INTO artifact_version (collection_id, project_id, state, digest, description, metadata, labels, client_id, distributed_id,"
        " ttl_seconds, history_step, creator_run_id, creator_user, aliases, created_at, updated_at)"
        " VALUES (?, ?, 'PENDING', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING version_id",
        (
            collection_id, new.project_id, new.digest, new.description, new.metadata, new.labels, new.client_id, new.distributed_id,
            new.ttl_seconds, new.history_step, new.creator_run_id, new.creator_user, json.dumps(new.aliases), new.created_at,
            new.created_at,
        ),
    )  # fmt: skip
    _add_tags(tx, row["version_id"], new.tags)
    return int(row["version_id"])


def _note_edits(
    tx: Transaction,
    version: ArtifactVersion,
    changes: Mapping[str, Any],
    add_tags: Sequence[str],
    remove_tags: Sequence[str],
    *,
    by: str,
    at: float,
) -> None:
    """Write down what an edit really changes."""
    place = (tx, version.collection_id, version.version_id)
    for name, value in changes.items():
        old = getattr(version, name)
        if (old or "") != (value or ""):
            kind = "ttl" if name == "ttl_seconds" else name
            note_change(*place, kind, old=_text(old), new=_text(value), by=by, at=at)
    for tag in add_tags:
        note_change(*place, "tag", subject=tag, new=tag, by=by, at=at)
    for tag in remove_tags:
        note_change(*place, "tag", subject=tag, old=tag, by=by, at=at)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _add_tags(tx: Transaction, version_id: int, tags: Sequence[str]) -> None:
    tx.many(
        "INSERT INTO version_tag (version_id, tag) VALUES (?, ?) ON CONFLICT (version_id, tag) DO NOTHING", [(version_id, t) for t in tags]
    )


def _note_use(tx: Transaction, run_id: int, version_id: int, direction: UseDirection, used_as: str | None, at: float) -> None:
    tx.execute(
        "INSERT INTO version_use (tracked_run_id, version_id, direction, used_as, created_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (tracked_run_id, direction, version_id) DO NOTHING",
        (run_id, version_id, direction.value, used_as, at),
    )


def _remove_everywhere(tx: Transaction, version_id: int, at: float) -> None:
    """Mark a version deleted and take it out of all collections."""
    for row in tx.all("SELECT collection_id FROM membership WHERE version_id = ?", (version_id,)):
        remove_member(tx, row["collection_id"], version_id, at)
    tx.execute("UPDATE artifact_version SET state = 'DELETED', updated_at = ? WHERE version_id = ?", (at, version_id))
