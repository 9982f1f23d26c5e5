"""Reports with grids of panels, their comments and exports; what differs between runs; automations; cards; lanes of system metrics."""

from __future__ import annotations

import base64
import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from penstock.domain.automations import AutomationEvent, DeliveryState, EventType, NewDelivery, ScopeKind
from penstock.domain.tracking import RunChange
from penstock.stores.sql.automations import SqlAutomationStore
from penstock.stores.sql.database import open_database
from penstock.tracking.automations import AutomationScope
from penstock.web.pages.tracking.run import patches_of
from penstock.web.reports.grids import filters_of
from penstock.web.tracking.chart_panels import client_plots, panel_list, panels_of_kinds
from penstock.web.tracking.run_colors import INKS
from penstock.web.tracking.run_sets import grouping_of
from penstock.web.tracking.step_metrics import StepMetrics, step_metrics
from penstock.web.tracking.system_metrics import system_panels
from tests.support.tracking import sqlite_url
from tests.unit.web.test_tracking_pages import HOSTILE, ORIGIN, Site, site

__all__ = ["site"]


def grid(*runsets: dict[str, Any]) -> dict[str, Any]:
    """A grid of one line panel, one scatter and one unknown kind, over run sets."""
    panels = [
        {"viewType": "Run History Line Plot", "layout": {"x": 0, "y": 0, "w": 8, "h": 6}, "config": {"metrics": ["train/loss"], "chartTitle": HOSTILE}},
        {"viewType": "Scatter Plot", "layout": {"x": 8, "y": 0, "w": 8, "h": 6}, "config": {"xAxis": "summary:c::lr", "yAxis": "summary:best"}},
        {"viewType": "Vega2", "layout": {"x": 16, "y": 0, "w": 8, "h": 6}, "config": {}},
    ]
    return {"type": "panel-grid", "metadata": {"runSets": list(runsets), "panelBankSectionConfig": {"panels": panels}}}


async def written(site: Site, *blocks: dict[str, Any]) -> str:
    """Address of a report with these blocks, as clients print it."""
    project = await site.tracking.projects.get("ann", "digits")
    assert project is not None
    report = site.services.reports.create(project.project_id, "ann", kind="runs", name="r", display_name="A report", spec=json.dumps({"blocks": blocks}))
    code = base64.b64encode(f"View:{report.report_id}".encode()).decode().rstrip("=")
    return f"{site.base}/reports/A-report--{code}"


async def test_a_report_draws_live_panels_over_the_runs_that_it_names(site: Site) -> None:
    await site.tracking.runs.upsert("ann", "digits", "small", RunChange(display_name="small", config='{"lr": {"value": 5}}'))
    mine = {"enabled": True, "project": {"name": "digits", "entityName": "ann"}, "filters": {"filters": [{"key": {"section": "config", "name": "lr.value"}, "op": ">", "value": 1}]}}
    address = await written(site, {"type": "heading", "level": 1, "children": [{"text": "First"}]}, grid(mine), {"type": "table-of-contents"})
    page = (await site.get(address)).text
    assert page.count("data-report-grid") == 1
    instead = page.partition("<noscript>")[2].partition("</noscript>")[0]
    assert f'<a href="{site.base}/runs">The numbers are in the table of the project&#39;s runs.</a>' in instead
    assert "&#34;small&#34;" in page or '"small"' in page
    assert '"runName": "r1"' not in page
    assert "Vega2" in page
    assert HOSTILE not in page
    assert 'href="#part-0"' in page


async def test_a_report_does_not_show_runs_of_projects_that_are_hidden(site: Site) -> None:
    other = {"enabled": True, "project": {"name": "none", "entityName": "nobody"}}
    page = (await site.get(await written(site, grid(other)))).text
    assert re.search(r"data-runs='\[\]'", page)


async def test_a_grid_draws_runs_in_the_colours_that_it_chose_in_the_page_and_in_the_file(site: Site) -> None:
    chosen = {"id": "set1", "enabled": True, "project": {"name": "digits", "entityName": "ann"}, "grouping": [{"section": "run", "name": "group"}]}
    block = grid(chosen)
    block["metadata"]["customRunColors"] = {"r1": "#ff0000", "set1-run:group:first": "#00f"}
    address = await written(site, block)
    runs = json.loads(html.unescape(re.findall(r"data-runs='(.*?)'", (await site.get(address)).text)[0]))
    assert runs[0]["color"] == "4 #ff0000 #ff0000"
    exported = (await site.get(address + "?export=html")).text
    assert 'stroke="#ff0000"' in exported
    assert INKS[0] not in exported


async def test_an_export_is_one_still_file_without_script(site: Site) -> None:
    everything = {"enabled": True, "project": {"name": "digits", "entityName": "ann"}}
    answer = await site.get(await written(site, {"type": "markdown-block", "content": "It **works**"}, grid(everything)) + "?export=html")
    assert answer.headers["content-disposition"] == 'attachment; filename="A-report.html"'
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "<strong>works</strong>" in answer.text
    assert "<svg" in answer.text
    assert answer.text.count("<path") > 6
    assert "<script" not in answer.text
    assert "/static/" not in answer.text


async def test_comments_are_written_and_removed(site: Site) -> None:
    address = await written(site)
    report = re.search(r'name="report" value="(\d+)"', (await site.get(address)).text)
    assert report is not None
    form = {"report": report[1], "text": HOSTILE, "next": address}
    assert (await site.http.post("/ui/tracking/reports/actions", data=form, headers={"origin": "http://evil.example"})).status_code == 403
    await site.http.post("/ui/tracking/reports/actions", data=form, headers=ORIGIN)
    page = (await site.get(address)).text
    assert "&lt;script&gt;" in page
    assert HOSTILE not in page
    assert '<button class="button ghost small square" aria-label="Delete this comment">' in page
    comment = re.search(r'id="comment-(\d+)"', page)
    assert comment is not None
    await site.http.post("/ui/tracking/reports/actions", data={"report": report[1], "verb": "delete", "id": comment[1]}, headers=ORIGIN)
    assert "comment-" + comment[1] not in (await site.get(address)).text


async def test_comments_are_markdown_in_which_nothing_runs(site: Site) -> None:
    address = await written(site)
    report = re.search(r'name="report" value="(\d+)"', (await site.get(address)).text)
    assert report is not None
    words = f"**Better** than `r1`:\n\n- [why](https://example.org/)\n- [trap](javascript:hacked())\n- ![pixel](https://evil.example/a.png)\n\n{HOSTILE}"
    await site.http.post("/ui/tracking/reports/actions", data={"report": report[1], "text": words, "next": address}, headers=ORIGIN)
    for page in ((await site.get(address)).text, (await site.get(f"{address}?export=html")).text):
        assert "<strong>Better</strong>" in page
        assert '<a href="https://example.org/">why</a>' in page
        assert 'href="javascript' not in page
        assert 'src="https://evil.example' not in page
        assert HOSTILE not in page
        assert "&lt;script&gt;window.hacked" in page
    assert (await site.get(f"{site.base}/reports")).text.count("A report") == 1


@pytest.mark.parametrize(
    ("chosen", "filters", "group"),
    [
        ({}, None, ""),
        ({"search": {"query": "big"}, "grouping": [{"section": "run", "name": "jobType"}]}, "(?i)big", "job"),
        ({"filters": {"filters": [{"op": "OR", "filters": [{"key": {"section": "run", "name": "state"}, "op": "=", "value": "finished"}]}]}}, '"$or"', ""),
        ({"filters": {"filters": [{"key": {"section": "summary", "name": "acc"}, "op": "IN", "value": [1]}]}}, '{"summary.acc": {"$in": [1]}}', ""),
        ({"filters": {"filters": [{"key": {"section": "run", "name": "state"}, "op": "=", "value": "x", "disabled": True}]}}, None, ""),
        ({"grouping": [{"section": "config", "name": "lr.value"}], "filters": {"filters": [3, {"op": "LIKE"}]}}, None, "config.lr"),
    ],
)  # fmt: skip
def test_run_sets_are_read_as_filters_and_groups(chosen: dict[str, Any], filters: str | None, group: str) -> None:
    found = filters_of(chosen)
    assert found is None if filters is None else filters in (found or "")
    assert grouping_of(chosen) == group


async def test_what_differs_from_another_run_is_told(site: Site) -> None:
    await site.tracking.runs.upsert("ann", "digits", "other", RunChange(display_name="plain", config='{"lr": {"value": 5}, "new": {"value": 1}}'))
    page = (await site.get(f"{site.base}/runs/other/diff?against=r1")).text
    assert re.search(r">lr</th><td[^>]*><span title=\"0.1\">", page)
    assert ">new</th>" in page
    assert HOSTILE not in page
    assert patches_of({"a.py": "x = 1\n", "same": "1"}, {"a.py": "x = 2\n", "same": "1"}) == [("a.py", "--- a.py\n+++ a.py\n@@ -1 +1 @@\n-x = 1\n+x = 2")]


async def test_automations_are_listed_switched_and_deleted(site: Site) -> None:
    project = await site.tracking.projects.get("ann", "digits")
    assert project is not None
    scope = AutomationScope(ScopeKind.PROJECT, project.project_id, "ann", project.project_id)
    rule = site.services.automations.create(
        scope, name=HOSTILE, description="", is_enabled=True, event_type="CREATE_ARTIFACT", event_filter="{}", action_type="NO_OP", action={}, user_name="ann",
    )  # fmt: skip
    page = (await site.get(f"{site.base}/automations")).text
    assert "an artifact gets a version" in page
    assert HOSTILE not in page
    await site.http.post("/ui/tracking/automations/actions", data={"id": str(rule.automation_id), "verb": "disable"}, headers=ORIGIN)
    changed = site.services.automations.get(rule.automation_id)
    assert changed is not None
    assert not changed.is_enabled
    await site.http.post("/ui/tracking/automations/actions", data={"id": str(rule.automation_id), "verb": "delete"}, headers=ORIGIN)
    assert site.services.automations.get(rule.automation_id) is None


async def test_where_webhooks_go_is_said_on_the_page_and_what_failed_is_sent_again(site: Site, tmp_path: Path) -> None:
    form = {"entity": "ann", "project": "digits", "name": HOSTILE, "url": "http://127.0.0.1:1/" + HOSTILE, "token": "hooks/T"}
    path = "/ui/tracking/automations/webhooks"
    assert (await site.http.post(path, data=form, headers={"origin": "http://evil.example"})).status_code == 403
    for change in ({}, {}, {"name": ""}, {"name": "b", "url": " "}):
        answer = await site.http.post(path, data={**form, **change}, headers=ORIGIN)
        assert answer.headers["location"] == f"{site.base}/automations"
    [target] = site.services.automations.integrations("ann")
    assert (target.name, target.access_token_ref, target.secret_ref) == (HOSTILE, "hooks/T", "")
    rule = {"entity": "ann", "project": "digits", "name": "calls", "event": "state", "state": "FAILED", "action": str(target.integration_id)}
    await site.http.post("/ui/tracking/automations", data=rule, headers=ORIGIN)
    [made] = [one for one in site.services.automations.list(entity="ann") if one.name == "calls"]
    event = AutomationEvent(1, EventType.RUN_STATE, None, None, None, "FAILED")
    database = open_database(sqlite_url(tmp_path))
    store = SqlAutomationStore(database)
    store.settle_events([event], [NewDelivery(made.automation_id, "one", "ann/digits/r1", {})], at=1.0)
    [waiting] = store.deliveries([made.automation_id], limit=5)[made.automation_id]
    again = {"id": str(made.automation_id), "verb": "again", "delivery": str(waiting.delivery_id)}
    store.claim_due(now=2.0, until=60.0, limit=5)
    page = (await site.get(f"{site.base}/automations")).text
    assert HOSTILE not in page
    assert "next attempt" in page
    assert 'value="again"' not in page
    store.end_delivery(waiting.delivery_id, DeliveryState.FAILED, "500 " + HOSTILE, at=3.0)
    page = (await site.get(f"{site.base}/automations")).text
    assert HOSTILE not in page
    assert 'value="again"' in page
    await site.http.post("/ui/tracking/automations/actions", data=again, headers=ORIGIN)
    assert [one.state for one in store.deliveries([made.automation_id], limit=5)[made.automation_id]] == [DeliveryState.PENDING]
    database.close()


async def test_automations_are_made_by_the_form_as_the_client_would_make_them(site: Site) -> None:
    page = (await site.get(f"{site.base}/automations?metric=train/loss")).text
    assert re.search(r'id="new-automation" open', page)
    assert 'name="metric" value="train/loss"' in page
    form = {"entity": "ann", "project": "digits", "name": "too high", "event": "metric", "metric": "train/loss", "compare": "$gt",
            "threshold": "2.5", "window": "3", "action": "notify"}  # fmt: skip
    assert (await site.http.post("/ui/tracking/automations", data=form, headers={"origin": "http://evil.example"})).status_code == 403
    for change in ({}, {"name": "done", "event": "state", "state": "FAILED"}, {"name": "out", "event": "alias", "alias": "prod"}):
        answer = await site.http.post("/ui/tracking/automations", data={**form, **change}, headers=ORIGIN)
        assert answer.headers["location"] == f"{site.base}/automations"
    by_name = {rule.name: rule for rule in site.services.automations.list(entity="ann")}
    metric = json.loads(by_name["too high"].event_filter)
    assert metric["run_metric_filter"]["threshold_filter"] == {
        "name": "train/loss", "agg_op": "AVERAGE", "window_size": 3, "cmp_op": "$gt", "threshold": 2.5,
    }  # fmt: skip
    assert json.loads(metric["run_filter"]) == {"$and": []}
    assert json.loads(by_name["done"].event_filter)["run_state_filter"] == {"states": ["FAILED"]}
    assert by_name["out"].event_type == "ADD_ARTIFACT_ALIAS"
    assert by_name["too high"].action_type == "NOTIFICATION"
    for wrong in ({"threshold": "much"}, {"metric": ""}, {"compare": "$regex"}, {"event": "state", "state": "GONE"}, {"action": "77"}, {}):
        answer = await site.http.post("/ui/tracking/automations", data={**form, "name": "wrong", **wrong, **({"name": "done"} if not wrong else {})}, headers=ORIGIN)
        assert answer.status_code == 400 or "error" in answer.headers["set-cookie"]
    assert len(site.services.automations.list(entity="ann")) == len(by_name)


def test_devices_of_a_kind_share_a_drawing() -> None:
    tail = json.dumps({"system.gpu.0.memory": 1, "system.gpu.10.memory": 1, "system.gpu.2.memory": 2, "system.cpu": 3.5, "_runtime": 1})
    panels = panel_list(system_panels([tail]))
    assert [(panel["key"], panel.get("keys")) for panel in panels] == [
        ("system.cpu", None), ("system.gpu.*.memory", ["system.gpu.0.memory", "system.gpu.2.memory", "system.gpu.10.memory"]),
    ]  # fmt: skip


def test_processes_that_write_one_run_share_a_drawing_whoever_reported_last() -> None:
    rows = [json.dumps({f"system.cpu/l:rank{rank}": rank, f"system.gpu.0.memory/l:rank{rank}": 1}) for rank in (0, 1)]
    panels = panel_list(system_panels(rows))
    assert [(panel["key"], panel["section"], panel.get("keys")) for panel in panels] == [
        ("system.cpu", "cpu", ["system.cpu/l:rank0", "system.cpu/l:rank1"]),
        ("system.gpu.*.memory", "gpu", ["system.gpu.0.memory/l:rank0", "system.gpu.0.memory/l:rank1"]),
    ]
    assert [panel["section"] for panel in panel_list(system_panels(rows[:1]))] == ["cpu", "gpu"]


def test_system_metrics_are_titled_in_words_with_their_unit_and_place() -> None:
    titles = {
        "system.proc.memory.rssMB": "Process Memory In Use (MB)",
        "system.disk./.usageGB": "Disk Utilization / (GB)",
        "system.disk.\\home.v2\\x.usagePercent": "Disk Utilization /home.v2/x (%)",
        "system.gpu.1.powerWatts/l:rank0": "GPU Power Usage (W)",
        "system.gpu.process.1.temp": "GPU Temperature of the process (°C)",
        "system.tpu.0.oddity": "tpu.0.oddity",
    }
    for key, title in titles.items():
        (panel,) = panel_list(system_panels([json.dumps({key: 1})]))
        assert (panel["key"], panel["title"]) == (key, title)
    assert panel_list(system_panels([json.dumps({"system.cpu": 1})]), lambda words: f"<{words}>")[0]["title"] == "<Process CPU Utilization> (%)"


async def test_lines_are_drawn_over_the_step_metric_that_the_program_defined(site: Site) -> None:
    defined = [{"2": "val/*", "5": 2}, {"1": "epoch"}, {"1": "val/time", "4": "hour"}, {"1": "lost", "5": 9}, {"1": "epoch", "5": 2}, 3]
    runs = [
        (await site.tracking.runs.upsert("ann", "digits", name, RunChange(config=json.dumps({"_wandb": {"value": {"m": metrics}}})))).run
        for name, metrics in (("first", defined), ("second", [{"1": "val/loss", "4": "other"}, {"2": "*", "4": "all"}]), ("odd", "text"))
    ]
    alone = step_metrics(runs[:1])
    assert {key: alone.of(key) for key in ("val/loss", "val/time", "loss", "lost", "epoch")} == {
        "val/loss": "epoch", "val/time": "hour", "loss": "", "lost": "", "epoch": "",
    }  # fmt: skip
    together = step_metrics(runs)
    assert [together.of(key) for key in ("val/loss", "val/acc", "loss", "all")] == ["other", "epoch", "all", ""]
    panels = panel_list(panels_of_kinds({"epoch": ["number"], "val/loss": ["number"], "val/time": ["number"]}, {}, alone))
    assert {panel["key"]: panel.get("stepMetric") for panel in panels} == {"epoch": None, "val/loss": "epoch", "val/time": None}  # no `hour` here


async def test_plots_of_the_client_are_found_by_their_tables(site: Site) -> None:
    query = {"queryFields": [{"name": "runSets", "fields": [{"name": "summaryTable", "args": [{"name": "tableKey", "value": "roc_table"}]}]}]}
    plot = {"panel_type": "Vega2", "panel_config": {"panelDefId": "wandb/area-under-curve/v0", "fieldSettings": {"x": "fpr"}, "stringSettings": {"title": "ROC"}, "userQuery": query}}
    config = json.dumps({"_wandb": {"value": {"visualize": {"roc": plot, "odd": 3, "own": {"panel_config": {"panelDefId": "me/mine/v1"}}}}}})
    run = (await site.tracking.runs.upsert("ann", "digits", "plots", RunChange(config=config))).run
    found = client_plots(run)
    assert found.pop("own_table") == {"kind": "vega", "preset": "me/mine/v1", "fields": {}, "strings": {}, "table": "own_table", "title": "own"}
    assert found == {"roc_table": {"kind": "area-under-curve", "fields": {"x": "fpr", "title": "ROC"}}}


EVERYTHING = {"enabled": True, "project": {"name": "digits", "entityName": "ann"}}


async def frozen(site: Site, address: str, *asked: str) -> tuple[str, int]:
    """Freeze the grid of a report that is its only block; its id and the status."""
    page = (await site.get(address)).text
    report = re.search(r'data-freeze="0" data-report="(\d+)"', page)
    assert report is not None
    body = {"report": report[1], "block": 0, "addresses": list(asked)}
    answer = await site.http.post("/ui/tracking/reports/freeze", json=body, headers=ORIGIN)
    return report[1], answer.status_code


async def test_a_frozen_grid_keeps_what_its_panels_showed_and_can_be_made_live_again(site: Site) -> None:
    address = await written(site, grid(EVERYTHING))
    run = int(site.run_id)
    series = f"/ui/tracking/series?runs={run}&key=train%2Floss&x=_step&points=480"
    report, status = await frozen(site, address, series, f"/ui/tracking/values?runs={run}&column=c.lr", series.replace("480", "999"))
    assert status == 200
    was = (await site.get(f"{address}?export=html")).text
    before = (await site.get(series.replace("480", "1000"))).json()["series"]
    await site.tracking.runs.upsert("ann", "digits", "r1", RunChange(display_name="renamed", config='{"lr": {"value": 77}}'))
    await site.tracking.runs.upsert("ann", "digits", "late", RunChange(display_name="came late"))
    page = (await site.get(address)).text
    assert "Frozen" in page
    assert "renamed" not in page
    assert "came late" not in page
    source = re.search(r'data-frozen="([^"]+)"', page)
    assert source is not None
    answers = (await site.get(source[1].replace("&amp;", "&"))).json()["answers"]
    of_series, of_values = '/ui/tracking/series[["key","train/loss"],["x","_step"]]', '/ui/tracking/values[["column","c.lr"]]'
    assert set(answers) == {of_series, of_values}
    assert answers[of_series]["series"] == before
    assert answers[of_values]["rows"][0]["values"] == {"c.lr": 0.1}
    again = (await site.get(f"{address}?export=html")).text
    assert re.findall(r"<svg.*?</svg>", again) == re.findall(r"<svg.*?</svg>", was)
    assert "renamed" not in again
    live = {"report": report, "block": 0, "live": True}
    assert (await site.http.post("/ui/tracking/reports/freeze", json=live, headers=ORIGIN)).status_code == 200
    assert "came late" in (await site.get(address)).text
    assert (await site.get(source[1].replace("&amp;", "&"))).status_code == 404


@pytest.mark.parametrize(
    "address",
    ["/ui/tracking/runs/1/media?key=x", "/ui/tracking/series?runs=12345&key=a", "/ui/tracking/values?project=1", "//evil.example/ui/tracking/values?runs="],
)
async def test_only_what_the_panels_of_the_grid_ask_is_frozen(site: Site, address: str) -> None:
    _, status = await frozen(site, await written(site, grid(EVERYTHING)), address)
    assert status == 400


async def test_a_grid_is_frozen_from_our_own_pages_only(site: Site) -> None:
    address = await written(site, grid(EVERYTHING))
    report = re.search(r'data-freeze="0" data-report="(\d+)"', (await site.get(address)).text)
    assert report is not None
    body = {"report": report[1], "block": 0, "addresses": []}
    assert (await site.http.post("/ui/tracking/reports/freeze", json=body, headers={"origin": "http://evil.example"})).status_code == 403
    assert (await site.http.post("/ui/tracking/reports/freeze", json={**body, "block": 7}, headers=ORIGIN)).status_code == 404


async def test_a_line_of_the_text_brings_panels_of_another_project(site: Site) -> None:
    await site.tracking.runs.upsert("ann", "letters", "x1", RunChange(display_name="of the letters"))
    project = await site.tracking.projects.get("ann", "digits")
    assert project is not None
    words = "# Both\n\n[[panels ann/digits: train/loss]]\n\n[[panels ann/letters: loss, accuracy]]"
    form = {"project": str(project.project_id), "title": "Two projects", "text": words}
    made = await site.http.post("/ui/tracking/reports", data=form, headers=ORIGIN)
    page = (await site.get(made.headers["location"])).text
    assert page.count("data-report-grid") == 2
    assert "of the letters" in page
    assert '"keys": ["accuracy"]' in page
    assert "[[block 2: panel-grid]]" in (await site.get(f"{made.headers['location']}/edit")).text


def test_panels_stand_under_the_first_part_of_their_key_in_the_order_of_its_numbers() -> None:
    keys = ["loss", "layers/10/norm", "layers/2/norm", "/odd", "train/"]
    panels = panels_of_kinds({key: ["number"] for key in keys}, {}, StepMetrics())
    assert [(panel.section, panel.title) for panel in panels] == [
        ("Charts", "loss"), ("Charts", "/odd"), ("layers", "layers/2/norm"), ("layers", "layers/10/norm"), ("train", "train/"),
    ]  # fmt: skip


def test_drawn_tables_have_the_name_under_which_the_program_logged_them() -> None:
    plots = {"plots/roc_table": {"kind": "area-under-curve", "fields": {}}}
    panels = panels_of_kinds({"plots/roc_table": ["table-file"], "seen_table": ["table-file"]}, plots, StepMetrics())
    assert [panel.title for panel in panels] == ["seen_table", "plots/roc"]
