"""The driver on a real database: durability, recovery, progress, retry, cancel."""

from __future__ import annotations

import json

import pytest

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.errors import AlreadyExistsError, ConflictError, NotFoundError
from penstock.domain.execution import AttemptKey, FailureKind
from penstock.domain.expr import Const
from penstock.domain.ids import ArtifactId, Digest, RunId
from penstock.domain.plan import ImporterWork, LeafTemplate, RetryPolicy, RunPlan, TriggerRule
from penstock.domain.runs import RunChanged
from penstock.engine import events
from penstock.interfaces.journal import TaskRecord
from penstock.stores.sql.database import Transaction
from penstock.testing.scripted_executor import WAIT, Outcome, failing
from tests.support.engines import Engine
from tests.support.plans import const, flat, graph, leaf, new_run, output, plan, task


async def test_a_chain_runs_in_order_and_passes_values(engine: Engine) -> None:
    engine.executor.scripts["a"] = Outcome(parameters={"out": 5})
    templates = [leaf("maker", outputs=["out"]), leaf("taker", inputs=["x"])]
    row = await engine.run(flat(task("a", "maker"), task("b", "taker", parameters={"x": output("a", "out")}), templates=templates))
    assert row["state"] == "SUCCEEDED"
    assert engine.executor.launched() == ["root/a", "root/b"]
    assert engine.executor.requests[1].parameters == {"x": 5}
    assert json.loads(engine.tasks()["root/b"]["inputs"])["producers"] == {"x": {"task": "a", "path": "root/a", "key": "out"}}


async def test_a_failed_task_fails_the_run_and_skips_what_depends_on_it(engine: Engine) -> None:
    engine.executor.scripts["a"] = failing("boom")
    row = await engine.run(flat(task("a"), task("b", after=["a"])))
    assert row["state"] == "FAILED"
    assert json.loads(row["error"]) == {"code": 9, "message": "`a` failed: boom"}
    assert engine.states() == {"root": "FAILED", "a": "FAILED", "b": "SKIPPED"}


async def test_state_history_progress_and_version_are_kept(engine: Engine) -> None:
    row = await engine.run(flat(task("a"), task("b", after=["a"])))
    assert [entry["state"] for entry in json.loads(row["state_history"])] == ["PENDING", "RUNNING", "SUCCEEDED"]
    assert (row["task_count"], row["done_count"], row["failed_count"], row["cached_count"]) == (2, 2, 0, 0)
    versions = [event.version for event in engine.notifier.events if isinstance(event, RunChanged)]
    assert versions == sorted(versions)
    assert row["version"] == versions[-1] > 0
    assert row["finished_at"] is not None


async def test_a_run_id_is_taken_once(engine: Engine) -> None:
    run = await engine.submit(flat(task("a")))
    with pytest.raises(AlreadyExistsError):
        await engine.driver.submit(run)


async def test_a_hook_that_raises_prevents_the_run(engine: Engine) -> None:
    def refuse(tx: Transaction) -> None:
        tx.execute("INSERT INTO server_setting (name, value) VALUES ('seen', 'yes')")
        raise ConflictError("already fired")

    with pytest.raises(ConflictError):
        await engine.driver.submit(new_run("run-9"), plan=flat(task("a")), hook=refuse)
    assert engine.rows("SELECT * FROM run") == []
    assert engine.rows("SELECT * FROM server_setting WHERE name = 'seen'") == []


async def test_a_run_whose_spec_is_unknown_is_refused(engine: Engine) -> None:
    with pytest.raises(NotFoundError):
        await engine.driver.submit(new_run("run-9", spec_digest="sha256:none"))


async def test_a_restarted_server_adopts_running_attempts_and_repeats_none(engine: Engine) -> None:
    engine.scripts.update({"a": WAIT, "b": WAIT})
    await engine.stop()
    await engine.start()
    await engine.submit(flat(task("a"), task("b"), task("c", after=["a", "b"])))
    await engine.settled()
    engine.executor.release("a")
    await engine.settled()
    await engine.stop()

    await engine.start()
    assert [key.attempt for key in engine.executor.adopted] == [0]
    assert engine.executor.launched() == []
    engine.executor.release("root/b")
    row = await engine.finished()
    assert row["state"] == "SUCCEEDED"
    assert engine.executor.launched() == ["root/c"]
    assert [task["attempts"] for path, task in engine.tasks().items() if path != "root"] == [1, 1, 1]


async def test_an_attempt_that_was_stored_but_never_launched_is_launched_by_the_next_server(engine: Engine) -> None:
    engine.scripts["a"] = WAIT
    await engine.stop()
    await engine.start()
    await engine.submit(flat(task("a")))
    await engine.settled()
    await engine.stop()
    engine.world.clear()
    engine.scripts["a"] = Outcome()

    await engine.start()
    row = await engine.finished()
    assert row["state"] == "SUCCEEDED"
    assert [request.key.attempt for request in engine.executor.requests] == [0]


async def test_a_run_that_was_stored_but_not_begun_is_driven_by_the_next_server(engine: Engine) -> None:
    await engine.submit(flat(task("a")), "other")
    run = new_run("run-1", spec_digest="sha256:plan-0")
    await engine.journal.create(run, events.to_record(run.run_id, 0, events.RunSubmitted(run.created_at)))
    await engine.stop()

    await engine.start()
    row = await engine.finished()
    assert row["state"] == "SUCCEEDED"
    assert engine.states() == {"root": "SUCCEEDED", "a": "SUCCEEDED"}


async def test_a_lost_attempt_is_run_again_by_the_system_with_a_visible_reason(engine: Engine) -> None:
    lost = failing("the server was killed", kind=FailureKind.LOST, exit_code=None)
    engine.executor.scripts["a"] = [lost, Outcome()]
    row = await engine.run(flat(task("a")))
    assert row["state"] == "SUCCEEDED"
    assert [request.user_retry_index for request in engine.executor.requests] == [0, 0]
    notes = [note["text"] for note in engine.rows("SELECT text FROM task_note ORDER BY seq")]
    assert notes == ["attempt 1 was lost and is run again by the system (1 of 3): the server was killed"]


async def test_a_retry_waits_for_its_time_also_over_a_restart(engine: Engine) -> None:
    engine.scripts["a"] = [failing("exit code 1"), Outcome()]
    await engine.stop()
    await engine.start()
    policy = RetryPolicy(max_retries=1, backoff_seconds=20)
    await engine.submit(flat(task("a", retry=policy), task("b", after=["a"])))
    await engine.settled()
    assert engine.tasks()["root/b"]["reason"] == "waiting for `a` attempt 2, retry in 20 s"
    assert engine.tasks()["root/a"]["reason"] == "waiting for attempt 2, retry in 20 s; exit code 1"
    await engine.stop()

    await engine.start()
    engine.clock.advance(19)
    await engine.settled()
    assert engine.executor.requests == []
    engine.clock.advance(1)
    row = await engine.finished()
    assert row["state"] == "SUCCEEDED"
    assert engine.executor.requests[0].user_retry_index == 1
    attempts = engine.rows("SELECT attempt, state FROM attempt WHERE task_id = ? ORDER BY attempt", engine.tasks()["root/a"]["task_id"])
    assert [(attempt["attempt"], attempt["state"]) for attempt in attempts] == [(0, "FAILED"), (1, "SUCCEEDED")]


async def test_a_paused_run_stays_paused_over_a_restart_and_then_goes_on(engine: Engine) -> None:
    engine.scripts["a"] = WAIT
    await engine.stop()
    await engine.start()
    await engine.submit(flat(task("a"), task("b", after=["a"])))
    await engine.settled()
    await engine.driver.pause(RunId("run-1"), reason="paused by user")
    await engine.stop()
    await engine.start()
    engine.executor.release("a")
    await engine.settled()
    assert engine.executor.launched() == []
    assert engine.rows("SELECT state FROM run")[0]["state"] == "PAUSED"
    assert engine.states()["root"] == "PAUSED"
    await engine.driver.unpause(RunId("run-1"))
    row = await engine.finished()
    assert (row["state"], engine.states()["b"]) == ("SUCCEEDED", "SUCCEEDED")
    assert [entry["state"] for entry in json.loads(row["state_history"])] == ["PENDING", "RUNNING", "PAUSED", "RUNNING", "SUCCEEDED"]


async def test_cancel_ends_attempts_and_runs_exit_tasks(engine: Engine) -> None:
    engine.executor.scripts["a"] = WAIT
    exits = task("bye", after=["a"], trigger=TriggerRule.ALL_DONE, is_exit=True)
    await engine.submit(flat(task("a"), task("b", after=["a"]), exits))
    await engine.settled()
    await engine.driver.cancel(RunId("run-1"), reason="terminated by user")
    row = await engine.finished()
    assert row["state"] == "CANCELED"
    assert json.loads(row["error"]) == {"code": 1, "message": "terminated by user"}
    assert engine.states() == {"root": "CANCELED", "a": "CANCELED", "b": "CANCELED", "bye": "SUCCEEDED"}
    assert [entry["state"] for entry in json.loads(row["state_history"])] == ["PENDING", "RUNNING", "CANCELING", "CANCELED"]
    assert [reason for _, reason in engine.executor.canceled] == ["terminated by user"]
    assert engine.executor.requests[-1].run_status == "Failed"


async def test_an_exit_task_that_takes_too_long_after_a_cancel_is_stopped(engine: Engine) -> None:
    engine.executor.scripts.update({"a": WAIT, "bye": WAIT})
    exits = task("bye", after=["a"], trigger=TriggerRule.ALL_DONE, is_exit=True)
    await engine.submit(flat(task("a"), exits))
    await engine.settled()
    await engine.driver.cancel(RunId("run-1"))
    await engine.settled()
    engine.clock.advance(301)
    row = await engine.finished()
    assert row["state"] == "CANCELED"
    assert engine.states()["bye"] == "CANCELED"


async def test_a_fault_while_commands_are_performed_does_not_stop_other_runs(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no such process group")

    engine.executor.scripts["a"] = WAIT
    await engine.submit(flat(task("a")))
    await engine.settled()
    with monkeypatch.context() as patch:
        patch.setattr(engine.executor, "cancel", fail)
        await engine.driver.cancel(RunId("run-1"))
        await engine.settled()
    assert engine.run_row()["state"] == "CANCELING"
    assert (await engine.run(flat(task("b")), "run-2"))["state"] == "SUCCEEDED"


async def test_canceling_a_run_that_has_ended_leaves_it_alone(engine: Engine) -> None:
    row = await engine.run(flat(task("a")))
    await engine.driver.cancel(RunId("run-1"))
    assert engine.run_row()["version"] == row["version"]


async def test_the_deadline_of_a_run_fails_it(engine: Engine) -> None:
    engine.executor.scripts["a"] = WAIT
    await engine.submit(flat(task("a"), deadline_seconds=60))
    await engine.settled()
    engine.clock.advance(60)
    row = await engine.finished()
    assert row["state"] == "FAILED"
    assert json.loads(row["error"])["message"] == "the run went over its deadline of 60 s"


async def test_retry_of_a_run_keeps_successes_and_counts_attempts_on(engine: Engine) -> None:
    engine.executor.scripts["b"] = failing("boom")
    chain = flat(task("a"), task("b", after=["a"]), task("c", after=["b"]))
    assert (await engine.run(chain))["state"] == "FAILED"
    engine.executor.scripts["b"] = Outcome()
    engine.notifier.forget("run-1")
    await engine.driver.retry(RunId("run-1"))
    row = await engine.finished()
    assert row["state"] == "SUCCEEDED"
    assert row["error"] is None
    assert engine.executor.launched() == ["root/a", "root/b", "root/b", "root/c"]
    assert [request.key.attempt for request in engine.executor.requests] == [0, 0, 1, 0]
    assert [entry["state"] for entry in json.loads(row["state_history"])] == [
        "PENDING",
        "RUNNING",
        "FAILED",
        "PENDING",
        "RUNNING",
        "SUCCEEDED",
    ]


async def test_retry_of_an_open_or_unknown_run_is_refused(engine: Engine) -> None:
    engine.executor.scripts["a"] = WAIT
    await engine.submit(flat(task("a")))
    with pytest.raises(ConflictError):
        await engine.driver.retry(RunId("run-1"))
    with pytest.raises(NotFoundError):
        await engine.driver.retry(RunId("none"))


async def test_outputs_lineage_and_metrics_are_stored_with_the_success(engine: Engine) -> None:
    model = ArtifactRef(ArtifactId(7), "model", ArtifactType("system.Model"), "minio://x/model", {"rows": float("inf")}, Digest("sha256:m"))
    metrics = ArtifactRef(ArtifactId(8), "metrics", ArtifactType("system.Metrics"), "minio://x/m", {"acc": 0.5, "note": "ok", "b": True})
    engine.executor.scripts["a"] = Outcome(artifacts={"model": (model,), "metrics": (metrics,)})
    await engine.run(flat(task("a")))
    rows = engine.rows("SELECT artifact_id, output_key, digest, metadata FROM artifact ORDER BY artifact_id")
    assert [(row["artifact_id"], row["output_key"], row["digest"]) for row in rows] == [(7, "model", "sha256:m"), (8, "metrics", None)]
    assert json.loads(rows[0]["metadata"]) == {"rows": "Infinity"}
    assert [(row["name"], row["number"], row["text"]) for row in engine.rows("SELECT * FROM run_metric ORDER BY name")] == [
        ("acc", 0.5, None),
        ("note", None, "ok"),
    ]
    assert [(row["direction"], row["key"]) for row in engine.rows("SELECT * FROM artifact_use ORDER BY key")] == [
        ("output", "metrics"),
        ("output", "model"),
    ]


async def test_notes_and_details_of_the_executor_reach_the_task(engine: Engine) -> None:
    engine.executor.scripts["a"] = Outcome(waits=True, detail={"pid": 12})
    await engine.submit(flat(task("a")))
    await engine.settled()
    engine.executor.note(engine.executor.waiting()[0], "environment", "environment reused")
    engine.executor.release("a")
    await engine.finished()
    await engine.settled()
    row = engine.tasks()["root/a"]
    assert json.loads(row["detail"]) == {"pid": 12, "usage": {"run_seconds": 0.0}}
    assert [note["text"] for note in engine.rows("SELECT text FROM task_note")] == ["environment reused"]


async def test_a_queued_note_is_the_reason_of_a_launched_task(engine: Engine) -> None:
    class Silent(type(engine.executor)):  # type: ignore[misc] # the fixture decides the class
        def _begin(self, key: AttemptKey, outcome: Outcome) -> None:
            """Never starts."""

    engine.executor.__class__ = Silent
    await engine.submit(flat(task("a")))
    await engine.settled()
    assert engine.tasks()["root/a"]["reason"] == "waiting for the executor to start attempt 1"
    engine.executor.note(engine.executor.requests[0].key, "queued", "waiting for 2 free cores")
    await engine.settled()
    assert engine.tasks()["root/a"]["reason"] == "waiting for 2 free cores"


async def test_projections_see_every_change_and_a_broken_one_stops_nothing(engine: Engine) -> None:
    seen: list[tuple[str, str]] = []

    def broken(tx: Transaction, records: list[TaskRecord]) -> None:
        tx.execute("INSERT INTO server_setting (name, value) VALUES ('half', 'done')")
        raise RuntimeError("reader's fault")

    def watch(tx: Transaction, records: list[TaskRecord]) -> None:
        seen.extend((record.path, record.state) for record in records)

    engine.journal.add_projection(broken)
    engine.journal.add_projection(watch)
    row = await engine.run(flat(task("a")))
    assert row["state"] == "SUCCEEDED"
    assert seen[-1][1] == "SUCCEEDED"
    assert ("root/a", "SUCCEEDED") in seen
    assert engine.rows("SELECT * FROM server_setting WHERE name = 'half'") == []


async def test_a_discarded_run_is_stopped_and_forgotten(engine: Engine) -> None:
    engine.executor.scripts["a"] = WAIT
    await engine.submit(flat(task("a")))
    await engine.settled()
    await engine.driver.discard(RunId("run-1"))
    assert not engine.driver.has_run(RunId("run-1"))
    assert [reason for _, reason in engine.executor.canceled] == ["the run was deleted"]
    assert engine.run_row()["state"] == "RUNNING"


async def test_a_record_the_journal_refuses_costs_its_own_run_only(engine: Engine) -> None:
    engine.executor.scripts["bad"] = Outcome(parameters={"out": {1, 2}})
    await engine.submit(flat(task("bad")), "run-1")
    row = await engine.run(flat(task("a")), "run-2")
    assert row["state"] == "SUCCEEDED"
    broken = await engine.finished("run-1")
    assert broken["state"] == "FAILED"
    assert "internal error" in json.loads(broken["error"])["message"]


class _Stager:
    """Remembers what was staged."""

    def __init__(self) -> None:
        self.staged: list[tuple[str, str]] = []

    async def stage(self, run_id: RunId, artifact: ArtifactRef) -> None:
        """Remember."""
        self.staged.append((run_id, artifact.uri))


def _importer(*, reimport: bool = False, download: bool = False) -> LeafTemplate:
    work = ImporterWork(
        uri=Const("gs://bucket/data"),
        type=ArtifactType("system.Dataset"),
        metadata={"{{$.inputs.parameters['m']}}": ['{{$.inputs.parameters["n"]}}', "n={{$.inputs.parameters['n']}}"]},
        reimport=reimport,
        download_to_workspace=download,
    )
    return LeafTemplate(name="importer", work=work)


def _importing(template: LeafTemplate) -> RunPlan:
    return plan(graph("root", task("imp", "importer", parameters={"m": const("key"), "n": const(3)})), template)


async def test_an_identical_import_is_reused_unless_the_author_says_reimport(engine: Engine) -> None:
    for run_id, reimport in (("run-1", False), ("run-2", False), ("run-3", True)):
        assert (await engine.run(_importing(_importer(reimport=reimport)), run_id))["state"] == "SUCCEEDED"
    rows = engine.rows("SELECT * FROM artifact ORDER BY artifact_id")
    assert len(rows) == 2
    assert json.loads(rows[0]["metadata"]) == {"key": [3, "n=3"]}
    uses = engine.rows("SELECT run_id, artifact_id FROM artifact_use ORDER BY run_id")
    assert uses[0]["artifact_id"] == uses[1]["artifact_id"] != uses[2]["artifact_id"]


async def test_an_import_into_the_workspace_is_staged_and_marked(engine: Engine) -> None:
    stager = _Stager()
    await engine.stop()
    engine.stager = stager
    await engine.start()
    await engine.run(_importing(_importer(download=True)))
    assert stager.staged == [("run-1", "gs://bucket/data")]
    assert json.loads(engine.rows("SELECT metadata FROM artifact")[0]["metadata"])["_kfp_workspace"] is True


async def test_an_import_that_cannot_be_staged_fails_with_the_reason(engine: Engine) -> None:
    row = await engine.run(_importing(_importer(download=True)))
    assert row["state"] == "FAILED"
    assert json.loads(row["error"])["message"] == "`imp` failed: this server has no workspace to copy the artifact to"


async def test_an_empty_graph_succeeds(engine: Engine) -> None:
    assert (await engine.run(plan(graph("root"))))["state"] == "SUCCEEDED"
