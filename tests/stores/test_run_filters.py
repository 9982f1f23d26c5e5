"""Words and values in the filter of the list of runs: the same answers from SQLite and PostgreSQL, whichever way they are looked up."""

from __future__ import annotations

import pytest

from penstock.interfaces.pages import Condition, ListQuery, by_name
from penstock.stores.sql import page_filters, run_words
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.pages_artifacts import SqlArtifactPages
from penstock.stores.sql.pages_home import SqlHomePages
from penstock.stores.sql.pages_run_tables import SqlRunTables
from penstock.stores.sql.pages_runs import SqlRunPages


def add_runs(tx: Transaction, count: int, *, name: str) -> None:
    tx.many(
        "INSERT INTO run (run_id, kind, name, pipeline_name, state, created_at, scheduled_at) VALUES (?, 'kfp', ?, ?, 'SUCCEEDED', ?, 0)",
        [(f"{name[:4]}{number:04d}", f"{name} {number}", f"flow-{number % 2}", float(number)) for number in range(count)],
    )


async def test_words_are_found_in_names_pipelines_and_ids_also_after_changes(database: Database) -> None:
    pages = SqlRunPages(database)

    async def found(*words: str) -> list[str]:
        return [run.run_id for run in (await pages.list_runs(ListQuery(words=words, limit=200))).items]

    await database.write(lambda tx: add_runs(tx, 600, name="nightly"))
    await database.write(lambda tx: add_runs(tx, 3, name='odd "Quo%te_'))
    assert await found('"quo%TE_') == ["odd 0002", "odd 0001", "odd 0000"]
    assert await found("nightly 59") == [*(f"nigh{number:04d}" for number in range(599, 589, -1)), "nigh0059"]
    assert await found("nightly 59", "flow-1", "9") == [f"nigh{number:04d}" for number in (599, 597, 595, 593, 591, 59)]
    assert len(await found("nightly")) == 200  # more than are looked up one by one: read newest first
    assert await found("nigh0123") == ["nigh0123"]
    assert await found("unheard") == []
    assert await found("quote") == []  # what looks like a wildcard is none
    await database.write(lambda tx: tx.execute("UPDATE run SET name = 'renamed' WHERE run_id = 'nigh0123'"))
    assert await found("renamed") == ["nigh0123"]
    assert await found("nightly 123") == []
    await database.write(lambda tx: tx.execute("DELETE FROM run WHERE run_id = 'nigh0123'"))
    assert await found("renamed") == []


@pytest.mark.parametrize("rare", [0, 20_000])
async def test_values_are_found_whether_few_or_many_runs_have_them(database: Database, monkeypatch: pytest.MonkeyPatch, rare: int) -> None:
    monkeypatch.setattr(page_filters, "_RARE", rare)
    pages = SqlRunPages(database)

    def add_values(tx: Transaction) -> None:
        add_runs(tx, 300, name="nightly")
        metrics = [(f"nigh{number:04d}", task, number / 300) for number in range(300) for task in ("train", "test")]
        tx.many("INSERT INTO run_metric (run_id, task_id, name, number) VALUES (?, ?, 'accuracy', ?)", metrics)
        tx.many("INSERT INTO run_parameter (run_id, name, text) VALUES (?, 'accuracy', ?)", [("nigh0007", "unknown"), ("nigh0008", "0.1")])

    await database.write(add_values)

    async def found(*conditions: tuple[str, str, str], **query: str) -> tuple[list[str], int]:
        page = await pages.list_runs(ListQuery(conditions=tuple(Condition(*one) for one in conditions), limit=3, **query))  # type: ignore[arg-type]
        return [run.run_id for run in page.items], page.total

    assert await found(("accuracy", ">", "0.5")) == (["nigh0299", "nigh0298", "nigh0297"], 149)
    assert await found(("accuracy", ">", "0.5"), ("metric.accuracy", "<", "0.6")) == (["nigh0179", "nigh0178", "nigh0177"], 29)
    assert await found(("accuracy", ">=", "0.5"), ("pipeline", "=", "flow-1"), sort="metric.accuracy") == (["nigh0299", "nigh0297", "nigh0295"], 75)
    assert await found(("accuracy", ":", "unknown")) == (["nigh0007"], 1)
    assert await found(("param.accuracy", ">", "0.5")) == ([], 0)


async def test_the_search_of_every_page_finds_runs_by_word_and_rows_of_other_tables_by_the_start_of_their_id(database: Database) -> None:
    home = SqlHomePages(database)

    async def found(text: str) -> list[tuple[str, str]]:
        return [(hit.kind, hit.object_id) for hit in await home.search(text)]

    def add(tx: Transaction) -> None:
        add_runs(tx, 600, name="nightly")
        tx.execute("UPDATE run SET storage_state = 'TRASHED' WHERE run_id = 'nigh0599'")
        columns = "task_id, run_id, execution_id, path, task_key, display_name, type, state, created_at"
        tx.execute(f"INSERT INTO task ({columns}) VALUES ('AB12cd34', 'nigh0001', 1, 'root/a', 'a', 'a', 'RUNTIME', 'SUCCEEDED', 0)")
        tx.execute("INSERT INTO experiment (experiment_id, name, created_at) VALUES ('feed0001', 'Sweep over rates', 0)")

    await database.write(add)
    assert await found("nightly 59") == [("run", f"nigh{number:04d}") for number in (598, 597, 596, 595, 594, 593, 592, 591)]
    assert await found("nigh0007") == [("run", "nigh0007")]
    assert await found("FEED00") == [("experiment", "feed0001")]
    assert await found("over r") == [("experiment", "feed0001")]
    assert await found("fee") == []  # too short to be the start of an id
    assert await found("unheard") == []


async def test_a_run_that_logged_a_number_several_times_shows_the_one_by_which_it_is_sorted(database: Database) -> None:
    pages = SqlRunPages(database)

    def add_values(tx: Transaction) -> None:
        add_runs(tx, 2, name="rounds")
        numbers = [("roun0000", f"fit[{at}]", "loss", float(at)) for at in range(60)] + [("roun0001", "fit", "loss", 7.0)]
        tx.many("INSERT INTO run_metric (run_id, task_id, name, number) VALUES (?, ?, ?, ?)", [*numbers, ("roun0000", "fit[0]", "slope", -1.0)])
        tx.execute("INSERT INTO run_metric (run_id, task_id, name, text) VALUES ('roun0000', 'zz', 'loss', 'NaN')")

    await database.write(add_values)
    items = (await pages.list_runs(ListQuery(sort="metric.loss", is_descending=True))).items
    assert [[(metric.name, metric.number, metric.count) for metric in run.metrics] for run in items] == [
        [("loss", 59.0, 61), ("slope", -1.0, 1)],  # the many of one name do not crowd out another name
        [("loss", 7.0, 1)],
    ]
    whole = await pages.run("roun0000")
    assert whole is not None
    assert {name: (metric.number, metric.count) for name, metric in by_name(whole.run.metrics).items()} == {"loss": (59.0, 61), "slope": (-1.0, 1)}


async def test_a_pipeline_that_people_named_otherwise_is_found_behind_many_that_they_did_not(database: Database) -> None:
    def add(tx: Transaction) -> None:
        tx.many(
            "INSERT INTO pipeline (pipeline_id, name, display_name, created_at) VALUES (?, ?, ?, 1)",
            [(f"p{number:04d}", f"night {number}", f"night {number}") for number in range(300)],
        )
        tx.many(
            "INSERT INTO run (run_id, kind, name, pipeline_id, pipeline_name, state, created_at, scheduled_at) VALUES (?, 'kfp', ?, ?, ?, 'SUCCEEDED', ?, 0)",
            [(f"r{number:04d}", f"run {number}", f"p{number:04d}", f"night {number}" if number < 299 else "day", float(number)) for number in range(300)],
        )

    await database.write(add)
    pages = SqlRunPages(database)

    async def found(operator: str, value: str) -> list[str]:
        page = await pages.list_runs(ListQuery(conditions=(Condition("pipeline", operator, value),), limit=200))
        return [run.run_id for run in page.items]

    assert (await found(":", "night"))[0] == "r0299"
    assert await found("=", "night 299") == ["r0299"]
    assert await found("=", "day") == []


async def test_stored_artifacts_are_found_listed_and_grouped_by_the_name_that_people_gave_to_their_pipeline(database: Database) -> None:
    def add(tx: Transaction) -> None:
        tx.execute("INSERT INTO pipeline (pipeline_id, name, display_name, created_at) VALUES ('p', 'night', 'Night shift', 1)")
        for number, pipeline in enumerate(("p", "p", None), 1):
            tx.execute(
                "INSERT INTO run (run_id, kind, name, pipeline_id, pipeline_name, state, created_at, scheduled_at) VALUES (?, 'kfp', 'r', ?, ?, 'SUCCEEDED', 1, 0)",
                (f"r{number}", pipeline, "train" if pipeline else "other"),
            )
            tx.execute(
                "INSERT INTO artifact (artifact_id, run_id, name, type, uri, created_at) VALUES (?, ?, 'x', 'system.Model', 'u', ?)",
                (number, f"r{number}", float(number)),
            )

    await database.write(add)
    pages = SqlArtifactPages(database)

    async def found(operator: str, value: str) -> list[int]:
        page = await pages.list_artifacts(ListQuery(conditions=(Condition("pipeline", operator, value),)))
        return [item.artifact_id for item in page.items]

    assert await found(":", "shift") == [2, 1]
    assert await found(":", "train") == [2, 1]  # as runs are: the name of the definition has it, too
    assert await found("=", "Night shift") == [2, 1]
    assert await found("=", "train") == []
    assert await found("=", "other") == [3]
    assert await found("!=", "Night shift") == [3]
    page = await pages.list_artifacts(ListQuery())
    assert [(item.pipeline_title, item.pipeline_name) for item in page.items] == [("other", "other"), ("Night shift", "train"), ("Night shift", "train")]
    groups = await SqlRunTables(database).artifact_groups(ListQuery(), "pipeline")
    assert {group.value: group.count for group in groups.groups} == {"Night shift": 2, "other": 1}


@pytest.mark.parametrize("few", [0, 3, 500])
async def test_free_words_find_runs_executions_and_artifacts_by_both_names_of_their_pipeline(
    database: Database, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(page_filters, "FEW", few)
    monkeypatch.setattr(run_words, "FEW", few)

    def add(tx: Transaction) -> None:
        tx.execute("INSERT INTO pipeline (pipeline_id, name, display_name, created_at) VALUES ('p', 'night', 'Night shift', 1)")
        tx.execute("INSERT INTO pipeline (pipeline_id, name, display_name, created_at) VALUES ('q', 'old', 'Shift of old', 1)")
        for number, (pipeline, name) in enumerate((("p", "train"), ("p", "train"), (None, "other"), ("q", "gone"), (None, "shifted")), 1):
            tx.execute(
                "INSERT INTO run (run_id, kind, name, pipeline_id, pipeline_name, state, storage_state, created_at, scheduled_at) "
                "VALUES (?, 'kfp', 'r', ?, ?, 'SUCCEEDED', ?, ?, 0)",
                (f"r{number}", pipeline, name, "ARCHIVED" if pipeline == "q" else "AVAILABLE", float(number)),
            )
            tx.execute(
                "INSERT INTO artifact (artifact_id, run_id, name, type, uri, created_at) VALUES (?, ?, 'x', 'system.Model', 'u', ?)",
                (number, f"r{number}", float(number)),
            )
            columns = "task_id, run_id, execution_id, path, task_key, display_name, type, state, created_at"
            values = (f"t{number}", f"r{number}", number, "root/a", "a", "a", "RUNTIME", "SUCCEEDED", float(number))
            tx.execute(f"INSERT INTO task ({columns}) VALUES ({', '.join('?' * len(values))})", values)

    await database.write(add)
    runs, artifacts = SqlRunPages(database), SqlArtifactPages(database)

    async def found(*words: str) -> tuple[list[str], list[str], list[int]]:
        query = ListQuery(words=words)
        tasks = [task.task_id for task in (await runs.list_tasks(query)).items]
        return [run.run_id for run in (await runs.list_runs(query)).items], tasks, [item.artifact_id for item in (await artifacts.list_artifacts(query)).items]

    assert await found("shift") == (["r5", "r2", "r1"], ["t5", "t4", "t2", "t1"], [4, 2, 1])
    assert await found("SHIFT", "night") == (["r2", "r1"], ["t2", "t1"], [2, 1])
    assert (await found("train"))[:2] == (["r2", "r1"], ["t2", "t1"])
    assert await found("Shift of") == ([], ["t4"], [4])
    assert [run.run_id for run in (await runs.list_runs(ListQuery(words=("of old",), is_archived=True))).items] == ["r4"]
    assert await found("unheard") == ([], [], [])
    assert [(hit.object_id, hit.detail) for hit in await SqlHomePages(database).search("Night shift") if hit.kind == "run"] == [
        ("r2", "Night shift"), ("r1", "Night shift"),
    ]  # fmt: skip
