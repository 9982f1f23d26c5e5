"""Pushed updates: a server-sent event stream that says which runs changed; pages fetch themselves again and patch what differs.

Events carry ids only, never content, so a stream leaks nothing and may drop events without harm. Changes of one run within
`_PAUSE_SECONDS` are sent as one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from penstock.domain.runs import DomainEvent, FlowRunChanged, RunChanged, RunFinished, TrackedRunChanged
from penstock.interfaces.notifier import Notifier

_PAUSE_SECONDS = 0.25
_BEAT_SECONDS = 15.0


async def live_stream(request: Request, notifier: Notifier) -> Response:
    """Stream changes; `?run=<id>` restricts to one run, `?project=<entity>/<project>` to tracked runs of a project.

    `?since=<mark>` is when the page was read: what changed since then comes first, and the hello says whether all of it is still known.
    """
    run_id = request.query_params.get("run")
    project = request.query_params.get("project")

    def wants(event: DomainEvent) -> bool:
        if isinstance(event, TrackedRunChanged):
            return project is None or project == f"{event.entity}/{event.project}"
        return project is None and (run_id is None or getattr(event, "run_id", None) == run_id)

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    lines = _lines(notifier, wants, request.query_params.get("since", ""))
    return StreamingResponse(lines, media_type="text/event-stream", headers=headers)


async def _lines(notifier: Notifier, wants: Callable[[DomainEvent], bool], since: str) -> AsyncIterator[bytes]:
    with notifier.listen(wants, since) as events:
        yield f"retry: 1000\nevent: hello\ndata: {json.dumps({'is_whole': notifier.has_since(since)})}\n\n".encode()
        while True:
            changed: dict[str, dict[str, object]] = {}
            try:
                event = await asyncio.wait_for(anext(events), _BEAT_SECONDS)
            except TimeoutError:
                yield b": beat\n\n"
                continue
            except StopAsyncIteration:
                return
            _note(changed, event)
            deadline = asyncio.get_running_loop().time() + _PAUSE_SECONDS
            with contextlib.suppress(TimeoutError, StopAsyncIteration):
                while (left := deadline - asyncio.get_running_loop().time()) > 0:
                    _note(changed, await asyncio.wait_for(anext(events), left))
            yield f"event: change\ndata: {json.dumps(list(changed.values()))}\n\n".encode()


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
