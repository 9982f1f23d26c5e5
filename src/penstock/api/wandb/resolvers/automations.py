"""Automations (triggers on the wire) and integrations, as `wandb.automations` of 0.24.2 and 0.31.0 asks for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.api.wandb import connections, ids
from penstock.api.wandb.context import RequestContext
from penstock.api.wandb.fields import FieldTable
from penstock.api.wandb.nodes import OrganizationNode, ProjectNode, collection_node
from penstock.api.wandb.resolvers.accounts import context_of
from penstock.api.wandb.resolvers.collections import COLLECTION_IDS
from penstock.api.wandb.resolvers.projects import project_by_id
from penstock.domain.accounts import Entity
from penstock.domain.automations import ActionType, Automation, ScopeKind, WebhookIntegration
from penstock.domain.errors import AlreadyExistsError, InvalidArgumentError, NotFoundError
from penstock.domain.tracking import TrackedProjectId
from penstock.tracking.accounts import ORGANIZATION_ENTITY
from penstock.tracking.automations import AutomationScope

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

Input = dict[str, Any]
_CONFLICT = 409
_MISSING = 404
_CHANNEL = "alerts"


@dataclass(frozen=True, slots=True)
class SlackNode:
    """Where notifications go: nothing is posted to Slack, the alerts of this server show them."""

    entity_id: int
    wire_type: str = "SlackIntegration"


@dataclass(frozen=True, slots=True)
class ActionNode:
    """What an automation does, in an answer."""

    automation: Automation

    @property
    def wire_type(self) -> str:
        """Its GraphQL type."""
        return {
            ActionType.GENERIC_WEBHOOK: "GenericWebhookTriggeredAction", ActionType.NOTIFICATION: "NotificationTriggeredAction",
            ActionType.NO_OP: "NoOpTriggeredAction",
        }[self.automation.action_type]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ConditionNode:
    """What an automation waits for, in an answer."""

    automation: Automation
    wire_type: str = "FilterEventTriggeringCondition"


def create_trigger(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Make an automation; a name that is taken is answered with HTTP 409, by which clients know it."""
    context = context_of(info)
    scope = _scope(context, input["scope_type"], input["scope_id"])
    try:
        made = context.services.automations.create(
            scope,
            name=input["name"],
            description=input.get("description") or "",
            is_enabled=bool(input["enabled"]),
            event_type=input["triggering_event_type"],
            event_filter=input["event_filter"],
            action_type=input["triggered_action_type"],
            action=_action(context, scope.entity, input["triggered_action_type"], input["triggered_action_config"]),
            user_name=context.caller.user_name,
        )
    except AlreadyExistsError:
        context.http_status = _CONFLICT
        raise
    return {"trigger": made}


def update_trigger(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Change an automation; one that does not exist is answered with HTTP 404, by which clients know it."""
    context = context_of(info)
    known = _existing(context, input["id"])
    scope = _scope(context, input["scope_type"], input["scope_id"]) if input.get("scope_type") and input.get("scope_id") else None
    config, kind = input.get("triggered_action_config"), input.get("triggered_action_type") or known.action_type.value
    try:
        changed = context.services.automations.change(
            known.automation_id,
            scope=scope,
            name=input.get("name"),
            description=input.get("description"),
            is_enabled=input.get("enabled"),
            event_type=input.get("triggering_event_type"),
            event_filter=input.get("event_filter"),
            action_type=input.get("triggered_action_type"),
            action=None if config is None else _action(context, scope.entity if scope else known.entity, kind, config),
        )
    except AlreadyExistsError:
        context.http_status = _CONFLICT
        raise
    return {"trigger": changed}


def delete_trigger(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Delete an automation."""
    context = context_of(info)
    known = _existing(context, input["trigger_id"])
    done = context.services.automations.delete(known.automation_id)
    return {"success": done}


def create_webhook(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Note where webhooks of an entity go."""
    context = context_of(info)
    entity = context.services.accounts.open_for_writing(context.caller, input["entity_name"])
    try:
        made = context.services.automations.create_integration(
            entity,
            name=input["name"],
            url=input["url_endpoint"],
            access_token_ref=input.get("access_token_ref") or "",
            secret_ref=input.get("secret_ref") or "",
        )
    except AlreadyExistsError:
        context.http_status = _CONFLICT
        raise
    return {"integration": made}


def _existing(context: RequestContext, wire_id: str) -> Automation:
    known = context.services.automations.get(ids.number(wire_id, "Trigger"))
    if known is None or not context.can_read(known.entity):
        context.http_status = _MISSING
        raise NotFoundError("no such automation")
    context.services.accounts.check_writable(context.caller, known.entity)
    return known


def _scope(context: RequestContext, kind: str, wire_id: str) -> AutomationScope:
    """Return what is to be watched, which the caller must be allowed to change."""
    services = context.services
    if kind == ScopeKind.PROJECT:
        project = project_by_id(context, wire_id)
        scope = AutomationScope(ScopeKind.PROJECT, project.project_id, project.entity, project.project_id)
    elif kind == ScopeKind.ARTIFACT_COLLECTION:
        collection = services.collections.get(ids.number(wire_id, *COLLECTION_IDS))
        if collection is None or not context.can_read(collection.entity):
            raise NotFoundError("no such artifact collection")
        scope = AutomationScope(ScopeKind.ARTIFACT_COLLECTION, collection.collection_id, collection.entity, collection.project_id)
    else:
        entity = services.accounts.entity_by_id(ids.number(wire_id, "Entity"))
        if entity is None or not context.can_read(entity.name):
            raise NotFoundError("no such entity")
        scope = AutomationScope(ScopeKind.ENTITY, entity.entity_id, entity.name)
    services.accounts.check_writable(context.caller, scope.entity)
    return scope


def _action(context: RequestContext, entity: str, kind: str, config: Input) -> Mapping[str, Any]:
    """Return the arguments of an action in the form in which they are kept."""
    if kind == ActionType.GENERIC_WEBHOOK:
        webhook = config.get("generic_webhook_action_input") or {}
        number = ids.number(webhook.get("integration_id") or "", "GenericWebhookIntegration")
        return {"integration_id": number, "request_payload": webhook.get("request_payload")}
    if kind == ActionType.NOTIFICATION:
        notice = config.get("notification_action_input") or {}
        owner = context.services.accounts.entity(entity)
        if owner is None or ids.number(notice.get("integration_id") or "", "SlackIntegration") != owner.entity_id:
            raise InvalidArgumentError(f"{entity!r} has no such notification channel")
        return {name: notice.get(name) for name in ("title", "message", "severity")}
    return {}


def _connection(
    context: RequestContext, entity: str, *, after: str | None, first: int | None, filters: str | None, order: str | None
) -> dict[str, Any]:
    wanted = json.loads(filters) if filters else {}
    found = context.services.automations.list(entity=entity, name=wanted.get("name")) if context.can_read(entity) else []
    return connections.cut(list(reversed(found)) if (order or "").startswith("-") else list(found), after, first)


def _entity_triggers(
    entity: Entity,
    info: GraphQLResolveInfo,
    *,
    after: str | None = None,
    first: int | None = None,
    order: str | None = None,
    filters: str | None = None,
) -> dict[str, Any]:
    return _connection(context_of(info), entity.name, after=after, first=first, filters=filters, order=order)


def _organization_triggers(
    node: OrganizationNode,
    info: GraphQLResolveInfo,
    *,
    after: str | None = None,
    first: int | None = None,
    order: str | None = None,
    filters: str | None = None,
) -> dict[str, Any]:
    return _connection(context_of(info), ORGANIZATION_ENTITY, after=after, first=first, filters=filters, order=order)


def _integrations(entity: Entity, info: GraphQLResolveInfo, *, after: str | None = None, first: int | None = None) -> dict[str, Any]:
    context = context_of(info)
    if not context.can_read(entity.name):
        return connections.page([], offset=0, total=0)
    return connections.cut([SlackNode(entity.entity_id), *context.services.automations.integrations(entity.name)], after, first)


def _trigger_scope(automation: Automation, info: GraphQLResolveInfo) -> Any:
    context = context_of(info)
    if automation.scope is ScopeKind.ARTIFACT_COLLECTION:
        collection = context.services.collections.get(automation.scope_id)
        return None if collection is None else collection_node(context, collection)
    if automation.scope is ScopeKind.PROJECT:
        project = context.wait(context.services.projects.get_by_id(TrackedProjectId(automation.scope_id)))
        return None if project is None else ProjectNode(project)
    return context.services.accounts.entity_by_id(automation.scope_id)


def _filter(node: ConditionNode, info: GraphQLResolveInfo) -> str:
    # What is saved of an artifact event is wrapped once more than what is asked for; conditions on runs are not.
    automation = node.automation
    return automation.event_filter if automation.event_type.is_of_runs else json.dumps({"filter": automation.event_filter})


def _webhook(node: ActionNode, info: GraphQLResolveInfo) -> WebhookIntegration:
    found = context_of(info).services.automations.integration(int(node.automation.action["integration_id"]))
    # An integration that is gone still has its number.
    return found or WebhookIntegration(int(node.automation.action["integration_id"]), node.automation.entity, "", "", "", "", 0.0)


def _channel(node: ActionNode, info: GraphQLResolveInfo) -> SlackNode:
    owner = context_of(info).services.accounts.entity(node.automation.entity)
    return SlackNode(0 if owner is None else owner.entity_id)


def _argument(name: str) -> Any:
    return lambda node, info: node.automation.action.get(name)


FIELDS: FieldTable = {
    "Mutation": {
        "createFilterTrigger": create_trigger, "updateFilterTrigger": update_trigger, "deleteTrigger": delete_trigger,
        "createGenericWebhookIntegration": create_webhook,
    },
    "Project": {"triggers": lambda node, info: context_of(info).services.automations.list(project_id=node.project.project_id)},
    "Entity": {"triggers": _entity_triggers, "integrations": _integrations},
    "Organization": {"triggers": _organization_triggers},
    "Trigger": {
        "id": lambda automation, info: ids.encode("Trigger", automation.automation_id),
        "enabled": lambda automation, info: automation.is_enabled,
        "scope": _trigger_scope,
        "triggeringCondition": lambda automation, info: ConditionNode(automation),
        "triggeredAction": lambda automation, info: ActionNode(automation),
    },
    "FilterEventTriggeringCondition": {"eventType": lambda node, info: node.automation.event_type.value, "filter": _filter},
    "GenericWebhookTriggeredAction": {"integration": _webhook, "requestPayload": _argument("request_payload")},
    "NotificationTriggeredAction": {
        "integration": _channel, "title": _argument("title"), "message": _argument("message"), "severity": _argument("severity"),
    },
    "NoOpTriggeredAction": {"noOp": lambda node, info: True},
    "GenericWebhookIntegration": {
        "id": lambda entry, info: ids.encode("GenericWebhookIntegration", entry.integration_id),
        "urlEndpoint": lambda entry, info: entry.url,
    },
    "SlackIntegration": {
        "id": lambda node, info: ids.encode("SlackIntegration", node.entity_id),
        "teamName": lambda node, info: "penstock",
        "channelName": lambda node, info: _CHANNEL,
    },
}  # fmt: skip
