"""Layout of flow graphs and timelines."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from penstock.interfaces.page_flows import FlowAttempt, FlowRunItem, FlowStep, FlowTaskItem
from penstock.interfaces.pages import TaskItem
from penstock.web.graphs.flow import NODE_WIDTH, graph_of, worst_state
from penstock.web.pages.flows.run import timeline
from penstock.web.pages.flows.runs import peek
from tests.unit.web.flow_room import Room


def task(step: str, number: str, state: str = "SUCCEEDED", *attempts: FlowAttempt) -> FlowTaskItem:
    return FlowTaskItem(step, number, state, 0.0, 0.0, 1.0, "", "", "", attempts)


def shared_task(step: str, started: float | None, finished: float | None) -> TaskItem:
    return TaskItem(
        task_id=f"F/7/{step}/1", run_id="F/7", execution_id=1, parent_task_id=None, path=f"root/{step}/1", task_key="1", display_name="1",
        type="RUNTIME", component=f"F.{step}", iteration_index=None, iteration_count=None, position=0, state="RUNNING", reason="",
        created_at=0, started_at=started, finished_at=finished, attempts=1, is_cached=False, cached_task_id=None, cache_fingerprint=None,
        cache_reason="", error=None, inputs={}, outputs={}, detail={},
    )  # fmt: skip


def info(steps: dict[str, tuple[str, list[str]]]) -> dict[str, Any]:
    return {"start_step": "start", "steps": {name: {"type": kind, "next": following} for name, (kind, following) in steps.items()}}


def test_branches_stand_side_by_side_and_joins_below_the_longest() -> None:
    graph = graph_of(
        info(
            {
                "start": ("split-static", ["a", "b"]),
                "a": ("linear", ["c"]),
                "c": ("linear", ["join"]),
                "b": ("linear", ["join"]),
                "join": ("join", ["end"]),
                "end": ("end", []),
            }
        ),
        [],
    )
    rows = {node.name: node.y for node in graph.nodes}
    assert rows["a"] == rows["b"] < rows["c"] < rows["join"] < rows["end"]
    assert len(graph.edges) == 6
    assert not graph.is_flat


def test_recursion_is_drawn_without_moving_steps_for_ever() -> None:
    graph = graph_of(info({"start": ("linear", ["loop"]), "loop": ("split-switch", ["loop", "start", "end"]), "end": ("end", [])}), [])
    assert [node.name for node in sorted(graph.nodes, key=lambda node: node.y)] == ["start", "loop", "end"]
    assert ("loop", "loop") in {(edge.source, edge.target) for edge in graph.edges}


def test_foreach_tasks_are_counted_by_state() -> None:
    begun = [FlowStep("start", {"SUCCEEDED": 1}), FlowStep("work", {"SUCCEEDED": 1, "FAILED": 1, "RUNNING": 1})]
    graph = graph_of(info({"start": ("split-foreach", ["work"]), "work": ("linear", ["end"]), "end": ("end", [])}), begun)
    nodes = {node.name: node for node in graph.nodes}
    assert (nodes["work"].state, nodes["work"].count, nodes["end"].state) == ("FAILED", 3, "")
    assert nodes["start"].kind == "foreach"
    assert [edge.is_foreach for edge in graph.edges] == [True, False]


def test_without_definition_steps_follow_their_order() -> None:
    graph = graph_of(None, [FlowStep("start", {"SUCCEEDED": 1}), FlowStep("end", {"SUCCEEDED": 1})])
    assert graph.is_flat
    assert [(edge.source, edge.target) for edge in graph.edges] == [("start", "end")]
    assert graph_of(None, []).nodes == []


def test_attention_goes_to_the_worst_state() -> None:
    assert worst_state({"SUCCEEDED": 5, "FAILED": 1}) == "FAILED"
    assert worst_state({}) == ""


def test_every_attempt_is_a_bar_in_percent() -> None:
    tries = task("work", "2", "SUCCEEDED", FlowAttempt(0, "FAILED", 10.0, 15.0), FlowAttempt(1, "SUCCEEDED", 15.0, 20.0))
    rows = timeline([tries], 0.0, 20.0, {}).rows
    assert [(bar.attempt, bar.start, bar.width) for bar in rows[0].bars] == [(0, 50.0, 25.0), (1, 75.0, 25.0)]
    assert (rows[0].start, rows[0].width, rows[0].seconds) == (50.0, 50.0, 10.0)


def test_a_part_of_a_flows_run_shows_its_attempts_and_counts_the_tasks_outside() -> None:
    tasks = [
        task("start", "1", "SUCCEEDED", FlowAttempt(0, "SUCCEEDED", 0.0, 10.0)),
        task("work", "2", "SUCCEEDED", FlowAttempt(0, "FAILED", 10.0, 15.0), FlowAttempt(1, "SUCCEEDED", 40.0, 60.0)),
        task("work", "3", "SUCCEEDED", FlowAttempt(0, "SUCCEEDED", 15.0, 20.0)),
        replace(task("end", "4", "RUNNING", FlowAttempt(0, "RUNNING", 55.0, None)), finished_at=None),
    ]
    found = timeline(tasks, 0.0, 100.0, {"from": "30", "to": "50"})
    assert (found.begin, found.end, found.hidden, found.is_zoomed) == (30, 50, 3, True)
    (row,) = found.rows
    assert [(bar.task.task_id, bar.attempt, bar.start, bar.width) for bar in row.bars] == [("2", 1, 50.0, 100.0)]
    assert (row.name, row.start, row.width, row.seconds) == ("work", -100.0, 250.0, 50.0)
    (late,) = timeline(tasks, 0.0, 100.0, {"from": "90", "to": "100"}).rows
    assert [(bar.start, bar.width) for bar in late.bars] == [(-350.0, 450.0)]
    whole = timeline(tasks, 0.0, 100.0, {"from": "50", "to": "30"})
    assert (len(whole.rows), whole.hidden, whole.is_zoomed) == (3, 0, False)


def test_the_part_that_is_looked_at_stands_in_the_address_and_on_the_page(tmp_path: Path) -> None:
    room = Room(tmp_path)
    address = f"/flows/{room.run(None)}/view/timeline"
    whole, part = room.client.get(address).text, room.client.get(f"{address}?from=0&to=0.002").text
    assert "data-timeline " in whole
    assert 'id="timeline-whole"' not in whole
    assert 'data-begin="0.0" data-end="0.002"' in part
    assert f'id="timeline-whole" href="{address}"' in part
    assert f'action="{address}" id="timeline-range"' in part


def test_edges_go_past_steps_between_and_around_a_step_that_repeats_itself() -> None:
    steps = {
        "start": {"type": "split-switch", "next": ["aside", "again"]},
        "aside": {"type": "linear", "next": ["again"]},
        "again": {"type": "split-switch", "next": ["again", "end"]},
        "end": {"type": "end", "next": []},
    }
    graph = graph_of({"start_step": "start", "steps": steps}, [])
    right = max(node.x for node in graph.nodes) + NODE_WIDTH
    paths = {(edge.source, edge.target): edge.path for edge in graph.edges}

    def outermost(path: str) -> int:
        return max(int(number) for number in re.findall(r"[MCL ](\d+) \d+", path))

    assert right < outermost(paths["start", "again"]) < graph.width
    assert right < outermost(paths["again", "again"]) < graph.width
    assert outermost(paths["start", "aside"]) < right


def test_steps_show_the_decorators_of_their_author_only() -> None:
    decorators = [{"name": "retry"}, {"name": "penstock_internal"}]
    graph = graph_of({"start_step": "start", "steps": {"start": {"type": "end", "next": [], "decorators": decorators}}}, [])
    assert list(graph.nodes[0].decorators) == ["retry"]


def test_the_small_timeline_of_a_run_lies_within_the_run() -> None:
    run = FlowRunItem("F", "7", "ada", (), (), "RUNNING", 100.0, None, None, 3, 1, 0, "")
    bars = peek(run, [shared_task("a", 100, 150), shared_task("b", 90, None), shared_task("c", None, None)], now=200.0)
    assert [(bar.name, bar.start, bar.width) for bar in bars] == [("a/1", 0, 50), ("b/1", 0, 100)]


def test_an_edge_that_passes_steps_of_other_columns_goes_straight_down_its_own() -> None:
    steps = {
        "start": ("split-static", ["weather", "fit_all"]),
        "weather": ("linear", ["publish"]),
        "fit_all": ("split-foreach", ["fit"]),
        "fit": ("linear", ["choose"]),
        "choose": ("join", ["publish"]),
        "publish": ("join", ["end"]),
        "end": ("end", []),
    }
    graph = graph_of(info(steps), [])
    placed = {node.name: node for node in graph.nodes}
    (path,) = [edge.path for edge in graph.edges if (edge.source, edge.target) == ("weather", "publish")]
    lane = int(re.search(r"L(\d+) ", path)[1])  # type: ignore[index]
    assert lane == placed["weather"].x + NODE_WIDTH // 2
    assert lane < placed["fit"].x
