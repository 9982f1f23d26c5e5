"""Private copies and durable files: the few file system operations that the local blob store is made of."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from penstock.domain.errors import UnavailableError

CHUNK_BYTES = 1 << 20
_FICLONE = 0x40049409
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
_NO_CLONE = frozenset({errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.ENOTTY, errno.EBADF, errno.EPERM})


@contextlib.contextmanager
def storing(what: str) -> Iterator[None]:
    """Turn a full, read-only or broken disk into `UnavailableError`; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise UnavailableError(f"{what} cannot be stored: {error.strerror}") from error
        raise


def copy_private(source: int, target: int) -> None:
    """Copy all of one open file to another: by reflink, else inside the kernel, else through memory in pieces."""
    with contextlib.suppress(OSError):
        fcntl.ioctl(target, _FICLONE, source)
        return
    size = os.fstat(source).st_size
    done = 0
    try:
        while done < size:
            copied = os.copy_file_range(source, target, min(size - done, 1 << 30), done, done)
            if copied == 0:
                break
            done += copied
    except OSError as error:
        if error.errno not in _NO_CLONE:
            raise
    while chunk := os.pread(source, CHUNK_BYTES, done):
        write_all(target, chunk, done)
        done += len(chunk)


def write_all(target: int, chunk: bytes, offset: int) -> None:
    """Write the whole chunk at `offset`."""
    view = memoryview(chunk)
    while view:
        written = os.pwrite(target, view, offset)
        view, offset = view[written:], offset + written


def sync_directory(path: Path) -> None:
    """Make renames in a directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file_system(path: Path) -> None:
    """Write out everything of the file system that holds `path`; one call instead of one per file of a large tree."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    except AttributeError:  # a C library without syncfs
        os.sync()
    finally:
        os.close(descriptor)
