"""Times as people write them in filters: a day, a month, a minute or a range of them, read in a time zone.

A text names a period, not a moment: `2026-11-20` is that whole day where the reader is. `created>2026-11-20` is therefore what came after
the day, `created<=2026-11-20` what came until its end, and a range `2026-11-20..2026-11-22` has both of its days. A text with an offset of
its own (`...Z`, `...+09:00`) keeps it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_MAX_NAME = 64
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_TIME = re.compile(r"[T ](\d{2})(:?\d{2})?(:?\d{2})?([.,]\d+)?")
_LENGTHS = ((4, 0.001), (3, 1.0), (2, 60.0), (1, 3600.0))
"""Part of a time that is given last -> seconds that the text stands for."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """From when (included) until when (not included); None: without end."""

    low: float | None
    high: float | None
    is_outside: bool = False
    """What is meant is everything else."""


def zone_named(name: str) -> tzinfo | None:
    """Return the time zone of a name such as `Europe/Berlin`; None when there is none."""
    return None if not name or len(name) > _MAX_NAME else _load(name)


@cache
def _load(name: str) -> tzinfo | None:
    if name == "UTC":
        return UTC  # also where the machine has no data of time zones
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def seconds_of(text: str) -> float | None:
    """Read a span such as `24h` or `1h30m` in seconds; None when it is not one."""
    if not text or _SPAN.sub("", text):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in _SPAN.findall(text))


def bounds_of(operator: str, text: str, zone: tzinfo) -> Bounds | None:
    """Return what a condition on a time asks for, in seconds since the epoch; None when the text is no time.

    Args:
        operator: one of `:` `=` `!=` `<` `<=` `>` `>=`.
        text: a period, or a range `FROM..UNTIL` of which one end may be left out.
        zone: where it is read.
    """
    first, dots, last = text.partition("..")
    if dots:
        begin, end = period_of(first, zone), period_of(last, zone)
        if operator not in {":", "=", "!="} or (first and begin is None) or (last and end is None) or not (first or last):
            return None
        return Bounds(begin[0] if begin else None, end[1] if end else None, operator == "!=")
    period = period_of(text, zone)
    if period is None:
        return None
    low, high = period
    return {
        ">=": Bounds(low, None),
        ">": Bounds(high, None),
        "<": Bounds(None, low),
        "<=": Bounds(None, high),
        "!=": Bounds(low, high, is_outside=True),
    }.get(operator, Bounds(low, high))


def period_of(text: str, zone: tzinfo) -> tuple[float, float] | None:
    """Return begin and end of the month, day, hour, minute or second that a text names; None when it names none."""
    try:
        if month := _MONTH.fullmatch(text):
            first = date(int(month[1]), int(month[2]), 1)
            return _start(first, zone), _start((first + timedelta(days=31)).replace(day=1), zone)
        if (day := _day(text)) is not None:
            return _start(day, zone), _start(day + timedelta(days=1), zone)
        moment = datetime.fromisoformat(text)
        low = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError):
        return None
    time = _TIME.search(text)
    return low, low + next((length for part, length in _LENGTHS if time is not None and time[part]), 1.0)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _start(day: date, zone: tzinfo) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
