"""Builders of small PipelineSpecs: a valid one by default, any piece of it replaced."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def pipeline(tasks: Json, *, components: Json | None = None, executors: Json | None = None, **root: Any) -> Json:
    """A pipeline whose root has `tasks`; components `comp-work` (a container) and `comp-load` (an importer) exist."""
    return {
        "pipelineInfo": {"name": "test-pipeline"},
        "components": {"comp-work": work(), "comp-load": load(), **(components or {})},
        "deploymentSpec": {"executors": {"exec-work": container(), "exec-load": importer(), **(executors or {})}},
        "root": {"dag": {"tasks": tasks, **root.pop("dag", {})}, **root},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.17.0",
    }


def component(executor: str, *, inputs: Json | None = None, outputs: Json | None = None, **rest: Any) -> Json:
    """A leaf component; parameters are given as `{name: type or definition}`."""
    result: Json = {"executorLabel": executor, **rest}
    if inputs:
        result["inputDefinitions"] = definitions(**inputs)
    if outputs:
        result["outputDefinitions"] = definitions(**outputs)
    return result


def definitions(*, parameters: Json | None = None, artifacts: Json | None = None) -> Json:
    """Input or output definitions; a plain string stands for the type of a parameter or the title of an artifact."""
    result: Json = {}
    if parameters:
        result["parameters"] = {name: {"parameterType": value} if isinstance(value, str) else value for name, value in parameters.items()}
    if artifacts:
        result["artifacts"] = {
            name: {"artifactType": {"schemaTitle": value, "schemaVersion": "0.0.1"}} if isinstance(value, str) else value
            for name, value in artifacts.items()
        }
    return result


def work(**rest: Any) -> Json:
    """A container component with a number and an artifact in and out."""
    return component(
        "exec-work",
        inputs={"parameters": {"n": {"parameterType": "NUMBER_INTEGER", "isOptional": True}}},
        outputs={"parameters": {"Output": "NUMBER_INTEGER"}, "artifacts": {"data": "system.Dataset"}},
        **rest,
    )


def load() -> Json:
    """An importer component."""
    return component("exec-load", inputs={"parameters": {"uri": "STRING"}}, outputs={"artifacts": {"artifact": "system.Dataset"}})


def container(**rest: Any) -> Json:
    """A container executor."""
    return {"container": {"image": "alpine", "command": ["sh", "-c", "true"], **rest}}


def importer(**rest: Any) -> Json:
    """An importer executor."""
    return {"importer": {"artifactUri": {"constant": "gs://b/x"}, "typeSchema": {"schemaTitle": "system.Dataset"}, **rest}}


def task(name: str = "comp-work", *, parameters: Json | None = None, artifacts: Json | None = None, **rest: Any) -> Json:
    """A task of component `name`."""
    result: Json = {"componentRef": {"name": name}, **rest}
    inputs = {key: value for key, value in (("parameters", parameters), ("artifacts", artifacts)) if value}
    return {**result, "inputs": inputs} if inputs else result


def constant(value: Any) -> Json:
    """A constant binding."""
    return {"runtimeValue": {"constant": value}}


def from_task(producer: str, key: str = "Output") -> Json:
    """A parameter of a sibling task."""
    return {"taskOutputParameter": {"producerTask": producer, "outputParameterKey": key}}


def from_input(name: str) -> Json:
    """A parameter of the enclosing dag."""
    return {"componentInputParameter": name}


def artifact_of(producer: str, key: str = "data") -> Json:
    """An artifact of a sibling task."""
    return {"taskOutputArtifact": {"producerTask": producer, "outputArtifactKey": key}}
