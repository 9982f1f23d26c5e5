"""The trash: what was deleted on the pages, with the time that is left to restore it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.errors import ConflictError, NotFoundError, PenstockError
from penstock.domain.trash import TrashItem, TrashKind
from penstock.interfaces.pages import ListQuery, Page
from penstock.interfaces.run_tables import RowGroups
from penstock.trash.service import TrashService
from penstock.web.lists.filters import query_of
from penstock.web.lists.groups import GroupTable
from penstock.web.lists.held_rows import Columns, page_of
from penstock.web.pages.lists.picked import MOST_AT_ONCE, ListAddress, bulk_form, ids_of
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
FILTER_FIELDS = ("name", "kind", "from", "by", "size", "deleted", "left")
GROUPINGS = (("kind", "Kind"), ("from", "From"), ("by", "Deleted by"), ("deleted", "Deleted"))
"""Columns that group, with their labels."""
MOST_HELD = MOST_AT_ONCE
"""Things, the last deleted ones, that are looked at."""
_COLUMNS: Columns[TrashItem] = Columns(
    words=lambda item: f"{item.title} {item.place} {item.subject}",
    texts={
        "name": lambda item: [item.title],
        "kind": lambda item: [KINDS[item.kind][0], item.kind.value],
        "from": lambda item: [item.place],
        "by": lambda item: [item.user_name],
    },
    numbers={"size": lambda item: item.size_bytes},
    times={"deleted": lambda item: item.trashed_at, "left": lambda item: item.due_at},
)
_GROUPED = replace(_COLUMNS, texts={**_COLUMNS.texts, "kind": lambda item: [item.kind.value]})
"""Each thing is of one kind, however many words of it the filter knows."""


@dataclass(frozen=True, slots=True)
class TrashPage:
    """Context of `trash/list.html`."""

    listing: Page[TrashItem]
    """The rows shown."""
    sort: str
    """Sort name, with `-` in front for descending."""
    kinds: Mapping[TrashKind, tuple[str, str]]
    """Kind -> (word, icon)."""
    keep_seconds: float
    """How long things lie here."""
    is_cut: bool
    """Older ones were not looked at."""
    groups: GroupTable | None
    """Things in groups; None: they are shown one by one."""
    group_choices: Sequence[tuple[str, str]] = GROUPINGS
    """(column, label) of what may group."""
    filter_fields: Sequence[str] = FILTER_FIELDS
    """Fields the filter bar completes."""


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


@dataclass(frozen=True, slots=True)
class FoundTrash:
    """Everything that a list of the trash shows, in order."""

    query: ListQuery
    """What was asked for."""
    rows: Sequence[TrashItem]
    """All of them, those of every page."""
    is_cut: bool
    """Older things were not looked at."""
    by: str
    """The column that groups; empty for rows."""

    def groups(self) -> RowGroups:
        """The groups that are asked for."""
        return _GROUPED.groups(self.rows, self.by, self.query, at=lambda item: item.trashed_at, numbers=("size",))


async def trash_found(services: WebServices, request: Request, wanted: Mapping[str, str]) -> FoundTrash:
    """Return what a list of the trash shows to the reader."""
    query = query_of(request, wanted, now=services.clock.now(), sort="deleted")
    query = query if _COLUMNS.has(query.sort) else replace(query, sort="deleted", is_descending=True)
    items = await trash_of(services).items(limit=MOST_HELD + 1)
    readable = readable_by(services.tracking, request)
    matching = _COLUMNS.matching([item for item in items[:MOST_HELD] if readable(item.entity)], query)
    rows = _COLUMNS.in_order(matching, query.sort, is_descending=query.is_descending)
    by = wanted.get("group", "")
    return FoundTrash(query, rows, len(items) > MOST_HELD, by if by in dict(GROUPINGS) else "")


async def list_page(services: WebServices, request: Request) -> Response:
    """What lies in the trash, thing by thing or in groups."""
    of = await trash_found(services, request, request.query_params)
    sort = ("-" if of.query.is_descending else "") + of.query.sort
    groups = None
    if of.by:
        words = {kind.value: word for kind, (word, _) in KINDS.items()} if of.by == "kind" else {}
        groups = GroupTable(of.by, dict(GROUPINGS)[of.by], of.groups(), (), request.url.path, request.query_params, words=words)
    page = TrashPage(page_of(of.rows, of.query), sort, KINDS, trash_of(services).keep_seconds, of.is_cut, groups)
    frame = Frame(title="Trash", section="", crumbs=(Crumb("Trash"),), live="", scripts=("table",))
    return render(services, request, "trash/list.html", frame=frame, page=page)


async def values(services: WebServices, request: Request) -> JSONResponse:
    """Kinds, places and people that the filter bar of the list offers for `field`, those that contain `text`."""
    wanted, of = request.query_params, await trash_found(services, request, {})
    offered = _GROUPED.offered(of.rows, wanted.get("field", ""), wanted.get("text", ""))
    return JSONResponse(offered, headers={"cache-control": "no-store"})


async def act(services: WebServices, request: Request) -> Response:
    """Restore things or remove them for good: those picked, or a whole batch (undo); `one`, the button of a row, restores that one."""
    check_own_form(request)
    form = await bulk_form(request)
    trash = trash_of(services)
    verb, batch, one = str(form.get("verb", "")), str(form.get("batch", "")), str(form.get("one", ""))
    verb = "restore" if one else verb
    target = safe_next(str(form.get("next", "")), "/ui/trash")

    async def matching(address: ListAddress) -> Sequence[str]:
        return [str(item.item_id) for item in (await trash_found(services, request, address.query)).rows]

    picked = [one] if one else [] if batch else await ids_of(form, target, matching)
    found = await trash.items(batch=batch, limit=MOST_HELD) if batch else await _picked(trash, picked)
    readable = readable_by(services.tracking, request)
    items = [item for item in found if readable(item.entity)]
    if verb not in {"restore", "remove"} or not items:
        return redirect(target, Notice("Nothing was selected, or it is not in the trash any more.", "error"))
    there, by = {str(item.item_id) for item in items}, user_of(services, request)
    problems = [f"{number[:40]}: it is not in the trash any more" for number in picked if number not in there]
    for item in items:
        try:
            if verb == "restore":
                await trash.restore(item.item_id, by=by)
            else:
                await trash.remove(item)
        except PenstockError as error:
            problems.append(f"{item.title}: {error}")
    word = "Restored" if verb == "restore" else "Removed for good"
    count = max(len(items), len(picked))
    done = count - len(problems)
    text = f"{word}: {items[0].title}." if count == 1 else f"{word}: {done} of {count}."
    if problems:
        return redirect(target, Notice(text if done else "It did not work.", "error", problems=problems))
    return redirect(target, Notice(text))


async def _picked(trash: TrashService, ids: Sequence[str]) -> list[TrashItem]:
    numbers = [int(text) for text in ids if text.isdecimal() and len(text) < 17]
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
        item = await trash.put(kind, subject, batch=batch, by=by)
        if item.batch != batch:  # another tab was quicker; an undo of this batch would bring nothing back
            raise ConflictError(f"{item.title} is in the trash already")
        titles.append(item.title)

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
