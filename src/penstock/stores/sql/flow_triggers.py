"""What started recorded runs: events, and ends of runs of other flows, as clients told with `execution-triggers` of the first step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson

from penstock.interfaces.page_flows import FlowTrigger
from penstock.stores.sql.database import Transaction
from penstock.stores.sql.page_rows import named_places

_MOST, _MAX_TEXT = 20, 300
"""Events of a run that are shown, and characters of each of their texts."""


def triggers_of(tx: Transaction, texts: Sequence[str | None]) -> list[list[FlowTrigger]]:
    """Return the triggers in each of `flow_run.triggers`; one query for the titles of all runs whose end was one."""
    told = [_triggers(text) for text in texts]
    places, params = named_places(sorted({one.run for triggers in told for one in triggers if one.run}))
    rows = tx.all(f"SELECT run_id, name FROM run WHERE run_id IN ({places})", params) if params else ()
    titles = {row["run_id"]: row["name"] for row in rows}
    return [[replace(one, name=titles.get(one.run, one.name)) for one in triggers] for triggers in told]


def _triggers(text: str | None) -> list[FlowTrigger]:
    """The client's JSON within the JSON of a row of metadata; anybody may have written it."""
    try:
        told: Any = orjson.loads(orjson.loads(text)) if text else ()
    except orjson.JSONDecodeError:
        return []
    found = (_trigger(item) for item in (told[:_MOST] if isinstance(told, list) else ()))
    return [one for one in found if one is not None]


def _trigger(item: Any) -> FlowTrigger | None:
    """A run is told by the path of its end task, and named here by its own."""
    if not isinstance(item, dict) or not isinstance(item.get("name"), str) or not item["name"]:
        return None
    at, event_id = item.get("timestamp"), item.get("id")
    path = event_id.split("/") if isinstance(event_id, str) else []
    run = "/".join(path[:2]) if item.get("type") == "run" and len(path) > 1 and all(path[:2]) else ""
    return FlowTrigger(
        (run or item["name"])[:_MAX_TEXT],
        "/".join(path)[:_MAX_TEXT],
        float(at) if isinstance(at, int | float) and 0 < at < 1e11 else None,
        run,
    )
