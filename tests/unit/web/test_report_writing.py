"""Reports that people write: texts become the client's documents and back, panels keep what they say, and nobody's text is lost unseen."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from penstock.web.reports.grids import filters_of
from penstock.web.reports.writing import blocks_of_text, grid_of, spec_of, text_of
from penstock.web.tracking.panel_specs import panel_of
from tests.unit.web.test_tracking_pages import HOSTILE, ORIGIN, Site, site

__all__ = ["site"]

GRID = {"type": "panel-grid", "metadata": {"runSets": [], "panelBankSectionConfig": {"panels": []}}}


def test_a_text_becomes_blocks_and_the_blocks_the_same_text() -> None:
    words = "# First\n\nSome *words*\nand more\n\n```python\n# not a heading\n[[block 1]]\n```\n\n[[block 1: panel-grid]]\n\n## Second\n\nlast"
    blocks = blocks_of_text(words, [GRID])
    assert [block["type"] for block in blocks] == ["heading", "markdown-block", "panel-grid", "heading", "markdown-block"]
    assert blocks[2] is GRID
    assert "# not a heading\n[[block 1]]" in blocks[1]["content"]
    again = text_of(blocks)
    assert again == words.replace("[[block 1: panel-grid]]", "[[block 3: panel-grid]]")
    assert blocks_of_text(again, blocks) == blocks


def test_blocks_that_a_text_cannot_say_are_kept_once_and_go_with_their_line() -> None:
    bold = {"type": "paragraph", "children": [{"text": "very "}, {"text": "bold", "bold": True}]}
    plain = {"type": "paragraph", "children": [{"text": "plain"}]}
    known = [bold, plain, {"type": "gallery", "ids": [1]}, 3 and {"type": "heading", "level": 2, "children": [{"type": "link", "children": []}]}]
    assert text_of(known) == "[[block 1: paragraph]]\n\nplain\n\n[[block 3: gallery]]\n\n[[block 4: heading]]"
    assert blocks_of_text("[[block 3]]\n[[block 1: anything]]\n[[block 3]]\n[[block 99]]\n", known) == [known[2], bold]


@pytest.mark.parametrize(
    "panel",
    [
        {"kind": "line", "keys": ["a", "b"], "expr": "${a} / ${b}", "x": "_runtime", "logY": True, "smoother": "ema", "smooth": 60, "agg": "median", "band": "std", "yMin": 0, "title": "L"},
        {"kind": "line", "match": "train/.*", "title": "M"},
        {"kind": "bar", "metric": "c.lr", "title": "B"},
        {"kind": "scalar", "metric": "s.best", "title": "S"},
        {"kind": "scatter", "xColumn": "c.lr", "yColumn": "s.a.b", "zColumn": "s.c", "logX": True, "title": "XY"},
        {"kind": "parallel", "columns": ["c.lr", "s.best"], "title": "P"},
        {"kind": "importance", "metric": "s.best", "title": "I"},
        {"kind": "markdown", "text": "# Hello", "title": "Notes"},
        {"kind": "code", "title": "Code"},
        {"kind": "vega", "preset": "ann/mine", "fields": {"x": "a"}, "strings": {"title": "t"}, "table": "t", "title": "V"},
        {"kind": "vega", "vega": '{"mark": "bar"}', "fields": {}, "strings": {}, "keys": ["loss"], "columns": ["s.best", "c.lr"], "title": "V"},
    ],
    ids=lambda panel: panel["kind"],
)  # fmt: skip
def test_panels_say_the_same_after_they_were_written_as_the_clients(panel: dict[str, Any]) -> None:
    spec = spec_of(panel)
    assert spec is not None
    (found,) = panel_of(spec)
    kept = {name: value for name, value in found.items() if value != [] and not (name == "title" and panel["kind"] in {"markdown", "code"})}
    assert kept == {name: value for name, value in panel.items() if name in kept}
    assert set(kept) | {"title"} == set(panel)


def test_a_grid_names_its_runs_and_places_panels_side_by_side() -> None:
    panels = [{"kind": "line", "key": "loss", "wide": 2}, {"kind": "images", "key": "samples"}, {"kind": "bar", "metric": "s.best", "wide": 4}, {"kind": "odd"}]
    grid = grid_of(panels, "ann", "digits", ["r1", "r2"])
    specs = grid["metadata"]["panelBankSectionConfig"]["panels"]
    assert [(spec["layout"]["x"], spec["layout"]["y"], spec["layout"]["w"]) for spec in specs] == [(0, 0, 16), (16, 0, 8), (0, 6, 24)]
    (runset,) = grid["metadata"]["runSets"]
    assert json.loads(filters_of(runset) or "") == {"$and": [{"$and": [{"name": {"$in": ["r1", "r2"]}}]}]}
    assert filters_of(grid_of(panels, "ann", "digits", None)["metadata"]["runSets"][0]) is None


async def form(site: Site, **values: str) -> Any:
    project = await site.tracking.projects.get("ann", "digits")
    assert project is not None
    return await site.http.post("/ui/tracking/reports", data={"project": str(project.project_id), "title": "T", **values}, headers=ORIGIN)


async def test_a_report_is_written_changed_and_deleted_on_the_pages(site: Site) -> None:
    assert (await site.get(f"{site.base}/reports/new")).status_code == 200
    address = (await form(site, title=HOSTILE, text=f"# Start\n\n{HOSTILE}")).headers["location"]
    page = (await site.get(address)).text
    assert HOSTILE not in page
    assert re.search(r'<h2 id="part-0">Start</h2>', page)
    edit = (await site.get(f"{address}/edit")).text
    stamp, number = (re.search(rf'name="{name}" value="([^"]+)"', edit)[1] for name in ("stamp", "id"))  # type: ignore[index]
    assert (await form(site, id=number, stamp=stamp, text="other")).status_code == 303
    refused = await form(site, id=number, stamp="1", text="mine, written for hours")
    assert refused.status_code == 409
    assert "mine, written for hours" in refused.text
    assert "other" in (await site.get(address)).text
    again = re.search(r'name="stamp" value="([^"]+)"', refused.text)
    assert again is not None
    assert (await form(site, id=number, stamp=again[1], text="mine")).status_code == 303
    assert (await form(site, title=" ", text="x")).status_code == 400
    assert (await form(site, id=number, verb="delete")).status_code == 303
    assert (await site.get(address)).status_code == 404


async def test_panels_of_a_workspace_become_a_report(site: Site) -> None:
    project = await site.tracking.projects.get("ann", "digits")
    assert project is not None
    body = {"project": str(project.project_id), "title": "Shown", "panels": [{"kind": "line", "key": "train/loss", "title": "loss"}, 3], "runs": ["r1"]}
    made = (await site.http.post("/ui/tracking/reports/panels", json=body, headers=ORIGIN)).json()
    assert "[[block 1: panel-grid]]" in (await site.get(made["url"])).text
    page = (await site.get(made["url"].removesuffix("/edit"))).text
    assert page.count("data-report-grid") == 1
    assert "train/loss" in page
    assert (await site.http.post("/ui/tracking/reports/panels", json=body | {"title": ""}, headers=ORIGIN)).status_code == 400


async def test_reports_of_others_are_neither_read_nor_written(site: Site) -> None:
    address = (await form(site, text="secret")).headers["location"]
    number = address.rpartition("/")[2]
    cookie = {"cookie": f"penstock_key={site.services.keys.make('bob').text}"}
    project = await site.tracking.projects.get("ann", "digits")
    assert project is not None
    data = {"project": str(project.project_id), "id": number, "title": "T", "text": "bob's", "stamp": "x"}
    assert (await site.http.get(f"{address}/edit", headers=cookie)).status_code == 404
    assert (await site.http.post("/ui/tracking/reports", data=data, headers=ORIGIN | cookie)).status_code in {403, 404}
    assert (await site.http.post("/ui/tracking/reports", data=data)).status_code == 403
    other, _ = await site.services.projects.upsert("ann", "elsewhere", user_name="ann")
    assert (await form(site, project=str(other.project_id), id=number, text="x")).status_code == 404
