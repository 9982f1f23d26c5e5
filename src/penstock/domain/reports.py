"""Reports and saved views: documents of clients, kept as they are; and alerts that programs raise."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from penstock.domain.ids import TrackedRunId

FROZEN_KIND = "penstock/frozen"
"""Kind of documents that hold what a report's panels showed when they were frozen; clients neither read nor write them."""


@dataclass(frozen=True, slots=True)
class Report:
    """A document of a project."""

    report_id: int
    project_id: int
    kind: str
    """`runs` (a report), `runs/draft`, `project-view`, ..."""
    name: str
    display_name: str
    description: str
    spec: str
    """JSON text as sent."""
    user_name: str
    is_locked: bool
    created_at: float
    updated_at: float


class AlertSeverity(StrEnum):
    """How urgent an alert is."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a program wanted people to know."""

    alert_id: int
    run_id: TrackedRunId
    title: str
    text: str
    severity: AlertSeverity
    created_at: float
