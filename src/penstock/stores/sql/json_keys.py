"""Keys of JSON columns as columns of lists: what a list is sorted and filtered by where no index holds the value.

A key names a value by its path (`lr`, `optimizer.lr`), as `web/lists/key_columns.py` writes it; a dot may also be part of a name. What
has no such value comes first when ascending, then texts, then numbers. Everything else of a JSON document (true, lists, objects) is a text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from penstock.interfaces.pages import Condition
from penstock.stores.sql.dialects import sqlite_json_path
from penstock.stores.sql.page_filters import COMPARE, LateSorts, Where, number_of

_DEEPEST = 3
"""Objects within each other whose members are columns."""
_MOST_PATHS = 8
"""Ways to read the dots of one key."""
_UNREADABLE = r"\\u0000|\\u[dD][89aAbB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89aAbB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
"""Escapes in JSON that PostgreSQL cannot make text of: such a document counts as without the key."""


@dataclass(frozen=True, slots=True)
class KeyValue:
    """SQL of a value: what it is as a number and as a text; each is NULL where it is not that."""

    number: str
    text: str

    @property
    def order(self) -> tuple[str, str]:
        """What sorts it, without NULL."""
        return f"COALESCE({self.number}, -1.7e308)", f"COALESCE({self.text}, '')"


def value_of_key(where: Where, column: str, name: str, *, inside: str = "") -> KeyValue:
    """Return the value of a key in a JSON column, or in the object `inside` of it."""
    head = [inside] if inside else []
    found = [_value(where, column, [*head, *path]) for path in _paths(name)]
    if len(found) == 1:
        return found[0]
    return KeyValue(f"COALESCE({', '.join(one.number for one in found)})", f"COALESCE({', '.join(one.text for one in found)})")


def require(where: Where, value: KeyValue, condition: Condition) -> None:
    """Require a value to compare with that of a condition: as numbers where that is one, else as texts; `:` also finds parts of texts."""
    number, tests = number_of(condition.value), []
    if number is not None:
        tests.append(f"{value.number} {COMPARE[condition.operator]} {where.bind(number)}")
    if condition.operator == ":":
        tests.append(where.contains(value.text, condition.value))
    elif number is None:
        tests.append(f"{value.text} {COMPARE[condition.operator]} {where.bind(condition.value)}")
    where.add(f"({' OR '.join(tests)})")


def with_keys(late: LateSorts, where: Where, sort: str, columns: Mapping[str, tuple[str, str]]) -> LateSorts:
    """Return the orders of a list with that of a key in front of whose name stands one of `columns`: prefix -> (column, object in it)."""
    prefix, _, name = sort.partition(".")
    if prefix not in columns or not name:
        return late
    column, inside = columns[prefix]
    return LateSorts(late.newest, {**late.sorts, sort: value_of_key(where, column, name, inside=inside).order})


def _value(where: Where, column: str, path: list[str]) -> KeyValue:
    if where.dialect.name == "sqlite":
        return _sqlite_value(where, column, path)
    found = f"({column}::json #> ARRAY[{', '.join(f'CAST({where.bind(key)} AS TEXT)' for key in path)}])"
    number = f"CAST(GREATEST(LEAST(CAST({found} #>> '{{}}' AS NUMERIC), 1e308), -1e308) AS DOUBLE PRECISION)"

    def guarded(kinds: str, sql: str) -> str:
        return f"CASE WHEN {column} !~ '{_UNREADABLE}' THEN CASE WHEN json_typeof({found}) {kinds} THEN {sql} END END"

    return KeyValue(guarded("= 'number'", number), guarded("NOT IN ('number', 'null')", f"{found} #>> '{{}}'"))


def _sqlite_value(where: Where, column: str, path: list[str]) -> KeyValue:
    """Some writers of JSON escape what is not ASCII, and others do not."""
    written = {sqlite_json_path(path, is_ascii=is_ascii) for is_ascii in (True, False)}
    numbers, texts = [], []
    for place in (where.bind(one) for one in sorted(written)):
        kind, found = f"json_type({column}, {place})", f"json_extract({column}, {place})"
        numbers.append(f"CASE WHEN {kind} IN ('integer', 'real') THEN {found} END")
        texts.append(
            f"CASE {kind} WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' WHEN 'null' THEN NULL WHEN 'integer' THEN NULL "
            f"WHEN 'real' THEN NULL ELSE {found} END"
        )
    number, text = (parts[0] if len(parts) == 1 else f"COALESCE({', '.join(parts)})" for parts in (numbers, texts))
    return KeyValue(f"CASE WHEN json_valid({column}) THEN {number} END", f"CASE WHEN json_valid({column}) THEN {text} END")


def _paths(name: str) -> Iterator[list[str]]:
    """The ways to read a key: its dots lead into objects, or are part of a name."""
    parts = name.replace("\x00", "\N{REPLACEMENT CHARACTER}").split(".")  # which PostgreSQL takes for no text
    splits = (cut for count in range(_DEEPEST) for cut in combinations(range(1, len(parts)), count))
    for _, cut in zip(range(_MOST_PATHS), splits, strict=False):
        ends = [*cut, len(parts)]
        yield [".".join(parts[first:last]) for first, last in zip([0, *cut], ends, strict=True)]
