"""The reader's time zone: the one that was chosen in the menu of the user, else the browser's, else UTC.

Script tells the server the browser's zone by a cookie, so that pages come with the right times from the second one on; on the first one
script writes them anew (`static/js/clocks.js`, which has the same forms). Fields for times carry the zone that they were shown in, since
the reader may change it before the form is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from urllib.parse import unquote

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.periods import zone_named

CHOSEN_COOKIE = "penstock_zone"
BROWSER_COOKIE = "penstock_browser_zone"


def zone_names(cookies: Mapping[str, str]) -> tuple[str, str]:
    """Return the zone in which to show times, and the one that was chosen (empty when none was)."""
    chosen, of_browser = (unquote(cookies.get(name, "")) for name in (CHOSEN_COOKIE, BROWSER_COOKIE))
    chosen = chosen if zone_named(chosen) is not None else ""
    return chosen or (of_browser if zone_named(of_browser) is not None else "UTC"), chosen


def clock(moment: float | None, zone: str) -> str:
    """Date and time to the second in a zone: `2026-11-29 08:12:03`."""
    return "" if moment is None else datetime.fromtimestamp(moment, _zone(zone)).strftime("%Y-%m-%d %H:%M:%S")


def offset(moment: float, zone: str) -> str:
    """How far a zone is from UTC at a moment: `UTC`, `UTC+1`, `UTC-3:30`."""
    shift = datetime.fromtimestamp(moment, _zone(zone)).utcoffset()
    minutes = 0 if shift is None else round(shift.total_seconds() / 60)
    if minutes == 0:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '-'}{hours}{f':{rest:02d}' if rest else ''}"


def field_text(moment: float | None, zone: str) -> str:
    """Return a moment as a field for dates and times takes it."""
    return "" if moment is None else datetime.fromtimestamp(moment, _zone(zone)).strftime("%Y-%m-%dT%H:%M")


def moment_of(text: str, zone: str) -> float:
    """Return the moment that a field's text names in a zone; a text with an offset of its own keeps that.

    Raises:
        InvalidArgumentError: it is no date and time, or there is no such zone.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidArgumentError(f"{text!r} is not a date and time.") from error
    if moment.tzinfo is not None:
        return moment.timestamp()
    known = zone_named(zone or "UTC")
    if known is None:
        raise InvalidArgumentError(f"{zone[:64]!r} is not a time zone.")
    return moment.replace(tzinfo=known).timestamp()


def reading_zone(parameters: Mapping[str, str], cookies: Mapping[str, str]) -> str:
    """Return the zone in which dates of a filter are read: the one that the address names (`zone`), else the reader's.

    Raises:
        InvalidArgumentError: the address names no time zone.
    """
    named = parameters.get("zone", "")
    if named and zone_named(named) is None:
        raise InvalidArgumentError(f"zone: {named[:64]!r} is not a time zone.")
    return named or zone_names(cookies)[0]


def _zone(name: str) -> tzinfo:
    return zone_named(name) or UTC
