"""The page of a run of a flow: its metadata by pages, and its tags, which are changed where the reader is."""

from __future__ import annotations

import asyncio
import gzip
import json
import pickle
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from penstock.domain.errors import PenstockError
from penstock.domain.flows import Authorship, NewArtifact, NewMetadata
from penstock.domain.objects import ObjectEntry
from penstock.interfaces.flow_files import PickleSummary
from penstock.web.flows.parameters import looked_at
from penstock.web.pages.flows.tasks import caught_in
from tests.unit.web.flow_room import Room, sha1

BY = Authorship("ada", ("attempt_id:0",), ())


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_all_metadata_of_a_run_is_reached_by_pages(room: Room) -> None:
    run = room.run(None)
    assert 'rel="next"' not in room.client.get(f"/flows/{run}/view/metadata").text
    rows = [NewMetadata(f"field-{number}", "x", "t", BY) for number in range(1100)]
    asyncio.run(room.flows.web.recorder.add_metadata("F", run.partition("/")[2], "start", "2", rows))
    address, seen, pages = f"/flows/{run}/view/metadata", list[str](), 0
    while address:
        page = room.client.get(address).text
        seen += re.findall(r"(field-\d+)</th>", page)
        after = re.search(r'href="([^"]+)" rel="next"', page)
        address, pages = after[1].replace("&amp;", "&") if after else "", pages + 1
    assert (len(seen), len(set(seen)), pages) == (1100, 1100, 3)
    assert room.client.get(f"/flows/{run}/view/metadata?before=x.y").status_code == 200


def test_tags_are_changed_where_the_reader_is(room: Room) -> None:
    run = room.run(None)
    for view, place in (("timeline", f"/flows/{run}/view/timeline"), ("dag", f"/flows/{run}"), ("//elsewhere", f"/flows/{run}")):
        answer = room.client.post(f"/flows/{run}/tags?view={view}", data={"add": "seen"}, headers={"origin": "http://testserver"})
        assert (answer.status_code, answer.headers["location"]) == (303, place)
    refused = room.client.post(f"/flows/{run}/tags", data={"add": 'metaflow_version:2.19.0 "needs review"'}, headers={"origin": "http://testserver"})
    assert "Set by the client, and not to be changed: metaflow_version:2.19.0" in unquote(refused.headers["set-cookie"])
    assert {"seen", "needs review"} == set(asyncio.run(room.flows.web.pages.run(*run.split("/"))).run.tags)  # type: ignore[union-attr]
    listed = room.client.get("/flows").text
    chip = re.search(r'href="([^"]+)" title="needs review"', listed)
    assert chip is not None
    assert f"row-{run.replace('/', '-')}" in room.client.get(chip[1].replace("&amp;", "&").replace("&#34;", '"')).text
    assert f'action="/flows/{run}/tags?view=timeline"' in room.client.get(f"/flows/{run}/view/timeline").text


def test_the_page_of_a_task_counts_all_tasks_of_its_step_and_leads_to_them(room: Room) -> None:
    run = room.run(None)

    async def split() -> None:
        for _ in range(204):
            await room.flows.web.recorder.add_task("F", run.partition("/")[2], "start", None, BY)

    asyncio.run(split())
    page = room.client.get(f"/flows/{run}/start/2?tab=metadata").text
    assert "205 tasks of this step" in page
    assert f'href="/flows/{run}/start">' in page.partition("205 tasks of this step")[2].partition("</details>")[0]
    assert "All tasks of this step" not in room.client.get(f"/flows/{room.run(None)}/start/208?tab=metadata").text


def test_small_parameters_are_looked_at_in_one_process(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    run = room.run(None).partition("/")[2]
    values = {"alpha": 0.5, "layers": [1, 2], "long": "x" * 50_000}
    blobs = {name: pickle.dumps(value) for name, value in values.items()}
    index = json.dumps({"info": {name: {"size": len(blob), "type": "<class 'str'>"} for name, blob in blobs.items()}}).encode()
    for key, data in [(f"{run}/_parameters/1/0.data.json", index), *((f"data/{sha1(blob)[:2]}/{sha1(blob)}", gzip.compress(blob)) for blob in blobs.values())]:
        room.flows.objects.put(ObjectEntry("metaflow", f"flows/F/{key}", room.blobs.put_bytes(data).digest, len(data), "e", 1.0))
    rows = [NewArtifact(name, 0, ":root:s3://metaflow/flows", "s3", sha1(blob), "t", "c", BY) for name, blob in blobs.items()]
    asyncio.run(room.flows.web.recorder.add_artifacts("F", run, "_parameters", "1", rows))
    reader, alone = room.flows.web.reader, list[str]()

    async def value(*ids: str) -> PickleSummary:
        alone.append(ids[-1])
        return PickleSummary("str", None, "long")

    monkeypatch.setattr(reader, "value", value)
    graph = {"parameters": [{"name": name, "type": "Parameter"} for name in ("long", "layers", "alpha")]}
    found = asyncio.run(looked_at(reader, "F", run, "1", graph))
    assert list(found) == ["long", "layers", "alpha"]
    assert [found[name].value for name in ("layers", "alpha") if not isinstance(found[name], PenstockError)] == [[1, 2], 0.5]
    assert alone == ["long"]


def test_a_task_whose_failure_was_caught_says_so(room: Room) -> None:
    recorder = room.flows.web.recorder

    async def add() -> tuple[str, list[str]]:
        run = (await recorder.add_run("F", None, BY)).shown_id
        await recorder.add_step("F", run, "risky", BY)
        tasks, by = [], Authorship("ada", ("attempt_id:0",), ())
        for success in (b"True", b"False"):
            task = (await recorder.add_task("F", run, "risky", None, BY)).shown_id
            kept = [NewArtifact(name, 0, None, "s3", sha1(data), "t", "c", BY) for name, data in (("_task_ok", b"True"), ("_success", success))]
            await recorder.add_artifacts("F", run, "risky", task, kept)
            await recorder.add_metadata("F", run, "risky", task, [NewMetadata(name, value, name, by) for name, value in (("attempt", "0"), ("attempt_ok", "True"), ("attempt-done", "0"))])
            tasks.append(task)
        return run, tasks

    run, (good, caught) = asyncio.run(add())
    sentence = "The step failed, and @catch caught it: the run went on."
    pages = [room.client.get(f"/flows/F/{run}/risky/{task}").text for task in (good, caught)]
    assert [sentence in page for page in pages] == [False, True]
    rows = re.findall(rf'<tr [^>]*id="task-risky-({good}|{caught})">(.*?)</tr>', room.client.get(f"/flows/F/{run}/view/tasks").text, re.DOTALL)
    assert {task: ">caught</span>" in row for task, row in rows} == {good: False, caught: True}


def test_the_exception_that_was_caught_is_read_behind_the_marks_of_the_client() -> None:
    log = ["@catch caught an exception from <flow F step risky[1] (input: 2)>", ">  Traceback (most recent call last):"]
    log += ['>    File "flow.py", line 25, in risky', '>      raise ValueError("two is not allowed")', ">  ValueError: two is not allowed"]
    assert caught_in(log) == "ValueError: two is not allowed"
    assert caught_in(["what the step wrote"]) == ""
