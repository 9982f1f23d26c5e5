"""Sweeps in SQL (`interfaces.sweeps`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.domain.errors import AlreadyExistsError, NotFoundError
from penstock.domain.sweeps import Suggestion, Sweep, SweepAgent, SweepState, SweepTrial, TrialState
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.version_rows import only

_CHANGEABLE = frozenset({"display_name", "description", "config", "method", "state", "controller", "scheduler", "run_limit", "prior_runs"})


class SqlSweepStore:
    """`SweepStore` over `sweep` and its neighbours."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_sweep(self, sweep: Sweep) -> Sweep:
        """See `SweepStore.add_sweep`."""

        def work(tx: Transaction) -> Row:
            if tx.one("SELECT 1 FROM sweep WHERE project_id = ? AND name = ?", (sweep.project_id, sweep.name)) is not None:
                raise AlreadyExistsError(f"the project already has a sweep {sweep.name!r}")
            return only(
                tx,
                "INSERT INTO sweep (project_id, name, display_name, description, config, method, state, controller, scheduler, user_name,"
                " run_limit, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
                (
                    sweep.project_id, sweep.name, sweep.display_name, sweep.description, sweep.config, sweep.method, sweep.state.value,
                    sweep.controller, sweep.scheduler, sweep.user_name, sweep.run_limit, sweep.created_at, sweep.updated_at,
                ),
            )  # fmt: skip

        return _sweep(self._database.write_sync(work))

    def change_sweep(self, sweep_id: int, changes: Mapping[str, Any], *, at: float) -> Sweep:
        """See `SweepStore.change_sweep`."""
        if unknown := changes.keys() - _CHANGEABLE:
            raise ValueError(f"not changeable: {sorted(unknown)}")
        columns = "".join(f"{name} = :{name}, " for name in changes)

        def work(tx: Transaction) -> Row:
            changed = tx.execute(f"UPDATE sweep SET {columns}updated_at = :at WHERE sweep_id = :id", {**changes, "at": at, "id": sweep_id})
            if not changed:
                raise NotFoundError(f"no sweep {sweep_id}")
            return only(tx, "SELECT * FROM sweep WHERE sweep_id = ?", (sweep_id,))

        return _sweep(self._database.write_sync(work))

    def sweep(self, sweep_id: int) -> Sweep | None:
        """See `SweepStore.sweep`."""
        row = self._database.read_sync(lambda tx: tx.one("SELECT * FROM sweep WHERE sweep_id = ?", (sweep_id,)))
        return None if row is None else _sweep(row)

    def sweep_by_name(self, project_id: int, name: str) -> Sweep | None:
        """See `SweepStore.sweep_by_name`."""
        row = self._database.read_sync(lambda tx: tx.one("SELECT * FROM sweep WHERE project_id = ? AND name = ?", (project_id, name)))
        return None if row is None else _sweep(row)

    def sweeps(self, project_id: int) -> Sequence[Sweep]:
        """See `SweepStore.sweeps`."""
        sql = "SELECT * FROM sweep WHERE project_id = ? ORDER BY created_at DESC, sweep_id DESC"
        return [_sweep(row) for row in self._database.read_sync(lambda tx: tx.all(sql, (project_id,)))]

    def delete_sweep(self, sweep_id: int) -> bool:
        """See `SweepStore.delete_sweep`."""

        def work(tx: Transaction) -> bool:
            tx.execute("DELETE FROM sweep_trial WHERE sweep_id = ?", (sweep_id,))
            tx.execute("DELETE FROM sweep_agent WHERE sweep_id = ?", (sweep_id,))
            return tx.execute("DELETE FROM sweep WHERE sweep_id = ?", (sweep_id,)) > 0

        return self._database.write_sync(work)

    def add_agent(self, sweep_id: int, name: str, host: str, *, user_name: str, at: float) -> SweepAgent:
        """See `SweepStore.add_agent`."""
        sql = "INSERT INTO sweep_agent (sweep_id, name, host, user_name, created_at, heartbeat_at) VALUES (?, ?, ?, ?, ?, ?) RETURNING *"
        return _agent(self._database.write_sync(lambda tx: only(tx, sql, (sweep_id, name, host, user_name, at, at))))

    def agent(self, agent_id: int) -> SweepAgent | None:
        """See `SweepStore.agent`."""
        row = self._database.read_sync(lambda tx: tx.one("SELECT * FROM sweep_agent WHERE agent_id = ?", (agent_id,)))
        return None if row is None else _agent(row)

    def agents(self, sweep_id: int) -> Sequence[SweepAgent]:
        """See `SweepStore.agents`."""
        sql = "SELECT * FROM sweep_agent WHERE sweep_id = ? ORDER BY agent_id"
        return [_agent(row) for row in self._database.read_sync(lambda tx: tx.all(sql, (sweep_id,)))]

    def beat(self, agent_id: int, *, at: float) -> None:
        """See `SweepStore.beat`."""

        def work(tx: Transaction) -> None:
            tx.execute("UPDATE sweep_agent SET heartbeat_at = ?, ended_at = NULL WHERE agent_id = ?", (at, agent_id))
            sql = "UPDATE sweep SET heartbeat_at = ? WHERE sweep_id = (SELECT sweep_id FROM sweep_agent WHERE agent_id = ?)"
            tx.execute(sql, (at, agent_id))

        self._database.write_sync(work)

    def end_agent(self, agent_id: int, *, at: float) -> None:
        """See `SweepStore.end_agent`."""
        sql = "UPDATE sweep_agent SET ended_at = ? WHERE agent_id = ?"
        self._database.write_sync(lambda tx: tx.execute(sql, (at, agent_id)))

    def add_trial(self, sweep_id: int, position: int, run_name: str, agent_id: int, suggestion: Suggestion, *, at: float) -> bool:
        """See `SweepStore.add_trial`."""
        parameters = json.dumps({"values": dict(suggestion.values), "units": dict(suggestion.units)})

        def work(tx: Transaction) -> bool:
            sql = "UPDATE sweep SET next_trial = next_trial + 1, updated_at = ? WHERE sweep_id = ? AND next_trial = ?"
            if not tx.execute(sql, (at, sweep_id, position)):
                return False
            tx.execute(
                "INSERT INTO sweep_trial (sweep_id, position, run_name, agent_id, parameters, state, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (sweep_id, position, run_name, agent_id, parameters, TrialState.HANDED_OUT.value, at),
            )
            tx.execute("UPDATE sweep_agent SET trial_count = trial_count + 1 WHERE agent_id = ?", (agent_id,))
            return True

        return self._database.write_sync(work)

    def trials(self, sweep_id: int) -> Sequence[SweepTrial]:
        """See `SweepStore.trials`."""
        sql = "SELECT * FROM sweep_trial WHERE sweep_id = ? ORDER BY position"
        return [_trial(row) for row in self._database.read_sync(lambda tx: tx.all(sql, (sweep_id,)))]

    def hand_out_again(self, sweep_id: int, run_name: str, agent_id: int, *, ended_at: float, at: float) -> bool:
        """See `SweepStore.hand_out_again`."""
        sql = (
            "UPDATE sweep_trial SET agent_id = ?, created_at = ?, state = ? WHERE sweep_id = ? AND run_name = ? AND created_at < ?"
        )
        values = (agent_id, at, TrialState.HANDED_OUT.value, sweep_id, run_name, ended_at)
        return self._database.write_sync(lambda tx: tx.execute(sql, values)) > 0

    def set_trial_state(self, sweep_id: int, run_name: str, state: TrialState) -> None:
        """See `SweepStore.set_trial_state`."""
        sql = "UPDATE sweep_trial SET state = ? WHERE sweep_id = ? AND run_name = ?"
        self._database.write_sync(lambda tx: tx.execute(sql, (state.value, sweep_id, run_name)))


def _sweep(row: Row) -> Sweep:
    return Sweep(
        sweep_id=row["sweep_id"],
        project_id=row["project_id"],
        name=row["name"],
        display_name=row["display_name"],
        description=row["description"],
        config=row["config"],
        method=row["method"],
        state=SweepState(row["state"]),
        controller=row["controller"],
        scheduler=row["scheduler"],
        user_name=row["user_name"],
        run_limit=row["run_limit"],
        next_trial=row["next_trial"],
        heartbeat_at=row["heartbeat_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _agent(row: Row) -> SweepAgent:
    return SweepAgent(
        agent_id=row["agent_id"],
        sweep_id=row["sweep_id"],
        name=row["name"],
        host=row["host"],
        trial_count=row["trial_count"],
        created_at=row["created_at"],
        heartbeat_at=row["heartbeat_at"],
        ended_at=row["ended_at"],
    )


def _trial(row: Row) -> SweepTrial:
    parameters = json.loads(row["parameters"])
    return SweepTrial(
        sweep_id=row["sweep_id"],
        position=row["position"],
        run_name=row["run_name"],
        agent_id=row["agent_id"],
        suggestion=Suggestion(parameters["values"], parameters["units"]),
        state=TrialState(row["state"]),
        created_at=row["created_at"],
    )
