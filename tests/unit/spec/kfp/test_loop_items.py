from __future__ import annotations

from typing import Any

import pytest

from penstock.domain.errors import SpecError
from penstock.domain.expr import Const, Index, ParseJson, ScopeInput
from penstock.domain.plan import GraphTemplate
from penstock.spec.kfp.document import read_document
from penstock.spec.kfp.loop_items import thread_loop_items
from penstock.spec.kfp.lower import lower_pipeline
from tests.unit.spec.kfp.ir import definitions, from_input, pipeline, task

OUTER, INNER = "pipelinechannel--xs-loop-item", "pipelinechannel--loop-item-param-2"


def loop(component: str, item: str, **parameters: Any) -> dict[str, Any]:
    return task(component, parameters=parameters, parameterIterator={"itemInput": item, "items": {"raw": "[1]"}})


def nested() -> dict[str, Any]:
    """What the SDK compiles for `f"{outer}{inner}"` in two nested loops, cut down."""
    return pipeline(
        {"for-loop-1": loop("comp-outer", OUTER, **{INNER: from_input("loop-item-param-2")})},
        components={
            "comp-outer": {
                "dag": {"tasks": {"for-loop-3": loop("comp-inner", INNER)}},
                "inputDefinitions": definitions(parameters={OUTER: "STRING", INNER: "STRING"}),
            },
            "comp-inner": {
                "dag": {"tasks": {"echo": task(parameters={OUTER: from_input(OUTER), INNER: from_input(INNER)})}},
                "inputDefinitions": definitions(parameters={INNER: "STRING"}),
            },
        },
    )


def test_an_outer_item_is_handed_down_and_a_senseless_input_is_dropped() -> None:
    plan = lower_pipeline(nested())

    root, outer, inner = (plan.templates[name] for name in ("root", "comp-outer", "comp-inner"))
    assert isinstance(root, GraphTemplate)
    assert isinstance(outer, GraphTemplate)
    assert isinstance(inner, GraphTemplate)
    assert root.tasks["for-loop-1"].parameters == {}
    assert outer.tasks["for-loop-3"].parameters == {OUTER: ScopeInput(OUTER)}
    assert set(inner.parameters) == {INNER, OUTER}


def test_a_key_that_only_a_loop_inside_quotes_is_read_from_the_item() -> None:
    item = "pipelinechannel--loop-item-param-1"
    key = f"{item}-subvar-a"
    inner = task(parameters={key: from_input(key), INNER: from_input(INNER)})
    spec = pipeline(
        {"for-loop-1": loop("comp-outer", item)},
        components={
            "comp-outer": {
                "dag": {"tasks": {"for-loop-3": loop("comp-inner", INNER, **{key: from_input(key)})}},
                "inputDefinitions": definitions(parameters={item: "STRUCT"}),
            },
            "comp-inner": {"dag": {"tasks": {"echo": inner}}, "inputDefinitions": definitions(parameters={key: "STRING", INNER: "STRING"})},
        },
    )

    outer = lower_pipeline(spec).templates["comp-outer"]

    assert isinstance(outer, GraphTemplate)
    assert outer.tasks["for-loop-3"].parameters[key] == Index(ParseJson(ScopeInput(item)), Const("a"))


def test_keys_of_an_item_are_read_from_the_item() -> None:
    item = "pipelinechannel--rows-loop-item"
    key = f"{item}-subvar-a"
    spec = pipeline(
        {"for-loop-1": loop("comp-body", item, **{key: from_input("rows-loop-item-subvar-a")})},
        components={
            "comp-body": {
                "dag": {"tasks": {"say": task(parameters={key: from_input(key)}), "for-loop-2": loop("comp-inner", INNER)}},
                "inputDefinitions": definitions(parameters={item: "STRUCT", key: "STRING"}),
            },
            "comp-inner": {
                "dag": {"tasks": {"say": task(parameters={key: from_input(key)})}},
                "inputDefinitions": definitions(parameters={INNER: "STRING"}),
            },
        },
    )

    plan = lower_pipeline(spec)

    root, body, inner = (plan.templates[name] for name in ("root", "comp-body", "comp-inner"))
    assert isinstance(root, GraphTemplate)
    assert isinstance(body, GraphTemplate)
    assert root.tasks["for-loop-1"].parameters == {}
    assert set(body.parameters) == {item}
    read = Index(ParseJson(ScopeInput(item)), Const("a"))
    assert body.tasks["say"].parameters == {key: read}
    assert body.tasks["for-loop-2"].parameters == {key: read}
    assert set(inner.parameters) == {INNER, key}


def test_the_stored_document_is_not_touched() -> None:
    spec, untouched = nested(), nested()

    lower_pipeline(spec)

    assert spec == untouched


def test_a_sound_document_is_returned_as_it_is() -> None:
    document = read_document(pipeline({"t": task()}))

    assert thread_loop_items(document) is document


def test_an_item_that_no_enclosing_loop_has_is_still_an_error() -> None:
    spec = pipeline({"t": task(parameters={"n": from_input("pipelinechannel--gone-loop-item")})})

    with pytest.raises(SpecError, match="no input 'pipelinechannel--gone-loop-item'"):
        lower_pipeline(spec)


def test_a_component_that_contains_itself_does_not_trap_the_search() -> None:
    components = {"comp-x": {"dag": {"tasks": {"x": task("comp-x", parameters={"n": from_input(OUTER)})}}}}

    with pytest.raises(SpecError):
        lower_pipeline(pipeline({"x": task("comp-x")}, components=components))


def test_a_key_that_was_read_outside_a_condition_is_not_read_again_inside() -> None:
    key = f"{INNER}-subvar-b"
    read, other = ({"componentInputParameter": key, "parameterExpressionSelector": f'parseJson(string_value)["{name}"]'} for name in "bc")
    spec = pipeline(
        {"condition-1": task("comp-condition", parameters={key: {"runtimeValue": {"constant": "2"}}})},
        components={
            "comp-condition": {
                "dag": {"tasks": {"say": task(parameters={"msg": read, "part": other})}},
                "inputDefinitions": definitions(parameters={key: "STRING"}),
            }
        },
    )

    condition = lower_pipeline(spec).templates["comp-condition"]

    assert isinstance(condition, GraphTemplate)
    assert condition.tasks["say"].parameters == {"msg": ScopeInput(key), "part": Index(ParseJson(ScopeInput(key)), Const("c"))}
