"""Puts tasks back into the groups from which the SDK took them.

When a pipeline calls another one and both have nested groups of the same number (`If` with `Else`, a loop in a loop), the SDK renames the
component of one (`comp-condition-2-2`) and yet leaves its tasks in the other (`comp-condition-2`). Observed with kfp 2.7.0 and 2.17.0, see
`tests/conformance/pipelines/branches_twice.py`; upstream's backend fails such runs. Whose a task is shows in the inputs that it reads
and in the outputs that are taken from it. Where that leaves a doubt, or one task was written over another, nothing is touched and the
check of the document says what is wrong.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import replace

from penstock.spec.kfp.definitions import INPUTS
from penstock.spec.kfp.document import Document
from penstock.spec.kfp.graph import dependencies_of
from penstock.spec.kfp.section import Section

_RENAMED = re.compile(r"(comp-.+)-\d+")
_KINDS = (("parameters", "componentInputParameter"), ("artifacts", "componentInputArtifact"))


def part_groups(document: Document) -> Document:
    """Return the document with every emptied group filled again; the same document when there is none.

    Raises:
        SpecError: a group or task is malformed.
    """
    components = document.pipeline.section("components")
    emptied = list(_emptied(components))
    if not emptied:
        return document
    data = copy.deepcopy(dict(document.pipeline.data))
    for name, other in emptied:
        keys = _tasks_of(components.section(name), components.section(other))
        tasks = data["components"][other]["dag"]["tasks"]
        if keys:
            data["components"][name]["dag"]["tasks"] = {key: tasks.pop(key) for key in sorted(keys)}
    return replace(document, pipeline=Section(data, document.pipeline.place))


def _emptied(components: Section) -> Iterator[tuple[str, str]]:
    """Yield each dag without tasks with the component that may have them."""
    for name in components.data:
        dag = components.section(name).section("dag")
        match = _RENAMED.fullmatch(name)
        if match and dag.data and not dag.section("tasks").data and components.section(match[1]).section("dag").section("tasks").data:
            yield name, match[1]


def _tasks_of(emptied: Section, other: Section) -> frozenset[str]:
    """Return the keys of the tasks in `other` that are those of `emptied`; none when that cannot be told of every task."""
    tasks = dict(other.section("dag").sections("tasks"))
    wanted = _grown(_claimed(emptied, other, tasks), tasks)
    kept = _grown(_claimed(other, emptied, tasks), tasks)
    rest = frozenset(tasks) - wanted - kept
    if wanted & kept or not (wanted or kept) or (rest and wanted and kept):
        return frozenset()
    return wanted or rest


def _claimed(group: Section, against: Section, tasks: dict[str, Section]) -> frozenset[str]:
    """Return the tasks whose outputs `group` gives out, and those that read an input which only `group` has."""
    outputs = group.section("dag").section("outputs")
    named = {
        selector.text("producerSubtask")
        for kind in ("parameters", "artifacts")
        for _, output in outputs.sections(kind)
        for selector in (
            output.section("valueFromParameter"),
            *output.section("valueFromOneof").items("parameterSelectors"),
            *output.items("artifactSelectors"),
        )
    }
    readers = {
        key
        for key, task in tasks.items()
        for kind, word in _KINDS
        for _, binding in task.section("inputs").sections(kind)
        if binding.text(word) in _own_inputs(group, against, kind)
    }
    return frozenset((named & tasks.keys()) | readers)


def _own_inputs(group: Section, against: Section, kind: str) -> frozenset[str]:
    return frozenset(group.section(INPUTS).section(kind).data) - frozenset(against.section(INPUTS).section(kind).data)


def _grown(keys: frozenset[str], tasks: dict[str, Section]) -> frozenset[str]:
    """Add the tasks that depend on these or that these depend on: they stand in one group."""
    found = set(keys)
    while True:
        near = {
            key
            for key, task in tasks.items()
            if key not in found and (dependencies_of(task) & found or any(key in dependencies_of(tasks[other]) for other in found))
        }
        if not near:
            return frozenset(found)
        found |= near
