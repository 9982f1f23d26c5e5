"""Bytes of run files and artifacts: `/files/…`, `/storage/…`, `/artifacts/…`, `/artifactsV2/…`.

Addresses under `/storage` and uploads are signed; downloads under `/files` and `/artifacts…` take a signature or a key.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from penstock.api.policy import SAFE_METHODS
from penstock.api.wandb import ids
from penstock.api.wandb.auth import authenticate
from penstock.api.wandb.bytes import CORS, receive, send
from penstock.api.wandb.errors import answer_error
from penstock.api.wandb.services import WandbServices
from penstock.domain.accounts import Caller, Role
from penstock.domain.errors import InvalidArgumentError, NotFoundError, PenstockError
from penstock.domain.tracking import TrackedRun
from penstock.domain.versions import StoredContent
from penstock.interfaces.tracking_store import FileRegistration

Handler = Callable[[Request], Awaitable[Response]]
_MD5 = re.compile(r"[0-9a-f]{32}")


class StorageHandlers:
    """Endpoints for bytes."""

    def __init__(self, services: WandbServices) -> None:
        self._services = services

    def guarded(self, handler: Handler) -> Handler:
        """Return `handler` with domain errors turned into answers that clients understand, and with CORS headers."""

        async def answer(request: Request) -> Response:
            try:
                response = await handler(request)
            except PenstockError as error:
                response = answer_error(error)
            except ClientDisconnect:
                return Response(status_code=400)
            for name, value in CORS.items():
                response.headers.setdefault(name, value)
            return response

        return answer

    async def options(self, request: Request) -> Response:
        """Answer a browser's question before it reads or writes a file."""
        return Response(status_code=204, headers={**CORS, "access-control-max-age": "600"})

    async def put_run_file(self, request: Request) -> Response:
        """Store a file of a run; the last upload of a name wins."""
        await self._authorize(request)
        run = await self._run(request)
        blob = await receive(request, self._services.blobs)
        media_type = request.headers.get("content-type", "")
        await self._services.files.register(
            run, FileRegistration(request.path_params["path"], blob.digest, blob.size_bytes, blob.md5 or "", media_type)
        )
        return Response(status_code=200, headers={"etag": f'"{blob.md5}"'})

    async def get_run_file(self, request: Request) -> Response:
        """Send a file of a run."""
        caller = await self._authorize(request)
        run = await self._run(request, caller)
        name = request.path_params["path"]
        file = await self._services.files.get(run.run_id, name)
        if file is None or file.digest is None:
            raise NotFoundError(f"run {run.name!r} has no file {name!r}")
        return await send(request, self._services.blobs, file.digest, name=file.name, media_type=file.mimetype or None)

    async def put_artifact_file(self, request: Request) -> Response:
        """Store the bytes of one content of an artifact; their MD5 must be the announced one."""
        await self._authorize(request)
        version_id, md5 = int(request.path_params["version"]), request.path_params["md5"]
        blob = await receive(request, self._services.blobs)
        await run_in_threadpool(self._services.uploads.take_file, version_id, md5, blob)
        return Response(status_code=200, headers={"etag": f'"{blob.md5}"'})

    async def put_artifact_part(self, request: Request) -> Response:
        """Store one part of a large content; its entity tag is what completes the upload."""
        await self._authorize(request)
        parameters = request.path_params
        blob = await receive(request, self._services.blobs)
        tag = await run_in_threadpool(
            self._services.uploads.take_part, int(parameters["version"]), parameters["md5"], int(parameters["part"]), blob
        )
        return Response(status_code=200, headers={"etag": f'"{tag}"'})

    async def put_manifest(self, request: Request) -> Response:
        """Store a manifest file."""
        await self._authorize(request)
        blob = await receive(request, self._services.blobs)
        await run_in_threadpool(self._services.uploads.take_manifest, int(request.path_params["manifest"]), blob)
        return Response(status_code=200, headers={"etag": f'"{blob.md5}"'})

    async def get_manifest(self, request: Request) -> Response:
        """Send a manifest file as it was uploaded."""
        await self._authorize(request)
        manifest = await run_in_threadpool(self._services.uploads.manifest, int(request.path_params["manifest"]))
        if manifest is None or manifest.blob_digest is None:
            raise NotFoundError("no such manifest file")
        return await send(request, self._services.blobs, manifest.blob_digest, name="wandb_manifest.json")

    async def get_current_manifest(self, request: Request) -> Response:
        """Send the full manifest of a committed version."""
        await self._authorize(request)
        version = await run_in_threadpool(self._services.artifacts.get, int(request.path_params["version"]))
        if version is None or version.manifest_digest is None:
            raise NotFoundError("no such manifest file")
        return await send(request, self._services.blobs, version.manifest_digest, name="wandb_manifest.json")

    async def get_content(self, request: Request) -> Response:
        """Send a project's bytes by MD5."""
        await self._authorize(request)
        parameters = request.path_params
        content = await run_in_threadpool(self._services.artifacts.content, int(parameters["project"]), parameters["md5"])
        return await self._send_content(request, content, parameters.get("name") or "file")

    async def get_artifact_v1(self, request: Request) -> Response:
        """Send bytes by entity and MD5 (storage layout V1)."""
        caller = await self._authorize(request)
        entity, md5 = request.path_params["entity"], request.path_params["md5"]
        content = None
        if caller is None or self._services.accounts.is_readable(caller, entity):
            content = await run_in_threadpool(self._services.artifacts.content_of_entity, entity, md5)
        return await self._send_content(request, content, md5)

    async def get_artifact_v2(self, request: Request) -> Response:
        """Send bytes by birth artifact and MD5; the forms of wandb.md section 12.8 differ in what stands before these two."""
        caller = await self._authorize(request)
        parts = [part for part in request.path_params["path"].split("/") if part]
        place = next((i for i, part in enumerate(parts) if i > 0 and _MD5.fullmatch(part) and _is_artifact_id(parts[i - 1])), None)
        if place is None:
            raise NotFoundError("this address names no artifact file")
        birth = await run_in_threadpool(self._services.artifacts.get, ids.number(parts[place - 1], "Artifact"))
        if birth is None or (caller is not None and not self._services.accounts.is_readable(caller, birth.entity)):
            raise NotFoundError("no such artifact")
        content = await run_in_threadpool(self._services.artifacts.content, birth.project_id, parts[place])
        return await self._send_content(request, content, parts[-1])

    async def _send_content(self, request: Request, content: StoredContent | None, name: str) -> Response:
        if content is None:
            raise NotFoundError("no such artifact file")
        return await send(request, self._services.blobs, content.blob_digest, name=name)

    async def _authorize(self, request: Request) -> Caller | None:
        """Return the caller, or None for a signed address.

        Raises:
            UnauthenticatedError: neither signature nor valid key.
            PermissionDeniedError: the signature is wrong or too old, or the key's user may only read.
        """
        query = request.query_params
        if "signature" in query:
            path = request.scope["path"]
            prefix = request.scope.get("root_path", "")
            signed = path[len(prefix) :] if prefix and path.startswith(prefix) else path
            self._services.signer.check(
                request.method, signed, expires=query.get("expires", ""), signature=query["signature"], now=self._services.clock.now()
            )
            return None
        caller = await run_in_threadpool(authenticate, request, self._services)
        if request.method not in SAFE_METHODS:
            caller.need(Role.MEMBER)
        return caller

    async def _run(self, request: Request, caller: Caller | None = None) -> TrackedRun:
        parameters = request.path_params
        entity, project, name = parameters["entity"], parameters["project"], parameters["run"]
        run = await self._services.runs.get(entity, project, name)
        is_hidden = caller is not None and not await run_in_threadpool(self._services.accounts.is_readable, caller, entity)
        if run is None or is_hidden:
            raise NotFoundError(f"no run {name!r} in {entity}/{project}")
        return run


def _is_artifact_id(text: str) -> bool:
    try:
        ids.number(text, "Artifact")
    except InvalidArgumentError:
        return False
    return True


