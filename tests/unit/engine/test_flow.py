"""Order, triggers, conditions, fail-fast, limits, exit tasks, retries, cancel: the rules of a graph."""

from __future__ import annotations

import json

import pytest

from penstock.domain.execution import Failure, FailureKind
from penstock.domain.expr import Call, Const, FinalStatus, OwnInput, RunField, ScopeInput
from penstock.domain.plan import ParameterSpec, ParameterType, RetryPolicy, TriggerRule
from penstock.engine import events
from penstock.engine.records import reason_of
from penstock.engine.retry import GiveUp, Relaunch, RetryLater, decide
from tests.support.plans import const, flat, graph, leaf, output, plan, task
from tests.support.play import FAIL, Play

ALL_DONE = TriggerRule.ALL_DONE


def test_dependents_wait_for_all_they_depend_on() -> None:
    play = Play(flat(task("a"), task("b"), task("c", after=["a", "b"])))
    assert play.launched() == ["a", "b"]
    play.answer("root/a")
    assert play.launched() == ["b"]
    play.answer("root/b")
    assert play.launched() == ["c"]


def test_a_skipped_task_skips_its_dependents_and_does_not_fail_the_run() -> None:
    play = Play(flat(task("a", condition=Const(False)), task("b", after=["a"]), task("c", after=["b"]), task("d"))).to_end()
    assert play.states() == {"root": "SUCCEEDED", "a": "SKIPPED", "b": "SKIPPED", "c": "SKIPPED", "d": "SUCCEEDED"}
    assert play.node("a").reason == "its condition is false"
    assert play.node("b").reason == "skipped because `a` was skipped"


def test_a_graph_whose_tasks_are_all_skipped_succeeds() -> None:
    inner = graph("inner", task("a", condition=Const(False)))
    assert Play(plan(graph("root", task("in", "inner")), inner)).to_end().states()["in"] == "SUCCEEDED"


def test_argo_dependencies_accept_tasks_skipped_by_their_own_condition_only() -> None:
    rule = TriggerRule.ALL_SUCCEEDED_OR_SKIPPED
    play = Play(flat(task("a", condition=Const(False)), task("b", after=["a"], trigger=rule))).to_end()
    assert play.states()["b"] == "SUCCEEDED"
    omitted = flat(task("a"), task("b", after=["a"], trigger=rule), task("c", after=["b"], trigger=rule), fail_fast=False)
    assert Play(omitted, {"a": FAIL}).to_end().states() == {"root": "FAILED", "a": "FAILED", "b": "SKIPPED", "c": "SKIPPED"}


def test_a_condition_sees_the_inputs_of_the_task() -> None:
    condition = Call("==", (OwnInput("flip"), Const("heads")))
    templates = [leaf("maker", outputs=["o"])]
    made = flat(task("m", "maker"), task("then", parameters={"flip": output("m", "o")}, condition=condition), templates=templates)
    assert Play(made, {"m": {"o": "heads"}}).to_end().states()["then"] == "SUCCEEDED"
    assert Play(made, {"m": {"o": "tails"}}).to_end().states()["then"] == "SKIPPED"


def test_a_condition_in_error_fails_the_task() -> None:
    play = Play(flat(task("a", condition=Call("<", (Const("x"), Const(1)))))).to_end()
    assert play.states() == {"root": "FAILED", "a": "FAILED"}
    assert play.error("a").startswith("its condition cannot be decided: cannot order string")


def test_after_a_failure_nothing_more_of_the_graph_starts_and_running_tasks_finish() -> None:
    play = Play(flat(task("a"), task("b"), task("c", after=["b"])), {"a": FAIL})
    play.answer("root/a")
    assert play.states() == {"root": "RUNNING", "a": "FAILED", "b": "PENDING", "c": "SKIPPED"}
    play.to_end()
    assert play.states() == {"root": "FAILED", "a": "FAILED", "b": "SUCCEEDED", "c": "SKIPPED"}
    assert play.node("c").reason == "not started: `a` failed: boom"


def test_other_graphs_go_on_until_the_failure_reaches_them() -> None:
    left = graph("left", task("a"), task("b", after=["a"]))
    right = graph("right", task("c"), task("d", after=["c"]))
    play = Play(plan(graph("root", task("l", "left"), task("r", "right")), left, right), {"a": FAIL}).to_end()
    states = play.states()
    assert (states["l"], states["l/b"], states["r"], states["r/d"], states["root"]) == (
        "FAILED",
        "SKIPPED",
        "SUCCEEDED",
        "SUCCEEDED",
        "FAILED",
    )
    assert play.error("root") == "`a` failed: boom"


def test_without_fail_fast_independent_branches_go_on() -> None:
    play = Play(flat(task("a"), task("b"), task("c", after=["b"]), fail_fast=False), {"a": FAIL}).to_end()
    assert play.states() == {"root": "FAILED", "a": "FAILED", "b": "SUCCEEDED", "c": "SUCCEEDED"}


def test_a_task_that_ignores_failures_runs_after_them_and_the_run_still_fails() -> None:
    play = Play(flat(task("a"), task("b", after=["a"], trigger=ALL_DONE)), {"a": FAIL}).to_end()
    assert play.states() == {"root": "FAILED", "a": "FAILED", "b": "SUCCEEDED"}


def test_what_waits_for_a_task_that_ignores_failures_runs_too_and_nothing_else_does() -> None:
    tasks = [task("a"), task("b", after=["a"], trigger=ALL_DONE), task("c", after=["b"]), task("d", after=["c"])]
    beside = [task("slow"), task("e", after=["slow"]), task("f", after=["d", "e"])]
    play = Play(flat(*tasks, *beside), {"a": FAIL})
    play.answer("root/a")
    play.to_end()
    states = {"root": "FAILED", "a": "FAILED", "b": "SUCCEEDED", "c": "SUCCEEDED", "d": "SUCCEEDED"}
    assert play.states() == states | {"slow": "SUCCEEDED", "e": "SKIPPED", "f": "SKIPPED"}


def test_an_exit_task_learns_the_final_status() -> None:
    status = leaf("notify", inputs={"s": ParameterSpec("s", ParameterType.TASK_FINAL_STATUS)})
    body = graph("body", task("train"))
    handler = task(
        "bye", "notify", after=["exit-handler-1"], trigger=ALL_DONE, is_exit=True, parameters={"s": FinalStatus("exit-handler-1")}
    )
    made = plan(graph("root", task("exit-handler-1", "body"), handler), body, status)
    expected = {"state": "FAILED", "error": {"code": 9, "message": "`train` failed: boom"}}
    expected.update({"pipelineJobResourceName": "p-run-1", "pipelineTaskName": "exit-handler-1"})
    failed = Play(made, {"train": FAIL}).to_end()
    assert failed.received("bye")["s"] == expected
    assert failed.states()["root"] == "FAILED"
    good = Play(made).to_end()
    assert good.received("bye")["s"] == {**expected, "state": "COMPLETE", "error": {}}
    assert good.states()["root"] == "SUCCEEDED"


def test_an_exit_task_learns_that_the_run_was_canceled() -> None:
    status = leaf("notify", inputs={"s": ParameterSpec("s", ParameterType.TASK_FINAL_STATUS)})
    handler = task("bye", "notify", after=["a"], trigger=ALL_DONE, is_exit=True, parameters={"s": FinalStatus("a")})
    play = Play(flat(task("a"), handler, templates=[status]))
    play.world.send(events.CancelRequested(1.0, "terminated by user", 60.0))
    assert play.states() == {"root": "CANCELING", "a": "CANCELING", "bye": "PENDING"}
    play.answer("root/a", Failure(FailureKind.SIGNAL, "killed", was_canceled=True))
    play.to_end()
    assert play.received("bye")["s"]["state"] == "CANCELED"
    assert play.states() == {"root": "CANCELED", "a": "CANCELED", "bye": "SUCCEEDED"}


def test_an_exit_task_may_be_a_graph_and_its_failure_fails_the_run() -> None:
    cleanup = graph("cleanup", task("x"), task("y", after=["x"]))
    made = plan(graph("root", task("a"), task("bye", "cleanup", after=["a"], trigger=ALL_DONE, is_exit=True)), cleanup)
    assert Play(made, {"a": FAIL}).to_end().states()["bye/y"] == "SUCCEEDED"
    assert Play(made, {"y": FAIL}).to_end().states()["root"] == "FAILED"


def test_a_second_cancel_stops_exit_tasks_too() -> None:
    play = Play(flat(task("a"), task("bye", after=["a"], trigger=ALL_DONE, is_exit=True)))
    play.world.send(events.CancelRequested(1.0, "stop", 60.0))
    play.answer("root/a", FAIL)
    assert play.launched() == ["bye"]
    play.world.send(events.CancelRequested(2.0, "stop", 60.0))
    play.answer("root/bye", FAIL)
    assert play.states() == {"root": "CANCELED", "a": "CANCELED", "bye": "CANCELED"}


def test_an_attempt_that_succeeds_before_the_stop_counts() -> None:
    play = Play(flat(task("a"), task("b", after=["a"])))
    play.world.send(events.CancelRequested(1.0, "stop", 60.0))
    play.answer("root/a")
    assert play.states() == {"root": "CANCELED", "a": "SUCCEEDED", "b": "CANCELED"}


def test_the_status_of_the_run_in_argo_words_is_for_exit_tasks() -> None:
    bye = task("bye", after=["a"], trigger=ALL_DONE, is_exit=True, parameters={"s": RunField("status"), "f": RunField("failures")})
    play = Play(flat(task("a"), bye), {"a": FAIL}).to_end()
    assert play.received("bye")["s"] == "Failed"
    assert json.loads(play.received("bye")["f"])[0]["displayName"] == "a"
    assert play.requests[-1].run_status == "Failed"


@pytest.mark.parametrize("limit", ["graph", "run"])
def test_limits_hold_tasks_back_with_a_reason(limit: str) -> None:
    tasks = [task(key) for key in "abc"]
    made = plan(graph("root", *tasks, parallelism=2 if limit == "graph" else 0), parallelism=2 if limit == "run" else 0)
    play = Play(made)
    assert play.launched() == ["a", "b"]
    what = "`root` runs at most 2 tasks at once" if limit == "graph" else "this run runs at most 2 tasks at once"
    assert reason_of(play.world.state, play.node("c")) == f"waiting for a free place: {what}"
    play.answer("root/a")
    assert play.launched() == ["b", "c"]


def test_a_retry_policy_is_inherited_from_the_enclosing_task() -> None:
    inner = graph("inner", task("a"), task("b", retry=RetryPolicy(0)))
    made = plan(graph("root", task("in", "inner", retry=RetryPolicy(2))), inner, fail_fast=False)
    play = Play(made, {"a": FAIL, "b": FAIL}).to_end()
    assert (play.node("in/a").leaf.attempts, play.node("in/b").leaf.attempts) == (3, 1)  # type: ignore[union-attr]


def test_decisions_after_a_failure() -> None:
    policy = RetryPolicy(max_retries=3, backoff_seconds=10, factor=3, max_backoff_seconds=50)
    lost = Failure(FailureKind.LOST, "gone")
    assert [decide(policy, FAIL, user_retries=k, losses=0) for k in range(4)] == [
        RetryLater(10),
        RetryLater(30),
        RetryLater(50),
        GiveUp(),
    ]
    assert decide(None, lost, user_retries=0, losses=2) == Relaunch()
    assert decide(None, lost, user_retries=0, losses=3) == GiveUp()
    assert decide(policy, lost, user_retries=0, losses=3) == RetryLater(10)
    assert decide(policy, Failure(FailureKind.INPUT, "no"), user_retries=0, losses=0) == GiveUp()
    only_memory = RetryPolicy(max_retries=1, on=frozenset({FailureKind.OUT_OF_MEMORY}))
    assert decide(only_memory, FAIL, user_retries=0, losses=0) == GiveUp()
    assert decide(only_memory, Failure(FailureKind.OUT_OF_MEMORY, "oom"), user_retries=0, losses=0) == RetryLater(0)


def test_a_limit_of_the_whole_time_ends_retrying_with_its_reason() -> None:
    policy = RetryPolicy(max_retries=3, backoff_seconds=10, factor=3, max_total_seconds=50)
    found = [decide(policy, FAIL, user_retries=k, losses=0, elapsed_seconds=at) for k, at in ((0, 40), (0, 41), (1, 15), (1, 21))]
    assert found[0] == RetryLater(10)
    assert found[2] == RetryLater(30)
    assert [isinstance(one, GiveUp) and one.reason.partition(":")[0] for one in (found[1], found[3])] == [
        "not tried again, with 3 left of 3 retries",
        "not tried again, with 2 left of 3 retries",
    ]


def test_the_whole_time_of_retrying_counts_from_the_first_attempt() -> None:
    policy = RetryPolicy(max_retries=5, backoff_seconds=10, factor=1, max_total_seconds=13)  # each answer of this world takes a second
    play = Play(plan(graph("root", task("a", retry=policy))), {"a": FAIL}).to_end()
    node = play.node("a")
    assert (node.leaf.attempts, str(node.phase)) == (3, "FAILED")  # type: ignore[union-attr]


def test_recursion_ends_by_its_condition_or_by_the_limit() -> None:
    again = Call("==", (OwnInput("go"), Const("on")))
    body = graph(
        "body",
        task("flip", "maker"),
        task("again", "body", parameters={"go": output("flip", "o")}, condition=again),
        inputs=["go"],
    )
    made = plan(graph("root", task("first", "body", parameters={"go": const("on")})), body, leaf("maker", outputs=["o"]), max_depth=10)
    ends = Play(made, {"root/first/again/again/flip": {"o": "off"}, "flip": {"o": "on"}}).to_end()
    assert ends.states()["first/again/again/again"] == "SKIPPED"
    assert ends.states()["root"] == "SUCCEEDED"
    endless = Play(made, {"flip": {"o": "on"}}).to_end()
    assert endless.states()["root"] == "FAILED"
    assert "limit of 10 levels" in endless.error()


def test_a_run_has_a_limit_of_tasks() -> None:
    play = Play(flat(*[task(f"t{n}") for n in range(5)], max_nodes=4)).to_end()
    assert play.error() == "the run reaches the limit of 4 tasks"


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([task("a", after=["b"]), task("b", after=["a"])], "wait for each other in a circle: a, b"),
        ([task("a", after=["none"])], "waits for `none`, which does not exist"),
        ([task("a", "none")], "uses the unknown template `none`"),
        ([task("a", parameters={"x": OwnInput("y"), "y": OwnInput("x")})], "refer to each other in a circle: x, y"),
    ],
)
def test_a_malformed_graph_fails_instead_of_hanging(tasks: list[object], message: str) -> None:
    play = Play(flat(*tasks)).to_end()  # type: ignore[arg-type]
    assert play.states()["root"] == "FAILED"
    assert message in play.error()


def test_waiting_names_a_few_of_many() -> None:
    play = Play(flat(*[task(f"t{n}") for n in range(5)], task("z", after=[f"t{n}" for n in range(5)])))
    assert reason_of(play.world.state, play.node("z")) == "waiting for `t0`, `t1`, `t2` and 2 more"


def test_retry_of_a_run_evaluates_conditions_again_and_repeats_exit_tasks() -> None:
    flip = Call("==", (OwnInput("v"), Const("yes")))
    made = flat(
        task("keep", "maker"),
        task("m", "maker"),
        task("then", parameters={"v": output("m", "o")}, condition=flip),
        task("bye", after=["then", "keep"], trigger=ALL_DONE, is_exit=True),
        templates=[leaf("maker", outputs=["o"])],
        fail_fast=False,
    )
    play = Play(made, {"m": [FAIL, {"o": "yes"}], "keep": {"o": 1}}).to_end()
    assert play.states() == {"root": "FAILED", "keep": "SUCCEEDED", "m": "FAILED", "then": "SKIPPED", "bye": "SUCCEEDED"}
    play.requests.clear()
    play.world.send(events.RetryRequested(5000.0))
    assert play.states() == {"root": "RUNNING", "keep": "SUCCEEDED", "m": "PENDING", "then": "PENDING", "bye": "PENDING"}
    play.to_end()
    assert [request.task_path for request in play.requests] == ["root/m", "root/then", "root/bye"]
    assert [request.key.attempt for request in play.requests] == [1, 0, 1]
    assert play.states()["root"] == "SUCCEEDED"


def test_retry_of_a_canceled_run_goes_on_where_it_stopped() -> None:
    inner = graph("inner", task("a"), task("b", after=["a"]), inputs=["x"])
    play = Play(plan(graph("root", task("in", "inner", parameters={"x": ScopeInput("p")})), inner), parameters={"p": 1})
    play.answer("root/in/a")
    play.world.send(events.CancelRequested(1.0, "stop", 60.0))
    play.answer("root/in/b", FAIL)
    assert play.states() == {"root": "CANCELED", "in": "CANCELED", "in/a": "SUCCEEDED", "in/b": "CANCELED"}
    play.world.send(events.RetryRequested(2.0))
    assert play.launched() == ["in/b"]
    play.to_end()
    assert play.states()["root"] == "SUCCEEDED"


def test_late_and_repeated_reports_change_nothing() -> None:
    play = Play(flat(task("a")), {"a": FAIL}).to_end()
    length = len(play.world.log)
    path = play.node("a").path
    for event in (
        events.AttemptFailed(9.0, path, 0, FAIL),
        events.AttemptStarted(9.0, path, 0),
        events.RetryDue(9.0, path, 1),
        events.CacheMissed(9.0, path, "x"),
        events.LoopContinued(9.0, path),
        events.CancelRequested(9.0, "x", 1.0),
        events.RunSubmitted(9.0),
    ):
        assert play.world.send(event) == []
    assert len(play.world.log) == length
