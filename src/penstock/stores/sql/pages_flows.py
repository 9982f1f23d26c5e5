"""`interfaces.page_flows.FlowPages` in SQL: lists and details of recorded flows, joined with the shared run and task rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from penstock.interfaces.flow_files import DatastoreRoot
from penstock.interfaces.page_flows import (
    FlowListing,
    FlowQuery,
    FlowRunFacts,
    FlowRunItem,
    FlowRunView,
    FlowTaskPage,
    FlowTaskQuery,
)
from penstock.interfaces.pages import COUNT_LIMIT, LOOKED_AT
from penstock.interfaces.run_tables import RowGroups
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.dialects import escape_like
from penstock.stores.sql.flow_fan_out import expected_of
from penstock.stores.sql.flow_projection import PARAMETERS_STEP
from penstock.stores.sql.flow_run_tasks import message_of, origin_of, steps_of, tasks_page
from penstock.stores.sql.flow_triggers import triggers_of
from penstock.stores.sql.json_keys import require, value_of_key
from penstock.stores.sql.page_filters import Where, count_up_to, id_range
from penstock.stores.sql.page_rows import named_places
from penstock.stores.sql.pages_run_tables import gathered, of_judged

_SHOWN_RUN = "COALESCE(flow_run.run_id, CAST(flow_run.run_number AS TEXT))"
_SHARED = f"flow_run.flow_id || '/' || {_SHOWN_RUN}"
_JOINED = f"flow_run JOIN run ON run.run_id = {_SHARED}"
_RUNS = (
    f"SELECT flow_run.*, {_SHOWN_RUN} AS shown_id, run.state AS state, run.finished_at AS finished_at, run.error AS error,"
    " run.task_count AS task_count, run.done_count AS done_count, run.failed_count AS failed_count, engine.run_id AS engine_run,"
    " run.name AS title, recurring_run.recurring_run_id AS recurring_id, recurring_run.display_name AS recurring_name"
    f" FROM {_JOINED} LEFT JOIN run engine ON engine.run_id = flow_run.run_id"
    " LEFT JOIN recurring_run ON recurring_run.recurring_run_id = engine.recurring_run_id"
)
_SORTED = "flow_run.ts_epoch + 0"
"""The same as the column, but nothing that SQLite would go through all runs for where it has the ids of a few."""
_STATES = {"running": ("RUNNING", "PENDING", "CANCELING", "PAUSED"), "completed": ("SUCCEEDED",), "failed": ("FAILED", "CANCELED")}
_GROUPED = {"flow": "flow_run.flow_id", "user": "flow_run.user_name", "status": "run.state"}
_PARAMETERS = "COALESCE(flow_run.parameters, '{}')"
_LATE = {
    "run": "flow_run.flow_id",
    "status": "run.state",
    "duration": "(COALESCE(run.finished_at, 9000000000000.0) - flow_run.ts_epoch / 1000.0)",
    "tasks": "run.task_count",
    "user": "COALESCE(flow_run.user_name, '')",
    "tags": "flow_run.tags",
}
"""SQL of what has no index, by which the newest runs are sorted."""
_NAMED_ROWS = 2_000
"""Newest runs whose flows and users are offered to filter by."""
_FEW = 500
"""Runs of a state that are looked up one by one."""


class SqlFlowPages:
    """Read models of the flow pages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def runs(self, query: FlowQuery) -> FlowListing:
        """See `FlowPages.runs`."""

        def work(tx: Transaction) -> FlowListing:
            where, order = _where(tx, query)
            late = _late_order(where, query.sort)
            found = _listed(tx, query, where, order, late, query.limit + 1)
            limit = COUNT_LIMIT // 10 if query.is_judged_by_run else COUNT_LIMIT
            total = count_up_to(tx, _judged(where, order), _JOINED, limit)
            looked_at = LOOKED_AT if (late or where.late) and count_up_to(tx, where, _JOINED, LOOKED_AT) > LOOKED_AT else 0
            flow_ids, users = _names(tx, where, order)
            shown, has_more = found[: query.limit], len(found) > query.limit
            return FlowListing(shown, min(total, limit), total <= limit, has_more, flow_ids, users, looked_at)

        return await self._database.read(work)

    async def groups(self, query: FlowQuery, by: str) -> RowGroups:
        """See `FlowPages.groups`."""

        def work(tx: Transaction) -> RowGroups:
            every, order = _where(tx, query)
            where = _judged(every, order)
            chosen = (
                "WITH chosen AS (SELECT run.state, flow_run.ts_epoch / 1000.0 AS created_at, "
                "CASE WHEN run.finished_at IS NOT NULL THEN run.finished_at - flow_run.ts_epoch / 1000.0 END AS seconds, "
                f"NULLIF({_GROUPED[by]}, '') AS value FROM {_JOINED} {where.sql()} "
                f"ORDER BY {order} LIMIT {LOOKED_AT}) "
            )
            return of_judged(tx, every, _JOINED, gathered(tx, chosen, where.params, {}))

        return await self._database.read(work)

    async def rows(self, query: FlowQuery) -> Sequence[FlowRunItem]:
        """See `FlowPages.rows`."""

        def work(tx: Transaction) -> list[FlowRunItem]:
            where, order = _where(tx, query)
            return _listed(tx, query, where, order, _late_order(where, query.sort), query.limit)

        return await self._database.read(work)

    async def run(self, flow_id: str, run_id: str) -> FlowRunView | None:
        """See `FlowPages.run`."""

        def work(tx: Transaction) -> FlowRunView | None:
            row = _found(tx, flow_id, run_id)
            if row is None:
                return None
            others = tx.all(f"{_RUNS} WHERE flow_run.flow_id = :flow ORDER BY flow_run.run_number DESC LIMIT 10", {"flow": flow_id})
            (run, *neighbours), number = _run_items(tx, [row, *others]), int(row["run_number"])
            steps = steps_of(tx, number, run.shared_id)
            failed = tasks_page(tx, number, run.shared_id, FlowTaskQuery(state="FAILED", limit=1)).items
            first = failed[0] if failed else None
            return FlowRunView(run, steps, neighbours, first, origin_of(tx, number), expected_of(tx, number))

        return await self._database.read(work)

    async def tasks(self, flow_id: str, run_id: str, query: FlowTaskQuery) -> FlowTaskPage:
        """See `FlowPages.tasks`."""

        def work(tx: Transaction) -> FlowTaskPage:
            row = _found(tx, flow_id, run_id)
            return FlowTaskPage((), 0) if row is None else tasks_page(tx, int(row["run_number"]), f"{flow_id}/{row['shown_id']}", query)

        return await self._database.read(work)

    async def facts(self, shared_ids: Sequence[str]) -> Mapping[str, FlowRunFacts]:
        """See `FlowPages.facts`."""
        return await self._database.read(lambda tx: _facts(tx, shared_ids)) if shared_ids else {}


def _named(run_id: str) -> tuple[str, str | int]:
    """Column and value that find a run by the id that users see."""
    return ("run_number", int(run_id)) if run_id.isdecimal() and len(run_id) < 19 else ("run_id", run_id)


def _found(tx: Transaction, flow_id: str, run_id: str) -> Row | None:
    column, value = _named(run_id)
    return tx.one(f"{_RUNS} WHERE flow_run.flow_id = :flow AND flow_run.{column} = :value", {"flow": flow_id, "value": value})


def _facts(tx: Transaction, shared_ids: Sequence[str]) -> dict[str, FlowRunFacts]:
    """Three queries, however many runs. The first step tells of the code, as it does to the client (`Run.code`)."""
    params: dict[str, Any] = {"parameters": PARAMETERS_STEP}
    clauses = []
    for place, shared_id in enumerate(shared_ids):
        flow_id, _, run_id = shared_id.partition("/")
        column, value = _named(run_id)
        clauses.append(f"(flow_run.flow_id = :flow{place} AND flow_run.{column} = :run{place})")
        params |= {f"flow{place}": flow_id, f"run{place}": value}
    chosen = f"FROM flow_run WHERE ({' OR '.join(clauses)})"
    runs = tx.all(f"SELECT flow_run.*, {_SHARED} AS shared_id {chosen}", {key: params[key] for key in params if key != "parameters"})
    told: dict[int, dict[str, str]] = {}
    for row in tx.all(
        f"SELECT run_number, field_name, value FROM flow_metadata WHERE run_number IN (SELECT flow_run.run_number {chosen})"
        " AND step_name IN (:parameters, 'start') AND field_name IN ('ds-type', 'ds-root', 'script-name', 'code-package') ORDER BY id",
        params,
    ):
        told.setdefault(row["run_number"], {})[row["field_name"]] = str(orjson.loads(row["value"]))
    digests: dict[int, dict[str, str]] = {}
    for row in tx.all(
        f"SELECT run_number, name, sha FROM flow_artifact WHERE run_number IN (SELECT flow_run.run_number {chosen})"
        " AND step_name = :parameters ORDER BY attempt_id",
        params,
    ):
        if row["sha"] and not row["name"].startswith("_"):
            digests.setdefault(row["run_number"], {})[row["name"]] = row["sha"]
    return {row["shared_id"]: _run_facts(row, told.get(row["run_number"], {}), digests.get(row["run_number"], {})) for row in runs}


def _run_facts(row: Row, told: Mapping[str, str], digests: Mapping[str, str]) -> FlowRunFacts:
    try:
        package = orjson.loads(told.get("code-package", "{}"))
    except orjson.JSONDecodeError:
        package = {}
    return FlowRunFacts(
        flow_id=row["flow_id"],
        parameters=orjson.loads(row["parameters"]) if row["parameters"] else {},
        digests=digests,
        script=told.get("script-name", ""),
        code_sha=str(package.get("sha") or "") if isinstance(package, dict) else "",
        root=DatastoreRoot(told.get("ds-type", "local"), told["ds-root"]) if "ds-root" in told else None,
    )


def _where(tx: Transaction, query: FlowQuery) -> tuple[Where, str]:
    """Which runs a list shows, in terms of `_JOINED`, and the order, newest first."""
    where, order = Where(tx, now=0.0), "flow_run.ts_epoch"
    if query.flow_id:
        where.equals("flow_run.flow_id", query.flow_id)
    for user in (query.user, query.namespace):
        if user:
            where.equals("flow_run.user_name", user)
    if query.since is not None:
        where.add(f"flow_run.ts_epoch >= {where.bind(int(query.since * 1000))}")
    if query.until is not None:
        where.add(f"flow_run.ts_epoch < {where.bind(int(query.until * 1000))}")
    for tag in query.tags:
        text = where.bind(f"%{escape_like(orjson.dumps(tag).decode())}%")
        where.add(f"(flow_run.tags LIKE {text} ESCAPE '\\' OR flow_run.system_tags LIKE {text} ESCAPE '\\')")
    if query.status in _STATES:
        where.among("run.state", list(_STATES[query.status]))
        places, states = named_places(_STATES[query.status])
        few = tx.all(f"SELECT run_id FROM run WHERE kind = 'flow' AND state IN ({places}) LIMIT {_FEW + 1}", states)
        if len(few) <= _FEW:
            where.among(_SHARED, [row["run_id"] for row in few])
            order = _SORTED
    if query.text:
        ids = where.few_runs(query.text)
        where.add(f"({where.contains('run.name', query.text)} OR {where.contains('run.run_id', query.text)})")
        if ids is not None:
            where.among(_SHARED, [*ids, *_given(tx, query.text)])
            order = _SORTED
    with where.judged():
        for condition in query.parameters:
            require(where, value_of_key(where, _PARAMETERS, condition.field), condition)
    return where, f"{order} DESC, flow_run.run_number DESC"


def _given(tx: Transaction, text: str) -> list[str]:
    """Shared ids of the runs whose id begins so: runs with a UUID have another name."""
    start, end = id_range(text)
    sql = f"SELECT {_SHARED} AS shared FROM flow_run WHERE run_id >= :start AND run_id < :end LIMIT {_FEW}"
    found = tx.all(sql, {"start": start, "end": end})
    return [row["shared"] for row in found]


def _late_order(where: Where, sort: str) -> tuple[str, ...]:
    """Return what sorts the newest runs; nothing where an index has the order."""
    kind, _, name = sort.partition(".")
    if kind == "param" and name:
        return value_of_key(where, _PARAMETERS, name).order
    return (_LATE[sort],) if sort in _LATE else ()


def _judged(where: Where, order: str) -> Where:
    """Return the clauses of a list whose newest runs alone are judged by what is dear to tell."""
    return _among_newest(where, order) if where.late else where


def _among_newest(where: Where, order: str) -> Where:
    found = Where(where.tx, now=where.now)
    newest = f"SELECT flow_run.run_number FROM {_JOINED} {where.sql()} ORDER BY {order} LIMIT {LOOKED_AT}"
    found.params, found.clauses = where.params, [f"flow_run.run_number IN ({newest})", *where.late]
    return found


def _listed(tx: Transaction, query: FlowQuery, where: Where, order: str, late: Sequence[str], limit: int) -> list[FlowRunItem]:
    """The runs of a list from its offset on; `order` is newest first, and `late` sorts the newest alone."""
    direction = "DESC" if query.is_descending else "ASC"
    picked, sorted_by = _judged(where, order), order if query.is_descending else order.replace(" DESC", " ASC")
    if late:
        picked, sorted_by = _among_newest(where, order), ", ".join(f"{sql} {direction}" for sql in (*late, "flow_run.run_number"))
    rows = tx.all(f"{_RUNS} {picked.sql()} ORDER BY {sorted_by} LIMIT {int(limit)} OFFSET {int(query.offset)}", where.params)
    return _run_items(tx, rows)


def _names(tx: Transaction, where: Where, order: str) -> tuple[list[str], list[str]]:
    """Flows and users of the newest matching runs."""
    newest = f"SELECT flow_run.flow_id, flow_run.user_name FROM {_JOINED} {where.sql()} ORDER BY {order} LIMIT {_NAMED_ROWS}"
    rows = tx.all(f"SELECT DISTINCT flow_id, user_name FROM ({newest}) AS newest", where.params)
    return sorted({row["flow_id"] for row in rows}), sorted({row["user_name"] for row in rows if row["user_name"]})


def _run_items(tx: Transaction, rows: Sequence[Row]) -> list[FlowRunItem]:
    """The runs, with what started each."""
    told = triggers_of(tx, [row["triggers"] for row in rows])
    return [replace(_run_item(row), triggers=triggers) for row, triggers in zip(rows, told, strict=True)]


def _run_item(row: Row) -> FlowRunItem:
    return FlowRunItem(
        flow_id=row["flow_id"],
        run_id=row["shown_id"],
        user=row["user_name"] or "",
        tags=orjson.loads(row["tags"]),
        system_tags=orjson.loads(row["system_tags"]),
        state=row["state"],
        started_at=row["ts_epoch"] / 1000,
        finished_at=row["finished_at"],
        last_heartbeat_at=row["last_heartbeat_ts"],
        task_count=row["task_count"],
        done_count=row["done_count"],
        failed_count=row["failed_count"],
        error_message=message_of(row["error"]),
        end_step=row["end_step"],
        pipeline_run_id=row["engine_run"],
        title=row["title"],
        recurring_run_id=row["recurring_id"] or "",
        recurring_name=row["recurring_name"] or "",
    )
