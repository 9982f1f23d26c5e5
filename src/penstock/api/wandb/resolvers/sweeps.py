"""Sweeps and agents: made, changed, listed, asked for work."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.api.wandb import connections, ids
from penstock.api.wandb.context import RequestContext
from penstock.api.wandb.fields import FieldTable
from penstock.api.wandb.nodes import ProjectNode, RunNode, UserNode
from penstock.api.wandb.resolvers.accounts import context_of
from penstock.api.wandb.resolvers.projects import project_for_writing
from penstock.api.wandb.resolvers.runs import runs as list_runs
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.sweeps import Sweep, SweepAgent, TrialResult
from penstock.domain.tracking import RunChange, TrackedProject, TrackedProjectId, TrackedRun, TrackedState
from penstock.tracking.sweep_search import SweepPlan
from penstock.tracking.sweeps import best_metric, metric_value

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

_MISSING = 404
_MAX_RUNS = 1000
_CURVE_SAMPLES = 100_000


@dataclass(frozen=True, slots=True)
class SweepNode:
    """A sweep in an answer."""

    sweep: Sweep
    project: TrackedProject


@dataclass(frozen=True, slots=True)
class AgentNode:
    """An agent in an answer."""

    agent: SweepAgent
    sweep: SweepNode


def upsert_sweep(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Make or change a sweep."""
    context = context_of(info)
    sweeps = context.services.sweeps
    extras = {name: input.get(name) for name in ("display_name", "description", "controller", "scheduler")}
    if input.get("id"):
        node = _writable(context, input["id"])
        changed = sweeps.change(node.sweep.sweep_id, config=input.get("config"), state=input.get("state"), **extras)
        _adopt(context, SweepNode(changed, node.project), input.get("prior_runs_filters"))
        return {"sweep": SweepNode(changed, node.project), "config_validation_warnings": [], "inserted": False}
    if not input.get("config"):
        raise InvalidArgumentError("a sweep needs a configuration")
    project = project_for_writing(context, input.get("entity_name"), input.get("project_name"))
    made = sweeps.create(project.project_id, context.caller.user_name, input["config"], **extras)
    _adopt(context, SweepNode(made, project), input.get("prior_runs_filters"))
    if input.get("state"):
        made = sweeps.change(made.sweep_id, state=input["state"])
    return {"sweep": SweepNode(made, project), "config_validation_warnings": [], "inserted": True}


def _adopt(context: RequestContext, node: SweepNode, filters: str | None) -> None:
    """Make runs that are there already (`wandb.sweep(prior_runs=...)`) runs of the sweep, unless they belong to another one."""
    if not filters or not json.loads(filters):
        return
    found = context.wait(context.services.runs.list(node.project, filters=filters, limit=_MAX_RUNS))
    for entry in found.entries:
        if not entry.run.sweep:
            context.wait(context.services.runs.update(entry.run.run_id, RunChange(sweep=node.sweep.name)))


def _prior_runs(node: SweepNode, info: GraphQLResolveInfo, *, after: str | None = None, first: int | None = None) -> dict[str, Any]:
    """Return the sweep's runs that no agent was given."""
    context = context_of(info)
    given = {trial.run_name for trial in context.services.sweeps.trials(node.sweep.sweep_id)}
    names = [entry.run.name for entry in context.wait(_runs_of(context, node)).entries if entry.run.name not in given]
    if not names:
        return connections.page([], offset=0, total=0)
    return list_runs(ProjectNode(node.project), info, names=names, after=after, first=first, order="+created_at")


def delete_sweep(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Delete a sweep; its runs stay."""
    context = context_of(info)
    node = _writable(context, input["id"])
    return {"success": context.services.sweeps.delete(node.sweep.sweep_id)}


def create_agent(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Register an agent; `sweep` is the sweep's name or id."""
    context = context_of(info)
    project = context.project(input.get("entity_name"), input.get("project_name"))
    found = None if project is None else context.services.sweeps.named(project.project_id, input["sweep"])
    if project is None or found is None:
        raise NotFoundError(f"no sweep {input['sweep']!r} in {context.entity_name(input.get('entity_name'))}/{input.get('project_name')}")
    context.services.accounts.check_writable(context.caller, project.entity)
    agent = context.services.sweeps.register(found, input["host"], context.caller.user_name)
    return {"agent": AgentNode(agent, SweepNode(found, project))}


def agent_heartbeat(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Tell an agent what to do; only HTTP 404 ends one whose sweep is gone, anything else has it ask again for ever."""
    context = context_of(info)
    agent_id = ids.number(input["id"], "Agent")
    states = json.loads(input.get("run_state") or "{}")
    running = [name for name, is_running in states.items() if is_running] if isinstance(states, dict) else []
    try:
        commands = context.services.sweeps.heartbeat(
            agent_id, running, lambda sweep, plan: observe(context, sweep, plan), lambda sweep: _preempted(context, sweep)
        )
    except NotFoundError:
        context.http_status = _MISSING
        raise
    agent = context.services.sweeps.agent(agent_id)
    node = None if agent is None else _node_by_id(context, agent.sweep_id)
    return {"agent": None if agent is None or node is None else AgentNode(agent, node), "commands": json.dumps(commands)}


def observe(context: RequestContext, sweep: Sweep, plan: SweepPlan) -> Sequence[TrialResult]:
    """Return how the runs of a sweep are doing; the curve of the metric only when trials may be stopped early."""
    node = _node_by_id(context, sweep.sweep_id)
    if node is None:
        return []
    found = [entry.run for entry in context.wait(_runs_of(context, node)).entries]
    curves: Sequence[Sequence[float]] = [()] * len(found)
    if plan.hyperband is not None:
        spec = json.dumps({"keys": [plan.metric], "samples": _CURVE_SAMPLES})
        curves = [
            [row[plan.metric] for row in rows if _is_number(row[plan.metric])] for rows in context.wait(_sampled(context, found, spec))
        ]
    return [_result(run, plan, curve) for run, curve in zip(found, curves, strict=True)]


def _preempted(context: RequestContext, sweep: Sweep) -> Sequence[tuple[str, float]]:
    node = _node_by_id(context, sweep.sweep_id)
    if node is None:
        return []
    filters = json.dumps({"sweep": sweep.name, "state": TrackedState.PREEMPTED.value})
    page = context.wait(context.services.runs.list(node.project, filters=filters, order="+created_at", limit=_MAX_RUNS))
    return [(entry.run.name, entry.run.finished_at or entry.run.heartbeat_at) for entry in page.entries]


def _runs_of(context: RequestContext, node: SweepNode) -> Any:
    filters = json.dumps({"sweep": node.sweep.name})
    return context.services.runs.list(node.project, filters=filters, order="+created_at", limit=_MAX_RUNS)


async def _sampled(context: RequestContext, found: Sequence[TrackedRun], spec: str) -> list[Any]:
    history = context.services.history
    return [rows[0] for rows in await asyncio.gather(*(history.sampled(run.run_id, [spec]) for run in found))]


def _result(run: TrackedRun, plan: SweepPlan, curve: Sequence[float]) -> TrialResult:
    return TrialResult(
        run_name=run.name,
        is_running=run.state is TrackedState.RUNNING,
        is_failed=run.state in {TrackedState.FAILED, TrackedState.CRASHED, TrackedState.KILLED},
        metric=metric_value(json.loads(run.summary or "{}"), plan.metric) if plan.metric else None,
        curve=curve,
        config=_config(run) if plan.method == "bayes" else {},
    )


def _config(run: TrackedRun) -> dict[str, Any]:
    document = json.loads(run.config or "{}")
    return {key: entry["value"] for key, entry in document.items() if isinstance(entry, dict) and "value" in entry}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _node_by_id(context: RequestContext, sweep_id: int) -> SweepNode | None:
    found = context.services.sweeps.get(sweep_id)
    project = None if found is None else context.wait(context.services.projects.get_by_id(TrackedProjectId(found.project_id)))
    if found is None or project is None or not context.can_read(project.entity):
        return None
    return SweepNode(found, project)


def _writable(context: RequestContext, wire_id: str) -> SweepNode:
    node = _node_by_id(context, ids.number(wire_id, "Sweep"))
    if node is None:
        raise NotFoundError("no such sweep")
    context.services.accounts.check_writable(context.caller, node.project.entity)
    return node


def sweep(root: Any, info: GraphQLResolveInfo, *, id: str) -> SweepNode | None:
    """Return a sweep by id, or None."""
    return _node_by_id(context_of(info), ids.number(id, "Sweep"))


def _project_sweep(
    node: ProjectNode,
    info: GraphQLResolveInfo,
    *,
    sweep_name: str | None = None,
    id: str | None = None,
) -> SweepNode | None:
    context = context_of(info)
    if id:
        return _node_by_id(context, ids.number(id, "Sweep"))
    found = context.services.sweeps.named(node.project.project_id, sweep_name or "")
    return None if found is None else SweepNode(found, node.project)


def _project_sweeps(
    node: ProjectNode, info: GraphQLResolveInfo, *, after: str | None = None, first: int | None = None, **rest: Any
) -> dict[str, Any]:
    sweeps = context_of(info).services.sweeps.of_project(node.project.project_id)
    return connections.cut(sweeps, after, first, lambda found: SweepNode(found, node.project))


def _total_sweeps(node: ProjectNode, info: GraphQLResolveInfo) -> int:
    return len(context_of(info).services.sweeps.of_project(node.project.project_id))


def _sweep_of_run(node: RunNode, info: GraphQLResolveInfo) -> SweepNode | None:
    context = context_of(info)
    project = context.project(node.run.entity, node.run.project) if node.run.sweep else None
    found = None if project is None else context.services.sweeps.named(project.project_id, node.run.sweep)
    return None if project is None or found is None else SweepNode(found, project)


def _sweep_runs(
    node: SweepNode,
    info: GraphQLResolveInfo,
    *,
    after: str | None = None,
    first: int | None = None,
    order: str | None = None,
    filters: str | None = None,
) -> dict[str, Any]:
    narrowed: dict[str, Any] = {"sweep": node.sweep.name}
    if filters and filters.strip() not in {"{}", "null"}:
        narrowed = {"$and": [narrowed, json.loads(filters)]}
    return list_runs(
        ProjectNode(node.project), info, filters=json.dumps(narrowed), after=after, first=first or _MAX_RUNS, order=order or "+created_at"
    )


def _run_count(node: SweepNode, info: GraphQLResolveInfo) -> int:
    context = context_of(info)
    return context.wait(context.services.runs.count(node.project, json.dumps({"sweep": node.sweep.name})))


def _expected(node: SweepNode, info: GraphQLResolveInfo) -> int | None:
    return context_of(info).services.sweeps.plan(node.sweep).expected


def _best_loss(node: SweepNode, info: GraphQLResolveInfo) -> float | None:
    context = context_of(info)
    plan = context.services.sweeps.plan(node.sweep)
    if not plan.metric:
        return None
    entries = context.wait(_runs_of(context, node)).entries
    return best_metric(plan, [_result(entry.run, plan, ()) for entry in entries])


def _agents(node: SweepNode, info: GraphQLResolveInfo, *, after: str | None = None, first: int | None = None) -> dict[str, Any]:
    agents = context_of(info).services.sweeps.agents(node.sweep.sweep_id)
    return connections.cut(agents, after, first or connections.MAX_PAGE, lambda agent: AgentNode(agent, node))


def _agent(node: SweepNode, info: GraphQLResolveInfo, *, agent_name: str) -> AgentNode | None:
    found = next(
        (
            agent
            for agent in context_of(info).services.sweeps.agents(node.sweep.sweep_id)
            if agent_name in {agent.name, ids.encode("Agent", agent.agent_id)}
        ),
        None,
    )
    return None if found is None else AgentNode(found, node)


def _agent_runs(
    node: AgentNode, info: GraphQLResolveInfo, *, after: str | None = None, first: int | None = None, order: str | None = None, **rest: Any
) -> dict[str, Any]:
    names = [
        trial.run_name
        for trial in context_of(info).services.sweeps.trials(node.sweep.sweep.sweep_id)
        if trial.agent_id == node.agent.agent_id
    ]
    if not names:
        return connections.page([], offset=0, total=0)
    return list_runs(ProjectNode(node.sweep.project), info, names=names, after=after, first=first, order=order or "+created_at")


def _of_sweep(name: str) -> Any:
    return lambda node, info: getattr(node.sweep, name)


def _of_agent(name: str) -> Any:
    return lambda node, info: getattr(node.agent, name)


FIELDS: FieldTable = {
    "Query": {"sweep": sweep},
    "Mutation": {
        "upsertSweep": upsert_sweep, "createAgent": create_agent, "agentHeartbeat": agent_heartbeat, "deleteSweep": delete_sweep,
    },
    "Project": {"sweep": _project_sweep, "sweeps": _project_sweeps, "totalSweeps": _total_sweeps},
    "Run": {"sweep": _sweep_of_run},
    "Sweep": {
        "id": lambda node, info: ids.encode("Sweep", node.sweep.sweep_id),
        "name": _of_sweep("name"),
        "displayName": _of_sweep("display_name"),
        "method": _of_sweep("method"),
        "state": lambda node, info: node.sweep.state.value,
        "description": _of_sweep("description"),
        "bestLoss": _best_loss,
        "config": _of_sweep("config"),
        "createdAt": _of_sweep("created_at"),
        "updatedAt": _of_sweep("updated_at"),
        "heartbeatAt": _of_sweep("heartbeat_at"),
        "runCount": _run_count,
        "runCountExpected": _expected,
        "earlyStopJobRunning": lambda node, info: False,
        "controller": _of_sweep("controller"),
        "scheduler": _of_sweep("scheduler"),
        "controllerRunName": lambda node, info: None,
        "user": lambda node, info: UserNode(node.sweep.user_name or node.project.entity),
        "project": lambda node, info: ProjectNode(node.project),
        "priorRuns": _prior_runs,
        "runs": _sweep_runs,
        "agent": _agent,
        "agents": _agents,
    },
    "Agent": {
        "id": lambda node, info: ids.encode("Agent", node.agent.agent_id),
        "name": _of_agent("name"),
        "host": _of_agent("host"),
        "state": lambda node, info: "RUNNING" if context_of(info).services.sweeps.is_alive(node.agent) else "FINISHED",
        "totalRuns": _of_agent("trial_count"),
        "createdAt": _of_agent("created_at"),
        "heartbeatAt": _of_agent("heartbeat_at"),
        "runs": _agent_runs,
    },
}  # fmt: skip
