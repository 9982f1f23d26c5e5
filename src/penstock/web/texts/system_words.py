"""The words for what the server says of itself by keys: facts of the process, settings, folders and tables. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FACTS: Mapping[str, str] = {
    "data_dir": "Data folder",
    "database": "Database",
    "host": "Machine",
    "python": "Python",
    "process_id": "Process id",
    "started_at": "Running since",
    "cpus": "CPU cores",
    "limits": "Limits of tasks are kept by",
    "has_namespaces": "Tasks see only their own processes",
}
"""Key of a fact -> what it is, in the order in which they stand."""
VALUES: Mapping[tuple[str, str], str] = {
    ("database", "sqlite"): "SQLite",
    ("database", "postgresql"): "PostgreSQL",
    ("limits", "none"): "nothing",
}
"""Words for single values of facts."""
FOLDERS: Mapping[str, str] = {
    "blobs": "Contents of artifacts",
    "runs": "Logs and working folders of tasks",
    "t": "Short names of working folders",
    "envs": "Environments of tasks",
    "tracking": "Series and files of tracked runs",
    "volumes": "Volumes",
    "backups": "Backups",
    "demo-client": "Client of the demonstration",
}
"""Part of the data folder -> what lies there."""
TABLES: Mapping[str, str] = {
    "run": "Runs",
    "task": "Tasks",
    "attempt": "Attempts",
    "run_event": "Events of runs",
    "task_note": "Notes of tasks",
    "artifact": "Artifacts",
    "artifact_use": "Inputs and outputs of tasks",
    "cache_entry": "Results to reuse",
    "experiment": "Experiments",
    "pipeline": "Pipelines",
    "recurring_run": "Recurring runs",
}
"""Table -> what its rows are."""
ROOMS: Mapping[str, str] = {
    "server": "Server",
    "store": "Storage",
    "executor": "Tasks",
    "cache": "Cache",
    "tracking": "Tracked runs",
    "flows": "Flows",
    "pipelines": "Pipelines",
}
"""Section of the settings -> its heading."""
SETTINGS: Mapping[str, tuple[str, str]] = {
    "server_host": ("Listens on", ""),
    "server_port": ("Port", "a free one"),
    "server_url": ("Address for clients and links", "the one listened on"),
    "server_allowed_hosts": ("Further host names", ""),
    "server_log_level": ("Level of the log", ""),
    "server_user": ("The server's own user", "the account's login name"),
    "server_time_zone": ("Time zone of schedules", ""),
    "store_database_url": ("Database", "SQLite in the data folder"),
    "store_synchronous": ("SQLite waits for the disk", ""),
    "store_collect_seconds": ("Unused contents are removed every", "never"),
    "store_run_folder_days": ("Logs and files of ended runs go after", "they stay with the run"),
    "store_trash_days": ("What is deleted can be restored for", "not at all"),
    "store_retention_days": ("Old things go to the trash after", "never"),
    "store_retention_keep": ("Kept of each, however old", ""),
    "store_retention_kinds": ("What goes when it is old", ""),
    "store_backup_dir": ("Folder of backups", "in the data folder"),
    "executor_slots": ("Tasks at the same time", "four per CPU core"),
    "executor_cpus": ("CPU cores for all tasks together", "those of the machine"),
    "executor_memory_bytes": ("Memory for all tasks together", "that of the machine"),
    "executor_accelerators": ("Accelerators for all tasks together", "those of the machine"),
    "executor_interpreters": ("Further Pythons for tasks", ""),
    "executor_strict_python": ("Fail when the Python of an image is missing", ""),
    "executor_index_urls": ("Package indexes", "that of pip"),
    "executor_find_links": ("Folders and pages with wheels", ""),
    "executor_constraints": ("File of constraints", ""),
    "executor_offline": ("Build environments without the network", ""),
    "executor_environment": ("Variables that every task gets", ""),
    "executor_grace_seconds": ("Time to end before a task is killed", "none"),
    "executor_separate_stderr": ("Tell stderr of commands apart", ""),
    "executor_leave_running": ("Tasks go on while the server restarts", ""),
    "cache_enabled": ("Reuse results of equal tasks", ""),
    "cache_expiry_seconds": ("Results are reused for", "without end"),
    "tracking_webhook_hosts": ("Hosts that webhooks may go to", "this machine, while only it reaches the server"),
    "flows_run_silence_seconds": ("A flow's run has failed after silence of", ""),
    "flows_task_silence_seconds": ("A flow's task has failed after silence of", ""),
    "flows_prefix": ("Addresses of flows that clients print begin with", ""),
    "flows_local_roots": ("Further datastores that pages may read", ""),
    "pipelines_terminated_state": ("State of terminated runs for clients", ""),
}
"""Setting -> (what it is, what it means that it is 0, below 0 or empty)."""
SERVICES: Mapping[str, str] = {
    "Run engine": "Starts tasks of pipelines and deployed flows, and notes what becomes of them.",
    "Recurring runs": "Starts runs when their schedules say so.",
    "Event triggers": "Starts runs when what they wait for has happened.",
    "Tracked runs": "Finds tracked runs that crashed, and packs their series.",
    "Automations": "Does what automations of projects ask for: webhooks, changes of aliases.",
    "Flow heartbeats": "Finds recorded flows that fell silent.",
    "Flow values": "Reads what tasks of flows ended with, for their tracked runs.",
    "Trash": "Removes what lay in the trash for its time.",
    "Budgets": "Looks at budgets every five minutes.",
    "Retention": "Moves old things to the trash, when that is asked for.",
    "Removal of unused files": "Removes contents that nothing refers to any more.",
}
"""Service as the status names it -> what it does."""
QUEUES: Mapping[str, str] = {
    "tasks": "Tasks that wait for their turn",
    "events": "Events that triggers have to decide on",
    "deliveries": "Deliveries of automations",
}
"""Queue -> what waits in it."""
SURFACES: Mapping[str, str] = {
    "kfp": "Pipelines",
    "kfp_v1": "Pipelines (kfp 1.8)",
    "wandb": "Tracking",
    "metaflow": "Flows",
    "s3": "Object store",
    "penstock": "This server's own API",
    "pages": "Pages",
}
"""What a client asked for -> its name."""
_KNOWN: Sequence[tuple[str, str]] = (
    (r"OpenAPI-Generator/(\S+?)/python", "kfp"),
    (r"wandb-core/?(\S*)", "wandb"),
    (r"W&B (?:Public|Internal) Client (\S+)", "wandb"),
    (r"metaflow/?(\S*)", "metaflow"),
)
"""User agent of a client -> its name; observed with kfp 1.8 and 2.0 to 2.17, wandb 0.16 to 0.31."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One row: what it is, and its value in the form that fits it."""

    key: str
    """As programs and files write it."""
    label: str
    """A message; the key where there are no words for it."""
    kind: str
    """`word` (a message), `text`, `number`, `seconds`, `days`, `bytes`, `time` or `texts`."""
    value: Any
    is_changed: bool = False
    """A setting that is not the default."""


def server_facts(facts: Mapping[str, Any]) -> list[Fact]:
    """Return what the process says of itself; what has no words comes last, by its key."""
    known = [key for key in FACTS if key in facts]
    others = [key for key, value in facts.items() if key not in FACTS and not isinstance(value, Mapping | list | tuple)]
    return [_fact(key, FACTS.get(key, key), facts[key]) for key in (*known, *others)]


def _fact(key: str, label: str, value: Any) -> Fact:
    if key == "started_at":
        return Fact(key, label, "time", value)
    if (word := VALUES.get((key, str(value)))) is not None:
        return Fact(key, label, "word", word)
    return Fact(key, label, *_plain(value))


def _plain(value: Any) -> tuple[str, Any]:
    if isinstance(value, bool):
        return "word", "yes" if value else "no"
    return ("number", value) if isinstance(value, int | float) else ("text", str(value))


def settings_by_room(settings: Mapping[str, Any], changed: Sequence[str] = ()) -> list[tuple[str, list[Fact]]]:
    """Return (heading, settings) of each room, in the order in which they come."""
    rooms: dict[str, list[Fact]] = {}
    for name, value in settings.items():
        rooms.setdefault(name.partition("_")[0], []).append(_setting(name, value, is_changed=name in changed))
    return [(ROOMS.get(room, room), facts) for room, facts in rooms.items()]


def _setting(name: str, value: Any, *, is_changed: bool) -> Fact:
    label, nothing = SETTINGS.get(name, (name, ""))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if nothing and ((is_number and value <= 0) or value in ("", (), [])):
        return Fact(name, label, "word", nothing, is_changed)
    if isinstance(value, list | tuple):
        return Fact(name, label, "texts", value, is_changed) if value else Fact(name, label, "word", "none", is_changed)
    if value == "":
        return Fact(name, label, "word", "none", is_changed)
    unit = name.rpartition("_")[2] if is_number else ""
    return Fact(name, label, unit if unit in {"seconds", "days", "bytes"} else _plain(value)[0], _plain(value)[1], is_changed)


def program_of(agent: str, surfaces: Sequence[str]) -> str:
    """Name and version of the client behind a user agent; empty when it is not one of ours.

    Metaflow does not name itself: its records come by `requests`, its data by `boto3`.
    """
    for pattern, name in _KNOWN:
        if found := re.search(pattern, agent):
            return f"{name} {found.group(1)}".strip()
    is_metaflow = ("metaflow" in surfaces and agent.startswith("python-requests/")) or ("s3" in surfaces and agent.startswith("Boto3/"))
    return "metaflow" if is_metaflow else ""
