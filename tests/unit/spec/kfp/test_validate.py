from __future__ import annotations

from typing import Any

import pytest

from penstock.domain.errors import SpecError
from penstock.spec.kfp.lower import lower_pipeline
from tests.unit.spec.kfp.ir import artifact_of, component, constant, container, from_input, from_task, pipeline, task

T = "root.dag.tasks"


def loop(**rest: Any) -> dict[str, Any]:
    return task("comp-work", parameterIterator={"itemInput": "n", **rest})


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        (pipeline({"t": task("comp-none")}), f"{T}.t.componentRef.name"),
        (pipeline({"t": {}}), f"{T}.t.componentRef.name"),
        (pipeline({"t": task("c")}, components={"c": component("exec-none")}), "components.c.executorLabel"),
        (pipeline({"t": task("c")}, components={"c": {}}), "components.c.executorLabel"),
        (pipeline({"t": task()}, executors={"exec-work": {"resolver": {}}}), "deploymentSpec.executors.exec-work"),
        (pipeline({"t": task()}, executors={"exec-work": {"container": {}}}), "deploymentSpec.executors.exec-work.container.image"),
        (pipeline({"t": task(dependentTasks=["gone"])}), f"{T}.t.dependentTasks[0]"),
        (pipeline({"t": task(parameters={"n": from_task("gone")})}), f"{T}.t.inputs.parameters.n.taskOutputParameter.producerTask"),
        (
            pipeline({"a": task(), "t": task(parameters={"n": from_task("a", "no")})}),
            f"{T}.t.inputs.parameters.n.taskOutputParameter.outputParameterKey",
        ),
        (
            pipeline({"a": task(), "t": task(artifacts={"d": artifact_of("a", "no")})}),
            f"{T}.t.inputs.artifacts.d.taskOutputArtifact.outputArtifactKey",
        ),
        (
            pipeline({"t": task(parameters={"n": {"taskFinalStatus": {"producerTask": "gone"}}})}),
            f"{T}.t.inputs.parameters.n.taskFinalStatus.producerTask",
        ),
        (pipeline({"t": task(parameters={"n": from_input("gone")})}), f"{T}.t.inputs.parameters.n.componentInputParameter"),
        (pipeline({"t": task(artifacts={"d": {"componentInputArtifact": "gone"}})}), f"{T}.t.inputs.artifacts.d.componentInputArtifact"),
        (pipeline({"t": task(artifacts={"d": {}})}), f"{T}.t.inputs.artifacts.d"),
        (pipeline({"t": task(parameters={"n": {}})}), f"{T}.t.inputs.parameters.n"),
        (pipeline({"t": loop(items={"inputParameter": "gone"})}), f"{T}.t.parameterIterator.items.inputParameter"),
        (pipeline({"t": loop(items={"raw": "[1"})}), f"{T}.t.parameterIterator.items.raw"),
        (pipeline({"t": loop(items={"raw": "{}"})}), f"{T}.t.parameterIterator.items.raw"),
        (pipeline({"t": task(parameterIterator={"items": {"raw": "[]"}})}), f"{T}.t.parameterIterator.itemInput"),
        (
            pipeline({"t": task(artifactIterator={"itemInput": "d", "items": {"inputArtifact": "gone"}})}),
            f"{T}.t.artifactIterator.items.inputArtifact",
        ),
        (
            pipeline({"t": task()}, dag={"outputs": {"parameters": {"o": {"valueFromParameter": {"producerSubtask": "gone"}}}}}),
            "root.dag.outputs.parameters.o.valueFromParameter.producerSubtask",
        ),
        (pipeline({"t": task()}, dag={"outputs": {"parameters": {"o": {}}}}), "root.dag.outputs.parameters.o"),
        (
            pipeline(
                {"t": task()},
                dag={"outputs": {"artifacts": {"o": {"artifactSelectors": [{"producerSubtask": "t", "outputArtifactKey": "no"}]}}}},
            ),
            "root.dag.outputs.artifacts.o.artifactSelectors[0].outputArtifactKey",
        ),
        (pipeline({}, dag={"tasks": [1]}), "root.dag.tasks"),
        (pipeline({"t": task("c")}, components={"c": {"dag": {"outputs": {}}}}), "components.c.dag.tasks"),
        (
            pipeline({"t": task()}, executors={"exec-work": {"importer": {"artifactUri": {"constant": "gs://b/{{channel:task=;name=x;}}"}}}}),
            "deploymentSpec.executors.exec-work.importer.artifactUri.constant",
        ),
        (pipeline({"t": task()}, dag={"tasks": {"t": 1}}), f"{T}.t"),
        (pipeline({"t": task(triggerPolicy={"strategy": "SOMETIMES"})}), f"{T}.t.triggerPolicy.strategy"),
        (pipeline({"t": task(triggerPolicy={"condition": "1 +"})}), f"{T}.t.triggerPolicy.condition"),
        (pipeline({"t": task(retryPolicy={"backoffDuration": "soon"})}), f"{T}.t.retryPolicy.backoffDuration"),
        (pipeline({"t": task(cachingOptions={"enableCache": "yes"})}), f"{T}.t.cachingOptions.enableCache"),
        (
            pipeline({"t": task(parameters={"n": constant("{{$.inputs.parameters['gone']}}")})}),
            f"{T}.t.inputs.parameters.n.runtimeValue.constant",
        ),
        (
            pipeline({"t": task()}, executors={"exec-work": container(args=["{{$.inputs.parameters['gone']}}"])}),
            "deploymentSpec.executors.exec-work.container.args[0]",
        ),
        (
            pipeline({"t": task()}, executors={"exec-work": container(command=["{{$.outputs.artifacts['gone'].path}}"])}),
            "deploymentSpec.executors.exec-work.container.command[0]",
        ),
        (
            pipeline({"t": task("c")}, components={"c": component("exec-work", inputs={"parameters": {"n": "NUMBER"}})}),
            "components.c.inputDefinitions.parameters.n.parameterType",
        ),
    ],
)
def test_a_fault_is_named_by_its_place(spec: dict[str, Any], place: str) -> None:
    with pytest.raises(SpecError) as caught:
        lower_pipeline(spec)

    assert caught.value.place == place


def test_tasks_that_wait_for_each_other_are_refused() -> None:
    tasks = {
        "before": task(),
        "a": task(parameters={"n": from_task("b")}, dependentTasks=["before"]),
        "b": task(dependentTasks=["a"]),
        "behind": task(dependentTasks=["b"]),
    }

    with pytest.raises(SpecError, match="depends on itself") as caught:
        lower_pipeline(pipeline(tasks))

    assert caught.value.place in {f"{T}.a", f"{T}.b"}


def test_a_task_that_waits_for_itself_is_refused() -> None:
    with pytest.raises(SpecError, match="depends on itself"):
        lower_pipeline(pipeline({"a": task(dependentTasks=["a"])}))


def test_a_component_that_contains_itself_is_refused() -> None:
    components = {"comp-x": {"dag": {"tasks": {"y": task("comp-y")}}}, "comp-y": {"dag": {"tasks": {"x": task("comp-x")}}}}

    with pytest.raises(SpecError, match="contains itself: <root> > comp-x > comp-y > comp-x"):
        lower_pipeline(pipeline({"x": task("comp-x")}, components=components))


def test_inputs_that_the_component_does_not_declare_are_tolerated() -> None:
    spec = pipeline({"t": task(parameters={"pipelinechannel--x": constant(1), "base_image": constant("a")})})

    assert set(lower_pipeline(spec).templates["root"].tasks["t"].parameters) == {"pipelinechannel--x", "base_image"}  # type: ignore[union-attr]
