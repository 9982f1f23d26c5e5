"""Use cases of artifacts: metadata, lineage edges and content (files with ranges, directories as archives)."""

from __future__ import annotations

import asyncio
import io
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.ids import ArtifactId, Digest, RunId, TaskId
from penstock.interfaces.blobs import BlobStore, TreeEntry
from penstock.interfaces.listing import Page
from penstock.interfaces.run_store import ArtifactStore, ArtifactUse, ArtifactView
from penstock.pipelines.filters import ARTIFACT_FIELDS, ARTIFACT_USE_FIELDS
from penstock.pipelines.paging import ListRequest, OpenList, open_list

_MAX_INLINE = 256 * 1024 * 1024
_SCHEMES = {"minio": "minio", "s3": "s3", "gcs": "gs", "http": "http", "https": "https"}


class ArtifactService:
    """Reading artifacts. Content is found by digest only; no path that a client sends is opened."""

    def __init__(self, store: ArtifactStore, blobs: BlobStore) -> None:
        self._store = store
        self._blobs = blobs

    async def get(self, artifact_id: ArtifactId) -> ArtifactView:
        """Return the artifact.

        Raises:
            NotFoundError: no such artifact.
        """
        view = await self._store.get(artifact_id)
        if view is None:
            raise NotFoundError(f"artifact {artifact_id} not found")
        return view

    async def list(
        self, request: ListRequest, *, run_id: RunId | None = None, task_id: TaskId | None = None
    ) -> tuple[Page[ArtifactView], OpenList]:
        """Return a page of artifacts and the opened request.

        Raises:
            InvalidArgumentError: the request is malformed.
        """
        opened = open_list(request, ARTIFACT_FIELDS)
        return await self._store.list(opened.query, run_id=run_id, task_id=task_id), opened

    async def uses(
        self,
        request: ListRequest,
        *,
        run_ids: Sequence[RunId] = (),
        task_ids: Sequence[TaskId] = (),
        artifact_ids: Sequence[ArtifactId] = (),
        direction: str | None = None,
    ) -> tuple[Page[ArtifactUse], OpenList]:
        """Return a page of lineage edges and the opened request.

        Raises:
            InvalidArgumentError: the request is malformed.
        """
        opened = open_list(request, ARTIFACT_USE_FIELDS)
        page = await self._store.uses(opened.query, run_ids=run_ids, task_ids=task_ids, artifact_ids=artifact_ids, direction=direction)
        return page, opened

    async def views(self, artifact_ids: Sequence[ArtifactId]) -> dict[ArtifactId, ArtifactView]:
        """Return those that exist, in one query."""
        return dict(await self._store.get_many(artifact_ids))

    async def output_of(self, run_id: RunId, task_id: TaskId, key: str) -> ArtifactView:
        """Return the artifact that a task has under an output key.

        Raises:
            NotFoundError: the task has no such output.
        """
        view = await self._store.output_of(run_id, task_id, key)
        if view is None:
            raise NotFoundError(f"task {task_id} of run {run_id} has no output artifact {key!r}")
        return view

    async def by_location(self, source: str, bucket: str, key: str) -> ArtifactView:
        """Return the newest artifact stored under the URI that source, bucket and key make up.

        Raises:
            InvalidArgumentError: the source is not one that URIs have.
            NotFoundError: nothing is stored there.
        """
        scheme = _SCHEMES.get(source)
        if scheme is None:
            raise InvalidArgumentError(f"source {source!r} is not one of {', '.join(_SCHEMES)}")
        uri = f"{scheme}://{bucket}/{key.lstrip('/')}"
        view = await self._store.find_uri(uri) or await self._store.find_uri(uri.rstrip("/"))
        if view is None:
            raise NotFoundError(f"no artifact is stored at {uri}")
        return view

    async def content_path(self, view: ArtifactView, inner: str = "") -> tuple[Digest, int, Path | None]:
        """Return digest, size and local path (if the store has one) of a file artifact, or of one file of a directory artifact.

        Raises:
            NotFoundError: the artifact has no content here, or its content is gone, or there is no such file in it.
            InvalidArgumentError: a directory artifact and no `inner` path.
        """
        digest = await self._present(view)
        if view.artifact.is_directory:
            if not inner:
                raise InvalidArgumentError("the artifact is a directory; ask for an archive or for one file of it")
            wanted = str(PurePosixPath(inner))
            entry = next((entry for entry in await self.tree(view) if entry.path == wanted), None)
            if entry is None:
                raise NotFoundError(f"artifact {view.artifact.artifact_id} has no file {inner!r}")
            digest = entry.digest
        size = await asyncio.to_thread(self._blobs.size, digest)
        return digest, size, await asyncio.to_thread(self._blobs.path_of, digest)

    def read(self, digest: Digest, *, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield content in chunks; blocking."""
        return self._blobs.read(digest, offset=offset, length=length)

    async def tree(self, view: ArtifactView) -> Sequence[TreeEntry]:
        """Return the files of a directory artifact.

        Raises:
            NotFoundError: its content is gone.
        """
        digest = await self._present(view)
        return await asyncio.to_thread(self._blobs.list_tree, digest)

    async def archive(self, view: ArtifactView, *, form: str) -> Iterator[bytes]:
        """Return the content packed as `tar.gz` or `zip`, made while it is read; blocking iterator. A file becomes its only member.

        Raises:
            InvalidArgumentError: another form.
            NotFoundError: the content is gone.
        """
        if form not in {"tar.gz", "zip"}:
            raise InvalidArgumentError(f"format {form!r} is neither tar.gz nor zip")
        digest = await self._present(view)
        name = file_name_of(view)
        if view.artifact.is_directory:
            members = [(f"{name}/{entry.path}", entry.digest, entry.size_bytes, entry.is_executable) for entry in await self.tree(view)]
        else:
            members = [(name, digest, await asyncio.to_thread(self._blobs.size, digest), False)]
        return self._pack_tar(members) if form == "tar.gz" else self._pack_zip(members)

    async def archive_bytes(self, view: ArtifactView) -> bytes:
        """Return the content as one tar.gz in memory, for answers that carry it as base64.

        Raises:
            InvalidArgumentError: it is larger than 256 MiB; the download endpoint streams.
        """
        if (view.artifact.size_bytes or 0) > _MAX_INLINE:
            raise InvalidArgumentError("the artifact is larger than 256 MiB; use its download address")
        chunks = await self.archive(view, form="tar.gz")
        return await asyncio.to_thread(lambda: b"".join(chunks))

    async def _present(self, view: ArtifactView) -> Digest:
        digest = view.artifact.digest
        if digest is None:
            raise NotFoundError(f"artifact {view.artifact.artifact_id} has no content on this server; it stands for {view.artifact.uri}")
        if not await asyncio.to_thread(self._blobs.has, digest):
            raise NotFoundError(f"the content of artifact {view.artifact.artifact_id} is not in the store any more")
        return digest

    def _pack_tar(self, members: Sequence[tuple[str, Digest, int, bool]]) -> Iterator[bytes]:
        sink = _Sink()
        with tarfile.open(fileobj=sink, mode="w|gz") as archive:
            for name, digest, size, is_executable in members:
                info = tarfile.TarInfo(name)
                info.size = size
                info.mode = 0o755 if is_executable else 0o644
                archive.addfile(info, _Source(self._blobs.read(digest)))
                yield from sink.drain()
        yield from sink.drain()

    def _pack_zip(self, members: Sequence[tuple[str, Digest, int, bool]]) -> Iterator[bytes]:
        sink = _Sink()
        with zipfile.ZipFile(sink, mode="w", compression=zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, digest, _, is_executable in members:
                info = zipfile.ZipInfo(name)
                info.external_attr = (0o755 if is_executable else 0o644) << 16
                with archive.open(info, mode="w", force_zip64=True) as member:
                    for chunk in self._blobs.read(digest):
                        member.write(chunk)
                        yield from sink.drain()
        yield from sink.drain()


def file_name_of(view: ArtifactView) -> str:
    """Return a file name for a download: the last part of the URI, reduced to harmless characters."""
    last = view.artifact.uri.rstrip("/").rpartition("/")[2] or view.artifact.name
    return "".join(character if character.isalnum() or character in "._- " else "_" for character in last).strip(". ") or "artifact"


class _Sink(io.RawIOBase):
    """What an archive writer writes to; drained into the answer."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        return len(part)

    def drain(self) -> Iterator[bytes]:
        parts, self._parts = self._parts, []
        yield from parts


class _Source(io.RawIOBase):
    """A blob as a readable file for the tar writer, which copies in small pieces."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._rest) < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._rest += chunk
        taken, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return taken
