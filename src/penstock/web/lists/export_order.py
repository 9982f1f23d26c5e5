"""The order of an export's fields: that of the columns that the reader put in order on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from penstock.web.lists.exporting import Export

FIELDS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "runs": {
        "Status": ["state"], "Duration": ["duration_seconds"], "Started": ["created_at", "started_at", "finished_at"],
        "Tasks": ["tasks", "cached", "failed"], "Pipeline": ["pipeline", "version", "schedule"],
    },
    "executions": {
        "Status": ["state", "is_cached"], "Duration": ["duration_seconds"], "Code": ["code_digest"], "ID": ["execution_id"],
        "Started": ["created_at", "started_at", "finished_at"],
    },
    "tasks": {
        "Status": ["state", "is_cached"], "Duration": ["duration_seconds"], "Where": ["path"], "Why": ["reason", "error"],
        "Started": ["created_at", "started_at", "finished_at"],
    },
    "artifacts": {"ID": ["artifact_id"], "Size": ["size_bytes"], "Created": ["created_at"]},
    "collections": {
        "Project or pipeline": ["project", "pipeline"], "Aliases, tags": ["aliases", "tags"], "Size": ["size_bytes"],
        "Producers": ["producer"], "Last used": ["last_used_at"], "Last change": ["updated_at"],
    },
    "pipelines": {"Latest version": ["latest_version"], "Median": ["median_seconds"], "Created": ["created_at"]},
    "experiments": {"Last activity": ["last_run_created_at"], "Created": ["created_at"]},
    "recurring": {"Status": ["is_enabled", "error"], "Concurrency": ["max_concurrency"]},
    "projects": {"Owner": ["entity"], "Failed runs": ["failed"], "Last change": ["active_at"]},
    "registry": {"Owner": ["entity"], "Last change": ["active_at"]},
    "sweeps": {"Created": ["created_at"], "Trials": ["trials", "run_limit"]},
    "log-hits": {
        "Line": ["line", "number", "fingerprint"], "Log": ["kind", "name"], "Newest": ["newest_at", "url"],
        "Created": ["created_at", "url"],
    },
    "files": {"Name": ["path", "kind"], "Size": ["size_bytes", "files"], "Last change": ["changed_at"]},
    "reports": {"Last change": ["changed_at", "created_at"]},
    "trash": {"Size": ["size_bytes"], "Deleted": ["deleted_at", "by"], "Time left": ["removed_at"]},
    "flows": {
        "Run": ["flow", "run_id"], "Status": ["state"], "Duration": ["duration_seconds"], "Started": ["started_at", "finished_at"],
        "Tasks": ["tasks", "done", "failed"], "Tags": ["tags", "system_tags"],
    },
    "flow-tasks": {
        "Task": ["step", "task_id"], "Status": ["state"], "Duration": ["duration_seconds"],
        "Started": ["created_at", "started_at", "finished_at"], "Tracked run": ["tracked_runs"],
    },
    "tracked": {"Duration": ["duration_seconds"], "Created": ["created_at", "finished_at"]},
}  # fmt: skip
"""List -> column of the page -> fields of its export; a column that is not named has the field of its own name, in small letters."""


def in_order(export: Export, table: str, columns: Sequence[str]) -> Export:
    """Return an export with its fields in the order of the page's columns; one that no column shows stays behind the one before it."""
    if not columns:
        return export
    fields = {field.name: field for field in export.fields}
    named = FIELDS.get(table, {})
    wanted = [name for column in columns for name in named.get(column, (column, f"value.{column}", column.lower())) if name in fields]
    order = list(dict.fromkeys(wanted))
    for before, name in zip((None, *fields), fields, strict=False):
        if name not in order:
            order.insert(0 if before is None else order.index(before) + 1, name)
    return replace(export, fields=[fields[name] for name in order])
