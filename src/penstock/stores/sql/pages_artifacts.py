"""Queries behind the artifact pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from penstock.interfaces.page_artifacts import ArtifactView, OutputItem
from penstock.interfaces.pages import ArtifactItem, ArtifactUse, Condition, ListQuery, Page
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.json_columns import decode_object
from penstock.stores.sql.json_keys import require, value_of_key, with_keys
from penstock.stores.sql.page_filters import LateSorts, Where, in_namespace, select_page
from penstock.stores.sql.page_rows import (
    ARTIFACT_COLUMNS,
    ARTIFACT_JOINS,
    USE_COLUMNS,
    USE_SOURCE,
    artifact_from_row,
    named_places,
    use_from_row,
)
from penstock.stores.sql.pipeline_titles import require_pipeline
from penstock.stores.sql.run_words import artifact_of_word

ARTIFACT_SORTS = {
    "created": "artifact.created_at",
    "name": "artifact.name",
    "size": "COALESCE(artifact.size_bytes, 0)",
    "id": "artifact.artifact_id",
    "uri": "artifact.uri",
}
_LATE_SORTS = LateSorts(
    "artifact.created_at",
    {
        "type": "artifact.type",
        "run": "COALESCE((SELECT name FROM run WHERE run.run_id = artifact.run_id), '')",
        "task": "COALESCE((SELECT display_name FROM task WHERE task.task_id = artifact.task_id), '')",
    },
)

_FEW = 500
"""Artifacts with a word that are looked up one by one."""
_MOST_LABELLED = 2000
"""Artifacts with an alias or a tag that are looked up one by one."""


def artifact_condition(where: Where, condition: Condition) -> None:
    """Add a filter-bar condition on artifacts; any other field is a key of the metadata (`meta.rows`, or `rows`)."""
    match condition.field:
        case "name":
            where.text("artifact.name", condition)
        case "type":
            where.text("artifact.type", condition)
        case "uri":
            where.text("artifact.uri", condition)
        case "digest":
            where.text("artifact.digest", condition)
        case "created":
            where.time("artifact.created_at", condition)
        case "size":
            where.number("artifact.size_bytes", condition)
        case "id":
            where.number("artifact.artifact_id", condition)
        case "run":
            _of_run(where, "name", condition)
        case "pipeline":
            _of_pipeline(where, condition)
        case field:
            with where.judged():
                require(where, value_of_key(where, "artifact.metadata", field.removeprefix("meta.")), condition)


def _labelled(tx: Transaction, where: Where, condition: Condition) -> None:
    """Require an alias or a tag: one that contains the value, or with `=` is it. Few artifacts have any, so they are found first."""
    asked = Where(tx, now=0.0)
    asked.equals("label.kind", condition.field)
    is_whole = condition.operator in {"=", "!="}
    asked.add(f"label.label = {asked.bind(condition.value)}" if is_whole else asked.contains("label.label", condition.value))
    select = f"SELECT DISTINCT label.artifact_id FROM artifact_label label {asked.sql()}"
    found = [row["artifact_id"] for row in tx.all(f"{select} LIMIT {_MOST_LABELLED + 1}", asked.params)]
    if len(found) <= _MOST_LABELLED and condition.operator != "!=":
        where.among("artifact.artifact_id", found)
        return
    test = f"l.label = {where.bind(condition.value)}" if is_whole else where.contains("l.label", condition.value)
    some = f"(SELECT l.artifact_id FROM artifact_label l WHERE l.kind = '{condition.field}' AND {test})"
    where.add(f"artifact.artifact_id {'NOT IN' if condition.operator == '!=' else 'IN'} {some}")


def _of_run(where: Where, column: str, condition: Condition) -> None:
    """Require a text of the run that made it: to contain the value, or with `=` to be it."""
    test = f"{column} = {where.bind(condition.value)}" if condition.operator == "=" else where.contains(column, condition.value)
    where.add(f"artifact.run_id {'NOT IN' if condition.operator == '!=' else 'IN'} (SELECT run_id FROM run WHERE {test})")


def _of_pipeline(where: Where, condition: Condition) -> None:
    """Require the pipeline of the run that made it: to have the value in its name, or with `=` to be called so."""
    is_not = condition.operator == "!="
    kept, where.clauses = where.clauses, []
    require_pipeline(where, replace(condition, operator="=") if is_not else condition, where.text)
    inside, where.clauses = where.clauses, kept
    where.add(f"artifact.run_id {'NOT IN' if is_not else 'IN'} (SELECT run_id FROM run WHERE {' AND '.join(inside)})")


class SqlArtifactPages:
    """`ArtifactPages` over the core tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_artifacts(self, query: ListQuery) -> Page[ArtifactItem]:
        """See `ArtifactPages`."""
        return await self._database.read(lambda tx: _list_artifacts(tx, query))

    async def outputs(self, *, namespace: str = "", limit: int = 10_000) -> tuple[Sequence[OutputItem], bool]:
        """See `ArtifactPages`."""
        return await self._database.read(lambda tx: _outputs(tx, namespace, limit))

    async def metadata(self, artifact_ids: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
        """See `ArtifactPages`."""
        places, params = named_places(list(artifact_ids)[:1000])
        sql = f"SELECT artifact_id, metadata FROM artifact WHERE artifact_id IN ({places})"
        rows = await self._database.read(lambda tx: tx.all(sql, params))
        return {row["artifact_id"]: decode_object(row["metadata"]) for row in rows}

    async def artifact(self, artifact_id: int) -> ArtifactView | None:
        """See `ArtifactPages`."""
        return await self._database.read(lambda tx: _artifact_view(tx, artifact_id))

    async def of_runs(
        self, run_ids: Sequence[str], types: Sequence[str] = (), *, direction: str = "output", limit: int = 1000
    ) -> Sequence[ArtifactUse]:
        """See `ArtifactPages`."""
        places, params = named_places(run_ids)
        wanted, type_params = named_places(types, "t")
        typed = f"AND artifact.type IN ({wanted})" if types else ""
        sql = (
            f"SELECT {USE_COLUMNS} FROM {USE_SOURCE} WHERE artifact_use.run_id IN ({places}) AND artifact_use.direction = :direction "
            f"{typed} ORDER BY artifact_use.at, user_task.position, artifact_use.key, artifact_use.position LIMIT :limit"
        )
        bound = {**params, **type_params, "direction": direction, "limit": limit}
        return await self._database.read(lambda tx: [use_from_row(row) for row in tx.all(sql, bound)])


def _outputs(tx: Transaction, namespace: str, limit: int) -> tuple[list[OutputItem], bool]:
    mine = f"WHERE {in_namespace('run', ':namespace')} " if namespace else ""
    rows = tx.all(
        "SELECT run.pipeline_name, task.display_name AS task_name, a.output_key, a.type, COUNT(*) AS n, SUM(a.size_bytes) AS size_bytes, "
        "MAX(a.artifact_id) AS newest_id, MAX(a.created_at) AS updated_at, MAX((SELECT MAX(u.at) FROM artifact_use u "
        "WHERE u.artifact_id = a.artifact_id AND u.direction = 'input')) AS last_used_at "
        "FROM (SELECT * FROM artifact WHERE artifact_id NOT IN (SELECT artifact_id FROM artifact_note WHERE ended_at IS NOT NULL) "
        "ORDER BY created_at DESC, artifact_id DESC LIMIT :limit) a "
        "JOIN run ON run.run_id = a.run_id AND run.storage_state <> 'TRASHED' JOIN task ON task.task_id = a.task_id "
        f"{mine}GROUP BY run.pipeline_name, task.display_name, a.output_key, a.type ORDER BY updated_at DESC",
        {"limit": limit, **({"namespace": namespace} if namespace else {})},
    )
    is_cut = tx.one("SELECT 1 FROM artifact ORDER BY created_at DESC LIMIT 1 OFFSET :limit", {"limit": limit}) is not None
    newest = {row["newest_id"] for row in rows[:1000]}
    places, params = named_places(sorted(newest))
    makers = tx.all(
        f"SELECT a.artifact_id, run.run_id, run.name FROM artifact a JOIN run ON run.run_id = a.run_id WHERE a.artifact_id IN ({places})",
        params,
    )
    runs = {row["artifact_id"]: (row["run_id"], row["name"]) for row in makers}
    return [
        OutputItem(
            row["pipeline_name"], row["task_name"], row["output_key"], row["type"], row["n"], int(row["size_bytes"] or 0),
            row["newest_id"], row["updated_at"], row["last_used_at"], *runs.get(row["newest_id"], ("", "")),
        )
        for row in rows
    ], is_cut  # fmt: skip


def artifacts_where(tx: Transaction, query: ListQuery) -> Where:
    """Return which artifacts a list shows; needs the table `artifact` only."""
    where = Where(tx, now=query.now, zone=query.zone)
    if "run_id" in query.scope:
        where.equals("artifact.run_id", query.scope["run_id"])
    if name := query.scope.get("namespace"):
        mine = f"EXISTS (SELECT 1 FROM run WHERE run.run_id = artifact.run_id AND {in_namespace('run', where.bind(name))})"
        where.add(f"(artifact.run_id IS NULL OR {mine})")
    if query.words:
        _words(tx, where, query.words)
    for condition in query.conditions:
        if condition.field in {"alias", "tag"}:
            _labelled(tx, where, condition)
        else:
            artifact_condition(where, condition)
    if "run_id" not in query.scope:  # last: dearer to tell than a word, of which few artifacts remain
        where.add("COALESCE(artifact.run_id, '') NOT IN (SELECT subject FROM trash_item WHERE kind = 'run')")
        where.add("artifact.artifact_id NOT IN (SELECT artifact_id FROM artifact_note WHERE ended_at IS NOT NULL)")
    return where


def _words(tx: Transaction, where: Where, words: Sequence[str]) -> None:
    """Require each word in name, address or type, in the name that people gave to its pipeline, or as the id. What few artifacts hold is
    found first by SQLite in the order of the table, which it reads twice as fast as that of an index; what many hold fills a page soon.
    """
    asked = Where(tx, now=0.0)
    for each in (where, asked):
        for word in words:
            options = [each.contains(f"artifact.{column}", word) for column in ("name", "uri", "type")]
            if word.isdigit():
                options.append(f"artifact.artifact_id = {each.bind(int(word))}")
            if of_pipeline := artifact_of_word(each, word):
                options.append(of_pipeline)
            each.add(f"({' OR '.join(options)})")
    if where.dialect.name == "sqlite":
        few = tx.all(f"SELECT artifact.artifact_id FROM artifact {asked.sql()} LIMIT {_FEW + 1}", asked.params)
        if len(few) <= _FEW:
            where.among("artifact.artifact_id", [row["artifact_id"] for row in few])


def _list_artifacts(tx: Transaction, query: ListQuery) -> Page[ArtifactItem]:
    where = artifacts_where(tx, query)
    return select_page(
        tx,
        query,
        where,
        select=ARTIFACT_COLUMNS,
        source="artifact",
        joins=ARTIFACT_JOINS,
        sorts=ARTIFACT_SORTS,
        identity="artifact.artifact_id",
        convert=artifact_from_row,
        late=with_keys(_LATE_SORTS, where, query.sort, {"meta": ("artifact.metadata", "")}),
    )


def _artifact_view(tx: Transaction, artifact_id: int) -> ArtifactView | None:
    row = tx.one(f"SELECT {ARTIFACT_COLUMNS} FROM artifact {ARTIFACT_JOINS} WHERE artifact.artifact_id = :id", {"id": artifact_id})
    if row is None:
        return None
    artifact = artifact_from_row(row)
    uses = tx.all(
        f"SELECT {USE_COLUMNS} FROM {USE_SOURCE} WHERE artifact_use.artifact_id = :id ORDER BY artifact_use.at DESC LIMIT 100",
        {"id": artifact_id},
    )
    same = []
    if artifact.digest:
        same = tx.all(
            f"SELECT {ARTIFACT_COLUMNS} FROM artifact {ARTIFACT_JOINS} WHERE artifact.digest = :digest AND artifact.artifact_id <> :id "
            "ORDER BY artifact.created_at DESC LIMIT 20",
            {"digest": artifact.digest, "id": artifact_id},
        )
    versions = []
    if artifact.pipeline_name:
        versions = tx.all(
            f"SELECT {ARTIFACT_COLUMNS} FROM run JOIN artifact ON artifact.run_id = run.run_id "
            "LEFT JOIN task ON task.task_id = artifact.task_id "
            "WHERE run.pipeline_name = :pipeline AND artifact.output_key = :key AND task.display_name = :task "
            "ORDER BY artifact.created_at DESC LIMIT 50",
            {"pipeline": artifact.pipeline_name, "key": artifact.output_key, "task": artifact.task_name},
        )
    return ArtifactView(
        artifact,
        [use_from_row(item) for item in uses],
        [artifact_from_row(item) for item in same],
        [artifact_from_row(item) for item in versions],
    )
