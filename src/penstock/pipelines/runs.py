"""Use cases of runs: create, read, archive, stop, repeat, edit, delete. What stopping and repeating mean is the engine's business."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.domain.catalog import Experiment, PipelineVersion, StoredSpec
from penstock.domain.errors import ConflictError, InvalidArgumentError, NotFoundError, PreconditionError
from penstock.domain.ids import Digest, ExperimentId, PipelineId, PipelineVersionId, RecurringRunId, RunId
from penstock.domain.plan import RunPlan
from penstock.domain.runs import NewRun
from penstock.domain.states import RuntimeState, StorageState
from penstock.interfaces.catalog_store import ExperimentStore
from penstock.interfaces.clock import Clock, IdSource
from penstock.interfaces.listing import Page, Predicate
from penstock.interfaces.run_store import RunStore, RunView, StateChange
from penstock.interfaces.runner import Runner
from penstock.pipelines.definitions import Definitions
from penstock.pipelines.experiments import ExperimentService
from penstock.pipelines.filters import RUN_FIELDS
from penstock.pipelines.macros import WORKFLOW_UID, MacroValues, expand_parameters
from penstock.pipelines.names import check_name, check_tags, name_suffix
from penstock.pipelines.paging import ListRequest, OpenList, open_list
from penstock.pipelines.run_removal import RunRemoval
from penstock.pipelines.versions import VersionService
from penstock.spec.argo.lower import ARGO_DIALECT
from penstock.spec.kfp.runtime.paths import check_pipeline_root
from penstock.spec.packages import Package
from penstock.spec.parameters import check_parameters
from penstock.spec.values import from_text

MAX_NAME = 1024
_STOPPABLE = frozenset({RuntimeState.PENDING, RuntimeState.RUNNING, RuntimeState.PAUSED})
TERMINATED = "terminated by user"


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a client asks for when it creates a run, or sets up a schedule that will."""

    name: str
    description: str = ""
    namespace: str = ""
    experiment_id: ExperimentId | None = None
    """None: the default experiment."""
    package: Package | None = None
    """An inline definition; else a reference."""
    spec_digest: Digest | None = None
    """A definition that is stored already (schedules, clones)."""
    pipeline_id: PipelineId | None = None
    pipeline_version_id: PipelineVersionId | None = None
    """None with `pipeline_id`: the latest version."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    are_texts: bool = False
    """Every value came as text, as clients of v1beta1 send them: it is read as the declared type."""
    pipeline_root: str = ""
    service_account: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scheduled:
    """Where a run of a schedule comes from."""

    recurring_run_id: RecurringRunId
    run_id: RunId
    planned_at: float
    index: int
    event: Mapping[str, Any] | None = None
    """Facts of the event that fired it; None for a schedule."""
    workflow_name: str = ""
    """Its name where the definition is an Argo workflow; empty: the request's."""


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A checked run that is not stored yet."""

    new_run: NewRun
    spec: StoredSpec
    plan: RunPlan


class RunService:
    """What people do with runs."""

    def __init__(
        self,
        store: RunStore,
        runner: Runner,
        definitions: Definitions,
        versions: VersionService,
        experiments: ExperimentService,
        experiment_store: ExperimentStore,
        removal: RunRemoval,
        *,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._store = store
        self._runner = runner
        self._definitions = definitions
        self._versions = versions
        self._experiments = experiments
        self._experiment_store = experiment_store
        self._removal = removal
        self._clock = clock
        self._ids = ids

    async def create(self, request: RunRequest, *, scheduled: Scheduled | None = None) -> RunView:
        """Check the request, store the definition and start the run; returns it as it was born, PENDING.

        Raises:
            InvalidArgumentError: empty name, no definition, definition or parameters not valid.
            NotFoundError: the experiment, pipeline or version does not exist.
            AlreadyExistsError: a scheduled run of that id was created before.
        """
        prepared = await self.prepare(request, scheduled=scheduled)
        new_run = prepared.new_run
        await self._definitions.store(prepared.spec)
        await self._runner.submit(new_run, plan=prepared.plan)
        await self._experiment_store.note_run(new_run.experiment_id, at=new_run.created_at)
        return _born(new_run)

    async def prepare(self, request: RunRequest, *, scheduled: Scheduled | None = None) -> PreparedRun:
        """Check the request and return the run it would make; nothing is stored but a missing default experiment.

        Raises:
            InvalidArgumentError: empty name, no definition, definition or parameters not valid.
            NotFoundError: the experiment, pipeline or version does not exist.
        """
        check_name(request.name, label="run display_name", limit=MAX_NAME)
        check_pipeline_root(request.pipeline_root)
        tags = check_tags(request.tags)
        experiment = await self.experiment(request.experiment_id)
        spec, plan, version = await self.resolve(request)
        now = self._clock.now()
        run_id = scheduled.run_id if scheduled else RunId(self._ids.new_uuid())
        workflow = scheduled.workflow_name if scheduled is not None and spec.kind == ARGO_DIALECT else ""
        planned_at, index = (scheduled.planned_at, scheduled.index) if scheduled else (None, None)
        event = scheduled.event if scheduled else None
        macros = MacroValues(run_id, now, scheduled_at=planned_at, index=index, event=event, is_workflow=spec.kind == ARGO_DIALECT)
        values = expand_parameters({**_defaults_with_macros(spec.kind, plan), **request.parameters}, macros)
        new_run = NewRun(
            run_id=run_id,
            kind=spec.kind,
            name=workflow or request.name,
            resource_name=workflow or f"{plan.resource_prefix or f'{plan.name}-'}{name_suffix(run_id)}",
            pipeline_name=plan.name,
            spec_digest=spec.digest,
            created_at=now,
            scheduled_at=now if planned_at is None else planned_at,
            experiment_id=experiment.experiment_id,
            description=request.description,
            namespace=request.namespace or experiment.namespace,
            pipeline_id=version.pipeline_id if version else None,
            pipeline_version_id=version.pipeline_version_id if version else None,
            recurring_run_id=scheduled.recurring_run_id if scheduled else None,
            parameters=check_parameters(plan, read_texts(plan, values) if scheduled or request.are_texts else values),
            pipeline_root=request.pipeline_root,
            service_account=request.service_account,
            options=request.options,
            tags=tags,
        )
        return PreparedRun(new_run, spec, plan)

    async def experiment(self, experiment_id: ExperimentId | None) -> Experiment:
        """Return the experiment that a request names, or the default one where it names none.

        Raises:
            NotFoundError: no such experiment.
        """
        return await self._experiments.default() if experiment_id is None else await self._experiments.get(experiment_id)

    async def resolve(self, request: RunRequest) -> tuple[StoredSpec, RunPlan, PipelineVersion | None]:
        """Return definition, plan and (for a reference) version that the request means now.

        Raises:
            InvalidArgumentError: nothing is named, or the definition is not valid.
            NotFoundError: the pipeline, version or definition does not exist.
        """
        if request.package is not None:
            spec, plan = await asyncio.to_thread(self._definitions.accept, request.package)
            return spec, plan, None
        if request.spec_digest is not None:
            return (*await self._definitions.load(request.spec_digest), None)
        if request.pipeline_version_id is not None:
            version = await self._versions.get(request.pipeline_version_id, pipeline_id=request.pipeline_id)
        elif request.pipeline_id is not None:
            version = await self._versions.latest(request.pipeline_id)
        else:
            raise InvalidArgumentError("a run needs a pipeline_spec or a pipeline_version_reference")
        return (*await self._definitions.load(version.spec_digest), version)

    async def get(self, run_id: RunId) -> RunView:
        """Return the run.

        Raises:
            NotFoundError: no such run.
        """
        run = await self._store.get(run_id)
        if run is None:
            raise NotFoundError(f"run {run_id} not found")
        return run

    async def list(
        self,
        request: ListRequest,
        *,
        namespace: str = "",
        experiment_id: ExperimentId | None = None,
        extra: tuple[Predicate, ...] = (),
        operation_key: str = "operation",
    ) -> tuple[Page[RunView], OpenList]:
        """Return a page of runs and the opened request.

        Raises:
            InvalidArgumentError: the request is malformed.
            NotFoundError: no such experiment.
        """
        opened = open_list(request, RUN_FIELDS, operation_key=operation_key, extra=extra)
        return await self.page(opened, namespace=namespace, experiment_id=experiment_id), opened

    async def page(self, opened: OpenList, *, namespace: str = "", experiment_id: ExperimentId | None = None) -> Page[RunView]:
        """Return the page of an opened request, for adapters whose state words differ from ours.

        Raises:
            NotFoundError: no such experiment.
        """
        if experiment_id is not None:
            await self.experiment(experiment_id)
        return await self._store.list(opened.query, namespace=namespace, experiment_id=experiment_id)

    async def archive(self, run_id: RunId) -> None:
        """Hide the run from default lists.

        Raises:
            NotFoundError: no such run.
        """
        await self.get(run_id)
        await self._store.set_storage_state(run_id, StorageState.ARCHIVED)

    async def unarchive(self, run_id: RunId) -> None:
        """Show the run again.

        Raises:
            NotFoundError: no such run.
            PreconditionError: its experiment is archived.
        """
        run = await self.get(run_id)
        if run.experiment_id is not None:
            experiment = await self._experiment_store.get(run.experiment_id)
            if experiment is not None and experiment.storage_state is StorageState.ARCHIVED:
                raise PreconditionError(f"run {run_id} cannot be unarchived: its experiment {experiment.name!r} is archived")
        await self._store.set_storage_state(run_id, StorageState.AVAILABLE)

    async def move(self, run_id: RunId, experiment_id: ExperimentId) -> None:
        """Put the run into another experiment, in whatever state it is; it is fine if it is there already.

        Raises:
            NotFoundError: no such run (one in the trash is none), or no such experiment.
            PreconditionError: the experiment is archived.
            InvalidArgumentError: run and experiment are in different namespaces.
            ConflictError: one of them was deleted or archived just now.
        """
        run = await self.get(run_id)
        experiment = await self._experiments.get(experiment_id)
        if experiment.storage_state is StorageState.ARCHIVED:
            raise PreconditionError(f"run {run_id} cannot be moved: the experiment {experiment.name!r} is archived")
        if run.namespace and experiment.namespace and run.namespace != experiment.namespace:
            raise InvalidArgumentError(
                f"run {run_id} cannot be moved: it is in the namespace {run.namespace!r}, the experiment {experiment.name!r} is in"
                f" {experiment.namespace!r}"
            )
        if run.experiment_id != experiment_id and not await self._store.move(run_id, experiment_id):
            raise ConflictError(f"run {run_id} cannot be moved: it or the experiment was deleted or archived just now")

    async def terminate(self, run_id: RunId, *, reason: str = TERMINATED) -> None:
        """Begin to stop the run; it is CANCELING when this returns.

        Raises:
            NotFoundError: no such run.
            PreconditionError: it has ended or is being stopped already.
        """
        run = await self.get(run_id)
        if run.state not in _STOPPABLE:
            found = "has ended" if run.state.is_final else "is being stopped already"
            raise PreconditionError(f"run {run_id} cannot be terminated: it {found}")
        await self._runner.cancel(run_id, reason=reason)

    async def pause(self, run_id: RunId, *, reason: str = "paused by user") -> None:
        """Start nothing more of the run; what runs goes on to its end. It is PAUSED when this returns.

        Raises:
            NotFoundError: no such run.
            ConflictError: it has ended, is being stopped or is paused already.
        """
        run = await self.get(run_id)
        if run.state not in _STOPPABLE - {RuntimeState.PAUSED}:
            found = "has ended" if run.state.is_final else "is paused already" if run.state is RuntimeState.PAUSED else "is being stopped"
            raise ConflictError(f"run {run_id} cannot be paused: it {found}")
        await self._runner.pause(run_id, reason=reason)

    async def unpause(self, run_id: RunId) -> None:
        """Go on with a paused run.

        Raises:
            NotFoundError: no such run.
            ConflictError: it is not paused.
        """
        run = await self.get(run_id)
        if run.state is not RuntimeState.PAUSED:
            raise ConflictError(f"run {run_id} cannot be continued: it is not paused")
        await self._runner.unpause(run_id)

    async def retry(self, run_id: RunId) -> None:
        """Run again what did not succeed, under the same id.

        Raises:
            NotFoundError: no such run.
            ConflictError: it has not ended, or it succeeded.
        """
        run = await self.get(run_id)
        if not run.state.is_final:
            raise ConflictError(f"run {run_id} cannot be retried: it is {run.state.value} and has not ended")
        if run.state is RuntimeState.SUCCEEDED:
            raise ConflictError(f"run {run_id} cannot be retried: it succeeded, so there is nothing to run again")
        await self._runner.retry(run_id)

    async def update(
        self, run_id: RunId, *, name: str | None = None, description: str | None = None, tags: Mapping[str, Any] | None = None
    ) -> RunView:
        """Change name, description and tags; None leaves them.

        Raises:
            NotFoundError: no such run.
            InvalidArgumentError: a name or tag is not valid.
        """
        run = await self.get(run_id)
        if name is not None:
            check_name(name, label="run display_name", limit=MAX_NAME)
        await self._store.update(
            run_id,
            name=run.name if name is None else name,
            description=run.description if description is None else description,
            tags=run.tags if tags is None else check_tags(tags),
        )
        return await self.get(run_id)

    async def delete(self, run_id: RunId) -> None:
        """Stop the run if it is active and remove it with its files, and its artifacts by policy.

        Raises:
            NotFoundError: no such run.
        """
        await self.get(run_id)
        await self._removal.remove(run_id)

    async def remove(self, run_id: RunId) -> None:
        """Remove a run that was hidden before, whatever state it is in, as `delete` does; missing is fine."""
        await self._removal.remove(run_id)

    async def specs_of(self, runs: Sequence[RunView]) -> Mapping[Digest, StoredSpec]:
        """Return the definitions of runs, in one query."""
        return await self._definitions.contents([run.spec_digest for run in runs if run.spec_digest is not None])

    async def require(self, run_id: RunId, experiment_id: ExperimentId | None) -> RunView:
        """Return the run if it belongs to the experiment (when one is named).

        Raises:
            NotFoundError: no such run in it.
        """
        run = await self.get(run_id)
        if experiment_id is not None and run.experiment_id != experiment_id:
            raise NotFoundError(f"run {run_id} not found in experiment {experiment_id}")
        return run


def read_texts(plan: RunPlan, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with texts read as the declared types, where they can be.

    A macro such as `[[Index]]` yields text whatever the parameter's type, and `kfp recurring-run create` sends every value as text
    (observed with kfp 2.17; see tests/conformance/test_kfp_client.py).
    """
    read = dict(values)
    for name, value in values.items():
        spec = plan.parameters.get(name)
        if spec is not None and isinstance(value, str):
            with contextlib.suppress(ValueError):
                read[name] = from_text(value, spec.type)
    return read


def _born(run: NewRun) -> RunView:
    """Return the run as the journal stores it at birth; the engine may have gone on meanwhile."""
    return RunView(
        run_id=run.run_id,
        kind=run.kind,
        name=run.name,
        description=run.description,
        namespace=run.namespace,
        experiment_id=run.experiment_id,
        resource_name=run.resource_name,
        pipeline_name=run.pipeline_name,
        pipeline_id=run.pipeline_id,
        pipeline_version_id=run.pipeline_version_id,
        spec_digest=Digest(run.spec_digest),
        recurring_run_id=run.recurring_run_id,
        parameters=run.parameters,
        pipeline_root=run.pipeline_root,
        service_account=run.service_account,
        options=run.options,
        tags=run.tags,
        state=RuntimeState.PENDING,
        storage_state=StorageState.AVAILABLE,
        history=[StateChange(run.created_at, RuntimeState.PENDING)],
        error_code=None,
        error_message=None,
        created_at=run.created_at,
        scheduled_at=run.scheduled_at,
        started_at=None,
        finished_at=None,
        task_count=0,
        done_count=0,
        failed_count=0,
        cached_count=0,
    )


def _defaults_with_macros(kind: str, plan: RunPlan) -> dict[str, Any]:
    """Defaults that may hold a macro; v1 replaces macros in every argument of a workflow (kfp 1.8 protocol notes, section 2.2)."""
    if kind != ARGO_DIALECT:
        return {}
    found = {name: spec.default for name, spec in plan.parameters.items() if isinstance(spec.default, str)}
    return {name: text for name, text in found.items() if any(sign in text for sign in ("[[", "{{$.", WORKFLOW_UID))}
