"""Copies ahead, in a waiting child, the memory that its task is going to write to.

After a fork every page is shared until one side writes to it; Python writes wherever it reads, because it counts references. A small
component meets a thousand such pages, one interruption each. Which ones is the same for every task of a parent, so a rehearsal tells
(`written`), and every child has them copied by one system call while it waits (`Copies`). Needs a Linux that lets a process advise itself
by vector (6.13); elsewhere nothing is copied ahead and tasks take a little longer.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
from collections.abc import Iterable, Iterator
from typing import Any

PAGE = os.sysconf("SC_PAGE_SIZE")
_PROCESS_MADVISE = 440  # the same on every architecture
_MADV_POPULATE_WRITE = 23
_MOST_RANGES = 1024
"""Of one call (UIO_MAXIOV)."""
_PRESENT, _FILE, _EXCLUSIVE = 1 << 63, 1 << 61, 1 << 56


def written() -> list[int]:
    """Return the addresses of private pages that this process has for itself; empty where the kernel does not tell."""
    found: list[int] = []
    with contextlib.suppress(OSError), open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
        for start, end in _writable():
            entries = os.pread(pagemap.fileno(), (end - start) // PAGE * 8, start // PAGE * 8)
            for index, (entry,) in enumerate(struct.iter_unpack("<Q", entries)):
                if entry & _PRESENT and entry & _EXCLUSIVE and not entry & _FILE:
                    found.append(start + index * PAGE)
    return found


def _writable() -> list[tuple[int, int]]:
    found = []
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        for line in maps:
            place, access, _ = line.split(maxsplit=2)
            if access == "rw-p":
                start, _, end = place.partition("-")
                found.append((int(start, 16), int(end, 16)))
    return found


class Copies:
    """Pages of this process that its children will write to."""

    def __init__(self, addresses: Iterable[int]) -> None:
        """Keep those of `addresses` that this process has."""
        wanted = set(addresses)
        own = [address for start, end in _writable() for address in range(start, end, PAGE) if address in wanted] if wanted else []
        words = [word for start, end in _ranges(own) for word in (start, end - start)]
        self._count = len(words) // 2
        self._vector = (ctypes.c_size_t * len(words))(*words)

    def make(self, libc: Any) -> bool:
        """Have the pages copied in this process, a child of the one that made `self`; False if the kernel refuses."""
        if libc is None or not self._count:
            return False
        try:
            descriptor = os.pidfd_open(os.getpid())
        except (AttributeError, OSError):
            return False
        try:
            for first in range(0, self._count, _MOST_RANGES):
                ranges = ctypes.byref(self._vector, first * 2 * ctypes.sizeof(ctypes.c_size_t))
                count = ctypes.c_size_t(min(_MOST_RANGES, self._count - first))
                if libc.syscall(_PROCESS_MADVISE, descriptor, ranges, count, _MADV_POPULATE_WRITE, 0) < 0:
                    return False
        finally:
            os.close(descriptor)
        return True


def _ranges(addresses: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Join neighbours."""
    start = end = 0
    for address in sorted(addresses):
        if address != end:
            if end:
                yield start, end
            start = address
        end = address + PAGE
    if end:
        yield start, end
