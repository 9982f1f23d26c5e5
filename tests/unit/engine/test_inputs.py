"""What a task receives: defaults, optional and null inputs, types, hidden inputs, placeholders, artifacts."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.domain.artifacts import ArtifactRef, ArtifactType, inline_text
from penstock.domain.expr import UNSET, Const, Expr, Format, Index, OwnInput, ParseJson, RunField, ScopeInput
from penstock.domain.ids import ArtifactId
from penstock.domain.plan import ArtifactSource, ArtifactSpec, ParameterSpec, ParameterType, RunPlan, TriggerRule
from tests.support.plans import flat, from_task, graph, leaf, output, plan, task
from tests.support.play import FAIL, Play


def _one(spec: ParameterSpec | None, bindings: dict[str, Expr]) -> RunPlan:
    template = leaf("target", inputs={} if spec is None else {spec.name: spec})
    return flat(task("a", "target", parameters=bindings), templates=[template])


def _artifact(number: int = 1) -> ArtifactRef:
    return ArtifactRef(ArtifactId(number), f"a{number}", ArtifactType("system.Dataset"), f"minio://a/{number}")


@pytest.mark.parametrize(
    ("kind", "given", "received"),
    [
        (ParameterType.STRING, 5.0, "5"),
        (ParameterType.STRING, [1.0, {"a": 2.5}], '[1,{"a":2.5}]'),
        (ParameterType.STRING, True, "true"),
        (ParameterType.NUMBER_INTEGER, 3.0, 3),
        (ParameterType.NUMBER_DOUBLE, 3, 3),
        (ParameterType.LIST, [1.0, 2.5, "x"], [1, 2.5, "x"]),
        (ParameterType.STRUCT, {"a": [4.0]}, {"a": [4]}),
        (ParameterType.BOOLEAN, False, False),
    ],
)
def test_values_are_coerced_to_the_declared_type(kind: ParameterType, given: Any, received: Any) -> None:
    play = Play(_one(ParameterSpec("x", kind), {"x": Const(given)})).to_end()
    value = play.received("a")["x"]
    assert value == received
    assert type(value) is type(received)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (ParameterType.NUMBER_INTEGER, "3"),
        (ParameterType.NUMBER_INTEGER, 3.5),
        (ParameterType.NUMBER_INTEGER, True),
        (ParameterType.NUMBER_DOUBLE, "1.5"),
        (ParameterType.BOOLEAN, 1),
        (ParameterType.LIST, {"a": 1}),
        (ParameterType.STRUCT, [1]),
    ],
)
def test_a_wrong_type_fails_the_task(kind: ParameterType, given: Any) -> None:
    play = Play(_one(ParameterSpec("x", kind), {"x": Const(given)})).to_end()
    assert play.states()["a"] == "FAILED"
    assert "parameter `x` must be" in play.error("a")


def test_a_value_outside_the_literals_fails_the_task() -> None:
    spec = ParameterSpec("x", ParameterType.STRING, literals=("a", "b"))
    assert Play(_one(spec, {"x": Const("b")})).to_end().states()["a"] == "SUCCEEDED"
    assert Play(_one(spec, {"x": Const("c")})).to_end().error("a") == 'parameter `x` must be one of "a", "b", got "c"'


def test_a_missing_input_takes_its_default_and_is_not_given() -> None:
    play = Play(_one(ParameterSpec("x", ParameterType.NUMBER_INTEGER, default=7.0), {})).to_end()
    assert play.received("a") == {"x": 7}
    assert play.requests[0].given == frozenset()


def test_a_missing_optional_input_is_left_out() -> None:
    assert Play(_one(ParameterSpec("x", is_optional=True), {})).to_end().received("a") == {}


def test_a_missing_required_input_fails_the_task() -> None:
    assert "required input `x` has no value" in Play(_one(ParameterSpec("x"), {})).to_end().error("a")


@pytest.mark.parametrize(("spec", "received"), [({"is_optional": True}, {}), ({"is_optional": True, "default": "d"}, {"x": "d"})])
def test_null_means_absent_for_an_optional_input(spec: dict[str, Any], received: dict[str, Any]) -> None:
    declared = ParameterSpec("x", ParameterType.STRING, **spec)
    assert Play(_one(declared, {"x": Const(None)})).to_end().received("a") == received


def test_null_for_a_required_input_fails_the_task() -> None:
    play = Play(_one(ParameterSpec("x", ParameterType.STRING), {"x": Const(None)})).to_end()
    assert play.error("a") == "required input `x` is null"


def test_an_unset_optional_root_parameter_reaches_leaves_as_absent() -> None:
    target = leaf("target", inputs={"x": ParameterSpec("x", ParameterType.STRING, is_optional=True)})
    inner = graph("inner", task("a", "target", parameters={"x": ScopeInput("x")}), inputs=["x"])
    root = graph("root", task("in", "inner", parameters={"x": ScopeInput("x")}))
    made = plan(root, inner, target, parameters={"x": ParameterSpec("x", is_optional=True)})
    play = Play(made).to_end()
    assert play.received("in/a") == {}
    assert play.node("root").parameters == {"x": None}


def test_root_parameters_take_defaults_and_lose_integral_floats() -> None:
    declared = {
        "n": ParameterSpec("n", ParameterType.NUMBER_INTEGER),
        "m": ParameterSpec("m", ParameterType.NUMBER_INTEGER, default=2.0),
    }
    play = Play(plan(graph("root"), parameters=declared), parameters={"n": 3.0})
    assert play.node("root").parameters == {"n": 3, "m": 2}


def test_a_nested_graph_applies_its_own_defaults() -> None:
    inner = graph(
        "inner", task("a", "target", parameters={"x": ScopeInput("x")}), inputs={"x": ParameterSpec("x", default="inner", is_optional=True)}
    )
    made = plan(graph("root", task("in", "inner")), inner, leaf("target", inputs=["x"]))
    assert Play(made).to_end().received("in/a") == {"x": "inner"}


def test_hidden_inputs_are_passed_on_and_fill_texts() -> None:
    bindings: dict[str, Expr] = {
        "text": Format((Const("n is "), OwnInput("pipelinechannel--n"), Const("!"))),
        "pipelinechannel--n": Const(4.0),
    }
    play = Play(_one(ParameterSpec("text", ParameterType.STRING), bindings)).to_end()
    assert play.received("a") == {"text": "n is 4!", "pipelinechannel--n": 4.0}


def test_a_text_over_an_absent_own_input_reads_it_as_empty() -> None:
    bindings: dict[str, Expr] = {"text": Format((Const("<"), OwnInput("none"), Const(">")))}
    assert Play(_one(ParameterSpec("text"), bindings)).to_end().received("a")["text"] == "<>"


def test_values_are_taken_out_of_json_outputs() -> None:
    templates = [leaf("maker", outputs=["o"]), leaf("target", inputs=["x"])]
    expr = Index(ParseJson(output("m", "o")), Const("key"))
    made = flat(task("m", "maker"), task("a", "target", after=["m"], parameters={"x": expr}), templates=templates)
    assert Play(made, {"m": {"o": '{"key": [1]}'}}).to_end().received("a") == {"x": [1]}
    assert Play(made, {"m": {"o": {"key": 2}}}).to_end().received("a") == {"x": 2}
    assert "has no " in Play(made, {"m": {"o": {"other": 2}}}).to_end().error("a")


def test_facts_of_the_run_are_available() -> None:
    names = (
        "run_id", "run_name", "resource_name", "task_key", "task_path", "create_time", "pipeline_root", "parameter:p", "label:k",
        "service_account", "parameters",
    )  # fmt: skip
    bindings: dict[str, Expr] = {name: RunField(name) for name in names}
    made = flat(task("a", parameters=bindings), labels={"k": "v"})
    received = Play(made, parameters={"p": 9}).to_end().received("a")
    assert received == {
        "run_id": "run-1",
        "run_name": "name of run-1",
        "resource_name": "p-run-1",
        "task_key": "a",
        "task_path": "root/a",
        "create_time": "1970-01-01T00:16:40Z",
        "pipeline_root": "minio://mlpipeline/v2/artifacts",
        "parameter:p": 9,
        "label:k": "v",
        "service_account": "pipeline-runner",
        "parameters": '[{"name":"p","value":"9"}]',
    }


def test_the_time_that_the_run_has_taken_is_told_with_six_decimals() -> None:
    play = Play(flat(task("m", "maker"), task("a", parameters={"so far": RunField("duration")}, after=["m"]), templates=[leaf("maker")]))
    took = play.to_end().received("a")["so far"]
    assert took == f"{play.requests[-1].run_seconds:f}"
    assert float(took) > 0


def test_an_input_from_a_failed_producer_takes_its_default_or_fails() -> None:
    maker = leaf("maker", outputs=["o"])
    for default, state in (("fallback", "SUCCEEDED"), (UNSET, "FAILED")):
        target = leaf("target", inputs={"x": ParameterSpec("x", default=default)})
        late = task("a", "target", parameters={"x": output("m", "o")}, trigger=TriggerRule.ALL_DONE)
        play = Play(flat(task("m", "maker"), late, templates=[maker, target]), {"m": FAIL}).to_end()
        assert play.states() == {"root": "FAILED", "m": "FAILED", "a": state}
    assert play.error("a") == "required input `x` has no value: `m`, which should give it, is FAILED, and there is no default"


def test_artifacts_are_lists_and_optional_ones_may_be_absent() -> None:
    target = leaf(
        "target",
        artifacts={"one": ArtifactSpec("one"), "maybe": ArtifactSpec("maybe", is_optional=True), "all": ArtifactSpec("all", is_list=True)},
    )
    sources = {
        "one": from_task("m", "a"),
        "all": (*from_task("m", "a"), *from_task("n", "a")),
        "maybe": (ArtifactSource(scope_input="none"),),
    }
    made = flat(task("m", "work"), task("n", "work"), task("a", "target", artifacts=sources), templates=[target])
    play = Play(made, {"m": {"a": (_artifact(1),)}, "n": {"a": (_artifact(2),)}}).to_end()
    request = play.requests[-1]
    assert request.artifacts == {"one": (_artifact(1),), "all": (_artifact(1), _artifact(2))}


def test_a_required_artifact_that_is_missing_fails_the_task() -> None:
    target = leaf("target", artifacts={"d": ArtifactSpec("d")})
    made = flat(task("m"), task("a", "target", artifacts={"d": from_task("m", "d")}), templates=[target])
    assert Play(made).to_end().error("a") == "required input artifact `d` is missing: `m` gave no output `d`"


def test_inline_content_becomes_a_stand_in_artifact() -> None:
    source = ArtifactSource(text=Format((Const("hello "), RunField("run_id"))))
    play = Play(flat(task("a", artifacts={"f": (source,)}))).to_end()
    assert inline_text(play.requests[0].artifacts["f"][0]) == "hello run-1"
