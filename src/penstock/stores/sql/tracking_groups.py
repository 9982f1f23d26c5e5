"""Tracked runs in groups: by a column of the record or by a value of config, with the numbers of indexed values summed up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.domain.tracking import TrackedProjectId
from penstock.interfaces.pages import LOOKED_AT
from penstock.interfaces.run_tables import RowGroups, Span
from penstock.interfaces.tracking_query import Filter
from penstock.stores.sql.database import Transaction
from penstock.stores.sql.pages_run_tables import gathered
from penstock.stores.sql.tracking_find import RunSelection

_GROUPED = {"group": "r.group_name", "job_type": "r.job_type", "state": "r.state", "sweep": "r.sweep", "user_name": "r.user_name"}
"""Columns that runs are grouped by."""
_CONFIG = "config."
_CONFIG_VALUE = (
    "(SELECT CASE WHEN v.kind = 'b' THEN CASE WHEN v.number = 1 THEN 'true' ELSE 'false' END "
    "WHEN v.kind = 'n' AND v.text IS NULL AND ABS(v.number) < 1e15 THEN CASE WHEN v.number = CAST(v.number AS BIGINT) "
    "THEN CAST(CAST(v.number AS BIGINT) AS TEXT) ELSE CAST(v.number AS TEXT) END "
    "ELSE COALESCE(v.text, CAST(v.number AS TEXT)) END FROM tracked_value v WHERE v.key_id = ? AND v.run_id = r.run_id AND v.kind <> 'z')"
)
"""The value that a key of config has, as the filter bar writes it; NULL without one."""


def group_runs(tx: Transaction, project_id: TrackedProjectId, filter: Filter, by: str, columns: Sequence[str]) -> RowGroups:
    """See `TrackedRunStore.groups`; the index of values is up to date."""
    selection = RunSelection(tx, project_id)
    where, params = selection.condition(filter)
    if by in _GROUPED:
        value, bound = f"NULLIF({_GROUPED[by]}, '')", list[Any]()
    else:
        value, bound = _CONFIG_VALUE, [selection.key_id(f"c.{by.removeprefix(_CONFIG)}") or -1]
    chosen = (
        "WITH chosen AS (SELECT r.run_id, r.state, r.created_at, "
        f"CASE WHEN r.finished_at IS NOT NULL THEN r.finished_at - r.created_at END AS seconds, {value} AS value "
        f"FROM tracked_run r WHERE r.project_id = ? AND {where} ORDER BY r.created_at DESC LIMIT {LOOKED_AT}) "
    )
    keys = {name: key_id for name in columns if (key_id := selection.key_id(name)) is not None}
    all_params = [*bound, project_id, *params]
    return gathered(tx, chosen, all_params, _spans(tx, chosen, all_params, keys))


def _spans(tx: Transaction, chosen: str, params: Sequence[Any], keys: Mapping[str, int]) -> Mapping[str | None, Mapping[str, Span]]:
    """How the numbers of indexed values are spread over the runs of `chosen`, by group and name."""
    found: dict[str | None, dict[str, Span]] = {}
    for name, key_id in keys.items():
        rows = tx.all(
            f"{chosen} SELECT value, COUNT(*) AS n, MIN(number) AS low, AVG(number) AS middle, MAX(number) AS high FROM ("
            "SELECT chosen.value, v.number FROM chosen CROSS JOIN tracked_value v WHERE v.key_id = ? AND v.run_id = chosen.run_id "
            "AND v.kind = 'n' AND v.number IS NOT NULL) AS numbers GROUP BY value",
            [*params, key_id],
        )
        for row in rows:
            found.setdefault(row["value"], {})[name] = Span(row["n"], row["low"], row["middle"], row["high"])
    return found
