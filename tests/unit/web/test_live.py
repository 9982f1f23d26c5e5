"""A page is told of what it shows, and of nothing else."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse

from penstock.api.credentials import note_caller
from penstock.domain.accounts import Caller
from penstock.domain.ids import RunId
from penstock.domain.runs import RunChanged, TrackedRunChanged
from penstock.domain.states import RuntimeState
from penstock.server.notifier import LocalNotifier
from penstock.web import live

CHANGES = {
    "one": RunChanged(RunId("one"), 1, RuntimeState.RUNNING, ()),
    "two": RunChanged(RunId("two"), 2, RuntimeState.RUNNING, ()),
    "digits": TrackedRunChanged("ann", "digits", "r1", "history"),
    "other": TrackedRunChanged("ann", "other", "r2", "history"),
    "secret": TrackedRunChanged("bob", "secret", "r3", "history"),
}


def nobody_elses(entity: str) -> bool:
    return entity != "bob"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", ["one", "two", "r1", "r2"]), ("run=two", ["two", "r1", "r2"]), ("project=ann/digits", ["r1"]), ("project=ann/none", []), ("project=bob/secret", []),
    ],
)  # fmt: skip
async def test_a_stream_has_the_changes_of_its_run_or_project(monkeypatch: pytest.MonkeyPatch, query: str, told: list[str]) -> None:
    monkeypatch.setattr(live, "_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(live, "_BEAT_SECONDS", 0.05)
    notifier = LocalNotifier()
    request = Request({"type": "http", "method": "GET", "query_string": query.encode(), "headers": []})
    answer = await live.live_stream(request, notifier, nobody_elses)
    assert isinstance(answer, StreamingResponse)
    parts = answer.body_iterator
    assert "event: hello" in str(await anext(parts), "utf-8")  # type: ignore[arg-type, call-overload]
    for change in CHANGES.values():
        notifier.publish(change)
    part = str(await anext(parts), "utf-8")  # type: ignore[arg-type, call-overload]
    notifier.close()
    if not told:
        assert part == ": beat\n\n"
        return
    changed = json.loads(part.partition("data: ")[2])
    assert [one.get("run") or one["name"] for one in changed] == told


@pytest.mark.parametrize("is_busy", [False, True])
async def test_a_stream_ends_when_the_door_would_not_open_it_again(monkeypatch: pytest.MonkeyPatch, is_busy: bool) -> None:
    monkeypatch.setattr(live, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(live, "_LOOK_SECONDS", 0.02)
    answers = [True, True, False]

    async def welcome() -> bool:
        return answers.pop(0)

    scope: dict[str, Any] = {"type": "http", "method": "GET", "query_string": b"", "headers": []}
    note_caller(scope, Caller("nils"), welcome)
    notifier = LocalNotifier()
    answer = await live.live_stream(Request(scope), notifier, nobody_elses)
    assert isinstance(answer, StreamingResponse)
    async with asyncio.timeout(30):
        async for _ in answer.body_iterator:
            if is_busy:
                notifier.publish(CHANGES["one"])
    assert answers == []
