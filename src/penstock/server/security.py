"""ASGI middleware at the door: who may ask, from where, and what browsers may do with the answers.

Rules, in order:
1. The `Host` must be a name of this server. A page of another site that points its own name to 127.0.0.1 (DNS rebinding) is
   refused with 421. Numeric addresses cannot be rebound; they are accepted when the server listens beyond loopback.
2. A request that changes something and carries an `Origin` (every browser sends one) must come from this server's own pages.
3. When the server listens beyond loopback, every request needs a key: `Authorization: Bearer KEY`, Basic with the key as password,
   `x-api-key: KEY`, or the cookie of the sign-in page. Browsers that ask for a page without one are led to the sign-in page.
4. Every answer carries headers that keep browsers from sniffing, framing and running inline script, unless the page set its own.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import ipaddress
from collections.abc import Awaitable, Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.api.http import envelope
from penstock.server.config import is_loopback_host

KeyCheck = Callable[[str], Awaitable[bool]]
"""Whether a key is valid now."""

COOKIE = "penstock_key"
SIGN_IN_PATH = "/signin"
_HEALTH = tuple(f"{prefix}/apis/{version}/healthz" for prefix in ("", "/pipeline") for version in ("v1beta1", "v2beta1"))
"""kfp clients ask these first and retry any refusal for half a minute; the next call tells them about a missing or wrong key at once."""
_OPEN_PATHS = frozenset({"/healthz", *_HEALTH, SIGN_IN_PATH, "/favicon.ico", "/s3"})
_OPEN_PREFIXES = ("/static/", "/s3/", "/files/", "/storage/", "/apis/penstock/v1/hooks/")
"""Without a key at the door: public files, and what checks a signature, key or token itself."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_GRPC_CODES = {401: 16, 403: 7, 421: 7}
"""UNAUTHENTICATED and PERMISSION_DENIED."""
_ANSWER_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)


class Door:
    """The middleware described at the top of this module."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], accept_addresses: bool, key_check: KeyCheck | None) -> None:
        """Guard `app`.

        Args:
            app: what is guarded.
            hosts: names of this server beside the loopback ones.
            accept_addresses: accept any numeric address as host (the server listens beyond loopback).
            key_check: when given, every request needs a key that it accepts.
        """
        self._app = app
        self._hosts = frozenset(host.lower().strip("[]") for host in hosts if host)
        self._accept_addresses = accept_addresses
        self._key_check = key_check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse or pass on one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = await self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, receive, send_guarded)

    async def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(host):
            advice = "add it to PENSTOCK_SERVER_ALLOWED_HOSTS"
            return _error(scope, 421, f"this server does not answer to the host name {_bare(host)!r}; {advice}")
        origin = headers.get("origin")
        if scope["method"] not in _SAFE_METHODS and origin is not None and not self._is_own_origin(origin):
            return _error(scope, 403, f"requests from pages of {origin!r} are not accepted")
        if self._key_check is None or scope["path"] in _OPEN_PATHS or scope["path"].startswith(_OPEN_PREFIXES):
            return None
        for key in keys_of(headers):
            if await self._key_check(key):
                return None
        if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            back = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
            return RedirectResponse(f"{SIGN_IN_PATH}?next={quote(back, safe='')}", status_code=303)
        return _error(scope, 401, "this server needs an API key; `penstock env` on its machine prints one")

    def _is_ours(self, host: str) -> bool:
        name = _bare(host)
        if is_loopback_host(name) or name in self._hosts:
            return True
        return self._accept_addresses and _is_address(name)

    def _is_own_origin(self, origin: str) -> bool:
        parts = urlsplit(origin)
        return parts.scheme in {"http", "https"} and self._is_ours(parts.netloc)


def keys_of(headers: Headers) -> list[str]:
    """Return the keys that a request offers, in the order in which they are tried."""
    found: list[str] = []
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        found.append(value.strip())
    elif scheme.lower() == "basic":
        with contextlib.suppress(binascii.Error, UnicodeDecodeError):
            found.append(base64.b64decode(value, validate=True).decode("utf-8").partition(":")[2])
    if key := headers.get("x-api-key"):
        found.append(key)
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        cookie = None
    if cookie is not None:
        found.append(cookie.value)
    return [key for key in found if key]


def _bare(host: str) -> str:
    """Return `host` without port, brackets and case."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _add_headers(headers: MutableHeaders) -> None:
    for name, value in _ANSWER_HEADERS.items():
        headers.setdefault(name, value)
    if headers.get("content-type", "").startswith("text/html"):
        headers.setdefault("content-security-policy", _PAGE_POLICY)


def _error(scope: Scope, status: int, message: str) -> Response:
    """Return a refusal; clients of pipelines get the envelope of their protocol."""
    headers = {"www-authenticate": 'Basic realm="penstock"'} if status == 401 else None
    is_pipelines = scope["path"].startswith(("/apis/", "/pipeline/apis/"))
    body = envelope(_GRPC_CODES[status], message) if is_pipelines else {"error": message, "message": message}
    return JSONResponse(body, status_code=status, headers=headers)
