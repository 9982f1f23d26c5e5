"""The tracking use cases over real stores: identity, states, documents, console, files, branches, shared runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.domain.errors import AlreadyExistsError, ConflictError, InvalidArgumentError, NotFoundError
from penstock.domain.ids import Digest, TrackedRunId
from penstock.domain.tracking import RunChange, TrackedRun, TrackedState
from penstock.interfaces.tracking_store import FileRegistration
from penstock.server.tracking import Tracking
from penstock.stores.sql.database import open_database
from penstock.stores.sql.pages_tracking import SqlTrackingPages
from penstock.tracking.filestream import Chunk, StreamMessage
from tests.support import tracking
from tests.support.postgres import fresh_postgres_url
from tests.support.tracking import HandClock, tracking_room


@pytest.fixture(autouse=True, params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test on each kind of database."""
    if request.param == "postgresql":
        url = fresh_postgres_url()
        if url is None:
            pytest.skip("PostgreSQL is not installed")
        monkeypatch.setattr(tracking, "sqlite_url", lambda folder: url)


def rows(*steps: int, **values: Any) -> list[str]:
    return [json.dumps({"_step": step, **values}) for step in steps]


async def post(room: Tracking, name: str, *, writer: str = "", **parts: Any) -> bool:
    return (await room.filestream.post("ann", "p", name, StreamMessage(**parts), writer=writer)).is_stop_requested


async def state_of(room: Tracking, name: str) -> TrackedRun:
    run = await room.runs.get("ann", "p", name)
    assert run is not None
    return run


async def test_an_upsert_creates_project_run_and_names(tmp_path: Path) -> None:
    async with tracking_room(tmp_path) as room:
        first = await room.runs.upsert("ann", None, None, RunChange(), user_name="ann")
        assert first.is_inserted
        assert (first.run.project, first.run.state, len(first.run.name)) == ("uncategorized", TrackedState.RUNNING, 8)
        assert first.run.display_name.endswith("-1")
        second = await room.runs.upsert("ann", "", None, RunChange(display_name="mine"))
        assert second.run.display_name == "mine"
        project = await room.projects.get("ann", None)
        assert project is not None
        assert project.run_count == 2


async def test_runs_are_counted_through_in_each_project_and_keep_their_place(tmp_path: Path) -> None:
    async with tracking_room(tmp_path) as room:
        for project, name in (("p", "a"), ("p", "b"), ("q", "c"), ("p", "d")):
            await room.runs.upsert("ann", project, name, RunChange())
        await room.runs.upsert("ann", "p", "a", RunChange(notes="changed"))
        await room.runs.delete((await state_of(room, "b")).run_id)
        await room.runs.upsert("ann", "p", "e", RunChange())
        assert [(await state_of(room, name)).place for name in "ade"] == [1, 3, 4]
        other = await room.runs.get("ann", "q", "c")
        assert other is not None
        assert other.place == 1


async def test_an_upsert_changes_only_what_is_given(tmp_path: Path) -> None:
    async with tracking_room(tmp_path) as room:
        change = RunChange(tags=["a", "b", "a"], notes="n", group="g/1", job_type="t", config='{"lr":{"value":NaN}}')
        await room.runs.upsert("ann", "p", "r1", change)
        again = await room.runs.upsert("ann", "p", "r1", RunChange(tags=[], display_name="x"))
        run = again.run
        assert not again.is_inserted
        assert (run.tags, run.notes, run.group, run.job_type, run.config) == ((), "n", "g/1", "t", '{"lr":{"value":NaN}}')
        edited = await room.runs.update(run.run_id, RunChange(summary='{"best": 1}'))
        assert (edited.run.summary, edited.run.state) == ('{"best": 1}', TrackedState.RUNNING)


@pytest.mark.parametrize("name", ["a/b", "x:y", "", " ", "q?"])
async def test_a_run_cannot_have_any_name(tmp_path: Path, name: str) -> None:
    async with tracking_room(tmp_path) as room:
        if name == "":
            assert (await room.runs.upsert("ann", "p", name, RunChange())).run.name
            return
        with pytest.raises(InvalidArgumentError):
            await room.runs.upsert("ann", "p", name, RunChange())


async def test_a_document_that_is_no_object_changes_nothing(tmp_path: Path) -> None:
    async with tracking_room(tmp_path) as room:
        for text in ("[1]", "{", '"x"'):
            with pytest.raises(InvalidArgumentError):
                await room.runs.upsert("ann", "p", "r", RunChange(config=text))
        assert await room.runs.get("ann", "p", "r") is None


async def test_streaming_moves_a_run_through_its_states(tmp_path: Path) -> None:
    clock = HandClock()
    async with tracking_room(tmp_path, clock) as room:
        await room.runs.upsert("ann", "p", "r", RunChange(state=TrackedState.PENDING))
        await post(room, "r")
        assert (await state_of(room, "r")).state is TrackedState.RUNNING
        await post(room, "r", history=Chunk(0, rows(0)))
        clock.time += 10
        await post(room, "r", is_complete=True, exit_code=3)
        failed = await state_of(room, "r")
        assert (failed.state, failed.exit_code, failed.finished_at) == (TrackedState.FAILED, 3, clock.time)
        await post(room, "r", uploaded=["a.png"])
        assert (await state_of(room, "r")).state is TrackedState.FAILED
        await room.runs.update(failed.run_id, RunChange(notes="late edit"))
        assert (await state_of(room, "r")).state is TrackedState.FAILED
        await post(room, "r", history=Chunk(1, rows(1)))
        revived = await state_of(room, "r")
        assert (revived.state, revived.finished_at, revived.exit_code) == (TrackedState.RUNNING, None, None)
        await post(room, "r", is_complete=True, exit_code=0)
        assert (await state_of(room, "r")).state is TrackedState.FINISHED


async def test_what_may_be_preempted_was_preempted_when_it_ends_in_error(tmp_path: Path) -> None:
    clock = HandClock()
    async with tracking_room(tmp_path, clock) as room:
        for name in ("marked", "good", "at-once", "silent"):
            await room.runs.upsert("ann", "p", name, RunChange())
        for name in ("marked", "good", "silent"):
            await post(room, name, is_preempting=True)
            assert (await state_of(room, name)).state is TrackedState.PREEMPTING
            await post(room, name, history=Chunk(0, rows(0)))
            assert (await state_of(room, name)).state is TrackedState.RUNNING
        await post(room, "marked", is_complete=True, exit_code=1)
        await post(room, "good", is_complete=True, exit_code=0)
        await post(room, "at-once", is_preempting=True, history=Chunk(0, rows(0)), is_complete=True, exit_code=143)
        preempted = await state_of(room, "marked")
        assert (preempted.state, preempted.exit_code) == (TrackedState.PREEMPTED, 1)
        assert (await state_of(room, "good")).state is TrackedState.FINISHED
        assert (await state_of(room, "at-once")).state is TrackedState.PREEMPTED
        clock.time += 400
        assert (await state_of(room, "silent")).state is TrackedState.PREEMPTED
        await post(room, "marked", history=Chunk(1, rows(1)))
        await post(room, "marked", is_complete=True, exit_code=1)
        assert (await state_of(room, "marked")).state is TrackedState.FAILED  # resumed, it did not say so again


async def test_silence_is_a_crash_and_a_late_heartbeat_undoes_it(tmp_path: Path) -> None:
    clock = HandClock()
    async with tracking_room(tmp_path, clock) as room:
        for name in ("silent", "preempted", "alive"):
            await room.runs.upsert("ann", "p", name, RunChange())
        await post(room, "preempted", is_preempting=True)
        clock.time += 400
        await post(room, "alive")
        assert (await state_of(room, "silent")).state is TrackedState.CRASHED
        assert (await state_of(room, "preempted")).state is TrackedState.PREEMPTED
        assert (await state_of(room, "alive")).state is TrackedState.RUNNING
        await post(room, "silent")
        assert (await state_of(room, "silent")).state is TrackedState.RUNNING


async def test_a_restart_gives_clients_time_to_return(tmp_path: Path) -> None:
    clock = HandClock()
    async with tracking_room(tmp_path, clock) as room:
        await room.runs.upsert("ann", "p", "r", RunChange())
    clock.time += 10_000
    async with tracking_room(tmp_path, clock) as room:
        assert (await state_of(room, "r")).state is TrackedState.RUNNING
        clock.time += 400
        assert (await state_of(room, "r")).state is TrackedState.CRASHED


async def test_a_stop_is_told_until_the_run_is_resumed(tmp_path: Path) -> None:
    async with tracking_room(tmp_path) as room:
        run = (await room.runs.upsert("ann", "p", "r", RunChange())).run
        assert not await post(room, "r")
        await room.runs.stop(run.run_id, by="bob")
        await room.runs.stop(run.run_id, by="eve")
        assert await post(room, "r", history=Chunk(0, rows(0)))
        await post(room, "r", is_complete=True, exit_code=1)
        held = await state_of(room, "r")
        assert (held.is_stop_requested, held.stop_asked_by) == (True, "bob")
        assert held.stop_asked_at is not None
        assert not await post(room, "r", history=Chunk(1, rows(1)))
        held = await state_of(room, "r")
        assert (held.is_stop_requested, held.stop_asked_at, held.stop_asked_by) == (False, None, "")


async def test_a_run_that_has_ended_is_not_said_to_have_been_stopped(tmp_path: Path) -> None:
    async with tracking_room(tmp_path) as room:
        run = (await room.runs.upsert("ann", "p", "r", RunChange())).run
        await post(room, "r", is_complete=True, exit_code=1)
        await room.runs.stop(run.run_id, by="bob")
        held = await state_of(room, "r")
        assert (held.is_stop_requested, held.stop_asked_by) == (False, "")
        with pytest.raises(NotFoundError):
            await room.runs.stop(TrackedRunId(404))


async def test_states_by_hand_follow_the_table(tmp_path: Path) -> None:
    async with tracking_room(tmp_path) as room:
        run = (await room.runs.upsert("ann", "p", "r", RunChange())).run
        assert (await room.runs.update_state(run.run_id, "pending")).state is TrackedState.PENDING
        assert (await room.runs.update_state(run.run_id, "failed")).state is TrackedState.FAILED
        for wrong in ("finished", "failed", "nonsense"):
            with pytest.raises(ConflictError):
                await room.runs.update_state(run.run_id, wrong)


async def test_resume_sees_counts_tails_and_the_next_offset(tmp_path: Path) -> None:
    async with tracking_room(tmp_path) as room:
        run = (await room.runs.upsert("ann", "p", "r", RunChange())).run
        await post(
            room, "r", history=Chunk(0, rows(0, 1, 2, loss=0.5)), events=Chunk(0, ['{"system.cpu": 3}']), console=Chunk(0, ["a", "b"])
        )
        info = await room.runs.info(run.run_id)
        assert (info.history_lines, info.events_lines, info.last_step) == (3, 1, 2)
        assert json.loads(info.history_tail or "") == {"_step": 2, "loss": 0.5}
        assert json.loads(info.events_tail or "") == {"system.cpu": 3}
        assert await room.console.line_count(run.run_id) == 2
        again = await room.runs.upsert("ann", "p", "r", RunChange())
        assert again.info.history_lines == 3


async def test_sending_rows_again_under_new_offsets_keeps_one_row_per_step(tmp_path: Path) -> None:
    async with tracking_room(tmp_path) as room:
        run = (await room.runs.upsert("ann", "p", "r", RunChange())).run
        await post(room, "r", history=Chunk(0, rows(*range(30), loss=1)))
        await post(room, "r", history=Chunk(30, rows(*range(30), loss=2)))
        info = await room.runs.info(run.run_id)
        assert (info.history_lines, info.history_rows) == (60, 30)
        assert await room.history.kinds([run.run_id]) == [{stats.key: stats.counts for stats in info.keys}]
        read = [json.loads(row)["loss"] for row in await room.history.rows(run.run_id, min_step=0, max_step=100)]
        assert read == [2] * 30


@pytest.mark.parametrize(
    "parts",
    [
        {"history": Chunk(0, ['{"_step": 0}', "{broken"])},
        {"history": Chunk(0, ["[1]"])},
        {"history": Chunk(-1, ["{}"])},
        {"summary": "nonsense"},
        {"events": Chunk(0, ["7"])},
    ],
)
async def test_a_malformed_request_stores_nothing(tmp_path: Path, parts: dict[str, Any]) -> None:
    async with tracking_room(tmp_path) as room:
        run = (await room.runs.upsert("ann", "p", "r", RunChange())).run
        good = {"history": Chunk(0, rows(5)), "console": Chunk(0, ["x"]), "summary": '{"a": 1}'}
        with pytest.raises(InvalidArgumentError):
            await post(room, "r", **{**good, **parts})
        info = await room.runs.info(run.run_id)
        assert (info.history_lines, info.events_lines, await room.console.line_count(run.run_id)) == (0, 0, 0)
        assert (await state_of(room, "r")).summary == "{}"


async def test_an_unknown_run_is_not_found(tmp_path: Path) -> None:
    async with tracking_room(tmp_path) as room:
        with pytest.raises(NotFoundError):
            await post(room, "nobody")


async def test_console_lines_are_sparse_and_overwritable_in_both_formats(tmp_path: Path) -> None:
    async with tracking_room(tmp_path) as room:
        run = (await room.runs.upsert("ann", "p", "r", RunChange())).run
        await post(room, "r", console=Chunk(0, ["2026-01-31T12:00:00.123456 [rank0] one\n", "ERROR 2026-01-31T12:00:01 two", "plain"]))
        structured = '{"ts":"2026-01-31T12:00:02.5","content":"100%","level":"error","label":"w"}'
        await post(room, "r", console=Chunk(2, [structured]))
        await post(room, "r", console=Chunk(9, ["late"]))
        page = await room.console.page(run.run_id, first=10)
        seen = [(line.number, line.text, line.level, line.label) for line in page.lines]
        assert seen == [(0, "one", "info", "rank0"), (1, "two", "error", ""), (2, "100%", "error", "w"), (9, "late", "info", "")]
        assert page.lines[0].timestamp == "2026-01-31T12:00:00.123456"
        assert (page.line_count, page.has_next) == (10, False)
        assert [line.number for line in (await room.console.page(run.run_id, last=2)).lines] == [2, 9]
        middle = await room.console.page(run.run_id, first=1, after=0)
        assert ([line.number for line in middle.lines], middle.has_next) == ([1], True)
        assert [line.number for line in await room.console.search(run.run_id, "TW")] == [1]


async def test_lines_of_one_label_of_a_shared_run_are_read_searched_and_counted_alone(tmp_path: Path) -> None:
    def lines(rank: int, *texts: str) -> list[str]:
        return [json.dumps({"content": text, "level": "info", "label": f"rank{rank}"}) for text in texts]

    async with tracking_room(tmp_path) as room:
        run = (await room.runs.upsert("ann", "p", "r", RunChange(), client_id="w0")).run
        assert await room.console.labels(run.run_id) == []
        await post(room, "r", writer="w10", console=Chunk(0, lines(10, "loss 1")))
        for number in range(3):  # the two take turns: numbers 1, 3, 5 and 2, 4, 6
            await post(room, "r", writer="w0", console=Chunk(number, lines(0, f"loss {number}")))
            await post(room, "r", writer="w2", console=Chunk(number, lines(2, f"accuracy {number}")))
        await post(room, "r", writer="again", console=Chunk(0, lines(0, "loss after a restart")))
        await post(room, "r", writer="w2", console=Chunk(3, lines(2, "rank0 was here")))
        assert await room.console.labels(run.run_id) == ["rank0", "rank2", "rank10"]
        alone = await room.console.page(run.run_id, first=10, label="rank0")
        assert [line.number for line in alone.lines] == [1, 3, 5, 7]
        assert {line.label for line in alone.lines} == {"rank0"}
        assert (alone.line_count, alone.has_next) == (8, False)
        part = await room.console.page(run.run_id, first=2, after=1, label="rank0")
        assert ([line.number for line in part.lines], part.has_next) == ([3, 5], True)
        end = await room.console.page(run.run_id, last=2, label="rank0")
        assert ([line.number for line in end.lines], end.has_previous) == ([5, 7], True)
        earlier = await room.console.page(run.run_id, last=2, before=5, label="rank0")
        assert ([line.number for line in earlier.lines], earlier.has_next, earlier.has_previous) == ([1, 3], True, False)
        assert [line.number for line in await room.console.search(run.run_id, "LOSS", label="rank0")] == [1, 3, 5, 7]
        assert [line.number for line in await room.console.search(run.run_id, "rank0", label="rank2")] == [8]
        assert await room.console.search(run.run_id, "loss", label="rank2") == []
        nobody = await room.console.page(run.run_id, first=10, label="rank1")
        assert (nobody.lines, nobody.line_count) == ([], 0)
        assert await room.console.search(run.run_id, "loss", label="rank1") == []
        assert [line.number for line in (await room.console.page(run.run_id)).lines] == list(range(9))


async def test_files_are_listed_by_name_pattern_and_page(tmp_path: Path) -> None:
    async with tracking_room(tmp_path) as room:
        run = (await room.runs.upsert("ann", "p", "r", RunChange())).run
        for name in ("config.yaml", "media/images/a b.png", "media/x_1.json", "z.txt"):
            await room.files.register(run, FileRegistration(f"./{name}", Digest(f"sha256:{name}"), 3, "00"))
        await room.files.register(run, FileRegistration("z.txt", Digest("sha256:new"), 9, "11"))
        assert await room.files.count(run.run_id) == 4
        page = await room.files.list(run.run_id, limit=3)
        assert page.has_next
        assert [file.name for file in (await room.files.list(run.run_id, after=page.files[-1].name)).files] == ["z.txt"]
        assert [file.name for file in (await room.files.list(run.run_id, pattern="media/%")).files] == [
            "media/images/a b.png",
            "media/x_1.json",
        ]
        asked = await room.files.list(run.run_id, names=["./z.txt", "missing", "media/images/a b.png"])
        assert [(file.name, file.size_bytes, file.updated_at is None) for file in asked.files] == [
            ("z.txt", 9, False), ("missing", 0, True), ("media/images/a b.png", 3, False),
        ]  # fmt: skip
        assert len(await room.files.delete([asked.files[0].file_id, 12345])) == 1
        for bad in ("../x", "/etc/passwd", "a/../../b", "a/..", ""):
            with pytest.raises(InvalidArgumentError):
                await room.files.get(run.run_id, bad)


async def test_files_of_several_runs_are_found_by_names_and_beginnings_at_once(tmp_path: Path) -> None:
    async with tracking_room(tmp_path) as room:
        ids = []
        for place in range(3):
            run = (await room.runs.upsert("ann", "p", f"r{place}", RunChange())).run
            ids.append(run.run_id)
            for name in ("code/b.py", "code/a.py", "codex.txt", "requirements.txt", "media/code/x.py")[: 2 + place]:
                await room.files.register(run, FileRegistration(name, Digest(f"sha256:{place}{name}"), 3, "00"))
        found = await room.files.of_runs([*ids[1:], ids[0], 77], names=["requirements.txt", "none"], beginnings=["code/", "x_"])
        names = {run_id: [file.name for file in files] for run_id, files in found.items()}
        assert names == {ids[0]: ["code/a.py", "code/b.py"], ids[1]: ["code/a.py", "code/b.py"], ids[2]: ["code/a.py", "code/b.py", "requirements.txt"]}
        few = await room.files.of_runs(ids, names=["requirements.txt"], beginnings=["code/"], per_run=1)
        assert [[file.name for file in files] for files in few.values()] == [["code/a.py"]] * 3
        assert await room.files.of_runs([], names=["requirements.txt"]) == {}


async def test_what_clients_logged_in_tasks_of_several_runs_is_read_at_once_so_many_of_each(tmp_path: Path) -> None:
    database = open_database(tracking.sqlite_url(tmp_path))
    async with tracking_room(tmp_path, HandClock(), database) as room:
        marked = "UPDATE tracked_run SET pipeline_run_id = ?, is_automatic = ? WHERE run_id = ?"
        for place in range(6):
            run = (await room.runs.upsert("ann", "p", f"r{place}", RunChange(config='{"a": {"value": 1}}'))).run
            values = (f"pipe-{place % 2}", int(place == 4), run.run_id)
            await database.write(lambda tx, values=values: tx.execute(marked, values))
        pages = SqlTrackingPages(database)
        runs, counts = await pages.logged_by_tasks_of(["pipe-1", "pipe-0", "none"], per_run=2)
        assert [run.name for run in runs] == ["r0", "r2", "r1", "r3"]
        assert counts == {"pipe-0": 2, "pipe-1": 3}
        assert json.loads(runs[0].config) == {"a": {"value": 1}}
        assert await pages.logged_by_tasks_of([], per_run=2) == ((), {})
    database.close()


async def test_a_fork_copies_history_and_a_rewind_cuts_it(tmp_path: Path) -> None:
    async with tracking_room(tmp_path) as room:
        parent = (await room.runs.upsert("ann", "p", "parent", RunChange())).run
        await post(room, "parent", history=Chunk(0, rows(*range(10), loss=1.5)))
        point = json.dumps({"_wandb": {"value": {"branch_point": {"run_id": "parent", "step": 4}}}})
        child = await room.runs.upsert("ann", "p", "child", RunChange(config=point))
        assert (child.info.history_lines, child.info.last_step) == (5, 4)
        await post(room, "child", history=Chunk(5, rows(5, 6, loss=2.5)))
        read = [json.loads(row)["loss"] for row in await room.history.rows(child.run.run_id)]
        assert read == [1.5] * 5 + [2.5] * 2
        rewound = await room.runs.rewind("ann", "p", "parent", last_step=2)
        assert (rewound.info.history_lines, rewound.info.history_rows) == (3, 3)
        await post(room, "parent", history=Chunk(3, rows(3, loss=9)))
        assert [json.loads(row)["_step"] for row in await room.history.rows(parent.run_id)] == [0, 1, 2, 3]
        with pytest.raises(NotFoundError):
            await room.runs.upsert("ann", "p", "orphan", RunChange(config=point.replace("parent", "nobody")))
        assert await room.runs.get("ann", "p", "orphan") is None


async def test_a_rewind_survives_a_restart(tmp_path: Path) -> None:
    async with tracking_room(tmp_path) as room:
        run = (await room.runs.upsert("ann", "p", "r", RunChange())).run
        await post(room, "r", history=Chunk(0, rows(*range(10))))
        await room.runs.rewind("ann", "p", "r", last_step=3)
        await post(room, "r", history=Chunk(4, rows(4)))
    async with tracking_room(tmp_path) as room:
        assert [json.loads(row)["_step"] for row in await room.history.rows(run.run_id)] == [0, 1, 2, 3, 4]


async def test_several_writers_share_a_run(tmp_path: Path) -> None:
    async with tracking_room(tmp_path) as room:
        run = (await room.runs.upsert("ann", "p", "r", RunChange(config='{"a":{"value":1}}'), client_id="w1")).run
        await room.runs.upsert("ann", "p", "r", RunChange(config='{"b":{"value":2}}'), client_id="w2")
        for writer in ("w1", "w2", "w1"):  # the third repeats the first
            await post(
                room, "r", writer=writer, history=Chunk(0, rows(0, 1, **{writer: 1})), console=Chunk(0, [f"{writer} says"]),
                summary=json.dumps({writer: 1}), events=Chunk(0, [json.dumps({"cpu": writer})]),
            )  # fmt: skip
        await post(room, "r", writer="w1", history=Chunk(2, rows(2, w1=5)))
        read = [json.loads(row) for row in await room.history.rows(run.run_id)]
        assert [row["_step"] for row in read] == [0, 1, 2, 3, 4]
        assert [sum("w1" in row for row in read), sum("w2" in row for row in read)] == [3, 2]
        assert [line.text for line in (await room.console.page(run.run_id)).lines] == ["w1 says", "w2 says"]
        assert len(await room.history.events(run.run_id)) == 2
        stored = await state_of(room, "r")
        assert json.loads(stored.summary) == {"w1": 1, "w2": 1}
        assert json.loads(stored.config) == {"a": {"value": 1}, "b": {"value": 2}}
        await post(room, "r", writer="w1", is_complete=True, exit_code=0)
        assert (await state_of(room, "r")).state is TrackedState.RUNNING
        await post(room, "r", writer="w2", is_complete=True, exit_code=0)
        assert (await state_of(room, "r")).state is TrackedState.FINISHED


@pytest.mark.parametrize(("code", "end"), [(0, TrackedState.FINISHED), (1, TrackedState.FAILED)])
async def test_a_writer_that_goes_without_a_word_does_not_keep_a_shared_run_open(tmp_path: Path, code: int, end: TrackedState) -> None:
    clock = HandClock()
    async with tracking_room(tmp_path, clock) as room:
        for name in ("early", "late", "open"):
            await room.runs.upsert("ann", "p", name, RunChange(), client_id="w1")
            await post(room, name, writer="w2", history=Chunk(0, rows(0)))
        clock.time += 290
        for name in ("late", "open"):
            await post(room, name, writer="w2", history=Chunk(1, rows(1)))
        for name in ("early", "late"):
            await post(room, name, writer="w1", is_complete=True, exit_code=code)
        assert (await state_of(room, "early")).state is end
        assert (await state_of(room, "late")).state is TrackedState.RUNNING
        clock.time += 61
        await room.runs.judge_silent()
        stored = await state_of(room, "late")
        assert (stored.state, stored.exit_code) == (end, code)
        assert (await state_of(room, "open")).state is TrackedState.RUNNING


@pytest.mark.parametrize("first", ["decides", "leaves"])
async def test_a_writer_without_a_say_is_done_with_its_last_summary(tmp_path: Path, first: str) -> None:
    """`x_update_finish_state=False`: such a writer never completes, but its last summary tells whole seconds."""
    last: dict[str, dict[str, Any]] = {
        "decides": {"history": Chunk(1, rows(1)), "summary": '{"a":1,"_runtime":2}', "is_complete": True, "exit_code": 3},
        "leaves": {"history": Chunk(1, rows(1)), "summary": '{"b":1,"_runtime":2}'},
    }
    second = "leaves" if first == "decides" else "decides"
    async with tracking_room(tmp_path) as room:
        for name in last:
            await room.runs.upsert("ann", "p", "r", RunChange(), client_id=name)
            await post(room, "r", writer=name, history=Chunk(0, rows(0)), summary='{"c":1,"_runtime":1.25,"_wandb":{"runtime":1}}')
        await post(room, "r", writer=first, **last[first])
        await post(room, "r", writer=first, uploaded=["config.yaml"])
        assert (await state_of(room, "r")).state is TrackedState.RUNNING
        await post(room, "r", writer=second, **last[second])
        stored = await state_of(room, "r")
        assert (stored.state, stored.exit_code) == (TrackedState.FAILED, 3)
        await post(room, "r", writer="leaves", summary='{"b":2}')
        assert (await state_of(room, "r")).state is TrackedState.FAILED


async def test_deleting_is_complete_and_repeatable(tmp_path: Path) -> None:
    async with tracking_room(tmp_path) as room:
        run = (await room.runs.upsert("ann", "p", "r", RunChange(tags=["t"], config='{"a":{"value":1}}'))).run
        await post(room, "r", history=Chunk(0, rows(0)), console=Chunk(0, ["x"]), is_complete=True, exit_code=0)
        await room.runs.delete(run.run_id)
        await room.runs.delete(run.run_id)
        assert await room.runs.get("ann", "p", "r") is None
        assert (await room.runs.info(run.run_id)).history_lines == 0
        fresh = (await room.runs.upsert("ann", "p", "r", RunChange())).run
        assert (fresh.tags, fresh.config, (await room.runs.info(fresh.run_id)).history_lines) == ((), "{}", 0)
    async with tracking_room(tmp_path) as room:
        assert (await room.runs.info(run.run_id)).history_rows == 0


async def test_projects_are_listed_renamed_and_deleted(tmp_path: Path) -> None:
    async with tracking_room(tmp_path) as room:
        for name in ("b", "a", "c"):
            await room.runs.upsert("ann", name, "r", RunChange())
        found, has_next = await room.projects.list("ann", limit=2)
        assert ([project.name for project in found], has_next) == (["a", "b"], True)
        with pytest.raises(AlreadyExistsError):
            await room.projects.rename(found[0].project_id, "b")
        renamed = await room.projects.rename(found[0].project_id, "z")
        assert (await room.runs.get("ann", "z", "r")) is not None
        await room.projects.delete(renamed.project_id)
        await room.projects.delete(renamed.project_id)
        assert await room.projects.get("ann", "z") is None
        changed, is_new = await room.projects.upsert("ann", "b", description="text", settings={"access": "USER_READ"})
        assert (is_new, changed.description, changed.settings) == (False, "text", {"access": "USER_READ"})


async def test_a_search_reads_ends_of_consoles_and_the_newest_runs_of_all_projects(tmp_path: Path) -> None:
    database = open_database(tracking.sqlite_url(tmp_path), synchronous="OFF")
    async with tracking_room(tmp_path, database=database) as room:
        run = (await room.runs.upsert("ann", "p", "r", RunChange(tags=["a"]))).run
        other = (await room.runs.upsert("bob", "q", "s", RunChange())).run
        await post(room, "r", console=Chunk(0, [f"line {number:04}" for number in range(2500)]))
        ends = await room.console.ends(run.run_id, characters=18_000, per_line=100)
        assert ([line.number for line in ends.lines], ends.size) == (list(range(500, 2500)), 18_000)
        ends = await room.console.ends(run.run_id, characters=30, per_line=6)
        assert ([line.text for line in ends.lines], ends.size) == (["line 2"] * 5, 30)
        assert (await room.console.ends(other.run_id, characters=10, per_line=10)).lines == []
        pages = SqlTrackingPages(database)
        newest = await pages.newest_runs(below=None, limit=5)
        assert [(one.entity, one.project, one.name, one.tags) for one in newest] == [("bob", "q", "s", ()), ("ann", "p", "r", ("a",))]
        assert [one.run_id for one in await pages.newest_runs(below=other.run_id, limit=5)] == [run.run_id]
    database.close()
