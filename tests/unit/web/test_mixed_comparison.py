"""One comparison of runs of pipelines, of flows and of tracked runs: what is said of all, and of whom nothing can be said."""

from __future__ import annotations

import html
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest
from starlette.applications import Starlette

from penstock.domain.ids import Digest
from penstock.domain.tracking import RunChange
from penstock.interfaces.tracking_store import FileRegistration, SeriesAppend
from penstock.server.clock import SystemIds
from penstock.server.notifier import LocalNotifier
from penstock.server.tracking import Tracking
from penstock.server.tracking_pages import build_tracking_pages
from penstock.server.wandb import build_wandb
from penstock.stores.blobs.local import LocalBlobStore
from penstock.stores.sql.accounts import SqlEntityStore, SqlKeyStore
from penstock.stores.sql.database import Database, open_database
from penstock.tracking.accounts import AccountService
from penstock.tracking.keys import KeyService
from penstock.web.routes.pages import routes
from tests.browser.app import SeededApp, build
from tests.support.tracking import HandClock, tracking_room
from tests.unit.web.conftest import asked_queries

ORIGIN = {"origin": "http://testserver"}


@dataclass
class Mixed:
    """Seeded runs of pipelines, with tracked runs beside them."""

    http: httpx.AsyncClient
    seeded: SeededApp
    room: Tracking
    database: Database
    blobs: LocalBlobStore

    async def tracked(self, name: str, *, entity: str = "ann", requirements: str = "", task_of: str = "", **values: float) -> str:
        """Record a run that logged the values once; return its number. Args: task_of: the run of a pipeline that it belongs to."""
        change = RunChange(display_name=name, config=json.dumps({"rows": {"value": 1800}}), summary=json.dumps(values))
        run = (await self.room.runs.upsert(entity, "digits", name, change)).run
        await self.room.series.append([SeriesAppend(run.run_id, "history", 0, [json.dumps({"_step": 0, **values})])])
        for file, text in (("requirements.txt", requirements), ("code/train.py", f"print({name!r})\n")):
            if requirements:
                digest: Digest = self.blobs.put_bytes(text.encode()).digest
                await self.room.files.register(run, FileRegistration(file, digest, len(text), "0" * 32))
        if task_of:
            sql = "UPDATE tracked_run SET pipeline_run_id = ?, is_automatic = 0 WHERE run_id = ?"
            await self.database.write(lambda tx: tx.execute(sql, (task_of, run.run_id)))
        return str(run.run_id)

    async def page(self, *ids: str, **more: str) -> str:
        """Return the comparison."""
        answer = await self.http.get("/ui/compare", params={"runs": ",".join(ids), **more})
        assert answer.status_code == 200, answer.text[:400]
        return answer.text


@pytest.fixture
async def mixed(tmp_path: Path) -> AsyncIterator[Mixed]:
    """The seeded site with a tracking room over the same database."""
    seeded = build(tmp_path, url="http://testserver")
    clock, database, blobs = HandClock(), open_database(f"sqlite:///{tmp_path / 'penstock.db'}"), LocalBlobStore(tmp_path / "blobs")
    accounts = AccountService(SqlEntityStore(database), clock, default_user="ann")
    accounts.start()
    accounts.personal_entity("bob")
    async with tracking_room(tmp_path, clock, database) as room:
        wandb = build_wandb(
            database, tmp_path / "tracking", room, keys=KeyService(SqlKeyStore(database), clock), accounts=accounts, blobs=blobs, clock=clock,
            ids=SystemIds(), notifier=LocalNotifier(),
        )  # fmt: skip
        services = replace(seeded.services, tracking=build_tracking_pages(wandb, database))
        transport = httpx.ASGITransport(Starlette(routes=routes(services)))
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver", headers={"accept": "text/html"}) as http:
            yield Mixed(http, seeded, room, database, blobs)
        wandb.threads.shutdown()
    database.close()


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def section(page: str, name: str) -> str:
    return text_of(page.partition(f'id="{name}"')[2].partition("</section>")[0])


async def test_a_tracked_run_stands_beside_runs_of_pipelines_in_every_section_that_it_has(mixed: Mixed) -> None:
    good, failed = mixed.seeded.runs["good"], mixed.seeded.runs["failed"]
    own = await mixed.tracked("by hand", accuracy=0.5)
    page = await mixed.page(good, own, failed, all="1")
    assert [page.count(f">{word}</span>") for word in ("Pipeline run", "Tracked run")] == [2, 1]
    metrics = section(page, "metrics")
    assert re.search(r"accuracy 9\d[.\d]* %.* 0\.5 [\d.]+ worse", metrics), metrics
    assert re.search(r"rows 1797 1800 3 ", section(page, "parameters"))
    assert "Tracked runs are not made of tasks: by hand" in section(page, "durations")
    assert "Took in nothing that is kept here: by hand" in section(page, "inputs")
    assert "Project – ann/digits –" in section(page, "overview")
    assert "Without series; numbers that they ended with are level lines: digits baseline" in section(page, "charts")
    assert "which is off in this browser. The numbers that the runs ended with are in the table of metrics." in section(page, "charts")
    assert "No code was saved by: by hand" in section(page, "causes")
    finals = json.loads(html.unescape(re.search(r"data-finals='([^']*)'", page)[1]))  # type: ignore[index]
    assert [one["name"] for one in finals] == ["digits baseline"]
    assert finals[0]["values"]["accuracy"] > 0.9
    turned = await mixed.page(good, own, failed, baseline=own)
    assert re.search(r"accuracy 9\d[.\d]* % [\d.]+ better 0\.5", section(turned, "metrics"))
    assert "Code of" in section(turned, "causes") or 'id="code"' not in turned


async def test_series_and_last_numbers_of_the_tracked_runs_of_tasks_count_for_the_run_of_the_pipeline(mixed: Mixed) -> None:
    good, other = mixed.seeded.runs["good"], mixed.seeded.runs["night-0"]
    ids = [await mixed.tracked(f"train {place}", task_of=run, val_loss=0.25 + place / 2) for place, run in enumerate((good, other))]
    page = await mixed.page(good, other)
    drawn = json.loads(html.unescape(re.search(r"data-runs='([^']*)'", page)[1]))  # type: ignore[index]
    assert [(one["id"], one["name"]) for one in drawn] == [(ids[0], "digits baseline"), (ids[1], "nightly digits-1")]
    assert "val_loss 0.25 0.75 0.5 worse" in section(page, "metrics")
    again = await mixed.tracked("train again", task_of=good, val_loss=9.0)
    page = await mixed.page(good, other)
    assert "digits baseline \\u00b7 train again" in page
    assert again in page
    assert "val_loss – 0.75" in section(page, "metrics")  # two say it: which of them counts?


async def test_packages_and_saved_code_of_tracked_runs_are_compared(mixed: Mixed) -> None:
    ids = [await mixed.tracked(name, requirements=f"numpy=={version}\nsame==1\n", loss=1.0) for name, version in (("old", "1.0"), ("new", "2.0"))]
    page = await mixed.page(*ids)
    assert "numpy 1.0 2.0" in section(page, "packages")
    assert "same" not in section(page, "packages")
    assert "- print('old') + print('new')" in section(page, "code").replace("-print", "- print").replace("+print", "+ print")
    kept = await mixed.page(*ids, mixed.seeded.runs["good"])
    assert "numpy 1.0 2.0 –" in section(kept, "packages")


async def test_a_run_is_added_by_whatever_names_it_and_runs_of_others_stay_hidden(mixed: Mixed) -> None:
    good = mixed.seeded.runs["good"]
    own, hidden = await mixed.tracked("by hand", accuracy=0.5), await mixed.tracked("secret", entity="bob", accuracy=0.1)
    failed = mixed.seeded.runs["failed"]

    async def added(text: str) -> str:
        answer = await mixed.http.get("/ui/compare", params={"runs": good, "add": text, "all": "1"})
        assert "add=" not in answer.headers.get("location", "")
        return unquote(answer.headers.get("location", ""))

    for text in (own, "/ann/digits/runs/by hand", "http://elsewhere:1/ann/digits/runs/by%20hand/overview"):
        assert await added(text) in {f"/ui/compare?runs={good},{own}&all=1", f"/ui/compare?all=1&runs={good},{own}"}, text
    for text in (failed, f"http://elsewhere/#/runs/details/{failed}", f"http://elsewhere/ui/runs/{failed}?tab=logs"):
        assert f"{good},{failed}" in await added(text), text
    assert f"{good},{failed},{own}" in await added(f"http://elsewhere/ui/compare?runs={failed},{own},gone")
    for text in ("nothing like this", hidden, "bob/digits/secret"):
        assert await added(text) == "", text
    page = await mixed.page(good, add="nothing like this")
    assert "No run is named by nothing like this." in text_of(page)
    offered = (await mixed.http.get("/ui/compare/choices", params={"runs": good, "add": "hand", "all": "1"})).text
    assert "by hand" in offered
    assert "add=%2Fann%2Fdigits%2Fruns%2Fby%2520hand" in offered
    near = (await mixed.http.get("/ui/compare/choices", params={"runs": f"{good},{own}"})).text
    assert "ann/digits" not in near  # it has no other run
    assert "secret" not in offered + near
    assert f"{good}%2C{own}%2C" in near
    assert "secret" not in await mixed.page(good, hidden)


async def test_the_number_of_queries_is_the_same_for_two_and_twenty_runs_of_all_kinds(mixed: Mixed, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = list(mixed.seeded.runs.values())[:10]
    ids = [await mixed.tracked(f"run {place}", requirements=f"numpy=={place}", loss=float(place)) for place in range(10)]
    await mixed.page(*runs, *ids)  # keeps the plans
    asked = asked_queries(monkeypatch)
    counts = []
    for size in (1, 5, 10):
        asked.clear()
        await mixed.page(*runs[:size], *ids[:size])
        counts.append(len(asked))
    assert len(set(counts)) == 1, counts


async def test_pictures_and_documents_of_tracked_runs_stand_on_shelves_with_those_of_tasks(mixed: Mixed) -> None:
    good, own = mixed.seeded.runs["good"], await mixed.tracked("by hand", accuracy=0.5)
    media = {"_type": "html-file", "path": "media/html/a b.html", "size": 30}
    change = RunChange(summary=json.dumps({"page": media, "odd": {"_type": "image-file", "path": 7}, "plot": {"_type": "image-file", "path": "media/p.png"}}))
    run = (await mixed.room.runs.upsert("ann", "digits", "by hand", change)).run
    stored = mixed.blobs.put_bytes(b"<p>logged by hand</p>")
    await mixed.room.files.register(run, FileRegistration("media/html/a b.html", stored.digest, 21, "0" * 32))
    page = await mixed.page(good, own)
    address = f"/ui/tracking/runs/{own}/files/media/html/a%20b.html"
    assert f'src="{address}?follow=1"' in page
    assert f'src="/ui/tracking/runs/{own}/files/media/p.png"' in page
    answer = await mixed.http.get(f"{address}?follow=1")
    assert answer.text.startswith("<p>logged by hand</p><script>")
    assert "sandbox allow-scripts" in answer.headers["content-security-policy"]
    assert address not in await mixed.page(own)  # by itself its panels have it
    form = {"runs": f"{good},{own}", "title": "Both", "project": "ann/digits", "how": "frozen"}
    kept = (await mixed.http.post("/ui/compare/report", data=form, headers=ORIGIN)).headers["location"].partition("?")[0]
    boxes = re.findall(r'src="(/ui/tracking/reports/frozen/document[^"]*)"', (await mixed.http.get(kept)).text)
    kept_texts = [(await mixed.http.get(html.unescape(box))).text for box in boxes]
    assert any("logged by hand" in text for text in kept_texts)


async def test_media_of_tracked_runs_stand_on_shelves_by_step_and_their_matrices_beside_those_of_tasks(mixed: Mixed) -> None:
    good, own = mixed.seeded.runs["good"], await mixed.tracked("by hand", accuracy=0.5)
    several = {"_type": "images/separated", "filenames": ["media/images/s_40_a.png", "media/images/s_40_b.png"], "count": 2}
    rows = [{"_step": step, "samples": {"_type": "image-file", "path": f"media/images/s_{step}.png"}} for step in (0, 20)]
    rows.append({"_step": 40, "samples": several})
    table = {"columns": ["Actual", "Predicted", "nPredictions"], "data": [["cat", "cat", 7], ["cat", "dog", 2], ["dog", "dog", 5], ["<b>", "cat", 1], ["x"]]}
    plot = {"panel_config": {"panelDefId": "wandb/confusion_matrix/v1", "fieldSettings": {"Actual": "Actual"}, "userQuery": {"queryFields": []}}}
    config = {"_wandb": {"value": {"visualize": {"cm": plot, "odd": plot}}}}
    ended = {"samples": several, "cm_table": {"_type": "table-file", "path": "media/table/cm.table.json"}, "odd_table": {"_type": "table-file", "path": "media/table/odd.json"}}
    run = (await mixed.room.runs.upsert("ann", "digits", "by hand", RunChange(summary=json.dumps(ended), config=json.dumps(config)))).run
    await mixed.room.series.append([SeriesAppend(run.run_id, "history", 1, [json.dumps(row) for row in rows])])
    for name, text in (("media/table/cm.table.json", json.dumps(table)), ("media/table/odd.json", '{"columns": 5, "data": [[1]]}')):
        await mixed.room.files.register(run, FileRegistration(name, mixed.blobs.put_bytes(text.encode()).digest, len(text), "0" * 32))
    page = await mixed.page(good, own, step="20")
    pieces = re.findall(r'<div class="shelf-piece[^>]*data-step="(\d+)"( hidden)?>(.*?)</p></div>', page, re.DOTALL)
    shown = {step: is_hidden for step, is_hidden, text in pieces if "media/images/s_" in text}
    assert shown == {"0": " hidden", "20": "", "40": " hidden"}
    assert sum("media/images/s_40" in text for _, _, text in pieces) == 2
    assert re.search(r'data-steps="?.?\[0, 20, 40\]', page)
    (matrix,) = (text for _, _, text in pieces if "media/table/cm.table.json" in text)
    assert "&lt;b&gt;" in matrix
    assert re.search(r">7<", matrix)
    assert "media/table/odd.json" not in page


async def test_curves_of_tracked_runs_lie_over_those_of_tasks_one_for_each_class(mixed: Mixed) -> None:
    good, own = mixed.seeded.runs["good"], await mixed.tracked("by hand", accuracy=0.5)

    def fields_of(key: str) -> list[dict[str, object]]:
        table = {"name": "summaryTable", "args": [{"name": "tableKey", "value": f"{key}_table"}], "fields": []}
        return [{"name": "runSets", "args": [], "fields": [table]}]

    names = {"roc": ("fpr", "tpr"), "pr": ("recall", "precision"), "odd": ("fpr", "tpr")}
    plots = {
        key: {"panel_config": {"panelDefId": "wandb/area-under-curve/v0", "fieldSettings": {"x": x, "y": y, "class": "class"}, "userQuery": {"queryFields": fields_of(key) if key != "odd" else []}}}
        for key, (x, y) in names.items()
    }
    ended = {f"{key}_table": {"_type": "table-file", "path": f"media/table/{key}.json"} for key in names}
    change = RunChange(summary=json.dumps(ended), config=json.dumps({"_wandb": {"value": {"visualize": plots}}}))
    run = (await mixed.room.runs.upsert("ann", "digits", "by hand", change)).run
    points = [["cat", 0, 0], ["cat", 0.5, 1], ["cat", 1, 1], ["<b>", 0, 0], ["<b>", "NaN", 1], ["<b>", 1, 1], ["x"], 3]
    tables = {"roc": {"columns": ["class", "fpr", "tpr"], "data": points}, "pr": {"columns": ["class", "recall", "precision"], "data": [["cat", 0, 1], ["cat", 1, 0.5], ["cat", "NaN", 1]]}, "odd": [3]}
    for key, table in tables.items():
        text = json.dumps(table)
        await mixed.room.files.register(run, FileRegistration(f"media/table/{key}.json", mixed.blobs.put_bytes(text.encode()).digest, len(text), "0" * 32))
    page = await mixed.page(good, own)
    precision = page.partition('id="precision"')[2].partition("</section>")[0]
    assert re.findall(r'data-name="([^"]*)" data-points', precision) == ["by hand \u00b7 pr \u00b7 cat"], "tasks log none of these"
    assert "AUC 0.75" in precision
    assert "data-roc-threshold" not in precision
    assert 'class="chance"' not in precision
    found = re.findall(r'data-name="([^"]*)" data-points', page.replace(precision, ""))
    assert [name for name in found if name.startswith("by hand")] == ["by hand \u00b7 roc \u00b7 cat", "by hand \u00b7 roc \u00b7 &lt;b&gt;"]
    assert len(found) > 2, "the curves of the task are there as well"
    assert not re.search(r"data-name=.* data-points", await mixed.page(own)), "by itself its panels have them"


async def test_a_mixed_comparison_is_kept_as_a_report_that_hides_what_a_reader_may_not_see(mixed: Mixed) -> None:
    good = mixed.seeded.runs["good"]
    own = await mixed.tracked("by hand", accuracy=0.5)
    form = {"runs": f"{good},{own}", "baseline": good, "title": "Both", "project": "ann/digits", "how": "frozen"}
    answer = await mixed.http.post("/ui/compare/report", data=form, headers=ORIGIN)
    address = answer.headers["location"].partition("?")[0]
    page = (await mixed.http.get(address)).text
    assert "by hand" in page
    assert "Frozen" in page
    moved = "UPDATE report SET spec = REPLACE(spec, '\"entity\": \"ann\"', '\"entity\": \"bob\"') WHERE type <> 'runs'"
    await mixed.database.write(lambda tx: tx.execute(moved))
    hidden = text_of((await mixed.http.get(address)).text)
    assert "These panels are frozen with runs that you may not see." in hidden


async def test_states_have_the_words_of_their_world_and_names_in_errors_are_set_apart(mixed: Mixed) -> None:
    good, failed = mixed.seeded.runs["good"], mixed.seeded.runs["failed"]
    own = await mixed.tracked("by hand", accuracy=0.5)
    await mixed.database.write(lambda tx: tx.execute("UPDATE tracked_run SET state = 'crashed'"))
    await mixed.database.write(lambda tx: tx.execute("UPDATE run SET error = ? WHERE run_id = ?", ('{"code": 2, "message": "task `train` failed"}', failed)))
    overview = (await mixed.page(good, own, failed, all="1")).partition('id="overview"')[2].partition("</section>")[0]
    assert re.search(r"State Succeeded Crashed Failed ", text_of(overview))
    assert "task <code>train</code> failed" in overview
    found = (await mixed.http.get("/ui/search/results", params={"q": "by hand"})).text
    assert re.search(r'/runs/[^>]*>.*by hand.*<span class="state s-failed">.*<span>Crashed</span>', found)
