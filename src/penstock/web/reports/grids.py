"""Grids of panels in reports: which runs a grid shows and what it draws, read from the client's document.

Semantics: `panel-grid` blocks of reports.v2, observed with wandb-workspaces on client 0.31. A run set names a project, a search text,
filters, a grouping and which runs it hides, pins and compares with; of each set the newest runs are shown,
in the colours that the grid chose.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from penstock.domain.tracking import TrackedProject
from penstock.tracking.projects import ProjectService
from penstock.tracking.runs import TrackedRunService
from penstock.web.pages.tracking.workspace import ListedRun, group_name, listed_run
from penstock.web.tracking.client_colors import ClientColors, client_colors
from penstock.web.tracking.panel_specs import PanelList, listed, mapping, panels_of_specs, text
from penstock.web.tracking.run_colors import Look, group_colors
from penstock.web.tracking.run_selections import RunSelection, selection_of
from penstock.web.tracking.run_sets import grouping_of

RUNS_PER_GRID = 30
"""Newest runs of the sets that are drawn."""
_LOOKED_AT = 200
"""Newest runs among which those that are not hidden are looked for."""

_RUN_FIELDS = {
    "state": "state", "name": "name", "displayName": "display_name", "group": "group", "jobType": "job_type", "createdAt": "created_at",
    "username": "username", "user": "username", "sweep": "sweep", "host": "host", "duration": "duration", "tags": "tags", "notes": "notes",
}  # fmt: skip
_OPERATORS = {"=": None, "==": None, "!=": "$ne", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte", "IN": "$in", "NIN": "$nin"}


@dataclass(frozen=True, slots=True)
class ReportGrid:
    """One grid of a report with its runs."""

    panels: PanelList
    runs: Sequence[ListedRun]
    total: int
    """Runs that its sets name."""
    is_grouped: bool
    baselines: frozenset[str] = frozenset()
    """Ids of the runs that the others are compared with."""
    colors: ClientColors = field(default_factory=ClientColors)
    """Looks that the document gave to runs and groups."""

    @property
    def run_list(self) -> list[dict[str, Any]]:
        """Runs as the page's script reads them."""
        colors: dict[str, Look] = dict(group_colors(row.group for row in self.runs))
        colors |= {group_name(path): look for path, look in self.colors.groups.items()}
        found: list[dict[str, Any]] = []
        for row in self.runs:
            run = row.run
            entry: dict[str, Any] = {
                "id": str(run.run_id), "name": run.display_name or run.name, "runName": run.name, "url": row.url, "color": row.color,
            }  # fmt: skip
            if entry["id"] in self.baselines:
                entry["isBaseline"] = True
            if self.is_grouped:
                entry |= {"group": row.group, "groupColor": colors[row.group]}
            found.append(entry)
        return found


class GridReader:
    """Reads the grids of one report."""

    def __init__(self, projects: ProjectService, runs: TrackedRunService, readable: Sequence[str], fallback: TrackedProject) -> None:
        self._projects = projects
        self._runs = runs
        self._readable = readable
        self._fallback = fallback

    async def read(self, block: Mapping[str, Any], place: int) -> ReportGrid:
        """Return a `panel-grid` block with its runs; sets of projects that the caller may not see are empty."""
        metadata = mapping(block.get("metadata"))
        specs = listed(mapping(metadata.get("panelBankSectionConfig")).get("panels"))
        sets = [mapping(one) for one in listed(metadata.get("runSets"))[:20]]
        colors = client_colors(mapping(metadata.get("customRunColors")), [text(one.get("id")) for one in sets])
        rows: list[ListedRun] = []
        baselines: list[str] = []
        total, is_grouped = 0, False
        for chosen in sets:
            if chosen.get("enabled") is False:
                continue
            project = await self._project(mapping(chosen.get("project")))
            if project is None:
                continue
            group = grouping_of(chosen)
            is_grouped = is_grouped or bool(group)
            filters = filters_of(chosen)
            selection = selection_of(chosen, entity=project.entity, project=project.name)
            total += await self._runs.count(project, filters)
            drawn = await self._drawn(project, filters, group, selection)
            rows += drawn
            baselines += [str(row.run.run_id) for row in drawn if row.run.name == selection.baseline]
        shown = [replace(row, chosen_color=colors.runs.get(row.run.name, 0)) for row in rows[:RUNS_PER_GRID]]
        return ReportGrid(panels_of_specs(specs, f"Panels {place}"), shown, total, is_grouped, frozenset(baselines), colors)

    async def _drawn(self, project: TrackedProject, filters: str | None, group: str, selection: RunSelection) -> list[ListedRun]:
        """Runs of a set that are drawn: those that are pinned or the baseline first, the newest others then; without what is hidden."""
        kept = [*filter(None, [selection.baseline]), *selection.pinned]
        first = (await self._runs.list(project, names=kept, limit=len(kept))).entries if kept else ()
        names = selection.names if selection.is_additive and not selection.groups else None
        limit = _LOOKED_AT if selection.names or selection.groups else RUNS_PER_GRID
        others = (await self._runs.list(project, filters=filters, names=names, limit=limit)).entries
        listing = [listed_run(entry.run, group) for entry in (*first, *others)]
        rows = {row.run.run_id: row for row in listing if selection.shows(row.run.name, row.path)}
        return sorted(rows.values(), key=lambda row: kept.index(row.run.name) if row.run.name in kept else len(kept))

    async def _project(self, named: Mapping[str, Any]) -> TrackedProject | None:
        entity, name = text(named.get("entityName")), text(named.get("name"))
        if not name:
            return self._fallback
        if entity and entity not in self._readable:
            return None
        return await self._projects.get(entity or self._fallback.entity, name)


def filters_of(chosen: Mapping[str, Any]) -> str | None:
    """Return the filter document (JSON text) of a run set; None for all runs."""
    parts = [found for one in listed(mapping(chosen.get("filters")).get("filters")) if (found := _condition(mapping(one)))]
    words = text(mapping(chosen.get("search")).get("query")).strip()
    if words:
        parts.append({"$or": [{"display_name": {"$regex": f"(?i){words}"}}, {"name": {"$regex": f"(?i){words}"}}]})
    return json.dumps({"$and": parts}) if parts else None


def _condition(one: Mapping[str, Any], depth: int = 0) -> dict[str, Any] | None:
    operator = text(one.get("op")).upper()
    if operator in {"OR", "AND"} and depth < 10:
        inner = [found for part in listed(one.get("filters")) if (found := _condition(mapping(part), depth + 1))]
        return {"$or" if operator == "OR" else "$and": inner} if inner else None
    key = mapping(one.get("key"))
    name = text(key.get("name"))
    if one.get("disabled") or not name or operator not in _OPERATORS or one.get("value") is None:
        return None
    section = key.get("section")
    if section == "config":
        field = f"config.{name.removesuffix('.value')}"
    elif section == "summary":
        field = f"summary.{name}"
    else:
        field = _RUN_FIELDS.get(name, "")
    word = _OPERATORS[operator]
    return ({field: one["value"]} if word is None else {field: {word: one["value"]}}) if field else None
