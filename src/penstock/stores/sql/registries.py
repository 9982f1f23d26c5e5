"""What registries have beyond projects, in SQL (`interfaces.versions.RegistryStore`)."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.domain.errors import NotFoundError
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.protected_aliases import check_may_change, locked
from penstock.stores.sql.version_rows import index_of, note_change


class SqlRegistryStore:
    """`RegistryStore` over `registry` and `project_member`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_registry(self, project_id: int, *, allow_all_types: bool) -> None:
        """See `RegistryStore.put_registry`."""
        sql = (
            "INSERT INTO registry (project_id, allow_all_types) VALUES (?, ?)"
            " ON CONFLICT (project_id) DO UPDATE SET allow_all_types = excluded.allow_all_types"
        )
        self._database.write_sync(lambda tx: tx.execute(sql, (project_id, int(allow_all_types))))

    def protected_aliases(self, project_id: int) -> Mapping[str, str]:
        """See `RegistryStore.protected_aliases`."""
        sql = "SELECT alias, user_name FROM protected_alias WHERE project_id = ? ORDER BY alias"
        return {row["alias"]: row["user_name"] for row in self._database.read_sync(lambda tx: tx.all(sql, (project_id,)))}

    def locked_aliases(self, by: str, *, project_id: int | None = None, version_id: int | None = None) -> Mapping[str, str]:
        """See `RegistryStore.locked_aliases`."""
        return self._database.read_sync(lambda tx: locked(tx, by, project_id=project_id, version_id=version_id))

    def set_protected(self, project_id: int, alias: str, *, is_protected: bool, by: str, at: float) -> None:
        """See `RegistryStore.set_protected`."""

        def work(tx: Transaction) -> None:
            if is_protected:
                sql = "INSERT INTO protected_alias (project_id, alias, user_name, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
                tx.execute(sql, (project_id, alias, by, at))
                return
            check_may_change(tx, project_id, alias, by)
            tx.execute("DELETE FROM protected_alias WHERE project_id = ? AND alias = ?", (project_id, alias))

        self._database.write_sync(work)

    def allows_all_types(self, project_id: int) -> bool:
        """See `RegistryStore.allows_all_types`."""
        row = self._database.read_sync(lambda tx: tx.one("SELECT allow_all_types FROM registry WHERE project_id = ?", (project_id,)))
        return row is None or bool(row["allow_all_types"])

    def members(self, project_id: int) -> Mapping[int, str]:
        """See `RegistryStore.members`."""
        sql = "SELECT entity_id, role FROM project_member WHERE project_id = ? ORDER BY entity_id"
        return {row["entity_id"]: row["role"] for row in self._database.read_sync(lambda tx: tx.all(sql, (project_id,)))}

    def note_approval(self, collection_id: int, version_id: int, verdict: str, comment: str, *, at: float, by: str) -> None:
        """See `RegistryStore.note_approval`."""

        def work(tx: Transaction) -> None:
            if index_of(tx, collection_id, version_id) is None:
                raise NotFoundError("the artifact version is not in this collection")
            note_change(tx, collection_id, version_id, "approval", subject=verdict, new=comment or None, by=by, at=at)

        self._database.write_sync(work)

    def set_member(self, project_id: int, entity_id: int, role: str) -> None:
        """See `RegistryStore.set_member`."""
        sql = (
            "INSERT INTO project_member (project_id, entity_id, role) VALUES (?, ?, ?)"
            " ON CONFLICT (project_id, entity_id) DO UPDATE SET role = excluded.role"
        )
        self._database.write_sync(lambda tx: tx.execute(sql, (project_id, entity_id, role)))

    def drop_member(self, project_id: int, entity_id: int) -> None:
        """See `RegistryStore.drop_member`."""
        sql = "DELETE FROM project_member WHERE project_id = ? AND entity_id = ?"
        self._database.write_sync(lambda tx: tx.execute(sql, (project_id, entity_id)))
