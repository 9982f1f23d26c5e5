"""What of a filled server is worth a picture: the address of every page by name, and what is done there before the picture is taken."""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx
from playwright.sync_api import Page

_ID = r"[0-9a-zA-Z-]{6,}"
_PART = r"[^/\"?#]+"


@dataclass(frozen=True)
class Place:
    """A page, and the clicks and keys that open what is shown of it."""

    address: str
    steps: tuple[tuple[str, str], ...] = ()
    """Pairs of a verb (`click`, `hover`, `open`, `pause`, `press`, `scroll`, `type`, `wait`) and what it is done to; `type` writes into what has the
    focus, `pause` lets so many milliseconds go by, `open` clicks on what is there in this width alone, else does nothing."""
    cookies: tuple[tuple[str, str], ...] = ()
    """What the reader chose (language, theme) and who it is."""
    held: str = ""
    """Pattern of addresses that are not answered."""
    refused: str = ""
    """Pattern of addresses that are answered with an error."""


def prepare(page: Page, place: Place) -> None:
    """Do what the place asks for; what is not there raises after five seconds."""
    for verb, what in place.steps:
        if verb == "press":
            page.keyboard.press(what)
        elif verb == "type":
            page.keyboard.type(what)
        elif verb == "pause":
            page.wait_for_timeout(int(what))
        elif verb == "wait":
            page.locator(what).first.wait_for(timeout=5000)
        elif verb == "open":
            if page.locator(what).first.is_visible():
                page.locator(what).first.click(timeout=5000)
        elif verb == "scroll":
            page.locator(what).first.evaluate("(element) => element.scrollIntoView()", timeout=5000)
        elif verb == "hover":
            page.locator(what).first.hover(timeout=5000)
        else:
            page.locator(what).first.click(timeout=5000)
        page.wait_for_timeout(150)


def first_link(url: str, page: str, pattern: str) -> str | None:
    """First address on `page` that matches."""
    found = re.search(rf'href="({pattern})"', httpx.get(f"{url}{page}", headers={"accept": "text/html"}, timeout=60, follow_redirects=True).text)
    return found.group(1).replace("&amp;", "&") if found else None


def places(url: str) -> dict[str, Place]:
    """Name -> place, for a server with something of everything; what it has not is left out."""
    names = (
        "home", "pipelines", "experiments", "runs", "recurring", "executions", "artifacts", "projects", "registry", "logs", "trash", "system",
    )  # fmt: skip
    found = {name: f"/ui/{name}" for name in names}
    found |= {"artifacts-stored": "/ui/artifacts?tab=stored", "search": "/ui/search?q=load", "keys": "/authorize", "missing": "/ui/runs/5c7a698e-fa0a-4afe-8fe6-000000000000"}
    found |= {
        "users": "/ui/system/users", "retention": "/ui/system/retention", "help": "/ui/help", "help-wandb": "/ui/help/wandb", "search-empty": "/ui/search",
        "logs-found": "/ui/logs?text=step", "logs-errors": "/ui/logs?errors=1", "runs-archived": "/ui/runs?tab=archived",
        "runs-filtered": "/ui/runs?q=nothing-is-called-this", "runs-grouped": "/ui/runs?group=pipeline", "executions-grouped": "/ui/executions?group=component",
        "causes": "/ui/executions?group=cause", "stored-grouped": "/ui/artifacts?tab=stored&group=type", "new-trigger": "/ui/recurring/new-trigger",
        "new-recurring": "/ui/runs/new?kind=recurring",
    }  # fmt: skip
    pages = found | pipeline_pages(url) | tracking_pages(url) | flow_pages(url)
    shown = {name: Place(address) for name, address in pages.items()}
    return shown | layers(shown) | drawn(shown)


def pipeline_pages(url: str) -> dict[str, str]:
    """Pages of runs, tasks, pipelines and what belongs to them."""
    found: dict[str, str] = {}
    for query, label in (("status:succeeded", "run"), ("status:failed", "run-failed"), ("status:running", "run-going")):
        run = first_link(url, f"/ui/runs?q={query}", f"/ui/runs/(?!new|actions){_ID}")
        if run:
            found |= run_pages(url, label, run)
    if demo := first_link(url, "/ui/runs?q=name:digits", f"/ui/runs/(?!new|actions){_ID}"):
        found |= run_pages(url, "digits", demo)
        if task := first_link(url, f"{demo}?view=tasks&q=evaluate", re.escape(demo) + rf"\?view=tasks&amp;[^\"]*task={_ID}"):
            found["digits-evaluate"] = f"{demo}?task={task.rpartition('task=')[2]}"
            found["digits-evaluate-visualizations"] = f"{found['digits-evaluate']}&tab=visualizations"
    for name, page, pattern in (
        ("pipeline", "/ui/pipelines", f"/ui/pipelines/{_ID}"),
        ("experiment", "/ui/experiments?q=load", f"/ui/experiments/(?!choices|actions){_ID}"),
        ("schedule", "/ui/recurring?q=night", f"/ui/recurring/(?!new|actions|fires){_ID}"),
        ("trigger", "/ui/recurring?q=loss", f"/ui/recurring/(?!new|actions|fires){_ID}"),
        ("promoted", "/ui/artifacts?tab=stored&q=promoted", r"/ui/artifacts/\d+"),
        ("artifact", "/ui/artifacts?tab=stored&q=type:Model", r"/ui/artifacts/\d+"),
        ("dataset", "/ui/artifacts?tab=stored&q=type:Dataset", r"/ui/artifacts/\d+"),
        ("scores", "/ui/artifacts?tab=stored&q=type:ClassificationMetrics", r"/ui/artifacts/\d+"),
    ):
        if address := first_link(url, page, pattern):
            found[name] = address
    if "pipeline" in found:
        found |= {f"pipeline-{tab}": f"{found['pipeline']}?tab={tab}" for tab in ("versions", "runs", "schedules", "source", "statistics")}
        found["new-run"] = f"/ui/runs/new?pipeline={found['pipeline'].rpartition('/')[2]}"
    if "run" in found:
        found["clone"] = f"/ui/runs/new?clone={found['run'].rpartition('/')[2]}"
    for name in ("artifact", "dataset", "scores", "promoted"):
        if name in found:
            found |= {f"{name}-{tab}": f"{found[name]}?tab={tab}" for tab in ("preview", "versions", "usage", "lineage")}
    listed = httpx.get(f"{url}/ui/runs?q=pipeline:load", headers={"accept": "text/html"}, timeout=60).text
    runs = list(dict.fromkeys(re.findall(rf'"/ui/runs/((?!new|actions|export|values){_ID})"', listed)))
    if len(runs) > 1:
        found |= {"compare": f"/ui/compare?runs={runs[1]},{runs[0]}", "compare-many": f"/ui/compare?runs={','.join(runs[:4])}&all=1"}
    return found


def run_pages(url: str, label: str, run: str) -> dict[str, str]:
    """Views of a run and the tabs of its first task."""
    views = ("timeline", "tasks", "metrics", "output", "config", "spec", "lineage")
    found = {label: run} | {f"{label}-{view}": f"{run}?view={view}" for view in views}
    if task := first_link(url, f"{run}?view=tasks", re.escape(run) + rf"\?view=tasks&amp;task={_ID}"):
        task = task.replace("view=tasks&", "")
        tabs = ("visualizations", "details", "logs", "environment", "events", "metadata")
        found |= {f"{label}-task": task} | {f"{label}-task-{tab}": f"{task}&tab={tab}" for tab in tabs}
    return found


def tracking_pages(url: str) -> dict[str, str]:
    """Pages of the project of tracked programs, else of the one that changed last."""
    address = rf"/(?!ui/|static/|flows|authorize){_PART}/{_PART}"
    project = first_link(url, "/ui/projects?q=handwriting", address) or first_link(url, "/ui/projects", address)
    if project is None:
        return {}
    tabs = ("overview", "runs", "sweeps", "artifacts", "reports", "reports/new", "automations")
    found = {"project": project} | {f"project-{tab.replace('/', '-')}": f"{project}/{tab}" for tab in tabs}
    found |= {"workspace-grouped": f"{project}/workspace?group=group", "project-runs-grouped": f"{project}/runs?group=group"}
    if run := first_link(url, f"{project}/runs?q=resnet-4", rf"{re.escape(project)}/runs/{_PART}"):
        tabs = ("overview", "charts", "system", "logs", "files", "artifacts", "code", "diff")
        found |= {f"tracked-run-{tab}": f"{run}/{tab}" for tab in tabs} | {"tracked-run-embedded": f"{run}?kfp=true"}
    if failed := first_link(url, f"{project}/runs?q=resnet-3", rf"{re.escape(project)}/runs/{_PART}"):
        found["tracked-run-failed"] = f"{failed}/overview"
    for name, kind in (("version", "model"), ("version-data", "dataset"), ("version-table", "run_table")):
        if version := first_link(url, f"{project}/artifacts/{kind}", rf"{re.escape(project)}/artifacts/{kind}/{_PART}"):
            found |= {name: version} | {f"{name}-{tab}": f"{version}/latest/{tab}" for tab in ("files", "lineage", "versions", "usage", "history")}
    for name, tab in (("sweep", "sweeps"), ("report", "reports")):
        if address := first_link(url, f"{project}/{tab}", rf"{re.escape(project)}/{tab}/(?!new){_PART}"):
            found[name] = address
    if "report" in found:
        found["report-edit"] = f"{found['report']}/edit"
    return found


def flow_pages(url: str) -> dict[str, str]:
    """Pages of the newest flow run, and of one that failed."""
    found = {"flows": "/flows", "flows-grouped": "/flows?group=flow"}
    for label, query in (("flow", ""), ("flow-failed", "?q=status:failed")):
        if run := first_link(url, f"/flows{query}", r"/flows/\w+/[0-9a-f-]+"):
            views = ("timeline", "tasks", "output", "config", "lineage", "metadata")
            found |= {f"{label}-run": run} | {f"{label}-run-{view}": f"{run}/view/{view}" for view in views}
            if task := first_link(url, f"{run}/view/tasks", rf"{re.escape(run)}/\w+/\d+"):
                found |= {f"{label}-task": task} | {f"{label}-task-{tab}": f"{task}?tab={tab}" for tab in ("artifacts", "cards", "metadata", "replay")}
    return found


def layers(pages: dict[str, Place]) -> dict[str, Place]:
    """Menus, dialogs and bars that lie over the pages."""
    on = {
        "search-dialog": ("home", (("press", "Control+k"), ("wait", "#search[open]"), ("type", "load"), ("wait", "#search [role=option]"))),
        "keys-dialog": ("home", (("press", "?"), ("wait", "#keys[open]"))),
        "news-menu": ("home", (("click", "#news > summary"),)),
        "settings-menu": ("home", (("click", "#settings-menu > summary"),)),
        "user-menu": ("home", (("click", "#user-menu > summary"),)),
        "namespace-menu": ("home", (("click", "#namespace-menu > summary"),)),
        "upload-dialog": ("pipelines", (("click", "[data-open-dialog=upload]"),)),
        "experiment-dialog": ("experiments", (("click", "[data-open-dialog=new-experiment]"),)),
        "notes-dialog": ("experiment", (("click", "[data-open-dialog=edit-notes]"),)),
        "runs-picked": ("runs", (("click", "tbody input[type=checkbox] >> nth=0"), ("click", "tbody input[type=checkbox] >> nth=1"))),
        "runs-columns": ("runs", (("click", "details[data-columns] > summary"),)),
        "runs-filter": ("runs", (("press", "/"), ("type", "sta"), ("wait", ".suggest"))),
        "runs-group-menu": ("runs", (("click", "summary:has-text('Group')"),)),
        "runs-views": ("runs", (("click", "summary:has-text('Views')"),)),
        "runs-export": ("runs", (("click", "summary:has-text('Export')"),)),
        "executions-facet": ("executions", (("click", ".facet > summary"),)),
        "run-menu-open": ("run", (("click", "#run-menu > summary"),)),
        "rename-dialog": ("run", (("click", "#run-menu > summary"), ("click", "[data-open-dialog=rename-run]"))),
        "move-dialog": ("run", (("click", "#run-menu > summary"), ("click", "[data-open-dialog=move-run]"))),
        "project-dialog": ("project-overview", (("click", "[data-open-dialog=edit-project]"),)),
        "tracked-run-dialog": ("tracked-run-overview", (("click", "[data-open-dialog=edit-run]"),)),
        "version-dialog": ("version", (("click", "[data-open-dialog=edit-version]"),)),
        "version-delete-dialog": ("version", (("click", "[data-open-dialog=delete-version]"),)),
        "workspace-views": ("project", (("click", ".workspace-views summary"),)),
    }
    return {name: Place(pages[page].address, steps) for name, (page, steps) in on.items() if page in pages}


def drawn(pages: dict[str, Place]) -> dict[str, Place]:
    """States of graphs, lineage and charts."""
    graph, more = ("wait", "#graph .node"), ("open", "#graph-more > summary")
    on = {
        "workspace-train": ("project", (("scroll", "[data-section=train]"),)),
        "graph-path": ("run", (graph, more, ("click", "#graph-path"))),
        "graph-artifacts": ("run", (graph, more, ("click", "#graph-artifacts"))),
    }
    return {name: Place(pages[page].address, steps) for name, (page, steps) in on.items() if page in pages}
