"""Series of runs: history, system metrics, sampled columns, console lines (wandb.md sections 9 and 10)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from penstock.api.wandb import connections
from penstock.api.wandb.fields import FieldTable
from penstock.api.wandb.nodes import RunNode
from penstock.api.wandb.resolvers.accounts import context_of
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.tracking import ConsoleLine
from penstock.tracking.history import keys_document, tail_document

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo


def history(
    node: RunNode, info: GraphQLResolveInfo, *, min_step: int | None = None, max_step: int | None = None, samples: int | None = None
) -> Any:
    """Return rows as JSON texts."""
    context = context_of(info)
    return context.wait(context.services.history.rows(node.run.run_id, min_step=min_step, max_step=max_step, samples=samples))


def events(node: RunNode, info: GraphQLResolveInfo, *, samples: int | None = None) -> Any:
    """Return system metrics as JSON texts."""
    context = context_of(info)
    return context.wait(context.services.history.events(node.run.run_id, samples=samples))


def sampled_history(node: RunNode, info: GraphQLResolveInfo, *, specs: list[str], pack_version: int | None = None) -> list[Any]:
    """Return one list of objects per spec; a spec without keys (sweep tools send `{}`) has none."""
    context = context_of(info)
    asked = [text for text in specs if _has_keys(text)]
    found = iter(context.wait(context.services.history.sampled(node.run.run_id, asked)) if asked else ())
    return [list(next(found)) if _has_keys(text) else [] for text in specs]


def _has_keys(spec: str) -> bool:
    try:
        document = json.loads(spec)
    except ValueError as error:
        raise InvalidArgumentError(f"cannot understand the history spec {spec[:200]!r}") from error
    return bool(isinstance(document, dict) and document.get("keys"))


def parquet_history(node: RunNode, info: GraphQLResolveInfo, *, live_keys: list[str]) -> dict[str, Any]:
    """Say that there is no export: the client then pages through `history` from the first step on (wandb.md section 9)."""
    first = node.info.first_step
    return {"parquet_urls": [], "live_data": [] if first is None else [{"_step": first}]}


def log_lines(
    node: RunNode,
    info: GraphQLResolveInfo,
    *,
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    before: str | None = None,
    use_improved_pagination: bool | None = None,
) -> dict[str, Any]:
    """Return console lines; the cursor of a line is its number."""
    context = context_of(info)
    page = context.wait(
        context.services.console.page(node.run.run_id, first=first, after=_line_number(after), last=last, before=_line_number(before))
    )
    edges = [{"node": _line(line), "cursor": str(line.number)} for line in page.lines]
    return connections.connection(edges, has_next=page.has_next, has_previous=page.has_previous)


def _line_number(cursor: str | None) -> int | None:
    if not cursor:
        return None
    if not cursor.lstrip("-").isdigit():
        raise InvalidArgumentError(f"{cursor!r} is not a cursor of this list")
    return int(cursor)


def _line(line: ConsoleLine) -> dict[str, Any]:
    timestamp = line.timestamp
    if timestamp is not None and not timestamp.endswith("Z") and "+" not in timestamp:
        timestamp += "Z"
    return {"number": line.number, "timestamp": timestamp, "level": line.level, "label": line.label or None, "line": line.text}


def _log_line_count(node: RunNode, info: GraphQLResolveInfo) -> int:
    context = context_of(info)
    return context.wait(context.services.console.line_count(node.run.run_id))


def _system_metrics(node: RunNode, info: GraphQLResolveInfo) -> str | None:
    if node.run.is_automatic and node.info.events_tail is None:
        context = context_of(info)
        return next(iter(context.wait(context.services.history.events(node.run.run_id))), None)
    return node.info.events_tail


FIELDS: FieldTable = {
    "Run": {
        "systemMetrics": _system_metrics,
        "historyLineCount": lambda node, info: node.info.history_lines,
        "eventsLineCount": lambda node, info: node.info.events_lines,
        "logLineCount": _log_line_count,
        "historyTail": lambda node, info: tail_document(node.info.history_tail),
        "eventsTail": lambda node, info: tail_document(node.info.events_tail),
        "history": history,
        "events": events,
        "sampledHistory": sampled_history,
        "parquetHistory": parquet_history,
        "historyKeys": lambda node, info, format=None: keys_document(node.info),  # noqa: A006  the wire's name
        "logLines": log_lines,
    },
}
