"""AWS Signature Version 4 for requests to the embedded object endpoint: header form, query form, and `aws-chunked` bodies.

Semantics: AWS documentation "Authenticating Requests (AWS Signature Version 4)", as boto3 1.3x and 1.4x send it. The secret of an access
key is derived from the server's own secret, so nothing is stored per key.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from penstock.domain.errors import InvalidArgumentError, PermissionDeniedError

ACCESS_KEY_PREFIX = "PENSTOCK"
_TASK_PREFIX = ACCESS_KEY_PREFIX + "-TASK-"
_USER_PREFIX = ACCESS_KEY_PREFIX + "-USER-"
_CLOCK_SKEW_SECONDS = 15 * 60
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<scope>[^,\s]+),\s*SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<sig>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The parts of a request that a signature covers."""

    method: str
    raw_path: str
    """As on the request line, still percent-encoded, without query."""
    query: tuple[tuple[str, str], ...]
    """Decoded, in order."""
    headers: Mapping[str, str]
    """Lower-case names."""


def access_key_for(user_name: str) -> str:
    """Access key id that belongs to a user."""
    return ACCESS_KEY_PREFIX + hashlib.sha256(user_name.encode()).hexdigest()[:12].upper()


def access_key_of_task(task_id: str) -> str:
    """Access key id that belongs to one task of a pipeline, by which its requests are known."""
    return _TASK_PREFIX + task_id


def task_of(access_key: str) -> str | None:
    """Return the task that an access key belongs to, if it does to one."""
    return access_key.removeprefix(_TASK_PREFIX) if access_key.startswith(_TASK_PREFIX) else None


def access_key_of_user(user_name: str) -> str:
    """Access key id of one user, by whose role its requests are judged."""
    return _USER_PREFIX + user_name


def user_of(access_key: str) -> str | None:
    """Return the user that an access key belongs to, if it does to one."""
    return access_key.removeprefix(_USER_PREFIX) if access_key.startswith(_USER_PREFIX) else None


def secret_for(server_secret: bytes, access_key: str) -> str:
    """Secret access key (40 characters) of an access key."""
    return hmac.new(server_secret, b"s3:" + access_key.encode(), hashlib.sha256).hexdigest()[:40]


def verify(request: SignedRequest, *, server_secret: bytes, now: float) -> str:
    """Check the signature of `request`; return the access key that made it.

    Raises:
        PermissionDeniedError: there is none, it is wrong, or it is too old.
    """
    query = dict(request.query)
    if "X-Amz-Signature" in query:
        key, scope, signed, signature = _from_query(query)
        stamp, payload = query.get("X-Amz-Date", ""), "UNSIGNED-PAYLOAD"
        expires = int(query.get("X-Amz-Expires", "3600")) if query.get("X-Amz-Expires", "3600").isdecimal() else 0
    else:
        match = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
        if match is None:
            raise PermissionDeniedError("the request is not signed with AWS Signature Version 4; `penstock env` prints the keys")
        key, scope, signed, signature = match.group("key", "scope", "headers", "sig")
        stamp = request.headers.get("x-amz-date", "")
        payload = request.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
        expires = _CLOCK_SKEW_SECONDS
    if not key.startswith(ACCESS_KEY_PREFIX):
        raise PermissionDeniedError("the access key is not of this server; `penstock env` prints the keys")
    _check_age(stamp, expires, now)
    canonical = _canonical(request, signed.split(";"), payload)
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    wanted = hmac.new(_signing_key(secret_for(server_secret, key), scope), to_sign.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted, signature):
        raise PermissionDeniedError("the signature does not match; check the secret access key")
    return key


def _from_query(query: Mapping[str, str]) -> tuple[str, str, str, str]:
    key, _, scope = query.get("X-Amz-Credential", "").partition("/")
    return key, scope, query.get("X-Amz-SignedHeaders", ""), query["X-Amz-Signature"]


def _check_age(stamp: str, expires: int, now: float) -> None:
    try:
        at = dt.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC).timestamp()
    except ValueError as error:
        raise PermissionDeniedError("the request has no valid date") from error
    if now > at + expires or now < at - _CLOCK_SKEW_SECONDS:
        raise PermissionDeniedError("the request has expired, or the clocks of client and server differ")


def _canonical(request: SignedRequest, signed: list[str], payload: str) -> str:
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in request.query if name != "X-Amz-Signature")
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed)
    query = "&".join(f"{name}={value}" for name, value in pairs)
    return "\n".join([request.method, request.raw_path, query, headers, ";".join(signed), payload])


def _signing_key(secret: str, scope: str) -> bytes:
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


async def decoded_body(chunks: AsyncIterator[bytes], headers: Mapping[str, str]) -> AsyncIterator[bytes]:
    """Yield the object's bytes: the body as it is, or taken out of its `aws-chunked` framing.

    The declared SHA-256 of a plain body is checked at its end.

    Raises:
        InvalidArgumentError: broken framing, or the bytes are not those that were signed.
    """
    declared = headers.get("x-amz-content-sha256", "")
    if declared.startswith("STREAMING-") or "aws-chunked" in headers.get("content-encoding", ""):
        async for chunk in _unframed(chunks):
            yield chunk
        return
    digest = hashlib.sha256()
    async for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if re.fullmatch(r"[0-9a-f]{64}", declared) and digest.hexdigest() != declared:
        raise InvalidArgumentError("the body is not the one that was signed")


async def _unframed(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    buffer = b""
    left = 0
    ended = False
    async for chunk in chunks:
        buffer += chunk
        while buffer and not ended:
            if left:
                piece, buffer = buffer[:left], buffer[left:]
                left -= len(piece)
                yield piece
                continue
            if buffer.startswith(b"\r\n"):
                buffer = buffer[2:]
                continue
            line, found, rest = buffer.partition(b"\r\n")
            if not found:
                if len(buffer) > 8192:
                    raise InvalidArgumentError("the body's aws-chunked framing is broken")
                break
            try:
                left = int(line.partition(b";")[0], 16)
            except ValueError as error:
                raise InvalidArgumentError("the body's aws-chunked framing is broken") from error
            buffer = rest
            ended = left == 0
    if not ended:
        raise InvalidArgumentError("the body ended in the middle of a chunk")
