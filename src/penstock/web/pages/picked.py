"""What the bulk bar of a list sends: what to do, with the rows picked or with everything that the list's filter matches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request

from penstock.web.security import check_own_form, safe_next

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
    form = await request.form()
    target = safe_next(str(form.get("next", "")), default)
    if form.get("matching") and matching is not None:
        address = urlsplit(target)
        ids = await matching(ListAddress(address.path, QueryParams(address.query)))
    else:
        ids = [str(value) for value in form.getlist("id")]
    return Picked(str(form.get("verb", "")), list(dict.fromkeys(ids))[:MOST_AT_ONCE], target, form)
