"""Pipelines and their versions: list, upload, static graph, source, differences between versions, statistics."""

from __future__ import annotations

import asyncio
import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.budgets import BudgetScope
from penstock.domain.catalog import DEMO_TAG
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.trash import TrashKind
from penstock.interfaces.page_catalog import LISTED_VERSIONS, PipelineItem, PipelineView, VersionItem
from penstock.interfaces.pages import ListQuery, Page
from penstock.spec.notices import DefinitionNotice, notices_of
from penstock.web.graphs.component_cards import ComponentCard, components_of
from penstock.web.graphs.run import static_scope
from penstock.web.lists.catalog_groups import choices_of, group_table
from penstock.web.lists.filters import before_of, query_of
from penstock.web.lists.groups import GroupTable
from penstock.web.opened import is_live_patch
from penstock.web.pages.compare.graphs import GraphDiff, graph_diff
from penstock.web.pages.lists.picked import ListAddress, bulk_form, every, ids_of
from penstock.web.pages.runs.run import ParameterRow, parameter_rows
from penstock.web.pages.runs.table import RunTable, run_table
from penstock.web.pages.system.budgets import BudgetCard, budget_card
from penstock.web.pages.system.trash import done_notice, each, put_away
from penstock.web.render import Crumb, Frame, Notice, redirect, render
from penstock.web.runs.plans import plan_of
from penstock.web.security import check_own_form, safe_next
from penstock.web.services.web import WebServices
from penstock.web.texts.formats import plain_json

TABS: Sequence[tuple[str, str]] = (
    ("graph", "Graph"),
    ("versions", "Versions"),
    ("runs", "Runs"),
    ("schedules", "Schedules"),
    ("source", "Source"),
    ("statistics", "Statistics"),
)
DEMOS_COOKIE = "penstock_demos"
"""Whether the reader hid the pipelines of the demonstration last."""
_YEAR = 365 * 24 * 3600
MAX_UPLOAD = 33 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PipelineListPage:
    """Context of `pipelines/list.html`."""

    listing: Page[PipelineItem]
    """The rows shown."""
    sort: str
    """Sort name, with `-` in front for descending."""
    hides_demos: bool
    """Pipelines of the demonstration are left out."""
    groups: GroupTable | None
    """Pipelines in groups; None: they are shown one by one."""
    group_choices: Sequence[tuple[str, str]]
    """(column, label) of what may group."""
    demo_tag: tuple[str, str] = DEMO_TAG


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a difference."""

    mark: str
    """`+`, `-`, ` ` or `@`."""
    text: str


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """What differs between two versions."""

    old: VersionItem
    new: VersionItem
    graph: GraphDiff | None
    """Both as one graph; None: one cannot be drawn."""
    lines: Sequence[DiffLine]
    """Of the definitions as text."""


@dataclass(frozen=True, slots=True)
class PipelinePage:
    """Context of `pipelines/pipeline.html`."""

    view: PipelineView
    """The pipeline with versions, schedules and statistics."""
    version: VersionItem | None
    """The version shown."""
    tab: str
    """Key of the open tab."""
    tabs: Sequence[tuple[str, str]]
    """All tabs."""
    problem: str = ""
    """Why the definition cannot be drawn."""
    parameters: Sequence[ParameterRow] = ()
    """Declared parameters."""
    components: Sequence[ComponentCard] = ()
    """Components of the definition."""
    source: str = ""
    """Definition as uploaded."""
    notices: Sequence[DefinitionNotice] = ()
    """What it asks for and this machine does otherwise."""
    runs: RunTable | None = None
    """Runs tab."""
    diff: VersionDiff | None = None
    """Versions tab, when two are compared."""
    budget: BudgetCard | None = None
    """What it may use; None on a server without budgets."""
    earlier: float | None = None
    """The versions listed are those since then, and there are more."""
    is_earlier: bool = False
    """There are newer versions than those listed."""


def _query(services: WebServices, request: Request, address: Mapping[str, str]) -> ListQuery:
    """Read what a list of pipelines shows; whether demos are hidden is remembered."""
    asked = address.get("demos")
    hides_demos = (request.cookies.get(DEMOS_COOKIE) if asked is None else asked) == "hide"
    return query_of(request, address, now=services.clock.now(), scope={"demos": "hide" if hides_demos else "show"})


async def list_page(services: WebServices, request: Request) -> Response:
    """All pipelines."""
    asked = request.query_params.get("demos")
    query = _query(services, request, request.query_params)
    hides_demos = query.scope["demos"] == "hide"
    sort = ("-" if query.is_descending else "") + query.sort
    groups = await group_table(services, "pipelines", query, request.query_params, request.url.path)
    listing: Page[PipelineItem] = Page([], None, 0) if groups else await services.catalog.list_pipelines(query)
    tags = [{groups.by.removeprefix("tag."): ""}] if groups and groups.by.startswith("tag.") else [item.tags for item in listing.items]
    page = PipelineListPage(listing, sort, hides_demos, groups, choices_of("pipelines", tags))
    frame = Frame(title="Pipelines", section="pipelines", crumbs=(Crumb("Pipelines"),), live="", scripts=("table", "upload"))
    answer = render(services, request, "pipelines/list.html", frame=frame, page=page)
    if asked is not None and not is_live_patch(request):
        answer.set_cookie(DEMOS_COOKIE, "hide" if hides_demos else "show", max_age=_YEAR, path="/", samesite="lax", httponly=True)
    return answer


async def pipeline_page(services: WebServices, request: Request) -> Response:
    """One pipeline at one version."""
    pipeline_id = request.path_params["pipeline_id"]
    wanted = request.query_params.get("version")
    before = before_of(request)
    view = await services.catalog.pipeline(pipeline_id, version_id=wanted or "", before=before)
    if view is None:
        raise NotFoundError(f"There is no pipeline {pipeline_id}.")
    by_id = {version.pipeline_version_id: version for version in view.versions}
    if wanted and wanted not in by_id:
        raise NotFoundError(f"This pipeline has no version {wanted}.")
    version = by_id[wanted] if wanted else view.pipeline.latest
    tab = request.query_params.get("tab", "graph")
    tab = tab if tab in dict(TABS) else "graph"
    data: dict[str, Any] = {}
    stored = await services.runs.spec(version.spec_digest) if version and tab in {"graph", "source"} else None
    if stored is not None:
        plan = await plan_of(services, version.spec_digest if version else None)
        data["source"] = stored[2] or plain_json(stored[1])
        if plan is None:
            data["problem"] = "This definition cannot be read as a graph; its source is in the tab Source."
        else:
            data["parameters"] = parameter_rows(plan.parameters, {})
            data["components"] = components_of(plan)
            data["notices"] = notices_of(plan)
    if tab == "runs":
        query = query_of(request, now=services.clock.now(), scope={"pipeline_id": pipeline_id})
        data["runs"] = await run_table(services, request, query)
    if tab == "versions" and {"a", "b"} <= request.query_params.keys():
        data["diff"] = await _diff(services, pipeline_id, request.query_params["a"], request.query_params["b"])
    data["budget"] = await budget_card(services, BudgetScope.PIPELINE, pipeline_id)
    data["earlier"] = view.versions[LISTED_VERSIONS - 1].created_at if len(view.versions) >= LISTED_VERSIONS else None
    data["is_earlier"] = before is not None
    page = PipelinePage(view=view, version=version, tab=tab, tabs=TABS, **data)
    frame = Frame(
        title=view.pipeline.display_name,
        section="pipelines",
        crumbs=(Crumb("Pipelines", "/ui/pipelines"), Crumb(view.pipeline.display_name)),
        live="",
        scripts=("graph", "table", "upload") if tab in {"graph", "versions"} else ("table", "upload"),
    )
    return render(services, request, "pipelines/pipeline.html", frame=frame, page=page)


async def graph_data(services: WebServices, request: Request) -> Response:
    """Structure of a version; `?open=` names group tasks by path."""
    version = await services.catalog.version(request.path_params["version_id"])
    plan = await plan_of(services, version.spec_digest if version else None)
    if plan is None or version is None:
        raise NotFoundError("This version has no definition that can be drawn.")
    opened = [path for path in request.query_params.get("open", "").split(",") if path][:40]
    layer = request.query_params.get("layer", "")
    names = ["root", *opened]
    drawn = await asyncio.to_thread(lambda: [static_scope(version.spec_digest, plan, name) for name in names])
    scopes = dict(zip(names, drawn, strict=True))
    body = {"root": "root", "state": "", "version": 0, "now": services.clock.now(), "scopes": scopes, "loops": {}}
    return JSONResponse(body | {"trail": _trail(layer)})


def _version_name(services: WebServices) -> str:
    """Name of an upload without one: by the time, in the words of the Kubeflow UI."""
    at = datetime.fromtimestamp(services.clock.now(), UTC).isoformat(timespec="milliseconds")
    return f"version_at_{at.removesuffix('+00:00')}Z"


def _trail(path: str) -> list[dict[str, str]]:
    """Return the groups from the outermost to the one at `path` of a definition, without the root."""
    steps = path.split("/")
    return [{"id": "/".join(steps[: count + 1]), "name": steps[count]} for count in range(1, len(steps))]


async def _diff(services: WebServices, pipeline_id: str, old_id: str, new_id: str) -> VersionDiff:
    old, new = await services.catalog.version(old_id), await services.catalog.version(new_id)
    if old is None or new is None or {old.pipeline_id, new.pipeline_id} != {pipeline_id}:
        raise NotFoundError("One of the two versions does not exist.")
    before, after = await services.runs.spec(old.spec_digest), await services.runs.spec(new.spec_digest)
    if before is None or after is None:
        raise NotFoundError("One of the two definitions is gone.")
    plans = [await plan_of(services, version.spec_digest) for version in (old, new)]
    return VersionDiff(
        old,
        new,
        graph=await asyncio.to_thread(graph_diff, old.spec_digest, plans[0], new.spec_digest, plans[1]),
        lines=diff_lines(before[2] or plain_json(before[1]), after[2] or plain_json(after[1])),
    )


def diff_lines(before: str, after: str, *, limit: int = 2000) -> list[DiffLine]:
    """Unified difference of two texts, at most `limit` lines."""
    found = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3))[2 : limit + 2]
    return [DiffLine("@" if line.startswith("@@") else line[:1] or " ", line if line.startswith("@@") else line[1:]) for line in found]


async def act(services: WebServices, request: Request) -> Response:
    """Upload a pipeline or a version, or delete one."""
    check_own_form(request)
    form = await bulk_form(request, max_part_size=MAX_UPLOAD)
    verb, pipeline_id = str(form.get("verb", "")), str(form.get("id", ""))
    target = safe_next(str(form.get("next", "")), "/ui/pipelines")
    if verb == "delete":

        async def matching(at: ListAddress) -> Sequence[str]:
            return await every(services.catalog.list_pipelines, _query(services, request, at.query), lambda item: item.pipeline_id)

        ids = await ids_of(form, target, matching)
        if (answer := await put_away(services, request, TrashKind.PIPELINE, ids, "/ui/pipelines")) is not None:
            return answer
        return done_notice("/ui/pipelines", "Deleted", ids, await each(ids, services.actions.pipelines.delete))
    if verb == "delete-version":
        version_id = str(form.get("version", ""))
        if (answer := await put_away(services, request, TrashKind.PIPELINE_VERSION, [version_id], target)) is not None:
            return answer
        await services.actions.pipelines.delete_version(pipeline_id, version_id)
        return redirect(target, Notice("Version deleted."))
    upload, address, pasted = form.get("file"), str(form.get("url", "")).strip(), str(form.get("text", "")).strip()
    name, description = str(form.get("name", "")).strip(), str(form.get("description", "")).strip()
    is_version = verb == "upload-version"
    if isinstance(upload, UploadFile) and upload.filename:
        file_name, content = upload.filename, await upload.read(MAX_UPLOAD)
    elif address:
        called = name or (_version_name(services) if is_version else "")
        pipeline_id, version_id = await services.actions.pipelines.upload_from_url(
            address, pipeline_id=pipeline_id if is_version else None, name=called, description=description
        )
        return redirect(f"/ui/pipelines/{pipeline_id}?version={version_id}", Notice("Uploaded."))
    elif pasted:
        file_name, content = "pipeline.yaml", pasted.encode()
    else:
        raise InvalidArgumentError("Choose a file, give a URL or paste the definition.")
    if is_version:
        called = name or _version_name(services)
        version_id = await services.actions.pipelines.upload_version(
            pipeline_id, name=called, description=description, file_name=file_name, content=content
        )
        return redirect(f"/ui/pipelines/{pipeline_id}?version={version_id}", Notice("Version uploaded."))
    name = name or re.sub(r"\.(yaml|yml|json|zip|tar\.gz|tgz)$", "", file_name.rpartition("/")[2])
    pipeline_id, _ = await services.actions.pipelines.upload(name=name, description=description, file_name=file_name, content=content)
    return redirect(f"/ui/pipelines/{pipeline_id}", Notice("Pipeline uploaded."))
