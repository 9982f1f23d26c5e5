"""Recurring runs as v1beta1 jobs (kfp 1.8 protocol notes, sections 2.1 and 2.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.api.kfp_v1.convert.values import compact, parameters_to_wire, reference, time_to_wire
from penstock.domain.catalog import RecurringRun, StoredSpec, Trigger
from penstock.domain.errors import InvalidArgumentError
from penstock.pipelines.filters import parse_time


def trigger_from_wire(value: Any) -> Trigger:
    """A trigger.

    Raises:
        InvalidArgumentError: neither or both kinds of schedule, or a malformed field.
    """
    if not isinstance(value, Mapping):
        raise InvalidArgumentError("trigger is required")
    cron = value.get("cron_schedule") or value.get("cronSchedule")
    periodic = value.get("periodic_schedule") or value.get("periodicSchedule")
    if bool(cron) == bool(periodic):
        raise InvalidArgumentError("trigger needs either cron_schedule or periodic_schedule")
    schedule = cron or periodic
    if not isinstance(schedule, Mapping):
        raise InvalidArgumentError("the schedule must be an object")
    start, end = _time(schedule, "start_time"), _time(schedule, "end_time")
    if cron:
        return Trigger(cron=str(schedule.get("cron") or ""), start_at=start, end_at=end)
    interval = schedule.get("interval_second", schedule.get("intervalSecond"))
    try:
        return Trigger(interval_seconds=int(interval), start_at=start, end_at=end)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"interval_second must be a whole number, not {interval!r}") from error


def _time(schedule: Mapping[str, Any], field: str) -> float | None:
    first, second = field.split("_")
    value = schedule.get(field) or schedule.get(first + second.capitalize())
    at = parse_time(str(value)) if value else None
    return at or None


def trigger_to_wire(trigger: Trigger) -> dict[str, Any]:
    """A trigger; 64-bit numbers are strings."""
    times = {
        "start_time": time_to_wire(trigger.start_at) if trigger.start_at else None,
        "end_time": time_to_wire(trigger.end_at) if trigger.end_at else None,
    }
    if trigger.event is not None:
        return {}
    if trigger.cron is not None:
        return {"cron_schedule": compact({**times, "cron": trigger.cron})}
    return {"periodic_schedule": compact({**times, "interval_second": str(trigger.interval_seconds)})}


def job_to_wire(job: RecurringRun, *, spec: StoredSpec | None, names: Mapping[str, str]) -> dict[str, Any]:
    """A Job.

    Args:
        job: the recurring run.
        spec: its inline definition, if it has one.
        names: names of experiment, pipeline and version by id.
    """
    references = [reference("EXPERIMENT", job.experiment_id, names.get(job.experiment_id, ""), "OWNER")]
    if job.pipeline_version_id:
        references.append(reference("PIPELINE_VERSION", job.pipeline_version_id, names.get(job.pipeline_version_id, ""), "CREATOR"))
    is_argo = spec is not None and spec.kind == "argo"
    return compact(
        {
            "id": job.recurring_run_id,
            "name": job.display_name,
            "description": job.description,
            "pipeline_spec": compact(
                {
                    "pipeline_id": job.pipeline_id,
                    "workflow_manifest": spec.content if spec and is_argo else None,
                    "pipeline_manifest": spec.content if spec and not is_argo else None,
                    "parameters": parameters_to_wire(job.parameters),
                }
            ),
            "resource_references": references,
            "service_account": job.service_account,
            "max_concurrency": str(job.max_concurrency),
            "trigger": trigger_to_wire(job.trigger),
            "enabled": job.is_enabled,
            "no_catchup": job.no_catchup,
            "mode": "ENABLED" if job.is_enabled else "DISABLED",
            "created_at": time_to_wire(job.created_at),
            "updated_at": time_to_wire(job.updated_at),
            "status": "Enabled" if job.is_enabled else "Disabled",
            "error": job.error,
        }
    )
