"""Reading pipeline packages that users upload, and fetching those that they only name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class PipelinePackage:
    """A pipeline definition taken out of its file."""

    kind: str
    """`kfp` or `argo`."""
    content: Mapping[str, Any]
    """The document in the form in which it is stored."""
    source: str | None = None
    """Its text."""


class PackageReader(Protocol):
    """Reads uploaded files; blocking, CPU-bound."""

    def read(self, file_name: str, data: bytes) -> PipelinePackage:
        """Take the definition out of a `.yaml`, `.yml`, `.json`, `.zip` or `.tar.gz` file.

        Raises:
            InvalidArgumentError: empty, of an unknown kind, not readable, or not a pipeline.
            PayloadTooLargeError: larger than the limit once unpacked.
        """
        ...


class PackageDownloader(Protocol):
    """Fetches packages that a request names by URL."""

    async def fetch(self, url: str, *, limit_bytes: int) -> tuple[str, bytes]:
        """Return file name and content.

        Raises:
            InvalidArgumentError: the URL is not http(s), points to a forbidden address, or does not answer with a file.
            PayloadTooLargeError: the file is larger than the limit.
        """
        ...
