"""What the bulk bar of a list sends: what to do, with the rows picked or with everything that the list's filter matches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import urlsplit

from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import InvalidArgumentError
from penstock.interfaces.pages import ListQuery, Page
from penstock.web.render import Notice, is_scripted_form, redirect
from penstock.web.security import check_own_form, safe_next

T = TypeVar("T")

_PAGE = 200
_OTHER_FIELDS = 100
MOST_AT_ONCE = 10_000
"""Rows that one bulk action may take."""


@dataclass(frozen=True, slots=True)
class ListAddress:
    """The list that a bulk bar stood below, whatever page of it was shown."""

    path: str
    """Its path, as the address bar has it."""
    query: QueryParams
    """What it shows."""


Matching = Callable[[ListAddress], Awaitable[Sequence[str]]]
"""Finds the ids of everything that a list matches, at most `MOST_AT_ONCE`."""


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


async def picked(request: Request, default: str, matching: Matching | None = None) -> Picked:
    """Read the form of a bulk bar; `matching` finds the rows when all that match are wanted, whatever page of the list was shown.

    Raises:
        PermissionDeniedError: the form came from another site.
    """
    check_own_form(request)
    form = await bulk_form(request)
    target = safe_next(str(form.get("next", "")), default)
    return Picked(str(form.get("verb", "")), await ids_of(form, target, matching), target, form)


def missing(request: Request, target: str, what: str) -> Response:
    """Say what a bulk bar lacks: beside its button, where the rows stay picked, or without a script in a notice of the list.

    Raises:
        InvalidArgumentError: a script asks, which shows the sentence in its form.
    """
    if is_scripted_form(request):
        raise InvalidArgumentError(what)
    return redirect(target, Notice(what, "error"))


async def bulk_form(request: Request, **limits: int) -> FormData:
    """Return what a bulk bar sent: as many rows as one action may take, each of which is a field."""
    return await request.form(max_fields=MOST_AT_ONCE + _OTHER_FIELDS, **limits)


async def ids_of(form: FormData, target: str, matching: Matching | None = None) -> list[str]:
    """Return the rows that a form is for, each once: those named, or everything that the list at `target` matches."""
    if form.get("matching") and matching is not None:
        address = urlsplit(target)
        ids = await matching(ListAddress(address.path, QueryParams(address.query)))
    else:
        ids = [str(value) for value in form.getlist("id")]
    return list(dict.fromkeys(ids))[:MOST_AT_ONCE]


async def every(listed: Callable[[ListQuery], Awaitable[Page[T]]], query: ListQuery, identity: Callable[[T], str]) -> list[str]:
    """Return the ids of what a list holds from its beginning, at most `MOST_AT_ONCE`, read page by page."""
    found: list[str] = []
    query = replace(query, limit=_PAGE, cursor=None)
    while len(found) < MOST_AT_ONCE:
        page = await listed(query)
        found += [identity(item) for item in page.items]
        if page.next_cursor is None:
            break
        query = replace(query, cursor=page.next_cursor)
    return found[:MOST_AT_ONCE]
