"""The table of runs that several pages hold: its rows or groups, its columns, the scatter above it, its named views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import QueryParams
from starlette.requests import Request

from penstock.interfaces.pages import ListQuery, Page, RunItem, ScalarMetric
from penstock.interfaces.run_tables import RunPoint
from penstock.web.lists.filters import is_chip_field
from penstock.web.lists.groups import GroupTable
from penstock.web.lists.scatter import Scatter, scatter_of
from penstock.web.services.web import WebServices

FILTER_FIELDS = (
    "status", "name", "pipeline", "experiment", "version", "recurring", "tag", "started", "finished", "duration", "cached", "tasks", "id",
)  # fmt: skip
GROUPINGS = (("pipeline", "Pipeline"), ("experiment", "Experiment"), ("state", "Status"), ("version", "Version"), ("recurring", "Schedule"))
_DEFAULT_COLUMNS = 2
_MOST_DIFFERENCES = 20
_MOST_CHOICES = 300


@dataclass(frozen=True, slots=True)
class RunTable:
    """A table of runs on any page."""

    listing: Page[RunItem]
    """The rows shown; empty when runs are grouped."""
    base: str
    """Address of the page that holds the table; filter, sort and paging lead there."""
    is_archived: bool
    """The Archived tab is open."""
    sort: str
    """Sort name, with `-` in front for descending."""
    columns: Sequence[str]
    """Metrics, parameters and tags (`tag.KEY`) shown as columns, in order."""
    column_choices: Sequence[str]
    """What may become a column."""
    metric_names: frozenset[str]
    """Which of the columns are metrics; the others are parameters or tags."""
    shows_differences: bool
    """Columns are those in which the rows differ."""
    groups: GroupTable | None
    """The groups; None: rows are shown."""
    group_choices: Sequence[tuple[str, str]]
    """(name, label) of what may group."""
    scatter: Scatter | None
    """Durations over time; None where it would say nothing."""
    filter_fields: Sequence[str] = FILTER_FIELDS
    """Fields the filter bar completes."""
    shows_experiment: bool = True
    """Whether the experiment column makes sense here."""
    now: float = 0.0
    """Until when runs that go on have lasted."""
    longest_seconds: float = 0.0
    """Of the rows shown."""

    @property
    def completed_fields(self) -> list[str]:
        """All fields that the filter bar completes: those of every run, then metrics and parameters that a chip can name."""
        return [*self.filter_fields, *(name for name in self.column_choices if is_chip_field(name) and not name.startswith("tag."))]

    @property
    def is_whole_list(self) -> bool:
        """Whether this is the list of all runs, not those of one pipeline, experiment or schedule."""
        return self.base == "/ui/runs"

    def share(self, run: RunItem) -> float:
        """How long a run lasted, in percent of the longest shown; 0: it has not begun or took no time."""
        return 100 * _lasted(run, self.now) / self.longest_seconds if self.longest_seconds else 0.0

    @staticmethod
    def cell(run: RunItem, name: str) -> ScalarMetric | None:
        """Value of a metric, parameter or tag column."""
        for metric in run.metrics:
            if metric.name == name:
                return metric
        if name in run.parameters:
            value = run.parameters[name]
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return ScalarMetric(name, float(value) if is_number else None, None if is_number else str(value))
        tag = name.removeprefix("tag.")
        return ScalarMetric(name, None, run.tags[tag]) if tag != name and tag in run.tags else None

    def sort_name(self, column: str) -> str:
        """Sort of a column; a parameter that is text in one of the rows shown sorts as text."""
        if column.startswith("tag."):
            return column
        if column in self.metric_names:
            return f"metric.{column}"
        cells = [self.cell(run, column) for run in self.listing.items]
        is_text = self.sort.removeprefix("-") == f"text.{column}" or any(cell is not None and cell.number is None for cell in cells)
        return f"{'text' if is_text else 'param'}.{column}"


async def run_table(services: WebServices, request: Request, query: ListQuery, *, shows_experiment: bool = True) -> RunTable:
    """Fetch what a table of runs shows: one query for rows or groups, and one each for metric names and the scatter."""
    wanted, grouped_by = request.query_params, request.query_params.get("group", "")[:200]
    metrics = frozenset(await services.runs.metric_names())
    listing: Page[RunItem] = Page([], None, 0) if grouped_by else await services.runs.list_runs(query)
    choices = _choices(metrics, listing.items)
    is_different = wanted.get("differences") == "1" and not grouped_by
    columns = _differing(choices, listing.items) if is_different else _columns(wanted, choices, listing.items)
    found = await services.run_tables.groups(query, grouped_by, columns) if grouped_by else None
    parameters = sorted({name for run in listing.items for name in run.parameters} | ({grouped_by} if grouped_by else set()))
    known = {name for name, _ in GROUPINGS}
    tags = sorted({f"tag.{name}" for run in listing.items for name in run.tags})
    choices_of_groups = [*GROUPINGS, *((name, name) for name in (*parameters, *tags) if name not in known)]
    label = dict(choices_of_groups).get(grouped_by, grouped_by)
    now = services.clock.now()
    return RunTable(
        listing=listing,
        base=request.url.path,
        is_archived=query.is_archived,
        sort=("-" if query.is_descending else "") + query.sort,
        columns=columns,
        column_choices=choices[:_MOST_CHOICES],
        metric_names=metrics,
        shows_differences=is_different,
        groups=None if found is None else GroupTable(grouped_by, label, found, columns, request.url.path, wanted),
        group_choices=choices_of_groups,
        scatter=scatter_of(await _points(services, query, None if grouped_by else listing)),
        shows_experiment=shows_experiment,
        now=now,
        longest_seconds=max((_lasted(run, now) for run in listing.items), default=0.0),
    )


def _lasted(run: RunItem, now: float) -> float:
    """Seconds that a run has lasted, as its column says; 0 when that is not known."""
    end = run.finished_at if run.finished_at is not None else None if run.is_final else now
    return 0.0 if end is None else max(end - (run.started_at or run.created_at), 0.0)


async def _points(services: WebServices, query: ListQuery, listing: Page[RunItem] | None) -> Sequence[RunPoint]:
    """Runs of the picture; asked for only when the page does not hold all that match anyway."""
    if listing is None or query.cursor or listing.next_cursor:
        return await services.run_tables.points(query)
    return [
        RunPoint(
            run.run_id,
            run.name,
            run.state,
            run.created_at,
            None if run.finished_at is None else max(0.0, run.finished_at - (run.started_at or run.created_at)),
        )
        for run in listing.items
    ]


def _choices(metrics: frozenset[str], runs: Sequence[RunItem]) -> list[str]:
    """What may become a column: metrics of all runs, parameters and tags of the runs shown."""
    parameters = {name for run in runs for name in run.parameters} - metrics
    tags = {f"tag.{name}" for run in runs for name in run.tags}
    return [*sorted(metrics), *sorted(parameters), *sorted(tags)]


def _columns(wanted: QueryParams, choices: Sequence[str], runs: Sequence[RunItem]) -> list[str]:
    """The columns that the address names, in its order; else the metrics that most of the runs shown have."""
    if wanted.get("columns") == "chosen":
        return list(dict.fromkeys(name for name in wanted.getlist("column") if name in choices or wanted.get("group")))
    seen: dict[str, int] = {}
    for run in runs:
        for metric in run.metrics:
            if metric.number is not None:
                seen[metric.name] = seen.get(metric.name, 0) + 1
    return sorted(seen, key=lambda name: -seen[name])[:_DEFAULT_COLUMNS]


def _differing(choices: Sequence[str], runs: Sequence[RunItem]) -> list[str]:
    """Columns in which the runs shown are not all alike."""
    return [name for name in choices if len({_shown(run, name) for run in runs}) > 1][:_MOST_DIFFERENCES]


def _shown(run: RunItem, name: str) -> tuple[float | None, str | None] | None:
    cell = RunTable.cell(run, name)
    return None if cell is None else (cell.number, cell.text)
