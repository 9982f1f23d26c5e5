"""Upload endpoints: multipart bodies with a pipeline package in the part `uploadfile`.

The body is parsed while it comes in and given up on at the limit, whatever Content-Length says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request
from starlette.responses import Response

from penstock.api.kfp.convert.pipelines import pipeline_to_wire, version_to_wire
from penstock.api.kfp.services import KfpServices
from penstock.api.kfp.wire import JsonAnswer
from penstock.api.objects_seen import note_made
from penstock.api.queries import query_text
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.ids import PipelineId
from penstock.pipelines.definitions import MAX_SPEC_BYTES
from penstock.pipelines.versions import name_from_file

_PART = "uploadfile"
_MAX_OVERHEAD_BYTES = 1024 * 1024
"""Headers and other parts around the file."""


class UploadHandlers:
    """`/pipelines/upload` and `/pipelines/upload_version`."""

    def __init__(self, services: KfpServices) -> None:
        self._pipelines = services.pipelines
        self._versions = services.versions

    async def pipeline(self, request: Request) -> Response:
        """POST /pipelines/upload."""
        file_name, data = await read_upload(request)
        display_name = query_text(request, "display_name")
        package = await self._versions.read_package(file_name, data)
        pipeline, _ = await self._pipelines.create(
            name=query_text(request, "name") or display_name or name_from_file(file_name),
            display_name=display_name,
            description=query_text(request, "description"),
            namespace=query_text(request, "namespace"),
            tags=_tags(request),
            package=package,
        )
        note_made(request.scope, "pipeline", pipeline.pipeline_id)
        return JsonAnswer(pipeline_to_wire(pipeline))

    async def version(self, request: Request) -> Response:
        """POST /pipelines/upload_version."""
        pipeline_id = query_text(request, "pipelineid") or query_text(request, "pipeline_id")
        if not pipeline_id:
            raise InvalidArgumentError("pipelineid is required")
        file_name, data = await read_upload(request)
        display_name = query_text(request, "display_name")
        version = await self._versions.create(
            PipelineId(pipeline_id),
            name=query_text(request, "name") or display_name or name_from_file(file_name),
            package=await self._versions.read_package(file_name, data),
            display_name=display_name,
            description=query_text(request, "description"),
            tags=_tags(request),
            code_source_url=query_text(request, "code_source_url") or None,
        )
        specs = await self._versions.specs_of([version])
        return JsonAnswer(version_to_wire(version, specs.get(version.spec_digest)))


def _tags(request: Request) -> Mapping[str, Any] | None:
    text = query_text(request, "tags")
    if not text:
        return None
    try:
        tags = json.loads(text)
    except (ValueError, RecursionError):
        tags = None
    if not isinstance(tags, dict):
        raise InvalidArgumentError("tags has to be a JSON object of strings")
    return tags


class _Upload:
    """Collects the wanted part of a multipart body."""

    def __init__(self) -> None:
        self.file_name: str | None = None
        self.data = bytearray()
        self.is_complete = False
        self._header_name = b""
        self._header_value = b""
        self._is_wanted = False

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def on_header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            _, options = parse_options_header(self._header_value)
            if options.get(b"name", b"").decode("utf-8", "replace") == _PART and self.file_name is None:
                self.file_name = options.get(b"filename", b"").decode("utf-8", "replace")
                self._is_wanted = True
        self._header_name = self._header_value = b""

    def on_part_begin(self) -> None:
        self._is_wanted = False

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_wanted:
            self.data += data[start:end]

    def on_end(self) -> None:
        self.is_complete = True


async def read_upload(request: Request) -> tuple[str, bytes]:
    """Return name and bytes of the uploaded file.

    Raises:
        InvalidArgumentError: not a multipart body, cut off, without the part, or larger than 32 MiB; the rest is not read then.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise InvalidArgumentError("the upload has to be multipart/form-data with the file in the part 'uploadfile'")
    upload = _Upload()
    callbacks: Any = {name: getattr(upload, name) for name in dir(upload) if name.startswith("on_")}
    parser = MultipartParser(boundary, callbacks)
    received = 0
    try:
        async for chunk in request.stream():
            received += len(chunk)
            if len(upload.data) > MAX_SPEC_BYTES or received > MAX_SPEC_BYTES + _MAX_OVERHEAD_BYTES:
                raise InvalidArgumentError(f"the file is larger than {MAX_SPEC_BYTES} bytes")
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise InvalidArgumentError(f"the upload is not a valid multipart body: {error}") from None
    if upload.file_name is None or not upload.is_complete:
        raise InvalidArgumentError("the upload has no complete part named 'uploadfile'")
    if len(upload.data) > MAX_SPEC_BYTES:
        raise InvalidArgumentError(f"the file is larger than {MAX_SPEC_BYTES} bytes")
    return upload.file_name, bytes(upload.data)
