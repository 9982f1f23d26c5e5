"""Which object a page is about, read from its address; the start page lists what its reader opened last."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from penstock.api.objects_seen import note_opened
from penstock.web.reports.names import report_id_of

_PROJECT = r"/(?!ui/|flows/)([^/]+/[^/]+)"
_PAGES: Sequence[tuple[str, re.Pattern[str]]] = (
    ("run", re.compile(r"/ui/runs/(?!new$|export$|values$)([^/]+)")),
    ("pipeline", re.compile(r"/ui/pipelines/([^/]+)")),
    ("experiment", re.compile(r"/ui/experiments/([^/]+)")),
    ("recurring", re.compile(r"/ui/recurring/(?!new-trigger$)([^/]+)")),
    ("artifact", re.compile(r"/ui/artifacts/(\d+)")),
    ("flow", re.compile(r"/flows/([^/]+/[^/]+)(?:/.*)?")),
    ("tracked", re.compile(rf"{_PROJECT}(/runs/[^/]+)(?:/.*)?")),
    ("collection", re.compile(rf"{_PROJECT}(/artifacts/[^/]+/[^/]+)(?:/.*)?")),
    ("sweep", re.compile(rf"{_PROJECT}(/sweeps/[^/]+)")),
    ("report", re.compile(rf"{_PROJECT}(/reports/(?!new$)[^/]+)")),
    ("project", re.compile(rf"{_PROJECT}(?:/(?:workspace|overview|runs|table|sweeps|reports|automations|artifacts(?:/[^/]+)?))?")),
)
_ADDRESSES = {
    "run": "/ui/runs/", "pipeline": "/ui/pipelines/", "experiment": "/ui/experiments/", "recurring": "/ui/recurring/",
    "artifact": "/ui/artifacts/", "flow": "/flows/",
}  # fmt: skip


def object_of(path: str) -> tuple[str, str] | None:
    """Return kind and id (as in `interfaces.recent_objects`) of what the page at `path` is about; None for lists and everything else."""
    for kind, pattern in _PAGES:
        if match := pattern.fullmatch(path):
            found = "".join(match.groups())
            if kind != "report":
                return kind, found
            place, _, name = found.rpartition("/")
            report_id = report_id_of(name)
            return (kind, f"{place}/{report_id}") if report_id is not None else None
    return None


def address_of_object(kind: str, object_id: str) -> str:
    """Return where the page of an object is."""
    return f"{_ADDRESSES.get(kind, '/')}{quote(object_id)}"


def is_live_patch(request: Request) -> bool:
    """Whether an open page fetches itself again to stay up to date (`live.js`): no person asked for anything."""
    return request.headers.get("x-live") == "1"


def note_page(request: Request, response: Response) -> None:
    """Say which object the request opened, when it was for a whole page that is there, by a person."""
    headers = request.headers
    is_page = request.method == "GET" and response.status_code == 200 and response.headers.get("content-type", "").startswith("text/html")
    if not is_page or "hx-request" in headers or is_live_patch(request) or "text/html" not in headers.get("accept", ""):
        return
    if found := object_of(request.url.path):
        note_opened(request.scope, *found)
