"""Named views of tables: what a table's address shows, under a name, for everybody on this server.

The layout (order, pins, widths, row height) is a part of the address: `layout` holds a JSON document that `static/js/columns.js` reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import InvalidArgumentError
from penstock.interfaces.run_tables import SavedView
from penstock.web.render import Notice, redirect, render_part
from penstock.web.security import check_own_form, safe_next
from penstock.web.services.tracking import readable_by
from penstock.web.services.web import WebServices

TABLES: Mapping[str, str] = {
    "runs": "/ui/runs",
    "executions": "/ui/executions",
    "collections": "/ui/artifacts",
    "artifacts": "/ui/artifacts",
    "pipelines": "/ui/pipelines",
    "experiments": "/ui/experiments",
    "recurring": "/ui/recurring",
    "projects": "/ui/projects",
    "registry": "/ui/registry",
    "flows": "/ui/flows",
    "trash": "/ui/trash",
}
"""Tables that keep views, with their addresses; so do `tracked:ENTITY/PROJECT`, the runs of a project, `sweeps:...`, `reports:...` and
`artifacts:...`, its collections."""
_OF_PROJECT = re.compile(r"(tracked|sweeps|reports|artifacts):([^/]{1,200})/([^/]{1,200})")
_KEPT = frozenset({
    "namespace", "q", "sort", "n", "tab", "columns", "column", "group", "differences", "layout", "metric", "least", "status", "user", "tag",
    "since", "zone", "demos",
})  # fmt: skip
_MOST_ADDRESS = 8000
_MOST_COLUMNS = 100
_WIDEST = 900


def _base(services: WebServices, request: Request, table: str) -> str:
    """Return the address of a table.

    Raises:
        InvalidArgumentError: it keeps no views, or belongs to a project that is not the reader's to see.
    """
    of = _OF_PROJECT.fullmatch(table)
    if of is not None and readable_by(services.tracking, request)(of[2]):
        return f"/{quote(of[2], safe='')}/{quote(of[3], safe='')}/{'runs' if of[1] == 'tracked' else of[1]}"
    if table not in TABLES:
        raise InvalidArgumentError(f"table: {table[:100]!r} keeps no views")
    return TABLES[table]


async def views_part(services: WebServices, request: Request) -> Response:
    """The inside of the menu: the views of `table`, and a form that saves what `address` shows."""
    table = request.query_params.get("table", "")
    base = _base(services, request, table)
    views = await services.views.list(table)
    target = safe_next(request.query_params.get("address", ""), base)
    return render_part(services, request, "shared/views.html", views=views, table=table, base=base, next=target)


async def act(services: WebServices, request: Request) -> Response:
    """Save (`verb=save`) what the address `next` shows under `name`, with `layout` if given; or remove (`verb=delete`) the view `id`."""
    check_own_form(request)
    form = await request.form()
    target = safe_next(str(form.get("next", "")), "/ui/runs")
    if form.get("verb") == "delete":
        await services.views.delete(_identity(str(form.get("id", ""))))
        return redirect(target, Notice("The view was removed."))
    table, name = str(form.get("table", "")), str(form.get("name", "")).strip()[:100]
    base = _base(services, request, table)
    if not name:
        return redirect(target, Notice("A view needs a name.", "error"))
    kept = [(key, value) for key, value in parse_qsl(urlsplit(target).query[:_MOST_ADDRESS]) if key in _KEPT]
    if "layout" in form:
        layout = checked_layout(str(form["layout"]))
        kept = [(key, value) for key, value in kept if key != "layout"] + ([("layout", layout)] if layout else [])
    query = urlencode(kept)
    user = services.automation.user_name if services.automation is not None else ""
    await services.views.save(SavedView(0, table, name, query, user, services.clock.now()))
    return redirect(f"{base}?{query}" if query else base, Notice(f"Saved as {name}."))


def checked_layout(text: str) -> str:
    """Return a layout as it is kept: order, pins, widths, hidden columns and row height, nothing else; empty when it says nothing.

    Raises:
        InvalidArgumentError: it is no layout.
    """
    try:
        given = json.loads(text[:_MOST_ADDRESS]) if text else {}
        columns = {str(name)[:200]: _choice(value) for name, value in dict(given.get("columns", {})).items()}
        order = list(dict.fromkeys(name[:200] for name in list(given.get("order", [])) if isinstance(name, str)))[:_MOST_COLUMNS]
    except (ValueError, TypeError, AttributeError):
        raise InvalidArgumentError("layout: it cannot be read") from None
    kept: dict[str, Any] = {"columns": {name: choice for name, choice in list(columns.items())[:_MOST_COLUMNS] if choice}}
    kept |= {"order": order} if order else {}
    kept |= {name: True for name in ("isCompact", "isDiffering") if given.get(name) is True}
    return json.dumps(kept, separators=(",", ":"), ensure_ascii=False) if kept["columns"] or len(kept) > 1 else ""


def _choice(given: Mapping[str, Any]) -> dict[str, Any]:
    choice: dict[str, Any] = {}
    width = given.get("width")
    if isinstance(width, int) and not isinstance(width, bool) and 0 < width <= _WIDEST:
        choice["width"] = width
    choice |= {name: True for name in ("isPinned", "isHidden") if given.get(name) is True}
    return choice


def _identity(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InvalidArgumentError(f"id: {text!r} is not a view") from None
