"""Types, collections, memberships and aliases in SQL (`interfaces.versions.CollectionStore`).

Pages without a filter are cut by SQL. With a filter all candidates of the collection or project are read and matched in Python
(`domain.matching`): collections hold thousands of versions, not millions, and W&B's filters reach into JSON metadata.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from penstock.domain.errors import AlreadyExistsError, ConflictError, NotFoundError
from penstock.domain.matching import Lookup, compile_filter
from penstock.domain.versions import COMMIT_HASH_LENGTH, LATEST, Alias, Collection, CollectionKind, CollectionType, Membership
from penstock.interfaces.versions import CollectionQuery, MembershipQuery
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.protected_aliases import check_alias_free, check_version_free, check_versions_free
from penstock.stores.sql.version_rows import (
    COLLECTION_SELECT,
    add_member,
    alias_from_row,
    batches,
    collection_from_row,
    ensure_type_row,
    index_of,
    marks,
    membership_from_row,
    move_alias,
    note_change,
    only,
    remove_member,
    type_from_row,
)

_MEMBER_ORDER = {
    "version_index": "m.version_index",
    "created_at": "m.created_at",
    "version_created_at": "v.created_at",
    "updated_at": "v.updated_at",
    "size": "v.size_bytes",
}
_ALL = {"state": "COMMITTED"}
"""What clients ask for when they want every version; others are never members."""
_COLLECTION_ORDER = {"name": "c.name", "created_at": "c.created_at", "updated_at": "c.updated_at", "id": "c.collection_id"}


class SqlCollectionStore:
    """`CollectionStore` over `collection` and its neighbours."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ensure_type(self, project_id: int, name: str, *, description: str = "", at: float) -> CollectionType:
        """See `CollectionStore.ensure_type`."""
        return type_from_row(self._database.write_sync(lambda tx: ensure_type_row(tx, project_id, name, description, at)))

    def collection_type(self, project_id: int, name: str) -> CollectionType | None:
        """See `CollectionStore.collection_type`."""
        sql = "SELECT * FROM collection_type WHERE project_id = ? AND name = ?"
        row = self._database.read_sync(lambda tx: tx.one(sql, (project_id, name)))
        return None if row is None else type_from_row(row)

    def types(self, project_id: int) -> Sequence[CollectionType]:
        """See `CollectionStore.types`."""
        sql = "SELECT * FROM collection_type WHERE project_id = ? ORDER BY name"
        return [type_from_row(row) for row in self._database.read_sync(lambda tx: tx.all(sql, (project_id,)))]

    def collection(self, collection_id: int) -> Collection | None:
        """See `CollectionStore.collection`."""
        return self._database.read_sync(lambda tx: _collection(tx, collection_id))

    def collections(self, collection_ids: Iterable[int]) -> Mapping[int, Collection]:
        """See `CollectionStore.collections`."""
        wanted = list(dict.fromkeys(collection_ids))

        def work(tx: Transaction) -> dict[int, Collection]:
            found: dict[int, Collection] = {}
            for part in batches(wanted):
                for row in tx.all(f"{COLLECTION_SELECT} WHERE c.collection_id IN ({marks(len(part))})", part):
                    found[row["collection_id"]] = collection_from_row(row)
            return found

        return self._database.read_sync(work)

    def collection_by_name(self, project_id: int, name: str) -> Collection | None:
        """See `CollectionStore.collection_by_name`."""
        row = self._database.read_sync(lambda tx: tx.one(f"{COLLECTION_SELECT} WHERE c.project_id = ? AND c.name = ?", (project_id, name)))
        return None if row is None else collection_from_row(row)

    def collection_by_client_id(self, client_id: str) -> Collection | None:
        """See `CollectionStore.collection_by_client_id`."""
        row = self._database.read_sync(lambda tx: tx.one(f"{COLLECTION_SELECT} WHERE c.client_id = ?", (client_id,)))
        return None if row is None else collection_from_row(row)

    def find_collections(self, query: CollectionQuery) -> tuple[Sequence[Collection], int]:
        """See `CollectionStore.find_collections`."""
        if not query.project_ids:
            return [], 0
        conditions = [f"c.project_id IN ({marks(len(query.project_ids))})"]
        parameters: list[Any] = list(query.project_ids)
        if query.type_name is not None:
            conditions.append("c.type_name = ?")
            parameters.append(query.type_name)
        if query.kinds:
            conditions.append(f"c.kind IN ({marks(len(query.kinds))})")
            parameters += [kind.value for kind in query.kinds]
        direction = "DESC" if query.is_descending else "ASC"
        order = f"{_COLLECTION_ORDER.get(query.order, 'c.name')} {direction}, c.collection_id {direction}"
        where = " AND ".join(conditions)

        def work(tx: Transaction) -> tuple[list[Collection], int]:
            if not query.where:
                total = tx.one(f"SELECT COUNT(*) AS n FROM collection c WHERE {where}", parameters)
                sql = f"{COLLECTION_SELECT} WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"
                rows = tx.all(sql, [*parameters, query.limit, query.offset])
                return [collection_from_row(row) for row in rows], 0 if total is None else total["n"]
            matches = compile_filter(query.where)
            found = [collection_from_row(row) for row in tx.all(f"{COLLECTION_SELECT} WHERE {where} ORDER BY {order}", parameters)]
            tags = _collection_tags(tx, [entry.collection_id for entry in found])
            kept = [entry for entry in found if matches(_collection_lookup(entry, tags.get(entry.collection_id, [])))]
            return kept[query.offset : query.offset + query.limit], len(kept)

        return self._database.read_sync(work)

    def ensure_portfolio(self, project_id: int, name: str, type_name: str, *, description: str = "", at: float) -> Collection:
        """See `CollectionStore.ensure_portfolio`."""

        def work(tx: Transaction) -> Collection:
            ensure_type_row(tx, project_id, type_name, "", at)
            tx.execute(
                "INSERT INTO collection (project_id, name, kind, type_name, description, is_described, created_at, updated_at)"
                " VALUES (?, ?, 'portfolio', ?, ?, ?, ?, ?) ON CONFLICT (project_id, name) DO NOTHING",
                (project_id, name, type_name, description, int(bool(description)), at, at),
            )
            collection = collection_from_row(only(tx, f"{COLLECTION_SELECT} WHERE c.project_id = ? AND c.name = ?", (project_id, name)))
            if collection.kind is not CollectionKind.PORTFOLIO:
                raise ConflictError(f"{name!r} holds the versions that runs log; artifacts cannot be linked to it")
            if collection.type_name != type_name:
                raise ConflictError(f"collection {name!r} holds artifacts of type {collection.type_name!r}, not {type_name!r}")
            return collection

        return self._database.write_sync(work)

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
        """See `CollectionStore.update_collection`."""

        def work(tx: Transaction) -> Collection:
            known = _existing(tx, collection_id)
            if name is not None and name != known.name:
                if tx.one("SELECT 1 FROM collection WHERE project_id = ? AND name = ?", (known.project_id, name)) is not None:
                    raise AlreadyExistsError(f"the project already has a collection {name!r}")
                tx.execute("UPDATE collection SET name = ? WHERE collection_id = ?", (name, collection_id))
            if type_name is not None:
                ensure_type_row(tx, known.project_id, type_name, "", at)
            tx.execute(
                "UPDATE collection SET description = COALESCE(?, description), is_described = COALESCE(?, is_described),"
                " type_name = COALESCE(?, type_name), updated_at = ? WHERE collection_id = ?",
                (description, None if description is None else 1, type_name, at, collection_id),
            )
            edits = (("name", known.name, name), ("card", known.description, description), ("type", known.type_name, type_name))
            for kind, old, new in edits:
                if new is not None and new != old:
                    note_change(tx, collection_id, None, kind, old=old or None, new=new or None, by=by, at=at)
            return _existing(tx, collection_id)

        return self._database.write_sync(work)

    def delete_collection(self, collection_id: int, *, at: float, by: str = "") -> Collection:
        """See `CollectionStore.delete_collection`."""

        def work(tx: Transaction) -> Collection:
            known = _existing(tx, collection_id)
            check_collection_free(tx, collection_id, by)
            delete_collection_rows(tx, collection_id, known.kind, at)
            return known

        return self._database.write_sync(work)

    def purge_collection(self, collection_id: int, *, at: float) -> None:
        """Remove a collection that lies in the trash; missing is fine."""

        def work(tx: Transaction) -> None:
            row = tx.one("SELECT kind FROM collection WHERE collection_id = ?", (collection_id,))
            if row is not None:
                delete_collection_rows(tx, collection_id, CollectionKind(row["kind"]), at)

        self._database.write_sync(work)

    def collection_tags(self, collection_ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
        """See `CollectionStore.collection_tags`."""
        return self._database.read_sync(lambda tx: _collection_tags(tx, collection_ids))

    def change_collection_tags(
        self, collection_id: int, *, add: Sequence[str] = (), remove: Sequence[str] = (), at: float, by: str = ""
    ) -> None:
        """See `CollectionStore.change_collection_tags`."""

        def work(tx: Transaction) -> None:
            for tag in add:
                note_change(tx, collection_id, None, "tag", subject=tag, new=tag, by=by, at=at)
            for tag in remove:
                note_change(tx, collection_id, None, "tag", subject=tag, old=tag, by=by, at=at)
            sql = "INSERT INTO collection_tag (collection_id, tag) VALUES (?, ?) ON CONFLICT (collection_id, tag) DO NOTHING"
            tx.many(sql, [(collection_id, tag) for tag in add])
            tx.many("DELETE FROM collection_tag WHERE collection_id = ? AND tag = ?", [(collection_id, tag) for tag in remove])
            tx.execute("UPDATE collection SET updated_at = ? WHERE collection_id = ?", (at, collection_id))

        self._database.write_sync(work)

    def membership(self, collection_id: int, alias: str) -> Membership | None:
        """See `CollectionStore.membership`."""

        def work(tx: Transaction) -> Row | None:
            row = tx.one(
                "SELECT m.* FROM membership_alias a JOIN membership m ON m.collection_id = a.collection_id AND m.version_id = a.version_id"
                " WHERE a.collection_id = ? AND a.alias = ?",
                (collection_id, alias),
            )
            if row is None and alias[:1] == "v" and alias[1:].isdigit() and len(alias) < 12:
                sql = "SELECT * FROM membership WHERE collection_id = ? AND version_index = ?"
                row = tx.one(sql, (collection_id, int(alias[1:])))
            if row is None:
                named = "substr(v.digest, 1, ?)" if len(alias) == COMMIT_HASH_LENGTH else "v.digest"
                row = tx.one(
                    "SELECT m.* FROM membership m JOIN artifact_version v ON v.version_id = m.version_id"
                    f" WHERE m.collection_id = ? AND {named} = ? ORDER BY m.version_index DESC LIMIT 1",
                    (collection_id, COMMIT_HASH_LENGTH, alias) if len(alias) == COMMIT_HASH_LENGTH else (collection_id, alias),
                )
            return row

        row = self._database.read_sync(work)
        return None if row is None else membership_from_row(row)

    def membership_by_id(self, membership_id: int) -> Membership | None:
        """See `CollectionStore.membership_by_id`."""
        row = self._database.read_sync(lambda tx: tx.one("SELECT * FROM membership WHERE membership_id = ?", (membership_id,)))
        return None if row is None else membership_from_row(row)

    def memberships_of(self, version_ids: Sequence[int]) -> Mapping[int, Sequence[Membership]]:
        """See `CollectionStore.memberships_of`."""

        def work(tx: Transaction) -> dict[int, list[Membership]]:
            found: dict[int, list[Membership]] = {}
            for part in batches(version_ids):
                for row in tx.all(f"SELECT * FROM membership WHERE version_id IN ({marks(len(part))}) ORDER BY membership_id", part):
                    found.setdefault(row["version_id"], []).append(membership_from_row(row))
            return found

        return self._database.read_sync(work)

    def find_memberships(self, query: MembershipQuery) -> tuple[Sequence[Membership], int]:
        """See `CollectionStore.find_memberships`."""
        if not query.collection_ids:
            return [], 0
        source = (
            "FROM membership m JOIN artifact_version v ON v.version_id = m.version_id"
            f" WHERE m.collection_id IN ({marks(len(query.collection_ids))}) AND v.state = 'COMMITTED'"
        )
        direction = "DESC" if query.is_descending else "ASC"
        order = f"ORDER BY {_MEMBER_ORDER.get(query.order, 'm.version_index')} {direction}, m.membership_id {direction}"

        def work(tx: Transaction) -> tuple[list[Membership], int]:
            if not query.where or query.where == _ALL:
                total = tx.one(f"SELECT COUNT(*) AS n {source}", list(query.collection_ids))
                rows = tx.all(f"SELECT m.* {source} {order} LIMIT ? OFFSET ?", [*query.collection_ids, query.limit, query.offset])
                return [membership_from_row(row) for row in rows], 0 if total is None else total["n"]
            matches = compile_filter(query.where)
            rows = tx.all(
                f"SELECT m.*, v.metadata, v.digest, v.size_bytes, v.created_at AS version_created_at, v.updated_at AS version_updated_at"
                f" {source} {order}",
                list(query.collection_ids),
            )
            aliases, tags = _names_in(tx, query.collection_ids)
            kept = [membership_from_row(row) for row in rows if matches(_member_lookup(row, aliases, tags))]
            return kept[query.offset : query.offset + query.limit], len(kept)

        return self._database.read_sync(work)

    def aliases_of_versions(self, version_ids: Sequence[int]) -> Mapping[int, Sequence[Alias]]:
        """See `CollectionStore.aliases_of_versions`."""

        def work(tx: Transaction) -> dict[int, list[Alias]]:
            found: dict[int, list[Alias]] = {}
            for part in batches(version_ids):
                sql = f"SELECT * FROM membership_alias WHERE version_id IN ({marks(len(part))}) ORDER BY collection_id, created_at, alias"
                for row in tx.all(sql, part):
                    found.setdefault(row["version_id"], []).append(alias_from_row(row))
            return found

        return self._database.read_sync(work)

    def aliases_of_collection(self, collection_id: int) -> Sequence[Alias]:
        """See `CollectionStore.aliases_of_collection`."""
        sql = "SELECT * FROM membership_alias WHERE collection_id = ? ORDER BY alias"
        return [alias_from_row(row) for row in self._database.read_sync(lambda tx: tx.all(sql, (collection_id,)))]

    def set_aliases(self, version_id: int, aliases: Sequence[tuple[int, str]], *, at: float, by: str = "") -> None:
        """See `CollectionStore.set_aliases`."""

        def work(tx: Transaction) -> None:
            for collection_id, alias in aliases:
                if tx.one("SELECT 1 FROM membership WHERE collection_id = ? AND version_id = ?", (collection_id, version_id)) is None:
                    raise NotFoundError("the artifact version is not in this collection")
                move_alias(tx, collection_id, alias, version_id, at, by=by)

        self._database.write_sync(work)

    def drop_aliases(self, version_id: int, aliases: Sequence[tuple[int, str]], *, at: float, by: str = "") -> None:
        """See `CollectionStore.drop_aliases`."""
        place = "WHERE collection_id = ? AND alias = ? AND version_id = ?"

        def work(tx: Transaction) -> None:
            for collection_id, alias in aliases:
                if tx.one(f"SELECT 1 FROM membership_alias {place}", (collection_id, alias, version_id)) is not None:
                    check_alias_free(tx, collection_id, alias, by)
                    tx.execute(f"DELETE FROM membership_alias {place}", (collection_id, alias, version_id))
                    old = index_of(tx, collection_id, version_id)
                    note_change(tx, collection_id, version_id, "alias", subject=alias, old=old, by=by, at=at)

        self._database.write_sync(work)

    def link(self, collection_id: int, version_id: int, aliases: Sequence[str], *, at: float, by: str = "") -> Membership:
        """See `CollectionStore.link`."""

        def work(tx: Transaction) -> Membership:
            is_new = index_of(tx, collection_id, version_id) is None
            member = add_member(tx, collection_id, version_id, at)
            if is_new:
                note_change(tx, collection_id, version_id, "link", new=f"v{member['version_index']}", by=by, at=at)
            for alias in [*aliases, LATEST]:
                move_alias(tx, collection_id, alias, version_id, at, by=by)
            return membership_from_row(member)

        return self._database.write_sync(work)

    def unlink(self, collection_id: int, version_id: int, *, at: float, by: str = "") -> bool:
        """See `CollectionStore.unlink`."""

        def work(tx: Transaction) -> bool:
            name = index_of(tx, collection_id, version_id)
            if name is None:
                return False
            check_version_free(tx, version_id, by, collection_id=collection_id)
            remove_member(tx, collection_id, version_id, at)
            note_change(tx, collection_id, version_id, "unlink", old=name, by=by, at=at)
            return True

        return self._database.write_sync(work)


def check_collection_free(tx: Transaction, collection_id: int, by: str) -> None:
    """Make sure that `by` may remove a collection with its aliases, and its versions from wherever they are linked.

    Raises:
        PermissionDeniedError: a protected alias would go.
    """
    for row in tx.all("SELECT alias FROM membership_alias WHERE collection_id = ?", (collection_id,)):
        check_alias_free(tx, collection_id, row["alias"], by)
    versions = tx.all("SELECT version_id FROM artifact_version WHERE collection_id = ?", (collection_id,))
    check_versions_free(tx, [row["version_id"] for row in versions], by)


def delete_collection_rows(tx: Transaction, collection_id: int, kind: CollectionKind, at: float) -> None:
    """Remove a collection: a portfolio with its links, a sequence with its versions."""
    if kind is CollectionKind.SEQUENCE:
        for row in tx.all("SELECT version_id FROM artifact_version WHERE collection_id = ?", (collection_id,)):
            for member in tx.all("SELECT collection_id FROM membership WHERE version_id = ?", (row["version_id"],)):
                remove_member(tx, member["collection_id"], row["version_id"], at)
        # The rows go, not only their state: a sequence of the same name may be started afresh, from v0.
        for table in ("version_tag", "version_manifest", "version_use"):
            sql = f"DELETE FROM {table} WHERE version_id IN (SELECT version_id FROM artifact_version WHERE collection_id = ?)"
            tx.execute(sql, (collection_id,))
        tx.execute("DELETE FROM artifact_version WHERE collection_id = ?", (collection_id,))
    for table in ("membership", "membership_alias", "collection_tag", "version_change", "collection"):
        tx.execute(f"DELETE FROM {table} WHERE collection_id = ?", (collection_id,))


def _collection(tx: Transaction, collection_id: int) -> Collection | None:
    row = tx.one(f"{COLLECTION_SELECT} WHERE c.collection_id = ?", (collection_id,))
    return None if row is None else collection_from_row(row)


def _existing(tx: Transaction, collection_id: int) -> Collection:
    collection = _collection(tx, collection_id)
    if collection is None:
        raise NotFoundError(f"no artifact collection {collection_id}")
    return collection


def _collection_tags(tx: Transaction, collection_ids: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for part in batches(collection_ids):
        for row in tx.all(f"SELECT * FROM collection_tag WHERE collection_id IN ({marks(len(part))}) ORDER BY tag", part):
            found.setdefault(row["collection_id"], []).append(row["tag"])
    return found


def _names_in(tx: Transaction, collection_ids: Sequence[int]) -> tuple[dict[tuple[int, int], list[str]], dict[int, list[str]]]:
    """Return aliases by (collection, version) and tags by version for the members of collections."""
    aliases: dict[tuple[int, int], list[str]] = {}
    tags: dict[int, list[str]] = {}
    for part in batches(collection_ids):
        for row in tx.all(f"SELECT * FROM membership_alias WHERE collection_id IN ({marks(len(part))})", part):
            aliases.setdefault((row["collection_id"], row["version_id"]), []).append(row["alias"])
        sql = (
            "SELECT DISTINCT t.version_id, t.tag FROM version_tag t JOIN membership m ON m.version_id = t.version_id"
            f" WHERE m.collection_id IN ({marks(len(part))})"
        )
        for row in tx.all(sql, part):
            tags.setdefault(row["version_id"], []).append(row["tag"])
    return aliases, tags


def _collection_lookup(collection: Collection, tags: Sequence[str]) -> Lookup:
    values: dict[str, Sequence[Any]] = {
        "id": [collection.collection_id],
        "artifact_collection_id": [collection.collection_id],
        "name": [collection.name],
        "description": [collection.description],
        "type": [collection.type_name],
        "tag": tags,
        "created_at": [collection.created_at],
        "createdAt": [collection.created_at],
        "updated_at": [collection.updated_at],
        "updatedAt": [collection.updated_at],
    }
    return lambda field: values.get(field, ())


def _member_lookup(row: Row, aliases: Mapping[tuple[int, int], list[str]], tags: Mapping[int, list[str]]) -> Lookup:
    version_id = row["version_id"]
    names = [*aliases.get((row["collection_id"], version_id), []), f"v{row['version_index']}"]
    values: dict[str, Sequence[Any]] = {
        "id": [version_id], "artifact_id": [version_id], "version": [row["version_index"], f"v{row['version_index']}"],
        "version_index": [row["version_index"]], "versionIndex": [row["version_index"]],
        "tag": tags.get(version_id, ()), "tags": tags.get(version_id, ()), "alias": names, "aliases": names,
        "state": ["COMMITTED"], "digest": [row["digest"]], "artifact_size": [row["size_bytes"]], "size": [row["size_bytes"]],
        "created_at": [row["version_created_at"]], "createdAt": [row["version_created_at"]],
        "artifact_created_at": [row["version_created_at"]], "updated_at": [row["version_updated_at"]],
        "updatedAt": [row["version_updated_at"]], "acm_created_at": [row["created_at"]], "linked_at": [row["created_at"]],
    }  # fmt: skip

    def lookup(field: str) -> Sequence[Any]:
        if field.startswith(("metadata.", "artifact_metadata.")):
            return _metadata_values(row["metadata"], field.partition(".")[2])
        return values.get(field, ())

    return lookup


def _metadata_values(text: str | None, path: str) -> Sequence[Any]:
    value: Any = {}
    with contextlib.suppress(ValueError):
        value = json.loads(text or "{}")
    if isinstance(value, dict) and path in value:
        value = value[path]
    else:
        for part in path.split("."):
            if not isinstance(value, dict) or part not in value:
                return ()
            value = value[part]
    return value if isinstance(value, list) else [value]
