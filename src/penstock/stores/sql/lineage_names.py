"""What lineage nodes are called: from keys to names, and from the references that people give to keys. A statement per sort of name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import orjson

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.lineage import LineageName, LineageNode, NodeKind
from penstock.stores.sql import lineage_edges as sql
from penstock.stores.sql.database import Row, Transaction

_KEYS = re.compile(r"digest:\S+|manifest:\w+|flowdata:\d+/\w+|trackedrun:\d{1,18}|collection:\d{1,18}")
_VERSION = re.compile(r"version:(?P<entity>[^/]+)/(?P<project>[^/]+)/(?P<name>.+):(?P<alias>[^:/]+)")
_RUN = re.compile(r"run:(?P<entity>[^/]+)/(?P<project>[^/]+)/(?P<name>[^/]+)")
_FORMS = (
    "artifact:<id>, task:<id>, run:<entity>/<project>/<run>, version:<entity>/<project>/<name>:<alias>, digest:<digest>,"
    " flow:<Flow>/<run>/<step>/<task>"
)


def find(tx: Transaction, ref: str) -> str | None:
    """Return the node key of a reference; None when what it names is not there.

    Raises:
        InvalidArgumentError: the reference is of no known form.
    """
    family, _, rest = ref.partition(":")
    if family == "artifact" and rest.isdecimal() and len(rest) < 19:
        row = tx.one(f"SELECT {sql.ARTIFACT_KEY} AS k FROM artifact a WHERE a.artifact_id = :id", {"id": int(rest)})
    elif family == "version" and rest.isdecimal() and len(rest) < 19:
        row = tx.one(f"SELECT {sql.VERSION_KEY} AS k FROM {sql.VERSION_FROM} WHERE v.version_id = :id", {"id": int(rest)})
    elif match := _VERSION.fullmatch(ref):
        row = _find_version(tx, match.groupdict())
    elif match := _RUN.fullmatch(ref):
        row = tx.one(
            f"SELECT {sql.RUN_KEY} AS k FROM tracked_run r JOIN tracked_project p ON p.project_id = r.project_id"
            " WHERE p.entity = :entity AND p.name = :project AND r.name = :name",
            match.groupdict(),
        )
    elif (family == "task" and rest) or (family == "flow" and rest.count("/") == 3):
        return f"task:{rest}" if _known(tx, f"task:{rest}") else None
    elif _KEYS.fullmatch(ref):
        return ref if _known(tx, ref) else None
    else:
        raise InvalidArgumentError(f"{ref[:200]!r} names nothing that has lineage; expected one of {_FORMS}")
    return None if row is None else str(row["k"])


def _known(tx: Transaction, key: str) -> bool:
    return bool(describe(tx, [key], 1)[key].names)


def _find_version(tx: Transaction, parts: dict[str, Any]) -> Row | None:
    alias = parts["alias"]
    index = int(alias[1:]) if re.fullmatch(r"v\d{1,9}", alias) else None
    join = (
        "JOIN membership m ON m.version_id = v.version_id AND m.version_index = :index"
        if index is not None
        else "JOIN membership_alias m ON m.version_id = v.version_id AND m.alias = :alias"
    )
    values = {"entity": parts["entity"], "project": parts["project"], "name": parts["name"]}
    return tx.one(
        f"SELECT {sql.VERSION_KEY} AS k FROM {sql.VERSION_FROM} {join} JOIN collection c ON c.collection_id = m.collection_id"
        " JOIN tracked_project p ON p.project_id = c.project_id WHERE p.entity = :entity AND p.name = :project AND c.name = :name"
        " AND v.state = 'COMMITTED'",
        values | ({"index": index} if index is not None else {"alias": alias}),
    )


class _Draft:
    """A node being put together."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.kind = NodeKind.DATA
        self.names: list[tuple[float, LineageName]] = []
        self.group = ""
        self.state = ""
        self.size_bytes: int | None = None
        self.aliases: list[str] = []

    def node(self, limit: int) -> LineageNode:
        """Return the value, names oldest first."""
        self.names.sort(key=lambda item: item[0])
        made_at = self.names[0][0] if self.names else None
        names = tuple(dict.fromkeys(name for _, name in self.names))[:limit]
        return LineageNode(self.key, self.kind, names, self.group, self.state, made_at, self.size_bytes, tuple(sorted(set(self.aliases))))


_PER_NODE = 50
"""Rows per sort of name that a content with very many names may bring, times the number of nodes asked for."""


def describe(tx: Transaction, keys: Sequence[str], limit: int) -> dict[str, LineageNode]:
    """Return a node for every key; see `LineageStore.describe`."""
    drafts = {key: _Draft(key) for key in keys}
    families: dict[str, list[str]] = defaultdict(list)
    for key, draft in drafts.items():
        family, _, rest = key.partition(":")
        families[family].append(rest)
        if family == "collection":
            draft.kind = NodeKind.COLLECTION
        elif family == "trackedrun":
            draft.kind = NodeKind.TRACKED_RUN
        elif family == "task":
            draft.kind = NodeKind.FLOW_TASK if rest.count("/") == 3 else NodeKind.PIPELINE_TASK
    for read in (_artifacts, _versions, _values, _tasks, _tracked_runs, _collections):
        read(tx, families, drafts)
    return {key: draft.node(limit) for key, draft in drafts.items()}


def _read(tx: Transaction, statement: str, column: str, keys: Sequence[str], *, is_number: bool = False) -> list[Row]:
    """Rows of `statement`, whose `{asked}` becomes `column` being one of `keys`."""
    if not keys:
        return []
    if tx.dialect.name == "sqlite":
        condition = f"{column} IN (SELECT {'CAST(value AS INTEGER)' if is_number else 'value'} FROM json_each(:keys))"
    else:
        value = "jsonb_array_elements_text(CAST(:keys AS jsonb))"
        condition = f"{column} IN (SELECT {f'CAST({value} AS BIGINT)' if is_number else value})"
    return tx.all(statement.replace("{asked}", condition), {"keys": orjson.dumps(list(keys)).decode(), "rows": _PER_NODE * len(keys)})


def _artifacts(tx: Transaction, families: dict[str, list[str]], drafts: dict[str, _Draft]) -> None:
    statement = (
        f"SELECT {sql.ARTIFACT_KEY} AS k, a.artifact_id, a.name, a.output_key, a.type, a.size_bytes, a.created_at, run.name AS run_name"
        " FROM artifact a LEFT JOIN run ON run.run_id = a.run_id WHERE {asked} ORDER BY a.created_at LIMIT :rows"
    )
    rows = _read(tx, statement, "a.digest", families["digest"])
    rows += _read(tx, statement, "a.artifact_id", families["artifact"], is_number=True)
    keys: dict[str, str] = {}
    for row in rows:
        if (draft := drafts.get(row["k"])) is None:
            continue
        keys[str(row["artifact_id"])] = row["k"]
        text = row["name"] or row["output_key"] or f"artifact {row['artifact_id']}"
        source = row["run_name"] or ""
        full = f"{text} \u00b7 {source}" if source else text
        name = LineageName(f"artifact:{row['artifact_id']}", full, row["type"], short=text, source=source)
        draft.names.append((row["created_at"], name))
        draft.group = draft.group or row["output_key"] or row["type"]
        draft.size_bytes = row["size_bytes"] if draft.size_bytes is None else draft.size_bytes
    aliases = "SELECT artifact_id, label FROM artifact_label WHERE kind = 'alias' AND {asked} LIMIT :rows"
    for row in _read(tx, aliases, "artifact_id", list(keys), is_number=True):
        drafts[keys[str(row["artifact_id"])]].aliases.append(row["label"])


def _versions(tx: Transaction, families: dict[str, list[str]], drafts: dict[str, _Draft]) -> None:
    statement = (
        f"SELECT {sql.VERSION_KEY} AS k, v.version_id, v.version_index, v.size_bytes, v.committed_at, c.name, c.type_name, p.entity,"
        f" p.name AS project FROM {sql.VERSION_FROM} JOIN collection c ON c.collection_id = v.collection_id"
        " JOIN tracked_project p ON p.project_id = c.project_id WHERE v.state = 'COMMITTED' AND {asked} ORDER BY v.committed_at LIMIT :rows"
    )
    rows = _read(tx, statement, "w.blob_digest", families["digest"])
    rows += _read(tx, statement, "v.digest", families["manifest"])
    rows += _read(tx, statement, "v.version_id", families["version"], is_number=True)
    keys: dict[str, str] = {}
    for row in rows:
        if (draft := drafts.get(row["k"])) is None:
            continue
        keys[str(row["version_id"])] = row["k"]
        version = f"v{row['version_index']}"
        text, type_ = f"{row['name']}:{version}", row["type_name"]
        ref = f"version:{row['entity']}/{row['project']}/{text}"
        name = LineageName(ref, text, type_, type_, row["entity"], short=row["name"], source=version)
        draft.names.append((row["committed_at"], name))
        draft.group = draft.group or row["name"]
        draft.size_bytes = row["size_bytes"] if draft.size_bytes is None else draft.size_bytes
    aliases = (
        "SELECT m.version_id, m.alias, c.name, c.kind FROM membership_alias m JOIN collection c ON c.collection_id = m.collection_id"
        " WHERE {asked} LIMIT :rows"
    )
    for row in _read(tx, aliases, "m.version_id", list(keys), is_number=True):
        alias = row["alias"] if row["kind"] == "sequence" else f"{row['name']}:{row['alias']}"
        drafts[keys[str(row["version_id"])]].aliases.append(alias)


def _values(tx: Transaction, families: dict[str, list[str]], drafts: dict[str, _Draft]) -> None:
    """Names of flow values: the first task that holds each, and every variable name."""
    bucket, path = sql.flow_object(tx.dialect.name)
    statement = (
        f"SELECT {sql.FLOW_KEY} AS k, {sql.FLOW_TASK} AS task, f.name, f.ts_epoch, o.size_bytes"
        " FROM flow_artifact f JOIN flow_task t ON t.task_number = f.task_number JOIN flow_run q ON q.run_number = f.run_number"
        f" LEFT JOIN object_entry o ON o.bucket = {bucket} AND o.object_key = {path} AND o.size_bytes >= {sql.SMALLEST_SHARED}"
        " WHERE substr(f.name, 1, 1) <> '_' AND {hint} AND {asked} ORDER BY f.task_number, f.name LIMIT :rows"
    )
    position, each = ("instr", "json_each(:keys) y") if tx.dialect.name == "sqlite" else (
        "strpos", "jsonb_array_elements_text(CAST(:keys AS jsonb)) y(value)",
    )  # fmt: skip
    of_object = f"f.sha IN (SELECT substr(s.object_key, length(s.object_key) - 39) FROM object_entry s JOIN {each} ON y.value = s.digest)"
    of_run = f"f.sha IN (SELECT substr(y.value, {position}(y.value, '/') + 1) FROM {each})"
    rows = _read(tx, statement.replace("{hint}", of_object), "o.digest", families["digest"])
    rows += _read(tx, statement.replace("{hint}", of_run), "CAST(f.run_number AS TEXT) || '/' || f.sha", families["flowdata"])
    told: set[tuple[str, str, str]] = set()
    for row in rows:
        draft, flow_run = drafts.get(row["k"]), "/".join(row["task"].split("/")[:2])
        if draft is None or (row["k"], flow_run, row["name"]) in told:
            continue
        told.add((row["k"], flow_run, row["name"]))
        text, task = row["name"], row["task"]
        name = LineageName(f"flow:{task}", f"{text} \u00b7 {task}", "flow value", text, short=text, source=task)
        draft.names.append((row["ts_epoch"] / 1000, name))
        draft.group = draft.group or row["name"]
        draft.size_bytes = row["size_bytes"] if draft.size_bytes is None else draft.size_bytes


def _tasks(tx: Transaction, families: dict[str, list[str]], drafts: dict[str, _Draft]) -> None:
    statement = (
        "SELECT t.task_id, t.run_id, t.display_name, t.component, t.state, t.created_at, run.name AS run_name, run.kind AS run_kind"
        " FROM task t LEFT JOIN run ON run.run_id = t.run_id WHERE {asked}"
    )
    for row in _read(tx, statement, "t.task_id", families["task"]):
        draft = drafts[f"task:{row['task_id']}"]
        is_flow = row["run_kind"] == "flow"
        draft.kind = NodeKind.FLOW_TASK if is_flow else NodeKind.PIPELINE_TASK
        ref, text = f"task:{row['task_id']}", row["display_name"]
        if is_flow:
            ref, text = f"flow:{row['task_id']}", "/".join(row["task_id"].split("/")[2:])
        draft.names.append((row["created_at"], LineageName(ref, text, row["run_name"] or "", row["run_id"])))
        draft.group, draft.state = row["component"] or row["display_name"], row["state"]


def _tracked_runs(tx: Transaction, families: dict[str, list[str]], drafts: dict[str, _Draft]) -> None:
    statement = (
        f"SELECT {sql.RUN_KEY} AS k, r.name, r.display_name, r.state, r.created_at, r.job_type, r.group_name, p.entity, p.name AS project"
        " FROM tracked_run r JOIN tracked_project p ON p.project_id = r.project_id WHERE {asked}"
    )
    rows = _read(tx, statement, "r.run_id", families["trackedrun"], is_number=True) + _read(tx, statement, "r.task_id", families["task"])
    for row in rows:
        if (draft := drafts.get(row["k"])) is None:
            continue
        ref = f"run:{row['entity']}/{row['project']}/{row['name']}"
        detail = f"{row['entity']}/{row['project']}"
        # A task's own name stands before its tracked runs', which begin in the same moment.
        at = row["created_at"] if draft.kind is NodeKind.TRACKED_RUN else max([row["created_at"], *(at for at, _ in draft.names)])
        draft.names.append((at, LineageName(ref, row["display_name"] or row["name"], detail, "", row["entity"])))
        draft.group = draft.group or row["job_type"] or row["group_name"] or row["project"]
        draft.state = draft.state or _RUN_STATES.get(row["state"], row["state"].upper())


_RUN_STATES = {"finished": "SUCCEEDED", "crashed": "FAILED", "killed": "CANCELED"}
"""Words of a tracked run's state that are not the shared ones."""


def _collections(tx: Transaction, families: dict[str, list[str]], drafts: dict[str, _Draft]) -> None:
    statement = (
        "SELECT c.collection_id, c.name, c.type_name, c.created_at, p.entity, p.name AS project FROM collection c"
        " JOIN tracked_project p ON p.project_id = c.project_id WHERE {asked}"
    )
    for row in _read(tx, statement, "c.collection_id", families["collection"], is_number=True):
        draft = drafts[f"collection:{row['collection_id']}"]
        text = f"{row['project']}/{row['name']}"
        place, entity = f"{row['entity']}/{text}", row["entity"]
        ref = f"collection:{row['collection_id']}"
        name = LineageName(ref, text, row["type_name"], place, entity, short=row["name"], source=row["project"])
        draft.names.append((row["created_at"], name))
        draft.group = row["project"]


