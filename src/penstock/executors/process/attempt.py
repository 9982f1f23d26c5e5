"""What the executor knows of one attempt while it has it in hand."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.domain.execution import AttemptLayout, LaunchRequest
from penstock.executors.process import adoption
from penstock.executors.process.warm import Supervisor


@dataclass(slots=True, eq=False)
class Attempt:
    """One attempt on its way; `phase` is queued, environment, staging, running or collecting."""

    request: LaunchRequest
    layout: AttemptLayout
    root: Path
    phase: str = "queued"
    task: asyncio.Task[None] | None = None
    supervisor: Supervisor | None = None
    ended: asyncio.Future[dict[str, Any]] | None = None
    detail: dict[str, Any] | None = None
    """What is reported when it has started; None once that is done."""
    pid: int | None = None
    """Its first process, once that is known."""
    cancel_reason: str | None = None
    adopted: adoption.Trace | None = None
    usage: dict[str, float] = field(default_factory=dict)
    accelerators: int = 0
    """How many it asks for."""
    masks: tuple[bytes, ...] = ()
    """Values of its secrets, which nobody is to read in its log."""

    @property
    def name(self) -> str:
        """How supervisors name it."""
        key = self.request.key
        return f"{key.run_id}/{key.task_id}/{key.attempt}"
