"""What the forms of the pages do, by what they do it to; the server fills it in.

Every method raises a `PenstockError` whose text is shown when it cannot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class RunActions(Protocol):
    """Starts, steers and files runs."""

    async def terminate(self, run_id: str) -> None:
        """Begin to stop the run."""
        ...

    async def pause(self, run_id: str) -> None:
        """Start nothing more of the run for now."""
        ...

    async def unpause(self, run_id: str) -> None:
        """Go on with a paused run."""
        ...

    async def retry(self, run_id: str) -> None:
        """Run again what did not succeed, under the same id."""
        ...

    async def archive(self, run_id: str) -> None:
        """Hide the run from default lists."""
        ...

    async def unarchive(self, run_id: str) -> None:
        """Show the run again."""
        ...

    async def rename(self, run_id: str, name: str, description: str) -> None:
        """Change what the run is called and what is said of it."""
        ...

    async def move(self, run_id: str, experiment_id: str) -> None:
        """Put the run into another experiment."""
        ...

    async def tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Add tags to the run; one of the same key is replaced."""
        ...

    async def untag(self, run_id: str, given: Mapping[str, str], before: Mapping[str, str]) -> None:
        """Take tags off that still say what is `given`, or let them say again what they did `before`."""
        ...

    async def delete(self, run_id: str) -> None:
        """Remove the run with its tasks and logs."""
        ...

    async def create(self, request: Mapping[str, Any]) -> str:
        """Create a run from `name`, `description`, `experiment_id`, `pipeline_id`, `pipeline_version_id`, `spec_digest` (of a stored
        definition, when there is no version), `parameters`, `pipeline_root`, `no_cache`; return its id.
        """
        ...

    async def cache_plan(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Say what a run of `create`'s request would do: `tasks`, one entry per leaf task that can be decided now and per group of
        which nothing is known yet, with `task`, `outcome` (`cached`, `run`, `unknown`), `reason`, `seconds` (expected, or None);
        `expected_seconds` of the run and `is_partial`, whether it may well take longer because something of it was never executed;
        `environments`, one entry per environment that what is
        not reused asks for: `state` (`built`, `building`, `missing`, `refused`), names of `tasks`, `python`, `packages` asked for,
        `seconds` of the last build or None, `note` (why refused, or why another Python), `is_offline` (to be built without the network).
        """
        ...


class ExperimentActions(Protocol):
    """Makes and files experiments."""

    async def create(self, name: str, description: str) -> str:
        """Create an experiment; return its id."""
        ...

    async def write_notes(self, experiment_id: str, notes: str) -> None:
        """Keep what people write about the experiment."""
        ...

    async def archive(self, experiment_id: str) -> None:
        """Hide the experiment with its runs; its schedules are disabled."""
        ...

    async def unarchive(self, experiment_id: str) -> None:
        """Show the experiment again; not its runs."""
        ...

    async def delete(self, experiment_id: str) -> None:
        """Remove the experiment and its runs."""
        ...


class PipelineActions(Protocol):
    """Uploads and removes pipelines and their versions."""

    async def upload(self, *, name: str, description: str, file_name: str, content: bytes) -> tuple[str, str]:
        """Create a pipeline with its first version; return both ids."""
        ...

    async def upload_version(self, pipeline_id: str, *, name: str, description: str, file_name: str, content: bytes) -> str:
        """Add a version; return its id."""
        ...

    async def upload_from_url(self, url: str, *, pipeline_id: str | None, name: str, description: str) -> tuple[str, str]:
        """Download a package and make it a pipeline, or a version of `pipeline_id`; an empty name is taken from the address."""
        ...

    async def delete(self, pipeline_id: str) -> None:
        """Remove the pipeline with its versions; its runs stay."""
        ...

    async def delete_version(self, pipeline_id: str, pipeline_version_id: str) -> None:
        """Remove a version."""
        ...


class RecurringRunActions(Protocol):
    """Sets up and switches recurring runs."""

    async def create(self, request: Mapping[str, Any]) -> str:
        """Create a schedule: the fields of `RunActions.create`, `trigger`, `max_concurrency`, `is_catchup`; return its id."""
        ...

    async def update(self, recurring_run_id: str, request: Mapping[str, Any], *, by: str = "") -> None:
        """Change what the request names: the fields of `create` but `experiment_id`. The change log names `by`."""
        ...

    async def enable(self, recurring_run_id: str) -> None:
        """Start the schedule."""
        ...

    async def disable(self, recurring_run_id: str) -> None:
        """Stop the schedule; running runs go on."""
        ...

    async def delete(self, recurring_run_id: str) -> None:
        """Remove the schedule; its runs stay."""
        ...

    def next_fires(self, trigger: Mapping[str, Any], *, after: float, count: int, anchored_at: float | None = None) -> list[float]:
        """Return the next planned times of a trigger that was set at `anchored_at`; None: that is set now.

        Raises:
            InvalidArgumentError: the trigger cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Actions:
    """What forms may do, a field per noun."""

    runs: RunActions
    experiments: ExperimentActions
    pipelines: PipelineActions
    recurring_runs: RecurringRunActions
