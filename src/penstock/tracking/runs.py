"""Tracked runs: create and change (upsert), look up, list, stop, delete, fork and rewind, and when silence counts as a crash.

Rows and console lines of a run arrive through `tracking.filestream`; they are read through `tracking.history` and `tracking.console`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from penstock.domain.errors import ConflictError, InvalidArgumentError, NotFoundError
from penstock.domain.ids import TaskId, TrackedRunId
from penstock.domain.runs import TrackedRunChanged
from penstock.domain.tracking import RunChange, SeriesInfo, TrackedProject, TrackedProjectId, TrackedRun, TrackedState
from penstock.interfaces.clock import Clock, IdSource
from penstock.interfaces.notifier import Notifier
from penstock.interfaces.run_tables import RowGroups
from penstock.interfaces.tracking_query import RunPage, RunQuery
from penstock.interfaces.tracking_store import ProjectStore, RunBirth, SeriesStore, TrackedRunStore
from penstock.tracking.filters import parse_filters, parse_order
from penstock.tracking.heartbeats import Heartbeats
from penstock.tracking.live_runs import LiveRuns
from penstock.tracking.names import checked_run_name, display_base_from, run_name_from
from penstock.tracking.projects import DEFAULT_PROJECT, checked_project_name

_ALLOWED_UPDATES: Mapping[TrackedState, frozenset[TrackedState]] = {
    TrackedState.PENDING: frozenset({TrackedState.RUNNING, TrackedState.FAILED, TrackedState.CRASHED, TrackedState.PREEMPTED}),
    TrackedState.FAILED: frozenset({TrackedState.PENDING, TrackedState.RUNNING}),
}
"""Target state of `update_state` to the states from which it is allowed (wandb.md 6.5)."""
MAX_PAGE = 1000
_LIVE = json.dumps({"state": {"$in": [state.value for state in TrackedState if state.is_live]}})


@dataclass(frozen=True, slots=True)
class Upsert:
    """Outcome of an upsert."""

    run: TrackedRun
    info: SeriesInfo
    """Line counts for the answer (`historyLineCount`)."""
    is_inserted: bool


class TrackedRunService:
    """Use cases on tracked runs. `project` None or empty means `uncategorized` everywhere."""

    def __init__(
        self,
        store: TrackedRunStore,
        projects: ProjectStore,
        series: SeriesStore,
        clock: Clock,
        ids: IdSource,
        notifier: Notifier,
        heartbeats: Heartbeats,
        live_runs: LiveRuns,
    ) -> None:
        self._store = store
        self._projects = projects
        self._series = series
        self._clock = clock
        self._ids = ids
        self._notifier = notifier
        self._heartbeats = heartbeats
        self._live_runs = live_runs

    async def upsert(
        self,
        entity: str,
        project: str | None,
        name: str | None,
        change: RunChange,
        *,
        user_name: str = "",
        task_id: TaskId | None = None,
        client_id: str = "",
    ) -> Upsert:
        """Create the run, and its project, or change what is not None in `change`.

        An edit never changes the state unless `change.state` says so. A new run is `running` and gets the names it lacks. A branch
        point in the config of a new run (`config._wandb.value.branch_point` naming another run) copies that run's history.

        Args:
            entity: owner, existing and writable for the caller.
            project: name of the project.
            name: the run id; None draws one.
            change: what is new.
            user_name: who asks; becomes the run's user when it is created.
            task_id: scope of the key that asks: the first run of a task takes over the task's automatic record.
            client_id: `X-WANDB-CLIENT-ID`: the writer is one of several (shared mode); documents are merged by key.

        Raises:
            InvalidArgumentError: a name that no run or project can have, or a document that is not a JSON object.
            NotFoundError: the branch point names a run that does not exist.
        """
        project = checked_project_name(project)
        checked_document(change.config, "config")
        checked_document(change.summary, "summaryMetrics")
        seed = self._ids.new_uuid()
        birth = RunBirth(
            run_id=TrackedRunId(self._ids.new_int()),
            project_id=TrackedProjectId(self._ids.new_int()),
            name=checked_run_name(name) if name else run_name_from(seed),
            display_base=display_base_from(seed),
            created_at=self._clock.now(),
            user_name=user_name,
            task_id=task_id,
            is_shared=bool(client_id),
        )
        if change.config and '"branch_point"' in change.config:
            await self._fork(entity, project, birth, change.config)
        upserted = await self._store.upsert(entity, project, birth, change)
        run = upserted.run
        if upserted.is_inserted or change.state is TrackedState.RUNNING:
            self._heartbeats.beat(run.run_id, birth.created_at)
        self._tell(run, "state" if upserted.is_inserted or change.state else "config")
        return Upsert(run, await self._series.info(run.run_id), upserted.is_inserted)

    async def update(self, run_id: TrackedRunId, change: RunChange) -> Upsert:
        """Change an existing run by its storage id (the public API's form of upsert).

        Raises:
            InvalidArgumentError: a document is not a JSON object.
            NotFoundError: no such run.
        """
        checked_document(change.config, "config")
        checked_document(change.summary, "summaryMetrics")
        run = await self._store.update(run_id, change, at=self._clock.now())
        self._tell(run, "summary" if change.summary is not None else "config")
        return Upsert(run, await self._series.info(run.run_id), is_inserted=False)

    async def get(self, entity: str, project: str | None, name: str) -> TrackedRun | None:
        """Return the run, or None."""
        run = await self._store.get(entity, project or DEFAULT_PROJECT, name)
        return await self._judged(run) if run is not None else None

    async def get_by_id(self, run_id: TrackedRunId) -> TrackedRun | None:
        """Return the run, or None."""
        run = await self._store.get_by_id(run_id)
        return await self._judged(run) if run is not None else None

    async def of_tasks(self, task_ids: Sequence[TaskId]) -> Mapping[TaskId, Sequence[TrackedRun]]:
        """Return the runs recorded for pipeline tasks, oldest first; tasks without one are missing."""
        return await self._store.of_tasks(task_ids)

    async def info(self, run_id: TrackedRunId) -> SeriesInfo:
        """Return line counts, tails and history keys of a run."""
        return await self._series.info(run_id)

    async def list(
        self,
        project: TrackedProject,
        *,
        filters: str | None = None,
        order: str | None = None,
        after: str | None = None,
        limit: int | None = 50,
        names: Sequence[str] | None = None,
    ) -> RunPage:
        """Return a page of the project's runs.

        Args:
            project: whose runs.
            filters: MongoDB-style JSON text; None, empty and `{}` mean all.
            order: `+key` or `-key`, several separated by commas; empty: newest first.
            after: cursor of the entry before the page.
            limit: at most this many, and at most `MAX_PAGE`.
            names: only runs with these ids.

        Raises:
            InvalidArgumentError: the filter, the order or the cursor is malformed, or an operator is unknown.
        """
        query = RunQuery(
            project_id=project.project_id,
            filter=parse_filters(filters, names=names),
            order=parse_order(order),
            after=after or None,
            limit=max(1, min(limit if limit is not None else MAX_PAGE, MAX_PAGE)),
        )
        await self._before_list(project, filters)
        return await self._store.find(query)

    async def count(self, project: TrackedProject, filters: str | None = None) -> int:
        """Return how many of the project's runs match.

        Raises:
            InvalidArgumentError: the filter is malformed.
        """
        condition = parse_filters(filters)
        await self._before_list(project, filters)
        return await self._store.count(project.project_id, condition)

    async def groups(self, project: TrackedProject, filters: str | None, by: str, columns: Sequence[str] = ()) -> RowGroups:
        """Group the project's matching runs by `group`, `job_type`, `state`, `sweep`, `user_name` or `config.KEY`, with numbers of columns.

        Raises:
            InvalidArgumentError: the filter is malformed.
        """
        condition = parse_filters(filters)
        await self._before_list(project, filters)
        return await self._store.groups(project.project_id, condition, by, columns)

    async def update_state(self, run_id: TrackedRunId, state: str) -> TrackedRun:
        """Move a run by hand: to `pending` from running, failed, crashed or preempted; to `failed` from pending or running.

        Raises:
            NotFoundError: no such run.
            ConflictError: the change is not allowed from where the run is.
        """
        run = await self.get_by_id(run_id)
        if run is None:
            raise NotFoundError(f"no run with id {run_id}")
        target = next((known for known in TrackedState if known.value == state), None)
        allowed = _ALLOWED_UPDATES.get(target, frozenset()) if target is not None else frozenset()
        if target is None or not await self._store.set_state(run_id, target, from_states=allowed, at=self._clock.now()):
            raise ConflictError(f"invalid state transition: run {run.name!r} is {run.state.value}, it cannot become {state!r} by hand")
        changed = await self._store.get_by_id(run_id)
        self._tell(changed or run, "state")
        return changed or run

    async def stop(self, run_id: TrackedRunId, *, by: str = "") -> None:
        """Ask the run's program to stop: its next file-stream answer says so. The wish is dropped when the run is resumed.

        Args:
            by: who asks for it.

        Raises:
            NotFoundError: no such run.
        """
        if not await self._store.request_stop(run_id, at=self._clock.now(), by=by):
            raise NotFoundError(f"no run with id {run_id}")
        if (run := await self._store.get_by_id(run_id)) is not None:
            self._tell(run, "state")

    async def delete(self, run_id: TrackedRunId) -> None:
        """Remove a run with its series, console and files. Deleting what is gone succeeds (wandb.md 11)."""
        run = await self._store.get_by_id(run_id)
        await self._store.delete(run_id)
        await self._series.delete(run_id)
        self._heartbeats.forget(run_id)
        if run is not None:
            self._tell(run, "deleted")

    async def forget(self, run_id: TrackedRunId) -> None:
        """Tell open pages that the run goes away and stop waiting for its heartbeat; its records stay."""
        self._heartbeats.forget(run_id)
        run = await self._store.get_by_id(run_id)
        if run is not None:
            self._tell(run, "deleted")

    async def rewind(self, entity: str, project: str | None, name: str, *, last_step: int) -> Upsert:
        """Remove history after `last_step`, so that the client goes on from there (wandb.md 6.6).

        Raises:
            NotFoundError: no such run.
        """
        run = await self._store.get(entity, project or DEFAULT_PROJECT, name)
        if run is None:
            raise NotFoundError(f"no run {name!r} in {entity}/{project or DEFAULT_PROJECT}")
        await self._series.truncate(run.run_id, last_step)
        self._tell(run, "history")
        return Upsert(run, await self._series.info(run.run_id), is_inserted=False)

    async def judge_silent(self) -> None:
        """Turn runs that have been silent for too long into crashed ones. Called by a timer and before lists; cheap when repeated."""
        crashed = await self._heartbeats.collect_silent()
        await self._note_history_keys(crashed)
        for run in crashed:
            self._tell(run, "state")

    async def _before_list(self, project: TrackedProject, filters: str | None) -> None:
        """Judge silent runs, and note the keys of live ones where a filter asks for keys: they are noted for good when a run ends."""
        await self.judge_silent()
        if filters is not None and ("keys_info." in filters or "keysInfo." in filters):
            live = RunQuery(project.project_id, parse_filters(_LIVE), limit=MAX_PAGE)
            await self._note_history_keys([entry.run for entry in (await self._store.find(live)).entries])

    async def _note_history_keys(self, runs: Sequence[TrackedRun]) -> None:
        infos = {run.run_id: await self._series.info(run.run_id) for run in runs if not run.is_automatic}
        keys = {run_id: [stats.key for stats in info.keys] for run_id, info in infos.items() if info.keys}
        if keys:
            await self._store.put_history_keys(keys)

    async def refresh_index(self) -> None:
        """Do some of the work that the next filtered list would have to do. Called by a timer."""
        await self._store.refresh_index()

    async def _judged(self, run: TrackedRun) -> TrackedRun:
        """Return `run` with its state as of now."""
        if not self._heartbeats.is_silent(run):
            return self._heartbeats.with_last(run)
        await self._heartbeats.collect_silent(force=True)
        fresh = await self._store.get_by_id(run.run_id)
        return fresh if fresh is not None else run

    async def _fork(self, entity: str, project: str, birth: RunBirth, config: str) -> None:
        """Copy the parent's history for a run that is about to be created as its branch.

        The copy is made first: if the server dies in between, the retried upsert still finds no run and copies again.
        """
        point = branch_point(config)
        if point is None or point[0] == birth.name or await self._store.get(entity, project, birth.name) is not None:
            return
        parent = await self._store.get(entity, project, point[0])
        if parent is None:
            raise NotFoundError(f"cannot fork: there is no run {point[0]!r} in {entity}/{project}")
        await self._series.fork(parent.run_id, birth.run_id, point[1])

    def _tell(self, run: TrackedRun, what: str) -> None:
        self._live_runs.forget(run.entity, run.project, run.name)
        self._notifier.publish(TrackedRunChanged(run.entity, run.project, run.name, what))


def checked_document(text: str | None, name: str) -> None:
    """Make sure that `text` is absent or a JSON object (bare NaN and Infinity allowed).

    Raises:
        InvalidArgumentError: it is something else.
    """
    if text is None:
        return
    try:
        document = _load_document(text)
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError(f"{name} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise InvalidArgumentError(f"{name} must be a JSON object")


def _load_document(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:  # bare NaN, for one
        return json.loads(text)


def wandb_config(config: str, keys: Sequence[str] | None = None) -> str:
    """Return the JSON text of `config._wandb.value`, cut to `keys` (wandb.md 6.4); `{}` when there is none."""
    value = _inner_config(config)
    return json.dumps(value if keys is None else {key: value[key] for key in keys if key in value})


def branch_point(config: str) -> tuple[str, int] | None:
    """Return (run name, step) from which the config says the run branches, or None.

    Raises:
        InvalidArgumentError: there is a branch point that cannot be understood.
    """
    point = _inner_config(config).get("branch_point")
    if point is None:
        return None
    try:
        return str(point["run_id"]), int(point["step"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidArgumentError(f"cannot understand the branch point {point!r}") from error


def _inner_config(config: str) -> Mapping[str, Any]:
    entry = json.loads(config or "{}").get("_wandb")
    value = entry.get("value") if isinstance(entry, dict) else None
    return value if isinstance(value, dict) else {}
