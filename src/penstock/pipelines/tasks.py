"""Use cases of tasks: reading them, their attempts and their logs, whole or as they grow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

from penstock.domain.errors import NotFoundError
from penstock.domain.ids import RunId, TaskId
from penstock.domain.runs import DomainEvent, RunChanged, RunFinished
from penstock.interfaces.listing import Page
from penstock.interfaces.notifier import Notifier
from penstock.interfaces.run_files import RunFiles
from penstock.interfaces.run_store import AttemptView, TaskStore, TaskView
from penstock.pipelines.filters import TASK_FIELDS
from penstock.pipelines.paging import ListRequest, OpenList, open_list

_CHUNK = 256 * 1024
_LOOK_SECONDS = 0.25
"""A growing file tells nobody; while somebody follows it, it is looked at this often."""


class TaskService:
    """Reading tasks and logs."""

    def __init__(self, store: TaskStore, files: RunFiles, notifier: Notifier) -> None:
        self._store = store
        self._files = files
        self._notifier = notifier

    async def of_run(self, run_id: RunId) -> Sequence[TaskView]:
        """Return every task of the run in order of creation."""
        return await self._store.of_run(run_id)

    async def get(self, task_id: TaskId, *, run_id: RunId | None = None) -> TaskView:
        """Return the task.

        Raises:
            NotFoundError: no such task, or not of the given run.
        """
        task = await self._store.get(task_id)
        if task is None or (run_id is not None and task.run_id != run_id):
            raise NotFoundError(f"task {task_id} not found" + (f" in run {run_id}" if run_id else ""))
        return task

    async def list(
        self, request: ListRequest, *, run_id: RunId | None = None, parent_task_id: TaskId | None = None
    ) -> tuple[Page[TaskView], OpenList]:
        """Return a page of tasks and the opened request.

        Raises:
            InvalidArgumentError: the request is malformed.
        """
        opened = open_list(request, TASK_FIELDS)
        return await self._store.list(opened.query, run_id=run_id, parent_task_id=parent_task_id), opened

    async def attempts(self, task_id: TaskId) -> Sequence[AttemptView]:
        """Return the attempts, oldest first."""
        return await self._store.attempts(task_id)

    async def children(self, task_ids: Sequence[TaskId]) -> Mapping[TaskId, Sequence[TaskId]]:
        """Return the children of each task."""
        return await self._store.children(task_ids)

    async def log_source(self, task_id: TaskId, *, run_id: RunId | None = None) -> TaskView:
        """Return the task whose log stands for this one: itself, or the original of a reused result.

        Raises:
            NotFoundError: no such task.
        """
        task = await self.get(task_id, run_id=run_id)
        if task.is_cached and task.cached_task_id is not None:
            return await self._store.get(task.cached_task_id) or task
        return task

    async def log_size(self, task: TaskView, attempt: int | None) -> tuple[int, int]:
        """Return the attempt that is meant (None: the newest) and the size of its log; 0 when there is none yet.

        Raises:
            NotFoundError: the attempt does not exist.
        """
        numbers = await asyncio.to_thread(self._files.attempts, task.run_id, task.task_id)
        if attempt is None:
            attempt = numbers[-1] if numbers else 0
        elif attempt not in numbers and attempt >= task.attempts:
            raise NotFoundError(f"task {task.task_id} has no attempt {attempt}")
        size = await asyncio.to_thread(self._files.log_size, task.run_id, task.task_id, attempt)
        return attempt, size or 0

    async def read_log(self, task: TaskView, attempt: int, *, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """Yield the log of an attempt, from `offset` to where it ends now."""
        chunks = self._files.read_log(task.run_id, task.task_id, attempt, offset=offset, length=length)
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            yield chunk

    async def follow_log(self, task: TaskView, attempt: int | None, *, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """Yield the log as it grows, until the attempt has ended; without a number, on through later attempts until the task ends."""
        current, _ = await self.log_size(task, attempt)
        news = asyncio.Event()
        listener = asyncio.create_task(self._watch(task.run_id, news))
        try:
            while True:
                news.clear()
                state = await self._store.get(task.task_id)
                # Read after looking at the state: what an ended attempt wrote is complete then.
                is_final = state is None or state.state.is_final
                async for chunk in self.read_log(task, current, offset=offset):
                    offset += len(chunk)
                    yield chunk
                numbers = await asyncio.to_thread(self._files.attempts, task.run_id, task.task_id)
                later = [number for number in numbers if number > current]
                if later and attempt is None:
                    current, offset = later[0], 0
                    continue
                if is_final or later or await self._has_ended(task.task_id, attempt):
                    async for chunk in self.read_log(task, current, offset=offset):
                        offset += len(chunk)
                        yield chunk
                    return
                await _wait(news, _LOOK_SECONDS)
        finally:
            listener.cancel()

    async def _has_ended(self, task_id: TaskId, attempt: int | None) -> bool:
        if attempt is None:
            return False
        views = await self._store.attempts(task_id)
        return any(view.attempt == attempt and view.state.is_final for view in views)

    async def _watch(self, run_id: RunId, news: asyncio.Event) -> None:
        def wants(event: DomainEvent) -> bool:
            return isinstance(event, RunChanged | RunFinished) and event.run_id == run_id

        with self._notifier.listen(wants) as events:
            async for _ in events:
                news.set()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
