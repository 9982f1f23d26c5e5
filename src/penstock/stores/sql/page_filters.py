"""SQL of the filter bar and of keyset paging, shared by the page queries.

Turns `ListQuery` conditions into WHERE clauses with bound parameters; user text never becomes SQL. Fields a list does not know are
looked up among parameters and metrics where the list has them, and ignored elsewhere. Grammar: `web/lists/filters.py`.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import Any, TypeVar

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.periods import bounds_of, seconds_of, zone_named
from penstock.interfaces.pages import COUNT_LIMIT, LOOKED_AT, Condition, ListQuery, Page
from penstock.stores.sql.database import Row, Transaction
from penstock.stores.sql.dialects import SqlDialect, escape_like

T = TypeVar("T")
Sort = str | tuple[str, ...]
"""SQL that sorts, never NULL; of several expressions, one after the other."""

_RARE = 20_000
FEW = 500
"""Runs with a word that are looked up one by one."""
_ID_START = 4
"""Letters from which a word may be the start of an id."""
_TRIGRAM = 3
"""Letters that the index of words needs."""
COMPARE = {":": "=", "=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": ">=", ":": ">="}
"""An age below a day is a time above now minus a day; a bare age means "within"."""

STATE_WORDS: Mapping[str, tuple[str, ...]] = {
    "active": ("PENDING", "RUNNING", "CANCELING", "PAUSED"),
    "running": ("RUNNING", "CANCELING"),
    "pending": ("PENDING",),
    "queued": ("PENDING",),
    "succeeded": ("SUCCEEDED",),
    "success": ("SUCCEEDED",),
    "ok": ("SUCCEEDED",),
    "failed": ("FAILED",),
    "error": ("FAILED",),
    "canceled": ("CANCELED",),
    "cancelled": ("CANCELED",),
    "terminated": ("CANCELED", "CANCELING"),
    "skipped": ("SKIPPED",),
    "paused": ("PAUSED",),
    "final": ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED"),
}
"""Words people type for states of runs and tasks."""


def number_of(text: str) -> float | None:
    """Read a finite number, `%` allowed; None when it is not one."""
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def id_range(text: str) -> tuple[str, str]:
    """Return bounds (from, below) of the ids that start with a word; of a word too short to be one, none."""
    start = text.lower()
    return start, start + "\U0010ffff" if len(text) >= _ID_START else start


class Where:
    """Clauses joined by AND with their bound values."""

    def __init__(self, tx: Transaction, *, now: float, zone: str = "UTC") -> None:
        self.tx = tx
        self._zone = zone_named(zone) or UTC
        self.dialect: SqlDialect = tx.dialect
        self.now = now
        self.clauses: list[str] = []
        self.ties: list[str] = []
        """What ties the tables of a list together that its order brought in."""
        self.late: list[str] = []
        self.params: dict[str, Any] = {}
        self._rare: tuple[str, str, str] | None = None

    def bind(self, value: Any) -> str:
        """Bind `value` and return its placeholder."""
        name = f"p{len(self.params)}"
        self.params[name] = value
        return f":{name}"

    def add(self, clause: str) -> None:
        """Require `clause`."""
        self.clauses.append(clause)

    @contextmanager
    def judged(self) -> Iterator[None]:
        """Within it, what is required is dear to tell, so that only the newest `LOOKED_AT` rows of the list are judged by it."""
        kept, self.clauses = self.clauses, self.late
        try:
            yield
        finally:
            self.clauses = kept

    def equals(self, column: str, value: Any) -> None:
        """Require `column` to be `value`."""
        self.add(f"{column} = {self.bind(value)}")

    def namespace(self, table: str, query: ListQuery) -> None:
        """Require rows of `table` to be in the reader's namespace, if the query names one."""
        if name := query.scope.get("namespace"):
            self.add(in_namespace(table, self.bind(name)))

    def among(self, column: str, values: Sequence[Any]) -> None:
        """Require `column` to be one of `values`."""
        self.add(f"{column} IN ({self.listed(values)})")

    def contains(self, column: str, text: str) -> str:
        """SQL: `column` contains `text`, whatever its case."""
        return self.dialect.ilike(column, self.bind(f"%{escape_like(text)}%"))

    def starts(self, column: str, text: str) -> str:
        """SQL: `column` starts with `text`."""
        return f"{column} LIKE {self.bind(escape_like(text) + '%')} ESCAPE '\\'"

    def word(self, text: str, *columns: str, id_column: str) -> None:
        """Require a free word in one of `columns`, or as the start of the id."""
        self.add(f"({self.worded(text, *columns, id_column=id_column)})")

    def worded(self, text: str, *columns: str, id_column: str) -> str:
        """SQL: one of `columns` contains a free word, or the id begins with it."""
        options = [self.contains(column, text) for column in columns]
        if len(text) >= _ID_START:
            options.append(self.starts(id_column, text.lower()))
        return " OR ".join(options)

    def run_text(self, column: str, condition: Condition) -> None:
        """Require a text of the run of an execution, its name or pipeline; few runs that hold it are found first."""
        ids = self.few_runs(condition.value) if condition.operator in {":", "="} else None
        if ids is not None:
            self.among("task.run_id", ids)
        self.text(column, condition)

    def few_runs(self, text: str) -> list[str] | None:
        """Ids of runs that hold a word or begin with it where that is quick to know and they are few; None otherwise."""
        if self.dialect.name != "sqlite" or len(text) < _TRIGRAM:
            return None
        quoted = '"' + text.replace('"', '""') + '"'
        start, end = id_range(text)
        rows = self.tx.all(
            f"SELECT run_id FROM run_word_key WHERE number IN (SELECT rowid FROM run_word WHERE run_word MATCH :words LIMIT {FEW + 1}) "
            f"UNION SELECT run_id FROM (SELECT run_id FROM run WHERE run_id >= :start AND run_id < :end LIMIT {FEW + 1}) AS begins",
            {"words": quoted, "start": start, "end": end},
        )
        return [row["run_id"] for row in rows] if len(rows) <= FEW else None

    def listed(self, values: Sequence[Any]) -> str:
        """SQL: the values, with commas between them; what is among none is nothing."""
        return ", ".join(self.bind(value) for value in values) or "NULL"

    def text(self, column: str, condition: Condition) -> None:
        """Require a text column to contain (`:`), be (`=`) or not be (`!=`) the value."""
        if condition.operator == ":":
            self.add(self.contains(column, condition.value))
        else:
            self.add(f"{column} {COMPARE[condition.operator]} {self.bind(condition.value)}")

    def states(self, column: str, condition: Condition) -> None:
        """Require a state; the value is one or more words separated by commas."""
        wanted: list[str] = []
        for word in condition.value.lower().split(","):
            wanted += STATE_WORDS.get(word.strip(), (word.strip().upper(),))
        places = ", ".join(self.bind(state) for state in wanted)
        self.add(f"{column} {'NOT IN' if condition.operator == '!=' else 'IN'} ({places})")

    def number(self, expression: str, condition: Condition) -> None:
        """Require a number or span; unreadable values match nothing."""
        span = seconds_of(condition.value)
        value = number_of(condition.value) if span is None else span
        self.add("1 = 0" if value is None else f"{expression} {COMPARE[condition.operator]} {self.bind(value)}")

    def time(self, column: str, condition: Condition) -> None:
        """Require an age (`<24h`), a date (`>2026-01-31`) or a range (`2026-01..`), see `domain.periods`; else nothing matches."""
        age = seconds_of(condition.value)
        if age is not None and condition.operator in _MIRROR:
            self.add(f"{column} {_MIRROR[condition.operator]} {self.bind(self.now - age)}")
            return
        bounds = bounds_of(condition.operator, condition.value, self._zone)
        if bounds is None:
            self.add("1 = 0")
            return
        ends = [f"{column} >= {self.bind(bounds.low)}"] if bounds.low is not None else []
        ends += [f"{column} < {self.bind(bounds.high)}"] if bounds.high is not None else []
        self.add(f"{'NOT ' if bounds.is_outside else ''}({' AND '.join(ends)})")

    def tag(self, column: str, value: str) -> None:
        """Require a tag by key, by value or as `key=value`; tags are stored as compact JSON objects of strings."""
        key, separator, wanted = value.partition("=")
        needle = json.dumps(key, ensure_ascii=False) + (":" + json.dumps(wanted, ensure_ascii=False) if separator else "")
        self.add(self.contains(column, needle))

    def lacks_tag(self, column: str, key: str, value: str) -> None:
        """Require that there is no such tag."""
        self.tag(column, f"{key}={value}")
        self.add(f"NOT ({self.clauses.pop()})")

    def scalar(self, id_column: str, condition: Condition) -> None:
        """Require a run parameter or metric; `param.x` and `metric.x` name one kind only. Of `task.task_id`: a metric of the task, of
        which the newest tasks alone are judged where many values match.
        """
        name = condition.field
        tables: tuple[str, ...] = ("run_metric", "run_parameter")
        key, same = "run_id", f"run_id = {id_column}"
        if id_column == "task.task_id":
            key, same = "task_id", "run_id = task.run_id AND task_id = task.task_id"
        if name.startswith("metric."):
            name, tables = name[7:], ("run_metric",)
        elif name.startswith(("param.", "parameter.")):
            name, tables = name.partition(".")[2], ("run_parameter",)
        number = number_of(condition.value)
        tests = []
        if number is not None:
            tests.append(f"number {COMPARE[condition.operator]} {self.bind(number)}")
        if condition.operator == ":":
            tests.append(self.contains("text", condition.value))
        elif number is None:
            tests.append(f"text {COMPARE[condition.operator]} {self.bind(condition.value)}")
        named, test = self.bind(name), " OR ".join(tests)
        matching = [f"{table} WHERE {table}.name = {named} AND ({test})" for table in tables]
        if self._is_rare(matching):
            few = " UNION ".join(f"SELECT {key} FROM {source}" for source in matching)
            self._rare = self._rare or (id_column, f"({few}) AS rare CROSS JOIN", f"rare.{key}")
            self.add(f"{id_column} IN ({few})")
        else:
            # The name disguised, so that SQLite looks at the few values of each run and not at all runs' values of that name.
            found = (f"EXISTS (SELECT 1 FROM {table} WHERE {same} AND name || '' = {named} AND ({test}))" for table in tables)
            if key == "task_id":  # of so many tasks few may have the metric: all would be read to count a page
                self.late.append(f"({' OR '.join(found)})")
            else:
                self.add(f"({' OR '.join(found)})")

    def _is_rare(self, matching: list[str]) -> bool:
        """Whether few rows match: then collecting their runs first is cheap; else a page fills soon by looking run by run."""
        union = " UNION ALL ".join(f"SELECT 1 FROM {source}" for source in matching)
        row = self.tx.one(f"SELECT COUNT(*) AS n FROM (SELECT 1 FROM ({union}) AS found LIMIT {_RARE + 1}) AS few", self.params)
        return row is None or int(row["n"]) <= _RARE

    def counted(self, source: str) -> str:
        """SQL after FROM to count what matches in `source`: the few runs with a rare value are looked up; SQLite would read all runs."""
        if self._rare is None:
            return f"{source} {self.sql()}"
        id_column, few, key = self._rare
        return f"{few} {source} {self.sql()} AND {id_column} = {key}"

    def sql(self) -> str:
        """The WHERE clause, or nothing."""
        clauses = [*self.clauses, *self.ties]
        return f"WHERE {' AND '.join(clauses)}" if clauses else ""


def in_namespace(table: str, place: str) -> str:
    """SQL: rows of `table` belong to the namespace at the placeholder `place`. Objects of pipelines without one are in every namespace;
    a flow's run is in that of its user.
    """
    if table != "run":
        return f"{table}.namespace IN ('', {place})"
    return f"(run.namespace = {place} OR (run.namespace = '' AND (run.kind <> 'flow' OR run.service_account = {place})))"


def seen_by(reader: str | None, column: str) -> str:
    """SQL: what the entity in `column` owns is for the user at the placeholder `:reader` to see; None: whoever asks sees everything."""
    if reader is None:
        return "1 = 1"
    return f"NOT EXISTS (SELECT 1 FROM tracked_entity AS own WHERE own.name = {column} AND own.kind = 'user' AND own.name <> :reader)"


def encode_cursor(value: Any, identity: str | int) -> str:
    """Make the opaque position after a row."""
    return base64.urlsafe_b64encode(json.dumps([value, identity]).encode()).decode().rstrip("=")


def decode_cursor(text: str) -> tuple[Any, str | int]:
    """Read a position.

    Raises:
        InvalidArgumentError: the text was not made by `encode_cursor`.
    """
    try:
        value, identity = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error) as error:
        raise InvalidArgumentError("this page position is not valid any more") from error
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(part, str | int | float) for part in parts) or not isinstance(identity, str | int):
        raise InvalidArgumentError("this page position is not valid any more")
    return value, identity


@dataclass(frozen=True, slots=True)
class LateSorts:
    """Orders that no index has: those of values that are worked out for each row."""

    newest: str
    """Column by which the newest rows are found, from an index."""
    sorts: Mapping[str, Sort] = field(default_factory=dict)
    """SQL per sort name."""


def judged(where: Where, source: str, *, identity: str, newest: str) -> tuple[str, Where]:
    """Return the FROM clause and the clauses of the newest `LOOKED_AT` rows that match, with what is judged late among them; without
    anything to judge late, those of all rows.
    """
    if not where.late:
        return source, where
    return _beside(_newest(where, source, identity, newest), source), _among_newest(where, identity)


def _newest(where: Where, source: str, identity: str, newest: str, carried: str = "") -> str:
    """SQL of the newest `LOOKED_AT` rows that match without what is judged late: their identity, and what is `carried` along."""
    return f"SELECT {identity} AS near_id{carried} FROM {source} {where.sql()} ORDER BY {newest} DESC, {identity} DESC LIMIT {LOOKED_AT}"


def _among_newest(where: Where, identity: str) -> Where:
    """The clauses of rows that stand beside `near`, with what is judged late among them."""
    inside = Where(where.tx, now=where.now)
    inside.params, inside.clauses = where.params, [f"{identity} = near.near_id", *where.ties, *where.late]
    return inside


def _beside(near: str, source: str) -> str:
    """FROM clause of the rows that `near` finds; CROSS JOIN keeps SQLite at looking up those, instead of reading all of them."""
    return f"({near}) AS near CROSS JOIN {source}"


def count_up_to(tx: Transaction, where: Where, source: str, limit: int) -> int:
    """Return how many rows match without what is judged late, counted up to one more than `limit`."""
    counted = tx.one(f"SELECT COUNT(*) AS n FROM (SELECT 1 FROM {where.counted(source)} LIMIT {limit + 1}) AS matching", where.params)
    return int(counted["n"]) if counted is not None else 0


def select_page(
    tx: Transaction,
    query: ListQuery,
    where: Where,
    *,
    select: str,
    source: str,
    sorts: Mapping[str, Sort],
    identity: str,
    convert: Callable[[Row], T],
    joins: str = "",
    count_limit: int = COUNT_LIMIT,
    late: LateSorts | None = None,
) -> Page[T]:
    """Run a list query: one statement for the rows, one more for the count (up to `count_limit`) unless one page holds them all.

    Args:
        select: columns of the rows.
        source: FROM clause that the WHERE clause needs.
        sorts: SQL expression per sort name; never NULL. The first is used for unknown names.
        identity: unique column that breaks ties.
        joins: further tables that only `select` needs.
        late: sorts that take the newest `LOOKED_AT` matching rows only, as do the `late` clauses of `where`; the page says so.
    """
    sort: Sort = sorts.get(query.sort) or next(iter(sorts.values()))
    shown = _Shown(select, source, joins, sort, identity, count_limit)
    if late is None or not (where.late or query.sort in late.sorts):
        return _select_page(tx, query, where, shown, convert)
    shown = replace(shown, sort=late.sorts.get(query.sort, sort))
    if where.late:
        is_more = count_up_to(tx, where, source, LOOKED_AT) > LOOKED_AT
        near_source, near_where = judged(where, source, identity=identity, newest=late.newest)
        page = _select_page(tx, query, near_where, replace(shown, source=near_source), convert)
        return replace(page, looked_at=LOOKED_AT) if is_more else page
    near_where = _among_newest(where, identity)
    if any("SELECT" in key for key in shown.keys):
        near = f"SELECT near_id, COUNT(*) OVER () AS near_count FROM ({_newest(where, source, identity, late.newest)}) AS newest"
        return _select_page(tx, query, near_where, shown.near(near), convert, is_newest=True)
    # What the row alone tells costs little to carry along: only the rows of the page are looked up then.
    values = [f"near_value{place}" for place in range(len(shown.keys))]
    named = "".join(f", {key} AS {value}" for key, value in zip(shown.keys, values, strict=True))
    near = _first_of(query, near_where, _newest(where, source, identity, late.newest, named), values)
    shown = replace(shown.near(near), sort=tuple(f"near.{value}" for value in values))
    return _select_page(tx, query, near_where, shown, convert, is_newest=True)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a page reads of its rows: parts of its statement."""

    select: str
    source: str
    joins: str
    sort: Sort
    identity: str
    count_limit: int

    @property
    def keys(self) -> tuple[str, ...]:
        """What sorts the rows, without their identity."""
        return (self.sort,) if isinstance(self.sort, str) else self.sort

    def near(self, near: str) -> _Shown:
        """The same of the rows that `near` finds."""
        return replace(self, source=_beside(near, self.source))


def _first_of(query: ListQuery, where: Where, near: str, values: Sequence[str]) -> str:
    """SQL of those of the rows `near` that a page shows, so that only they are looked up; bound in `where`."""
    keys = (*values, "near_id")
    names = ", ".join(keys)
    after = f"WHERE {_behind(query, where, keys)}" if query.cursor else ""
    counted = f"SELECT {names}, COUNT(*) OVER () AS near_count FROM ({near}) AS newest"
    return f"SELECT {names}, near_count FROM ({counted}) AS counted {after} {_in_order(query, keys)}"


def _behind(query: ListQuery, where: Where, keys: Sequence[str]) -> str:
    """SQL: behind the position of the page, in the order of `keys`, the last of which breaks ties."""
    value, last = decode_cursor(query.cursor or "")
    values = [*value, last] if isinstance(value, list) else [value, last]
    if len(values) != len(keys):
        raise InvalidArgumentError("this page position is not valid any more")
    return f"({', '.join(keys)}) {'<' if query.is_descending else '>'} ({', '.join(where.bind(one) for one in values)})"


def _in_order(query: ListQuery, keys: Sequence[str]) -> str:
    direction = "DESC" if query.is_descending else "ASC"
    return f"ORDER BY {', '.join(f'{key} {direction}' for key in keys)} LIMIT {int(query.limit) + 1}"


def _select_page(
    tx: Transaction, query: ListQuery, where: Where, shown: _Shown, convert: Callable[[Row], T], *, is_newest: bool = False
) -> Page[T]:
    """Run the statements of a page; `is_newest`: rows tell in `near_count` how many there are."""
    source, keys, identity, count_limit = shown.source, shown.keys, shown.identity, shown.count_limit
    counted_source, count_params = where.counted(source), dict(where.params)
    if query.cursor:
        where.add(_behind(query, where, (*keys, identity)))
    counts = ", near.near_count" if is_newest else ""
    values = "".join(f", {key} AS sort_value{place}" for place, key in enumerate(keys))
    rows = tx.all(
        f"SELECT {shown.select}{values}, {identity} AS sort_identity{counts} FROM {source} {shown.joins} {where.sql()} "
        f"{_in_order(query, (*keys, identity))}",
        where.params,
    )
    items = [convert(row) for row in rows[: query.limit]]
    next_cursor = None
    if len(rows) > query.limit:
        last = rows[query.limit - 1]
        found = [last[f"sort_value{place}"] for place in range(len(keys))]
        next_cursor = encode_cursor(found if len(found) > 1 else found[0], last["sort_identity"])
    if is_newest:
        known = int(rows[0]["near_count"]) if rows else 0
        looked_at = LOOKED_AT if known >= LOOKED_AT else 0
        return Page(items, next_cursor, min(known, count_limit), known <= count_limit and not looked_at, looked_at)
    if next_cursor is None and not query.cursor:
        return Page(items, None, len(items))
    counted = tx.one(f"SELECT COUNT(*) AS n FROM (SELECT 1 FROM {counted_source} LIMIT {count_limit + 1}) AS matching", count_params)
    total = int(counted["n"]) if counted is not None else 0
    return Page(items, next_cursor, min(total, count_limit), total <= count_limit)
