"""Help: the documents of this program, served by itself, so that they fit its version and need no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import NotFoundError
from penstock.web.manual import Document, document, names
from penstock.web.render import Crumb, Frame, language_of, render
from penstock.web.services.web import WebServices
from penstock.web.texts.i18n import translate

FIRST = "web"


@dataclass(frozen=True, slots=True)
class ManualPage:
    """Context of `shared/manual.html`."""

    shown: Document
    documents: Sequence[tuple[str, str]]
    """(name, title) of all."""


async def manual_page(services: WebServices, request: Request) -> Response:
    """Show a document; the one about these pages when none is named.

    Raises:
        NotFoundError: there is no such document.
    """
    name = request.path_params.get("name", FIRST)
    shown = document(name)
    if shown is None:
        raise NotFoundError(f"There is no document {name}.")
    language = language_of(request)
    others = [(translate(language, title), f"/ui/help/{other}") for other, title in names() if other != name]
    frame = Frame(title=shown.title, section="", crumbs=(Crumb("Help", "/ui/help"), Crumb(shown.title, "", others, is_word=True)))
    return render(services, request, "shared/manual.html", frame=frame, page=ManualPage(shown, names()))
