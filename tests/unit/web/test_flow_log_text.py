"""The two streams of a flow task's attempt as one log of bytes: windows, stderr, times."""

from __future__ import annotations

from typing import cast

import pytest

from penstock.domain.errors import NotFoundError, UnavailableError
from penstock.flows.reading import FlowReader, LogLine
from penstock.web.flows.log_text import FlowLogText, log_text_of

LINES = [
    LogLine("2026-11-30T00:00:01.5", "task", "stdout", "one"),
    LogLine("2026-11-30T00:00:02Z", "task", "stderr", "zwö"),
    LogLine("", "task", "stderr", ""),
    LogLine("not a time", "runtime", "stdout", "three"),
]
TEXT = "one\nzwö\n\nthree\n".encode()
FIRST = 1_795_996_801_500


def test_windows_spans_of_stderr_and_times_are_those_of_whole_lines() -> None:
    log = FlowLogText(LINES)
    assert log.size("r", "t", 0) == len(TEXT)
    assert log.read("r", "t", 0, offset=4, length=6) == TEXT[4:10]
    assert log.read("r", "t", 0, offset=len(TEXT), length=6) == b""
    assert log.stderr_spans("r", "t", 0, start=0, end=len(TEXT)) == [(4, 9), (9, 10)]
    assert log.stderr_spans("r", "t", 0, start=5, end=6) == [(4, 9)]
    assert log.stderr_spans("r", "t", 0, start=0, end=4) == []
    assert log.times("r", "t", 0, start=0, end=5) == [(4, FIRST), (9, FIRST + 500)]
    assert log.times("r", "t", 0, start=9, end=100) == [(10, None), (16, None)]
    assert FlowLogText(LINES[2:]).times("r", "t", 0, start=0, end=100) is None
    assert FlowLogText(()).size("r", "t", 0) == 0


class Reader:
    def __init__(self, sizes: dict[str, int] | Exception) -> None:
        self.sizes = sizes
        self.reads = 0

    async def log_sizes(self, *_: object) -> dict[str, int]:
        if isinstance(self.sizes, Exception):
            raise self.sizes
        return self.sizes

    async def logs(self, *_: object) -> list[LogLine]:
        self.reads += 1
        return LINES[: self.reads]


async def test_a_log_is_read_again_only_when_it_has_changed() -> None:
    reader = Reader({"0.task_stdout.log": 40})
    names = ("F", "1", "train", "2")

    async def now() -> tuple[int | None, str]:
        log, revision = await log_text_of(cast("FlowReader", reader), names, 0)
        return log.size("r", "t", 0), revision

    assert [await now(), await now()] == [(4, "40"), (4, "40")]
    assert reader.reads == 1
    reader.sizes = {"0.task_stdout.log": 40, "0.task_stderr.log": 50}
    assert await now() == (9, "90")
    assert reader.reads == 2


async def test_a_task_that_has_told_nothing_yet_has_an_empty_log_and_a_datastore_elsewhere_says_so() -> None:
    log, _ = await log_text_of(cast("FlowReader", Reader(NotFoundError("not told"))), ("F", "1", "s", "2"), 0)
    assert log.size("r", "t", 0) == 0
    with pytest.raises(UnavailableError):
        await log_text_of(cast("FlowReader", Reader(UnavailableError("elsewhere"))), ("F", "1", "s", "2"), 0)
