"""Rows of artifact tables as domain values, and the statements that several stores share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from penstock.domain.errors import UnavailableError
from penstock.domain.ids import Digest, TrackedRunId
from penstock.domain.versions import (
    LATEST,
    Alias,
    ArtifactVersion,
    Collection,
    CollectionKind,
    CollectionType,
    Manifest,
    ManifestKind,
    Membership,
    VersionState,
)
from penstock.stores.sql.database import Params, Row, Transaction
from penstock.stores.sql.protected_aliases import check_alias_free

T = TypeVar("T")

VERSION_SELECT = (
    "SELECT v.*, c.name AS collection_name, c.type_name, p.entity, p.name AS project_name FROM artifact_version v"
    " JOIN collection c ON c.collection_id = v.collection_id JOIN tracked_project p ON p.project_id = v.project_id"
)
COLLECTION_SELECT = (
    "SELECT c.*, p.entity, p.name AS project_name FROM collection c JOIN tracked_project p ON p.project_id = c.project_id"
)
_BATCH = 500
_MAX_CHANGE = 2000
"""Characters of a value that the history keeps."""


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut `items` into pieces that fit into one statement's parameters."""
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]


def marks(count: int) -> str:
    """Return `count` placeholders for an IN list."""
    return ",".join("?" * count)


def version_from_row(row: Row) -> ArtifactVersion:
    """Return a row of `VERSION_SELECT` as a value."""
    return ArtifactVersion(
        version_id=row["version_id"],
        project_id=row["project_id"],
        entity=row["entity"],
        project=row["project_name"],
        collection_id=row["collection_id"],
        collection_name=row["collection_name"],
        type_name=row["type_name"],
        state=VersionState(row["state"]),
        digest=row["digest"],
        version_index=row["version_index"],
        description=row["description"],
        metadata=row["metadata"],
        labels=row["labels"],
        size_bytes=row["size_bytes"],
        file_count=row["file_count"],
        client_id=row["client_id"],
        distributed_id=row["distributed_id"],
        ttl_seconds=row["ttl_seconds"],
        history_step=row["history_step"],
        creator_run_id=None if row["creator_run_id"] is None else TrackedRunId(row["creator_run_id"]),
        creator_user=row["creator_user"],
        manifest_digest=None if row["manifest_digest"] is None else Digest(row["manifest_digest"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        committed_at=row["committed_at"],
    )


def collection_from_row(row: Row) -> Collection:
    """Return a row of `COLLECTION_SELECT` as a value."""
    return Collection(
        collection_id=row["collection_id"],
        project_id=row["project_id"],
        entity=row["entity"],
        project=row["project_name"],
        name=row["name"],
        kind=CollectionKind(row["kind"]),
        type_name=row["type_name"],
        description=row["description"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        client_id=row["client_id"],
        is_described=bool(row["is_described"]),
    )


def type_from_row(row: Row) -> CollectionType:
    """Return a row of `collection_type` as a value."""
    return CollectionType(row["type_id"], row["project_id"], row["name"], row["description"], row["created_at"])


def membership_from_row(row: Row) -> Membership:
    """Return a row of `membership` as a value."""
    return Membership(row["membership_id"], row["collection_id"], row["version_id"], row["version_index"], row["created_at"])


def alias_from_row(row: Row) -> Alias:
    """Return a row of `membership_alias` as a value."""
    return Alias(row["collection_id"], row["alias"], row["version_id"])


def manifest_from_row(row: Row) -> Manifest:
    """Return a row of `version_manifest` as a value."""
    blob = row["blob_digest"]
    return Manifest(
        manifest_id=row["manifest_id"],
        version_id=row["version_id"],
        name=row["name"],
        kind=ManifestKind(row["type"]),
        md5=row["md5"],
        base_version_id=row["base_version_id"],
        blob_digest=None if blob is None else Digest(blob),
    )


def note_change(
    tx: Transaction,
    collection_id: int,
    version_id: int | None,
    kind: str,
    *,
    subject: str = "",
    old: str | None = None,
    new: str | None = None,
    by: str,
    at: float,
) -> None:
    """Add a line to the history of a version or, without one, of the collection; long texts are cut."""
    cut = [None if value is None else value[:_MAX_CHANGE] for value in (old, new)]
    tx.execute(
        "INSERT INTO version_change (collection_id, version_id, at, user_name, kind, subject, old_value, new_value)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (collection_id, version_id, at, by, kind, subject, *cut),
    )


def index_of(tx: Transaction, collection_id: int, version_id: int) -> str | None:
    """Return the name of a member, `v3`; None for what is not in the collection."""
    row = tx.one("SELECT version_index FROM membership WHERE collection_id = ? AND version_id = ?", (collection_id, version_id))
    return None if row is None else f"v{row['version_index']}"


def move_alias(tx: Transaction, collection_id: int, alias: str, version_id: int, at: float, *, by: str) -> None:
    """Let `alias` name the version in the collection, whoever had it before; a line of history unless it is `latest`.

    Raises:
        PermissionDeniedError: it is protected.
    """
    if alias != LATEST:
        sql = "SELECT version_id FROM membership_alias WHERE collection_id = ? AND alias = ?"
        before = tx.one(sql, (collection_id, alias))
        if before is not None and before["version_id"] == version_id:
            return
        check_alias_free(tx, collection_id, alias, by)
        old = None if before is None else index_of(tx, collection_id, before["version_id"])
        new = index_of(tx, collection_id, version_id)
        note_change(tx, collection_id, version_id, "alias", subject=alias, old=old, new=new, by=by, at=at)
    tx.execute(
        "INSERT INTO membership_alias (collection_id, alias, version_id, created_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (collection_id, alias) DO UPDATE SET version_id = excluded.version_id, created_at = excluded.created_at",
        (collection_id, alias, version_id, at),
    )


def add_member(tx: Transaction, collection_id: int, version_id: int, at: float) -> Row:
    """Put a version into a collection under the next free number, and return its membership; one that is in stays as it is."""
    known = tx.one("SELECT * FROM membership WHERE collection_id = ? AND version_id = ?", (collection_id, version_id))
    if known is not None:
        return known
    tx.execute(
        "INSERT INTO membership (collection_id, version_id, version_index, created_at)"
        " SELECT collection_id, ?, next_index, ? FROM collection WHERE collection_id = ?",
        (version_id, at, collection_id),
    )
    tx.execute("UPDATE collection SET next_index = next_index + 1, updated_at = ? WHERE collection_id = ?", (at, collection_id))
    return only(tx, "SELECT * FROM membership WHERE collection_id = ? AND version_id = ?", (collection_id, version_id))


def add_member_as(tx: Transaction, membership_id: int, collection_id: int, version_id: int, index: int, created_at: float) -> None:
    """Put a version back into a collection under the number it had; one that is in stays as it is."""
    tx.execute(
        "INSERT INTO membership (membership_id, collection_id, version_id, version_index, created_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (membership_id, collection_id, version_id, index, created_at),
    )


def remove_member(tx: Transaction, collection_id: int, version_id: int, at: float) -> None:
    """Take a version out of a collection with its aliases; `latest` goes to the newest member left."""
    tx.execute("DELETE FROM membership WHERE collection_id = ? AND version_id = ?", (collection_id, version_id))
    had_latest = tx.one(
        "SELECT 1 FROM membership_alias WHERE collection_id = ? AND version_id = ? AND alias = ?", (collection_id, version_id, LATEST)
    )
    tx.execute("DELETE FROM membership_alias WHERE collection_id = ? AND version_id = ?", (collection_id, version_id))
    newest = tx.one(
        "SELECT version_id FROM membership WHERE collection_id = ? ORDER BY version_index DESC LIMIT 1", (collection_id,)
    )
    if had_latest is not None and newest is not None:
        move_alias(tx, collection_id, LATEST, newest["version_id"], at, by="")
    tx.execute("UPDATE collection SET updated_at = ? WHERE collection_id = ?", (at, collection_id))


def ensure_type_row(tx: Transaction, project_id: int, name: str, description: str, at: float) -> Row:
    """Return the type's row, made when missing."""
    tx.execute(
        "INSERT INTO collection_type (project_id, name, description, created_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (project_id, name) DO NOTHING",
        (project_id, name, description, at),
    )
    return only(tx, "SELECT * FROM collection_type WHERE project_id = ? AND name = ?", (project_id, name))


def only(tx: Transaction, sql: str, parameters: Params = ()) -> Row:
    """Return the row of a statement that always gives one (an insert with RETURNING, a count, a row made just before).

    Raises:
        UnavailableError: it gave none; the database broke a promise.
    """
    row = tx.one(sql, parameters)
    if row is None:
        raise UnavailableError("the database returned no row where there must be one")
    return row
