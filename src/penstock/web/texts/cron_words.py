"""Cron expressions in words, in the reader's language: `0 30 3 * * 1-5` is "at 03:30, on Monday–Friday"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from penstock.domain.errors import PenstockError
from penstock.pipelines.schedules import Cron, every_seconds, parse_cron
from penstock.web.texts import formats, i18n

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WORDS = (
    "every {span}", "at {times}", "every second", "every minute", "every hour", "every {count} seconds", "every {count} minutes",
    "every {count} hours", "at second {values}", "at minute {values}", "in the hours {values}", "on {days}", "on day {days} of the month",
    "on {days} or on day {dates} of the month", "in {months}", "in the zone {zone}",
)  # fmt: skip
"""Texts of which the words are made."""
_ZONE = re.compile(r"\s*(?:CRON_)?TZ=(\S+)\s+")
_FEW_TIMES = 4


def zone_and_rest(expression: str) -> tuple[str, str]:
    """Return the time zone that an expression names in front (empty: none) and what comes after it."""
    named = _ZONE.match(expression)
    return (named.group(1), expression[named.end() :]) if named else ("", expression)


def in_zone(expression: str, zone: str) -> str:
    """Return the expression with `zone` in front, unless it is a period or names a zone itself."""
    if not zone or zone_and_rest(expression)[0] or expression.lower().startswith("@every"):
        return expression
    return f"CRON_TZ={zone} {expression}"


def cron_words(expression: str, language: str) -> str:
    """Say when an expression comes due; empty when it cannot be read."""
    try:
        seconds = every_seconds(expression)
        if seconds is not None:
            return _say(language, "every {span}", span=formats.duration(float(seconds)))
        cron = parse_cron(expression)
    except PenstockError:
        return ""
    zone = zone_and_rest(expression)[0]
    parts = [*_clock_words(cron, language), *_day_words(cron, language)]
    if len(cron.months) < len(MONTHS):
        names = [i18n.translate(language, name) for name in ("", *MONTHS)]
        parts.append(_say(language, "in {months}", months=_ranges(sorted(cron.months), names)))
    if zone:
        parts.append(_say(language, "in the zone {zone}", zone=zone))
    return ", ".join(parts)


def _say(language: str, message: str, **values: object) -> str:
    return i18n.translate(language, message, **values)


def _clock_words(cron: Cron, language: str) -> list[str]:
    if len(cron.hours) * len(cron.minutes) * len(cron.seconds) <= _FEW_TIMES:
        is_whole = cron.seconds == (0,)
        times = [
            f"{hour:02d}:{minute:02d}" + ("" if is_whole else f":{second:02d}")
            for hour in cron.hours for minute in cron.minutes for second in cron.seconds
        ]  # fmt: skip
        return [_say(language, "at {times}", times=", ".join(times))]
    if cron.seconds == cron.minutes == (0,):
        if len(cron.hours) == 24:
            return [_say(language, "every hour")]
        if step := _step(cron.hours, 24):
            return [_say(language, "every {count} hours", count=step)]
    parts = [] if cron.seconds == (0,) else [_unit_words(cron.seconds, 60, "second", language)]
    if not parts or len(cron.minutes) < 60:
        parts.append(_unit_words(cron.minutes, 60, "minute", language))
    if len(cron.hours) < 24:
        step = _step(cron.hours, 24)
        hours = _ranges(cron.hours, [f"{hour:02d}" for hour in range(24)])
        parts.append(_say(language, "every {count} hours", count=step) if step else _say(language, "in the hours {values}", values=hours))
    return parts


def _unit_words(values: Sequence[int], size: int, unit: str, language: str) -> str:
    if len(values) == size:
        return _say(language, f"every {unit}")
    if step := _step(values, size):
        return _say(language, f"every {{count}} {unit}s", count=step)
    return _say(language, f"at {unit} {{values}}", values=_ranges(values, [str(value) for value in range(size)]))


def _step(values: Sequence[int], size: int) -> int:
    """Return the even distance of values that go round from nought, else 0."""
    steps = {second - first for first, second in pairwise(values)}
    if len(steps) != 1 or values[0] != 0:
        return 0
    step = next(iter(steps))
    return step if step > 1 and len(values) * step == size else 0


def _day_words(cron: Cron, language: str) -> list[str]:
    names = [i18n.translate(language, day) for day in (*DAYS[1:], DAYS[0])]
    days = _ranges(sorted((day - 1) % 7 for day in cron.week_days), names)
    dates = _ranges(sorted(cron.month_days), [str(day) for day in range(32)])
    if not cron.any_week_day and not cron.any_month_day:
        return [_say(language, "on {days} or on day {dates} of the month", days=days, dates=dates)]
    parts = [] if cron.any_week_day and len(cron.week_days) == len(DAYS) else [_say(language, "on {days}", days=days)]
    if not (cron.any_month_day and len(cron.month_days) == 31):
        parts.append(_say(language, "on day {days} of the month", days=dates))
    return parts


def _ranges(values: Sequence[int], names: Sequence[str]) -> str:
    """Name values, neighbours of three and more as a range: `09–17, 20`."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    pieces = [[f"{names[run[0]]}–{names[run[-1]]}"] if len(run) > 2 else [names[value] for value in run] for run in runs]
    return ", ".join(piece for group in pieces for piece in group)
