"""Stored directories: a canonical listing of files by digest. Equal content gives an equal listing, whatever the order or the times.

A listing is a header line and one JSON array per entry in path order: `[path, digest, size, is_executable]` for a file,
`[path]` for a directory with nothing in it.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.ids import Digest
from penstock.interfaces.blobs import TreeEntry

HEADER = b"penstock tree 1\n"


@dataclass(frozen=True, slots=True)
class Listing:
    """Content of a stored directory."""

    files: tuple[TreeEntry, ...]
    """By path."""
    empty_directories: tuple[str, ...]
    """Relative POSIX paths, sorted."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file of a directory about to be stored."""

    path: str
    """Relative POSIX path in the tree."""
    source: Path
    """Where its bytes are; links resolved."""
    is_executable: bool
    is_link: bool
    """Reached through a symbolic link, so its bytes must be copied even when the tree is consumed."""


def walk(root: Path) -> tuple[list[FoundFile], list[str]]:
    """Return the files below `root` in path order and its empty directories. Links that stay inside are followed.

    Raises:
        InvalidArgumentError: a link leaves the tree, dangles or runs in a circle, a file is no regular file, a name is not text.
    """
    top = root.resolve()
    files: list[FoundFile] = []
    empty: list[str] = []
    for folder, names, seen in _folders(root, top):
        if not names and seen:
            empty.append(seen)
        for name in names:
            found = _classify(folder / name, top, f"{seen}/{name}" if seen else name)
            if found is not None:
                files.append(found)
    return sorted(files, key=lambda file: file.path), sorted(empty)


def _folders(root: Path, top: Path) -> Iterator[tuple[Path, list[str], str]]:
    pending: list[tuple[Path, str, frozenset[Path]]] = [(root, "", frozenset({top}))]
    while pending:
        folder, relative, above = pending.pop()
        names = [entry.name for entry in folder.iterdir()]
        yield folder, names, relative
        for name in names:
            path = folder / name
            if path.is_dir():
                real = path.resolve()
                _require_inside(real, top, path)
                if real in above:
                    raise InvalidArgumentError(f"link {name!r} leads back to a directory that contains it")
                pending.append((path, f"{relative}/{name}" if relative else name, above | {real}))


def _classify(path: Path, top: Path, relative: str) -> FoundFile | None:
    if path.is_dir():
        return None
    try:
        relative.encode("utf-8")
        real = path.resolve(strict=True)
    except (OSError, RuntimeError, UnicodeEncodeError) as error:
        raise InvalidArgumentError(f"{relative!r} cannot be stored: {error}") from error
    _require_inside(real, top, path)
    status = real.stat()
    if not stat.S_ISREG(status.st_mode):
        raise InvalidArgumentError(f"{relative!r} is not a regular file")
    return FoundFile(relative, real, bool(status.st_mode & stat.S_IXUSR), is_link=path.is_symlink() or path.absolute() != real)


def _require_inside(real: Path, top: Path, path: Path) -> None:
    if real != top and top not in real.parents:
        raise InvalidArgumentError(f"link {path.name!r} leaves the directory that is stored")


def encode(listing: Listing) -> bytes:
    """Return the canonical bytes of a listing."""
    rows: list[list[object]] = [[file.path, file.digest, file.size_bytes, file.is_executable] for file in listing.files]
    rows += [[path] for path in listing.empty_directories]
    rows.sort(key=lambda row: str(row[0]))
    lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
    return HEADER + "".join(f"{line}\n" for line in lines).encode()


def decode(data: bytes) -> Listing:
    """Read a listing back.

    Raises:
        InvalidArgumentError: these are not the bytes of a listing, or a path in it is absolute or climbs.
    """
    if not data.startswith(HEADER):
        raise InvalidArgumentError("not a stored directory")
    files: list[TreeEntry] = []
    empty: list[str] = []
    for line in data[len(HEADER) :].decode().splitlines():
        row = json.loads(line)
        path = PurePosixPath(row[0])
        if path.is_absolute() or ".." in path.parts:
            raise InvalidArgumentError(f"stored directory holds the path {row[0]!r}")
        if len(row) == 1:
            empty.append(row[0])
        else:
            files.append(TreeEntry(path=row[0], digest=Digest(row[1]), size_bytes=row[2], is_executable=row[3]))
    return Listing(tuple(files), tuple(empty))
