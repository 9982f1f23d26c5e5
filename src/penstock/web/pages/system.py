"""The System page: version, process, storage, settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from penstock.interfaces.page_catalog import TableSize
from penstock.web.render import Crumb, Frame, render
from penstock.web.services import WebServices


@dataclass(frozen=True, slots=True)
class SystemPage:
    """Context of `system/system.html`."""

    version: str
    """Of this program."""
    url: str
    """Address that clients use."""
    facts: Mapping[str, Any]
    """What the process says about itself."""
    tables: Sequence[TableSize]
    """Rows per table."""
    database_bytes: int
    artifact_bytes: int
    """Distinct contents only."""


async def system_page(services: WebServices, request: Request) -> Response:
    """How the server is doing."""
    tables, database_bytes, artifact_bytes = await services.home.sizes()
    page = SystemPage(services.version, services.url, services.facts(), tables, database_bytes, artifact_bytes)
    return render(services, request, "system/system.html", frame=Frame("System", "system", (Crumb("System"),)), page=page)
