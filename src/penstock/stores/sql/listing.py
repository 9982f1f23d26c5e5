"""SQL of lists: predicates, one sort key and a keyset position, turned into one statement for rows and one for the total.

Values always travel as bound parameters; field names are looked up in the table's map, so nothing a client writes becomes SQL.
Rows of a page come from an index where there is one for the sort key; no OFFSET anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from penstock.domain.errors import InvalidArgumentError
from penstock.interfaces.listing import ListQuery, Op, Page, Predicate, Scalar
from penstock.stores.sql.database import Row, Transaction
from penstock.stores.sql.dialects import SqlDialect, escape_like

T = TypeVar("T")

_COMPARE = {
    Op.EQUALS: "=",
    Op.NOT_EQUALS: "<>",
    Op.GREATER_THAN: ">",
    Op.GREATER_THAN_EQUALS: ">=",
    Op.LESS_THAN: "<",
    Op.LESS_THAN_EQUALS: "<=",
}
_LOWEST_NUMBER = -1.7e308
"""Stands for an absent number in the order of a list: such rows come first when ascending."""


@dataclass(frozen=True, slots=True)
class Column:
    """What a field means in SQL."""

    sql: str
    is_number: bool = False
    is_nullable: bool = False

    @property
    def sort_sql(self) -> str:
        """The expression in an order that has no NULLs."""
        if not self.is_nullable:
            return self.sql
        return f"COALESCE({self.sql}, {_LOWEST_NUMBER})" if self.is_number else f"COALESCE({self.sql}, '')"



@dataclass(frozen=True, slots=True)
class Listing:
    """A table as a list."""

    source: str
    """What stands after FROM."""
    select: str
    """What stands after SELECT."""
    id_sql: str
    """Unique column that breaks ties; text, or made text."""
    columns: Mapping[str, Column]
    dynamic: Callable[[str, Statement], Column | None] = field(default=lambda _key, _statement: None)
    """Finds columns of open-ended keys such as `tags.team`."""


class Statement:
    """WHERE clauses with their bound values."""

    def __init__(self, dialect: SqlDialect) -> None:
        self.dialect = dialect
        self.clauses: list[str] = []
        self.params: dict[str, Any] = {}

    def bind(self, value: Any) -> str:
        """Bind `value` and return its placeholder."""
        name = f"v{len(self.params)}"
        self.params[name] = value
        return f":{name}"

    def equals(self, sql: str, value: Any) -> None:
        """Require `sql` to be `value`."""
        self.clauses.append(f"{sql} = {self.bind(value)}")

    def one_of(self, sql: str, values: tuple[Any, ...] | list[Any]) -> None:
        """Require `sql` to be one of `values`."""
        self.clauses.append(f"{sql} IN ({', '.join(self.bind(value) for value in values)})" if values else "1 = 0")

    def in_namespace(self, sql: str, namespace: str) -> None:
        """Require a row to be visible in a namespace: rows without one are visible in all.

        Clients differ in where they name one: `PipelinesClient` lists with `kubeflow` what it created without (observed with kfp 2.17).
        """
        self.one_of(sql, [namespace, ""])

    @property
    def where(self) -> str:
        """The WHERE clause, or nothing."""
        return f" WHERE {' AND '.join(self.clauses)}" if self.clauses else ""


def column_of(listing: Listing, key: str, statement: Statement) -> Column:
    """Find the column of a field.

    Raises:
        InvalidArgumentError: the list has no such field.
    """
    column = listing.columns.get(key) or listing.dynamic(key, statement)
    if column is None:
        raise InvalidArgumentError(f"unknown field {key!r}")
    return column


def add_predicate(listing: Listing, predicate: Predicate, statement: Statement) -> None:
    """Add one condition to the statement."""
    column = column_of(listing, predicate.key, statement)
    values = tuple(_fitting(value, column) for value in predicate.values)
    sql = column.sql
    if predicate.op is Op.IS_SUBSTRING:
        statement.clauses.append(statement.dialect.ilike(_as_text(sql, column), statement.bind(f"%{escape_like(str(values[0]))}%")))
    elif predicate.op is Op.IN:
        statement.one_of(sql, values)
    elif predicate.op is Op.NOT_IN:
        if values:
            statement.clauses.append(f"COALESCE({sql} NOT IN ({', '.join(statement.bind(value) for value in values)}), {_true(statement)})")
    elif predicate.op is Op.NOT_EQUALS and column.is_nullable:
        statement.clauses.append(f"COALESCE({sql} <> {statement.bind(values[0])}, {_true(statement)})")
    else:
        statement.clauses.append(f"{sql} {_COMPARE[predicate.op]} {statement.bind(values[0])}")


def read_page(
    tx: Transaction,
    listing: Listing,
    query: ListQuery,
    *,
    scope: Callable[[Statement], None],
    to_item: Callable[[Row], T],
    count: Callable[[Transaction, Statement], int] | None = None,
) -> Page[T]:
    """Read one page and the total: two statements, whatever the page holds.

    Args:
        tx: where to read.
        listing: the table.
        query: what is asked.
        scope: adds the fixed restrictions of the list.
        to_item: makes a value of a row.
        count: replaces counting the matching rows.
    """
    statement = Statement(tx.dialect)
    scope(statement)
    for predicate in query.predicates:
        add_predicate(listing, predicate, statement)
    total = _count(tx, listing, statement) if count is None else count(tx, statement)
    sort = column_of(listing, query.sort.key, statement)
    direction, beyond = ("DESC", "<") if query.sort.is_descending else ("ASC", ">")
    if query.after is not None:
        value, row_id = query.after
        place = f"({statement.bind(_position(value, sort))}, {statement.bind(row_id)})"
        statement.clauses.append(f"({sort.sort_sql}, {listing.id_sql}) {beyond} {place}")
    limit = statement.bind(query.limit + 1)
    rows = tx.all(
        f"SELECT {listing.select}, {sort.sort_sql} AS sort_value, {listing.id_sql} AS sort_id FROM {listing.source}{statement.where}"
        f" ORDER BY {sort.sort_sql} {direction}, {listing.id_sql} {direction} LIMIT {limit}",
        statement.params,
    )
    has_more = len(rows) > query.limit
    rows = rows[: query.limit]
    last: tuple[Scalar, str] | None = (rows[-1]["sort_value"], str(rows[-1]["sort_id"])) if has_more else None
    return Page([to_item(row) for row in rows], total, last)


def _count(tx: Transaction, listing: Listing, statement: Statement) -> int:
    row = tx.one(f"SELECT COUNT(*) AS n FROM {listing.source}{statement.where}", statement.params)
    return int(row["n"]) if row else 0


def _position(value: Scalar, column: Column) -> Scalar:
    if column.is_number:
        if isinstance(value, str):
            raise InvalidArgumentError("page_token: not a token of this list")
        return float(value)
    return str(value)


def _fitting(value: Scalar, column: Column) -> Scalar:
    if not column.is_number:
        return str(value)
    try:
        return float(value)
    except ValueError:
        raise InvalidArgumentError(f"filter: {value!r} is not a number") from None


def _as_text(sql: str, column: Column) -> str:
    return f"CAST({sql} AS TEXT)" if column.is_number else sql


def _true(statement: Statement) -> str:
    return "1" if statement.dialect.name == "sqlite" else "TRUE"


def tag_column(column: str, key: str, statement: Statement) -> Column:
    """Return the value of one tag in a JSON column of tags."""
    place = statement.bind(key)
    if statement.dialect.name == "sqlite":
        return Column(f"(SELECT value FROM json_each({column}) WHERE key = {place})", is_nullable=True)
    return Column(f"({column}::jsonb ->> CAST({place} AS TEXT))", is_nullable=True)
