"""Pages as GraphQL connections. A cursor is the position after its edge, so `edge.cursor` and `pageInfo.endCursor` are the same text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from penstock.domain.errors import InvalidArgumentError

T = TypeVar("T")

DEFAULT_PAGE = 50
MAX_PAGE = 10_000


def window(after: str | None, first: int | None, *, default: int = DEFAULT_PAGE) -> tuple[int, int]:
    """Return offset and size of the page asked for.

    Raises:
        InvalidArgumentError: the cursor is not one of ours.
    """
    if after and not after.isdigit():
        raise InvalidArgumentError(f"{after!r} is not a cursor of this list")
    size = default if first is None else first
    return int(after or 0), max(0, min(size, MAX_PAGE))


def page(nodes: Sequence[Any], *, offset: int, total: int, **extra: Any) -> dict[str, Any]:
    """Return the connection of `nodes`, which stand at `offset` in a list of `total`."""
    edges = [{"node": node, "cursor": str(offset + place)} for place, node in enumerate(nodes, start=1)]
    return connection(edges, has_next=offset + len(nodes) < total, has_previous=offset > 0, total_count=total, **extra)


def connection(edges: Sequence[dict[str, Any]], *, has_next: bool, has_previous: bool = False, **extra: Any) -> dict[str, Any]:
    """Return a connection of ready edges."""
    return {
        "edges": edges,
        "page_info": {
            "has_next_page": has_next,
            "has_previous_page": has_previous,
            "end_cursor": edges[-1]["cursor"] if edges else None,
            "start_cursor": edges[0]["cursor"] if edges else None,
        },
        **extra,
    }


def cut(nodes: Sequence[T], after: str | None, first: int | None, wrap: Callable[[T], Any] = lambda node: node) -> dict[str, Any]:
    """Return a page of a list that is whole in memory."""
    offset, size = window(after, first)
    return page([wrap(node) for node in nodes[offset : offset + size]], offset=offset, total=len(nodes))
