"""A comparison of runs kept as a report: the comparison, live or frozen, with its text for clients, and charts of the tracked runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.web.comparisons.exhibits import PARTS
from penstock.web.comparisons.runs import DiffRow
from penstock.web.pages.compare.runs import ComparePage, compared
from penstock.web.pages.runs.graph_marks import value_text
from penstock.web.pages.tracking.board import merged_panels
from penstock.web.pages.tracking.report_forms import store_blocks
from penstock.web.pages.tracking.report_freezing import freeze_comparison
from penstock.web.render import Notice, redirect
from penstock.web.reports.freezing import marked
from penstock.web.reports.grids import RUNS_PER_GRID
from penstock.web.reports.writing import comparison_block, document_of, grid_of
from penstock.web.security import check_own_form
from penstock.web.services.tracking import TrackingServices, tracking_of
from penstock.web.services.web import WebServices
from penstock.web.texts import formats
from penstock.web.tracking.documents import read_document

_MOST_ROWS = 100
_MOST_PROJECTS, _MOST_PANELS = 3, 24
CHARTS = "charts"
"""The part that is panels of tracked runs."""


async def save(services: WebServices, request: Request) -> Response:
    """Keep the comparison that the form names as a report of one of its projects.

    Raises:
        InvalidArgumentError: none of the runs is tracked in the project, or there is no title.
        NotFoundError: there is nothing to compare any more.
    """
    check_own_form(request)
    given = await request.form()
    form = {name: str(value) for name, value in given.items()}
    parts = [part for part in map(str, given.getlist("part")) if part in {*PARTS, CHARTS}]
    title, wanted = form.get("title", "").strip()[:200], form.get("project", "")
    page = await compared(services, request, form)
    if not page.runs or services.tracking is None:
        raise NotFoundError("None of these runs is there any more.")
    if wanted not in page.report_projects:
        raise InvalidArgumentError(f"{wanted[:100]!r} is no project that tracks one of these runs.")
    if not title:
        raise InvalidArgumentError("A report needs a title.")
    entity, _, name = wanted.partition("/")
    project = await services.tracking.projects.get(entity, name)
    if project is None:
        raise NotFoundError(f"There is no project {wanted}.")
    runs, baseline = [run.run_id for run in page.runs], page.runs[page.baseline].run_id
    words = report_words(page, f"{services.url}/ui/compare?{urlencode({'runs': ','.join(runs), 'baseline': baseline})}")
    blocks: list[Mapping[str, Any]] = [comparison_block(words, runs, baseline, [part for part in parts if part != CHARTS])]
    if CHARTS in parts or not parts:
        blocks += await _charts(services.tracking, request, page)
    report = await asyncio.to_thread(store_blocks, services.tracking, request, project, title, blocks)
    if form.get("how") == "frozen":
        blocks[0] = marked(blocks[0], await freeze_comparison(services, services.tracking, request, report, blocks[0]))
        spec = document_of(read_document(report.spec), blocks)
        await asyncio.to_thread(services.tracking.reports.change, report.report_id, spec=spec)
    return redirect(f"/{wanted}/reports/{report.report_id}", Notice("Report saved."))


async def _charts(tracking: TrackingServices, request: Request, page: ComparePage) -> list[Mapping[str, Any]]:
    """Panels of the client's own kinds over the tracked runs of the comparison and of its tasks, a grid for each project."""
    found: list[Mapping[str, Any]] = []
    of_pipelines = [run.run_id for run in page.runs if run.tracked is None]
    own = [run.tracked for run in page.runs if run.tracked is not None]
    tasks = await tracking_of(tracking, request, of_pipelines) if of_pipelines else ()
    places = dict.fromkeys([*((run.entity, run.project) for run in own), *((one.entity, one.project) for one in tasks)])
    for entity, name in list(places)[:_MOST_PROJECTS]:
        project = await tracking.projects.get(entity, name)
        if project is None:
            continue
        filters = json.dumps({"pipeline_run_id": {"$in": of_pipelines}})
        entries = (await tracking.runs.list(project, filters=filters, limit=RUNS_PER_GRID)).entries if of_pipelines else ()
        held = [run for run in own if run.project_id == project.project_id]
        runs = list({run.run_id: run for run in [*held, *(entry.run for entry in entries)]}.values())[:RUNS_PER_GRID]
        panels = merged_panels(await tracking.history.kinds([run.run_id for run in runs]), runs)[:_MOST_PANELS]
        if runs:
            comparer = {"kind": "comparer", "title": "", "wide": 2}
            found.append({"type": "heading", "level": 2, "children": [{"text": f"{entity}/{name}"}]})
            found.append(grid_of([comparer, *panels], entity, name, [run.name for run in runs]))
    return found


def report_words(page: ComparePage, address: str) -> str:
    """Return the comparison as Markdown."""
    names = [run.name for run in page.runs]
    parts = [f"[Open the comparison]({address})", "## Runs"]
    rows = [[run.name, run.look[0] if run.look else formats.state_word(run.state), _duration(run)] for run in page.runs]
    rows[page.baseline][0] += " (baseline)"
    parts.append(_table(["Run", "State", "Duration"], rows))
    if page.causes:
        causes = ["- " + " ".join(map(_plain, (cause.word, cause.name, cause.change))) for cause in page.causes]
        parts += ["## What differs", "\n".join(causes)]
    for title, table in (("Parameters", page.parameters), ("Artifacts taken in", page.inputs)):
        if differing := [row for row in table if row.is_different][:_MOST_ROWS]:
            parts += [f"## {title}", _table(["", *names], [[row.name, *_values(row)] for row in differing])]
    if page.metrics:
        metrics = [
            [row.name, *("–" if delta.metric is None else _with_delta(value_text(delta.metric), delta.difference) for delta in row.deltas)]
            for row in page.metrics[:_MOST_ROWS]
        ]
        parts += ["## Metrics", _table(["", *names], metrics)]
    return "\n\n".join(parts)


def _duration(run: Any) -> str:
    begin = run.started_at or run.created_at
    return "" if run.finished_at is None else formats.duration(run.finished_at - begin)


def _with_delta(value: str, difference: float | None) -> str:
    return value if not difference else f"{value} ({'+' if difference > 0 else '−'}{formats.number(abs(difference))})"


def _values(row: DiffRow) -> Iterator[str]:
    for value in row.values:
        if value is None:
            yield "–"
        elif isinstance(value, float):
            yield formats.number(value)
        else:
            yield formats.one_line(value if isinstance(value, str) else formats.plain_json(value), 80)


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines)


def _plain(cell: Any) -> str:
    """Return a text that stays text in a cell: names of runs and values are anybody's."""
    text = str(cell).replace("\n", " ")
    return text if text == "---" else "".join(f"\\{mark}" if mark in "|\\`*_[]<>~#" else mark for mark in text)
