"""Lowering hand-made workflows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.domain.errors import SpecError
from penstock.domain.expr import Const, Format, LoopItem, ParseJson, RunField, ScopeInput, TaskOutput
from penstock.domain.plan import ArtifactSource, GraphTemplate, LeafTemplate, TriggerRule
from penstock.domain.states import TaskType
from penstock.engine.retry import delay_seconds
from penstock.spec.argo.lower import ROOT_TEMPLATE, lower_workflow


def leaf(name: str, **extra: Any) -> dict[str, Any]:
    return {"name": name, "container": {"image": "python:3.7", "command": ["true"]}, **extra}


def dag(name: str, *tasks: dict[str, Any], **extra: Any) -> dict[str, Any]:
    return {"name": name, "dag": {"tasks": list(tasks)}, **extra}


def workflow(*templates: dict[str, Any], entrypoint: str = "main", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "demo-", "annotations": {"pipelines.kubeflow.org/kfp_sdk_version": "1.8.22"}},
        "spec": {"entrypoint": entrypoint, "templates": list(templates), **spec},
    }


def graph(manifest: dict[str, Any], name: str) -> GraphTemplate:
    template = lower_workflow(manifest).templates[name]
    assert isinstance(template, GraphTemplate)
    return template


def test_a_workflow_says_its_entrypoint_and_the_priority_that_it_has() -> None:
    said = {"name": "x", "value": "{{workflow.mainEntrypoint}} at {{ workflow.priority }}"}
    task = {"name": "a", "template": "a", "arguments": {"parameters": [said]}}
    step = leaf("a", inputs={"parameters": [{"name": "x"}]})
    step["container"]["args"] = ["{{workflow.mainEntrypoint}}"]

    assert graph(workflow(dag("main", task), step, priority=5), "main").tasks["a"].parameters["x"] == Const("main at 5")
    assert graph(workflow(dag("main", task), step), "main").tasks["a"].parameters["x"] == Const("main at {{ workflow.priority }}")
    lowered = lower_workflow(workflow(dag("main", task), step)).templates["a"]
    assert isinstance(lowered, LeafTemplate)
    assert "'args': ['main']" in str(lowered.work)


def test_dependencies_come_from_the_list_and_from_references() -> None:
    use = {
        "name": "use",
        "template": "use",
        "dependencies": ["a"],
        "arguments": {
            "parameters": [{"name": "x", "value": "{{tasks.b.outputs.parameters.b-out}}"}],
            "artifacts": [{"name": "f", "from": "{{tasks.c.outputs.artifacts.c-f}}"}, {"name": "r", "raw": {"data": "hi"}}],
        },
    }
    names = ["a", "b", "c"]
    manifest = workflow(
        dag("main", *({"name": name, "template": name} for name in names), use), *(leaf(name) for name in names), leaf("use")
    )
    task = graph(manifest, "main").tasks["use"]
    assert task.after == {"a", "b", "c"}
    assert task.trigger is TriggerRule.ALL_SUCCEEDED_OR_SKIPPED
    assert task.parameters["x"] == Format((TaskOutput("b", "b-out"),))
    assert task.artifacts["f"] == (ArtifactSource(task="c", key="c-f"),)
    assert task.artifacts["r"] == (ArtifactSource(text=Const("hi")),)


def test_loops_take_their_limit_from_the_body() -> None:
    body = dag("body", {"name": "p", "template": "p"}, inputs={"parameters": [{"name": "it"}]}, parallelism=2)
    loop = {"name": "l", "template": "body", "withItems": [1, 2], "arguments": {"parameters": [{"name": "it", "value": "{{item}}"}]}}
    task = graph(workflow(dag("main", loop), body, leaf("p")), "main").tasks["l"]
    assert task.type is TaskType.LOOP
    assert task.iteration is not None
    assert task.iteration.items == ParseJson(Const("[1, 2]"))
    assert task.iteration.parallelism == 2
    assert task.iteration.empty_is_skipped
    assert task.parameters["it"] == Format((LoopItem(),))


def test_a_limit_of_a_graph_without_a_loop_is_its_own() -> None:
    manifest = workflow(dag("main", {"name": "sub", "template": "sub"}), dag("sub", {"name": "a", "template": "a"}, parallelism=2), leaf("a"))
    assert graph(manifest, "sub").parallelism == 2
    looped = workflow(
        dag("main", {"name": "sub", "template": "sub", "withItems": [1]}), dag("sub", {"name": "a", "template": "a"}, parallelism=2), leaf("a")
    )
    assert graph(looped, "sub").parallelism == 0


def test_a_timeout_is_a_deadline() -> None:
    template = lower_workflow(workflow(dag("main", {"name": "a", "template": "a"}), leaf("a", timeout="2m"))).templates["a"]
    assert isinstance(template, LeafTemplate)
    assert template.deadline_seconds == 120


def test_what_would_change_the_outcome_is_refused() -> None:
    go_on = {"name": "a", "template": "a", "continueOn": {"failed": True}}
    with pytest.raises(SpecError, match="continueOn"):
        lower_workflow(workflow(dag("main", go_on), leaf("a")))
    aimed = dag("main", {"name": "a", "template": "a"})
    aimed["dag"]["target"] = "a"
    with pytest.raises(SpecError, match="target"):
        lower_workflow(workflow(aimed, leaf("a")))


def test_an_exit_handler_stands_beside_the_entrypoint() -> None:
    manifest = workflow(
        dag("main", {"name": "a", "template": "a"}),
        leaf("a"),
        leaf("bye", inputs={"parameters": [{"name": "n"}]}),
        onExit="bye",
        arguments={"parameters": [{"name": "n", "value": "3"}]},
    )
    plan = lower_workflow(manifest)
    assert plan.root == ROOT_TEMPLATE
    task = graph(manifest, ROOT_TEMPLATE).tasks["bye"]
    assert task.is_exit
    assert task.trigger is TriggerRule.ALL_DONE
    assert task.parameters["n"] == ScopeInput("n")
    assert plan.parameters["n"].default == "3"


def test_a_template_may_contain_itself() -> None:
    again = {"name": "again", "template": "main", "dependencies": ["a"], "when": "{{tasks.a.outputs.parameters.a-o}} == x"}
    plan = lower_workflow(workflow(dag("main", {"name": "a", "template": "a"}, again), leaf("a")))
    assert plan.root == "main"


def test_caching_follows_label_and_staleness() -> None:
    off = {"labels": {"pipelines.kubeflow.org/enable_caching": "false"}}
    stale = {"annotations": {"pipelines.kubeflow.org/max_cache_staleness": "P0D"}}
    day = {"annotations": {"pipelines.kubeflow.org/max_cache_staleness": "P1D"}}
    leaves = [leaf("on"), leaf("off", metadata=off), leaf("stale", metadata=stale), leaf("day", metadata=day)]
    tasks = graph(workflow(dag("main", *({"name": item["name"], "template": item["name"]} for item in leaves)), *leaves), "main").tasks
    assert [tasks[name].cache.is_enabled for name in ("on", "off", "stale", "day")] == [True, False, False, True]
    assert tasks["day"].cache.max_age_seconds == 86400


def test_identity_changes_with_code_but_not_with_resources() -> None:
    def identity(**container: Any) -> Any:
        template = leaf("a")
        template["container"].update(container)
        lowered = lower_workflow(workflow(dag("main", {"name": "a", "template": "a"}), template)).templates["a"]
        assert isinstance(lowered, LeafTemplate)
        return lowered.identity

    assert identity() == identity(resources={"limits": {"cpu": "1"}})
    assert identity()["code"] != identity(args=["x"])["code"]
    assert identity()["options"] != identity(env=[{"name": "A", "value": "1"}])["options"]


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ({"kind": "Workflow"}, "not an Argo Workflow"),
        (workflow(entrypoint=""), "no entrypoint"),
        (workflow(dag("main", {"name": "a", "template": "b"})), "unknown template 'b'"),
        (workflow(dag("main", {"name": "a", "template": "a", "dependencies": ["z"]}), leaf("a")), "unknown task 'z'"),
        (
            workflow(
                dag("main", {"name": "a", "template": "a", "dependencies": ["b"]}, {"name": "b", "template": "a", "dependencies": ["a"]}),
                leaf("a"),
            ),
            "wait for each other: a, b",
        ),
        (workflow({"name": "main", "steps": []}), "'steps'"),
        (workflow(dag("main", {"name": "a", "template": "a", "withSequence": {"count": 2}}), leaf("a")), "withSequence"),
        (workflow(dag("main", {"name": "a", "template": "a"}), leaf("a", inputs={"parameters": [{"name": "x"}]})), "input 'x'"),
        (workflow(dag("main"), dag("main")), "defined twice"),
    ],
)
def test_faults_are_named(manifest: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        lower_workflow(manifest)


def test_workflow_artifacts_and_exit_handlers_stand_around_the_entrypoint() -> None:
    files = [{"name": "f", "raw": {"data": "{{workflow.parameters.p}}!"}}]
    main = dag("main", {"name": "use", "template": "use", "arguments": {"artifacts": [{"name": "f", "from": "{{inputs.artifacts.f}}"}]}})
    main["inputs"] = {"artifacts": [{"name": "f"}]}
    use = leaf("use", inputs={"artifacts": [{"name": "f", "path": "/in/f"}]})
    manifest = workflow(main, use, arguments={"artifacts": files, "parameters": [{"name": "p", "value": "v"}]})
    assert graph(manifest, ROOT_TEMPLATE).tasks["main"].artifacts["f"] == (ArtifactSource(text=Format((RunField("parameter:p"), Const("!")))),)
    manifest["spec"]["arguments"]["artifacts"] = [{"name": "f", "s3": {}}]
    with pytest.raises(SpecError, match="needs 'raw'"):
        lower_workflow(manifest)


def test_runs_are_named_by_the_generated_name_and_text_names_its_facts() -> None:
    manifest = workflow(leaf("main", outputs={"parameters": [{"name": "o", "value": "{{workflow.uid}}"}]}))
    manifest["metadata"]["annotations"]["pipelines.kubeflow.org/pipeline_spec"] = '{"name": "A pipeline of mine"}'
    plan = lower_workflow(manifest)
    assert (plan.name, plan.resource_prefix) == ("A pipeline of mine", "demo-")
    template = plan.templates["main"]
    assert isinstance(template, LeafTemplate)
    assert template.run_fields == ("run_id",)


def test_parameters_tell_their_declared_type_and_stay_text() -> None:
    manifest = workflow(leaf("main"), arguments={"parameters": [{"name": name, "value": "1"} for name in ("n", "d", "s", "u")]})
    inputs = [
        {"name": "n", "type": "Integer", "description": "how many", "default": "1"},
        {"name": "d", "type": {"JsonObject": {"data_type": "x"}}},
        {"name": "s", "type": "String", "description": "a word"},
    ]
    manifest["metadata"]["annotations"] = {"pipelines.kubeflow.org/pipeline_spec": json.dumps({"name": "p", "inputs": inputs})}
    parameters = lower_workflow(manifest).parameters
    assert {name: spec.description for name, spec in parameters.items()} == {"n": "Integer: how many", "d": "JsonObject", "s": "a word", "u": ""}
    assert {str(spec.type) for spec in parameters.values()} == {"STRING"}


def test_the_longest_duration_of_retries_is_that_of_all_of_them() -> None:
    backoff = {"duration": "10s", "factor": 2, "maxDuration": "1m"}
    manifest = workflow(dag("main", {"name": "a", "template": "a"}), leaf("a", retryStrategy={"limit": 3, "backoff": backoff}))
    policy = graph(manifest, "main").tasks["a"].retry
    assert policy is not None
    assert (policy.max_retries, policy.backoff_seconds, policy.max_total_seconds) == (3, 10.0, 60.0)
    assert delay_seconds(policy, 12) == 10.0 * 2**11
