"""Namespaces: one name that narrows Home and the lists, whichever client's word it is.

The name is a `namespace` of kfp, an entity of wandb, a user of Metaflow (`user:NAME`). It stands in the address (`?namespace=ann`), so that
a copied link, an export and an action on all rows mean what the page showed; and it is remembered in a cookie, from which addresses
without it are completed. It is a view, no wall: who may see what is decided elsewhere.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from penstock.web.opened import is_live_patch

COOKIE = "penstock_namespace"
PARAMETER = "namespace"
NARROWED = frozenset(
    {
        "/ui/home", "/ui/pipelines", "/ui/experiments", "/ui/runs", "/ui/recurring", "/ui/executions", "/ui/artifacts", "/ui/projects",
        "/ui/registry", "/flows",
    }
)  # fmt: skip
"""Pages that show one namespace alone."""
HOME = "/ui/home"
_MAX_NAME = 128
_YEAR = 365 * 24 * 3600


def namespace_of(request: Request) -> str:
    """Return the namespace that the reader is in; empty: all."""
    asked = request.query_params.get(PARAMETER) if request.url.path in NARROWED else None
    return (unquote(request.cookies.get(COOKIE, "")) if asked is None else asked)[:_MAX_NAME]


def completed(request: Request) -> str | None:
    """Return the address of the page in the remembered namespace, None when the page is right as asked for."""
    query = request.query_params
    if request.method != "GET" or request.url.path not in NARROWED or PARAMETER in query or not namespace_of(request):
        return None
    return f"{request.url.path}?{urlencode([*query.multi_items(), (PARAMETER, namespace_of(request))])}"


def remember(request: Request, response: Response) -> None:
    """Keep the namespace that the address asks for; an empty one forgets it.

    A page that stays open in one namespace, and brings itself up to date, leaves the choice that its reader made elsewhere meanwhile.
    """
    if is_live_patch(request) or request.method != "GET" or request.url.path not in NARROWED or PARAMETER not in request.query_params:
        return
    name = quote(namespace_of(request))
    if name == request.cookies.get(COOKIE, ""):
        return
    if name:
        response.set_cookie(COOKIE, name, max_age=_YEAR, path="/", samesite="lax", httponly=True)
    else:
        response.delete_cookie(COOKIE, path="/")


def address_in(here: str, name: str) -> str:
    """Return the address of the page at `here` in a namespace; Home for pages that are not narrowed."""
    parts = urlsplit(here)
    if parts.path not in NARROWED:
        return f"{HOME}?{urlencode({PARAMETER: name})}"
    kept = [(key, value) for key, value in parse_qsl(parts.query) if key not in {PARAMETER, "cursor", "offset"}]
    return f"{parts.path}?{urlencode([*kept, (PARAMETER, name)])}"
