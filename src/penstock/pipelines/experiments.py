"""Use cases of experiments: create, read, archive, delete."""

from __future__ import annotations

from penstock.domain.catalog import DEFAULT_EXPERIMENT, Experiment
from penstock.domain.errors import AlreadyExistsError, InvalidArgumentError, NotFoundError, PreconditionError
from penstock.domain.ids import ExperimentId, RecurringRunId
from penstock.domain.runs import CatalogChanged, RecurringRunChanged
from penstock.domain.states import StorageState
from penstock.interfaces.catalog_store import ExperimentStore
from penstock.interfaces.clock import Clock, IdSource
from penstock.interfaces.listing import Page
from penstock.interfaces.notifier import Notifier
from penstock.interfaces.run_store import RunStore
from penstock.pipelines.filters import EXPERIMENT_FIELDS
from penstock.pipelines.names import check_name, check_namespace
from penstock.pipelines.paging import ListRequest, OpenList, open_list
from penstock.pipelines.run_removal import RunRemoval

MAX_NAME = 128
MAX_NOTES = 20_000


class ExperimentService:
    """What people do with experiments. An experiment named `Default` is made when first needed and cannot be deleted."""

    def __init__(
        self, store: ExperimentStore, runs: RunStore, removal: RunRemoval, *, clock: Clock, ids: IdSource, notifier: Notifier
    ) -> None:
        self._store = store
        self._runs = runs
        self._removal = removal
        self._clock = clock
        self._ids = ids
        self._notifier = notifier

    async def create(self, *, name: str, description: str = "", namespace: str = "") -> Experiment:
        """Create an experiment and return it.

        Raises:
            InvalidArgumentError: the name is empty or too long, or the namespace is.
            AlreadyExistsError: the name is taken in the namespace.
        """
        check_name(name, label="experiment display_name", limit=MAX_NAME)
        check_namespace(namespace)
        experiment = Experiment(
            experiment_id=ExperimentId(self._ids.new_uuid()),
            name=name,
            description=description,
            namespace=namespace,
            storage_state=StorageState.AVAILABLE,
            created_at=self._clock.now(),
        )
        await self._store.create(experiment)
        self._notifier.publish(CatalogChanged())
        return experiment

    async def default(self) -> Experiment:
        """Return the experiment that takes runs without one; it is created when missing. Called at server start."""
        found = await self._store.find(DEFAULT_EXPERIMENT, namespace="")
        if found is None:
            try:
                return await self.create(name=DEFAULT_EXPERIMENT, description="Runs that were created without an experiment.")
            except AlreadyExistsError:
                found = await self._store.find(DEFAULT_EXPERIMENT, namespace="")
        if found is None:
            raise NotFoundError(f"experiment {DEFAULT_EXPERIMENT!r} does not exist")
        return found

    async def get(self, experiment_id: ExperimentId) -> Experiment:
        """Return the experiment.

        Raises:
            NotFoundError: no such experiment.
        """
        experiment = await self._store.get(experiment_id)
        if experiment is None:
            raise NotFoundError(f"experiment {experiment_id} not found")
        return experiment

    async def list(
        self, request: ListRequest, *, namespace: str = "", operation_key: str = "operation"
    ) -> tuple[Page[Experiment], OpenList]:
        """Return a page of experiments and the opened request (for the next token).

        Raises:
            InvalidArgumentError: the request is malformed.
        """
        opened = open_list(request, EXPERIMENT_FIELDS, operation_key=operation_key)
        return await self.page(opened, namespace=namespace), opened

    async def page(self, opened: OpenList, *, namespace: str = "") -> Page[Experiment]:
        """Return the page of a list that is already opened."""
        return await self._store.list(opened.query, namespace=namespace)

    async def write_notes(self, experiment_id: ExperimentId, notes: str) -> None:
        """Keep what people write about the experiment.

        Raises:
            NotFoundError: no such experiment.
            InvalidArgumentError: they are longer than `MAX_NOTES` characters.
        """
        await self.get(experiment_id)
        if len(notes) > MAX_NOTES:
            raise InvalidArgumentError(f"notes have at most {MAX_NOTES:,} characters, these have {len(notes):,}")
        await self._store.set_notes(experiment_id, notes)
        self._notifier.publish(CatalogChanged())

    async def archive(self, experiment_id: ExperimentId) -> None:
        """Archive the experiment with all its runs; its recurring runs are disabled."""
        await self.get(experiment_id)
        await self._store.archive(experiment_id, at=self._clock.now())
        self._notifier.publish(RecurringRunChanged(RecurringRunId("")))

    async def unarchive(self, experiment_id: ExperimentId) -> None:
        """Restore the experiment; its runs stay archived and its recurring runs disabled."""
        await self.get(experiment_id)
        await self._store.set_storage_state(experiment_id, StorageState.AVAILABLE)
        self._notifier.publish(CatalogChanged())

    async def delete(self, experiment_id: ExperimentId) -> None:
        """Remove the experiment with its runs and recurring runs.

        Raises:
            NotFoundError: no such experiment.
            InvalidArgumentError: it is the default experiment.
            PreconditionError: runs of it are active.
        """
        experiment = await self.get(experiment_id)
        if experiment.name == DEFAULT_EXPERIMENT and not experiment.namespace:
            raise InvalidArgumentError(f"the experiment {DEFAULT_EXPERIMENT!r} cannot be deleted")
        runs = await self._runs.ids_of_experiment(experiment_id)
        active = sum(not state.is_final for _, state in runs)
        if active:
            raise PreconditionError(f"experiment {experiment.name!r} has {active} active run(s); terminate or delete them first")
        await self.remove(experiment_id)
        self._notifier.publish(RecurringRunChanged(RecurringRunId("")))

    async def remove(self, experiment_id: ExperimentId) -> None:
        """Remove an experiment that was hidden before, with its runs, whatever state they are in; what is gone already is fine."""
        for run_id, _ in await self._runs.ids_of_experiment(experiment_id):
            await self._removal.remove(run_id)
        await self._store.delete(experiment_id)
