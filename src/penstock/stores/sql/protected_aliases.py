"""Aliases that only some may give, move or take away: who protected them, and administrators of the registry."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.domain.errors import PermissionDeniedError
from penstock.stores.sql.database import Transaction


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
    sql = (
        "SELECT 1 FROM project_member m JOIN tracked_entity e ON e.entity_id = m.entity_id"
        " WHERE m.project_id = ? AND e.name = ? AND LOWER(m.role) IN ('admin', 'owner')"
    )
    if tx.one(sql, (project_id, by)) is None:
        raise PermissionDeniedError(f"alias {alias!r} is protected: {row['user_name']} and administrators of the registry may change it")


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
