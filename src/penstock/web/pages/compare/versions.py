"""What stands on the tab Versions of an artifact: metrics of the runs at the step at which each was logged, one file in two versions."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from penstock.domain.ids import Digest
from penstock.domain.numbers import finite_number
from penstock.domain.versions import ArtifactVersion, ManifestEntry
from penstock.interfaces.tracking_pages import VersionItem
from penstock.tracking.artifacts import hex_md5
from penstock.web.comparisons.files import FileDiff, compare_previews
from penstock.web.previews.content import Preview, preview_of
from penstock.web.previews.tables import ROW_CHOICES
from penstock.web.services.tracking import TrackingServices, caller_of
from penstock.web.services.web import WebServices

MAX_VERSIONS = 30
"""Versions of a table, the newest first, whose runs are asked for metrics."""
MAX_KEYS = 6
_STEPS_BACK = 20
"""Steps before the one at which a version was logged that are looked at for the last value of each metric."""


@dataclass(frozen=True, slots=True)
class LoggedMetrics:
    """Numbers that the runs had logged when they logged the versions."""

    keys: Sequence[str]
    """The metrics that most versions have, `MAX_KEYS` at most."""
    values: Mapping[int, Mapping[str, float]]
    """Last values by version."""


async def logged_metrics(tracking: TrackingServices, request: Request, versions: Sequence[VersionItem]) -> LoggedMetrics:
    """Return the metrics of each version's run at the step at which it was logged; runs that the reader may not see have none."""
    shown = [item for item in versions[:MAX_VERSIONS] if item.creator_run_id is not None and item.history_step is not None]
    runs = await tracking.pages.runs([item.creator_run_id for item in shown if item.creator_run_id is not None])
    caller = caller_of(tracking, request)
    values: dict[int, Mapping[str, float]] = {}
    for item in shown:
        run = runs.get(item.creator_run_id) if item.creator_run_id is not None else None
        if run is None or item.history_step is None or not tracking.accounts.is_readable(caller, run.entity):
            continue
        low = max(0, item.history_step - _STEPS_BACK)
        rows = await tracking.history.rows(run.run_id, min_step=low, max_step=item.history_step + 1)
        if numbers := _last_numbers(rows):
            values[item.version_id] = numbers
    counts = Counter(key for numbers in values.values() for key in numbers)
    return LoggedMetrics([key for key, _ in counts.most_common(MAX_KEYS)], values)


def _last_numbers(rows: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in rows:
        row = json.loads(text)
        found.update((key, value) for key, value in row.items() if finite_number(value) is not None and not key.startswith("_"))
    return found


async def compared_file(
    services: WebServices, tracking: TrackingServices, old: ArtifactVersion, new: ArtifactVersion, path: str
) -> FileDiff | None:
    """Return what differs between two states of a file; None where a version has no such file here."""

    def work() -> FileDiff | None:
        sides = [_preview(services, tracking, version, path) for version in (old, new)]
        if sides[0] is None or sides[1] is None:
            return None
        return compare_previews(path, sides[0], sides[1])

    return await asyncio.to_thread(work)


def _preview(services: WebServices, tracking: TrackingServices, version: ArtifactVersion, path: str) -> Preview | None:
    named = tracking.artifacts.listing(version).named([path])
    digest, size = stored_content(tracking, version, named[0]) if named else (None, 0)
    if digest is None:
        return None
    return preview_of(services.blobs, digest=digest, type_="", is_directory=False, size=size, name="", rows=ROW_CHOICES[-1])


def stored_content(tracking: TrackingServices, version: ArtifactVersion, entry: ManifestEntry) -> tuple[Digest | None, int]:
    """Return where the bytes of an entry are; None for a reference to elsewhere."""
    if entry.ref is not None and "://" in entry.ref:
        return None, 0
    content = tracking.artifacts.content(version.project_id, hex_md5(entry.digest))
    return (content.blob_digest, content.size_bytes) if content is not None else (None, 0)
