"""What is inside a stored artifact, made safe to show: kind by content, first rows of tables, entries of archives, never unpickled.

Only the beginning of a file is read. Everything here returns plain values; the boxed view and the download are in `pages.artifacts.stored`.
"""

from __future__ import annotations

import io
import json
import re
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from penstock.domain.errors import NotFoundError
from penstock.domain.ids import Digest
from penstock.interfaces.blobs import BlobStore, TreeEntry
from penstock.web.previews.archive_members import BOUNDED, MAX_INDEX_TAIL, is_small_index
from penstock.web.previews.json_documents import MOST_PARTS, read_json
from penstock.web.previews.notebooks import Cell, cells_of
from penstock.web.previews.parquet import MAGIC, ParquetError
from penstock.web.previews.pickles import PickleSummary, summary_of
from penstock.web.previews.picture_sizes import pixels_of
from penstock.web.previews.stored_file import StoredFile
from penstock.web.previews.table_documents import MAX_BEGIN, TAIL, count_in, head_table
from penstock.web.previews.tables import MAX_ROWS, ROW_CHOICES, TableHead, array_table, delimited, json_lines, parquet_table, tracked_table
from penstock.web.texts.prose import prose

HEAD_BYTES = 64 * 1024
_MAX_DOCUMENT = 8 * 1024 * 1024
"""Notebooks, figures and tables of tracked runs up to this size are read whole."""
_one_document = threading.Lock()
"""A document of a few MiB may take hundreds of them as objects, so they are read one after the other."""
_MAX_JSON = 200_000
"""Characters of indented JSON."""
_MAX_ARRAY = 256 * 1024
_MAX_PICKLE = 1024 * 1024
_MAX_TABLE = 4 * 1024 * 1024
"""Bytes of a table that are read when more rows are asked for."""
_MAX_PIXELS = 100_000_000
_IN_SPACE = (
    ".obj", ".stl", ".gltf", ".glb", ".babylon", ".pts.json",
    ".pdb", ".pqr", ".sdf", ".sd", ".mol", ".mol2", ".xyz", ".gro", ".cif", ".mcif", ".mmcif", ".mmtf",
)  # fmt: skip
"""Ends of the names of files that the browser draws in space; see `static/js/in_space.js`."""
_VEGA = ("https://vega.github.io/schema/vega/", "https://vega.github.io/schema/vega-lite/")
_IMAGES: Sequence[tuple[bytes, str]] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)
_PLAYED: Sequence[tuple[int, bytes, str]] = (
    (8, b"WAVE", "audio/wav"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
)
"""Offset and first bytes of sound and film."""


@dataclass(frozen=True, slots=True)
class Preview:
    """The beginning of an artifact, ready to show."""

    kind: str
    """`text`, `json`, `table`, `prose`, `notebook`, `figure`, `vega`, `image`, `audio`, `video`, `svg`, `pdf`, `archive`, `numpy`,
    `pickle`, `folder`, `binary`, `document`, `space`, `none` or `missing`.
    """
    text: str = ""
    html: Markup | None = None
    """Of Markdown."""
    pixels: tuple[int, int] | None = None
    """Width and height of a picture that says them."""
    table: TableHead | None = None
    """First rows, of tables and arrays."""
    cells: Sequence[Cell] = ()
    """Of a notebook."""
    entries: Sequence[tuple[str, int | None, str]] = ()
    """(name, bytes, note) of what is inside archives and folders."""
    is_cut: bool = False
    """There is more than is shown."""
    media_type: str = "application/octet-stream"
    pickle: PickleSummary | None = None
    """What opening a pickle would call."""
    more_rows: int | None = None
    """How many rows of the table the reader may ask for next; None: all are shown, or as many as ever are."""

    @property
    def asks_first(self) -> bool:
        """Whether showing it loads the file itself, so that large ones are only loaded when the reader asks."""
        return self.kind in {"image", "svg", "document", "audio", "video", "figure", "pdf", "space"}

    @property
    def is_vast(self) -> bool:
        """Whether a picture has more pixels than a browser should be given unasked, however few bytes it has."""
        return self.pixels is not None and self.pixels[0] * self.pixels[1] > _MAX_PIXELS

    @property
    def columns(self) -> Sequence[str]:
        """Names of the table's columns."""
        return self.table.columns if self.table is not None else ()

    @property
    def rows(self) -> Sequence[Sequence[Any]]:
        """Rows of the table."""
        return self.table.rows if self.table is not None else ()


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
    for offset, magic, media in _PLAYED:
        if head[offset : offset + len(magic)] == magic:
            return media
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


def rows_asked(text: str) -> int:
    """Return how many rows of a table an address asks for: one of the choices, else as many as are shown at first."""
    return int(text) if text in map(str, ROW_CHOICES) else MAX_ROWS


def preview_of(
    blobs: BlobStore, *, digest: str | None, type_: str, is_directory: bool, size: int | None, name: str = "", rows: int = MAX_ROWS
) -> Preview:
    """Read the beginning of an artifact and say what it is; a file's `name` only tells documents and things in space from others.

    Args:
        rows: of a table, `MAX_ROWS` or one of `ROW_CHOICES`; more rows mean that more of the file is read, `_MAX_TABLE` bytes at most.
    """
    found = _preview(blobs, digest, type_, is_directory, size, name, rows)
    more = next((count for count in ROW_CHOICES if count > rows), None)
    return replace(found, more_rows=more) if found.table is not None and found.is_cut and more else found


def _preview(blobs: BlobStore, digest: str | None, type_: str, is_directory: bool, size: int | None, name: str, rows: int) -> Preview:
    if digest is None:
        return Preview("none")
    try:
        if is_directory:
            return folder_preview(blobs.list_tree(Digest(digest)))
        head = head_of(blobs, digest, HEAD_BYTES if rows == MAX_ROWS else _MAX_TABLE)
    except NotFoundError:
        return Preview("missing")
    media = media_type_of(head, type_)
    is_cut = (size or 0) > len(head)
    if name.lower().endswith(_IN_SPACE) and media in {"text/plain", "application/octet-stream"}:
        return Preview("space", text=name.rpartition("/")[2], media_type=media)
    if media in {"text/html", "text/markdown"}:
        return Preview("document", media_type=media)
    if media == "image/svg+xml":
        return Preview("svg", media_type=media)
    if media.startswith("image/"):
        return Preview("image", media_type=media, pixels=pixels_of(head))
    if media == "application/pdf":
        return Preview("pdf", media_type=media)
    if media.startswith(("audio/", "video/")):
        return Preview(media.partition("/")[0], media_type=media)
    if head.startswith(MAGIC):
        return _parquet_preview(blobs, Digest(digest), size or 0, rows)
    if media == "text/plain" and name.lower().endswith((".md", ".markdown")) and not is_cut:
        written = head.decode("utf-8", "replace")
        return Preview("prose", text=written, html=prose(written), media_type="text/markdown")
    if media == "text/plain":
        is_document = is_cut and head.lstrip()[:1] == b"{"
        whole = is_document and (size or 0) <= _MAX_DOCUMENT
        text = head_of(blobs, digest, _MAX_DOCUMENT) if whole else head
        whole = whole and text.count(b"[") + text.count(b"{") <= MOST_PARTS
        if is_document and not whole and (found := _large_table(blobs, Digest(digest), size or 0, rows)) is not None:
            return found
        return text_preview((text if whole else head).decode("utf-8", "replace"), is_cut and not whole, rows)
    if head[:2] == b"PK":
        return archive_preview(StoredFile(blobs, Digest(digest), size or 0))
    if head.startswith(b"\x93NUMPY"):
        table, note = array_table(head_of(blobs, digest, _MAX_ARRAY if rows == MAX_ROWS else _MAX_TABLE), rows)
        is_longer = table is not None and _is_longer(table, False)
        return Preview("numpy", entries=[("array", size, note)], table=table, is_cut=is_longer)
    if head[:1] == b"\x80" and len(head) > 1 and head[1] in range(2, 6):
        return Preview("pickle", pickle=summary_of(head_of(blobs, digest, _MAX_PICKLE)))
    return Preview("binary", text=hex_lines(head[:512]), is_cut=is_cut)


def folder_preview(entries: Sequence[TreeEntry]) -> Preview:
    """Files of a directory artifact."""
    return Preview("folder", entries=[(entry.path, entry.size_bytes, "") for entry in entries[:1000]], is_cut=len(entries) > 1000)


def text_preview(text: str, is_cut: bool, rows: int = MAX_ROWS) -> Preview:
    """Notebooks as cells, figures and tables as such, other JSON indented, delimited text and JSON lines as rows, the rest as it is."""
    if not is_cut and text.lstrip()[:1] in {"{", "["}:
        try:
            with _one_document:
                return _json_preview(text, rows)
        except ValueError:
            pass
    table = json_lines(text, is_cut=is_cut, limit=rows) or delimited(text, is_cut=is_cut, limit=rows)
    if table is not None:
        return Preview("table", table=table, is_cut=_is_longer(table, is_cut), media_type="text/csv")
    return Preview("text", text=text[:HEAD_BYTES], is_cut=is_cut or len(text) > HEAD_BYTES, media_type="text/plain")


def _json_preview(text: str, rows: int) -> Preview:
    """Return a whole JSON document as what it is.

    Raises:
        ValueError: it is none.
    """
    document = read_json(text)
    if (notebook := cells_of(document)) is not None:
        return Preview("notebook", cells=notebook[0], is_cut=notebook[1], media_type="application/x-ipynb+json")
    if (table := tracked_table(document, rows)) is not None:
        return Preview("table", table=table, is_cut=_is_longer(table, False), media_type="application/json")
    named = document if isinstance(document, dict) else {}
    kind = "vega" if str(named.get("$schema", "")).startswith(_VEGA) else "json"
    if kind == "json" and isinstance(named.get("data"), list) and isinstance(named.get("layout"), dict):
        return Preview("figure", media_type="application/json")
    shown = _indented(document)
    return Preview(kind, text=shown[:_MAX_JSON], is_cut=len(shown) > _MAX_JSON, media_type="application/json")


def _indented(document: Any) -> str:
    """Return the beginning of a document as indented text: no more of it than is shown is written.

    Raises:
        ValueError: it is nested too deeply.
    """
    parts, length = [], 0
    try:
        for part in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(document):
            parts.append(part)
            length += len(part)
            if length > _MAX_JSON:
                break
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return "".join(parts)


def _is_longer(table: TableHead, is_cut: bool) -> bool:
    return is_cut or (table.total is not None and table.total > len(table.rows))


def _parquet_preview(blobs: BlobStore, digest: Digest, size: int, rows: int) -> Preview:
    try:
        table = parquet_table(lambda offset, length: b"".join(blobs.read(digest, offset=offset, length=length)), size, rows)
    except ParquetError as error:
        return Preview("binary", text=str(error), media_type="application/vnd.apache.parquet")
    return Preview("table", table=table, is_cut=_is_longer(table, False), media_type="application/vnd.apache.parquet")


def _large_table(blobs: BlobStore, digest: Digest, size: int, rows: int) -> Preview | None:
    """Return the first rows of a table of a tracked run that is not read whole, None when the file is none."""
    tail = b"".join(blobs.read(digest, offset=max(0, size - TAIL)))
    table = head_table(head_of(blobs, digest, MAX_BEGIN if rows == MAX_ROWS else _MAX_TABLE), rows, count_in(tail))
    return None if table is None else Preview("table", table=table, is_cut=True, media_type="application/json")


def archive_preview(file: StoredFile | io.BytesIO) -> Preview:
    """Entries of a zip or npz, with shapes of arrays; nothing is extracted to disk."""
    first = file.read(512) or b""
    length = file.seek(0, io.SEEK_END)
    file.seek(max(0, length - MAX_INDEX_TAIL))
    if not is_small_index(file.read() or b""):
        return Preview("binary", text=hex_lines(first), is_cut=True)
    try:
        with zipfile.ZipFile(file) as archive:
            entries: list[tuple[str, int | None, str]] = []
            for info in archive.infolist()[:500]:
                note = _note_of_array(archive, info) if info.filename.endswith(".npy") else ""
                entries.append((info.filename, info.file_size, note))
            return Preview("archive", entries=entries, is_cut=len(archive.infolist()) > 500)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError):
        return Preview("binary", text=hex_lines(first), is_cut=True)


def _note_of_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    """Return shape and first values of an array in an npz; nothing for one that is damaged or packed as NumPy never does.

    Only deflate can be unpacked in bounded steps: `zipfile` hands out whatever one piece of bzip2 or LZMA unpacks to, gigabytes if so made.
    """
    if info.compress_type not in BOUNDED:
        return ""
    try:
        with archive.open(info) as member:
            head = member.read(4096)
    except (zipfile.BadZipFile, zlib.error, EOFError):
        return ""
    table, note = array_table(head)
    if table is None or not table.rows:
        return note
    values = [str(value) for row in table.rows for value in row][:8]
    return f"{note}: {', '.join(values)}, …" if len(values) == 8 else f"{note}: {', '.join(values)}"


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


@dataclass(frozen=True, slots=True)
class ZipMember:
    """A file of an archive that is made."""

    path: str
    digest: Digest


def _inside(path: str) -> str:
    """Return a name that stays in the folder into which an archive is unpacked, whatever reads it: backslashes part folders elsewhere."""
    parts = re.split(r"[/\\]", path)
    if not any(part in {"", ".", ".."} or ":" in part for part in parts):
        return path
    return "/".join("_" if part in {"", ".", ".."} else part.replace(":", "_") for part in parts)


def zip_of(blobs: BlobStore, members: Iterable[ZipMember]) -> Iterator[bytes]:
    """Stream stored files as a zip archive."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
        for wanted in members:
            with archive.open(_inside(wanted.path), "w", force_zip64=True) as member:
                for chunk in blobs.read(wanted.digest):
                    member.write(chunk)
                    yield sink.take()
    yield sink.take()
