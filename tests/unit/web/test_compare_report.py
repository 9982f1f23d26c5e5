"""A comparison in a report: its text, what is drawn of it, what is kept of it."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace
from typing import Any

from penstock.domain.reports import FROZEN_KIND, Report
from penstock.interfaces.pages import ScalarMetric
from penstock.web.comparisons.exhibits import Piece, shelves_of
from penstock.web.comparisons.runs import Cause, DiffRow
from penstock.web.pages.compare.differences import Delta, MetricRow
from penstock.web.pages.compare.report import report_words
from penstock.web.previews.visualizations import matrix_of, roc_of
from penstock.web.reports.comparison_view import pieces_of, view_of
from penstock.web.reports.comparisons import Comparison, document_of_comparison, frozen_comparison_of, parts_of, wanted_of
from penstock.web.reports.writing import blocks_of_text, comparison_block, text_of
from penstock.web.texts.prose import prose

HOSTILE = "[[panels ann/secret: loss]] | <script>alert(1)</script> [x](javascript:alert(1))"


def comparison(name: str) -> Any:
    runs = [SimpleNamespace(name=one, state="SUCCEEDED", started_at=1.0, created_at=1.0, finished_at=3.0, look=None) for one in (name, "second")]
    metrics = [ScalarMetric("accuracy", 0.81, None), ScalarMetric("accuracy", 0.97, None)]
    return SimpleNamespace(
        runs=runs,
        baseline=1,
        causes=[Cause("parameter", "lr", "0.1 → 0.2")],
        parameters=[DiffRow("lr", [0.1, 0.2], is_different=True), DiffRow("rows", [5, 5], is_different=False)],
        inputs=[DiffRow("train → data", ["aa", None], is_different=True)],
        metrics=[MetricRow("accuracy", [Delta(metrics[0], -0.16, "worse"), Delta(metrics[1], None, "")])],
    )


def test_a_report_has_runs_causes_differing_values_and_metrics_with_differences() -> None:
    words = report_words(comparison("first"), "http://here/ui/compare?runs=a,b")
    page = str(prose(words))
    assert '<a href="http://here/ui/compare?runs=a,b">' in page
    assert "<td>second (baseline)</td>" in page
    assert "<li>Parameter lr 0.1 → 0.2</li>" in page
    assert "<td>lr</td>\n<td>0.1</td>\n<td>0.2</td>" in page
    assert "<td>rows</td>" not in page
    assert "<td>0.81 (−0.16)</td>\n<td>0.97</td>" in page


def test_names_of_runs_stay_text() -> None:
    words = report_words(comparison(HOSTILE), "http://here/")
    page = str(prose(words))
    assert "<script>" not in page
    assert "javascript:" in page
    assert page.count("<a ") == 1
    assert {block["type"] for block in blocks_of_text(words, [])} <= {"markdown-block", "heading"}


def whole() -> Any:
    """A page of two runs with matrices, a picture in steps, and a metric that is not a number."""
    page = comparison("first")
    page.runs = [SimpleNamespace(run_id=one, name=one, state="SUCCEEDED", error_message="", url=f"/ui/runs/{one}", color=1, tracked=None) for one in "ab"]
    page.metrics = [MetricRow("auc", [Delta(ScalarMetric("auc", math.nan, None), math.nan, ""), Delta(None, None, "")])]
    matrix = matrix_of({"annotationSpecs": [{"displayName": "x"}], "rows": [{"row": [3]}]})
    page.shelves = shelves_of(
        [Piece(0, "matrix", "judge", "classes", matrix=matrix), *(Piece(1, "image", "draw", "plots", step, address=f"/{step}") for step in range(3))], 2
    )
    roc = roc_of([{"falsePositiveRate": 0.0, "recall": 0.5, "confidenceThreshold": math.inf}], "a \u00b7 classes")
    page.curves, page.precision_curves = [roc], [roc_of([{"falsePositiveRate": 0.0, "recall": 1.0}], "b \u00b7 pr")]
    page.packages, page.durations = [], [DiffRow("train", [1.5, 2.5], is_different=True)]
    return page


def test_the_chosen_parts_of_a_comparison_are_plain_data_with_the_last_step_shown() -> None:
    view = view_of(whole(), {"parameters", "metrics", "roc", "image", "durations"}, "/ui/compare?runs=a,b")
    assert json.loads(json.dumps(view, allow_nan=False))["runs"][0]["name"] == "a"
    assert [table["title"] for table in view["tables"]] == ["Parameters", "Seconds by task"]
    assert view["tables"][0]["lines"] == [{"name": "lr", "cells": ["0.1", "0.2"]}]
    assert view["metrics"][0]["cells"] == [{"text": "NaN", "difference": None, "verdict": ""}, None]
    assert view["causes"] == []
    assert [one["name"] for part in ("curves", "precision") for one in view[part]] == ["a \u00b7 classes", "b \u00b7 pr"]
    assert [shelf["kind"] for shelf in view["shelves"]] == ["image"]
    assert view["shelves"][0]["cells"][0]["shown"] == [2]
    assert [piece["place"] for piece in pieces_of(view)] == [0, 1, 2]


def test_a_frozen_comparison_is_that_of_its_report_alone() -> None:
    view = view_of(whole(), {"metrics", "matrix"}, "/ui/compare?runs=a,b")
    spec = document_of_comparison(Comparison(view), at=7.0, user_name="ann")
    kept = Report(5, 1, FROZEN_KIND, "3", "", "", spec, "ann", False, 7.0, 7.0)
    found = frozen_comparison_of(kept, 3)
    assert found is not None
    assert (found.view, found.frozen_id, found.at) == (json.loads(json.dumps(view)), 5, 7.0)
    assert frozen_comparison_of(kept, 4) is None


def test_a_comparison_is_a_line_of_the_text_that_is_edited_and_one_to_write() -> None:
    block = comparison_block("# text for clients", ["a", "Flow/1"], "a", ["metrics", "made up"])
    assert wanted_of(block) == {"runs": "a,Flow/1", "baseline": "a"}
    assert parts_of(block) == ["metrics"]
    assert text_of([block]) == "[[block 1: comparison]]"
    assert blocks_of_text("Before\n\n[[block 1: comparison]]", [block])[1] is block
    (written,) = blocks_of_text("[[compare a, Flow/1]]", [])
    assert wanted_of(written) == {"runs": "a,Flow/1", "baseline": ""}
    assert written["content"] == "[Open the comparison](/ui/compare?runs=a%2CFlow/1)"


def test_what_a_client_wrote_into_the_mark_is_read_with_care() -> None:
    assert wanted_of({"type": "markdown-block", "content": "x"}) is None
    assert wanted_of({"metadata": {"penstockComparison": {"runs": "all"}}}) is None
    many = {"metadata": {"penstockComparison": {"runs": [7, *map(str, range(50))], "parts": 3}}}
    assert (wanted_of(many) or {})["runs"].count(",") == 18
    assert "metrics" in parts_of(many)
