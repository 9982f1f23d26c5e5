"""Fetching pipeline packages that a request only names."""

from __future__ import annotations

from typing import Protocol


class PackageDownloader(Protocol):
    """Fetches packages by URL."""

    async def fetch(self, url: str, *, limit_bytes: int) -> tuple[str, bytes]:
        """Return file name and content.

        Raises:
            InvalidArgumentError: the URL is not http(s), points to a forbidden address, does not answer with a file, or the file is
                larger than the limit.
        """
        ...
