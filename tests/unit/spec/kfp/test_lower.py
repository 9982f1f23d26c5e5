from __future__ import annotations

from typing import Any

import pytest

from penstock.domain.artifacts import ArtifactType
from penstock.domain.errors import SpecError
from penstock.domain.expr import (
    UNSET,
    Call,
    Const,
    FinalStatus,
    Format,
    Index,
    OwnInput,
    ParseJson,
    RunField,
    ScopeInput,
    TaskOutput,
)
from penstock.domain.plan import (
    ArtifactSource,
    CachePolicy,
    ContainerWork,
    GraphTemplate,
    ImporterWork,
    Iteration,
    LeafTemplate,
    OutputRule,
    ParameterType,
    RetryPolicy,
    RunPlan,
    TaskSpec,
    TriggerRule,
    VolumeWork,
)
from penstock.domain.states import TaskType
from penstock.spec.kfp.lower import lower_pipeline
from penstock.spec.kfp.platform import TEXTS_OF_ATTEMPT
from tests.unit.spec.kfp.ir import artifact_of, component, constant, container, definitions, from_input, from_task, importer, pipeline, task


def graph(plan: RunPlan, name: str = "root") -> GraphTemplate:
    template = plan.templates[name]
    assert isinstance(template, GraphTemplate)
    return template


def leaf(plan: RunPlan, name: str = "comp-work") -> LeafTemplate:
    template = plan.templates[name]
    assert isinstance(template, LeafTemplate)
    return template


def only_task(spec: dict[str, Any], key: str = "t") -> TaskSpec:
    return graph(lower_pipeline(spec)).tasks[key]


def test_bindings_take_every_form() -> None:
    root = {"inputDefinitions": definitions(parameters={"p": "STRUCT"})}
    parameters = {
        "constant": constant(1.0),
        "old_constant": {"runtimeValue": {"constantValue": "v"}},
        "run_parameter": {"runtimeValue": {"runtimeParameter": "p"}},
        "scope": from_input("p"),
        "field": {**from_input("p"), "parameterExpressionSelector": 'parseJson(string_value)["a"]'},
        "output": from_task("first"),
        "status": {"taskFinalStatus": {"producerTask": "first"}},
    }
    spec = pipeline({"first": task(), "t": task(parameters=parameters, artifacts={"d": artifact_of("first")})}, **root)

    lowered = only_task(spec)

    assert lowered.parameters == {
        "constant": Const(1.0),
        "old_constant": Const("v"),
        "run_parameter": RunField("parameter:p"),
        "scope": ScopeInput("p"),
        "field": Index(ParseJson(ScopeInput("p")), Const("a")),
        "output": TaskOutput("first", "Output"),
        "status": FinalStatus("first"),
    }
    assert lowered.artifacts == {"d": (ArtifactSource(task="first", key="data"),)}
    assert lowered.after == {"first"}


def test_placeholders_in_constants_are_resolved_up_front() -> None:
    parameters = {
        "x": constant(2),
        "text": constant("v {{$.inputs.parameters['x']}} of {{$.pipeline_job_name}}"),
        "whole": constant("{{$.pipeline_job_uuid}}"),
        "unknown": constant("{{$.else}} stays"),
        "nested": constant({"a": ["{{$.inputs.parameters['x']}}", 1.5], "b": "no"}),
    }

    lowered = only_task(pipeline({"t": task(parameters=parameters)})).parameters

    assert lowered["text"] == Format((Const("v "), OwnInput("x"), Const(" of "), RunField("run_name")))
    assert lowered["whole"] == RunField("run_id")
    assert lowered["unknown"] == Const("{{$.else}} stays")
    nested = lowered["nested"]
    assert isinstance(nested, ParseJson)
    assert isinstance(nested.operand, Format)
    assert Call("json", (OwnInput("x"),)) in nested.operand.parts


def test_what_only_an_attempt_has_is_left_to_it_unless_the_text_quotes_an_input() -> None:
    whole, file = constant("{{$}}"), constant("to {{$.outputs.output_file}} in {{$.pipeline_job_name}}")

    lowered = only_task(pipeline({"t": task(parameters={"x": constant(2), "whole": whole, "file": file})})).parameters

    assert lowered["whole"] == Const("{{$}}")
    assert lowered["file"] == Const("to {{$.outputs.output_file}} in {{$.pipeline_job_name}}")
    assert lowered[TEXTS_OF_ATTEMPT] == Const(["whole", "file"])
    mixed = constant("{{$.inputs.parameters['x']}} {{$}}")
    with pytest.raises(SpecError, match="parameters and to facts of the run only"):
        lower_pipeline(pipeline({"t": task(parameters={"x": constant(2), "mixed": mixed})}))


def test_facts_of_the_run_in_the_default_of_a_component_are_put_in() -> None:
    texts = {
        "whole": "{{$.pipeline_job_uuid}}",
        "part": "of {{$.pipeline_job_name}}",
        "bound": "{{$.pipeline_job_uuid}}",
        "plain": "{{name}}",
        "other": "{{$.inputs.parameters['whole']}}",
    }
    defaults = {name: {"parameterType": "STRING", "isOptional": True, "defaultValue": text} for name, text in texts.items()}
    say = component("exec-work", inputs={"parameters": defaults})
    spec = pipeline({"say": task("comp-say", parameters={"bound": {"runtimeValue": {"constant": "x"}}})}, components={"comp-say": say})

    root = lower_pipeline(spec).templates["root"]

    assert isinstance(root, GraphTemplate)
    assert root.tasks["say"].parameters == {
        "bound": Const("x"),
        "whole": RunField("run_id"),
        "part": Format((Const("of "), RunField("run_name"))),
    }


def test_conditions_triggers_retries_and_caching_lower_to_policies() -> None:
    spec = pipeline(
        {
            "first": task(),
            "t": task(
                triggerPolicy={"condition": "inputs.parameter_values['n'] > 1", "strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
                retryPolicy={"maxRetryCount": 2, "backoffDuration": "1.5s", "backoffFactor": 3, "backoffMaxDuration": "60s"},
                cachingOptions={"enableCache": True, "cacheKey": "k"},
                dependentTasks=["first"],
                taskInfo={"name": "shown"},
            ),
        }
    )

    lowered = only_task(spec)

    assert lowered.condition == Call(">", (OwnInput("n"), Const(1)))
    assert lowered.trigger is TriggerRule.ALL_DONE
    assert not lowered.is_exit
    assert lowered.retry == RetryPolicy(2, 1.5, 3.0, 60.0)
    assert lowered.cache == CachePolicy(is_enabled=True, custom_key="k")
    assert lowered.display_name == "shown"


def test_loops_lower_to_iterations() -> None:
    spec = pipeline(
        {
            "first": task(),
            "raw": task(parameterIterator={"itemInput": "n", "items": {"raw": "[1, 2]"}}, iteratorPolicy={"parallelismLimit": 2}),
            "input": task(
                parameters={"list": from_task("first")}, parameterIterator={"itemInput": "n", "items": {"inputParameter": "list"}}
            ),
            "artifacts": task(
                artifacts={"all": artifact_of("first")}, artifactIterator={"itemInput": "one", "items": {"inputArtifact": "all"}}
            ),
            "placeholder": task(
                parameters={"x": constant("v")},
                parameterIterator={"itemInput": "n", "items": {"raw": "[\"{{$.inputs.parameters['x']}}\"]"}},
            ),
        }
    )

    tasks = graph(lower_pipeline(spec)).tasks

    assert tasks["raw"].iteration == Iteration(items=Const([1, 2]), item_input="n", parallelism=2)
    assert tasks["input"].iteration == Iteration(items=TaskOutput("first", "Output"), item_input="n")
    assert tasks["artifacts"].iteration == Iteration(artifact_items=ArtifactSource(task="first", key="data"), item_input="one")
    assert tasks["placeholder"].iteration == Iteration(
        items=ParseJson(Format((Const("["), Call("json", (OwnInput("x"),)), Const("]")))), item_input="n"
    )
    assert all(tasks[key].type is TaskType.LOOP for key in ("raw", "input", "artifacts"))


def test_task_types_follow_structure_and_the_names_of_the_sdk() -> None:
    dag = {"dag": {"tasks": {"w": task()}}}
    spec = pipeline(
        {
            "work": task(),
            "load": task("comp-load"),
            "condition-branches-1": task("comp-dag"),
            "condition-2": task("comp-dag", triggerPolicy={"condition": "true"}),
            "exit-handler-3": task("comp-dag"),
            "inner": task("comp-dag"),
            "guarded": task("comp-dag", triggerPolicy={"condition": "true"}),
            "condition-9": task(),
        },
        components={"comp-dag": dag},
    )

    types = {key: lowered.type for key, lowered in graph(lower_pipeline(spec)).tasks.items()}

    assert types == {
        "work": TaskType.RUNTIME,
        "load": TaskType.IMPORTER,
        "condition-branches-1": TaskType.CONDITION_BRANCH,
        "condition-2": TaskType.CONDITION,
        "exit-handler-3": TaskType.EXIT_HANDLER,
        "inner": TaskType.DAG,
        "guarded": TaskType.CONDITION,
        "condition-9": TaskType.RUNTIME,
    }


def test_an_exit_task_is_told_from_a_task_that_ignores_failures() -> None:
    strategy = {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    spec = pipeline(
        {
            "exit-handler-1": task("comp-dag"),
            "exit": task(dependentTasks=["exit-handler-1"], triggerPolicy=strategy),
            "status": task(parameters={"s": {"taskFinalStatus": {"producerTask": "exit-handler-1"}}}, triggerPolicy=strategy),
            "ignoring": task(dependentTasks=["other"], triggerPolicy=strategy),
            "other": task(),
        },
        components={"comp-dag": {"dag": {"tasks": {"w": task()}}}},
    )

    tasks = graph(lower_pipeline(spec)).tasks

    assert {key for key, lowered in tasks.items() if lowered.is_exit} == {"exit", "status"}


def test_outputs_of_a_dag_forward_or_choose() -> None:
    selectors = [{"producerSubtask": key, "outputParameterKey": "Output"} for key in ("a", "b")]
    artifacts = [{"producerSubtask": key, "outputArtifactKey": "data"} for key in ("a", "b")]
    outputs = {
        "parameters": {"plain": {"valueFromParameter": selectors[0]}, "chosen": {"valueFromOneof": {"parameterSelectors": selectors}}},
        "artifacts": {"one": {"artifactSelectors": artifacts[:1]}, "either": {"artifactSelectors": artifacts}},
    }

    root = graph(lower_pipeline(pipeline({"a": task(), "b": task()}, dag={"outputs": outputs})))

    assert root.output_parameters == {
        "plain": OutputRule((("a", "Output"),)),
        "chosen": OutputRule((("a", "Output"), ("b", "Output")), is_one_of=True),
    }
    assert root.output_artifacts == {
        "one": OutputRule((("a", "data"),)),
        "either": OutputRule((("a", "data"), ("b", "data")), is_one_of=True),
    }


def test_a_leaf_has_its_declarations_and_its_work() -> None:
    spec = pipeline(
        {"t": task("c")},
        components={
            "c": component(
                "exec-work",
                inputs={
                    "parameters": {
                        "a": "LIST",
                        "b": {"parameterType": "STRING", "defaultValue": "x", "literals": ["x", "y"]},
                        "c": {"parameterType": "STRING", "isOptional": True},
                    },
                    "artifacts": {"d": {"artifactType": {"instanceSchema": "title: kfp.Dataset\ntype: object"}, "isArtifactList": True}},
                },
            )
        },
        executors={"exec-work": container(env=[{"name": "K", "value": "{{$.inputs.parameters['b']}}"}], resources={"cpuLimit": 1.0})},
    )

    lowered = leaf(lower_pipeline(spec), "c")

    assert lowered.parameters["a"].type is ParameterType.LIST
    assert lowered.parameters["a"].default is UNSET
    assert not lowered.parameters["a"].is_optional
    assert (lowered.parameters["b"].default, lowered.parameters["b"].is_optional, lowered.parameters["b"].literals) == (
        "x",
        True,
        ("x", "y"),
    )
    assert lowered.parameters["c"].is_optional
    assert lowered.artifacts["d"].type == ArtifactType("system.Dataset", "0.0.1")
    assert lowered.artifacts["d"].is_list
    assert isinstance(lowered.work, ContainerWork)
    assert lowered.work.env == (("K", "{{$.inputs.parameters['b']}}"),)
    assert lowered.work.resources == {"cpuLimit": 1.0}


def test_importers_take_constant_and_computed_uris() -> None:
    def work(uri: dict[str, str], **rest: Any) -> ImporterWork:
        spec = pipeline(
            {"t": task("comp-load", parameters={"uri": constant("x")})}, executors={"exec-load": importer(artifactUri=uri, **rest)}
        )
        lowered = leaf(lower_pipeline(spec), "comp-load").work
        assert isinstance(lowered, ImporterWork)
        return lowered

    assert work({"constant": "gs://b/x"}).uri == Const("gs://b/x")
    assert work({"runtimeParameter": "uri"}).uri == OwnInput("uri")
    assert work({"constant": "gs://{{$.inputs.parameters['uri']}}"}).uri == Format((Const("gs://"), OwnInput("uri")))
    full = work({"constant": "x"}, metadata={"k": "{{$.inputs.parameters['uri']}}"}, reimport=True, downloadToWorkspace=True)
    assert (full.metadata, full.reimport, full.download_to_workspace) == ({"k": "{{$.inputs.parameters['uri']}}"}, True, True)
    assert (full.output_key, full.type) == ("artifact", ArtifactType("system.Dataset", "0.0.1"))


def test_volume_components_become_volume_work_and_are_never_cached() -> None:
    executors = {
        "exec-create": {"container": {"image": "argostub/createpvc"}},
        "exec-delete": {"container": {"image": "argostub/deletepvc"}},
    }
    components = {"create": component("exec-create", outputs={"parameters": {"name": "STRING"}}), "delete": component("exec-delete")}
    tasks = {name: task(name, cachingOptions={"enableCache": True}) for name in components}

    plan = lower_pipeline(pipeline(tasks, components=components, executors=executors))

    assert leaf(plan, "create").work == VolumeWork("create")
    assert leaf(plan, "delete").work == VolumeWork("delete")
    assert not any(lowered.cache.is_enabled for lowered in graph(plan).tasks.values())


def test_platform_parameters_become_hidden_inputs_with_their_dependencies() -> None:
    config = {
        "secretAsEnv": [{"secretNameParameter": from_input("p"), "keyToEnv": []}, {"secretNameParameter": from_task("first")}],
        "pvcMount": [{**from_task("first"), "mountPath": "/d"}],
        "nodeSelector": {"nodeSelectorJson": from_input("own")},
        "activeDeadlineSeconds": "20",
    }
    spec = pipeline(
        {"first": task("other"), "t": task(parameters={"own": constant({})})},
        components={"other": component("exec-other", outputs={"parameters": {"Output": "STRING"}})},
        executors={"exec-other": container()},
        inputDefinitions=definitions(parameters={"p": "STRING"}),
    )
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"exec-work": config}}}}}

    plan = lower_pipeline({"pipeline_spec": spec, "platform_spec": platform})

    lowered = graph(plan).tasks["t"]
    assert lowered.parameters["platform.secretAsEnv[0].secretNameParameter"] == ScopeInput("p")
    assert lowered.parameters["platform.secretAsEnv[1].secretNameParameter"] == TaskOutput("first", "Output")
    assert lowered.parameters["platform.pvcMount[0]"] == TaskOutput("first", "Output")
    assert lowered.parameters["platform.nodeSelector.nodeSelectorJson"] == OwnInput("own")
    assert lowered.after == {"first"}
    assert leaf(plan).deadline_seconds == 20.0


def test_facts_of_the_whole_run_are_on_the_plan() -> None:
    spec = pipeline(
        {"t": task()}, inputDefinitions=definitions(parameters={"p": "STRING"}, artifacts={"d": "system.Dataset"}), defaultPipelineRoot=None
    )
    spec["defaultPipelineRoot"] = "gs://root"
    config = {"workspace": {"size": "1Gi"}, "activeDeadlineSeconds": 30, "resourceTtlOnCompletion": 60, "colour": "red"}

    plan = lower_pipeline({"pipeline_spec": spec, "platform_spec": {"platforms": {"kubernetes": {"pipelineConfig": config}}}})

    assert (plan.dialect, plan.name, plan.root, plan.deadline_seconds) == ("kfp", "test-pipeline", "root", 30.0)
    assert plan.extra == {
        "sdk_version": "kfp-2.17.0",
        "pipeline_root": "gs://root",
        "required_artifacts": ["d"],
        "workspace": {"size": "1Gi"},
        "resourceTtlOnCompletion": 60,
        "warnings": [
            "The workspace is a directory on this machine; its settings are not enforced: size 1Gi.",
            "There is no workflow object to remove after the run, which is kept: resourceTtlOnCompletion 60.",
            "Pipeline setting colour is not known here and is ignored.",
        ],
    }


def test_identity_says_which_part_of_a_component_changed() -> None:
    def identity(**changes: Any) -> dict[str, str]:
        spec = pipeline({"t": task()}, executors={"exec-work": container(**changes)})
        return dict(leaf(lower_pipeline(spec)).identity)

    base = identity()

    def changed(**changes: Any) -> set[str]:
        return {part for part, value in identity(**changes).items() if value != base[part]}

    assert set(base) == {"code", "image", "options", "outputs"}
    assert changed() == set()
    assert changed(args=["x"]) == {"code"}
    assert changed(image="other") == {"image"}
    assert changed(env=[{"name": "A", "value": "1"}]) == {"options"}
    assert changed(resources={"cpuLimit": 2.0}) == set()


def test_a_changed_default_or_output_changes_the_identity() -> None:
    def identity(default: int, output: str) -> dict[str, str]:
        changed = component(
            "exec-work",
            inputs={"parameters": {"n": {"parameterType": "NUMBER_INTEGER", "defaultValue": default}}},
            outputs={"parameters": {"Output": output}},
        )
        return dict(leaf(lower_pipeline(pipeline({"t": task()}, components={"comp-work": changed}))).identity)

    base = identity(1, "STRING")

    assert {part for part, value in identity(2, "STRING").items() if value != base[part]} == {"code"}
    assert {part for part, value in identity(1, "LIST").items() if value != base[part]} == {"outputs"}
