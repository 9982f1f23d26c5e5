"""Comparisons in reports: blocks that the client reads as Markdown, and this server as the comparison itself, live or frozen.

The mark in a block's metadata is `{"runs": [...], "baseline": id, "parts": [...]}`; the text is what the comparison said when it was saved.
A client that writes the report without the mark makes it that text for good. A frozen comparison is a document of its own, with the
pictures and documents that are not too large.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from penstock.domain.errors import PenstockError
from penstock.domain.reports import FROZEN_KIND, Report
from penstock.web.comparisons.exhibits import PARTS
from penstock.web.pages.compare.adding import MOST_RUNS
from penstock.web.pages.compare.runs import compared
from penstock.web.reports.comparison_view import pieces_of, view_of
from penstock.web.reports.exhibit_content import content_of
from penstock.web.reports.writing import COMPARISON_MARK
from penstock.web.services.web import WebServices
from penstock.web.tracking.documents import plain, read_document
from penstock.web.tracking.panel_specs import listed, mapping, number, text

MOST_LIVE = 5
"""Comparisons of a report that are drawn; of the others the text is shown."""
_MOST_PIECES, _MOST_PIECE, _MOST_BYTES = 300, 2 << 20, 16 << 20
"""Drawings that a frozen comparison or an export holds, bytes of one and of all."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison as a report shows it."""

    view: Mapping[str, Any]
    """`comparison_view.view_of`; of a frozen one and in exports its drawings have `data`."""
    frozen_id: int | None = None
    at: float = 0.0
    user_name: str = ""

    @property
    def entities(self) -> set[str]:
        """Owners of its tracked runs; who may not see one of them does not see what was kept of them."""
        return {text(mapping(run).get("entity")) for run in listed(self.view.get("runs"))} - {""}


def wanted_of(block: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Return what a block asks to compare, as the comparison's page takes it; None for any other block."""
    wanted = mapping(mapping(block.get("metadata")).get(COMPARISON_MARK))
    runs = [run for one in listed(wanted.get("runs"))[:MOST_RUNS] if (run := text(one))]
    return {"runs": ",".join(runs), "baseline": text(wanted.get("baseline"))} if runs else None


def parts_of(block: Mapping[str, Any]) -> list[str]:
    """Return the parts that a block shows; all when it does not say."""
    wanted = mapping(mapping(block.get("metadata")).get(COMPARISON_MARK))
    chosen = [part for one in listed(wanted.get("parts")) if (part := text(one)) in PARTS]
    return chosen or list(PARTS)


async def live_comparison(
    services: WebServices, request: Request, block: Mapping[str, Any], *, is_whole: bool = False
) -> Comparison | None:
    """Return the comparison of a block as it is now, None when its runs are gone. Args: is_whole: with the data of its drawings."""
    wanted = wanted_of(block)
    page = await compared(services, request, wanted) if wanted is not None else None
    if wanted is None or page is None or not page.runs:
        return None
    view = view_of(page, parts_of(block), f"/ui/compare?runs={wanted['runs']}&baseline={page.runs[page.baseline].run_id}")
    return Comparison(await _with_data(services, view) if is_whole else view)


async def _with_data(services: WebServices, view: dict[str, Any]) -> dict[str, Any]:
    """Put the bytes of pictures and the text of documents beside their addresses, as far as they are not too large."""
    left = _MOST_BYTES
    for piece in pieces_of(view)[:_MOST_PIECES]:
        if not piece["address"] or piece["asks_first"]:
            continue
        try:
            media, data = await content_of(services, piece["address"], min(left, _MOST_PIECE))
        except PenstockError:
            continue
        left -= len(data)
        if media.startswith("image/"):
            piece["data"] = f"data:{media};base64,{base64.b64encode(data).decode()}"
        else:
            piece["data"] = data.decode("utf-8", "replace")
    return view


def document_of_comparison(comparison: Comparison, *, at: float, user_name: str) -> str:
    """Return a comparison as the document that is kept."""
    return json.dumps(plain({"at": at, "by": user_name, "comparison": comparison.view}), allow_nan=False)


def frozen_comparison_of(kept: Report | None, report_id: int) -> Comparison | None:
    """Return the comparison in a document, None when that is none of the report."""
    if kept is None or kept.kind != FROZEN_KIND or kept.name != str(report_id):
        return None
    document = read_document(kept.spec)
    view = mapping(document.get("comparison"))
    return Comparison(view, kept.report_id, number(document.get("at")) or kept.created_at, kept.user_name) if view else None
