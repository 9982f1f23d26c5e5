"""The timeline of a run: bars of its tasks, their order and groups, and the part of it that is looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SORTS: Sequence[tuple[str, str]] = (("start", "Start"), ("duration", "Duration"), ("status", "Status"))
"""Orders of the rows, with their labels."""
_URGENCY = ("FAILED", "CANCELED", "CANCELING", "RUNNING", "PENDING", "PAUSED", "SKIPPED", "SUCCEEDED")
_SHORTEST = 1e-3


@dataclass(frozen=True, slots=True)
class Bar:
    """One task on the timeline, in percent of the whole."""

    task_id: str
    name: str
    state: str
    is_cached: bool
    start: float
    queue: float
    environment: float
    run: float
    upload: float
    seconds: float
    """From its start to its end, as all other pages have it."""
    running_seconds: float
    """Of these, what its own code took."""
    path: str


def timeline_of(tasks: Sequence[Any], start: float, end: float, *, now: float | None = None) -> list[Bar]:
    """Bars for tasks that started, in percent from `start` to `end`; what has not ended goes on until `now` (`end` if not given).

    Phases come from what the executor measured, the rest counts as running.
    """
    whole = max(end - start, 1e-3)
    bars = []
    for task in tasks:
        stop = task.finished_at if task.finished_at is not None else end if now is None else now
        usage = task.detail.get("usage", {}) if isinstance(task.detail.get("usage", {}), Mapping) else {}
        phases = phases_of(task.detail)
        waiting, environment = phases.get("queued", 0.0), phases.get("environment", 0.0)
        # A task is there from the run's begin and waits for others; its own time starts when the executor got it.
        begin = max(task.created_at, min(task.started_at, stop) - waiting - environment)
        total = max(stop - begin, 0.0)
        waiting = min(waiting, total)
        environment = min(environment, total - waiting)
        upload = min(phases.get("upload", 0.0), total - waiting - environment)
        running = total - waiting - environment - upload
        share = 100.0 / whole
        bars.append(
            Bar(
                task_id=task.task_id,
                name=task.label,
                state=task.state,
                is_cached=task.is_cached,
                start=(begin - start) * share,
                queue=waiting * share,
                environment=environment * share,
                run=running * share,
                upload=upload * share,
                seconds=max(stop - task.started_at, 0.0),
                # What was measured is of the last attempt; the bar has them all.
                running_seconds=running if task.attempts > 1 else float(usage.get("run_seconds", running)),
                path=task.path,
            )
        )
    return bars


def phases_of(detail: Mapping[str, Any]) -> dict[str, float]:
    """Seconds an attempt spent queued, on its environment, running and storing results, as far as the executor said."""
    found: dict[str, float] = {}
    for source in (detail, detail.get("usage")):
        if isinstance(source, Mapping):
            for phase in ("queued", "environment", "run", "upload"):
                value = source.get(f"{phase}_seconds")
                if isinstance(value, int | float):
                    found[phase] = float(value)
    return found


@dataclass(frozen=True, slots=True)
class Row:
    """A row: the bar of a task, or the head of a group of them."""

    bar: Bar | None
    name: str = ""
    count: int = 0
    start: float = 0.0
    width: float = 0.0
    seconds: float = 0.0
    """Of a group: what its tasks took together."""


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a run that is looked at."""

    total_seconds: float = 0.0
    """Length of the run so far."""
    begin: float = 0.0
    """Seconds of the run at the left edge."""
    end: float = 0.0
    """Seconds of the run at the right edge."""
    hidden: int = 0
    """Tasks wholly outside of what is looked at."""

    @property
    def is_zoomed(self) -> bool:
        """Whether a part of the run is looked at."""
        return self.begin > 0 or self.end < self.total_seconds


@dataclass(frozen=True, slots=True)
class Timeline(Part):
    """What the timeline view draws."""

    rows: Sequence[Row] = ()
    sort: str = "start"
    is_grouped: bool = False
    task_count: int = 0


def timeline(tasks: Sequence[Any], start: float, end: float, wanted: Mapping[str, str]) -> Timeline:
    """Return the timeline of a run from `start` to `end`, as the address asks: `sort`, `group`, `from` and `to` in seconds of the run."""
    part = part_of(start, end, wanted)
    begin, stop = part.begin, part.end
    bars = timeline_of(tasks, start + begin, start + stop, now=end)
    shown = [bar for bar in bars if bar.start <= 100 and _end(bar) >= 0]
    asked = wanted.get("sort", "")
    sort = asked if asked in {key for key, _ in SORTS} else "start"
    ordered = _ordered(shown, sort)
    is_grouped = bool(wanted.get("group"))
    rows = _grouped(ordered) if is_grouped else [Row(bar) for bar in ordered]
    return Timeline(part.total_seconds, begin, stop, len(bars) - len(shown), rows, sort, is_grouped, len(shown))


def part_of(start: float, end: float, wanted: Mapping[str, str]) -> Part:
    """Return what the address asks to look at (`from` and `to`) of a run from `start` to `end`; the whole where that is no part of it."""
    total = max(end - start, _SHORTEST)
    begin, stop = _seconds(wanted.get("from", ""), 0.0), _seconds(wanted.get("to", ""), total)
    begin, stop = max(0.0, begin), min(total, stop)
    return Part(total, begin, stop) if stop - begin >= _SHORTEST else Part(total, 0.0, total)


def _seconds(text: str, default: float) -> float:
    try:
        value = float(text)
    except ValueError:
        return default
    return value if math.isfinite(value) else default


def _end(bar: Bar) -> float:
    return bar.start + bar.queue + bar.environment + bar.run + bar.upload


def _ordered(bars: Sequence[Bar], sort: str) -> list[Bar]:
    """In order of the begin where `sort` says nothing else."""
    if sort == "duration":
        return sorted(bars, key=lambda bar: -bar.seconds)
    if sort == "status":
        return sorted(bars, key=lambda bar: _URGENCY.index(bar.state) if bar.state in _URGENCY else len(_URGENCY))
    return list(bars)


def _grouped(bars: Sequence[Bar]) -> list[Row]:
    """Bars below a head for their step: tasks of one name, whatever iteration they are; steps in the order of their first bars."""
    steps: dict[str, list[Bar]] = {}
    for bar in bars:
        steps.setdefault(bar.name.partition("[")[0], []).append(bar)
    rows: list[Row] = []
    for name, members in steps.items():
        if len(members) > 1:
            first, last = min(bar.start for bar in members), max(_end(bar) for bar in members)
            rows.append(Row(None, name, len(members), first, last - first, sum(bar.seconds for bar in members)))
        rows += [Row(bar) for bar in members]
    return rows
