"""Puts back the OneOf that the SDK leaves out.

An output that `dsl.OneOf` takes from several branches is compiled only where a component or the pipeline's own output uses it. A loop
straight over it, or a condition on it, asks for an output that the branches do not have (kfp 2.7 to 2.17, see
`tests/conformance/pipelines/choices_of_groups.py`); upstream's backend fails such runs. A OneOf has one output of one type in every branch:
where each branch makes just one of that type, the meaning is plain and is written down; otherwise the document stays, and is refused.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from penstock.spec.kfp.definitions import INPUTS, OUTPUTS
from penstock.spec.kfp.document import Document
from penstock.spec.kfp.section import Section, object_under

_CHOICE = re.compile(r"pipelinechannel--condition-branches-\d+-oneof-\d+")
_CHANNEL = "pipelinechannel--"


@dataclass(frozen=True, slots=True)
class _Choice:
    """An output that the component `branches` should have: of a branch's task, for each branch (task of `branches`, its component)."""

    branches: str
    key: str
    type: str
    outputs: tuple[tuple[str, str, str, str], ...]


def restore_choices(document: Document) -> Document:
    """Return the document with every OneOf in it whose meaning is plain.

    Raises:
        SpecError: the document is malformed where it was looked at.
    """
    lost = list(_lost_choices(document.pipeline))
    if not lost:
        return document
    pipeline = copy.deepcopy(dict(document.pipeline.data))
    for choice in lost:
        selectors = []
        for branch, component, task, output in choice.outputs:
            name = f"{_CHANNEL}{task}-{output}"
            producer = {"producerSubtask": task, "outputParameterKey": output}
            _give(pipeline["components"][component], name, choice.type, {"valueFromParameter": producer})
            selectors.append({"producerSubtask": branch, "outputParameterKey": name})
        _give(pipeline["components"][choice.branches], choice.key, choice.type, {"valueFromOneof": {"parameterSelectors": selectors}})
    return replace(document, pipeline=Section(pipeline, document.pipeline.place))


def _give(component: dict[str, Any], key: str, kind: str, source: dict[str, Any]) -> None:
    object_under(object_under(component, OUTPUTS), "parameters")[key] = {"parameterType": kind}
    object_under(object_under(component["dag"], "outputs"), "parameters")[key] = source


def _lost_choices(pipeline: Section) -> Iterator[_Choice]:
    components = pipeline.section("components")
    for dag in (pipeline.section("root"), *(component for _, component in pipeline.sections("components"))):
        tasks = dag.section("dag").section("tasks")
        for _, task in dag.section("dag").sections("tasks"):
            declared = components.section(task.section("componentRef").text("name")).section(INPUTS).section("parameters")
            for name, binding in task.section("inputs").sections("parameters"):
                wanted = binding.section("taskOutputParameter")
                key, producer = wanted.text("outputParameterKey"), wanted.text("producerTask")
                branches = tasks.section(producer).section("componentRef").text("name") if _CHOICE.fullmatch(key) else ""
                kind = declared.section(name).text("parameterType")
                if branches not in components or key in components.section(branches).section(OUTPUTS).section("parameters"):
                    continue
                outputs = [_only_output(components, branch, inner, kind) for branch, inner in _branches(components, branches)]
                found = tuple(output for output in outputs if output is not None)
                if found and len(found) == len(outputs):
                    yield _Choice(branches, key, kind, found)


def _branches(components: Section, name: str) -> Iterator[tuple[str, str]]:
    for branch, task in components.section(name).section("dag").sections("tasks"):
        yield branch, task.section("componentRef").text("name")


def _only_output(components: Section, branch: str, component: str, kind: str) -> tuple[str, str, str, str] | None:
    """Return the branch, its component, and task and key of the one output of the type that it makes; None without such a one."""
    found = [
        (branch, component, task_key, key)
        for task_key, task in components.section(component).section("dag").sections("tasks")
        for key, definition in components.section(task.section("componentRef").text("name")).section(OUTPUTS).sections("parameters")
        if definition.text("parameterType") == kind and not key.startswith(_CHANNEL)
    ]
    return found[0] if len(found) == 1 else None
