"""Where artifact versions stand: types, sequences, portfolios, aliases, tags, links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from penstock.domain.errors import InvalidArgumentError, NotFoundError, PreconditionError
from penstock.domain.versions import Alias, ArtifactVersion, Collection, CollectionKind, CollectionType, Membership, VersionState
from penstock.interfaces.clock import Clock
from penstock.interfaces.versions import CollectionQuery, CollectionStore, MembershipQuery
from penstock.tracking.version_names import check_alias, check_collection_name, check_tag, split_name


class CollectionService:
    """Use cases on collections. All methods block; adapters call them from worker threads. `by` is who the history names for a change."""

    def __init__(self, collections: CollectionStore, clock: Clock) -> None:
        self._collections = collections
        self._clock = clock

    def ensure_type(self, project_id: int, name: str, *, description: str = "") -> CollectionType:
        """Return the type, made when missing.

        Raises:
            InvalidArgumentError: no type can have this name.
        """
        check_collection_name(name)
        return self._collections.ensure_type(project_id, name, description=description, at=self._clock.now())

    def type(self, project_id: int, name: str) -> CollectionType | None:
        """Return the type, or None."""
        return self._collections.collection_type(project_id, name)

    def types(self, project_id: int) -> Sequence[CollectionType]:
        """Return the types of a project by name."""
        return self._collections.types(project_id)

    def get(self, collection_id: int) -> Collection | None:
        """Return the collection, or None."""
        return self._collections.collection(collection_id)

    def many(self, collection_ids: Iterable[int]) -> Mapping[int, Collection]:
        """Return those collections that exist, by id."""
        return self._collections.collections(collection_ids)

    def named(self, project_id: int, name: str) -> Collection | None:
        """Return the collection, or None."""
        return self._collections.collection_by_name(project_id, name)

    def by_client_id(self, client_id: str) -> Collection | None:
        """Return the sequence that a client named so before it had an id, or None."""
        return self._collections.collection_by_client_id(client_id)

    def find(self, query: CollectionQuery) -> tuple[Sequence[Collection], int]:
        """Return a page and the count of all that match.

        Raises:
            InvalidArgumentError: the filter cannot be understood.
        """
        return self._collections.find_collections(query)

    def ensure_portfolio(self, project_id: int, name: str, type_name: str, *, description: str = "") -> Collection:
        """Return the portfolio, made when missing.

        Raises:
            InvalidArgumentError: no collection can have this name.
            ConflictError: the name is a sequence's, or the portfolio has another type.
        """
        check_collection_name(name)
        return self._collections.ensure_portfolio(project_id, name, type_name, description=description, at=self._clock.now())

    def update(
        self, collection_id: int, *, name: str | None = None, description: str | None = None, type_name: str | None = None, by: str = ""
    ) -> Collection:
        """Rename, describe or retype a collection.

        Raises:
            NotFoundError: no such collection.
            AlreadyExistsError: the new name is taken.
            InvalidArgumentError: no collection can have the new name.
        """
        if name is not None:
            check_collection_name(name)
        return self._collections.update_collection(
            collection_id, name=name, description=description, type_name=type_name, at=self._clock.now(), by=by
        )

    def delete(self, collection_id: int, kind: CollectionKind, *, by: str = "") -> Collection:
        """Remove a collection of this kind: a portfolio with its links, a sequence with its versions.

        Raises:
            NotFoundError: no such collection.
        """
        known = self._collections.collection(collection_id)
        if known is None or known.kind is not kind:
            raise NotFoundError(f"no {kind.value} with id {collection_id}")
        return self._collections.delete_collection(collection_id, at=self._clock.now(), by=by)

    def tags(self, collection_ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
        """Return tags by collection."""
        return self._collections.collection_tags(collection_ids)

    def change_tags(self, collection_id: int, *, add: Sequence[str] = (), remove: Sequence[str] = (), by: str = "") -> None:
        """Change the tags of a collection.

        Raises:
            InvalidArgumentError: a tag is not allowed.
        """
        for tag in add:
            check_tag(tag)
        self._collections.change_collection_tags(collection_id, add=add, remove=remove, at=self._clock.now(), by=by)

    def resolve(self, project_id: int, name: str) -> tuple[Collection, Membership] | None:
        """Return what `collection:alias` names in a project, or None. No alias means `latest`."""
        collection_name, alias = split_name(name)
        collection = self._collections.collection_by_name(project_id, collection_name)
        membership = None if collection is None else self._collections.membership(collection.collection_id, alias)
        return None if collection is None or membership is None else (collection, membership)

    def membership(self, collection_id: int, alias: str) -> Membership | None:
        """Return the member that an alias, `v<number>`, digest or commit hash names, or None."""
        return self._collections.membership(collection_id, alias)

    def membership_by_id(self, membership_id: int) -> Membership | None:
        """Return the membership, or None."""
        return self._collections.membership_by_id(membership_id)

    def memberships_of(self, version_ids: Sequence[int]) -> Mapping[int, Sequence[Membership]]:
        """Return memberships by version."""
        return self._collections.memberships_of(version_ids)

    def find_members(self, query: MembershipQuery) -> tuple[Sequence[Membership], int]:
        """Return a page of members and the count of all that match.

        Raises:
            InvalidArgumentError: the filter cannot be understood.
        """
        return self._collections.find_memberships(query)

    def aliases_of_versions(self, version_ids: Sequence[int]) -> Mapping[int, Sequence[Alias]]:
        """Return given aliases by version, over all collections."""
        return self._collections.aliases_of_versions(version_ids)

    def aliases_of(self, collection_id: int) -> Sequence[Alias]:
        """Return the given aliases in a collection."""
        return self._collections.aliases_of_collection(collection_id)

    def set_aliases(self, version_id: int, aliases: Sequence[tuple[int, str]], *, by: str = "") -> None:
        """Give a version aliases (collection id, alias); each leaves whoever had it.

        Raises:
            InvalidArgumentError: an alias is not allowed.
            NotFoundError: the version is not in that collection.
        """
        for _, alias in aliases:
            check_alias(alias)
        self._collections.set_aliases(version_id, aliases, at=self._clock.now(), by=by)

    def drop_aliases(self, version_id: int, aliases: Sequence[tuple[int, str]], *, by: str = "") -> None:
        """Take aliases from a version; those it does not have are ignored."""
        self._collections.drop_aliases(version_id, aliases, at=self._clock.now(), by=by)

    def link(self, collection: Collection, version: ArtifactVersion, aliases: Sequence[str] = (), *, by: str = "") -> Membership:
        """Put a committed version into a portfolio; linking again only moves aliases.

        Raises:
            PreconditionError: the version is not committed, or the registry does not admit its type.
            InvalidArgumentError: an alias is not allowed.
        """
        if version.state is not VersionState.COMMITTED:
            raise PreconditionError("only a committed artifact can be linked")
        for alias in aliases:
            check_alias(alias)
        return self._collections.link(collection.collection_id, version.version_id, aliases, at=self._clock.now(), by=by)

    def unlink(self, collection_id: int, version_id: int, *, by: str = "") -> bool:
        """Take a version out of a portfolio; whether it was in.

        Raises:
            InvalidArgumentError: the collection is the version's own sequence.
        """
        collection = self._collections.collection(collection_id)
        if collection is not None and collection.kind is CollectionKind.SEQUENCE:
            raise InvalidArgumentError("an artifact cannot be unlinked from the collection that it was logged to")
        return self._collections.unlink(collection_id, version_id, at=self._clock.now(), by=by)
