"""Objects of the embedded S3-compatible endpoint, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock.domain.ids import Digest


@dataclass(frozen=True, slots=True)
class ObjectEntry:
    """A named blob."""

    bucket: str
    key: str
    digest: Digest
    size_bytes: int
    etag: str
    """Without quotes: the MD5, or `<md5 of md5s>-<parts>` for multipart uploads."""
    modified_at: float
    content_type: str = "binary/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    """User metadata (`x-amz-meta-*`), lower-case names."""


@dataclass(frozen=True, slots=True)
class ObjectUpload:
    """A multipart upload that is not complete."""

    upload_id: str
    bucket: str
    key: str
    content_type: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ObjectPart:
    """A part of a multipart upload."""

    number: int
    digest: Digest
    size_bytes: int
    etag: str
