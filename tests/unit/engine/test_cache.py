"""Caching end to end on a real database: hits, reasons of misses, completeness, switches."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import pytest

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.execution import FailureKind
from penstock.domain.expr import Const
from penstock.domain.ids import ArtifactId, Digest
from penstock.domain.plan import CachePolicy, RetryPolicy, RunPlan
from penstock.domain.runs import RunChanged
from penstock.engine.cache_key import cache_key, miss_reason
from penstock.stores.sql.cache import CacheSettings, SqlTaskCache
from penstock.testing.scripted_executor import WAIT, Outcome, failing
from tests.support.engines import Engine
from tests.support.plans import CACHED, flat, from_task, leaf, task


def _plan(x: Any = 1, *, code: str = "1", policy: CachePolicy = CACHED, **fields: Any) -> RunPlan:
    template = leaf("train", inputs=["x"], outputs=["o"], output_artifacts=["model"], identity={"code": code, "image": "i"})
    return flat(task("a", "train", parameters={"x": Const(x)}, cache=policy, **fields), templates=[template])


def _model(content: str = "m", number: int = 1) -> ArtifactRef:
    return ArtifactRef(ArtifactId(number), "model", ArtifactType("system.Model"), f"minio://{number}", {}, Digest(f"sha256:{content}"))


@pytest.fixture(autouse=True)
def _model_task(engine: Engine) -> None:
    engine.executor.scripts["a"] = Outcome(parameters={"o": 5}, artifacts={"model": (_model(),)})


async def test_a_second_run_reuses_the_result_and_the_same_artifacts(engine: Engine) -> None:
    await engine.run(_plan(), "run-1")
    row = await engine.run(_plan(), "run-2")
    assert len(engine.executor.requests) == 1
    assert (row["state"], row["cached_count"], row["done_count"]) == ("SUCCEEDED", 1, 1)
    first, second = engine.tasks("run-1")["root/a"], engine.tasks("run-2")["root/a"]
    assert (second["is_cached"], second["cached_task_id"]) == (1, first["task_id"])
    assert second["cache_reason"] == second["reason"] == "reused from run `name of run-1`"
    assert second["outputs"] == first["outputs"]
    assert len(engine.rows("SELECT * FROM artifact")) == 1
    assert len(engine.rows("SELECT * FROM cache_entry")) == 1
    assert len(engine.rows("SELECT * FROM artifact_use WHERE direction = 'output'")) == 2


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (_plan(2), "parameter `x` changed"),
        (_plan(code="2"), "the code changed"),
        (_plan(2, code="2"), "the code and parameter `x` changed"),
    ],
)
async def test_a_miss_names_what_changed(engine: Engine, second: RunPlan, reason: str) -> None:
    await engine.run(_plan(), "run-1")
    assert engine.tasks("run-1")["root/a"]["cache_reason"] == "first run of this component in this pipeline"
    await engine.run(second, "run-2")
    assert engine.tasks("run-2")["root/a"]["cache_reason"] == reason


async def test_a_result_whose_artifact_is_gone_is_not_used(engine: Engine) -> None:
    await engine.run(_plan(), "run-1")
    engine.missing_blobs.add(Digest("sha256:m"))
    await engine.run(_plan(), "run-2")
    assert engine.tasks("run-2")["root/a"]["cache_reason"] == "artifact `model` of the earlier result no longer exists"
    assert len(engine.executor.requests) == 2


async def test_an_older_complete_result_is_used_when_the_newest_is_not(engine: Engine) -> None:
    await engine.run(_plan(), "run-1")
    engine.clock.advance(10)
    engine.executor.scripts["a"] = Outcome(artifacts={"model": (_model("new", 2),)})
    await engine.run(_plan(), "run-2", options={"no_cache": True})
    engine.clock.advance(10)
    engine.missing_blobs.add(Digest("sha256:new"))
    await engine.run(_plan(), "run-3")
    assert engine.tasks("run-3")["root/a"]["cached_task_id"] == engine.tasks("run-1")["root/a"]["task_id"]


async def test_a_run_may_ignore_the_cache_and_still_feeds_it(engine: Engine) -> None:
    await engine.run(_plan(), "run-1", options={"no_cache": True})
    assert engine.tasks("run-1")["root/a"]["cache_reason"] == "the cache is off for this run"
    await engine.run(_plan(), "run-2")
    assert engine.tasks("run-2")["root/a"]["is_cached"] == 1


def _chain(*components: str) -> RunPlan:
    """Tasks `t0`, `t1`, ... of the named components, each after the one before, with equal inputs."""
    tasks = [task(f"t{n}", name, parameters={"x": Const(1)}, cache=CACHED, after=[f"t{n - 1}"] if n else []) for n, name in enumerate(components)]
    return flat(*tasks, templates=[leaf(name, inputs=["x"], identity={"code": name}) for name in dict.fromkeys(components)])


async def test_a_task_reuses_the_result_of_the_one_right_before_it(engine: Engine) -> None:
    await engine.run(_chain("same", "same", "other"), "run-1")
    tasks = engine.tasks("run-1")
    assert [tasks[f"root/t{n}"]["is_cached"] for n in range(3)] == [0, 1, 0]
    assert tasks["root/t1"]["cached_task_id"] == tasks["root/t0"]["task_id"]


async def test_tasks_found_in_the_cache_one_after_another_are_stored_together(engine: Engine) -> None:
    plan = _chain("one", "two", "three", "four")
    await engine.run(plan, "run-1")
    turns = Counter(event.run_id for event in engine.notifier.events if isinstance(event, RunChanged))
    await engine.run(plan, "run-2")
    turns = Counter(event.run_id for event in engine.notifier.events if isinstance(event, RunChanged)) - turns
    assert turns["run-2"] == 1
    assert [row["type"] for row in engine.rows("SELECT type FROM run_event WHERE run_id = 'run-2' ORDER BY seq")] == [
        "RunSubmitted", *["CacheHit"] * 4]  # fmt: skip


async def test_results_expire_by_the_task_and_by_the_server(engine: Engine) -> None:
    await engine.run(_plan(), "run-1")
    engine.clock.advance(100)
    await engine.run(_plan(policy=CachePolicy(is_enabled=True, max_age_seconds=99)), "run-2")
    assert engine.tasks("run-2")["root/a"]["cache_reason"] == "the earlier result is too old"
    await engine.stop()
    engine.cache_settings = CacheSettings(max_age_seconds=50)
    await engine.start()
    engine.clock.advance(51)
    await engine.run(_plan(), "run-3")
    assert engine.tasks("run-3")["root/a"]["is_cached"] == 0


async def test_the_server_may_switch_the_cache_off(engine: Engine) -> None:
    await engine.run(_plan(), "run-1")
    await engine.stop()
    engine.cache_settings = CacheSettings(is_enabled=False)
    await engine.start()
    await engine.run(_plan(), "run-2")
    assert engine.tasks("run-2")["root/a"]["cache_reason"] == "the cache is switched off on this server"


async def test_a_task_without_caching_is_never_reused(engine: Engine) -> None:
    for run_id in ("run-1", "run-2"):
        await engine.run(_plan(policy=CachePolicy()), run_id)
    assert engine.tasks("run-2")["root/a"]["cache_reason"] == "caching is off for this task"
    assert engine.rows("SELECT * FROM cache_entry") == []


async def test_failed_tasks_are_not_cached_and_retried_ones_once(engine: Engine) -> None:
    engine.executor.scripts["a"] = [failing(kind=FailureKind.EXIT_CODE), Outcome()]
    await engine.run(_plan(retry=RetryPolicy(1)), "run-1")
    assert len(engine.rows("SELECT * FROM cache_entry")) == 1
    engine.executor.scripts["a"] = failing()
    await engine.run(_plan(2), "run-2")
    assert len(engine.rows("SELECT * FROM cache_entry")) == 1


async def test_runs_of_other_pipelines_and_namespaces_do_not_share(engine: Engine) -> None:
    await engine.run(_plan(), "run-1")
    await engine.run(_plan(), "run-2", pipeline_name="other")
    await engine.run(_plan(), "run-3", namespace="other")
    assert [engine.tasks(run)["root/a"]["is_cached"] for run in ("run-2", "run-3")] == [0, 0]


async def test_a_custom_key_stands_for_all_inputs(engine: Engine) -> None:
    policy = CachePolicy(is_enabled=True, custom_key="k")
    await engine.run(_plan(1, policy=policy), "run-1")
    await engine.run(_plan(2, code="2", policy=policy), "run-2")
    assert engine.tasks("run-2")["root/a"]["is_cached"] == 1
    await engine.run(_plan(2, policy=CachePolicy(is_enabled=True, custom_key="other")), "run-3")
    assert engine.tasks("run-3")["root/a"]["cache_reason"] == "the cache key changed"


async def test_equal_content_of_an_input_hits_whatever_its_uri(engine: Engine) -> None:
    template = leaf("use", artifacts={}, outputs=["o"])
    made = flat(task("m"), task("u", "use", artifacts={"d": from_task("m", "d")}, cache=CACHED), templates=[template])
    for number, content, cached in ((1, "same", 0), (2, "same", 1), (3, "other", 0)):
        engine.executor.scripts["m"] = Outcome(artifacts={"d": (_model(content, number),)})
        await engine.run(made, f"run-{number}")
        assert engine.tasks(f"run-{number}")["root/u"]["is_cached"] == cached
    assert engine.tasks("run-3")["root/u"]["cache_reason"] == "artifact `d` changed"


def test_defaults_of_unset_inputs_and_kinds_of_numbers_do_not_count() -> None:
    template = leaf("t", inputs=["x"])
    assert cache_key("s", template, CACHED, {"x": 1}, {}) == cache_key("s", template, CACHED, {"x": 1.0}, {})
    assert cache_key("s", template, CACHED, {"x": 1}, {}) != cache_key("s", template, CACHED, {"x": "1"}, {})


def test_reasons_of_misses() -> None:
    assert miss_reason({"a": "1"}, {"a": "1"}) == "the earlier result is no longer usable"
    many = {f"parameter:{key}": "1" for key in "abcde"}
    assert miss_reason(many, {}) == "parameter `a`, parameter `b`, parameter `c` and 2 more changed"


async def test_facts_of_the_run_in_a_templates_text_take_part(engine: Engine) -> None:
    plan = _plan()
    named = dataclasses.replace(plan.templates["train"], run_fields=("run_id",))
    plan = dataclasses.replace(plan, templates={**plan.templates, "train": named})
    await engine.run(plan, "run-1")
    await engine.run(plan, "run-2")
    assert engine.tasks("run-2")["root/a"]["cache_reason"] == "the run's run id changed"


async def test_what_tasks_usually_take_is_known_of_those_that_were_executed(engine: Engine) -> None:
    engine.executor.scripts["a"] = WAIT
    for number, seconds in enumerate((7, 3, 20)):
        await engine.submit(_plan(number), f"run-{number}")
        await engine.settled()
        engine.clock.advance(seconds)
        engine.executor.release("a", Outcome(parameters={"o": 5}, artifacts={"model": (_model(),)}))
        await engine.settled()
    await engine.run(_plan(0), "run-reused")
    (pipeline,) = {row["pipeline_name"] for row in engine.rows("SELECT pipeline_name FROM run")}
    cache = SqlTaskCache(engine.database, has=lambda digest: True, miss_reason=miss_reason)
    assert await cache.usual_seconds(pipeline) == {"train": 7}
    assert await cache.usual_seconds("another") == {}
