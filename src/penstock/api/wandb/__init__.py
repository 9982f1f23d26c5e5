"""The W&B protocol: GraphQL, file streams, run files, artifacts. `busy_routes` and `routes` are all that the server needs."""

from __future__ import annotations

from penstock.api.wandb.routes import busy_routes, routes
from penstock.api.wandb.services import WandbServices

__all__ = ["WandbServices", "busy_routes", "routes"]
