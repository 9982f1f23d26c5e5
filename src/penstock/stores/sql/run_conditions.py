"""Conditions of the filter bar on runs and on task executions, as clauses."""

from __future__ import annotations

from penstock.interfaces.pages import Condition
from penstock.stores.sql.json_keys import KeyValue, require, value_of_key
from penstock.stores.sql.page_filters import Where
from penstock.stores.sql.pipeline_titles import require_pipeline

TASK_KEYS = {"in": ("task.inputs", "parameters"), "out": ("task.outputs", "parameters")}
"""What stands in front of a value of an execution -> where it is: column, and object in it."""


def run_condition(where: Where, condition: Condition) -> None:
    """Add a filter-bar condition on runs."""
    match condition.field:
        case "status" | "state":
            where.states("run.state", condition)
        case "name":
            where.text("run.name", condition)
        case "pipeline":
            require_pipeline(where, condition, where.text)
        case "kind":
            where.text("run.kind", condition)
        case "id":
            where.add(where.starts("run.run_id", condition.value))
        case "experiment":
            inner = where.contains("name", condition.value) if condition.operator == ":" else f"name = {where.bind(condition.value)}"
            where.add(f"run.experiment_id IN (SELECT experiment_id FROM experiment WHERE {inner})")
        case "recurring":
            inner = where.contains("display_name", condition.value)
            where.add(f"run.recurring_run_id IN (SELECT recurring_run_id FROM recurring_run WHERE {inner})")
        case "version":
            inner = where.contains("display_name", condition.value)
            where.add(f"run.pipeline_version_id IN (SELECT pipeline_version_id FROM pipeline_version WHERE {inner})")
        case "tag":
            where.tag("run.tags", condition.value)
        case "started" | "created":
            where.time("run.created_at", condition)
        case "finished":
            where.time("run.finished_at", condition)
        case "duration":
            where.number("(run.finished_at - COALESCE(run.started_at, run.created_at))", condition)
        case "cached":
            where.number("run.cached_count", condition)
        case "tasks":
            where.number("run.task_count", condition)
        case _:
            where.scalar("run.run_id", condition)


def task_condition(where: Where, condition: Condition) -> None:
    """Add a filter-bar condition on task executions."""
    match condition.field:
        case "status" | "state":
            where.states("task.state", condition)
        case "name" | "task":
            where.text("task.display_name", condition)
        case "component":
            where.text("task.component", condition)
        case "id":
            where.number("task.execution_id", condition)
        case "run":
            where.run_text("run.name", condition)
        case "pipeline":
            require_pipeline(where, condition, where.run_text)
        case "cached":
            where.add(f"task.is_cached = {0 if condition.value.lower() in {'no', 'false', '0'} else 1}")
        case "worker":
            where.text("task.worker", condition)
        case "code" if condition.operator == ":":
            where.add(where.starts("task.code_digest", condition.value.lower()))
        case "code":
            where.text("task.code_digest", condition)
        case "attempts":
            where.number("task.attempts", condition)
        case "started" | "created":
            where.time("task.created_at", condition)
        case "duration":
            where.number("(task.finished_at - COALESCE(task.started_at, task.created_at))", condition)
        case "iteration":
            where.number("task.iteration_index", condition)
        case field:
            _task_value(where, *field.partition(".")[::2], condition)


def _task_value(where: Where, kind: str, name: str, condition: Condition) -> None:
    """Require a value in (`in.NAME`) or out (`out.NAME`), or a metric of the execution itself; any other is one of its run."""
    if not name or kind not in TASK_KEYS:
        where.scalar("task.task_id" if kind == "metric" and name else "task.run_id", condition)
    else:
        column, inside = TASK_KEYS[kind]
        with where.judged():
            require(where, value_of_key(where, column, name, inside=inside), condition)


def metric_of_task(where: Where, name: str) -> KeyValue:
    """Return what an execution logged as a metric of that name."""
    logged = f"FROM run_metric WHERE run_id = task.run_id AND task_id = task.task_id AND name = {where.bind(name)})"
    return KeyValue(f"(SELECT number {logged}", f"(SELECT text {logged}")
