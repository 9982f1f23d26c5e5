"""Signs by which a tracked run is known to come from a flow task."""

from __future__ import annotations

import json

import pytest

from penstock.domain.flow_links import FlowPlace, place_of


def config(*arguments: str) -> str:
    return json.dumps({"_wandb": {"value": {"e": {"writer": {"args": list(arguments)}}}}, "lr": {"value": 1}})


def test_the_command_line_names_the_task() -> None:
    found = place_of(
        "own-group", "own-type", config("--quiet", "step", "train", "--run-id", "12", "--task-id", "34", "--input-paths", "12/a/1")
    )
    assert found == FlowPlace(None, "12", "train", "34")


def test_group_and_job_type_name_the_step() -> None:
    assert place_of("MyFlow/12", "train", None) == FlowPlace("MyFlow", "12", "train", None)


@pytest.mark.parametrize(
    ("group", "job_type"), [("", ""), ("group", "train"), ("a/b/c", "train"), ("my-flow/1", "train"), ("MyFlow/1", "my type")]
)
def test_other_groups_point_nowhere(group: str, job_type: str) -> None:
    assert place_of(group, job_type, None) is None


@pytest.mark.parametrize(
    "text",
    [
        "--task-id",
        '["--task-id"]',
        '{"_wandb": {"value": {"e": "--task-id"}}}',
        config("step", "--task-id"),
        config("--run-id", "1", "--task-id", "2"),
    ],
)
def test_odd_configs_are_passed_over(text: str) -> None:
    assert place_of("", "", text) is None
