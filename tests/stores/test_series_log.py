"""The log of series goes on whatever its callers and the disk do."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from penstock.stores.series import log


def _started(folder: Path) -> log.SeriesLog:
    opened = log.SeriesLog(folder)
    assert list(opened.replay()) == []
    opened.start()
    return opened


def _bodies(folder: Path) -> list[bytes]:
    return [body for _, body in log.SeriesLog(folder).replay()]


def test_a_caller_that_leaves_takes_nobody_along(tmp_path: Path) -> None:
    """A record whose caller was cancelled while it was queued is kept, and those after it are kept and answered."""
    series = _started(tmp_path)
    is_free = threading.Event()
    first = series.append(b"first", lambda sequence: is_free.wait(60) and None)
    left = series.append(b"left", lambda sequence: None)
    assert left.cancel()
    after = series.append(b"after", lambda sequence: None)
    is_free.set()
    assert (first.result(60), after.result(60)) == (None, None)
    series.close()
    assert _bodies(tmp_path) == [b"first", b"left", b"after"]


def test_without_room_for_a_new_segment_the_last_one_grows_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_SEGMENT_BYTES", 1)
    folder = tmp_path / "log"
    series = _started(folder)
    series.append(b"first", lambda sequence: None).result(60)
    is_writing = threading.Event()
    is_free = threading.Event()

    def hold(sequence: int) -> None:
        is_writing.set()
        is_free.wait(60)

    held = series.append(b"held", hold)
    assert is_writing.wait(60)
    next_segment = folder / f"{series.next_sequence:020d}.log"
    next_segment.mkdir()  # stands in the way of the new file, as a full disk does
    is_free.set()
    held.result(60)
    series.append(b"last", lambda sequence: None).result(60)
    series.close()
    next_segment.rmdir()
    assert _bodies(folder) == [b"first", b"held", b"last"]
