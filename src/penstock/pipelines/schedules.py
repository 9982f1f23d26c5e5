"""When a schedule is due: cron expressions, periods, and what to do about planned times that passed. Pure; time is an argument.

Cron expressions have six fields, seconds first (second minute hour day-of-month month day-of-week), or one of `@every 1h30m`,
`@yearly`, `@annually`, `@monthly`, `@weekly`, `@daily`, `@midnight`, `@hourly`. `CRON_TZ=Europe/Berlin ` (or `TZ=`) in front sets the
zone of one expression. `?` and `*` mean any value. When both day fields
are restricted, a day matches if either does. In a zone with daylight saving, local times that do not exist are passed over; times that
exist twice count once, and both times where every hour is meant: what runs each five minutes does not pause for an hour.

Semantics: kfp protocol notes, section 8; field rules as in robfig/cron, which upstream uses. A five-field line is refused, because
upstream reads it silently as second to month.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise, product
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from penstock.domain.catalog import RecurringRun, Trigger
from penstock.domain.errors import InvalidArgumentError
from penstock.pipelines.event_rules import check_event, describe_event

_MONTHS = {
    name: number
    for number, name in enumerate(("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), start=1)
}
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))}
_DAY_NAMES = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_DESCRIPTORS = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_ZONE = re.compile(r"(?:CRON_)?TZ=(\S+)")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(h|m(?!s)|s|ms)")
_DURATION_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_HOURS = 24
_LONGEST_INTERVAL = 100 * 366 * 24 * 3600
"""Seconds; calendars end with the year 9999, and pages show several times ahead."""
_HORIZON_DAYS = 366 * 8 + 1
"""29 February is at most eight years away; an expression without a match by then (30 February) never fires."""
_MISSED_LISTED = 20
"""Skipped times that get their own record; what is left out beyond is summed up in the last one."""


class Schedule(Protocol):
    """A series of planned times, in seconds since the epoch."""

    def first_after(self, after: float) -> float | None:
        """Return the earliest planned time later than `after`, or None when there is none."""
        ...

    def last_until(self, until: float) -> float | None:
        """Return the latest planned time not later than `until`, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Period:
    """Every `interval_seconds` from `first` on."""

    first: float
    interval_seconds: int

    def first_after(self, after: float) -> float | None:
        """See `Schedule`."""
        if after < self.first:
            return self.first
        return self.first + (int((after - self.first) // self.interval_seconds) + 1) * self.interval_seconds

    def last_until(self, until: float) -> float | None:
        """See `Schedule`."""
        if until < self.first:
            return None
        return self.first + int((until - self.first) // self.interval_seconds) * self.interval_seconds


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed cron expression in a time zone."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    month_days: frozenset[int]
    months: frozenset[int]
    week_days: frozenset[int]
    """0 is Sunday."""
    any_month_day: bool
    any_week_day: bool
    zone: tzinfo = UTC

    def first_after(self, after: float) -> float | None:
        """See `Schedule`."""
        start = datetime.fromtimestamp(after, self.zone)
        for day in _days_from(start.date(), step=1):
            if self._matches_day(day):
                for moment in self._times(day, since=after, until=math.inf):
                    if moment > after:
                        return moment
        return None

    def last_until(self, until: float) -> float | None:
        """See `Schedule`."""
        start = datetime.fromtimestamp(until, self.zone)
        for day in _days_from(start.date(), step=-1):
            if self._matches_day(day):
                for moment in self._times(day, since=-math.inf, until=until, newest_first=True):
                    if moment <= until:
                        return moment
        return None

    def _matches_day(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        in_month = day.day in self.month_days
        in_week = day.isoweekday() % 7 in self.week_days
        return (in_month and in_week) if self.any_month_day or self.any_week_day else (in_month or in_week)

    def _times(self, day: date, *, since: float, until: float, newest_first: bool = False) -> Iterator[float]:
        """Yield the times of a day; minutes wholly before `since` or after `until` are passed over without looking at seconds."""
        turn: Callable[[Sequence[int]], Iterable[int]] = reversed if newest_first else iter
        for hour, fold, minute in product(turn(self.hours), turn(self._folds(day)), turn(self.minutes)):
            local = datetime.combine(day, time(hour, minute, fold=fold), self.zone)
            exact = local.timestamp()
            if exact + 60 <= since or exact > until or (fold and exact == local.replace(fold=0).timestamp()):
                continue
            if datetime.fromtimestamp(exact, self.zone).replace(tzinfo=None) != local.replace(tzinfo=None):
                continue  # a local time that the change to summer time leaves out
            for second in turn(self.seconds):
                yield exact + second

    def _folds(self, day: date) -> Sequence[int]:
        """Which times of those that exist twice count on a day: the first, both where every hour is meant."""
        if len(self.hours) < _HOURS:
            return (0,)
        begin, end = (datetime.combine(one, time(), self.zone).utcoffset() for one in (day, day + timedelta(days=1)))
        return (0,) if begin == end else (0, 1)


def _days_from(day: date, *, step: int) -> Iterator[date]:
    for _ in range(_HORIZON_DAYS):
        yield day
        day += timedelta(days=step)


def parse_cron(text: str, *, zone: tzinfo = UTC) -> Cron:
    """Read a six-field expression or a descriptor other than `@every`; `TZ=<zone> ` or `CRON_TZ=<zone> ` in front names another zone.

    Raises:
        InvalidArgumentError: names the field that is wrong.
    """
    words = _DESCRIPTORS.get(text.strip().lower(), text).split()
    if words and (named := _ZONE.fullmatch(words[0])) is not None:
        zone, words = _zone(named.group(1)), _DESCRIPTORS.get(" ".join(words[1:]).lower(), " ".join(words[1:])).split()
    if len(words) == 5:
        raise InvalidArgumentError(
            f"cron {text!r} has five fields; six are needed, seconds first (second minute hour day month weekday): did you mean '0 {text}'?"
        )
    if len(words) != 6:
        raise InvalidArgumentError(f"cron {text!r} has {len(words)} fields; six are needed: second minute hour day month weekday")
    second, minute, hour, month_day, month, week_day = words
    week_days = frozenset(value % 7 for value in _field(week_day, 0, 7, "day of week", _DAYS))
    return Cron(
        seconds=_field(second, 0, 59, "second"),
        minutes=_field(minute, 0, 59, "minute"),
        hours=_field(hour, 0, 23, "hour"),
        month_days=frozenset(_field(month_day, 1, 31, "day of month")),
        months=frozenset(_field(month, 1, 12, "month", _MONTHS)),
        week_days=week_days,
        any_month_day=_is_any(month_day),
        any_week_day=_is_any(week_day),
        zone=zone,
    )


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidArgumentError(f"cron: there is no time zone {name!r}") from None


def _is_any(field: str) -> bool:
    return any(part.split("/", 1)[0] in {"*", "?"} for part in field.split(","))


def _field(text: str, low: int, high: int, label: str, names: dict[str, int] | None = None) -> tuple[int, ...]:
    values: set[int] = set()
    for part in text.split(","):
        body, slash, step_text = part.partition("/")
        step = _number(step_text, label, {}) if slash else 1
        if body in {"*", "?"}:
            first, last = low, min(high, 6) if label == "day of week" else high
        else:
            start, dash, end = body.partition("-")
            first = _number(start, label, names or {})
            last = _number(end, label, names or {}) if dash else (high if slash else first)
        if step < 1 or not low <= first <= last <= high:
            raise InvalidArgumentError(f"cron: {part!r} is not a valid {label} ({low} to {high})")
        values.update(range(first, last + 1, step))
    return tuple(sorted(values))


def _number(text: str, label: str, names: dict[str, int]) -> int:
    if text.upper() in names:
        return names[text.upper()]
    if not text.isascii() or not text.isdecimal():
        raise InvalidArgumentError(f"cron: {text!r} is not a valid {label}")
    return int(text)


def every_seconds(text: str) -> int | None:
    """Return the seconds of an `@every <Go duration>` expression (at least 1), or None when it is another expression.

    Raises:
        InvalidArgumentError: the duration cannot be read.
    """
    word, _, duration = text.strip().partition(" ")
    if word.lower() != "@every":
        return None
    parts = _DURATION_PART.findall(duration.strip())
    if not parts or "".join(number + unit for number, unit in parts) != duration.strip():
        raise InvalidArgumentError(f"cron {text!r}: {duration!r} is not a duration such as 1h30m")
    return max(1, int(sum(float(number) * _DURATION_SECONDS[unit] for number, unit in parts)))


def schedule_of(trigger: Trigger, *, anchored_at: float, zone: tzinfo = UTC) -> Schedule:
    """Return the series that a trigger set at `anchored_at` plans, regardless of start and end.

    Raises:
        InvalidArgumentError: neither or both kinds of trigger, a bad expression, an interval below one second.
    """
    if trigger.event is not None:
        raise InvalidArgumentError("trigger: an event has no planned times")
    if (trigger.cron is None) == (trigger.interval_seconds is None):
        raise InvalidArgumentError("trigger: give either a cron_schedule or a periodic_schedule")
    if trigger.start_at is not None and trigger.end_at is not None and trigger.end_at < trigger.start_at:
        raise InvalidArgumentError("trigger: end_time is before start_time")
    interval = trigger.interval_seconds if trigger.cron is None else every_seconds(trigger.cron)
    if interval is None:
        return parse_cron(trigger.cron or "", zone=zone)
    if interval < 1:
        raise InvalidArgumentError("trigger: interval_second has to be at least 1")
    start = trigger.start_at
    return Period(start if start is not None and start > anchored_at else anchored_at + interval, interval)


def check_trigger(trigger: Trigger, *, anchored_at: float, zone: tzinfo = UTC) -> None:
    """Require a trigger that can fire: a readable schedule or a complete event.

    Raises:
        InvalidArgumentError: names what is wrong.
    """
    if trigger.event is None:
        schedule_of(trigger, anchored_at=anchored_at, zone=zone)
        interval = trigger.interval_seconds if trigger.cron is None else every_seconds(trigger.cron)
        if interval is not None and interval > _LONGEST_INTERVAL:
            raise InvalidArgumentError("trigger: an interval is at most 100 years")
    elif trigger.cron is not None or trigger.interval_seconds is not None:
        raise InvalidArgumentError("trigger: give either a schedule or an event")
    else:
        check_event(trigger.event)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A planned time that is left out on purpose."""

    planned_at: float
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done about a schedule now."""

    fire: tuple[float, ...] = ()
    """Planned times to create runs for, oldest first."""
    skipped: tuple[Skipped, ...] = ()
    """Planned times to record as left out, oldest first."""
    wake_at: float | None = None
    """When to look again by the clock; None: only when something about it changes (a run ends, someone edits it)."""
    waiting: str = ""
    """Why a due time is held back, a sentence; empty when none is."""
    held_at: float | None = None
    """The due time that is held back by runs that are active."""


def decide(recurring: RecurringRun, *, now: float, active_runs: int, zone: tzinfo = UTC) -> Decision:
    """Decide which planned times of `recurring` are run now, which are left out, and when to look again.

    Missed times run one after the other, oldest first, as far as `max_concurrency` allows; with `no_catchup` only the latest missed
    one does. Times while the schedule was disabled are never made up for.
    """
    if not recurring.is_enabled or recurring.trigger.event is not None:
        return Decision()
    series = _within(recurring, zone)
    after = _considered_until(recurring)
    due = series.first_after(after)
    if due is None:
        return Decision()
    if due > now:
        return Decision(wake_at=due)
    free = recurring.max_concurrency - active_runs
    if free <= 0:
        return Decision(waiting=f"{active_runs} of at most {recurring.max_concurrency} runs are active", held_at=due)
    if recurring.no_catchup:
        return _only_latest(series, due, now)
    fire: list[float] = []
    upcoming: float | None = due
    while upcoming is not None and upcoming <= now and len(fire) < free:
        fire.append(upcoming)
        upcoming = series.first_after(upcoming)
    is_held = upcoming is not None and upcoming <= now
    return Decision(fire=tuple(fire), wake_at=None if is_held else upcoming, waiting="the missed times run one by one" if is_held else "")


def next_times(recurring: RecurringRun, *, now: float, count: int, zone: tzinfo = UTC) -> list[float]:
    """Return up to `count` planned times after `now`, as if it were enabled; none for an event trigger."""
    if recurring.trigger.event is not None:
        return []
    series = _within(recurring, zone)
    times: list[float] = []
    moment = series.first_after(max(now, _considered_until(recurring)))
    while moment is not None and len(times) < count:
        times.append(moment)
        moment = series.first_after(moment)
    return times


def _considered_until(recurring: RecurringRun) -> float:
    return max(recurring.anchored_at, recurring.enabled_at, recurring.last_trigger_at or 0.0)


def _only_latest(series: Schedule, due: float, now: float) -> Decision:
    latest = series.last_until(now)
    if latest is None or latest < due:
        latest = due
    missed: list[float] = []
    moment: float | None = due
    while moment is not None and moment < latest and len(missed) < _MISSED_LISTED:
        missed.append(moment)
        moment = series.first_after(moment)
    skipped = [Skipped(at, "missed; catch-up is off") for at in missed]
    if moment is not None and moment < latest:
        skipped[-1] = Skipped(missed[-1], "missed with all later ones up to the one that ran; catch-up is off")
    return Decision(fire=(latest,), skipped=tuple(skipped), wake_at=series.first_after(latest))


@dataclass(frozen=True, slots=True)
class _Window:
    """A series cut to start and end."""

    inner: Schedule
    start_at: float | None
    end_at: float | None

    def first_after(self, after: float) -> float | None:
        if self.start_at is not None and after < self.start_at:
            after = self.start_at - 1e-6  # a planned time equal to the start counts
        found = self.inner.first_after(after)
        return None if found is not None and self.end_at is not None and found > self.end_at else found

    def last_until(self, until: float) -> float | None:
        found = self.inner.last_until(until if self.end_at is None else min(until, self.end_at))
        return None if found is not None and self.start_at is not None and found < self.start_at else found


def planned_times(recurring: RecurringRun, *, from_at: float, until_at: float, limit: int, zone: tzinfo = UTC) -> list[float]:
    """Return the planned times from `from_at` to `until_at`, both included, as if the trigger had always been set; at most `limit`.

    Raises:
        InvalidArgumentError: it waits for events, which have no planned times.
    """
    trigger = recurring.trigger
    # A period counts from when it was set; for the past its beat is carried on backwards.
    interval = trigger.interval_seconds if trigger.cron is None else every_seconds(trigger.cron)
    anchor = recurring.anchored_at
    if interval is not None and anchor > from_at:
        anchor -= math.ceil((anchor - from_at) / interval + 1) * interval
    series = _Window(schedule_of(replace(trigger, start_at=None), anchored_at=anchor, zone=zone), None, trigger.end_at)
    if interval is not None and trigger.start_at is not None and trigger.start_at > recurring.anchored_at:
        first = trigger.start_at - math.ceil(max(0.0, trigger.start_at - from_at) / interval + 1) * interval
        series = _Window(Period(first, interval), None, trigger.end_at)
    times: list[float] = []
    moment = series.first_after(from_at - 1e-6)
    while moment is not None and moment <= until_at and len(times) < limit:
        times.append(moment)
        moment = series.first_after(moment)
    return times


def _within(recurring: RecurringRun, zone: tzinfo) -> Schedule:
    return series_of(recurring.trigger, anchored_at=recurring.anchored_at, zone=zone)


def series_of(trigger: Trigger, *, anchored_at: float, zone: tzinfo = UTC) -> Schedule:
    """Return the series that a trigger set at `anchored_at` plans, from its start to its end.

    Raises:
        InvalidArgumentError: as `schedule_of`.
    """
    return _Window(schedule_of(trigger, anchored_at=anchored_at, zone=zone), trigger.start_at, trigger.end_at)


def describe(trigger: Trigger) -> str:
    """Return the trigger in words, for example `every 10 minutes` or `at 09:00:00 on Monday`."""
    if trigger.event is not None:
        return describe_event(trigger.event)
    interval = trigger.interval_seconds if trigger.cron is None else every_seconds(trigger.cron)
    if interval is not None:
        return f"every {_span(interval)}"
    cron = parse_cron(trigger.cron or "")
    parts = [_describe_time(cron)]
    if not cron.any_week_day:
        parts.append("on " + _join([_DAY_NAMES[day] for day in sorted(cron.week_days)]))
    if not cron.any_month_day:
        parts.append("on day " + _join([str(day) for day in sorted(cron.month_days)]) + " of the month")
    if len(cron.months) < 12:
        parts.append("in " + _join([date(2000, month, 1).strftime("%B") for month in sorted(cron.months)]))
    if isinstance(cron.zone, ZoneInfo):
        parts.append(f"({cron.zone.key})")
    return " ".join(parts)


def _describe_time(cron: Cron) -> str:
    counts = len(cron.hours), len(cron.minutes), len(cron.seconds)
    if counts[0] * counts[1] * counts[2] <= 4:
        clock = [f"{hour:02d}:{minute:02d}:{second:02d}" for hour in cron.hours for minute in cron.minutes for second in cron.seconds]
        return "at " + _join(clock)
    seconds = "" if counts[2] == 1 and cron.seconds[0] == 0 else _describe_unit(cron.seconds, 60, "second") + ", "
    minutes = _describe_unit(cron.minutes, 60, "minute")
    hours = "" if counts[0] == 24 else ", " + _describe_unit(cron.hours, 24, "hour")
    return seconds + minutes + hours


def _describe_unit(values: Sequence[int], size: int, unit: str) -> str:
    if len(values) == size:
        return f"every {unit}"
    steps = {second - first for first, second in pairwise(values)}
    if len(steps) == 1 and values[0] == 0 and values[-1] + next(iter(steps)) >= size:
        return f"every {next(iter(steps))} {unit}s"
    return f"{unit} {_join([str(value) for value in values])}"


def _span(seconds: int) -> str:
    sizes = (86400, 3600, 60, 1)
    names = ("day", "hour", "minute", "second")
    parts: list[str] = []
    for size, name in zip(sizes, names, strict=True):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(name if count == 1 and not parts and not seconds else f"{count} {name}{'s' if count > 1 else ''}")
    return " ".join(parts)


def _join(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
