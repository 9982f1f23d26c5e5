"""Signed URLs: whoever holds one may do one thing with one stored object until it expires. Stateless, HMAC-SHA256.

Clients send no credentials with uploads and with downloads of `directUrl`, so the URL carries its own. The signature covers
method, path and expiry; GET includes HEAD. The key is made once per data folder and kept in the database.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from urllib.parse import quote

from penstock.domain.errors import PermissionDeniedError

LIFETIME_SECONDS = 24 * 3600.0


class UrlSigner:
    """Signs and checks URL paths."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, method: str, path: str, *, now: float) -> str:
        """Return `path` (decoded, absolute, without prefix) percent-encoded and with a query that authorises `method` on it."""
        # Rounding the expiry up to the hour gives equal URLs for equal requests, so that HTTP caches work.
        expires = (math.floor((now + LIFETIME_SECONDS) / 3600) + 1) * 3600
        return f"{quote(path)}?expires={expires}&signature={self._signature(method, path, expires)}"

    def check(self, method: str, path: str, *, expires: str, signature: str, now: float) -> None:
        """Make sure that the request is authorised.

        Raises:
            PermissionDeniedError: the signature is missing, wrong or too old.
        """
        if not expires.isdigit() or not signature:
            raise PermissionDeniedError("this address needs a signature; ask the server for the file's URL")
        verb = "GET" if method == "HEAD" else method
        if not hmac.compare_digest(self._signature(verb, path, int(expires)), signature):
            raise PermissionDeniedError("the signature of this address is wrong")
        if now > int(expires):
            raise PermissionDeniedError("this address has expired; ask the server for a new one")

    def _signature(self, method: str, path: str, expires: int) -> str:
        message = f"{method}\n{expires}\n{path}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()[:40]
