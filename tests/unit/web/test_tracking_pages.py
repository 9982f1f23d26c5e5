"""Pages of tracked runs: every page renders from its context under the strict policy, escapes what programs say, asks a fixed number of queries."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from penstock.domain.ids import TrackedRunId
from penstock.domain.tracking import RunChange, TrackedProject, TrackedState
from penstock.interfaces.tracking_store import ChartSeries, FileRegistration, SeriesAppend
from penstock.server.clock import SystemIds
from penstock.server.notifier import LocalNotifier
from penstock.server.tracking import Tracking
from penstock.server.tracking_pages import build_tracking_pages
from penstock.server.wandb import build_wandb
from penstock.stores.blobs.local import LocalBlobStore
from penstock.stores.sql.accounts import SqlEntityStore, SqlKeyStore
from penstock.stores.sql.artifact_notes import SqlArtifactNotes
from penstock.stores.sql.database import Database, open_database
from penstock.stores.sql.pages_artifacts import SqlArtifactPages
from penstock.stores.sql.pages_catalog import SqlCatalogPages
from penstock.stores.sql.pages_home import SqlHomePages
from penstock.stores.sql.pages_runs import SqlRunPages
from penstock.stores.sql.recent_objects import SqlRecentObjects
from penstock.tracking.accounts import AccountService
from penstock.tracking.filestream import Chunk, StreamMessage
from penstock.tracking.keys import KeyService
from penstock.web.pages.tracking.data import columns_of, rows_of, step_range
from penstock.web.pages.tracking.reports import blocks_of
from penstock.web.pages.tracking.sweeps import Scale, Trial, best_curve, sorted_trials
from penstock.web.previews.file_levels import level_of
from penstock.web.previews.parquet import read_head
from penstock.web.routes.pages import routes
from penstock.web.services.tracking import TrackingServices
from penstock.web.services.web import WebServices
from penstock.web.tracking.documents import branch_of, compared, plain, tree_of
from penstock.web.tracking.filters import run_filters, run_order
from tests.support.tracking import HandClock, sqlite_url, tracking_room
from tests.unit.web.test_pages import AttributeNames

HOSTILE = '<script>window.hacked=1</script>"><img src=x onerror=window.hacked=1>'
ORIGIN = {"origin": "http://testserver"}


@dataclass
class Site:
    """The tracking pages over a folder, with one run that logged hostile things."""

    http: httpx.AsyncClient
    tracking: Tracking
    services: TrackingServices
    run_id: TrackedRunId
    base: str
    blobs: LocalBlobStore
    clock: HandClock

    async def get(self, address: str) -> httpx.Response:
        """GET as a browser."""
        return await self.http.get(address)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A project `ann/digits` with one finished run."""
    clock, database = HandClock(), open_database(sqlite_url(tmp_path), synchronous="OFF")
    blobs = LocalBlobStore(tmp_path / "blobs")
    accounts = AccountService(SqlEntityStore(database), clock, default_user="ann")
    accounts.start()
    async with tracking_room(tmp_path, clock, database) as room:
        wandb = build_wandb(
            database, tmp_path / "tracking", room, keys=KeyService(SqlKeyStore(database), clock), accounts=accounts, blobs=blobs, clock=clock,
            ids=SystemIds(), notifier=LocalNotifier(),
        )  # fmt: skip
        tracking = build_tracking_pages(wandb, database)
        services = _services(tracking, clock, blobs, SqlHomePages(database), SqlRecentObjects(database), SqlCatalogPages(database))
        services = replace(services, artifacts=SqlArtifactPages(database), notes=SqlArtifactNotes(database), runs=SqlRunPages(database))
        elsewhere = Route("/files/{rest:path}", lambda request: PlainTextResponse("an API"))
        app = Starlette(routes=[elsewhere, *routes(services)])
        run_id = await _logged(room, blobs)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver", headers={"accept": "text/html"}) as http:
            yield Site(http, room, tracking, run_id, "/ann/digits", blobs, clock)
        wandb.threads.shutdown()
    database.close()


def _services(tracking: TrackingServices, clock: HandClock, blobs: LocalBlobStore, home: SqlHomePages, recent: SqlRecentObjects, catalog: SqlCatalogPages) -> WebServices:
    parts: dict[str, Any] = dict.fromkeys(("runs", "run_tables", "views", "artifacts", "notes", "plans", "logs", "finder", "actions"))
    return WebServices(**parts, home=home, recent=recent, catalog=catalog, notifier=LocalNotifier(), clock=clock, blobs=blobs, url="http://testserver", version="1", tracking=tracking)


async def _logged(room: Tracking, blobs: LocalBlobStore) -> TrackedRunId:
    config = {"lr": {"value": 0.1}, "name": {"value": HOSTILE}, "deep": {"value": {"a": {"b": HOSTILE}}}}
    change = RunChange(
        display_name=HOSTILE, notes=HOSTILE, tags=[HOSTILE], group=HOSTILE, job_type=HOSTILE, config=json.dumps(config),
        summary='{"loss": NaN, "best": 9007199254740993, "text": ' + json.dumps(HOSTILE) + "}",
    )  # fmt: skip
    run = (await room.runs.upsert("ann", "digits", "r1", change, user_name="ann")).run
    lines = [
        json.dumps({"_step": step, "train/loss": 1000.0 if step == 777 else 1.0, HOSTILE: 1, "_runtime": step / 10}) for step in range(2000)
    ]
    lines.append('{"_step": 2000, "odd": NaN, "pic": {"_type": "image-file", "path": "media/images/a.png"}}')
    events = [json.dumps({"system.cpu": 12.5, "_runtime": 1.0})]
    await room.series.append([SeriesAppend(run.run_id, "history", 0, lines), SeriesAppend(run.run_id, "events", 0, events)])
    for name, data in (("media/page.html", f"<p>{HOSTILE}</p>".encode()), ("notes/a.txt", HOSTILE.encode())):
        stored = blobs.put_bytes(data)
        await room.files.register(run, FileRegistration(name, stored.digest, len(data), "0" * 32))
    return run.run_id


def _addresses(site: Site) -> list[str]:
    run = f"{site.base}/runs/r1"
    tabs = [
        "",
        "/overview",
        "/charts",
        "/system",
        "/logs",
        "/files",
        "/files/notes/a.txt",
        "/files/media/page.html",
        "/artifacts",
        "/code",
        "/diff",
        "?kfp=true",
    ]
    pages = [
        "",
        "/automations",
        "/workspace",
        "/runs",
        "/runs?group=group&sort=-summary.loss",
        "/runs?q=nothing-like-this",
        "/table",
        "/overview",
        "/sweeps",
        "/artifacts",
        "/reports",
    ]
    own = ["/ui/projects", "/ui/registry", "/authorize", "/ui/compare", f"/ui/compare?runs={site.run_id}&all=1"]
    return [*(run + tab for tab in tabs), *(site.base + page for page in pages), *own]


async def test_every_page_renders_escaped_and_under_the_strict_policy(site: Site) -> None:
    for address in _addresses(site):
        answer = await site.get(address)
        assert answer.status_code == 200, f"{address}: {answer.text[:300]}"
        assert "unsafe" not in answer.headers["content-security-policy"], address
        assert "<script>window" not in answer.text, address
        assert "<img src=x" not in answer.text, address
        names = AttributeNames()
        names.feed(answer.text)
        assert "style" not in names.found, address
        assert not [name for name in names.found if name.startswith("on")], address
        for script in re.findall(r"<script\b([^>]*)>", answer.text):
            assert 'src="/static/' in script or 'type="application/json"' in script, address


async def test_drawings_of_the_system_are_titled_in_the_readers_language(site: Site) -> None:
    english = (await site.get(f"{site.base}/runs/r1/system")).text
    assert "Process CPU Utilization" in english
    korean = await site.http.get(f"{site.base}/runs/r1/system", headers={"cookie": "penstock_lang=ko"})
    assert korean.status_code == 200
    assert "Process CPU Utilization" not in korean.text
    assert "system.cpu" in korean.text


async def test_pages_speak_three_languages(site: Site) -> None:
    english = (await site.get(f"{site.base}/runs/r1")).text
    for language in ("ko", "ja"):
        answer = await site.http.get(f"{site.base}/runs/r1", headers={"cookie": f"penstock_lang={language}"})
        assert answer.status_code == 200
        assert f'<html lang="{language}"' in answer.text
        assert answer.text != english


async def test_addresses_of_the_server_itself_are_never_a_project(site: Site) -> None:
    assert (await site.get("/files/some/thing")).text == "an API"
    for address in ("/graphql/x", "/apis/v2beta1", "/static/x", "/ui/x", "/GraphQL/x", "/artifactsV2/x"):
        assert (await site.get(address)).status_code == 404
    assert (await site.get("/ann/nothing")).status_code == 404


async def test_the_address_of_an_entity_leads_to_its_projects(site: Site) -> None:
    answer = await site.get("/ann")
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/projects?q=owner%3Dann")
    assert 'title="ann/digits"' in (await site.get(answer.headers["location"])).text
    assert (await site.get("/nobody")).status_code == 404
    bob = {"cookie": f"penstock_key={site.services.keys.make('bob').text}"}
    assert (await site.http.get("/ann", headers=bob)).status_code == 404


ADDRESSES_OF_WANDB = {
    "/home": "/",
    "/settings": "/ui/system/users",
    "/projects": "/ui/projects",
    "/registry": "/ui/registry",
    "/ann/projects": "/ui/projects?q=owner%3Dann",
    "/ann/digits/reportlist": "/ann/digits/reports",
    "/ann/digits/jobs": "/ann/digits/artifacts?q=type%3Ajob",
    "/ann/digits/settings": "/ann/digits/overview",
    "/ann/digits/groups/first try": "/ann/digits/workspace?q=group%3D%22first+try%22",
    "/ann/digits/groups/a%2Fb/workspace": "/ann/digits/workspace?q=group%3Da%2Fb",
    "/ann/digits/groups/first/table": "/ann/digits/runs?q=group%3Dfirst",
    "/ann/digits/sweeps/s1/workspace": "/ann/digits/sweeps/s1",
    "/ann/digits/runs/r1/artifacts/input": "/ann/digits/runs/r1/artifacts",
}
"""Address of W&B's own web app -> where it leads."""


async def test_addresses_of_the_web_app_of_wandb_lead_to_the_pages_that_show_the_same(site: Site) -> None:
    found = {address: (await site.get(address)).headers.get("location") for address in ADDRESSES_OF_WANDB}
    assert found == ADDRESSES_OF_WANDB
    for address in ("/orgs/penstock", "/orgs/penstock/registry", f"{site.base}/table", f"{site.base}/runs/r1/config", f"{site.base}/runs/r1/model"):
        assert (await site.get(address)).status_code == 200, address
    for address in ("/registry/model", "/penstock-org/registry/model", "/nobody/projects", "/ann/nothing/reportlist", f"{site.base}/groups/"):
        assert (await site.get(address)).status_code == 404, address
    await site.tracking.projects.upsert("ann", "projects")
    assert (await site.get("/ann/projects")).status_code == 200, "a project that is called so keeps its address"
    await site.tracking.projects.upsert("penstock-org", "wandb-registry-model")
    assert (await site.get("/registry/model")).headers["location"] == "/penstock-org/wandb-registry-model/artifacts"


async def test_a_chart_costs_its_pixels_and_keeps_the_spike(site: Site) -> None:
    answer = (await site.get(f"/ui/tracking/series?runs={site.run_id}&key=train/loss&points=50")).json()["series"][0]
    assert answer["rows"] == 2000
    assert len(answer["x"]) <= 50
    assert max(answer["high"]) == 1000.0
    zoomed = (await site.get(f"/ui/tracking/series?runs={site.run_id}&key=train/loss&points=50&from=770&to=785")).json()["series"][0]
    assert zoomed["x"] == list(range(770, 786))
    assert zoomed["y"][7] == 1000.0
    assert "high" not in zoomed
    by_time = (await site.get(f"/ui/tracking/series?runs={site.run_id}&key=train/loss&x=_runtime&from=77&to=78.5")).json()["series"][0]
    assert 1000.0 in by_time["y"]
    assert min(by_time["x"]) <= 77


async def test_what_is_no_number_is_a_gap_with_a_mark(site: Site) -> None:
    answer = (await site.get(f"/ui/tracking/series?runs={site.run_id}&key=odd")).json()["series"][0]
    assert answer["y"] == [None]
    assert answer["marks"] == [[2000, "NaN"]]


async def test_stored_bytes_are_served_in_a_box(site: Site) -> None:
    page = await site.get(f"/ui/tracking/runs/{site.run_id}/files/media/page.html")
    assert page.headers["content-security-policy"].startswith("sandbox allow-scripts;")
    assert "allow-same-origin" not in page.headers["content-security-policy"]
    text = await site.get(f"/ui/tracking/runs/{site.run_id}/files/notes/a.txt")
    assert text.headers["content-type"].startswith("text/plain")
    part = await site.http.get(f"/ui/tracking/runs/{site.run_id}/files/notes/a.txt", headers={"range": "bytes=1-6"})
    assert (part.status_code, part.text) == (206, HOSTILE[1:7])
    assert (await site.get(f"/ui/tracking/runs/{site.run_id}/files/none.txt")).status_code == 404


async def test_what_is_downloaded_keeps_a_name_in_any_script(site: Site) -> None:
    run = (await site.tracking.runs.upsert("ann", "숫자", "실험", RunChange(), user_name="ann")).run
    await site.tracking.series.append([SeriesAppend(run.run_id, "history", 0, ['{"loss": 1}'])])
    stored = site.blobs.put_bytes(b"a,b")
    await site.tracking.files.register(run, FileRegistration("출력/결과.csv", stored.digest, 3, "0" * 32))
    for address, name in (
        (f"/ui/tracking/runs/{run.run_id}/files/출력/결과.csv?download=1", "결과.csv"),
        (f"/ui/tracking/runs/{run.run_id}/console/text", "실험.log"),
        ("/ui/tracking/export/ann/숫자?format=csv", "숫자.csv"),
    ):
        answer = await site.get(address)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-disposition"].endswith(f"filename*=UTF-8''{quote(name)}")


async def test_the_log_of_a_shared_run_is_read_of_one_writer_alone(site: Site) -> None:
    assert 'name="label"' not in (await site.get(f"{site.base}/runs/r1/logs")).text
    run = (await site.tracking.runs.upsert("ann", "digits", "shared", RunChange(), client_id="w0")).run
    for number in range(2):
        for writer, label in (("w0", "rank0"), ("w1", "rank1"), ("w2", HOSTILE)):
            line = json.dumps({"content": f"{writer} step {number}", "label": label})
            await site.tracking.filestream.post("ann", "digits", "shared", StreamMessage(console=Chunk(number, [line])), writer=writer)
    page = (await site.get(f"{site.base}/runs/shared/logs")).text
    assert 'data-label=""' in page
    assert "<option>rank0</option><option>rank1</option>" in page
    assert HOSTILE not in page
    chosen = (await site.get(f"{site.base}/runs/shared/logs?label=rank1")).text
    assert 'data-label="rank1"' in chosen
    assert "<option selected>rank1</option>" in chosen
    assert f"/ui/tracking/runs/{run.run_id}/console/text?label=rank1" in chosen
    data = f"/ui/tracking/runs/{run.run_id}/console"
    assert len((await site.get(data)).json()["lines"]) == 6
    assert [line[:2] for line in (await site.get(f"{data}?label=rank1")).json()["lines"]] == [[1, "w1 step 0"], [4, "w1 step 1"]]
    assert [line[0] for line in (await site.get(f"{data}?label=rank1&after=1")).json()["lines"]] == [4]
    assert [line[0] for line in (await site.get(f"{data}?label=rank1&before=4")).json()["lines"]] == [1]
    assert (await site.get(f"{data}?q=step&label=rank0")).json()["matches"] == [0, 3]
    assert (await site.get(f"{data}/text?label=rank0")).text == "w0 step 0\nw0 step 1\n"
    assert (await site.get(f"{data}?label=nobody")).json()["lines"] == []


async def test_a_fork_says_what_it_was_forked_from_and_a_rewound_run_to_where(site: Site) -> None:
    async def about(name: str, point: object) -> str:
        change = RunChange(config=json.dumps({"_wandb": {"value": {"branch_point": point}}}))
        await site.tracking.runs.upsert("ann", "digits", name, change)
        return re.sub(r"\s+", " ", (await site.get(f"/ann/digits/runs/{name}/overview")).text.partition("About this run</h2>")[2])

    point = {"run_id": "first", "step": 2}
    await site.tracking.runs.upsert("ann", "digits", "first", RunChange())
    assert '<dt>Forked from</dt><dd><a href="/ann/digits/runs/first">first</a>, to step 2</dd>' in await about("second", point)
    assert "<dt>Rewound</dt><dd>to step 2</dd>" in await about("first", point)
    assert branch_of({"branch_point": {"run_id": "first", "step": float("nan")}}) is branch_of({"branch_point": [1]}) is branch_of({}) is None


async def test_notes_are_read_as_markdown_with_any_markup_in_them_as_text(site: Site) -> None:
    notes = "Best **rate** so far.\n\n- <script>alert(1)</script>\n- [x](javascript:alert(1))"
    await site.http.post("/ui/tracking/runs/actions", data={"verb": "edit", "id": str(site.run_id), "notes": notes}, headers=ORIGIN)
    page = await site.get(f"{site.base}/runs/r1/overview")
    assert "Best <strong>rate</strong> so far." in page.text
    assert "<script>alert" not in page.text
    assert 'href="javascript:' not in page.text


async def test_forms_change_a_run_only_from_our_own_pages(site: Site) -> None:
    form = {"verb": "edit", "id": str(site.run_id), "display_name": "new", "notes": "n", "tags": "a, b", "next": "//evil.example"}
    assert (await site.http.post("/ui/tracking/runs/actions", data=form, headers={"origin": "http://evil.example"})).status_code == 403
    answer = await site.http.post("/ui/tracking/runs/actions", data=form, headers=ORIGIN)
    assert answer.headers["location"] == "/ui/projects"
    run = await site.tracking.runs.get("ann", "digits", "r1")
    assert run is not None
    assert (run.display_name, run.notes, run.tags) == ("new", "n", ("a", "b"))


async def test_a_bulk_action_takes_all_tracked_runs_that_match_and_says_how_many(site: Site) -> None:
    for number in range(130):
        await site.tracking.runs.upsert("ann", "digits", f"many{number}", RunChange(group="odd" if number % 2 else "even"))
    page = (await site.get(f"{site.base}/runs?q=many")).text
    assert re.search(r'name="matching" value="1">all 130\s+that match', page)
    assert 'name="matching"' not in (await site.get(f"{site.base}/runs?q=group%3Dodd")).text  # one page shows them
    form = {"verb": "tag", "tags": "good", "matching": "1", "next": f"{site.base}/runs?q=group%3Deven+many&sort=name"}
    answer = await site.http.post("/ui/tracking/runs/actions", data=form, headers=ORIGIN)
    assert "Tagged: 65 of 65." in unquote(answer.headers["set-cookie"])
    found = (await site.tracking.runs.list(await digits(site), limit=1000)).entries
    assert {entry.run.name for entry in found if "good" in entry.run.tags} == {f"many{number}" for number in range(0, 130, 2)}


async def digits(site: Site) -> TrackedProject:
    project = await site.tracking.projects.get("ann", "digits")
    assert project is not None
    return project


async def test_all_that_match_are_none_where_the_project_is_somebody_elses(site: Site) -> None:
    headers = {**ORIGIN, "cookie": f"penstock_key={site.services.keys.make('bob').text}"}
    form = {"verb": "delete", "matching": "1", "next": f"{site.base}/runs"}
    answer = await site.http.post("/ui/tracking/runs/actions", data=form, headers=headers)
    assert "Nothing was selected." in unquote(answer.headers["set-cookie"])
    assert await site.tracking.runs.get("ann", "digits", "r1") is not None


async def test_a_run_that_is_gone_is_named_beside_those_for_which_it_worked(site: Site) -> None:
    form = {"verb": "tag", "tags": "x", "id": [str(site.run_id), "4711"], "next": f"{site.base}/runs"}
    answer = await site.http.post("/ui/tracking/runs/actions", data=form, headers=ORIGIN)
    told = unquote(answer.headers["set-cookie"])
    assert "Tagged: 1 of 2." in told
    assert "4711: there is no such run any more" in told


async def test_tags_of_tracked_runs_and_collections_are_taken_off_those_that_did_not_have_them(site: Site) -> None:
    async def taken_back(answer: httpx.Response) -> httpx.Response:
        page = (await site.http.get("/ui/projects", headers={"cookie": answer.headers["set-cookie"].partition(";")[0]})).text
        undo = re.search(r'<form method="post" action="([^"]+)">((?:<input type="hidden"[^>]*>)+)<button class="button small">Undo', page)
        assert undo is not None
        fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', undo[2]))
        return await site.http.post(undo[1], data=fields, headers=ORIGIN)

    async def take_back(answer: httpx.Response) -> str:
        return unquote((await taken_back(answer)).headers["set-cookie"])

    await site.tracking.runs.update(site.run_id, RunChange(tags=["had"]))
    form = {"verb": "tag", "tags": "had, new", "id": [str(site.run_id), "4711"], "next": f"{site.base}/runs"}
    answer = await site.http.post("/ui/tracking/runs/actions", data=form, headers=ORIGIN)
    run = await site.tracking.runs.get("ann", "digits", "r1")
    assert run is not None
    assert list(run.tags) == ["had", "new"]
    for said, left in (("Tags taken off.", ["had"]), ("Tagged.", ["had", "new"]), ("Tags taken off.", ["had"])):
        answer = await taken_back(answer)
        assert said in unquote(answer.headers["set-cookie"])
        run = await site.tracking.runs.get("ann", "digits", "r1")
        assert run is not None
        assert list(run.tags) == left
    told = await site.http.post("/ui/tracking/runs/actions", data={**form, "tags": ""}, headers={**ORIGIN, "x-form": "1"})
    assert told.json()["problem"] == "Name the tag to add."
    collections, project = site.services.collections, await digits(site)
    made = [collections.ensure_portfolio(int(project.project_id), f"kit-{number}", "dataset").collection_id for number in range(2)]
    collections.change_tags(made[0], add=["gold"])
    form = {"verb": "tag", "tags": "gold", "id": [f"collection:{one}" for one in made], "next": "/ui/artifacts"}
    answer = await site.http.post("/ui/artifacts/collections/actions", data=form, headers=ORIGIN)
    assert list(collections.tags(made)[made[1]]) == ["gold"]
    assert "Tags taken off." in await take_back(answer)
    assert {one: list(collections.tags(made).get(one, ())) for one in made} == {made[0]: ["gold"], made[1]: []}


async def test_all_collections_that_match_are_tagged_and_refusals_are_listed(site: Site) -> None:
    collections, project = site.services.collections, await digits(site)
    made = [collections.ensure_portfolio(int(project.project_id), f"set-{number}", "dataset").collection_id for number in range(70)]
    other = collections.ensure_portfolio(int(project.project_id), "other", "dataset").collection_id
    page = (await site.get("/ui/artifacts?q=name:set")).text
    assert re.search(r'name="matching" value="1">all 70\s+that match', page)
    form = {"verb": "tag", "tags": "gold", "matching": "1", "next": "/ui/artifacts?q=name:set&n=25"}
    answer = await site.http.post("/ui/artifacts/collections/actions", data=form, headers=ORIGIN)
    assert "Tagged 70 of 70." in unquote(answer.headers["set-cookie"])
    assert {identity for identity, tags in collections.tags([*made, other]).items() if "gold" in tags} == set(made)
    headers = {**ORIGIN, "cookie": f"penstock_key={site.services.keys.make('bob').text}"}
    answer = await site.http.post("/ui/artifacts/collections/actions", data=form, headers=headers)
    assert "Nothing was selected." in unquote(answer.headers["set-cookie"])
    form = {"verb": "tag", "tags": "gold", "id": [f"collection:{other}", "artifact:1"], "next": "/ui/artifacts"}
    told = unquote((await site.http.post("/ui/artifacts/collections/actions", data=form, headers=ORIGIN)).headers["set-cookie"])
    assert "Tagged 1 of 2." in told
    assert "artifact:1: outputs of pipelines are tagged and deleted one by one" in told


async def test_groups_of_tracked_runs_are_counted_over_all_of_them_and_lead_to_their_rows(site: Site) -> None:
    for number in range(120):
        await site.tracking.runs.upsert("ann", "digits", f"many{number}", RunChange(group="odd one" if number % 3 else "even"))
    page = (await site.get(f"{site.base}/runs?group=group&q=many")).text
    groups = re.findall(r'<a class="name quiet cut" href="([^"]+)">([^<]+)</a></th>\s*<td class="num[^>]*><span[^>]*>(\d+)</span>', page)
    assert {(name, int(count)) for _, name, count in groups} == {("odd one", 80), ("even", 40)}
    for address, _, count in groups:
        rows = (await site.get(address.replace("&amp;", "&"))).text
        assert rows.count("<tr data-href=") == int(count)
    await site.tracking.runs.update_state(site.run_id, "failed")
    states = (await site.get(f"{site.base}/runs?group=state")).text
    assert set(re.findall(r'q=status%3D(\w+)"[^>]*>(\w+)</a></th>', states)) == {("running", "Running"), ("failed", "Failed")}
    assert 'class="bar s-failed"' in states


async def test_groups_by_a_key_of_config_count_all_runs_and_sum_up_the_columns(site: Site) -> None:
    for number in range(130):
        change = RunChange(config=json.dumps({"rate": {"value": number % 2 / 2}}), summary=json.dumps({"score": number}))
        await site.tracking.runs.upsert("ann", "digits", f"some{number}", change)
    page = (await site.get(f"{site.base}/runs?group=config.rate&q=some&columns=chosen&column=s.score")).text
    groups = re.findall(r'<a class="name quiet cut" href="([^"]+)">([^<]+)</a></th>\s*<td class="num[^>]*><span[^>]*>(\d+)</span>', page)
    assert {(name, int(count)) for _, name, count in groups} == {("0", 65), ("0.5", 65)}
    assert "0 – 128" in page
    assert "1 – 129" in page
    assert 'href="/ann/digits/runs?q=some&amp;columns=chosen&amp;column=s.score&amp;group=config.rate"' in page, "the menu offers keys of config"
    for address, _, count in groups:
        assert f">{count} runs" in (await site.get(address.replace("&amp;", "&"))).text
    rows = (await site.get("/ui/tracking/export/ann/digits?group=config.rate&q=some&column=s.score&format=json")).json()
    assert {row["group"]: (row["count"], row["value.score_min"], row["value.score_max"]) for row in rows} == {"0": (65, 0, 128), "0.5": (65, 1, 129)}


async def test_runs_stand_in_groups_within_groups_and_keep_their_colours_whatever_is_listed(site: Site) -> None:
    for number in range(6):
        change = RunChange(group="even" if number % 2 else "odd", config=json.dumps({"lr": {"value": number // 3}}))
        await site.tracking.runs.upsert("ann", "digits", f"kin{number}", change)

    async def colors(address: str) -> dict[str, str]:
        page = (await site.get(site.base + address)).text
        return dict(re.findall(r'data-name="(kin\d)"[^>]*data-color="(\d)"', page))

    all_of_them = await colors("?q=kin")
    assert len(set(all_of_them.values())) == 6
    assert await colors("?q=kin4") == {"kin4": all_of_them["kin4"]}
    assert await colors("?q=kin&sort=created&group=group") == all_of_them
    page = (await site.get(f"{site.base}?q=kin&group=group&then=config.lr")).text
    keys = re.findall(r'data-run-group="([^"]+)"', page)
    assert keys == ["even", "even · 0", "even · 1", "odd", "odd · 0", "odd · 1"]
    inside = re.findall(r'data-name="(kin\d)"[^>]*data-group="([^"]+)"', page)
    assert {group: sorted(name for name, one in inside if one == group) for _, group in inside} == {
        "even · 0": ["kin1"], "even · 1": ["kin3", "kin5"], "odd · 0": ["kin0", "kin2"], "odd · 1": ["kin4"],
    }  # fmt: skip
    values = (await site.get(f"/ui/tracking/values?project={(await digits(site)).project_id}&q=kin&group=group&then=config.lr&column=c.lr")).json()
    assert {row["group"] for row in values["rows"]} == {key for key in keys if "·" in key}


async def test_collections_and_projects_are_exported_as_their_lists_show_them_to_the_reader(site: Site) -> None:
    collections, project = site.services.collections, await digits(site)
    made = collections.ensure_portfolio(int(project.project_id), "set", "dataset")
    collections.ensure_portfolio(int(project.project_id), "other", "dataset")
    collections.change_tags(made.collection_id, add=["gold"])
    rows = (await site.get("/ui/export/collections?format=json&q=name%3Dset")).json()
    assert [(row["name"], row["type"], row["project"], row["tags"]) for row in rows] == [("set", "dataset", "ann/digits", ["gold"])]
    for kind in ("csv", "parquet"):
        assert (await site.get(f"/ui/export/collections?format={kind}")).status_code == 200
    assert [(row["entity"], row["name"], row["runs"]) for row in (await site.get("/ui/export/projects?format=json")).json()] == [("ann", "digits", 1)]
    assert (await site.get("/ui/export/projects?format=json&q=nothing")).json() == []
    assert (await site.get("/ui/export/projects?format=json&namespace=bob")).json() == []
    assert (await site.get("/ui/export/registry?format=json")).json() == []
    assert "/ui/export/collections?q=name%3Dset&amp;format=csv" in (await site.get("/ui/artifacts?q=name%3Dset")).text
    assert "/ui/export/projects?format=csv" in (await site.get("/ui/projects")).text
    bob = {"cookie": f"penstock_key={site.services.keys.make('bob').text}"}
    for name in ("collections", "projects"):
        assert (await site.http.get(f"/ui/export/{name}?format=json", headers=bob)).json() == []


async def test_projects_are_filtered_sorted_grouped_and_picked(site: Site) -> None:
    for entity, name, count in (("ann", "big", 3), ("ann", "empty", 0)):
        await site.tracking.projects.upsert(entity, name)
        for number in range(count):
            await site.tracking.runs.upsert(entity, name, f"{name}-{number}", RunChange(), user_name="ann")

    async def names(address: str) -> list[str]:
        page = (await site.get(address)).text.partition("<tbody>")[2].partition("</tbody>")[0]
        return re.findall(r'title="ann/([^"]+)"', page)

    assert await names("/ui/projects?sort=-runs") == ["big", "digits", "empty"]
    assert await names("/ui/projects?sort=name") == ["big", "digits", "empty"]
    assert await names("/ui/projects?q=runs>1") == ["big"]
    assert await names("/ui/projects?q=owner:bob") == []
    assert await names("/ui/projects?q=digi") == ["digits"]
    assert (await site.get("/ui/projects/values?field=name&text=dig")).json() == ["digits"]
    head = (await site.get("/ui/projects")).text.partition("<thead>")[2].partition("</thead>")[0]
    assert head.count('class="sort"') == head.count("<th ") == 8
    grouped = (await site.get("/ui/projects?group=owner")).text
    assert re.search(r'>ann</a></th>\s*<td class="num[^>]*><span[^>]*>3</span>', grouped)
    (group,) = (await site.get("/ui/export/projects?group=owner&format=json")).json()
    assert (group["group"], group["count"], group["runs_max"]) == ("ann", 3, 3.0)

    ids = re.findall(r'name="id" value="(\d+)"', (await site.get("/ui/projects?sort=name")).text)
    form = {"verb": "compare", "id": ids, "next": "/ui/projects"}
    answer = await site.http.post("/ui/tracking/projects/actions", data=form, headers=ORIGIN)
    assert answer.headers["location"].startswith("/ui/compare?runs=")
    assert len(unquote(answer.headers["location"]).split(",")) == 2
    form = {"verb": "delete", "matching": "1", "next": "/ui/projects?q=runs>1"}
    headers = {**ORIGIN, "cookie": f"penstock_key={site.services.keys.make('bob').text}"}
    await site.http.post("/ui/tracking/projects/actions", data=form | {"matching": "", "id": ids}, headers=headers)
    assert await names("/ui/projects?sort=name") == ["big", "digits", "empty"]
    await site.http.post("/ui/tracking/projects/actions", data=form, headers=ORIGIN)
    assert await names("/ui/projects?sort=name") == ["digits", "empty"]


async def test_dates_in_the_filter_of_tracked_runs_are_the_readers(site: Site) -> None:
    run = await site.tracking.runs.get("ann", "digits", "r1")
    assert run is not None
    day = datetime.fromtimestamp(run.created_at, UTC)
    east, west = ((day + timedelta(hours=shift)).strftime("%Y-%m-%d") for shift in (14, -11))
    assert east != west  # no moment is the same day in both
    for zone, shown in (("Pacific/Kiritimati", east), ("Pacific/Pago_Pago", west)):
        for address in (f"{site.base}/runs?q=created%3A", "/ui/tracking/export/ann/digits?format=csv&q=created%3A"):
            for name, is_there in ((shown, True), (west if shown == east else east, False)):
                cookie = {"cookie": f"penstock_zone={quote(zone, safe='')}"}
                text = (await site.http.get(address + name, headers=cookie)).text
                assert (",r1" in text or "r1," in text or f"{site.base}/runs/r1" in text) is is_there
                assert (await site.get(f"{address}{name}&zone={quote(zone, safe='')}")).text.count("r1") == text.count("r1")
    assert (await site.http.get(f"{site.base}/runs?q=created%3A{east}&zone=Mars")).status_code == 400


async def test_a_key_is_shown_once_and_can_be_revoked(site: Site) -> None:
    made = await site.http.post("/authorize", data={"verb": "make", "description": "laptop"}, headers=ORIGIN)
    key = re.findall(r"\b[0-9a-f]{40}\b", made.text)[0]
    assert site.services.keys.is_valid(key)
    listed = (await site.get("/authorize")).text
    assert key not in listed
    assert "laptop" in listed
    identity = site.services.keys.list("ann")[0].key_id
    await site.http.post("/authorize", data={"verb": "revoke", "id": identity}, headers=ORIGIN)
    assert not site.services.keys.is_valid(key)


async def test_filters_and_orders_reach_the_store(site: Site) -> None:
    await site.tracking.runs.upsert("ann", "digits", "other", RunChange(display_name="plain", config='{"lr": {"value": 5}}'))
    found = (await site.get(f"{site.base}/runs?q=config.lr>1")).text
    assert "plain" in found
    assert found.count('name="id"') == 1
    assert (await site.get(f"{site.base}/runs?q=[")).status_code == 400
    ordered = (await site.get(f"{site.base}/runs?sort=-config.lr")).text
    assert ordered.index("plain") < ordered.index(str(site.run_id))


async def test_a_page_asks_the_same_number_of_queries_whatever_it_shows(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = Database.read_sync

    def counting(self: Database, work: Any) -> Any:
        asked.append("read")
        return real(self, work)

    monkeypatch.setattr(Database, "read_sync", counting)

    async def count(address: str) -> int:
        asked.clear()
        assert (await site.get(address)).status_code == 200
        return len(asked)

    before = [await count(f"{site.base}{page}") for page in ("", "/runs", "/overview")]
    for place in range(12):
        await site.tracking.runs.upsert("ann", "digits", f"more-{place}", RunChange(state=TrackedState.RUNNING))
    await count(site.base)
    assert [await count(f"{site.base}{page}") for page in ("", "/runs", "/overview")] == before


async def test_another_users_project_is_not_shown(site: Site) -> None:
    from_other = site.services.keys.make("bob").text
    answer = await site.http.get(site.base, headers={"cookie": f"penstock_key={from_other}"})
    assert answer.status_code == 404


@pytest.mark.parametrize("page", ["/ui/home", "/ui/search?q=digits", "/ann/digitz"])
async def test_lists_over_everything_leave_out_what_the_reader_may_not_see(site: Site, page: str) -> None:
    of_owner = await site.get(page)
    of_other = await site.http.get(page, headers={"cookie": f"penstock_key={site.services.keys.make('bob').text}"})
    assert of_owner.status_code == of_other.status_code
    assert "/ann/digits" in of_owner.text
    assert "/ann/digits" not in of_other.text


def test_filter_text_becomes_a_filter_document() -> None:
    assert run_filters("", now=0) is None
    document = json.loads(run_filters("state:FAILED loss<0.5 created:<1h tag:x", now=7200.0) or "")
    assert document["$and"] == [
        {"$or": [{"state": "failed"}]}, {"summary.loss": {"$lt": 0.5}}, {"created_at": {"$gt": 3600.0}}, {"tags": "x"},
    ]  # fmt: skip
    assert run_order("-summary.loss", "group") == "+group,-summary.loss"


def test_states_and_pipeline_runs_are_given_several_with_commas() -> None:
    assert json.loads(run_filters("state:failed,crashed", now=0) or "")["$and"] == [
        {"$or": [{"state": "failed,crashed"}, {"state": "failed"}, {"state": "crashed"}]}
    ]
    assert json.loads(run_filters("run:a,b", now=0) or "")["$and"][0]["$or"][1:] == [{"pipeline_run_id": "a"}, {"pipeline_run_id": "b"}]
    assert json.loads(run_filters("group=a,b", now=0) or "")["$and"] == [{"$or": [{"group": "a,b"}]}]


def test_steps_around_a_stretch_of_another_axis() -> None:
    assert step_range([0.0, 1.0, 2.0, 3.0, 4.0], [0, 10, 20, 30, 40], 2.0, 3.0) == (0, 41)
    assert step_range([0.0, 1.0], [0, 10], 5.0, 6.0) == (None, None)


def test_documents_are_flattened_and_cut() -> None:
    tree = tree_of({"a": {"b": 1, "m": {"_type": "image-file"}}, "c": [1]})
    assert [(leaf.path, leaf.kind) for leaf in tree.leaves] == [("a.b", "number"), ("a.m", "media"), ("c", "other")]
    assert tree_of({str(number): number for number in range(3000)}).is_cut
    assert tree_of({}).leaves == ()
    nested = tree_of({"a": {"b": {"c": 1}, "d.e": 2}, "f": {"b": {"c": 3}}, "g": {}})
    assert [(line.depth, line.trail[-1], line.leaf is None) for line in nested.lines] == [
        (0, "a", True), (1, "b", True), (2, "c", False), (1, "d.e", False), (0, "f", True), (1, "b", True), (2, "c", False), (0, "g", False),
    ]  # fmt: skip
    assert plain({"a": [float("nan"), float("-inf")]}) == {"a": ["NaN", "-Infinity"]}


def test_levels_of_a_file_tree_put_folders_first() -> None:
    rows = level_of([("a/x", 1, 5.0), ("a/y/z", 2, 6.0), ("b", 3, None)], "")
    assert [(row.name, row.is_folder, row.size_bytes, row.count) for row in rows] == [("a", True, 3, 2), ("b", False, 3, 1)]
    assert [row.name for row in level_of([("a/x", 1, 5.0), ("a/y/z", 2, 6.0)], "a")] == ["y", "x"]


def test_tables_and_figures_become_rows() -> None:
    found = rows_of({"columns": ["a"], "data": [[1], [2]]})
    assert (found["columns"], found["rows"], found["count"]) == (["a"], [[1], [2]], 2)
    assert rows_of({"data": [{"type": "bar", "x": ["p"], "y": [3]}]})["rows"] == [["bar 0", "p", 3]]


def test_tables_are_ordered_filtered_and_paged_over_all_rows() -> None:
    document = {"columns": ["n", "word"], "data": [[number, f"w{number % 3}"] for number in range(500)] + [[None, "w9"]]}
    first = rows_of(document)
    assert (len(first["rows"]), first["count"], first["spreads"][1]) == (200, 501, {"distinct": 4})
    assert sum(first["spreads"][0]["counts"]) == 500
    assert rows_of(document, sort="-0")["rows"][:2] == [[499, "w1"], [498, "w0"]]
    page = rows_of(document, "w1", "0", 160)
    assert (page["rows"][0], page["matching"], "spreads" in page) == ([481, "w1"], 167, False)


def test_reports_show_text_and_never_markup() -> None:
    spec = {
        "blocks": [
            {"type": "heading", "level": 1, "children": [{"text": HOSTILE}]},
            {"type": "markdown-block", "content": HOSTILE},
            {"type": "gallery"},
        ]
    }
    heading, text, other = blocks_of(json.dumps(spec))
    assert (heading.kind, heading.level, other.text) == ("heading", 1, "gallery")
    assert "<script>" not in text.html
    assert blocks_of("not json") == []


async def test_a_sweep_without_trials_says_what_an_agent_would_find(site: Site) -> None:
    project = await site.tracking.projects.get("ann", "digits")
    assert project is not None
    sweeps, config = site.services.sweeps, "method: random\nmetric: {name: loss, goal: minimize}\nparameters: {lr: {min: 0, max: 1}}\n"
    sweep = sweeps.create(project.project_id, "ann", config)

    async def said() -> str:
        page = (await site.get(f"{site.base}/sweeps/{sweep.name}")).text
        return page.partition('id="sweep-empty"')[2].partition("</div>\n")[0]

    pending = await said()
    assert "Start an agent" in pending
    assert f"wandb agent ann/digits/{sweep.name}" in pending
    sweeps.change(sweep.sweep_id, state="PAUSED")
    paused = await said()
    assert "agents wait until it is resumed" in paused
    assert "Start an agent" not in paused
    sweeps.change(sweep.sweep_id, state="RUNNING")
    sweeps.register(sweep, "machine-7", "ann")
    working = await said()
    assert "its first trial appears here" in working
    assert "wandb agent" not in working
    assert "machine-7" in (await site.get(f"{site.base}/sweeps/{sweep.name}")).text
    sweeps.change(sweep.sweep_id, state="CANCELED")
    over = await said()
    assert "told to exit" in over
    assert "wandb agent" not in over


def test_axes_of_a_sweep_take_numbers_and_words() -> None:
    assert Scale([1.0, 3.0]).height(1.0) == 270.0
    assert Scale([0.001, 10.0]).height(0.1) == pytest.approx(155.0)
    words = Scale(["adam", "sgd"])
    assert words.height("adam") != words.height("sgd")
    assert words.height(None) is None


def test_columns_without_rows_are_empty() -> None:
    assert columns_of(ChartSeries("k", (), (), (), ()))["x"] == ()


async def test_values_columns_and_importance_of_runs_are_answered_as_data(site: Site) -> None:
    for place in range(12):
        summary = json.dumps({"best": place * 2.0, "deep": {"min": place, "max": 9}})
        config = json.dumps({"lr": {"value": place}, "same": {"value": 1}, "act": {"value": "ab"[place % 2]}})
        await site.tracking.runs.upsert("ann", "digits", f"v{place}", RunChange(summary=summary, config=config, display_name=f"v {place}"))
    project = await site.tracking.projects.get("ann", "digits")
    assert project is not None
    query = f"project={project.project_id}&q=^v"
    answer = (await site.get(f"/ui/tracking/values?{query}&column=s.best&column=c.lr&column=s.deep")).json()
    assert answer["total"] == 12
    assert {row["label"]: row["values"] for row in answer["rows"]}["v 3"] == {"s.best": 6.0, "c.lr": 3, "s.deep": 3}
    of_one = (await site.get(f"/ui/tracking/values?runs={site.run_id}")).json()["rows"][0]["values"]
    assert (of_one["c.lr"], of_one["s.loss"], of_one["c.deep.a.b"]) == (0.1, "NaN", HOSTILE)
    names = (await site.get(f"/ui/tracking/columns?project={project.project_id}")).json()["columns"]
    assert {"s.best", "c.lr"} <= set(names)
    told = (await site.get(f"/ui/tracking/importance?{query}&metric=s.best")).json()
    assert [one["name"] for one in told["parameters"]] == ["lr", "act"]
    assert told["parameters"][0]["correlation"] == pytest.approx(1.0)
    assert (await site.get("/ui/tracking/values?project=12345")).status_code == 404


async def test_views_are_saved_opened_and_deleted(site: Site) -> None:
    project = await site.tracking.projects.get("ann", "digits")
    assert project is not None
    place, document = str(project.project_id), {"mode": "manual", "extra": {"p1": {"id": "p1", "kind": "bar", "metric": "s.best", "section": HOSTILE}}}
    body = {"project": place, "name": HOSTILE, "document": document}
    assert (await site.http.post("/ui/tracking/views", json=body, headers={"origin": "http://evil.example"})).status_code == 403
    made = (await site.http.post("/ui/tracking/views", json=body, headers=ORIGIN)).json()
    page = (await site.get(made["url"])).text
    assert "&lt;script&gt;" in page
    assert HOSTILE not in page
    assert '"mode": "manual"' in page
    changed = await site.http.post("/ui/tracking/views", json={"project": place, "id": made["id"], "document": {"mode": "auto"}}, headers=ORIGIN)
    assert changed.status_code == 200
    assert '"mode": "auto"' in (await site.get(made["url"])).text
    await _check_second_is_told({"project": place, "id": made["id"]}, site, changed.json()["stamp"])
    nameless = await site.http.post("/ui/tracking/views", json={"project": place, "document": {}}, headers=ORIGIN | {"accept": "application/json"})
    assert nameless.status_code == 400
    await site.http.post("/ui/tracking/views/actions", data={"id": made["id"], "project": place}, headers=ORIGIN)
    assert (await site.get(made["url"])).status_code == 404
    assert (await site.get(made["url"].replace("view=", "nw="))).status_code == 404


async def _check_second_is_told(view: dict[str, str], site: Site, stamp: str) -> None:
    """Two open tabs save a view: what the first saved stands until the second, who was told, saves once more."""
    site.clock.time += 1
    first = await site.http.post("/ui/tracking/views", json=view | {"stamp": stamp, "document": {"mode": "manual"}}, headers=ORIGIN)
    assert first.status_code == 200
    asked = ORIGIN | {"accept": "application/json"}
    second = await site.http.post("/ui/tracking/views", json=view | {"stamp": stamp, "document": {"mode": "auto"}}, headers=asked)
    assert (second.status_code, "Somebody changed this view" in second.json()["error"]) == (409, True)
    stands = (await site.get(first.json()["url"])).text
    assert ('"mode": "manual"' in stands, f'"stamp": "{first.json()["stamp"]}"' in stands) == (True, True)
    once_more = await site.http.post("/ui/tracking/views", json=view | {"stamp": None, "document": {"mode": "auto"}}, headers=ORIGIN)
    assert once_more.status_code == 200


async def test_views_put_what_they_ask_of_the_runs_into_the_address(site: Site) -> None:
    project = await site.tracking.projects.get("ann", "digits")
    assert project is not None
    document = {"query": {"q": "name:a b&c", "sort": 3, "group": "group", "view": "1", "then": ""}}
    body = {"project": str(project.project_id), "name": "mine", "document": document}
    view = (await site.http.post("/ui/tracking/views", json=body, headers=ORIGIN)).json()["url"]
    moved = await site.http.get(view, follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (303, f"{view}&q=name%3Aa+b%26c&group=group")
    assert '"query": {' in (await site.get(f"{view}&q=")).text  # an empty part takes it back
    sets = [{"search": {"query": ""}, "filters": {"filters": [{"key": {"section": "config", "name": "lr.value"}, "op": "<", "value": 1}]}}]
    spec = json.dumps({"section": {"runSets": sets, "panelBankConfig": {"sections": []}}})
    site.services.reports.create(project.project_id, "ann", kind="project-view", name="nw-abc-v", display_name="theirs", spec=spec)
    theirs = await site.http.get(f"{site.base}?nw=abc", follow_redirects=False)
    assert (theirs.status_code, theirs.headers["location"]) == (303, f"{site.base}?nw=abc&q=config.lr%3C1")


async def test_a_workspace_of_the_client_opens_in_the_colours_that_it_gave_to_runs(site: Site) -> None:
    project = await site.tracking.projects.get("ann", "digits")
    assert project is not None
    path = quote(json.dumps([{"kind": "group", "key": "run:group", "value": "first"}], separators=(",", ":")))
    section = {"runSets": [{}], "customRunColors": {"r1": "#ff0000", "gone": "blue", f"run-color-group:null:{path}": "green"}, "panelBankConfig": {"sections": []}}
    site.services.reports.create(project.project_id, "ann", kind="project-view", name="nw-abc-v", display_name="theirs", spec=json.dumps({"section": section}))
    page = (await site.get(f"{site.base}?nw=abc")).text
    found = json.loads(re.findall(r'<script[^>]*id="workspace-view"[^>]*>(.*?)</script>', page, re.DOTALL)[0])
    assert found["document"]["runs"]["colors"] == {str(site.run_id): "4 #ff0000 #ff0000"}
    assert found["document"]["runs"]["groupColors"] == {"first": "3 #008000 #008000"}


async def test_what_is_said_above_a_run_follows_it_to_its_end(site: Site) -> None:
    async def banners() -> str:
        return (await site.get(f"{site.base}/runs/long/overview")).text.partition('id="tracked-banners"')[2].partition("<nav")[0]

    run = (await site.tracking.runs.upsert("ann", "digits", "long", RunChange(), user_name="ann")).run
    assert (await banners()).startswith(" data-live hidden>"), "a place that is patched when there is something to say"
    await site.http.post("/ui/tracking/runs/actions", data={"id": run.run_id, "verb": "stop", "next": "/"}, headers=ORIGIN)
    assert "Stop was asked for; the program ends when it next reports." in await banners()
    await site.tracking.filestream.post("ann", "digits", "long", StreamMessage(is_complete=True, exit_code=255))
    assert "Stop was asked for; the program ended with exit code 255." in await banners()
    assert re.search(r"Asked for by ann · <time", await banners()), "who, and when"
    for page, words in (("runs/long/overview", "Asked for by ann"), ("runs?sort=state", "stop asked for"), ("workspace", "Failed, stop asked for")):
        assert words in (await site.get(f"{site.base}/{page}")).text


async def test_the_crumb_of_a_project_offers_the_others_when_it_is_opened(site: Site) -> None:
    for address in (site.base, f"{site.base}/runs/r1/overview"):
        assert 'hx-get="/ui/projects/switcher?of=ann%2Fdigits"' in (await site.get(address)).text
    assert "There is no other project." in (await site.get("/ui/projects/switcher?of=ann/digits")).text
    for project in ("faces", "a b"):
        await site.tracking.runs.upsert("ann", project, "r", RunChange(), user_name="ann")
    found = re.findall(r'href="(/ann/[^"]*)"', (await site.get("/ui/projects/switcher?of=ann/digits")).text)
    assert sorted(found) == ["/ann/a%20b", "/ann/faces"]


async def test_runs_of_a_project_are_exported_with_chosen_columns_in_every_format(site: Site) -> None:
    for number in range(250):
        change = RunChange(display_name=f"run {number}", config=json.dumps({"lr": {"value": number / 10}}), summary=json.dumps({"loss": number}))
        await site.tracking.runs.upsert("ann", "many", f"m{number}", change, user_name="ann")
    base = "/ui/tracking/export/ann/many?columns=chosen&column=c.lr&column=s.loss&column=x.bad&format="
    rows = (await site.get(base + "json")).json()
    assert len({row["id"] for row in rows}) == 250
    assert rows[0]["config"]["lr"] == int(rows[0]["id"][1:]) / 10
    lines = list(csv.DictReader(io.StringIO((await site.get(base + "csv")).text)))
    assert [line["id"] for line in lines] == [row["id"] for row in rows]
    assert lines[7]["config.lr"] == str(rows[7]["config"]["lr"])
    data = (await site.get(base + "parquet")).content
    head = read_head(lambda offset, length: data[offset : offset + length], len(data), rows=300)
    found = {column.name: list(column.values) for column in head.columns}
    assert found["summary.loss"] == [float(row["summary"]["loss"]) for row in rows]
    assert "x.bad" not in found
    filtered = (await site.get("/ui/tracking/export/ann/many?format=json&q=loss>=248")).json()
    assert {row["id"] for row in filtered} == {"m248", "m249"}
    assert (await site.get("/ui/tracking/export/ann/nothing?format=json")).status_code == 404
    assert (await site.get(base + "xlsx")).status_code == 400
    hostile = (await site.get("/ui/tracking/export/ann/digits?format=json")).json()
    assert hostile[0]["summary"]["loss"] == "NaN"


async def test_columns_of_the_table_of_runs_keep_the_order_of_the_address(site: Site) -> None:
    page = (await site.get(f"{site.base}/runs?columns=chosen&column=c.lr&column=s.best")).text
    heads = re.findall(r'class="sort" title="([^"]+)"', page)
    assert heads == ["config.lr", "summary.best"]
    menu = page.partition("data-column-form")[2].partition("</form>")[0]
    assert re.findall(r'data-column="([^"]+)"', menu)[:2] == ["c.lr", "s.best"]
    assert "data-column-search" in menu


def test_compared_runs_show_what_differs_first_and_numbers_before_pictures_whatever_the_order_of_a_picture_s_fields() -> None:
    before = {"picture": {"_type": "image-file", "path": "a.png"}, "loss": 0.5, "table": {"_type": "table-file", "path": "t"}, "seed": 1}
    after = {"picture": {"_type": "image-file", "path": "b.png"}, "loss": 0.4, "table": {"path": "t", "_type": "table-file"}, "seed": 1}
    assert [(row.key, row.is_different) for row in compared([before, after])] == [
        ("loss", True), ("picture", True), ("seed", False), ("table", False),
    ]  # fmt: skip


def test_trials_are_sorted_by_an_axis_with_those_without_a_value_last() -> None:
    def trial(name: str, rate: Any, metric: float | None) -> Trial:
        return Trial(SimpleNamespace(display_name=name), "", ("", ""), metric, [rate], False, "")  # type: ignore[arg-type]

    trials = [trial("b", 0.2, 3.0), trial("a", None, 1.0), trial("c", "auto", None), trial("d", 0.1, 2.0)]
    names = ["rate", "score"]

    def order(sort: str) -> str:
        return "".join(one.run.display_name for one in sorted_trials(trials, names, sort))

    assert [order(sort) for sort in ("", "name", "-name", "rate", "-score", "nothing")] == ["bacd", "abcd", "dcba", "dbca", "bdac", "bacd"]


def test_the_curve_of_a_lone_trial_is_a_point_in_the_middle_and_that_of_several_begins_at_the_edge() -> None:
    trials = [Trial(SimpleNamespace(display_name=f"t{value}", state="FINISHED"), "", ("", ""), value, [], False, "") for value in (3.0, 1.0, 2.0)]  # type: ignore[arg-type]
    assert [best_curve(trials[:count], is_maximized=False) for count in (1, 3)] == [
        ("M50.00 50.00", [(50, 50.0, "t3.0: 3")]),
        ("M2.00 4.00 H50.00 V96.00 H98.00 V96.00", [(2, 4.0, "t3.0: 3"), (50.0, 96.0, "t1.0: 1"), (98.0, 50.0, "t2.0: 2")]),
    ]


async def test_tracked_runs_are_compared_with_the_baseline_that_the_reader_chose(site: Site) -> None:
    ids = []
    for name, loss in (("low", 0.25), ("high", 0.75)):
        summary = json.dumps({"loss": loss, "nested": [{"a": name}], "empty": {}, "where": {"x": {}} if name == "low" else 1})
        change = RunChange(display_name=name, summary=summary, config=json.dumps({"lr": {"value": loss * 2}}))
        ids.append(str((await site.tracking.runs.upsert("ann", "digits", name, change)).run.run_id))
    address = f"/ui/compare?runs={','.join(ids)}"
    first, second = [(await site.get(address + more)).text for more in ("", f"&baseline={ids[1]}&all=1")]
    words = [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition('id="headline"')[2].partition("</ul>")[0])) for page in (first, second)]
    assert "loss 0.25 → 0.75 0.5 worse" in words[0]
    assert "loss 0.75 → 0.25 0.5 better" in words[1]
    config = second.partition('aria-label="Config"')[2].partition("</table>")[0]
    assert 'class="delta "' in config  # a setting is neither better nor worse


def test_trees_stand_by_key_where_people_read_them() -> None:
    document = {"b": 1, "A": {"z": 1, "c": {"_type": "histogram", "b": 2, "a": 1}}, "a": 2}
    assert [leaf.path for leaf in tree_of(document, is_sorted=True).leaves] == ["A.c", "A.z", "a", "b"]
    assert [leaf.path for leaf in tree_of(document).leaves] == ["b", "A.z", "A.c", "a"]


async def test_the_old_address_of_comparisons_of_tracked_runs_leads_to_the_one_of_all_kinds(site: Site) -> None:
    answer = await site.get(f"/ui/tracking/compare?runs={site.run_id}&with=7&all=1")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/ui/compare?runs={site.run_id}&all=1")


async def test_a_registry_has_no_tabs_of_runs(site: Site) -> None:
    await site.tracking.projects.upsert("ann", "wandb-registry-model")
    (tabs,) = re.findall(r'<nav class="tabs".*?</nav>', (await site.get("/ann/wandb-registry-model/artifacts")).text, re.DOTALL)
    assert re.findall(r"/(\w+)\"", tabs) == ["overview", "artifacts", "reports", "automations"]


async def test_files_stand_in_the_order_that_the_reader_asks_for(site: Site) -> None:
    run = (await site.services.pages.runs([site.run_id]))[site.run_id]
    for name, content in (("f10.txt", b"1"), ("f2.txt", b"22"), ("media/a.txt", b"333")):
        await site.tracking.files.register(run, FileRegistration(name, site.blobs.put_bytes(content).digest, len(content), "0" * 32))

    async def names(query: str) -> list[str]:
        page = (await site.get(f"{site.base}/runs/r1/files{query}")).text.partition("<tbody>")[2].partition("</tbody>")[0]
        return [name for name in re.findall(r"</svg> ([^<]+)</a>", page) if name in {"f10.txt", "f2.txt", "media/"}]

    assert await names("?sort=name") == ["f2.txt", "f10.txt", "media/"]
    assert await names("?sort=-size") == ["media/", "f2.txt", "f10.txt"]
    assert await names("?sort=nonsense") == await names("")


async def test_files_are_narrowed_grouped_and_exported_with_all_that_lies_below_the_folder(site: Site) -> None:
    run = (await site.services.pages.runs([site.run_id]))[site.run_id]
    for name in ("top.csv", "kept/a.csv", "kept/deep/b.PNG", "kept/deep/c"):
        await site.tracking.files.register(run, FileRegistration(name, site.blobs.put_bytes(name.encode()).digest, len(name), "0" * 32))
    base, asked = f"{site.base}/runs/r1/files", f"/ui/export/files?format=json&run={site.run_id}"

    async def rows(query: str) -> list[tuple[str, str | None]]:
        return [(row["path"], row["kind"]) for row in (await site.get(f"{asked}{query}")).json()]

    assert [path for path, _ in await rows("&path=kept")] == ["kept/deep", "kept/a.csv"]
    assert await rows("&path=kept&flat=1") == [("kept/a.csv", "csv"), ("kept/deep/b.PNG", "png"), ("kept/deep/c", None)]
    assert await rows("&q=kind%3Acsv&sort=-name") == [("top.csv", "csv"), ("kept/a.csv", "csv")]
    groups = (await site.get(f"{asked}&path=kept&group=folder")).json()
    assert {group["group"]: (group["count"], group["size_bytes_mean"]) for group in groups} == {"kept": (1, 10.0), "kept/deep": (2, 13.0)}
    assert (await site.get(f"/ui/files/values?run={site.run_id}&path=kept&flat=1&field=kind&text=n")).json() == ["png"]
    page = (await site.get(f"{base}?q=deep&kfp=true")).text
    assert "kept/deep/b.PNG" in page
    assert "top.csv" not in page
    assert f'action="{base}"' in page
    assert '<input type="hidden" name="kfp" value="true">' in page
    assert "/kept?group=kind" in (await site.get(f"{base}/kept")).text
    assert "kind%3Dpng" in (await site.get(f"{base}/kept?group=kind")).text
    assert (await site.get("/ui/export/files?format=json")).status_code == 400
    assert (await site.get("/ui/export/files?format=json&run=1")).status_code == 404
    assert (await site.get("/ui/export/files?format=json&artifact=1")).status_code == 404


async def test_the_tabs_of_a_project_are_titled_in_the_language_of_the_reader(site: Site) -> None:
    tabs = {"runs": "실행", "sweeps": "스윕", "artifacts": "아티팩트", "reports": "리포트", "automations": "자동화"}
    for tab, word in tabs.items():
        page = (await site.http.get(f"{site.base}/{tab}", headers={"cookie": "penstock_lang=ko"})).text
        assert f"<title>{word} · digits · Penstock</title>" in page, tab
