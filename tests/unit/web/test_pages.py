"""Every page: renders from its documented context, carries the strict policy, escapes hostile content, asks a fixed number of queries."""

from __future__ import annotations

import ast
import asyncio
import csv
import inspect
import io
import json
import re
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit
from zoneinfo import ZoneInfo

import pytest

from penstock.domain.errors import ConflictError, InvalidArgumentError
from penstock.domain.ids import RunId, TaskPath, task_id_for
from penstock.domain.tracking import TrackedState
from penstock.interfaces.page_catalog import HomeView, LossItem, RecentTracked
from penstock.stores.sql.database import Transaction, open_database
from penstock.web import pages
from penstock.web.pages.artifacts.lineage_panel import _of_artifact
from penstock.web.pages.home import AHEAD, lanes_of, tallies_of, troubles_of
from penstock.web.pages.lists.views import TABLES, checked_layout
from penstock.web.pages.runs.run import VIEWS
from penstock.web.pages.runs.tasks import PANEL_TABS
from penstock.web.render import NOTICE_COOKIE
from penstock.web.runs import logs
from penstock.web.runs.wanted import Wanted
from penstock.web.texts.formats import STATE_LOOKS
from tests.browser.app import SeededApp, build
from tests.browser.seed import HOSTILE
from tests.unit.web.conftest import PageClient, asked_queries

PLAIN = [
    "/ui/home",
    "/ui/pipelines",
    "/ui/pipelines/pipe-digits",
    "/ui/pipelines/pipe-digits?tab=versions&a=ver-1&b=ver-2",
    "/ui/pipelines/pipe-digits?tab=runs",
    "/ui/pipelines/pipe-digits?tab=schedules",
    "/ui/pipelines/pipe-digits?tab=source",
    "/ui/pipelines/pipe-digits?tab=statistics",
    "/ui/experiments",
    "/ui/experiments?tab=archived",
    "/ui/experiments?metric=accuracy",
    "/ui/experiments?metric=loss&least=0",
    "/ui/experiments/exp-hostile",
    "/ui/runs",
    "/ui/runs?tab=archived",
    "/ui/runs?q=status:failed",
    "/ui/runs?q=nothing-like-this",
    "/ui/runs?group=pipeline",
    "/ui/runs?group=tag.team&columns=chosen&column=accuracy",
    "/ui/runs?group=rows&q=nothing-like-this",
    "/ui/runs?differences=1",
    "/ui/runs?columns=chosen&column=rows&column=accuracy&sort=-metric.accuracy",
    "/ui/runs/new",
    "/ui/runs/new?pipeline=pipe-digits",
    "/ui/runs/new?edit=rec-nightly",
    "/ui/recurring",
    "/ui/recurring?q=kind:event",
    "/ui/recurring/rec-nightly",
    "/ui/recurring/rec-nightly?from=2026-01-01T00:00&until=2026-01-03T00:00",
    "/ui/recurring/rec-nightly?from=2026-01-03T00:00&until=2026-01-01T00:00",
    "/ui/recurring/rec-run-finished?test=1",
    "/ui/recurring/rec-artifact?test=1",
    "/ui/recurring/rec-metric",
    "/ui/recurring/rec-webhook",
    "/ui/recurring/rec-file",
    "/ui/recurring/new-trigger",
    "/ui/recurring/new-trigger?pipeline=pipe-digits&event=metric&metric=accuracy",
    "/ui/executions",
    "/ui/executions?q=cached:yes",
    "/ui/executions?group=cause",
    "/ui/executions?group=component",
    "/ui/executions?group=state&q=nothing-like-this",
    "/ui/executions?group=nonsense",
    "/ui/executions/facet?of=code&q=status:failed",
    "/ui/artifacts",
    "/ui/artifacts?tab=stored",
    "/ui/artifacts?tab=stored&group=type",
    "/ui/artifacts?tab=stored&group=run&q=nothing-like-this",
    "/ui/compare",
    "/ui/search?q=digits",
    "/ui/logs",
    "/ui/logs?errors=1&q=status:failed",
    "/ui/logs?text=script",
    "/ui/logs?text=/(/",
    "/ui/system",
]


class AttributeNames(HTMLParser):
    """Collects the names of all attributes of a document."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the attributes of an element."""
        self.found |= {name for name, _ in attrs}


def addresses(seeded: SeededApp) -> list[str]:
    """All pages over the seed, run pages in each view and each panel tab."""
    good, hostile = seeded.runs["good"], seeded.runs["hostile"]
    evaluate = task_id_for(RunId(hostile), TaskPath("root/exit-handler-1/evaluate"))
    loop = task_id_for(RunId(hostile), TaskPath("root/exit-handler-1/for-loop-2"))
    found = [*PLAIN, f"/ui/compare?runs={good},{hostile}", f"/ui/runs/new?clone={hostile}"]
    found += [f"/ui/runs/{run_id}" for run_id in seeded.runs.values()]
    found += [f"/ui/runs/{hostile}?view={view}" for view, _, _ in VIEWS]
    found += [f"/ui/runs/{hostile}?task={task}&tab={tab}" for tab, _, _ in PANEL_TABS for task in (evaluate, loop)]
    found += [
        f"/ui/runs/{seeded.runs['failed']}?task={task_id_for(RunId(seeded.runs['failed']), TaskPath('root/exit-handler-1/for-loop-2[3]/train-model'))}"
    ]
    return found


def test_every_page_renders_escaped_and_under_the_strict_policy(seeded: SeededApp, client: PageClient) -> None:
    for address in addresses(seeded):
        answer = client.get(address)
        assert answer.status_code == 200, address
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        body = answer.text
        assert HOSTILE not in body, address
        assert "<script>window" not in body, address
        names = AttributeNames()
        names.feed(body)
        assert "style" not in names.found, address
        assert not [name for name in names.found if name.startswith("on")], address
        for script in re.findall(r"<script\b([^>]*)>", body):
            assert 'src="/static/' in script or 'type="application/json"' in script, address
        assert not re.search(r'(?:src|href)="(?:https?:)?//(?!testserver)', body), address


def test_artifact_pages_render_on_every_tab(seeded: SeededApp, client: PageClient) -> None:
    listing = client.get("/ui/artifacts?tab=stored&n=200").text
    identities = sorted(set(re.findall(r'href="/ui/artifacts/(\d+)"', listing)))[-12:]
    assert identities
    for identity in identities:
        for tab in ("overview", "preview", "usage", "versions", "lineage"):
            answer = client.get(f"/ui/artifacts/{identity}?tab={tab}&depth=2")
            assert answer.status_code == 200
        for part in ("graph", "panel", "table"):
            assert f'"/ui/lineage/{part}?of=artifact%3A{identity}&amp;depth=2"' in answer.text


def test_graph_names_states_of_the_open_scopes_and_iterations_of_open_loops(seeded: SeededApp, client: PageClient) -> None:
    run_id = seeded.runs["failed"]
    body = task_id_for(RunId(run_id), TaskPath("root/exit-handler-1"))
    loop = task_id_for(RunId(run_id), TaskPath("root/exit-handler-1/for-loop-2"))
    data = client.get(f"/ui/runs/{run_id}/graph", params={"open": f"{body},{loop}"}).json()
    nodes = {node["key"]: node for node in data["scopes"][body]["nodes"]}
    assert nodes["for-loop-2"]["state"] == "FAILED"
    assert nodes["for-loop-2"]["counts"] == {"SUCCEEDED": 3, "FAILED": 1, "SKIPPED": 1}
    assert nodes["condition-branches-3"]["state"] == ""
    edges = {(edge["source"], edge["target"]) for edge in data["scopes"][body]["edges"]}
    assert (nodes["load-digits"]["id"], nodes["preprocess"]["id"]) in edges
    assert [entry[2] for entry in data["loops"][loop]] == ["SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "FAILED", "SKIPPED"]


def test_an_open_loop_brings_the_iteration_that_is_shown_at_first_unless_one_is_named(seeded: SeededApp, client: PageClient) -> None:
    run_id = seeded.runs["failed"]
    loop = task_id_for(RunId(run_id), TaskPath("root/exit-handler-1/for-loop-2"))
    first = client.get(f"/ui/runs/{run_id}/graph", params={"open": loop}).json()
    ids = [entry[0] for entry in first["loops"][loop]]
    assert set(ids) & set(first["scopes"]) == {ids[3]}, "the failed one"
    named = client.get(f"/ui/runs/{run_id}/graph", params={"open": f"{loop},{ids[1]}"}).json()
    assert set(ids) & set(named["scopes"]) == {ids[1]}


def test_the_page_of_a_run_says_what_its_graph_will_ask_for(seeded: SeededApp, client: PageClient) -> None:
    run_id = seeded.runs["good"]
    page = client.get(f"/ui/runs/{run_id}?open=,a-b,c~1,").text
    assert f'<link rel="preload" as="fetch" href="/ui/runs/{run_id}/graph?open=a-b%2Cc%7E1" crossorigin="anonymous">' in page
    assert 'rel="preload"' not in client.get(f"/ui/runs/{run_id}?view=tasks").text


def test_metrics_and_outputs_of_a_loop_name_the_iteration_that_they_are_of(seeded: SeededApp, client: PageClient) -> None:
    for view in ("metrics", "output"):
        page = client.get(f"/ui/runs/{seeded.runs['good']}?view={view}").text
        assert [label for label in ("train-model[0]", "train-model[4]") if label not in page] == [], view


def test_the_best_metric_of_an_experiment_says_what_it_is_where_rows_are_cards(client: PageClient) -> None:
    assert 'data-label="Best accuracy"' in client.get("/ui/experiments?metric=accuracy").text


def test_the_root_of_the_pages_is_home_with_and_without_a_slash(client: PageClient) -> None:
    assert [client.get(path).headers["location"] for path in ("/ui", "/ui/")] == ["/ui/home", "/ui/home"]


def test_documents_are_served_in_a_box(seeded: SeededApp, client: PageClient) -> None:
    page = client.get(f"/ui/runs/{seeded.runs['good']}?view=output").text
    views = re.findall(r'<iframe[^>]*sandbox="([^"]*)"[^>]*src="(/ui/artifacts/\d+/view)"', page)
    assert {sandbox for sandbox, _ in views} == {"allow-scripts", ""}
    for sandbox, address in views:
        answer = client.get(address)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("sandbox allow-scripts;" if sandbox else "sandbox;")
        assert "allow-same-origin" not in policy
        assert "default-src 'none'" in policy
    markdown = next(client.get(address).text for sandbox, address in views if not sandbox)
    assert "<table>" in markdown
    assert "<script>" not in markdown


def test_forms_from_other_pages_are_refused(seeded: SeededApp, client: PageClient) -> None:
    form = {"verb": "archive", "id": seeded.runs["good"]}
    for headers in ({}, {"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert client.post("/ui/runs/actions", data=form, headers=headers).status_code == 403
    answer = client.post("/ui/runs/actions", data=form | {"next": "//evil.example"}, headers={"origin": "http://testserver"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/ui/runs"
    assert seeded.actions.calls[-1] == ("archive_run", (seeded.runs["good"],))


def test_a_failed_run_goes_on_in_the_newest_version_with_its_parameters(seeded: SeededApp, client: PageClient) -> None:
    run_id = seeded.runs["failed"]
    assert f'href="/ui/runs/new?clone={run_id}&amp;fix=1"' in client.get(f"/ui/runs/{run_id}").text
    assert "fix=1" not in client.get(f"/ui/runs/{seeded.runs['good']}").text
    versions = re.findall(r'<option value="(ver-\d)"', client.get("/ui/runs/new?pipeline=pipe-digits").text)
    page = client.get(f"/ui/runs/new?clone={run_id}&fix=1").text
    assert f'<option value="{versions[0]}" selected>' in page
    assert 'name="parameter:rows" value="1797"' in page
    older = client.get(f"/ui/runs/new?clone={run_id}&fix=1&version={versions[-1]}").text
    assert f'<option value="{versions[-1]}" selected>' in older


def test_new_run_sends_typed_parameters(seeded: SeededApp, client: PageClient) -> None:
    form = {
        "name": "typed", "pipeline": "pipe-digits", "version": "ver-2", "parameter:rows": "20", "type:rows": "NUMBER_INTEGER",
        "parameter:rates": "[0.5]", "type:rates": "LIST", "parameter:threshold": "", "type:threshold": "NUMBER_DOUBLE",
    }  # fmt: skip
    answer = client.post("/ui/runs/new", data=form, headers={"origin": "http://testserver"})
    assert answer.headers["location"] == f"/ui/runs/{seeded.runs['good']}"
    name, (request,) = seeded.actions.calls[-1]
    assert name == "create_run"
    assert request["parameters"] == {"rows": 20, "rates": [0.5]}
    wrong = client.post("/ui/runs/new", data=form | {"parameter:rates": "{}"}, headers={"origin": "http://testserver"})
    assert wrong.status_code == 400
    assert "rates has to be a JSON list" in wrong.text


def test_unknown_objects_are_404_pages_with_a_way_on(client: PageClient) -> None:
    for address in ("/ui/runs/none", "/ui/pipelines/none", "/ui/experiments/none", "/ui/recurring/none", "/ui/artifacts/9", "/ui/nowhere"):
        answer = client.get(address)
        assert answer.status_code == 404
        assert "Search" in answer.text


def test_an_address_that_leads_nowhere_names_the_nearest_objects(seeded: SeededApp, client: PageClient) -> None:
    good = seeded.runs["good"]
    answer = client.get(f"/ui/runs/{good[:-4]}ffff")
    assert answer.status_code == 404
    assert "Perhaps you meant" in answer.text
    assert f'href="/ui/runs/{good}"' in answer.text
    assert "Perhaps you meant" not in client.get("/ui/runs/zzzzzzzzzz").text


def marked_in_rail(page: str) -> list[str]:
    rail = page.partition('id="rail"')[2].partition("</nav>")[0]
    return [re.search(r'href="([^"]+)"', link)[1] for link in re.findall(r"<a [^>]+>", rail) if "aria-current" in link]  # type: ignore[index]


def test_the_rail_marks_nothing_for_an_address_that_belongs_to_no_part_of_it(client: PageClient) -> None:
    page = client.get("/ui/no-such-page").text
    assert marked_in_rail(page) == []
    suggested = page.partition('class="card nearest"')[2]
    assert "Recent runs" in suggested
    assert len(re.findall(r'href="/ui/runs/[\w-]{36}"', suggested)) > 2, "where nothing is alike, what is newest is offered"
    assert 'class="button" href="/ui/home"' in page
    for address, section in {
        "/ui/experimets": "experiments", "/ui/pipeline": "pipelines", "/ui/artifacts/999999": "artifacts", "/ui/experiments/none": "experiments",
        "/ui/recurring/none": "recurring", "/ui/pipelines/pipe-digits/versions/none": "pipelines",
    }.items():  # fmt: skip
        assert marked_in_rail(client.get(address).text) == [f"/ui/{section}"], address


def test_an_address_that_is_nearly_a_page_offers_the_page(client: PageClient) -> None:
    page = client.get("/ui/pipeline", headers={"accept-language": "ko"}).text
    assert re.search(r'class="plain list-row" href="/ui/pipelines">.*?<strong class="cut">파이프라인</strong>', page, re.DOTALL)


def test_a_name_of_any_length_is_whole_in_the_title_of_its_heading(seeded: SeededApp, client: PageClient) -> None:
    for address in (f"/ui/runs/{seeded.runs['good']}", "/ui/pipelines/pipe-digits", "/ui/recurring/rec-nightly"):
        found = re.search(r'<h1 title="([^"]+)">([^<]+)</h1>', client.get(address).text)
        assert found is not None
        assert found[1] == found[2]


def test_groups_and_choices_by_type_have_the_words_of_the_column(client: PageClient) -> None:
    grouped = client.get("/ui/artifacts?group=type").text.partition("group-rows")[2]
    assert re.search(r">Dataset</a>", grouped)
    assert re.search(r">(dataset|html|classificationmetrics)</a>", grouped) is None
    assert '<span class="grow cut">Dataset</span>' in client.get("/ui/artifacts").text


def test_demos_are_not_hidden_from_a_list_without_pipelines(client: PageClient) -> None:
    assert 'id="demos"' in client.get("/ui/pipelines").text
    assert 'id="demos"' not in client.get("/ui/pipelines?q=nothing-like-this").text


def test_the_timeline_has_the_durations_of_the_other_views_and_says_what_was_running(seeded: SeededApp, client: PageClient) -> None:
    page = client.get(f"/ui/runs/{seeded.runs['good']}?view=timeline").text
    assert re.search(r'<span class="timeline-time num" title="Running [^"]+">[^<]+</span>', page)
    assert '<div class="timeline-axis" aria-hidden="true"><span>0 s</span>' in page


def test_the_axis_of_a_timeline_keeps_to_one_unit(seeded: SeededApp, client: PageClient) -> None:
    page = client.get(f"/ui/runs/{seeded.runs['good']}?view=timeline&from=0&to=3.2").text
    axis = re.findall(r"<span>([^<]+)</span>", page.partition('<div class="timeline-axis" aria-hidden="true">')[2].partition("</div>")[0])
    assert axis == ["0 s", "0.8 s", "1.6 s", "2.4 s", "3.2 s"]


def test_an_execution_that_has_not_started_says_so(client: PageClient) -> None:
    page = client.get("/ui/executions?q=status%3Apending&n=200").text
    rows = re.findall(r'<tr id="execution-.*?</tr>', page, re.DOTALL)
    assert rows
    assert all('<span class="faint">not yet</span></td></tr>' in row for row in rows)


def test_recurring_runs_have_a_status_as_their_filter_says(client: PageClient) -> None:
    page = client.get("/ui/recurring").text
    assert "status:enabled" in page
    assert re.search(r"<th[^>]*>\s*<a[^>]*>\s*Status", page)
    assert not re.search(r"<th[^>]*>\s*<a[^>]*>\s*State", page)


def test_what_the_address_asks_for_stands_before_what_else_is_called_so(client: PageClient) -> None:
    for kind in ("pipelines", "runs"):
        near = client.get(f"/ui/{kind}/digi").text.partition("Perhaps you meant")[2]
        found = re.findall(r'href="/ui/(pipelines|runs)/\w', near)
        assert found[0] == kind


def test_a_list_is_exported_as_it_is_filtered(seeded: SeededApp, client: PageClient) -> None:
    rows = client.get("/ui/runs/export?format=json&q=status:failed").json()
    assert rows
    assert {row["state"] for row in rows} == {"FAILED"}
    lines = list(csv.reader(io.StringIO(client.get("/ui/runs/export?format=csv&q=status:failed&column=accuracy").text)))
    assert [line[0] for line in lines[1:]] == [row["run_id"] for row in rows]
    assert lines[0][-3:] == ["accuracy", "parameters", "tags"]
    assert client.get("/ui/runs/export?format=xlsx").status_code == 400
    assert client.get("/ui/runs/export?format=json&q=nothing-like-this").json() == []


def test_text_that_a_spreadsheet_would_run_is_quoted_in_exports(client: PageClient) -> None:
    cells = [cell for row in csv.reader(io.StringIO(client.get("/ui/runs/export?format=csv").text)) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]


def test_columns_keep_their_order_through_every_link(client: PageClient) -> None:
    page = client.get("/ui/runs?columns=chosen&column=rows&column=accuracy").text
    assert re.findall(r'href="/ui/runs\?columns=chosen&amp;column=rows&amp;column=accuracy&amp;sort=-?metric.accuracy"', page)
    heads = re.findall(r"<th scope=.col. class=.right.[^>]*>(?:<a[^>]*>)?([\w.]+)", page.partition("<tbody>")[0])
    assert heads[-2:] == ["rows", "accuracy"]


def test_rows_of_runs_say_how_many_tasks_were_reused(seeded: SeededApp, client: PageClient) -> None:
    page = client.get("/ui/runs?n=200").text
    said = {run: int(count) for run, count in re.findall(r'id="row-([^"]+)"(?:(?!</tr>).)*?chip cached num" title="(\d+) cached"', page, re.DOTALL)}
    assert said
    for run, count in said.items():
        assert f"{count}/" in client.get(f"/ui/runs/{run}").text.partition('class="chip cached"')[2].partition("</span>")[0]


def test_groups_lead_to_their_rows(client: PageClient) -> None:
    page = client.get("/ui/runs?group=state").text
    links = re.findall(r'<a class="name quiet cut" href="([^"]+)">(\w+)</a>', page)
    looks = dict(STATE_LOOKS.values())
    assert {word for _, word in links} >= {"Succeeded", "Failed"}
    for address, word in links:
        rows = client.get(address.replace("&amp;", "&")).text
        assert set(re.findall(r'class="state s-(\w+)', rows.partition("<tbody>")[2].partition("</table>")[0])) == {looks[word]}


def test_groups_of_executions_lead_to_their_rows_and_are_exported_as_shown(client: PageClient) -> None:
    shown = client.get("/ui/executions?group=component&q=cached:no&n=200").text
    groups = re.findall(r'<a class="name quiet cut" href="([^"]+)">([\w-]+)</a></th>\s*<td class="num[^>]*><span[^>]*>(\d+)</span>', shown)
    assert len(groups) > 2
    exported = client.get("/ui/export/executions?group=component&q=cached:no&format=json").json()
    assert {(name, int(count)) for _, name, count in groups} == {(row["group"].removeprefix("comp-"), row["count"]) for row in exported}
    assert all(sum(row["states"].values()) == row["count"] for row in exported)
    for address, name, count in groups[:4]:
        rows = client.get(address.replace("&amp;", "&")).text.partition("<tbody>")[2].partition("</table>")[0]
        assert rows.count('<tr id="execution-') == int(count)
        assert set(re.findall(r'component%3D([\w-]+)">([\w-]+)</a>', rows)) == {(f"comp-{name}", name)}
    lines = list(csv.DictReader(io.StringIO(client.get("/ui/export/runs?group=pipeline&column=accuracy&format=csv").text)))
    assert {"group", "count", "states", "duration_seconds_mean", "value.accuracy_max"} <= set(lines[0])
    assert client.get("/ui/export/executions?group=cause&format=json").json()[0]["task_id"]


@pytest.mark.parametrize("by", ["type", "name", "pipeline", "run"])
def test_groups_of_artifacts_lead_to_their_rows_and_are_exported_as_shown(client: PageClient, by: str) -> None:
    shown = client.get(f"/ui/artifacts?tab=stored&group={by}&n=200").text.partition('id="artifacts-live"')[2]
    groups = re.findall(r'<a class="name quiet cut" href="([^"]+)">[^<]*</a></th>\s*<td class="num[^>]*><span[^>]*>([\d,]+)</span>', shown)
    exported = client.get(f"/ui/export/artifacts?group={by}&format=json").json()
    assert [int(count) for _, count in groups] == [row["count"] for row in exported if row["group"]]
    assert groups
    everything = client.get("/ui/export/artifacts?format=json").json()
    assert sum(row["count"] for row in exported) == len(everything)
    assert max(row["size_bytes_max"] or 0 for row in exported) == max(row["size_bytes"] or 0 for row in everything)
    for address, count in groups[:5]:
        rows = client.get(address.replace("&amp;", "&")).text
        assert rows.count('<tr id="artifact-') == min(int(count), 200)
    assert client.get("/ui/export/artifacts?group=metadata&format=json").json() == everything


def test_a_facet_counts_what_the_rest_of_the_filter_matches_and_replaces_its_own_chip(client: PageClient) -> None:
    menu = client.get("/ui/executions/facet?of=component&q=cached%3Ano+component%3Dcomp-evaluate&n=200").text
    choices = re.findall(r'<a href="([^"]+)"[^>]*><span class="grow cut">([\w-]+)</span><span class="faint num">([\d,]+)</span>', menu)
    assert len({name for _, name, _ in choices}) == len(choices) > 1
    for address, name, count in choices:
        asked = parse_qs(urlsplit(address.replace("&amp;", "&")).query)
        assert asked == {"q": [f"cached:no component=comp-{name}"], "n": ["200"]}
        assert client.get(address.replace("&amp;", "&")).text.count('<tr id="execution-') == int(count)
    assert client.get("/ui/executions/facet?of=inputs").status_code == 400


def test_executions_say_where_they_ran_and_which_code_they_had(client: PageClient) -> None:
    rows = client.get("/ui/export/executions?format=json&q=worker%3Aworkbench").json()
    assert {row["worker"] for row in rows} == {"workbench"}
    code = rows[0]["code_digest"]
    page = client.get(f"/ui/executions?q=code%3A{code[:12]}").text
    assert f"{code[:12]}</a>" in page
    same = client.get(f"/ui/export/executions?format=json&q=code%3A{code[:12]}").json()
    assert {row["component"] for row in same} == {rows[0]["component"]}


def test_dates_in_filters_are_read_in_the_readers_zone_in_lists_exports_and_bulk_actions(seeded: SeededApp, client: PageClient) -> None:
    newest = client.get("/ui/export/runs?format=json").json()[0]
    made = datetime.fromisoformat(newest["created_at"])
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        day = made.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d")
        cookie = {"cookie": f"penstock_zone={quote(zone, safe='')}"}
        exported = {row["run_id"] for row in client.get(f"/ui/export/runs?format=json&q=started%3A{day}&zone={quote(zone)}").json()}
        expected = {
            row["run_id"]
            for row in client.get("/ui/export/runs?format=json").json()
            if datetime.fromisoformat(row["created_at"]).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d") == day
        }
        assert newest["run_id"] in exported == expected
        page = client.get(f"/ui/runs?n=200&q=started%3A{day}", headers=cookie).text
        assert set(re.findall(r'<tr data-href="/ui/runs/([^"]+)"', page)) == expected
        assert f"Dates are read in the time zone {zone}" in page
        assert f"&amp;zone={quote(zone, safe='')}" in page or f"&amp;zone={zone}" in page  # the call that the export menu offers
        seeded.actions.calls.clear()
        form = {"verb": "retry", "matching": "1", "next": f"/ui/runs?q=started%3A{day}"}
        client.post("/ui/runs/actions", data=form, headers={"origin": "http://testserver", **cookie})
        assert {arguments[0] for _, arguments in seeded.actions.calls} == expected
    assert client.get("/ui/runs?zone=Mars").status_code == 400


def test_a_view_is_kept_under_its_name_until_removed(client: PageClient) -> None:
    ours = {"origin": "http://testserver"}
    form = {"verb": "save", "table": "runs", "name": "my failures", "next": "/ui/runs?q=status%3Afailed&sort=-duration&evil=1&cursor=x"}
    assert client.post("/ui/views", data=form).status_code == 403
    answer = client.post("/ui/views", data=form, headers=ours)
    assert answer.headers["location"] == "/ui/runs?q=status%3Afailed&sort=-duration"
    menu = client.get("/ui/views?table=runs&address=/ui/runs").text
    assert 'href="/ui/runs?q=status%3Afailed&amp;sort=-duration">my failures</a>' in menu
    assert "my failures" not in client.get("/ui/views?table=executions").text
    identity = re.search(r'name="id" value="(\d+)"><input type="hidden" name="next"', menu).group(1)  # type: ignore[union-attr]
    client.post("/ui/views", data={"verb": "delete", "id": identity}, headers=ours)
    assert "my failures" not in client.get("/ui/views?table=runs").text
    assert client.post("/ui/views", data=form | {"name": " ", "next": "/ui/runs"}, headers=ours).headers["location"] == "/ui/runs"
    assert client.post("/ui/views", data=form | {"table": "users"}, headers=ours).status_code == 400
    assert client.get("/ui/views?table=users").status_code == 400


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_list_offers_its_views_and_saves_what_it_shows(client: PageClient, table: str) -> None:
    address = TABLES[table] + ("?tab=stored" if table == "artifacts" else "")
    if table not in {"projects", "registry", "flows", "trash"}:  # those pages need a room that the seeded application does without
        assert f'hx-get="/ui/views?table={table}&amp;address=' in client.get(address).text
    layout = '{"columns":{"Name":{"width":320,"isPinned":true}},"order":["Status","Name"],"isCompact":true}'
    form = {"verb": "save", "table": table, "name": "wide", "next": address, "layout": layout}
    saved = client.post("/ui/views", data=form, headers={"origin": "http://testserver"}).headers["location"]
    assert saved.partition("?")[0] == TABLES[table]
    assert parse_qs(urlsplit(saved).query)["layout"] == [layout]
    assert f">{'wide'}</a>" in client.get(f"/ui/views?table={table}").text


def test_a_layout_holds_order_pins_widths_and_row_height_and_nothing_else() -> None:
    hostile = {
        "columns": {
            "Name": {"width": 10**9, "isPinned": "yes", "evil": 1}, "Status": {"width": 90, "x": "}"}, "Run": {"isPinned": True, "isHidden": True}, "Id": {"width": True, "isHidden": 1},
        },
        "order": ["Status", 7, "Name", "Status"], "isCompact": 1, "isDiffering": True, "more": "x",
    }  # fmt: skip
    assert json.loads(checked_layout(json.dumps(hostile))) == {
        "columns": {"Status": {"width": 90}, "Run": {"isPinned": True, "isHidden": True}},
        "order": ["Status", "Name"],
        "isDiffering": True,
    }
    assert checked_layout('{"columns":{}}') == checked_layout("") == ""
    for text in ("[]", "{", '{"columns":{"Name":3}}', '{"columns":[1]}', '{"order":3}'):
        with pytest.raises(InvalidArgumentError):
            checked_layout(text)


def test_a_bulk_action_may_take_all_that_match(seeded: SeededApp, client: PageClient) -> None:
    failed = {row["run_id"] for row in client.get("/ui/runs/export?format=json&q=status:failed").json()}
    seeded.actions.calls.clear()
    form = {"verb": "archive", "matching": "1", "next": "/ui/runs?q=status:failed&n=25"}
    client.post("/ui/runs/actions", data=form, headers={"origin": "http://testserver"})
    assert {arguments[0] for name, arguments in seeded.actions.calls if name == "archive_run"} == failed


def test_recurring_runs_show_when_they_begin_and_end_where_one_does(tmp_path: Path) -> None:
    seeded = build(tmp_path, url="http://testserver")
    client = PageClient(seeded.app)
    assert 'data-key="End"' not in client.get("/ui/recurring").text
    trigger = json.dumps({"interval_seconds": 60, "start": 1_700_000_000.0, "end": 1_900_000_000.0})
    sql = "UPDATE recurring_run SET trigger_spec = ? WHERE recurring_run_id = 'rec-nightly'"
    database = open_database(f"sqlite:///{tmp_path / 'penstock.db'}", synchronous="OFF")
    database.write_sync(lambda tx: tx.execute(sql, (trigger,)))
    database.close()
    page = client.get("/ui/recurring").text
    assert 'data-key="End"' in page
    row = page.partition('id="row-rec-nightly"')[2].partition("</tr>")[0]
    assert "2023-11-14" in row
    assert "2030-03-17" in row
    settings = client.get("/ui/recurring/rec-nightly").text.partition("<h2>Settings</h2>")[2].partition("</dl>")[0]
    assert re.search("Not before</dt><dd><time[^>]*>2023-11-14", settings)
    assert re.search("Not after</dt><dd><time[^>]*>2030-03-17", settings)


def test_a_schedule_whose_pipeline_was_deleted_says_so_and_offers_another(tmp_path: Path) -> None:
    seeded = build(tmp_path, url="http://testserver")
    client = PageClient(seeded.app)
    database = open_database(f"sqlite:///{tmp_path / 'penstock.db'}", synchronous="OFF")
    sql = "UPDATE recurring_run SET pipeline_id = 'gone', pipeline_version_id = 'gone' WHERE recurring_run_id = 'rec-nightly'"
    database.write_sync(lambda tx: tx.execute(sql, ()))
    database.close()
    page = client.get("/ui/recurring/rec-nightly").text
    assert "was deleted: nothing can start" in page
    assert 'href="/ui/runs/new?edit=rec-nightly"' in page
    assert "/ui/pipelines/gone" not in page
    assert 'href="/ui/pipelines/gone"' not in client.get("/ui/recurring").text
    assert 'id="orphan"' not in client.get("/ui/recurring/rec-hourly").text


def test_picked_runs_get_tags(seeded: SeededApp, client: PageClient) -> None:
    seeded.actions.calls.clear()
    ours = {"origin": "http://testserver"}
    form = {"verb": "tag", "id": ["r1", "r2"], "tags": "team=vision, nightly,, owner = ann=1", "next": "/ui/runs"}
    client.post("/ui/runs/actions", data=form, headers=ours)
    tags = {"team": "vision", "nightly": "", "owner": "ann=1"}
    assert seeded.actions.calls == [("tag_run", ("r1", tags)), ("tag_run", ("r2", tags))]
    client.post("/ui/runs/actions", data=form | {"tags": " , "}, headers=ours)
    assert len(seeded.actions.calls) == 2


def test_refusals_of_picked_runs_name_them_in_the_readers_language(
    seeded: SeededApp, client: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, failed = seeded.runs["good"], seeded.runs["failed"]

    async def terminate(run_id: str) -> None:
        raise ConflictError(f"run {run_id} cannot be terminated: it has ended" if run_id == good else "not now")

    monkeypatch.setattr(seeded.actions.runs, "terminate", terminate, raising=False)
    names = {run: client.get(f"/ui/runs/export?format=json&q={run}").json()[0]["name"] for run in (good, failed)}
    form = {"verb": "terminate", "id": [good, failed, "another-one"], "next": "/ui/runs"}
    answer = client.post("/ui/runs/actions", data=form, headers={"origin": "http://testserver"})
    cookie = {"cookie": f"{NOTICE_COOKIE}={answer.cookies[NOTICE_COOKIE]}"}
    page = client.get("/ui/runs", headers=cookie).text
    assert f"<li>run {names[good]} cannot be terminated: it has ended</li>" in page
    assert f"<li>{names[failed]}: not now</li>" in page
    assert "<li>another-: not now</li>" in page
    translated = client.get("/ui/runs", headers=cookie | {"accept-language": "ja"}).text
    assert f"<li>実行 {names[good]} を停止できません。すでに終了しています</li>" in translated


def test_picked_runs_are_paused_and_continued_and_refusals_are_listed(
    seeded: SeededApp, client: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[str] = []

    async def pause_run(run_id: str) -> None:
        if run_id == "ended":
            raise ConflictError("it cannot be paused: it has ended")
        paused.append(run_id)

    monkeypatch.setattr(seeded.actions.runs, "pause", pause_run, raising=False)
    ours = {"origin": "http://testserver"}
    bar = client.get("/ui/runs").text.partition("data-bulk-bar")[2].partition("</form>")[0]
    assert 'value="pause"' in bar
    assert 'value="unpause"' in bar
    form = {"verb": "pause", "id": ["r1", "ended", "r2"], "next": "/ui/runs"}
    answer = client.post("/ui/runs/actions", data=form, headers=ours)
    assert paused == ["r1", "r2"]
    page = client.get("/ui/runs", headers={"cookie": f"{NOTICE_COOKIE}={answer.cookies[NOTICE_COOKIE]}"}).text
    assert "Paused 2 of 3 runs." in page
    assert "ended: it cannot be paused: it has ended" in page
    seeded.actions.calls.clear()
    client.post("/ui/runs/actions", data={"verb": "unpause", "id": ["r1", "r2"], "next": "/ui/runs"}, headers=ours)
    assert [call for call in seeded.actions.calls if call[0] == "unpause_run"] == [("unpause_run", ("r1",)), ("unpause_run", ("r2",))]


def test_picked_runs_are_moved_and_refusals_are_listed(
    seeded: SeededApp, client: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[tuple[str, str]] = []

    async def move_run(run_id: str, experiment_id: str) -> None:
        if run_id == "far":
            raise InvalidArgumentError("it is in the namespace 'a'")
        moved.append((run_id, experiment_id))

    monkeypatch.setattr(seeded.actions.runs, "move", move_run, raising=False)
    ours = {"origin": "http://testserver"}
    bar = client.get("/ui/runs").text.partition("data-bulk-bar")[2].partition("</form>")[0]
    assert 'value="move"' in bar
    assert 'data-choices="/ui/experiments/choices"' in bar
    identity, name = asyncio.run(seeded.services.catalog.experiment_names())[0]
    assert client.get("/ui/experiments/choices", params={"text": name[:4]}).json()[0][0] == name
    form = {"verb": "move", "id": ["r1", "far", "r2"], "next": "/ui/runs"}
    answer = client.post("/ui/runs/actions", data=form, headers=ours)
    assert moved == []
    page = client.get("/ui/runs", headers={"cookie": f"{NOTICE_COOKIE}={answer.cookies[NOTICE_COOKIE]}"}).text
    assert "Choose the experiment to move to." in page
    answer = client.post("/ui/runs/actions", data={**form, "experiment": "nothing like this"}, headers=ours)
    assert "There is no active experiment 'nothing like this'." in unquote(answer.headers["set-cookie"])
    assert moved == []
    for named in (identity, name):
        moved.clear()
        answer = client.post("/ui/runs/actions", data={**form, "experiment": named}, headers=ours)
        assert moved == [("r1", identity), ("r2", identity)]
    page = client.get("/ui/runs", headers={"cookie": f"{NOTICE_COOKIE}={answer.cookies[NOTICE_COOKIE]}"}).text
    assert "Moved 2 of 3 runs." in page
    assert "far: it is in the namespace" in page
    assert client.post("/ui/runs/actions", data={**form, "experiment": name}).status_code == 403


def test_the_filter_bar_is_offered_values(client: PageClient) -> None:
    assert "digits" in client.get("/ui/runs/values?field=pipeline&text=dig").text
    assert client.get("/ui/runs/values?field=pipeline&text=nothing").json() == []
    assert client.get("/ui/runs/values?field=duration&text=1").json() == []
    for of, field, text, value in (
        ("executions", "name", "train", "train-model"),
        ("executions", "component", "load", "comp-load-digits"),
        ("executions", "run", "baseline", "digits baseline"),
        ("artifacts", "type", "Model", "system.Model"),
        ("artifacts", "name", "data", "dataset"),
        ("pipelines", "name", "dig", "digits-training"),
    ):
        assert value in client.get(f"/ui/runs/values?of={of}&field={field}&text={text}").json(), (of, field)
    assert client.get("/ui/runs/values?of=executions&field=experiment&text=D").json() == []


def test_logs_come_by_window_search_and_line(seeded: SeededApp, client: PageClient) -> None:
    run_id = seeded.runs["failed"]
    task_id = task_id_for(RunId(run_id), TaskPath("root/exit-handler-1/for-loop-2[3]/train-model"))
    base = f"/ui/runs/{run_id}/tasks/{task_id}/log"
    whole = client.get(base, params={"offset": 0, "length": 100_000})
    size = int(whole.headers["x-log-size"])
    assert len(whole.content) == size
    assert whole.headers["content-type"].startswith("text/plain")
    tail = client.get(base, params={"length": 60})
    assert whole.content.endswith(tail.content)
    assert int(tail.headers["x-log-line"]) == whole.content[: int(tail.headers["x-log-offset"])].count(b"\n")
    found = client.get(f"{base}/search", params={"q": "ValueError:"}).json()
    assert found["matches"][0]["text"].startswith("ValueError")
    line = found["matches"][0]["line"]
    assert client.get(f"{base}/line", params={"line": line}).json() == {"offset": found["matches"][0]["offset"]}
    assert client.get(f"{base}/download").content == whole.content


class TextLog:
    """A log in memory."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.bytes_read = 0

    def size(self, run_id: str, task_id: str, attempt: int) -> int:
        """Length."""
        return len(self.content)

    def read(self, run_id: str, task_id: str, attempt: int, *, offset: int, length: int) -> bytes:
        """A range."""
        part = self.content[offset : offset + length]
        self.bytes_read += len(part)
        return part


async def test_a_search_of_a_large_log_comes_in_slices_that_miss_and_repeat_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_STEP", 64)
    monkeypatch.setattr(logs, "_SEARCHED_AT_ONCE", 256)
    lines = [b"error here" if number % 9 == 0 else b"fine" * (number % 7) for number in range(200)]
    log = TextLog(b"\n".join(lines) + b"\nlast error without end")
    found: list[dict[str, object]] = []
    start: tuple[int, int] | None = (0, 0)
    rounds = 0
    while start is not None:
        part = await logs.find_lines(log, ("r", "t", 0), Wanted("^(last )?error"), start)
        found += part.matches
        start = None if part.next_offset is None else (part.next_offset, part.next_line)
        rounds += 1
    assert rounds > 3
    assert [match["line"] for match in found] == [*range(0, 200, 9), 200]
    assert all(log.content[int(str(match["offset"])) :].startswith(str(match["text"]).encode()) for match in found)


def test_the_end_of_a_very_large_log_comes_before_its_lines_are_counted(
    seeded: SeededApp, client: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = seeded.runs["failed"]
    base = f"/ui/runs/{run}/tasks/{task_id_for(RunId(run), TaskPath('root/exit-handler-1/for-loop-2[3]/train-model'))}/log"
    monkeypatch.setattr(logs, "_COUNTED_AT_ONCE", 0)
    end = client.get(base, params={"attempt": 0, "length": 100})
    assert end.headers["x-log-line"] == "-1"
    whole = client.get(base, params={"attempt": 0, "offset": 0})
    counted = client.get(f"{base}/line-number", params={"attempt": 0, "offset": end.headers["x-log-offset"]}).json()
    assert counted["line"] == whole.content[: int(end.headers["x-log-offset"])].count(b"\n")
    assert whole.headers["x-log-line"] == "0"


@pytest.mark.parametrize(
    "path",
    ["?offset={}", "?length={}", "?attempt={}", "/streams?from={}&to=9", "/streams?to={}", "/times?from={}", "/times?to={}", "/search?q=a&from={}",
     "/search?q=a&from_line={}", "/line?line={}", "/line-number?offset={}", "/plain?before={}", "/plain?since={}", "/download?attempt={}"],
)  # fmt: skip
def test_places_in_a_log_may_be_any_number(seeded: SeededApp, client: PageClient, path: str) -> None:
    run = seeded.runs["failed"]
    base = f"/ui/runs/{run}/tasks/{task_id_for(RunId(run), TaskPath('root/exit-handler-1/for-loop-2[3]/train-model'))}/log"
    for number in (10**15, 10**30, -5, "9" * 5000, "\u0663"):
        assert client.get(base + path.format(number)).status_code < 500, number


@pytest.mark.parametrize("path", ["/ui/runs/{run}?task={task}&attempt={number}", "/ui/runs/{run}/tasks/{task}/replay.py?attempt={number}", "/ui/artifacts/{number}"])
def test_what_only_looks_like_a_number_stands_for_nothing(seeded: SeededApp, client: PageClient, path: str) -> None:
    run = seeded.runs["failed"]
    task = task_id_for(RunId(run), TaskPath("root/exit-handler-1/for-loop-2[3]/train-model"))
    for number in ("\u00b2", "\u0663", "9" * 5000):
        assert client.get(path.format(run=run, task=task, number=number)).status_code < 500, number


def test_a_page_asks_the_same_number_of_queries_whatever_it_shows(
    seeded: SeededApp, client: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_queries(monkeypatch)

    def count(address: str) -> int:
        asked.clear()
        assert client.get(address).status_code == 200
        return len(asked)

    for address in ("/ui/runs", "/ui/artifacts", "/ui/artifacts?tab=stored", "/ui/executions"):
        plain = {size: count(f"{address}?n={size}") for size in (25, 50, 200)}
        for text, more in (("", 0), ("status:failed", 0), ("digits", 2), ("nothing", 2)):  # the runs, and the pipelines, that hold the word
            counts = {size: count(f"{address}?n={size}&q={text}") for size in plain}
            assert max(counts.values()) <= min(counts.values()) + 1, (address, text)  # the count where there are more rows
            assert all(counts[size] <= plain[size] + more for size in plain), (address, text)
    assert count("/ui/experiments") <= 4
    ids = list(seeded.runs.values())
    count(f"/ui/compare?runs={','.join(ids[:20])}")  # keeps the plans
    counts = {count(f"/ui/compare?runs={','.join(ids[:size])}") for size in (2, 5, 20)}
    assert len(counts) == 1


def test_a_comparison_says_what_of_the_runs_asked_for_it_leaves_out(client: PageClient, seeded: SeededApp) -> None:
    runs = list(seeded.runs.values())
    assert "not-compared" not in client.get(f"/ui/compare?runs={runs[0]},{runs[1]}").text
    body = client.get(f"/ui/compare?runs={runs[0]},not-there,{','.join(f'made-up-{number}' for number in range(25))}").text
    told = body.partition('id="not-compared"')[2].partition("</section>")[0]
    assert "not-there" in told
    assert "The first 20 of 27 runs asked for are compared." in told


def test_a_comparison_names_changed_code_parameters_and_packages_first(tmp_path: Path) -> None:
    seeded = build(tmp_path, url="http://testserver")
    good, other = seeded.runs["good"], seeded.runs["night-0"]

    def change(tx: Transaction) -> None:
        row = tx.one("SELECT spec.kind, spec.content FROM spec JOIN run ON run.spec_digest = spec.digest WHERE run.run_id = :run", {"run": good})
        assert row is not None
        assert "print(train.path, learning_rate)" in row["content"]
        content = row["content"].replace("print(train.path, learning_rate)", "print('</pre><script>window.hacked=1</script>')")
        tx.execute("INSERT INTO spec (digest, kind, name, content, created_at) VALUES ('sha256:other', :kind, 'other', :content, 0)", {"kind": row["kind"], "content": content})
        tx.execute("UPDATE run SET spec_digest = 'sha256:other', parameters = '{\"rows\": 7}' WHERE run_id = :run", {"run": other})
        tx.execute("UPDATE attempt SET detail = REPLACE(detail, 'numpy==2.1.3', 'numpy==2.2.0') WHERE run_id = :run", {"run": other})

    asyncio.run(open_database(f"sqlite:///{tmp_path / 'penstock.db'}").write(change))
    body = PageClient(seeded.app).get(f"/ui/compare?runs={good},{other}").text
    headline = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", body.partition('id="causes"')[2].partition("</section>")[0]))
    places = [headline.index(text) for text in ("Code of train-model", "Parameter rows 1797 \u2192 7", "Package numpy 2.1.3 \u2192 2.2.0")]
    assert places == sorted(places)
    code = body.partition('id="code"')[2].partition("</section>")[0]
    assert '<span class="diff-old">-    print(train.path, learning_rate)' in code
    assert "&lt;script&gt;window.hacked=1" in code
    assert "<script>window" not in body
    assert body.index('id="code"') < body.index('id="packages"') < body.index('id="metrics"')


def test_the_panel_says_what_an_attempt_used_over_time_where_that_was_noted(tmp_path: Path) -> None:
    seeded = build(tmp_path, url="http://testserver")
    task = task_id_for(RunId(seeded.runs["failed"]), TaskPath("root/exit-handler-1/for-loop-2[3]/train-model"))
    body = PageClient(seeded.app).get(f"/ui/runs/{seeded.runs['failed']}?task={task}&tab=environment").text
    section = body[body.index('id="usage"') :].split("</section>")[0]
    assert section.count("<polyline") == 2
    assert "90\u202f% at most, 60\u202f% on average" in section
    assert "CPU cores asked for: 1" in section
    assert "1.0 GiB at most, 703.5 MiB on average" in section
    assert "Memory limit: 2.0 GiB" in section
    task = task_id_for(RunId(seeded.runs["night-3"]), TaskPath("root/exit-handler-1/for-loop-2[3]/train-model"))
    body = PageClient(seeded.app).get(f"/ui/runs/{seeded.runs['night-3']}?task={task}&tab=environment").text
    assert "Memory used at most" in body
    assert 'id="usage"' not in body


def test_an_importer_that_succeeded_has_no_log_events_or_environment_to_wait_for(tmp_path: Path) -> None:
    seeded = build(tmp_path, url="http://testserver")
    run = seeded.runs["good"]
    task = task_id_for(RunId(run), TaskPath("root/exit-handler-1/for-loop-2[3]/train-model"))

    def change(tx: Transaction) -> None:
        tx.execute("UPDATE task SET type = 'IMPORTER' WHERE task_id = :task", {"task": task})
        tx.execute("DELETE FROM attempt WHERE task_id = :task", {"task": task})
        tx.execute("DELETE FROM task_note WHERE task_id = :task", {"task": task})

    asyncio.run(open_database(f"sqlite:///{tmp_path / 'penstock.db'}").write(change))
    for tab in ("logs", "events", "environment"):
        body = PageClient(seeded.app).get(f"/ui/runs/{run}?task={task}&tab={tab}").text
        assert "An importer starts no program" in body, tab
        assert "Not yet: the task has not started" not in body


def test_a_task_says_that_its_output_was_deleted_and_offers_none_of_its_bytes(tmp_path: Path) -> None:
    seeded = build(tmp_path, url="http://testserver")
    run, database = seeded.runs["good"], open_database(f"sqlite:///{tmp_path / 'penstock.db'}")
    made = asyncio.run(database.read(lambda tx: tx.one("SELECT * FROM artifact WHERE run_id = ? AND output_key = 'test'", (run,))))
    assert made is not None
    client, panel = PageClient(seeded.app), f"/ui/runs/{run}?task={made['task_id']}&tab=io"
    offers = [f'"/ui/artifacts/{made["artifact_id"]}{rest}"' for rest in ("/download", "?tab=preview")]
    assert all(offer in client.get(panel).text for offer in offers)

    def end(tx: Transaction) -> None:
        tx.execute("INSERT INTO artifact_note (artifact_id, ended_at) VALUES (?, 1.0)", (made["artifact_id"],))

    asyncio.run(database.write(end))
    body = client.get(panel).text
    assert "</svg>deleted</span>" in body
    assert not any(offer in body for offer in offers)
    shown = client.get(f"/ui/artifacts/{made['artifact_id']}?tab=preview").text
    assert "Its bytes are not shown any more." in shown
    assert "or lies at its URI elsewhere" not in shown


@pytest.mark.parametrize(("detail", "is_said"), [("{}", False), ('{"environment_id": "removed"}', True)])
def test_only_environments_that_were_made_here_are_missed_in_a_comparison(tmp_path: Path, detail: str, is_said: bool) -> None:
    seeded = build(tmp_path, url="http://testserver")
    good, other = seeded.runs["good"], seeded.runs["night-0"]
    database = open_database(f"sqlite:///{tmp_path / 'penstock.db'}")
    asyncio.run(database.write(lambda tx: tx.execute("UPDATE attempt SET detail = ? WHERE run_id = ?", (detail, other))))
    body = PageClient(seeded.app).get(f"/ui/compare?runs={good},{other}").text
    assert ("The environment is not known any more" in body) is is_said


def test_page_contexts_are_documented_frozen_dataclasses() -> None:
    """The context of each page is a contract: a frozen dataclass whose name ends in Page, Panel, Part or Table."""
    folder = Path(inspect.getfile(pages)).parent
    for path in sorted(path for path in folder.rglob("*.py") if path.stem != "__init__"):
        module = import_module(".".join(("penstock.web.pages", *path.relative_to(folder).with_suffix("").parts)))
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.ClassDef) or not node.name.endswith(("Page", "Panel", "Part", "Table")):
                continue
            assert ast.get_docstring(node), f"{path.stem}.{node.name}"
            assert getattr(module, node.name).__dataclass_params__.frozen


def test_home_draws_runs_of_projects_beside_those_of_pipelines_and_lists_all_failures_by_time() -> None:
    own = RecentTracked("me", "digits/a", "run 1", "brave-sun-1", TrackedState.CRASHED, 80_000.0, 86_300.0)
    view = HomeView(
        recent=[], attention=[], counts={}, tracked=[own], crashed=[own, replace(own, name="two", ended_at=86_400.0)], schedules=[],
        running_tasks=[], latest=[],
    )  # fmt: skip
    (lane,) = lanes_of(view, 86_400.0, [])
    many = replace(view, tracked=[replace(own, project=f"p{number}") for number in range(12)])
    assert len(lanes_of(many, 86_400.0, [])) == 12
    assert (lane.name, lane.bars[0].address) == ("me/digits/a", "/me/digits%2Fa/runs/run%201")
    assert lane.bars[0].look == ("Crashed", "failed")
    assert lane.bars[0].start + lane.bars[0].width == pytest.approx(100 * (86_300 / (86_400 + AHEAD)))
    assert [trouble.address.rpartition("/")[2] for trouble in troubles_of(view)] == ["two", "run%201"]
    failed = replace(own, state=TrackedState.FAILED, exit_code=3)
    told = [(trouble.where, trouble.why) for trouble in troubles_of(replace(view, crashed=[own, failed]))]
    assert told[0][1].startswith("No sign of life any more")
    assert told[1] == ("me/digits/a", "The program ended with exit code 3.")


def test_home_counts_tracked_runs_in_the_order_of_their_lives() -> None:
    view = HomeView([], [], {}, [], [], [], [], [], tracked_counts={"failed": 2, "finished": 5, "running": 1})
    assert tallies_of(view) == [(("Running", "running"), 1), (("Finished", "succeeded"), 5), (("Failed", "failed"), 2)]


def test_many_failures_do_not_hide_what_is_stuck_or_missing() -> None:
    failed = [RecentTracked("me", "digits", f"r{number}", "r", TrackedState.FAILED, 80_000.0, 86_000.0 + number, 1) for number in range(12)]
    lost = [LossItem(f"lost {number}", "its log was cut", 100.0 + number, entity="me", project="digits", run="l") for number in range(4)]
    view = HomeView(
        recent=[], attention=[], counts={}, tracked=[], crashed=failed, schedules=[], running_tasks=[], latest=[], losses=lost
    )
    names = [trouble.name for trouble in troubles_of(view)]
    assert names == ["r"] * 6 + ["lost 3", "lost 2"]


def test_the_plan_says_which_environments_are_there_and_what_has_to_be_built(client: PageClient) -> None:
    own = {"origin": "http://testserver"}
    text = client.post("/ui/runs/plan", data={"pipeline": "pipe-digits"}, headers=own).text
    part = text.partition('id="plan-environments"')[2]
    built, missing, refused = part.split("<li")[1:]
    assert "built already" in built
    assert "no packages" in built
    assert "last time" not in built
    assert "will be built" in missing
    assert "scikit-learn&gt;=1.4, kfp==2.14.0" in missing
    assert "the image asks for Python 3.9" in missing
    assert "does not use the network" in missing
    assert "Tasks: evaluate, report" in missing
    assert "last time 31" in missing
    assert "cannot be built" in refused
    assert "no Python" in refused
    assert "a, b, c, d and 1 more" in refused


def test_durations_in_the_list_of_runs_are_bars_scaled_to_the_longest_row(client: PageClient) -> None:
    text = client.get("/ui/runs").text
    widths = [float(width) for width in re.findall(r'<svg class="length"[^>]* aria-hidden="true"><rect class="bar s-[a-z]+" width="([0-9.]+)"', text)]
    assert max(widths) == 100
    assert all(0 <= width <= 100 for width in widths)
    assert len(set(widths)) > 1
    assert len(widths) == text.count('class="length"') <= text.count('<tr data-href="/ui/runs/')


def test_pipelines_link_to_their_last_run(client: PageClient, seeded: SeededApp) -> None:
    row = client.get("/ui/pipelines").text.partition('id="row-pipe-digits"')[2].partition("</tr>")[0]
    dots = asyncio.run(seeded.services.catalog.pipeline("pipe-digits"))
    assert dots is not None
    newest = max(dots.pipeline.last_runs, key=lambda dot: dot.created_at)
    cell = row.partition(f'<a class="quiet" href="/ui/runs/{newest.run_id}" title="')[2].partition("</td>")[0]
    assert "<time" in cell
    assert 'class="state s-' in cell


def test_bars_of_the_last_runs_tell_states_by_shape_and_in_words(client: PageClient, seeded: SeededApp) -> None:
    row = client.get("/ui/pipelines").text.partition('id="row-pipe-digits"')[2].partition("</tr>")[0]
    view = asyncio.run(seeded.services.catalog.pipeline("pipe-digits"))
    assert view is not None
    states = [dot.state for dot in view.pipeline.last_runs]
    assert row.count('class="bar-mark s-failed"') == states.count("FAILED") > 0
    assert row.count('class="bar-mark is-full s-canceled"') == states.count("CANCELED") > 0
    for state in set(states):
        assert re.search(rf"{states.count(state)}<span class=\"hidden-text\"> {STATE_LOOKS[state][0]}", row), state


@pytest.mark.parametrize(("language", "words"), [("en", "1 experiment<"), ("ko", "1 건<"), ("ja", "1 件<")])
def test_one_of_a_kind_is_counted_as_one(client: PageClient, language: str, words: str) -> None:
    page = client.get("/ui/experiments?q=learning", headers={"cookie": f"penstock_lang={language}"}).text
    assert words in page


def test_pipelines_of_the_demonstration_are_marked_and_left_out_when_asked(seeded: SeededApp, client: PageClient) -> None:
    database = seeded.services.recent._database  # type: ignore[attr-defined]  # the seeded application has no other door to it
    old = database.read_sync(lambda tx: tx.one("SELECT tags FROM pipeline WHERE pipeline_id = 'pipe-add'"))["tags"]
    database.write_sync(lambda tx: tx.execute("UPDATE pipeline SET tags = '{\"demo\":\"penstock\"}' WHERE pipeline_id = 'pipe-add'"))
    try:
        shown, hidden = client.get("/ui/pipelines"), client.get("/ui/pipelines?demos=hide")
        assert 'id="row-pipe-add"' in shown.text
        assert shown.text.count(">Demo</span>") == 1
        assert 'id="row-pipe-add"' not in hidden.text
        assert 'id="row-pipe-digits"' in hidden.text, "its tag demo is another one"
        assert "penstock_demos=hide" in hidden.headers["set-cookie"]
        remembered = client.get("/ui/pipelines", headers={"cookie": "penstock_demos=hide"})
        assert 'id="row-pipe-add"' not in remembered.text
        assert 'id="row-pipe-add"' in client.get("/ui/pipelines?demos=show", headers={"cookie": "penstock_demos=hide"}).text
        assert "addition-pipeline" not in client.get("/ui/export/pipelines?format=csv&demos=hide").text
    finally:
        database.write_sync(lambda tx: tx.execute("UPDATE pipeline SET tags = :tags WHERE pipeline_id = 'pipe-add'", {"tags": old}))


def test_a_document_of_a_task_is_on_paper_and_our_own_rendering_of_markdown_follows_the_theme(seeded: SeededApp) -> None:
    client = PageClient(seeded.app)
    for kind, classes in (("Markdown", "boxed themed"), ("HTML", "boxed")):
        listed = client.get(f"/ui/artifacts?tab=stored&q=type:{kind}").text
        address = re.search(r'"(/ui/artifacts/\d+)"', listed)
        assert address is not None, kind
        assert f'<iframe class="{classes}"' in client.get(f"{address[1]}?tab=preview").text, kind


def test_the_panel_of_a_lineage_draws_metrics_that_have_no_bytes(seeded: SeededApp) -> None:
    for kind, drawn in (("ClassificationMetrics", "classification"), ("Metrics", "scalars")):
        listed = PageClient(seeded.app).get(f"/ui/artifacts?tab=stored&q=type:system.{kind}").text
        contents = [asyncio.run(_of_artifact(seeded.services, int(found))) for found in dict.fromkeys(re.findall(r'"/ui/artifacts/(\d+)"', listed))]
        assert {content.visual.kind for content in contents if content is not None and content.visual is not None} == {drawn}, kind


def test_metrics_are_drawn_over_the_runs_of_an_experiment(client: PageClient) -> None:
    page = client.get("/ui/experiments/exp-default")
    assert page.status_code == 200
    assert '<figure class="metric-chart">' in page.text


def test_the_parts_of_an_attempt_together_are_its_duration_and_what_it_waited_before(seeded: SeededApp, client: PageClient) -> None:
    hostile = seeded.runs["hostile"]
    task = task_id_for(RunId(hostile), TaskPath("root/exit-handler-1/evaluate"))
    page = client.get(f"/ui/runs/{hostile}?task={task}&tab=details").text
    parts = re.findall(r'</svg> ([^<]*)</dt><dd class="num">([^<]*)</dd>', page.partition("Where time went")[2].partition("</section>")[0])
    seconds = {label: float(text.split()[0]) / (1000 if text.endswith("ms") else 1) for label, text in parts}
    assert list(seconds) == ["Queued", "Environment", "Running", "Storing results", "Starting and ending the process"]
    duration = re.findall(r'title="([0-9.]+) s"', page.partition("<h3>Attempts</h3>")[2])[0]
    assert round(sum(seconds.values()) - seconds["Queued"] - seconds["Environment"], 2) == float(duration)
