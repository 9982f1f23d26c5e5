"""The tasks of a flow's run as a table: what its address asks for, and what one page of it shows. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penstock.interfaces.page_flows import FlowStep, FlowTaskItem, FlowTaskPage, FlowTaskQuery

PAGE = 200


@dataclass(frozen=True, slots=True)
class TaskTable:
    """What one page of the table shows."""

    rows: Sequence[FlowTaskItem] = ()
    found: int = 0
    """Tasks that match."""
    states: Sequence[tuple[str, int]] = ()
    """State -> tasks of the step that have it."""
    state: str = ""
    """The one that was chosen."""
    text: str = ""
    sort: str = ""
    offset: int = 0
    next_offset: int | None = None


def task_query(begun: Sequence[FlowStep], step: str, wanted: Mapping[str, str]) -> FlowTaskQuery:
    """Return what an address asks for; unknown words are ignored."""
    state, sort, offset = wanted.get("state", "").upper(), wanted.get("sort", ""), wanted.get("offset", "")
    return FlowTaskQuery(
        steps=[step] if step else None,
        state=state if state in dict(states_of(begun, step)) else "",
        text=wanted.get("q", "").strip()[:200],
        sort=sort.removeprefix("-"),
        is_descending=sort.startswith("-"),
        offset=int(offset) if offset.isdecimal() and len(offset) < 7 else 0,
        limit=PAGE,
    )


def states_of(begun: Sequence[FlowStep], step: str) -> list[tuple[str, int]]:
    """Return how many tasks of a step, or of all (empty), are in each state."""
    counts: Counter[str] = Counter()
    for one in begun:
        if not step or one.name == step:
            counts.update(one.states)
    return sorted(counts.items())


def task_table(found: FlowTaskPage, query: FlowTaskQuery, begun: Sequence[FlowStep], step: str) -> TaskTable:
    """Return what a page of tasks shows."""
    last = query.offset + len(found.items)
    sort = ("-" if query.is_descending else "") + query.sort
    following = last if found.items and last < found.total else None
    return TaskTable(found.items, found.total, states_of(begun, step), query.state, query.text, sort, query.offset, following)
