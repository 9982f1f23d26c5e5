"""Names of the objects that runs refer to; v1 answers carry them beside the ids."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from penstock.domain.errors import NotFoundError
from penstock.domain.ids import ExperimentId, PipelineId, PipelineVersionId, RecurringRunId
from penstock.interfaces.run_store import RunView
from penstock.pipelines.experiments import ExperimentService
from penstock.pipelines.pipelines import PipelineService
from penstock.pipelines.recurring_runs import RecurringRunService
from penstock.pipelines.versions import VersionService


class ReferenceNames:
    """Looks names up; an object that is gone has none. Costs one query per distinct object, not per run."""

    def __init__(
        self, experiments: ExperimentService, pipelines: PipelineService, versions: VersionService, recurring_runs: RecurringRunService
    ) -> None:
        self._experiments = experiments
        self._pipelines = pipelines
        self._versions = versions
        self._recurring_runs = recurring_runs

    async def of_runs(self, runs: Sequence[RunView]) -> dict[str, str]:
        """Names by id of everything that `runs` refer to."""
        found: dict[str, str] = {}
        for run in runs:
            await self._add(found, run.experiment_id, self.experiment)
            await self._add(found, run.recurring_run_id, self._recurring_run)
            await self._add(found, run.pipeline_id, self._pipeline)
            await self._add(found, run.pipeline_version_id, self.version)
        return found

    @staticmethod
    async def _add(found: dict[str, str], object_id: str | None, look: Callable[[str], Awaitable[str]]) -> None:
        if object_id and object_id not in found:
            try:
                found[object_id] = await look(object_id)
            except NotFoundError:
                found[object_id] = ""

    async def experiment(self, object_id: str) -> str:
        """Name of an experiment."""
        return (await self._experiments.get(ExperimentId(object_id))).name

    async def version(self, object_id: str) -> str:
        """Name of a pipeline version."""
        return (await self._versions.get(PipelineVersionId(object_id))).name

    async def _pipeline(self, object_id: str) -> str:
        return (await self._pipelines.get(PipelineId(object_id))).name

    async def _recurring_run(self, object_id: str) -> str:
        return (await self._recurring_runs.get(RecurringRunId(object_id))).display_name
