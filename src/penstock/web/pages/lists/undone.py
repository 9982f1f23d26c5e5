"""Bulk actions that one click takes back: the notice offers it for the rows that they worked for, as it does for a single one."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from penstock.web.pages.lists.picked import Picked
from penstock.web.pages.system.trash import each, user_of
from penstock.web.render import Notice, redirect
from penstock.web.services.web import WebServices

UNTAGGED = {"untag": "retag", "retag": "untag"}
"""Verb with which a batch of tags is taken off, or put on again -> the one that takes this back."""
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


Tagging = Callable[[str, Sequence[str], Sequence[str]], Awaitable[Sequence[str]]]
"""Adds tags to a row and takes others off (row, tags to add, to take off); returns those that it had."""


async def tag_each(
    services: WebServices, request: Request, wanted: Picked, tags: Sequence[str], change: Tagging, address: str
) -> Response:
    """Add tags to the rows picked, or take off those that a batch of the form added, or put these on again, and say for how many it worked.

    Args:
        services: what pages work with.
        request: who asks.
        wanted: `tag` with rows, or `untag` or `retag` with a batch.
        tags: to add.
        change: does it to one row.
        address: of the form that takes it back.
    """
    back = tags_put(services, request, wanted)
    if back is not None and not back:
        return redirect(wanted.target, Notice(TOO_LATE, "error"))
    ids, worked = wanted.ids if back is None else list(back), dict[str, str]()

    async def work(row: str) -> None:
        if wanted.verb == "untag" and back is not None:
            await change(row, (), json.loads(back[row]))
            worked[row] = back[row]
            return
        added = tags if back is None else json.loads(back[row])
        if put := newly(await change(row, added, ()), added):
            worked[row] = put

    problems = await each(ids, work)
    verb = "Tags taken off" if wanted.verb == "untag" else "Tagged"
    text = f"{verb}." if len(ids) == 1 and not problems else f"{verb} {len(ids) - len(problems)} of {len(ids)}."
    undo = taken_back_by(services, request, UNTAGGED.get(wanted.verb, "untag"), worked, wanted.target)
    return redirect(wanted.target, Notice(text, "error" if problems else "done", address if undo else "", undo, problems))


def newly(had: Sequence[str], tags: Sequence[str]) -> str:
    """Return those of the tags that a row did not have, as is kept of it in a batch; empty for none."""
    put = [tag for tag in tags if tag not in had]
    return json.dumps(put) if put else ""


def tags_put(services: WebServices, request: Request, wanted: Picked) -> Mapping[str, str] | None:
    """Return what `newly` said of the rows of a batch, whose tags are to be taken off or put on again; None: that is not asked for."""
    if wanted.verb not in UNTAGGED:
        return None
    return services.undoing.take(user_of(services, request), str(wanted.form.get("batch", "")))
