"""The sign-in page of a server that demands keys: takes a key, keeps it in a cookie that scripts cannot read. And where invitations lead.

An invitation's page makes nothing when it is opened, since previews of messengers open links; its button makes the user's key, shows it
once and signs in.

What stands behind the hash of the address that was asked for (Kubeflow clients print `/#/runs/details/<id>`) is known to the browser
alone, which hands it on through redirects; a script puts it behind the address that the form leads back to.
"""

from __future__ import annotations

import asyncio
import html

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from penstock.api.credentials import COOKIE
from penstock.domain.errors import AccountDisabledError, NotFoundError
from penstock.server.security import SIGN_IN_PATH, KeyCheck
from penstock.tracking.invites import InviteService
from penstock.web.assets.urls import static_url
from penstock.web.render import SIGN_IN_WORDS, choose_theme
from penstock.web.texts.i18n import choose_language, translate

_COOKIE_SECONDS = 30 * 24 * 3600
_MOST_FIELDS, _FIELD_BYTES = 8, 64 * 1024
"""Of the form, which anybody may send: without them a stranger fills memory, and by files the disk."""
_FRAME = """<!doctype html>
<html lang="{language}" data-theme="{theme}"><head><meta charset="utf-8"><title>{title} - Penstock</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="{icon}" type="image/svg+xml"><link rel="stylesheet" href="{style}">
<script src="{script}" type="module"></script></head>
<body><main class="main sign-in" id="main">
<p class="brand"><img src="{icon}" alt="" width="24" height="24">Penstock</p>
<section class="card">
{body}</section></main></body></html>
"""
_FORM = """<form class="body stack" method="post" action="{action}" data-sign-in data-lost="{lost}">
<h1>{title}</h1>
<p class="muted">{explanation} <code>penstock env</code></p>
{problem}
<input type="hidden" name="next" value="{next}">
<div class="field"><label for="key">{label}</label>
<input id="key" name="key" type="password" autocomplete="current-password" required autofocus></div>
<div class="row"><button class="button primary">{title}</button></div></form>"""
_INVITATION = """<form class="body stack" method="post" data-lost="{lost}"><h1>{invitation}</h1><p>{for_you} <strong>{user}</strong></p>
<p class="muted">{makes_key}</p><div class="row"><button class="button primary" autofocus>{accept}</button></div></form>"""
_ACCEPTED = """<div class="body stack"><h1>{accepted}</h1><p>{new_key}</p>
<div class="code-block"><pre tabindex="0" aria-label="{label}"><code>{key}</code></pre></div>
<div class="row"><a class="button primary" href="/ui/home">{go_on}</a></div></div>"""


def sign_in_routes(key_check: KeyCheck, invites: InviteService | None = None) -> list[Route]:
    """Return the pages' routes; `key_check` decides which keys are good."""

    async def show(request: Request) -> Response:
        return _page(request, "", _inside(request.query_params.get("next", "/")))

    async def sign_in(request: Request) -> Response:
        form = await request.form(max_files=0, max_fields=_MOST_FIELDS, max_part_size=_FIELD_BYTES)
        key, target = str(form.get("key", "")).strip(), _inside(str(form.get("next", "/")))
        try:
            caller = await key_check(key)
        except AccountDisabledError:
            return _page(request, SIGN_IN_WORDS["disabled"], target, status=401)
        if caller is None:
            return _page(request, SIGN_IN_WORDS["wrong"], target, status=401)
        answer = RedirectResponse(target, status_code=303)
        _keep(request, answer, key)
        return answer

    async def sign_out(request: Request) -> Response:
        answer = RedirectResponse(SIGN_IN_PATH, status_code=303)
        answer.delete_cookie(COOKIE)
        return answer

    found = [
        Route(SIGN_IN_PATH, show, methods=["GET"]),
        Route(SIGN_IN_PATH, sign_in, methods=["POST"]),
        Route(SIGN_IN_PATH + "/out", sign_out, methods=["POST"]),
    ]
    return found if invites is None else [*found, *_invite_routes(invites)]


def _invite_routes(invites: InviteService) -> list[Route]:
    path = SIGN_IN_PATH + "/invite/{token}"

    async def show(request: Request) -> Response:
        try:
            invite = await asyncio.to_thread(invites.find, request.path_params["token"])
        except NotFoundError:
            return _page(request, SIGN_IN_WORDS["spent"], "/", status=404)
        return _framed(request, _INVITATION, user=invite.user_name)

    async def accept(request: Request) -> Response:
        try:
            made = await asyncio.to_thread(invites.accept, request.path_params["token"])
        except NotFoundError:
            return _page(request, SIGN_IN_WORDS["spent"], "/", status=404)
        answer = _framed(request, _ACCEPTED, key=made.text)
        answer.headers["cache-control"] = "no-store"
        _keep(request, answer, made.text)
        return answer

    return [Route(path, show, methods=["GET"]), Route(path, accept, methods=["POST"])]


def _keep(request: Request, answer: Response, key: str) -> None:
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, key, max_age=_COOKIE_SECONDS, httponly=True, samesite="lax", secure=secure)


def _inside(target: str) -> str:
    """Return `target` if it is a path on this server, else the start page (no open redirects)."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"


def _page(request: Request, message: str, target: str, *, status: int = 200) -> Response:
    language = _language(request)
    problem = f'<p class="banner bad" role="alert">{html.escape(translate(language, message))}</p>' if message else ""
    answer = _framed(request, _FORM.replace("{problem}", problem), action=SIGN_IN_PATH, next=target)
    answer.status_code = status
    return answer


def _framed(request: Request, body: str, **values: str) -> Response:
    """Answer with a page whose words are in the reader's language; `values` are escaped."""
    language = _language(request)
    words = {name: html.escape(translate(language, text)) for name, text in SIGN_IN_WORDS.items()}
    files = {"icon": static_url("favicon.svg"), "style": static_url("css/app.css"), "script": static_url("js/sign_in.js")}
    inner = body.format(**words, **{name: html.escape(value, quote=True) for name, value in values.items()})
    theme = choose_theme(request.cookies.get("penstock_theme"))
    return HTMLResponse(_FRAME.format(language=language, theme=theme, title=words["title"], body=inner, **files))


def _language(request: Request) -> str:
    return choose_language(request.cookies.get("penstock_lang"), request.headers.get("accept-language", ""))
