"""Pictures among stored outputs, known by their first bytes: single files and those in folders. Blocking.

Contents never change, so what was looked at once is known by its digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from penstock.domain.errors import NotFoundError
from penstock.domain.ids import Digest
from penstock.interfaces.blobs import BlobStore
from penstock.interfaces.pages import ArtifactItem, ArtifactUse
from penstock.web.comparisons.exhibits import Piece, file_piece, output_piece
from penstock.web.previews.content import head_of, media_type_of
from penstock.web.previews.visualizations import DRAWN_TYPES

_HEAD = 1024
_MOST_OUTPUTS = 300
"""Different outputs (task and name) of which one is looked at; its other contents are only where it is a picture."""
_MOST_CONTENTS = 1500
_MOST_FILES = 60
"""Pictures of a folder, the first by name."""
_NAMES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".svg")
_LARGEST = 32 << 20
_MOST_KEPT = 10_000
_pictures: dict[str, bool] = {}
_folders: dict[str, Sequence[tuple[str, int | None]]] = {}
"""What was found, by digest."""


def picture_pieces(blobs: BlobStore, uses: Sequence[ArtifactUse], places: Mapping[str, int]) -> list[Piece]:
    """Return the pictures among the outputs. Args: places: index of a run by its id."""
    outputs: dict[tuple[str, str, bool], list[ArtifactUse]] = {}
    for use in uses:
        if use.artifact.digest is not None and use.artifact.type not in DRAWN_TYPES:
            outputs.setdefault((use.task_name, use.key, use.artifact.is_directory), []).append(use)
    found: list[Piece] = []
    left = _MOST_CONTENTS
    for held in list(outputs.values())[:_MOST_OUTPUTS]:
        for place, use in enumerate(held[: max(left, 0)]):
            pieces = _pieces(blobs, use, places[use.run_id])
            left -= 1
            if not pieces and place == 0:
                break
            found += pieces
    return found


def _pieces(blobs: BlobStore, use: ArtifactUse, run: int) -> list[Piece]:
    artifact, piece = use.artifact, output_piece(use, run, "image")
    if artifact.digest is None:
        return []
    try:
        return _found(blobs, piece, artifact, artifact.digest)
    except NotFoundError:  # the bytes are gone
        return []


def _found(blobs: BlobStore, piece: Piece, artifact: ArtifactItem, digest: str) -> list[Piece]:
    if not artifact.is_directory:
        is_picture = (artifact.size_bytes or 0) <= _LARGEST and _is_picture(blobs, digest)
        return [replace(piece, address=f"{piece.page}/view")] if is_picture else []
    files = _pictures_of(blobs, digest)
    return [file_piece(piece, path, f"{piece.page}/content/{quote(path)}", size) for path, size in files]


def _is_picture(blobs: BlobStore, digest: str) -> bool:
    if digest not in _pictures:
        _make_room(_pictures)
        _pictures[digest] = media_type_of(head_of(blobs, digest, _HEAD), "").startswith("image/")
    return _pictures[digest]


def _pictures_of(blobs: BlobStore, digest: str) -> Sequence[tuple[str, int | None]]:
    """Paths and sizes of the pictures in a folder, by their names first and by their bytes then."""
    if digest not in _folders:
        _make_room(_folders)
        entries = blobs.list_tree(Digest(digest))
        named = [entry for entry in entries if entry.path.lower().endswith(_NAMES) and (entry.size_bytes or 0) <= _LARGEST]
        _folders[digest] = [(entry.path, entry.size_bytes) for entry in named[:_MOST_FILES] if _is_picture(blobs, entry.digest)]
    return _folders[digest]


def _make_room(kept: dict[str, Any]) -> None:
    if len(kept) >= _MOST_KEPT:
        kept.clear()
