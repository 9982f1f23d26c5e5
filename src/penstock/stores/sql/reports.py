"""Reports and alerts in SQL (`interfaces.reports`)."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.domain.ids import TrackedRunId
from penstock.domain.reports import FROZEN_KIND, Alert, AlertSeverity, Report
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.page_filters import Where
from penstock.stores.sql.version_rows import only

_TITLE = "report_id, project_id, type, name, display_name, description, '' AS spec, user_name, is_locked, created_at, updated_at"


class SqlReportStore:
    """`ReportStore` over `report`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_report(self, report: Report) -> Report:
        """See `ReportStore.add_report`."""
        row = self._database.write_sync(
            lambda tx: only(
                tx,
                "INSERT INTO report (project_id, type, name, display_name, description, spec, user_name, is_locked, created_at, updated_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
                (report.project_id, *_columns(report), report.user_name, int(report.is_locked), report.created_at, report.updated_at),
            )
        )
        return _report(row)

    def put_report(self, report: Report) -> None:
        """See `ReportStore.put_report`."""
        sql = (
            "UPDATE report SET type = ?, name = ?, display_name = ?, description = ?, spec = ?, is_locked = ?, updated_at = ?"
            " WHERE report_id = ?"
        )
        values = (*_columns(report), int(report.is_locked), report.updated_at, report.report_id)
        self._database.write_sync(lambda tx: tx.execute(sql, values))

    def report(self, report_id: int) -> Report | None:
        """See `ReportStore.report`."""
        row = self._database.read_sync(lambda tx: tx.one("SELECT * FROM report WHERE report_id = ?", (report_id,)))
        return None if row is None else _report(row)

    def reports(
        self,
        project_id: int,
        *,
        kind: str | None,
        name: str | None,
        user_name: str | None,
        offset: int,
        limit: int,
    ) -> tuple[Sequence[Report], int]:
        """See `ReportStore.reports`."""
        where = (
            "project_id = :project AND (type = :type OR (:type = '' AND type <> :hidden))"
            " AND (:name = '' OR name = :name OR display_name = :name) AND (:user_name = '' OR user_name = :user_name)"
        )
        words = {"type": kind or "", "name": name or "", "user_name": user_name or "", "hidden": FROZEN_KIND}
        values = {"project": project_id, **words, "limit": limit, "offset": offset}

        def work(tx: Transaction) -> tuple[list[Report], int]:
            rows = tx.all(
                f"SELECT * FROM report WHERE {where} ORDER BY updated_at DESC, report_id DESC LIMIT :limit OFFSET :offset", values
            )
            total = only(tx, f"SELECT COUNT(*) AS n FROM report WHERE {where}", values)
            return [_report(row) for row in rows], int(total["n"])

        return self._database.read_sync(work)

    def count(self, project_id: int, *, kinds: Sequence[str]) -> int:
        """See `ReportStore.count`."""

        def work(tx: Transaction) -> int:
            where = Where(tx, now=0.0)
            where.equals("project_id", project_id)
            where.among("type", kinds)
            return int(only(tx, f"SELECT COUNT(*) AS n FROM report {where.sql()}", where.params)["n"])

        return self._database.read_sync(work)

    def titles(self, project_id: int, *, kinds: Sequence[str], words: Sequence[str], limit: int) -> Sequence[Report]:
        """See `ReportStore.titles`."""

        def of_kind(tx: Transaction, kind: str) -> list[Report]:
            where = Where(tx, now=0.0)
            where.equals("project_id", project_id)
            where.equals("type", kind)
            for word in words:
                where.add(where.contains("(display_name || ' ' || name || ' ' || description)", word))
            rows = tx.all(f"SELECT {_TITLE} FROM report {where.sql()} ORDER BY updated_at DESC LIMIT {where.bind(limit)}", where.params)
            return [_report(row) for row in rows]

        found = self._database.read_sync(lambda tx: [report for kind in kinds for report in of_kind(tx, kind)])
        return sorted(found, key=lambda report: (-report.updated_at, -report.report_id))[:limit]

    def delete_report(self, report_id: int) -> bool:
        """See `ReportStore.delete_report`."""
        return self._database.write_sync(lambda tx: tx.execute("DELETE FROM report WHERE report_id = ?", (report_id,))) > 0


class SqlAlertStore:
    """`AlertStore` over `alert`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_alert(
        self, run_id: TrackedRunId, title: str, text: str, severity: AlertSeverity, *, at: float, not_since: float
    ) -> Alert | None:
        """See `AlertStore.add_alert`."""

        def work(tx: Transaction) -> Row | None:
            recent = "SELECT 1 FROM alert WHERE tracked_run_id = ? AND title = ? AND created_at > ?"
            if tx.one(recent, (run_id, title, not_since)) is not None:
                return None
            return only(
                tx,
                "INSERT INTO alert (tracked_run_id, title, text, severity, created_at) VALUES (?, ?, ?, ?, ?) RETURNING *",
                (run_id, title, text, severity.value, at),
            )

        row = self._database.write_sync(work)
        return None if row is None else _alert(row)

    def alerts(self, *, run_id: TrackedRunId | None, limit: int) -> Sequence[Alert]:
        """See `AlertStore.alerts`."""
        where, values = ("WHERE tracked_run_id = ?", (run_id, limit)) if run_id is not None else ("", (limit,))
        sql = f"SELECT * FROM alert {where} ORDER BY created_at DESC, alert_id DESC LIMIT ?"
        return [_alert(row) for row in self._database.read_sync(lambda tx: tx.all(sql, values))]


def _columns(report: Report) -> tuple[str, str, str, str, str]:
    return report.kind, report.name, report.display_name, report.description, report.spec


def _report(row: Row) -> Report:
    return Report(
        report_id=row["report_id"],
        project_id=row["project_id"],
        kind=row["type"],
        name=row["name"],
        display_name=row["display_name"],
        description=row["description"],
        spec=row["spec"],
        user_name=row["user_name"],
        is_locked=bool(row["is_locked"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _alert(row: Row) -> Alert:
    severity = AlertSeverity(row["severity"])
    return Alert(row["alert_id"], TrackedRunId(row["tracked_run_id"]), row["title"], row["text"], severity, row["created_at"])
