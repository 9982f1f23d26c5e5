"""Recorded flows in SQL: flows, runs, steps, tasks, their tags and heartbeats. Metadata and artifacts: `flow_facts`.

Semantics: Metaflow protocol notes, sections 2 and 3. Numbers come from one sequence per table, shared by all flows, so an id is unique
in the installation; a segment of digits in a request is such a number, anything else a supplied id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson

from penstock.domain.errors import AlreadyExistsError, NotFoundError, PreconditionError
from penstock.domain.flows import Authorship, Flow, FlowRun, FlowStep, FlowTask, Page, RunFilter, SortKey
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.flow_filters import filter_clause
from penstock.stores.sql.flow_projection import project_run, project_step, project_task, touch_run

T = TypeVar("T")


def dump_tags(tags: Sequence[str]) -> str:
    """JSON text of a tag list."""
    return orjson.dumps(list(tags)).decode()


def authorship(row: Row) -> Authorship:
    """Author columns of any row."""
    return Authorship(row["user_name"], tuple(orjson.loads(row["tags"])), tuple(orjson.loads(row["system_tags"])))


def run_from_row(row: Row) -> FlowRun:
    """A `flow_run` row as a value."""
    return FlowRun(row["flow_id"], row["run_number"], row["run_id"], authorship(row), row["ts_epoch"], row["last_heartbeat_ts"])


def task_from_row(run: FlowRun, row: Row) -> FlowTask:
    """A `flow_task` row of `run` as a value."""
    return FlowTask(
        run, row["step_name"], row["task_number"], row["task_name"], row["user_name"], row["ts_epoch"], row["last_heartbeat_ts"]
    )


def find_run(tx: Transaction, flow_id: str, run_id: str) -> FlowRun:
    """Return the run.

    Raises:
        NotFoundError: unknown.
    """
    column, value = ("run_number", int(run_id)) if run_id.isdecimal() and len(run_id) < 19 else ("run_id", run_id)
    row = tx.one(f"SELECT * FROM flow_run WHERE flow_id = :flow AND {column} = :value", {"flow": flow_id, "value": value})
    if row is None:
        raise NotFoundError(f"run {flow_id}/{run_id} does not exist")
    return run_from_row(row)


def find_task(tx: Transaction, run: FlowRun, step_name: str, task_id: str) -> FlowTask:
    """Return the task.

    Raises:
        NotFoundError: unknown.
    """
    column, value = ("task_number", int(task_id)) if task_id.isdecimal() and len(task_id) < 19 else ("task_name", task_id)
    row = tx.one(
        f"SELECT * FROM flow_task WHERE run_number = :run AND step_name = :step AND {column} = :value",
        {"run": run.run_number, "step": step_name, "value": value},
    )
    if row is None:
        raise NotFoundError(f"task {run.flow_id}/{run.shown_id}/{step_name}/{task_id} does not exist")
    return task_from_row(run, row)


def page_clause(page: Page, time_column: str, number_column: str = "", name_column: str = "") -> tuple[str, dict[str, Any]]:
    """`AND ... ORDER BY ... LIMIT` of a page, newest first, with its parameters; names decide between rows of one time and number."""
    sql = ""
    params: dict[str, Any] = {}
    if page.cursor is not None:
        sql, params = _after(page.cursor, time_column, number_column, name_column)
    columns = [f"{time_column} DESC", *([f"{number_column} DESC"] if number_column else []), *([name_column] if name_column else [])]
    sql += " ORDER BY " + ", ".join(columns)
    if page.limit is not None:
        sql += " LIMIT :limit"
        params["limit"] = page.limit
    return sql, params


def _after(cursor: SortKey, time_column: str, number_column: str, name_column: str) -> tuple[str, dict[str, Any]]:
    time, number, name = cursor
    rest = f"{name_column} > :cursor_name" if name_column else "1 = 0"
    params: dict[str, Any] = {"cursor_time": time, **({"cursor_name": name} if name_column else {})}
    if number_column:
        rest = f"{number_column} < :cursor_number OR ({number_column} = :cursor_number AND {rest})"
        params["cursor_number"] = number
    return f" AND ({time_column} < :cursor_time OR ({time_column} = :cursor_time AND ({rest})))", params


def _author_params(by: Authorship, now: float) -> dict[str, object]:
    return {"user": by.user_name, "tags": dump_tags(by.tags), "system_tags": dump_tags(by.system_tags), "at": int(now * 1000)}


class SqlFlowRegistry:
    """The half of `interfaces.flow_store.FlowStore` that registers and finds objects."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def _read(self, work: Callable[[Transaction], T]) -> T:
        return await self._database.read(work)

    async def _write(self, work: Callable[[Transaction], T]) -> T:
        return await self._database.write(work)

    async def add_flow(self, flow_id: str, by: Authorship, *, now: float) -> Flow:
        """See `FlowStore.add_flow`."""

        def work(tx: Transaction) -> Flow:
            added = tx.execute(
                "INSERT INTO flow (flow_id, user_name, ts_epoch, tags, system_tags) VALUES (:flow, :user, :at, :tags, :system_tags)"
                " ON CONFLICT (flow_id) DO NOTHING",
                {"flow": flow_id, **_author_params(by, now)},
            )
            if not added:
                raise AlreadyExistsError(f"flow {flow_id} is registered")
            return _find_flow(tx, flow_id)

        return await self._write(work)

    async def flow(self, flow_id: str) -> Flow:
        """See `FlowStore.flow`."""
        return await self._read(lambda tx: _find_flow(tx, flow_id))

    async def flows(self, page: Page) -> list[Flow]:
        """See `FlowStore.flows`."""

        def work(tx: Transaction) -> list[Flow]:
            tail, params = page_clause(page, "ts_epoch", name_column="flow_id")
            found = tx.all(f"SELECT * FROM flow WHERE 1 = 1{tail}", params)
            return [Flow(row["flow_id"], authorship(row), row["ts_epoch"]) for row in found]

        return await self._read(work)

    async def add_run(self, flow_id: str, run_id: str | None, by: Authorship, *, heartbeat: int | None, now: float) -> FlowRun:
        """See `FlowStore.add_run`."""

        def work(tx: Transaction) -> FlowRun:
            _find_flow(tx, flow_id)
            row = tx.one(
                "INSERT INTO flow_run (flow_id, run_id, user_name, ts_epoch, tags, system_tags, last_heartbeat_ts)"
                " VALUES (:flow, :run, :user, :at, :tags, :system_tags, :heartbeat)"
                " ON CONFLICT (flow_id, run_id) DO NOTHING RETURNING *",
                {"flow": flow_id, "run": run_id, "heartbeat": heartbeat, **_author_params(by, now)},
            )
            if row is None:
                raise AlreadyExistsError(f"run {flow_id}/{run_id} is registered")
            run = run_from_row(row)
            project_run(tx, run)
            return run

        return await self._write(work)

    async def run(self, flow_id: str, run_id: str) -> FlowRun:
        """See `FlowStore.run`."""
        return await self._read(lambda tx: find_run(tx, flow_id, run_id))

    async def runs(self, flow_id: str, filters: Sequence[RunFilter], page: Page) -> list[FlowRun]:
        """See `FlowStore.runs`."""

        def work(tx: Transaction) -> list[FlowRun]:
            where, params = filter_clause(tx.dialect, filters)
            tail, page_params = page_clause(page, "ts_epoch", "run_number")
            rows = tx.all(f"SELECT flow_run.* FROM flow_run WHERE flow_id = :flow{where}{tail}", {"flow": flow_id, **params, **page_params})
            return [run_from_row(row) for row in rows]

        return await self._read(work)

    async def change_tags(self, flow_id: str, run_id: str, add: Sequence[str], remove: Sequence[str], *, now: float) -> list[str]:
        """See `FlowStore.change_tags`."""

        def work(tx: Transaction) -> list[str]:
            run = find_run(tx, flow_id, run_id)
            system = set(run.by.system_tags)
            if kept := sorted(system & set(remove)):
                raise PreconditionError(f"system tags cannot be removed: {', '.join(kept)}")
            tags = [tag for tag in run.by.tags if tag not in set(remove)]
            tags += [tag for tag in dict.fromkeys(add) if tag not in system and tag not in tags]
            params = {"tags": dump_tags(tags), "run": run.run_number}
            tx.execute("UPDATE flow_run SET tags = :tags WHERE run_number = :run", params)
            touch_run(tx, find_run(tx, flow_id, run_id))
            return tags

        del now
        return await self._write(work)

    async def beat_run(self, flow_id: str, run_id: str, *, now: float) -> None:
        """See `FlowStore.beat_run`."""

        def work(tx: Transaction) -> None:
            _beat(tx, find_run(tx, flow_id, run_id), now)

        await self._write(work)

    async def beat_task(self, flow_id: str, run_id: str, step_name: str, task_id: str, *, now: float) -> None:
        """See `FlowStore.beat_task`."""

        def work(tx: Transaction) -> None:
            run = find_run(tx, flow_id, run_id)
            task = find_task(tx, run, step_name, task_id)
            tx.execute("UPDATE flow_task SET last_heartbeat_ts = :at WHERE task_number = :task", {"at": int(now), "task": task.task_number})
            _beat(tx, run, now)

        await self._write(work)

    async def add_step(self, flow_id: str, run_id: str, step_name: str, by: Authorship, *, now: float) -> FlowStep:
        """See `FlowStore.add_step`."""

        def work(tx: Transaction) -> FlowStep:
            run = find_run(tx, flow_id, run_id)
            added = tx.execute(
                "INSERT INTO flow_step (run_number, step_name, user_name, ts_epoch, tags, system_tags)"
                " VALUES (:run, :step, :user, :at, :tags, :system_tags) ON CONFLICT (run_number, step_name) DO NOTHING",
                {"run": run.run_number, "step": step_name, **_author_params(by, now)},
            )
            if not added:
                raise AlreadyExistsError(f"step {flow_id}/{run_id}/{step_name} is registered")
            step = FlowStep(run, step_name, by.user_name, int(now * 1000))
            project_step(tx, step)
            return step

        return await self._write(work)

    async def steps(self, flow_id: str, run_id: str, step_name: str | None = None) -> list[FlowStep]:
        """See `FlowStore.steps`."""

        def work(tx: Transaction) -> list[FlowStep]:
            run = find_run(tx, flow_id, run_id)
            sql = "SELECT * FROM flow_step WHERE run_number = :run"
            params: dict[str, object] = {"run": run.run_number}
            if step_name is not None:
                sql += " AND step_name = :step"
                params["step"] = step_name
            rows = tx.all(sql + " ORDER BY ts_epoch DESC, step_name DESC", params)
            return [FlowStep(run, row["step_name"], row["user_name"], row["ts_epoch"]) for row in rows]

        return await self._read(work)

    async def add_task(
        self, flow_id: str, run_id: str, step_name: str, task_id: str | None, by: Authorship, *, heartbeat: int | None, now: float
    ) -> FlowTask:
        """See `FlowStore.add_task`."""

        def work(tx: Transaction) -> FlowTask:
            run = find_run(tx, flow_id, run_id)
            _find_step(tx, run, step_name)
            row = tx.one(
                "INSERT INTO flow_task (run_number, step_name, task_name, user_name, ts_epoch, tags, system_tags, last_heartbeat_ts)"
                " VALUES (:run, :step, :task, :user, :at, :tags, :system_tags, :heartbeat)"
                " ON CONFLICT (run_number, step_name, task_name) DO NOTHING RETURNING *",
                {"run": run.run_number, "step": step_name, "task": task_id, "heartbeat": heartbeat, **_author_params(by, now)},
            )
            if row is None:
                raise AlreadyExistsError(f"task {flow_id}/{run_id}/{step_name}/{task_id} is registered")
            task = task_from_row(run, row)
            _beat(tx, run, now)
            project_task(tx, task)
            return task

        return await self._write(work)

    async def tasks(self, flow_id: str, run_id: str, step_name: str, task_id: str | None, page: Page) -> list[FlowTask]:
        """See `FlowStore.tasks`."""

        def work(tx: Transaction) -> list[FlowTask]:
            run = find_run(tx, flow_id, run_id)
            if task_id is not None:
                return [find_task(tx, run, step_name, task_id)]
            _find_step(tx, run, step_name)
            tail, params = page_clause(page, "ts_epoch", "task_number")
            rows = tx.all(
                f"SELECT * FROM flow_task WHERE run_number = :run AND step_name = :step{tail}",
                {"run": run.run_number, "step": step_name, **params},
            )
            return [task_from_row(run, row) for row in rows]

        return await self._read(work)


def _find_flow(tx: Transaction, flow_id: str) -> Flow:
    row = tx.one("SELECT * FROM flow WHERE flow_id = :flow", {"flow": flow_id})
    if row is None:
        raise NotFoundError(f"flow {flow_id} does not exist")
    return Flow(row["flow_id"], authorship(row), row["ts_epoch"])


def _find_step(tx: Transaction, run: FlowRun, step_name: str) -> None:
    params = {"run": run.run_number, "step": step_name}
    if tx.one("SELECT 1 AS found FROM flow_step WHERE run_number = :run AND step_name = :step", params) is None:
        raise NotFoundError(f"step {run.flow_id}/{run.shown_id}/{step_name} does not exist")


def _beat(tx: Transaction, run: FlowRun, now: float) -> None:
    params = {"at": int(now), "run": run.run_number}
    tx.execute("UPDATE flow_run SET last_heartbeat_ts = :at WHERE run_number = :run", params)
