"""A stored file that can be read anywhere, for readers that seek."""

from __future__ import annotations

import io
from typing import Any

from penstock.domain.ids import Digest
from penstock.interfaces.blobs import BlobStore


class StoredFile(io.RawIOBase):
    """A stored file that can be read anywhere."""

    def __init__(self, blobs: BlobStore, digest: Digest, size: int) -> None:
        self._blobs, self._digest, self._size, self._at = blobs, digest, size, 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read anywhere."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place, also behind the end."""
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        """Return where it is."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as there are bytes."""
        data = b"".join(self._blobs.read(self._digest, offset=self._at, length=len(buffer))) if self._at < self._size else b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
