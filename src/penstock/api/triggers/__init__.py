"""Event triggers, their webhooks and backfills over HTTP: `/apis/penstock/v1/triggers`, `.../hooks`, `.../recurringruns/{id}/backfills`."""

from penstock.api.triggers.routes import HOOKS, TriggerApi, routes

__all__ = ["HOOKS", "TriggerApi", "routes"]
