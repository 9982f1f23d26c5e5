"""Chart presets that come with wandb's client (`wandb/line/v0`, ...), as Vega-Lite specifications of our own.

Semantics: names and fields are those of `wandb.plot.*` on client 0.31. What a run logs with them is drawn by `static/js/figure.js`; these
serve panels of reports and workspaces, which draw the runs of a set together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_RUNS = {"field": "name", "type": "nominal", "scale": {"range": {"field": "color"}}}


def _preset(mark: Any, encoding: Mapping[str, Any], **more: Any) -> Mapping[str, Any]:
    return {"$schema": _SCHEMA, "data": {"name": "wandb"}, "title": "${string:title}", "mark": mark, "encoding": encoding, **more}


def _axis(field: str, kind: str = "quantitative", **more: Any) -> dict[str, Any]:
    return {"field": f"${{field:{field}}}", "type": kind, **more}


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "wandb/line/v0": _preset(
        {"type": "line", "tooltip": True},
        {"x": _axis("x"), "y": _axis("y"), "color": _RUNS, "strokeDash": _axis("stroke", "nominal"), "detail": _axis("lineKey", "nominal")},
    ),
    "wandb/lineseries/v0": _preset(
        {"type": "line", "tooltip": True},
        {
            "x": _axis("step"), "y": _axis("lineVal"), "color": _axis("lineKey", "nominal"),
            "strokeDash": {"field": "name", "type": "nominal"},
        },
    ),
    "wandb/scatter/v0": _preset(
        {"type": "point", "tooltip": True},
        {"x": _axis("x"), "y": _axis("y"), "color": _RUNS, "shape": {"field": "_shape", "type": "nominal", "scale": None, "legend": None}},
    ),
    "wandb/bar/v0": _preset(
        {"type": "bar", "tooltip": True},
        {
            "y": _axis("label", "nominal", sort="-x"), "x": _axis("value"), "color": _RUNS,
            "yOffset": {"field": "name", "type": "nominal"},
        },
    ),
    "wandb/histogram/v0": _preset(
        {"type": "bar", "tooltip": True, "opacity": 0.7},
        {"x": _axis("value", bin={"maxbins": 30}), "y": {"aggregate": "count", "stack": None}, "color": _RUNS},
    ),
    "wandb/area-under-curve/v0": _preset(
        {"type": "line", "tooltip": True},
        {"x": _axis("x"), "y": _axis("y"), "color": _axis("class", "nominal"), "strokeDash": {"field": "name", "type": "nominal"}},
    ),
    "wandb/confusion_matrix/v1": _preset(
        {"type": "rect", "tooltip": True},
        {
            "x": _axis("Predicted", "nominal"), "y": _axis("Actual", "nominal"),
            "color": {"aggregate": "sum", "field": "${field:nPredictions}", "type": "quantitative"},
        },
    ),
}  # fmt: skip
