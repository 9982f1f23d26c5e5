"""What the web pages work with; the server fills it in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from penstock.budgets.service import BudgetService
from penstock.interfaces.artifact_notes import ArtifactNotes
from penstock.interfaces.blobs import BlobStore
from penstock.interfaces.clock import Clock
from penstock.interfaces.line_finder import LineFinder
from penstock.interfaces.notifier import Notifier
from penstock.interfaces.page_artifacts import ArtifactPages
from penstock.interfaces.page_catalog import CatalogPages, HomePages
from penstock.interfaces.pages import RunPages
from penstock.interfaces.plans import PlanLoader
from penstock.interfaces.recent_objects import RecentObjects
from penstock.interfaces.run_tables import RunTables, SavedViews
from penstock.trash.retention import RetentionService
from penstock.trash.service import TrashService
from penstock.web.services.actions import Actions
from penstock.web.services.automation import Automation
from penstock.web.services.flows import FlowWeb
from penstock.web.services.system import SystemServices
from penstock.web.services.tracking import TrackingServices
from penstock.web.services.undoing import Undoing


class LogFiles(Protocol):
    """Merged logs of attempts, raw bytes as tasks wrote them."""

    def size(self, run_id: str, task_id: str, attempt: int) -> int | None:
        """Return the log's length in bytes now, or None when there is none."""
        ...

    def read(self, run_id: str, task_id: str, attempt: int, *, offset: int, length: int) -> bytes:
        """Return at most `length` bytes from `offset`; empty beyond the end or without a log."""
        ...


class StreamFiles(LogFiles, Protocol):
    """Logs of which the bytes of one stream are known, and when they were written."""

    def stderr_spans(self, run_id: str, task_id: str, attempt: int, *, start: int, end: int) -> list[tuple[int, int]]:
        """Return which bytes from `start` to `end` the task wrote to its `sys.stderr`, as (begin, end) in order."""
        ...

    def times(self, run_id: str, task_id: str, attempt: int, *, start: int, end: int) -> list[tuple[int, int | None]] | None:
        """Return when bytes from `start` to `end` were seen: (offset, milliseconds of those before it) in order; None: nothing is known."""
        ...

    def usage(self, run_id: str, task_id: str, attempt: int) -> list[tuple[int, int, int]]:
        """Return what the attempt used: (Unix time, CPU time until then, bytes of memory) in order, times in milliseconds."""
        ...

    def gpu_usage(self, run_id: str, task_id: str, attempt: int) -> list[tuple[int, int, int]]:
        """Return what it used of GPUs: (Unix time in milliseconds, thousandths of one GPU, bytes of its memory) in order."""
        ...


class Replays(Protocol):
    """Attempts as documents that another machine can run; `web.runs.replay_script` reads them."""

    async def document(
        self, run_id: str, path: str, attempt: int, *, packages: Sequence[str] | None, python: str, url: str
    ) -> dict[str, Any] | None:
        """Describe the attempt of the task at `path`, without values of secrets; None: it was never launched or runs no command.

        Args:
            run_id: the run.
            path: of the task.
            attempt: its number.
            packages: pinned requirements of its environment, None if they are not known.
            python: version that ran it.
            url: address of this server, for inputs.
        """
        ...


@dataclass(frozen=True, slots=True)
class WebServices:
    """Everything the pages read from and act through."""

    runs: RunPages
    run_tables: RunTables
    views: SavedViews
    artifacts: ArtifactPages
    notes: ArtifactNotes
    catalog: CatalogPages
    home: HomePages
    recent: RecentObjects
    plans: PlanLoader
    notifier: Notifier
    clock: Clock
    blobs: BlobStore
    logs: StreamFiles
    finder: LineFinder
    actions: Actions
    url: str
    """Address of this server without trailing slash, for snippets."""
    version: str
    flows_prefix: str = "flows"
    """First part of the addresses of flows that clients print; our own pages are below `/flows` in any case."""
    folder_option: str = ""
    """What commands need to find this server, ` --data-dir FOLDER`; empty where they find it by themselves."""
    facts: Callable[[], Mapping[str, Any]] = field(default=dict)
    """What the System page tells about the process: data folder, slots, settings, environments."""
    locked_packages: Callable[[str], Sequence[str] | None] = field(default=lambda _: None)
    """Pinned requirements of an environment by its id, None when it is gone; blocking."""
    replays: Replays | None = None
    """Behind "replay locally"; None leaves it out."""
    tracking: TrackingServices | None = None
    """Behind the pages of tracked runs; None leaves those pages out."""
    automation: Automation | None = None
    """Behind triggers, backfills and the change log; None leaves those parts out."""
    trash: TrashService | None = None
    """Where deletions of the pages lead; None deletes at once."""
    retention: RetentionService | None = None
    """Says what is old and what it would free; None leaves that page out."""
    system: SystemServices | None = None
    """Behind the System page; None leaves the state of the process and secrets out."""
    budgets: BudgetService | None = None
    """What pipelines and projects may use; None leaves budgets out."""
    flows: FlowWeb | None = None
    """What comparisons read of recorded flows; None leaves their values and code out."""
    undoing: Undoing = field(default_factory=Undoing)
    """What bulk actions did a moment ago."""
