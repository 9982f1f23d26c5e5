"""Sends webhooks of automations (`interfaces.automations.WebhookSender`).

A server that posts where strangers say is a door into its own network, so it posts nowhere unless the settings name the host. While
only this machine can reach the server, addresses of this machine are allowed, too: whoever makes automations could post there himself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from urllib.parse import urlsplit

from penstock.domain.errors import PermissionDeniedError, UnavailableError

_TIMEOUT_SECONDS = 10.0
"""For all of an answer: one that comes drop by drop does not hold up the others."""
_MAX_ANSWER = 500
_ANY = "*"


class HttpWebhookSender:
    """Posts over http(s). Neither proxies of the environment nor redirects are followed: they would lead past the check."""

    def __init__(self, hosts: Collection[str], *, is_own_machine: Callable[[str], bool]) -> None:
        """Allow `hosts` (`*`: all) and those of which `is_own_machine` says so."""
        self._hosts = {host.lower() for host in hosts}
        self._is_own_machine = is_own_machine

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """See `WebhookSender.send`."""
        self._check(url)
        import httpx  # noqa: PLC0415 - takes a twentieth of the server's start, and most servers never post

        try:
            async with (
                asyncio.timeout(_TIMEOUT_SECONDS),
                httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT_SECONDS) as client,
                client.stream("POST", url, content=body, headers={"Content-Type": "application/json", **headers}) as answer,
            ):
                text = b""
                async for piece in answer.aiter_bytes():
                    text += piece
                    if len(text) > _MAX_ANSWER:
                        break
                return answer.status_code, text[:_MAX_ANSWER].decode("utf-8", "replace")
        except (TimeoutError, httpx.TimeoutException) as error:
            raise UnavailableError(f"no answer within {_TIMEOUT_SECONDS:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise UnavailableError(f"no answer: {error or type(error).__name__}") from error

    def _check(self, url: str) -> None:
        try:
            target = urlsplit(url)
            host, port = (target.hostname or "").lower(), target.port
        except ValueError as error:
            raise PermissionDeniedError(f"{url!r} is no address: {error}") from error
        if target.scheme not in {"http", "https"} or not host:
            raise PermissionDeniedError(f"{url!r} is no http address")
        if not ({_ANY, host, f"{host}:{port}"} & self._hosts or self._is_own_machine(host)):
            raise PermissionDeniedError(f"webhooks to {host} are not allowed; PENSTOCK_TRACKING_WEBHOOK_HOSTS names the hosts that are")
