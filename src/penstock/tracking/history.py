"""Reading a run's series: history rows, system metrics, sampled columns, charts. Writing is `tracking.filestream`'s business.

Semantics: wandb.md section 9. Rows come back as JSON text (`JSONString`), sampled rows as plain values in which numbers may be NaN
or infinite; adapters turn those into texts where their format needs it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.ids import TrackedRunId
from penstock.domain.tracking import SeriesInfo
from penstock.interfaces.task_traces import TaskTraces, TaskUse
from penstock.interfaces.tracking_store import ChartSeries, SampleSpec, SeriesStore

HISTORY = "history"
EVENTS = "events"
DEFAULT_SAMPLES = 500
_MAX_ROWS = 100_000
"""Most rows of one answer, whatever a client asks for."""


class HistoryService:
    """Use cases that read series."""

    def __init__(self, series: SeriesStore, traces: TaskTraces | None = None) -> None:
        self._series = series
        self._traces = traces

    async def info(self, run_id: TrackedRunId) -> SeriesInfo:
        """Return line counts, tails, first and last step and keys."""
        return await self._series.info(run_id)

    async def kinds(self, run_ids: Sequence[TrackedRunId]) -> Sequence[Mapping[str, Mapping[str, int]]]:
        """Return, for each run, the keys of its history with their values by type."""
        return await self._series.kinds(run_ids)

    async def rows(
        self, run_id: TrackedRunId, *, min_step: int | None = None, max_step: int | None = None, samples: int | None = None
    ) -> Sequence[str]:
        """Return history rows as JSON texts, ascending steps; `min_step` inclusive, `max_step` exclusive.

        With a bound it is a page of a scan: every row of the page. Without one the rows are thinned out evenly to `samples`
        (default 500), first and last kept.
        """
        if min_step is None and max_step is None:
            return await self._series.rows(run_id, HISTORY, min_step=None, max_step=None, samples=samples or DEFAULT_SAMPLES)
        return await self._series.rows(run_id, HISTORY, min_step=min_step, max_step=max_step, samples=None)

    async def events(self, run_id: TrackedRunId, *, samples: int | None = None) -> Sequence[str]:
        """Return system metrics rows as JSON texts in order of arrival, thinned out evenly to `samples` (default 500).

        A task that no client has reported for has one row: what its newest attempt used.
        """
        rows = await self._series.rows(run_id, EVENTS, min_step=None, max_step=None, samples=samples or DEFAULT_SAMPLES)
        if rows or self._traces is None:
            return rows
        use = await self._traces.use(run_id)
        return [] if use is None else [row_of_use(use)]

    async def sampled(self, run_id: TrackedRunId, specs: Sequence[str]) -> Sequence[Sequence[Mapping[str, Any]]]:
        """Return, per spec, the rows that have all keys of the spec, projected to them.

        A spec is JSON text `{"keys": [...], "samples": N, "minStep": a, "maxStep": b}`. `maxStep` is exclusive when
        `samples <= maxStep - minStep` and inclusive otherwise, which serves both readings in use (wandb.md section 9).

        Raises:
            InvalidArgumentError: a spec cannot be understood.
        """
        return [await self._series.sample(run_id, parse_spec(text)) for text in specs]

    async def chart(
        self,
        run_id: TrackedRunId,
        key: str,
        *,
        x_key: str = "_step",
        points: int = 1000,
        stream: str = HISTORY,
        min_step: int | None = None,
        max_step: int | None = None,
    ) -> ChartSeries:
        """Return the drawing of a numeric key in at most `points` buckets, each with its extremes and last value."""
        return await self._series.chart(
            run_id, stream, key=key, x_key=x_key, points=max(1, min(points, 20_000)), min_step=min_step, max_step=max_step
        )

    async def first_step(self, run_id: TrackedRunId) -> int | None:
        """Return the lowest step, for the stub of `parquetHistory.liveData`; None without history."""
        return (await self._series.info(run_id)).first_step

    async def keys_document(self, run_id: TrackedRunId) -> Mapping[str, Any] | None:
        """Return what `Run.historyKeys` answers, or None for a run without history."""
        return keys_document(await self._series.info(run_id))


def keys_document(info: SeriesInfo) -> Mapping[str, Any] | None:
    """Return what `Run.historyKeys` answers (wandb.md section 9), or None for a run without history."""
    if info.last_step is None:
        return None
    keys = {
        stats.key: {
            "typeCounts": [{"type": kind, "count": count} for kind, count in stats.counts.items()],
            "monotonic": stats.is_monotonic,
            "previousValue": stats.previous_value,
        }
        for stats in info.keys
    }
    return {"lastStep": info.last_step, "sets": [], "keys": keys}


def tail_document(tail: str | None) -> str:
    """Return `historyTail` / `eventsTail`: JSON text of a list of row texts, `[]` when there is no row (wandb.md 6.4)."""
    return json.dumps([tail] if tail is not None else [])


def parse_spec(text: str) -> SampleSpec:
    """Read one spec of `sampledHistory`.

    Raises:
        InvalidArgumentError: it is not JSON, has no keys or bounds that are no numbers.
    """
    try:
        spec = json.loads(text)
        keys = tuple(dict.fromkeys(str(key) for key in spec["keys"]))
        samples = DEFAULT_SAMPLES if spec.get("samples") is None else max(1, min(int(spec["samples"]), _MAX_ROWS))
        low = None if spec.get("minStep") is None else int(spec["minStep"])
        high = None if spec.get("maxStep") is None else int(spec["maxStep"])
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise InvalidArgumentError(f"cannot understand the history spec {text[:200]!r}") from error
    if not keys:
        raise InvalidArgumentError("a history spec needs at least one key")
    if high is not None and samples > high - (low or 0):
        high += 1
    is_page = high is not None and low is not None and samples >= high - low - 1
    return SampleSpec(
        keys=keys, samples=samples, min_step=low, max_step=high, every_row=is_page and samples >= (high or 0) - (low or 0) - 1
    )


def row_of_use(use: TaskUse) -> str:
    """Return what a task used as one row of system metrics, in the form in which clients send theirs."""
    row: dict[str, Any] = {"_wandb": True, "_timestamp": use.finished_at, "_runtime": use.finished_at - use.started_at}
    return json.dumps(row | {f"system.task.{name}": value for name, value in sorted(use.usage.items())})
