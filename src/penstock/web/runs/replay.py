"""The program that runs a task again on the reader's machine, and the line that fetches it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import NotFoundError
from penstock.interfaces.pages import AttemptItem, TaskItem
from penstock.web.runs.packages import recorded_packages
from penstock.web.services.web import WebServices
from penstock.web.texts.whole_numbers import whole_number

_PROGRAM = Path(__file__).with_name("replay_script.py")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def file_name(task: TaskItem) -> str:
    """Name of the program for a task: `replay_train.py`."""
    return f"replay_{re.sub(r'[^A-Za-z0-9]+', '_', task.display_name).strip('_')[:60] or 'task'}.py"


def replay_line(request: Request, task: TaskItem, attempt: int | None) -> str:
    """Return the shell line that fetches the program and starts it; a server that is not on the reader's machine is given a key."""
    server = str(request.base_url).rstrip("/")
    address = f"{server}/ui/runs/{task.run_id}/tasks/{task.task_id}/replay.py{'' if attempt is None else f'?attempt={attempt}'}"
    key = "" if urlsplit(server).hostname in _LOOPBACK else '-H "Authorization: Bearer $WANDB_API_KEY" '
    name = file_name(task)
    return f"curl -fsS {key}{shlex.quote(address)} -o {name} && python3 {name}"


async def program(services: WebServices, request: Request) -> Response:
    """Answer with the program; of the last attempt, or of `?attempt=`. A reused result is replayed by the task that made it."""
    run_id, task_id = request.path_params["run_id"], request.path_params["task_id"]
    view = await services.runs.task(run_id, task_id)
    if view is not None and view.task.is_cached and view.cached_from is not None:
        view = await services.runs.task(view.cached_from.run_id, view.cached_from.task_id)
    wanted = request.query_params.get("attempt", "")
    attempts = {} if view is None else {attempt.attempt: attempt for attempt in view.attempts}
    number = whole_number(wanted)
    attempt = attempts.get(max(attempts, default=0) if number is None else number)
    if services.replays is None or view is None or attempt is None:
        raise NotFoundError("This task was not started here, so it cannot be run again.")
    text = await _text(services, request, view.task, attempt)
    headers = {"content-disposition": f'attachment; filename="{file_name(view.task)}"', "cache-control": "no-store"}
    return Response(text, media_type="text/x-python; charset=utf-8", headers=headers)


async def _text(services: WebServices, request: Request, task: TaskItem, attempt: AttemptItem) -> str:
    server = str(request.base_url).rstrip("/")
    python = str(attempt.detail.get("python") or "").partition(" ")[0]
    assert services.replays is not None
    document = await services.replays.document(
        task.run_id, task.path, attempt.attempt, packages=recorded_packages(services, attempt.detail), python=python, url=server
    )
    if document is None:
        raise NotFoundError("This task runs no command of its own, so there is nothing to run again.")
    document |= {"title": f"{task.display_name} of {task.run_name}, attempt {attempt.attempt + 1}", "server": server}
    return _PROGRAM.read_text(encoding="utf-8").replace('"@task@"', json.dumps(json.dumps(document)))
