"""Periods of calendars and what a budget's readings say."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from penstock.domain.budgets import Budget, BudgetPeriod, BudgetScope, BudgetUse, period_around, readings_of

SEOUL = ZoneInfo("Asia/Seoul")


def at(text: str, zone: dt.tzinfo = dt.UTC) -> float:
    return dt.datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


@pytest.mark.parametrize(
    ("now", "period", "begin", "end"),
    [
        ("2026-12-31T23:00", BudgetPeriod.DAY, "2026-12-31", "2027-01-01"),
        ("2026-12-31T23:00", BudgetPeriod.WEEK, "2026-12-28", "2027-01-04"),
        ("2026-12-31T23:00", BudgetPeriod.MONTH, "2026-12-01", "2027-01-01"),
        ("2026-02-01T00:00", BudgetPeriod.MONTH, "2026-02-01", "2026-03-01"),
    ],
)
def test_periods_are_those_of_the_calendar_of_the_zone(now: str, period: BudgetPeriod, begin: str, end: str) -> None:
    assert period_around(at(now, SEOUL), period, SEOUL) == (at(begin, SEOUL), at(end, SEOUL))


def test_a_day_with_a_change_of_clocks_has_its_own_length() -> None:
    begin, end = period_around(at("2026-03-29T12:00"), BudgetPeriod.DAY, ZoneInfo("Europe/Berlin"))
    assert end - begin == 23 * 3600


def budget(hours: float | None, size_bytes: int | None = None) -> Budget:
    return Budget(BudgetScope.PIPELINE, "p", hours, BudgetPeriod.DAY, size_bytes, "ann", 0.0)


@pytest.mark.parametrize(
    ("now", "used", "state"),
    [
        ("2026-05-05T12:00", 4.0, "within"),
        ("2026-05-05T12:00", 6.0, "ahead"),
        ("2026-05-05T01:00", 6.0, "within"),
        ("2026-05-05T01:00", 10.5, "over"),
    ],
    ids=["keeps its pace", "too fast", "too early to say", "over"],
)
def test_hours_are_over_or_will_be(now: str, used: float, state: str) -> None:
    (reading,) = readings_of(budget(10.0), BudgetUse(used, 0, 0), now=at(now), zone=dt.UTC)
    assert reading.state == state
    assert (reading.expected is None) is (now == "2026-05-05T01:00")


def test_bytes_grow_as_in_the_last_week_and_what_is_free_is_not_read() -> None:
    (reading,) = readings_of(budget(None, 1000), BudgetUse(99.0, 600, 70), now=0.0, zone=dt.UTC)
    assert (reading.measure, reading.expected, reading.state) == ("bytes", 900, "within")
    (fast,) = readings_of(budget(None, 1000), BudgetUse(99.0, 600, 140), now=0.0, zone=dt.UTC)
    assert fast.state == "ahead"
