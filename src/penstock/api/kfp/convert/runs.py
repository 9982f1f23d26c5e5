"""Runs on the wire, both ways. Semantics: kfp protocol notes, sections 2.5 and 2.7.

A run made from a stored version carries `pipeline_version_reference`, one made from an inline definition carries `pipeline_spec`
(upstream: a oneof); the full view carries both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from penstock.api.kfp.convert.states import RunStates, history_entry, run_error, status
from penstock.api.kfp.convert.tasks import details_to_wire, tasks_to_wire
from penstock.api.kfp.wire import Fields, message, timestamp
from penstock.domain.catalog import StoredSpec
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.execution import DEFAULT_SERVICE_ACCOUNT
from penstock.domain.ids import ArtifactId, ExperimentId, PipelineId, PipelineVersionId
from penstock.domain.states import RuntimeState
from penstock.interfaces.run_store import ArtifactView, RunView, TaskView
from penstock.pipelines.definitions import package_of_document
from penstock.pipelines.runs import RunRequest


def run_to_wire(
    run: RunView,
    *,
    states: RunStates,
    spec: StoredSpec | None = None,
    tasks: Sequence[TaskView] | None = None,
    artifacts: Mapping[ArtifactId, ArtifactView] | None = None,
    is_full: bool = False,
) -> dict[str, Any]:
    """Return a `Run` message; with `tasks` its details, in the full view also the coming `tasks` and the definition."""
    has_spec = spec is not None and (is_full or run.pipeline_id is None)
    body = message(
        run_id=run.run_id,
        experiment_id=run.experiment_id,
        display_name=run.name,
        description=run.description,
        storage_state=run.storage_state.value,
        pipeline_spec=orjson.Fragment(spec.content) if spec and has_spec else None,
        pipeline_version_id=run.pipeline_version_id,
        pipeline_version_reference=reference_to_wire(run.pipeline_id, run.pipeline_version_id),
        runtime_config=message(parameters=dict(run.parameters), pipeline_root=run.pipeline_root),
        service_account=run.service_account or DEFAULT_SERVICE_ACCOUNT,
        created_at=timestamp(run.created_at),
        scheduled_at=timestamp(run.scheduled_at),
        finished_at=timestamp(run.finished_at),
        state=states.to_wire(run.state),
        error=run_error(run),
        state_history=_history(run, states),
        recurring_run_id=run.recurring_run_id,
        plugins_input=run.options.get("plugins_input"),
        tags=dict(run.tags),
        task_count=run.task_count,
    )
    if tasks is not None:
        body["run_details"] = message(task_details=details_to_wire(tasks))
        if is_full:
            body["tasks"] = tasks_to_wire(tasks, artifacts or {})
    return body


def reference_to_wire(pipeline_id: str | None, version_id: str | None) -> dict[str, Any] | None:
    """Return a `PipelineVersionReference`, or None."""
    return message(pipeline_id=pipeline_id, pipeline_version_id=version_id) if pipeline_id or version_id else None


def _history(run: RunView, states: RunStates) -> list[dict[str, Any]]:
    entries = []
    for change in run.history:
        code = 1 if change.state is RuntimeState.CANCELED else run.error_code
        error = status(code, change.error) if change.state.is_final else None
        entries.append(history_entry(change.at, states.to_wire(change.state), error))
    return entries


def run_request_from_wire(fields: Fields, *, query_experiment: str = "") -> RunRequest:
    """Read a `Run` message as a request.

    Raises:
        InvalidArgumentError: a field has the wrong type, or is for answers only.
    """
    if "plugins_output" in fields:
        raise fields.error("plugins_output", "is set by the server only")
    options: dict[str, Any] = {}
    config = fields.nested("runtime_config")
    if (plugins := fields.map("plugins_input")) is not None:
        options["plugins_input"] = plugins
    if fields.flag("no_cache") or config.flag("no_cache"):
        options["no_cache"] = True
    return _source(
        fields,
        RunRequest(
            name=fields.text("display_name"),
            description=fields.text("description"),
            namespace=fields.text("namespace"),
            experiment_id=_experiment(fields.text("experiment_id") or query_experiment),
            parameters=config.map("parameters") or {},
            pipeline_root=config.text("pipeline_root"),
            service_account=fields.text("service_account"),
            options=options,
            tags=fields.map("tags") or {},
        ),
    )


def has_source(fields: Fields) -> bool:
    """Whether the message says what to run."""
    return any(name in fields for name in ("pipeline_spec", "pipeline_version_reference", "pipeline_version_id"))


def _source(fields: Fields, request: RunRequest) -> RunRequest:
    """Fill in the definition or the reference."""
    spec = fields.map("pipeline_spec")
    reference = fields.nested("pipeline_version_reference")
    pipeline_id, version_id = reference.text("pipeline_id"), reference.text("pipeline_version_id") or fields.text("pipeline_version_id")
    if spec and (pipeline_id or version_id):
        raise InvalidArgumentError("give either pipeline_spec or pipeline_version_reference, not both")
    return replace(
        request,
        package=package_of_document(spec) if spec else None,
        pipeline_id=PipelineId(pipeline_id) if pipeline_id else None,
        pipeline_version_id=PipelineVersionId(version_id) if version_id else None,
    )


def _experiment(text: str) -> ExperimentId | None:
    return ExperimentId(text) if text else None
