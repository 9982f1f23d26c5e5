"""Records of tracked runs in SQL (`interfaces.tracking_store.TrackedRunStore`): upsert, stream writes, states, lists."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from penstock.domain.errors import NotFoundError
from penstock.domain.ids import TaskId, TrackedRunId
from penstock.domain.tracking import RunChange, TrackedProjectId, TrackedRun, TrackedState
from penstock.interfaces.run_tables import RowGroups
from penstock.interfaces.tracking_query import Compare, FieldKind, Filter, Not, RunEntry, RunPage, RunQuery
from penstock.interfaces.tracking_store import SHARED_SILENCE_SECONDS, RunBirth, RunUpserted, StreamWrite
from penstock.stores.sql.data_losses import put_losses
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.json_columns import compact_json
from penstock.stores.sql.tracking_console import write_console
from penstock.stores.sql.tracking_find import RunSelection, find_run_ids
from penstock.stores.sql.tracking_flows import link_flow_task
from penstock.stores.sql.tracking_groups import group_runs
from penstock.stores.sql.tracking_projects import delete_run_rows, ensure_project
from penstock.stores.sql.tracking_rows import SELECT_RUN, next_place, run_from_row
from penstock.stores.sql.tracking_values import REFRESH_RUNS, put_history_keys, refresh_stale

_PLAIN_COLUMNS = {
    "display_name": "display_name", "description": "description", "notes": "notes", "group": "group_name", "job_type": "job_type",
    "host": "host", "program": "program", "commit": "commit_hash", "repo": "repo", "sweep": "sweep",
}  # fmt: skip
"""Fields of `RunChange` that are stored as they are."""
_IN_STEP = 500


class SqlTrackedRunStore:
    """Records of runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, entity: str, project: str, name: str) -> TrackedRun | None:
        """Return the run, or None."""
        sql = SELECT_RUN + "WHERE p.entity = ? AND p.name = ? AND r.name = ?"
        row = await self._database.read(lambda tx: tx.one(sql, (entity, project, name)))
        return run_from_row(row) if row is not None else None

    async def get_by_id(self, run_id: TrackedRunId) -> TrackedRun | None:
        """Return the run, or None."""
        row = await self._database.read(lambda tx: tx.one(SELECT_RUN + "WHERE r.run_id = ?", (run_id,)))
        return run_from_row(row) if row is not None else None

    async def of_tasks(self, task_ids: Sequence[TaskId]) -> Mapping[TaskId, Sequence[TrackedRun]]:
        """Return the runs recorded for pipeline tasks, oldest first."""

        def work(tx: Transaction) -> dict[TaskId, list[TrackedRun]]:
            found: dict[TaskId, list[TrackedRun]] = {}
            for start in range(0, len(task_ids), _IN_STEP):
                part = task_ids[start : start + _IN_STEP]
                sql = SELECT_RUN + f"WHERE r.task_id IN ({', '.join('?' * len(part))}) ORDER BY r.created_at, r.run_id"
                for row in tx.all(sql, list(part)):
                    found.setdefault(TaskId(row["task_id"]), []).append(run_from_row(row))
            return found

        return await self._database.read(work)

    async def heard_last(self, *, seconds: float, limit: int) -> Sequence[TrackedRun]:
        """See `TrackedRunStore.heard_last`."""
        sql = SELECT_RUN + (
            "WHERE r.is_automatic = 0 AND r.heartbeat_at >= (SELECT MAX(h.heartbeat_at) FROM tracked_run h) - ?"
            " ORDER BY r.heartbeat_at DESC, r.run_id LIMIT ?"
        )
        rows = await self._database.read(lambda tx: tx.all(sql, (seconds, limit)))
        return [run_from_row(row) for row in rows]

    async def upsert(self, entity: str, project: str, birth: RunBirth, change: RunChange) -> RunUpserted:
        """Create or change the run `birth.name`; project included. Only non-None parts of `change` have an effect.

        In shared runs `config` and `summary` are merged by top-level key instead of replaced.
        """

        def work(tx: Transaction) -> RunUpserted:
            project_id, _ = ensure_project(tx, entity, project, project_id=birth.project_id, at=birth.created_at, user_name=birth.user_name)
            row = tx.one("SELECT run_id FROM tracked_run WHERE project_id = ? AND name = ?", (project_id, birth.name))
            adopted_from: str | None = None
            is_inserted = False
            if row is not None:
                run_id = TrackedRunId(row["run_id"])
            elif birth.task_id is not None and (automatic := _automatic_run(tx, birth.task_id)) is not None:
                run_id, adopted_from = automatic
                _adopt(tx, run_id, project_id, birth)
                is_inserted = True
            else:
                run_id, is_inserted = birth.run_id, True
                _insert(tx, project_id, birth, change)
            _apply(tx, run_id, change, at=birth.created_at, merge=birth.is_shared)
            link_flow_task(tx, run_id, change)
            if birth.is_shared:
                tx.execute("UPDATE tracked_run SET is_shared = 1 WHERE run_id = ?", (run_id,))
            tx.execute("UPDATE tracked_project SET updated_at = ? WHERE project_id = ?", (birth.created_at, project_id))
            return RunUpserted(_read(tx, run_id), is_inserted, adopted_from)

        return await self._database.write(work)

    async def update(self, run_id: TrackedRunId, change: RunChange, *, at: float) -> TrackedRun:
        """Change an existing run.

        Raises:
            NotFoundError: no such run.
        """

        def work(tx: Transaction) -> TrackedRun:
            _read(tx, run_id)
            _apply(tx, run_id, change, at=at, merge=False)
            return _read(tx, run_id)

        return await self._database.write(work)

    async def write(self, run_id: TrackedRunId, write: StreamWrite) -> None:
        """Apply what a file-stream request says beside series rows, in one transaction.

        Raises:
            NotFoundError: the run is gone.
        """
        await self._database.write(lambda tx: _write_stream(tx, run_id, write))

    async def beat(self, beats: Mapping[TrackedRunId, float]) -> None:
        """Store times of last heartbeats (only forward)."""
        rows = [{"at": at, "run": run_id} for run_id, at in beats.items()]
        sql = "UPDATE tracked_run SET heartbeat_at = :at WHERE run_id = :run AND heartbeat_at < :at"
        await self._database.write(lambda tx: tx.many(sql, rows))

    async def put_history_keys(self, keys: Mapping[TrackedRunId, Sequence[str]]) -> None:
        """Note which keys the histories of these runs have, so that lists can filter by them."""

        def work(tx: Transaction) -> None:
            for run_id, names in keys.items():
                row = tx.one("SELECT project_id FROM tracked_run WHERE run_id = ?", (run_id,))
                if row is not None:
                    put_history_keys(tx, TrackedProjectId(row["project_id"]), run_id, names)

        await self._database.write(work)

    async def refresh_index(self) -> None:
        """Bring the index of values up to date for some runs of every project that is behind."""
        rows = await self._database.read(lambda tx: tx.all("SELECT DISTINCT project_id FROM tracked_run WHERE values_stale = 1 LIMIT 100"))
        for row in rows:
            project_id = TrackedProjectId(row["project_id"])
            await self._database.write(lambda tx, project_id=project_id: refresh_stale(tx, project_id))  # type: ignore[misc]

    async def crash_silent(self, before: float, *, shared_before: float) -> Sequence[TrackedRun]:
        """See `TrackedRunStore.crash_silent`."""
        sql = (
            "SELECT run_id, is_preemptible, writers FROM tracked_run WHERE state IN ('running', 'preempting') AND is_automatic = 0"
            " AND (heartbeat_at < ? OR (is_shared = 1 AND heartbeat_at < ? AND writers LIKE '%\"done\":true%'))"
        )
        limits = (before, shared_before)
        if not await self._database.read(lambda tx: tx.all(sql, limits)):
            return ()

        def work(tx: Transaction) -> list[TrackedRun]:
            ended = []
            for row in tx.all(sql, limits):
                outcome = _outcome(json.loads(row["writers"]))
                state = TrackedState.PREEMPTED if row["is_preemptible"] else TrackedState.CRASHED
                if outcome is not None and not (outcome and row["is_preemptible"]):
                    state = TrackedState.FAILED if outcome else TrackedState.FINISHED
                tx.execute(
                    "UPDATE tracked_run SET state = ?, exit_code = ?, finished_at = heartbeat_at, updated_at = heartbeat_at"
                    " WHERE run_id = ?",
                    (state.value, outcome, row["run_id"]),
                )
                ended.append(_read(tx, TrackedRunId(row["run_id"])))
            return ended

        return await self._database.write(work)

    async def set_state(self, run_id: TrackedRunId, state: TrackedState, *, from_states: Iterable[TrackedState], at: float) -> bool:
        """Move the run to `state` if it is in one of `from_states`; return whether it was."""
        allowed = [known.value for known in from_states]
        if not allowed:
            return False
        ended = None if state in {TrackedState.PENDING, TrackedState.RUNNING} else at
        sql = (
            "UPDATE tracked_run SET state = ?, finished_at = ?, updated_at = ?, heartbeat_at = ? "
            f"WHERE run_id = ? AND state IN ({', '.join('?' * len(allowed))})"
        )
        return await self._database.write(lambda tx: tx.execute(sql, [state.value, ended, at, at, run_id, *allowed]) > 0)

    async def request_stop(self, run_id: TrackedRunId, *, at: float, by: str) -> bool:
        """Set the stop flag unless the program has said goodbye; return whether the run exists. Who asked first is kept."""

        def work(tx: Transaction) -> bool:
            sql = (
                "UPDATE tracked_run SET stop_requested = 1, stop_asked_at = ?, stop_asked_by = ? "
                "WHERE run_id = ? AND stop_requested = 0 AND state IN ('pending', 'running', 'preempting', 'crashed')"
            )
            tx.execute(sql, (at, by, run_id))
            return tx.one("SELECT 1 AS found FROM tracked_run WHERE run_id = ?", (run_id,)) is not None

        return await self._database.write(work)

    async def delete(self, run_id: TrackedRunId) -> bool:
        """Remove the record with files, console and values; return whether it existed."""
        return await self._database.write(lambda tx: delete_run_rows(tx, run_id))

    async def find(self, query: RunQuery) -> RunPage:
        """Return a page of runs.

        Raises:
            InvalidArgumentError: a cursor or a regular expression is malformed.
        """
        await self._freshen(query.project_id, query.filter, [order.field.kind for order in query.order])

        def work(tx: Transaction) -> RunPage:
            found = find_run_ids(tx, query.project_id, query.filter, query.order, after=query.after, limit=query.limit + 1)
            runs = _read_many(tx, [run_id for run_id, _ in found[: query.limit]])
            entries = [RunEntry(runs[run_id], cursor) for run_id, cursor in found[: query.limit]]
            return RunPage(entries, has_next=len(found) > query.limit)

        return await self._database.read(work)

    async def count(self, project_id: TrackedProjectId, filter: Filter) -> int:
        """Return how many runs match.

        Raises:
            InvalidArgumentError: a regular expression is malformed.
        """
        await self._freshen(project_id, filter, [])

        def work(tx: Transaction) -> int:
            where, params = RunSelection(tx, project_id).condition(filter)
            row = tx.one(f"SELECT COUNT(*) AS n FROM tracked_run r WHERE r.project_id = ? AND {where}", [project_id, *params])
            return int(row["n"]) if row is not None else 0

        return await self._database.read(work)

    async def groups(self, project_id: TrackedProjectId, filter: Filter, by: str, columns: Sequence[str]) -> RowGroups:
        """Group the newest matching runs by a column or a value of config.

        Raises:
            InvalidArgumentError: a regular expression is malformed.
        """
        await self._freshen(project_id, filter, [FieldKind.CONFIG] if columns or by.startswith("config.") else [])
        return await self._database.read(lambda tx: group_runs(tx, project_id, filter, by, columns))

    async def _freshen(self, project_id: TrackedProjectId, filter: Filter, sorted_by: Sequence[FieldKind]) -> None:
        """Bring the index of values up to date when the question needs it."""
        kinds = {FieldKind.CONFIG, FieldKind.SUMMARY}
        if not kinds & (set(sorted_by) | set(_kinds(filter))):
            return
        sql = "SELECT 1 FROM tracked_run WHERE project_id = ? AND values_stale = 1 LIMIT 1"
        if await self._database.read(lambda tx: tx.one(sql, (project_id,))) is not None:
            while await self._database.write(lambda tx: refresh_stale(tx, project_id)) == REFRESH_RUNS:
                pass


def _kinds(node: Filter) -> Iterable[FieldKind]:
    if isinstance(node, Compare):
        yield node.field.kind
    elif isinstance(node, Not):
        yield from _kinds(node.part)
    else:
        for part in node.parts:
            yield from _kinds(part)


def _read(tx: Transaction, run_id: TrackedRunId) -> TrackedRun:
    row = tx.one(SELECT_RUN + "WHERE r.run_id = ?", (run_id,))
    if row is None:
        raise NotFoundError(f"no run with id {run_id}")
    return run_from_row(row)


def _read_many(tx: Transaction, run_ids: Sequence[TrackedRunId]) -> dict[TrackedRunId, TrackedRun]:
    found: dict[TrackedRunId, TrackedRun] = {}
    for start in range(0, len(run_ids), _IN_STEP):
        part = run_ids[start : start + _IN_STEP]
        for row in tx.all(SELECT_RUN + f"WHERE r.run_id IN ({', '.join('?' * len(part))})", list(part)):
            found[TrackedRunId(row["run_id"])] = run_from_row(row)
    return found


def _insert(tx: Transaction, project_id: TrackedProjectId, birth: RunBirth, change: RunChange) -> None:
    row = tx.one("SELECT run_counter FROM tracked_project WHERE project_id = ?", (project_id,))
    ordinal = (row["run_counter"] if row is not None else 0) + 1
    tx.execute("UPDATE tracked_project SET run_counter = ? WHERE project_id = ?", (ordinal, project_id))
    pipeline_run = tx.one("SELECT run_id FROM task WHERE task_id = ?", (birth.task_id,)) if birth.task_id is not None else None
    tx.execute(
        "INSERT INTO tracked_run (run_id, project_id, name, display_name, state, created_at, updated_at, heartbeat_at, user_name, task_id, "
        "pipeline_run_id, place) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            birth.run_id, project_id, birth.name, f"{birth.display_base}-{ordinal}", (change.state or TrackedState.RUNNING).value,
            birth.created_at, birth.created_at, birth.created_at, birth.user_name, birth.task_id,
            pipeline_run["run_id"] if pipeline_run is not None else None, next_place(tx, project_id),
        ),
    )  # fmt: skip
    tx.execute("INSERT INTO tracked_document (run_id) VALUES (?)", (birth.run_id,))


def _automatic_run(tx: Transaction, task_id: TaskId) -> tuple[TrackedRunId, str] | None:
    """Return (id, name) of the record that the server keeps for a task nobody has written to yet."""
    row = tx.one("SELECT run_id, name FROM tracked_run WHERE task_id = ? AND is_automatic = 1 ORDER BY created_at DESC LIMIT 1", (task_id,))
    return (TrackedRunId(row["run_id"]), row["name"]) if row is not None else None


def _adopt(tx: Transaction, run_id: TrackedRunId, project_id: TrackedProjectId, birth: RunBirth) -> None:
    """Make a task's automatic record the run of the client that writes now: its name and project, the task's links and values."""
    tx.execute(
        "UPDATE tracked_run SET project_id = ?, name = ?, is_automatic = 0, state = 'running', finished_at = NULL, heartbeat_at = ?, "
        "user_name = ?, values_stale = 1, place = ? WHERE run_id = ?",
        (project_id, birth.name, birth.created_at, birth.user_name, next_place(tx, project_id), run_id),
    )
    tx.execute("DELETE FROM tracked_value WHERE run_id = ?", (run_id,))
    tx.execute("DELETE FROM tracked_tag WHERE run_id = ?", (run_id,))


def _apply(tx: Transaction, run_id: TrackedRunId, change: RunChange, *, at: float, merge: bool) -> None:
    """Store the non-None parts of `change`."""
    values: dict[str, Any] = {column: value for field, column in _PLAIN_COLUMNS.items() if (value := getattr(change, field)) is not None}
    if change.state is not None:
        values["state"] = change.state.value
        values["finished_at"] = at if change.state in {TrackedState.FINISHED, TrackedState.FAILED, TrackedState.KILLED} else None
    if change.tags is not None:
        tags = list(dict.fromkeys(change.tags))
        values["tags"] = compact_json(tags)
        _put_tags(tx, run_id, tags)
    if change.config is not None or change.summary is not None:
        _put_documents(tx, run_id, config=change.config, summary=change.summary, merge=merge)
        values["values_stale"] = 1
    if values:
        assignments = ", ".join(f"{column} = ?" for column in values)
        tx.execute(f"UPDATE tracked_run SET {assignments}, updated_at = ? WHERE run_id = ?", [*values.values(), at, run_id])


def _put_tags(tx: Transaction, run_id: TrackedRunId, tags: Sequence[str]) -> None:
    row = tx.one("SELECT project_id FROM tracked_run WHERE run_id = ?", (run_id,))
    tx.execute("DELETE FROM tracked_tag WHERE run_id = ?", (run_id,))
    if row is not None:
        tx.many("INSERT INTO tracked_tag (project_id, tag, run_id) VALUES (?, ?, ?)", [(row["project_id"], tag, run_id) for tag in tags])


def _put_documents(tx: Transaction, run_id: TrackedRunId, *, config: str | None, summary: str | None, merge: bool) -> None:
    """Replace the documents; parameters of the task stay below the config; with `merge` keys of other writers stay."""
    row = tx.one("SELECT d.*, r.is_shared FROM tracked_document d JOIN tracked_run r ON r.run_id = d.run_id WHERE d.run_id = ?", (run_id,))
    if row is None:
        return
    merge = merge or bool(row["is_shared"])
    if config is not None:
        if merge:
            config = _merged_config(row["config"], config)
        if row["base_config"] != "{}":
            config = compact_json({**json.loads(row["base_config"]), **json.loads(config)})
        tx.execute("UPDATE tracked_document SET config = ? WHERE run_id = ?", (config, run_id))
    if summary is not None:
        if merge:
            summary = compact_json({**json.loads(row["summary"]), **json.loads(summary)})
        tx.execute("UPDATE tracked_document SET summary = ? WHERE run_id = ?", (summary, run_id))


def _merged_config(stored: str, new: str) -> str:
    """Lay `new` over `stored` by key; inside `_wandb.value` the environments of all writers (`e`) are kept side by side."""
    old, fresh = json.loads(stored), json.loads(new)
    merged = {**old, **fresh}
    environments: dict[str, Any] = {}
    for document in (old, fresh):
        entry = document.get("_wandb")
        value = entry.get("value") if isinstance(entry, dict) else None
        if isinstance(value, dict) and isinstance(value.get("e"), dict):
            environments.update(value["e"])
    if environments and isinstance(merged.get("_wandb"), dict) and isinstance(merged["_wandb"].get("value"), dict):
        merged["_wandb"] = {**merged["_wandb"], "value": {**merged["_wandb"]["value"], "e": environments}}
    return compact_json(merged)


def _write_stream(tx: Transaction, run_id: TrackedRunId, write: StreamWrite) -> None:
    row = tx.one("SELECT state, writers, is_shared, is_preemptible FROM tracked_run WHERE run_id = ?", (run_id,))
    if row is None:
        raise NotFoundError("the run is gone")
    state, exit_code, is_over = write.state, write.exit_code, write.is_complete
    values: dict[str, Any] = {"heartbeat_at": write.at}
    if write.writer:
        writers = json.loads(row["writers"])
        known = writers.get(write.writer, {})
        entry = {"done": write.is_complete, "exit_code": write.exit_code}
        if not write.is_complete and write.summary is None and write.console is None:
            entry = {key: known.get(key) for key in entry}
        is_left = write.is_leaving or known.get("left", False)
        writers[write.writer] = {**entry, "left": is_left, "at": write.at}
        values["writers"], values["is_shared"] = compact_json(writers), 1
        is_over = (is_over or is_left) and _is_over(writers, write.at)
        if is_over:
            exit_code = _outcome(writers) or 0
            state = TrackedState.FAILED if exit_code else TrackedState.FINISHED
        elif write.is_complete:
            state = None
    if write.starts_over and not is_over:
        values |= {"finished_at": None, "exit_code": None, "is_preemptible": 0}
        values |= {"stop_requested": 0, "stop_asked_at": None, "stop_asked_by": ""}
    if write.is_preempting:
        values["is_preemptible"] = 1
    if is_over and state is TrackedState.FAILED and (write.is_preempting or row["is_preemptible"]):
        state = TrackedState.PREEMPTED
    if is_over:
        values |= {"finished_at": write.at, "exit_code": exit_code}
    if state is not None:
        values["state"] = state.value
    if write.summary is not None:
        _put_documents(tx, run_id, config=None, summary=write.summary, merge=bool(write.writer))
        values["values_stale"] = 1
    if write.losses:
        put_losses(tx, run_id, write.losses, write.at)
    if write.console is not None and write.console.lines:
        write_console(tx, run_id, write.console, writer=write.writer)
    assignments = ", ".join(f"{column} = ?" for column in values)
    tx.execute(f"UPDATE tracked_run SET {assignments} WHERE run_id = ?", [*values.values(), run_id])


def _is_over(writers: Mapping[str, Mapping[str, Any]], now: float) -> bool:
    """Whether a run with several writers ends: one says so, and none of the others goes on.

    A writer told not to decide over the run (`x_update_finish_state`) never says that it is done; one that has left, or is silent, is not
    waited for.
    """
    silent_since = now - SHARED_SILENCE_SECONDS
    gone = (entry["done"] or entry.get("left") or entry.get("at", 0.0) < silent_since for entry in writers.values())
    return any(entry["done"] for entry in writers.values()) and all(gone)


def _outcome(writers: Mapping[str, Mapping[str, Any]]) -> int | None:
    """Return the exit code of a run with several writers from those that are done: the first that is not 0; None when none is done."""
    codes = [entry["exit_code"] or 0 for entry in writers.values() if entry["done"]]
    return next((code for code in codes if code), 0) if codes else None
