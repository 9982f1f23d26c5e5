"""Budgets in SQL (`interfaces.budgets.BudgetStore`), and what counts against them.

Hours of a pipeline are those of attempts, from start to end; of a project, those of its tracked runs, to their end or last sign of life.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any

from penstock.domain.budgets import GROWTH_SECONDS, Budget, BudgetPeriod, BudgetScope, BudgetUse
from penstock.interfaces.budgets import NamedBudget
from penstock.interfaces.page_catalog import NewsItem
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.page_filters import seen_by

_NAMED = (
    "SELECT b.*, pipeline.display_name AS pipeline_name, p.name AS project_name, p.entity FROM budget AS b "
    "LEFT JOIN pipeline ON b.scope = 'pipeline' AND pipeline.pipeline_id = b.scope_id "
    "LEFT JOIN tracked_project p ON b.scope = 'project' AND CAST(p.project_id AS TEXT) = b.scope_id "
    "WHERE (pipeline.pipeline_id IS NOT NULL OR p.project_id IS NOT NULL)"
)
_VERSIONS = "SELECT pipeline_version_id FROM pipeline_version WHERE pipeline_id = :scope"

_HOURS: Mapping[BudgetScope, str] = {
    BudgetScope.PIPELINE: (
        "SELECT attempt.started_at AS began, attempt.finished_at AS ended FROM run JOIN task ON task.run_id = run.run_id "
        f"JOIN attempt ON attempt.task_id = task.task_id WHERE run.pipeline_version_id IN ({_VERSIONS}) "
        "AND (run.finished_at IS NULL OR run.finished_at > :begin) AND attempt.started_at < :now "
        "AND (attempt.finished_at IS NULL OR attempt.finished_at > :begin)"
    ),
    BudgetScope.PROJECT: (
        "SELECT created_at AS began, CASE WHEN state IN ('running', 'preempting', 'pending') THEN NULL "
        "ELSE COALESCE(finished_at, heartbeat_at) END AS ended FROM tracked_run WHERE project_id = :scope AND created_at < :now "
        "AND is_automatic = 0 AND (COALESCE(finished_at, heartbeat_at) > :begin OR state IN ('running', 'preempting'))"
    ),
}
_SPENT = (
    "SELECT COALESCE(SUM(CASE WHEN spent > 0 THEN spent ELSE 0 END), 0) / 3600.0 AS hours FROM (SELECT "
    "(CASE WHEN ended IS NULL OR ended > :now THEN :now ELSE ended END) - (CASE WHEN began < :begin THEN :begin ELSE began END) AS spent "
    "FROM ({spans}) AS spans) AS clipped"
)
_HELD: Mapping[BudgetScope, str] = {
    BudgetScope.PIPELINE: (
        "SELECT artifact.digest, artifact.size_bytes, artifact.created_at AS at FROM run JOIN task ON task.run_id = run.run_id "
        "JOIN artifact ON artifact.task_id = task.task_id "
        f"WHERE run.pipeline_version_id IN ({_VERSIONS}) AND artifact.digest IS NOT NULL"
    ),
    BudgetScope.PROJECT: (
        "SELECT content.blob_digest AS digest, content.size_bytes, version.created_at AS at FROM project_content AS content "
        "LEFT JOIN artifact_version AS version ON version.version_id = content.birth_version_id WHERE content.project_id = :scope "
        "UNION ALL SELECT tracked_file.digest, tracked_file.size_bytes, tracked_file.updated_at AS at FROM tracked_file "
        "JOIN tracked_run ON tracked_run.run_id = tracked_file.run_id WHERE tracked_run.project_id = :scope"
    ),
}
_STORED = (
    "SELECT COALESCE(SUM(size), 0) AS size, COALESCE(SUM(CASE WHEN since > :since THEN size ELSE 0 END), 0) AS added FROM "
    "(SELECT digest, MAX(size_bytes) AS size, MIN(at) AS since FROM ({held}) AS held GROUP BY digest) AS contents"
)


class SqlBudgetStore:
    """`BudgetStore` over the tables `budget` and `budget_passing`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, scope: BudgetScope, scope_id: str) -> NamedBudget | None:
        """See `BudgetStore`."""
        params = {"scope": scope.value, "id": scope_id}
        row = await self._database.read(lambda tx: tx.one(f"{_NAMED} AND b.scope = :scope AND b.scope_id = :id", params))
        return _named(row) if row is not None else None

    async def list(self) -> builtins.list[NamedBudget]:
        """See `BudgetStore`."""
        rows = await self._database.read(lambda tx: tx.all(f"{_NAMED} ORDER BY b.scope, pipeline.display_name, p.entity, p.name"))
        return [_named(row) for row in rows]

    async def put(self, budget: Budget) -> None:
        """See `BudgetStore`."""
        params = {
            "scope": budget.scope.value, "id": budget.scope_id, "hours": budget.hours, "period": budget.period.value,
            "size": budget.size_bytes, "user": budget.user_name, "at": budget.updated_at,
        }  # fmt: skip

        def work(tx: Transaction) -> None:
            _forget(tx, budget.scope, budget.scope_id)
            tx.execute(
                "INSERT INTO budget (scope, scope_id, hours, period, size_bytes, user_name, updated_at) "
                "VALUES (:scope, :id, :hours, :period, :size, :user, :at)",
                params,
            )

        await self._database.write(work)

    async def delete(self, scope: BudgetScope, scope_id: str) -> bool:
        """See `BudgetStore`."""
        return await self._database.write(lambda tx: _forget(tx, scope, scope_id))

    async def use(self, budget: Budget, *, begin: float, now: float) -> BudgetUse:
        """See `BudgetStore`."""
        scope: str | int = int(budget.scope_id) if budget.scope is BudgetScope.PROJECT else budget.scope_id
        params: dict[str, Any] = {"scope": scope, "begin": begin, "now": now, "since": now - GROWTH_SECONDS}

        def work(tx: Transaction) -> BudgetUse:
            spent = tx.one(_SPENT.format(spans=_HOURS[budget.scope]), params) if budget.hours is not None else None
            held = tx.one(_STORED.format(held=_HELD[budget.scope]), params) if budget.size_bytes is not None else None
            return BudgetUse(
                float(spent["hours"]) if spent else 0.0, int(held["size"]) if held else 0, int(held["added"]) if held else 0
            )

        return await self._database.read(work)

    async def note_passing(self, budget: Budget, measure: str, *, began_at: float, detail: str, at: float) -> bool:
        """See `BudgetStore`."""
        params = {
            "scope": budget.scope.value, "id": budget.scope_id, "measure": measure, "began": began_at, "detail": detail, "at": at,
        }  # fmt: skip
        sql = (
            "INSERT INTO budget_passing (scope, scope_id, measure, began_at, detail, at) "
            "VALUES (:scope, :id, :measure, :began, :detail, :at) ON CONFLICT DO NOTHING"
        )
        return await self._database.write(lambda tx: tx.execute(sql, params)) > 0

    async def forget_passing(self, budget: Budget, measure: str) -> None:
        """See `BudgetStore`."""
        params = {"scope": budget.scope.value, "id": budget.scope_id, "measure": measure}
        sql = "DELETE FROM budget_passing WHERE scope = :scope AND scope_id = :id AND measure = :measure"
        await self._database.write(lambda tx: tx.execute(sql, params))


def budget_news(tx: Transaction, since: float, limit: int, reader: str | None) -> list[NewsItem]:
    """Return budgets that were passed after `since`, newest first."""
    rows = tx.all(
        "SELECT passing.detail, passing.at, b.* FROM budget_passing AS passing "
        f"JOIN ({_NAMED}) AS b ON b.scope = passing.scope AND b.scope_id = passing.scope_id "
        f"WHERE passing.at > :since AND {seen_by(reader, 'b.entity')} ORDER BY passing.at DESC LIMIT :limit",
        {"since": since, "limit": limit, "reader": reader},
    )
    found = []
    for row in rows:
        is_project = row["scope"] == BudgetScope.PROJECT.value
        where = f"{row['entity']}/{row['project_name']}" if is_project else row["scope_id"]
        kind = "project_budget" if is_project else "pipeline_budget"
        found.append(NewsItem(kind, row["at"], _named(row).name, row["detail"], where, row["entity"] or ""))
    return found


def _forget(tx: Transaction, scope: BudgetScope, scope_id: str) -> bool:
    """Remove a budget with what was noted of it; whether there was one."""
    params = {"scope": scope.value, "id": scope_id}
    tx.execute("DELETE FROM budget_passing WHERE scope = :scope AND scope_id = :id", params)
    return tx.execute("DELETE FROM budget WHERE scope = :scope AND scope_id = :id", params) > 0


def _named(row: Row) -> NamedBudget:
    budget = Budget(
        BudgetScope(row["scope"]), row["scope_id"], row["hours"], BudgetPeriod(row["period"]), row["size_bytes"], row["user_name"],
        row["updated_at"],
    )  # fmt: skip
    return NamedBudget(budget, row["pipeline_name"] or row["project_name"], row["entity"] or "")
