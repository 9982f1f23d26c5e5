"""Mends the wiring of loop items that the SDK loses.

When a text quotes the items of two nested loops (`f"{outer}{inner}"`), every SDK from 2.0 to 2.17 compiles inputs that do not reach
their task: the outer item is not handed to the inner dag, and the outermost dag is given an item of a loop inside it, under a name
that nothing has. Observed with kfp 2.7.0 and 2.17.0, see `tests/conformance/pipelines/nested_format_strings.py`; upstream's backend
fails such runs. The meaning is plain, so the missing inputs are added and the senseless ones dropped; a document without this fault
is returned as it is.

When a text quotes a key of an item (`f"{item.a}"`), the SDKs make that key an input of the loop's dag and bind it to something that
does not exist (an output or input named `...-loop-item-subvar-a`). Inside the loop it is `item` with a selector, as the SDK itself
writes it where the key is an argument; see `tests/conformance/pipelines/item_keys.py`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from penstock.spec.kfp.definitions import INPUTS
from penstock.spec.kfp.document import Document
from penstock.spec.kfp.section import Section, object_under

_MARK = "loop-item"
_CHANNEL = "pipelinechannel--"
_KEY_MARK = "-subvar-"
_ROOT = ""


def thread_loop_items(document: Document) -> Document:
    """Return the document with every loop item handed down to the tasks that quote it.

    Raises:
        SpecError: an input binding is malformed.
    """
    lost = list(_lost_items(document.pipeline))
    if not lost and not any(_loops_with_keys(document.pipeline)):
        return document
    mended = _Wiring(copy.deepcopy(dict(document.pipeline.data)))
    for dag, task, name, item in lost:
        if item.startswith(_CHANNEL):
            mended.hand_down(dag, item)
        else:
            mended.drop(dag, task, name)
    # Also those whose keys were handed down just now.
    for dag, task in list(_loops_with_keys(Section(mended.pipeline, document.pipeline.place))):
        mended.take_keys_from_item(dag, task)
    return replace(document, pipeline=Section(mended.pipeline, document.pipeline.place))


def _lost_items(pipeline: Section) -> Iterator[tuple[str, str, str, str]]:
    """Yield dag, task, input and the loop item it asks for, where the dag has no such input."""
    dags = [(_ROOT, pipeline.section("root")), *pipeline.sections("components")]
    for dag, component in dags:
        declared = component.section(INPUTS).section("parameters")
        for task_key, task in component.section("dag").sections("tasks"):
            for name, binding in task.section("inputs").sections("parameters"):
                item = binding.text("componentInputParameter")
                if _MARK in item and item not in declared:
                    yield dag, task_key, name, item


def _loops_with_keys(pipeline: Section) -> Iterator[tuple[str, str]]:
    """Yield dag and task of the loops in whose dag keys of the item are inputs."""
    components = pipeline.section("components")
    for dag, component in [(_ROOT, pipeline.section("root")), *pipeline.sections("components")]:
        for task_key, task in component.section("dag").sections("tasks"):
            item = task.section("parameterIterator").text("itemInput")
            body = components.section(task.section("componentRef").text("name"))
            if item and any(name.startswith(item + _KEY_MARK) for name in body.section(INPUTS).section("parameters").data):
                yield dag, task_key


class _Wiring:
    """A private copy of the pipeline in which inputs are added and removed."""

    def __init__(self, pipeline: dict[str, Any]) -> None:
        self.pipeline = pipeline

    def drop(self, dag: str, task: str, name: str) -> None:
        """Remove an input that asks for an item of a loop further inside."""
        self._tasks(dag)[task]["inputs"]["parameters"].pop(name, None)

    def take_keys_from_item(self, dag: str, task: str) -> None:
        """Inside a loop's dag, read the keys of its item from the item; outside they mean nothing."""
        loop = self._tasks(dag)[task]
        item, body = loop["parameterIterator"]["itemInput"], loop["componentRef"]["name"]
        for name in [name for name in self._inputs(body) if name.startswith(item + _KEY_MARK)]:
            del self._inputs(body)[name]
            object_under(object_under(loop, "inputs"), "parameters").pop(name, None)
            key = json.dumps(name.removeprefix(item + _KEY_MARK))
            for inner in self._tasks(body).values():
                bound = object_under(object_under(inner, "inputs"), "parameters")
                for place in [place for place, binding in bound.items() if binding == {"componentInputParameter": name}]:
                    bound[place] = {"componentInputParameter": item, "parameterExpressionSelector": f"parseJson(string_value)[{key}]"}

    def hand_down(self, dag: str, item: str, inside: frozenset[str] = frozenset()) -> bool:
        """Make `item` an input of the dag, from whichever enclosing dag has it; False when none has."""
        if item in self._inputs(dag):
            return True
        if any(item.startswith(name + _KEY_MARK) for name in self._inputs(dag) if name.endswith(_MARK) or f"{_MARK}-param" in name):
            self._inputs(dag)[item] = {"isOptional": True}
            return True
        users = [(other, task) for other in self._names() for task in self._tasks(other).values() if _refers(task, dag)]
        if dag == _ROOT or dag in inside or not users:
            return False
        if not all(self.hand_down(other, item, inside | {dag}) for other, _ in users):
            return False
        self._inputs(dag)[item] = {"isOptional": True}
        for _, task in users:
            bound = object_under(object_under(task, "inputs"), "parameters")
            if item not in bound and _item_of(task) != item:
                bound[item] = {"componentInputParameter": item}
        return True

    def _names(self) -> list[str]:
        return [_ROOT, *self.pipeline.get("components", {})]

    def _inputs(self, dag: str) -> dict[str, Any]:
        component = self.pipeline["root"] if dag == _ROOT else self.pipeline["components"][dag]
        return object_under(object_under(component, INPUTS), "parameters")

    def _tasks(self, dag: str) -> dict[str, Any]:
        component = self.pipeline["root"] if dag == _ROOT else self.pipeline["components"][dag]
        return object_under(object_under(component, "dag"), "tasks") if "dag" in component else {}


def _refers(task: dict[str, Any], name: str) -> bool:
    reference = task.get("componentRef")
    return isinstance(reference, dict) and reference.get("name") == name


def _item_of(task: dict[str, Any]) -> Any:
    iterator = task.get("parameterIterator")
    return iterator.get("itemInput") if isinstance(iterator, dict) else None
