"""Runs of flows beside each other: what they began with, the flow's file, and what is said where no code was kept."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from penstock.flows.code import CodePlace
from penstock.interfaces.flow_files import DatastoreRoot
from penstock.interfaces.page_flows import FlowRunFacts
from penstock.web.comparisons.flows import FlowCodeNotes, flow_code_notes, flow_texts, flow_values
from tests.unit.flows.test_code import package
from tests.unit.web.conftest import asked_queries
from tests.unit.web.flow_room import ROOT, Room


def facts(code: str = "", *, flow: str = "F", root: DatastoreRoot | None = ROOT, **values: Any) -> FlowRunFacts:
    return FlowRunFacts(flow, values, {name: f"sha of {value}" for name, value in values.items()}, "flow.py", code, root)


def place(code: str) -> CodePlace:
    return CodePlace(ROOT, "F", code, "flow.py")


def test_runs_are_sorted_by_what_can_be_said_of_their_code() -> None:
    runs = [facts("a"), facts("a"), facts("b"), facts("c"), facts("d"), facts(), None, facts("e", root=None)]
    sources = {place("a"): "one", place("b"): "one", place("c"): "two"}
    assert flow_code_notes(runs, sources, 0) == FlowCodeNotes(without_code=[5], unread=[4, 7], same_package=[1], same_file=[2])
    texts = [None if text is None else text["F"].source for text in flow_texts(runs, sources)]
    assert texts == ["one", "one", "one", "two", None, None, None, None]


def test_the_same_package_is_the_same_code_where_it_cannot_be_read() -> None:
    assert flow_code_notes([facts("a"), facts("a")], {}, 0) == FlowCodeNotes([], [0], [1], [])


def test_a_value_that_one_run_knows_is_known_of_all_with_the_same_content() -> None:
    first = facts(rate=0.1)
    second = replace(facts(rate=0.1), parameters={})
    third = FlowRunFacts("F", {}, {"rate": "0123456789abcdef"})
    assert flow_values([first, second, third, None]) == [{"rate": 0.1}, {"rate": 0.1}, {"rate": "sha1:0123456789ab"}, {}]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    return Room(tmp_path_factory.mktemp("flows"))


def text_of(body: str, part: str) -> str:
    """Text of the section `part`."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", body.partition(f'id="{part}"')[2].partition("</section>")[0]))


def test_runs_of_flows_are_compared_by_parameters_and_by_the_flows_file(room: Room) -> None:
    first = room.run(package(("flow.py", b"same\nprint('old')\n")), rate=0.1, depth=3)
    other = room.run(package(("flow.py", b"same\nprint('<script>')\n")), rate=0.2, depth=3)
    body = room.body([first, other])
    headline = text_of(body, "causes")
    assert headline.index("Code of F") < headline.index("Parameter rate 0.1 \u2192 0.2")
    assert "depth" not in headline
    assert "cannot be read" not in headline
    assert "-print(&#39;old&#39;)" in body.partition('id="code"')[2]
    assert "+print(&#39;&lt;script&gt;&#39;)" in body.partition('id="code"')[2]


def test_the_page_says_whose_code_is_the_same_and_whose_was_not_kept(room: Room) -> None:
    code = package(("flow.py", b"print()\n"))
    first, same, without = room.run(code), room.run(code), room.run(None)
    beside = room.run(package(("flow.py", b"print()\n"), ("lib.py", b"other")))
    lost = room.run(package(("elsewhere.py", b"")))
    headline = text_of(room.body([first, same, without, beside, lost]), "causes")
    assert f"The same code as the baseline: {same}The same" in headline
    assert f"No code was kept of: {without}The code" in headline
    assert "No difference in what can be compared." in headline
    assert f"The same flow file as the baseline, other code differs: {beside}" in headline
    assert f"The code that was kept cannot be read here: {lost}The same" in headline


def test_a_flow_beside_a_pipeline_does_not_count_as_a_definition_that_is_missing(room: Room) -> None:
    flow = room.run(package(("flow.py", b"print()\n")), rate=1)
    for ids in ([flow, room.seeded.runs["good"]], [room.seeded.runs["good"], flow]):
        body = room.body(ids)
        assert "the definition cannot be read" not in body
        assert 'id="code"' not in body


def test_the_number_of_queries_does_not_grow_with_the_runs_of_flows(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [room.run(package(("flow.py", f"print({number})\n".encode())), rate=number) for number in range(20)]
    asked = asked_queries(monkeypatch)
    counts = set()
    for size in (2, 7, 20):
        asked.clear()
        assert "Code of F" in text_of(room.body(ids[:size]), "causes")
        counts.add(len(asked))
    assert len(counts) == 1
