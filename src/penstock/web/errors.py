"""Errors as pages: what happened, what to do next, details to copy. Fragments and data answers get the short form."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from penstock.api.http import status_of
from penstock.domain.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidArgumentError,
    NotFoundError,
    PayloadTooLargeError,
    PenstockError,
    PermissionDeniedError,
    PreconditionError,
    RoleNeededError,
    UnauthenticatedError,
    UnavailableError,
)
from penstock.domain.trash import TrashKind
from penstock.web.lists.namespaces import completed, remember
from penstock.web.nearest import Nearest, flow_address, nearest, nearest_section
from penstock.web.opened import note_page
from penstock.web.pages.system.trash import KINDS
from penstock.web.render import SECTIONS, Crumb, Frame, Notice, is_scripted_form, language_of, redirect, render, told_in
from penstock.web.security import STILL_HEADERS
from penstock.web.services.web import WebServices
from penstock.web.texts.sentences import say_error

_log = logging.getLogger(__name__)

HEADINGS: tuple[tuple[type[PenstockError], str], ...] = (
    (NotFoundError, "Not found"),
    (PermissionDeniedError, "Not allowed"),
    (UnauthenticatedError, "Sign in first"),
    (AlreadyExistsError, "This name is taken"),
    (ConflictError, "Not possible now"),
    (PreconditionError, "Not possible now"),
    (PayloadTooLargeError, "Too large"),
    (UnavailableError, "Not available right now"),
    (InvalidArgumentError, "This does not fit"),
)
"""First match wins."""


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """Context of `shared/error.html`."""

    status: int
    """HTTP status."""
    heading: str
    """What kind of error, in a few words."""
    message: str
    """What happened, a sentence."""
    request_id: str
    """Also in the server's log."""
    can_retry: bool
    """Whether the same request may work later."""
    nearest: Nearest
    """What may have been meant, when nothing was found."""
    lists: tuple[str, str, str]
    """Where to go on: word, address and icon of the list that the address belongs to."""
    kinds: Mapping[TrashKind, tuple[str, str]] = field(default_factory=lambda: KINDS)
    """Kind of what lies in the trash -> (word, icon)."""
    role: str = ""
    """The reader's role, when it does not reach."""
    needed: str = ""
    """The one that does."""


def guarded(services: WebServices, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Wrap a handler so that every error becomes an answer a person can act on."""

    async def guard(request: Request) -> Response:
        request.state.read_at = services.notifier.mark()
        elsewhere = completed(request)
        if elsewhere is not None:
            return RedirectResponse(elsewhere, status_code=303)
        try:
            response = await handler(request)
            remember(request, response)
            note_page(request, response)
            return _led(request, response)
        except PenstockError as error:
            heading = next((words for kind, words in HEADINGS if isinstance(error, kind)), "Something went wrong")
            is_page = isinstance(error, NotFoundError) and request.method == "GET" and "text/html" in request.headers.get("accept", "")
            if is_page and (moved := await flow_address(services, request)):
                return RedirectResponse(moved, status_code=303)
            found = await nearest(services, request) if is_page else None
            if isinstance(error, RoleNeededError):
                return role_refusal(services, request, error)
            status = status_of(error).http
            request_id = _noted(request, error) if status >= 500 else ""
            message = say_error(language_of(request), error) if is_scripted_form(request) else str(error)
            return error_answer(services, request, status, heading, message, request_id, found=found)
        except HTTPException as error:
            return error_answer(services, request, error.status_code, "This did not work", str(error.detail))
        except Exception:
            request_id = uuid.uuid4().hex[:12]
            _log.exception("request %s: %s %s failed", request_id, request.method, request.url.path)
            return error_answer(
                services, request, 500, "Something went wrong", "The server made a mistake; its log has the details.", request_id
            )

    return guard


def _led(request: Request, response: Response) -> Response:
    """Where an answer leads, as a word for the script that sent a form; it would follow by itself, and use up the notice."""
    if not is_scripted_form(request) or not isinstance(response, RedirectResponse):
        return response
    told = JSONResponse({"location": response.headers["location"]}, headers={"cache-control": "no-store"})
    told.raw_headers += [(name, value) for name, value in response.raw_headers if name == b"set-cookie"]
    return told


def _noted(request: Request, error: Exception) -> str:
    """Write what the server could not do into its log; return the id under which it stands there."""
    request_id = uuid.uuid4().hex[:12]
    _log.warning("request %s: %s %s was not answered: %s", request_id, request.method, request.url.path, error)
    return request_id


def unknown_address(services: WebServices) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Return a handler of 404 for addresses that no route knows: a page for browsers, a word for programs."""

    async def missing(request: Request) -> Response:
        raise NotFoundError(f"There is no page at {request.url.path}.")

    page = guarded(services, missing)

    async def handle(request: Request, error: Exception) -> Response:
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return await page(request)
        return PlainTextResponse(getattr(error, "detail", "Not Found"), status_code=404, headers=getattr(error, "headers", None))

    return handle


def role_refusal(services: WebServices, request: Request, error: RoleNeededError) -> Response:
    """Answer a browser that asks for more than its user's role allows: which one it takes, and which one there is."""
    return error_answer(services, request, 403, "Not allowed", str(error), refused=error)


def _list_of(section: str) -> tuple[str, str, str]:
    """Word, address and icon of a part of the rail; of the first page where an address belongs to none."""
    return next((label, address, symbol) for one, label, address, symbol in SECTIONS if one == (section or "home"))


def error_answer(
    services: WebServices,
    request: Request,
    status: int,
    heading: str,
    message: str,
    request_id: str = "",
    *,
    found: Nearest | None = None,
    refused: RoleNeededError | None = None,
) -> Response:
    """Answer with an error.

    A form that script sent gets a word, one that the browser sent leads back with a notice, data requests get JSON, all others a page.
    """
    accepts_page = "text/html" in request.headers.get("accept", "")
    if is_scripted_form(request):  # a success, since browsers write every other answer into the console
        told = {"problem": told_in(language_of(request), message), "request_id": request_id}
        return JSONResponse(told, headers={"cache-control": "no-store"})
    if request.headers.get("sec-fetch-dest") in {"iframe", "frame", "embed", "object", "image"}:
        return PlainTextResponse(message, status_code=status, headers=STILL_HEADERS | {"cache-control": "no-store"})
    referer = urlsplit(request.headers.get("referer", ""))
    if request.method == "POST" and accepts_page and referer.netloc == request.headers.get("host") and status != 403:
        return redirect(referer.path + (f"?{referer.query}" if referer.query else ""), Notice(message, "error"))
    if not accepts_page and request.headers.get("sec-fetch-dest", "empty") == "empty" and "hx-request" not in request.headers:
        return JSONResponse({"error": message, "request_id": request_id}, status_code=status)
    section = nearest_section(request.url.path)
    page = ErrorPage(status, heading, message, request_id, status >= 500, found or Nearest(), _list_of(section))
    if refused is not None:
        page = replace(page, role=refused.role, needed=refused.needed)
    frame = Frame(title=heading, section=section if found is not None else "", crumbs=(Crumb(heading),))
    return render(services, request, "shared/error.html", frame=frame, page=page, status=status)
