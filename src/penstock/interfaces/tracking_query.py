"""Questions to the store of tracked runs: a filter tree, an order and a page. Parsing of wire syntax lives in `tracking.filters`.

Semantics are MongoDB's as far as W&B clients use them (wandb.md section 11): comparing unlike types is false, not an error; a negated
comparison is true for runs that lack the field; a list satisfies what it satisfies as a whole or what one of its elements does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from penstock.domain.tracking import TrackedProjectId, TrackedRun


class FieldKind(StrEnum):
    """Where a field of a run is found."""

    COLUMN = "column"
    """An attribute of the record; `name` is one of `COLUMNS`."""
    CONFIG = "config"
    """A dotted path into the unwrapped config."""
    SUMMARY = "summary"
    """A dotted path into the summary."""
    TAG = "tag"
    """Whether the run carries the tag `name`."""
    HISTORY_KEY = "history_key"
    """Whether the history has the key `name`."""
    UNKNOWN = "unknown"
    """A key that names nothing: no run has it."""


COLUMNS = frozenset(
    {
        "name", "display_name", "state", "group", "job_type", "tags", "user_name", "sweep", "host", "notes", "description", "program",
        "commit", "repo", "duration", "created_at", "heartbeat_at", "updated_at", "finished_at", "task_id", "pipeline_run_id",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a run."""

    kind: FieldKind
    name: str


class Operator(StrEnum):
    """Leaf comparisons."""

    EQ = "$eq"
    GT = "$gt"
    GTE = "$gte"
    LT = "$lt"
    LTE = "$lte"
    IN = "$in"
    EXISTS = "$exists"
    REGEX = "$regex"
    """RE2 syntax, unanchored."""
    SIZE = "$size"
    MOD = "$mod"
    TYPE = "$type"
    ELEMENT = "$elemMatch"
    """A list with an element for which a condition holds; the condition is the value as it came, checked."""


@dataclass(frozen=True, slots=True)
class Compare:
    """`field operator value`."""

    field: Field
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class And:
    """All hold; true when empty."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one holds; false when empty."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Does not hold."""

    part: Filter


Filter = Compare | And | Or | Not


@dataclass(frozen=True, slots=True)
class Order:
    """One sort key; runs that lack the field come last in both directions."""

    field: Field
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which runs, in which order, from where."""

    project_id: TrackedProjectId
    filter: Filter = And(())
    order: Sequence[Order] = ()
    """Empty: newest first. Ties are broken by run id, so pages never overlap."""
    after: str | None = None
    """Cursor of the last row of the page before."""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A run in a page, with the cursor that continues after it."""

    run: TrackedRun
    cursor: str


@dataclass(frozen=True, slots=True)
class RunPage:
    """One page of runs."""

    entries: Sequence[RunEntry]
    has_next: bool
