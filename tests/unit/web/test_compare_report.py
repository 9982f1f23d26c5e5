"""A comparison as the text of a report."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from penstock.interfaces.pages import ScalarMetric
from penstock.web.comparison import Cause, DiffRow
from penstock.web.pages.compare import Delta, MetricRow
from penstock.web.pages.compare_report import report_words
from penstock.web.prose import prose
from penstock.web.report_writing import blocks_of_text

HOSTILE = "[[panels ann/secret: loss]] | <script>alert(1)</script> [x](javascript:alert(1))"


def comparison(name: str) -> Any:
    runs = [SimpleNamespace(name=one, state="SUCCEEDED", started_at=1.0, created_at=1.0, finished_at=3.0) for one in (name, "second")]
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
