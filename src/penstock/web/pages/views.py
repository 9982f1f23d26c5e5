"""Named views of tables: what a table's address shows, under a name, for everybody on this server."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import InvalidArgumentError
from penstock.interfaces.run_tables import SavedView
from penstock.web.render import Notice, redirect
from penstock.web.security import check_own_form, safe_next
from penstock.web.services import WebServices

TABLES = {"runs": "/ui/runs"}
"""Tables that keep views, with their addresses."""
_KEPT = frozenset({"q", "sort", "n", "tab", "columns", "column", "group", "differences"})


async def act(services: WebServices, request: Request) -> Response:
    """Save (`verb=save`) the view that `query` describes under `name`, or remove (`verb=delete`) the one with `id`."""
    check_own_form(request)
    form = await request.form()
    target = safe_next(str(form.get("next", "")), "/ui/runs")
    if form.get("verb") == "delete":
        await services.views.delete(_identity(str(form.get("id", ""))))
        return redirect(target, Notice("The view was removed."))
    table, name = str(form.get("table", "")), str(form.get("name", "")).strip()[:100]
    if table not in TABLES:
        raise InvalidArgumentError(f"table: {table!r} keeps no views")
    if not name:
        return redirect(target, Notice("A view needs a name.", "error"))
    query = urlencode([(key, value) for key, value in parse_qsl(str(form.get("query", ""))[:4000]) if key in _KEPT])
    user = services.automation.user_name if services.automation is not None else ""
    await services.views.save(SavedView(0, table, name, query, user, services.clock.now()))
    return redirect(f"{TABLES[table]}?{query}" if query else TABLES[table], Notice(f"Saved as {name}."))


def _identity(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InvalidArgumentError(f"id: {text!r} is not a view") from None
