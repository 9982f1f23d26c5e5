"""The lineage graph over HTTP, for programs: `GET /apis/penstock/v1/lineage`."""

from penstock.api.lineage.routes import LineageServices, routes

__all__ = ["LineageServices", "routes"]
