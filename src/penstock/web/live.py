"""Pushed updates: a server-sent event stream that says which runs changed; pages fetch themselves again and patch what differs.

Events carry ids only, never content, so a stream may drop events without harm. Changes of one run within `_PAUSE_SECONDS` are
sent as one. A stream ends within `_LOOK_SECONDS` once its reader's key, account or role would not open it any more: the page asks again
then, and learns why.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from penstock.api.credentials import LOOK_SECONDS, is_welcome
from penstock.domain.runs import DomainEvent, FlowRunChanged, RunChanged, RunFinished, TrackedRunChanged
from penstock.interfaces.notifier import Notifier

_PAUSE_SECONDS = 0.25
_BEAT_SECONDS = 15.0
_LOOK_SECONDS = LOOK_SECONDS


async def live_stream(request: Request, notifier: Notifier, readable: Callable[[str], bool]) -> Response:
    """Stream changes; `?run=<id>` restricts to one run, `?project=<entity>/<project>` to tracked runs of a project.

    `?since=<mark>` is when the page was read: what changed since then comes first, and the hello says whether all of it is still known. Of
    entities that are not `readable` nothing is told: names of projects are not everybody's.
    """
    run_id = request.query_params.get("run")
    project = request.query_params.get("project")

    def wants(event: DomainEvent) -> bool:
        if isinstance(event, TrackedRunChanged):
            return project in {None, f"{event.entity}/{event.project}"} and readable(event.entity)
        return project is None and (run_id is None or getattr(event, "run_id", None) == run_id)

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    lines = _lines(notifier, wants, request.query_params.get("since", ""), partial(is_welcome, request.scope))
    return StreamingResponse(lines, media_type="text/event-stream", headers=headers)


async def _lines(
    notifier: Notifier, wants: Callable[[DomainEvent], bool], since: str, is_open: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    now = asyncio.get_running_loop().time
    beaten = looked = now()
    with notifier.listen(wants, since) as events:
        yield f"retry: 1000\nevent: hello\ndata: {json.dumps({'is_whole': notifier.has_since(since)})}\n\n".encode()
        while True:
            changed: dict[str, dict[str, object]] = {}
            with contextlib.suppress(TimeoutError):
                try:
                    _note(changed, await asyncio.wait_for(anext(events), min(_LOOK_SECONDS, _BEAT_SECONDS)))
                    await _note_more(changed, events)
                except StopAsyncIteration:
                    return
            if now() - looked >= _LOOK_SECONDS:
                if not await is_open():
                    return
                looked = now()
            if changed:
                yield f"event: change\ndata: {json.dumps(list(changed.values()))}\n\n".encode()
            elif now() - beaten < _BEAT_SECONDS:
                continue
            else:
                yield b": beat\n\n"
            beaten = now()


async def _note_more(changed: dict[str, dict[str, object]], events: AsyncIterator[DomainEvent]) -> None:
    """Fold what follows within the pause."""
    deadline = asyncio.get_running_loop().time() + _PAUSE_SECONDS
    with contextlib.suppress(TimeoutError, StopAsyncIteration):
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            _note(changed, await asyncio.wait_for(anext(events), left))


def _note(changed: dict[str, dict[str, object]], event: DomainEvent) -> None:
    """Fold an event into what is about to be sent."""
    if isinstance(event, RunChanged):
        changed[event.run_id] = {"run": event.run_id, "state": str(event.state), "version": event.version}
    elif isinstance(event, RunFinished):
        changed[event.run_id] = {"run": event.run_id, "state": str(event.state), "finished": True}
    elif isinstance(event, FlowRunChanged):
        changed[event.run_id] = {"run": event.run_id}
    elif isinstance(event, TrackedRunChanged):
        changed[f"{event.entity}/{event.project}/{event.name}/{event.what}"] = {
            "project": f"{event.entity}/{event.project}",
            "name": event.name,
            "what": event.what,
        }
    else:
        changed[repr(event)] = {"what": type(event).__name__}
