"""The graph of a flow's run as data for the browser, and its critical path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from penstock.interfaces.page_flows import FlowStep, FlowTaskItem
from penstock.web.graphs.flow import FlowGraph, graph_of
from penstock.web.graphs.flow_scope import path_of, scope_of
from tests.unit.web.flow_room import Room

WORDS = {True: "one each", False: "all"}


def task(step: str, number: str, started: float | None, finished: float | None, foreach: str = "") -> FlowTaskItem:
    return FlowTaskItem(step, number, "SUCCEEDED" if finished else "RUNNING", 0.0, started, finished, "", foreach, "")


def graph(*steps: tuple[str, str, Sequence[str], dict[str, int]]) -> FlowGraph:
    info: dict[str, Any] = {"steps": {name: {"type": kind, "next": list(after)} for name, kind, after, _ in steps}}
    return graph_of(info, [FlowStep(name, states) for name, _, _, states in steps if states])


FAN = graph(
    ("start", "split-foreach", ["fit"], {"SUCCEEDED": 1}),
    ("fit", "linear", ["check"], {"SUCCEEDED": 2}),
    ("check", "linear", ["join"], {"SUCCEEDED": 1, "RUNNING": 1}),
    ("join", "join", ["end"], {}),
    ("end", "end", [], {}),
)
TASKS = [
    task("start", "1", 0.0, 1.0),
    task("fit", "2", 1.5, 9.0, "rate=1"),
    task("fit", "3", 1.5, 4.0, "rate=2"),
    task("check", "4", 9.5, 10.0, "rate=1"),
    task("check", "5", 9.2, None, "rate=2"),
]


def test_a_box_says_how_its_step_is_and_leads_to_its_tasks() -> None:
    scope = scope_of(FAN, TASKS, "F/7", WORDS, "caught")
    boxes = {node["name"]: node for node in scope["nodes"]}
    assert {name: (node["state"], node["note"], node["type"]) for name, node in boxes.items()} == {
        "start": ("SUCCEEDED", "foreach", "FOREACH"),
        "fit": ("SUCCEEDED", "2/2", "STEP"),
        "check": ("RUNNING", "1/2", "STEP"),
        "join": ("", "", "JOIN"),
        "end": ("", "", "STEP"),
    }
    assert {node["url"] for node in boxes.values()} == {f"/flows/F/7/{name}" for name in boxes}
    assert [(edge["source"], edge["target"], edge["words"]) for edge in scope["edges"] if edge["is_foreach"]] == [("start", "fit", "one each")]


def test_a_box_says_that_a_failure_was_caught() -> None:
    tasks = [replace(one, is_caught=one.task_id == "3") for one in TASKS]
    boxes = {node["name"]: node for node in scope_of(FAN, tasks, "F/7", WORDS, "caught")["nodes"]}
    assert {name: boxes[name]["note"] for name in ("start", "fit", "check")} == {"start": "foreach", "fit": "2/2 \u00b7 caught", "check": "1/2"}


def test_the_time_of_a_step_is_told_when_all_of_its_tasks_are_known_and_its_end_when_all_have_ended() -> None:
    boxes = {node["name"]: node for node in scope_of(FAN, TASKS, "F/7", WORDS, "caught")["nodes"]}
    assert (boxes["fit"]["started_at"], boxes["fit"]["finished_at"]) == (1.5, 9.0)
    assert (boxes["check"]["started_at"], boxes["check"]["finished_at"]) == (9.2, None)
    boxes = {node["name"]: node for node in scope_of(FAN, TASKS[:2], "F/7", WORDS, "caught")["nodes"]}
    assert (boxes["fit"]["started_at"], boxes["fit"]["finished_at"]) == (None, None)


def test_the_critical_path_goes_along_the_steps_and_stays_within_a_value() -> None:
    path = path_of(FAN, TASKS, start=0.0, end=12.0)
    assert [step.name for step in path.steps] == ["start/1", "fit/3", "check/5"]
    assert [step.path for step in path.steps] == ["start", "fit", "check"]
    assert path.total_seconds == 12.0
    assert path_of(FAN, [], start=0.0, end=12.0).steps == ()


def test_the_path_of_a_step_that_repeats_itself_ends() -> None:
    loop = graph(("start", "linear", ["again"], {}), ("again", "split-switch", ["again", "end"], {}), ("end", "end", [], {}))
    tasks = [task("start", "1", 0.0, 1.0), *(task("again", str(2 + turn), 2.0 * turn + 2, 2.0 * turn + 3) for turn in range(3)), task("end", "5", 8.0, 9.0)]
    assert [step.name for step in path_of(loop, tasks, start=0.0, end=9.0).steps] == ["start/1", "again/2", "again/3", "again/4", "end/5"]


def test_the_graph_and_the_path_of_a_run_are_answered_and_an_unknown_run_is_not(tmp_path: Path) -> None:
    room = Room(tmp_path)
    run = room.run(None)
    answer = room.client.get(f"/ui/flows/graph?run={run}").json()
    assert "start" in {node["name"] for node in answer["scopes"][answer["root"]]["nodes"]}
    assert set(room.client.get(f"/ui/flows/path?run={run}").json()) == {"total_seconds", "waited_share", "steps"}
    assert f'data-source="/ui/flows/graph?run={run.replace("/", "%2F")}"' in room.client.get(f"/flows/{run}").text
    for part in ("graph", "path"):
        assert room.client.get(f"/ui/flows/{part}?run=F/none").status_code == 404
