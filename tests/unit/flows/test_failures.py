"""Why attempts of flow tasks failed: what of the log becomes the reason, and when looking for one ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from penstock.domain.errors import NotFoundError, UnavailableError
from penstock.domain.flows import Authorship, FlowRun, FlowTask
from penstock.flows.failures import FlowFailures, ending_of, has_ending
from penstock.flows.reading import FlowReader
from penstock.interfaces.flow_failures import UnexplainedAttempt

TRACEBACK = ["Traceback (most recent call last):", '  File "flow.py", line 66, in publish', "    raise ValueError", "ValueError: 6.1 is above 1.0"]


class Queue:
    def __init__(self, tries: int = 0) -> None:
        run = FlowRun("F", 1, None, Authorship("ada", (), ()), 0, None)
        self.item = UnexplainedAttempt(FlowTask(run, "train", 1, None, "ada", 0, None), 0, tries)
        self.told: list[str | None] = []
        """Reasons; None: put off."""

    async def unexplained(self, *, limit: int, again: bool) -> Sequence[UnexplainedAttempt]:
        return [self.item]

    async def explain(self, item: UnexplainedAttempt, message: str) -> None:
        self.told.append(message)

    async def put_off(self, item: UnexplainedAttempt) -> None:
        self.told.append(None)


class Reader:
    def __init__(self, code: int | Exception | None, lines: Sequence[str]) -> None:
        self.code = code
        self.lines = lines

    async def exit_code(self, *_: object) -> int | None:
        if isinstance(self.code, Exception):
            raise self.code
        return self.code

    async def last_words(self, *_: object, count: int) -> Sequence[str]:
        return self.lines[-count:]


async def told(code: int | Exception | None, lines: Sequence[str], *, tries: int = 0) -> list[str | None]:
    queue, changed = Queue(tries), list[str]()
    reader = cast("FlowReader", Reader(code, lines))
    assert await FlowFailures(queue, reader, on_change=changed.append).read_waiting(again=True) is False
    assert changed == (["F/1"] if any(queue.told) else [])
    return queue.told


@pytest.mark.parametrize(
    ("code", "lines", "reason"),
    [
        (1, [*TRACEBACK, "", "Internal error"], "exit code 1: ValueError: 6.1 is above 1.0"),
        (None, TRACEBACK, "ValueError: 6.1 is above 1.0"),
        (3, ["no traceback"], "exit code 3"),
        (-9, ["killed in the middle"], "killed by signal 9 (SIGKILL)"),
        (1, [*TRACEBACK[:-1], "ValueError: " + "x" * 5000], "exit code 1: ValueError: " + "x" * 388),
    ],
)
async def test_the_exception_and_the_end_of_the_process_are_the_reason(code: int | None, lines: list[str], reason: str) -> None:
    assert await told(code, lines) == [reason]


async def test_what_is_not_there_yet_is_looked_for_again_and_given_up_in_the_end() -> None:
    assert await told(None, []) == [None]
    assert await told(NotFoundError("where its data is"), []) == [None]
    assert await told(None, [], tries=11) == [""]
    assert await told(NotFoundError("where its data is"), [], tries=11) == [""]
    assert await told(RuntimeError("a fault"), [], tries=11) == [""]


async def test_a_datastore_out_of_reach_is_not_asked_again() -> None:
    assert await told(UnavailableError("s3://elsewhere"), []) == [""]


@pytest.mark.parametrize("code", [1, 137, -9, -65])
def test_a_reason_that_begins_with_how_the_process_ended_is_known_as_such(code: int) -> None:
    assert has_ending(ending_of(code))
    assert has_ending(f"{ending_of(code)}: ValueError: 6.1 is above 1.0")
    assert not has_ending(f"ValueError: {ending_of(code)}")
