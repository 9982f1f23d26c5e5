"""ASGI middleware at the door: who may ask, from where, and what browsers may do with the answers.

Rules, in order:
1. The `Host` must be a name of this server. A page of another site that points its own name to 127.0.0.1 (DNS rebinding) is
   refused with 421. Numeric addresses cannot be rebound; they are accepted when the server listens beyond loopback.
2. A request that changes something and carries an `Origin` (every browser sends one) must come from this server's own pages.
3. When the server listens beyond loopback, every request needs a key: `Authorization: Bearer KEY`, Basic with the key as password,
   `x-api-key: KEY`, or the cookie of the sign-in page. Browsers that ask for a page without one are led to the sign-in page.
   On loopback a request without a valid key is the owner's, but not one with the key of a disabled user.
4. The user of the key must have the role that `api.policy` asks for (403). Answers that last (`web.live`) ask again meanwhile.
5. Every answer carries headers that keep browsers from sniffing, framing and running inline script, unless the page set its own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.api.credentials import keys_of, note_caller
from penstock.api.http import envelope
from penstock.api.kfp.errors import upload_body
from penstock.api.kfp_v1.errors import envelope as envelope_v1
from penstock.api.policy import SAFE_METHODS, is_open, role_for
from penstock.domain.accounts import Caller, Role
from penstock.domain.errors import AccountDisabledError, RoleNeededError
from penstock.server.config import is_loopback_host

KeyCheck = Callable[[str], Awaitable[Caller | None]]
"""Who a key belongs to; None when it is not valid now. Raises AccountDisabledError for a user whose keys are refused."""
RefusalPage = Callable[[Request, RoleNeededError], Response]
"""What a browser gets that asks for more than its role allows."""

SIGN_IN_PATH = "/signin"
_GRAPHQL = "/graphql"
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

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Iterable[str],
        accept_addresses: bool,
        key_check: KeyCheck,
        owner: Caller | None = None,
        refusal_page: RefusalPage | None = None,
    ) -> None:
        """Guard `app`.

        Args:
            app: what is guarded.
            hosts: names of this server beside the loopback ones.
            accept_addresses: accept any numeric address as host (the server listens beyond loopback).
            key_check: tells whose a key is.
            owner: whose requests those without a valid key are; None: every request needs a key.
            refusal_page: what is said to browsers; without it they get what programs get.
        """
        self._app = app
        self._hosts = frozenset(host.lower().strip("[]") for host in hosts if host)
        self._accept_addresses = accept_addresses
        self._key_check = key_check
        self._owner = owner
        self._refusal_page = refusal_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse or pass on one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message))
            await send(message)

        refusal = await self._refusal(scope)
        await (self._app if refusal is None else refusal)(scope, receive, send_guarded)

    async def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(host):
            advice = "add it to PENSTOCK_SERVER_ALLOWED_HOSTS"
            return _error(scope, 421, f"this server does not answer to the host name {_bare(host)!r}; {advice}")
        origin = headers.get("origin")
        if scope["method"] not in SAFE_METHODS and origin is not None and not self._is_own_origin(origin):
            return _error(scope, 403, f"requests from pages of {origin!r} are not accepted")
        if is_open(scope["path"]):
            return None
        needed = role_for(scope["method"], scope["path"])
        if scope["path"] == _GRAPHQL and self._owner is not None:
            return None  # it wants a key in any case, and is asked too often to check it twice
        try:
            caller = await self._caller(headers)
        except AccountDisabledError as error:
            return self._stranger(scope, headers, str(error))
        if caller is None:
            return self._stranger(scope, headers, "this server needs an API key; `penstock env` on its machine prints one")
        note_caller(scope, caller, partial(self._is_welcome, headers, caller, needed))
        try:
            caller.need(needed)
        except RoleNeededError as error:
            return self._refused(scope, error)
        return None

    async def _is_welcome(self, headers: Headers, before: Caller, needed: Role) -> bool:
        """Whether the same user would be let in now: the key is still theirs and valid, and their role is enough."""
        try:
            caller = await self._caller(headers)
        except AccountDisabledError:
            return False
        return caller is not None and caller.user_name == before.user_name and caller.role.covers(needed)

    async def _caller(self, headers: Headers) -> Caller | None:
        for key in keys_of(headers):
            caller = await self._key_check(key)
            if caller is not None:
                return caller
        return self._owner

    def _refused(self, scope: Scope, error: RoleNeededError) -> Response:
        """Return the refusal in the words of the protocol that the path belongs to."""
        path = scope["path"].removeprefix("/pipeline")
        if path.startswith("/metaflow/"):
            return JSONResponse(str(error), status_code=403)
        if path.startswith("/apis/v2beta1/pipelines/upload"):
            return JSONResponse(upload_body(str(error)), status_code=403)
        if path.startswith("/apis/v1beta1/"):
            return JSONResponse(envelope_v1(str(error), _GRPC_CODES[403]), status_code=403)
        if path.startswith("/apis/") or self._refusal_page is None:
            return _error(scope, 403, str(error))
        return self._refusal_page(Request(scope), error)

    @staticmethod
    def _stranger(scope: Scope, headers: Headers, message: str) -> Response:
        if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            back = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
            return RedirectResponse(f"{SIGN_IN_PATH}?next={quote(back, safe='')}", status_code=303)
        return _error(scope, 401, message)

    def _is_ours(self, host: str) -> bool:
        name = _bare(host)
        if is_loopback_host(name) or name in self._hosts:
            return True
        return self._accept_addresses and _is_address(name)

    def _is_own_origin(self, origin: str) -> bool:
        parts = urlsplit(origin)
        return parts.scheme in {"http", "https"} and self._is_ours(parts.netloc)


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
    # To `Basic` a browser opens a dialog of its own over the page, whose script waits for it; our pages say themselves what happened.
    scheme = "Bearer" if Headers(scope=scope).get("user-agent", "").startswith("Mozilla/") else "Basic"
    headers = {"www-authenticate": f'{scheme} realm="penstock"'} if status == 401 else None
    is_pipelines = scope["path"].startswith(("/apis/", "/pipeline/apis/"))
    body = envelope(_GRPC_CODES[status], message) if is_pipelines else {"error": message, "message": message}
    return JSONResponse(body, status_code=status, headers=headers)
