"""Automations: made, changed, listed, deleted; the integrations they use; the log of what they did. Firing is `automation_firing`."""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from penstock.domain.automations import ActionType, Automation, Delivery, EventType, ScopeKind, WebhookIntegration
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.matching import compile_filter
from penstock.interfaces.automations import AutomationStore
from penstock.interfaces.clock import Clock
from penstock.tracking.metric_conditions import condition_from

_MAX_NAME = 255
_MAX_TEXT = 1 << 20
_RUN_STATES = frozenset({"RUNNING", "FINISHED", "FAILED"})


@dataclass(frozen=True, slots=True)
class AutomationScope:
    """What an automation watches, resolved and allowed."""

    kind: ScopeKind
    scope_id: int
    entity: str
    project_id: int | None = None


@dataclass(frozen=True, slots=True)
class AutomationEntry:
    """An automation and what it did last, for lists."""

    automation: Automation
    deliveries: Sequence[Delivery]
    """Newest first."""


class AutomationService:
    """Use cases on automations. All methods block."""

    def __init__(self, store: AutomationStore, clock: Clock, *, on_change: Callable[[], None] = lambda: None) -> None:
        """Args: on_change: told from any thread when there is another, a changed or a removed one."""
        self._store = store
        self._clock = clock
        self._on_change = on_change

    def create(
        self,
        scope: AutomationScope,
        *,
        name: str,
        description: str,
        is_enabled: bool,
        event_type: str,
        event_filter: str,
        action_type: str,
        action: Mapping[str, Any],
        user_name: str,
    ) -> Automation:
        """Store a new automation.

        Raises:
            InvalidArgumentError: name, event or action is not one that works here.
            AlreadyExistsError: the entity has one of this name.
        """
        now = self._clock.now()
        fresh = Automation(
            0, scope.entity, name, description, is_enabled, scope.kind, scope.scope_id, scope.project_id, _event(event_type), event_filter,
            _action(action_type), dict(action), user_name, now, now,
        )  # fmt: skip
        self._check(fresh)
        added = self._store.add_automation(fresh)
        self._on_change()
        return added

    def change(
        self,
        automation_id: int,
        *,
        scope: AutomationScope | None = None,
        event_type: str | None = None,
        action_type: str | None = None,
        **fields: Any,
    ) -> Automation:
        """Change what is not None: `name`, `description`, `is_enabled`, `event_filter`, `action`, besides the named ones.

        Raises:
            NotFoundError: no such automation.
            InvalidArgumentError: the result is not one that works here.
            AlreadyExistsError: the entity has another one of the new name.
        """
        known = self._store.automation(automation_id)
        if known is None:
            raise NotFoundError(f"no automation {automation_id}")
        changes = {field: value for field, value in fields.items() if value is not None}
        if scope is not None:
            changes |= {"scope": scope.kind, "scope_id": scope.scope_id, "entity": scope.entity, "project_id": scope.project_id}
        if event_type is not None:
            changes["event_type"] = _event(event_type)
        if action_type is not None:
            changes["action_type"] = _action(action_type)
        changed = replace(known, **changes, updated_at=self._clock.now())
        self._check(changed)
        self._store.put_automation(changed)
        self._on_change()
        return changed

    def delete(self, automation_id: int) -> bool:
        """Remove an automation with its log; whether it existed."""
        existed = self._store.delete_automation(automation_id)
        self._on_change()
        return existed

    def get(self, automation_id: int) -> Automation | None:
        """Return the automation, or None."""
        return self._store.automation(automation_id)

    def list(self, *, entity: str | None = None, project_id: int | None = None, name: str | None = None) -> Sequence[Automation]:
        """Return automations, oldest first: of an entity, or whose scope is a project or something in it."""
        return self._store.automations(entity=entity, project_id=project_id, name=name)

    def with_deliveries(
        self, *, entity: str | None = None, project_id: int | None = None, limit: int = 5
    ) -> builtins.list[AutomationEntry]:
        """Return automations with the newest entries of their logs; two queries, whatever their number."""
        found = self._store.automations(entity=entity, project_id=project_id)
        logs = self._store.deliveries([automation.automation_id for automation in found], limit=limit)
        return [AutomationEntry(automation, logs.get(automation.automation_id, ())) for automation in found]

    def send_again(self, automation_id: int, delivery_id: int) -> bool:
        """Try a delivery that did not arrive once more, and again after that as a new one; whether there is such a one."""
        return self._store.renew(automation_id, delivery_id, at=self._clock.now())

    def create_integration(
        self, entity: str, *, name: str, url: str, access_token_ref: str = "", secret_ref: str = ""
    ) -> WebhookIntegration:
        """Store where webhooks go.

        Args:
            entity: whose integration.
            name: unique in the entity.
            url: where to post; whether that is an address, and one that the server may post to, is decided when it does.
            access_token_ref: names the secret that is sent as bearer token.
            secret_ref: names the secret that signs each body.

        Raises:
            InvalidArgumentError: name or address is not usable.
            AlreadyExistsError: the entity has one of this name.
        """
        if not name or len(name) > _MAX_NAME:
            raise InvalidArgumentError(f"an integration needs a name of at most {_MAX_NAME} characters")
        if not url.strip():
            raise InvalidArgumentError("a webhook needs an address")
        return self._store.add_integration(WebhookIntegration(0, entity, name, url, access_token_ref, secret_ref, self._clock.now()))

    def integrations(self, entity: str) -> Sequence[WebhookIntegration]:
        """Return an entity's integrations, oldest first."""
        return self._store.integrations(entity)

    def integration(self, integration_id: int) -> WebhookIntegration | None:
        """Return the integration, or None."""
        return self._store.integration(integration_id)

    def _check(self, automation: Automation) -> None:
        if not automation.name or len(automation.name) > _MAX_NAME:
            raise InvalidArgumentError(f"an automation needs a name of at most {_MAX_NAME} characters")
        if len(automation.event_filter) + len(json.dumps(dict(automation.action))) > _MAX_TEXT:
            raise InvalidArgumentError(f"an automation has at most {_MAX_TEXT} characters")
        if automation.event_type.is_of_runs and automation.scope is ScopeKind.ARTIFACT_COLLECTION:
            raise InvalidArgumentError("runs are not watched in an artifact collection but in a project or an entity")
        check_event_filter(automation.event_type, automation.event_filter)
        if automation.action_type is ActionType.GENERIC_WEBHOOK:
            target = self._store.integration(int(automation.action.get("integration_id") or 0))
            if target is None or target.entity != automation.entity:
                raise InvalidArgumentError(f"{automation.entity!r} has no such webhook integration")
            payload = automation.action.get("request_payload")
            if payload and not isinstance(load_filter(payload), Mapping):
                raise InvalidArgumentError("the payload of a webhook must be a JSON object")


def check_event_filter(event_type: EventType, text: str) -> None:
    """Make sure that a filter can be evaluated.

    Raises:
        InvalidArgumentError: it cannot.
    """
    document = load_filter(text)
    if not event_type.is_of_runs:
        compile_filter(document)
        return
    compile_filter(load_filter(document.get("run_filter") or {}))
    if event_type.is_metric:
        condition_from(load_filter(document.get("run_metric_filter") or {}))
    elif not run_states(document):
        raise InvalidArgumentError(f"run states to wait for are {', '.join(sorted(_RUN_STATES))}")


def run_states(document: Mapping[str, Any]) -> frozenset[str]:
    """Return the states that the filter of a run-state event waits for; empty when it names none that exist."""
    wanted = load_filter(document.get("run_state_filter") or {}).get("states")
    return frozenset(wanted) & _RUN_STATES if isinstance(wanted, list) else frozenset()


def load_filter(value: Any) -> Mapping[str, Any]:
    """Return the JSON object that `value` is or stands for; clients encode inner objects once more.

    Raises:
        InvalidArgumentError: it is something else.
    """
    try:
        document = json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise InvalidArgumentError(f"the filter is not JSON: {error}") from error
    if not isinstance(document, Mapping):
        raise InvalidArgumentError("a filter must be a JSON object")
    return document


def _event(word: str) -> EventType:
    try:
        return EventType(word)
    except ValueError:
        raise InvalidArgumentError(f"automations cannot wait for {word!r} here") from None


def _action(word: str) -> ActionType:
    try:
        return ActionType(word)
    except ValueError:
        raise InvalidArgumentError(f"automations cannot do {word!r} here") from None
