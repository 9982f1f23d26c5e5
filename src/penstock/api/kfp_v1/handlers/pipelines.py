"""Pipelines and versions of v1beta1: uploads, lists, templates, the default version."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from starlette.requests import Request
from starlette.responses import Response

from penstock.api.kfp_v1.convert.catalog import pipeline_to_wire, version_to_wire
from penstock.api.kfp_v1.convert.values import compact, referenced_id, text_value
from penstock.api.kfp_v1.handlers.endpoint import answer, list_request, read_object, resource_key
from penstock.api.objects_seen import note_made
from penstock.domain.catalog import Pipeline, PipelineVersion
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.expr import UNSET
from penstock.domain.ids import PipelineId, PipelineVersionId
from penstock.pipelines.definitions import MAX_SPEC_BYTES, Definitions
from penstock.pipelines.pipelines import PipelineService
from penstock.pipelines.versions import VersionService

_MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class PipelineHandlers:
    """Handlers over the pipeline use cases."""

    pipelines: PipelineService
    versions: VersionService
    definitions: Definitions

    async def upload(self, request: Request) -> Response:
        """POST /pipelines/upload."""
        file_name, data = await _uploaded(request)
        name = request.query_params.get("name") or file_name
        if len(name) > _MAX_NAME:
            raise InvalidArgumentError(f"pipeline name: longer than {_MAX_NAME} characters")
        package = await self.versions.read_package(file_name, data)
        description = request.query_params.get("description", "")
        pipeline, version = await self.pipelines.create(name=name, description=description, package=package)
        note_made(request.scope, "pipeline", pipeline.pipeline_id)
        return answer(await self._pipeline(pipeline, version))

    async def upload_version(self, request: Request) -> Response:
        """POST /pipelines/upload_version; the new version becomes the default."""
        query = request.query_params
        file_name, data = await _uploaded(request)
        if not query.get("pipelineid"):
            raise InvalidArgumentError("pipelineid is required")
        pipeline_id = PipelineId(query["pipelineid"])
        package = await self.versions.read_package(file_name, data)
        name = query.get("name") or file_name
        version = await self.versions.create(pipeline_id, name=name, package=package, description=query.get("description", ""))
        await self.pipelines.set_default_version(pipeline_id, version.pipeline_version_id)
        return answer(await self._version(version))

    async def create(self, request: Request) -> Response:
        """POST /pipelines with a URL."""
        body = await read_object(request)
        url = _url(body.get("url"))
        package = await self.versions.fetch_package(url)
        name = str(body.get("name") or url.rsplit("/", 1)[-1])
        pipeline, version = await self.pipelines.create(name=name, description=str(body.get("description") or ""), package=package)
        note_made(request.scope, "pipeline", pipeline.pipeline_id)
        return answer(await self._pipeline(pipeline, version))

    async def create_version(self, request: Request) -> Response:
        """POST /pipeline_versions with a URL."""
        body = await read_object(request)
        pipeline_id = referenced_id(body, "PIPELINE")
        if pipeline_id is None:
            raise InvalidArgumentError("resource_references must name the PIPELINE")
        url = _url(body.get("package_url") or body.get("packageUrl"))
        package = await self.versions.fetch_package(url)
        version = await self.versions.create(
            PipelineId(pipeline_id),
            name=str(body.get("name") or ""),
            package=package,
            package_url=url,
            code_source_url=body.get("code_source_url"),
        )
        await self.pipelines.set_default_version(PipelineId(pipeline_id), version.pipeline_version_id)
        return answer(await self._version(version))

    async def list_page(self, request: Request) -> Response:
        """GET /pipelines."""
        page, opened = await self.pipelines.list(list_request(request), operation_key="op")
        items = [await self._pipeline(item, None) for item in page.items]
        return answer(compact({"pipelines": items, "total_size": page.total, "next_page_token": opened.next_token(page)}))

    async def get(self, request: Request) -> Response:
        """GET /pipelines/{id}."""
        return answer(await self._pipeline(await self.pipelines.get(_id(request)), None))

    async def get_by_name(self, request: Request) -> Response:
        """GET /namespaces/{namespace}/pipelines/{name}."""
        return answer(await self._pipeline(await self.pipelines.get_by_name(request.path_params["name"]), None))

    async def delete(self, request: Request) -> Response:
        """DELETE /pipelines/{id}, with its versions."""
        await self.pipelines.delete(_id(request), cascade=True)
        return answer({})

    async def template(self, request: Request) -> Response:
        """GET /pipelines/{id}/templates."""
        version = await self._default(await self.pipelines.get(_id(request)))
        if version is None:
            raise NotFoundError("the pipeline has no version")
        return answer({"template": await self._text(version)})

    async def set_default(self, request: Request) -> Response:
        """POST /pipelines/{id}/default_version/{version}."""
        await self.pipelines.set_default_version(_id(request), PipelineVersionId(request.path_params["version"]))
        return answer({})

    async def list_versions(self, request: Request) -> Response:
        """GET /pipeline_versions?resource_key.type=PIPELINE&resource_key.id=."""
        pipeline_id = resource_key(request, "PIPELINE")
        if pipeline_id is None:
            raise InvalidArgumentError("resource_key must name the PIPELINE")
        page, opened = await self.versions.list(list_request(request), pipeline_id=PipelineId(pipeline_id), operation_key="op")
        items = [await self._version(item) for item in page.items]
        return answer(compact({"versions": items, "total_size": page.total, "next_page_token": opened.next_token(page)}))

    async def get_version(self, request: Request) -> Response:
        """GET /pipeline_versions/{id}."""
        return answer(await self._version(await self.versions.get(PipelineVersionId(request.path_params["id"]))))

    async def delete_version(self, request: Request) -> Response:
        """DELETE /pipeline_versions/{id}."""
        await self.versions.delete(PipelineVersionId(request.path_params["id"]))
        return answer({})

    async def version_template(self, request: Request) -> Response:
        """GET /pipeline_versions/{id}/templates."""
        return answer({"template": await self._text(await self.versions.get(PipelineVersionId(request.path_params["id"])))})

    async def _default(self, pipeline: Pipeline) -> PipelineVersion | None:
        if pipeline.default_version_id is not None:
            try:
                return await self.versions.get(pipeline.default_version_id)
            except NotFoundError:
                pass  # it was deleted: the newest counts again
        try:
            return await self.versions.latest(pipeline.pipeline_id)
        except NotFoundError:
            return None

    async def _pipeline(self, pipeline: Pipeline, version: PipelineVersion | None) -> dict[str, Any]:
        found = version or await self._default(pipeline)
        return pipeline_to_wire(pipeline, await self._version(found) if found else None)

    async def _version(self, version: PipelineVersion) -> dict[str, Any]:
        return version_to_wire(version, await self._parameters(version))

    async def _parameters(self, version: PipelineVersion) -> Sequence[dict[str, Any]]:
        _, plan = await self.definitions.load(version.spec_digest)
        return [
            compact({"name": spec.name, "value": None if spec.default is UNSET else text_value(spec.default)})
            for spec in plan.parameters.values()
        ]

    async def _text(self, version: PipelineVersion) -> str:
        spec, _ = await self.definitions.load(version.spec_digest)
        return spec.source or yaml.safe_dump(json.loads(spec.content), sort_keys=False)


def _id(request: Request) -> PipelineId:
    return PipelineId(request.path_params["id"])


def _url(value: Any) -> str:
    url = value.get("pipeline_url") or value.get("pipelineUrl") if isinstance(value, dict) else None
    if not isinstance(url, str) or not url:
        raise InvalidArgumentError("pipeline_url is required")
    return url


async def _uploaded(request: Request) -> tuple[str, bytes]:
    """Name and bytes of the multipart field `uploadfile`."""
    async with request.form(max_files=1, max_part_size=MAX_SPEC_BYTES) as form:
        upload = form.get("uploadfile")
        if upload is None or isinstance(upload, str):
            raise InvalidArgumentError("the form needs a file in field 'uploadfile'")
        data = await upload.read(MAX_SPEC_BYTES + 1)
        if len(data) > MAX_SPEC_BYTES:
            raise InvalidArgumentError("the file is larger than 32 MiB")
        return upload.filename or "pipeline.yaml", data
