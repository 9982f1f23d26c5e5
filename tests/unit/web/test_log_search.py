"""Search in the logs of many tasks: what is looked through, what is found, where it goes on."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from penstock.domain.errors import UnavailableError
from penstock.executors.line_search.service import ProcessLineFinder
from penstock.flows.reading import LogEnds, LogLine
from penstock.interfaces.line_finder import ExpressionError
from penstock.interfaces.pages import ListQuery, Page
from penstock.web.runs import log_search
from penstock.web.runs.found_lines import TAIL_BYTES, groups_of, plain_line
from penstock.web.runs.log_search import search_logs, wanted_of
from penstock.web.runs.wanted import Wanted


def anybody(entity: str) -> bool:
    """A reader who may see all."""
    return True


class Logs:
    """Logs by task id."""

    def __init__(self, texts: dict[str, bytes]) -> None:
        self._texts = texts

    def size(self, run_id: str, task_id: str, attempt: int) -> int | None:
        return len(self._texts[task_id]) if task_id in self._texts else None

    def read(self, run_id: str, task_id: str, attempt: int, *, offset: int, length: int) -> bytes:
        return self._texts[task_id][offset : offset + length]


class Runs:
    """Tasks t0, t1, ... newest first; the cursor is a number."""

    def __init__(self, count: int) -> None:
        self.count = count

    async def list_tasks(self, query: ListQuery) -> Page[SimpleNamespace]:
        start = int(query.cursor or 0)
        end = min(self.count, start + query.limit)
        tasks = [
            SimpleNamespace(
                task_id=f"t{n}", run_id=f"r{n // 2}", attempts=1, is_cached=False, created_at=1000.0 - n, display_name="t", iteration_index=None, run_name="r", label="t"
            )
            for n in range(start, end)
        ]
        return Page(tasks, str(end) if end < self.count else None, self.count)


FINDER = ProcessLineFinder(seconds=1)


def wanted(text: str, *, is_errors: bool) -> Wanted:
    """What a reader asks for."""
    found = wanted_of(text, FINDER, is_errors=is_errors)
    assert found is not None
    return found


def services(texts: dict[str, bytes], count: int) -> SimpleNamespace:
    return SimpleNamespace(logs=Logs(texts), runs=Runs(count), flows=None, tracking=None)


async def test_lines_that_differ_in_numbers_are_one_kind_and_name_their_places() -> None:
    texts = {
        "t0": b"a\n\x1b[31mValueError: 17 is not in '/tmp/x'\x1b[0m\nend\n",
        "t1": b"ValueError: 4 is not in '/data/y'\n",
        "t2": b"KeyError: 'a'\nfine\n",
        "t3": b"no errors here\n",
    }
    found = await search_logs(services(texts, 4), wanted("", is_errors=True), ListQuery(), anybody)  # type: ignore[arg-type]
    first, second = groups_of(found.hits)
    assert [(hit.log.log_id, hit.line) for hit in first.hits] == [("t0", 2), ("t1", 1)]
    assert first.run_count == 1
    assert first.hits[0].url == "/ui/runs/r0?task=t0&tab=logs&attempt=0#L2"
    assert second.hits[0].text == "KeyError: 'a'"
    assert (found.logs, found.next_cursor, found.oldest_at) == (4, None, 997.0)


async def test_of_a_long_log_the_end_is_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    long = b"needle at the start\n" + b"x" * TAIL_BYTES + b"\nneedle at the end\n"
    found = await search_logs(services({"t0": long}, 1), wanted("needle", is_errors=False), ListQuery(), anybody)  # type: ignore[arg-type]
    assert [(hit.text, hit.line) for hit in found.hits] == [("needle at the end", None)]
    assert found.size_bytes == TAIL_BYTES


async def test_the_budget_ends_the_search_and_says_where_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_search, "_MAX_BYTES", 1000)
    texts = {f"t{n}": b"needle %d\n" % n for n in range(130)}
    some = services({**texts, "t20": b"y" * 2000}, 130)
    found = await search_logs(some, wanted("needle", is_errors=False), ListQuery(), anybody)  # type: ignore[arg-type]
    assert (found.logs, found.next_cursor) == (50, "50")
    rest = await search_logs(some, wanted("needle", is_errors=False), ListQuery(cursor=found.next_cursor), anybody)  # type: ignore[arg-type]
    assert rest.logs == 80
    assert rest.next_cursor is None


async def found_in(text: bytes, wanted: Wanted | None) -> list[int]:
    """Numbers of the lines that are wanted."""
    assert wanted is not None
    (numbers,) = await wanted.numbers([text], plain_line, most=10)
    return list(numbers)


async def test_what_is_asked_for() -> None:
    assert wanted_of("", FINDER, is_errors=False) is None
    lines = b"a.b\naxB\nOSError: no space on disk\ndisk is fine"
    assert await found_in(lines, wanted("a.b", is_errors=False)) == [0]
    assert await found_in(lines, wanted("/a.b/", is_errors=False)) == [0, 1]
    assert await found_in(lines, wanted("disk", is_errors=True)) == [2]
    assert await found_in(lines, wanted("/d.sk/", is_errors=True)) == [2]


@pytest.mark.parametrize("text", ["/(/", "/a{99999999999}/", "/(?P<a>x)(?P<a>y)/"])
def test_what_is_no_expression_is_told(text: str) -> None:
    with pytest.raises(ExpressionError):
        wanted(text, is_errors=False)


async def test_lines_are_searched_as_they_are_shown() -> None:
    lines = b"of Windows\r\n10 % done\r90 % done\n\x1b[1mdone\x1b[0m at last\n\x1b]8;;https://done\x07link\x1b]8;;\x07"
    for text in ("done at", "/done at/"):
        assert await found_in(lines, wanted(text, is_errors=False)) == [2]
    assert await found_in(lines, wanted("windows", is_errors=False)) == [0]
    assert await found_in(lines, wanted("/^(10|90)/", is_errors=False)) == [1]
    assert await found_in(lines, wanted("https", is_errors=False)) == []


async def test_an_expression_that_never_ends_is_given_up_and_holds_nobody_meanwhile() -> None:
    looking = asyncio.create_task(found_in(b"a" * 64 + b"b", wanted("/(a+)+$/", is_errors=False)))
    turns = 0
    while not looking.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 5
    with pytest.raises(ExpressionError, match="too long"):
        await looking


async def test_a_line_of_a_mebibyte_without_a_blank_takes_no_longer_than_others() -> None:
    long = b"A" * (1 << 20) + b"\nOSError: no space on disk"
    assert await found_in(long, wanted("disk", is_errors=True)) == [1]
    assert await found_in(long, wanted("", is_errors=True)) == [1]


class FlowRuns:
    """Two tasks of a flow, the newer one in a datastore that is elsewhere."""

    async def list_tasks(self, query: ListQuery) -> Page[SimpleNamespace]:
        tasks = [
            SimpleNamespace(
                task_id=f"F/1/work/{n}", run_id="F/1", attempts=2, is_cached=False, created_at=10.0 - n, display_name="work", iteration_index=None, run_name="r", label="t"
            )
            for n in range(2)
        ]
        return Page(tasks, None, 2)


class FlowLogs:
    """Logs of those tasks."""

    def __init__(self, *, is_whole: bool) -> None:
        self.is_whole = is_whole

    async def log_ends(self, flow_id: str, run_id: str, step: str, task: str, attempt: int, *, limit: int) -> LogEnds:
        assert (flow_id, run_id, step, attempt, limit) == ("F", "1", "work", 1, TAIL_BYTES)
        if task == "0":
            raise UnavailableError("elsewhere")
        lines = [LogLine("1", "task", "stdout", "begun"), LogLine("2", "task", "stderr", "\x1b[31mValueError\x1b[0m: 7 is too much")]
        return LogEnds(lines, 40, self.is_whole)


@pytest.mark.parametrize(("is_whole", "anchor"), [(True, "#L2"), (False, "")])
async def test_logs_of_flows_are_looked_through_in_their_datastore(is_whole: bool, anchor: str) -> None:
    asked = SimpleNamespace(logs=Logs({}), runs=FlowRuns(), tracking=None, flows=SimpleNamespace(reader=FlowLogs(is_whole=is_whole)))
    found = await search_logs(asked, wanted("", is_errors=True), ListQuery(), anybody)  # type: ignore[arg-type]
    assert (found.logs, found.size_bytes) == (1, 40)
    (group,) = groups_of(found.hits)
    assert group.hits[0].url == f"/flows/F/1/work/1?attempt=1{anchor}"
    assert "7 is too much" in group.hits[0].text
