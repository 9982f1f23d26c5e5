"""Handlers of the object endpoint: decode, one use case, encode."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from penstock.api.s3.signature import decoded_body
from penstock.api.s3.xml import (
    buckets_document,
    completed_document,
    copied_document,
    deleted_document,
    error_document,
    list_document,
    location_document,
    upload_document,
)
from penstock.domain.errors import InvalidArgumentError
from penstock.objects.service import MAX_KEYS, ObjectService

_MAX_DOCUMENT = 2 * 1024 * 1024
_META = "x-amz-meta-"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_LIST_V2 = 2

Operation = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class BucketHandlers:
    """Operations on buckets."""

    objects: ObjectService

    def pick(self, request: Request) -> Operation | None:
        """The operation that method and query ask for."""
        query = request.query_params
        if request.method == "GET":
            if "location" in query:
                return self.location
            return self.list if not {"uploads", "versions", "policy", "acl", "versioning"} & set(query) else None
        if request.method in {"HEAD", "PUT"} and not query:
            return self.exists
        if request.method == "POST" and "delete" in query:
            return self.delete_many
        return None

    async def list_all(self, request: Request) -> Response:
        """ListBuckets."""
        del request
        return _xml(buckets_document(await self.objects.buckets()))

    async def exists(self, request: Request) -> Response:
        """HeadBucket and CreateBucket: a bucket exists as soon as somebody names it."""
        return Response(headers={"Location": f"/{request.path_params['bucket']}"})

    async def location(self, request: Request) -> Response:
        """GetBucketLocation."""
        del request
        return _xml(location_document())

    async def list(self, request: Request) -> Response:
        """ListObjects and ListObjectsV2."""
        query = request.query_params
        version = _LIST_V2 if query.get("list-type") == "2" else 1
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        limit_text = query.get("max-keys", str(MAX_KEYS))
        if not limit_text.isdecimal():
            raise InvalidArgumentError("max-keys must be a number")
        limit = min(int(limit_text), MAX_KEYS)
        token = query.get("continuation-token", "") if version == _LIST_V2 else query.get("marker", "")
        after = (_decode_token(token) if token else query.get("start-after", "")) if version == _LIST_V2 else token
        bucket = request.path_params["bucket"]
        page = await self.objects.list_keys(bucket, prefix=prefix, delimiter=delimiter, after=after, limit=limit)
        following = page.next_after
        if following is not None and version == _LIST_V2:
            following = base64.urlsafe_b64encode(following.encode()).decode()
        return _xml(
            list_document(
                bucket,
                version=version,
                prefix=prefix,
                delimiter=delimiter,
                limit=limit,
                encode=query.get("encoding-type") == "url",
                entries=page.entries,
                prefixes=page.prefixes,
                next_token=following,
                token=token,
            )
        )

    async def delete_many(self, request: Request) -> Response:
        """DeleteObjects."""
        document = await _document(request)
        keys = [item.text or "" for item in document.iter() if _local(item.tag) == "Key"]
        quiet = any(_local(item.tag) == "Quiet" and item.text == "true" for item in document.iter())
        await self.objects.delete(request.path_params["bucket"], keys)
        return _xml(deleted_document(keys, quiet=quiet))


@dataclass(frozen=True, slots=True)
class ObjectHandlers:
    """Operations on objects."""

    objects: ObjectService

    def pick(self, request: Request) -> Operation | None:
        """The operation that method and query ask for."""
        query = request.query_params
        if request.method in {"GET", "HEAD"}:
            return self.read if not {"acl", "tagging", "uploadId"} & set(query) else None
        if request.method == "PUT":
            if "uploadId" in query:
                return self.put_part
            return self.copy if "x-amz-copy-source" in request.headers else self.put
        if request.method == "POST":
            return self.begin_upload if "uploads" in query else self.complete_upload if "uploadId" in query else None
        return self.abort_upload if "uploadId" in query else self.delete

    async def read(self, request: Request) -> Response:
        """GetObject and HeadObject, with Range and conditions on the ETag."""
        entry = await self.objects.get(*_name(request))
        headers = {
            "Content-Type": entry.content_type,  # as it was given: as a media type it would get a charset
            "ETag": f'"{entry.etag}"',
            "Last-Modified": formatdate(entry.modified_at, usegmt=True),
            "Accept-Ranges": "bytes",
            # An object says of itself what it is, and a signed address opens it in a browser: no script in it may run as ours.
            "Content-Security-Policy": "sandbox; default-src 'none'",
            **{_META + name: value for name, value in entry.headers.items()},
        }
        if request.headers.get("if-none-match") in {f'"{entry.etag}"', "*"}:
            return Response(status_code=304, headers=headers)
        if request.headers.get("if-match", "*") not in {f'"{entry.etag}"', "*"}:
            return _xml(error_document("PreconditionFailed", "the object has another ETag", request.url.path), 412)
        window = _window(request.headers.get("range"), entry.size_bytes)
        if window is None:
            headers["Content-Range"] = f"bytes */{entry.size_bytes}"
            return _xml(error_document("InvalidRange", "the range lies outside the object", request.url.path), 416, headers)
        start, length, partial = window
        headers["Content-Length"] = str(length)
        if partial:
            headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{entry.size_bytes}"
        status = 206 if partial else 200
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        body = iterate_in_threadpool(self.objects.read(entry, offset=start, length=length))
        return StreamingResponse(body, status_code=status, headers=headers)

    async def put(self, request: Request) -> Response:
        """PutObject; `If-None-Match: *` refuses to replace."""
        bucket, key = _name(request)
        if request.headers.get("if-none-match") == "*":
            page = await self.objects.list_keys(bucket, prefix=key, delimiter="", after="", limit=1)
            if page.entries and page.entries[0].key == key:
                return _xml(error_document("PreconditionFailed", "the object exists", request.url.path), 412)
        entry = await self.objects.put(
            bucket,
            key,
            decoded_body(request.stream(), request.headers),
            content_type=request.headers.get("content-type", "binary/octet-stream"),
            headers=_user_headers(request),
            md5=request.headers.get("content-md5"),
        )
        return Response(headers={"ETag": f'"{entry.etag}"'})

    async def copy(self, request: Request) -> Response:
        """CopyObject."""
        bucket, _, key = unquote(request.headers["x-amz-copy-source"]).lstrip("/").partition("/")
        entry = await self.objects.copy(bucket, key.partition("?versionId=")[0], *_name(request))
        return _xml(copied_document(entry))

    async def delete(self, request: Request) -> Response:
        """DeleteObject."""
        bucket, key = _name(request)
        await self.objects.delete(bucket, [key])
        return Response(status_code=204)

    async def begin_upload(self, request: Request) -> Response:
        """CreateMultipartUpload."""
        bucket, key = _name(request)
        kind = request.headers.get("content-type", "binary/octet-stream")
        upload_id = await self.objects.begin_upload(bucket, key, content_type=kind, headers=_user_headers(request))
        return _xml(upload_document(bucket, key, upload_id))

    async def put_part(self, request: Request) -> Response:
        """UploadPart."""
        number = request.query_params.get("partNumber", "")
        part = await self.objects.put_part(
            request.query_params["uploadId"],
            int(number) if number.isdecimal() else 0,
            decoded_body(request.stream(), request.headers),
            md5=request.headers.get("content-md5"),
        )
        return Response(headers={"ETag": f'"{part.etag}"'})

    async def complete_upload(self, request: Request) -> Response:
        """CompleteMultipartUpload."""
        document = await _document(request)
        wanted = []
        for part in document.iter():
            if _local(part.tag) == "Part":
                fields = {_local(item.tag): item.text or "" for item in part}
                number = fields.get("PartNumber", "")
                wanted.append((int(number) if number.isdecimal() else 0, fields.get("ETag", "").strip('"')))
        return _xml(completed_document(await self.objects.complete_upload(request.query_params["uploadId"], wanted)))

    async def abort_upload(self, request: Request) -> Response:
        """AbortMultipartUpload."""
        await self.objects.abort_upload(request.query_params["uploadId"])
        return Response(status_code=204)


def _name(request: Request) -> tuple[str, str]:
    return request.path_params["bucket"], request.path_params["key"]


def _user_headers(request: Request) -> dict[str, str]:
    return {name.removeprefix(_META): value for name, value in request.headers.items() if name.startswith(_META)}


def _xml(text: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(text, status_code=status, headers=headers, media_type="application/xml")


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _decode_token(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidArgumentError("the continuation token is not valid") from error


def _window(header: str | None, size: int) -> tuple[int, int, bool] | None:
    """Start, length and whether it is partial; None when the range cannot be satisfied."""
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return 0, size, False
    first, last = match.groups()
    if first == "":
        length = min(int(last), size)
        return (size - length, length, True) if length else None
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    return (start, end - start + 1, True) if start < size and end >= start else None


async def _document(request: Request) -> ET.Element:
    """Parse a small XML body; entity declarations are refused before parsing, so nothing can expand."""
    data = b""
    async for chunk in decoded_body(request.stream(), request.headers):
        data += chunk
        if len(data) > _MAX_DOCUMENT:
            raise InvalidArgumentError("the document is too large")
    if b"<!" in data:
        raise InvalidArgumentError("the document must not declare anything")
    try:
        return ET.fromstring(data)  # noqa: S314 - no declarations, checked above
    except ET.ParseError as error:
        raise InvalidArgumentError(f"the body is not XML: {error}") from error
