"""Use cases of pipelines: create (empty, by upload, by URL), read, rename, tag, delete."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from penstock.domain.catalog import Pipeline, PipelineVersion
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.ids import Digest, PipelineId, PipelineVersionId
from penstock.domain.runs import CatalogChanged
from penstock.interfaces.catalog_store import PipelineStore, VersionStore
from penstock.interfaces.clock import Clock, IdSource
from penstock.interfaces.listing import ListQuery, Page
from penstock.interfaces.notifier import Notifier
from penstock.pipelines.definitions import Definitions
from penstock.pipelines.filters import PIPELINE_FIELDS
from penstock.pipelines.names import check_name, check_namespace, check_tags
from penstock.pipelines.paging import ListRequest, OpenList, open_list
from penstock.spec.packages import Package, of_pipeline

MAX_NAME = 128


class PipelineService:
    """What people do with pipelines."""

    def __init__(
        self, store: PipelineStore, versions: VersionStore, definitions: Definitions, *, clock: Clock, ids: IdSource, notifier: Notifier
    ) -> None:
        self._store = store
        self._versions = versions
        self._definitions = definitions
        self._clock = clock
        self._ids = ids
        self._notifier = notifier

    async def create(
        self,
        *,
        name: str,
        display_name: str = "",
        description: str = "",
        namespace: str = "",
        tags: Mapping[str, Any] | None = None,
        package: Package | None = None,
        first_version: PipelineVersion | None = None,
    ) -> tuple[Pipeline, PipelineVersion | None]:
        """Create a pipeline; with `package` it gets a first version of the same name, or what `first_version` says.

        Raises:
            InvalidArgumentError: a name, tag or the definition is not valid.
            AlreadyExistsError: the name is taken in the namespace.
        """
        check_name(name, label="pipeline name", limit=MAX_NAME)
        check_namespace(namespace)
        now = self._clock.now()
        pipeline = Pipeline(
            pipeline_id=PipelineId(self._ids.new_uuid()),
            name=name,
            display_name=display_name or name,
            description=description,
            namespace=namespace,
            tags=check_tags(tags or {}),
            created_at=now,
        )
        if package is None:
            await self._store.create(pipeline, None, None)
            self._notifier.publish(CatalogChanged())
            return pipeline, None
        spec, _ = await asyncio.to_thread(self._definitions.accept, of_pipeline(package, name))
        given = first_version or _unnamed(pipeline, spec.digest)
        version = PipelineVersion(
            pipeline_version_id=PipelineVersionId(self._ids.new_uuid()),
            pipeline_id=pipeline.pipeline_id,
            name=given.name or name,
            display_name=given.display_name or given.name or pipeline.display_name,
            description=given.description,
            spec_digest=spec.digest,
            package_url=given.package_url,
            code_source_url=given.code_source_url,
            tags=check_tags(given.tags),
            created_at=now,
        )
        await self._store.create(pipeline, version, spec)
        self._notifier.publish(CatalogChanged())
        return pipeline, version

    async def get(self, pipeline_id: PipelineId) -> Pipeline:
        """Return the pipeline.

        Raises:
            NotFoundError: no such pipeline.
        """
        pipeline = await self._store.get(pipeline_id)
        if pipeline is None:
            raise NotFoundError(f"pipeline {pipeline_id} not found")
        return pipeline

    async def get_by_name(self, name: str, *, namespace: str = "") -> Pipeline:
        """Return the pipeline of that name.

        Raises:
            NotFoundError: no such pipeline.
        """
        pipeline = await self._store.find(name, namespace=namespace)
        if pipeline is None:
            raise NotFoundError(f"pipeline named {name!r} not found")
        return pipeline

    async def list(self, request: ListRequest, *, namespace: str = "", operation_key: str = "operation") -> tuple[Page[Pipeline], OpenList]:
        """Return a page of pipelines and the opened request.

        Raises:
            InvalidArgumentError: the request is malformed.
        """
        opened = open_list(request, PIPELINE_FIELDS, operation_key=operation_key)
        return await self._store.list(opened.query, namespace=namespace), opened

    async def update(self, pipeline_id: PipelineId, *, display_name: str | None = None, tags: Mapping[str, Any] | None = None) -> Pipeline:
        """Change display name and tags; None leaves them, an empty map clears the tags.

        Raises:
            NotFoundError: no such pipeline.
            InvalidArgumentError: a name or tag is not valid.
        """
        pipeline = await self.get(pipeline_id)
        if display_name is not None:
            check_name(display_name, label="pipeline display_name", limit=MAX_NAME)
            pipeline = replace(pipeline, display_name=display_name)
        if tags is not None:
            pipeline = replace(pipeline, tags=check_tags(tags))
        await self._store.update(pipeline)
        self._notifier.publish(CatalogChanged())
        return pipeline

    async def set_default_version(self, pipeline_id: PipelineId, version_id: PipelineVersionId) -> None:
        """Make a version the one that kfp 1.8 clients get.

        Raises:
            NotFoundError: no such pipeline, or the version is not one of it.
        """
        pipeline = await self.get(pipeline_id)
        version = await self._versions.get(version_id)
        if version is None or version.pipeline_id != pipeline_id:
            raise NotFoundError(f"pipeline version {version_id} not found in pipeline {pipeline_id}")
        await self._store.update(replace(pipeline, default_version_id=version_id))
        self._notifier.publish(CatalogChanged())

    async def delete(self, pipeline_id: PipelineId, *, cascade: bool = False) -> None:
        """Remove the pipeline; with `cascade` its versions too.

        Raises:
            NotFoundError: no such pipeline.
            InvalidArgumentError: it has versions and `cascade` is not set.
        """
        pipeline = await self.get(pipeline_id)
        if not cascade:
            page = await self._versions.list(ListQuery(limit=1), pipeline_id=pipeline_id)
            if page.total:
                raise InvalidArgumentError(
                    f"pipeline {pipeline.name!r} has {page.total} version(s); delete them first, or ask with cascade=true"
                )
        await self._store.delete(pipeline_id)
        self._notifier.publish(CatalogChanged())


def _unnamed(pipeline: Pipeline, digest: Digest) -> PipelineVersion:
    """What a first version says about itself when the client said nothing: the same as its pipeline."""
    return PipelineVersion(
        pipeline_version_id=PipelineVersionId(""),
        pipeline_id=pipeline.pipeline_id,
        name=pipeline.name,
        display_name=pipeline.display_name,
        description=pipeline.description,
        spec_digest=digest,
        package_url=None,
        code_source_url=None,
        tags={},
        created_at=pipeline.created_at,
    )
