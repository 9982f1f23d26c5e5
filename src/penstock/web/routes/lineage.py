"""Addresses of the lineage page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from penstock.lineage.service import LineageService, Readable
from penstock.web.errors import guarded
from penstock.web.pages.artifacts import lineage, lineage_panel
from penstock.web.services.web import WebServices


def routes(services: WebServices, graph: LineageService, readable: Callable[[Request], Readable]) -> list[BaseRoute]:
    """Return the routes of the lineage page, of the data behind its drawing, of its table, and of the panel beside it."""
    return [
        Route("/ui/lineage", guarded(services, partial(lineage.lineage_page, services, graph, readable))),
        Route("/ui/lineage/panel", guarded(services, partial(lineage_panel.panel_part, services, graph, readable))),
        Route("/ui/lineage/table", guarded(services, partial(lineage.table_part, services, graph, readable))),
        Route("/ui/lineage/graph", guarded(services, partial(lineage.graph_data, services, graph, readable))),
    ]
