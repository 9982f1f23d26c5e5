"""Reports and saved views: created, changed, listed, deleted. Their documents are the clients' and are not interpreted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from penstock.domain.errors import ConflictError, InvalidArgumentError, NotFoundError
from penstock.domain.reports import Report
from penstock.interfaces.clock import Clock
from penstock.interfaces.reports import ReportStore

CHART_KIND = "custom-chart"
"""Kind under which definitions of custom charts (`Api().create_custom_chart`) are kept, in the entity's default project."""
_MAX_SPEC = 25 << 20


class ReportService:
    """Use cases on reports. All methods block."""

    def __init__(self, store: ReportStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def create(
        self,
        project_id: int,
        user_name: str,
        *,
        kind: str,
        name: str,
        display_name: str = "",
        description: str = "",
        spec: str = "{}",
    ) -> Report:
        """Store a new report.

        Raises:
            InvalidArgumentError: `spec` is not JSON or too large.
        """
        _check_spec(spec)
        now = self._clock.now()
        return self._store.add_report(
            Report(0, project_id, kind, name, display_name or name, description, spec, user_name, False, now, now)
        )

    def change(
        self,
        report_id: int,
        *,
        kind: str | None = None,
        name: str | None = None,
        display_name: str | None = None,
        description: str | None = None,
        spec: str | None = None,
        is_locked: bool | None = None,
    ) -> Report:
        """Change what is not None.

        Raises:
            NotFoundError: no such report.
            InvalidArgumentError: `spec` is not JSON or too large.
            ConflictError: the report is locked and stays so.
        """
        known = self._store.report(report_id)
        if known is None:
            raise NotFoundError(f"no report with id {report_id}")
        if known.is_locked and is_locked is not False:
            raise ConflictError(f"report {known.display_name!r} is locked")
        if spec is not None:
            _check_spec(spec)
        changed = replace(
            known,
            kind=known.kind if kind is None else kind,
            name=known.name if name is None else name,
            display_name=known.display_name if display_name is None else display_name,
            description=known.description if description is None else description,
            spec=known.spec if spec is None else spec,
            is_locked=known.is_locked if is_locked is None else is_locked,
            updated_at=self._clock.now(),
        )
        self._store.put_report(changed)
        return changed

    def get(self, report_id: int) -> Report | None:
        """Return the report, or None."""
        return self._store.report(report_id)

    def list(
        self,
        project_id: int,
        *,
        kind: str | None = None,
        name: str | None = None,
        user_name: str | None = None,
        offset: int = 0,
        limit: int = 50,
    ) -> tuple[Sequence[Report], int]:
        """Return reports, newest change first, and how many match; `name` is a report's name or the one that it is shown by."""
        return self._store.reports(project_id, kind=kind, name=name, user_name=user_name, offset=offset, limit=limit)

    def count(self, project_id: int, *, kinds: Sequence[str]) -> int:
        """Return how many reports of these kinds a project has."""
        return self._store.count(project_id, kinds=kinds)

    def titles(self, project_id: int, *, kinds: Sequence[str], words: Sequence[str], limit: int) -> Sequence[Report]:
        """Return reports of these kinds, newest change first, without what they say; those with every word in title or description."""
        return self._store.titles(project_id, kinds=kinds, words=words, limit=limit)

    def delete(self, report_id: int) -> bool:
        """Remove a report; whether it existed."""
        return self._store.delete_report(report_id)


def _check_spec(spec: str) -> None:
    if len(spec) > _MAX_SPEC:
        raise InvalidArgumentError(f"a report has at most {_MAX_SPEC} characters")
    try:
        json.loads(spec)
    except ValueError as error:
        raise InvalidArgumentError(f"the report is not JSON: {error}") from error
