"""Named views of tables (`interfaces.run_tables.SavedViews`)."""

from __future__ import annotations

import builtins

from penstock.interfaces.run_tables import SavedView
from penstock.stores.sql.database import Database, Row


class SqlSavedViews:
    """`SavedViews` over the table `saved_view`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, table_name: str) -> builtins.list[SavedView]:
        """See `SavedViews`."""
        sql = "SELECT * FROM saved_view WHERE table_name = :table ORDER BY name LIMIT 500"
        return await self._database.read(lambda tx: [_view(row) for row in tx.all(sql, {"table": table_name})])

    async def save(self, view: SavedView) -> None:
        """See `SavedViews`."""
        params = {"table": view.table_name, "name": view.name, "query": view.query, "user": view.user_name, "at": view.created_at}
        await self._database.write(
            lambda tx: tx.execute(
                "INSERT INTO saved_view (table_name, name, query, user_name, created_at) VALUES (:table, :name, :query, :user, :at) "
                "ON CONFLICT (table_name, name) DO UPDATE SET query = excluded.query, user_name = excluded.user_name, "
                "created_at = excluded.created_at",
                params,
            )
        )

    async def delete(self, view_id: int) -> None:
        """See `SavedViews`."""
        await self._database.write(lambda tx: tx.execute("DELETE FROM saved_view WHERE view_id = :view", {"view": view_id}))


def _view(row: Row) -> SavedView:
    return SavedView(row["view_id"], row["table_name"], row["name"], row["query"], row["user_name"], row["created_at"])
