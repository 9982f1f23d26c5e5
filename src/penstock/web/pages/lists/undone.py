"""Bulk actions that one click takes back: the notice offers it for the rows that they worked for, as it does for a single one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from penstock.web.pages.system.trash import each, user_of
from penstock.web.render import Notice, redirect
from penstock.web.services.web import WebServices

TOO_LATE = "This cannot be undone any more."


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of a change that can be taken back, and how it is."""

    target: str
    """Where it leads."""
    one: str
    """Said when it was done to one."""
    many: str
    """Said before the numbers when it was tried on many."""
    address: str
    """Of the form that takes it back."""
    undo: str
    """Its verb; empty: it cannot be taken back."""


def taken_back_by(services: WebServices, request: Request, verb: str, worked: Mapping[str, str], target: str) -> dict[str, str]:
    """Return the fields of the form that takes a change back: `verb` for the rows that it worked for; empty for none."""
    if not worked:
        return {}
    ids = list(worked)
    if len(ids) == 1 and not worked[ids[0]]:
        return {"verb": verb, "id": ids[0], "next": target}
    return {"verb": verb, "batch": services.undoing.keep(user_of(services, request), worked), "next": target}


async def for_each(
    services: WebServices, request: Request, form: FormData, ids: Sequence[str], act: Callable[[str], Awaitable[None]], words: Words
) -> Response:
    """Do something that can be taken back to many things, or to those of a `batch` of the form, and say for how many it worked."""
    target, worked = words.target, dict[str, str]()
    if "batch" in form:
        ids = list(services.undoing.take(user_of(services, request), str(form["batch"])))
        if not ids:
            return redirect(target, Notice(TOO_LATE, "error"))

    async def done(subject: str) -> None:
        await act(subject)
        worked[subject] = ""

    problems = await each(ids, done)
    text = words.one if len(ids) == 1 and not problems else f"{words.many} {len(worked)} of {len(ids)}."
    if not ids:
        return redirect(target, Notice("Nothing was selected.", "error"))
    undo = taken_back_by(services, request, words.undo, worked, target) if words.undo else {}
    return redirect(target, Notice(text, "error" if problems else "done", words.address if undo else "", undo, problems))
