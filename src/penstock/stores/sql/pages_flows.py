"""`interfaces.page_flows.FlowPages` in SQL: lists and details of recorded flows, joined with the shared run and task rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from penstock.interfaces.flow_files import DatastoreRoot
from penstock.interfaces.page_flows import (
    FlowAttempt,
    FlowGroup,
    FlowListing,
    FlowQuery,
    FlowRunFacts,
    FlowRunItem,
    FlowRunView,
    FlowTaskItem,
    TrackedLink,
)
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.flow_projection import PARAMETERS_STEP

_SHOWN_RUN = "COALESCE(flow_run.run_id, CAST(flow_run.run_number AS TEXT))"
_SHARED = f"flow_run.flow_id || '/' || {_SHOWN_RUN}"
_RUNS = (
    f"SELECT flow_run.*, {_SHOWN_RUN} AS shown_id, run.state AS state, run.finished_at AS finished_at, run.error AS error,"
    " run.task_count AS task_count, run.done_count AS done_count, run.failed_count AS failed_count, engine.run_id AS engine_run"
    f" FROM flow_run JOIN run ON run.run_id = {_SHARED} LEFT JOIN run engine ON engine.run_id = flow_run.run_id"
)
_STATES = {"running": ("RUNNING", "PENDING", "CANCELING", "PAUSED"), "completed": ("SUCCEEDED",), "failed": ("FAILED", "CANCELED")}
_MAX_GROUPS = 200
_MAX_TASKS = 20_000


class SqlFlowPages:
    """Read models of the flow pages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def runs(self, query: FlowQuery) -> FlowListing:
        """See `FlowPages.runs`."""

        def work(tx: Transaction) -> FlowListing:
            where, params = _conditions(query)
            rows = tx.all(
                f"{_RUNS}{where} ORDER BY flow_run.ts_epoch DESC, flow_run.run_number DESC LIMIT :limit OFFSET :offset",
                {**params, "limit": query.limit, "offset": query.offset},
            )
            total = tx.one(f"SELECT COUNT(*) AS n FROM flow_run JOIN run ON run.run_id = {_SHARED}{where}", params)
            return FlowListing(
                [_run_item(row) for row in rows],
                int(total["n"]) if total is not None else 0,
                _groups(tx, "flow_run.flow_id", where, params),
                _groups(tx, "COALESCE(flow_run.user_name, '')", where, params),
            )

        return await self._database.read(work)

    async def run(self, flow_id: str, run_id: str) -> FlowRunView | None:
        """See `FlowPages.run`."""

        def work(tx: Transaction) -> FlowRunView | None:
            column, value = _named(run_id)
            row = tx.one(f"{_RUNS} WHERE flow_run.flow_id = :flow AND flow_run.{column} = :value", {"flow": flow_id, "value": value})
            if row is None:
                return None
            run = _run_item(row)
            others = tx.all(f"{_RUNS} WHERE flow_run.flow_id = :flow ORDER BY flow_run.run_number DESC LIMIT 10", {"flow": flow_id})
            return FlowRunView(run, _tasks(tx, int(row["run_number"]), run.shared_id), [_run_item(other) for other in others])

        return await self._database.read(work)

    async def facts(self, shared_ids: Sequence[str]) -> Mapping[str, FlowRunFacts]:
        """See `FlowPages.facts`."""
        return await self._database.read(lambda tx: _facts(tx, shared_ids)) if shared_ids else {}

    async def task_link(self, shared_task_id: str) -> tuple[str, str, str, str] | None:
        """See `FlowPages.task_link`."""

        def work(tx: Transaction) -> tuple[str, str, str, str] | None:
            row = tx.one(
                "SELECT task.task_id AS task_id FROM task JOIN run ON run.run_id = task.run_id"
                " WHERE task.task_id = :task AND run.kind = 'flow' AND task.type = 'RUNTIME'",
                {"task": shared_task_id},
            )
            parts = shared_task_id.split("/")
            return (parts[0], parts[1], parts[2], parts[3]) if row is not None and len(parts) == 4 else None

        return await self._database.read(work)


def _named(run_id: str) -> tuple[str, str | int]:
    """Column and value that find a run by the id that users see."""
    return ("run_number", int(run_id)) if run_id.isdecimal() and len(run_id) < 19 else ("run_id", run_id)


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


def _conditions(query: FlowQuery) -> tuple[str, dict[str, Any]]:
    found, params = [], dict[str, Any]()
    if query.flow_id:
        found.append("flow_run.flow_id = :flow")
        params["flow"] = query.flow_id
    if query.user:
        found.append("flow_run.user_name = :user")
        params["user"] = query.user
    if query.namespace:
        found.append("flow_run.user_name = :namespace")
        params["namespace"] = query.namespace
    if query.status in _STATES:
        names = [f":state{number}" for number in range(len(_STATES[query.status]))]
        found.append(f"run.state IN ({', '.join(names)})")
        params |= {name[1:]: state for name, state in zip(names, _STATES[query.status], strict=True)}
    for number, tag in enumerate(query.tags):
        name = f"tag{number}"
        found.append(f"(flow_run.tags LIKE :{name} ESCAPE '\\' OR flow_run.system_tags LIKE :{name} ESCAPE '\\')")
        params[name] = f"%{_pattern(orjson.dumps(tag).decode())}%"
    if query.since is not None:
        found.append("flow_run.ts_epoch >= :since")
        params["since"] = int(query.since * 1000)
    if query.text:
        found.append(f"LOWER({_SHARED}) LIKE :text ESCAPE '\\'")
        params["text"] = f"%{_pattern(query.text.lower())}%"
    return (f" WHERE {' AND '.join(found)}" if found else ""), params


def _pattern(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _groups(tx: Transaction, column: str, where: str, params: dict[str, Any]) -> list[FlowGroup]:
    rows = tx.all(
        f"SELECT {column} AS key, COUNT(*) AS n, SUM(CASE WHEN run.state IN ('RUNNING', 'PENDING') THEN 1 ELSE 0 END) AS running,"
        " SUM(CASE WHEN run.state = 'FAILED' THEN 1 ELSE 0 END) AS failed, MAX(flow_run.ts_epoch) AS newest"
        f" FROM flow_run JOIN run ON run.run_id = {_SHARED}{where} GROUP BY {column} ORDER BY newest DESC LIMIT {_MAX_GROUPS}",
        params,
    )
    return [FlowGroup(row["key"], int(row["n"]), int(row["running"]), int(row["failed"]), row["newest"] / 1000) for row in rows]


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
        error_message=_message(row["error"]),
        end_step=row["end_step"],
        pipeline_run_id=row["engine_run"],
    )


def _message(error: str | None) -> str:
    return str((orjson.loads(error) or {}).get("message") or "") if error else ""


def _tasks(tx: Transaction, run_number: int, shared_id: str) -> list[FlowTaskItem]:
    attempts: dict[str, list[FlowAttempt]] = {}
    for row in tx.all("SELECT * FROM attempt WHERE run_id = :run ORDER BY task_id, attempt", {"run": shared_id}):
        attempts.setdefault(row["task_id"], []).append(
            FlowAttempt(row["attempt"], row["state"], row["started_at"], row["finished_at"], _message(row["error"]))
        )
    tracked = _tracked(tx, shared_id)
    facts: dict[tuple[int, str], Any] = {}
    for row in tx.all(
        "SELECT task_number, field_name, value FROM flow_metadata WHERE run_number = :run"
        " AND field_name IN ('foreach-stack', 'origin-task-id') ORDER BY id",
        {"run": run_number},
    ):
        facts[(row["task_number"], row["field_name"])] = orjson.loads(row["value"])
    rows = tx.all(
        "SELECT flow_task.task_number AS task_number, flow_task.step_name AS step_name,"
        " COALESCE(flow_task.task_name, CAST(flow_task.task_number AS TEXT)) AS shown_id, task.*"
        " FROM flow_task JOIN task ON task.task_id = :head || flow_task.step_name || '/' ||"
        " COALESCE(flow_task.task_name, CAST(flow_task.task_number AS TEXT))"
        f" WHERE flow_task.run_number = :run AND flow_task.step_name <> :parameters ORDER BY flow_task.task_number LIMIT {_MAX_TASKS}",
        {"run": run_number, "head": f"{shared_id}/", "parameters": PARAMETERS_STEP},
    )
    return [
        FlowTaskItem(
            step_name=row["step_name"],
            task_id=row["shown_id"],
            state=row["state"],
            created_at=row["created_at"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            error_message=_message(row["error"]),
            foreach=_foreach(facts.get((row["task_number"], "foreach-stack"))),
            origin=str(facts.get((row["task_number"], "origin-task-id")) or ""),
            attempts=attempts.get(row["task_id"], []),
            tracked=tracked.get(row["task_id"], []),
        )
        for row in rows
    ]


def _foreach(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return str(value or "")


def _tracked(tx: Transaction, shared_id: str) -> dict[str, Sequence[TrackedLink]]:
    """Tracked runs by shared task id. A task that the engine runs has the engine's task id as its own name, so that one counts too."""
    found: dict[str, list[TrackedLink]] = {}
    engine_run = shared_id.partition("/")[2]
    for row in tx.all(
        "SELECT COALESCE(f.task_id, r.task_id) AS task_id, r.name AS name, r.display_name AS display_name, r.state AS state,"
        " p.entity AS entity, p.name AS project FROM tracked_run r"
        " JOIN tracked_project p ON p.project_id = r.project_id"
        " LEFT JOIN task f ON f.run_id = :run AND f.task_key = r.task_id AND f.type = 'RUNTIME'"
        " WHERE r.pipeline_run_id IN (:run, :engine) ORDER BY r.created_at",
        {"run": shared_id, "engine": engine_run},
    ):
        found.setdefault(row["task_id"], []).append(
            TrackedLink(row["entity"], row["project"], row["name"], row["display_name"], row["state"])
        )
    return dict(found)
