"""States of the pages that a filled server shows only when asked: nothing found, refused, waiting, opened menus, other languages, high contrast."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

import httpx

from tests.browser.places import Place, first_link
from tests.support.server import LiveServer

_GRAPH = ("wait", "#graph .node")
_MORE = ("open", "#graph-more > summary")
_NEVER = "nothing-is-called-this"


def states(url: str, pages: Mapping[str, Place]) -> dict[str, Place]:
    """Name -> place; `pages` are those of `places`, by name. What the server has not is left out."""
    found = nothing_found(pages) | opened(pages) | edges_of_pages(pages) | waits(pages) | readers(pages)
    return found | {name: Place(address) for name, address in (compared(url, pages) | forms(url, pages)).items()}


def nothing_found(pages: Mapping[str, Place]) -> dict[str, Place]:
    """Lists whose filter matches nothing, and addresses that lead nowhere."""
    lists = ("pipelines", "experiments", "recurring", "executions", "artifacts", "artifacts-stored", "projects", "registry", "project-runs", "flows")
    found = {f"{name}-filtered": Place(_asked(pages[name].address, f"q={_NEVER}")) for name in lists if name in pages}
    found |= {"logs-nothing": Place(f"/ui/logs?text={_NEVER}"), "search-nothing": Place(f"/ui/search?q={_NEVER}"), "namespace-empty": Place("/ui/projects?namespace=nobody")}
    return found | {"missing-page": Place("/ui/no-such-page"), "missing-pipeline": Place("/ui/pipelines/load"), "missing-project": Place("/nobody/nothing")}


def opened(pages: Mapping[str, Place]) -> dict[str, Place]:
    """Menus, dialogs and folded parts that lie over a page or in it."""
    menu = ("click", ".workspace-main .chart-head .menu > summary")
    on: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
        "version-upload-dialog": ("pipeline", (("click", "[data-open-dialog=upload]"),)),
        "artifact-dialog": ("artifact", (("click", "[data-open-dialog=edit-version]"),)),
        "artifact-delete-dialog": ("artifact", (("click", "[data-open-dialog=delete-version]"), ("wait", "#delete-version p"))),
        "confirm-dialog": ("keys", (("click", "button.danger"), ("wait", "dialog[open]"))),
        "crumb-menu": ("run", (("click", ".crumbs .menu > summary"),)),
        "project-crumb-menu": ("project-overview", (("click", ".crumbs .menu > summary"), ("wait", ".crumbs .menu-body a"))),
        "executions-columns": ("executions", (("click", "details[data-columns] > summary"),)),
        "executions-picked": ("executions", (("click", "tbody input[type=checkbox] >> nth=0"), ("click", "tbody input[type=checkbox] >> nth=1"))),
        "artifacts-picked": ("artifacts-stored", (("click", "tbody input[type=checkbox] >> nth=0"), ("click", "tbody input[type=checkbox] >> nth=1"))),
        "project-runs-picked": ("project-runs", (("click", "tbody input[type=checkbox] >> nth=0"), ("click", "tbody input[type=checkbox] >> nth=1"))),
        "flow-commands": ("flow-run", (("click", ".flow-way > summary, .actions .menu > summary"), ("wait", ".flow-commands .code-block"))),
        "flow-picked": ("flows", (("click", "tbody input[type=checkbox] >> nth=0"), ("click", "tbody input[type=checkbox] >> nth=1"))),
        "replay-menu": ("run-task", (("click", "#replay > summary"),)),
        "schedule-edit": ("schedule", (("click", "#edit > summary"),)),
        "trigger-edit": ("trigger", (("click", "#edit > summary"),)),
        "automation-form": ("project-automations", (("click", "#new-automation > summary"),)),
        "budget-form": ("project-overview", (("click", "#budget summary"),)),
        "panel-menu": ("workspace-train", (*pages["workspace-train"].steps, menu)) if "workspace-train" in pages else ("project", (menu,)),
        "panel-dialog": ("project", (("click", "[data-view-add]"), ("wait", "dialog[open]"))),
        "view-report-dialog": ("project", (("click", ".workspace-views summary"), ("click", "[data-view-report]"), ("wait", "dialog[open]"))),
        "run-colours": ("project", (("open", "[data-narrow]"), ("hover", ".workspace-row"))),
        "picture-dialog": ("tracked-run-charts", (("scroll", ".chart-panel.is-media"), ("wait", ".media-image img"), ("scroll", ".media-image img"), ("click", ".media-image .image-open, .media-image img"), ("wait", "dialog[open]"))),
        "rail-open": ("home", (("click", "[data-rail-open]"),)),
    }
    return {name: Place(pages[page].address, steps) for name, (page, steps) in on.items() if page in pages}


def edges_of_pages(pages: Mapping[str, Place]) -> dict[str, Place]:
    """Graphs, timelines and lineage as they are asked for by switches and clicks."""
    on: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
        "graph-failed-only": ("run-failed", (_GRAPH, _MORE, ("click", "#graph-failed-only"))),
        "graph-turned": ("run", (_GRAPH, ("click", "#graph-direction"))),
        "graph-found": ("run", (_GRAPH, ("click", "#graph-search"), ("type", "re"))),
        "graph-loop-open": ("run", (_GRAPH, ("click", "#graph .node-toggle"))),
        "graph-layer": ("run", (_GRAPH, ("click", "#graph .node-enter"), ("wait", "#graph-trail:not([hidden])"))),
        "graph-loop-panel": ("run", (_GRAPH, ("click", "#graph-fit"), ("click", "#graph .is-group .node-link"), ("wait", ".panel-inner"))),
        "graph-artifact-panel": ("run", (_GRAPH, _MORE, ("click", "#graph-artifacts"), ("wait", "#graph .is-artifact"), ("press", "Escape"), ("click", "#graph-fit"), ("click", "#graph .is-artifact"), ("wait", ".panel-inner"))),
        "graph-twin": ("run", (_GRAPH, ("click", "#graph-twin > summary"), ("scroll", "#graph-twin"))),
        "flow-steps-table": ("flow-run", (("click", "summary:has-text('Steps as a table')"),)),
        "lineage-table": ("artifact-lineage", (("click", "summary:has-text('The same as a table')"),)),
        "system-settings": ("system", (("scroll", "#settings"),)),
    }
    found = {name: Place(pages[page].address, steps) for name, (page, steps) in on.items() if page in pages}
    queries = (
        ("timeline-grouped", "run-timeline", "group=1"), ("timeline-path", "run-timeline", "path=1"), ("run-tasks-filtered", "run-tasks", f"q={_NEVER}"),
        ("compare-all", "compare", "all=1"), ("retention-asked", "retention", "kind=run&kind=tracked_run&kind=version&days=0&keep=1"),
        ("trigger-tested", "trigger", "test=1"), ("backfill-plan", "schedule", "from=2026-11-01T00:00&until=2026-11-05T00:00"),
        ("versions-compared", "dataset-versions", ""), ("experiments-best", "experiments", "metric=loss"), ("runs-columns-shown", "runs", "columns=chosen&column=loss&column=rows"),
        ("recurring-grouped", "recurring", "group=kind"), ("pipelines-grouped", "pipelines", "group=last"), ("pipelines-demos", "pipelines", "demos=hide"),
        ("artifacts-grouped", "artifacts", "group=type"), ("task-alone", "run-task", "panel=only"),
    )  # fmt: skip
    return found | {name: Place(_asked(pages[page].address, more)) for name, page, more in queries if page in pages}


def waits(pages: Mapping[str, Place]) -> dict[str, Place]:
    """Parts that wait for the server, with the reason, and parts that could not be fetched."""
    found = {}
    asks = (_GRAPH, ("click", "#graph a.node"))
    for name, part, steps in (("run", "**/panel*", asks), ("project", "**/tracking/series*", ()), ("run-task-logs", "**/log?*", ())):
        if name in pages:
            found[f"{name}-waiting"] = replace(pages[name], held=part, steps=(*steps, ("pause", "3500")))
            found[f"{name}-lost"] = replace(pages[name], refused=part, steps=(*steps, ("pause", "500")))
    return found


def readers(pages: Mapping[str, Place]) -> dict[str, Place]:
    """Pages as readers of other languages and of high contrast see them."""
    found = {}
    names = ("home", "runs", "run-failed", "run-task", "new-run", "artifact", "project", "tracked-run-overview", "flow-run", "system", "compare", "schedule")
    for language, start in (("ko", 0), ("ja", 1)):
        found |= {f"{language}-{name}": replace(pages[name], cookies=(("penstock_lang", language),)) for name in names[start::2] if name in pages}
    contrast = ("home", "runs", "run", "run-task", "project", "tracked-run-charts", "artifact-lineage", "compare")
    return found | {f"contrast-{name}": replace(pages[name], cookies=(("penstock_theme", "contrast"),)) for name in contrast if name in pages}


def compared(url: str, pages: Mapping[str, Place]) -> dict[str, str]:
    """Comparisons of everything that can be laid side by side but runs of pipelines."""
    found = {}
    flow_runs = _links(url, "/flows", r'"/flows/(\w+/[0-9a-f-]+)"')
    if len(flow_runs) > 1:
        found["compare-flows"] = f"/ui/compare?runs={quote(','.join(flow_runs[:2]))}"
    if "run-tasks" in pages:
        run = pages["run"].address.rpartition("/")[2]
        if len(tasks := _links(url, pages["run-tasks"].address, r"[?&;]task=([0-9a-f-]{6,})")) > 1:
            found["compare-tasks"] = f"/ui/executions/compare?tasks={quote(f'{run}/{tasks[0]},{run}/{tasks[1]}')}"
    if "project-runs" in pages and len(runs := _links(url, pages["project-runs"].address, r'name="id" value="(\d+)"')) > 1:
        found["compare-tracked"] = f"/ui/tracking/compare?runs={runs[0]},{runs[1]}"
    stored = _links(url, "/ui/artifacts?tab=stored&q=type:Dataset", r'"/ui/artifacts/(\d+)"')
    if len(stored) > 1:
        found["compare-artifacts"] = f"/ui/artifacts/compare?a=artifact:{stored[0]}&b=artifact:{stored[1]}"
    if "pipeline" in pages:
        demo = first_link(url, "/ui/pipelines?q=digits", r"/ui/pipelines/[0-9a-f-]{6,}")
        if demo and len(versions := _links(url, f"{demo}?tab=versions", r'name="a" value="([^"]+)"')) > 1:
            found["versions-diff"] = f"{demo}?tab=versions&a={versions[1]}&b={versions[0]}"
    return found


def forms(url: str, pages: Mapping[str, Place]) -> dict[str, str]:
    """Pages of what was thrown away or archived, of single files, and forms that were begun."""
    found = {}
    if trashed := first_link(url, "/ui/trash", "/ui/runs/[0-9a-f-]{6,}"):
        found["run-trashed"] = trashed
    if archived := first_link(url, "/ui/runs?tab=archived", "/ui/runs/(?!new|actions|export|values)[0-9a-f-]{6,}"):
        found["run-archived"] = archived
    if "run-failed" in pages:
        found["fix"] = f"/ui/runs/new?clone={pages['run-failed'].address.rpartition('/')[2]}&fix=1"
    for name in ("version-files", "version-table-files", "tracked-run-files"):
        if name in pages and (file := first_link(url, pages[name].address, re.escape(pages[name].address) + r"/[^\"?#]+")):
            found[f"{name}-one"] = file
    if "tracked-run-diff" in pages and (other := _links(url, pages["tracked-run-diff"].address, r'<option value="(\d+)"')):
        found["tracked-run-diff-other"] = f"{pages['tracked-run-diff'].address}?against={other[-1]}"
    return found | {"new-run-empty": "/ui/runs/new", "search-commands": "/ui/search?q=new", "flow-alone": "/flows/LoadForecastFlow"}


def refused(guarded: LiveServer) -> dict[str, Place]:
    """What a server that asks for keys shows to a viewer, and to whom an invitation leads."""
    url = f"http://127.0.0.1:{guarded.port}"
    with httpx.Client(base_url=url, cookies={"penstock_key": guarded.key}, headers={"origin": url}, timeout=60) as admin:
        admin.post("/ui/system/users/actions", data={"verb": "add", "name": "bo@example.org", "role": "viewer"})
        made = admin.post("/ui/system/users/actions", data={"verb": "make-key", "user": "bo"}).text
        invited = admin.post("/ui/system/users/actions", data={"verb": "invite", "user": "bo"}).text
    key, link = re.search(r">(?:<code>)?([\w-]{32,})<", made), re.search(r"(/signin/invite/[\w-]+)", invited)
    found = {"invitation-spent": Place(f"{url}/signin/invite/none")}
    if link:
        found["invitation"] = Place(f"{url}{link[1]}")
    if key:
        cookies = (("penstock_key", key[1]),)
        found |= {"refused": Place(f"{url}/ui/system", cookies=cookies), "read-only": Place(f"{url}/ui/runs", cookies=cookies)}
    return found


def _asked(address: str, more: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}{more}" if more else address


def _links(url: str, address: str, pattern: str) -> list[str]:
    """What the group of `pattern` matches on a page, each once, in order."""
    text = httpx.get(f"{url}{address}", headers={"accept": "text/html"}, timeout=60).text
    return list(dict.fromkeys(re.findall(pattern, text)))
