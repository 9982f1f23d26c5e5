"""Values that the filter bar of tracked runs offers: those of the newest runs of a project that contain a text."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.domain.tracking import TrackedProjectId
from penstock.interfaces.pages import LOOKED_AT
from penstock.stores.sql.database import Row, Transaction
from penstock.stores.sql.page_filters import Where
from penstock.stores.sql.tracking_find import RunSelection

_COLUMNS = {
    "name": "r.display_name", "group": "r.group_name", "job": "r.job_type", "user": "r.user_name", "sweep": "r.sweep", "host": "r.host",
}  # fmt: skip
"""Field of the filter -> column."""
_KEYS = {"config": "c.", "c": "c.", "summary": "s.", "s": "s."}
_TEXT = "COALESCE(v.text, CASE v.kind WHEN 'b' THEN CASE v.number WHEN 1 THEN 'true' ELSE 'false' END ELSE CAST(v.number AS TEXT) END)"
_MOST_LETTERS = 200
"""Of a value; longer ones are no help."""


def run_values(tx: Transaction, project_id: TrackedProjectId, field: str, text: str, limit: int) -> list[str]:
    """See `TrackingPages.run_values`."""
    where = Where(tx, now=0.0)
    newest = (
        f"(SELECT {{}} FROM tracked_run r WHERE r.project_id = {where.bind(project_id)} "
        f"ORDER BY r.created_at DESC, r.run_id DESC LIMIT {LOOKED_AT}) AS newest"
    )
    if field in _COLUMNS:
        source, value = f"{newest.format(f'{_COLUMNS[field]} AS value')} WHERE", "value"
    elif field == "tag":
        source, value = f"{newest.format('r.run_id')} CROSS JOIN tracked_tag t WHERE t.run_id = newest.run_id AND", "t.tag"
    else:
        return _of_key(tx, project_id, where, newest.format("r.run_id"), (field, text), limit)
    narrowed = f"{value} <> '' AND LENGTH({value}) <= {_MOST_LETTERS} AND {where.contains(value, text)}"
    sql = f"SELECT DISTINCT {value} AS value FROM {source} {narrowed} ORDER BY 1 LIMIT {int(limit)}"
    return [str(row["value"]) for row in tx.all(sql, where.params)]


def _of_key(tx: Transaction, project_id: TrackedProjectId, where: Where, newest: str, asked: tuple[str, str], limit: int) -> list[str]:
    """Values of a key of config or summary; a key without either is one of the summary, as in the filter."""
    field, text = asked
    kind, _, name = field.partition(".")
    key_id = RunSelection(tx, project_id).key_id(f"{_KEYS[kind]}{name}" if name and kind in _KEYS else f"s.{field}")
    if key_id is None:
        return []
    rows = tx.all(
        f"SELECT DISTINCT v.kind, v.number, v.text FROM {newest} CROSS JOIN tracked_value v WHERE v.key_id = {where.bind(key_id)} "
        f"AND v.run_id = newest.run_id AND v.kind IN ('b', 'n', 's') AND LENGTH({_TEXT}) BETWEEN 1 AND {_MOST_LETTERS} "
        f"AND {where.contains(_TEXT, text)} ORDER BY v.number, v.text LIMIT {int(limit)}",
        where.params,
    )
    return list(dict.fromkeys(value for value in _written(rows) if text.lower() in value.lower()))


def _written(rows: Iterable[Row]) -> Iterable[str]:
    """Values as the filter reads them back: numbers with all their digits."""
    for row in rows:
        if row["text"] is not None:
            yield str(row["text"])
        elif row["kind"] == "b":
            yield "true" if row["number"] else "false"
        else:
            number = float(row["number"])
            yield str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
