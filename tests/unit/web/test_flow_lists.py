"""The list of flows, and what lists of executions say of their tasks."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from starlette.datastructures import QueryParams

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.flows import Authorship
from penstock.interfaces.page_flows import FlowQuery
from penstock.web.pages.flows.runs import flow_query
from tests.unit.web.flow_room import BY, Room, sha1


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """Pages with recorded flows."""
    return Room(tmp_path_factory.mktemp("flows"))


def test_a_bulk_action_takes_all_flow_runs_that_match_and_says_how_many(tmp_path: Path) -> None:
    room = Room(tmp_path)
    recorder = room.flows.web.recorder
    runs = [asyncio.run(recorder.add_run("F", None, Authorship("bob" if number % 3 else "ada", ("batch",), ()))) for number in range(80)]
    assert re.search(r'name="matching" value="1">all 80\s+that match', room.client.get("/flows/F").text)
    assert 'name="matching"' not in room.client.get("/flows?user=ada").text
    form = {"verb": "tag", "tags": "good", "matching": "1", "next": "/flows/F?user=bob&tag=batch&offset=50"}
    answer = room.client.post("/ui/flows/actions", data=form, headers={"origin": "http://testserver"})
    assert "Tagged 53 of 53." in unquote(answer.headers["set-cookie"])
    found = asyncio.run(room.flows.web.pages.rows(FlowQuery(limit=200)))
    assert {run.run_id for run in found if "good" in run.tags} == {run.shown_id for run in runs if run.by.user_name == "bob"}
    assert "Nothing was selected." in unquote(
        room.client.post("/ui/flows/actions", data={**form, "next": "/flows/G"}, headers={"origin": "http://testserver"}).headers["set-cookie"]
    )


def test_tags_of_flows_are_taken_off_those_that_did_not_have_them(tmp_path: Path) -> None:
    room = Room(tmp_path)
    recorder, headers = room.flows.web.recorder, {"origin": "http://testserver"}
    runs = [asyncio.run(recorder.add_run("F", None, Authorship("ada", tags, ("system",)))) for tags in ((), ("good",))]
    form = {"verb": "tag", "tags": 'good, system, "needs review"', "id": [f"F/{run.shown_id}" for run in runs], "next": "/flows"}
    answer = room.client.post("/ui/flows/actions", data=form, headers=headers)
    page = room.client.get("/flows", headers={"cookie": answer.headers["set-cookie"].partition(";")[0]}).text
    undo = re.search(r'<form method="post" action="/ui/flows/actions">((?:<input type="hidden"[^>]*>)+)<button class="button small">Undo', page)
    assert undo is not None
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', undo[1]))
    assert "Tags taken off 2 of 2." in unquote(room.client.post("/ui/flows/actions", data=fields, headers=headers).headers["set-cookie"])
    assert [list(asyncio.run(recorder.store.run("F", run.shown_id)).by.tags) for run in runs] == [[], ["good"]]
    told = room.client.post("/ui/flows/actions", data={**form, "tags": " "}, headers={**headers, "x-form": "1"})
    assert told.json()["problem"] == "Name the tag to add."


def test_a_run_of_a_flow_that_is_gone_is_named_beside_those_that_were_tagged(tmp_path: Path) -> None:
    room = Room(tmp_path)
    run = asyncio.run(room.flows.web.recorder.add_run("F", None, Authorship("ada", (), ())))
    form = {"verb": "tag", "tags": "good", "id": [f"F/{run.shown_id}", "F/none"], "next": "/flows"}
    told = unquote(room.client.post("/ui/flows/actions", data=form, headers={"origin": "http://testserver"}).headers["set-cookie"])
    assert "Tagged 1 of 2." in told
    assert "F/none" in told


def test_flows_stand_in_groups_that_count_every_run_and_lead_to_their_rows(tmp_path: Path) -> None:
    room = Room(tmp_path)
    recorder = room.flows.web.recorder
    asyncio.run(recorder.add_flow("G", BY))
    for number in range(70):
        asyncio.run(recorder.add_run("G" if number < 3 else "F", None, Authorship("bob" if number % 2 else "ada", (), ())))
    page = room.client.get("/flows?group=flow").text
    assert re.findall(r'<a class="name quiet cut" href="([^"]+)">([^<]+)</a></th>\s*<td class="num[^>]*><span[^>]*>(\d+)</span>', page) == [("/flows/F", "F", "67"), ("/flows/G", "G", "3")]
    page = room.client.get("/flows/F?group=user").text
    assert set(re.findall(r'href="([^"]+)">\w+</a></th>\s*<td class="num[^>]*><span[^>]*>(\d+)</span>', page)) == {("/flows/F?user=ada", "33"), ("/flows/F?user=bob", "34")}
    page = room.client.get("/flows?group=status").text
    assert re.findall(r'href="([^"]+)">(\w+)</a></th>\s*<td class="num[^>]*><span[^>]*>(\d+)</span>', page) == [("/flows?status=running", "Running", "70")]
    rows = room.client.get("/ui/export/flows?group=flow&format=json").json()
    assert [(row["group"], row["count"]) for row in rows] == [("F", 67), ("G", 3)]


def test_the_list_of_flows_reads_the_chips_of_the_other_lists(tmp_path: Path) -> None:
    room = Room(tmp_path)
    recorder = room.flows.web.recorder
    asyncio.run(recorder.add_flow("G", BY))
    ids = [asyncio.run(recorder.add_run("GF"[number % 2], None, Authorship(("ada", "bob")[number % 3 == 0], ("even",) if number % 2 else (), ()))).shown_id for number in range(6)]

    def found(text: str) -> list[str]:
        rows = room.client.get("/ui/export/flows", params={"format": "json", "q": text}).json()
        return sorted(f"{row['flow']}/{row['run_id']}" for row in rows)

    everything = sorted(f"{'GF'[number % 2]}/{run}" for number, run in enumerate(ids))
    assert found("status:running started:<1h") == everything
    assert found("flow:F") == [row for row in everything if row.startswith("F/")]
    assert found("user=bob") == sorted([f"G/{ids[0]}", f"F/{ids[3]}"])
    assert found("tag:even flow:G") == []
    assert found("status:failed") == found("started:>1h") == found("started:2001") == found("started:nonsense") == []
    assert found(f"F/{ids[1]} status:active") == [f"F/{ids[1]}"]
    assert found(f"F/{ids[1]}") == [f"F/{ids[1]}"]
    assert len(room.client.get("/ui/export/flows?format=json&limit=2").json()) == 2
    assert room.client.get("/ui/export/flows?format=json&limit=none").status_code == 400


def test_the_tasks_of_a_run_are_exported_as_its_page_lists_them(tmp_path: Path) -> None:
    room = Room(tmp_path)
    run, recorder = room.run(None), room.flows.web.recorder
    asyncio.run(recorder.add_step("F", run[2:], "work", BY))
    for _ in range(3):
        asyncio.run(recorder.add_task("F", run[2:], "work", None, BY))

    def found(more: str = "") -> list[str]:
        rows = room.client.get(f"/ui/export/flow-tasks?run={run}&format=json{more}").json()
        assert {f"{row['flow']}/{row['run_id']}" for row in rows} <= {run}
        return [f"{row['step']}/{row['task_id']}" for row in rows]

    def listed(more: str = "") -> list[str]:
        page = room.client.get(f"/flows/{run}/view/tasks?a=b{more}").text
        return [f"{step}/{task}" for step, task in re.findall(r'id="task-([a-z]+)-(\d+)"', page)]

    assert [name.partition("/")[0] for name in found()] == ["start", "work", "work", "work"]
    for more in ("", "&step=work", "&sort=-task", "&q=start", "&state=failed"):
        assert found(more) == listed(more)
    page = room.client.get(f"/flows/{run}/view/tasks?step=work&sort=-task&at=3").text
    assert f"/ui/export/flow-tasks?step=work&amp;sort=-task&amp;run={quote(run, safe='')}&amp;format=csv" in page
    for unknown in ("F/none", "none", ""):
        assert room.client.get(f"/ui/export/flow-tasks?run={unknown}").status_code == 404
    header = room.client.get(f"/ui/export/flow-tasks?run={run}&order=Status&order=Task").text.splitlines()[0]
    assert header.startswith("flow,run_id,state,")
    assert header.endswith(",step,task_id")


def test_chips_of_flows_that_are_no_field_are_parameters() -> None:
    query = flow_query("", QueryParams("q=param.alpha>0.5 beta:x flow:F words status:failed"), 0.0, "UTC")
    assert [(one.field, one.operator, one.value) for one in query.parameters] == [("alpha", ">", "0.5"), ("beta", ":", "x")]
    assert (query.flow_id, query.status, query.text) == ("F", "failed", "words")


def test_tasks_of_flows_have_the_digest_of_their_code_package(room: Room) -> None:
    with_code, without = room.run(b"the code", a=1), room.run(None, a=1)
    rows = room.client.get(f"/ui/export/executions?format=json&q={quote(f'run={with_code}')}").json()
    assert {row["code_digest"] for row in rows} == {sha1(b"the code")}
    rows = room.client.get(f"/ui/export/executions?format=json&q={quote(f'run={without}')}").json()
    assert {row["code_digest"] for row in rows} == {""}


def test_runs_of_flows_are_exported_as_the_list_is_filtered(tmp_path: Path) -> None:
    room = Room(tmp_path)
    recorder = room.flows.web.recorder
    asyncio.run(recorder.add_flow("G", BY))
    made = [asyncio.run(recorder.add_run(flow, None, BY)).shown_id for flow in ("F", "G", "F")]
    assert "/ui/export/flows?flow=F&amp;format=csv" in room.client.get("/flows/F").text
    rows = room.client.get("/ui/export/flows?flow=F&format=json").json()
    assert [(row["flow"], row["run_id"], row["user"], row["state"]) for row in rows] == [("F", made[2], "ada", "RUNNING"), ("F", made[0], "ada", "RUNNING")]
    assert len(room.client.get("/ui/export/flows?format=json&user=ada").json()) == 3
    assert room.client.get("/ui/export/flows?format=json&status=failed").json() == []


def test_a_range_of_time_is_read_in_the_reader_s_zone_and_narrows_the_last_hours() -> None:
    now = 1_780_000_000.0
    asked = flow_query("", QueryParams("from=2026-11-20T10:00&until=2026-11-21T00:00"), now, "Asia/Seoul")
    assert (asked.since, asked.until) == (1795136400.0, 1795186800.0)
    both = flow_query("", QueryParams("from=1999-01-01T00:00&since=1h"), now, "UTC")
    assert (both.since, both.until) == (now - 3600, None)
    with pytest.raises(InvalidArgumentError, match="not a date and time"):
        flow_query("", QueryParams("until=soon"), now, "UTC")


def test_the_list_keeps_the_range_of_time_and_the_client_s_word_leads_to_the_tasks(tmp_path: Path) -> None:
    room = Room(tmp_path)
    run = asyncio.run(room.flows.web.recorder.add_run("F", None, BY))
    assert f'id="row-F-{run.shown_id}"' in room.client.get("/flows?from=2001-01-01T00:00").text
    page = room.client.get("/flows?until=2001-01-01T00:00").text
    assert 'name="until" value="2001-01-01T00:00"' in page
    assert f'id="row-F-{run.shown_id}"' not in page
    assert room.client.get("/ui/export/flows?format=json&until=2001-01-01T00:00").json() == []
    assert f'href="/flows/F/{run.shown_id}/view/tasks" aria-current="page"' in room.client.get(f"/flows/F/{run.shown_id}/view/task").text


def test_addresses_of_flows_that_lead_nowhere_name_what_is_near(tmp_path: Path) -> None:
    room = Room(tmp_path)
    run = asyncio.run(room.flows.web.recorder.add_run("F", None, BY)).shown_id
    asyncio.run(room.flows.web.recorder.add_flow("TrainFlow", BY))
    asyncio.run(room.flows.web.recorder.add_run("TrainFlow", None, BY))
    for address, near in (("/flows/F/999", f"/flows/F/{run}"), (f"/flows/F/{run}/start/1", f"/flows/F/{run}"), ("/flows/TrainFlaw", "/flows/TrainFlow")):
        answer = room.client.get(address)
        assert answer.status_code == 404
        assert f'<a class="plain list-row" href="{near}">' in answer.text
    assert "TrainFlaw을(를) 찾을 수 없습니다" in room.client.get("/flows/TrainFlaw", headers={"accept": "text/html", "accept-language": "ko"}).text


def test_the_path_of_a_run_or_task_as_search_text_leads_there(tmp_path: Path) -> None:
    room = Room(tmp_path)
    run = asyncio.run(room.flows.web.recorder.add_run("F", None, BY)).shown_id
    for path in (f"F/{run}", f"F/{run}/start", f"F/{run}/start/7"):
        answer = room.client.get(f"/flows?q={path}")
        assert (answer.status_code, answer.headers.get("location")) == (303, f"/flows/{path}")
    assert room.client.get("/flows?q=F/none").status_code == 200
    for text, place in (("Task('{}/start/2')", "{}/start/2"), ("{}/start/2/x", "{}/start/2?tab=artifacts&value=x#value-x")):
        answer = room.client.get("/flows", params={"q": text.format(f"F/{run}")})
        assert answer.headers["location"] == "/flows/" + place.format(f"F/{run}")


def test_flows_sort_and_show_keys_as_columns_that_every_link_keeps(tmp_path: Path) -> None:
    room = Room(tmp_path)
    recorder = room.flows.web.recorder
    for number in range(3):
        asyncio.run(recorder.add_run("F", None, Authorship("cab"[number], (), ())))
    shown = room.client.get("/flows?sort=user&columns=chosen&column=param.alpha").text
    assert re.findall(r'<td class="stack-line stack-end">([abc])</td>', shown) == ["a", "b", "c"]
    head = shown.partition("<thead>")[2].partition("</thead>")[0]
    assert re.search(r'data-key="param.alpha"><a class="sort" href="/flows\?[^"]*sort=-param.alpha">', head)
    assert "/flows?columns=chosen&amp;column=param.alpha&amp;sort=-user" in head
    form = shown.partition("flow-filters")[2].partition("</form>")[0]
    assert '<input type="hidden" name="column" value="param.alpha">' in form
    assert [row["user"] for row in room.client.get("/ui/export/flows?sort=-user&format=json").json()] == ["c", "b", "a"]
    (first, *_) = room.client.get("/ui/export/flows?columns=chosen&column=param.alpha&format=json").json()
    assert first["value.param.alpha"] is None
    room.run(None, alpha=0.5)
    assert 'title="param.alpha = 0.5"' in room.client.get("/flows?columns=chosen&column=param.alpha").text


@pytest.mark.parametrize(("language", "run", "task"), [("en", "Run", "Task"), ("ko", "실행", "태스크"), ("ja", "実行", "タスク")])
def test_breadcrumbs_say_of_what_a_number_is_the_number(room: Room, language: str, run: str, task: str) -> None:
    address = f"/flows/{room.run(None)}"
    number = address.rpartition("/")[2]
    headers = {"cookie": f"penstock_lang={language}"}
    assert re.search(rf'<span class="here" aria-current="page">{run} {number}</span>', room.client.get(address, headers=headers).text)
    step = room.client.get(f"{address}/view/tasks", headers=headers).text
    at = re.search(rf'href="({address}/start/(\w+))', step)
    assert at is not None
    shown = room.client.get(at[1], headers=headers).text
    assert f'<a href="{address}">{run} {number}</a>' in shown
    assert f'<span class="here" aria-current="page">{task} {at[2]}</span>' in shown


def test_the_filter_bar_of_flows_completes_fields_keys_and_their_values(tmp_path: Path) -> None:
    room = Room(tmp_path)
    asyncio.run(room.flows.web.recorder.add_flow("Other", BY))
    asyncio.run(room.flows.web.recorder.add_run("Other", None, Authorship("ann", ("nightly",), ())))
    room.run(None, alpha=0.5, name="big data")
    page = room.client.get("/flows").text
    offered = re.search(r'data-fields="([^"]*)" data-values="/ui/flows/values" data-states="running completed failed"', page)
    assert offered is not None
    assert {"flow", "user", "status", "tag", "started", "param.alpha", "param.name"} <= set(offered[1].split())

    def values(field: str, text: str = "") -> list[str]:
        found: list[str] = room.client.get(f"/ui/flows/values?field={field}&text={text}").json()
        return found

    assert "Other" in values("flow")
    assert values("flow", "oth") == ["Other"]
    assert values("user", "an") == ["ann"]
    assert values("tag", "night") == ["nightly"]
    assert values("param.alpha") == ["0.5"]
    assert values("name", "big") == ["big data"]
    assert values("nonsense") == []


@pytest.mark.parametrize("rest", ["", "/view/timeline?q=a%20b", "/start/3"])
def test_addresses_of_other_sites_of_metaflow_open_the_same_run_here(room: Room, rest: str) -> None:
    run_id = room.run(None)
    answer = room.client.get(f"/{run_id}{rest}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/flows/{run_id}{rest}")
    assert room.client.get("/F/999").status_code == 404
    assert room.client.get("/G/1/view/dag").status_code == 404


def test_what_is_not_there_leads_on_to_the_list_that_it_would_be_in(room: Room) -> None:
    assert re.search(r'<a class="button" href="/ui/flows">.*?Flows</a>', room.client.get("/flows/F/999").text)
    assert re.search(r'<a class="button" href="/ui/artifacts">.*?Artifacts</a>', room.client.get("/ui/artifacts/999999").text)
    assert re.search(r'<a class="button" href="/ui/projects">.*?Projects</a>', room.client.get("/nobody/nothing").text)


def test_the_filter_is_cleared_in_one_place(room: Room) -> None:
    room.run(None)
    clears = 'aria-label="Clear the filter"'
    assert clears not in room.client.get("/flows").text
    assert room.client.get("/flows?status=completed&user=ada").text.count("Clear the filter") >= 1
    empty = room.client.get("/flows?q=nothing-is-called-this").text
    assert clears not in empty
    assert empty.count("Clear the filter") == 1
