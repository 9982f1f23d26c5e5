"""A project's runs as lists: what the workspace has at left, and the table. Filter, order, grouping and pages are the server's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from urllib.parse import quote

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.tracking import TrackedProject, TrackedRun
from penstock.domain.versions import REGISTRY_PREFIX
from penstock.web.lists.filters import is_chip_field
from penstock.web.lists.groups import GroupTable
from penstock.web.pages.tracking.run import project_crumb, run_url
from penstock.web.render import Crumb, Frame, render
from penstock.web.services.tracking import TrackingServices, project_of
from penstock.web.services.web import WebServices
from penstock.web.texts.zones import reading_zone
from penstock.web.tracking.documents import LOOKS, config_of, look_of, lookup, summary_of, tree_of
from penstock.web.tracking.filters import FIELDS, run_filters, run_order
from penstock.web.tracking.run_colors import Look, color_of, group_colors

PROJECT_TABS: Sequence[tuple[str, str]] = (
    ("overview", "Overview"),
    ("workspace", "Workspace"),
    ("runs", "Runs"),
    ("sweeps", "Sweeps"),
    ("artifacts", "Artifacts"),
    ("reports", "Reports"),
    ("automations", "Automations"),
)
GROUPS: Sequence[tuple[str, str]] = (
    ("", "Not grouped"),
    ("group", "Group"),
    ("job", "Job type"),
    ("state", "State"),
    ("sweep", "Sweep"),
    ("user", "User"),
)
SORTS: Sequence[tuple[str, str]] = (
    ("-created", "Newest first"),
    ("created", "Oldest first"),
    ("name", "Name"),
    ("-duration", "Longest first"),
)
_DEFAULT_COLUMNS = 6
_MOST_GROUPED_KEYS = 100
"""Keys of config that the menu of groups offers."""
_MOST_GROUPS = 3
"""Levels of groups within groups."""
_GROUPED = {"group": "group", "job": "job_type", "state": "state", "sweep": "sweep", "user": "user_name"}
"""Grouping of the table -> column of the store."""


@dataclass(frozen=True)
class ListedRun:
    """A run in a list. Its documents are read when they are asked for: a workspace lists a hundred runs and shows none of them."""

    run: TrackedRun
    url: str
    look: tuple[str, str]
    path: tuple[str, ...]
    """What it is grouped under, the outermost group first; empty for none."""
    chosen_color: Look = 0
    """Look that a document gave it; 0: its own."""

    @property
    def color(self) -> Look:
        """Its look, see `web.tracking.run_colors`."""
        return self.chosen_color or color_of(self.run)

    @property
    def group(self) -> str:
        """Name of the innermost group, as drawings and lists have it."""
        return group_name(self.path)

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """See `config_of`."""
        return config_of(self.run)

    @cached_property
    def summary(self) -> Mapping[str, Any]:
        """See `summary_of`."""
        return summary_of(self.run)

    def cell(self, column: str) -> Any:
        """Value of a column `c.lr` or `s.loss`; None when it has none."""
        return lookup(self.config if column.startswith("c.") else self.summary, column[2:])


@dataclass
class RunGroup:
    """Some rows of a list that have a value in common, or the whole list."""

    name: str
    """The value."""
    key: str
    """Name among all groups of the list."""
    rows: list[ListedRun]
    """Rows that stand in no group within this one."""
    groups: dict[str, RunGroup] = field(default_factory=dict)
    """Groups within it, by name."""

    def child(self, name: str, key: str) -> RunGroup:
        """Return the group within this one that has `name`, made if it is new."""
        return self.groups.setdefault(name, RunGroup(name, key, []))

    @property
    def count(self) -> int:
        """Rows in it, however deep."""
        return len(self.rows) + sum(group.count for group in self.groups.values())


def group_name(path: Sequence[str]) -> str:
    """Return the name of a group for people: the values that lead to it; of a single one, the value itself."""
    return path[0] if len(path) == 1 else " · ".join(name or "–" for name in path)


@dataclass(frozen=True)
class RunListing:
    """One page of a project's runs."""

    rows: Sequence[ListedRun]
    total: int
    """Runs that match."""
    next_cursor: str | None
    sort: str
    group: str
    """Fields that group them, the outermost first, with commas; empty for none."""

    @property
    def fields(self) -> Sequence[str]:
        """Fields that group them, the outermost first."""
        return self.group.split(",") if self.group else ()

    @property
    def tree(self) -> RunGroup:
        """Rows as groups within groups."""
        root = RunGroup("", "", [])
        for row in self.rows:
            at = root
            for depth, name in enumerate(row.path):
                at = at.child(name, group_name(row.path[: depth + 1]))
            at.rows.append(row)
        return root

    @property
    def groups(self) -> Sequence[tuple[str, Sequence[ListedRun]]]:
        """Rows by innermost group, in order; one nameless group when they are not grouped."""
        found: dict[str, list[ListedRun]] = {}
        for row in self.rows:
            found.setdefault(row.group, []).append(row)
        return list(found.items())

    @cached_property
    def group_colors(self) -> Mapping[str, int]:
        """Number of the colour of each innermost group."""
        return group_colors(row.group for row in self.rows)


@dataclass(frozen=True, slots=True)
class RunTablePage:
    """Context of `tracking/table.html`."""

    project: TrackedProject
    """The project."""
    base: str
    """Its address."""
    tabs: Sequence[tuple[str, str]]
    """Its pages."""
    listing: RunListing
    """The rows."""
    columns: Sequence[str]
    """Config and summary keys shown: `c.lr`, `s.loss`."""
    choices: Sequence[str]
    """All of them."""
    is_only_differences: bool
    """Columns that say the same in every row are hidden."""
    group_choices: Sequence[tuple[str, str]]
    """(name, label) of what runs may be grouped by."""
    grouped: GroupTable | None = None
    """Runs in groups; None when rows are shown."""
    filter_fields: Sequence[str] = FIELDS
    """Fields of every run that the filter bar completes."""

    @property
    def completed_fields(self) -> list[str]:
        """All fields that the filter bar completes: those of every run, then keys of config and summary that a chip can name."""
        keys = [f"{'config' if key.startswith('c.') else 'summary'}.{key[2:]}" for key in self.choices]
        return [*self.filter_fields, *(key for key in keys if is_chip_field(key))]


def project_url(project: TrackedProject) -> str:
    """Return the address of a project."""
    return f"/{quote(project.entity, safe='')}/{quote(project.name, safe='')}"


def section_of(project: TrackedProject) -> str:
    """Return under which part of the site a project stands: registries have one of their own."""
    return "registry" if project.name.startswith(REGISTRY_PREFIX) else "projects"


def first_crumb(project: TrackedProject) -> Crumb:
    """Return the list that a project is in."""
    return Crumb("Registry", "/ui/registry") if section_of(project) == "registry" else Crumb("Projects", "/ui/projects")


_OWN_CRUMBS = frozenset({*(label for _, label in PROJECT_TABS), "New report", "Edit report"})
"""Names of pages, which are translated; others are names of things."""


def project_frame(project: TrackedProject, title: str, *, crumb: str = "", scripts: Sequence[str] = ()) -> Frame:
    """Return the frame of a project's page; it listens to changes of the project's runs."""
    crumbs = [first_crumb(project), project_crumb(project.entity, project.name, project_url(project) if crumb else "")]
    if crumb:
        crumbs.append(Crumb(crumb, is_word=crumb in _OWN_CRUMBS))
    return Frame(
        title=title,
        section=section_of(project),
        crumbs=crumbs,
        live=f"project={quote(f'{project.entity}/{project.name}', safe='')}",
        scripts=scripts,
        belongs_to=project.name if title in _OWN_CRUMBS else "",
    )


async def run_listing(
    services: WebServices, tracking: TrackingServices, request: Request, project: TrackedProject, *, limit: int, is_counted: bool = True
) -> RunListing:
    """Return the page of runs the address asks for: `q`, `sort`, `group`, `cursor`. Not `is_counted`: the total is of its rows alone."""
    query = request.query_params
    group = ",".join(wanted_groups(query))
    sort = query.get("sort", "-created")
    filters = run_filters(query.get("q", ""), now=services.clock.now(), zone=reading_zone(query, request.cookies))
    found = await tracking.runs.list(project, filters=filters, order=run_order(sort, group), after=query.get("cursor"), limit=limit)
    rows = [listed_run(entry.run, group) for entry in found.entries]
    total = await tracking.runs.count(project, filters) if is_counted else len(rows)
    return RunListing(rows, total, found.entries[-1].cursor if found.has_next and found.entries else None, sort, group)


def wanted_groups(query: QueryParams) -> list[str]:
    """Return the fields that an address groups runs by, the outermost first: `group=job&then=config.lr`, or `group=job,config.lr`."""
    names = [name for part in (query.get("group", ""), query.get("then", "")) for name in part.split(",")]
    known = [name for name in dict.fromkeys(names) if name and (name in dict(GROUPS) or name.startswith("config."))]
    return known[:_MOST_GROUPS]


def listed_run(run: TrackedRun, group: str = "group") -> ListedRun:
    """Return a run as one of a list that is grouped by some fields (with commas)."""
    url = run_url(run.entity, run.project, run.name)
    return ListedRun(run, url, look_of(run.state), tuple(group_of(run, name) for name in group.split(",")) if group else ())


def group_of(run: TrackedRun, group: str) -> str:
    """Return the name of the group that a run stands in."""
    match group:
        case "group":
            return run.group
        case "job":
            return run.job_type
        case "state":
            return run.state.value
        case "sweep":
            return run.sweep
        case "user":
            return run.user_name
        case _ if group.startswith("config."):
            value = lookup(config_of(run), group.removeprefix("config."))
            return "" if value is None else str(value)[:100]
        case _:
            return ""


async def _grouped(
    services: WebServices, tracking: TrackingServices, request: Request, project: TrackedProject, columns: Sequence[str]
) -> GroupTable | None:
    """The groups that the address asks for, with the numbers of `columns`; None for rows."""
    query = request.query_params
    by = next(iter(wanted_groups(query)), "")
    if not by:
        return None
    filters = run_filters(query.get("q", ""), now=services.clock.now(), zone=reading_zone(query, request.cookies))
    found = await tracking.runs.groups(project, filters, store_column(by), columns)
    looks = {state.value: look for state, look in LOOKS.items()}
    named = {key: column_name(key) for key in columns}
    groups = [replace(group, columns={named[key]: span for key, span in group.columns.items()}) for group in found.groups]
    shown = [name for key, name in named.items() if name != by and any(name in group.columns for group in groups)]
    return GroupTable(by, dict(GROUPS).get(by, by), replace(found, groups=groups), shown, request.url.path, query, looks)


def store_column(group: str) -> str:
    """Return what the store calls a field that groups the table; keys of config have one name."""
    return _GROUPED.get(group, group)


def column_name(key: str) -> str:
    """Return what a column `c.lr` or `s.loss` is called: keys of the summary by themselves."""
    return f"config.{key[2:]}" if key.startswith("c.") else key[2:]


def listed_keys(rows: Sequence[ListedRun]) -> dict[str, None]:
    """Return the keys of summary and config, as `s.loss` and `c.lr`, that rows have values for. The index of values has them too, later."""
    found: dict[str, None] = {}
    for row in rows:
        for prefix, document in (("s.", row.summary), ("c.", row.config)):
            for leaf in tree_of(document).leaves[:400]:
                if leaf.kind in {"number", "text"} or isinstance(leaf.value, bool):
                    found[prefix + leaf.path] = None
    return found


async def table_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Runs as rows, config and summary keys as columns."""
    project = await project_of(tracking, request)
    listing = await run_listing(services, tracking, request, project, limit=100)
    shown = listed_keys(listing.rows)
    indexed = [key for key in await tracking.pages.keys(project.project_id) if key[:2] in {"c.", "s."}]
    hidden = ("c._wandb", "s._")
    choices = sorted({key for key in (*shown, *indexed) if not key.startswith(hidden)}, key=lambda key: (key[0] == "c", key))
    if request.query_params.get("columns") == "chosen":
        columns = [key for key in request.query_params.getlist("column") if key in choices]
    else:
        metrics = [key for key in shown if key.startswith("s.")][: _DEFAULT_COLUMNS - 2]
        columns = metrics + [key for key in shown if key.startswith("c.")][: _DEFAULT_COLUMNS - len(metrics)]
    columns += [key for key in request.query_params.getlist("add") if key in choices and key not in columns]
    is_only = request.query_params.get("differences") == "1"
    if is_only:
        columns = [key for key in columns if len({str(row.cell(key)) for row in listing.rows}) > 1]
    grouped = await _grouped(services, tracking, request, project, columns)
    keys = [f"config.{key[2:]}" for key in choices if key.startswith("c.")][:_MOST_GROUPED_KEYS]
    page = RunTablePage(
        project=project,
        base=project_url(project),
        tabs=PROJECT_TABS,
        listing=listing,
        columns=columns,
        choices=choices[:600],
        is_only_differences=is_only,
        group_choices=[*GROUPS[1:], *((key, key) for key in keys)],
        grouped=grouped,
    )
    frame = project_frame(project, "Runs", crumb="Runs", scripts=("table",))
    return render(services, request, "tracking/table.html", frame=frame, page=page)
