"""`ExperimentStore` on SQL."""

from __future__ import annotations

from penstock.domain.catalog import Experiment
from penstock.domain.errors import AlreadyExistsError
from penstock.domain.ids import ExperimentId
from penstock.domain.states import StorageState
from penstock.interfaces.listing import ListQuery, Page
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.listing import Column, Listing, Statement, read_page
from penstock.stores.sql.recurring_runs import delete_schedule_rows

_NAME, _ID = Column("experiment.name"), Column("experiment.experiment_id")
_LISTING = Listing(
    source="experiment",
    select="experiment.*",
    id_sql="experiment.experiment_id",
    columns={
        "experiment_id": _ID,
        "id": _ID,
        "name": _NAME,
        "display_name": _NAME,
        "description": Column("experiment.description"),
        "namespace": Column("experiment.namespace"),
        "storage_state": Column("experiment.storage_state"),
        "created_at": Column("experiment.created_at", is_number=True),
        "last_run_created_at": Column("experiment.last_run_created_at", is_number=True, is_nullable=True),
    },
)


class SqlExperimentStore:
    """`interfaces.catalog_store.ExperimentStore` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, experiment: Experiment) -> None:
        """Store a new experiment."""

        def work(tx: Transaction) -> None:
            added = tx.execute(
                "INSERT INTO experiment (experiment_id, name, description, namespace, storage_state, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (namespace, name) DO NOTHING",
                (
                    experiment.experiment_id,
                    experiment.name,
                    experiment.description,
                    experiment.namespace,
                    experiment.storage_state.value,
                    experiment.created_at,
                ),
            )
            if added == 0:
                raise AlreadyExistsError(f"an experiment named {experiment.name!r} already exists")

        await self._database.write(work)

    async def get(self, experiment_id: ExperimentId) -> Experiment | None:
        """Return the experiment, or None."""
        row = await self._database.read(lambda tx: tx.one("SELECT * FROM experiment WHERE experiment_id = ?", (experiment_id,)))
        return None if row is None else _experiment(row)

    async def find(self, name: str, *, namespace: str) -> Experiment | None:
        """Return the experiment of that name, or None."""
        row = await self._database.read(lambda tx: tx.one("SELECT * FROM experiment WHERE namespace = ? AND name = ?", (namespace, name)))
        return None if row is None else _experiment(row)

    async def list(self, query: ListQuery, *, namespace: str) -> Page[Experiment]:
        """Return a page."""

        def scope(statement: Statement) -> None:
            if namespace:
                statement.in_namespace("experiment.namespace", namespace)

        return await self._database.read(lambda tx: read_page(tx, _LISTING, query, scope=scope, to_item=_experiment))

    async def archive(self, experiment_id: ExperimentId, *, at: float) -> None:
        """Archive the experiment with all its runs and disable its recurring runs."""

        def work(tx: Transaction) -> None:
            tx.execute("UPDATE experiment SET storage_state = 'ARCHIVED' WHERE experiment_id = ?", (experiment_id,))
            tx.execute(
                "UPDATE run SET storage_state = 'ARCHIVED' WHERE experiment_id = ? AND storage_state = 'AVAILABLE'",
                (experiment_id,),
            )
            tx.execute(
                "UPDATE recurring_run SET is_enabled = 0, status = 'DISABLED', updated_at = ? WHERE experiment_id = ? AND is_enabled = 1",
                (at, experiment_id),
            )

        await self._database.write(work)

    async def set_storage_state(self, experiment_id: ExperimentId, state: StorageState) -> None:
        """Change the experiment only."""
        await self._database.write(
            lambda tx: tx.execute("UPDATE experiment SET storage_state = ? WHERE experiment_id = ?", (state.value, experiment_id))
        )

    async def set_notes(self, experiment_id: ExperimentId, notes: str) -> None:
        """Keep what people wrote about it."""
        await self._database.write(
            lambda tx: tx.execute("UPDATE experiment SET notes = ? WHERE experiment_id = ?", (notes, experiment_id))
        )

    async def note_run(self, experiment_id: ExperimentId, *, at: float) -> None:
        """Remember when its newest run was created."""
        await self._database.write(
            lambda tx: tx.execute(
                "UPDATE experiment SET last_run_created_at = ? WHERE experiment_id = ?"
                " AND (last_run_created_at IS NULL OR last_run_created_at < ?)",
                (at, experiment_id, at),
            )
        )

    async def delete(self, experiment_id: ExperimentId) -> None:
        """Remove the experiment and its recurring runs."""

        def work(tx: Transaction) -> None:
            for row in tx.all("SELECT recurring_run_id FROM recurring_run WHERE experiment_id = ?", (experiment_id,)):
                delete_schedule_rows(tx, row["recurring_run_id"])
            tx.execute("DELETE FROM experiment WHERE experiment_id = ?", (experiment_id,))

        await self._database.write(work)


def _experiment(row: Row) -> Experiment:
    return Experiment(
        experiment_id=ExperimentId(row["experiment_id"]),
        name=row["name"],
        description=row["description"],
        namespace=row["namespace"],
        storage_state=StorageState(row["storage_state"]),
        created_at=row["created_at"],
        last_run_created_at=row["last_run_created_at"],
    )
