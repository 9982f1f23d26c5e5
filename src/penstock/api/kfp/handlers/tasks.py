"""Endpoints of tasks and their logs.

Logs are the bytes as the task wrote them. `follow=true` streams until the task ends; a `Range` header or `offset` and `length` take
a part; `attempt` chooses one of several (default: the newest; following goes on into later ones).
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from penstock.api.credentials import while_welcome
from penstock.api.kfp.convert.tasks import artifact_ids, tasks_to_wire
from penstock.api.kfp.services import KfpServices
from penstock.api.kfp.wire import JsonAnswer, message, query_flag
from penstock.api.queries import list_request, query_text
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.ids import RunId, TaskId, node_task
from penstock.interfaces.run_store import TaskView

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_TEXT = "text/plain; charset=utf-8"


class TaskHandlers:
    """`/tasks`, `/runs/{id}/tasks` and every road to a log."""

    def __init__(self, services: KfpServices) -> None:
        self._runs = services.runs
        self._tasks = services.tasks
        self._artifacts = services.artifacts

    async def list(self, request: Request) -> Response:
        """GET /tasks and GET /runs/{id}/tasks."""
        run_id = request.path_params.get("run_id") or query_text(request, "run_id")
        parent = query_text(request, "parent_id") or query_text(request, "parent_task_id")
        if run_id:
            await self._runs.get(RunId(run_id))
        page, opened = await self._tasks.list(
            list_request(request), run_id=RunId(run_id) if run_id else None, parent_task_id=TaskId(parent) if parent else None
        )
        children = await self._tasks.children([task.task_id for task in page.items])
        artifacts = await self._artifacts.views(artifact_ids(page.items))
        return JsonAnswer(
            message(
                tasks=tasks_to_wire(page.items, artifacts, children),
                total_size=page.total,
                next_page_token=opened.next_token(page),
            )
        )

    async def get(self, request: Request) -> Response:
        """GET /tasks/{id} and GET /runs/{id}/tasks/{task}, with its attempts."""
        task = await self._task(request)
        children = await self._tasks.children([task.task_id])
        artifacts = await self._artifacts.views(artifact_ids([task]))
        attempts = {task.task_id: await self._tasks.attempts(task.task_id)}
        return JsonAnswer(tasks_to_wire([task], artifacts, children, attempts)[0])

    async def log(self, request: Request) -> Response:
        """GET a task's log: `/tasks/{id}/log`, `/runs/{run}/tasks/{task}/log`, the v1alpha1 node log, attempts by number."""
        return await self._answer_log(request, await self._task(request))

    async def pod_log(self, request: Request) -> Response:
        """GET /k8s/pod/logs: the address of upstream's UI server, by pod name."""
        pod, run_id = query_text(request, "podname"), query_text(request, "runid")
        task = await self._tasks.log_source(TaskId(pod.partition(":")[0]), run_id=None if not run_id else RunId(run_id))
        return await self._answer_log(request, task)

    async def _task(self, request: Request) -> TaskView:
        run_id = request.path_params.get("run_id")
        return await self._tasks.get(node_task(request.path_params["task_id"])[0], run_id=RunId(run_id) if run_id else None)

    async def _answer_log(self, request: Request, task: TaskView) -> Response:
        source = await self._tasks.log_source(task.task_id)
        attempt = _number(request, "attempt", request.path_params.get("attempt"))
        if attempt is None:
            attempt = node_task(request.path_params.get("task_id", ""))[1]
        headers = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
        if source.task_id != task.task_id:
            headers["x-penstock-log-of"] = source.task_id
        if query_flag(request, "follow"):
            await self._tasks.log_size(source, attempt)
            stream = self._tasks.follow_log(source, attempt, offset=_number(request, "offset") or 0)
            return StreamingResponse(while_welcome(request.scope, stream), media_type=_TEXT, headers={**headers, "x-accel-buffering": "no"})
        current, size = await self._tasks.log_size(source, attempt)
        offset, end, is_partial = _part(request, size)
        headers |= {"accept-ranges": "bytes", "content-length": str(end - offset), "x-penstock-attempt": str(current)}
        if is_partial:
            headers["content-range"] = f"bytes {offset}-{end - 1}/{size}"
        body = self._tasks.read_log(source, current, offset=offset, length=end - offset)
        return StreamingResponse(body, status_code=206 if is_partial else 200, media_type=_TEXT, headers=headers)


def _part(request: Request, size: int) -> tuple[int, int, bool]:
    """Return start, end and whether the client asked for a part. Parts beyond the end are empty: a log may still grow."""
    offset, length = _number(request, "offset"), _number(request, "length")
    if offset is not None or length is not None:
        start = min(offset or 0, size)
        return start, size if length is None else min(size, start + length), False
    match = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if match is None or not (match.group(1) or match.group(2)) or size == 0:
        return 0, size, False
    if not match.group(1):
        return max(0, size - int(match.group(2))), size, True
    start = int(match.group(1))
    end = min(size, int(match.group(2)) + 1) if match.group(2) else size
    return (start, end, True) if start < end else (size, size, False)


def _number(request: Request, name: str, given: str | None = None) -> int | None:
    text = given or query_text(request, name)
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise InvalidArgumentError(f"{name} {text!r} is not a number")
    return int(text)
