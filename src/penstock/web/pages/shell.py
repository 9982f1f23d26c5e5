"""The front door: `/` leads home, or to what a client printed behind the hash; and addresses that lead nowhere."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from penstock.domain.errors import NotFoundError
from penstock.web.render import Frame, render
from penstock.web.services.web import WebServices


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Context of `shared/entry.html`; script resolves the hash, without script the page links home."""

    target: str
    """Where to go without a hash."""


async def entry(services: WebServices, request: Request) -> Response:
    """Resolve `/#/runs/details/<id>` and friends in the browser, which alone knows what is behind the hash."""
    if request.url.path != "/":
        return RedirectResponse("/ui/home", status_code=303)
    return render(
        services,
        request,
        "shared/entry.html",
        frame=Frame("Penstock", "home", scripts=("entry",), is_bare=True),
        page=EntryPage("/ui/home"),
    )


async def missing(services: WebServices, request: Request) -> Response:
    """There is no such page."""
    raise NotFoundError(f"There is no page at {request.url.path}.")
