"""Data of custom charts: rows of several runs in one list, as a Vega specification expects them, and the presets that people keep.

A row is a row of a logged table, a row of the history, or a run; values of config and summary stand beside each. Rows, bytes and runs are
limited, and the answer says when something was left out.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.reports import Report
from penstock.domain.tracking import TrackedProject
from penstock.tracking.projects import DEFAULT_PROJECT
from penstock.tracking.reports import CHART_KIND
from penstock.web.pages.tracking.data import NO_STORE, stored_file, table_of
from penstock.web.pages.tracking.values import cell_of, value_rows
from penstock.web.pages.tracking.workspace import ListedRun
from penstock.web.previews.json_documents import read_json
from penstock.web.services.tracking import TrackingServices, caller_of
from penstock.web.services.web import WebServices
from penstock.web.tracking.chart_presets import PRESETS
from penstock.web.tracking.documents import lookup, plain, read_document, summary_of

MOST_ROWS = 10_000
_MOST_BYTES = 32 << 20
"""Of all tables of a chart together."""
_MOST_COLUMNS = 24
_MOST_SAMPLES = 1000
"""Rows of one run's history."""
_MOST_PRESETS = 200


@dataclass
class _Rows:
    """Rows while they are gathered."""

    columns: dict[str, None] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    """For each row, the place of its run in the list of runs."""
    is_cut: bool = False

    def add(self, owner: int, rows: Sequence[Mapping[str, Any]], beside: Mapping[str, Any]) -> None:
        """Take the rows of a run, as many as there is room for."""
        room = MOST_ROWS - len(self.rows)
        self.is_cut = self.is_cut or len(rows) > room
        for row in rows[:room]:
            whole = {**beside, **row}
            self.columns |= dict.fromkeys(whole)
            self.rows.append(whole)
            self.owners.append(owner)


async def rows(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Answer with the rows of the runs that the address names: of `table` (a key of the summary), of the history's `key`s, or one each.

    `column`s (`c.lr`, `s.best`) stand beside each row under their plain names.
    """
    query = request.query_params
    listed, total = await value_rows(services, tracking, request)
    keys, columns = query.getlist("key")[:_MOST_COLUMNS], query.getlist("column")[:_MOST_COLUMNS]
    found = _Rows(columns=dict.fromkeys(column.removeprefix("c.").removeprefix("s.") for column in columns))
    budget = _MOST_BYTES
    for owner, row in enumerate(listed):
        beside = {column.removeprefix("c.").removeprefix("s."): cell_of(row, column) for column in columns}
        if query.get("table"):
            part, size = await _table_rows(services, tracking, row, query["table"], budget)
            budget -= size
            found.is_cut = found.is_cut or part is None
            found.add(owner, part or [], beside)
        elif keys:
            found.add(owner, await _history_rows(tracking, row, keys, len(listed)), beside)
        else:
            found.add(owner, [{}], beside)
    # Ten thousand rows take their time: not that of all other requests.
    content = await asyncio.to_thread(_encoded, listed, found, total)
    return Response(content, media_type="application/json", headers=NO_STORE)


def _encoded(listed: Sequence[ListedRun], found: _Rows, total: int) -> bytes:
    names = list(found.columns)
    runs = [
        {"id": str(row.run.run_id), "name": row.run.display_name or row.run.name, "url": row.url, "color": row.color, "group": row.group}
        for row in listed
    ]
    rows = [[owner, *(row.get(name) for name in names)] for owner, row in zip(found.owners, found.rows, strict=True)]
    body = {"columns": names, "rows": rows, "runs": runs, "total": total, "is_cut": found.is_cut}
    return json.dumps(plain(body), separators=(",", ":"), allow_nan=False).encode()


async def _table_rows(
    services: WebServices, tracking: TrackingServices, row: ListedRun, key: str, budget: int
) -> tuple[list[dict[str, Any]] | None, int]:
    """Return rows of the newest table under a key and its size in bytes; None instead of rows when it does not fit."""
    value = lookup(summary_of(row.run), key)
    path = value.get("path") if isinstance(value, Mapping) else None
    if not isinstance(path, str):
        return [], 0
    try:
        digest, _, size = await stored_file(tracking, row.run, path)
    except NotFoundError:
        return [], 0
    if size > budget:
        return None, 0

    def read() -> list[dict[str, Any]]:
        try:
            columns, held = table_of(read_json(b"".join(services.blobs.read(digest))))
        except ValueError:
            return []
        return [dict(zip(columns, one, strict=False)) for one in held[: MOST_ROWS + 1]]

    return await asyncio.to_thread(read), size


async def _history_rows(tracking: TrackingServices, row: ListedRun, keys: Sequence[str], runs: int) -> list[dict[str, Any]]:
    samples = max(10, min(_MOST_SAMPLES, MOST_ROWS // max(runs, 1)))
    spec = json.dumps({"keys": list(dict.fromkeys(["_step", *keys])), "samples": samples})
    return [dict(one) for one in (await tracking.history.sampled(row.run.run_id, [spec]))[0]]


async def presets(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Answer with the names of presets that a chart of `entity` can take: the entity's own, and those that come with the client."""
    entity = request.query_params.get("entity", "")
    project = await _default_project(tracking, request, entity)
    kept = await asyncio.to_thread(_kept, tracking, project) if project is not None else []
    names = list(dict.fromkeys(f"{entity}/{one.name}" for one in kept))
    return JSONResponse({"presets": [*names, *PRESETS]}, headers=NO_STORE)


async def preset(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Answer with the specification of the preset `name` (`entity/name`); without one, and why, when the caller can see none of that name.

    Raises:
        InvalidArgumentError: a preset is not named so.
    """
    name = request.query_params.get("name", "")
    if name in PRESETS:
        return JSONResponse({"name": name, "spec": PRESETS[name]}, headers=NO_STORE)
    entity, _, own = name.partition("/")
    if not own:
        raise InvalidArgumentError("a preset is named as entity/name")
    project = await _default_project(tracking, request, entity)
    kept = await asyncio.to_thread(_kept, tracking, project, own) if project is not None else []
    # Definitions of the API have the name alone; older ones are asked for with a version behind it (`entity/name/v0`).
    if not kept and project is not None and "/" in own:
        kept = await asyncio.to_thread(_kept, tracking, project, own.partition("/")[0])
    if not kept:
        why = f"There is no chart preset {name[:200]!r} on this server. wandb.Api().create_custom_chart makes one."
        return JSONResponse({"name": name, "spec": None, "error": why}, headers=NO_STORE)
    return JSONResponse({"name": name, "spec": plain(read_document(kept[0].spec))}, headers=NO_STORE)


async def _default_project(tracking: TrackingServices, request: Request, entity: str) -> TrackedProject | None:
    if not entity or not tracking.accounts.is_readable(caller_of(tracking, request), entity):
        return None
    return await tracking.projects.get(entity, DEFAULT_PROJECT)


def _kept(tracking: TrackingServices, project: TrackedProject, name: str | None = None) -> Sequence[Report]:
    found, _ = tracking.reports.list(project.project_id, kind=CHART_KIND, name=name, limit=_MOST_PRESETS)
    return found
