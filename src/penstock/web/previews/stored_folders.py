"""Artifacts that are folders: one level of the tree, one file with its preview, a part of it as an archive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from penstock.domain.errors import NotFoundError
from penstock.domain.ids import Digest
from penstock.interfaces.blobs import BlobStore, TreeEntry
from penstock.web.previews.content import Preview, ZipMember, preview_of, zip_of
from penstock.web.previews.file_levels import FileEntry


@dataclass(frozen=True, slots=True)
class StoredFolder:
    """The open level, or the open file."""

    folder: str
    """Path of the level, or of the one that the file lies in."""
    files: Sequence[FileEntry] = ()
    """What lies below the level."""
    entry: TreeEntry | None = None
    """The open file."""
    preview: Preview | None = None
    """Its beginning."""


def entry_of(blobs: BlobStore, digest: str, path: str) -> TreeEntry | None:
    """Return the file of that path, None when there is none."""
    return _named(blobs.list_tree(Digest(digest)), path)


def folder_of(blobs: BlobStore, digest: str, path: str, rows: int) -> StoredFolder:
    """Return the entries below `path`, or the file of that path with its preview.

    Raises:
        NotFoundError: there is neither, or the bytes are gone.
    """
    entries = blobs.list_tree(Digest(digest))
    entry = _named(entries, path)
    if entry is not None:
        kind = "system.HTML" if path.lower().endswith((".html", ".htm")) else ""
        found = preview_of(blobs, digest=entry.digest, type_=kind, is_directory=False, size=entry.size_bytes, name=path, rows=rows)
        return StoredFolder(path.rpartition("/")[0], entry=entry, preview=found)
    prefix = f"{path}/" if path else ""
    files = [(entry.path, entry.size_bytes, None) for entry in entries if entry.path.startswith(prefix)]
    if path and not files:
        raise NotFoundError(f"The artifact has no file {path}.")
    return StoredFolder(path, files)


def zip_of_folder(blobs: BlobStore, digest: str, folder: str) -> Iterator[bytes]:
    """Stream what lies below a folder, all of it when it is empty, as a zip archive."""
    prefix = f"{folder}/" if folder else ""
    entries = (entry for entry in blobs.list_tree(Digest(digest)) if entry.path.startswith(prefix))
    return zip_of(blobs, (ZipMember(entry.path[len(prefix) :], entry.digest) for entry in entries))


def _named(entries: Sequence[TreeEntry], path: str) -> TreeEntry | None:
    return next((entry for entry in entries if entry.path == path), None)
