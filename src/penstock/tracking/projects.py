"""Projects: created with their first run (or on request), listed, renamed, deleted. Who may do so is the adapter's business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.tracking import TrackedProject, TrackedProjectId
from penstock.interfaces.clock import Clock, IdSource
from penstock.interfaces.tracking_store import ProjectStore, SeriesStore
from penstock.tracking.live_runs import LiveRuns

DEFAULT_PROJECT = "uncategorized"
"""Project of runs that name none (wandb.md 4.5)."""
_FORBIDDEN = frozenset("/\\#?%:")
_MAX_NAME = 128


class ProjectService:
    """Use cases on projects."""

    def __init__(self, store: ProjectStore, series: SeriesStore, clock: Clock, ids: IdSource, live_runs: LiveRuns) -> None:
        self._store = store
        self._series = series
        self._clock = clock
        self._ids = ids
        self._live_runs = live_runs

    async def get(self, entity: str, name: str | None) -> TrackedProject | None:
        """Return the project, or None; no name means `uncategorized`."""
        return await self._store.get(entity, name or DEFAULT_PROJECT)

    async def get_by_id(self, project_id: TrackedProjectId) -> TrackedProject | None:
        """Return the project, or None."""
        return await self._store.get_by_id(project_id)

    async def list(self, entity: str, *, after: str | None = None, limit: int = 50) -> tuple[Sequence[TrackedProject], bool]:
        """Return an entity's projects by name, those after the name `after`, and whether more follow."""
        return await self._store.list(entity, after=after, limit=limit)

    async def entities(self) -> Sequence[str]:
        """Return entities that own projects, by name."""
        return await self._store.entities()

    async def upsert(
        self,
        entity: str,
        name: str | None,
        *,
        user_name: str = "",
        description: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> tuple[TrackedProject, bool]:
        """Create the project or change what is given; the flag says whether it was created.

        Raises:
            InvalidArgumentError: the name cannot be a project's.
        """
        checked = checked_project_name(name)
        return await self._store.upsert(
            entity,
            checked,
            project_id=TrackedProjectId(self._ids.new_int()),
            at=self._clock.now(),
            user_name=user_name,
            description=description,
            settings=settings or {},
        )

    async def rename(self, project_id: TrackedProjectId, name: str) -> TrackedProject:
        """Give the project another name; its runs move with it.

        Raises:
            InvalidArgumentError: the name cannot be a project's.
            NotFoundError: no such project.
            AlreadyExistsError: the entity has a project of that name.
        """
        await self._store.rename(project_id, checked_project_name(name))
        self._live_runs.forget_all()
        project = await self._store.get_by_id(project_id)
        if project is None:
            raise NotFoundError(f"no project with id {project_id}")
        return project

    def forget_live(self) -> None:
        """Read runs anew at their next request: a project came or went in another way than through these use cases."""
        self._live_runs.forget_all()

    async def delete(self, project_id: TrackedProjectId) -> None:
        """Remove the project with everything its runs recorded, its artifacts, sweeps and reports. Repeating is fine."""
        run_ids = await self._store.delete(project_id, at=self._clock.now())
        self._live_runs.forget_all()
        for run_id in run_ids:
            await self._series.delete(run_id)


def checked_project_name(name: str | None) -> str:
    r"""Return the name to use: `uncategorized` for none.

    Raises:
        InvalidArgumentError: longer than 128 characters, or one of `/ \ # ? % :` in it.
    """
    if not name:
        return DEFAULT_PROJECT
    if len(name) > _MAX_NAME:
        raise InvalidArgumentError(f"a project name has at most {_MAX_NAME} characters, this one {len(name)}")
    if bad := sorted(_FORBIDDEN & set(name)):
        raise InvalidArgumentError(f"a project name must not contain {' '.join(bad)}: {name!r}")
    return name
