"""The dropdown of namespaces in the top bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from penstock.web.lists.namespaces import address_in, namespace_of
from penstock.web.render import render_part
from penstock.web.services.tracking import readable_by
from penstock.web.services.web import WebServices

_MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class NamespaceChoice:
    """One name to choose."""

    name: str
    address: str
    words: Sequence[str]
    """Clients that know the name."""


@dataclass(frozen=True, slots=True)
class NamespacesPart:
    """Context of `shared/namespaces.html`."""

    choices: Sequence[NamespaceChoice]
    here: str
    """The one that the reader is in; empty: all."""
    all_address: str
    hidden: int
    """How many are not listed."""


async def switcher_part(services: WebServices, request: Request) -> Response:
    """Names that pipelines, flows and readable projects have; choosing one opens the page at `?of=` in it."""
    here = request.query_params.get("of", "")
    found: dict[str, set[str]] = {}
    for client, names in (await services.home.namespaces()).items():
        for name in names:
            found.setdefault(name, set()).add(client)
    if services.tracking is not None:
        readable = readable_by(services.tracking, request)
        projects = [*await services.tracking.pages.projects(), *await services.tracking.pages.projects(registries=True)]
        for entity in {project.entity for project in projects}:
            if readable(entity):
                found.setdefault(entity, set()).add("wandb")
    names = sorted(found, key=str.lower)
    choices = [NamespaceChoice(name, address_in(here, name), sorted(found[name])) for name in names[:_MOST_SHOWN]]
    part = NamespacesPart(choices, namespace_of(request), address_in(here, ""), max(0, len(names) - _MOST_SHOWN))
    return render_part(services, request, "shared/namespaces.html", part=part)
