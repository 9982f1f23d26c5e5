"""Panels of the client's own documents. The shapes are what wandb-workspaces 0.4 with client 0.31 stored."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.web.tracking.panel_specs import column_of, panel_of, panels_of_specs, workspace_document


def spec(kind: str, config: dict[str, Any], **layout: int) -> dict[str, Any]:
    """A panel as stored."""
    return {"__id__": "55i2e08yka8", "layout": {"x": 0, "y": 0, "w": 8, "h": 6} | layout, "viewType": kind, "config": config}


@pytest.mark.parametrize(
    ("accessor", "column"),
    [
        ("best", "s.best"), ("summary:best", "s.best"), ("summary:c::lr", "c.lr"), ("c::lr", "c.lr"), ("config:lr.value", "c.lr"),
        ("config.net.width", "c.net.width"), ("summary_metrics.a/b", "s.a/b"),
    ],
)  # fmt: skip
def test_names_of_values_are_ours(accessor: str, column: str) -> None:
    assert column_of(accessor) == column


def test_line_plots_keep_what_they_say() -> None:
    config = {
        "chartTitle": "Loss", "xAxis": "_absolute_runtime", "metrics": ["a", "b"], "smoothingWeight": 0.6, "smoothingType": "exponential",
        "yLogScale": True, "yAxisMin": 0, "yAxisMax": 2.5, "groupAgg": "median", "groupArea": "stddev", "ignoreOutliers": None,
        "expressions": ["${a} / ${b}"], "legendTemplate": "${run:displayName}",
    }  # fmt: skip
    assert list(panel_of(spec("Run History Line Plot", config))) == [
        {
            "kind": "line", "keys": ["a", "b"], "expr": "${a} / ${b}", "x": "_runtime", "logY": True, "smoother": "ema", "smooth": 60, "agg": "median",
            "band": "std", "yMin": 0, "yMax": 2.5, "legend": "${run:displayName}", "title": "Loss",
        }
    ]  # fmt: skip


def test_other_kinds_become_ours_and_unknown_ones_are_named() -> None:
    specs = [
        spec("Vega2", {}, y=12),
        spec("Media Browser", {"mediaKeys": ["samples", "sound"]}, y=6),
        spec("Scatter Plot", {"xAxis": "summary:c::lr", "yAxis": "summary:best"}, x=8),
        spec("Bar Chart", {"metrics": ["best"], "vertical": False}, w=16, h=12),
        spec("Parallel Coordinates Plot", {"columns": [{"accessor": "summary:c::lr"}, {"accessor": "summary:best"}, {}]}, x=16),
        spec("Parameter Importance", {"targetKey": "best"}, y=1),
        spec("Run Comparer", {}, y=2),
        spec("Scalar Chart", {"metrics": ["best"]}, y=3),
        "not a panel",
    ]
    found = panels_of_specs(specs, "Report")
    assert [(panel["kind"], panel.get("metric") or panel.get("xColumn") or panel.get("key") or panel.get("columns")) for panel in found.panels] == [
        ("bar", "s.best"), ("scatter", "c.lr"), ("parallel", ["c.lr", "s.best"]), ("importance", "s.best"), ("comparer", None), ("scalar", "s.best"),
        ("media", "samples"), ("media", "sound"),
    ]  # fmt: skip
    assert (found.panels[0]["wide"], found.panels[0]["tall"]) == (2, 2)
    assert len({panel["id"] for panel in found.panels}) == len(found.panels)
    assert found.unknown == ["Vega2"]


def test_a_saved_workspace_becomes_a_document() -> None:
    sections = [
        {"name": "Losses", "isOpen": True, "panels": [spec("Run History Line Plot", {"metrics": ["loss"]})]},
        {"name": "Rest", "isOpen": False, "panels": [spec("Bar Chart", {"metrics": ["best"]})]},
        {"name": "Nothing", "isOpen": True, "panels": []},
    ]
    settings = {"smoothingWeight": 0.5, "smoothingType": "gaussian", "xAxis": "_timestamp", "shouldAutoGeneratePanels": False}
    document = workspace_document({"section": {"panelBankConfig": {"sections": sections}, "settings": settings}})
    assert (document["mode"], document["sections"], document["closed"]) == ("manual", ["Losses", "Rest"], {"Rest": 1})
    assert document["settings"] == {"x": "_timestamp", "smoother": "gaussian", "smooth": 50}
    assert [(panel["section"], panel["kind"]) for panel in document["extra"].values()] == [("Losses", "line"), ("Rest", "bar")]
    assert all(panel["id"] == name for name, panel in document["extra"].items())


@pytest.mark.parametrize("document", [{}, {"section": None}, {"section": {"panelBankConfig": {"sections": [None, 3, {"panels": "x"}]}}}])
def test_malformed_workspaces_are_empty(document: dict[str, Any]) -> None:
    assert workspace_document(document)["extra"] == {}


def test_limits_of_the_clients_panels_and_workspaces_are_taken_over() -> None:
    line, bar, other = (next(panel_of(spec(kind, config))) for kind, config in (
        ("Run History Line Plot", {"metrics": ["a"], "limit": 5}), ("Bar Chart", {"metrics": ["a"], "limit": 30, "barLimit": 12}), ("Bar Chart", {"metrics": ["a"], "limit": "x"}),
    ))  # fmt: skip
    assert (line["limit"], bar["limit"], "limit" in other) == (5, 12, False)
    assert workspace_document({"section": {"settings": {"maxRuns": 25}}})["settings"]["lines"] == 25
    assert workspace_document({"section": {"settings": {"maxRuns": 900}}})["settings"]["lines"] == 50
    assert "lines" not in workspace_document({"section": {"settings": {"maxRuns": 0}}})["settings"]
