"""OneOf under loops and conditions, as the SDK compiles it: branches without the output that is asked of them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from penstock.domain.errors import SpecError
from penstock.domain.plan import GraphTemplate
from penstock.spec.kfp.document import read_document
from penstock.spec.kfp.lost_choices import restore_choices
from penstock.spec.kfp.lower import lower_pipeline
from tests.unit.spec.kfp.ir import component, definitions, from_task, pipeline, task

KEY = "pipelinechannel--condition-branches-1-oneof-1"
ITEMS = "pipelinechannel--condition-branches-1-" + KEY


def chosen(**second: str) -> dict[str, Any]:
    """Two branches, each with a component that makes words, and a loop over one of them; `second`: outputs of the other branch's."""

    def branch(made: str) -> dict[str, Any]:
        return {"dag": {"tasks": {made: task(made)}}}

    loop = task(
        "comp-loop",
        parameters={ITEMS: from_task("condition-branches-1", KEY)},
        dependentTasks=["condition-branches-1"],
        parameterIterator={"itemInput": ITEMS + "-loop-item", "items": {"inputParameter": ITEMS}},
    )
    return pipeline(
        {"condition-branches-1": task("comp-condition-branches-1"), "for-loop-4": loop},
        components={
            "one": component("exec-work", outputs={"parameters": {"Output": "LIST"}}),
            "two": component("exec-work", outputs={"parameters": second or {"Output": "LIST", "count": "NUMBER_INTEGER"}}),
            "comp-condition-2": branch("one"),
            "comp-condition-3": branch("two"),
            "comp-condition-branches-1": {
                "dag": {"tasks": {"condition-2": task("comp-condition-2"), "condition-3": task("comp-condition-3")}},
            },
            "comp-loop": {
                "dag": {"tasks": {"t": task()}},
                "inputDefinitions": definitions(parameters={ITEMS: "LIST", ITEMS + "-loop-item": "STRING"}),
            },
        },
    )


def test_a_choice_of_the_only_output_of_its_type_is_put_back() -> None:
    plan = lower_pipeline(chosen())

    branches, second = plan.templates["comp-condition-branches-1"], plan.templates["comp-condition-3"]
    assert isinstance(branches, GraphTemplate)
    assert isinstance(second, GraphTemplate)
    made = [("condition-2", "pipelinechannel--one-Output"), ("condition-3", "pipelinechannel--two-Output")]
    assert list(branches.output_parameters[KEY].choices) == made
    assert second.output_parameters["pipelinechannel--two-Output"].choices == (("two", "Output"),)


@pytest.mark.parametrize("second", [{"a": "LIST", "b": "LIST"}, {"count": "NUMBER_INTEGER"}], ids=["several", "none"])
def test_where_it_is_not_plain_the_refusal_says_what_helps(second: dict[str, str]) -> None:
    with pytest.raises(SpecError, match=r"the SDK left out this dsl\.OneOf: hand it to a component first"):
        lower_pipeline(chosen(**second))


def test_the_stored_document_is_not_touched_and_a_sound_one_is_returned_as_it_is() -> None:
    spec = chosen()
    untouched = copy.deepcopy(spec)

    lower_pipeline(spec)

    assert spec == untouched
    document = read_document(pipeline({"t": task()}))
    assert restore_choices(document) is document
