"""`PipelineStore` and `VersionStore` on SQL."""

from __future__ import annotations

import json

from penstock.domain.catalog import Pipeline, PipelineVersion, StoredSpec
from penstock.domain.errors import AlreadyExistsError
from penstock.domain.ids import Digest, PipelineId, PipelineVersionId
from penstock.interfaces.listing import ListQuery, Page
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.json_columns import compact_json
from penstock.stores.sql.listing import Column, Listing, Statement, read_page, tag_column
from penstock.stores.sql.specs import insert_spec

_PIPELINE_ID, _VERSION_ID = Column("pipeline.pipeline_id"), Column("pipeline_version.pipeline_version_id")


def _pipeline_tag(key: str, statement: Statement) -> Column | None:
    return tag_column("pipeline.tags", key.removeprefix("tags."), statement) if key.startswith("tags.") else None


def _version_tag(key: str, statement: Statement) -> Column | None:
    return tag_column("pipeline_version.tags", key.removeprefix("tags."), statement) if key.startswith("tags.") else None


_PIPELINES = Listing(
    source="pipeline",
    select="pipeline.*",
    id_sql="pipeline.pipeline_id",
    columns={
        "pipeline_id": _PIPELINE_ID,
        "id": _PIPELINE_ID,
        "name": Column("pipeline.name"),
        "display_name": Column("pipeline.display_name"),
        "description": Column("pipeline.description"),
        "namespace": Column("pipeline.namespace"),
        "created_at": Column("pipeline.created_at", is_number=True),
    },
    dynamic=_pipeline_tag,
)
_VERSIONS = Listing(
    source="pipeline_version",
    select="pipeline_version.*",
    id_sql="pipeline_version.pipeline_version_id",
    columns={
        "pipeline_version_id": _VERSION_ID,
        "id": _VERSION_ID,
        "pipeline_id": Column("pipeline_version.pipeline_id"),
        "name": Column("pipeline_version.name"),
        "display_name": Column("pipeline_version.display_name"),
        "description": Column("pipeline_version.description"),
        "status": Column("'READY'"),
        "pipeline_spec": Column("(SELECT content FROM spec WHERE spec.digest = pipeline_version.spec_digest)"),
        "created_at": Column("pipeline_version.created_at", is_number=True),
    },
    dynamic=_version_tag,
)


class SqlPipelineStore:
    """`interfaces.catalog_store.PipelineStore` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, pipeline: Pipeline, version: PipelineVersion | None, spec: StoredSpec | None) -> None:
        """Store a pipeline, with its first version and definition if given; all or nothing."""

        def work(tx: Transaction) -> None:
            added = tx.execute(
                "INSERT INTO pipeline (pipeline_id, name, display_name, description, namespace, tags, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (namespace, name) DO NOTHING",
                (
                    pipeline.pipeline_id,
                    pipeline.name,
                    pipeline.display_name,
                    pipeline.description,
                    pipeline.namespace,
                    compact_json(dict(pipeline.tags)),
                    pipeline.created_at,
                ),
            )
            if added == 0:
                raise AlreadyExistsError(f"a pipeline named {pipeline.name!r} already exists")
            if version is not None and spec is not None:
                _insert_version(tx, version, spec)

        await self._database.write(work)

    async def get(self, pipeline_id: PipelineId) -> Pipeline | None:
        """Return the pipeline, or None."""
        row = await self._database.read(lambda tx: tx.one("SELECT * FROM pipeline WHERE pipeline_id = ?", (pipeline_id,)))
        return None if row is None else _pipeline(row)

    async def find(self, name: str, *, namespace: str) -> Pipeline | None:
        """Return the pipeline of that name, or None."""
        visible = " AND namespace IN (:namespace, '') ORDER BY namespace DESC" if namespace else " ORDER BY created_at"
        sql = f"SELECT * FROM pipeline WHERE name = :name{visible} LIMIT 1"
        params = {"name": name, "namespace": namespace} if namespace else {"name": name}
        row = await self._database.read(lambda tx: tx.one(sql, params))
        return None if row is None else _pipeline(row)

    async def list(self, query: ListQuery, *, namespace: str) -> Page[Pipeline]:
        """Return a page."""

        def scope(statement: Statement) -> None:
            if namespace:
                statement.in_namespace("pipeline.namespace", namespace)

        return await self._database.read(lambda tx: read_page(tx, _PIPELINES, query, scope=scope, to_item=_pipeline))

    async def update(self, pipeline: Pipeline) -> None:
        """Store display name, tags and default version."""
        await self._database.write(
            lambda tx: tx.execute(
                "UPDATE pipeline SET display_name = ?, tags = ?, default_version_id = ? WHERE pipeline_id = ?",
                (pipeline.display_name, compact_json(dict(pipeline.tags)), pipeline.default_version_id, pipeline.pipeline_id),
            )
        )

    async def delete(self, pipeline_id: PipelineId) -> None:
        """Remove the pipeline and its versions."""

        def work(tx: Transaction) -> None:
            tx.execute("DELETE FROM pipeline_version WHERE pipeline_id = ?", (pipeline_id,))
            tx.execute("DELETE FROM pipeline WHERE pipeline_id = ?", (pipeline_id,))

        await self._database.write(work)


class SqlVersionStore:
    """`interfaces.catalog_store.VersionStore` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, version: PipelineVersion, spec: StoredSpec) -> None:
        """Store a version and its definition."""
        await self._database.write(lambda tx: _insert_version(tx, version, spec))

    async def get(self, version_id: PipelineVersionId) -> PipelineVersion | None:
        """Return the version, or None."""
        sql = "SELECT * FROM pipeline_version WHERE pipeline_version_id = ?"
        row = await self._database.read(lambda tx: tx.one(sql, (version_id,)))
        return None if row is None else _version(row)

    async def latest(self, pipeline_id: PipelineId) -> PipelineVersion | None:
        """Return the newest version, or None."""
        sql = "SELECT * FROM pipeline_version WHERE pipeline_id = ? ORDER BY created_at DESC, pipeline_version_id DESC LIMIT 1"
        row = await self._database.read(lambda tx: tx.one(sql, (pipeline_id,)))
        return None if row is None else _version(row)

    async def list(self, query: ListQuery, *, pipeline_id: PipelineId | None) -> Page[PipelineVersion]:
        """Return a page."""

        def scope(statement: Statement) -> None:
            if pipeline_id is not None:
                statement.equals("pipeline_version.pipeline_id", pipeline_id)

        return await self._database.read(lambda tx: read_page(tx, _VERSIONS, query, scope=scope, to_item=_version))

    async def update(self, version: PipelineVersion) -> None:
        """Store display name and tags."""
        await self._database.write(
            lambda tx: tx.execute(
                "UPDATE pipeline_version SET display_name = ?, tags = ? WHERE pipeline_version_id = ?",
                (version.display_name, compact_json(dict(version.tags)), version.pipeline_version_id),
            )
        )

    async def delete(self, version_id: PipelineVersionId) -> None:
        """Remove the version."""
        await self._database.write(lambda tx: tx.execute("DELETE FROM pipeline_version WHERE pipeline_version_id = ?", (version_id,)))


def _insert_version(tx: Transaction, version: PipelineVersion, spec: StoredSpec) -> None:
    insert_spec(tx, spec)
    added = tx.execute(
        "INSERT INTO pipeline_version (pipeline_version_id, pipeline_id, name, display_name, description, spec_digest, package_url,"
        " code_source_url, tags, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (pipeline_id, name) DO NOTHING",
        (
            version.pipeline_version_id,
            version.pipeline_id,
            version.name,
            version.display_name,
            version.description,
            version.spec_digest,
            version.package_url,
            version.code_source_url,
            compact_json(dict(version.tags)),
            version.created_at,
        ),
    )
    if added == 0:
        raise AlreadyExistsError(f"the pipeline already has a version named {version.name!r}")


def _pipeline(row: Row) -> Pipeline:
    default = row["default_version_id"]
    return Pipeline(
        pipeline_id=PipelineId(row["pipeline_id"]),
        name=row["name"],
        display_name=row["display_name"],
        description=row["description"],
        namespace=row["namespace"],
        tags=json.loads(row["tags"]),
        created_at=row["created_at"],
        default_version_id=None if default is None else PipelineVersionId(default),
    )


def _version(row: Row) -> PipelineVersion:
    return PipelineVersion(
        pipeline_version_id=PipelineVersionId(row["pipeline_version_id"]),
        pipeline_id=PipelineId(row["pipeline_id"]),
        name=row["name"],
        display_name=row["display_name"],
        description=row["description"],
        spec_digest=Digest(row["spec_digest"]),
        package_url=row["package_url"],
        code_source_url=row["code_source_url"],
        tags=json.loads(row["tags"]),
        created_at=row["created_at"],
    )
