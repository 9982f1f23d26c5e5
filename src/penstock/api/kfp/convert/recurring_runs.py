"""Recurring runs on the wire, both ways. Semantics: kfp protocol notes, section 8."""

from __future__ import annotations

from typing import Any

import orjson

from penstock.api.kfp.convert.runs import has_source, reference_to_wire, run_request_from_wire
from penstock.api.kfp.convert.states import status
from penstock.api.kfp.wire import Fields, message, timestamp
from penstock.domain.catalog import RecurringRun, StoredSpec, Tick, Trigger
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.execution import DEFAULT_SERVICE_ACCOUNT
from penstock.pipelines.recurring_runs import RecurringChange, RecurringRequest
from penstock.pipelines.schedules import describe

_MODES = {"": False, "MODE_UNSPECIFIED": False, "ENABLE": True, "DISABLE": False, "0": False, "1": True, "2": False}


def recurring_to_wire(recurring: RecurringRun, spec: StoredSpec | None) -> dict[str, Any]:
    """Return a `RecurringRun` message; `schedule_text` beside it says the trigger in words."""
    return message(
        recurring_run_id=recurring.recurring_run_id,
        display_name=recurring.display_name,
        description=recurring.description,
        pipeline_spec=orjson.Fragment(spec.content) if spec else None,
        pipeline_version_id=recurring.pipeline_version_id,
        pipeline_version_reference=reference_to_wire(recurring.pipeline_id, recurring.pipeline_version_id),
        runtime_config=message(parameters=dict(recurring.parameters), pipeline_root=recurring.pipeline_root),
        service_account=recurring.service_account or DEFAULT_SERVICE_ACCOUNT,
        max_concurrency=str(recurring.max_concurrency),
        trigger=_trigger_to_wire(recurring.trigger),
        mode="ENABLE" if recurring.is_enabled else "DISABLE",
        created_at=timestamp(recurring.created_at),
        updated_at=timestamp(recurring.updated_at),
        status="ENABLED" if recurring.is_enabled else "DISABLED",
        error=status(None, recurring.error),
        no_catchup=recurring.no_catchup,
        namespace=recurring.namespace,
        experiment_id=recurring.experiment_id,
        schedule_text=describe(recurring.trigger),
    )


def _trigger_to_wire(trigger: Trigger) -> dict[str, Any]:
    times = {"start_time": timestamp(trigger.start_at), "end_time": timestamp(trigger.end_at)}
    if trigger.event is not None:
        return {}  # the protocol knows no events; `schedule_text` says it in words
    if trigger.cron is not None:
        return {"cron_schedule": message(cron=trigger.cron, **times)}
    return {"periodic_schedule": message(interval_second=str(trigger.interval_seconds), **times)}


def tick_to_wire(tick: Tick) -> dict[str, Any]:
    """Return what became of one planned time (an addition of this server)."""
    return message(
        planned_at=timestamp(tick.planned_at),
        decided_at=timestamp(tick.decided_at),
        outcome=tick.outcome.value.upper(),
        reason=tick.reason,
        run_id=tick.run_id,
    )


def recurring_request_from_wire(fields: Fields) -> RecurringRequest:
    """Read a `RecurringRun` message as a request; an unspecified mode is disabled.

    Raises:
        InvalidArgumentError: a field has the wrong type, or the trigger is missing.
    """
    return RecurringRequest(
        run=run_request_from_wire(fields),
        trigger=_trigger(fields),
        max_concurrency=fields.integer("max_concurrency") or 0,
        no_catchup=fields.flag("no_catchup"),
        is_enabled=_mode(fields) or False,
    )


def recurring_change_from_wire(fields: Fields) -> RecurringChange:
    """Read a `RecurringRun` message as a change: only fields that are present count.

    Raises:
        InvalidArgumentError: a field has the wrong type.
    """
    config = fields.nested("runtime_config")
    run = run_request_from_wire(fields) if has_source(fields) else None
    return RecurringChange(
        display_name=fields.text("display_name") if "display_name" in fields else None,
        description=fields.text("description") if "description" in fields else None,
        run=run,
        parameters=config.map("parameters"),
        pipeline_root=config.text("pipeline_root") if "pipeline_root" in config else None,
        service_account=fields.text("service_account") if "service_account" in fields else None,
        trigger=_trigger(fields) if "trigger" in fields else None,
        max_concurrency=fields.integer("max_concurrency"),
        no_catchup=fields.flag("no_catchup") if "no_catchup" in fields else None,
        is_enabled=_mode(fields),
    )


def _mode(fields: Fields) -> bool | None:
    if "mode" not in fields:
        return None
    number = fields.integer("mode") if not isinstance(fields.raw("mode"), str) else None
    word = str(number) if number is not None else fields.text("mode").upper()
    if word not in _MODES:
        raise fields.error("mode", "has to be ENABLE or DISABLE")
    return _MODES[word]


def _trigger(fields: Fields) -> Trigger:
    trigger = fields.nested("trigger")
    if "cron_schedule" in trigger and "periodic_schedule" in trigger:
        raise InvalidArgumentError("trigger: give either a cron_schedule or a periodic_schedule")
    if "cron_schedule" in trigger:
        cron = trigger.nested("cron_schedule")
        return Trigger(cron=cron.text("cron"), start_at=cron.time("start_time"), end_at=cron.time("end_time"))
    if "periodic_schedule" in trigger:
        period = trigger.nested("periodic_schedule")
        return Trigger(
            interval_seconds=period.integer("interval_second") or 0, start_at=period.time("start_time"), end_at=period.time("end_time")
        )
    raise InvalidArgumentError("trigger: a cron_schedule or a periodic_schedule is required")
