"""The lineage graph over both databases: one node per content, edges of three worlds, limits, and statements per level."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.ids import Digest
from penstock.domain.lineage import Direction, EdgeKind, LineageGraph, NodeKind
from penstock.lineage.service import LineageService
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.lineage import SqlLineageStore
from penstock.stores.sql.objects import SqlObjectStore
from tests.support.histories import History

SHA = "ab" * 20


@pytest.fixture
def history(database: Database) -> History:
    made = History(database)
    made.begin()
    return made


def service(history: History) -> LineageService:
    def contents(manifests: Sequence[Digest]) -> Sequence[Sequence[str]]:
        return [history.manifests[manifest] for manifest in manifests]

    return LineageService(SqlLineageStore(history.database), contents)


def around(history: History, ref: str, **options: object) -> LineageGraph:
    return asyncio.run(service(history).around(ref, **options))  # type: ignore[arg-type]


def edges(graph: LineageGraph) -> set[tuple[str, str, str]]:
    return {(edge.source, edge.kind.value, edge.target) for edge in graph.edges}


def test_a_pipeline_output_logged_as_an_artifact_and_held_by_a_flow_is_one_node(history: History) -> None:
    task = history.task("train")
    history.use(task, artifact := history.artifact("sha256:m"), "output")
    logging, using = history.run("logger"), history.run("user")
    version = history.version("model", "sha256:m")
    history.log(logging, version, "output")
    history.log(using, version, "input")
    start, end = history.flow_task(7, "start", 1), history.flow_task(7, "end", 2)
    for held in (start, end):
        history.value(held, "model", SHA, "sha256:m")

    for ref in (f"artifact:{artifact}", "version:ann/p/model:v0", "digest:sha256:m", f"version:{version}"):
        graph = around(history, ref)
        assert graph.focus == "digest:sha256:m"
        assert edges(graph) == {
            (task, "produced", "digest:sha256:m"),
            (f"trackedrun:{logging}", "produced", "digest:sha256:m"),
            (start, "produced", "digest:sha256:m"),
            ("digest:sha256:m", "used", f"trackedrun:{using}"),
            ("digest:sha256:m", "used", end),
        }
    names = graph.nodes["digest:sha256:m"].names
    assert {name.ref for name in names} == {f"artifact:{artifact}", "version:ann/p/model:v0", "flow:Train/7/start/1"}
    assert graph.nodes[start].kind is NodeKind.FLOW_TASK
    assert around(history, "flow:Train/7/end/2", direction=Direction.UPSTREAM).nodes.keys() >= {task, start}


def test_a_task_and_its_tracked_run_are_one_execution(history: History) -> None:
    task = history.task("train")
    run = history.run("train-run", task=task)
    history.use(task, history.artifact("sha256:d"), "input")
    history.log(run, history.version("model", "sha256:m"), "output")
    graph = around(history, "run:ann/p/train-run")
    assert graph.focus == task
    assert edges(graph) == {("digest:sha256:d", "used", task), (task, "produced", "digest:sha256:m")}
    assert [name.ref for name in graph.nodes[task].names] == [task, "run:ann/p/train-run"]


def test_versions_of_several_files_join_their_parts_only_when_asked(history: History) -> None:
    task = history.task("train")
    history.use(task, history.artifact("sha256:m", at=5.0), "output")
    history.use(task, history.artifact("sha256:late", at=5000.0, name="late"), "input")
    version = history.version("bundle", "sha256:m", "sha256:late", "sha256:elsewhere", at=100.0)
    history.log(run := history.run("user"), version, "input")
    key = around(history, f"version:{version}").focus
    assert key.startswith("manifest:")
    assert edges(around(history, task, direction=Direction.DOWNSTREAM)) == {(task, "produced", "digest:sha256:m")}
    assert edges(around(history, task, direction=Direction.DOWNSTREAM, has_contents=True)) == {
        (task, "produced", "digest:sha256:m"),
        ("digest:sha256:m", "contains", key),
        (key, "used", f"trackedrun:{run}"),
        (key, "contains", "digest:sha256:late"),
        ("digest:sha256:late", "used", task),
    }


def test_outputs_of_pipelines_show_their_aliases(history: History) -> None:
    task = history.task("train")
    history.use(task, artifact := history.artifact("sha256:m"), "output")
    label = "INSERT INTO artifact_label (artifact_id, kind, label, sequence, at) VALUES (?, ?, ?, '[]', 1)"
    history.database.write_sync(lambda tx: tx.many(label, [(artifact, "alias", "production"), (artifact, "tag", "checked")]))
    assert around(history, f"artifact:{artifact}").nodes["digest:sha256:m"].aliases == ("production",)


def test_links_lead_to_collections_with_their_aliases(history: History) -> None:
    version = history.version("model", "sha256:m")
    collection = history.link(version, "Best", alias="production")
    graph = around(history, "version:ann/p/Best:production")
    assert edges(graph) == {("digest:sha256:m", "linked", f"collection:{collection}")}
    assert graph.nodes["digest:sha256:m"].aliases == ("Best:production",)


def test_small_values_of_flows_do_not_join_runs(history: History) -> None:
    first, second = history.flow_task(1, "start", 1), history.flow_task(2, "start", 2)
    for task in (first, second):
        history.value(task, "nothing", SHA, "sha256:none", size=60)
        history.value(task, "_internal", "cd" * 20, "sha256:graph")
    assert edges(around(history, first)) == {(first, "produced", f"flowdata:1/{SHA}")}
    again = around(history, f"flowdata:2/{SHA}")
    assert edges(again) == {(second, "produced", f"flowdata:2/{SHA}")}


def test_a_pipeline_task_that_read_a_value_of_a_flow_used_it(history: History) -> None:
    made, task = history.flow_task(1, "start", 1), history.task("report")
    for name, sha, digest, size in (("table", SHA, "sha256:t", 900), ("small", "cd" * 20, "sha256:s", 60)):
        history.value(made, name, sha, digest, size=size)
    objects = SqlObjectStore(history.database)
    for _ in range(2):
        for entry in objects.list_keys("flows", prefix="", after="", limit=10):
            objects.note_read(task.removeprefix("task:"), entry.bucket, entry.key, now=1.0)
    objects.note_read(task.removeprefix("task:"), "flows", "Train/data/ee/" + "ee" * 20, now=1.0)
    wanted = {(made, "produced", "digest:sha256:t"), ("digest:sha256:t", "used", task)}
    for ref, direction in ((task, Direction.UPSTREAM), (made, Direction.DOWNSTREAM), ("digest:sha256:t", Direction.BOTH)):
        assert wanted <= edges(around(history, ref, direction=direction)), ref
    assert edges(around(history, task)) == wanted


def test_groups_of_tasks_and_deleted_versions_are_left_out(history: History) -> None:
    group, task = history.task("loop", type_="LOOP"), history.task("work")
    artifact = history.artifact("sha256:d")
    history.use(group, artifact, "output")
    history.use(task, artifact, "output")
    version = history.version("data", "sha256:d")
    history.log(history.run("gone"), version, "output")
    history.database.write_sync(lambda tx: tx.execute("UPDATE artifact_version SET state = 'DELETED'"))
    assert edges(around(history, "digest:sha256:d")) == {(task, "produced", "digest:sha256:d")}


def test_what_is_not_there_and_what_cannot_be_read(history: History) -> None:
    for ref in ("artifact:12345", "task:none", "run:ann/p/none", "version:ann/p/none:v0", "digest:sha256:none", "flow:Train/1/start/9"):
        with pytest.raises(NotFoundError):
            around(history, ref)
    for ref in ("", "artifact:x", "version:", "run:a/b", "flow:Train/1", "what:ever", "digest:"):
        with pytest.raises(InvalidArgumentError):
            around(history, ref)
    with pytest.raises(InvalidArgumentError):
        around(history, "artifact:1", depth=0)


def test_names_of_other_peoples_things_are_hidden_but_the_graph_stays(history: History) -> None:
    task = history.task("train")
    history.use(task, history.artifact("sha256:m"), "output")
    run = history.run("secret")
    history.log(run, history.version("hidden", "sha256:m"), "input")
    graph = around(history, task, readable=lambda entity: entity != "ann")
    assert [name.ref.partition(":")[0] for name in graph.nodes["digest:sha256:m"].names] == ["artifact"]
    assert graph.nodes[f"trackedrun:{run}"].names == []
    with pytest.raises(NotFoundError):
        around(history, "run:ann/p/secret", readable=lambda entity: entity != "ann")


def test_a_level_costs_the_same_statements_whatever_its_width(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (1, 60):
        source = history.artifact(f"sha256:src{width}")
        for index in range(width):
            task = history.task(f"t{width}-{index}", component="work")
            history.use(task, source, "input")
            history.use(task, history.artifact(f"sha256:out{width}-{index}"), "output")
    counted: list[int] = []
    counter = [0]
    connections = history.database._connections
    original = connections.transaction

    def transaction(connection: object) -> Transaction:
        made = original(connection)
        real = made.all

        class Counting:
            dialect = made.dialect
            one = staticmethod(made.one)

            @staticmethod
            def all(sql: str, params: object = ()) -> object:
                counter[0] += 1
                return real(sql, params)  # type: ignore[arg-type]

        return Counting()  # type: ignore[return-value]

    monkeypatch.setattr(connections, "transaction", transaction)
    for width in (1, 60):
        counter[0] = 0
        graph = around(history, f"digest:sha256:src{width}", depth=2)
        assert len(graph.nodes) == 2 * width + 1
        counted.append(counter[0])
    assert counted[0] == counted[1]


def test_the_node_limit_says_that_there_is_more(history: History) -> None:
    source = history.artifact("sha256:src")
    for index in range(20):
        history.use(history.task(f"t{index}"), source, "input")
    graph = around(history, "digest:sha256:src", limit=11)
    assert (len(graph.nodes), graph.is_truncated) == (11, True)
    assert not around(history, "digest:sha256:src", limit=21).is_truncated
    assert around(history, "digest:sha256:src", kinds=[NodeKind.DATA]).nodes.keys() == {"digest:sha256:src"}


@pytest.mark.parametrize("seed", range(6))
def test_random_histories_against_a_plain_search(history: History, seed: int) -> None:
    chance = random.Random(seed)
    facts: set[tuple[str, str]] = set()
    digests = [f"sha256:{number}" for number in range(8)]
    tasks = [history.task(f"t{number}") for number in range(8)]
    runs = {number: history.run(f"r{number}", task=tasks[number] if number < 3 else None) for number in range(6)}

    def note(execution: str, data: str, direction: str) -> None:
        facts.add((execution, data) if direction == "output" else (data, execution))

    for _ in range(14):
        task, digest, direction = chance.choice(tasks), chance.choice([*digests, None]), chance.choice(["input", "output"])
        artifact = history.artifact(digest)
        history.use(task, artifact, direction)
        note(task, f"digest:{digest}" if digest else f"artifact:{artifact}", direction)
    for index in range(8):
        number, digest, direction = chance.randrange(6), chance.choice(digests), chance.choice(["input", "output"])
        history.log(runs[number], history.version(f"v{index}", digest), direction)
        note(tasks[number] if number < 3 else f"trackedrun:{runs[number]}", f"digest:{digest}", direction)

    keys = sorted({key for pair in facts for key in pair})
    for start in chance.sample(keys, 5):
        for depth in (1, 2, 5):
            for direction in (Direction.UPSTREAM, Direction.DOWNSTREAM):
                graph = around(history, start, direction=direction, depth=depth, is_folded=False)
                is_up = direction is Direction.UPSTREAM
                seen = {start: 0}
                for hop in range(1, depth + 1):
                    for source, target in facts:
                        own, other = (target, source) if is_up else (source, target)
                        if seen.get(own) == hop - 1:
                            seen.setdefault(other, hop)
                assert graph.distances == {key: -hop if is_up else hop for key, hop in seen.items()}
                walked = {pair for pair in facts if pair[1 if is_up else 0] in seen and seen[pair[1 if is_up else 0]] < depth}
                assert {(edge.source, edge.target) for edge in graph.edges} == walked
                assert {edge.kind for edge in graph.edges} <= {EdgeKind.USED, EdgeKind.PRODUCED}
