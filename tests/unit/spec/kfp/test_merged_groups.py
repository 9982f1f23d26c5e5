"""Tasks that the SDK compiles into the group of another pipeline."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.domain.errors import SpecError
from penstock.domain.plan import GraphTemplate
from penstock.spec.kfp.document import read_document
from penstock.spec.kfp.lower import lower_pipeline
from penstock.spec.kfp.merged_groups import part_groups
from tests.unit.spec.kfp.ir import definitions, from_input, pipeline, task

N, FLAG = "pipelinechannel--n", "pipelinechannel--flag"


def merged(tasks: dict[str, Any], *, outputs: dict[str, Any] | None = None) -> dict[str, Any]:
    """A pipeline with an emptied group `comp-condition-2-2`, whose tasks stand among those of `comp-condition-2`."""
    return pipeline(
        {
            "mine": task("comp-condition-2", parameters={FLAG: {"runtimeValue": {"constant": "x"}}}),
            "other": task("comp-condition-2-2", parameters={N: {"runtimeValue": {"constant": 1}}}),
        },
        components={
            "comp-condition-2": {"dag": {"tasks": tasks}, "inputDefinitions": definitions(parameters={FLAG: "STRING"})},
            "comp-condition-2-2": {
                "dag": {"outputs": outputs or {}},
                "inputDefinitions": definitions(parameters={N: "NUMBER_INTEGER"}),
                "outputDefinitions": definitions(parameters={"o": "NUMBER_INTEGER"} if outputs else {}),
            },
        },
    )


def tasks_of(spec: dict[str, Any]) -> list[set[str]]:
    plan = lower_pipeline(spec)
    groups = [plan.templates[name] for name in ("comp-condition-2", "comp-condition-2-2")]
    return [set(group.tasks) for group in groups if isinstance(group, GraphTemplate)]


def test_tasks_go_where_their_inputs_are_and_what_hangs_on_them_goes_along() -> None:
    tasks = {
        "kept": task(parameters={"x": from_input(FLAG)}),
        "moved": task(parameters={"x": from_input(N)}),
        "behind": task(dependentTasks=["moved"]),
    }
    assert tasks_of(merged(tasks)) == [{"kept"}, {"moved", "behind"}]


def test_what_is_left_over_goes_to_the_side_of_which_nothing_is_known() -> None:
    assert tasks_of(merged({"kept": task(parameters={"x": from_input(FLAG)}), "say": task()})) == [{"kept"}, {"say"}]


@pytest.mark.parametrize(
    "tasks",
    [
        {"say": task()},
        {"kept": task(parameters={"x": from_input(FLAG)}), "moved": task(parameters={"x": from_input(N)}), "say": task()},
        {"both": task(parameters={"x": from_input(FLAG), "y": from_input(N)})},
    ],
)
def test_a_doubt_is_left_to_the_check(tasks: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match=r"numbered alike|no input"):
        lower_pipeline(merged(tasks))


def test_a_sound_document_is_returned_as_it_is() -> None:
    document = read_document(pipeline({"t": task()}))
    assert part_groups(document) is document
