from __future__ import annotations

import ctypes
import json
import mmap
import os
import sys

import pytest

from penstock.executors.process.inside import child, pages

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's own account of memory")
TOUCHED = (1, 2, 3, 7)


def in_child(memory: mmap.mmap, copies: pages.Copies, touched: tuple[int, ...]) -> tuple[bool, set[int]]:
    """Make the copies and write to some pages in a forked process; return whether that worked and the pages it then has for itself."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        is_made = copies.make(child.LIBC)
        for index in touched:
            memory[index * pages.PAGE] = 1
        with os.fdopen(writer, "w") as pipe:
            json.dump([is_made, pages.written()], pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        is_made, found = json.load(pipe)
    os.waitpid(pid, 0)
    return is_made, set(found)


@pytest.fixture
def memory() -> mmap.mmap:
    """Ten pages in use."""
    memory = mmap.mmap(-1, 10 * pages.PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for index in range(10):
        memory[index * pages.PAGE] = 9
    return memory


def addresses(memory: mmap.mmap) -> list[int]:
    """Where the pages are: the ones that this process writes to and no other."""
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    return [start + index * pages.PAGE for index in range(10)]


def test_what_a_child_wrote_to_is_learned_and_nothing_else(memory: mmap.mmap) -> None:
    places = addresses(memory)

    _, found = in_child(memory, pages.Copies(()), TOUCHED)

    if not found:
        pytest.skip("this kernel does not tell")
    assert [place in found for place in places] == [index in TOUCHED for index in range(10)]


def test_copies_are_made_ahead_and_hold_the_same(memory: mmap.mmap) -> None:
    places = addresses(memory)
    copies = pages.Copies([places[index] for index in TOUCHED] + [16 * pages.PAGE])  # the last one is no memory of ours

    is_made, found = in_child(memory, copies, ())

    if not is_made:
        pytest.skip("this kernel does not let a process advise itself")
    assert [place in found for place in places] == [index in TOUCHED for index in range(10)]
    assert all(memory[index * pages.PAGE] == 9 for index in range(10))


def test_nothing_to_copy_is_said() -> None:
    assert not pages.Copies(()).make(child.LIBC)
    assert not pages.Copies([16 * pages.PAGE]).make(child.LIBC)
