"""Artifact versions, the collections they stand in and the manifests that say what they hold: W&B's model of artifacts as values.

A *sequence* holds the versions that runs log under one name; a *portfolio* holds links to versions of sequences. A version stands in
a collection through a *membership* with its own number; aliases belong to memberships and are unique within a collection.
Digests of content are MD5 in hex here, as manifests name content by MD5; `Digest` is the blob store's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from penstock.domain.ids import Digest, TrackedRunId

LATEST = "latest"
REGISTRY_PREFIX = "wandb-registry-"
"""Projects named so are registries, whoever made them: the registry call, or a first link."""
TTL_NEVER = -2
"""Stored time to live of a version that must not expire; also what an inheriting version reports, as there is no default."""
COMMIT_HASH_LENGTH = 20
"""Characters at the start of a version's digest that clients show as its commit hash; they name it as the digest does."""
MANIFEST_VERSION_LINE = b"wandb-artifact-manifest-v1\n"


class VersionState(StrEnum):
    """Life of a version."""

    PENDING = "PENDING"
    """Being uploaded; has no number."""
    COMMITTED = "COMMITTED"
    DELETED = "DELETED"


class CollectionKind(StrEnum):
    """What a collection holds."""

    SEQUENCE = "sequence"
    PORTFOLIO = "portfolio"


class ManifestKind(StrEnum):
    """What a manifest file says about the version."""

    FULL = "FULL"
    """Everything it holds."""
    INCREMENTAL = "INCREMENTAL"
    """What differs from the base version."""
    PATCH = "PATCH"
    """The part that one of several writers adds."""


class UseDirection(StrEnum):
    """Which way an artifact flows, seen from a run."""

    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class CollectionType:
    """A type of artifacts, such as `dataset`, in one project."""

    type_id: int
    project_id: int
    name: str
    description: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Collection:
    """A sequence or portfolio."""

    collection_id: int
    project_id: int
    entity: str
    project: str
    name: str
    kind: CollectionKind
    type_name: str
    description: str
    created_at: float
    updated_at: float
    client_id: str | None = None
    """Id that the client made up for the sequence before the server knew it."""
    is_described: bool = False
    """Whether somebody gave a description, be it an empty one."""


@dataclass(frozen=True, slots=True)
class Alias:
    """A name of one version in one collection."""

    collection_id: int
    alias: str
    version_id: int


@dataclass(frozen=True, slots=True)
class ArtifactVersion:
    """One version of an artifact."""

    version_id: int
    project_id: int
    entity: str
    project: str
    collection_id: int
    """Its source sequence."""
    collection_name: str
    type_name: str
    state: VersionState
    digest: str
    """Of the manifest, hex."""
    version_index: int | None
    """Number in the source sequence; None until committed."""
    description: str | None
    metadata: str | None
    """JSON text as sent."""
    labels: str | None
    size_bytes: int
    file_count: int
    client_id: str | None
    distributed_id: str | None
    ttl_seconds: int | None
    """None: inherited; `TTL_NEVER`: never expires."""
    history_step: int | None
    creator_run_id: TrackedRunId | None
    creator_user: str
    manifest_digest: Digest | None
    """Blob of the full manifest; None until committed."""
    created_at: float
    updated_at: float
    committed_at: float | None


@dataclass(frozen=True, slots=True)
class VersionChange:
    """A line of the history of a version or collection."""

    at: float
    user_name: str
    """Empty: the server itself, for example when a time to live had passed."""
    kind: str
    """`created`, `alias`, `tag`, `description`, `metadata`, `ttl`, `link`, `unlink`, `delete`, `restore`, `name`, `type`, `card`."""
    subject: str
    """Which alias or tag; empty for other kinds."""
    old_value: str | None
    new_value: str | None
    version_id: int | None
    """None: the collection itself changed."""
    version_index: int | None = None
    """Number of the version in its sequence."""


@dataclass(frozen=True, slots=True)
class Membership:
    """A version in a collection."""

    membership_id: int
    collection_id: int
    version_id: int
    version_index: int
    created_at: float


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest file that a client announced for a version."""

    manifest_id: int
    version_id: int
    name: str
    kind: ManifestKind
    md5: str
    """Of the file; empty until announced."""
    base_version_id: int | None
    blob_digest: Digest | None
    """None until uploaded."""


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A request to make a version; names are resolved, rights checked."""

    project_id: int
    type_name: str
    collection_name: str
    digest: str
    created_at: float
    creator_user: str
    creator_run_id: TrackedRunId | None = None
    description: str | None = None
    metadata: str | None = None
    labels: str | None = None
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    client_id: str | None = None
    sequence_client_id: str | None = None
    distributed_id: str | None = None
    ttl_seconds: int | None = None
    history_step: int | None = None
    dedupe_any: bool = True
    """A committed version with the same digest is reused, whichever it is; else only the one that is `latest`."""


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One entry of a manifest."""

    path: str
    digest: str
    """Base64 MD5 as written, or whatever identifies a reference."""
    size_bytes: int | None = None
    ref: str | None = None
    """Address of the content when it is not stored here."""
    birth_id: str | None = None
    """Wire id of the version that first uploaded the content."""
    extra: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredContent:
    """Bytes that a project's manifests may name."""

    md5: str
    blob_digest: Digest
    size_bytes: int
    birth_version_id: int


@dataclass(frozen=True, slots=True)
class ContentKey:
    """Names a `StoredContent`."""

    project_id: int
    md5: str
    """Hexadecimal."""


@dataclass(frozen=True, slots=True)
class UploadPart:
    """One part of a large file on its way in."""

    number: int
    """From 1."""
    md5: str
    """Hex, of the part."""
    blob_digest: Digest
    size_bytes: int


def manifest_digest(entries: Iterable[ManifestEntry]) -> str:
    """Return the artifact digest of entries in bytewise path order: hex MD5 over `path:digest` lines (wandb.md section 12.3)."""
    digest = hashlib.md5(MANIFEST_VERSION_LINE, usedforsecurity=False)
    for entry in entries:
        digest.update(f"{entry.path}:{entry.digest}\n".encode())
    return digest.hexdigest()


def version_alias(version_index: int) -> str:
    """Return the alias that every member of a collection has besides those given to it: `v3`."""
    return f"v{version_index}"
