"""A paused run starts nothing; what was under way goes on; continued, it ends as if it had never been paused."""

from __future__ import annotations

from penstock.domain.plan import CachePolicy, RetryPolicy, TriggerRule
from penstock.domain.states import RuntimeState
from penstock.engine import events
from penstock.engine.records import reason_of
from tests.support.plans import graph, plan, task
from tests.support.play import FAIL, Play
from tests.support.worlds import World


def pause(world: World) -> None:
    assert world.send(events.PauseRequested(world.clock, "paused by user")) == []


def go_on(world: World) -> None:
    world.send(events.ContinueRequested(world.clock))


def test_what_runs_goes_on_and_nothing_new_starts_until_the_run_is_continued() -> None:
    play = Play(plan(graph("root", task("a"), task("b", after=["a"]), task("c", after=["b"]))))
    pause(play.world)
    assert play.world.state.state is RuntimeState.PAUSED
    play.answer("root/a")
    assert play.world.open() == []
    assert play.states()["b"] == "PENDING"
    assert reason_of(play.world.state, play.node("b")) == "waiting until the run is continued: it is paused"
    go_on(play.world)
    assert (play.world.state.state, play.launched()) == (RuntimeState.RUNNING, ["b"])
    assert set(play.to_end().states().values()) == {"SUCCEEDED"}


def test_a_retry_whose_time_came_in_a_pause_starts_once_when_the_run_is_continued() -> None:
    play = Play(plan(graph("root", task("a", retry=RetryPolicy(1, backoff_seconds=5)))), {"a": [FAIL, {}]})
    play.answer("root/a")
    pause(play.world)
    due = events.RetryDue(play.world.clock, play.node("a").path, 1)
    play.world.send(due)
    play.world.send(due)
    assert play.launched() == []
    go_on(play.world)
    assert play.launched() == ["a"]
    assert play.to_end().node("a").leaf.attempts == 2  # type: ignore[union-attr]


def test_a_cache_that_answers_in_a_pause_starts_nothing_when_it_has_no_result() -> None:
    play = Play(plan(graph("root", task("a", cache=CachePolicy(is_enabled=True)))))
    pause(play.world)
    miss = events.CacheMissed(play.world.clock, play.node("a").path, "first run")
    play.world.send(miss)
    play.world.send(miss)
    assert (play.launched(), play.states()["a"]) == ([], "PENDING")
    go_on(play.world)
    assert play.launched() == ["a"]


def test_a_limit_of_tasks_at_once_holds_also_after_a_pause() -> None:
    play = Play(plan(graph("root", *(task(name) for name in "abcd")), parallelism=2))
    pause(play.world)
    play.answer("root/a").answer("root/b")
    assert play.launched() == []
    go_on(play.world)
    assert play.launched() == ["c", "d"]


def test_a_cancel_ends_the_pause_and_exit_tasks_run() -> None:
    exits = task("bye", after=["b"], trigger=TriggerRule.ALL_DONE, is_exit=True)
    play = Play(plan(graph("root", task("a"), task("b", after=["a"]), exits)))
    pause(play.world)
    play.answer("root/a")
    play.world.send(events.CancelRequested(play.world.clock, "enough", 60.0))
    assert play.launched() == ["bye"]
    assert play.to_end().states() == {"root": "CANCELED", "a": "SUCCEEDED", "b": "CANCELED", "bye": "SUCCEEDED"}


def test_a_pause_outlives_a_crash_and_a_second_one_changes_nothing() -> None:
    play = Play(plan(graph("root", task("a"), task("b", after=["a"]))))
    pause(play.world)
    play.answer("root/a")
    play.world.crash()
    pause(play.world)
    assert (play.world.state.state, play.launched()) == (RuntimeState.PAUSED, [])
    go_on(play.world)
    assert play.launched() == ["b"]


def test_a_run_that_ended_is_not_paused() -> None:
    play = Play(plan(graph("root", task("a")))).to_end()
    pause(play.world)
    assert play.world.state.state is RuntimeState.SUCCEEDED
