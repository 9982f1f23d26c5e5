"""Automations as values: when something happens in a scope, do something; and the log of what was done.

Words are those of the W&B client (`wandb.automations`, observed with 0.24.2 and 0.31.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from penstock.domain.ids import TrackedRunId


class ScopeKind(StrEnum):
    """What an automation watches."""

    PROJECT = "PROJECT"
    ARTIFACT_COLLECTION = "ARTIFACT_COLLECTION"
    ENTITY = "ENTITY"


class EventType(StrEnum):
    """What may happen."""

    CREATE_ARTIFACT = "CREATE_ARTIFACT"
    ADD_ARTIFACT_ALIAS = "ADD_ARTIFACT_ALIAS"
    ADD_ARTIFACT_TAG = "ADD_ARTIFACT_TAG"
    REMOVE_ARTIFACT_TAG = "REMOVE_ARTIFACT_TAG"
    ADD_COLLECTION_TAG = "ADD_COLLECTION_TAG"
    REMOVE_COLLECTION_TAG = "REMOVE_COLLECTION_TAG"
    LINK_MODEL = "LINK_MODEL"
    UNLINK_ARTIFACT = "UNLINK_ARTIFACT"
    RUN_METRIC = "RUN_METRIC"
    """A value, or a window's aggregate, passes a threshold."""
    RUN_METRIC_CHANGE = "RUN_METRIC_CHANGE"
    RUN_METRIC_ZSCORE = "RUN_METRIC_ZSCORE"
    RUN_STATE = "RUN_STATE"

    @property
    def is_metric(self) -> bool:
        """Whether values of a run's history decide."""
        return self in {EventType.RUN_METRIC, EventType.RUN_METRIC_CHANGE, EventType.RUN_METRIC_ZSCORE}

    @property
    def is_of_runs(self) -> bool:
        """Whether it happens to a run, not to an artifact."""
        return self.is_metric or self is EventType.RUN_STATE


class ActionType(StrEnum):
    """What an automation does."""

    GENERIC_WEBHOOK = "GENERIC_WEBHOOK"
    NOTIFICATION = "NOTIFICATION"
    """Shown on this server: an alert of the run, and an entry in the log."""
    NO_OP = "NO_OP"


@dataclass(frozen=True, slots=True)
class Automation:
    """A rule."""

    automation_id: int
    entity: str
    name: str
    """Unique in the entity."""
    description: str
    is_enabled: bool
    scope: ScopeKind
    scope_id: int
    """Project, collection or entity."""
    project_id: int | None
    """Project of the scope; None for an entity."""
    event_type: EventType
    event_filter: str
    """JSON as sent."""
    action_type: ActionType
    action: Mapping[str, Any]
    """Arguments of the action: `integration_id`, `request_payload`, `title`, `message`, `severity`."""
    user_name: str
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class WebhookIntegration:
    """Where webhooks of an entity go."""

    integration_id: int
    entity: str
    name: str
    url: str
    access_token_ref: str
    """Names the secret sent as bearer token, or empty."""
    secret_ref: str
    """Names the secret that signs requests, or empty."""
    created_at: float


@dataclass(frozen=True, slots=True)
class AutomationEvent:
    """Something that happened to an artifact or a run."""

    event_id: int
    event_type: EventType
    run_id: TrackedRunId | None
    version_id: int | None
    collection_id: int | None
    word: str
    """The alias, tag or state."""


class DeliveryState(StrEnum):
    """How an action went."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    """The server's settings do not allow it."""


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """An action that is to be performed."""

    automation_id: int
    occasion: str
    """The same one is performed once."""
    subject: str
    words: Mapping[str, str]
    """Values of template variables."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An entry of the log."""

    delivery_id: int
    automation_id: int
    subject: str
    words: Mapping[str, str]
    state: DeliveryState
    attempts: int
    detail: str
    """What came of it, secrets masked."""
    created_at: float
    due_at: float
    """When the next attempt is due, while it is pending."""
    ended_at: float | None
