"""Runs over HTTP: create, validate, read, list, act, delete."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.api.kfp.convert.states import RunStates
from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.errors import InvalidArgumentError, NotFoundError, PreconditionError
from penstock.domain.ids import ArtifactId, ExperimentId, RunId
from penstock.domain.states import RuntimeState
from penstock.domain.trash import TrashKind
from penstock.stores.sql.trash import SqlTrashStore
from penstock.testing.scripted_executor import WAIT, Outcome, failing
from tests.support.kfp_api import KfpApi, pipeline_spec


def run_body(name: str = "r", **spec: Any) -> dict[str, Any]:
    return {"display_name": name, "pipeline_spec": pipeline_spec(**spec), "runtime_config": {"parameters": {"text": "hi"}}}


async def test_a_run_is_created_in_the_default_experiment_and_succeeds(api: KfpApi) -> None:
    created = await api.call("POST", "/runs", run_body())
    assert created["state"] == "PENDING"
    assert created["created_at"] == created["scheduled_at"]
    assert created["pipeline_spec"]["pipelineInfo"] == {"name": "hello"}
    assert created["service_account"] == "pipeline-runner"
    experiments = (await api.call("GET", "/experiments"))["experiments"]
    assert [(one["display_name"], one["experiment_id"]) for one in experiments] == [("Default", created["experiment_id"])]

    run = await api.ended(created["run_id"])

    assert run["state"] == "SUCCEEDED"
    assert [entry["state"] for entry in run["state_history"]] == ["PENDING", "RUNNING", "SUCCEEDED"]
    assert run["runtime_config"] == {"parameters": {"text": "hi"}}
    assert run["finished_at"]
    assert "error" not in run


async def test_camel_case_and_both_prefixes_are_understood(api: KfpApi) -> None:
    body = {"displayName": "camel", "pipelineSpec": pipeline_spec(), "runtimeConfig": {"parameters": {"text": "x"}, "pipelineRoot": "s3://b/r"}}
    answer = await api.http.post("/pipeline/apis/v2beta1/runs", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["display_name"] == "camel"
    assert answer.json()["runtime_config"]["pipeline_root"] == "s3://b/r"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"display_name": ""}, "display_name"),
        ({"pipeline_spec": None}, "pipeline_spec"),
        ({"pipeline_spec": {"a": 1}}, "a"),
        ({"pipeline_spec": {**pipeline_spec(), "components_1": {}}}, "components_1"),
        ({"pipeline_spec": {**pipeline_spec(), "schemaVersion": "2.0.0"}}, "schemaVersion"),
        ({"pipeline_spec": {**pipeline_spec(), "pipelineInfo": {"name": "Not Valid"}}}, "pipelineInfo.name"),
        ({"runtime_config": {}}, "text"),
        ({"runtime_config": {"parameters": {"text": "a", "other": 1}}}, "parameter(s) provided are not required by pipeline: other"),
        ({"runtime_config": {"parameters": {"text": "a", "n": "one"}}}, "n"),
        ({"runtime_config": {"parameters": []}}, "parameters"),
        ({"runtime_config": {"parameters": {"text": "a"}, "pipeline_root": "ftp://elsewhere"}}, "pipeline_root 'ftp://elsewhere' has to be"),
        ({"plugins_output": {"x": {}}}, "plugins_output"),
        ({"display_name": 3}, "display_name"),
    ],
)
async def test_a_wrong_request_is_refused_naming_the_place(api: KfpApi, change: dict[str, Any], words: str) -> None:
    message = await api.refused("POST", "/runs", {**run_body(), **change}, status=400, code=3)
    assert words in message
    assert "runs" not in await api.call("GET", "/runs")


@pytest.mark.parametrize(
    "change",
    [
        {"experiment_id": "nope"},
        {"pipeline_spec": None, "pipeline_version_reference": {"pipeline_id": "nope"}},
        {"pipeline_spec": None, "pipeline_version_reference": {"pipeline_id": "nope", "pipeline_version_id": "nope"}},
    ],
)
async def test_unknown_references_are_not_found(api: KfpApi, change: dict[str, Any]) -> None:
    await api.refused("POST", "/runs", {**run_body(), **change}, status=404, code=5)


async def test_a_body_that_is_no_json_object_is_refused(api: KfpApi) -> None:
    for body in (b"{", b"[1]", b"\xff"):
        answer = await api.http.post("/apis/v2beta1/runs", content=body)
        assert (answer.status_code, answer.json()["code"]) == (400, 3)


async def test_a_run_of_only_a_pipeline_takes_its_latest_version(api: KfpApi) -> None:
    import json

    pipeline = await api.upload(json.dumps(pipeline_spec()).encode(), file_name="p.json", name="p")
    api.clock.advance(1)
    latest = await api.upload(
        json.dumps(pipeline_spec(tasks=("a", "b"))).encode(), path="/pipelines/upload_version", pipelineid=pipeline["pipeline_id"], name="v2"
    )
    body = {
        "display_name": "r",
        "pipeline_version_reference": {"pipeline_id": pipeline["pipeline_id"]},
        "runtime_config": {"parameters": {"text": "x"}},
    }
    created = await api.call("POST", "/runs", body)
    assert created["pipeline_version_reference"]["pipeline_version_id"] == latest["pipeline_version_id"]
    assert "pipeline_spec" not in created
    run = await api.ended(created["run_id"])
    assert {task["display_name"] for task in run["run_details"]["task_details"]} >= {"a", "b"}


async def test_task_details_tell_everything_about_each_task(api: KfpApi) -> None:
    model = ArtifactRef(ArtifactId(77), "model", ArtifactType("system.Model"), "minio://mlpipeline/v2/artifacts/model", {"rows": 3})
    api.scripts["work"] = Outcome({"Output": "done"}, {"model": (model,)})
    api.scripts["broken"] = failing("exit code 3", exit_code=3)
    created = await api.call("POST", "/runs", run_body(tasks=("work", "broken")))

    run = await api.ended(created["run_id"])

    details = {task["display_name"]: task for task in run["run_details"]["task_details"]}
    root = next(task for task in run["run_details"]["task_details"] if "parent_task_id" not in task)
    work, broken = details["work"], details["broken"]
    assert {child["task_id"] for child in root["child_tasks"]} == {work["task_id"], broken["task_id"]}
    assert all(child["pod_name"] == child["task_id"] for child in root["child_tasks"])
    assert work["parent_task_id"] == root["task_id"]
    assert work["pod_name"] == work["task_id"]
    assert work["outputs"] == {"model": {"artifact_ids": ["77"]}}
    assert [entry["state"] for entry in work["state_history"]] == ["PENDING", "RUNNING", "SUCCEEDED"]
    assert broken["state"] == "FAILED"
    assert "exit code 3" in broken["error"]["message"]
    assert run["state"] == "FAILED"
    assert "exit code 3" in run["error"]["message"]
    assert isinstance(work["execution_id"], str)

    full = await api.call("GET", f"/runs/{run['run_id']}", view="FULL")
    tasks = {task["name"]: task for task in full["tasks"]}
    assert tasks["work"]["type"] == "RUNTIME"
    assert {one["parameter_key"]: one["value"] for one in tasks["work"]["inputs"]["parameters"]} == {"n": 1, "text": "hi"}
    assert tasks["work"]["outputs"]["artifacts"][0]["artifacts"][0]["metadata"] == {"rows": 3}
    assert tasks["work"]["scope_path"] == ["root", "work"]
    listed = await api.call("GET", f"/runs/{run['run_id']}/tasks", page_size=2)
    assert listed["total_size"] == 3
    assert len(listed["tasks"]) == 2
    one = await api.call("GET", f"/tasks/{broken['task_id']}")
    assert one["attempt_details"][0]["exit_code"] == 3


async def test_every_round_of_a_loop_has_its_number_in_its_name(api: KfpApi) -> None:
    body = run_body()
    spec = body["pipeline_spec"]
    loop = {"for-loop-2": {"taskInfo": {"name": "for-loop-2"}, "componentRef": {"name": "comp-for-loop-2"}}}
    loop["for-loop-2"]["parameterIterator"] = {"itemInput": "item", "items": {"raw": '["a", "b", "c"]'}}
    bound = {name: {"componentInputParameter": name} for name in ("n", "text")}
    loop["for-loop-2"]["inputs"] = {"parameters": bound}
    declared = {**spec["root"]["inputDefinitions"]["parameters"], "item": {"parameterType": "STRING"}}
    spec["components"]["comp-for-loop-2"] = {"dag": spec["root"]["dag"], "inputDefinitions": {"parameters": declared}}
    spec["root"]["dag"] = {"tasks": loop}

    run = await api.ended((await api.call("POST", "/runs", body))["run_id"])

    names = {task["display_name"] for task in run["run_details"]["task_details"]}
    assert names == {"root", "work", "for-loop-2", "for-loop-2[0]", "for-loop-2[1]", "for-loop-2[2]"}


async def test_settings_of_the_whole_pipeline_that_are_not_honoured_are_told_on_the_root_task(api: KfpApi) -> None:
    platform = {"platforms": {"kubernetes": {"pipelineConfig": {"resourceTtlOnSuccess": 5}}}}
    body = {**run_body(), "pipeline_spec": {"pipeline_spec": pipeline_spec(), "platform_spec": platform}}
    run = await api.ended((await api.call("POST", "/runs", body))["run_id"])
    tasks = (await api.call("GET", f"/runs/{run['run_id']}/tasks"))["tasks"]
    warnings = {task["path"]: task.get("warnings", []) for task in tasks}
    assert "resourceTtlOnSuccess 5" in warnings.pop("root")[0]
    assert not any(warnings.values())


async def test_terminating_reports_failed_with_code_one(api: KfpApi) -> None:
    api.scripts["work"] = WAIT
    created = await api.call("POST", "/runs", run_body())
    run_id = created["run_id"]
    assert await api.call("POST", f"/runs/{run_id}:terminate") == {}
    run = await api.ended(run_id)
    assert run["state"] == "FAILED"
    assert run["error"]["code"] == 1
    assert "terminated" in run["error"]["message"]
    states = [entry["state"] for entry in run["state_history"]]
    assert states[-2:] == ["CANCELING", "FAILED"]
    await api.refused("POST", f"/runs/{run_id}:terminate", status=400, code=9)
    found = await api.call("GET", "/runs", filter='{"predicates":[{"operation":"EQUALS","key":"state","stringValue":"FAILED"}]}')
    assert [one["run_id"] for one in found["runs"]] == [run_id]
    none = await api.call("GET", "/runs", filter='{"predicates":[{"operation":"EQUALS","key":"state","stringValue":"CANCELED"}]}')
    assert none == {}


async def test_a_run_is_paused_and_goes_on_once(api: KfpApi) -> None:
    api.scripts["work"] = WAIT
    run_id = (await api.call("POST", "/runs", run_body()))["run_id"]
    assert await api.call("POST", f"/runs/{run_id}:pause") == {}
    assert (await api.call("GET", f"/runs/{run_id}"))["state"] == "PAUSED"
    await api.refused("POST", f"/runs/{run_id}:pause", status=409, code=10)
    assert await api.call("POST", f"/runs/{run_id}:unpause") == {}
    await api.refused("POST", f"/runs/{run_id}:unpause", status=409, code=10)
    await api.call("POST", f"/runs/{run_id}:pause")
    await api.call("POST", f"/runs/{run_id}:terminate")
    assert (await api.ended(run_id))["state"] == "FAILED"
    await api.refused("POST", f"/runs/{run_id}:pause", status=409, code=10)


async def test_a_setting_makes_terminated_runs_canceled(tmp_path: Any) -> None:
    api = await KfpApi(tmp_path, scripts={"work": WAIT}, states=RunStates(RuntimeState.CANCELED)).start()
    created = await api.call("POST", "/runs", run_body())
    await api.call("POST", f"/runs/{created['run_id']}:terminate")
    assert (await api.ended(created["run_id"]))["state"] == "CANCELED"
    await api.stop()


async def test_retry_runs_only_what_failed(api: KfpApi) -> None:
    api.scripts["bad"] = [failing(), Outcome()]
    created = await api.call("POST", "/runs", run_body(tasks=("good", "bad")))
    run_id = created["run_id"]
    assert (await api.ended(run_id))["state"] == "FAILED"
    assert await api.call("POST", f"/runs/{run_id}:retry") == {}
    run = await api.ended(run_id)
    assert run["state"] == "SUCCEEDED"
    assert "PENDING" in [entry["state"] for entry in run["state_history"]][3:]
    assert api.executor.launched().count("root/good") == 1
    assert api.executor.launched().count("root/bad") == 2
    await api.refused("POST", f"/runs/{run_id}:retry", status=409, code=10)


async def test_retry_of_an_open_run_is_refused(api: KfpApi) -> None:
    api.scripts["work"] = WAIT
    created = await api.call("POST", "/runs", run_body())
    await api.refused("POST", f"/runs/{created['run_id']}:retry", status=409, code=10)


async def test_an_experiment_that_does_not_exist_has_no_list(api: KfpApi) -> None:
    await api.refused("GET", "/runs", experiment_id="nope", status=404, code=5)
    await api.refused("GET", "/recurringruns", experiment_id="nope", status=404, code=5)


async def test_archiving_an_experiment_archives_its_runs(api: KfpApi) -> None:
    experiment = await api.call("POST", "/experiments", {"display_name": "e"})
    created = await api.call("POST", "/runs", {**run_body(), "experiment_id": experiment["experiment_id"]})
    run_id, experiment_id = created["run_id"], experiment["experiment_id"]
    await api.call("POST", f"/experiments/{experiment_id}:archive")
    assert (await api.call("GET", f"/runs/{run_id}"))["storage_state"] == "ARCHIVED"
    await api.refused("POST", f"/runs/{run_id}:unarchive", status=400, code=9)
    await api.call("POST", f"/experiments/{experiment_id}:unarchive")
    assert (await api.call("GET", f"/runs/{run_id}"))["storage_state"] == "ARCHIVED"
    await api.call("POST", f"/runs/{run_id}:unarchive")
    assert (await api.call("GET", f"/runs/{run_id}"))["storage_state"] == "AVAILABLE"


async def test_a_run_is_moved_to_another_experiment_for_good(api: KfpApi) -> None:
    first, second = [(await api.call("POST", "/experiments", {"display_name": name}))["experiment_id"] for name in ("first", "second")]
    run_id = (await api.call("POST", "/runs", {**run_body(), "experiment_id": first}))["run_id"]
    await api.services.runs.move(RunId(run_id), ExperimentId(second))
    assert (await api.ended(run_id))["state"] == "SUCCEEDED"

    async def there(life: KfpApi, experiment_id: str) -> list[str]:
        return [run["run_id"] for run in (await life.call("GET", "/runs", experiment_id=experiment_id)).get("runs", [])]

    await api.stop()
    again = await KfpApi(api.folder).start()
    assert (await again.call("GET", f"/runs/{run_id}"))["experiment_id"] == second
    assert (await there(again, first), await there(again, second)) == ([], [run_id])
    assert "last_run_created_at" in await again.call("GET", f"/experiments/{second}")
    await again.stop()


async def test_a_run_is_not_moved_where_it_cannot_be(api: KfpApi) -> None:
    async def experiment(name: str, **fields: str) -> ExperimentId:
        return ExperimentId((await api.call("POST", "/experiments", {"display_name": name, **fields}))["experiment_id"])

    home, archived, elsewhere = await experiment("home", namespace="a"), await experiment("archived"), await experiment("far", namespace="b")
    await api.call("POST", f"/experiments/{archived}:archive")
    run_id = RunId((await api.call("POST", "/runs", {**run_body(), "experiment_id": home}))["run_id"])
    with pytest.raises(PreconditionError, match="'archived' is archived"):
        await api.services.runs.move(run_id, archived)
    with pytest.raises(InvalidArgumentError, match="namespace 'a'"):
        await api.services.runs.move(run_id, elsewhere)
    with pytest.raises(NotFoundError):
        await api.services.runs.move(run_id, ExperimentId("none"))
    with pytest.raises(NotFoundError):
        await api.services.runs.move(RunId("none"), home)
    await api.services.runs.move(run_id, home)
    assert (await api.call("GET", f"/runs/{run_id}"))["experiment_id"] == home
    await api.ended(run_id)
    await SqlTrashStore(api.database).put(TrashKind.RUN, run_id, batch="b", by="ann", at=1.0, due_at=2.0)
    with pytest.raises(NotFoundError):
        await api.services.runs.move(run_id, await experiment("new"))


async def test_deleting_a_run_removes_rows_folders_and_unshared_artifacts(api: KfpApi) -> None:
    blob = api.blobs.put_bytes(b"weights")
    model = ArtifactRef(ArtifactId(5), "model", ArtifactType("system.Model"), "minio://b/m", {}, blob.digest, 7)
    api.scripts["work"] = Outcome({}, {"model": (model,)})
    created = await api.call("POST", "/runs", run_body())
    run_id = created["run_id"]
    await api.ended(run_id)
    folder = api.folder / "runs" / run_id / "t" / "0"
    folder.mkdir(parents=True)
    assert (await api.call("GET", "/artifacts/5"))["uri"] == "minio://b/m"

    await api.call("DELETE", f"/runs/{run_id}")

    await api.refused("GET", f"/runs/{run_id}", status=404, code=5)
    await api.refused("GET", "/artifacts/5", status=404, code=5)
    assert not (api.folder / "runs" / run_id).exists()
    assert api.releases.digests == [blob.digest]
    for table in ("task", "attempt", "run_event", "artifact_use", "run_parameter"):
        assert api.database.read_sync(lambda tx, table=table: tx.one(f"SELECT COUNT(*) AS n FROM {table}"))["n"] == 0
    assert await api.call("GET", "/runs") == {}


async def test_deleting_an_active_run_stops_it(api: KfpApi) -> None:
    api.scripts["work"] = WAIT
    created = await api.call("POST", "/runs", run_body())
    await api.driver._turn_over()
    await api.call("DELETE", f"/runs/{created['run_id']}")
    assert not api.executor.waiting()
    await api.refused("GET", f"/runs/{created['run_id']}", status=404, code=5)


async def test_patch_changes_name_and_tags_which_can_be_filtered(api: KfpApi) -> None:
    created = await api.call("POST", "/runs", {**run_body(), "tags": {"team": "red"}})
    await api.call("POST", "/runs", run_body("other"))
    changed = await api.call("PATCH", f"/runs/{created['run_id']}", {"display_name": "new name", "tags": {"team": "blue"}})
    assert changed["display_name"] == "new name"
    for predicate in (
        '{"operation":"EQUALS","key":"tags.team","stringValue":"blue"}',
        '{"operation":"EQUALS","key":"name","stringValue":"new name"}',
        '{"operation":"IS_SUBSTRING","key":"display_name","stringValue":"NEW"}',
    ):
        found = await api.call("GET", "/runs", filter=f'{{"predicates":[{predicate}]}}')
        assert [run["run_id"] for run in found["runs"]] == [created["run_id"]], predicate
        assert found["total_size"] == 1
    cleared = await api.call("PATCH", f"/runs/{created['run_id']}", {"tags": {}})
    assert "tags" not in cleared


async def test_macros_are_replaced_in_one_off_runs(api: KfpApi) -> None:
    body = run_body()
    body["runtime_config"]["parameters"]["text"] = "[[RunUUID]] [[CurrentTime]] [[Index]]"
    created = await api.call("POST", "/runs", body)
    assert created["runtime_config"]["parameters"]["text"] == f"{created['run_id']} 20231114221320 [[Index]]"


async def test_cache_plan_tells_what_would_be_reused(api: KfpApi) -> None:
    body = run_body(tasks=("a", "b"), caching=True)
    before = await api.call("POST", "/runs:planCache", body)
    assert {task["task"]: task["outcome"] for task in before["tasks"]} == {"a": "run", "b": "run"}
    created = await api.call("POST", "/runs", body)
    await api.ended(created["run_id"])
    after = await api.call("POST", "/runs:planCache", body)
    assert {task["task"]: task["outcome"] for task in after["tasks"]} == {"a": "cached", "b": "cached"}
    body["runtime_config"]["parameters"]["text"] = "changed"
    changed = await api.call("POST", "/runs:planCache", body)
    assert {task["outcome"] for task in changed["tasks"]} == {"run"}
    assert [plan["is_partial"] for plan in (before, after, changed)] == [True, False, False]
    assert [plan["expected_seconds"] for plan in (before, after)] == [0, 0]
    assert (await api.call("GET", "/runs"))["total_size"] == 1
