"""What the artifact use cases ask of a store. All methods block (callers are worker threads) and each is one transaction.

Ids are row numbers below 2**53. Methods that change something are durable when they return and safe to repeat unless they say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.domain.ids import Digest, TrackedRunId
from penstock.domain.versions import (
    Alias,
    ArtifactVersion,
    Collection,
    CollectionKind,
    CollectionType,
    Manifest,
    ManifestKind,
    Membership,
    NewVersion,
    StoredContent,
    UploadPart,
    UseDirection,
)


@dataclass(frozen=True, slots=True)
class MembershipQuery:
    """Which members of collections, in which order, from where. Every restriction that is not None applies."""

    collection_ids: Sequence[int]
    order: str = "version_index"
    """`version_index`, `created_at`, `updated_at`, `size`, `version_created_at`."""
    is_descending: bool = True
    where: Mapping[str, Any] | None = None
    """W&B filter document, see `tracking.version_filters`."""
    offset: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class CollectionQuery:
    """Which collections, in which order, from where."""

    project_ids: Sequence[int]
    type_name: str | None = None
    kinds: Sequence[CollectionKind] = ()
    """Empty: both."""
    order: str = "name"
    """`name`, `created_at`, `updated_at`, `id`."""
    is_descending: bool = False
    where: Mapping[str, Any] | None = None
    offset: int = 0
    limit: int = 50


class VersionStore(Protocol):
    """Versions, their manifests, content and use."""

    def create_version(self, new: NewVersion) -> ArtifactVersion:
        """Reuse a committed version of the same digest (its aliases move, its use as output is noted), join a pending one of the
        same distributed id, or make a pending one; type and sequence are made when missing.

        Raises:
            ConflictError: the collection exists with another type, or is a portfolio.
        """
        ...

    def version(self, version_id: int) -> ArtifactVersion | None:
        """Return the version in whatever state, or None."""
        ...

    def versions(self, version_ids: Iterable[int]) -> Mapping[int, ArtifactVersion]:
        """Return those that exist, by id."""
        ...

    def version_by_client_id(self, client_id: str) -> ArtifactVersion | None:
        """Return the newest version created under the client's own id, or None."""
        ...

    def update_version(
        self,
        version_id: int,
        *,
        changes: Mapping[str, Any],
        add_tags: Sequence[str] = (),
        remove_tags: Sequence[str] = (),
        at: float,
        by: str = "",
    ) -> ArtifactVersion:
        """Change `description`, `metadata`, `labels` or `ttl_seconds`, and tags; `by` is who the history names.

        Raises:
            NotFoundError: no such version.
        """
        ...

    def delete_version(self, version_id: int, *, with_aliases: bool, at: float, by: str = "") -> ArtifactVersion:
        """Mark the version deleted and take it out of every collection; `latest` goes to the newest left.

        Raises:
            NotFoundError: no such version.
            PreconditionError: it has aliases besides `latest` and `with_aliases` is false.
        """
        ...

    def commit_version(
        self, version_id: int, *, digest: str, size_bytes: int, file_count: int, manifest: Digest, at: float
    ) -> ArtifactVersion:
        """Give a pending version its number, aliases and `latest`, and note it as output of its run. A committed one is left alone.

        Raises:
            NotFoundError: no such version.
            ConflictError: it was deleted.
        """
        ...

    def tags(self, version_ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
        """Return the tags of versions, sorted."""
        ...

    def upsert_manifest(
        self, version_id: int, name: str, *, kind: ManifestKind, md5: str, base_version_id: int | None, at: float
    ) -> Manifest:
        """Announce a manifest file.

        A full manifest is one per name: empty `md5` and None leave what an earlier call said. Every announcement of a partial one
        is another part, since all writers of a version give theirs the same name.
        """
        ...

    def manifest(self, manifest_id: int) -> Manifest | None:
        """Return the manifest, or None."""
        ...

    def manifests(self, version_id: int) -> Sequence[Manifest]:
        """Return the manifests of a version in order of announcement."""
        ...

    def update_manifest(self, manifest_id: int, *, md5: str | None = None, base_version_id: int | None = None) -> Manifest:
        """Change what was announced.

        Raises:
            NotFoundError: no such manifest.
        """
        ...

    def set_manifest_blob(self, manifest_id: int, *, md5: str, digest: Digest, size_bytes: int) -> None:
        """Note that the manifest file has arrived."""
        ...

    def missing_content(self, project_id: int, md5s: Sequence[str]) -> Sequence[str]:
        """Return those hex MD5s of which a project has no bytes, in order. Quickest when `md5s` are sorted."""
        ...

    def content(self, project_id: int, md5s: Sequence[str]) -> Mapping[str, StoredContent]:
        """Return what the project has of these contents, by hex MD5."""
        ...

    def content_of_entity(self, entity: str, md5: str) -> StoredContent | None:
        """Return content that any project of the entity has, or None."""
        ...

    def add_content(self, project_id: int, contents: Sequence[StoredContent]) -> None:
        """Remember stored bytes; what is known already stays."""
        ...

    def put_part(self, version_id: int, md5: str, part: UploadPart) -> None:
        """Remember an uploaded part of the bytes with hex MD5 `md5`, in place of an earlier one of its number."""
        ...

    def parts(self, version_id: int, md5: str) -> Sequence[UploadPart]:
        """Return the parts that have arrived, by number."""
        ...

    def drop_parts(self, version_id: int, md5: str) -> None:
        """Forget the parts; their bytes are left to garbage collection."""
        ...

    def note_use(self, run_id: TrackedRunId, version_id: int, direction: UseDirection, *, used_as: str | None, at: float) -> None:
        """Record a lineage edge."""
        ...

    def versions_of_run(
        self, run_id: TrackedRunId, direction: UseDirection, *, offset: int, limit: int | None
    ) -> tuple[Sequence[ArtifactVersion], int]:
        """Return committed versions that the run used or logged, in order of use, and how many there are."""
        ...

    def runs_using(self, version_id: int) -> Sequence[TrackedRunId]:
        """Return runs that used the version, in order of use."""
        ...

    def expired(self, at: float, *, limit: int) -> Sequence[ArtifactVersion]:
        """Return committed versions whose time to live has passed."""
        ...


class CollectionStore(Protocol):
    """Types, collections, memberships and aliases. `by` is who the history names for a change.

    Every method that moves or removes an alias raises PermissionDeniedError when it is protected and `by` may not change it.
    """

    def ensure_type(self, project_id: int, name: str, *, description: str = "", at: float) -> CollectionType:
        """Return the type, made when missing."""
        ...

    def collection_type(self, project_id: int, name: str) -> CollectionType | None:
        """Return the type, or None."""
        ...

    def types(self, project_id: int) -> Sequence[CollectionType]:
        """Return the types of a project by name."""
        ...

    def collection(self, collection_id: int) -> Collection | None:
        """Return the collection, or None."""
        ...

    def collections(self, collection_ids: Iterable[int]) -> Mapping[int, Collection]:
        """Return those that exist, by id."""
        ...

    def collection_by_name(self, project_id: int, name: str) -> Collection | None:
        """Return the collection, or None."""
        ...

    def collection_by_client_id(self, client_id: str) -> Collection | None:
        """Return the sequence that a client named so, or None."""
        ...

    def find_collections(self, query: CollectionQuery) -> tuple[Sequence[Collection], int]:
        """Return a page and the count of all that match.

        Raises:
            InvalidArgumentError: the filter cannot be understood.
        """
        ...

    def ensure_portfolio(self, project_id: int, name: str, type_name: str, *, description: str = "", at: float) -> Collection:
        """Return the portfolio, made when missing.

        Raises:
            ConflictError: the name is a sequence's, or the portfolio has another type.
        """
        ...

    def update_collection(
        self,
        collection_id: int,
        *,
        name: str | None = None,
        description: str | None = None,
        type_name: str | None = None,
        at: float,
        by: str = "",
    ) -> Collection:
        """Change a collection.

        Raises:
            NotFoundError: no such collection.
            AlreadyExistsError: the new name is taken.
        """
        ...

    def delete_collection(self, collection_id: int, *, at: float, by: str = "") -> Collection:
        """Remove a collection: a portfolio with its links, a sequence with its versions.

        Raises:
            NotFoundError: no such collection.
        """
        ...

    def collection_tags(self, collection_ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
        """Return the tags of collections, sorted."""
        ...

    def change_collection_tags(
        self, collection_id: int, *, add: Sequence[str] = (), remove: Sequence[str] = (), at: float, by: str = ""
    ) -> None:
        """Change the tags of a collection."""
        ...

    def membership(self, collection_id: int, alias: str) -> Membership | None:
        """Return the member that `alias` names: an alias, `v<number>`, a digest or a commit hash; committed versions only."""
        ...

    def membership_by_id(self, membership_id: int) -> Membership | None:
        """Return the membership, or None."""
        ...

    def memberships_of(self, version_ids: Sequence[int]) -> Mapping[int, Sequence[Membership]]:
        """Return the memberships of versions, oldest first."""
        ...

    def find_memberships(self, query: MembershipQuery) -> tuple[Sequence[Membership], int]:
        """Return a page of members with committed versions and the count of all that match.

        Raises:
            InvalidArgumentError: the filter cannot be understood.
        """
        ...

    def aliases_of_versions(self, version_ids: Sequence[int]) -> Mapping[int, Sequence[Alias]]:
        """Return the aliases that versions have in any collection, without `v<number>`."""
        ...

    def aliases_of_collection(self, collection_id: int) -> Sequence[Alias]:
        """Return the aliases in a collection by name, without `v<number>`."""
        ...

    def set_aliases(self, version_id: int, aliases: Sequence[tuple[int, str]], *, at: float, by: str = "") -> None:
        """Give the version aliases (collection id, alias); each leaves whoever had it.

        Raises:
            NotFoundError: the version is not in that collection.
        """
        ...

    def drop_aliases(self, version_id: int, aliases: Sequence[tuple[int, str]], *, at: float, by: str = "") -> None:
        """Take aliases from the version; those it does not have are ignored."""
        ...

    def link(self, collection_id: int, version_id: int, aliases: Sequence[str], *, at: float, by: str = "") -> Membership:
        """Put a version into a portfolio with a new number, aliases and `latest`; a version that is in keeps its membership."""
        ...

    def unlink(self, collection_id: int, version_id: int, *, at: float, by: str = "") -> bool:
        """Take a version out of a portfolio; whether it was in."""
        ...


class RegistryStore(Protocol):
    """What registries have beyond projects."""

    def put_registry(self, project_id: int, *, allow_all_types: bool) -> None:
        """Note that the project is a registry."""
        ...

    def protected_aliases(self, project_id: int) -> Mapping[str, str]:
        """Return who protected each alias that is protected in a project or registry."""
        ...

    def locked_aliases(self, by: str, *, project_id: int | None = None, version_id: int | None = None) -> Mapping[str, str]:
        """Return the protected aliases that `by` may not change, and who protected each: of a project, or those that a version has."""
        ...

    def set_protected(self, project_id: int, alias: str, *, is_protected: bool, by: str, at: float) -> None:
        """Protect an alias in all collections of a project or registry, or free it.

        Raises:
            PermissionDeniedError: it is protected, and `by` neither protected it nor administers the registry.
        """
        ...

    def note_approval(self, collection_id: int, version_id: int, verdict: str, comment: str, *, at: float, by: str) -> None:
        """Write down that somebody approved or rejected a version in a collection.

        Raises:
            NotFoundError: the version is not in it.
        """
        ...

    def allows_all_types(self, project_id: int) -> bool:
        """Whether any type is admitted; true for a project that is no registry."""
        ...

    def members(self, project_id: int) -> Mapping[int, str]:
        """Return roles by entity id."""
        ...

    def set_member(self, project_id: int, entity_id: int, role: str) -> None:
        """Give an entity a role."""
        ...

    def drop_member(self, project_id: int, entity_id: int) -> None:
        """Take an entity's role away."""
        ...
