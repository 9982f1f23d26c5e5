"""`ArtifactNotes` on SQL, and the end of what has a time to live.

How an output of a pipeline ends. Its row stays: runs, lineage and clients go on naming it. It ends (`ended_at`) when its time to live has
passed or somebody deletes it, but never while a run that made, took or reused it is not over. From then on no result is reused with it.
A round of housekeeping at least `_GRACE_SECONDS` later, if it does not lie in the trash then, its row and the results of its task stop
holding the bytes (`is_released`): a reuse that was decided just before the end is on record by then, and keeps them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from penstock.domain.errors import ConflictError, NotFoundError
from penstock.domain.versions import VersionChange
from penstock.interfaces.artifact_notes import ArtifactHolders, ArtifactNote, NoteChange
from penstock.interfaces.clock import Clock
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.housekeeping import KEPT, REFERENCES
from penstock.stores.sql.trash_found import Found
from penstock.stores.sql.version_rows import batches

_GRACE_SECONDS = 300.0
_MOST = 200
_MAX_CHANGE = 2000
_OPEN_USE = (
    "EXISTS (SELECT 1 FROM artifact_use u JOIN run ON run.run_id = u.run_id"
    " WHERE u.artifact_id = {of} AND run.state IN ('PENDING', 'RUNNING', 'CANCELING', 'PAUSED'))"
)
_TRASHED = "EXISTS (SELECT 1 FROM trash_item t WHERE t.kind = 'artifact' AND t.subject = CAST({of} AS TEXT))"
_MADE = (
    "SELECT a.artifact_id, a.name, a.output_key, a.size_bytes, a.created_at, run.pipeline_name, run.name AS run_name, task.display_name"
    " AS task_name FROM artifact a LEFT JOIN run ON run.run_id = a.run_id LEFT JOIN task ON task.task_id = a.task_id"
    " WHERE a.artifact_id = ?"
)


class SqlArtifactNotes:
    """See `interfaces.artifact_notes.ArtifactNotes`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, artifact_id: int) -> ArtifactNote:
        """See `ArtifactNotes.note`."""
        return await self._database.read(lambda tx: _note(tx, artifact_id))

    async def edit(self, artifact_id: int, change: NoteChange, *, by: str, at: float) -> None:
        """See `ArtifactNotes.edit`."""
        await self._database.write(lambda tx: _edit(tx, artifact_id, change, by, at))

    async def changes(self, artifact_id: int, *, limit: int = 200) -> Sequence[VersionChange]:
        """See `ArtifactNotes.changes`."""
        sql = "SELECT * FROM artifact_change WHERE artifact_id = ? ORDER BY change_id DESC LIMIT ?"
        rows = await self._database.read(lambda tx: tx.all(sql, (artifact_id, limit)))
        return [
            VersionChange(row["at"], row["user_name"], row["kind"], row["subject"], row["old_value"], row["new_value"], artifact_id)
            for row in rows
        ]

    async def holders(self, artifact_id: int) -> ArtifactHolders:
        """See `ArtifactNotes.holders`."""
        return await self._database.read(lambda tx: _holders(tx, artifact_id))

    async def aliases_of(self, outputs: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], Sequence[tuple[str, int]]]:
        """See `ArtifactNotes.aliases_of`."""
        named = {_sequence_text(*output): output for output in outputs}

        def work(tx: Transaction) -> dict[tuple[str, str, str], list[tuple[str, int]]]:
            found: dict[tuple[str, str, str], list[tuple[str, int]]] = {}
            for chunk in batches(list(named)):
                places = ", ".join("?" for _ in chunk)
                sql = f"SELECT sequence, label, artifact_id FROM artifact_label WHERE kind = 'alias' AND sequence IN ({places})"
                for row in tx.all(f"{sql} ORDER BY label", tuple(chunk)):
                    found.setdefault(named[row["sequence"]], []).append((row["label"], row["artifact_id"]))
            return found

        return await self._database.read(work)

    async def ended(self, artifact_ids: Sequence[int]) -> frozenset[int]:
        """See `ArtifactNotes.ended`."""
        return frozenset(await self._database.read(lambda tx: ended_artifacts(tx, artifact_ids)))

    async def labels_of(self, artifact_ids: Sequence[int]) -> Mapping[int, ArtifactNote]:
        """See `ArtifactNotes.labels_of`."""

        def work(tx: Transaction) -> dict[int, ArtifactNote]:
            found: dict[int, dict[str, list[str]]] = {}
            for chunk in batches(list(artifact_ids)):
                places = ", ".join("?" for _ in chunk)
                sql = f"SELECT artifact_id, kind, label FROM artifact_label WHERE artifact_id IN ({places}) ORDER BY label"
                for row in tx.all(sql, tuple(chunk)):
                    found.setdefault(row["artifact_id"], {}).setdefault(row["kind"], []).append(row["label"])
            return {number: ArtifactNote(aliases=names.get("alias", ()), tags=names.get("tag", ())) for number, names in found.items()}

        return await self._database.read(work)


class SqlExpiringArtifacts:
    """`interfaces.housekeeping.ExpiringArtifacts` for outputs of pipelines."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def delete_expired(self, *, limit: int = 100) -> int:
        """Let go what ended a while ago, and end what has reached its time; return how many reached it."""
        now = self._clock.now()

        def work(tx: Transaction) -> int:
            tx.execute(
                "UPDATE artifact_note SET is_released = 1 WHERE is_released = 0 AND ended_at <= ?"
                f" AND NOT {_TRASHED.format(of='artifact_note.artifact_id')} AND NOT {_OPEN_USE.format(of='artifact_note.artifact_id')}",
                (now - _GRACE_SECONDS,),
            )
            due = tx.all(
                "SELECT n.artifact_id, n.ttl_seconds FROM artifact_note n WHERE n.expires_at <= ? AND n.ended_at IS NULL"
                f" AND NOT {_OPEN_USE.format(of='n.artifact_id')} ORDER BY n.expires_at LIMIT ?",
                (now, limit),
            )
            for row in due:
                tx.execute("UPDATE artifact_note SET ended_at = ? WHERE artifact_id = ?", (now, row["artifact_id"]))
                _change(tx, row["artifact_id"], "delete", by="", at=now)
                tx.execute("DELETE FROM artifact_label WHERE artifact_id = ? AND kind = 'alias'", (row["artifact_id"],))
            return len(due)

        return self._database.write_sync(work)


def ended_artifacts(tx: Transaction, artifact_ids: Iterable[int]) -> set[int]:
    """Return those of the artifacts from which nothing is to be reused."""
    found: set[int] = set()
    for chunk in batches(sorted(set(artifact_ids))):
        places = ", ".join("?" for _ in chunk)
        rows = tx.all(f"SELECT artifact_id FROM artifact_note WHERE ended_at IS NOT NULL AND artifact_id IN ({places})", tuple(chunk))
        found.update(row["artifact_id"] for row in rows)
    return found


def put_artifact(tx: Transaction, subject: str, by: str, at: float) -> Found:
    """End an artifact: its bytes wait in the trash.

    Raises:
        NotFoundError: there is no such artifact, or it ended before.
        ConflictError: a run that is not over needs it.
    """
    row = _made(tx, int(subject))
    if (tx.one("SELECT ended_at FROM artifact_note WHERE artifact_id = ?", (int(subject),)) or {"ended_at": None})["ended_at"] is not None:
        raise NotFoundError("This artifact was deleted before, or its time to live has passed.")
    if (holders := _holders(tx, int(subject))).open_runs:
        raise ConflictError(f"the run {holders.open_runs[0][1]} is not over and needs it")
    labels = tx.all("SELECT kind, label, at FROM artifact_label WHERE artifact_id = ? AND kind = 'alias' ORDER BY label", (int(subject),))
    tx.execute("DELETE FROM artifact_label WHERE artifact_id = ? AND kind = 'alias'", (int(subject),))
    _ensure(tx, int(subject))
    tx.execute("UPDATE artifact_note SET ended_at = ? WHERE artifact_id = ?", (at, int(subject)))
    aliases = [label["label"] for label in labels]
    _change(tx, int(subject), "delete", old=", ".join(aliases) or None, by=by, at=at)
    title = " · ".join(part for part in (row["task_name"], row["output_key"] or row["name"], row["run_name"]) if part)
    return Found(title, row["pipeline_name"] or "", "", row["size_bytes"], {"aliases": aliases})


def restore_artifact(tx: Transaction, subject: str, detail: Mapping[str, Sequence[str]], by: str, at: float) -> None:
    """Take an artifact back, with the aliases that no other has taken. One whose time to live passed meanwhile ends again by itself.

    Raises:
        ConflictError: the run that it belonged to was removed, and it with it.
    """
    number = int(subject)
    if tx.one("SELECT 1 FROM artifact WHERE artifact_id = ?", (number,)) is None:
        raise ConflictError("the run that made it was removed")
    sequence = _sequence(tx, number)
    taken = {row["label"] for row in tx.all("SELECT label FROM artifact_label WHERE sequence = ? AND kind = 'alias'", (sequence,))}
    tx.execute("UPDATE artifact_note SET ended_at = NULL, is_released = 0 WHERE artifact_id = ?", (number,))
    _change(tx, number, "restore", by=by, at=at)
    for alias in detail["aliases"]:
        if alias not in taken:
            _label(tx, number, "alias", alias, sequence, at)


def _note(tx: Transaction, artifact_id: int) -> ArtifactNote:
    in_trash = _TRASHED.format(of="n.artifact_id")
    row = tx.one(f"SELECT n.*, {in_trash} AS in_trash FROM artifact_note n WHERE artifact_id = ?", (artifact_id,))
    labels = tx.all("SELECT kind, label FROM artifact_label WHERE artifact_id = ? ORDER BY label", (artifact_id,))
    aliases, tags = ([item["label"] for item in labels if item["kind"] == kind] for kind in ("alias", "tag"))
    if row is None:
        return ArtifactNote(aliases=aliases, tags=tags)
    return ArtifactNote(
        row["description"], aliases, tags, row["ttl_seconds"], row["expires_at"], row["ended_at"], bool(row["is_released"]),
        bool(row["in_trash"]),
    )  # fmt: skip


def _edit(tx: Transaction, artifact_id: int, change: NoteChange, by: str, at: float) -> None:
    made, known, sequence = _made(tx, artifact_id), _note(tx, artifact_id), _sequence(tx, artifact_id)
    if known.is_trashed:
        raise ConflictError("It lies in the trash; restore it first.")
    if known.is_released and change.ttl_seconds != known.ttl_seconds:
        raise ConflictError("Its time to live has passed and its bytes were let go: the time cannot be changed any more.")
    if known.ended_at is not None and change.aliases:
        raise ConflictError("Its time to live has passed: give it a longer one first, then an alias.")
    _ensure(tx, artifact_id)
    if change.description != known.description:
        tx.execute("UPDATE artifact_note SET description = ? WHERE artifact_id = ?", (change.description, artifact_id))
        _change(tx, artifact_id, "description", old=known.description or None, new=change.description or None, by=by, at=at)
    if change.ttl_seconds != known.ttl_seconds:
        until = None if change.ttl_seconds is None else made["created_at"] + change.ttl_seconds
        tx.execute(
            "UPDATE artifact_note SET ttl_seconds = ?, expires_at = ?, ended_at = NULL WHERE artifact_id = ?",
            (change.ttl_seconds, until, artifact_id),
        )
        _change(tx, artifact_id, "ttl", old=_text(known.ttl_seconds), new=_text(change.ttl_seconds), by=by, at=at)
    where = str(made["run_name"] or artifact_id)
    for kind, had, wanted in (("alias", set(known.aliases), set(change.aliases)), ("tag", set(known.tags), set(change.tags))):
        for label in sorted(had - wanted):
            tx.execute("DELETE FROM artifact_label WHERE artifact_id = ? AND kind = ? AND label = ?", (artifact_id, kind, label))
            _change(tx, artifact_id, kind, subject=label, old=where if kind == "alias" else label, by=by, at=at)
        for label in sorted(wanted - had):
            before = _leave(tx, sequence, label, by, at) if kind == "alias" else None
            _label(tx, artifact_id, kind, label, sequence, at)
            _change(tx, artifact_id, kind, subject=label, old=before, new=where if kind == "alias" else label, by=by, at=at)


def _leave(tx: Transaction, sequence: str, alias: str, by: str, at: float) -> str | None:
    """Take an alias from the artifact of a sequence that has it; return the name of its run."""
    row = tx.one("SELECT artifact_id FROM artifact_label WHERE sequence = ? AND kind = 'alias' AND label = ?", (sequence, alias))
    if row is None:
        return None
    run_name = str(_made(tx, row["artifact_id"])["run_name"] or row["artifact_id"])
    tx.execute("DELETE FROM artifact_label WHERE artifact_id = ? AND kind = 'alias' AND label = ?", (row["artifact_id"], alias))
    _change(tx, row["artifact_id"], "alias", subject=alias, old=run_name, by=by, at=at)
    return run_name


def _holders(tx: Transaction, artifact_id: int) -> ArtifactHolders:
    uses = tx.all(
        "SELECT u.run_id, u.direction, run.name AS run_name, run.state, task.display_name AS task_name, a.task_id = u.task_id AS is_maker"
        " FROM artifact_use u JOIN artifact a ON a.artifact_id = u.artifact_id JOIN run ON run.run_id = u.run_id"
        " JOIN task ON task.task_id = u.task_id WHERE u.artifact_id = ? AND task.type IN ('RUNTIME', 'IMPORTER')"
        " ORDER BY u.at DESC LIMIT 1000",
        (artifact_id,),
    )
    readers = [(row["run_id"], row["run_name"], row["task_name"]) for row in uses if row["direction"] == "input"]
    reusers = [(row["run_id"], row["run_name"], row["task_name"]) for row in uses if row["direction"] == "output" and not row["is_maker"]]
    open_runs = {row["run_id"]: row["run_name"] for row in uses if row["state"] in {"PENDING", "RUNNING", "CANCELING", "PAUSED"}}
    own = tx.one("SELECT digest, task_id FROM artifact WHERE artifact_id = ?", (artifact_id,))
    digest, task_id = (None, None) if own is None else (own["digest"], own["task_id"])
    results = tx.one("SELECT COUNT(*) AS n FROM cache_entry WHERE task_id = ?", (task_id,)) if task_id else None
    return ArtifactHolders(
        readers[:_MOST], reusers[:_MOST], list(open_runs.items())[:_MOST], 0 if results is None else int(results["n"]),
        0 if not digest else _same_bytes(tx, artifact_id, digest),
    )  # fmt: skip


def _same_bytes(tx: Transaction, artifact_id: int, digest: str) -> int:
    """Count other rows that hold a content. Contents of folders are held by their folder and not counted."""
    count = 0
    for table, column in REFERENCES:
        # Only names from a list of our own are interpolated.
        more = f" AND artifact_id <> {int(artifact_id)} AND {KEPT}" if table == "artifact" else ""
        row = tx.one(f"SELECT COUNT(*) AS n FROM {table} WHERE {column} = ?{more}", (digest,))
        count += 0 if row is None else int(row["n"])
    return count


def _made(tx: Transaction, artifact_id: int) -> Row:
    row = tx.one(_MADE, (artifact_id,))
    if row is None:
        raise NotFoundError(f"There is no artifact {artifact_id}.")
    return row


def _sequence(tx: Transaction, artifact_id: int) -> str:
    """Name the output whose artifacts share aliases; what no task made is alone."""
    row = _made(tx, artifact_id)
    if row["pipeline_name"] is None or row["task_name"] is None:
        return json.dumps([artifact_id])
    return _sequence_text(row["pipeline_name"], row["task_name"], row["output_key"])


def _sequence_text(pipeline: str, task: str, output: str) -> str:
    return json.dumps([pipeline, task, output])


def _ensure(tx: Transaction, artifact_id: int) -> None:
    tx.execute("INSERT INTO artifact_note (artifact_id) VALUES (?) ON CONFLICT (artifact_id) DO NOTHING", (artifact_id,))


def _label(tx: Transaction, artifact_id: int, kind: str, label: str, sequence: str, at: float) -> None:
    sql = "INSERT INTO artifact_label (artifact_id, kind, label, sequence, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
    tx.execute(sql, (artifact_id, kind, label, sequence, at))


def _change(
    tx: Transaction, artifact_id: int, kind: str, *, subject: str = "", old: str | None = None, new: str | None = None, by: str, at: float
) -> None:
    cut = [None if value is None else value[:_MAX_CHANGE] for value in (old, new)]
    tx.execute(
        "INSERT INTO artifact_change (artifact_id, at, user_name, kind, subject, old_value, new_value) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (artifact_id, at, by, kind, subject, *cut),
    )


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)
