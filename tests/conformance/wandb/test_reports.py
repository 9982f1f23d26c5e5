"""Reports and saved workspaces, written and read back by `wandb-workspaces`, and listed by the public API."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import httpx
import pytest

from tests.conformance.wandb.conftest import Client
from tests.support.clients import WANDB_NEWEST, client_python
from tests.support.server import LiveServer

pytestmark = pytest.mark.conformance

_REPORTS = """
import wandb_workspaces.reports.v2 as wr
entity, project = PROJECT.split("/")
wandb.init(id="one", config={"lr": 0.5}).finish()
runs = wr.Runset(entity=entity, project=project, name="runs", filters="Config('lr') >= 0.1", groupby=["config.lr"])
panels = [wr.LinePlot(x="Step", y=["loss"]), wr.BarPlot(metrics=["acc"]), wr.ScatterPlot(x="acc", y="loss"), wr.RunComparer()]
blocks = [wr.H1("Head"), wr.P("text"), wr.MarkdownBlock("**b**"), wr.PanelGrid(runsets=[runs], panels=panels)]
report = wr.Report(project=project, entity=entity, title="First title", description="words", blocks=blocks)
report.save()
loaded = wr.Report.from_url(report.url)
answer = {"loaded": [loaded.title, loaded.description, loaded.blocks[-1].runsets[0].filters, [type(panel).__name__ for panel in loaded.blocks[-1].panels]]}
loaded.title = "Second title"
loaded.blocks.append(wr.P("more"))
loaded.save()
draft = wr.Report(project=project, entity=entity, title="Draft")
draft.save(draft=True)
copy = loaded.save(clone=True)
api = wandb.Api()
shown = lambda **asked: sorted(found.display_name for found in wandb.Api().reports(PROJECT, **asked))
answer["changed"] = len(wr.Report.from_url(report.url).blocks)
answer["draft"] = wr.Report.from_url(draft.url).title
answer["listed"] = [shown(), shown(name="Second title"), shown(name=api.reports(PROJECT)[0].name), shown(name="absent")]
answer["deleted"] = [copy.delete(), wr.Report.from_url(report.url).delete(), shown()]
"""

_WORKSPACES = """
import wandb_workspaces.reports.v2 as wr, wandb_workspaces.workspaces as ws
entity, project = PROJECT.split("/")
wandb.init(id="one", config={"lr": 0.5}).finish()
sections = [ws.Section(name="Losses", panels=[wr.LinePlot(x="Step", y=["loss"]), wr.BarPlot(metrics=["acc"])], is_open=True)]
runs = ws.RunsetSettings(
    filters=[ws.Config("lr") >= 0.1], order=[ws.Ordering(ws.Metric("loss"))], groupby=[ws.Config("lr")],
    run_settings={"one": ws.RunSettings(color="#ff0000")},
)
view = ws.Workspace(
    entity=entity, project=project, name="Mine", sections=sections, runset_settings=runs,
    settings=ws.WorkspaceSettings(smoothing_type="exponential", smoothing_weight=10),
)
view.save()
loaded = ws.Workspace.from_url(view.url)
answer = {"loaded": [loaded.name, [section.name for section in loaded.sections], loaded.settings.smoothing_weight,
                     loaded.runset_settings.run_settings["one"].color, [type(panel).__name__ for panel in loaded.sections[0].panels]]}
loaded.name = "Renamed"
loaded.sections.append(ws.Section(name="More"))
loaded.save()
again = ws.Workspace.from_url(view.url)
answer["changed"] = [again.name, len(again.sections)]
other = again.save_as_new_view()
answer["other"] = [other.url != view.url, ws.Workspace.from_url(other.url).name]
"""

_SELECTIONS = """
import wandb_workspaces.reports.v2 as wr, wandb_workspaces.workspaces as ws
entity, project = PROJECT.split("/")
for name in ("one", "two", "three", "four"):
    with wandb.init(id=name, config={"lr": 0.5}) as run:
        run.log({"loss": 1})
runs = ws.RunsetSettings(run_settings={"two": ws.RunSettings(disabled=True), "four": ws.RunSettings(color="#ff0000")}, pinned_runs=["three"], baseline_run="one",
                          groupby=[ws.Metric("Group")], group_colors={"first": "green"})
view = ws.Workspace(entity=entity, project=project, name="Chosen", sections=[], runset_settings=runs)
view.save()
grid = wr.PanelGrid(runsets=[wr.Runset(entity=entity, project=project, run_settings={"two": wr.RunSettings(disabled=True), "four": wr.RunSettings(color="red")})], panels=[wr.LinePlot(y=["loss"])])
report = wr.Report(entity=entity, project=project, title="Chosen", blocks=[grid])
report.save()
answer = {"view": view.url, "report": report.url}
"""


@pytest.fixture
def writer(wandb_server: LiveServer, tmp_path: Path) -> Client:
    """The newest client with `wandb-workspaces`."""
    return Client(client_python(WANDB_NEWEST, "wandb-workspaces==0.4.13"), wandb_server, tmp_path)


def test_reports_are_saved_loaded_changed_listed_and_deleted(writer: Client) -> None:
    answer = writer.run(_REPORTS)
    assert answer == {
        "loaded": ["First title", "words", 'Config("lr") >= 0.1', ["LinePlot", "BarPlot", "ScatterPlot", "RunComparer"]],
        "changed": 5,
        "draft": "Draft",
        "listed": [["Second title", "Second title"], ["Second title", "Second title"], ["Second title"], []],
        "deleted": [True, True, []],
    }


def test_workspaces_are_saved_loaded_and_changed(writer: Client) -> None:
    answer = writer.run(_WORKSPACES)
    assert answer["loaded"] == ["Mine", ["Losses"], 10, "#ff0000", ["LinePlot", "BarPlot"]]
    assert answer["changed"] == ["Renamed", 2]
    assert answer["other"] == [True, "Renamed"]


def test_pages_take_over_which_runs_a_workspace_or_report_hides_pins_compares_with_and_colours(writer: Client) -> None:
    answer = writer.run(_SELECTIONS)
    page = httpx.get(answer["view"], follow_redirects=True).text
    ids = {name: number for number, name in re.findall(r'data-run="(\d+)" data-name="(\w+)"', page)}
    view = json.loads(page.partition('id="workspace-view">')[2].partition("</script>")[0])
    runs = view["document"]["runs"]
    assert (runs["hidden"], runs["baseline"]) == ({ids["two"]: 1}, ids["one"])
    assert runs["pinned"] == {ids["one"]: 1, ids["three"]: 1}  # the client pins the baseline as well
    assert (runs["colors"], runs["groupColors"]) == ({ids["four"]: "4 #ff0000 #ff0000"}, {"first": "3 #008000 #008000"})
    grid = json.loads(html.unescape(re.findall(r"data-runs='([^']*)'", httpx.get(answer["report"], follow_redirects=True).text)[0]))
    assert sorted(run["runName"] for run in grid) == ["four", "one", "three"]
    assert [run["color"] for run in grid if run["runName"] == "four"] == ["4 #ff0000 #ff0000"]
