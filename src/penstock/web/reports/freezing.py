"""Frozen grids of reports: what the panels of a grid ask for is answered once and kept with the report, as it was then.

The page says which addresses its panels ask; the server asks them itself, with the rights of who freezes, so that nothing is kept that a
client made up. Kept answers are found again whatever the width of the panel, the zoom and the runs that are switched off. They are data of
their runs' owners: who may not see one of those does not see the grid. Media, code and notes stay as they are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import InvalidArgumentError, PayloadTooLargeError, PenstockError
from penstock.domain.reports import FROZEN_KIND, Report
from penstock.web.pages.tracking import charts as tracking_charts
from penstock.web.pages.tracking import data as tracking_data
from penstock.web.pages.tracking import values as tracking_values
from penstock.web.reports.export import Still, StillLine
from penstock.web.reports.grids import ReportGrid
from penstock.web.services.tracking import TrackingServices
from penstock.web.services.web import WebServices
from penstock.web.tracking.documents import plain, read_document
from penstock.web.tracking.panel_specs import listed, mapping, number, text
from penstock.web.tracking.run_colors import look_of_text

MARK = "penstockFrozen"
"""In the metadata of a grid: id of the document."""
MOST_ADDRESSES = 300
_MOST_BYTES = 20 << 20
_POINTS = "1000"
_LOOSE = frozenset({"runs", "points", "from", "to"})
"""What addresses say that does not change which answer is right."""

_PRESET = "/ui/tracking/charts/preset"
_Handler = Callable[[WebServices, TrackingServices, Request], Awaitable[Response]]
_ASKED: Mapping[str, _Handler] = {
    "/ui/tracking/series": tracking_data.series,
    "/ui/tracking/values": tracking_values.values,
    "/ui/tracking/importance": tracking_values.importance,
    "/ui/tracking/charts/rows": tracking_charts.rows,
    _PRESET: tracking_charts.preset,
}
"""Addresses whose answers are kept."""


@dataclass(frozen=True, slots=True)
class FrozenGrid:
    """A grid as it was."""

    frozen_id: int
    at: float
    user_name: str
    panels: Sequence[Mapping[str, Any]]
    unknown: Sequence[str]
    runs: Sequence[Mapping[str, Any]]
    total: int
    entities: Sequence[str]
    """Whose runs and presets are in it."""
    stills: Sequence[Still] = field(default_factory=tuple)


def answer_key(address: str) -> str:
    """Return under what the answer to an address is kept. The page's script makes the same (`static/js/frozen.js`)."""
    parts = urlsplit(address)
    kept = sorted((name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in _LOOSE)
    return parts.path + json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


async def asked_answers(
    services: WebServices, tracking: TrackingServices, request: Request, addresses: Sequence[str], grid: ReportGrid
) -> dict[str, Any]:
    """Return the answers to what panels ask of the grid's runs, by key; what fails is left out.

    Raises:
        InvalidArgumentError: an address is none that panels ask, or asks for other runs.
        PayloadTooLargeError: the answers are too many bytes.
    """
    if len(addresses) > MOST_ADDRESSES:
        raise InvalidArgumentError(f"at most {MOST_ADDRESSES} addresses")
    ids = [str(run["id"]) for run in grid.run_list]
    found: dict[str, Any] = {}
    size = 0
    for address in addresses:
        key, parts = answer_key(address), urlsplit(address)
        query = dict(parse_qsl(parts.query))
        if parts.path not in _ASKED or parts.netloc or "project" in query or not set(query.get("runs", "").split(",")) <= {*ids, ""}:
            raise InvalidArgumentError("only what the panels of the grid ask can be frozen")
        if key in found:
            continue
        asked = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in _LOOSE]
        asked += [("runs", ",".join(ids)), ("points", _POINTS)]
        scope = {**request.scope, "method": "GET", "path": parts.path, "query_string": urlencode(asked).encode(), "path_params": {}}
        try:
            body = bytes((await _ASKED[parts.path](services, tracking, Request(scope))).body)
        except PenstockError:
            continue
        size += len(body)
        if size > _MOST_BYTES:
            raise PayloadTooLargeError(f"what the panels show is more than {_MOST_BYTES >> 20} MiB")
        found[key] = json.loads(body)
    return found


def entities_of(grid: ReportGrid, answers: Mapping[str, Any]) -> list[str]:
    """Return whose data a frozen grid holds."""
    presets = [text(mapping(answer).get("name")) for key, answer in answers.items() if key.startswith(f"{_PRESET}[")]
    owners = {name.partition("/")[0] for name in presets} - {"", "wandb"}
    return sorted({row.run.entity for row in grid.runs} | owners)


def document_of_grid(grid: ReportGrid, answers: Mapping[str, Any], stills: Sequence[Still], *, at: float, user_name: str) -> str:
    """Return a grid with its answers as the document that is kept."""
    document = {
        "at": at, "by": user_name, "panels": list(grid.panels.panels), "unknown": list(grid.panels.unknown), "runs": grid.run_list,
        "total": grid.total, "entities": entities_of(grid, answers), "answers": answers, "stills": [_still_to_data(one) for one in stills],
    }  # fmt: skip
    return json.dumps(plain(document), allow_nan=False)


def frozen_grid_of(kept: Report | None, report_id: int) -> FrozenGrid | None:
    """Return the frozen grid in a document, None when that is no frozen grid of the report."""
    if kept is None or kept.kind != FROZEN_KIND or kept.name != str(report_id):
        return None
    document = read_document(kept.spec)
    return FrozenGrid(
        kept.report_id,
        number(document.get("at")) or kept.created_at,
        kept.user_name,
        [mapping(one) for one in listed(document.get("panels"))],
        [text(one) for one in listed(document.get("unknown"))],
        [mapping(one) for one in listed(document.get("runs"))],
        int(number(document.get("total")) or 0),
        [text(one) for one in listed(document.get("entities"))],
        [_still_from_data(mapping(one)) for one in listed(document.get("stills"))],
    )


def frozen_id_of(block: Mapping[str, Any]) -> int | None:
    """Return the id of the document that a block of a report is frozen in, None for a live one."""
    value = mapping(block.get("metadata")).get(MARK)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 53 else None


def marked(block: Mapping[str, Any], frozen_id: int | None) -> dict[str, Any]:
    """Return a block that is frozen in a document, or live again."""
    metadata = {name: value for name, value in mapping(block.get("metadata")).items() if name != MARK}
    return {**block, "metadata": metadata if frozen_id is None else {**metadata, MARK: frozen_id}}


def _still_to_data(still: Still) -> dict[str, Any]:
    return {
        "panel": still.panel_id, "title": still.title, "text": still.text, "head": still.head, "rows": still.rows,
        "lines": [
            {
                "name": line.name, "color": line.color, "rows": line.rows,
                "x": _told(line.x), "low": _told(line.low), "high": _told(line.high), "last": _told(line.last),
            }
            for line in still.lines
        ],
    }  # fmt: skip


def _still_from_data(data: Mapping[str, Any]) -> Still:
    lines = [mapping(one) for one in listed(data.get("lines"))]
    return Still(
        text(data.get("panel")),
        text(data.get("title")),
        text=text(data.get("text")),
        head=[text(one) for one in listed(data.get("head"))],
        rows=[[text(cell) for cell in listed(row)] for row in listed(data.get("rows"))],
        lines=[_line_from_data(line) for line in lines],
    )


def _line_from_data(line: Mapping[str, Any]) -> StillLine:
    x = [number(value) or 0.0 for value in listed(line.get("x"))]
    columns = {name: [_heard(value) for value in listed(line.get(name))][: len(x)] for name in ("low", "high", "last")}
    shortest = min(len(x), *(len(column) for column in columns.values()))
    return StillLine(
        text(line.get("name")),
        look_of_text(line.get("color")),
        x[:shortest],
        columns["low"][:shortest],
        columns["high"][:shortest],
        columns["last"][:shortest],
        int(number(line.get("rows")) or 0),
    )


def _told(values: Sequence[float]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in map(float, values)]


def _heard(value: Any) -> float:
    found = number(value)
    return math.nan if found is None else found
