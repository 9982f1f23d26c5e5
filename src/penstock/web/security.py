"""What browsers may do with our pages, and how content from tasks is kept in a box.

Pages allow script and style from our own files only: no inline script, no inline style, no other site. Content that tasks or users
stored (HTML, SVG, Markdown, images) is served with a policy of its own whose `sandbox` gives it an opaque origin: script in it can
draw, but reaches neither our cookies, storage and API nor the network. Forms that change something must come from our own pages.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request

from penstock.domain.errors import PermissionDeniedError

PAGE_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; "
        "media-src 'self' blob:; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'; "
        "worker-src 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}

def page_headers(request: Request) -> dict[str, str]:
    """Return the headers of a page. None of ours stands in a frame, so that content in a box cannot put one into its place; only a tracked
    run does that one of our own pages embeds (`?kfp=true`).
    """
    is_from_here = request.headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}
    if request.query_params.get("kfp") != "true" or not is_from_here:
        return PAGE_HEADERS
    policy = PAGE_HEADERS["content-security-policy"].replace("frame-ancestors 'none'", "frame-ancestors 'self'")
    return PAGE_HEADERS | {"content-security-policy": policy}


BOX_HEADERS = {
    "content-security-policy": (
        "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' data: blob:; style-src 'unsafe-inline' data:; "
        "img-src data: blob:; font-src data:; media-src data: blob:; connect-src data: blob:; worker-src blob:; form-action 'none'; "
        "base-uri 'none'; frame-src data: blob:; frame-ancestors 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "private, max-age=3600",
}
"""For content that may run script in its box (HTML reports)."""

STILL_HEADERS = BOX_HEADERS | {
    "content-security-policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; form-action 'none'; "
        "base-uri 'none'; frame-ancestors 'self'"
    )
}
"""For content that never needs script (SVG, Markdown, raw files)."""

PAPER_HEADERS = BOX_HEADERS | {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'none'; base-uri 'none'",
}
"""For PDF alone: a sandbox would keep the browser's own viewer away. Its type is fixed, so nothing in it is read as a page."""


def check_own_form(request: Request) -> None:
    """Accept a changing request only from our own pages.

    Browsers send `Origin` with every POST and `Sec-Fetch-Site` where they know it; one of them has to say that the page was ours.

    Raises:
        PermissionDeniedError: neither header names this server.
    """
    origin = request.headers.get("origin")
    if origin is not None:
        if origin != "null" and urlsplit(origin).netloc == request.headers.get("host", ""):
            return
    elif request.headers.get("sec-fetch-site") == "same-origin":
        return
    raise PermissionDeniedError("this form was not sent from a page of this server")


def safe_next(target: str | None, fallback: str) -> str:
    """Return `target` if it is a path on this server, else `fallback`; keeps redirects from leaving."""
    if target and target.startswith("/") and not target.startswith(("//", "/\\")):
        return target
    return fallback
