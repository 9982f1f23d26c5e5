"""Every pipeline task has a tracked run; the first run that its own program creates is that one."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.ids import ArtifactId, TaskId
from penstock.domain.plan import RunPlan
from penstock.domain.tracking import RunChange, TrackedRun, TrackedState
from penstock.server.clock import SystemIds
from penstock.server.tracking import Tracking, build_task_keys, build_task_projection
from penstock.stores.sql.database import open_database
from penstock.stores.sql.pages_tracking import SqlTrackingPages
from penstock.testing.scripted_executor import WAIT, Outcome, failing
from penstock.tracking.filestream import Chunk, StreamMessage
from tests.support.engines import Engine
from tests.support.plans import const, flat, leaf, task
from tests.support.tracking import HandClock, tracking_room


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[tuple[Engine, Tracking]]:
    """An engine whose tasks are tracked, and the tracking room over the same database."""
    database = open_database(f"sqlite:///{tmp_path / 'penstock.db'}", synchronous="NORMAL")
    engine = Engine(database)
    await engine.start()
    engine.journal.add_projection(build_task_projection(SystemIds(), entity="ann"))
    async with tracking_room(tmp_path, HandClock(), database) as room:
        yield engine, room
        await engine.stop()
    database.close()


async def run_of(room: Tracking, engine: Engine, key: str) -> TrackedRun:
    """Return the only tracked run of a task."""
    task_id = TaskId(engine.tasks()[f"root/{key}"]["task_id"])
    (run,) = (await room.runs.of_tasks([task_id]))[task_id]
    return run


def pipeline(**fields: Any) -> RunPlan:
    return flat(
        task("train", "trainer", parameters={"lr": const(0.1), "opt": const({"k": [1]})}, **fields),
        templates=[leaf("trainer", inputs=["lr", "opt"], outputs=["acc", "model"], output_artifacts=["metrics"])],
    )


async def test_a_task_without_a_decorator_is_tracked(parts: tuple[Engine, Tracking]) -> None:
    engine, room = parts
    metrics = ArtifactRef(ArtifactId(1), "metrics", ArtifactType("system.Metrics"), "minio://x", {"f1": 0.5, "acc": 2, "note": "x" * 2000})
    engine.executor.scripts["train"] = [Outcome(parameters={"acc": 0.9, "model": {"a": 1}}, artifacts={"metrics": (metrics,)})]
    await engine.run(pipeline())
    run = await run_of(room, engine, "train")
    assert (run.state, run.exit_code, run.is_automatic, run.group, run.job_type) == (
        TrackedState.FINISHED,
        0,
        True,
        "name of run-1",
        "trainer",
    )
    assert json.loads(run.config) == {"lr": {"value": 0.1}, "opt": {"value": {"k": [1]}}}
    assert json.loads(run.summary) == {"acc": 0.9, "f1": 0.5, "metrics.acc": 2}
    project = await room.projects.get("ann", run.project)
    assert project is not None
    found = await room.runs.list(project, filters=json.dumps({"config.lr": 0.1, "summary_metrics.f1": {"$gt": 0.4}}))
    assert [entry.run.run_id for entry in found.entries] == [run.run_id]


async def test_text_that_no_database_holds_is_tracked_with_a_sign_in_its_place(parts: tuple[Engine, Tracking]) -> None:
    engine, room = parts
    engine.executor.scripts["train"] = [Outcome(parameters={"acc": "half \ud83d, nul \x00", "model": {"\ud83d": "\ud83d"}})]
    await engine.run(pipeline())
    run = await run_of(room, engine, "train")
    assert run.state is TrackedState.FINISHED
    assert json.loads(run.summary) == {"acc": "half ?, nul \x00"}
    config = json.dumps({"\ud83d key": {"value": "\ud83d"}, "n": {"value": 10**400}})
    other = (await room.runs.upsert("ann", run.project, "other", RunChange(config=config, summary='{"\\ud83d": 1}'), user_name="ann")).run
    await room.runs.refresh_index()
    project = await room.projects.get("ann", run.project)
    assert project is not None
    found = await room.runs.list(project, filters=json.dumps({"config.? key": "?"}))
    assert [entry.run.run_id for entry in found.entries] == [other.run_id]


async def test_logs_and_use_of_a_task_are_read_like_a_clients(parts: tuple[Engine, Tracking], tmp_path: Path) -> None:
    engine, room = parts
    await engine.run(pipeline())
    run, row = await run_of(room, engine, "train"), engine.tasks()["root/train"]
    assert (await room.console.page(run.run_id)).lines == []
    log = tmp_path / "runs" / row["run_id"] / row["task_id"] / str(row["attempts"] - 1) / "log"
    log.parent.mkdir(parents=True)
    log.write_bytes("\n".join(f"line {i}" for i in range(10)).encode() + b"\n\xff\n")
    detail = json.dumps({"usage": {"cpu_seconds": 0.5, "max_rss_bytes": 7}})
    engine.database.write_sync(lambda tx: tx.execute("UPDATE task SET detail = ? WHERE task_id = ?", (detail, row["task_id"])))
    log.with_name("log.stderr").write_bytes(struct.pack("<QQ", 7, 14))  # the second line
    assert [line.level for line in (await room.console.page(run.run_id, first=4)).lines] == ["info", "error", "info", "info"]
    page = await room.console.page(run.run_id, first=3, after=4)
    assert ([line.text for line in page.lines], page.has_next, page.line_count) == (["line 5", "line 6", "line 7"], True, 11)
    page = await room.console.page(run.run_id, last=2)
    assert ([(line.number, line.text) for line in page.lines], page.has_next, page.has_previous) == ([(9, "line 9"), (10, "\ufffd")], False, True)
    page = await room.console.page(run.run_id, last=2, before=3)
    assert ([line.number for line in page.lines], page.has_next) == ([1, 2], True)
    assert [line.number for line in await room.console.search(run.run_id, "LINE 8")] == [8]
    [use] = map(json.loads, await room.history.events(run.run_id))
    assert (use["system.task.cpu_seconds"], use["system.task.max_rss_bytes"], use["_wandb"]) == (0.5, 7, True)
    await room.runs.upsert("ann", run.project, "mine", RunChange(), task_id=TaskId(row["task_id"]))  # a client takes the record over
    assert (await room.console.page(run.run_id)).lines == []


async def test_a_failed_task_is_a_failed_run(parts: tuple[Engine, Tracking]) -> None:
    engine, room = parts
    engine.executor.scripts["train"] = [failing("bad")]
    await engine.run(pipeline())
    assert (await run_of(room, engine, "train")).state is TrackedState.FAILED


async def test_the_first_run_of_a_task_s_program_takes_over_its_record(parts: tuple[Engine, Tracking]) -> None:
    engine, room = parts
    engine.executor.scripts["train"] = [WAIT]
    await engine.submit(pipeline())
    await engine.settled()
    automatic = await run_of(room, engine, "train")
    assert (automatic.state, automatic.is_automatic) == (TrackedState.RUNNING, True)
    own = await room.runs.upsert("ann", "mine", "abc", RunChange(config='{"seed":{"value":3}}', group="g"), task_id=automatic.task_id)
    assert own.is_inserted
    assert (own.run.run_id, own.run.name, own.run.project, own.run.is_automatic) == (automatic.run_id, "abc", "mine", False)
    assert own.run.pipeline_run_id == "run-1"
    assert json.loads(own.run.config) == {"lr": {"value": 0.1}, "opt": {"value": {"k": [1]}}, "seed": {"value": 3}}
    again = await room.runs.upsert("ann", "mine", "abc", RunChange(config='{"seed":{"value":4}}'), task_id=automatic.task_id)
    assert not again.is_inserted
    assert json.loads(again.run.config)["lr"] == {"value": 0.1}
    second = await room.runs.upsert("ann", "mine", "def", RunChange(), task_id=automatic.task_id)
    assert (second.run.run_id != automatic.run_id, second.run.task_id) == (True, automatic.task_id)
    await room.filestream.post("ann", "mine", "abc", StreamMessage(history=Chunk(0, ['{"acc": 0.7}']), summary='{"acc": 0.7}'))
    assert json.loads((await room.history.rows(automatic.run_id))[0]) == {"acc": 0.7}


async def test_a_run_knows_where_its_tracked_runs_are(parts: tuple[Engine, Tracking]) -> None:
    engine, room = parts
    await engine.run(pipeline())
    await engine.run(flat(task("one"), task("two")), "run-2")
    run = await run_of(room, engine, "train")
    await room.runs.upsert("ann", "mine", "abc", RunChange(), task_id=run.task_id)
    pages = SqlTrackingPages(engine.database)
    assert [(one.project, one.run_id, one.count) for one in await pages.tracking_of(["run-1"])] == [("mine", "run-1", 1)]
    both = await pages.tracking_of(["run-2", "run-1", "none"])
    assert [(one.run_id, one.count) for one in both] == [("run-2", 2), ("run-1", 1)]


def test_a_task_key_opens_for_its_task_only(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'penstock.db'}", synchronous="OFF")
    keys = build_task_keys(database, b"secret", user_name="ann")
    task_id = TaskId("01234567-89ab-5def-8123-456789abcdef")
    text = keys.key_of(task_id)
    assert len(text) == 40
    assert keys.recognise(text) is None
    database.write_sync(
        lambda tx: tx.execute(
            "INSERT INTO task (task_id, run_id, execution_id, path, task_key, display_name, type, state, created_at) "
            "VALUES (?, 'run-1', 1, 'root/a', 'a', 'a', 'RUNTIME', 'RUNNING', 0)",
            (task_id,),
        )
    )
    key = keys.recognise(text)
    assert key is not None
    assert (key.user_name, key.scope) == ("ann", {"run_id": "run-1", "task_id": task_id})
    assert keys.recognise(text[:-1] + ("0" if text[-1] != "0" else "1")) is None
    assert build_task_keys(database, b"other", user_name="ann").recognise(text) is None
    database.write_sync(lambda tx: tx.execute("UPDATE task SET finished_at = 100.0"))
    ended = keys.recognise(text)
    assert ended is not None
    assert (ended.is_valid_at(200.0), ended.is_valid_at(time.time())) == (True, False)
    database.close()
