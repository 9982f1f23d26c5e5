"""`TrashStore` on SQL. A thing in the trash keeps its rows, so that restoring is cheap, and is hidden so that no query has to know.

- a run of a pipeline has the storage state TRASHED, which neither the active nor the archived runs have;
- a tracked run and a collection belong to a project that does not exist (the negative of their own id), so that joins find nothing and
  their names are free;
- a version is DELETED as for clients: out of every collection, with its numbers and aliases written down here;
- an output of a pipeline has ended (see `artifact_notes`) and waits with letting go of its bytes: its row stays for lineage and clients;
- the row of a pipeline, an experiment, a recurring run or a project is written down here and taken out: see `trash_catalog`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock.domain.errors import ConflictError, NotFoundError
from penstock.domain.trash import TrashItem, TrashKind
from penstock.domain.versions import LATEST
from penstock.stores.sql.artifact_notes import put_artifact, restore_artifact
from penstock.stores.sql.collections import check_collection_free
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.protected_aliases import check_version_free
from penstock.stores.sql.trash_catalog import (
    check_experiment_there,
    forget_schedules,
    put_experiment,
    put_pipeline,
    put_pipeline_version,
    put_project,
    put_schedule,
    restore_experiment,
    restore_pipeline,
    restore_pipeline_version,
    restore_project,
    restore_schedule,
)
from penstock.stores.sql.trash_found import TRASHED, Found
from penstock.stores.sql.version_rows import add_member_as, move_alias, note_change, only, remove_member


class SqlTrashStore:
    """See `interfaces.trash.TrashStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, kind: TrashKind, subject: str, *, batch: str, by: str, at: float, due_at: float) -> TrashItem:
        """See `TrashStore.put`."""

        def work(tx: Transaction) -> TrashItem:
            known = tx.one("SELECT * FROM trash_item WHERE kind = ? AND subject = ?", (kind.value, subject))
            if known is not None:
                return _item(known)
            found = _PUT[kind](tx, subject, by, at)
            row = only(
                tx,
                "INSERT INTO trash_item (kind, subject, title, place, entity, size_bytes, batch, detail, user_name, trashed_at, due_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
                (
                    kind.value, subject, found.title, found.place, found.entity, found.size_bytes, batch, json.dumps(found.detail), by, at,
                    due_at,
                ),
            )  # fmt: skip
            return _item(row)

        return await self._database.write(work)

    async def restore(self, item_id: int, *, by: str, at: float) -> TrashItem:
        """See `TrashStore.restore`."""

        def work(tx: Transaction) -> TrashItem:
            row = tx.one("SELECT * FROM trash_item WHERE item_id = ?", (item_id,))
            if row is None:
                raise NotFoundError("This is not in the trash any more.")
            _RESTORE[TrashKind(row["kind"])](tx, row["subject"], json.loads(row["detail"]), by, at)
            tx.execute("DELETE FROM trash_item WHERE item_id = ?", (item_id,))
            return _item(row)

        return await self._database.write(work)

    async def items(self, *, batch: str | None = None, limit: int = 500) -> Sequence[TrashItem]:
        """See `TrashStore.items`."""
        where, params = ("", {}) if batch is None else ("WHERE batch = :batch", {"batch": batch})
        sql = f"SELECT * FROM trash_item {where} ORDER BY trashed_at DESC, item_id DESC LIMIT :limit"
        return [_item(row) for row in await self._database.read(lambda tx: tx.all(sql, {**params, "limit": limit}))]

    async def get(self, item_id: int) -> TrashItem | None:
        """See `TrashStore.get`."""
        row = await self._database.read(lambda tx: tx.one("SELECT * FROM trash_item WHERE item_id = ?", (item_id,)))
        return None if row is None else _item(row)

    async def of_subject(self, kind: TrashKind, subject: str) -> TrashItem | None:
        """See `TrashStore.of_subject`."""
        sql = "SELECT * FROM trash_item WHERE kind = ? AND subject = ?"
        row = await self._database.read(lambda tx: tx.one(sql, (kind.value, subject)))
        return None if row is None else _item(row)

    async def due(self, at: float, *, limit: int) -> Sequence[TrashItem]:
        """See `TrashStore.due`."""
        sql = "SELECT * FROM trash_item WHERE due_at <= ? ORDER BY due_at, item_id LIMIT ?"
        return [_item(row) for row in await self._database.read(lambda tx: tx.all(sql, (at, limit)))]

    async def next_due(self) -> float | None:
        """See `TrashStore.next_due`."""
        row = await self._database.read(lambda tx: tx.one("SELECT MIN(due_at) AS at FROM trash_item"))
        return None if row is None else row["at"]

    async def forget(self, item_id: int) -> None:
        """See `TrashStore.forget`."""

        def work(tx: Transaction) -> None:
            row = tx.one("SELECT detail FROM trash_item WHERE item_id = ?", (item_id,))
            if row is not None:
                forget_schedules(tx, json.loads(row["detail"]).get("schedules", ()))
            tx.execute("DELETE FROM trash_item WHERE item_id = ?", (item_id,))

        await self._database.write(work)


def _item(row: Row) -> TrashItem:
    return TrashItem(
        row["item_id"], TrashKind(row["kind"]), row["subject"], row["title"], row["place"], row["entity"], row["size_bytes"], row["batch"],
        row["user_name"], row["trashed_at"], row["due_at"],
    )  # fmt: skip


def _put_run(tx: Transaction, subject: str, by: str, at: float) -> Found:
    row = tx.one("SELECT name, pipeline_name, storage_state FROM run WHERE run_id = ?", (subject,))
    if row is None:
        raise NotFoundError(f"run {subject} not found")
    size = only(tx, "SELECT SUM(size_bytes) AS n FROM artifact WHERE run_id = ?", (subject,))["n"]
    tx.execute("UPDATE run SET storage_state = ? WHERE run_id = ?", (TRASHED, subject))
    return Found(row["name"], row["pipeline_name"], "", None if size is None else int(size), {"storage_state": row["storage_state"]})


def _restore_run(tx: Transaction, subject: str, detail: Mapping[str, Any], by: str, at: float) -> None:
    check_experiment_there(tx, subject)
    tx.execute("UPDATE run SET storage_state = ? WHERE run_id = ? AND storage_state = ?", (detail["storage_state"], subject, TRASHED))


def _put_tracked(tx: Transaction, subject: str, by: str, at: float) -> Found:
    sql = (
        "SELECT r.project_id, r.name, r.display_name, p.entity, p.name AS project FROM tracked_run r"
        " JOIN tracked_project p ON p.project_id = r.project_id WHERE r.run_id = ?"
    )
    row = tx.one(sql, (int(subject),))
    if row is None:
        raise NotFoundError(f"There is no tracked run with the id {subject}.")
    size = only(tx, "SELECT SUM(size_bytes) AS n FROM tracked_file WHERE run_id = ?", (int(subject),))["n"]
    tx.execute("UPDATE tracked_run SET project_id = ? WHERE run_id = ?", (-int(subject), int(subject)))
    tx.execute("DELETE FROM tracked_tag WHERE run_id = ?", (int(subject),))
    title, place = row["display_name"] or row["name"], f"{row['entity']}/{row['project']}"
    return Found(title, place, row["entity"], None if size is None else int(size), {"project_id": row["project_id"]})


def _restore_tracked(tx: Transaction, subject: str, detail: Mapping[str, Any], by: str, at: float) -> None:
    row = tx.one("SELECT name, tags FROM tracked_run WHERE run_id = ?", (int(subject),))
    project_id = _open_project(tx, detail)
    if row is None:
        return
    if tx.one("SELECT 1 FROM tracked_run WHERE project_id = ? AND name = ?", (project_id, row["name"])) is not None:
        raise ConflictError(f"the project has another run with the id {row['name']} now; delete that one first")
    tx.execute("UPDATE tracked_run SET project_id = ? WHERE run_id = ?", (project_id, int(subject)))
    tags = [(project_id, tag, int(subject)) for tag in json.loads(row["tags"])]
    tx.many("INSERT INTO tracked_tag (project_id, tag, run_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", tags)


def _open_project(tx: Transaction, detail: Mapping[str, Any]) -> int:
    """Return the project that a thing goes back to.

    Raises:
        ConflictError: it was deleted.
    """
    if tx.one("SELECT 1 FROM tracked_project WHERE project_id = ?", (detail["project_id"],)) is None:
        raise ConflictError("the project that it belongs to was deleted")
    return int(detail["project_id"])


def _put_version(tx: Transaction, subject: str, by: str, at: float) -> Found:
    sql = (
        "SELECT v.*, c.name AS collection, p.entity, p.name AS project FROM artifact_version v"
        " JOIN collection c ON c.collection_id = v.collection_id JOIN tracked_project p ON p.project_id = v.project_id"
        " WHERE v.version_id = ? AND v.state = 'COMMITTED'"
    )
    row = tx.one(sql, (int(subject),))
    if row is None:
        raise NotFoundError("There is no such version any more.")
    check_version_free(tx, int(subject), by)
    detail = {"members": _take_out(tx, int(subject), at), "collection_id": row["collection_id"]}
    tx.execute("UPDATE artifact_version SET state = 'DELETED', updated_at = ? WHERE version_id = ?", (at, int(subject)))
    had = [alias for member in detail["members"] for alias, _ in member["aliases"]]
    note_change(tx, row["collection_id"], int(subject), "delete", old=", ".join(had) or None, by=by, at=at)
    title, place = f"{row['collection']}:v{row['version_index']}", f"{row['entity']}/{row['project']}"
    return Found(title, place, row["entity"], row["size_bytes"], detail)


def _restore_version(tx: Transaction, subject: str, detail: Mapping[str, Any], by: str, at: float) -> None:
    home = tx.one("SELECT project_id FROM collection WHERE collection_id = ?", (detail["collection_id"],))
    if home is None or home["project_id"] < 0:
        raise ConflictError("its collection was deleted; restore that first if it lies in the trash")
    tx.execute("UPDATE artifact_version SET state = 'COMMITTED', updated_at = ? WHERE version_id = ?", (at, int(subject)))
    _put_back(tx, int(subject), detail["members"], by=by, at=at)
    note_change(tx, detail["collection_id"], int(subject), "restore", by=by, at=at)


def _take_out(tx: Transaction, version_id: int, at: float, *, keep: int | None = None) -> list[dict[str, Any]]:
    """Take a version out of all collections but `keep`; return its memberships with their aliases."""
    taken = []
    for row in tx.all("SELECT * FROM membership WHERE version_id = ? ORDER BY membership_id", (version_id,)):
        if row["collection_id"] == keep:
            continue
        aliases = tx.all(
            "SELECT alias, created_at FROM membership_alias WHERE collection_id = ? AND version_id = ?", (row["collection_id"], version_id)
        )
        taken.append({**dict(row), "aliases": [(alias["alias"], alias["created_at"]) for alias in aliases]})
        remove_member(tx, row["collection_id"], version_id, at)
    return taken


def _put_back(tx: Transaction, version_id: int, members: Sequence[Mapping[str, Any]], *, by: str, at: float) -> None:
    """Put a version back into those collections that still are, with the aliases that are free; `latest` goes to the newest member."""
    for member in members:
        collection_id = member["collection_id"]
        if tx.one("SELECT 1 FROM collection WHERE collection_id = ?", (collection_id,)) is None:
            continue
        add_member_as(tx, member["membership_id"], collection_id, version_id, member["version_index"], member["created_at"])
        for alias, created_at in member["aliases"]:
            taken = tx.one("SELECT 1 FROM membership_alias WHERE collection_id = ? AND alias = ?", (collection_id, alias))
            if taken is None and alias != LATEST:
                move_alias(tx, collection_id, alias, version_id, created_at, by=by)
        newest = tx.one(
            "SELECT version_id FROM membership WHERE collection_id = ? ORDER BY version_index DESC LIMIT 1", (collection_id,)
        )
        if newest is not None:
            move_alias(tx, collection_id, LATEST, newest["version_id"], at, by=by)


def _put_collection(tx: Transaction, subject: str, by: str, at: float) -> Found:
    number = int(subject)
    sql = (
        "SELECT c.*, p.entity, p.name AS project FROM collection c JOIN tracked_project p ON p.project_id = c.project_id"
        " WHERE c.collection_id = ?"
    )
    row = tx.one(sql, (number,))
    if row is None:
        raise NotFoundError("There is no such collection any more.")
    check_collection_free(tx, number, by)
    size = only(tx, "SELECT SUM(size_bytes) AS n FROM artifact_version WHERE collection_id = ? AND state = 'COMMITTED'", (number,))["n"]
    links = {}
    if row["kind"] == "sequence":
        for version in tx.all("SELECT version_id FROM membership WHERE collection_id = ?", (number,)):
            if taken := _take_out(tx, version["version_id"], at, keep=number):
                links[str(version["version_id"])] = taken
    tx.execute("UPDATE collection SET project_id = ? WHERE collection_id = ?", (-number, number))
    tx.execute("UPDATE artifact_version SET project_id = ? WHERE collection_id = ?", (-number, number))
    note_change(tx, number, None, "delete", by=by, at=at)
    detail = {"project_id": row["project_id"], "links": links}
    return Found(row["name"], f"{row['entity']}/{row['project']}", row["entity"], None if size is None else int(size), detail)


def _restore_collection(tx: Transaction, subject: str, detail: Mapping[str, Any], by: str, at: float) -> None:
    number, project_id = int(subject), _open_project(tx, detail)
    row = tx.one("SELECT name FROM collection WHERE collection_id = ?", (number,))
    if row is None:
        return
    if tx.one("SELECT 1 FROM collection WHERE project_id = ? AND name = ?", (project_id, row["name"])) is not None:
        raise ConflictError(f"the project has another collection {row['name']!r} now; rename or delete that one first")
    tx.execute("UPDATE collection SET project_id = ?, updated_at = ? WHERE collection_id = ?", (project_id, at, number))
    tx.execute("UPDATE artifact_version SET project_id = ? WHERE collection_id = ?", (project_id, number))
    for version_id, members in detail["links"].items():
        _put_back(tx, int(version_id), members, by=by, at=at)
    note_change(tx, number, None, "restore", by=by, at=at)


_PUT: Mapping[TrashKind, Callable[[Transaction, str, str, float], Found]] = {
    TrashKind.RUN: _put_run,
    TrashKind.TRACKED_RUN: _put_tracked,
    TrashKind.VERSION: _put_version,
    TrashKind.COLLECTION: _put_collection,
    TrashKind.ARTIFACT: put_artifact,
    TrashKind.PIPELINE: put_pipeline,
    TrashKind.PIPELINE_VERSION: put_pipeline_version,
    TrashKind.EXPERIMENT: put_experiment,
    TrashKind.SCHEDULE: put_schedule,
    TrashKind.PROJECT: put_project,
}
_RESTORE: Mapping[TrashKind, Callable[[Transaction, str, Mapping[str, Any], str, float], None]] = {
    TrashKind.RUN: _restore_run,
    TrashKind.TRACKED_RUN: _restore_tracked,
    TrashKind.VERSION: _restore_version,
    TrashKind.COLLECTION: _restore_collection,
    TrashKind.ARTIFACT: restore_artifact,
    TrashKind.PIPELINE: restore_pipeline,
    TrashKind.PIPELINE_VERSION: restore_pipeline_version,
    TrashKind.EXPERIMENT: restore_experiment,
    TrashKind.SCHEDULE: restore_schedule,
    TrashKind.PROJECT: restore_project,
}
