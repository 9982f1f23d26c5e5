"""What differs between runs: code, packages, and which of it is named first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from penstock.domain.plan import ContainerWork
from penstock.web.comparisons.runs import (
    Cause,
    ComponentText,
    causes,
    change_text,
    code_diffs,
    definition_text,
    difference_rows,
    package_tables,
    seconds_by_task,
    text_blocks,
    versions,
)
from penstock.web.graphs.component_cards import component_source
from penstock.web.pages.compare.differences import contents_of

SOURCE = "import kfp\nfrom kfp import dsl\n\ndef train(lr: float):\n    import math\n    return math.exp(lr)\n"


def test_equal_lines_far_from_a_change_are_folded_and_nothing_is_lost() -> None:
    old = [f"line {number}" for number in range(40)]
    new = [*old[:20], "other", *old[21:]]
    blocks = text_blocks("\n".join(old), "\n".join(new))
    assert [(block.is_folded, len(block.lines)) for block in blocks] == [(True, 17), (False, 8), (True, 16)]
    assert [text for block in blocks for mark, text in block.lines if mark != "+"] == old
    assert [text for block in blocks for mark, text in block.lines if mark != "-"] == new


def test_texts_of_one_side_only_are_all_change() -> None:
    assert [block.lines for block in text_blocks("", "a\nb")] == [[("+", "a"), ("+", "b")]]
    assert text_blocks("", "") == []


def test_versions_are_read_from_locks_as_they_are_written() -> None:
    assert versions(["numpy==2.1.3", "Scikit_Learn==1.5.2 ; python_version > '3'", "mine @ file:///w/mine.whl", "loose"]) == {
        "numpy": "2.1.3",
        "scikit-learn": "1.5.2",
        "mine": "file:///w/mine.whl",
        "loose": "",
    }


def test_packages_differ_by_task_name_and_unknown_environments_say_so() -> None:
    old, new = {"numpy": "2.1", "six": "1.0"}, {"numpy": "2.2", "torch": "2.0", "six": "1.0"}
    train, load = package_tables([{"train": old, "same": old}, {"train": new, "same": old, "load": None}, {"load": old}])[::-1]
    assert [(row.name, row.values) for row in train.rows] == [("numpy", ["2.1", "2.2", None]), ("torch", [None, "2.0", None])]
    assert (load.task, load.rows, load.unknown) == ("load", [], [1])


def test_source_and_the_rest_of_a_definition_are_compared_apart() -> None:
    one = definition_text(ContainerWork("python:3.11", ("sh", "-c", SOURCE)), component_source)
    other = definition_text(ContainerWork("python:3.12", ("sh", "-c", SOURCE)), component_source)
    assert one.source.startswith("def train")
    assert "def train" not in one.definition
    (diff,) = code_diffs([{"comp-train": one}, {"comp-train": other}, None, {"comp-train": other}], 0)
    assert (diff.name, diff.kind, diff.runs, diff.state) == ("train", "definition", [1, 3], "changed")


def test_a_component_that_one_run_lacks_is_added_or_removed() -> None:
    text = ComponentText("def a(): pass", "{}")
    assert {diff.state for diff in code_diffs([{}, {"comp-a": text}], 0)} == {"added"}
    assert {diff.state for diff in code_diffs([{}, {"comp-a": text}], 1)} == {"removed"}
    assert code_diffs([None, {"comp-a": text}], 0) == []


def test_likely_causes_come_first_and_each_once() -> None:
    code = code_diffs([{"comp-train": ComponentText("a", "x")}, {"comp-train": ComponentText("b", "y")}], 0)
    packages = package_tables([{"t": {"numpy": "2.1"}, "u": {"numpy": "2.1"}}, {"t": {"numpy": "2.2"}, "u": {"numpy": "2.2"}}])
    found = causes(
        code,
        difference_rows([{"lr": 0.1, "rows": 5}, {"lr": 0.2, "rows": 5}]),
        difference_rows([{"train \u2190 data": "aa"}, {"train \u2190 data": "bb"}]),
        packages,
        difference_rows([{"accuracy": 0.9}, {"accuracy": 0.8}]),
        0,
    )
    assert found == [
        Cause("code", "train", ""),
        Cause("parameter", "lr", "0.1 \u2192 0.2"),
        Cause("input", "train \u2190 data", ""),
        Cause("package", "numpy", "2.1 \u2192 2.2"),
        Cause("metric", "accuracy", "0.9 \u2192 0.8"),
    ]


def test_changes_begin_at_the_baseline_and_are_short() -> None:
    assert change_text([1, 2, 2, None], 1) == "2 \u2192 1, \u2013"
    assert change_text([0.1 + 0.2, 0.5], 0) == "0.3 \u2192 0.5"
    assert len(change_text(["a" * 500, "b"], 0)) < 50


def test_seconds_of_tasks_of_flows_are_named_by_step_since_their_ids_are_of_one_run() -> None:
    def task(path: str, seconds: float, run_id: str = "Flow/1") -> Any:
        return SimpleNamespace(path=path, run_id=run_id, started_at=1.0, finished_at=1.0 + seconds, is_cached=False)

    flow = [task("root/start", 9.0), task("root/start/4", 1.0), task("root/fan/5", 2.0), task("root/fan/6", 3.0)]
    assert seconds_by_task(flow) == {"start": 1.0, "fan[0]": 2.0, "fan[1]": 3.0}
    assert seconds_by_task([task("root/loop[1]/train", 4.0, "r")]) == {"loop[1]/train": 4.0}


def test_the_headline_names_a_few_of_many_values() -> None:
    assert change_text([1, 2, 3], 0) == "1 \u2192 2, 3"
    assert change_text([1, *range(2, 12)], 0) == "1 \u2192 2, 3, 4, 5, \u2026 (+6)"


def test_runs_whose_iterations_took_one_content_differ_by_other_contents_alone() -> None:
    def use(run: str, digest: str) -> Any:
        artifact = SimpleNamespace(digest=f"sha256:{digest * 64}")
        return SimpleNamespace(run_id=run, task_name="fit", key="table", artifact=artifact)

    runs: Any = [SimpleNamespace(run_id=name, tracked=None) for name in ("five", "three", "other")]
    uses = [*[use("five", "a")] * 5, *[use("three", "a")] * 3, use("other", "a"), use("other", "b")]
    first, second, third = contents_of(runs, uses, "<")
    assert first == second == {"fit < table": "a" * 12}
    assert third == {"fit < table": f"{'a' * 12}, {'b' * 12}"}
