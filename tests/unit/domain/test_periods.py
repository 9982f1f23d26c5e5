"""Dates of filters: whole days, months and minutes where the reader is, on days of 23 and 25 hours too."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from penstock.domain.periods import Bounds, bounds_of, period_of, zone_named

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> float:
    """Seconds of an ISO time with an offset."""
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-11-20", "2026-11-20T00:00+01:00", "2026-11-21T00:00+01:00"),
        ("2026-03-29", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"),
        ("2026-10-25", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),
        ("2026-12", "2026-12-01T00:00+01:00", "2027-01-01T00:00+01:00"),
        ("2026-11-20T14", "2026-11-20T14:00+01:00", "2026-11-20T15:00+01:00"),
        ("2026-11-20 14:30", "2026-11-20T14:30+01:00", "2026-11-20T14:31+01:00"),
        ("2026-11-20T14:30:05", "2026-11-20T14:30:05+01:00", "2026-11-20T14:30:06+01:00"),
        ("2026-11-20T14:30:05.250", "2026-11-20T14:30:05.250+01:00", "2026-11-20T14:30:05.251+01:00"),
        ("2026-11-20T14:30Z", "2026-11-20T14:30+00:00", "2026-11-20T14:31+00:00"),
        ("2026-11-20T14:30+09:00", "2026-11-20T14:30+09:00", "2026-11-20T14:31+09:00"),
    ],
)
def test_a_text_is_a_period_where_the_reader_is(text: str, first: str, last: str) -> None:
    assert period_of(text, BERLIN) == pytest.approx((at(first), at(last)), abs=1e-6)


@pytest.mark.parametrize("text", ["", "yesterday", "2026", "2026-13", "2026-02-30", "12:00", "9999-12-31", "2026-11-20T25:00"])
def test_what_is_no_time_or_has_no_end_is_none(text: str) -> None:
    assert period_of(text, ZoneInfo("Asia/Seoul")) is None


def test_comparisons_are_with_the_whole_period() -> None:
    low, high = period_of("2026-11-20", BERLIN) or (0.0, 0.0)
    assert bounds_of(">", "2026-11-20", BERLIN) == Bounds(high, None)
    assert bounds_of(">=", "2026-11-20", BERLIN) == Bounds(low, None)
    assert bounds_of("<", "2026-11-20", BERLIN) == Bounds(None, low)
    assert bounds_of("<=", "2026-11-20", BERLIN) == Bounds(None, high)
    assert bounds_of(":", "2026-11-20", BERLIN) == bounds_of("=", "2026-11-20", BERLIN) == Bounds(low, high)
    assert bounds_of("!=", "2026-11-20", BERLIN) == Bounds(low, high, is_outside=True)


def test_a_range_has_both_of_its_ends() -> None:
    low, high = (period_of("2026-11-20", BERLIN) or (0.0, 0.0))[0], (period_of("2026-11-22", BERLIN) or (0.0, 0.0))[1]
    assert bounds_of(":", "2026-11-20..2026-11-22", BERLIN) == Bounds(low, high)
    assert bounds_of(":", "2026-11-20..", BERLIN) == Bounds(low, None)
    assert bounds_of("=", "..2026-11-22", BERLIN) == Bounds(None, high)
    for operator, text in ((":", ".."), (":", "2026-11-20..soon"), (">", "2026-11-20.."), (":", "a..b")):
        assert bounds_of(operator, text, BERLIN) is None


def test_zones_are_known_by_name_and_nothing_else_is_opened() -> None:
    assert zone_named("UTC") is UTC
    assert zone_named("Europe/Berlin") == BERLIN
    for name in ("", "../../etc/passwd", "/etc/localtime", "Mars/Base", "x" * 5000):
        assert zone_named(name) is None
