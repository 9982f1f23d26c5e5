"""Recurring runs over HTTP and by the clock: what fires, what is skipped, and that nothing fires twice."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.background.recurrence import RecurrenceService
from penstock.domain.ids import RecurringRunId
from penstock.pipelines.recurring_runs import HeldBack
from penstock.stores.sql import pages_recurring
from penstock.stores.sql.pages_catalog import SqlCatalogPages
from penstock.testing.scripted_executor import WAIT
from tests.support.kfp_api import KfpApi, pipeline_spec


def body(**fields: Any) -> dict[str, Any]:
    return {
        "display_name": "job",
        "pipeline_spec": pipeline_spec(),
        "runtime_config": {"parameters": {"text": "[[Index]] at [[ScheduledTime]]", "n": "[[Index]]"}},
        "max_concurrency": "1",
        "trigger": {"periodic_schedule": {"interval_second": "10"}},
        "mode": "ENABLE",
        **fields,
    }


async def runs_of(api: KfpApi) -> list[dict[str, Any]]:
    return list((await api.call("GET", "/runs", sort_by="scheduled_at", page_size=200)).get("runs", []))


async def finish_all(api: KfpApi) -> None:
    for run in await runs_of(api):
        await api.ended(run["run_id"])


async def test_a_schedule_fires_with_macros_and_records_it(api: KfpApi) -> None:
    created = await api.call("POST", "/recurringruns", body())
    assert (created["status"], created["mode"], created["max_concurrency"]) == ("ENABLED", "ENABLE", "1")
    assert created["schedule_text"] == "every 10 seconds"
    start = api.clock.now()
    assert await api.services.recurring_runs.fire_due() == start + 10
    api.clock.advance(10.5)
    assert await api.services.recurring_runs.fire_due() == start + 20
    [run] = await runs_of(api)
    assert run["recurring_run_id"] == created["recurring_run_id"]
    assert run["runtime_config"]["parameters"] == {"text": "1 at 20231114221330", "n": 1}
    assert run["scheduled_at"] == "2023-11-14T22:13:30Z"
    assert run["display_name"].startswith("job-1-")
    history = await api.call("GET", f"/recurringruns/{created['recurring_run_id']}/ticks")
    assert [(tick["outcome"], tick["run_id"]) for tick in history["ticks"]] == [("FIRED", run["run_id"])]
    assert history["next_times"][0] == "2023-11-14T22:13:40Z"
    listed = await api.call("GET", "/recurringruns")
    assert [one["display_name"] for one in listed["recurringRuns"]] == ["job"]


async def test_firing_again_after_a_crash_before_the_record_makes_no_second_run(api: KfpApi) -> None:
    created = await api.call("POST", "/recurringruns", body())
    api.clock.advance(10)
    await api.services.recurring_runs.fire_due()
    recurring_id = created["recurring_run_id"]

    def forget(tx: Any) -> None:  # the state a kill between the two transactions leaves
        tx.execute("DELETE FROM recurring_tick")
        tx.execute("UPDATE recurring_run SET last_trigger_at = NULL, trigger_index = 0")

    await api.database.write(forget)
    await finish_all(api)
    await api.services.recurring_runs.fire_due()
    assert len(await runs_of(api)) == 1
    history = await api.call("GET", f"/recurringruns/{recurring_id}/ticks")
    assert [tick["outcome"] for tick in history["ticks"]] == ["FIRED"]


async def test_concurrency_holds_back_and_catchup_runs_everything_in_order(api: KfpApi) -> None:
    api.scripts["work"] = WAIT
    await api.call("POST", "/recurringruns", body())
    api.clock.advance(35)
    await api.services.recurring_runs.fire_due()
    await api.services.recurring_runs.fire_due()
    assert len(await runs_of(api)) == 1
    for _ in range(2):
        await api.driver._turn_over()
        while not api.executor.waiting():
            await api.driver._turn_over()
        api.executor.release("work")
        await api.ended((await runs_of(api))[-1]["run_id"])
        await api.services.recurring_runs.fire_due()
    assert [run["scheduled_at"][-3:-1] for run in await runs_of(api)] == ["30", "40", "50"]


async def test_a_time_that_comes_while_a_run_is_active_is_held_back_and_tells_which_it_overlapped(api: KfpApi) -> None:
    api.scripts["work"] = WAIT
    created = await api.call("POST", "/recurringruns", body())
    recurring_id, start = RecurringRunId(created["recurring_run_id"]), api.clock.now()
    service, pages = api.services.recurring_runs, SqlCatalogPages(api.database)
    api.clock.advance(10.5)
    await service.fire_due()
    assert await service.held_back(recurring_id) is None
    [first] = await runs_of(api)
    api.clock.advance(10)
    await service.fire_due()
    assert await service.held_back(recurring_id) == HeldBack(start + 20, 1)
    while not api.executor.waiting():
        await api.driver._turn_over()
    api.executor.release("work")
    await api.ended(first["run_id"])
    await service.fire_due()
    assert await service.held_back(recurring_id) is None
    found = await pages.recurring(recurring_id)
    assert found is not None
    assert [[run_id for run_id, _ in tick.overlapped] for tick in found[1]] == [[first["run_id"]], []]


async def test_a_run_that_is_older_than_the_history_that_is_shown_is_told_as_overlapped(api: KfpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages_recurring, "MOST_TICKS", 2)
    api.scripts["work"] = WAIT
    created = await api.call("POST", "/recurringruns", body(max_concurrency=5))
    service, pages = api.services.recurring_runs, SqlCatalogPages(api.database)
    for _ in range(4):
        api.clock.advance(10.5)
        await service.fire_due()
    runs = [run["run_id"] for run in await runs_of(api)]
    newest = await pages.recurring(created["recurring_run_id"])
    assert newest is not None
    assert [sorted(run_id for run_id, _ in tick.overlapped) for tick in newest[1]] == [sorted(runs[:3]), sorted(runs[:2])]
    earlier = await pages.recurring(created["recurring_run_id"], before=newest[1][-1].planned_at)
    assert earlier is not None
    assert [[run_id for run_id, _ in tick.overlapped] for tick in earlier[1]] == [runs[:1], []]


async def test_without_catchup_missed_times_are_skipped_and_say_so(api: KfpApi) -> None:
    created = await api.call("POST", "/recurringruns", body(no_catchup=True))
    api.clock.advance(45)
    await api.services.recurring_runs.fire_due()
    assert [run["scheduled_at"][-9:-1] for run in await runs_of(api)] == ["22:14:00"]
    history = await api.call("GET", f"/recurringruns/{created['recurring_run_id']}/ticks")
    assert [tick["outcome"] for tick in history["ticks"]] == ["FIRED", "SKIPPED", "SKIPPED", "SKIPPED"]
    assert "catch-up" in history["ticks"][1]["reason"]


async def test_disabling_stops_and_enabling_skips_the_time_between(api: KfpApi) -> None:
    created = await api.call("POST", "/recurringruns", body())
    path = f"/recurringruns/{created['recurring_run_id']}"
    await api.call("POST", f"{path}:disable")
    api.clock.advance(1000)
    assert await api.services.recurring_runs.fire_due() is None
    await api.call("POST", f"{path}:enable")
    await api.services.recurring_runs.fire_due()
    assert await runs_of(api) == []
    api.clock.advance(10)
    await api.services.recurring_runs.fire_due()
    assert len(await runs_of(api)) == 1


async def test_archiving_the_experiment_disables_its_schedules(api: KfpApi) -> None:
    experiment = await api.call("POST", "/experiments", {"display_name": "e"})
    created = await api.call("POST", "/recurringruns", body(experiment_id=experiment["experiment_id"]))
    await api.call("POST", f"/experiments/{experiment['experiment_id']}:archive")
    assert (await api.call("GET", f"/recurringruns/{created['recurring_run_id']}"))["status"] == "DISABLED"


async def test_patch_changes_parts_and_a_wrong_patch_changes_nothing(api: KfpApi) -> None:
    created = await api.call("POST", "/recurringruns", body())
    path = f"/recurringruns/{created['recurring_run_id']}"
    changed = await api.call("PATCH", path, {"trigger": {"cron_schedule": {"cron": "0 0 9 * * 1"}}, "max_concurrency": 3})
    assert changed["trigger"] == {"cron_schedule": {"cron": "0 0 9 * * 1"}}
    assert (changed["max_concurrency"], changed["display_name"], changed["mode"]) == ("3", "job", "ENABLE")
    renamed = await api.call("PATCH", path, {"display_name": "other", "mode": "DISABLE", "runtime_config": {"parameters": {"text": "new"}}})
    assert (renamed["display_name"], renamed["status"]) == ("other", "DISABLED")
    assert renamed["runtime_config"]["parameters"] == {"text": "new"}
    for wrong in ({"max_concurrency": 0}, {"trigger": {"cron_schedule": {"cron": "x"}}}, {"runtime_config": {"parameters": {"no": 1}}}):
        await api.refused("PATCH", path, wrong, status=400, code=3)
    after = await api.call("GET", path)
    assert after == {**renamed, "updated_at": after["updated_at"]}


@pytest.mark.parametrize(
    "change",
    [
        {"display_name": ""},
        {"max_concurrency": 0},
        {"max_concurrency": 11},
        {"trigger": {}},
        {"trigger": {"cron_schedule": {"cron": "0 9 * * 1"}}},
        {"trigger": {"cron_schedule": {"cron": "bad"}}},
        {"trigger": {"periodic_schedule": {"interval_second": 0}}},
        {"trigger": {"cron_schedule": {"cron": "@daily"}, "periodic_schedule": {"interval_second": 1}}},
        {"pipeline_spec": None},
        {"runtime_config": {"parameters": {}}},
        {"mode": "PERHAPS"},
    ],
)
async def test_wrong_schedules_are_refused(api: KfpApi, change: dict[str, Any]) -> None:
    await api.refused("POST", "/recurringruns", body(**change), status=400, code=3)


async def test_a_schedule_whose_pipeline_is_gone_records_the_error_and_goes_on(api: KfpApi) -> None:
    pipeline = await api.upload(json.dumps(pipeline_spec()).encode(), file_name="p.json", name="p")
    reference = {"pipeline_id": pipeline["pipeline_id"]}
    created = await api.call("POST", "/recurringruns", body(pipeline_spec=None, pipeline_version_reference=reference))
    await api.call("DELETE", f"/pipelines/{pipeline['pipeline_id']}", cascade="true")
    api.clock.advance(10)
    await api.services.recurring_runs.fire_due()
    got = await api.call("GET", f"/recurringruns/{created['recurring_run_id']}")
    assert "does not exist" in got["error"]["message"]
    [tick] = await api.services.recurring_runs.ticks(RecurringRunId(created["recurring_run_id"]))
    assert tick.outcome.value == "error"


async def test_a_schedule_of_only_a_pipeline_takes_the_version_that_is_latest_at_each_time(api: KfpApi) -> None:
    pipeline = await api.upload(json.dumps(pipeline_spec()).encode(), file_name="p.json", name="p")
    pipeline_id = pipeline["pipeline_id"]
    await api.call("POST", "/recurringruns", body(pipeline_spec=None, pipeline_version_reference={"pipeline_id": pipeline_id}, max_concurrency=9))
    api.clock.advance(10)
    await api.services.recurring_runs.fire_due()
    later = await api.upload(json.dumps(pipeline_spec()).encode(), path="/pipelines/upload_version", pipelineid=pipeline_id, name="v2")
    api.clock.advance(10)
    await api.services.recurring_runs.fire_due()
    used = [run["pipeline_version_reference"]["pipeline_version_id"] for run in await runs_of(api)]
    assert used[0] != later["pipeline_version_id"]
    assert used[1:] == [later["pipeline_version_id"]]


async def test_the_service_fires_by_timer_and_on_news(api: KfpApi) -> None:
    service = RecurrenceService(api.services.recurring_runs, clock=api.clock, timers=api.clock, notifier=api.notifier)
    await service.start()

    async def rounds(number: int) -> None:
        for _ in range(2000):
            if service.rounds >= number:
                return
            await api.database.read(lambda tx: tx.one("SELECT 1 AS x"))
        raise AssertionError("the service does not look at its schedules")

    await rounds(1)
    seen = service.rounds
    await api.call("POST", "/recurringruns", body())
    await rounds(seen + 1)
    assert api.clock.now() + 10 in api.clock.pending()
    seen = service.rounds
    api.clock.advance(10)
    await rounds(seen + 1)
    assert len(await runs_of(api)) == 1
    await service.stop()
