"""Run filters of Metaflow's service 2.5 as SQL: `field:op=value`, commas mean OR (Metaflow protocol notes, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.flows import RunFilter
from penstock.stores.sql.dialects import SqlDialect, escape_like

_NUMBERS = {"run_number": "flow_run.run_number", "ts_epoch": "ts_epoch", "last_heartbeat_ts": "last_heartbeat_ts"}
_OWNER = "CASE WHEN flow_run.system_tags LIKE '%\"user:' || user_name || '\"%' THEN user_name END"
"""The user whom the client itself tagged; a run that only claims one belongs to nobody."""
_TEXTS = {"flow_id": "flow_id", "run_id": "run_id", "user_name": "user_name", "user": _OWNER}
_COMPARE = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_STATUS = {"running": ("RUNNING", "PENDING"), "completed": ("SUCCEEDED",), "failed": ("FAILED", "CANCELED")}


def filter_clause(dialect: SqlDialect, filters: Sequence[RunFilter]) -> tuple[str, dict[str, Any]]:
    """Return ` AND (...)` text and its parameters.

    Raises:
        InvalidArgumentError: unknown field, operator or status, or a number that is not one.
    """
    sql = ""
    params: dict[str, Any] = {}
    for item in filters:
        parts = [_condition(dialect, item.field, op, value, params) for op, value in item.alternatives]
        sql += f" AND ({' OR '.join(parts)})"
    return sql, params


def _condition(dialect: SqlDialect, field: str, op: str, value: str, params: dict[str, Any]) -> str:
    name = f"f{len(params)}"
    if field == "status":
        if op == "is":
            return "1 = 0"  # every run has a status
        if value not in _STATUS or op not in {"eq", "ne"}:
            raise InvalidArgumentError(f"status must be one of {', '.join(_STATUS)}")
        words = ", ".join(f"'{word}'" for word in _STATUS[value])
        test = f"EXISTS (SELECT 1 FROM run WHERE run.run_id = {_shared_id()} AND run.state IN ({words}))"
        return test if op == "eq" else f"NOT {test}"
    if field in _NUMBERS:
        return _number_condition(_NUMBERS[field], op, value, name, params)
    if field in {"tags", "system_tags", "_tags"}:
        return _tag_condition(field, op, value, name, params)
    if field not in _TEXTS:
        raise InvalidArgumentError(f"runs cannot be filtered by {field!r}")
    return _text_condition(dialect, _TEXTS[field], op, value, name, params)


def _shared_id() -> str:
    return "flow_run.flow_id || '/' || COALESCE(flow_run.run_id, CAST(flow_run.run_number AS TEXT))"


def _number_condition(column: str, op: str, value: str, name: str, params: dict[str, Any]) -> str:
    if op == "is":
        return f"{column} IS NULL"
    if op not in _COMPARE:
        raise InvalidArgumentError(f"operator {op!r} does not work on numbers")
    try:
        params[name] = int(value)
    except ValueError as error:
        raise InvalidArgumentError(f"{value!r} is not a whole number") from error
    return f"{column} {_COMPARE[op]} :{name}"


def _text_condition(dialect: SqlDialect, column: str, op: str, value: str, name: str, params: dict[str, Any]) -> str:
    if op == "is":
        return f"{column} IS NULL"
    if op in _COMPARE:
        params[name] = value
        return f"{column} {_COMPARE[op]} :{name}"
    patterns = {"co": "%{}%", "sw": "{}%", "ew": "%{}", "li": "{}"}
    if op not in patterns:
        raise InvalidArgumentError(f"unknown operator {op!r}")
    params[name] = value if op == "li" else patterns[op].format(escape_like(value))
    return dialect.ilike(column, f":{name}")


def _tag_condition(field: str, op: str, value: str, name: str, params: dict[str, Any]) -> str:
    columns = ("tags", "system_tags") if field == "_tags" else (field,)
    if op == "is":
        return "1 = 0"  # runs without tags have an empty list
    quoted = escape_like(value.replace("\\", "\\\\").replace('"', '\\"'))
    if op in {"any", "all", "eq", "co"}:
        params[name] = f'%"{quoted}"%'
    elif op in {"likeany", "likeall", "li"}:
        params[name] = f"%{quoted}%"
    else:
        raise InvalidArgumentError(f"operator {op!r} does not work on tags")
    return "(" + " OR ".join(f"flow_run.{column} LIKE :{name} ESCAPE '\\'" for column in columns) + ")"
