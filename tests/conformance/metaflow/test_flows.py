"""The unmodified metaflow client records here and reads everything back. The flows of the module run at the same time, once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conformance.metaflow.machine import FLOWS, Machine
from tests.support.server import LiveServer

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(1500)]

RUN_AND_RESUME = f"""
file = {str(FLOWS / "cards.py")!r}
with Runner(file, pylint=False, show_output=False).run(tags=["before"]) as running:
    out = [running.status, running.run.id, running.run.successful]
    resumed = Runner(file, pylint=False, show_output=False).resume(origin_run_id=running.run.id, step_to_rerun="end")
    out += [resumed.status, resumed.run.id]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("metaflow") / "data") as running:
        yield running


@dataclass
class Machines:
    """Machines with both kinds of datastore, after their flows ended; `failing` has failed once."""

    local: Machine
    embedded: Machine
    local_cards: str
    """Id of the run of the cards that is kept in the local datastore."""
    started: list[Any]
    """What a `Runner` on the embedded datastore told: status, id and success of a run of the cards; status and id of its resumption."""

    def of(self, store: str) -> tuple[Machine, str]:
        """The machine with a kind of datastore, and its run of the cards."""
        return (self.local, self.local_cards) if store == "local" else (self.embedded, self.started[1])


@pytest.fixture(scope="module")
def machines(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Machines:
    folder = tmp_path_factory.mktemp("machines")
    local, embedded = Machine(server, folder / "local", embedded_store=False), Machine(server, folder / "embedded")
    running = {
        "branches": embedded.start("branches", "run", "--alpha", "0.25", "--tag", "mine"),
        "failing": local.start("failing", "run", MARKER=str(folder / "marker")),
        "local": local.start("cards", "run", "--run-id-file", "cards"),
    }
    started = embedded.read(RUN_AND_RESUME)
    for name, process in running.items():
        Machine.finish(process, ok=name != "failing")
    return Machines(local, embedded, (local.folder / "cards").read_text(), started)


def test_branches_foreach_retry_and_catch(machines: Machines) -> None:
    out = machines.embedded.read(
        """
run = Flow("BranchesFlow").latest_run
out = {
    "ok": [run.successful, run.finished],
    "products": run.data.products,
    "alpha": run.data.alpha,
    "problem": run.data.problem_text,
    "counts": {step.id: len(list(step)) for step in run},
    "retried": [task.current_attempt for task in run["fan"] if task.data.value == "bb"],
    "tags": sorted(run.user_tags),
    "parents": sorted({parent.split("/")[2] for task in run["nested"] for parent in task.parent_task_pathspecs}),
    "children": sorted({child.split("/")[2] for child in next(iter(run["fan"])).child_task_pathspecs}),
}
run.add_tag("later"); run.remove_tag("mine")
out["changed"] = sorted(Run(run.pathspec).user_tags)
"""
    )
    assert out["ok"] == [True, True]
    assert out["products"] == ["aa1", "aa2", "bb1", "bb2", "cc1", "cc2"]
    assert out["alpha"] == 0.25
    assert "caught on purpose" in out["problem"]
    assert out["counts"]["nested"] == 6
    assert out["retried"] == [1]
    assert out["tags"] == ["mine"]
    assert out["changed"] == ["later"]
    assert out["parents"] == ["fan"]
    assert out["children"] == ["nested"]


@pytest.mark.parametrize("store", ["local", "embedded"])
def test_cards_logs_and_values(machines: Machines, store: str) -> None:
    machine, run = machines.of(store)
    out = machine.read(
        f"""
import base64, re
from metaflow.cards import get_cards
def text_of(card):
    return "".join(base64.b64decode(part + "===").decode("utf-8", "ignore") for part in re.findall("[A-Za-z0-9+/]{{80,}}", card.get()))
task = Run("CardsFlow/" + {run!r})["start"].task
cards = get_cards(task)
out = {{"cards": len(cards), "html": any("Hello card" in text_of(card) for card in cards), "stdout": task.stdout, "stderr": task.stderr,
       "mapping": task.data.mapping, "store": task.metadata_dict["ds-type"]}}
"""
    )
    assert out["store"] == ("local" if store == "local" else "s3")
    assert out["cards"] >= 2  # a machine that is busy for longer than a card's timeout adds the card of that error
    assert out["html"]
    assert "to stdout" in out["stdout"]
    assert "to stderr" in out["stderr"]
    assert out["mapping"] == {"k": [1, 2.5, None]}


def test_commands_of_a_flow_work_on_what_is_recorded_here(machines: Machines, tmp_path: Path) -> None:
    machine = machines.embedded
    status, run, is_successful, resumed_status, resumed = machines.started
    assert [status, is_successful, resumed_status] == ["successful", True, "successful"]
    assert resumed != run
    start, products = f"{run}/start", machine.read("out = Flow('BranchesFlow').latest_run.id") + "/end"
    dumped, log, cards, *_ = machine.run_at_once(
        "cards",
        ("dump", start),
        ("logs", "show", start),
        ("card", "list", start),
        ("card", "get", start, "--id", "two", str(tmp_path / "two.html")),
        ("tag", "replace", "--run-id", run, "--remove", "before", "--add", "after"),
    )
    assert "mapping" in dumped
    assert "to stdout" in log
    assert "Card Id: two" in cards
    assert "<html" in (tmp_path / "two.html").read_text()[:2000].lower()
    machine.run("branches", "logs", "scrub", products)
    assert "REDACTED" in machine.run("branches", "logs", "show", products)
    listed, spun = machine.run_at_once("cards", ("tag", "list", "--run-id", run, "--flat"), ("spin", f"CardsFlow/{run}/end"))
    assert "after" in listed.split()
    assert "before" not in listed.split()
    assert "finished successfully" in spun


def test_resume_keeps_what_was_done(machines: Machines) -> None:
    machine = machines.local
    marker = machine.folder.parent / "marker"
    failed = machine.read("run = Flow('FailingFlow').latest_run\nout = [run.successful, run.id]")
    assert failed[0] is False
    marker.touch()
    machine.run("failing", "resume", MARKER=str(marker))
    out = machine.read("run = Flow('FailingFlow').latest_run\nout = [run.successful, run.data.made, run.id]")
    assert out[:2] == [True, 42]
    assert out[2] != failed[1]


def test_pages_show_runs_from_both_datastores(machines: Machines, server: LiveServer) -> None:
    with httpx.Client(base_url=server.url, headers={"accept": "text/html"}, timeout=30) as browser:
        flows = browser.get("/flows").text
        assert "BranchesFlow" in flows
        runs = [machines.of(store)[1] for store in ("local", "embedded")]
        assert set(runs) <= set(re.findall(r'href="/flows/CardsFlow/(\d+)"', flows))
        branches = re.findall(r'href="/flows/BranchesFlow/(\d+)"', flows)[0]
        graph = browser.get(f"/flows/BranchesFlow/{branches}").text
        assert "foreach" in graph
        boxes = browser.get("/ui/flows/graph", params={"run": f"BranchesFlow/{branches}"}).json()["scopes"]["root"]["nodes"]
        assert any(box["note"].startswith("3/3") for box in boxes)
        assert {box["name"] for box in boxes if "caught" in box["note"]} == {"right"}
        right = re.findall(rf'data-href="(/flows/BranchesFlow/{branches}/right/\d+)"', browser.get(f"/flows/BranchesFlow/{branches}/right").text)
        assert "RuntimeError: caught on purpose" in browser.get(right[0]).text.partition('id="caught"')[2].partition("</div>")[0]
        assert "0.25" in browser.get(f"/flows/BranchesFlow/{branches}/view/parameters").text
        assert browser.get(f"/flows/BranchesFlow/{branches}/view/timeline").text.count('class="timeline-row') > 15
        for run in runs:
            task = re.findall(rf'data-href="(/flows/CardsFlow/{run}/start/\d+)"', browser.get(f"/flows/CardsFlow/{run}/start").text)[0]
            log = browser.get(f"{task}/lines").text
            assert "to stdout" in log
            assert "to stderr" in log
            assert browser.get(f"{task}/values/mapping").json()["value"] == {"k": [1, 2.5, None]}
            card = re.findall(rf'src="({task}/cards/[^"]+)"', browser.get(f"{task}?tab=cards").text)[0]
            answer = browser.get(card)
            assert "allow-same-origin" not in answer.headers["content-security-policy"]
            assert answer.headers["content-security-policy"].startswith("sandbox")


def test_tags_are_edited_on_the_page(machines: Machines, server: LiveServer) -> None:
    del machines
    run = server.get("/metaflow/flows/CardsFlow/runs")[0]["run_number"]
    address = f"{server.url}/flows/CardsFlow/{run}/tags"
    refused = httpx.post(address, data={"add": "stolen"}, headers={"origin": "http://evil.example"}, timeout=30)
    assert refused.status_code == 403
    httpx.post(address, data={"add": "seen checked"}, headers={"origin": server.url}, timeout=30)
    httpx.post(address, data={"remove": "seen"}, headers={"origin": server.url}, timeout=30)
    assert server.get(f"/metaflow/flows/CardsFlow/runs/{run}")["tags"] == ["checked"]
