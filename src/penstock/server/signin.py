"""The sign-in page of a server that demands keys: takes a key, keeps it in a cookie that scripts cannot read."""

from __future__ import annotations

import html

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from penstock.server.security import COOKIE, SIGN_IN_PATH, KeyCheck

_COOKIE_SECONDS = 30 * 24 * 3600
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in - Penstock</title><meta name="viewport" content="width=device-width"></head>
<body><main><h1>Sign in</h1>
<p>This server asks for an API key. On its machine, <code>penstock env</code> prints one.</p>
<p role="alert">{message}</p>
<form method="post" action="{action}">
<input type="hidden" name="next" value="{next}">
<p><label>API key <input name="key" type="password" autocomplete="current-password" required autofocus></label></p>
<p><button>Sign in</button></p></form></main></body></html>
"""


def sign_in_routes(key_check: KeyCheck) -> list[Route]:
    """Return the page's routes; `key_check` decides which keys are good."""

    async def show(request: Request) -> Response:
        return _page("", _inside(request.query_params.get("next", "/")))

    async def sign_in(request: Request) -> Response:
        form = await request.form()
        key, target = str(form.get("key", "")).strip(), _inside(str(form.get("next", "/")))
        if not await key_check(key):
            return _page("This key is not valid.", target, status=401)
        answer = RedirectResponse(target, status_code=303)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, key, max_age=_COOKIE_SECONDS, httponly=True, samesite="lax", secure=secure)
        return answer

    return [Route(SIGN_IN_PATH, show, methods=["GET"]), Route(SIGN_IN_PATH, sign_in, methods=["POST"])]


def _inside(target: str) -> str:
    """Return `target` if it is a path on this server, else the start page (no open redirects)."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"


def _page(message: str, target: str, *, status: int = 200) -> Response:
    text = _PAGE.format(message=html.escape(message), action=SIGN_IN_PATH, next=html.escape(target, quote=True))
    return HTMLResponse(text, status_code=status)
