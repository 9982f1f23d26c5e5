"""What the reader's namespace leaves of Home and the lists, on SQLite and PostgreSQL."""

from __future__ import annotations

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.interfaces.page_flows import FlowQuery
from penstock.interfaces.pages import ListQuery
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.pages_artifacts import SqlArtifactPages
from penstock.stores.sql.pages_catalog import SqlCatalogPages
from penstock.stores.sql.pages_flows import SqlFlowPages
from penstock.stores.sql.pages_home import SqlHomePages
from penstock.stores.sql.pages_runs import SqlRunPages
from penstock.web.lists.experiment_choices import meant, offered

NOW = 1_800_000_000.0


@pytest.fixture
def database(database: Database) -> Database:
    database.write_sync(seed)
    return database


def seed(tx: Transaction) -> None:
    """One of each kind in the namespaces of ann, bob and nobody."""
    for name, namespace in (("of-ann", "ann"), ("of-bob", "bob"), ("of-all", "")):
        kept = {"name": name, "namespace": namespace, "at": NOW - 60}
        tx.execute("INSERT INTO experiment (experiment_id, name, namespace, created_at) VALUES (:name, :name, :namespace, :at)", kept)
        tx.execute(
            "INSERT INTO pipeline (pipeline_id, name, display_name, namespace, created_at) VALUES (:name, :name, :name, :namespace, :at)", kept
        )
        tx.execute(
            "INSERT INTO recurring_run (recurring_run_id, display_name, experiment_id, namespace, max_concurrency, trigger_spec, is_enabled,"
            " created_at, updated_at) VALUES (:name, :name, :name, :namespace, 1, '{}', 1, :at, :at)",
            kept,
        )
        tx.execute(
            "INSERT INTO run (run_id, kind, name, namespace, service_account, state, created_at, scheduled_at)"
            " VALUES (:name, 'kfp', :name, :namespace, 'pipeline-runner', 'FAILED', :at, 0)",
            kept,
        )
    for number, user in ((1, "ann"), (2, "bob")):
        flow = {"number": number, "user": user, "id": f"Shop/{number}", "ms": int((NOW - 30) * 1000), "at": NOW - 30}
        tx.execute(
            "INSERT INTO flow_run (flow_id, run_number, user_name, tags, system_tags, ts_epoch) VALUES ('Shop', :number, :user, '[]', '[]', :ms)",
            flow,
        )
        tx.execute(
            "INSERT INTO run (run_id, kind, name, pipeline_name, service_account, state, created_at, scheduled_at)"
            " VALUES (:id, 'flow', :id, 'Shop', :user, 'RUNNING', :at, 0)",
            flow,
        )
    for number, entity in ((1, "ann"), (2, "crew")):
        project = {"id": number, "entity": entity, "at": NOW - 10}
        tx.execute(
            "INSERT INTO tracked_project (project_id, entity, name, created_at, updated_at) VALUES (:id, :entity, 'digits', :at, :at)", project
        )
        tx.execute(
            "INSERT INTO tracked_run (run_id, project_id, name, display_name, state, created_at, updated_at, heartbeat_at)"
            " VALUES (:id, :id, 'r', 'r', 'crashed', :at, :at, :at)",
            project,
        )


def scoped(namespace: str) -> ListQuery:
    return ListQuery(scope={"namespace": namespace} if namespace else {}, sort="name", is_descending=False, now=NOW)


@pytest.mark.parametrize(
    ("namespace", "catalog", "runs"),
    [
        ("", ["of-all", "of-ann", "of-bob"], ["Shop/1", "Shop/2", "of-all", "of-ann", "of-bob"]),
        ("ann", ["of-all", "of-ann"], ["Shop/1", "of-all", "of-ann"]),
        ("crew", ["of-all"], ["of-all"]),
    ],
)
async def test_objects_without_a_namespace_are_in_all_and_flows_in_their_users(
    database: Database, namespace: str, catalog: list[str], runs: list[str]
) -> None:
    pages, query = SqlCatalogPages(database), scoped(namespace)
    assert sorted(item.experiment_id for item in (await pages.list_experiments(query)).items) == catalog
    assert sorted(item.pipeline_id for item in (await pages.list_pipelines(query)).items) == catalog
    assert sorted(item.recurring_run_id for item in (await pages.list_recurring(query)).items) == catalog
    assert sorted(item.run_id for item in (await SqlRunPages(database).list_runs(query)).items) == runs
    flows = await SqlFlowPages(database).runs(FlowQuery(namespace=namespace))
    assert sorted(f"Shop/{run.run_id}" for run in flows.items) == [run for run in runs if run.startswith("Shop")]


async def test_home_shows_one_namespace(database: Database) -> None:
    pages = SqlHomePages(database)
    whole, ann = await pages.home(NOW), await pages.home(NOW, namespace="ann")
    assert {run.run_id for run in whole.recent} == {"Shop/1", "Shop/2", "of-all", "of-ann", "of-bob"}
    assert {run.run_id for run in ann.recent} == {"Shop/1", "of-all", "of-ann"}
    assert {run.run_id for run in ann.attention} == {"of-all", "of-ann"}
    assert ann.counts == {"RUNNING": 1, "FAILED": 2}
    assert [item.entity for item in ann.tracked] == [item.entity for item in ann.crashed] == ["ann"]
    assert sorted(item.entity for item in whole.tracked) == ["ann", "crew"]
    assert {item.recurring_run_id for item in ann.schedules} == {"of-all", "of-ann"}
    assert {hit.object_id for hit in ann.latest} == {"Shop/1", "of-all", "of-ann", "ann/digits"}


async def test_the_names_to_choose_from_come_from_all_clients(database: Database) -> None:
    assert await SqlHomePages(database).namespaces() == {"kfp": ["ann", "bob"], "metaflow": ["ann", "bob"]}


async def test_artifacts_are_where_their_run_is_and_those_without_one_everywhere(database: Database) -> None:
    def add(tx: Transaction) -> None:
        for number, run in enumerate(("of-ann", "of-bob", "of-all", "Shop/1", None)):
            task = None if run is None else f"task-{number}"
            tx.execute(
                "INSERT INTO artifact (artifact_id, run_id, task_id, name, output_key, type, uri, created_at) VALUES (?, ?, ?, ?, 'out', 't', 'u', ?)",
                (number, run, task, f"a{number}", NOW + number),
            )
            tx.execute(
                "INSERT INTO task (task_id, run_id, execution_id, path, task_key, display_name, type, position, state, created_at) "
                "VALUES (?, ?, ?, 'p', 'k', ?, 'RUNTIME', 0, 'SUCCEEDED', ?)",
                (f"task-{number}", run or "none", number, f"step-{number}", NOW),
            )

    await database.write(add)
    pages = SqlArtifactPages(database)
    for namespace, artifacts, outputs in (
        ("ann", {0, 2, 3, 4}, {0, 2, 3}), ("bob", {1, 2, 4}, {1, 2}), ("", {0, 1, 2, 3, 4}, {0, 1, 2, 3}), ("zoe", {2, 4}, {2}),
    ):  # fmt: skip
        query = ListQuery(scope={"namespace": namespace} if namespace else {})
        assert {item.artifact_id for item in (await pages.list_artifacts(query)).items} == artifacts
        assert {item.newest_id for item in (await pages.outputs(namespace=namespace))[0]} == outputs


async def test_experiments_are_found_by_part_of_the_name_or_id_the_exact_ones_first(database: Database) -> None:
    def add(tx: Transaction) -> None:
        rows = [("e1", "mnist", "ann", 1.0), ("e2", "mnist", "bob", 2.0), ("e3", "old mnist 100%", "", 9.0), ("e4", "Mnist wide", "", 3.0)]
        tx.many("INSERT INTO experiment (experiment_id, name, namespace, created_at) VALUES (?, ?, ?, ?)", rows)
        tx.execute("UPDATE experiment SET storage_state = 'ARCHIVED' WHERE experiment_id = 'e4'")

    await database.write(add)
    pages = SqlCatalogPages(database)
    assert [item.experiment_id for item in await pages.find_experiments("mnist")] == ["e2", "e1", "e3"]
    assert [item.experiment_id for item in await pages.find_experiments("e3")] == ["e3"]
    assert [item.experiment_id for item in await pages.find_experiments("0%")] == ["e3"]
    assert len(await pages.find_experiments("", limit=2)) == 2
    assert await offered(pages, "mnist") == [("e2", "mnist (bob)"), ("e1", "mnist (ann)"), ("old mnist 100%", "")]
    assert await meant(pages, "old mnist 100%") == await meant(pages, "e3") == "e3"
    for text, told in (("mnist", "2 experiments are called"), ("Mnist wide", "no active experiment"), ("old", "no active experiment")):
        with pytest.raises(InvalidArgumentError, match=told):
            await meant(pages, text)
