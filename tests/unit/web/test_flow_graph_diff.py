"""Two definitions of a flow as one graph, alone and on the comparison's page; comparing from the list; views of a flow's run."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import pytest

from penstock.flows.reading import FlowReader
from penstock.web.graphs.flow_diff import flow_graph_diff
from tests.unit.web.flow_room import Room

ORIGIN = {"origin": "http://testserver"}


def step(kind: str, *following: str, decorators: tuple[tuple[str, dict[str, Any]], ...] = (), **more: Any) -> dict[str, Any]:
    named = [{"name": name, "attributes": attributes, "statically_defined": True} for name, attributes in decorators]
    return {"type": kind, "next": list(following), "line": 7, "doc": "", "decorators": named, **more}


def info(**steps: dict[str, Any]) -> dict[str, Any]:
    return {"start_step": "start", "end_step": "end", "steps": steps}


OLD = info(start=step("linear", "fit"), fit=step("linear", "old", decorators=(("retry", {"times": 3}),)), old=step("linear", "end"), end=step("end"))
NEW = info(
    start=step("split-foreach", "fit", foreach_artifact="rates"),
    fit=step("linear", "join", decorators=(("retry", {"times": 4}),)),
    join=step("join", "end"),
    end={**step("end"), "line": 99, "doc": "other words"},
)


def test_steps_are_added_removed_and_changed() -> None:
    found = flow_graph_diff(OLD, NEW)
    assert found is not None
    assert {one.name: (one.mark, list(one.parts)) for one in found.steps} == {
        "start": ("changed", ["kind of step", "what it fans out or switches over"]),
        "fit": ("changed", ["what follows", "decorators"]),
        "join": ("added", []),
        "old": ("removed", []),
    }
    assert {node.name for node in found.graph.nodes} == {"start", "fit", "old", "join", "end"}
    assert found.edge_mark("fit", "join") == "added"
    assert found.edge_mark("fit", "old") == "removed"
    assert found.edge_mark("start", "fit") == ""
    assert (found.count("added"), found.count("removed"), found.count("changed")) == (1, 1, 2)


def test_lines_docs_and_the_order_of_decorators_do_not_count() -> None:
    decorators = (("retry", {"times": 1}), ("card", {}))
    one = info(start=step("linear", "end", decorators=decorators), end=step("end"))
    other = info(start={**step("linear", "end", decorators=decorators[::-1]), "line": 1, "doc": "new"}, end=step("end"))
    found = flow_graph_diff(one, other)
    assert found is not None
    assert list(found.steps) == []


@pytest.mark.parametrize("missing", [None, {}, {"steps": {}}, {"steps": "odd"}])
def test_without_one_definition_nothing_is_drawn(missing: Any) -> None:
    assert flow_graph_diff(OLD, missing) is None
    assert flow_graph_diff(missing, NEW) is None


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """Pages with recorded flows."""
    return Room(tmp_path_factory.mktemp("flows"))


def test_the_comparison_draws_the_baselines_steps_and_anothers(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (room.run(None, a=number) for number in range(3))
    known = {first: OLD, second: NEW, third: OLD}
    read: list[str] = []

    async def graph(self: FlowReader, flow_id: str, run_id: str) -> dict[str, Any] | None:
        read.append(f"{flow_id}/{run_id}")
        return known.get(f"{flow_id}/{run_id}")

    monkeypatch.setattr(FlowReader, "graph", graph)
    page = room.body([first, second, third])
    part = page.partition('id="flow-graph-difference"')[2].partition("</section>")[0]
    assert 'class="flow-node diff-added"' in part
    headline = re.sub(r"<[^>]+>|\s+", " ", page.partition('id="causes"')[2].partition("</section>")[0])
    assert re.search(r"Step +join +added", headline)
    assert "No difference" not in headline
    assert part.count("diff-removed") >= 2
    assert "what follows, decorators" in re.sub(r"\s+", " ", part)
    assert read == [first, second], "two definitions are read, however many runs are compared"
    same = room.client.get("/ui/compare", params={"runs": f"{first},{second},{third}", "graph": third}).text
    assert "No difference" in same
    assert "The same steps in the same order, with the same decorators." in same


def test_runs_picked_in_the_list_are_compared(room: Room) -> None:
    first, second = room.run(None, a=1), room.run(None, a=2)
    assert 'value="compare"' in room.client.get("/flows").text
    answer = room.client.post("/ui/flows/actions", data={"verb": "compare", "id": [first, second], "next": "/flows"}, headers=ORIGIN)
    assert (answer.status_code, unquote(answer.headers["location"])) == (303, f"/ui/compare?runs={first},{second}")


def test_a_flows_run_has_output_config_and_lineage(room: Room) -> None:
    first, second = room.run(None, a=1), room.run(None, a=2)
    page = room.client.get(f"/flows/{second}").text
    assert f"/ui/compare?runs={second},{first}" in unquote(page)
    for view in ("Output", "Config", "Lineage"):
        assert f">{view}</a>" in page
    lineage = room.client.get(f"/flows/{second}/view/lineage").text
    assert f"of=flow:{second}/start/" in unquote(lineage)
    assert "flow.py" in room.client.get(f"/flows/{second}/view/config").text
    assert "No output yet" in room.client.get(f"/flows/{second}/view/output").text


def test_a_running_task_says_when_its_log_comes_and_its_download_has_its_name(room: Room) -> None:
    run = room.run(None)
    address = re.search(rf"/flows/{run}/start/\d+", room.client.get(f"/flows/{run}/view/tasks").text)
    assert address
    page = room.client.get(address[0])
    assert "stores the log when the attempt ends" in page.text
    log = room.client.get(f"{address[0]}/log?attempt=0")
    assert (log.status_code, log.text) == (200, "")
    assert f'filename="{address[0].removeprefix("/flows/").replace("/", "-")}-0.log"' in log.headers["content-disposition"]
