"""The trash: what was deleted on the pages, with the time that is left to restore it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import NotFoundError, PenstockError
from penstock.domain.trash import TrashItem, TrashKind
from penstock.trash.service import TrashService
from penstock.web.pages.lists.picked import bulk_form
from penstock.web.render import Crumb, Frame, Notice, redirect, render
from penstock.web.security import check_own_form, safe_next
from penstock.web.services.tracking import caller_of, readable_by
from penstock.web.services.web import WebServices
from penstock.web.texts.formats import duration

KINDS: Mapping[TrashKind, tuple[str, str]] = {
    TrashKind.RUN: ("Run", "run"),
    TrashKind.TRACKED_RUN: ("Tracked run", "chart"),
    TrashKind.VERSION: ("Artifact version", "box"),
    TrashKind.ARTIFACT: ("Stored artifact", "box"),
    TrashKind.COLLECTION: ("Artifact collection", "layers"),
    TrashKind.PIPELINE: ("Pipeline", "pipeline"),
    TrashKind.PIPELINE_VERSION: ("Pipeline version", "layers"),
    TrashKind.EXPERIMENT: ("Experiment", "flask"),
    TrashKind.SCHEDULE: ("Recurring run", "clock"),
    TrashKind.PROJECT: ("Project", "chart"),
}
"""Kind -> (word, icon)."""
MOST_SHOWN = 500


@dataclass(frozen=True, slots=True)
class TrashPage:
    """Context of `trash/list.html`."""

    items: Sequence[TrashItem]
    """Last deleted first."""
    kinds: Mapping[TrashKind, tuple[str, str]]
    """Kind -> (word, icon)."""
    keep_seconds: float
    """How long things lie here."""
    is_cut: bool
    """There are more than are shown."""


def trash_of(services: WebServices) -> TrashService:
    """Return the trash.

    Raises:
        NotFoundError: this server has none.
    """
    if services.trash is None:
        raise NotFoundError("This server has no trash.")
    return services.trash


def user_of(services: WebServices, request: Request) -> str:
    """Return who asks, for the record."""
    return "" if services.tracking is None else caller_of(services.tracking, request).user_name


async def list_page(services: WebServices, request: Request) -> Response:
    """What lies in the trash."""
    trash = trash_of(services)
    items = await trash.items(limit=MOST_SHOWN + 1)
    readable = readable_by(services.tracking, request)
    shown = [item for item in items[:MOST_SHOWN] if readable(item.entity)]
    page = TrashPage(shown, KINDS, trash.keep_seconds, len(items) > MOST_SHOWN)
    frame = Frame(title="Trash", section="", crumbs=(Crumb("Trash"),), scripts=("table",))
    return render(services, request, "trash/list.html", frame=frame, page=page)


async def act(services: WebServices, request: Request) -> Response:
    """Restore things or remove them for good: those picked, or a whole batch (undo)."""
    check_own_form(request)
    form = await bulk_form(request)
    trash = trash_of(services)
    verb, batch = str(form.get("verb", "")), str(form.get("batch", ""))
    target = safe_next(str(form.get("next", "")), "/ui/trash")
    picked = [str(value) for value in form.getlist("id")]
    found = await trash.items(batch=batch, limit=10_000) if batch else await _picked(trash, picked)
    readable = readable_by(services.tracking, request)
    items = [item for item in found if readable(item.entity)]
    if verb not in {"restore", "remove"} or not items:
        return redirect(target, Notice("Nothing was selected, or it is not in the trash any more.", "error"))
    problems, by = [], user_of(services, request)
    for item in items:
        try:
            if verb == "restore":
                await trash.restore(item.item_id, by=by)
            else:
                await trash.remove(item)
        except PenstockError as error:
            problems.append(f"{item.title}: {error}")
    word = "Restored" if verb == "restore" else "Removed for good"
    done = len(items) - len(problems)
    text = f"{word}: {items[0].title}." if len(items) == 1 else f"{word}: {done} of {len(items)}."
    if problems:
        return redirect(target, Notice(text if done else "It did not work.", "error", problems=problems))
    return redirect(target, Notice(text))


async def _picked(trash: TrashService, ids: Sequence[str]) -> list[TrashItem]:
    numbers = [int(text) for text in ids if text.isdecimal() and len(text) < 17][:MOST_SHOWN]
    found = [await trash.get(number) for number in numbers]
    return [item for item in found if item is not None]


async def put_away(services: WebServices, request: Request, kind: TrashKind, subjects: Sequence[str], target: str) -> Response | None:
    """Move things of one kind to the trash and lead to `target` with a notice that offers undo; None on a server without trash."""
    trash = services.trash
    if trash is None:
        return None
    batch, by = trash.new_batch(), user_of(services, request)
    titles: list[str] = []

    async def put(subject: str) -> None:
        titles.append((await trash.put(kind, subject, batch=batch, by=by)).title)

    problems = await each(subjects, put)
    if not titles:
        return redirect(target, Notice("It did not work." if problems else "Nothing was selected.", "error", problems=problems))
    what = titles[0] if len(subjects) == 1 else f"{len(titles)} of {len(subjects)}"
    if trash.keep_seconds <= 0:
        return redirect(target, Notice(f"Deleted {what}.", "error" if problems else "done", problems=problems))
    text = f"{what} {'is' if len(titles) == 1 else 'are'} in the trash for {duration(trash.keep_seconds)}."
    return redirect(target, undo_notice(text, batch, target, problems))


def done_notice(target: str, verb: str, subjects: Sequence[str], problems: Sequence[str], notice: Notice | None = None) -> Response:
    """Lead to `target`, saying for how many it worked and why it did not for the others; `notice` is for one that worked."""
    if not subjects:
        return redirect(target, Notice("Nothing was selected.", "error"))
    if len(subjects) == 1 and not problems:
        return redirect(target, notice or Notice(f"{verb}."))
    text = f"{verb} {len(subjects) - len(problems)} of {len(subjects)}."
    return redirect(target, Notice(text, "error" if problems else "done", problems=problems))


async def each(subjects: Sequence[str], act: Callable[[str], Awaitable[None]]) -> list[str]:
    """Do something to each of many things; return why it did not work for those for which it did not, each with its name or id."""
    problems = []
    for subject in subjects:
        try:
            await act(subject)
        except PenstockError as error:
            why = f"{error}." if not str(error).endswith(".") else str(error)
            problems.append(why if subject in why else f"{subject}: {why}")
    return problems


def undo_notice(text: str, batch: str, target: str, problems: Sequence[str] = ()) -> Notice:
    """Return a notice that offers to restore a batch and lists what did not go there."""
    kind = "error" if problems else "done"
    return Notice(text, kind, "/ui/trash/actions", {"verb": "restore", "batch": batch, "next": target}, problems)
