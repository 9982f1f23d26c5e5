"""How lists are asked for, whatever the protocol: predicates, one sort key, a position to continue from.

Lists are read by keyset: a page starts after the last row of the one before, so its cost does not grow with its number and rows
that arrive meanwhile neither repeat nor hide others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)
Scalar = str | float | int


class Op(StrEnum):
    """How a field is compared."""

    EQUALS = "EQUALS"
    """Same value."""
    NOT_EQUALS = "NOT_EQUALS"
    """Another value, or none."""
    GREATER_THAN = "GREATER_THAN"
    """Above."""
    GREATER_THAN_EQUALS = "GREATER_THAN_EQUALS"
    """Above or same."""
    LESS_THAN = "LESS_THAN"
    """Below."""
    LESS_THAN_EQUALS = "LESS_THAN_EQUALS"
    """Below or same."""
    IN = "IN"
    """One of `values`."""
    NOT_IN = "NOT_IN"
    """None of `values`."""
    IS_SUBSTRING = "IS_SUBSTRING"
    """Contains the text, whatever its case."""


@dataclass(frozen=True, slots=True)
class Predicate:
    """One condition; those of a query are joined by AND."""

    key: str
    """Name of a field, or `parameters.<name>`, `tags.<key>`, `metric:<name>` where the resource has them."""
    op: Op
    values: tuple[Scalar, ...]
    """One value, except for IN and NOT_IN. Times are seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Sort:
    """The order of a list; ties are broken by id in the same direction."""

    key: str = "created_at"
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which rows, in which order, from where."""

    predicates: tuple[Predicate, ...] = ()
    sort: Sort = Sort()
    after: tuple[Scalar, str] | None = None
    """Sort value and id of the last row of the page before."""
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Page(Generic[T_co]):
    """One page of a list."""

    items: Sequence[T_co]
    total: int
    """All matching rows, not only those of the page."""
    last: tuple[Scalar, str] | None = None
    """Pass it as `after` for the following page; None at the end."""
