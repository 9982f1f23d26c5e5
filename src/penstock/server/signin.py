"""The sign-in page of a server that demands keys: takes a key, keeps it in a cookie that scripts cannot read.

What stands behind the hash of the address that was asked for (Kubeflow clients print `/#/runs/details/<id>`) is known to the browser
alone, which hands it on through redirects; a script puts it behind the address that the form leads back to.
"""

from __future__ import annotations

import html

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from penstock.server.security import COOKIE, SIGN_IN_PATH, KeyCheck
from penstock.web.i18n import choose_language, translate
from penstock.web.render import SIGN_IN_WORDS
from penstock.web.static_urls import static_url

_COOKIE_SECONDS = 30 * 24 * 3600
_PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><title>{title} - Penstock</title><meta name="viewport" content="width=device-width">
<link rel="icon" href="{icon}" type="image/svg+xml"><link rel="stylesheet" href="{style}">
<script src="{script}" type="module"></script></head>
<body><main class="main sign-in" id="main"><section class="card">
<form class="body stack" method="post" action="{action}" data-sign-in>
<h1>{title}</h1>
<p class="muted">{explanation} <code>penstock env</code></p>
{problem}
<input type="hidden" name="next" value="{next}">
<div class="field"><label for="key">{label}</label>
<input id="key" name="key" type="password" autocomplete="current-password" required autofocus></div>
<div class="row"><button class="button primary">{title}</button></div></form></section></main></body></html>
"""


def sign_in_routes(key_check: KeyCheck) -> list[Route]:
    """Return the page's routes; `key_check` decides which keys are good."""

    async def show(request: Request) -> Response:
        return _page(request, "", _inside(request.query_params.get("next", "/")))

    async def sign_in(request: Request) -> Response:
        form = await request.form()
        key, target = str(form.get("key", "")).strip(), _inside(str(form.get("next", "/")))
        if not await key_check(key):
            return _page(request, SIGN_IN_WORDS["wrong"], target, status=401)
        answer = RedirectResponse(target, status_code=303)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, key, max_age=_COOKIE_SECONDS, httponly=True, samesite="lax", secure=secure)
        return answer

    return [Route(SIGN_IN_PATH, show, methods=["GET"]), Route(SIGN_IN_PATH, sign_in, methods=["POST"])]


def _inside(target: str) -> str:
    """Return `target` if it is a path on this server, else the start page (no open redirects)."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"


def _page(request: Request, message: str, target: str, *, status: int = 200) -> Response:
    language = choose_language(request.cookies.get("penstock_lang"), request.headers.get("accept-language", ""))
    words = {name: html.escape(translate(language, SIGN_IN_WORDS[name])) for name in ("title", "explanation", "label")}
    problem = f'<p class="banner bad" role="alert">{html.escape(translate(language, message))}</p>' if message else ""
    files = {"icon": static_url("favicon.svg"), "style": static_url("css/app.css"), "script": static_url("js/sign_in.js")}
    text = _PAGE.format(
        language=language, problem=problem, action=SIGN_IN_PATH, next=html.escape(target, quote=True), **words, **files
    )
    return HTMLResponse(text, status_code=status)
