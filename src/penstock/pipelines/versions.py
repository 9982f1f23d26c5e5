"""Use cases of pipeline versions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from penstock.domain.catalog import PipelineVersion, StoredSpec
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.ids import Digest, PipelineId, PipelineVersionId
from penstock.domain.runs import CatalogChanged
from penstock.interfaces.catalog_store import PipelineStore, VersionStore
from penstock.interfaces.clock import Clock, IdSource
from penstock.interfaces.listing import Page
from penstock.interfaces.notifier import Notifier
from penstock.interfaces.packages import PackageDownloader
from penstock.pipelines.definitions import MAX_SPEC_BYTES, Definitions
from penstock.pipelines.filters import VERSION_FIELDS
from penstock.pipelines.names import check_name, check_tags
from penstock.pipelines.paging import ListRequest, OpenList, open_list
from penstock.spec.packages import Package, of_pipeline, read_package

MAX_NAME = 127


class VersionService:
    """What people do with versions of pipelines, and how packages are read."""

    def __init__(
        self,
        store: VersionStore,
        pipelines: PipelineStore,
        definitions: Definitions,
        *,
        downloader: PackageDownloader,
        clock: Clock,
        ids: IdSource,
        notifier: Notifier,
    ) -> None:
        self._store = store
        self._pipelines = pipelines
        self._definitions = definitions
        self._downloader = downloader
        self._clock = clock
        self._ids = ids
        self._notifier = notifier

    async def read_package(self, file_name: str, data: bytes) -> Package:
        """Take the definition out of an uploaded file.

        Raises:
            InvalidArgumentError: the file is not a pipeline package.
        """
        return await asyncio.to_thread(read_package, data, file_name)

    async def fetch_package(self, url: str) -> Package:
        """Download a package and take the definition out of it.

        Raises:
            InvalidArgumentError: the URL is forbidden or does not answer, or the file is not a pipeline package.
        """
        file_name, data = await self._downloader.fetch(url, limit_bytes=MAX_SPEC_BYTES)
        return await self.read_package(file_name, data)

    async def create(
        self,
        pipeline_id: PipelineId,
        *,
        name: str,
        package: Package,
        display_name: str = "",
        description: str = "",
        tags: Mapping[str, Any] | None = None,
        package_url: str | None = None,
        code_source_url: str | None = None,
    ) -> PipelineVersion:
        """Add a version to a pipeline.

        Raises:
            NotFoundError: no such pipeline.
            InvalidArgumentError: a name, tag or the definition is not valid.
            AlreadyExistsError: the pipeline has a version of that name.
        """
        check_name(name, label="pipeline version name", limit=MAX_NAME)
        pipeline = await self._pipelines.get(pipeline_id)
        if pipeline is None:
            raise NotFoundError(f"pipeline {pipeline_id} not found")
        spec, _ = await asyncio.to_thread(self._definitions.accept, of_pipeline(package, pipeline.name))
        version = PipelineVersion(
            pipeline_version_id=PipelineVersionId(self._ids.new_uuid()),
            pipeline_id=pipeline_id,
            name=name,
            display_name=display_name or name,
            description=description,
            spec_digest=spec.digest,
            package_url=package_url,
            code_source_url=code_source_url,
            tags=check_tags(tags or {}),
            created_at=self._clock.now(),
        )
        await self._store.create(version, spec)
        self._notifier.publish(CatalogChanged())
        return version

    async def get(self, version_id: PipelineVersionId, *, pipeline_id: PipelineId | None = None) -> PipelineVersion:
        """Return the version.

        Raises:
            NotFoundError: no such version, or not of the given pipeline.
        """
        version = await self._store.get(version_id)
        if version is None or (pipeline_id is not None and version.pipeline_id != pipeline_id):
            raise NotFoundError(f"pipeline version {version_id} not found")
        return version

    async def latest(self, pipeline_id: PipelineId) -> PipelineVersion:
        """Return the newest version.

        Raises:
            NotFoundError: the pipeline does not exist or has no version.
        """
        version = await self._store.latest(pipeline_id)
        if version is None:
            raise NotFoundError(f"pipeline {pipeline_id} does not exist or has no version")
        return version

    async def list(
        self, request: ListRequest, *, pipeline_id: PipelineId | None, operation_key: str = "operation"
    ) -> tuple[Page[PipelineVersion], OpenList]:
        """Return a page of versions and the opened request.

        Raises:
            NotFoundError: no such pipeline.
            InvalidArgumentError: the request is malformed.
        """
        opened = open_list(request, VERSION_FIELDS, operation_key=operation_key)
        if pipeline_id is not None and await self._pipelines.get(pipeline_id) is None:
            raise NotFoundError(f"pipeline {pipeline_id} not found")
        return await self._store.list(opened.query, pipeline_id=pipeline_id), opened

    async def update(
        self,
        version_id: PipelineVersionId,
        *,
        pipeline_id: PipelineId | None = None,
        display_name: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> PipelineVersion:
        """Change display name and tags; None leaves them, an empty map clears the tags.

        Raises:
            NotFoundError: no such version.
            InvalidArgumentError: a name or tag is not valid.
        """
        version = await self.get(version_id, pipeline_id=pipeline_id)
        if display_name is not None:
            check_name(display_name, label="pipeline version display_name", limit=MAX_NAME)
            version = replace(version, display_name=display_name)
        if tags is not None:
            version = replace(version, tags=check_tags(tags))
        await self._store.update(version)
        self._notifier.publish(CatalogChanged())
        return version

    async def delete(self, version_id: PipelineVersionId, *, pipeline_id: PipelineId | None = None) -> None:
        """Remove the version; runs of it keep their definition.

        Raises:
            NotFoundError: no such version.
        """
        version = await self.get(version_id, pipeline_id=pipeline_id)
        await self._store.delete(version.pipeline_version_id)
        self._notifier.publish(CatalogChanged())

    async def specs_of(self, versions: Sequence[PipelineVersion]) -> Mapping[Digest, StoredSpec]:
        """Return the definitions of versions, in one query."""
        return await self._definitions.contents([version.spec_digest for version in versions])


def name_from_file(file_name: str) -> str:
    """Return the name that an upload without one gets: its file name without folder.

    Raises:
        InvalidArgumentError: there is none.

    Semantics: kfp protocol notes, section 2.5; the extension stays, as upstream has it.
    """
    name = file_name.replace("\\", "/").rpartition("/")[2]
    if not name:
        raise InvalidArgumentError("the upload has neither a name nor a file name")
    return name
