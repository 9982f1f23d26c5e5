"""Cron expressions, periods and the decision what to fire."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.domain.catalog import RecurringRun, Trigger
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.ids import ExperimentId, RecurringRunId
from penstock.pipelines.schedules import Period, check_trigger, decide, describe, every_seconds, next_times, parse_cron, schedule_of


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def schedule(trigger: Trigger, **fields: object) -> RecurringRun:
    base = RecurringRun(
        recurring_run_id=RecurringRunId("s"), display_name="s", description="", experiment_id=ExperimentId("e"), namespace="",
        trigger=trigger, max_concurrency=1, no_catchup=False, is_enabled=True, created_at=1000.0, updated_at=1000.0,
        enabled_at=1000.0, anchored_at=1000.0,
    )  # fmt: skip
    return replace(base, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("0 0 9 ? * 2-6", "2026-01-03T10:00:00", "2026-01-06T09:00:00"),
        ("0 0 9 ? * MON-FRI", "2026-01-03T10:00:00", "2026-01-05T09:00:00"),
        ("*/15 * * * * *", "2026-01-01T00:00:14", "2026-01-01T00:00:15"),
        ("*/15 * * * * *", "2026-01-01T00:00:15", "2026-01-01T00:00:30"),
        ("0 0 0 29 2 *", "2025-03-01T00:00:00", "2028-02-29T00:00:00"),
        ("0 0 12 13 * FRI", "2026-01-01T00:00:00", "2026-01-02T12:00:00"),
        ("0 0 0 31 * ?", "2026-02-01T00:00:00", "2026-03-31T00:00:00"),
        ("@daily", "2026-01-01T00:00:00", "2026-01-02T00:00:00"),
        ("@weekly", "2026-01-01T00:00:00", "2026-01-04T00:00:00"),
        ("@hourly", "2026-01-01T00:59:59", "2026-01-01T01:00:00"),
        ("0 0 0 1 JAN 7", "2026-02-01T00:00:00", "2027-01-01T00:00:00"),
        ("30 5/10 * * * *", "2026-01-01T00:05:30", "2026-01-01T00:15:30"),
    ],
)
def test_next_time_of_a_cron_expression(expression: str, after: str, expected: str) -> None:
    cron = parse_cron(expression)
    assert cron.first_after(at(after)) == at(expected)
    assert cron.last_until(at(expected)) == at(expected)
    assert (cron.last_until(at(expected) - 1) or 0) <= at(after)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 9 * * 1", "six"),
        ("* * *", "3 fields"),
        ("60 * * * * *", "second"),
        ("0 0 24 * * *", "hour"),
        ("0 0 0 0 * *", "day of month"),
        ("0 0 0 * 13 *", "month"),
        ("0 0 0 * * 8", "day of week"),
        ("0 0 5-1 * * *", "hour"),
        ("0 */0 * * * *", "minute"),
        ("0 0 x * * *", "hour"),
        ("@sometimes", "1 fields"),
        ("", "0 fields"),
        ("0 0 ² * * *", "hour"),
    ],
)
def test_a_wrong_expression_is_refused_naming_the_field(expression: str, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        parse_cron(expression)


def test_a_date_that_never_comes_never_fires() -> None:
    assert parse_cron("0 0 0 30 2 *").first_after(0.0) is None


def test_summer_time_leaves_out_what_does_not_exist_and_fires_once_where_hours_repeat() -> None:
    cron = parse_cron("0 30 2 * * *", zone=ZoneInfo("Europe/Berlin"))
    assert cron.first_after(at("2026-03-28T12:00:00")) == at("2026-03-30T00:30:00")  # 29 March has no 02:30
    first = cron.first_after(at("2026-10-24T12:00:00"))
    assert first == at("2026-10-25T00:30:00")
    assert cron.first_after(first) == at("2026-10-26T01:30:00")


@pytest.mark.parametrize(
    ("zone", "text", "begin", "gap"),
    [
        ("Europe/Berlin", "0 */5 * * * *", "2026-10-24T23:00:00", 300), ("Europe/Berlin", "0 0 * * * *", "2026-10-24T20:00:00", 3600),
        ("Europe/Berlin", "30 59 * * * *", "2026-03-28T20:00:00", 3600), ("America/New_York", "0 */20 * * * *", "2026-11-01T02:00:00", 1200),
        ("Australia/Lord_Howe", "0 */10 * * * *", "2026-04-04T12:00:00", 600), ("America/Havana", "0 30 * * * *", "2026-11-01T00:00:00", 3600),
    ],
)  # fmt: skip
def test_what_runs_at_every_hour_keeps_its_beat_when_clocks_change(zone: str, text: str, begin: str, gap: int) -> None:
    cron = parse_cron(text, zone=ZoneInfo(zone))
    moments = [at(begin)]
    while moments[-1] < at(begin) + 14 * 3600:
        moment = cron.first_after(moments[-1])
        assert moment is not None
        moments.append(moment)
    assert {later - earlier for earlier, later in pairwise(moments[1:])} == {gap}
    assert [cron.last_until(moment + gap - 1) for moment in moments[1:]] == moments[1:]


field = st.sampled_from(["*", "*/7", "3", "1-5", "2,9", "0/20"])


@settings(max_examples=60, deadline=None)
@given(second=field, minute=field, hour=st.sampled_from(["*", "3", "*/5"]), day=st.sampled_from(["*", "1", "15,31"]), week=st.sampled_from(["*", "1", "5"]))
def test_agrees_with_another_implementation(second: str, minute: str, hour: str, day: str, week: str) -> None:
    start = at("2026-05-17T13:37:11")
    ours = parse_cron(f"{second} {minute} {hour} {day} * {week}")
    theirs = croniter(f"{minute.replace('0/', '*/')} {hour} {day} * {week} {second.replace('0/', '*/')}", start)
    moment: float | None = start
    for _ in range(4):
        moment = ours.first_after(moment or 0.0)
        assert moment == theirs.get_next(float)


@pytest.mark.parametrize(("text", "seconds"), [("@every 1h30m", 5400), ("@every 90s", 90), ("@every 500ms", 1), ("@every 1h", 3600), ("@daily", None)])
def test_every(text: str, seconds: int | None) -> None:
    assert every_seconds(text) == seconds


@pytest.mark.parametrize("text", ["@every", "@every x", "@every 1h-5m", "@every 5"])
def test_a_wrong_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError):
        every_seconds(text)


def test_a_period_starts_one_interval_after_creation_or_at_its_start() -> None:
    assert schedule_of(Trigger(interval_seconds=10), anchored_at=100.0) == Period(110.0, 10)
    assert schedule_of(Trigger(interval_seconds=10, start_at=50.0), anchored_at=100.0) == Period(110.0, 10)
    assert schedule_of(Trigger(interval_seconds=10, start_at=150.0), anchored_at=100.0) == Period(150.0, 10)


@pytest.mark.parametrize("trigger", [Trigger(interval_seconds=10**10), Trigger(cron="@every 99999999h")])
def test_a_trigger_that_would_fire_after_all_calendars_is_refused(trigger: Trigger) -> None:
    with pytest.raises(InvalidArgumentError, match="at most 100 years"):
        check_trigger(trigger, anchored_at=0.0)


@pytest.mark.parametrize(
    "trigger", [Trigger(), Trigger(cron="@daily", interval_seconds=3), Trigger(interval_seconds=0), Trigger(interval_seconds=1, start_at=9.0, end_at=3.0)]
)
def test_a_wrong_trigger_is_refused(trigger: Trigger) -> None:
    with pytest.raises(InvalidArgumentError):
        schedule_of(trigger, anchored_at=0.0)


def test_missed_times_run_oldest_first_as_concurrency_allows() -> None:
    recurring = schedule(Trigger(interval_seconds=10), max_concurrency=2)
    decision = decide(recurring, now=1045.0, active_runs=0)
    assert decision.fire == (1010.0, 1020.0)
    assert decision.wake_at is None
    assert decision.waiting
    decision = decide(replace(recurring, last_trigger_at=1020.0), now=1045.0, active_runs=1)
    assert decision.fire == (1030.0,)
    decision = decide(replace(recurring, last_trigger_at=1030.0), now=1045.0, active_runs=0)
    assert (decision.fire, decision.wake_at) == ((1040.0,), 1050.0)


def test_nothing_fires_while_all_slots_are_taken() -> None:
    decision = decide(schedule(Trigger(interval_seconds=10)), now=1045.0, active_runs=1)
    assert decision.fire == ()
    assert "1 of at most 1" in decision.waiting


def test_without_catchup_only_the_latest_missed_time_runs() -> None:
    decision = decide(schedule(Trigger(interval_seconds=10), no_catchup=True), now=1045.0, active_runs=0)
    assert decision.fire == (1040.0,)
    assert [one.planned_at for one in decision.skipped] == [1010.0, 1020.0, 1030.0]
    assert all("catch-up is off" in one.reason for one in decision.skipped)
    assert decision.wake_at == 1050.0


def test_a_month_of_missed_seconds_is_not_walked_through() -> None:
    decision = decide(schedule(Trigger(cron="* * * * * *"), no_catchup=True), now=1000.0 + 30 * 86400, active_runs=0)
    assert decision.fire == (1000.0 + 30 * 86400,)
    assert len(decision.skipped) == 20
    assert "all later ones" in decision.skipped[-1].reason


def test_times_while_disabled_are_not_made_up_for() -> None:
    recurring = schedule(Trigger(interval_seconds=10), last_trigger_at=1010.0, enabled_at=1042.0)
    assert decide(recurring, now=1045.0, active_runs=0).wake_at == 1050.0
    assert decide(replace(recurring, is_enabled=False), now=9999.0, active_runs=0).wake_at is None


def test_start_and_end_bound_the_series() -> None:
    recurring = schedule(Trigger(cron="0 * * * * *", start_at=1200.0, end_at=1320.0))
    assert next_times(recurring, now=1000.0, count=9) == [1200.0, 1260.0, 1320.0]
    over = decide(replace(recurring, last_trigger_at=1320.0), now=5000.0, active_runs=0)
    assert (over.fire, over.wake_at) == ((), None)


@pytest.mark.parametrize(
    ("trigger", "text"),
    [
        (Trigger(interval_seconds=600), "every 10 minutes"),
        (Trigger(interval_seconds=3600), "every hour"),
        (Trigger(cron="@every 1h30m"), "every 1 hour 30 minutes"),
        (Trigger(cron="0 0 9 * * 1"), "at 09:00:00 on Monday"),
        (Trigger(cron="0 */10 * * * *"), "every 10 minutes"),
        (Trigger(cron="0 30 6 1,15 JAN *"), "at 06:30:00 on day 1 and 15 of the month in January"),
    ],
)
def test_triggers_in_words(trigger: Trigger, text: str) -> None:
    assert describe(trigger) == text


@pytest.mark.parametrize("prefix", ["TZ=", "CRON_TZ="])
def test_an_expression_may_name_its_own_zone(prefix: str) -> None:
    cron = parse_cron(f"{prefix}Asia/Seoul 0 30 4 * * *", zone=ZoneInfo("Europe/Berlin"))
    assert cron.first_after(at("2026-01-01T00:00:00")) == at("2026-01-01T19:30:00")
    assert describe(Trigger(cron=f"{prefix}Asia/Seoul 0 30 4 * * *")).endswith("(Asia/Seoul)")
    with pytest.raises(InvalidArgumentError, match="Middle/Earth"):
        parse_cron(f"{prefix}Middle/Earth 0 30 4 * * *")
