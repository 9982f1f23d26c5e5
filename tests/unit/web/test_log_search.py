"""Search in the logs of many tasks: what is looked through, what is found, where it goes on."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from penstock.domain.errors import UnavailableError
from penstock.flows.reading import LogEnds, LogLine
from penstock.interfaces.pages import ListQuery, Page
from penstock.web.runs import log_search
from penstock.web.runs.found_lines import TAIL_BYTES, groups_of
from penstock.web.runs.log_search import pattern_of, search_logs


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


def services(texts: dict[str, bytes], count: int) -> SimpleNamespace:
    return SimpleNamespace(logs=Logs(texts), runs=Runs(count), flows=None, tracking=None)


async def test_lines_that_differ_in_numbers_are_one_kind_and_name_their_places() -> None:
    texts = {
        "t0": b"a\n\x1b[31mValueError: 17 is not in '/tmp/x'\x1b[0m\nend\n",
        "t1": b"ValueError: 4 is not in '/data/y'\n",
        "t2": b"KeyError: 'a'\nfine\n",
        "t3": b"no errors here\n",
    }
    found = await search_logs(services(texts, 4), pattern_of("", is_errors=True), ListQuery(), anybody)  # type: ignore[arg-type]
    first, second = groups_of(found.hits)
    assert [(hit.log.log_id, hit.line) for hit in first.hits] == [("t0", 2), ("t1", 1)]
    assert first.run_count == 1
    assert first.hits[0].url == "/ui/runs/r0?task=t0&tab=logs&attempt=0#L2"
    assert second.hits[0].text == "KeyError: 'a'"
    assert (found.logs, found.next_cursor, found.oldest_at) == (4, None, 997.0)


async def test_of_a_long_log_the_end_is_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    long = b"needle at the start\n" + b"x" * TAIL_BYTES + b"\nneedle at the end\n"
    found = await search_logs(services({"t0": long}, 1), pattern_of("needle", is_errors=False), ListQuery(), anybody)  # type: ignore[arg-type]
    assert [(hit.text, hit.line) for hit in found.hits] == [("needle at the end", None)]
    assert found.size_bytes == TAIL_BYTES


async def test_the_budget_ends_the_search_and_says_where_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_search, "_MAX_BYTES", 1000)
    texts = {f"t{n}": b"needle %d\n" % n for n in range(130)}
    some = services({**texts, "t20": b"y" * 2000}, 130)
    found = await search_logs(some, pattern_of("needle", is_errors=False), ListQuery(), anybody)  # type: ignore[arg-type]
    assert (found.logs, found.next_cursor) == (50, "50")
    rest = await search_logs(some, pattern_of("needle", is_errors=False), ListQuery(cursor=found.next_cursor), anybody)  # type: ignore[arg-type]
    assert rest.logs == 80
    assert rest.next_cursor is None


def test_what_is_asked_for() -> None:
    assert pattern_of("", is_errors=False) is None
    words, regex, errors = pattern_of("a.b", is_errors=False), pattern_of("/a.b/", is_errors=False), pattern_of("disk", is_errors=True)
    assert words
    assert regex
    assert errors
    assert not words.search(b"axb")
    assert regex.search(b"AxB")
    assert errors.search(b"OSError: no space on disk")
    assert not errors.search(b"disk is fine")
    with pytest.raises(re.error):
        pattern_of("/(/", is_errors=False)


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
    pattern = pattern_of("", is_errors=True)
    assert pattern is not None
    found = await search_logs(asked, pattern, ListQuery(), anybody)  # type: ignore[arg-type]
    assert (found.logs, found.size_bytes) == (1, 40)
    (group,) = groups_of(found.hits)
    assert group.hits[0].url == f"/flows/F/1/work/1?attempt=1{anchor}"
    assert "7 is too much" in group.hits[0].text
