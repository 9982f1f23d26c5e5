"""Reports and saved views: documents of clients, kept as they are; and alerts that programs raise."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from penstock.domain.accounts import Caller, Role
from penstock.domain.errors import PermissionDeniedError
from penstock.domain.ids import TrackedRunId

FROZEN_KIND = "penstock/frozen"
"""Kind of documents that hold what a report's panels showed when they were frozen; clients neither read nor write them."""
COMMENT_KIND = "penstock/comment"
"""Kind of what somebody wrote below a report; the name of such a document is the id of the report."""


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

    def is_changeable_by(self, caller: Caller) -> bool:
        """Whether who may write to the project may change or remove this: of comments their author and administrators alone."""
        return self.kind != COMMENT_KIND or self.user_name == caller.user_name or caller.role is Role.ADMIN

    def check_changeable_by(self, caller: Caller) -> None:
        """Make sure of it.

        Raises:
            PermissionDeniedError: it is a comment of somebody else.
        """
        if not self.is_changeable_by(caller):
            raise PermissionDeniedError(f"This comment is {self.user_name}'s; its author or an administrator may change or delete it.")


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
