"""What started a run of a flow, and what people read of a run whose id is a UUID: on its page, in the list, and in the list of runs."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from typing import Any

import pytest

from penstock.domain.flows import Authorship, NewMetadata
from tests.unit.web.flow_room import BY, Room

ATTEMPT = Authorship("ada", ("attempt_id:0",), ())


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    return Room(tmp_path_factory.mktemp("starts"))


def started(room: Room, told: Any, run_id: str | None = None) -> str:
    """Record a run whose first step tells what started it; return its shared id."""

    async def record() -> str:
        recorder = room.flows.web.recorder
        run = await recorder.add_run("F", run_id or str(uuid.uuid4()), BY)
        await recorder.add_step("F", run.shown_id, "start", BY)
        task = await recorder.add_task("F", run.shown_id, "start", "t-1", BY)
        rows = [NewMetadata(name, value, name, ATTEMPT) for name, value in (("attempt", "0"), ("execution-triggers", told))]
        await recorder.add_metadata("F", run.shown_id, "start", task.shown_id, rows)
        return f"F/{run.shown_id}"

    return asyncio.run(record())


def event(name: str = "data.ready", **more: Any) -> dict[str, Any]:
    return {"timestamp": 1796048919, "id": "e-1", "name": name, "type": "event", **more}


def test_a_run_with_a_uuid_is_called_by_its_number_and_keeps_its_id(room: Room) -> None:
    run = started(room, json.dumps([event()]))
    number = asyncio.run(room.flows.web.recorder.store.run("F", run.partition("/")[2])).run_number
    page = room.client.get(f"/flows/{run}").text
    assert f'<h1 title="{run}">F/{number}</h1>' in page
    assert f"<title>F/{number}" in page
    assert f"Run {number}" in page
    listed = room.client.get("/flows").text
    assert f'href="/flows/{run}" title="{run}">F/{number}</a>' in listed
    assert f">F/{number}<" in room.client.get("/ui/runs").text
    assert f'<h1 title="{run}">F/{number}</h1>' in room.client.get(f"/flows/F/{number}").text
    for words in (run.partition("/")[2][:13], f"F/{number}"):
        found = room.client.get("/flows", params={"q": words})
        assert found.is_redirect or f'href="/flows/{run}"' in found.text
    assert '<h1 title="F/argo-f-x2k4p">F/argo-f-x2k4p</h1>' in room.client.get(f"/flows/{started(room, '[]', 'argo-f-x2k4p')}").text


def test_the_page_and_the_list_say_which_event_started_a_run(room: Room) -> None:
    run = started(room, json.dumps([event()]))
    head = room.client.get(f"/flows/{run}").text
    assert re.search(r'<span id="run-started-by">started by <span title="Event e-1"><svg.*?</svg> data\.ready</span>', head)
    assert "data.ready" in room.client.get(f"/flows/{run}/view/parameters").text
    listed = room.client.get("/flows").text
    assert "Started by" in listed
    assert "data.ready" in listed


def test_the_run_whose_end_started_another_is_called_by_its_title_and_linked(room: Room) -> None:
    first = started(room, "[]")
    told = [event("metaflow.F.end", type="run", id=f"{first}/end/t-9"), event("metaflow.Gone.end", type="run", id="Gone/7/end/1")]
    run = started(room, json.dumps(told))
    number = asyncio.run(room.flows.web.recorder.store.run("F", first.partition("/")[2])).run_number
    for page in (room.client.get(f"/flows/{run}").text, room.client.get("/flows").text):
        assert re.search(rf'<a(?: class="quiet")? href="/flows/{first}" title="The end of {first}"><svg.*?</svg> F/{number}</a>', page, re.DOTALL)
        assert 'href="/flows/Gone/7"' in page


@pytest.mark.parametrize(
    "told", ["", "null", "{", "[1, null, {}]", '[{"name": 3}]', '[{"name": "<script>x</script>", "id": ["a"], "timestamp": "soon", "type": []}]',
             json.dumps([event(id="/..//x", type="run", timestamp=1e300)] * 500), ["no", "text"]]
)  # fmt: skip
def test_what_nobody_s_client_tells_breaks_no_page(room: Room, told: Any) -> None:
    run = started(room, told)
    for path in (f"/flows/{run}", f"/flows/{run}/view/parameters", "/flows"):
        answer = room.client.get(path)
        assert answer.status_code == 200
        assert "<script>x" not in answer.text


def test_runs_that_people_start_have_no_column_for_what_started_them(room: Room) -> None:
    asyncio.run(room.flows.web.recorder.add_run("F", None, Authorship("bob", (), ())))
    assert "Started by" not in room.client.get("/flows?user=bob").text
