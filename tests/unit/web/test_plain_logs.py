"""Logs in parts for browsers without script: whole lines, the end first, every line once on the way from end to beginning and back."""

from __future__ import annotations

import pytest

from penstock.web.runs.plain_logs import LINES, LONGEST_LINE, PlainPart, part_of

_WINDOW = 256 * 1024


class _Log:
    """Bytes as a log; the second line of each ten went to stderr."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def size(self, run_id: str, task_id: str, attempt: int) -> int | None:
        return len(self.data)

    def read(self, run_id: str, task_id: str, attempt: int, *, offset: int, length: int) -> bytes:
        assert length <= 1024 * 1024
        return self.data[offset : offset + length]

    def stderr_spans(self, run_id: str, task_id: str, attempt: int, *, start: int, end: int) -> list[tuple[int, int]]:
        return [(at, at + 1) for at in range(start, end) if self.data[at : at + 1] == b"!"]

    def times(self, run_id: str, task_id: str, attempt: int, *, start: int, end: int) -> list[tuple[int, int | None]] | None:
        return None

    def usage(self, run_id: str, task_id: str, attempt: int) -> list[tuple[int, int, int]]:
        return []

    def gpu_usage(self, run_id: str, task_id: str, attempt: int) -> list[tuple[int, int, int]]:
        return []


async def _part(log: _Log, name: str, **place: int) -> PlainPart:
    return await part_of(log, name, "t", 0, **place)


@pytest.mark.parametrize("ending", [b"", b"\n"])
@pytest.mark.parametrize("count", [0, 1, LINES - 1, LINES, LINES + 1, 3 * LINES + 7])
async def test_the_end_comes_first_and_each_line_once_in_both_directions(count: int, ending: bytes) -> None:
    wanted = [f"line {number}" for number in range(count)]
    log, name = _Log("\n".join(wanted).encode() + (ending if count else b"")), f"{count}{ending!r}"
    part = await _part(log, name)
    assert [line.text for line in part.lines] == wanted[-LINES:]
    found, last = [], part
    while True:
        assert len(part.lines) <= LINES
        found = [*part.lines, *found]
        if part.earlier is None:
            break
        part = await _part(log, name, before=part.earlier)
    assert [line.text for line in found] == wanted
    assert [line.number for line in found] == list(range(1, count + 1))
    assert last.later is None
    part = await _part(log, name, since=0)
    read = [*part.lines]
    while part.later is not None:
        part = await _part(log, name, since=part.later)
        read += part.lines
    assert read == found


async def test_a_line_longer_than_a_part_is_cut_and_what_follows_is_found() -> None:
    log = _Log(b"first\n" + b"x" * (3 * _WINDOW) + b"\nlast\n")
    end = await _part(log, "long")
    assert end.lines[-1].text == "last"
    places, part = [], end
    while part.earlier is not None:
        places.append(part.earlier)
        part = await _part(log, "long", before=part.earlier)
    assert places == sorted(set(places), reverse=True)
    assert part.lines[0].text == "first"
    texts, part = [line.text for line in part.lines], await _part(log, "long", since=0)
    assert texts[0] == "first"
    steps = 0
    while part.later is not None:
        part, steps = await _part(log, "long", since=part.later), steps + 1
        assert steps < 10
        assert all(len(line.text) <= LONGEST_LINE for line in part.lines)
    assert part.lines[-1].text == "last"


async def test_lines_are_shown_without_colours_and_control_characters_in_their_last_form() -> None:
    log = _Log("\x1b[31mred\x1b[0m\r\n10%\r50%\r100%\na\x00b\té\n!to stderr\n".encode() + b"\xff\n" + b"y" * (LONGEST_LINE + 5))
    lines = (await _part(log, "odd")).lines
    assert [line.text for line in lines[:5]] == ["red", "100%", "a\N{REPLACEMENT CHARACTER}b\té", "!to stderr", "\N{REPLACEMENT CHARACTER}"]
    assert [line.is_error for line in lines] == [False, False, False, True, False, False]
    assert (len(lines[5].text), lines[5].left_out) == (LONGEST_LINE, 5)


async def test_places_that_no_link_names_are_answered_within_the_log() -> None:
    log = _Log(b"a\nb\n")
    assert (await _part(log, "far", since=10**12)).lines == []
    assert [line.text for line in (await _part(log, "far", before=10**12)).lines] == ["a", "b"]
    assert (await _part(log, "far", before=0)).lines == []
