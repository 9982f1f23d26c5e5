"""A foreach says of how many tasks it is, as soon as the task that fans out has ended: in the list, on the page and on the box of the step."""

from __future__ import annotations

import asyncio
import gzip
import json
import pickle
import re

import pytest

from penstock.domain.flows import Authorship, NewArtifact, NewMetadata
from penstock.domain.objects import ObjectEntry
from penstock.flows.values import FlowValues
from penstock.stores.sql.flow_values import SqlFlowValues
from tests.unit.web.flow_room import BY, ROOT, Room, sha1

ATTEMPT = Authorship("ada", ("attempt_id:0",), ())
STEPS = {
    "start": {"type": "linear", "next": ["fan"]}, "fan": {"type": "split-foreach", "next": ["work"]}, "work": {"type": "linear", "next": ["polish"]},
    "polish": {"type": "linear", "next": ["join"]}, "join": {"type": "join", "next": ["end"]}, "end": {"type": "end", "next": []},
}  # fmt: skip


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    return Room(tmp_path_factory.mktemp("progress"))


def keep(room: Room, key: str, data: bytes) -> None:
    entry = ObjectEntry("metaflow", f"flows/F/{key}", room.blobs.put_bytes(data).digest, len(data), "e", 1.0)
    room.flows.objects.put(entry)


class Run:
    """A run as a client tells it, with values in the embedded store."""

    def __init__(self, room: Room) -> None:
        self.room, self.recorder = room, room.flows.web.recorder
        self.run_id = asyncio.run(self.recorder.add_run("F", None, BY)).shown_id
        self.task("_parameters", _graph_info={"start_step": "start", "end_step": "end", "steps": STEPS})

    def task(self, step: str, *, is_over: bool = True, **values: object) -> str:
        """Record a task, and that it ended."""
        return asyncio.run(self._task(step, values, is_over))

    async def _task(self, step: str, values: dict[str, object], is_over: bool) -> str:
        if step not in {found.step_name for found in await self.recorder.store.steps("F", self.run_id)}:
            await self.recorder.add_step("F", self.run_id, step, BY)
        task = (await self.recorder.add_task("F", self.run_id, step, None, BY)).shown_id
        told = [("ds-type", "s3"), ("ds-root", ROOT.root), ("attempt", "0")]
        await self.recorder.add_metadata("F", self.run_id, step, task, [NewMetadata(name, value, name, ATTEMPT) for name, value in told])
        if is_over:
            await self.end(step, task, values)
        return task

    async def end(self, step: str, task: str, values: dict[str, object]) -> None:
        """Store the values of a task and tell that it ended well."""
        blobs = {name: pickle.dumps(value, protocol=4) for name, value in {"_foreach_num_splits": None, **values}.items()}
        info = {name: {"size": len(blob), "type": str(type(pickle.loads(blob)))} for name, blob in blobs.items()}
        keep(self.room, f"{self.run_id}/{step}/{task}/0.data.json", json.dumps({"info": info}).encode())
        for blob in blobs.values():
            keep(self.room, f"data/{sha1(blob)[:2]}/{sha1(blob)}", gzip.compress(blob))
        rows = [NewArtifact(name, 0, ":root:" + ROOT.root, "s3", sha1(blob), "t", "c", BY) for name, blob in blobs.items()]
        await self.recorder.add_artifacts("F", self.run_id, step, task, rows)
        await self.recorder.add_metadata("F", self.run_id, step, task, [NewMetadata("attempt_ok", "True", "t", ATTEMPT)])

    def read_values(self) -> None:
        """Do what the server does in the background."""
        values = FlowValues(SqlFlowValues(self.room.database), self.room.flows.web.reader)
        while asyncio.run(values.read_waiting(again=True)):
            pass

    @property
    def told(self) -> tuple[str, str]:
        """Tasks of the run in the list and on its page."""
        listed = self.room.client.get("/flows").text.partition(f'id="row-F-{self.run_id}"')[2]
        row = re.search(r'<td class="num stack-hide">(\d+/\d+)', listed)
        head = re.search(r"<span>(\d+/\d+) tasks?</span>", self.room.client.get(f"/flows/F/{self.run_id}").text)
        assert row is not None and head is not None
        return row[1], head[1]

    @property
    def notes(self) -> dict[str, str]:
        """What stands on the boxes of the graph."""
        drawn = self.room.client.get("/ui/flows/graph", params={"run": f"F/{self.run_id}"}).json()
        return {node["name"]: node["note"] for node in drawn["scopes"]["root"]["nodes"]}


def test_a_running_foreach_says_of_how_many_tasks_it_is(room: Room) -> None:
    run = Run(room)
    run.task("start")
    run.task("fan", _foreach_num_splits=5, _transition=(["work"], None))
    run.read_values()
    assert run.told == ("2/7", "2/7")
    assert {name: run.notes[name] for name in ("work", "polish")} == {"work": "0/5", "polish": "0/5"}
    run.task("work")
    run.task("work", is_over=False)
    assert run.told == ("3/7", "3/7")
    assert run.notes["work"] == "1/5"
    page = room.client.get(f"/flows/F/{run.run_id}").text
    assert re.search(r'/work">work</a></th>.*?<td class="num">2/5</td>', page)
    for _ in range(3):
        run.task("work")
    assert run.told == ("6/7", "6/7")
    run.task("work")  # one more than was told
    assert run.told == ("7/8", "7/8")


def test_what_says_which_steps_follow_is_not_read_when_it_is_large(room: Room) -> None:
    run = Run(room)
    run.task("fan", _foreach_num_splits=5, _transition=(["work"] + [f"step{number}" for number in range(10_000)], None))
    run.read_values()
    assert run.told == ("1/1", "1/1")


def test_tasks_that_began_before_the_number_was_read_are_counted_once(room: Room) -> None:
    run = Run(room)
    run.task("fan", _foreach_num_splits=3, _transition=(["work"], None))
    run.task("work")
    run.task("work")
    assert run.told == ("3/3", "3/3")
    run.read_values()
    run.read_values()
    assert run.told == ("3/4", "3/4")
    run.task("work")
    assert run.told == ("4/4", "4/4")


def test_loops_in_a_loop_add_up_and_a_retried_task_counts_once(room: Room) -> None:
    run = Run(room)
    first = run.task("fan", _foreach_num_splits=2, _transition=(["work"], None))
    run.task("fan", _foreach_num_splits=4, _transition=(["work"], None))
    run.read_values()
    assert run.told == ("2/8", "2/8")

    async def again() -> None:
        await run.recorder.add_metadata("F", run.run_id, "fan", first, [NewMetadata("attempt", "1", "t", Authorship("ada", ("attempt_id:1",), ()))])
        blob = pickle.dumps(3, protocol=4)
        keep(room, f"data/{sha1(blob)[:2]}/{sha1(blob)}", gzip.compress(blob))
        step = pickle.dumps((["work"], None), protocol=4)
        info = {"_foreach_num_splits": {"size": 5, "type": "int"}, "_transition": {"size": 20, "type": "tuple"}}
        keep(room, f"{run.run_id}/fan/{first}/1.data.json", json.dumps({"info": info}).encode())
        rows = [NewArtifact(name, 1, None, "s3", sha1(data), "t", "c", BY) for name, data in (("_foreach_num_splits", blob), ("_transition", step))]
        await run.recorder.add_artifacts("F", run.run_id, "fan", first, rows)

    asyncio.run(again())
    run.read_values()
    assert run.told == ("1/9", "1/9")


@pytest.mark.parametrize(("splits", "transition"), [("many", (["work"], None)), (-4, (["work"], None)), (3, None), (10**30, ([[]], 1)), (3, {"a": 1})])
def test_what_is_no_number_of_tasks_changes_no_count(room: Room, splits: object, transition: object) -> None:
    run = Run(room)
    run.task("fan", _foreach_num_splits=splits, _transition=transition)
    run.read_values()
    assert run.told == ("1/1", "1/1")
