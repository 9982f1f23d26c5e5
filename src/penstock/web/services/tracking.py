"""What the tracking pages work with, and how a request becomes a project or run that its caller may see."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from starlette.requests import Request

from penstock.api.credentials import keys_of, noted_caller
from penstock.domain.accounts import Caller
from penstock.domain.errors import InvalidArgumentError, NotFoundError, PenstockError, PermissionDeniedError
from penstock.domain.ids import TrackedRunId
from penstock.domain.tracking import TrackedProject, TrackedRun
from penstock.interfaces.tracking_pages import RunTracking, TrackingPages
from penstock.tracking.accounts import AccountService
from penstock.tracking.artifacts import ArtifactService
from penstock.tracking.automations import AutomationService
from penstock.tracking.collections import CollectionService
from penstock.tracking.console import ConsoleService
from penstock.tracking.files import RunFileService
from penstock.tracking.history import HistoryService
from penstock.tracking.invites import InviteService
from penstock.tracking.keys import KeyService
from penstock.tracking.projects import ProjectService
from penstock.tracking.registries import RegistryService
from penstock.tracking.reports import ReportService
from penstock.tracking.runs import TrackedRunService
from penstock.tracking.sweeps import SweepService
from penstock.tracking.task_versions import TaskVersionService

SETTLE_SECONDS = 2.0
"""How long a page waits for artifacts of tasks to become versions; the next one goes on."""
_MAX_ID = 1 << 53


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingServices:
    """Use cases of the tracking room and the pages' own questions."""

    projects: ProjectService
    runs: TrackedRunService
    history: HistoryService
    console: ConsoleService
    files: RunFileService
    artifacts: ArtifactService
    task_versions: TaskVersionService
    collections: CollectionService
    registries: RegistryService
    sweeps: SweepService
    reports: ReportService
    automations: AutomationService
    keys: KeyService
    accounts: AccountService
    invites: InviteService
    pages: TrackingPages
    variables: Callable[[str, str], Mapping[str, str]] = field(default=lambda user_name, key: {})
    """(user, key) -> variables that the user's clients read."""


def caller_of(tracking: TrackingServices, request: Request) -> Caller:
    """Return who asks: the owner of the key in the sign-in cookie or header; the server's own user when no key was needed."""
    noted = noted_caller(request.scope)
    if noted is not None:
        return noted
    for key in keys_of(request.headers):
        with contextlib.suppress(PenstockError):
            return tracking.keys.check(key)
    return tracking.accounts.owner


def reader_of(tracking: TrackingServices | None, request: Request) -> str | None:
    """Return the user for whom overviews are made; None where everything is for everybody to see."""
    return None if tracking is None else caller_of(tracking, request).user_name


def readable_by(tracking: TrackingServices | None, request: Request) -> Callable[[str], bool]:
    """Return whether the reader may see what belongs to an entity: to none (pipelines, flows), to a shared one or to the reader's own.

    The reader is found once and each entity is looked up once, so that a list costs as much as the entities in it.
    """
    if tracking is None:
        return lambda entity: True
    accounts, caller = tracking.accounts, caller_of(tracking, request)
    return cache(lambda entity: not entity or accounts.is_readable(caller, entity))


async def project_of(tracking: TrackingServices, request: Request) -> TrackedProject:
    """Return the project that the address names.

    Raises:
        NotFoundError: there is none, or it is not the caller's to see.
    """
    return await project_named(tracking, request, request.path_params["entity"], request.path_params["project"])


async def project_named(tracking: TrackingServices, request: Request, entity: str, name: str) -> TrackedProject:
    """Return the project of that entity and name.

    Raises:
        NotFoundError: there is none, or it is not the caller's to see.
    """
    project = await tracking.projects.get(entity, name)
    if project is None or not tracking.accounts.is_readable(caller_of(tracking, request), entity):
        raise NotFoundError(f"There is no project {entity}/{name}.")
    return project


async def run_of(tracking: TrackingServices, request: Request) -> TrackedRun:
    """Return the run that the address names.

    Raises:
        NotFoundError: there is none, or it is not the caller's to see.
    """
    project, name = await project_of(tracking, request), request.path_params["run"]
    run = await tracking.runs.get(project.entity, project.name, name)
    if run is None:
        raise NotFoundError(f"There is no run {name} in {project.entity}/{project.name}. It may have been deleted.")
    return run


async def run_by_id(tracking: TrackingServices, request: Request, text: str) -> TrackedRun:
    """Return a run by its storage id.

    Raises:
        NotFoundError: there is none, or it is not the caller's to see.
    """
    run = (await runs_by_ids(tracking, request, text)).get(checked_id(text))
    if run is None:
        raise NotFoundError(f"There is no tracked run with the id {text}.")
    return run


async def runs_by_ids(tracking: TrackingServices, request: Request, text: str, *, limit: int = 50) -> dict[TrackedRunId, TrackedRun]:
    """Return the runs of a comma-separated list of storage ids, in its order; those that are gone or hidden are left out.

    Raises:
        InvalidArgumentError: an id is no number, or there are more than `limit`.
    """
    ids = [checked_id(part) for part in text.split(",") if part]
    if len(ids) > limit:
        raise InvalidArgumentError(f"at most {limit} runs at once")
    found = await tracking.pages.runs(ids)
    readable = readable_by(tracking, request)
    return {run_id: found[run_id] for run_id in ids if run_id in found and readable(found[run_id].entity)}


async def tracking_of(tracking: TrackingServices | None, request: Request, run_ids: Sequence[str]) -> Sequence[RunTracking]:
    """Return where the tracked runs of runs of pipelines or flows are, as far as the caller may see them."""
    if tracking is None:
        return ()
    readable = readable_by(tracking, request)
    return [one for one in await tracking.pages.tracking_of(run_ids) if readable(one.entity)]


async def report_projects(
    tracking: TrackingServices | None, request: Request, run_ids: Sequence[str], own: Sequence[tuple[str, str]] = ()
) -> list[str]:
    """Return the projects that a report of some runs can be kept in, as far as the caller may write to them, the nearest first.

    Args:
        tracking: its services.
        request: of the caller.
        run_ids: runs of pipelines and flows, whose tasks are tracked in projects.
        own: entity and project of tracked runs.
    """
    if tracking is None:
        return []
    counts: dict[tuple[str, str], int] = {}
    for place in own:
        counts[place] = counts.get(place, 0) + 1
    for one in await tracking_of(tracking, request, run_ids) if run_ids else ():
        counts[one.entity, one.project] = counts.get((one.entity, one.project), 0) + one.count
    found = []
    for entity, project in sorted(counts, key=lambda place: -counts[place]):
        try:
            check_writable(tracking, request, entity)
        except PermissionDeniedError:
            continue
        found.append(f"{entity}/{project}")
    return found


def checked_id(text: str) -> TrackedRunId:
    """Return a storage id.

    Raises:
        InvalidArgumentError: it is no number below 2**53.
    """
    if not text.isdecimal() or len(text) > 16 or int(text) >= _MAX_ID:
        raise InvalidArgumentError(f"{text[:40]!r} is not the id of a run")
    return TrackedRunId(int(text))


def check_writable(tracking: TrackingServices, request: Request, entity: str) -> None:
    """Make sure that the caller may change what the entity owns.

    Raises:
        PermissionDeniedError: it may not.
    """
    tracking.accounts.check_writable(caller_of(tracking, request), entity)
