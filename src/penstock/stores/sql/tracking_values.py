"""Config and summary flattened into indexed values, refreshed lazily: writers mark a run stale, the next filtered list refreshes it.

Keys are dotted paths below `c.` (config, without the `value` wrapper) and `s.` (summary). Objects are descended into and are also
found as a whole (`$exists`); media objects (with `_type`) are one value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from penstock.domain.ids import TrackedRunId
from penstock.domain.storable import without_surrogates
from penstock.domain.tracking import TrackedProjectId
from penstock.stores.sql.database import Transaction

_MAX_DEPTH = 12
_MAX_VALUES = 20_000
"""Values indexed per document; what is beyond is stored but cannot be filtered by."""
EXACT_DOUBLE = 2**53
"""Beyond it, integers share doubles."""
REFRESH_RUNS = 500
"""Runs that one transaction brings up to date."""


@dataclass(frozen=True, slots=True)
class IndexedValue:
    """One scalar as the index holds it."""

    kind: str
    number: float | None
    text: str | None


def indexed(value: Any) -> IndexedValue:
    """Return how `value` is indexed; objects and lists by their canonical JSON text."""
    if value is None:
        return IndexedValue("z", None, None)
    if isinstance(value, bool):
        return IndexedValue("b", float(value), None)
    if isinstance(value, int):
        if abs(value) <= EXACT_DOUBLE:
            return IndexedValue("n", float(value), None)
        return IndexedValue("n", _as_double(value), str(value))
    if isinstance(value, float):
        return IndexedValue("n", None if math.isnan(value) else value, "NaN" if math.isnan(value) else None)
    if isinstance(value, str):
        return IndexedValue("s", None, value)
    return IndexedValue("j", None, canonical_json(value))


def canonical_json(value: Any) -> str:
    """Return the JSON text by which equal lists and objects are recognised."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def put_values(
    tx: Transaction, project_id: TrackedProjectId, run_id: TrackedRunId, *, config: str, summary: str, known_keys: dict[str, int]
) -> None:
    """Replace the indexed values of a run by those of its documents and mark it fresh. History keys stay.

    `known_keys` saves look-ups between runs of one project within one transaction.
    """
    wanted = dict(_flatten("c", _unwrapped(json.loads(config or "{}"))))
    wanted.update(_flatten("s", json.loads(summary or "{}")))
    wanted = {_kept(tx, name): _kept_value(tx, value) for name, value in wanted.items()}
    key_ids = _key_ids(tx, project_id, wanted, known_keys)
    if tx.one("SELECT 1 FROM tracked_value WHERE run_id = ? LIMIT 1", (run_id,)) is not None:
        tx.execute(
            "DELETE FROM tracked_value WHERE run_id = ? AND key_id IN "
            "(SELECT key_id FROM tracked_key WHERE project_id = ? AND name NOT LIKE 'h.%')",
            (run_id, project_id),
        )
    tx.many(
        "INSERT INTO tracked_value (key_id, run_id, kind, number, text) VALUES (?, ?, ?, ?, ?)",
        [(key_ids[name], run_id, value.kind, value.number, value.text) for name, value in wanted.items()],
    )
    tx.execute("UPDATE tracked_run SET values_stale = 0 WHERE run_id = ?", (run_id,))


def put_history_keys(tx: Transaction, project_id: TrackedProjectId, run_id: TrackedRunId, keys: Sequence[str]) -> None:
    """Note which keys the run's history has (`keys_info.keys.K` filters)."""
    names = {_kept(tx, f"h.{key}"): None for key in keys[:_MAX_VALUES]}
    key_ids = _key_ids(tx, project_id, names, {})
    tx.many(
        "INSERT INTO tracked_value (key_id, run_id, kind, number, text) VALUES (?, ?, 'z', NULL, NULL) "
        "ON CONFLICT (key_id, run_id) DO NOTHING",
        [(key_ids[name], run_id) for name in names],
    )


def refresh_stale(tx: Transaction, project_id: TrackedProjectId, *, limit: int = REFRESH_RUNS) -> int:
    """Bring the index up to date for at most `limit` runs of a project; return how many were behind.

    A bounded step, so that other writers get their turn between two.
    """
    rows = tx.all(
        "SELECT r.run_id, d.config, d.summary FROM tracked_run r JOIN tracked_document d ON d.run_id = r.run_id "
        "WHERE r.project_id = ? AND r.values_stale = 1 LIMIT ?",
        (project_id, limit),
    )
    known_keys: dict[str, int] = {}
    for row in rows:
        run_id = TrackedRunId(row["run_id"])
        put_values(tx, project_id, run_id, config=row["config"], summary=row["summary"], known_keys=known_keys)
    return len(rows)


def _key_ids(tx: Transaction, project_id: TrackedProjectId, names: Mapping[str, Any], known: dict[str, int]) -> dict[str, int]:
    """Return the numbers of keys, made when missing; adds to `known`."""
    for name in names:
        if name in known:
            continue
        row = tx.one("SELECT key_id FROM tracked_key WHERE project_id = ? AND name = ?", (project_id, name))
        if row is None:
            tx.execute("INSERT INTO tracked_key (project_id, name) VALUES (?, ?)", (project_id, name))
            row = tx.one("SELECT key_id FROM tracked_key WHERE project_id = ? AND name = ?", (project_id, name))
        assert row is not None
        known[name] = row["key_id"]
    return known


def _unwrapped(config: Mapping[str, Any]) -> dict[str, Any]:
    """Drop the `{"value": ...}` wrappers; `_wandb` is the client's own and not indexed."""
    return {
        key: entry["value"] if isinstance(entry, dict) and "value" in entry else entry for key, entry in config.items() if key != "_wandb"
    }


def _flatten(prefix: str, document: Mapping[str, Any]) -> Iterator[tuple[str, IndexedValue]]:
    """Yield (dotted path, value) of every scalar, list, and object below `prefix`, at most `_MAX_VALUES`."""
    left = _MAX_VALUES
    stack: list[tuple[str, Any, int]] = [(f"{prefix}.{key}", value, 0) for key, value in reversed(list(document.items()))]
    while stack and left > 0:
        path, value, depth = stack.pop()
        left -= 1
        yield path, indexed(value)
        if isinstance(value, dict) and "_type" not in value and depth < _MAX_DEPTH:
            stack.extend((f"{path}.{key}", inner, depth + 1) for key, inner in reversed(list(value.items())))


def _kept(tx: Transaction, text: str) -> str:
    """Return text as this database holds it: without lone surrogates, and PostgreSQL without NUL."""
    if not text.isascii():
        text = without_surrogates(text)
    return text if tx.dialect.name == "sqlite" else text.replace("\x00", "")


def _kept_value(tx: Transaction, value: IndexedValue) -> IndexedValue:
    return value if value.text is None else replace(value, text=_kept(tx, value.text))


def _as_double(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
