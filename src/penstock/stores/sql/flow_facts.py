"""Metadata rows and artifacts of recorded flows in SQL.

Semantics: Metaflow protocol notes, section 3. Metadata is only ever added; an artifact row is keyed by task, attempt and name and never
changes once stored. "Latest attempt" is the highest attempt of artifact `name`, which every attempt writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from penstock.domain.flows import FOREACH_SPLITS, ArtifactRow, FlowRun, FlowTask, MetadataRow, NewArtifact, NewMetadata, Page
from penstock.domain.patterns import compile_pattern
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.flow_fan_out import NOTHING
from penstock.stores.sql.flow_projection import PARAMETERS_STEP, project_metadata, project_parameters
from penstock.stores.sql.flows import SqlFlowRegistry, authorship, dump_tags, find_run, find_task, page_clause
from penstock.stores.sql.tracking_flow_tasks import FlowTaskRuns

_TASK_NAME = "COALESCE(flow_task.task_name, CAST(flow_task.task_number AS TEXT))"


class SqlFlowStore(SqlFlowRegistry):
    """`interfaces.flow_store.FlowStore` in SQL: the registry plus facts about tasks."""

    def __init__(self, database: Database, task_runs: FlowTaskRuns | None = None) -> None:
        """Store in `database`; with `task_runs` tasks also get their tracked runs."""
        super().__init__(database)
        self._task_runs = task_runs

    async def add_metadata(
        self, flow_id: str, run_id: str, step_name: str, task_id: str, rows: Sequence[NewMetadata], *, now: float
    ) -> int:
        """See `FlowStore.add_metadata`."""

        def work(tx: Transaction) -> int:
            run = find_run(tx, flow_id, run_id)
            task = find_task(tx, run, step_name, task_id)
            for row in rows:
                tx.execute(
                    "INSERT INTO flow_metadata (run_number, step_name, task_number, field_name, value, type, user_name, ts_epoch, tags,"
                    " system_tags) VALUES (:run, :step, :task, :field, :value, :type, :user, :at, :tags, :system_tags)",
                    {
                        "run": run.run_number,
                        "step": step_name,
                        "task": task.task_number,
                        "field": row.field_name,
                        "value": orjson.dumps(row.value).decode(),
                        "type": row.type,
                        "user": row.by.user_name,
                        "at": int(now * 1000),
                        "tags": dump_tags(row.by.tags),
                        "system_tags": dump_tags(row.by.system_tags),
                    },
                )
            _project(tx, task, rows, now)
            if self._task_runs is not None:
                facts = [{"field_name": item.field_name, "value": item.value, "tags": list(item.by.tags)} for item in rows]
                self._task_runs.follow(tx, task, facts, now)
            return len(rows)

        return await self._write(work)

    async def metadata(self, flow_id: str, run_id: str, step_name: str | None, task_id: str | None, page: Page) -> list[MetadataRow]:
        """See `FlowStore.metadata`."""

        def work(tx: Transaction) -> list[MetadataRow]:
            run = find_run(tx, flow_id, run_id)
            where, params = "flow_metadata.run_number = :run", {"run": run.run_number}
            if step_name is not None and task_id is not None:
                where += " AND flow_metadata.task_number = :task"
                params["task"] = find_task(tx, run, step_name, task_id).task_number
            tail, page_params = page_clause(page, "flow_metadata.ts_epoch", "flow_metadata.id")
            rows = tx.all(
                f"SELECT flow_metadata.*, {_TASK_NAME} AS task_id FROM flow_metadata"
                f" JOIN flow_task ON flow_task.task_number = flow_metadata.task_number WHERE {where}{tail}",
                {**params, **page_params},
            )
            return [_metadata_from_row(run, row) for row in rows]

        return await self._read(work)

    async def matching_tasks(self, flow_id: str, run_id: str, step_name: str, field_name: str | None, pattern: str | None) -> list[str]:
        """See `FlowStore.matching_tasks`."""
        expression = compile_pattern(pattern) if pattern else None

        def work(tx: Transaction) -> list[str]:
            run = find_run(tx, flow_id, run_id)
            head = f"{run.flow_id}/{run.shown_id}/{step_name}/"
            params: dict[str, Any] = {"run": run.run_number, "step": step_name}
            if field_name is None and expression is None:
                rows = tx.all(
                    f"SELECT {_TASK_NAME} AS task_id FROM flow_task WHERE run_number = :run AND step_name = :step ORDER BY task_number",
                    params,
                )
                return [head + row["task_id"] for row in rows]
            sql = (
                f"SELECT {_TASK_NAME} AS task_id, value FROM flow_metadata JOIN flow_task ON flow_task.task_number ="
                " flow_metadata.task_number WHERE flow_metadata.run_number = :run AND flow_metadata.step_name = :step"
            )
            if field_name is not None:
                sql += " AND field_name = :field"
                params["field"] = field_name
            found: dict[str, None] = {}
            for row in tx.all(sql + " ORDER BY flow_metadata.task_number", params):
                value = orjson.loads(row["value"])
                text = value if isinstance(value, str) else orjson.dumps(value).decode()
                if expression is None or expression.is_in(text):
                    found[head + row["task_id"]] = None
            return list(found)

        return await self._read(work)

    async def add_artifacts(
        self, flow_id: str, run_id: str, step_name: str, task_id: str, rows: Sequence[NewArtifact], *, now: float
    ) -> int:
        """See `FlowStore.add_artifacts`."""

        def work(tx: Transaction) -> int:
            run = find_run(tx, flow_id, run_id)
            task = find_task(tx, run, step_name, task_id)
            added = 0
            for row in rows:
                added += tx.execute(
                    "INSERT INTO flow_artifact (task_number, attempt_id, name, run_number, step_name, location, ds_type, sha, type,"
                    " content_type, user_name, ts_epoch, tags, system_tags) VALUES (:task, :attempt, :name, :run, :step, :location, :ds,"
                    " :sha, :type, :content, :user, :at, :tags, :system_tags) ON CONFLICT (task_number, attempt_id, name) DO NOTHING",
                    {
                        "task": task.task_number,
                        "attempt": row.attempt_id,
                        "name": row.name,
                        "run": run.run_number,
                        "step": step_name,
                        "location": row.location,
                        "ds": row.ds_type,
                        "sha": row.sha,
                        "type": row.type,
                        "content": row.content_type,
                        "user": row.by.user_name,
                        "at": int(now * 1000),
                        "tags": dump_tags(row.by.tags),
                        "system_tags": dump_tags(row.by.system_tags),
                    },
                )
            if added and self._task_runs is not None:
                is_fanning_out = any(row.name == FOREACH_SPLITS and row.sha not in NOTHING for row in rows)
                self._task_runs.await_values(tx, task, max(row.attempt_id for row in rows), is_fanning_out=is_fanning_out)
            return added

        return await self._write(work)

    async def artifacts(
        self, flow_id: str, run_id: str, step_name: str | None, task_id: str | None, attempt: int | None, name: str | None, page: Page
    ) -> list[ArtifactRow]:
        """See `FlowStore.artifacts`."""

        def work(tx: Transaction) -> list[ArtifactRow]:
            run = find_run(tx, flow_id, run_id)
            where = "flow_artifact.run_number = :run"
            params: dict[str, Any] = {"run": run.run_number}
            if step_name is not None:
                where += " AND flow_artifact.step_name = :step"
                params["step"] = step_name
            if step_name is not None and task_id is not None:
                where += " AND flow_artifact.task_number = :task"
                params["task"] = find_task(tx, run, step_name, task_id).task_number
            if attempt is not None:
                where += " AND flow_artifact.attempt_id = :attempt"
                params["attempt"] = attempt
            else:
                where += (
                    " AND flow_artifact.attempt_id = (SELECT MAX(newest.attempt_id) FROM flow_artifact newest"
                    " WHERE newest.task_number = flow_artifact.task_number)"
                )
            if name is not None:
                where += " AND flow_artifact.name = :name"
                params["name"] = name
            tail, page_params = page_clause(page, "flow_artifact.ts_epoch", "flow_artifact.task_number", "flow_artifact.name")
            rows = tx.all(
                f"SELECT flow_artifact.*, {_TASK_NAME} AS task_id FROM flow_artifact"
                f" JOIN flow_task ON flow_task.task_number = flow_artifact.task_number WHERE {where}{tail}",
                {**params, **page_params},
            )
            return [_artifact_from_row(run, row) for row in rows]

        return await self._read(work)


def _project(tx: Transaction, task: FlowTask, rows: Sequence[NewMetadata], now: float) -> None:
    if task.step_name == PARAMETERS_STEP:
        for row in rows:
            if row.field_name == "end_step":
                project_parameters(tx, task.run, str(row.value))
        return
    known = tx.one("SELECT end_step FROM flow_run WHERE run_number = :run", {"run": task.run.run_number})
    facts = [{"field_name": item.field_name, "value": item.value, "tags": list(item.by.tags)} for item in rows]
    project_metadata(tx, task, facts, str(known["end_step"]) if known else "end", now)


def _metadata_from_row(run: FlowRun, row: Row) -> MetadataRow:
    return MetadataRow(
        row["id"],
        run,
        row["step_name"],
        row["task_id"],
        row["field_name"],
        orjson.loads(row["value"]),
        row["type"],
        authorship(row),
        row["ts_epoch"],
    )


def _artifact_from_row(run: FlowRun, row: Row) -> ArtifactRow:
    return ArtifactRow(
        run,
        row["step_name"],
        row["task_id"],
        row["name"],
        row["attempt_id"],
        row["location"],
        row["ds_type"],
        row["sha"],
        row["type"],
        row["content_type"],
        row["user_name"],
        row["ts_epoch"],
        row["task_number"],
    )
