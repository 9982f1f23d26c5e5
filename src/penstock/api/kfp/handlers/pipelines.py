"""Endpoints of pipelines and their versions."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from penstock.api.kfp.convert.pipelines import pipeline_to_wire, version_to_wire
from penstock.api.kfp.services import KfpServices
from penstock.api.kfp.wire import Fields, JsonAnswer, message, query_flag, read_message
from penstock.api.objects_seen import note_made
from penstock.api.queries import list_request, query_text
from penstock.domain.catalog import PipelineVersion
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.ids import Digest, PipelineId, PipelineVersionId


class PipelineHandlers:
    """`/pipelines`."""

    def __init__(self, services: KfpServices) -> None:
        self._pipelines = services.pipelines
        self._versions = services.versions

    async def create(self, request: Request) -> Response:
        """POST /pipelines: a pipeline without versions."""
        fields = await read_message(request)
        pipeline, _ = await self._pipelines.create(
            name=fields.text("name") or fields.text("display_name"),
            display_name=fields.text("display_name"),
            description=fields.text("description"),
            namespace=fields.text("namespace"),
            tags=fields.map("tags"),
        )
        note_made(request.scope, "pipeline", pipeline.pipeline_id)
        return JsonAnswer(pipeline_to_wire(pipeline))

    async def create_with_version(self, request: Request) -> Response:
        """POST /pipelines/create: a pipeline and its first version, whose package the server downloads."""
        fields = await read_message(request)
        pipeline_fields, version_fields = fields.nested("pipeline"), fields.nested("pipeline_version")
        name = pipeline_fields.text("name") or pipeline_fields.text("display_name")
        url = _package_url(version_fields)
        package = await self._versions.fetch_package(url)
        pipeline, _ = await self._pipelines.create(
            name=name,
            display_name=pipeline_fields.text("display_name"),
            description=pipeline_fields.text("description"),
            namespace=pipeline_fields.text("namespace"),
            tags=pipeline_fields.map("tags"),
            package=package,
            first_version=_described(version_fields, url),
        )
        note_made(request.scope, "pipeline", pipeline.pipeline_id)
        return JsonAnswer(pipeline_to_wire(pipeline))

    async def list(self, request: Request) -> Response:
        """GET /pipelines."""
        page, opened = await self._pipelines.list(list_request(request), namespace=query_text(request, "namespace"))
        return JsonAnswer(
            message(
                pipelines=[pipeline_to_wire(pipeline) for pipeline in page.items],
                total_size=page.total,
                next_page_token=opened.next_token(page),
            )
        )

    async def get(self, request: Request) -> Response:
        """GET /pipelines/{id}."""
        return JsonAnswer(pipeline_to_wire(await self._pipelines.get(_pipeline_id(request))))

    async def get_by_name(self, request: Request) -> Response:
        """GET /pipelines/names/{name}."""
        name = request.path_params["name"]
        return JsonAnswer(pipeline_to_wire(await self._pipelines.get_by_name(name, namespace=query_text(request, "namespace"))))

    async def update(self, request: Request) -> Response:
        """PATCH /pipelines/{id}: display name and tags."""
        fields = await read_message(request)
        pipeline = await self._pipelines.update(
            _pipeline_id(request),
            display_name=fields.text("display_name") if "display_name" in fields else None,
            tags=fields.map("tags"),
        )
        return JsonAnswer(pipeline_to_wire(pipeline))

    async def delete(self, request: Request) -> Response:
        """DELETE /pipelines/{id}."""
        await self._pipelines.delete(_pipeline_id(request), cascade=query_flag(request, "cascade"))
        return JsonAnswer({})


class VersionHandlers:
    """`/pipelines/{id}/versions`."""

    def __init__(self, services: KfpServices) -> None:
        self._versions = services.versions

    async def create(self, request: Request) -> Response:
        """POST /pipelines/{id}/versions: the server downloads the package."""
        fields = await read_message(request)
        url = _package_url(fields)
        version = await self._versions.create(
            _pipeline_id(request),
            name=fields.text("name") or fields.text("display_name"),
            package=await self._versions.fetch_package(url),
            display_name=fields.text("display_name"),
            description=fields.text("description"),
            tags=fields.map("tags"),
            package_url=url,
            code_source_url=fields.text("code_source_url") or None,
        )
        return await self._answer(version)

    async def list(self, request: Request) -> Response:
        """GET /pipelines/{id}/versions."""
        page, opened = await self._versions.list(list_request(request), pipeline_id=_pipeline_id(request))
        specs = await self._versions.specs_of(page.items)
        return JsonAnswer(
            message(
                pipeline_versions=[version_to_wire(version, specs.get(version.spec_digest)) for version in page.items],
                total_size=page.total,
                next_page_token=opened.next_token(page),
            )
        )

    async def get(self, request: Request) -> Response:
        """GET /pipelines/{id}/versions/{vid}."""
        return await self._answer(await self._versions.get(_version_id(request), pipeline_id=_pipeline_id(request)))

    async def update(self, request: Request) -> Response:
        """PATCH /pipelines/{id}/versions/{vid}: display name and tags."""
        fields = await read_message(request)
        version = await self._versions.update(
            _version_id(request),
            pipeline_id=_pipeline_id(request),
            display_name=fields.text("display_name") if "display_name" in fields else None,
            tags=fields.map("tags"),
        )
        return await self._answer(version)

    async def delete(self, request: Request) -> Response:
        """DELETE /pipelines/{id}/versions/{vid}."""
        await self._versions.delete(_version_id(request), pipeline_id=_pipeline_id(request))
        return JsonAnswer({})

    async def _answer(self, version: PipelineVersion) -> Response:
        specs = await self._versions.specs_of([version])
        return JsonAnswer(version_to_wire(version, specs.get(version.spec_digest)))


def _package_url(fields: Fields) -> str:
    url = fields.nested("package_url").text("pipeline_url")
    if not url:
        raise InvalidArgumentError("package_url.pipeline_url is required")
    return url


def _described(fields: Fields, url: str) -> PipelineVersion:
    """Return what the request says about the first version; ids and definition come from the use case."""
    return PipelineVersion(
        pipeline_version_id=PipelineVersionId(""),
        pipeline_id=PipelineId(""),
        name=fields.text("name") or fields.text("display_name"),
        display_name=fields.text("display_name"),
        description=fields.text("description"),
        spec_digest=Digest(""),
        package_url=url,
        code_source_url=fields.text("code_source_url") or None,
        tags=fields.map("tags") or {},
        created_at=0.0,
    )


def _pipeline_id(request: Request) -> PipelineId:
    return PipelineId(request.path_params["pipeline_id"])


def _version_id(request: Request) -> PipelineVersionId:
    return PipelineVersionId(request.path_params["version_id"])
