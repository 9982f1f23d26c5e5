"""What the bulk bar of a list sends: what to do, with the rows picked or with everything that the list's filter matches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import FormData
from starlette.requests import Request

from penstock.interfaces.pages import ListQuery
from penstock.web.filters import list_query
from penstock.web.security import check_own_form, safe_next
from penstock.web.services import WebServices

MOST_AT_ONCE = 10_000
"""Rows that one bulk action may take."""

Matching = Callable[[ListQuery], Awaitable[Sequence[str]]]
"""Finds the ids of everything that a list matches."""


@dataclass(frozen=True, slots=True)
class Picked:
    """A bulk action."""

    verb: str
    ids: Sequence[str]
    """What it is for, each once."""
    target: str
    """Address of the page to lead back to."""
    form: FormData
    """Everything that was sent."""


async def picked(services: WebServices, request: Request, default: str, matching: Matching | None = None) -> Picked:
    """Read the form of a bulk bar; `matching` finds the rows when all that match are wanted, whatever page of the list was shown.

    Raises:
        PermissionDeniedError: the form came from another site.
    """
    check_own_form(request)
    form = await request.form()
    target = safe_next(str(form.get("next", "")), default)
    if form.get("matching") and matching is not None:
        ids = await matching(list_query(dict(parse_qsl(urlsplit(target).query)), now=services.clock.now()))
    else:
        ids = [str(value) for value in form.getlist("id")]
    return Picked(str(form.get("verb", "")), list(dict.fromkeys(ids))[:MOST_AT_ONCE], target, form)
