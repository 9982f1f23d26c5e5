"""Endpoints of artifacts: metadata, lineage edges, content.

Content goes out as an attachment, never to be rendered by a browser on this origin: it is whatever a task wrote. Files are streamed
with ranges; directories as `tar.gz` or `zip` (`format=`), or one file of them (`path=`). `peek=N` gives the first N bytes.
"""

from __future__ import annotations

import base64
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from penstock.api.kfp.convert.artifacts import artifact_to_wire, use_to_wire
from penstock.api.kfp.services import KfpServices
from penstock.api.kfp.wire import JsonAnswer, message
from penstock.api.queries import list_request, query_text
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.ids import ArtifactId, RunId, TaskId
from penstock.interfaces.run_store import ArtifactView
from penstock.pipelines.artifacts import file_name_of

_BYTES = "application/octet-stream"
_ARCHIVE_TYPES = {"tar.gz": "application/gzip", "zip": "application/zip"}
_DIRECTIONS = {"": None, "INPUT": "input", "OUTPUT": "output", "COMPONENT_INPUT": "input", "TASK_OUTPUT_INPUT": "input"}
_SAFE = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox; default-src 'none'"}


class ArtifactHandlers:
    """`/artifacts`, `/artifact_tasks`, node artifacts and the addresses of upstream's UI server."""

    def __init__(self, services: KfpServices) -> None:
        self._artifacts = services.artifacts
        self._runs = services.runs

    async def list(self, request: Request) -> Response:
        """GET /artifacts and GET /runs/{id}/artifacts."""
        run_id = request.path_params.get("run_id") or query_text(request, "run_id")
        task_id = query_text(request, "task_id")
        if run_id:
            await self._runs.get(RunId(run_id))
        page, opened = await self._artifacts.list(
            list_request(request), run_id=RunId(run_id) if run_id else None, task_id=TaskId(task_id) if task_id else None
        )
        return JsonAnswer(
            message(
                artifacts=[artifact_to_wire(view) for view in page.items],
                total_size=page.total,
                next_page_token=opened.next_token(page),
            )
        )

    async def get(self, request: Request) -> Response:
        """GET /artifacts/{id}."""
        return JsonAnswer(artifact_to_wire(await self._view(request)))

    async def files(self, request: Request) -> Response:
        """GET /artifacts/{id}/files: what a directory artifact holds."""
        view = await self._view(request)
        if not view.artifact.is_directory:
            raise InvalidArgumentError("the artifact is a file, not a directory")
        entries = await self._artifacts.tree(view)
        return JsonAnswer({"files": [{"path": one.path, "size_bytes": str(one.size_bytes), "digest": one.digest} for one in entries]})

    async def uses(self, request: Request) -> Response:
        """GET /artifact_tasks: which task took or made which artifact."""
        word = query_text(request, "type").upper()
        if word not in _DIRECTIONS:
            raise InvalidArgumentError(f"type {word!r} is neither INPUT nor OUTPUT")
        page, opened = await self._artifacts.uses(
            list_request(request),
            run_ids=[RunId(text) for text in _many(request, "run_ids")],
            task_ids=[TaskId(text) for text in _many(request, "task_ids")],
            artifact_ids=[_artifact_id(text) for text in _many(request, "artifact_ids")],
            direction=_DIRECTIONS[word],
        )
        views = await self._artifacts.views([use.artifact_id for use in page.items])
        return JsonAnswer(
            message(
                artifact_tasks=[use_to_wire(use, views.get(use.artifact_id)) for use in page.items],
                total_size=page.total,
                next_page_token=opened.next_token(page),
            )
        )

    async def download(self, request: Request) -> Response:
        """GET /artifacts/{id}:download."""
        return await self._content(request, await self._view(request))

    async def read_node(self, request: Request) -> Response:
        """GET /runs/{id}/nodes/{node}/artifacts/{name}:read: the content as base64 of a tar.gz."""
        return JsonAnswer({"data": base64.b64encode(await self._artifacts.archive_bytes(await self._output(request))).decode()})

    async def download_output(self, request: Request) -> Response:
        """GET /runs/{id}/tasks/{task}/artifacts/{name}: the content of an output by its key."""
        return await self._content(request, await self._output(request))

    async def get_by_query(self, request: Request) -> Response:
        """GET /artifacts/get?source=&bucket=&key=: the address of upstream's UI server."""
        source, bucket, key = (query_text(request, name) for name in ("source", "bucket", "key"))
        return await self._content(request, await self._artifacts.by_location(source, bucket, key))

    async def get_by_path(self, request: Request) -> Response:
        """GET /artifacts/{source}/{bucket}/{key}."""
        source = request.url.path.partition("/artifacts/")[2].partition("/")[0]
        params = request.path_params
        return await self._content(request, await self._artifacts.by_location(source, params["bucket"], params["key"]))

    async def _view(self, request: Request) -> ArtifactView:
        return await self._artifacts.get(_artifact_id(request.path_params["artifact_id"]))

    async def _output(self, request: Request) -> ArtifactView:
        params = request.path_params
        return await self._artifacts.output_of(RunId(params["run_id"]), TaskId(params["task_id"]), params["name"])

    async def _content(self, request: Request, view: ArtifactView) -> Response:
        inner, form = query_text(request, "path"), query_text(request, "format")
        name = file_name_of(view)
        if form or (view.artifact.is_directory and not inner):
            form = form or "tar.gz"
            chunks = await self._artifacts.archive(view, form=form)
            headers = {**_SAFE, "content-disposition": _attachment(f"{name}.{form}")}
            return StreamingResponse(chunks, media_type=_ARCHIVE_TYPES[form], headers=headers)
        digest, size, path = await self._artifacts.content_path(view, inner)
        headers = {**_SAFE, "content-disposition": _attachment(inner.rpartition("/")[2] or name), "etag": f'"{digest}"'}
        peek = query_text(request, "peek")
        if peek.isascii() and peek.isdecimal():
            length = min(size, int(peek[:18]))
            return StreamingResponse(self._artifacts.read(digest, length=length), media_type=_BYTES, headers=headers)
        if path is not None:
            return FileResponse(path, media_type=_BYTES, headers=headers)
        headers["content-length"] = str(size)
        return StreamingResponse(self._artifacts.read(digest), media_type=_BYTES, headers=headers)


def _attachment(name: str) -> str:
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


def _artifact_id(text: str) -> ArtifactId:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise InvalidArgumentError(f"artifact id {text!r} is not a number")
    return ArtifactId(int(text))


def _many(request: Request, name: str) -> list[str]:
    """Return a repeated query parameter; commas separate too, and the singular name is accepted."""
    values = request.query_params.getlist(name) + request.query_params.getlist(name.removesuffix("s"))
    return [part for value in values for part in value.split(",") if part]
