"""What is inside a stored artifact, made safe to show: kind by content, first rows of tables, entries of archives, never unpickled.

Only the beginning of a file is read. Everything here returns plain values; the boxed view and the download are in `pages.artifacts`.
"""

from __future__ import annotations

import csv
import io
import json
import struct
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.domain.errors import NotFoundError
from penstock.domain.ids import Digest
from penstock.interfaces.blobs import BlobStore, TreeEntry

HEAD_BYTES = 64 * 1024
_MAX_ROWS = 100
_MAX_ARCHIVE = 64 * 1024 * 1024
_IMAGES: Sequence[tuple[bytes, str]] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)


@dataclass(frozen=True, slots=True)
class Preview:
    """The beginning of an artifact, ready to show."""

    kind: str
    """`text`, `json`, `table`, `image`, `svg`, `pdf`, `archive`, `numpy`, `pickle`, `folder`, `binary`, `document`, `none` or `missing`."""
    text: str = ""
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    entries: Sequence[tuple[str, int | None, str]] = ()
    """(name, bytes, note) of what is inside archives and folders."""
    is_cut: bool = False
    """There is more than is shown."""
    media_type: str = "application/octet-stream"


def head_of(blobs: BlobStore, digest: str, length: int = HEAD_BYTES) -> bytes:
    """Return the first bytes of a file."""
    return b"".join(blobs.read(Digest(digest), offset=0, length=length))


def media_type_of(head: bytes, type_: str) -> str:
    """Media type to serve content under, from the artifact's type and its first bytes; never trusts names."""
    if type_ == "system.HTML":
        return "text/html"
    if type_ == "system.Markdown":
        return "text/markdown"
    for magic, media in _IMAGES:
        if head.startswith(magic):
            return media
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head.startswith(b"%PDF-"):
        return "application/pdf"
    if is_text(head):
        start = head.lstrip()[:512].lower()
        if start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in start):
            return "image/svg+xml"
        return "text/plain"
    return "application/octet-stream"


def is_text(head: bytes) -> bool:
    """Whether bytes read as UTF-8 text (a character cut at the end is fine)."""
    if b"\0" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3
    return True


def preview_of(blobs: BlobStore, *, digest: str | None, type_: str, is_directory: bool, size: int | None) -> Preview:
    """Read the beginning of an artifact and say what it is."""
    if digest is None:
        return Preview("none")
    try:
        if is_directory:
            return folder_preview(blobs.list_tree(Digest(digest)))
        head = head_of(blobs, digest)
    except NotFoundError:
        return Preview("missing")
    media = media_type_of(head, type_)
    is_cut = (size or 0) > len(head)
    if media in {"text/html", "text/markdown"}:
        return Preview("document", media_type=media)
    if media == "image/svg+xml":
        return Preview("svg", media_type=media)
    if media.startswith("image/"):
        return Preview("image", media_type=media)
    if media == "application/pdf":
        return Preview("pdf", media_type=media)
    if media == "text/plain":
        return text_preview(head.decode("utf-8", "replace"), is_cut)
    if head[:2] == b"PK" and (size or 0) <= _MAX_ARCHIVE:
        return archive_preview(b"".join(blobs.read(Digest(digest))))
    if head.startswith(b"\x93NUMPY"):
        return Preview("numpy", entries=[("array", size, numpy_header(head))])
    if head[:1] == b"\x80" and len(head) > 1 and head[1] in range(2, 6):
        return Preview("pickle")
    return Preview("binary", text=hex_lines(head[:512]), is_cut=is_cut)


def folder_preview(entries: Sequence[TreeEntry]) -> Preview:
    """Files of a directory artifact."""
    return Preview("folder", entries=[(entry.path, entry.size_bytes, "") for entry in entries[:1000]], is_cut=len(entries) > 1000)


def text_preview(text: str, is_cut: bool) -> Preview:
    """JSON indented, delimited tables as rows, anything else as it is."""
    if not is_cut and text.lstrip()[:1] in {"{", "["}:
        try:
            return Preview("json", text=json.dumps(json.loads(text), indent=2, ensure_ascii=False), media_type="application/json")
        except ValueError:
            pass
    lines = text.splitlines()
    if len(lines) > 1:
        for delimiter in (",", "\t", ";"):
            width = lines[0].count(delimiter)
            if width and all(line.count(delimiter) == width for line in lines[1:6] if line):
                rows = list(csv.reader(io.StringIO("\n".join(lines[: _MAX_ROWS + 1])), delimiter=delimiter))
                return Preview("table", columns=rows[0], rows=rows[1:], is_cut=is_cut or len(lines) > _MAX_ROWS + 1, media_type="text/csv")
    return Preview("text", text=text, is_cut=is_cut, media_type="text/plain")


def archive_preview(data: bytes) -> Preview:
    """Entries of a zip or npz, with shapes of arrays; nothing is extracted to disk."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries: list[tuple[str, int | None, str]] = []
            for info in archive.infolist()[:500]:
                note = ""
                if info.filename.endswith(".npy"):
                    with archive.open(info) as member:
                        note = numpy_header(member.read(4096))
                entries.append((info.filename, info.file_size, note))
            return Preview("archive", entries=entries, is_cut=len(archive.infolist()) > 500)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError):
        return Preview("binary", text=hex_lines(data[:512]), is_cut=True)


def numpy_header(head: bytes) -> str:
    """Shape and type of an .npy file as written in its header."""
    if not head.startswith(b"\x93NUMPY") or len(head) < 12:
        return ""
    length, start = (struct.unpack("<H", head[8:10])[0], 10) if head[6] == 1 else (struct.unpack("<I", head[8:12])[0], 12)
    return head[start : start + min(length, 400)].decode("latin-1").strip().rstrip(", }").lstrip("{ ")


def hex_lines(data: bytes) -> str:
    """The classic hex view."""
    lines = []
    for offset in range(0, len(data), 16):
        part = data[offset : offset + 16]
        lines.append(f"{offset:08x}  {part.hex(' '):<47}  {''.join(chr(byte) if 32 <= byte < 127 else '.' for byte in part)}")
    return "\n".join(lines)


class _Sink(io.RawIOBase):
    """Collects what a zip writer emits, so that it can be streamed on."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken = b"".join(self.parts)
        self.parts.clear()
        return taken


def zip_of_tree(blobs: BlobStore, digest: str) -> Iterator[bytes]:
    """Stream a directory artifact as a zip archive."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
        for entry in blobs.list_tree(Digest(digest)):
            with archive.open(entry.path, "w", force_zip64=True) as member:
                for chunk in blobs.read(entry.digest):
                    member.write(chunk)
                    yield sink.take()
    yield sink.take()
