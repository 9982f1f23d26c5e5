"""Translation of `kfp.v2` PipelineJob JSON (SDK 1.8, schema 2.0.0) to the 2.1.0 form.

Only the differences are known here: typed constants, type names, trigger policies and runtime parameters
(kfp 1.8 protocol notes, section 6). The result is checked and lowered like any other pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.spec.kfp.section import Section

_TYPES = {"INT": "NUMBER_INTEGER", "DOUBLE": "NUMBER_DOUBLE", "STRING": "STRING"}


def translate_job(job: Section) -> dict[str, Any]:
    """Return the 2.1.0 PipelineSpec of a PipelineJob.

    Raises:
        SpecError: the wrapped spec is not of schema 2.0.0, or a value is malformed.
    """
    spec = job.section("pipelineSpec")
    if not spec.text("schemaVersion").startswith("2.0"):
        return dict(spec.data)
    pipeline: dict[str, Any] = {key: value for key, value in spec.data.items() if key != "runtimeParameters"}
    pipeline["schemaVersion"] = "2.1.0"
    pipeline["components"] = {name: _component(component) for name, component in spec.sections("components")}
    root = _component(spec.section("root"))
    config = job.section("runtimeConfig")
    declared = root.setdefault("inputDefinitions", {}).setdefault("parameters", {})
    for name, value in config.sections("parameters"):
        declared.setdefault(name, {"parameterType": "STRING"})["defaultValue"] = typed_value(value)
    pipeline["root"] = root
    directory = config.text("gcsOutputDirectory")
    if directory:
        pipeline["defaultPipelineRoot"] = directory
    return pipeline


def typed_value(value: Section) -> int | float | str:
    """Return the plain value of `{"intValue": "3"}`, `{"doubleValue": 1.5}` or `{"stringValue": "x"}`.

    Raises:
        SpecError: it is none of them.
    """
    if "intValue" in value:
        return int(value.number("intValue"))
    if "doubleValue" in value:
        return value.number("doubleValue")
    if "stringValue" in value:
        return value.text("stringValue")
    raise value.error("expected intValue, doubleValue or stringValue")


def _component(component: Section) -> dict[str, Any]:
    result = dict(component.data)
    for side in ("inputDefinitions", "outputDefinitions"):
        definitions = component.section(side)
        if definitions.section("parameters").data:
            result[side] = {
                **definitions.data,
                "parameters": {name: _definition(parameter) for name, parameter in definitions.sections("parameters")},
            }
    dag = component.section("dag")
    if dag.data:
        result["dag"] = {**dag.data, "tasks": {name: _task(task) for name, task in dag.sections("tasks")}}
    return result


def _definition(parameter: Section) -> dict[str, Any]:
    rest = {key: value for key, value in parameter.data.items() if key != "type"}
    return {**rest, "parameterType": _TYPES.get(parameter.text("type"), parameter.text("parameterType", "STRING"))}


def _task(task: Section) -> dict[str, Any]:
    result = dict(task.data)
    inputs = task.section("inputs")
    if inputs.section("parameters").data:
        result["inputs"] = {**inputs.data, "parameters": {name: _binding(binding) for name, binding in inputs.sections("parameters")}}
    policy = task.section("triggerPolicy")
    if "condition" in policy:
        result["triggerPolicy"] = {**policy.data, "condition": _condition(policy.text("condition"))}
    return result


def _binding(binding: Section) -> Mapping[str, Any]:
    runtime = binding.section("runtimeValue")
    if "constantValue" in runtime:
        return {**binding.data, "runtimeValue": {"constant": typed_value(runtime.section("constantValue"))}}
    return binding.data


def _condition(text: str) -> str:
    for suffix in (".int_value", ".double_value", ".string_value"):
        text = text.replace(f"]{suffix}", "]")
    return text.replace("inputs.parameters[", "inputs.parameter_values[")
