"""The table of a flow's tasks: what its address asks for, and what a page of it says."""

from __future__ import annotations

from penstock.interfaces.page_flows import FlowStep, FlowTaskItem, FlowTaskPage
from penstock.web.flows.task_table import PAGE, task_query, task_table

BEGUN = [FlowStep("start", {"SUCCEEDED": 1}), FlowStep("work", {"SUCCEEDED": 1, "FAILED": 1})]


def test_an_address_narrows_and_sorts_by_known_words() -> None:
    query = task_query(BEGUN, "work", {"state": "failed", "q": " Letters=B ", "sort": "-duration", "offset": "400"})
    assert (query.steps, query.state, query.text, query.sort, query.is_descending) == (["work"], "FAILED", "Letters=B", "duration", True)
    assert (query.offset, query.limit) == (400, PAGE)
    plain = task_query(BEGUN, "", {"state": "nothing", "offset": "99999999"})
    assert (plain.steps, plain.state, plain.sort, plain.offset) == (None, "", "", 0)
    assert task_query(BEGUN, "start", {"state": "failed"}).state == ""


def test_a_page_says_where_the_next_one_begins_and_counts_the_states_of_its_step() -> None:
    rows = [FlowTaskItem("work", str(number), "SUCCEEDED", 0.0, 0.0, 1.0, "", "", "") for number in range(PAGE)]
    first = task_table(FlowTaskPage(rows, 2 * PAGE + 1), task_query(BEGUN, "work", {}), BEGUN, "work")
    assert (first.found, first.next_offset, first.states) == (2 * PAGE + 1, PAGE, [("FAILED", 1), ("SUCCEEDED", 1)])
    last = task_table(FlowTaskPage(rows[:1], 2 * PAGE + 1), task_query(BEGUN, "", {"offset": str(2 * PAGE)}), BEGUN, "")
    assert (last.next_offset, last.states) == (None, [("FAILED", 1), ("SUCCEEDED", 2)])
    assert task_table(FlowTaskPage([], 3), task_query(BEGUN, "", {"offset": "400"}), BEGUN, "").next_offset is None
