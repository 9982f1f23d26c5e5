"""Reports as people write them: one text of Markdown in which blocks that are no text stand as lines `[[block 2: panel-grid]]`.

What is written becomes a document of the client again, so that `wandb-workspaces` opens it. Blocks that a text cannot say are kept as they
are, wherever their line stands; a line that is taken away removes its block. `[[panels ann/digits: loss, accuracy]]` makes lines over the
runs of a project, of any that the reader may see; `[[compare 3f2a..., Flow/12]]` lays runs of pipelines or flows side by side.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from penstock.web.tracking.panel_specs import listed, mapping, number, text

_LINE = re.compile(r"^\[\[block (\d+)(?::[^\]]*)?\]\]\s*$")
_PANELS = re.compile(r"^\[\[panels ([^/\]\s]+)/([^:\]\s]+): *([^\]]+)\]\]\s*$")
_COMPARE = re.compile(r"^\[\[compare +([^\]]+)\]\]\s*$")
COMPARISON_MARK = "penstockComparison"
"""In the metadata of a block that is a comparison of runs of pipelines and flows, see `report_comparisons`."""
_HEADING = re.compile(r"^(#{1,3}) +(\S.*)$")
_FENCE = re.compile(r"^\s*(```|~~~)")
_X_AXES = {"_runtime": "_absolute_runtime"}
_SMOOTHERS = {"ema": "exponential", "gaussian": "gaussian", "mean": "average"}
_SPREADS = {"range": "minmax", "std": "stddev", "stderr": "stderr", "none": "none"}
_COLUMNS, _WIDE, _TALL = 24, 8, 6
"""Of a grid, and of a panel of usual size in it."""
_NOTHING = [{"text": ""}]


def text_of(blocks: Sequence[Mapping[str, Any]]) -> str:
    """Return the blocks of a report as a text to edit."""
    return "\n\n".join(filter(None, (_words(block, place) for place, block in enumerate(blocks))))


def _words(block: Mapping[str, Any], place: int) -> str:
    kind = text(block.get("type"))
    if mapping(block.get("metadata")).get(COMPARISON_MARK):
        return f"[[block {place + 1}: comparison]]"
    if kind in {"markdown-block", "markdown"} and isinstance(block.get("content"), str):
        return text(block["content"]).strip()
    plain = _plain(block)
    level = block.get("level", 2)
    if kind == "heading" and plain and "\n" not in plain and level in {1, 2, 3}:
        return f"{'#' * level} {plain}"
    if kind == "paragraph" and plain is not None:
        return plain.strip()
    return f"[[block {place + 1}: {kind or 'unknown'}]]"


def _plain(block: Mapping[str, Any]) -> str | None:
    """Return the text of a block whose children are nothing but text without marks; None for any other."""
    children = listed(block.get("children"))
    if all(isinstance(child, Mapping) and set(child) == {"text"} and isinstance(child["text"], str) for child in children):
        return "".join(child["text"] for child in children)
    return None


def blocks_of_text(words: str, known: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the blocks that a text says; `known` are those that its lines name by number. A block is put once."""
    found: list[Mapping[str, Any]] = []
    used: set[int] = set()
    for piece in _pieces(words):
        if match := _LINE.match(piece):
            place = int(match[1]) - 1
            if place < len(known) and place not in used:
                used.add(place)
                found.append(known[place])
        elif match := _PANELS.match(piece):
            keys = [key for part in match[3].split(",") if (key := part.strip())]
            found.append(grid_of([{"kind": "line", "keys": [key]} for key in keys], match[1], match[2], None))
        elif match := _COMPARE.match(piece):
            found.append(comparison_block("", [run for part in match[1].split(",") if (run := part.strip())], "", ()))
        elif match := _HEADING.match(piece):
            found.append({"type": "heading", "level": len(match[1]), "children": [{"text": match[2].strip()}]})
        elif piece.strip():
            found.append({"type": "markdown-block", "children": _NOTHING, "content": piece.strip("\n")})
    return found


def _pieces(words: str) -> Iterator[str]:
    """Yield headings and lines that name blocks by themselves, and what stands between them."""
    held: list[str] = []
    is_code = False
    for line in words.replace("\r\n", "\n").split("\n"):
        is_code ^= _FENCE.match(line) is not None
        if not is_code and (_LINE.match(line) or _PANELS.match(line) or _COMPARE.match(line) or _HEADING.match(line)):
            yield "\n".join(held)
            held = []
            yield line
        else:
            held.append(line)
    yield "\n".join(held)


def comparison_block(words: str, runs: Sequence[str], baseline: str, parts: Sequence[str]) -> dict[str, Any]:
    """Return a block that compares runs. Args: words: the comparison as Markdown, for clients and for when the runs are gone."""
    wanted = {"runs": list(runs), "baseline": baseline, "parts": list(parts)}
    fallback = f"[Open the comparison](/ui/compare?runs={quote(','.join(runs))})"
    return {"type": "markdown-block", "children": _NOTHING, "content": words or fallback, "metadata": {COMPARISON_MARK: wanted}}


def grid_of(panels: Sequence[Mapping[str, Any]], entity: str, project: str, runs: Sequence[str] | None) -> dict[str, Any]:
    """Return a block with these panels over runs of a project: those with the given names, or all when None."""
    specs, x, y, row = [], 0, 0, _TALL
    for panel in panels:
        if (found := spec_of(panel)) is None:
            continue
        wide = min(_COLUMNS, _WIDE * int(number(panel.get("wide")) or 1))
        tall = _TALL * int(number(panel.get("tall")) or 1)
        if x + wide > _COLUMNS:
            x, y, row = 0, y + row, _TALL
        specs.append({"layout": {"x": x, "y": y, "w": wide, "h": tall}, **found})
        x, row = x + wide, max(row, tall)
    key = {"section": "run", "name": "name"}
    chosen = [] if runs is None else [{"key": key, "op": "IN", "value": list(runs), "disabled": False}]
    runset = {
        "id": "runs", "name": "Run set", "enabled": True, "project": {"name": project, "entityName": entity}, "search": {"query": ""},
        "filters": {"op": "OR", "filters": [{"op": "AND", "filters": chosen}]}, "grouping": [],
    }  # fmt: skip
    section = {"name": "Report Panels", "isOpen": True, "panels": specs}
    return {"type": "panel-grid", "children": _NOTHING, "metadata": {"runSets": [runset], "panelBankSectionConfig": section}}


def accessor_of(column: str) -> str:
    """Return the client's name of a value of a run: `c.lr` is `c::lr`, `s.best` is `best`."""
    return f"c::{column[2:]}" if column.startswith("c.") else column.removeprefix("s.")


def _axis_of(column: Any) -> str:
    """Return the name of a value where the client says which document it is of."""
    name = text(column)
    return f"config:{name[2:]}.value" if name.startswith("c.") else f"summary:{name.removeprefix('s.')}"


def spec_of(panel: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a panel of a board as the client writes it, the reverse of `panel_specs.panel_of`; None for one that cannot be said so."""
    title = text(panel.get("title"))
    named = {"chartTitle": title} if title else {}
    metric = accessor_of(text(panel.get("metric"))) or text(panel.get("key"))
    match panel.get("kind"):
        case "line":
            return {"viewType": "Run History Line Plot", "config": _line_of(panel) | named}
        case "bar" | "scalar" as kind:
            return {"viewType": "Bar Chart" if kind == "bar" else "Scalar Chart", "config": {"metrics": [metric]} | named}
        case "scatter":
            axes = {f"{axis}Axis": _axis_of(panel[f"{axis}Column"]) for axis in "xyz" if panel.get(f"{axis}Column")}
            logs = {"xAxisLogScale": panel.get("logX"), "yAxisLogScale": panel.get("logY")}
            return {"viewType": "Scatter Plot", "config": _given(axes | logs) | named}
        case "parallel":
            columns = [{"accessor": _axis_of(column)} for column in listed(panel.get("columns"))]
            return {"viewType": "Parallel Coordinates Plot", "config": {"columns": columns} | named}
        case "importance":
            return {"viewType": "Parameter Importance", "config": {"targetKey": metric} | named}
        case "comparer":
            return {"viewType": "Run Comparer", "config": {}}
        case "code":
            return {"viewType": "Code Comparer", "config": {"diff": "split"}}
        case "markdown":
            return {"viewType": "Markdown Panel", "config": {"value": text(panel.get("text"))}}
        case "vega":
            return {"viewType": "Vega2", "config": _chart_of(panel) | named}
        case _ if panel.get("key"):
            return {"viewType": "Media Browser", "config": {"mediaKeys": [str(panel["key"])]} | named}
        case _:
            return None


def _line_of(panel: Mapping[str, Any]) -> dict[str, Any]:
    x, match = text(panel.get("x")), text(panel.get("match"))
    keys = [str(key) for key in listed(panel.get("keys"))] or ([] if match or panel.get("expr") else [text(panel.get("key"))])
    smooth, smoother = number(panel.get("smooth")), text(panel.get("smoother"))
    return _given({
        "metrics": keys, "metricRegex": match or None, "useMetricRegex": True if match else None,
        "expressions": [text(panel.get("expr"))] if panel.get("expr") else None, "xAxis": _X_AXES.get(x, x) or None,
        "xLogScale": panel.get("logX"), "yLogScale": panel.get("logY"), "ignoreOutliers": panel.get("clip"),
        "smoothingType": _SMOOTHERS.get(smoother) if smooth else None,
        "smoothingWeight": smooth / 100 if smooth and smoother == "ema" else smooth or None,
        "groupAgg": panel.get("agg"), "groupArea": _SPREADS.get(text(panel.get("band"))), "yAxisMin": panel.get("yMin"),
        "yAxisMax": panel.get("yMax"), "legendTemplate": panel.get("legend"),
    })  # fmt: skip


def _chart_of(panel: Mapping[str, Any]) -> dict[str, Any]:
    def part(name: str, argument: str, value: Any) -> dict[str, Any]:
        return {"name": name, "args": [{"name": argument, "value": value}], "fields": []}

    columns = [str(column) for column in listed(panel.get("columns"))]
    fields: list[dict[str, Any]] = [{"name": "id", "fields": []}, {"name": "name", "fields": []}]
    if panel.get("table"):
        fields.append(part("summaryTable", "tableKey", str(panel["table"])))
    for name, held in (
        ("history", [str(key) for key in listed(panel.get("keys"))]),
        ("summary", [accessor_of(column) for column in columns if not column.startswith("c.")]),
        ("config", [column[2:] for column in columns if column.startswith("c.")]),
    ):
        if held:
            fields.append(part(name, "keys", held))
    own = {"customPanelDef": {"spec": panel["vega"]}} if panel.get("vega") else {}
    return {
        "userQuery": {"queryFields": [{"name": "runSets", "args": [{"name": "runSets", "value": "${runSets}"}], "fields": fields}]},
        "panelDefId": text(panel.get("preset")), "fieldSettings": dict(mapping(panel.get("fields"))),
        "stringSettings": dict(mapping(panel.get("strings"))), "transform": {"name": "tableWithLeafColNames"}, **own,
    }  # fmt: skip


def _given(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parts.items() if value is not None}


def document_of(old: Mapping[str, Any], blocks: Sequence[Mapping[str, Any]]) -> str:
    """Return the document of a report with other blocks; whatever else it says is kept."""
    fresh = {"version": 5, "panelSettings": {}, "width": "readable", "authors": [], "discussionThreads": [], "ref": {}}
    return json.dumps({**fresh, **old, "blocks": list(blocks)})
