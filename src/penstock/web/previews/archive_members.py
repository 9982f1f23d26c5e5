"""Bytes of a file in a stored zip archive from any place on, unpacked in bounded steps.

Where a member is stored as it is, reading begins at the place itself. A packed one has to be unpacked from its beginning; so that a
question that goes through it in pieces does not begin anew with each, states of the unpacking are kept: a few of the members read last.
"""

from __future__ import annotations

import struct
import threading
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from penstock.domain.ids import Digest
from penstock.interfaces.blobs import BlobStore
from penstock.web.previews.stored_file import StoredFile

BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Methods that unpack in bounded steps: bzip2 and LZMA hand out whatever one piece unpacks to, gigabytes if so made."""
MAX_INDEX_TAIL = 66_000
"""Bytes at the end of an archive in which it says how long its list is."""
_MAX_INDEX = 2 * 1024 * 1024
"""Bytes of the list of entries of an archive that is looked into."""
_HEADER = 30
_STEP = 256 * 1024
_KEEP_EVERY = 1 << 20
_STATES, _MEMBERS = 8, 8

_Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _State:
    """How far a member has been unpacked."""

    unpacked: int
    packed: int
    inflater: Any


_kept: OrderedDict[_Key, list[_State]] = OrderedDict()
_lock = threading.Lock()


def is_small_index(tail: bytes) -> bool:
    """Whether the list of entries of a zip archive, by its last bytes, is short enough to be read: an object is made of every entry."""
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + 16:
        return False
    size = int(struct.unpack_from("<I", tail, end + 12)[0])
    if end >= 76 and tail[end - 20 : end - 16] == b"PK\x06\x07":
        size = int(struct.unpack_from("<Q", tail, end - 76 + 40)[0])  # the wide record counts, whatever the other says
    return size <= _MAX_INDEX


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a stored archive."""

    blobs: BlobStore
    digest: Digest
    start: int
    """Where its bytes begin in the archive."""
    packed_size: int
    is_packed: bool

    def pieces(self, offset: int) -> Iterator[bytes]:
        """Return its bytes from a place on; they end early where the archive is damaged."""
        if not self.is_packed:
            return self.blobs.read(self.digest, offset=self.start + offset, length=max(0, self.packed_size - offset))
        return self._unpacked(offset)

    def _unpacked(self, offset: int) -> Iterator[bytes]:
        state = _nearest((self.digest, self.start), offset)
        inflater, at, fed = state.inflater, state.unpacked, state.packed
        kept_at = at
        source = self.blobs.read(self.digest, offset=self.start + fed, length=max(0, self.packed_size - fed))
        for packed in source:
            waiting = packed
            while waiting and not inflater.eof:
                try:
                    data = inflater.decompress(waiting, _STEP)
                except zlib.error:
                    return
                fed += len(waiting) - len(inflater.unconsumed_tail)
                waiting, before, at = inflater.unconsumed_tail, at, at + len(data)
                if at - kept_at >= _KEEP_EVERY:
                    _keep((self.digest, self.start), _State(at, fed, inflater.copy()))
                    kept_at = at
                if at > offset and data:
                    yield data[max(0, offset - before) :]


def _nearest(key: _Key, offset: int) -> _State:
    with _lock:
        fitting = [state for state in _kept.get(key, ()) if state.unpacked <= offset]
        best = max(fitting, key=lambda state: state.unpacked, default=None)
        return _State(0, 0, zlib.decompressobj(-15)) if best is None else _State(best.unpacked, best.packed, best.inflater.copy())


def _keep(key: _Key, state: _State) -> None:
    with _lock:
        _kept[key] = [*_kept.pop(key, [])[1 - _STATES :], state]
        while len(_kept) > _MEMBERS:
            _kept.popitem(last=False)


def member_of(blobs: BlobStore, digest: Digest, size: int, name: str) -> Member | None:
    """Return a file of an archive; None when there is none of the name, or none that is unpacked in bounded steps.

    Raises:
        NotFoundError: the bytes are gone.
    """
    if not is_small_index(b"".join(blobs.read(digest, offset=max(0, size - MAX_INDEX_TAIL)))):
        return None
    try:
        with zipfile.ZipFile(StoredFile(blobs, digest, size)) as archive:
            info = archive.getinfo(name)
    except (KeyError, zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError):
        return None
    header = b"".join(blobs.read(digest, offset=info.header_offset, length=_HEADER))
    if info.compress_type not in BOUNDED or info.flag_bits & 1 or len(header) < _HEADER or header[:4] != b"PK\x03\x04":
        return None
    named, extra = struct.unpack_from("<HH", header, 26)
    start = info.header_offset + _HEADER + named + extra
    return Member(blobs, digest, start, info.compress_size, info.compress_type == zipfile.ZIP_DEFLATED)
