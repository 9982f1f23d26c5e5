"""A run that `resume` began: it says of which run, and tasks that it took over lead to those that have their log and cards."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from penstock.domain.flows import Authorship, NewArtifact, NewMetadata
from penstock.domain.objects import ObjectEntry
from tests.unit.web.flow_room import BY, Room


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


async def _resume(room: Room, origin: str) -> str:
    """Record a run as the client does that takes over everything: its tasks say whose result they have, and nothing of where data is."""
    recorder = room.flows.web.recorder
    run_id = (await recorder.add_run("F", None, BY)).shown_id
    for step in ("_parameters", "start"):
        await recorder.add_step("F", run_id, step, BY)
        task = (await recorder.add_task("F", run_id, step, None, BY)).shown_id
        told = [("attempt", "0"), ("attempt_ok", "True")]
        if step == "start":
            told += [("origin-run-id", origin.partition("/")[2]), ("origin-task-id", "2")]
        by = Authorship("ada", ("attempt_id:0",), ())
        await recorder.add_metadata("F", run_id, step, task, [NewMetadata(field, value, field, by) for field, value in told])
        await recorder.add_artifacts("F", run_id, step, task, [NewArtifact("x", 0, ":root:s3://metaflow/flows", "s3", "a" * 40, "t", "c", BY)])
    return f"F/{run_id}"


def _card(room: Room, run: str) -> None:
    blob = room.blobs.put_bytes(b"<p>card</p>")
    key = f"flows/mf.cards/F/runs/{run.partition('/')[2]}/steps/start/tasks/2/cards/blank-mine-0.html"
    room.flows.objects.put(ObjectEntry("metaflow", key, blob.digest, 11, "e", 1.0))


def test_what_resume_took_over_leads_to_the_earlier_run(room: Room) -> None:
    origin = room.run(None)
    _card(room, origin)
    resumed = asyncio.run(_resume(room, origin))
    page = room.client.get(f"/flows/{resumed}").text
    assert f'href="/flows/{origin}"' in page.partition("resumed from")[2][:200]
    assert "resumed from" not in room.client.get(f"/flows/{origin}").text
    task = f"/flows/{resumed}/start/4"
    log = room.client.get(task).text
    assert "Nothing ran here" in log
    assert "Not readable" not in log
    assert log.count(f'href="/flows/{origin}/start/2"') == 2
    cards = f'src="/flows/{origin}/start/2/cards/blank-mine-0.html'
    assert cards in room.client.get(f"{task}?tab=cards").text
    assert cards in room.client.get(f"/flows/{resumed}/view/output").text
    assert '<h2 title="blank-mine-0.html">mine</h2>' in room.client.get(f"{task}?tab=cards").text


def test_the_data_of_a_task_is_where_its_artifacts_say_when_it_does_not(room: Room) -> None:
    resumed = asyncio.run(_resume(room, room.run(None)))
    root = asyncio.run(room.flows.web.reader.root_of("F", resumed.partition("/")[2], "start", "4"))
    assert (root.kind, root.root) == ("s3", "s3://metaflow/flows")
