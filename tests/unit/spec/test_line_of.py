"""Where a dotted place stands in the text of a definition."""

from __future__ import annotations

import pytest

from penstock.domain.errors import SpecError
from penstock.spec.packages import read_text, with_line
from penstock.spec.yaml_text import line_of

TEXT = """\
components:
  comp-add:
    executorLabel: exec-add
  comp-add.2:
    inputs: {a: 1}
tasks:
- name: first
- name: second
  uses:
    image: x
---
platforms:
  kubernetes: {}
"""


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("components", 1),
        ("components.comp-add.executorLabel", 3),
        ("components.comp-add.2.inputs.a", 5),
        ("components.comp-add.nowhere.at.all", 2),
        ("tasks[1].uses.image", 10),
        ("tasks[7].uses", 6),
        ("pipeline_spec.components.comp-add", 2),
        ("platform_spec.platforms.kubernetes", 13),
        ("elsewhere", None),
        ("", None),
    ],
)
def test_a_place_has_the_line_of_its_deepest_part_that_is_there(place: str, line: int | None) -> None:
    assert line_of(TEXT, place) == line


def test_json_has_lines_too() -> None:
    assert line_of('{\n "root": {\n  "dag": {}\n }\n}', "root.dag.tasks") == 3


def test_text_that_cannot_be_read_has_none() -> None:
    assert line_of("a: [1,", "a") is None


def test_an_error_keeps_its_place_and_gains_the_line() -> None:
    package = read_text("pipelineInfo:\n  name: p\nroot:\n  dag: {}\n")
    error = with_line(SpecError("no tasks", place="root.dag"), package)
    assert (str(error), error.place) == ("root.dag: no tasks (line 4)", "root.dag")
    same = SpecError("too large")
    assert with_line(same, package) is same
