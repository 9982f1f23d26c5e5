"""Runs: identity, documents, state, lists."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from penstock.api.wandb import connections, ids
from penstock.api.wandb.context import RequestContext
from penstock.api.wandb.fields import FieldTable
from penstock.api.wandb.nodes import ProjectNode, RunBatch, RunNode, UserNode, run_node
from penstock.api.wandb.resolvers.accounts import context_of
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.ids import TaskId
from penstock.domain.reports import AlertSeverity
from penstock.domain.tracking import RunChange, TrackedRun, TrackedState
from penstock.tracking.alerts import DEFAULT_WAIT_SECONDS
from penstock.tracking.runs import Upsert, wandb_config

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

_SETTINGS = {"server_messages": list[Any]()}


def run_of(context: RequestContext, node: ProjectNode, name: str | None) -> RunNode | None:
    """Return a run of a project, or None."""
    if not name:
        return None
    found = context.wait(context.services.runs.get(node.project.entity, node.project.name, name))
    return None if found is None else run_node(context, found)


def run_by_id(context: RequestContext, wire_id: str) -> TrackedRun | None:
    """Return the run with a storage id, or None.

    Raises:
        InvalidArgumentError: it is the id of something else.
    """
    kind, parts = ids.decode(wire_id)
    if kind != "Run" or len(parts) != 4:
        raise InvalidArgumentError(f"{wire_id!r} is not the id of a run")
    _, name, project, entity = parts
    return context.wait(context.services.runs.get(entity, project, name)) if context.can_read(entity) else None


def run_for_writing(context: RequestContext, entity: str | None, project: str | None, name: str) -> TrackedRun:
    """Return an existing run that the caller may change.

    Raises:
        NotFoundError: there is none.
        PermissionDeniedError: it is another user's.
    """
    owner = context.entity_name(entity)
    context.services.accounts.check_writable(context.caller, owner)
    found = context.wait(context.services.runs.get(owner, project, name))
    if found is None:
        raise NotFoundError(f"no run {name!r} in {owner}/{project or 'uncategorized'}")
    return found


def _writable_by_id(context: RequestContext, wire_id: str) -> TrackedRun:
    found = run_by_id(context, wire_id)
    if found is None:
        raise NotFoundError("no such run")
    context.services.accounts.check_writable(context.caller, found.entity)
    return found


def upsert_bucket(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Create or change a run (wandb.md section 6.2)."""
    context = context_of(info)
    change = RunChange(
        display_name=input.get("display_name"),
        description=input.get("description"),
        notes=input.get("notes"),
        tags=None if input.get("tags") is None else list(dict.fromkeys(input["tags"])),
        group=input.get("group_name"),
        job_type=input.get("job_type"),
        config=input.get("config"),
        summary=input.get("summary_metrics"),
        state=_state(input.get("state")),
        host=input.get("host"),
        program=input.get("job_program"),
        commit=input.get("commit"),
        repo=input.get("job_repo"),
        sweep=input.get("sweep"),
    )
    if input.get("id"):
        known = _writable_by_id(context, input["id"])
        return _upserted(context, context.wait(context.services.runs.update(known.run_id, change)))
    owner = context.services.accounts.open_for_writing(context.caller, input.get("entity_name"))
    task_id = context.caller.scope.get("task_id")
    outcome = context.wait(
        context.services.runs.upsert(
            owner,
            input.get("model_name"),
            input.get("name"),
            change,
            user_name=context.run_owner,
            task_id=TaskId(task_id) if task_id else None,
            client_id=context.client_id,
        )
    )
    context.forget_projects()
    return _upserted(context, outcome)


def _state(text: str | None) -> TrackedState | None:
    if text is None:
        return None
    try:
        return TrackedState(text)
    except ValueError as error:
        raise InvalidArgumentError(f"{text!r} is not a state of a run") from error


def _upserted(context: RequestContext, outcome: Upsert) -> dict[str, Any]:
    return {"bucket": run_node(context, outcome.run, outcome.info), "inserted": outcome.is_inserted, "server_settings": _SETTINGS}


def delete_run(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Delete a run; one that is gone is fine. With `deleteArtifacts` the versions it logged go too."""
    context = context_of(info)
    found = run_by_id(context, input["id"])
    if found is not None:
        context.services.accounts.check_writable(context.caller, found.entity)
        if input.get("delete_artifacts"):
            context.services.artifacts.delete_logged_by(found.run_id, by=context.author)
        context.wait(context.services.runs.delete(found.run_id))
    return {"success": True, "client_mutation_id": input.get("client_mutation_id")}


def update_run_state(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Change a run's state by hand."""
    context = context_of(info)
    context.wait(context.services.runs.update_state(_writable_by_id(context, input["id"]).run_id, input["state"]))
    return {"success": True}


def stop_run(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Ask a run's program to stop."""
    context = context_of(info)
    context.wait(context.services.runs.stop(_writable_by_id(context, input["id"]).run_id, by=context.caller.user_name))
    return {"success": True}


def rewind_run(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Cut a run's history (wandb.md section 6.6)."""
    if input["metric_name"] != "_step":
        raise InvalidArgumentError("a run can be rewound to a value of _step only")
    context = context_of(info)
    found = run_for_writing(context, input.get("entity_name"), input.get("project_name"), input["run_name"])
    outcome = context.wait(
        context.services.runs.rewind(found.entity, found.project, found.name, last_step=int(input["metric_value"]))
    )
    return {"rewound_run": run_node(context, outcome.run, outcome.info)}


def notify_alert(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Keep an alert; `waitDuration` is in milliseconds (wandb.md section 6.7)."""
    context = context_of(info)
    found = run_for_writing(context, input["entity_name"], input["project_name"], input["run_name"])
    wait = input.get("wait_duration")
    context.services.alerts.raise_alert(
        found.run_id,
        title=input["title"],
        text=input["text"],
        severity=AlertSeverity(input.get("severity") or "INFO"),
        wait_seconds=DEFAULT_WAIT_SECONDS if wait is None else wait / 1000,
    )
    return {"success": True}


def runs(
    node: ProjectNode,
    info: GraphQLResolveInfo,
    *,
    names: list[str] | None = None,
    filters: str | None = None,
    after: str | None = None,
    first: int | None = None,
    order: str | None = None,
    **rest: Any,
) -> dict[str, Any]:
    """Return a page of a project's runs."""
    context = context_of(info)
    found = context.wait(
        context.services.runs.list(node.project, filters=filters, order=order, after=after, limit=first, names=names or None)
    )
    nodes = RunBatch(context, [entry.run for entry in found.entries]).nodes()
    edges = [{"node": run, "cursor": entry.cursor} for run, entry in zip(nodes, found.entries, strict=True)]
    return connections.connection(edges, has_next=found.has_next, has_previous=bool(after), project=node.project, filters=filters)


def _total_count(source: dict[str, Any], info: GraphQLResolveInfo) -> int:
    if "total_count" in source:
        return int(source["total_count"])
    context = context_of(info)
    return context.wait(context.services.runs.count(source["project"], source["filters"]))


def _bucket(
    node: ProjectNode, info: GraphQLResolveInfo, *, name: str | None = None, missing_ok: bool | None = None, desc: str | None = None
) -> RunNode:
    """Return the run; a missing one is null with `missingOk`. Without it old clients ask for a run that they are about to write."""
    return run_of(context_of(info), node, name)  # type: ignore[return-value]


def _only(text: str, keys: list[str] | None) -> str:
    """Return a JSON object's text cut to `keys`; None keeps it as it is, to the letter."""
    if keys is None:
        return text
    document = json.loads(text or "{}")
    return json.dumps({key: document[key] for key in keys if key in document})


def _run(name: str) -> Any:
    return lambda node, info: getattr(node.run, name)


def _text(name: str) -> Any:
    # What nobody set is null, as clients and their users expect (`if run.group is None`).
    return lambda node, info: getattr(node.run, name) or None


FIELDS: FieldTable = {
    "Mutation": {
        "upsertBucket": upsert_bucket, "deleteRun": delete_run, "updateRunState": update_run_state, "stopRun": stop_run,
        "rewindRun": rewind_run, "notifyScriptableRunAlert": notify_alert,
    },
    "Query": {"runQueueItem": lambda root, info, id=None: None},  # noqa: A006  the wire's name
    "Project": {
        "run": lambda node, info, name, desc=None: run_of(context_of(info), node, name),
        "bucket": _bucket,
        "runs": runs,
        "buckets": runs,
    },
    "RunConnection": {"totalCount": _total_count},
    "Run": {
        "id": lambda node, info: node.wire_id,
        "name": _run("name"),
        "displayName": _run("display_name"),
        "description": _text("description"),
        "notes": _text("notes"),
        "tags": lambda node, info: list(node.run.tags),
        "state": lambda node, info: node.run.state.value,
        "exitcode": _run("exit_code"),
        "failed": lambda node, info: node.run.state in {TrackedState.FAILED, TrackedState.CRASHED},
        "running": lambda node, info: node.run.state is TrackedState.RUNNING,
        "stopped": _run("is_stop_requested"),
        "shouldStop": _run("is_stop_requested"),
        "group": _text("group"),
        "groupName": _text("group"),
        "jobType": _text("job_type"),
        "host": _text("host"),
        "program": _text("program"),
        "commit": _text("commit"),
        "repo": _text("repo"),
        "config": lambda node, info, keys=None: _only(node.run.config, keys),
        "wandbConfig": lambda node, info, keys=None: wandb_config(node.run.config, keys),
        "summaryMetrics": lambda node, info, keys=None: _only(node.run.summary, keys),
        "createdAt": _run("created_at"),
        "updatedAt": _run("updated_at"),
        "heartbeatAt": _run("heartbeat_at"),
        "computeSeconds": lambda node, info: int(node.run.duration_seconds),
        "readOnly": lambda node, info: False,
        "user": lambda node, info: UserNode(node.run.user_name or node.run.entity),
        "project": lambda node, info: _project_of(context_of(info), node.run),
        "projectId": lambda node, info: project_number(node.run.project_id),
        "internalId": lambda node, info: ids.encode("RunInternalId", node.run.run_id),
        "sweepName": lambda node, info: node.run.sweep or None,
        "agent": lambda node, info: None,
        "runInfo": lambda node, info: {"program": node.run.program, "git": {"remote": node.run.repo, "commit": node.run.commit}},
        "defaultColorIndex": lambda node, info: 0,
        "jobs": lambda node, info: [],
    },
}  # fmt: skip


def project_number(project_id: int) -> int:
    """Return the number of a project that fits the wire's 32-bit `Run.projectId`; clients hand it back to `deleteFiles` only."""
    return project_id & 0x7FFFFFFF


def _project_of(context: RequestContext, run: TrackedRun) -> ProjectNode | None:
    found = context.project(run.entity, run.project)
    return None if found is None else ProjectNode(found)
