"""Downloads pipeline packages that a request names by URL (`interfaces.packages.PackageDownloader`).

A server that fetches what strangers name is a door into its own network. Only http and https are followed; addresses that mean this
machine, its link or nothing at all (loopback, link-local with the cloud metadata services, multicast, unspecified, reserved) are
refused by default, also after a redirect. The name is resolved once and the connection goes to the address that was checked, so that
a second answer of the name server changes nothing. Private networks are allowed: that is where companies keep their packages.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urljoin, urlsplit

from penstock.domain.errors import InvalidArgumentError

if TYPE_CHECKING:
    import httpx

_TIMEOUT_SECONDS = 30.0
_MAX_REDIRECTS = 5


class HttpPackageDownloader:
    """Fetches over http(s). Proxies of the environment are not used: the address check would be theirs to make."""

    def __init__(self, *, allow_local: bool = False) -> None:
        self._allow_local = allow_local

    async def fetch(self, url: str, *, limit_bytes: int) -> tuple[str, bytes]:
        """Return file name and content."""
        import httpx  # noqa: PLC0415 - takes a twentieth of the server's start, and most servers never fetch

        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS), httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT_SECONDS) as client:
                for _ in range(_MAX_REDIRECTS + 1):
                    target = _checked(url)
                    address = await self._resolve(target)
                    content = await self._get(client, target, address, limit_bytes)
                    if isinstance(content, bytes):
                        return target.path.rpartition("/")[2], content
                    url = urljoin(url, content)
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            raise InvalidArgumentError(f"package_url: {url} could not be fetched: {error or type(error).__name__}") from None
        raise InvalidArgumentError(f"package_url: more than {_MAX_REDIRECTS} redirects")

    async def _get(self, client: httpx.AsyncClient, target: SplitResult, address: str, limit_bytes: int) -> bytes | str:
        """Return the body, or where it has moved to."""
        host = target.hostname or ""
        literal = f"[{address}]" if ":" in address else address
        netloc = literal if target.port is None else f"{literal}:{target.port}"
        request = client.build_request(
            "GET",
            target._replace(netloc=netloc, fragment="").geturl(),
            headers={"host": target.netloc.rpartition("@")[2]},
            extensions={"sni_hostname": host},
        )
        answer = await client.send(request, stream=True)
        try:
            if answer.has_redirect_location:
                return answer.headers["location"]
            if answer.status_code != 200:
                raise InvalidArgumentError(f"package_url: {host} answered with status {answer.status_code}")
            parts: list[bytes] = []
            size = 0
            async for part in answer.aiter_bytes():
                size += len(part)
                if size > limit_bytes:
                    raise InvalidArgumentError(f"package_url: the file is larger than {limit_bytes} bytes")
                parts.append(part)
            return b"".join(parts)
        finally:
            await answer.aclose()

    async def _resolve(self, target: SplitResult) -> str:
        host = target.hostname or ""
        port = target.port or (443 if target.scheme == "https" else 80)
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        if not self._allow_local:
            for address in addresses:
                if not _is_allowed(address):
                    where = "is" if host == address else f"is at {address},"
                    why = "an address of this machine or link; nothing is fetched from those"
                    raise InvalidArgumentError(f"package_url: {host} {where} {why}")
        return addresses[0]


def _checked(url: str) -> SplitResult:
    try:
        target = urlsplit(url)
        port = target.port
    except ValueError:
        raise InvalidArgumentError(f"package_url: {url!r} is not a URL") from None
    if target.scheme not in {"http", "https"} or not target.hostname:
        raise InvalidArgumentError(f"package_url: {url!r} is not an http or https URL")
    if port == 0:
        raise InvalidArgumentError(f"package_url: {url!r} has no valid port")
    return target


def _is_allowed(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return not (address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved)
