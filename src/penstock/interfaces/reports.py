"""Stores of reports and alerts. Methods block; each is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from penstock.domain.ids import TrackedRunId
from penstock.domain.reports import Alert, AlertSeverity, Report


class ReportStore(Protocol):
    """Reports by project."""

    def add_report(self, report: Report) -> Report:
        """Store a new report; its id in the argument is ignored."""
        ...

    def put_report(self, report: Report) -> None:
        """Replace a stored report."""
        ...

    def report(self, report_id: int) -> Report | None:
        """Return the report, or None."""
        ...

    def reports(
        self, project_id: int, *, kind: str | None, name: str | None, user_name: str | None, offset: int, limit: int
    ) -> tuple[Sequence[Report], int]:
        """Return reports, newest change first, and how many match; `name` is a report's name or the one that it is shown by."""
        ...

    def count(self, project_id: int, *, kinds: Sequence[str]) -> int:
        """Return how many reports of these kinds a project has."""
        ...

    def titles(self, project_id: int, *, kinds: Sequence[str], words: Sequence[str], limit: int) -> Sequence[Report]:
        """Return reports of these kinds, newest change first, without what they say; those with every word in title or description."""
        ...

    def delete_report(self, report_id: int) -> bool:
        """Remove a report; whether it existed."""
        ...


class AlertStore(Protocol):
    """Alerts by run."""

    def add_alert(
        self, run_id: TrackedRunId, title: str, text: str, severity: AlertSeverity, *, at: float, not_since: float
    ) -> Alert | None:
        """Store an alert unless one of the same title was stored for the run after `not_since`; None says so."""
        ...

    def alerts(self, *, run_id: TrackedRunId | None, limit: int) -> Sequence[Alert]:
        """Return alerts, newest first; of one run if given."""
        ...
