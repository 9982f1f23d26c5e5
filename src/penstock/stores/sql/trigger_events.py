"""`TriggerStore` and `EditLog` on SQL. Most events are noted by triggers of the database (migration 0009), not here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.domain.catalog import RecurringRun
from penstock.domain.ids import RecurringRunId, RunId
from penstock.domain.triggers import EventDecision, EventKind, EventOutcome, EventSubject, EventTrigger, NotedEvent, RecurringEdit
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.json_columns import decode, decode_object
from penstock.stores.sql.recurring_runs import active_runs, recurring_from_row
from penstock.stores.sql.trigger_subjects import last_subject, subject_of

_NOTE = (
    "INSERT INTO trigger_event (recurring_run_id, subject, source, at, facts, outcome, decided_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (recurring_run_id, subject) DO NOTHING"
)
_DECIDE = (
    "UPDATE trigger_event SET outcome = :outcome, reason = :reason, run_id = :run_id, facts = :facts, chain = :chain, decided_at = :at"
    " WHERE event_id = :event AND outcome IS NULL"
)
_STAND = (
    "UPDATE recurring_run SET trigger_index = trigger_index + :fired, error = :error, last_trigger_at = :at WHERE recurring_run_id = :id"
)


class SqlTriggerStore:
    """`interfaces.trigger_store.TriggerStore` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(
        self, recurring_run_id: RecurringRunId, subject: str, *, source: str, at: float, facts: Mapping[str, Any], is_decided: bool = False
    ) -> bool:
        """See `TriggerStore.note`."""
        outcome, decided = (EventOutcome.NOTED.value, at) if is_decided else (None, None)
        row = (recurring_run_id, subject, source, at, json.dumps(dict(facts)), outcome, decided)
        return await self._database.write(lambda tx: tx.execute(_NOTE, row)) > 0

    async def open_events(self, *, limit: int) -> Sequence[tuple[RecurringRun, int, Sequence[NotedEvent]]]:
        """See `TriggerStore.open_events`."""

        def work(tx: Transaction) -> list[tuple[RecurringRun, int, Sequence[NotedEvent]]]:
            waiting = tx.all("SELECT DISTINCT recurring_run_id FROM trigger_event WHERE outcome IS NULL ORDER BY recurring_run_id")
            active = active_runs(tx) if waiting else {}
            return [
                (recurring_from_row(row), active.get(row["recurring_run_id"], 0), _open_of(tx, row["recurring_run_id"], limit))
                for found in waiting
                if (row := tx.one("SELECT * FROM recurring_run WHERE recurring_run_id = ?", (found["recurring_run_id"],)))
            ]

        return await self._database.read(work)

    async def watching(self, kind: EventKind) -> Sequence[RecurringRun]:
        """See `TriggerStore.watching`."""
        sql = "SELECT * FROM recurring_run WHERE event_kind = ? AND is_enabled = 1 ORDER BY recurring_run_id"
        return [recurring_from_row(row) for row in await self._database.read(lambda tx: tx.all(sql, (kind.value,)))]

    async def members(self, together: str) -> Sequence[RecurringRun]:
        """See `TriggerStore.members`."""
        sql = "SELECT * FROM recurring_run WHERE event_kind IS NOT NULL ORDER BY recurring_run_id"
        found = [recurring_from_row(row) for row in await self._database.read(lambda tx: tx.all(sql))]
        return [item for item in found if item.trigger.event is not None and item.trigger.event.together == together]

    async def subject(self, event: NotedEvent) -> EventSubject | None:
        """See `TriggerStore.subject`."""
        return await self._database.read(lambda tx: subject_of(tx, event))

    async def last_subject(self, recurring_run_id: RecurringRunId | None, trigger: EventTrigger) -> EventSubject | None:
        """See `TriggerStore.last_subject`."""
        return await self._database.read(lambda tx: last_subject(tx, recurring_run_id, trigger))

    async def chain_of(self, run_id: RunId) -> Sequence[str]:
        """See `TriggerStore.chain_of`."""
        sql = "SELECT chain FROM trigger_event WHERE run_id = ? ORDER BY event_id LIMIT 1"
        row = await self._database.read(lambda tx: tx.one(sql, (run_id,)))
        return [] if row is None else list(decode(row["chain"]) or [])

    async def fired_since(self, recurring_run_id: RecurringRunId, since: float) -> int:
        """See `TriggerStore.fired_since`."""
        sql = "SELECT COUNT(*) AS n FROM trigger_event WHERE recurring_run_id = ? AND outcome = 'fired' AND decided_at >= ?"
        row = await self._database.read(lambda tx: tx.one(sql, (recurring_run_id, since)))
        return int(row["n"]) if row else 0

    async def decide(self, decision: EventDecision) -> None:
        """See `TriggerStore.decide`."""
        await self.decide_all([decision])

    async def decide_all(self, decisions: Sequence[EventDecision]) -> None:
        """See `TriggerStore.decide_all`."""

        def work(tx: Transaction) -> None:
            for decision in decisions:
                _decide(tx, decision)

        await self._database.write(work)

    async def claim(self, event_ids: Sequence[int], run_id: RunId) -> None:
        """See `TriggerStore.claim`."""
        rows = [(run_id, event_id) for event_id in event_ids]
        sql = "UPDATE trigger_event SET run_id = ? WHERE event_id = ? AND outcome IS NULL"
        await self._database.write(lambda tx: tx.many(sql, rows))

    async def forget(self, event_ids: Sequence[int]) -> None:
        """See `TriggerStore.forget`."""
        rows = [(event_id,) for event_id in event_ids]
        await self._database.write(lambda tx: tx.many("DELETE FROM trigger_event WHERE event_id = ? AND outcome IS NULL", rows))

    async def history(self, recurring_run_id: RecurringRunId, *, limit: int, before: int | None = None) -> Sequence[NotedEvent]:
        """See `TriggerStore.history`."""
        earlier = " AND (at, event_id) < (SELECT at, event_id FROM trigger_event WHERE event_id = :before)" if before is not None else ""
        sql = (
            f"SELECT * FROM trigger_event WHERE recurring_run_id = :id AND COALESCE(outcome, '') <> 'noted'{earlier}"
            " ORDER BY at DESC, event_id DESC LIMIT :limit"
        )
        params = {"id": recurring_run_id, "limit": limit} | ({} if before is None else {"before": before})
        return [_event(row) for row in await self._database.read(lambda tx: tx.all(sql, params))]

    async def newest(self, recurring_run_id: RecurringRunId, source: str) -> NotedEvent | None:
        """See `TriggerStore.newest`."""
        sql = "SELECT * FROM trigger_event WHERE recurring_run_id = ? AND source = ? ORDER BY event_id DESC LIMIT 1"
        row = await self._database.read(lambda tx: tx.one(sql, (recurring_run_id, source)))
        return None if row is None else _event(row)


class SqlEditLog:
    """`interfaces.trigger_store.EditLog` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, recurring_run_id: RecurringRunId, edit: RecurringEdit) -> None:
        """See `EditLog.add`."""
        row = (recurring_run_id, edit.at, edit.user_name, json.dumps([list(change) for change in edit.changes]))
        sql = "INSERT INTO recurring_change (recurring_run_id, at, user_name, changes) VALUES (?, ?, ?, ?)"
        await self._database.write(lambda tx: tx.execute(sql, row))

    async def list(self, recurring_run_id: RecurringRunId, *, limit: int) -> Sequence[RecurringEdit]:
        """See `EditLog.list`."""
        sql = "SELECT * FROM recurring_change WHERE recurring_run_id = ? ORDER BY change_id DESC LIMIT ?"
        rows = await self._database.read(lambda tx: tx.all(sql, (recurring_run_id, limit)))
        return [RecurringEdit(row["at"], row["user_name"], [tuple(change) for change in decode(row["changes"])]) for row in rows]


def _decide(tx: Transaction, decision: EventDecision) -> None:
    values = {
        "outcome": decision.outcome.value,
        "reason": decision.reason,
        "run_id": decision.run_id,
        "facts": json.dumps(dict(decision.facts)),
        "chain": json.dumps(list(decision.chain)),
        "at": decision.decided_at,
        "event": decision.event_id,
    }
    if not tx.execute(_DECIDE, values) or decision.outcome is EventOutcome.SKIPPED:
        return
    fired = int(decision.outcome is EventOutcome.FIRED)
    error = None if fired else decision.reason
    tx.execute(_STAND, {"fired": fired, "error": error, "at": decision.decided_at, "id": decision.recurring_run_id})


def _open_of(tx: Transaction, recurring_run_id: str, limit: int) -> list[NotedEvent]:
    sql = "SELECT * FROM trigger_event WHERE recurring_run_id = ? AND outcome IS NULL ORDER BY event_id LIMIT ?"
    return [_event(row) for row in tx.all(sql, (recurring_run_id, limit))]


def _event(row: Row) -> NotedEvent:
    return NotedEvent(
        event_id=row["event_id"],
        recurring_run_id=RecurringRunId(row["recurring_run_id"]),
        subject=row["subject"],
        source=row["source"],
        source_id=row["source_id"],
        at=row["at"],
        facts=decode_object(row["facts"]),
        outcome=None if row["outcome"] is None else EventOutcome(row["outcome"]),
        reason=row["reason"],
        run_id=None if row["run_id"] is None else RunId(row["run_id"]),
        decided_at=row["decided_at"],
    )
