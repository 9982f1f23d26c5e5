"""Environments of the tasks of a planned run: there already, to be built, or refused. Nothing is resolved, built or fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.domain.execution import EnvironmentRequest
from penstock.domain.plan import ContainerWork, LeafTemplate, RunPlan
from penstock.executors.process.environments import Environments
from penstock.pipelines.cache_plan import CachePlan, Forecast
from penstock.spec.kfp.runtime.environment import wished_environment

_MAX = 20
"""Different environments looked at; a pipeline has a handful."""
_EXECUTED = frozenset({Forecast.RUN, Forecast.UNKNOWN})


class PlannedEnvironments:
    """Foretells environments."""

    def __init__(self, environments: Environments) -> None:
        self._environments = environments

    async def of(self, plan: CachePlan) -> Sequence[Mapping[str, Any]]:
        """Return one entry per environment that what is executed, or may be, asks for; see `web.services.actions.RunActions.cache_plan`."""
        wishes = _wishes(plan)
        return [await self._entry(request, tasks) for request, tasks in list(wishes.items())[:_MAX]]

    async def _entry(self, request: EnvironmentRequest, tasks: Sequence[str]) -> Mapping[str, Any]:
        outlook = await self._environments.foretell(request)
        packages = (*request.requirements, *request.no_deps)
        return {
            "state": outlook.state,
            "tasks": tasks,
            "python": outlook.python,
            "packages": packages,
            "seconds": outlook.last_build_seconds,
            "note": outlook.note,
            "is_offline": self._environments.is_offline and bool(packages) and outlook.state == "missing",
        }


def _wishes(plan: CachePlan) -> Mapping[EnvironmentRequest, Sequence[str]]:
    """Return the names of the tasks that ask for each environment; tasks of whose environment nothing is known yet are left out."""
    by_template: dict[str, EnvironmentRequest | None] = {}
    wishes: dict[EnvironmentRequest, list[str]] = {}
    for task in plan.tasks:
        if task.outcome in _EXECUTED:
            if task.template not in by_template:
                by_template[task.template] = _wish(plan.plan, task.template)
            if (request := by_template[task.template]) is not None:
                wishes.setdefault(request, []).append(task.name)
    return wishes


def _wish(plan: RunPlan, name: str) -> EnvironmentRequest | None:
    template = plan.templates.get(name)
    if plan.dialect != "kfp" or not isinstance(template, LeafTemplate) or not isinstance(template.work, ContainerWork):
        return None  # a workflow of the old SDK gets its command when it starts; importers and volumes run no process
    return wished_environment(template.work, str(plan.extra.get("sdk_version", "")))
