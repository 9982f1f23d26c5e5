"""Keys that a request carries, wherever clients put them, and who was found to send it."""

from __future__ import annotations

import base64
import binascii
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers
from starlette.types import Scope

from penstock.domain.accounts import Caller

COOKIE = "penstock_key"
"""Of the sign-in page."""
LOOK_SECONDS = 2.0
"""How long what answers for long may go on without asking whether its reader would be let in still."""
_CALLER = "caller"
_WELCOME = "welcome"


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


def note_caller(scope: Scope, caller: Caller, welcome: Callable[[], Awaitable[bool]] | None = None) -> None:
    """Remember who the door found to send a request, and what tells whether it would be let in again (`is_welcome`)."""
    scope.setdefault("state", {}).update({_CALLER: caller, _WELCOME: welcome})


def noted_caller(scope: Scope) -> Caller | None:
    """Return who the door found, or None when it did not have to ask."""
    found = scope.get("state", {}).get(_CALLER)
    return found if isinstance(found, Caller) else None


async def is_welcome(scope: Scope) -> bool:
    """Whether the door would let the sender of a request in now as it did then; what answers for long asks again and again."""
    ask = scope.get("state", {}).get(_WELCOME)
    return ask is None or bool(await ask())


async def while_welcome(scope: Scope, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Pass on what comes bit by bit until its reader would not be let in any more."""
    looked = time.monotonic()
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            if time.monotonic() - looked >= LOOK_SECONDS:
                if not await is_welcome(scope):
                    return
                looked = time.monotonic()
            yield piece
