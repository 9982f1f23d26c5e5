"""Questions about tracked runs as SQL: filters, orders, keyset pages (`interfaces.tracking_query` says what they mean).

A comparison becomes a set of run ids or a condition on the record, so that conditions combine by AND, OR and NOT with MongoDB's
semantics: a comparison with an absent or differently typed field is false, its negation true. What SQL cannot say alike on both
databases (regular expressions) is decided in Python over the column's values and put back as a set of ids.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import sys
from collections.abc import Sequence
from typing import Any

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.ids import TrackedRunId
from penstock.domain.matching import compile_filter, values_at
from penstock.domain.tracking import TrackedProjectId
from penstock.interfaces.tracking_query import And, Compare, Field, FieldKind, Filter, Not, Operator, Order
from penstock.stores.sql.database import Transaction
from penstock.stores.sql.tracking_lists import runs_with
from penstock.stores.sql.tracking_patterns import compile_filter_pattern, plain_text, required_text
from penstock.stores.sql.tracking_values import EXACT_DOUBLE, IndexedValue, indexed

_TEXT_COLUMNS = {
    "name": "r.name", "display_name": "r.display_name", "state": "r.state", "group": "r.group_name", "job_type": "r.job_type",
    "user_name": "r.user_name", "sweep": "r.sweep", "host": "r.host", "notes": "r.notes", "description": "r.description",
    "program": "r.program", "commit": "r.commit_hash", "repo": "r.repo", "task_id": "r.task_id", "pipeline_run_id": "r.pipeline_run_id",
}  # fmt: skip
_NUMBER_COLUMNS = {
    "created_at": "r.created_at", "heartbeat_at": "r.heartbeat_at", "updated_at": "r.updated_at", "finished_at": "r.finished_at",
    "duration": "(COALESCE(r.finished_at, r.heartbeat_at) - r.created_at)",
}  # fmt: skip
_OPTIONAL = frozenset(
    {"group", "job_type", "sweep", "host", "notes", "description", "program", "commit", "repo", "task_id", "pipeline_run_id"}
)
"""Columns in which empty text stands for an absent field."""
_MORE_DIGITS = "9" * (sys.int_info.default_max_str_digits + 1)
"""Stands for infinity among integers: no document has one with so many digits."""
_SQL_OPERATORS = {Operator.GT: ">", Operator.GTE: ">=", Operator.LT: "<", Operator.LTE: "<="}
_SHAPES = frozenset({Operator.SIZE, Operator.MOD, Operator.TYPE, Operator.ELEMENT})
_PREFIXES = {FieldKind.CONFIG: "c.", FieldKind.SUMMARY: "s.", FieldKind.HISTORY_KEY: "h."}
_NEWEST_FIRST = (Order(Field(FieldKind.COLUMN, "created_at"), is_descending=True),)
_FALSE = "(1 = 0)"
_TRUE = "(1 = 1)"


class RunSelection:
    """Builds the conditions of one question; collects its parameters in order."""

    def __init__(self, tx: Transaction, project_id: TrackedProjectId) -> None:
        self._tx = tx
        self._project_id = project_id

    def condition(self, node: Filter) -> tuple[str, list[Any]]:
        """Return SQL over the alias `r` of `tracked_run`, and its parameters."""
        if isinstance(node, Compare):
            return self._compare(node)
        if isinstance(node, Not):
            sql, params = self.condition(node.part)
            return f"NOT {sql}", params
        if not node.parts:
            return (_TRUE if isinstance(node, And) else _FALSE), []
        word = " AND " if isinstance(node, And) else " OR "
        parts = [self.condition(part) for part in node.parts]
        return f"({word.join(sql for sql, _ in parts)})", [param for _, params in parts for param in params]

    def _compare(self, node: Compare) -> tuple[str, list[Any]]:
        field = node.field
        if field.kind is FieldKind.TAG:
            return self._has_tag(field.name, wanted=node.value if node.operator is Operator.EXISTS else bool(node.value))
        if field.kind is not FieldKind.COLUMN:
            return self._compare_listed_value(field, node.operator, node.value)
        if node.operator in _SHAPES and field.name != "tags":
            return _FALSE, []  # columns are texts and times
        if field.name == "tags":
            return self._compare_tags(node.operator, node.value)
        if field.name in _NUMBER_COLUMNS:
            return self._compare_number(_NUMBER_COLUMNS[field.name], node.operator, node.value)
        return self._compare_text(field.name, node.operator, node.value)

    def _compare_text(self, name: str, operator: Operator, value: Any) -> tuple[str, list[Any]]:
        column = _TEXT_COLUMNS[name]
        if operator is Operator.EXISTS:
            present = f"(COALESCE({column}, '') <> '')" if name in _OPTIONAL else _TRUE
            return (present if value else f"(NOT {present})"), []
        if operator is Operator.REGEX:
            sql, params = self._matches(column, value)
            return (f"(COALESCE({column}, '') <> '' AND {sql})" if name in _OPTIONAL else sql), params
        if operator is Operator.IN:
            return _any_of([self._compare_text(name, Operator.EQ, part) for part in value])
        if value is None and operator is Operator.EQ:
            return (f"(COALESCE({column}, '') = '')" if name in _OPTIONAL else _FALSE), []
        if not isinstance(value, str):
            return _FALSE, []
        if operator is Operator.EQ:
            return f"(COALESCE({column}, '') = ?)", [value]
        present = f"COALESCE({column}, '') <> '' AND " if name in _OPTIONAL else ""
        return f"({present}{column} {_SQL_OPERATORS[operator]} ?)", [value]

    def _compare_number(self, column: str, operator: Operator, value: Any) -> tuple[str, list[Any]]:
        if operator is Operator.EXISTS:
            return (f"({column} IS NOT NULL)" if value else f"({column} IS NULL)"), []
        if operator is Operator.IN:
            return _any_of([self._compare_number(column, Operator.EQ, part) for part in value])
        if isinstance(value, bool) or not isinstance(value, int | float):
            return (f"({column} IS NULL)" if value is None and operator is Operator.EQ else _FALSE), []
        sign = "=" if operator is Operator.EQ else _SQL_OPERATORS[operator]
        return f"(COALESCE({column} {sign} ?, 1 = 0))", [float(value)]

    def _compare_tags(self, operator: Operator, value: Any) -> tuple[str, list[Any]]:
        if operator is Operator.EXISTS:
            return ("(r.tags <> '[]')" if value else "(r.tags = '[]')"), []
        if operator is Operator.IN:
            return _any_of([self._compare_tags(Operator.EQ, part) for part in value])
        if operator in _SHAPES:
            return self._shape_of_tags(operator, value)
        if operator is Operator.REGEX:
            pattern = compile_filter_pattern(value)
            rows = self._tx.all("SELECT DISTINCT tag FROM tracked_tag WHERE project_id = ?", (self._project_id,))
            return _any_of([self._has_tag(row["tag"], wanted=True) for row in rows if pattern(row["tag"])])
        if operator is Operator.EQ and isinstance(value, str):
            return self._has_tag(value, wanted=True)
        if operator is Operator.EQ and isinstance(value, list):
            return "(r.tags = ?)", [json.dumps(value, separators=(",", ":"), ensure_ascii=False)]
        if operator is Operator.EQ and value is None:
            return "(r.tags = '[]')", []
        if operator in _SQL_OPERATORS and isinstance(value, str):
            sql = f"(r.run_id IN (SELECT run_id FROM tracked_tag WHERE project_id = ? AND tag {_SQL_OPERATORS[operator]} ?))"
            return sql, [self._project_id, value]
        return _FALSE, []

    def _shape_of_tags(self, operator: Operator, value: Any) -> tuple[str, list[Any]]:
        holds = compile_filter({"": {operator.value: value}})
        rows = self._tx.all("SELECT DISTINCT tags FROM tracked_run WHERE project_id = ?", (self._project_id,))
        fitting = [row["tags"] for row in rows if holds(lambda name, row=row: values_at(json.loads(row["tags"]), name))]  # type: ignore[misc]
        return self._listed("r.tags", fitting, "TEXT")

    def _has_tag(self, tag: str, *, wanted: bool) -> tuple[str, list[Any]]:
        sql = "(r.run_id IN (SELECT run_id FROM tracked_tag WHERE project_id = ? AND tag = ?))"
        return (sql if wanted else f"(NOT {sql})"), [self._project_id, tag]

    def _compare_listed_value(self, field: Field, operator: Operator, value: Any) -> tuple[str, list[Any]]:
        """Compare a value of config or summary, which may be a list or lie within one."""
        if (prefix := _PREFIXES.get(field.kind)) is None:
            return self._compare_value(None, operator, value)
        if operator is Operator.EQ and value is None:
            return self._compare_value(self.key_id(prefix + field.name), operator, value)
        if operator is Operator.EXISTS and not value:
            sql, params = self._compare_listed_value(field, operator, value=True)
            return f"(NOT {sql})", params
        parts = [] if operator in _SHAPES else [self._compare_value(self.key_id(prefix + field.name), operator, value)]
        if field.kind is not FieldKind.HISTORY_KEY:
            parts.append(self._listed("r.run_id", runs_with(self._tx, self.key_id, prefix + field.name, operator, value), "BIGINT"))
        return parts[0] if len(parts) == 1 else _any_of([part for part in parts if part[0] != _FALSE])

    def _compare_value(self, key_id: int | None, operator: Operator, value: Any) -> tuple[str, list[Any]]:
        if operator is Operator.EXISTS:
            sql, params = self._in_values(key_id, "1 = 1", [])
            return (sql if value else f"(NOT {sql})"), params
        if operator is Operator.REGEX:
            return self._matches_value(key_id, value)
        if operator is Operator.IN:
            return _any_of([self._compare_value(key_id, Operator.EQ, part) for part in value])
        if operator is Operator.EQ:
            return self._equals_value(key_id, value)
        wanted = indexed(value)
        sign = _SQL_OPERATORS[operator]
        if wanted.kind in {"n", "b"} and wanted.number is not None:
            return self._in_values(key_id, *_compares(wanted, sign))
        if wanted.kind == "s":
            return self._in_values(key_id, f"kind = 's' AND text {sign} ?", [wanted.text])
        return _FALSE, []

    def _equals_value(self, key_id: int | None, value: Any) -> tuple[str, list[Any]]:
        wanted: IndexedValue = indexed(value)
        if wanted.kind == "z":
            absent, params = self._in_values(key_id, "kind <> 'z'", [])
            return f"(NOT {absent})", params
        if wanted.kind in {"n", "b"} and wanted.number is not None:
            return self._in_values(key_id, *_compares(wanted, "="))
        return self._in_values(key_id, "kind = ? AND text = ?", [wanted.kind, wanted.text])

    def _in_values(self, key_id: int | None, condition: str, params: list[Any]) -> tuple[str, list[Any]]:
        if key_id is None:
            return _FALSE, []
        return f"(r.run_id IN (SELECT run_id FROM tracked_value WHERE key_id = ? AND {condition}))", [key_id, *params]

    def _matches(self, column: str, pattern: str) -> tuple[str, list[Any]]:
        found = compile_filter_pattern(pattern)
        position = "instr" if self._tx.dialect.name == "sqlite" else "strpos"
        if (text := plain_text(pattern)) is not None:
            return f"({position}(COALESCE({column}, ''), ?) > 0)", [text]
        sql = f"SELECT DISTINCT COALESCE({column}, '') AS text FROM tracked_run r WHERE r.project_id = ?"
        params: list[Any] = [self._project_id]
        if needed := required_text(pattern):
            sql, params = f"{sql} AND {position}(COALESCE({column}, ''), ?) > 0", [*params, needed]
        matching = [row["text"] for row in self._tx.all(sql, params) if found(row["text"])]
        return self._listed(f"COALESCE({column}, '')", matching, "TEXT")

    def _matches_value(self, key_id: int | None, pattern: str) -> tuple[str, list[Any]]:
        found = compile_filter_pattern(pattern)
        if key_id is None:
            return _FALSE, []
        rows = self._tx.all("SELECT run_id, text FROM tracked_value WHERE key_id = ? AND kind = 's'", (key_id,))
        return self._listed("r.run_id", [row["run_id"] for row in rows if found(row["text"])], "BIGINT")

    def _listed(self, expression: str, values: Sequence[Any], sql_type: str) -> tuple[str, list[Any]]:
        """Return that `expression` is one of `values`, however many there are."""
        if not values:
            return _FALSE, []
        if self._tx.dialect.name == "sqlite":
            return f"({expression} IN (SELECT value FROM json_each(?)))", [json.dumps(values)]
        return f"({expression} IN (SELECT CAST(value AS {sql_type}) FROM json_array_elements_text(CAST(? AS JSON))))", [json.dumps(values)]

    def key_id(self, name: str) -> int | None:
        """Return the number of an indexed key of the project, or None when no run has it."""
        row = self._tx.one("SELECT key_id FROM tracked_key WHERE project_id = ? AND name = ?", (self._project_id, name))
        return None if row is None else int(row["key_id"])


def _compares(wanted: IndexedValue, sign: str) -> tuple[str, list[Any]]:
    """Return the condition that a number or truth value is less than, equal to or greater than `wanted`.

    Integers that share a double are told apart by their digits.
    """
    number = wanted.number
    assert number is not None
    if wanted.kind == "b" or abs(number) < EXACT_DOUBLE:
        return f"kind = ? AND number {sign} ?", [wanted.kind, number]
    plain = str(int(number)) if math.isfinite(number) else _MORE_DIGITS
    stored, digits = "COALESCE(text, CAST(? AS TEXT))", wanted.text or plain
    tie = f"number = ? AND (length({stored}), {stored}) {_mirrored(sign) if number < 0 else sign} (length(?), CAST(? AS TEXT))"
    beyond = f"number {sign[0]} ? OR " if sign != "=" else ""
    return f"kind = 'n' AND ({beyond}({tie}))", [*([number] if beyond else []), number, plain, plain, digits, digits]


def _mirrored(sign: str) -> str:
    return sign.translate(str.maketrans("<>", "><"))


def find_run_ids(
    tx: Transaction, project_id: TrackedProjectId, filter: Filter, orders: Sequence[Order], *, after: str | None, limit: int
) -> list[tuple[TrackedRunId, str]]:
    """Return (run id, cursor) of at most `limit` matching runs after the cursor, in order.

    Raises:
        InvalidArgumentError: the cursor or a regular expression is malformed.
    """
    selection = RunSelection(tx, project_id)
    where, params = selection.condition(filter)
    terms = _sort_terms(selection, orders) or _sort_terms(selection, _NEWEST_FIRST)
    position = _decode_cursor(after, len(terms)) if after else None
    driver = next((term.key_id for term in terms[:1] if term.key_id is not None), None)
    found: list[tuple[TrackedRunId, str]] = []
    phases = [None] if driver is None else [True, False]
    for has_value in phases:
        if position is not None and has_value and position[0] is None:
            continue
        inside = position if has_value is None or has_value == (position is not None and position[0] is not None) else None
        rows = _phase(tx, project_id, (where, params), terms, has_value=has_value, position=inside, limit=limit - len(found))
        found += rows
        if len(found) >= limit:
            break
    return found


class _Term:
    """One sort expression: SQL of its value (NULL when absent) and the join it needs."""

    def __init__(self, sql: str, *, is_descending: bool, key_id: int | None = None, join: str = "") -> None:
        self.sql = sql
        self.is_descending = is_descending
        self.key_id = key_id
        self.join = join


def _sort_terms(selection: RunSelection, orders: Sequence[Order]) -> list[_Term]:
    terms: list[_Term] = []
    for index, order in enumerate(orders[:4]):
        field, down = order.field, order.is_descending
        if field.kind is FieldKind.COLUMN and field.name in _NUMBER_COLUMNS:
            terms.append(_Term(_NUMBER_COLUMNS[field.name], is_descending=down))
        elif field.kind is FieldKind.COLUMN and field.name in _TEXT_COLUMNS:
            column = _TEXT_COLUMNS[field.name]
            terms.append(_Term(f"NULLIF({column}, '')" if field.name in _OPTIONAL else column, is_descending=down))
        elif field.kind is FieldKind.COLUMN and field.name == "tags":
            terms.append(_Term("NULLIF(r.tags, '[]')", is_descending=down))
        elif field.kind in _PREFIXES and (key_id := selection.key_id(_PREFIXES[field.kind] + field.name)) is not None:
            alias = f"o{index}"
            for kind, column in (("n", "number"), ("s", "text")):
                name = f"{alias}{kind}"
                on = f"{name}.key_id = {key_id} AND {name}.run_id = r.run_id AND {name}.kind = '{kind}'"
                join = f"LEFT JOIN tracked_value {name} ON {on}"
                is_driver = kind == "n" and index == 0
                terms.append(_Term(f"{alias}{kind}.{column}", is_descending=down, key_id=key_id if is_driver else None, join=join))
    return terms


def _phase(
    tx: Transaction,
    project_id: TrackedProjectId,
    condition: tuple[str, list[Any]],
    terms: Sequence[_Term],
    *,
    has_value: bool | None,
    position: list[Any] | None,
    limit: int,
) -> list[tuple[TrackedRunId, str]]:
    """Read one stretch of the result.

    With a sort by an indexed number the runs that have it come first, in the order of the index (`has_value` True), then the
    others; that way a page reads only its own rows of a large project.
    """
    joins, extra, params = [term.join for term in terms if term.join], [], []
    if has_value is True:
        joins[0] = ""
        head = f"tracked_value o0n JOIN tracked_run r ON r.run_id = o0n.run_id AND r.project_id = {int(project_id)} "
        extra.append(f"o0n.key_id = {terms[0].key_id} AND o0n.kind = 'n' AND o0n.number IS NOT NULL")
        if tx.dialect.name == "sqlite":
            head = head.replace(" JOIN ", " CROSS JOIN ")  # SQLite's way to fix the order of a join
    else:
        head = "tracked_run r "
        extra.append(f"r.project_id = {int(project_id)}")
        if has_value is False:
            extra.append("o0n.number IS NULL")
    where, where_params = condition
    params += where_params
    if position is not None:
        sql, keyset_params = _after(terms, position)
        extra.append(sql)
        params += keyset_params
    columns = ", ".join(f"{term.sql} AS k{index}" for index, term in enumerate(terms))
    order = []
    for index, term in enumerate(terms):
        if not (has_value is not None and index == 0) and not term.sql.startswith("r.created_at"):
            order.append(f"({term.sql}) IS NULL")
        if not (has_value is False and index == 0):
            order.append(f"{term.sql} {'DESC' if term.is_descending else 'ASC'}")
    order.append(f"r.run_id {_tie(terms)}")
    where_all = " AND ".join([where, *extra]) if where != _TRUE else " AND ".join(extra)
    source = f"{head}{' '.join(joins)}"
    sql = f"SELECT r.run_id AS run_id, {columns} FROM {source} WHERE {where_all} ORDER BY {', '.join(order)} LIMIT {int(limit)}"
    rows = tx.all(sql, params)
    return [(TrackedRunId(row["run_id"]), _encode_cursor([row[f"k{index}"] for index in range(len(terms))], row["run_id"])) for row in rows]


def _tie(terms: Sequence[_Term]) -> str:
    """Direction of the tie-break: that of the first term, so that one index serves both."""
    return "DESC" if terms and terms[0].is_descending else "ASC"


def _after(terms: Sequence[_Term], position: list[Any]) -> tuple[str, list[Any]]:
    """Return the keyset condition: rows that sort after `position` (values of the terms, then the run id)."""
    clauses: list[str] = []
    params: list[Any] = []
    equal: list[str] = []
    equal_params: list[Any] = []
    for term, value in zip(terms, position[:-1], strict=True):
        if value is not None:
            sign = "<" if term.is_descending else ">"
            clauses.append(" AND ".join([*equal, f"(({term.sql}) {sign} ? OR ({term.sql}) IS NULL)"]))
            params += [*equal_params, value]
            equal.append(f"({term.sql}) = ?")
            equal_params.append(value)
        else:
            equal.append(f"({term.sql}) IS NULL")
    sign = "<" if _tie(terms) == "DESC" else ">"
    clauses.append(" AND ".join([*equal, f"r.run_id {sign} ?"]))
    params += [*equal_params, position[-1]]
    return "(" + " OR ".join(f"({clause})" for clause in clauses) + ")", params


def _encode_cursor(values: Sequence[Any], run_id: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([*values, run_id], separators=(",", ":")).encode()).decode()


def _decode_cursor(text: str, terms: int) -> list[Any]:
    try:
        position = json.loads(base64.urlsafe_b64decode(text.encode()))
    except (ValueError, binascii.Error) as error:
        raise InvalidArgumentError("the cursor of a run list is malformed") from error
    if not isinstance(position, list) or len(position) != terms + 1 or not isinstance(position[-1], int):
        raise InvalidArgumentError("the cursor belongs to another order of the run list")
    return position


def _any_of(parts: Sequence[tuple[str, list[Any]]]) -> tuple[str, list[Any]]:
    if not parts:
        return _FALSE, []
    return f"({' OR '.join(sql for sql, _ in parts)})", [param for _, params in parts for param in params]
