"""The W&B protocol: GraphQL, file streams, run files, artifacts. `routes(services)` is all that the server needs."""

from __future__ import annotations

from penstock.api.wandb.routes import routes
from penstock.api.wandb.services import WandbServices

__all__ = ["WandbServices", "routes"]
