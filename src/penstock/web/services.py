"""What the web pages work with; the server fills it in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from penstock.budgets.service import BudgetService
from penstock.interfaces.blobs import BlobStore
from penstock.interfaces.clock import Clock
from penstock.interfaces.notifier import Notifier
from penstock.interfaces.page_catalog import CatalogPages, HomePages
from penstock.interfaces.pages import ArtifactPages, RunPages
from penstock.interfaces.plans import PlanLoader
from penstock.interfaces.recent_objects import RecentObjects
from penstock.interfaces.run_tables import RunTables, SavedViews
from penstock.trash.retention import RetentionService
from penstock.trash.service import TrashService
from penstock.web.automation import Automation
from penstock.web.flow_services import FlowWeb
from penstock.web.system_services import SystemServices
from penstock.web.tracking_services import TrackingServices


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
    """Attempts as documents that another machine can run; `web.replay_script` reads them."""

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


class Actions(Protocol):
    """What the forms of the pages do. Every method raises a `PenstockError` whose text is shown when it cannot."""

    async def terminate_run(self, run_id: str) -> None:
        """Begin to stop the run."""
        ...

    async def pause_run(self, run_id: str) -> None:
        """Start nothing more of the run for now."""
        ...

    async def unpause_run(self, run_id: str) -> None:
        """Go on with a paused run."""
        ...

    async def retry_run(self, run_id: str) -> None:
        """Run again what did not succeed, under the same id."""
        ...

    async def archive_run(self, run_id: str) -> None:
        """Hide the run from default lists."""
        ...

    async def unarchive_run(self, run_id: str) -> None:
        """Show the run again."""
        ...

    async def rename_run(self, run_id: str, name: str, description: str) -> None:
        """Change what the run is called and what is said of it."""
        ...

    async def move_run(self, run_id: str, experiment_id: str) -> None:
        """Put the run into another experiment."""
        ...

    async def tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Add tags to the run; one of the same key is replaced."""
        ...

    async def delete_run(self, run_id: str) -> None:
        """Remove the run with its tasks and logs."""
        ...

    async def create_run(self, request: Mapping[str, Any]) -> str:
        """Create a run from `name`, `description`, `experiment_id`, `pipeline_id`, `pipeline_version_id`, `spec_digest` (of a stored
        definition, when there is no version), `parameters`, `pipeline_root`, `no_cache`; return its id.
        """
        ...

    async def create_experiment(self, name: str, description: str) -> str:
        """Create an experiment; return its id."""
        ...

    async def write_experiment_notes(self, experiment_id: str, notes: str) -> None:
        """Keep what people write about the experiment."""
        ...

    async def archive_experiment(self, experiment_id: str) -> None:
        """Hide the experiment with its runs; its schedules are disabled."""
        ...

    async def unarchive_experiment(self, experiment_id: str) -> None:
        """Show the experiment again; not its runs."""
        ...

    async def delete_experiment(self, experiment_id: str) -> None:
        """Remove the experiment and its runs."""
        ...

    async def upload_pipeline(self, *, name: str, description: str, file_name: str, content: bytes) -> tuple[str, str]:
        """Create a pipeline with its first version; return both ids."""
        ...

    async def upload_version(self, pipeline_id: str, *, name: str, description: str, file_name: str, content: bytes) -> str:
        """Add a version; return its id."""
        ...

    async def upload_from_url(self, url: str, *, pipeline_id: str | None, name: str, description: str) -> tuple[str, str]:
        """Download a package and make it a pipeline, or a version of `pipeline_id`; an empty name is taken from the address."""
        ...

    async def delete_pipeline(self, pipeline_id: str) -> None:
        """Remove the pipeline with its versions; its runs stay."""
        ...

    async def delete_version(self, pipeline_id: str, pipeline_version_id: str) -> None:
        """Remove a version."""
        ...

    async def create_recurring(self, request: Mapping[str, Any]) -> str:
        """Create a schedule: the fields of `create_run`, `trigger`, `max_concurrency`, `is_catchup`; return its id."""
        ...

    async def update_recurring(self, recurring_run_id: str, request: Mapping[str, Any]) -> None:
        """Change what the request names."""
        ...

    async def enable_recurring(self, recurring_run_id: str) -> None:
        """Start the schedule."""
        ...

    async def disable_recurring(self, recurring_run_id: str) -> None:
        """Stop the schedule; running runs go on."""
        ...

    async def delete_recurring(self, recurring_run_id: str) -> None:
        """Remove the schedule; its runs stay."""
        ...

    def next_fires(self, trigger: Mapping[str, Any], *, after: float, count: int) -> list[float]:
        """Return the next planned times of a trigger.

        Raises:
            InvalidArgumentError: the trigger cannot be read.
        """
        ...

    async def cache_plan(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Say what a run of `create_run`'s request would do: `tasks`, one entry per leaf task that can be decided now, with `task`,
        `outcome` (`cached`, `run`, `unknown`), `reason`, `seconds` (expected, or None); `expected_seconds` of the run and `is_partial`,
        whether it may well take longer because something of it was never executed; `environments`, one entry per environment that what is
        not reused asks for: `state` (`built`, `building`, `missing`, `refused`), names of `tasks`, `python`, `packages` asked for,
        `seconds` of the last build or None, `note` (why refused, or why another Python), `is_offline` (to be built without the network).
        """
        ...


@dataclass(frozen=True, slots=True)
class WebServices:
    """Everything the pages read from and act through."""

    runs: RunPages
    run_tables: RunTables
    views: SavedViews
    artifacts: ArtifactPages
    catalog: CatalogPages
    home: HomePages
    recent: RecentObjects
    plans: PlanLoader
    notifier: Notifier
    clock: Clock
    blobs: BlobStore
    logs: StreamFiles
    actions: Actions
    url: str
    """Address of this server without trailing slash, for snippets."""
    version: str
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
