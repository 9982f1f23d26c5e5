"""Loops: items, limits, collected outputs, nesting, failures, OneOf."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.expr import Call, Const, Expr, Format, Index, LoopItem, ScopeInput, TaskOutput
from penstock.domain.ids import ArtifactId
from penstock.domain.plan import ArtifactSource, GraphTemplate, Iteration, OutputRule, RunPlan
from penstock.domain.states import TaskType
from penstock.engine import events
from penstock.engine.records import task_record
from penstock.engine.starting import STRETCH
from tests.support.plans import flat, forward, from_task, graph, leaf, output, plan, task
from tests.support.play import FAIL, Play

MAKER = leaf("maker", inputs=["x"], outputs=["o"], output_artifacts=["a"])


def _body(**fields: Any) -> GraphTemplate:
    return graph(
        "body",
        task("w", "maker", parameters={"x": ScopeInput("i")}, **fields),
        inputs=["i"],
        outputs={"o": forward("w", "o")},
        output_artifacts={"a": forward("w", "a")},
    )


def _loop(items: Expr, **fields: Any) -> RunPlan:
    iteration = Iteration(items=items, item_input="i", **fields)
    root = graph("root", task("loop", "body", iteration=iteration), outputs={"all": forward("loop", "o")})
    return plan(root, _body(), MAKER)


def _artifact(number: int) -> ArtifactRef:
    return ArtifactRef(ArtifactId(number), f"a{number}", ArtifactType(), f"minio://{number}")


def _echo(request: Any) -> dict[str, Any]:
    return {"o": request.parameters["x"]}


def test_each_item_runs_the_body_and_outputs_are_collected_in_item_order() -> None:
    play = Play(_loop(Const([3, 1, 2])), {"w": _echo})
    assert play.launched() == ["loop[0]/w", "loop[1]/w", "loop[2]/w"]
    for number in (2, 0, 1):
        play.answer(f"root/loop[{number}]/w")
    assert play.node("root").outputs.parameters == {"all": [3, 1, 2]}
    assert (play.node("loop").type, play.node("loop[1]").type) == (TaskType.LOOP, TaskType.ITERATION)
    assert [request.iteration_index for request in play.requests] == [2, 0, 1]


@pytest.mark.parametrize(("count", "is_recorded"), [(20, True), (120, False)])
def test_a_long_list_of_items_is_recorded_with_the_loop_and_not_with_each_iteration(count: int, is_recorded: bool) -> None:
    items = list(range(count))
    given = {"items": Const(items)}
    iteration = Iteration(items=Const(items), item_input="i")
    body = graph("body", task("w", "maker", parameters={"x": ScopeInput("i")}), inputs=["i", "items"], outputs={"o": forward("w", "o")})
    play = Play(plan(graph("root", task("loop", "body", iteration=iteration, parameters=given)), body, MAKER), {"w": _echo})
    state = play.world.state
    assert task_record(state, play.node("loop"), previous=None).parameters["items"] == items
    recorded = task_record(state, play.node("loop[7]"), previous=None).parameters
    assert recorded["i"] == 7
    assert ("items" in recorded) is is_recorded
    assert play.node("loop[7]").parameters["items"] == items


def test_items_may_be_json_text_or_an_output() -> None:
    assert Play(_loop(Const("[1, 2]")), {"w": _echo}).to_end().node("root").outputs.parameters == {"all": [1, 2]}


@pytest.mark.parametrize(
    ("items", "message"), [("nope", "are not JSON"), ({"a": 1}, "must be a list, got struct"), (None, "must be a list")]
)
def test_items_that_are_no_list_fail_the_loop(items: Any, message: str) -> None:
    play = Play(_loop(Const(items))).to_end()
    assert play.states() == {"root": "FAILED", "loop": "FAILED"}
    assert message in play.error("loop")


def test_a_loop_over_nothing_succeeds_with_empty_lists_or_is_skipped() -> None:
    play = Play(_loop(Const([]))).to_end()
    assert play.states() == {"root": "SUCCEEDED", "loop": "SUCCEEDED"}
    assert play.node("root").outputs.parameters == {"all": []}
    assert play.node("loop").outputs.artifacts == {"a": ()}
    assert Play(_loop(Const([]), empty_is_skipped=True)).to_end().states()["loop"] == "SKIPPED"


def test_a_limit_starts_the_next_iteration_when_one_ends() -> None:
    play = Play(_loop(Const([1, 2, 3]), parallelism=2), {"w": _echo})
    assert play.launched() == ["loop[0]/w", "loop[1]/w"]
    play.answer("root/loop[1]/w")
    assert play.launched() == ["loop[0]/w", "loop[2]/w"]


def test_a_failing_iteration_fails_the_loop_and_running_ones_finish() -> None:
    play = Play(_loop(Const([1, 2, 3]), parallelism=2), {"root/loop[0]/w": FAIL, "w": _echo})
    play.answer("root/loop[0]/w")
    assert play.states()["loop[2]"] == "SKIPPED"
    play.to_end()
    assert play.states() == {
        "root": "FAILED",
        "loop": "FAILED",
        "loop[0]": "FAILED",
        "loop[0]/w": "FAILED",
        "loop[1]": "SUCCEEDED",
        "loop[1]/w": "SUCCEEDED",
        "loop[2]": "SKIPPED",
    }
    assert play.error() == "`w` failed: boom"


def test_iterations_whose_producer_was_skipped_contribute_nothing() -> None:
    body = _body(condition=Call(">", (ScopeInput("i"), Const(1))))
    root = graph(
        "root", task("loop", "body", iteration=Iteration(items=Const([1, 2, 3]), item_input="i")), outputs={"all": forward("loop", "o")}
    )
    play = Play(plan(root, body, MAKER), {"w": _echo}).to_end()
    assert play.node("root").outputs.parameters == {"all": [2, 3]}


def test_nested_loops_nest_parameters_and_flatten_artifacts() -> None:
    inner = graph(
        "outer-body",
        task("inner", "body", iteration=Iteration(items=Const([1, 2]), item_input="i")),
        inputs=["j"],
        outputs={"o": forward("inner", "o")},
        output_artifacts={"a": forward("inner", "a")},
    )
    root = graph(
        "root",
        task("outer", "outer-body", iteration=Iteration(items=Const([7, 8]), item_input="j")),
        outputs={"all": forward("outer", "o")},
        output_artifacts={"all": forward("outer", "a")},
    )
    numbers = iter(range(1, 9))
    play = Play(plan(root, inner, _body(), MAKER), {"w": lambda r: {**_echo(r), "a": (_artifact(next(numbers)),)}}).to_end()
    assert play.node("root").outputs.parameters == {"all": [[1, 2], [1, 2]]}
    assert [ref.artifact_id for ref in play.node("root").outputs.artifacts["all"]] == [1, 2, 3, 4]
    assert "outer[1]/inner[0]/w" in play.states()


def test_a_leaf_may_be_the_body_and_use_the_item_directly() -> None:
    parameters: dict[str, Expr] = {"x": Format((Const("<"), Index(LoopItem(), Const("k")), Const(">"))), "same": Const(1)}
    made = flat(task("w", "maker", parameters=parameters, iteration=Iteration(items=Const([{"k": 1}, {"k": 2}]))), templates=[MAKER])
    play = Play(made, {"w": _echo}).to_end()
    assert play.node("w").outputs.parameters == {"o": ["<1>", "<2>"]}
    assert play.node("w[1]").type is TaskType.RUNTIME
    assert play.received("w[0]") == {"x": "<1>", "same": 1}


def test_the_item_wins_over_a_binding_of_the_same_name() -> None:
    parameters: dict[str, Expr] = {"x": ScopeInput("nobody-has-it")}
    made = flat(task("w", "maker", parameters=parameters, iteration=Iteration(items=Const([4]), item_input="x")), templates=[MAKER])
    assert Play(made).to_end().received("w[0]") == {"x": 4}


def test_a_condition_on_the_item_is_decided_per_iteration() -> None:
    even = Call("==", (Call("%", (LoopItem(), Const(2))), Const(0)))
    made = flat(task("w", iteration=Iteration(items=Const([1, 2])), condition=even))
    assert Play(made).to_end().states() == {"root": "SUCCEEDED", "w": "SUCCEEDED", "w[0]": "SKIPPED", "w[1]": "SUCCEEDED"}


def test_a_loop_over_artifacts_hands_one_to_each_iteration() -> None:
    body = graph("body", task("w", artifacts={"d": (ArtifactSource(scope_input="d"),)}))
    iteration = Iteration(artifact_items=ArtifactSource(task="m", key="list"), item_input="d")
    made = plan(graph("root", task("m"), task("loop", "body", iteration=iteration, artifacts={"list": from_task("m", "list")})), body)
    play = Play(made, {"m": {"list": (_artifact(1), _artifact(2))}}).to_end()
    assert [request.artifacts for request in play.requests[1:]] == [{"d": (_artifact(1),)}, {"d": (_artifact(2),)}]


def test_a_long_loop_grows_in_stretches() -> None:
    play = Play(_loop(Const(list(range(STRETCH + 5)))), {"w": _echo})
    assert len(play.launched()) == STRETCH
    play.to_end()
    assert play.node("root").outputs.parameters["all"] == list(range(STRETCH + 5))


def test_retry_of_a_run_repeats_failed_iterations_only() -> None:
    play = Play(_loop(Const([1, 2, 3])), {"root/loop[1]/w": [FAIL, {"o": 20}], "w": _echo}).to_end()
    assert play.states()["root"] == "FAILED"
    play.requests.clear()
    play.world.send(events.RetryRequested(2000.0))
    play.to_end()
    assert [request.task_path for request in play.requests] == ["root/loop[1]/w"]
    assert play.node("root").outputs.parameters == {"all": [1, 20, 3]}


def test_canceling_a_growing_loop_ends_it() -> None:
    play = Play(_loop(Const(list(range(STRETCH + 5)))), {"w": _echo})
    play.world.send(events.CancelRequested(1.0, "stop", 60.0))
    while play.launched():
        play.answer(f"root/{play.launched()[0]}", FAIL)
    assert play.states()["root"] == "CANCELED"
    assert f"loop[{STRETCH}]" not in play.states()


def _branches(value: str) -> RunPlan:
    def branch(key: str) -> Any:
        return task(key, "maker", parameters={"x": Const(key)}, condition=Call("==", (Const(value), Const(key))))

    rule = OutputRule(choices=(("heads", "o"), ("tails", "o")), is_one_of=True)
    branches = graph("branches", branch("heads"), branch("tails"), outputs={"o": rule})
    root = graph("root", task("b", "branches"), task("use", "maker", parameters={"x": TaskOutput("b", "o")}))
    return plan(root, branches, MAKER)


def test_one_of_takes_the_branch_that_ran_and_fails_when_none_did() -> None:
    play = Play(_branches("tails"), {"heads": _echo, "tails": _echo, "use": _echo}).to_end()
    assert play.received("use") == {"x": "tails"}
    none = Play(_branches("edge")).to_end()
    assert none.states()["use"] == "SKIPPED"
    assert none.error("b") == "output `o` takes the result of the one branch that runs, and none of `heads`, `tails` did"


def test_an_output_that_nobody_gave_stays_unset_and_matters_only_to_who_needs_it() -> None:
    inner = graph("inner", task("w", "maker", parameters={"x": Const(1)}, condition=Const(False)), outputs={"o": forward("w", "o")})
    alone = plan(graph("root", task("in", "inner")), inner, MAKER)
    assert Play(alone).to_end().states()["root"] == "SUCCEEDED"
    needed = plan(graph("root", task("in", "inner"), task("use", "maker", parameters={"x": output("in", "o")})), inner, MAKER)
    assert Play(needed).to_end().error("use") == "required input `x` has no value: `in` gave no output `o`"
