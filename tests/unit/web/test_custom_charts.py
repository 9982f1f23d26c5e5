"""Custom charts: what the client's documents ask for, the rows that a chart gets, and the presets that people keep."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.api.policy import role_for
from penstock.domain.accounts import Role
from penstock.domain.tracking import RunChange, TrackedRun
from penstock.interfaces.tracking_store import FileRegistration, SeriesAppend
from penstock.tracking.reports import CHART_KIND
from penstock.web.pages.tracking import charts as tracking_charts
from penstock.web.tracking.chart_panels import client_plots, panel_list, panels_of_kinds
from penstock.web.tracking.chart_presets import PRESETS
from penstock.web.tracking.panel_specs import chart_of, panel_of
from penstock.web.tracking.step_metrics import StepMetrics
from tests.unit.web.test_tracking_pages import HOSTILE, ORIGIN, Site, site

__all__ = ["site"]

SPEC = {"data": {"name": "wandb"}, "mark": "bar", "encoding": {"x": {"field": "${field:x}"}}}


def query(*fields: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """A chart's query as the client writes it."""
    parts = [{"name": name, "args": [{"name": key, "value": value} for key, value in given.items()], "fields": []} for name, given in fields]
    return {"queryFields": [{"name": "runSets", "args": [{"name": "limit", "value": 500}], "fields": [{"name": "id"}, *parts]}]}


def config(preset: str, **more: Any) -> dict[str, Any]:
    """Settings of a chart panel."""
    return {"panelDefId": preset, "fieldSettings": {"x": "a"}, "stringSettings": {"title": "Mine"}, **more}


async def logged(site: Site, name: str, rows: list[list[Any]], *, lr: float) -> TrackedRun:
    """A run with a table `t` of columns `a` and `b.c`, and three rows of history."""
    document = json.dumps({"columns": ["a", "b.c"], "data": rows}).encode()
    table = {"_type": "table-file", "path": f"media/table/{name}.table.json", "ncols": 2, "nrows": len(rows)}
    change = RunChange(display_name=name, config=json.dumps({"lr": {"value": lr}}), summary=json.dumps({"t": table, "best": lr * 2}))
    run = (await site.tracking.runs.upsert("ann", "digits", name, change, user_name="ann")).run
    blob = site.blobs.put_bytes(document)
    await site.tracking.files.register(run, FileRegistration(str(table["path"]), blob.digest, len(document), "0" * 32))
    lines = [json.dumps({"_step": step, "loss": 1 / (step + 1), "odd": step}) for step in range(3)]
    await site.tracking.series.append([SeriesAppend(run.run_id, "history", 0, lines)])
    return run


def test_a_custom_chart_says_what_it_draws() -> None:
    asked = query(("summaryTable", {"tableKey": "t"}), ("summary", {"keys": ["best"]}), ("config", {"keys": ["lr.value"]}), ("history", {"keys": ["loss"]}))
    assert chart_of(config("ann/mine", userQuery=asked)) == {
        "preset": "ann/mine", "fields": {"x": "a"}, "strings": {"title": "Mine"}, "table": "t", "keys": ["loss"], "columns": ["s.best", "c.lr"],
    }  # fmt: skip
    assert json.loads(chart_of(config("ann/mine", customPanelDef={"spec": SPEC}))["vega"]) == SPEC
    assert chart_of({"userQuery": asked}) == {}
    assert chart_of({"panelDefId": "ann/mine", "userQuery": {"queryFields": [3, {"fields": [{"name": "config"}, None]}]}})["preset"] == "ann/mine"
    (panel,) = panel_of({"viewType": "Vega2", "config": config("ann/mine", userQuery=asked)})
    assert (panel["kind"], panel["title"], panel["table"]) == ("vega", "Mine", "t")


async def test_tables_logged_with_a_preset_of_ones_own_are_panels_of_it(site: Site) -> None:
    mine = {"panel_type": "Vega2", "panel_config": config("ann/mine", userQuery=query(("summaryTable", {"tableKey": "mine_table"})))}
    run = (await site.tracking.runs.upsert("ann", "digits", "own", RunChange(config=json.dumps({"_wandb": {"value": {"visualize": {"mine": mine}}}})))).run
    (panel,) = panel_list(panels_of_kinds({"mine_table": ["table-file"]}, client_plots(run), StepMetrics()))
    assert panel == {
        "key": "mine_table", "kind": "vega", "section": "Media", "title": "Mine", "preset": "ann/mine", "fields": {"x": "a"},
        "strings": {"title": "Mine"}, "table": "mine_table",
    }  # fmt: skip


async def test_rows_of_several_runs_come_with_the_run_that_each_is_of(site: Site) -> None:
    first, second = await logged(site, "one", [[1, "x"], [2**70, "y"]], lr=0.1), await logged(site, "two", [[3, "z"]], lr=0.2)
    runs = f"{first.run_id},{second.run_id}"
    tables = (await site.get(f"/ui/tracking/charts/rows?runs={runs}&table=t&column=c.lr")).json()
    assert tables["columns"] == ["lr", "a", "b.c"]
    assert tables["rows"] == [[0, 0.1, 1, "x"], [0, 0.1, 2**70, "y"], [1, 0.2, 3, "z"]]
    assert [(run["name"], run["url"]) for run in tables["runs"]] == [("one", "/ann/digits/runs/one"), ("two", "/ann/digits/runs/two")]
    history = (await site.get(f"/ui/tracking/charts/rows?runs={runs}&key=loss")).json()
    assert history["columns"] == ["_step", "loss"]
    assert history["rows"][:3] == [[0, 0, 1.0], [0, 1, 0.5], [0, 2, 1 / 3]]
    values = (await site.get(f"/ui/tracking/charts/rows?runs={runs}&column=s.best&column=c.lr")).json()
    assert (values["columns"], values["rows"]) == (["best", "lr"], [[0, 0.2, 0.1], [1, 0.4, 0.2]])


async def test_rows_beyond_what_a_chart_takes_are_left_out_and_it_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking_charts, "MOST_ROWS", 3)
    first, second = await logged(site, "one", [[1, 1], [2, 2]], lr=0.1), await logged(site, "two", [[3, 3], [4, 4]], lr=0.2)
    got = (await site.get(f"/ui/tracking/charts/rows?runs={first.run_id},{second.run_id}&table=t")).json()
    assert (len(got["rows"]), got["is_cut"]) == (3, True)
    monkeypatch.setattr(tracking_charts, "_MOST_BYTES", 10)
    got = (await site.get(f"/ui/tracking/charts/rows?runs={first.run_id}&table=t")).json()
    assert (got["rows"], got["is_cut"]) == ([], True)


async def test_rows_and_presets_of_others_are_not_shown(site: Site) -> None:
    run = await logged(site, "one", [[1, 1]], lr=0.1)
    project, _ = await site.services.projects.upsert("ann", None, user_name="ann")
    site.services.reports.create(project.project_id, "ann", kind=CHART_KIND, name="mine", spec=json.dumps(SPEC))
    cookie = {"cookie": f"penstock_key={site.services.keys.make('bob').text}"}
    assert (await site.http.get(f"/ui/tracking/charts/rows?runs={run.run_id}&table=t", headers=cookie)).json()["rows"] == []
    assert (await site.http.get("/ui/tracking/charts/preset?name=ann/mine", headers=cookie)).json()["spec"] is None
    assert (await site.http.get("/ui/tracking/charts/presets?entity=ann", headers=cookie)).json()["presets"] == list(PRESETS)


async def test_a_preset_is_found_by_its_name_and_a_missing_one_is_named(site: Site) -> None:
    project, _ = await site.services.projects.upsert("ann", None, user_name="ann")
    for text in ({"mark": "old"}, SPEC):
        site.services.reports.create(project.project_id, "ann", kind=CHART_KIND, name="mine", spec=json.dumps(text))
    assert (await site.get("/ui/tracking/charts/preset?name=ann/mine/v0")).json()["spec"] is not None
    assert (await site.get("/ui/tracking/charts/preset?name=wandb/line/v0")).json()["spec"]["mark"]["type"] == "line"
    assert (await site.get("/ui/tracking/charts/presets?entity=ann")).json()["presets"][0] == "ann/mine"
    missing = (await site.get("/ui/tracking/charts/preset?name=other/gone/v0")).json()
    assert missing["spec"] is None
    assert "other/gone/v0" in missing["error"]
    assert (await site.get("/ui/tracking/charts/preset?name=nothing")).status_code == 400


async def test_what_differs_in_the_code_of_two_runs_is_told_by_file(site: Site) -> None:
    ids = []
    for name, text in (("before", "a = 1\nb = 2\n"), ("after", "a = 1\nb = 3\n")):
        run = (await site.tracking.runs.upsert("ann", "digits", name, RunChange(), user_name="ann")).run
        ids.append(str(run.run_id))
        for path, content in (("code/train.py", text), ("requirements.txt", "numpy\n")):
            blob = site.blobs.put_bytes(content.encode())
            await site.tracking.files.register(run, FileRegistration(path, blob.digest, len(content), "0" * 32))
    got = (await site.get(f"/ui/tracking/code?runs={','.join(ids)}")).json()
    assert [file["name"] for file in got["files"]] == ["code/train.py"]
    assert {"-b = 2", "+b = 3"} <= set(got["files"][0]["lines"])
    assert got["same"] == ["requirements.txt"]
    assert (await site.get(f"/ui/tracking/code?runs={ids[0]}")).status_code == 400
    cookie = {"cookie": f"penstock_key={site.services.keys.make('bob').text}"}
    assert (await site.http.get(f"/ui/tracking/code?runs={','.join(ids)}", headers=cookie)).status_code == 400


async def test_notes_become_html_without_markup_of_their_own(site: Site) -> None:
    answer = await site.http.post("/ui/tracking/markdown", content=f"# Title\n\n*odd* {HOSTILE} [x](javascript:alert(1))", headers=ORIGIN)
    assert "<h1>Title</h1>" in answer.text
    assert "<em>odd</em>" in answer.text
    assert "<script" not in answer.text
    assert 'href="javascript' not in answer.text
    assert (await site.http.post("/ui/tracking/markdown", content="x")).status_code == 403
    assert (await site.http.post("/ui/tracking/markdown", content="x" * 60_000, headers=ORIGIN)).status_code == 400


def test_notes_are_shown_to_those_who_only_read() -> None:
    assert role_for("POST", "/ui/tracking/markdown") is Role.VIEWER
    assert role_for("POST", "/ui/tracking/views") is Role.MEMBER


def test_notes_and_code_of_the_clients_documents_are_panels() -> None:
    (notes,) = panel_of({"viewType": "Markdown Panel", "config": {"value": "# Hello"}})
    (code,) = panel_of({"viewType": "Code Comparer", "config": {"diff": "split"}})
    assert (notes["kind"], notes["text"], code["kind"]) == ("markdown", "# Hello", "code")
