"""Wiring of the KFP v2beta1 adapter and of the service that fires schedules."""

from __future__ import annotations

from collections.abc import Callable

import penstock
from penstock.api.kfp import KfpServices
from penstock.api.kfp.convert.states import RunStates
from penstock.background.recurrence import RecurrenceService
from penstock.background.triggers import TriggerWatcher
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.states import RuntimeState
from penstock.interfaces.cache import TaskCache
from penstock.interfaces.clock import Clock, Timers
from penstock.interfaces.notifier import Notifier
from penstock.pipelines.cache_plan import CachePlanService
from penstock.server.config import Settings
from penstock.server.pipelines import PipelineParts

_TERMINATED = {"FAILED": RuntimeState.FAILED, "CANCELED": RuntimeState.CANCELED}


def build_kfp(settings: Settings, rooms: PipelineParts, *, cache: TaskCache, clock: Clock, is_ready: Callable[[], bool]) -> KfpServices:
    """Return what `api.kfp.routes` takes.

    Raises:
        InvalidArgumentError: the state for terminated runs is neither FAILED nor CANCELED.
    """
    terminated = _TERMINATED.get(settings.pipelines_terminated_state.upper())
    if terminated is None:
        raise InvalidArgumentError(f"pipelines_terminated_state: {settings.pipelines_terminated_state!r} is neither FAILED nor CANCELED")
    return KfpServices(
        experiments=rooms.experiments,
        pipelines=rooms.pipelines,
        versions=rooms.versions,
        runs=rooms.runs,
        recurring_runs=rooms.recurring_runs,
        tasks=rooms.tasks,
        artifacts=rooms.artifacts,
        secrets=rooms.secrets,
        cache_plan=CachePlanService(rooms.runs, cache, clock),
        states=RunStates(terminated),
        version=penstock.__version__,
        is_ready=is_ready,
    )


def build_recurrence(rooms: PipelineParts, *, clock: Clock, timers: Timers, notifier: Notifier) -> RecurrenceService:
    """Return the service that fires schedules; it starts after the engine and stops before it."""
    return RecurrenceService(rooms.recurring_runs, clock=clock, timers=timers, notifier=notifier)


def build_trigger_watcher(rooms: PipelineParts, *, clock: Clock, timers: Timers, notifier: Notifier) -> TriggerWatcher:
    """Return the service that serves event triggers and backfills; starts and stops with the schedules."""
    return TriggerWatcher(rooms.triggers, rooms.backfills, clock=clock, timers=timers, notifier=notifier)
