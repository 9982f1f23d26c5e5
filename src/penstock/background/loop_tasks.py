"""Ending of the event loop's tasks in which services of this room work."""

from __future__ import annotations

import asyncio
import contextlib


async def end(*tasks: asyncio.Task[None] | None) -> None:
    """Cancel tasks and wait until they have ended; None stands for one that was never begun.

    What else a task raises comes to the caller.
    """
    begun = [task for task in tasks if task is not None]
    for task in begun:
        task.cancel()
    for task in begun:
        with contextlib.suppress(asyncio.CancelledError):
            await task
