"""Aliases that only some may give, move or take away: who protected them, and administrators of the registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from penstock.domain.errors import PermissionDeniedError
from penstock.stores.sql.database import Transaction

_ADMINISTERS = (
    "SELECT 1 FROM project_member d JOIN tracked_entity e ON e.entity_id = d.entity_id"
    " WHERE d.project_id = {project} AND e.name = ? AND LOWER(d.role) IN ('admin', 'owner')"
)


def check_alias_free(tx: Transaction, collection_id: int, alias: str, by: str) -> None:
    """Make sure that `by` may change where `alias` points in a collection.

    Raises:
        PermissionDeniedError: it is protected, and `by` neither protected it nor administers the registry.
    """
    row = tx.one("SELECT project_id FROM collection WHERE collection_id = ?", (collection_id,))
    if row is not None:
        check_may_change(tx, row["project_id"], alias, by)


def check_may_change(tx: Transaction, project_id: int, alias: str, by: str) -> None:
    """Make sure that `by` may change an alias of a project or registry.

    Raises:
        PermissionDeniedError: as for `check_alias_free`.
    """
    row = tx.one("SELECT user_name FROM protected_alias WHERE project_id = ? AND alias = ?", (project_id, alias))
    if row is None or row["user_name"] == by:
        return
    if tx.one(_ADMINISTERS.format(project="?"), (project_id, by)) is None:
        raise PermissionDeniedError(f"alias {alias!r} is protected: {row['user_name']} and administrators of the registry may change it")


def locked(tx: Transaction, by: str, *, project_id: int | None, version_id: int | None) -> Mapping[str, str]:
    """Return the protected aliases that `by` may not change, and who protected each: of a project, or those that a version has."""
    source = "protected_alias a"
    if version_id is not None:
        source += " JOIN collection c ON c.project_id = a.project_id JOIN membership_alias m ON m.collection_id = c.collection_id"
        source += " AND m.alias = a.alias AND m.version_id = :version"
    sql = (
        f"SELECT a.alias, a.user_name FROM {source} WHERE a.user_name <> :by{'' if project_id is None else ' AND a.project_id = :project'}"
        f" AND NOT EXISTS ({_ADMINISTERS.format(project='a.project_id').replace('?', ':by')}) ORDER BY a.alias"
    )
    given = {"by": by, "project": project_id, "version": version_id}
    rows = tx.all(sql, {name: value for name, value in given.items() if value is not None})
    return {row["alias"]: row["user_name"] for row in rows}


def check_version_free(tx: Transaction, version_id: int, by: str, *, collection_id: int | None = None) -> None:
    """Make sure that `by` may take a version out of every collection, or of one.

    Raises:
        PermissionDeniedError: it has a protected alias there.
    """
    place, values = ("", (version_id,)) if collection_id is None else (" AND collection_id = ?", (version_id, collection_id))
    for row in tx.all(f"SELECT collection_id, alias FROM membership_alias WHERE version_id = ?{place}", values):
        check_alias_free(tx, row["collection_id"], row["alias"], by)


def check_versions_free(tx: Transaction, version_ids: Iterable[int], by: str) -> None:
    """Make sure of the same for several versions."""
    for version_id in version_ids:
        check_version_free(tx, version_id, by)
