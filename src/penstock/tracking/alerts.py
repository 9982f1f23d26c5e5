"""Alerts that programs raise (`run.alert`): kept with the run, one per title and waiting time (wandb.md section 6.7)."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.domain.ids import TrackedRunId
from penstock.domain.reports import Alert, AlertSeverity
from penstock.interfaces.clock import Clock
from penstock.interfaces.reports import AlertStore

DEFAULT_WAIT_SECONDS = 60.0
_MAX_TITLE = 1000
_MAX_TEXT = 100_000


class AlertService:
    """Use cases on alerts. All methods block."""

    def __init__(self, store: AlertStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def raise_alert(
        self, run_id: TrackedRunId, *, title: str, text: str, severity: AlertSeverity, wait_seconds: float = DEFAULT_WAIT_SECONDS
    ) -> Alert | None:
        """Keep an alert; None when one of the same title was raised less than `wait_seconds` ago."""
        now = self._clock.now()
        return self._store.add_alert(run_id, title[:_MAX_TITLE], text[:_MAX_TEXT], severity, at=now, not_since=now - wait_seconds)

    def list(self, *, run_id: TrackedRunId | None = None, limit: int = 100) -> Sequence[Alert]:
        """Return alerts, newest first; of one run if given."""
        return self._store.alerts(run_id=run_id, limit=limit)
