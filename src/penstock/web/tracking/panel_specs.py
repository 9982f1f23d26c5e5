"""Panels as wandb's own documents write them (saved workspaces and reports), as the panels that our boards draw.

Semantics: observed with `wandb-workspaces` (reports.v2 and workspaces) on client 0.31; see tests/unit/web/test_panel_specs.py. A kind of
panel that has no counterpart here is left out and named, never shown as something else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SMOOTHERS = {"exponential": "ema", "exponentialTimeWeighted": "ema", "gaussian": "gaussian", "average": "mean"}
_X_KEYS = {"_absolute_runtime": "_runtime", "_runtime": "_runtime", "_timestamp": "_timestamp", "_step": "_step"}
_SPREADS = {"minmax": "range", "stddev": "std", "stderr": "stderr", "none": "none"}
_AGGREGATES = frozenset({"mean", "median", "min", "max"})
_MAX_PANELS = 500
_MOST_RUNS = 1000
_MOST_LINES = 50
"""Runs that lines of a workspace draw at most."""
MOST_WORDS = 50_000
"""Characters of a panel of Markdown."""
_COLUMNS = 24
"""Width of a grid in a report, in the units of `layout.w`."""


@dataclass(frozen=True, slots=True)
class PanelList:
    """What a document says about panels."""

    panels: Sequence[Mapping[str, Any]]
    """As boards take them: `{id, kind, section, ...}`."""
    unknown: Sequence[str]
    """Kinds that were left out."""


def panels_of_specs(specs: Sequence[Any], section: str, *, columns: int = 3) -> PanelList:
    """Return the panels of a list, in reading order; `columns` is how many of the narrowest stand side by side."""
    panels: list[Mapping[str, Any]] = []
    unknown: dict[str, None] = {}
    held = [spec for spec in specs if isinstance(spec, Mapping)][:_MAX_PANELS]
    for place, spec in enumerate(sorted(held, key=_reading_order)):
        found = list(panel_of(spec))
        if not found:
            unknown[str(spec.get("viewType", "unknown"))] = None
        for at, panel in enumerate(found):
            panels.append({"id": f"{section}/{place}.{at}", "section": section, **size_of(spec, columns), **panel})
    return PanelList(panels, list(unknown))


def _reading_order(spec: Mapping[str, Any]) -> tuple[float, float]:
    layout = mapping(spec.get("layout"))
    return number(layout.get("y")) or 0.0, number(layout.get("x")) or 0.0


def size_of(spec: Mapping[str, Any], columns: int) -> dict[str, int]:
    """Return width and height of a panel in columns and rows of a board."""
    layout = mapping(spec.get("layout"))
    wide = round((number(layout.get("w")) or _COLUMNS / columns) / (_COLUMNS / columns))
    tall = round((number(layout.get("h")) or 6) / 6)
    return {name: size for name, size, most in (("wide", min(wide, 4), 4), ("tall", min(tall, 3), 3)) if size > 1 and most}


def panel_of(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the panels that a panel of the document becomes: none when its kind is unknown, several for a media browser."""
    config = mapping(spec.get("config"))
    title = text(config.get("chartTitle"))
    named: dict[str, Any] = {"title": title} if title else {}
    metrics = [str(metric) for metric in listed(config.get("metrics"))]
    match spec.get("viewType"):
        case "Run History Line Plot":
            yield {"kind": "line", **_line_of(config, metrics), **named}
        case "Bar Chart" if metrics:
            limit = _limit_of(config.get("barLimit")) or _limit_of(config.get("limit"))
            yield {"kind": "bar", **_given({"metric": column_of(metrics[0]), "limit": limit}), "title": metrics[0], **named}
        case "Scalar Chart" if metrics:
            yield {"kind": "scalar", "metric": column_of(metrics[0]), "title": metrics[0], **named}
        case "Scatter Plot":
            x, y, z = (text(config.get(axis)) for axis in ("xAxis", "yAxis", "zAxis"))
            if x and y:
                parts = {"xColumn": column_of(x), "yColumn": column_of(y), "zColumn": column_of(z) if z else None}
                logs = {"logX": config.get("xAxisLogScale"), "logY": config.get("yAxisLogScale")}
                yield {"kind": "scatter", **_given(parts | logs), "title": f"{_plain(y)} / {_plain(x)}", **named}
        case "Parallel Coordinates Plot":
            columns = [column_of(str(column["accessor"])) for column in listed(config.get("columns")) if mapping(column).get("accessor")]
            yield {"kind": "parallel", "columns": columns, "title": "Parallel coordinates", **named}
        case "Parameter Importance":
            target = text(config.get("targetKey"))
            if target:
                yield {"kind": "importance", "metric": column_of(target), "title": f"Importance for {_plain(target)}", **named}
        case "Markdown Panel" if words := text(config.get("value")):
            yield {"kind": "markdown", "text": words[:MOST_WORDS], "title": "Notes", **named}
        case "Code Comparer":
            yield {"kind": "code", "title": "Code", **named}
        case "Run Comparer":
            yield {"kind": "comparer", "title": "Run comparer", **named}
        case "Vega2" if chart := chart_of(config):
            yield {"kind": "vega", **chart, "title": chart["strings"].get("title") or chart.get("preset") or "Vega", **named}
        case "Media Browser":
            for key in listed(config.get("mediaKeys")):
                yield {"kind": "media", "key": str(key), "title": title or str(key)}
        case _:
            return


def _line_of(config: Mapping[str, Any], metrics: Sequence[str]) -> dict[str, Any]:
    x = text(config.get("xAxis"))
    kind, amount = config.get("smoothingType"), number(config.get("smoothingWeight"))
    is_smooth = kind in _SMOOTHERS and amount is not None and amount > 0
    expressions = [text(one) for one in listed(config.get("expressions")) if text(one)]
    spread, aggregate = text(config.get("groupArea")), text(config.get("groupAgg"))
    return _given({
        "keys": list(metrics) or None,
        "match": text(config.get("metricRegex")) if config.get("useMetricRegex") or not metrics else None,
        "expr": expressions[0] if expressions else None,
        "x": _X_KEYS.get(x, x) or None,
        "logX": config.get("xLogScale"),
        "logY": config.get("yLogScale"),
        "clip": config.get("ignoreOutliers"),
        "smoother": _SMOOTHERS[str(kind)] if is_smooth else None,
        "smooth": round(amount * 100) if is_smooth and amount is not None and amount <= 1 else amount if is_smooth else None,
        "agg": aggregate if aggregate in _AGGREGATES else None,
        "band": _SPREADS.get(spread),
        "yMin": number(config.get("yAxisMin")),
        "yMax": number(config.get("yAxisMax")),
        "legend": text(config.get("legendTemplate")) or None,
        "limit": _limit_of(config.get("limit")),
    })  # fmt: skip


def _limit_of(value: Any) -> int | None:
    """How many runs a panel draws at most, where it says so."""
    most = number(value)
    return round(most) if most is not None and 1 <= most <= _MOST_RUNS else None


def chart_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a custom chart draws: `{preset or vega, fields, strings, table | keys | columns}`; empty when it names no drawing.

    Its query asks runs for a logged table, for keys of the history, and for values of summary and config.
    """
    own = mapping(config.get("customPanelDef")).get("spec")
    preset = text(config.get("panelDefId"))
    if not preset and not own:
        return {}
    wanted: dict[str, Any] = {"table": None, "keys": [], "columns": []}
    for query in listed(mapping(config.get("userQuery")).get("queryFields")):
        for part in (mapping(one) for one in listed(mapping(query).get("fields"))):
            arguments = {text(mapping(one).get("name")): mapping(one).get("value") for one in listed(part.get("args"))}
            names = [str(name) for name in listed(arguments.get("keys"))]
            match part.get("name"):
                case "summaryTable" | "historyTable":
                    wanted["table"] = text(arguments.get("tableKey")) or None
                case "history":
                    wanted["keys"] += names
                case "summary":
                    wanted["columns"] += [column_of(name) for name in names]
                case "config":
                    wanted["columns"] += [f"c.{name.removesuffix('.value')}" for name in names]
                case _:
                    pass
    settings = {"fields": mapping(config.get("fieldSettings")), "strings": mapping(config.get("stringSettings"))}
    spec = own if isinstance(own, str) else json.dumps(own) if own else None
    return _given({"preset": None if spec else preset, "vega": spec}) | settings | {name: held for name, held in wanted.items() if held}


def column_of(accessor: str) -> str:
    """Return our name of a value of a run: `summary:best` is `s.best`, `config:lr.value` and `c::lr` are `c.lr`."""
    accessor = accessor.removeprefix("summary:") if accessor.startswith("summary:c::") else accessor
    for prefix, column in (("c::", "c."), ("config:", "c."), ("config.", "c."), ("summary:", "s."), ("summary_metrics.", "s.")):
        if accessor.startswith(prefix):
            name = accessor.removeprefix(prefix)
            return column + (name.removesuffix(".value") if column == "c." else name)
    return f"s.{accessor}"


def _plain(accessor: str) -> str:
    return column_of(accessor)[2:]


def workspace_document(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a saved workspace of the client as a document of our workspace: its sections, panels and settings."""
    section = mapping(spec.get("section", spec))
    bank = mapping(section.get("panelBankConfig"))
    settings = mapping(section.get("settings"))
    extra: dict[str, Any] = {}
    names, closed = [], {}
    for place, part in enumerate(map(mapping, listed(bank.get("sections"))[:100])):
        name = text(part.get("name")) or f"Section {place + 1}"
        found = panels_of_specs(listed(part.get("panels")), name)
        extra |= {f"w{place}-{at}": {**panel, "id": f"w{place}-{at}"} for at, panel in enumerate(found.panels)}
        if found.panels:
            names.append(name)
            if part.get("isOpen") is False:
                closed[name] = 1
    kept = {name: value for name, value in _line_of(settings, []).items() if name in {"x", "smoother", "smooth", "clip"}}
    if (most := _limit_of(settings.get("maxRuns"))) is not None:
        kept["lines"] = min(most, _MOST_LINES)
    mode = "auto" if settings.get("shouldAutoGeneratePanels") else "manual"
    return {"mode": mode, "extra": extra, "sections": names, "closed": closed, "settings": kept}


def _given(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parts.items() if value is not None}


def mapping(value: Any) -> Mapping[str, Any]:
    """Return `value` if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def listed(value: Any) -> Sequence[Any]:
    """Return `value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return `value` if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def number(value: Any) -> float | None:
    """Return `value` if it is a number, else None."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
