"""Automations in SQL (`interfaces.automations`). Rows of `automation_event` come from triggers of the migrations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from penstock.domain.automations import (
    ActionType,
    Automation,
    AutomationEvent,
    Delivery,
    DeliveryState,
    EventType,
    NewDelivery,
    ScopeKind,
    WebhookIntegration,
)
from penstock.domain.errors import AlreadyExistsError
from penstock.domain.ids import TrackedRunId
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.version_rows import batches, marks, only

_COLUMNS = (
    "entity", "name", "description", "is_enabled", "scope", "scope_id", "project_id", "event_type", "event_filter", "action_type", "action",
    "user_name", "created_at", "updated_at",
)  # fmt: skip


class SqlAutomationStore:
    """`AutomationStore` over the tables `automation*` and `webhook_integration`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_automation(self, automation: Automation) -> Automation:
        """See `AutomationStore.add_automation`."""
        sql = f"INSERT INTO automation ({', '.join(_COLUMNS)}) VALUES ({marks(len(_COLUMNS))}) RETURNING *"

        def work(tx: Transaction) -> Row:
            _refuse_twin(tx, automation)
            return only(tx, sql, _values(automation))

        return _automation(self._database.write_sync(work))

    def put_automation(self, automation: Automation) -> None:
        """See `AutomationStore.put_automation`."""
        sql = f"UPDATE automation SET {', '.join(f'{name} = ?' for name in _COLUMNS)} WHERE automation_id = ?"

        def work(tx: Transaction) -> None:
            _refuse_twin(tx, automation)
            tx.execute(sql, (*_values(automation), automation.automation_id))

        self._database.write_sync(work)

    def delete_automation(self, automation_id: int) -> bool:
        """See `AutomationStore.delete_automation`."""
        return self._database.write_sync(lambda tx: tx.execute("DELETE FROM automation WHERE automation_id = ?", (automation_id,))) > 0

    def automation(self, automation_id: int) -> Automation | None:
        """See `AutomationStore.automation`."""
        row = self._database.read_sync(lambda tx: tx.one("SELECT * FROM automation WHERE automation_id = ?", (automation_id,)))
        return None if row is None else _automation(row)

    def automations(
        self, *, entity: str | None = None, project_id: int | None = None, name: str | None = None, only_enabled: bool = False
    ) -> Sequence[Automation]:
        """See `AutomationStore.automations`."""
        wanted = {"entity": entity, "project_id": project_id, "name": name, "is_enabled": 1 if only_enabled else None}
        chosen = {column: value for column, value in wanted.items() if value is not None}
        where = f" WHERE {' AND '.join(f'{column} = :{column}' for column in chosen)}" if chosen else ""
        rows = self._database.read_sync(lambda tx: tx.all(f"SELECT * FROM automation{where} ORDER BY automation_id", chosen))
        return [_automation(row) for row in rows]

    def add_integration(self, integration: WebhookIntegration) -> WebhookIntegration:
        """See `AutomationStore.add_integration`."""

        def work(tx: Transaction) -> Row:
            known = "SELECT 1 FROM webhook_integration WHERE entity = ? AND name = ?"
            if tx.one(known, (integration.entity, integration.name)) is not None:
                raise AlreadyExistsError(f"{integration.entity!r} has an integration {integration.name!r} already")
            return only(
                tx,
                "INSERT INTO webhook_integration (entity, name, url, access_token_ref, secret_ref, created_at) VALUES (?, ?, ?, ?, ?, ?)"
                " RETURNING *",
                (
                    integration.entity, integration.name, integration.url, integration.access_token_ref, integration.secret_ref,
                    integration.created_at,
                ),
            )  # fmt: skip

        return _integration(self._database.write_sync(work))

    def integration(self, integration_id: int) -> WebhookIntegration | None:
        """See `AutomationStore.integration`."""
        sql = "SELECT * FROM webhook_integration WHERE integration_id = ?"
        row = self._database.read_sync(lambda tx: tx.one(sql, (integration_id,)))
        return None if row is None else _integration(row)

    def integrations(self, entity: str) -> Sequence[WebhookIntegration]:
        """See `AutomationStore.integrations`."""
        sql = "SELECT * FROM webhook_integration WHERE entity = ? ORDER BY integration_id"
        return [_integration(row) for row in self._database.read_sync(lambda tx: tx.all(sql, (entity,)))]

    def waiting_events(self, *, limit: int) -> Sequence[AutomationEvent]:
        """See `AutomationStore.waiting_events`."""
        sql = "SELECT * FROM automation_event ORDER BY event_id LIMIT ?"
        return [_event(row) for row in self._database.read_sync(lambda tx: tx.all(sql, (limit,)))]

    def settle_events(self, events: Sequence[AutomationEvent], deliveries: Sequence[NewDelivery], *, at: float) -> None:
        """See `AutomationStore.settle_events`."""
        sql = (
            "INSERT INTO automation_delivery (automation_id, occasion, subject, words, state, created_at, due_at)"
            " VALUES (?, ?, ?, ?, 'pending', ?, ?) ON CONFLICT (automation_id, occasion) DO NOTHING"
        )
        rows = [(new.automation_id, new.occasion, new.subject, json.dumps(dict(new.words)), at, at) for new in deliveries]

        def work(tx: Transaction) -> None:
            for part in batches([event.event_id for event in events]):
                tx.execute(f"DELETE FROM automation_event WHERE event_id IN ({marks(len(part))})", part)
            tx.many(sql, rows)

        self._database.write_sync(work)

    def claim_due(self, *, now: float, until: float, limit: int) -> Sequence[Delivery]:
        """See `AutomationStore.claim_due`."""
        due = "SELECT * FROM automation_delivery WHERE state = 'pending' AND due_at <= ? ORDER BY due_at, delivery_id LIMIT ?"
        if not self._database.read_sync(lambda tx: tx.all(due, (now, 1))):
            return []
        claim = (
            "UPDATE automation_delivery SET due_at = ?, attempts = attempts + 1"
            " WHERE delivery_id = ? AND state = 'pending' AND due_at <= ? RETURNING *"
        )

        def work(tx: Transaction) -> list[Row | None]:
            return [tx.one(claim, (until, row["delivery_id"], now)) for row in tx.all(due, (now, limit))]

        return [_delivery(row) for row in self._database.write_sync(work) if row is not None]

    def end_delivery(self, delivery_id: int, state: DeliveryState, detail: str, *, at: float) -> None:
        """See `AutomationStore.end_delivery`."""
        sql = "UPDATE automation_delivery SET state = ?, detail = ?, ended_at = ? WHERE delivery_id = ?"
        self._database.write_sync(lambda tx: tx.execute(sql, (state.value, detail, at, delivery_id)))

    def postpone(self, delivery_id: int, detail: str, *, due_at: float, is_tried: bool = True) -> None:
        """See `AutomationStore.postpone`."""
        sql = "UPDATE automation_delivery SET detail = ?, due_at = ?, attempts = attempts - ? WHERE delivery_id = ? AND state = 'pending'"
        self._database.write_sync(lambda tx: tx.execute(sql, (detail, due_at, int(not is_tried), delivery_id)))

    def renew(self, automation_id: int, delivery_id: int, *, at: float) -> bool:
        """See `AutomationStore.renew`."""
        sql = (
            "UPDATE automation_delivery SET state = 'pending', attempts = 0, due_at = ?, ended_at = NULL"
            " WHERE delivery_id = ? AND automation_id = ? AND state IN ('failed', 'refused')"
        )
        return self._database.write_sync(lambda tx: tx.execute(sql, (at, delivery_id, automation_id))) > 0

    def deliveries(self, automation_ids: Sequence[int], *, limit: int) -> Mapping[int, Sequence[Delivery]]:
        """See `AutomationStore.deliveries`."""
        sql = "SELECT * FROM automation_delivery WHERE automation_id = ? ORDER BY delivery_id DESC LIMIT ?"

        def work(tx: Transaction) -> dict[int, list[Delivery]]:
            return {wanted: [_delivery(row) for row in tx.all(sql, (wanted, limit))] for wanted in automation_ids}

        return self._database.read_sync(work)


def _refuse_twin(tx: Transaction, automation: Automation) -> None:
    sql = "SELECT 1 FROM automation WHERE entity = ? AND name = ? AND automation_id <> ?"
    if tx.one(sql, (automation.entity, automation.name, automation.automation_id)) is not None:
        raise AlreadyExistsError(f"{automation.entity!r} has an automation {automation.name!r} already")


def _values(automation: Automation) -> list[object]:
    changed = {"is_enabled": int(automation.is_enabled), "action": json.dumps(dict(automation.action))}
    return [changed.get(name, getattr(automation, name)) for name in _COLUMNS]


def _automation(row: Row) -> Automation:
    return Automation(
        automation_id=row["automation_id"],
        entity=row["entity"],
        name=row["name"],
        description=row["description"],
        is_enabled=bool(row["is_enabled"]),
        scope=ScopeKind(row["scope"]),
        scope_id=row["scope_id"],
        project_id=row["project_id"],
        event_type=EventType(row["event_type"]),
        event_filter=row["event_filter"],
        action_type=ActionType(row["action_type"]),
        action=json.loads(row["action"]),
        user_name=row["user_name"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _integration(row: Row) -> WebhookIntegration:
    return WebhookIntegration(
        row["integration_id"], row["entity"], row["name"], row["url"], row["access_token_ref"], row["secret_ref"], row["created_at"]
    )


def _event(row: Row) -> AutomationEvent:
    run_id = None if row["run_id"] is None else TrackedRunId(row["run_id"])
    return AutomationEvent(row["event_id"], EventType(row["event_type"]), run_id, row["version_id"], row["collection_id"], row["word"])


def _delivery(row: Row) -> Delivery:
    return Delivery(
        delivery_id=row["delivery_id"],
        automation_id=row["automation_id"],
        subject=row["subject"],
        words=json.loads(row["words"]),
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        detail=row["detail"],
        created_at=row["created_at"],
        due_at=row["due_at"],
        ended_at=row["ended_at"],
    )
