"""What the panel of a task and the head of a run ask for: the same answers from SQLite and PostgreSQL."""

from __future__ import annotations

import pytest

from penstock.domain.ids import RunId, TaskPath, task_id_for
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.pages_catalog import SqlCatalogPages
from penstock.stores.sql.pages_home import SqlHomePages
from penstock.stores.sql.pages_runs import SqlRunPages
from penstock.stores.sql.slow_reads import SlowReads
from penstock.web.runs.metric_charts import metric_charts

PATH = TaskPath("root/train")


def add_run(tx: Transaction, number: int, *, pipeline: str, attempts: int) -> None:
    """A run with one task that was tried so many times, the last try with success; none: its result was reused."""
    run_id = f"r{number}"
    task_id = task_id_for(RunId(run_id), PATH)
    tx.execute(
        "INSERT INTO run (run_id, kind, name, pipeline_name, state, created_at, scheduled_at) VALUES (?, 'kfp', ?, ?, 'SUCCEEDED', ?, ?)",
        (run_id, f"run {number}", pipeline, number, number),
    )
    tx.execute(
        "INSERT INTO task (task_id, run_id, execution_id, path, task_key, display_name, type, component, position, state, created_at, attempts,"
        " is_cached) VALUES (?, ?, ?, ?, 'train', 'train', 'RUNTIME', 'comp-train', 1, 'SUCCEEDED', ?, ?, ?)",
        (task_id, run_id, number, PATH, number, attempts, 0 if attempts else 1),
    )
    for attempt in range(attempts):
        state = "SUCCEEDED" if attempt == attempts - 1 else "FAILED"
        tx.execute(
            "INSERT INTO attempt (task_id, attempt, run_id, state, created_at, detail) VALUES (?, ?, ?, ?, ?, ?)",
            (task_id, attempt, run_id, state, number + attempt / 10, f'{{"environment_id": "env{number}{attempt}"}}'),
        )


@pytest.fixture
async def pages(database: Database) -> SqlRunPages:

    def fill(tx: Transaction) -> None:
        add_run(tx, 1, pipeline="mnist", attempts=1)
        add_run(tx, 2, pipeline="mnist", attempts=3)
        add_run(tx, 3, pipeline="mnist", attempts=0)
        add_run(tx, 4, pipeline="other", attempts=1)
        add_run(tx, 5, pipeline="mnist", attempts=2)

    await database.write(fill)
    return SqlRunPages(database)


async def earlier(pages: SqlRunPages, run_id: str) -> tuple[str, str] | None:
    view = await pages.task(run_id, task_id_for(RunId(run_id), PATH))
    assert view is not None
    found = await pages.previous_attempt(view.task)
    return (found[0].run_id, found[1]["environment_id"]) if found else None


async def test_the_run_before_is_of_the_same_pipeline_and_ran_the_task_itself(pages: SqlRunPages) -> None:
    assert await earlier(pages, "r5") == ("r2", "env22")
    assert await earlier(pages, "r2") == ("r1", "env10")
    assert await earlier(pages, "r1") is None
    assert await earlier(pages, "r4") is None


async def test_tries_of_a_run_come_failed_ones_first(pages: SqlRunPages) -> None:
    assert [(item.attempt, item.state) for item in await pages.tries("r2")] == [(1, "FAILED"), (0, "FAILED"), (2, "SUCCEEDED")]
    assert [item.attempt for item in await pages.tries("r2", limit=2)] == [1, 0]
    assert await pages.tries("r3") == []


async def test_iterations_have_the_numbers_of_the_tasks_in_them(pages: SqlRunPages) -> None:
    def fill(tx: Transaction) -> None:
        for number, (path, kind, index) in enumerate((
            ("root/for-1", "LOOP", None), ("root/for-1[0]", "ITERATION", 0), ("root/for-1[0]/for-2[1]", "ITERATION", 1),
            ("root/for-1[0]/for-2[1]/fit", "RUNTIME", 1), ("root/for-10[0]", "ITERATION", 0),
        )):  # fmt: skip
            tx.execute(
                "INSERT INTO task (task_id, run_id, execution_id, path, task_key, display_name, type, component, position, state, created_at,"
                " attempts, started_at, finished_at, iteration_index, inputs, outputs) VALUES (?, 'r1', ?, ?, 'k', 'fit', ?, 'c', ?, 'SUCCEEDED', 1, 0,"
                " 10, 12.5, ?, ?, ?)",
                (path, 100 + number, path, kind, number, index, '{"parameters": {"x-loop-item": 3}}', '{"parameters": {"Output": 0.5, "text": "a"}}'),
            )
        tx.execute("INSERT INTO run_metric (run_id, task_id, name, number) VALUES ('r1', 'root/for-1[0]/for-2[1]/fit', 'loss', 0.25)")

    await pages._database.write(fill)
    found = await pages.iterations("r1", "root/for-1")
    assert [(item.path, item.index, item.seconds) for item in found] == [("root/for-1[0]", 0, 2.5), ("root/for-1[0]/for-2[1]", 1, 2.5)]
    assert found[0].parameters == {"x-loop-item": 3}
    assert found[0].numbers == found[1].numbers == {"loss": 0.25, "fit": 0.5}
    assert len(await pages.iterations("r1", "root/for-1", limit=1)) == 1


async def test_the_best_number_of_an_experiment_is_of_a_run_that_is_not_archived(pages: SqlRunPages) -> None:
    def fill(tx: Transaction) -> None:
        tx.execute("UPDATE run SET experiment_id = CASE WHEN run_id IN ('r1', 'r2', 'r3') THEN 'e1' ELSE 'e2' END")
        tx.execute("UPDATE run SET storage_state = 'ARCHIVED' WHERE run_id = 'r3'")
        for run_id, number in (("r1", 0.5), ("r2", 0.9), ("r3", 1.0), ("r4", 0.1)):
            tx.execute("INSERT INTO run_metric (run_id, task_id, name, number) VALUES (?, 't', 'score', ?)", (run_id, number))

    await pages._database.write(fill)
    catalog = SqlCatalogPages(pages._database)
    most = await catalog.best_metrics(["e1", "e2", "e3"], "score", is_least=False)
    assert {key: (best.number, best.run_name) for key, best in most.items()} == {"e1": (0.9, "run 2"), "e2": (0.1, "run 4")}
    assert (await catalog.best_metrics(["e1"], "score", is_least=True))["e1"].run_id == "r1"
    assert await catalog.best_metrics(["e1"], "loss", is_least=True) == {}


async def test_drawings_over_an_experiment_have_one_number_of_each_run_that_is_not_archived(pages: SqlRunPages) -> None:
    def fill(tx: Transaction) -> None:
        tx.execute("UPDATE run SET experiment_id = CASE WHEN run_id IN ('r1', 'r2', 'r3') THEN 'e1' ELSE 'e2' END")
        tx.execute("UPDATE run SET storage_state = 'ARCHIVED' WHERE run_id = 'r3'")
        for run_id, task_id, number in (("r1", "t", 0.5), ("r1", "u", 0.7), ("r2", "t", 0.9), ("r3", "t", 1.0), ("r4", "t", 0.1)):
            tx.execute("INSERT INTO run_metric (run_id, task_id, name, number) VALUES (?, ?, 'score', ?)", (run_id, task_id, number))

    await pages._database.write(fill)
    points = await SqlCatalogPages(pages._database).metric_points("e1")
    assert {(point.run_id, point.name, point.number) for point in points} == {("r1", "score", 0.7), ("r2", "score", 0.9)}
    assert len(await SqlCatalogPages(pages._database).metric_points("e1", limit=1)) == 1
    [chart] = metric_charts(points)
    assert [dot.point.created_at for dot in chart.dots] == sorted(point.created_at for point in points)
    assert (chart.lowest.number, chart.highest.number, chart.line.count(",")) == (0.7, 0.9, 2)


async def test_the_history_of_a_task_has_one_entry_for_each_run(pages: SqlRunPages) -> None:
    def fill(tx: Transaction) -> None:
        tx.execute("INSERT INTO pipeline (pipeline_id, name, display_name, created_at) VALUES ('p', 'p', 'p', 1)")
        tx.execute("UPDATE run SET pipeline_id = 'p' WHERE run_id IN ('r1', 'r2', 'r3')")
        tx.execute("UPDATE task SET is_cached = 0, started_at = 10, finished_at = 12.5")
        tx.execute("UPDATE task SET state = 'FAILED' WHERE run_id = 'r2'")
        tx.execute("UPDATE task SET is_cached = 1 WHERE run_id = 'r3'")

    await pages._database.write(fill)
    view = await SqlCatalogPages(pages._database).pipeline("p")
    assert view is not None
    [train] = view.statistics
    found = [(dot.run_id, dot.run_name, dot.state, dot.is_cached, dot.seconds, dot.place) for dot in train.history]
    assert found == [
        ("r1", "run 1", "SUCCEEDED", False, 2.5, 0),
        ("r2", "run 2", "FAILED", False, 2.5, 1),
        ("r3", "run 3", "SUCCEEDED", True, None, 2),
    ]


async def test_storage_is_told_by_pipeline_project_and_type_each_content_once(pages: SqlRunPages) -> None:
    def fill(tx: Transaction) -> None:
        for number, run_id, digest in ((1, "r1", "a"), (2, "r2", "a"), (3, "r2", "b"), (4, "r4", "a")):
            tx.execute(
                "INSERT INTO artifact (artifact_id, run_id, name, type, uri, digest, size_bytes, created_at) VALUES (?, ?, 'x', 't', 'u', ?, 100, 1)",
                (number, run_id, digest),
            )
        tx.execute("INSERT INTO tracked_project (project_id, entity, name, created_at, updated_at) VALUES (5, 'ann', 'mnist', 1, 1)")
        tx.execute("INSERT INTO project_content (project_id, md5, blob_digest, size_bytes, birth_version_id) VALUES (5, 'm', 'a', 700, 1)")
        tx.execute(
            "INSERT INTO collection (collection_id, project_id, name, kind, type_name, created_at, updated_at)"
            " VALUES (7, 5, 'c', 'sequence', 'model', 1, 1)"
        )
        for number, state, digest, size in ((1, "COMMITTED", "a", 30), (2, "COMMITTED", "a", 30), (3, "COMMITTED", "b", 4), (4, "DELETED", "c", 9)):
            tx.execute(
                "INSERT INTO artifact_version (version_id, collection_id, project_id, state, digest, size_bytes, created_at, updated_at)"
                " VALUES (?, 7, 5, ?, ?, ?, 1, 1)",
                (number, state, digest, size),
            )

    await pages._database.write(fill)
    home = SqlHomePages(pages._database)
    found = [(share.kind, share.name, share.contents, share.size_bytes, share.entity) for share in await home.storage()]
    assert sorted(found) == [
        ("pipeline", "mnist", 2, 200, ""), ("pipeline", "other", 1, 100, ""), ("project", "ann/mnist", 1, 700, "ann"), ("type", "t", 2, 200, ""),
        ("version_type", "model", 2, 34, "ann"),
    ]  # fmt: skip
    assert [size for *_, size, _ in found] == [700, 200, 200, 100, 34]


def test_slow_reads_are_remembered_by_the_function_that_read() -> None:
    reads = SlowReads()
    for seconds in (0.01, 0.5, 0.3):
        reads.note(add_run, seconds)
    reads.note(lambda tx: tx, 2.0)
    first, second = reads.list()
    assert (first.name, first.count, first.longest_seconds) == ("test_slow_reads_are_remembered_by_the_function_that_read", 1, 2.0)
    assert (second.name, second.count, second.longest_seconds) == ("add_run", 2, 0.5)


async def test_news_are_failed_runs_and_decisions_of_triggers_since_a_moment(pages: SqlRunPages) -> None:
    def fill(tx: Transaction) -> None:
        error = '{"message": "why"}'
        tx.execute("UPDATE run SET state = 'FAILED', finished_at = created_at + 10, error = ? WHERE run_id IN ('r1', 'r2')", (error,))
        tx.execute("UPDATE run SET state = 'FAILED', finished_at = 50, storage_state = 'ARCHIVED' WHERE run_id = 'r3'")
        tx.execute(
            "INSERT INTO recurring_run (recurring_run_id, display_name, experiment_id, max_concurrency, is_enabled, trigger_spec, created_at,"
            " updated_at) VALUES ('t', 'on data', 'e', 1, 1, '{}', 1, 1)"
        )
        for subject, outcome, at in (("a", "fired", 20), ("b", "skipped", 21), ("c", "error", 22), ("d", None, None)):
            tx.execute(
                "INSERT INTO trigger_event (recurring_run_id, subject, source, at, outcome, reason, decided_at) VALUES ('t', ?, 'run', 1, ?, 'r', ?)",
                (subject, outcome, at),
            )

        tx.execute("INSERT INTO tracked_project (project_id, entity, name, created_at, updated_at) VALUES (5, 'ann', 'mnist', 1, 1)")
        tx.execute(
            "INSERT INTO automation (automation_id, entity, name, scope, scope_id, project_id, event_type, event_filter, action_type, action,"
            " user_name, created_at, updated_at) VALUES (7, 'ann', 'tell us', 'PROJECT', 5, 5, 'e', '{}', 'a', '{}', 'ann', 1, 1)"
        )
        for occasion, state, at in (("a", "done", 30), ("b", "failed", 31), ("c", "pending", None), ("d", "refused", 5)):
            tx.execute(
                "INSERT INTO automation_delivery (automation_id, occasion, subject, words, state, detail, created_at, due_at, ended_at)"
                " VALUES (7, ?, 'run r', '{}', ?, '', 1, 1, ?)",
                (occasion, state, at),
            )

    await pages._database.write(fill)
    home = SqlHomePages(pages._database)
    assert [(item.kind, item.at, item.title, item.detail) for item in await home.news(11.5)] == [
        ("undelivered", 31, "tell us", "run r"),
        ("delivered", 30, "tell us", "run r"),
        ("error", 22, "on data", "r"),
        ("fired", 20, "on data", "r"),
        ("failed", 12, "run 2", "why"),
    ]
    assert len(await home.news(0, limit=2)) == 2
    assert [(item.name, item.count, item.oldest_at) for item in await home.queues()] == [("events", 1, 1), ("deliveries", 1, 1)]
