"""What users opened or made last (`interfaces.recent_objects`).

Only ids are kept; names are read when the list is, by one query per kind, so that renamed objects show their new name and deleted ones
drop out. A noted object that a client's run list shows too stands there once.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from penstock.interfaces.recent_objects import MOST_KEPT, RecentObject
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.page_filters import in_namespace

_LOOKED_AT = 40
"""Noted objects whose names are read: some may be gone."""
_RUNS_LOOKED_AT = 500

_PLAIN: Mapping[str, str] = {
    "run": "SELECT run_id AS id, name AS title, pipeline_name AS detail, state FROM run "
    "WHERE storage_state <> 'TRASHED' AND run_id IN ({ids}) {own}",
    "flow": "SELECT run_id AS id, name AS title, pipeline_name AS detail, state FROM run "
    "WHERE storage_state <> 'TRASHED' AND run_id IN ({ids}) {own}",
    "pipeline": "SELECT pipeline_id AS id, display_name AS title, '' AS detail, '' AS state FROM pipeline "
    "WHERE pipeline_id IN ({ids}) {own}",
    "experiment": "SELECT experiment_id AS id, name AS title, '' AS detail, '' AS state FROM experiment "
    "WHERE experiment_id IN ({ids}) {own}",
    "recurring": "SELECT recurring_run_id AS id, display_name AS title, '' AS detail, '' AS state FROM recurring_run "
    "WHERE recurring_run_id IN ({ids}) {own}",
    "artifact": "SELECT CAST(artifact_id AS TEXT) AS id, artifact.name AS title, type AS detail, '' AS state FROM artifact "
    "LEFT JOIN run ON run.run_id = artifact.run_id WHERE artifact_id IN ({ids}) {own}",
}
_OWN = {"run": "run", "flow": "run", "pipeline": "pipeline", "experiment": "experiment", "recurring": "recurring_run", "artifact": "run"}
"""Kind -> table that says of which namespace it is."""

_PROJECT = "p.entity || '/' || p.name"
_TRACKED: Mapping[str, str] = {
    "project": f"SELECT {_PROJECT} AS id, p.name AS title, p.entity AS detail, '' AS state, p.entity FROM tracked_project p "
    "WHERE {found}",
    "tracked": f"SELECT {_PROJECT} || '/runs/' || r.name AS id, r.display_name AS title, {_PROJECT} AS detail, r.state, p.entity "
    "FROM tracked_run r JOIN tracked_project p ON p.project_id = r.project_id WHERE {found}",
    "collection": f"SELECT {_PROJECT} || '/artifacts/' || r.type_name || '/' || r.name AS id, r.name AS title, {_PROJECT} AS detail, "
    "'' AS state, p.entity FROM collection r JOIN tracked_project p ON p.project_id = r.project_id WHERE {found}",
    "sweep": f"SELECT {_PROJECT} || '/sweeps/' || r.name AS id, COALESCE(r.display_name, r.name) AS title, {_PROJECT} AS detail, "
    "'' AS state, p.entity FROM sweep r JOIN tracked_project p ON p.project_id = r.project_id WHERE {found}",
    "report": f"SELECT {_PROJECT} || '/reports/' || CAST(r.report_id AS TEXT) AS id, r.display_name AS title, {_PROJECT} AS detail, "
    "'' AS state, p.entity FROM report r JOIN tracked_project p ON p.project_id = r.project_id WHERE {found}",
}
_PLACES: Mapping[str, Sequence[str]] = {
    "project": ("p.entity", "p.name"),
    "tracked": ("p.entity", "p.name", "", "r.name"),
    "collection": ("p.entity", "p.name", "", "r.type_name", "r.name"),
    "sweep": ("p.entity", "p.name", "", "r.name"),
    "report": ("p.entity", "p.name", "", "r.report_id"),
}
"""Parts of the id of what is tracked -> columns; one that is always the same word has none."""

_BY_CLIENTS = (
    (
        "tracked",
        (f"SELECT {_PROJECT} || '/runs/' || r.name AS id, r.display_name AS title, {_PROJECT} AS detail, r.state, p.entity, "
        f"r.created_at AS at FROM (SELECT * FROM tracked_run ORDER BY run_id DESC LIMIT {_RUNS_LOOKED_AT}) AS r "
        "JOIN tracked_project p ON p.project_id = r.project_id "
        "WHERE r.user_name = :user AND r.is_automatic = 0 AND r.task_id IS NULL {of_entity} ORDER BY r.run_id DESC LIMIT :limit"),
    ),
    (
        "flow",
        (f"SELECT * FROM (SELECT run_id AS id, name AS title, pipeline_name AS detail, state, '' AS entity, created_at AS at, "
        "service_account, namespace, kind FROM run WHERE kind = 'flow' AND storage_state <> 'TRASHED' "
        f"ORDER BY created_at DESC LIMIT {_RUNS_LOOKED_AT}) AS run WHERE service_account = :user {{own}}ORDER BY at DESC LIMIT :limit"),
    ),
)


class SqlRecentObjects:
    """`RecentObjects` over the table `recent_object`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, user_name: str, kind: str, object_id: str, *, at: float, is_made: bool = False) -> None:
        """See `RecentObjects`."""
        params = {"user": user_name, "kind": kind, "id": object_id, "at": at, "made": int(is_made)}

        def work(tx: Transaction) -> None:
            tx.execute(
                "INSERT INTO recent_object (user_name, kind, object_id, is_made, at) VALUES (:user, :kind, :id, :made, :at) "
                "ON CONFLICT (user_name, kind, object_id) DO UPDATE SET at = excluded.at, "
                "is_made = CASE WHEN recent_object.is_made > excluded.is_made THEN recent_object.is_made ELSE excluded.is_made END",
                params,
            )
            tx.execute(
                "DELETE FROM recent_object WHERE user_name = :user AND at < "
                f"(SELECT at FROM recent_object WHERE user_name = :user ORDER BY at DESC LIMIT 1 OFFSET {MOST_KEPT - 1})",
                {"user": user_name},
            )

        await self._database.write(work)

    async def list(self, user_name: str, *, namespace: str = "", limit: int = 8) -> builtins.list[RecentObject]:
        """See `RecentObjects`."""
        return await self._database.read(lambda tx: _list(tx, user_name, namespace, limit))


def _list(tx: Transaction, user_name: str, namespace: str, limit: int) -> list[RecentObject]:
    noted = tx.all(
        f"SELECT kind, object_id, is_made, at FROM recent_object WHERE user_name = :user ORDER BY at DESC LIMIT {_LOOKED_AT}",
        {"user": user_name},
    )
    found: dict[tuple[str, str], RecentObject] = {}
    for kind in sorted({row["kind"] for row in noted}):
        rows = {row["object_id"]: row for row in noted if row["kind"] == kind}
        for known in _known(tx, kind, list(rows), namespace):
            row = rows.get(known["id"])
            if row is not None:
                found[kind, known["id"]] = _recent(kind, known, row["at"], is_made=bool(row["is_made"]))
    for one in _made_by_clients(tx, user_name, namespace, limit):
        key = (one.kind, one.object_id)
        noted_one = found.get(key)
        found[key] = one if noted_one is None else replace(one, at=max(one.at, noted_one.at))
    return sorted(found.values(), key=lambda one: -one.at)[:limit]


def _known(tx: Transaction, kind: str, ids: Sequence[str], namespace: str) -> Iterable[Row]:
    """Return what is there of these objects."""
    if kind in _PLAIN:
        usable = [one for one in ids if kind != "artifact" or one.isdecimal()]
        params: dict[str, Any] = {f"id{at}": int(one) if kind == "artifact" else one for at, one in enumerate(usable)}
        own = f"AND {in_namespace(_OWN[kind], ':namespace')}" if namespace else ""
        sql = _PLAIN[kind].format(ids=", ".join(f":id{at}" for at in range(len(usable))), own=own)
        return tx.all(sql, {**params, "namespace": namespace}) if usable else ()
    if kind not in _TRACKED:
        return ()
    return _tracked(tx, kind, ids, namespace)


def _tracked(tx: Transaction, kind: str, ids: Sequence[str], namespace: str) -> Iterable[Row]:
    columns, clauses, params = _PLACES[kind], [], dict[str, Any]()
    for at, one in enumerate(ids):
        parts = one.split("/")
        if len(parts) != len(columns) or (kind == "report" and not parts[-1].isdecimal()):
            continue
        for place, (column, part) in enumerate(zip(columns, parts, strict=True)):
            if column:
                params[f"v{at}_{place}"] = int(part) if column == "r.report_id" else part
        clauses.append(" AND ".join(f"{column} = :v{at}_{place}" for place, column in enumerate(columns) if column))
    if not clauses:
        return ()
    wanted = " OR ".join(f"({clause})" for clause in clauses)
    found = f"({wanted})" + (" AND p.entity = :namespace" if namespace else "")
    return tx.all(_TRACKED[kind].format(found=found), {**params, "namespace": namespace})


def _made_by_clients(tx: Transaction, user_name: str, namespace: str, limit: int) -> list[RecentObject]:
    wanted = {
        "of_entity": "AND p.entity = :namespace" if namespace else "",
        "own": f"AND {in_namespace('run', ':namespace')} " if namespace else "",
    }
    params = {"user": user_name, "namespace": namespace, "limit": limit}
    return [
        _recent(kind, row, row["at"], is_made=True) for kind, sql in _BY_CLIENTS for row in tx.all(sql.format(**wanted), params)
    ]


def _recent(kind: str, row: Row, at: float, *, is_made: bool) -> RecentObject:
    entity = dict(row).get("entity") or ""
    return RecentObject(kind, row["id"], row["title"] or row["id"], row["detail"] or "", at, is_made, row["state"] or "", entity)
