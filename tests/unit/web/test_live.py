"""A page is told of what it shows, and of nothing else."""

from __future__ import annotations

import json

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse

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
}


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", ["one", "two", "r1", "r2"]), ("run=two", ["two", "r1", "r2"]), ("project=ann/digits", ["r1"]), ("project=ann/none", []),
    ],
)  # fmt: skip
async def test_a_stream_has_the_changes_of_its_run_or_project(monkeypatch: pytest.MonkeyPatch, query: str, told: list[str]) -> None:
    monkeypatch.setattr(live, "_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(live, "_BEAT_SECONDS", 0.05)
    notifier = LocalNotifier()
    answer = await live.live_stream(Request({"type": "http", "method": "GET", "query_string": query.encode(), "headers": []}), notifier)
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
