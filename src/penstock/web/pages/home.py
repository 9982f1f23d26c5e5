"""The start page: the last day on a timeline, what needs attention, what runs and what comes next."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.tracking import TrackedState
from penstock.interfaces.page_catalog import HomeView, LossItem, RecentTracked
from penstock.interfaces.pages import RunItem
from penstock.interfaces.recent_objects import RecentObject
from penstock.interfaces.system_status import ServiceItem, SlotsItem
from penstock.web.lists.namespaces import namespace_of
from penstock.web.opened import address_of_object
from penstock.web.pages.catalog.recurring import upcoming
from penstock.web.pages.system.budgets import BudgetTrouble, budget_troubles
from penstock.web.pages.tracking.run import run_url
from penstock.web.render import Crumb, Frame, render
from penstock.web.services.tracking import caller_of, readable_by, reader_of
from penstock.web.services.web import WebServices
from penstock.web.texts.formats import state_look, state_word, type_word
from penstock.web.texts.starters import Starter, is_local, starters
from penstock.web.tracking.documents import ending_of, look_of

DAY = 86_400.0
AHEAD = 3 * 3600.0
MINE = "My recent objects"
MY_KINDS: Mapping[str, tuple[str, str]] = {
    "run": ("run", "Run"),
    "flow": ("flow", "Flow run"),
    "pipeline": ("pipeline", "Pipeline"),
    "experiment": ("flask", "Experiment"),
    "recurring": ("clock", "Recurring run"),
    "artifact": ("box", "Artifact"),
    "project": ("chart", "Project"),
    "tracked": ("chart", "Tracked run"),
    "collection": ("layers", "Artifact collection"),
    "sweep": ("loop", "Sweep"),
    "report": ("document", "Report"),
}
"""Kind of a recent object -> icon and word."""


@dataclass(frozen=True, slots=True)
class LaneBar:
    """A run on the timeline, in percent of its width."""

    address: str
    name: str
    look: tuple[str, str]
    """Word and icon of its state."""
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Lane:
    """The line of a pipeline, a flow or a project."""

    name: str
    bars: Sequence[LaneBar]
    upcoming: Sequence[float] = ()
    """Planned starts, in percent."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A run or schedule that needs attention."""

    address: str
    name: str
    look: tuple[str, str]
    why: str
    at: float
    where: str = ""
    """Project of a tracked run."""


@dataclass(frozen=True, slots=True)
class Health:
    """How the server is doing, in a line."""

    stopped: Sequence[ServiceItem]
    """Background services whose loop is not alive."""
    slots: SlotsItem
    free_bytes: int
    """Of the disk with the data folder."""
    is_full: bool
    """Less than a twentieth of the disk is free."""


@dataclass(frozen=True, slots=True)
class MyObject:
    """Something that the reader had in hand."""

    address: str
    icon: str
    word: str
    """What it is."""
    item: RecentObject
    look: tuple[str, str] | None
    """Word and icon of its state; None: it has none."""


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A tracked run that goes on."""

    address: str
    name: str
    where: str
    started_at: float


@dataclass(frozen=True, slots=True)
class HomePage:
    """Context of `home/home.html`."""

    view: HomeView
    """Rows."""
    lanes: Sequence[Lane]
    more_lanes: Sequence[str]
    """Names of those that are not drawn."""
    """Timeline of the last day and the next hours."""
    budgets: Sequence[BudgetTrouble]
    """Budgets that are passed, or will be at the present pace."""
    troubles: Sequence[Trouble]
    """Failed lately."""
    now_at: float
    """Where now is on the timeline, in percent."""
    next_fires: Sequence[tuple[float, str, str]]
    """(time, schedule name, id), soonest first."""
    is_first_start: bool
    """Nothing was ever run or uploaded."""
    is_local: bool
    """The address of the server is one of the machine itself, so that `penstock env` works where the reader is."""
    health: Health | None
    """None where the pages are served without a server process."""
    mine: Sequence[MyObject] = ()
    """What the reader opened or made last, newest first."""
    starters: Sequence[Starter] = ()
    """How to begin, where nothing is yet."""
    tallies: Sequence[tuple[tuple[str, str], int]] = ()
    """Word and icon of states of tracked runs, and how many of the last day are in each."""
    tracking_now: Sequence[LiveRun] = ()
    """Tracked runs that go on, newest first."""


_LANES = 8


def lanes_of(view: HomeView, now: float, planned: Sequence[tuple[float, str, str, str]]) -> list[Lane]:
    """Lanes by pipeline, flow or project, busiest first. A deployed flow has one, that of the flow: its pipeline run is the same run."""
    groups: dict[str, list[LaneBar]] = {}
    flows = {run.run_id.partition("/")[2] for run in view.recent if "/" in run.run_id}
    for run in reversed(view.recent):
        if run.run_id in flows:
            continue
        bar = _bar(_run_address(run), run.name, _look(run.state), (run.started_at or run.created_at, run.finished_at), now)
        groups.setdefault(run.pipeline_title or run.name, []).append(bar)
    for own in reversed(view.tracked):
        bar = _bar(run_url(own.entity, own.project, own.name), own.display_name, look_of(own.state), (own.created_at, own.ended_at), now)
        groups.setdefault(f"{own.entity}/{own.project}", []).append(bar)
    ahead: dict[str, list[float]] = {}
    for moment, _, _, pipeline in planned:
        if moment <= now + AHEAD:
            ahead.setdefault(pipeline, []).append(_place(moment, now))
    names = sorted(groups.keys() | ahead.keys(), key=lambda name: -len(groups.get(name, ())))
    return [Lane(name, groups.get(name, ()), ahead.get(name, ())) for name in names]


def _bar(address: str, name: str, look: tuple[str, str], times: tuple[float, float | None], now: float) -> LaneBar:
    begin, end = _place(max(times[0], now - DAY), now), _place(times[1] or now, now)
    return LaneBar(address, name, look, begin, max(0.35, end - begin))


def _place(moment: float, now: float) -> float:
    return 100 * (moment - (now - DAY)) / (DAY + AHEAD)


def _look(state: str) -> tuple[str, str]:
    return state_word(state), state_look(state)


def _run_address(run: RunItem) -> str:
    return f"/flows/{run.run_id}" if "/" in run.run_id else f"/ui/runs/{run.run_id}"


def _loss_address(item: LossItem) -> str:
    if item.run_id:
        return f"/ui/runs/{item.run_id}?task={quote(item.task_id)}&tab=events"
    return f"{run_url(item.entity, item.project, item.run)}/overview"


LOST = ("Data missing", "warning")
_MOST_TROUBLES = 8
_MOST_LIVE = 12
_OF_EACH = 2
_PAUSED = "Nothing more of it starts until it is continued."
_QUIET = "Nothing of it has run for ten minutes."


def troubles_of(view: HomeView) -> list[Trouble]:
    """Failed runs of all kinds, runs that do not get on, missing data, schedules that could not fire; newest first, at most eight,
    two of each kind among them: many failures do not hide what is stuck.
    """
    runs = [
        Trouble(_run_address(run), run.name, _look(run.state), run.error_message, run.finished_at or run.created_at)
        for run in view.attention
    ]
    own = [
        Trouble(
            run_url(run.entity, run.project, run.name), run.display_name, look_of(run.state), ending_of(run.state, run.exit_code),
            run.ended_at or run.created_at, f"{run.entity}/{run.project}",
        )
        for run in view.crashed
    ]  # fmt: skip
    waiting = [
        Trouble(_run_address(run), run.name, _look(run.state), _PAUSED if run.state == "PAUSED" else why or _QUIET, run.created_at)
        for run, why in view.stuck
    ]
    silent = [
        Trouble(f"/ui/recurring/{item.recurring_run_id}", item.name, _look("FAILED"), item.error, item.updated_at)
        for item in view.schedules
        if item.error
    ]
    lost = [Trouble(_loss_address(item), item.name, LOST, item.detail, item.at) for item in view.losses]
    kinds = [_newest(kind) for kind in ([*runs, *own], waiting, silent, lost)]
    kept = [trouble for kind in kinds for trouble in kind[:_OF_EACH]]
    others = _newest([trouble for kind in kinds for trouble in kind[_OF_EACH:]])
    return _newest([*kept, *others[: _MOST_TROUBLES - len(kept)]])


def tallies_of(view: HomeView) -> list[tuple[tuple[str, str], int]]:
    """How many tracked runs of the last day are in each state, in the order of their lives."""
    return [(look_of(state), view.tracked_counts[state]) for state in TrackedState if state in view.tracked_counts]


def _live(run: RecentTracked) -> LiveRun:
    address = run_url(run.entity, run.project, run.name)
    return LiveRun(address, run.display_name, f"{run.entity}/{run.project}", run.created_at)


def _newest(troubles: Sequence[Trouble]) -> list[Trouble]:
    return sorted(troubles, key=lambda trouble: -trouble.at)


def _health(services: WebServices) -> Health | None:
    if services.system is None:
        return None
    source = services.system.source
    free, whole = source.disk()
    return Health([item for item in source.services() if not item.is_running], source.slots(), free, free < whole / 20)


def my_object(one: RecentObject) -> MyObject:
    """Return a recent object, ready to show."""
    icon, word = MY_KINDS[one.kind]
    if not one.state:
        look = None
    elif one.kind == "tracked":
        look = look_of(TrackedState(one.state))
    else:
        look = _look(one.state)
    shown = dataclasses.replace(one, detail=type_word(one.detail)) if one.kind == "artifact" else one
    return MyObject(address_of_object(one.kind, one.object_id), icon, word, shown, look)


async def mine(services: WebServices, request: Request, *, limit: int = 8) -> list[MyObject]:
    """Return what the reader opened or made last, as far as it may be seen still."""
    if services.tracking is None:
        return []
    user = caller_of(services.tracking, request).user_name
    readable = readable_by(services.tracking, request)
    found = await services.recent.list(user, namespace=namespace_of(request), limit=limit)
    return [my_object(one) for one in found if readable(one.entity)]


async def home_page(services: WebServices, request: Request) -> Response:
    """The start page."""
    now = services.clock.now()
    view = await services.home.home(now, namespace=namespace_of(request), reader=reader_of(services.tracking, request))
    planned = sorted(
        (moment, item.name, item.recurring_run_id, item.pipeline_name) for item in view.schedules for moment in upcoming(services, item, 3)
    )
    lanes = lanes_of(view, now, planned)
    page = HomePage(
        view=view,
        lanes=lanes[:_LANES],
        more_lanes=[lane.name for lane in lanes[_LANES:]],
        budgets=await budget_troubles(services, request),
        troubles=troubles_of(view),
        now_at=100 * DAY / (DAY + AHEAD),
        next_fires=[entry[:3] for entry in planned[:6]],
        is_first_start=not view.latest and not namespace_of(request),
        is_local=is_local(services.url),
        health=_health(services),
        mine=await mine(services, request),
        starters=starters(services.url),
        tallies=tallies_of(view),
        tracking_now=[_live(run) for run in view.tracked if run.state.is_live][:_MOST_LIVE],
    )
    return render(services, request, "home/home.html", frame=Frame("Home", "home", (Crumb("Home"),), live=""), page=page)
