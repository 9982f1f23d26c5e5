"""Rules of the metadata service, one by one; the real client is in tests/conformance/metaflow."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import httpx
import orjson
import pytest

from penstock.stores.sql.database import Database
from tests.api.metaflow.conftest import ManualClock

AUTHOR = {"user_name": "ada", "tags": ["mine"], "system_tags": ["metaflow_version:2.19.0", "user:ada"]}


async def post(client: httpx.AsyncClient, path: str, body: Any = None, status: int = 200) -> Any:
    answer = await client.post(path, json=AUTHOR if body is None else body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def get(client: httpx.AsyncClient, path: str, expected: int = 200, /, **params: Any) -> Any:
    answer = await client.get(path, params=params)
    assert answer.status_code == expected, answer.text
    return answer.json()


@pytest.fixture
async def task(client: httpx.AsyncClient) -> str:
    """Path of a task in a fresh run."""
    await post(client, "/flows/F")
    run = (await post(client, "/flows/F/run"))["run_number"]
    await post(client, f"/flows/F/runs/{run}/steps/start/step")
    number = (await post(client, f"/flows/F/runs/{run}/steps/start/task"))["task_id"]
    return f"/flows/F/runs/{run}/steps/start/tasks/{number}"


async def test_ping_tells_the_version(client: httpx.AsyncClient) -> None:
    answer = await client.get("/ping")
    assert (answer.text, answer.headers["METADATA_SERVICE_VERSION"]) == ("pong", "2.5.1")


async def test_registering_twice_conflicts_and_reading_the_unknown_is_an_empty_404(client: httpx.AsyncClient) -> None:
    assert await get(client, "/flows/F", 404) == {}
    await post(client, "/flows/F")
    await post(client, "/flows/F", status=409)
    await post(client, "/flows/G/run", status=404)
    run = await post(client, "/flows/F/run", {**AUTHOR, "run_number": "argo-abc"})
    assert run["run_number"] == "argo-abc"
    await post(client, "/flows/F/run", {**AUTHOR, "run_number": "argo-abc"}, status=409)
    await post(client, "/flows/F/run", {**AUTHOR, "run_number": "123"}, status=400)
    assert (await get(client, "/flows/F/runs/argo-abc"))["user_name"] == "ada"


async def test_numbers_are_unique_over_all_flows(client: httpx.AsyncClient) -> None:
    await post(client, "/flows/F")
    await post(client, "/flows/G")
    numbers = [(await post(client, f"/flows/{flow}/run"))["run_number"] for flow in "FGF"]
    assert len(set(numbers)) == 3
    assert numbers == sorted(numbers)


async def test_missing_tags_are_empty_lists(client: httpx.AsyncClient) -> None:
    await post(client, "/flows/F", {"tags": None})
    run = await post(client, "/flows/F/run", {})
    assert (run["tags"], run["system_tags"], run["last_heartbeat_ts"]) == ([], [], None)


async def test_heartbeat_answers_are_json_inside_a_json_string(client: httpx.AsyncClient, task: str) -> None:
    for path in (task, task.split("/steps", maxsplit=1)[0]):
        answer = await post(client, f"{path}/heartbeat", {})
        assert orjson.loads(answer) == {"wait_time_in_seconds": 10}
    assert (await get(client, task))["last_heartbeat_ts"] > 0


async def test_a_heartbeat_of_what_is_unknown_is_refused(client: httpx.AsyncClient, task: str) -> None:
    run, step = task.split("/steps", maxsplit=1)[0], task.split("/tasks", maxsplit=1)[0]
    for path in ("/flows/None/runs/9", f"{run}9", f"{task}9", f"{step}/tasks/other", f"{run}/steps/nope/tasks/1"):
        await post(client, f"{path}/heartbeat", {}, status=404)


async def test_tags_of_the_run_are_shown_everywhere_and_change_together(client: httpx.AsyncClient, task: str) -> None:
    run = task.split("/steps", maxsplit=1)[0]
    changed = await client.patch(f"{run}/tag/mutate", json={"tags_to_add": ["a", "user:ada"], "tags_to_remove": ["mine"]})
    assert changed.json() == {"tags": ["a"]}
    assert (await get(client, task))["tags"] == ["a"]
    refused = await client.patch(f"{run}/tag/mutate", json={"tags_to_add": ["b"], "tags_to_remove": ["user:ada"]})
    assert refused.status_code == 422
    assert (await client.patch(f"{run}/tag/mutate", json={"tags_to_add": "b"})).status_code == 400
    assert (await get(client, run))["tags"] == ["a"]


async def test_metadata_is_appended_and_read_newest_first_with_its_own_tags(client: httpx.AsyncClient, task: str) -> None:
    rows = [
        {"field_name": "attempt", "value": "0", "type": "attempt", "tags": ["attempt_id:0"]},
        {"field_name": "foreach-stack", "value": ["items=b"], "type": "foreach-stack", "tags": []},
    ]
    assert await post(client, f"{task}/metadata", rows) == {"metadata_created": 2}
    assert await post(client, f"{task}/metadata", rows[:1]) == {"metadata_created": 1}
    found = await get(client, f"{task}/metadata")
    assert [row["field_name"] for row in found] == ["attempt", "foreach-stack", "attempt"]
    assert found[1]["value"] == ["items=b"]
    assert found[2]["tags"] == ["attempt_id:0"]
    await post(client, f"{task}9/metadata", rows, status=400)
    await post(client, f"{task}/metadata", {"not": "a list"}, status=400)


async def test_artifacts_are_those_of_the_latest_attempt(client: httpx.AsyncClient, task: str) -> None:
    def row(name: str, attempt: int) -> dict[str, Any]:
        return {"name": name, "attempt_id": attempt, "sha": f"{name}{attempt}", "ds_type": "local", "location": "here"}

    assert await post(client, f"{task}/artifact", [row("name", 0), row("old", 0), row("x", 0)]) == {"artifacts_created": 3}
    await post(client, f"{task}/artifact", [row("name", 1), row("x", 1)])
    assert await post(client, f"{task}/artifact", [{**row("x", 1), "sha": "other"}]) == {"artifacts_created": 0}
    assert (await get(client, f"{task}/artifacts/x"))["sha"] == "x1"
    await get(client, f"{task}/artifacts/old", 404)
    assert (await get(client, f"{task}/artifacts/old/attempt/0"))["sha"] == "old0"
    assert {item["name"] for item in await get(client, f"{task}/artifacts")} == {"name", "x"}
    assert {item["name"] for item in await get(client, task.split("/tasks", maxsplit=1)[0] + "/artifacts")} == {"name", "x"}
    assert len(await get(client, f"{task}/attempt/0/artifacts")) == 3


async def test_filtered_tasks_match_anywhere_in_the_text(client: httpx.AsyncClient, task: str) -> None:
    step = task.split("/tasks", maxsplit=1)[0]
    await post(client, f"{task}/metadata", [{"field_name": "foreach-execution-path", "value": "work:1", "type": "t"}])
    spec = "F/" + task.split("/")[4] + "/start/" + task.rsplit("/", 1)[1]
    field = {"metadata_field_name": "foreach-execution-path"}
    assert await get(client, f"{step}/filtered_tasks") == [spec]
    assert await get(client, f"{step}/filtered_tasks", **field, pattern="ork:1$") == [spec]
    assert await get(client, f"{step}/filtered_tasks", **field, pattern="^1") == []
    await get(client, f"{step}/filtered_tasks", 400, **field, pattern="(")


async def test_pages_follow_the_cursor_to_the_end(client: httpx.AsyncClient) -> None:
    await post(client, "/flows/F")
    for _ in range(5):
        await post(client, "/flows/F/run")
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = await client.get("/flows/F/runs", params={"_limit": 2, **({"_cursor": cursor} if cursor else {})})
        seen += [run["run_number"] for run in answer.json()]
        cursor = answer.headers.get("X-Next-Cursor")
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 5
    assert len(await get(client, "/flows/F/runs")) == 5
    await get(client, "/flows/F/runs", 400, _cursor="!!", _limit=2)
    await get(client, "/flows/F/runs", 400, _limit="x")
    assert await get(client, "/flows/F/runs", _limit="9" * 5000) == await get(client, "/flows/F/runs", _limit="500")


async def pages(client: httpx.AsyncClient, path: str, limit: int) -> list[list[Any]]:
    """Follow the cursor of a list to its end."""
    found: list[list[Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = await client.get(path, params={"_limit": limit, **({"_cursor": cursor} if cursor else {})})
        assert answer.headers["X-Limit"] == str(limit)
        found.append(answer.json())
        cursor = answer.headers.get("X-Next-Cursor")
    return found


async def test_every_list_is_paged_without_loss_whatever_rows_have_in_common(client: httpx.AsyncClient, clock: ManualClock) -> None:
    clock.step = 0.0
    for flow in ("F", "G", "H"):
        await post(client, f"/flows/{flow}")
    for number in range(3):
        await post(client, "/flows/F/run", {**AUTHOR, "run_number": f"run-{number}"})
    await post(client, "/flows/F/runs/run-0/steps/start/step")
    for number in range(3):
        await post(client, "/flows/F/runs/run-0/steps/start/task", {**AUTHOR, "task_id": f"task-{number}"})
    task = "/flows/F/runs/run-0/steps/start/tasks/task-0"
    await post(client, f"{task}/metadata", [{"field_name": name, "value": name, "type": "t"} for name in "abc"])
    await post(client, f"{task}/artifact", [{"name": name, "attempt_id": 0, "sha": name} for name in "cab"])
    for path, key, count in (
        ("/flows", "flow_id", 3),
        ("/flows/F/runs", "run_number", 3),
        ("/flows/F/runs/run-0/steps/start/tasks", "task_id", 3),
        (f"{task}/metadata", "field_name", 3),
        ("/flows/F/runs/run-0/metadata", "field_name", 3),
        (f"{task}/artifacts", "name", 3),
        ("/flows/F/runs/run-0/artifacts", "name", 3),
        ("/flows/F/runs/run-0/steps/start/artifacts", "name", 3),
    ):
        whole = [row[key] for row in await get(client, path)]
        assert len(set(whole)) == count, path
        assert [row[key] for page in await pages(client, path, 1) for row in page] == whole, path
        assert [row[key] for page in await pages(client, path, 2) for row in page] == whole, path


async def test_pages_have_fifty_rows_by_default_and_at_most_five_hundred(client: httpx.AsyncClient, task: str) -> None:
    await post(client, f"{task}/metadata", [{"field_name": str(number), "value": "", "type": "t"} for number in range(60)])
    answer = await client.get(f"{task}/metadata", params={"_limit": 9999})
    assert (len(answer.json()), answer.headers["X-Limit"]) == (60, "500")
    assert "X-Next-Cursor" not in answer.headers
    first = await client.get(f"{task}/metadata", params={"_limit": 10})
    rest = await client.get(f"{task}/metadata", params={"_cursor": first.headers["X-Next-Cursor"]})
    assert (len(rest.json()), rest.headers["X-Limit"]) == (50, "50")
    assert "X-Limit" not in (await client.get(f"{task}/metadata")).headers


async def test_version_and_health_are_told(client: httpx.AsyncClient) -> None:
    assert (await client.get("/version")).text == "2.5.1"
    health = await client.get("/healthcheck")
    assert orjson.loads(health.text) == {"status": "UP"}


async def test_the_server_s_clock_counts_and_lists_are_newest_first(client: httpx.AsyncClient, clock: ManualClock) -> None:
    clock.step = 1.0
    for flow in ("F", "G"):
        await post(client, f"/flows/{flow}", {**AUTHOR, "ts_epoch": 5})
    runs = [await post(client, "/flows/F/run", {**AUTHOR, "ts_epoch": 5}) for _ in range(2)]
    path = f"/flows/F/runs/{runs[0]['run_number']}/steps"
    steps = [await post(client, f"{path}/{name}/step", {**AUTHOR, "ts_epoch": 5}) for name in ("start", "end")]
    tasks = [await post(client, f"{path}/start/task", {**AUTHOR, "ts_epoch": 5}) for _ in range(2)]
    assert all(item["ts_epoch"] > 1e12 for item in (*runs, *steps, *tasks))
    assert [flow["flow_id"] for flow in await get(client, "/flows")] == ["G", "F"]
    assert [run["run_number"] for run in await get(client, "/flows/F/runs")] == [run["run_number"] for run in runs[::-1]]
    assert [step["step_name"] for step in await get(client, path)] == ["end", "start"]
    assert [item["task_id"] for item in await get(client, f"{path}/start/tasks")] == [tasks[1]["task_id"], tasks[0]["task_id"]]


async def test_supplied_ids_are_shown_and_taken_everywhere_and_numbers_stay_numbers(client: httpx.AsyncClient) -> None:
    await post(client, "/flows/F")
    run = await post(client, "/flows/F/run", {**AUTHOR, "run_number": "argo-a"})
    path = "/flows/F/runs/argo-a/steps/start"
    step = await post(client, f"{path}/step")
    await post(client, f"{path}/step", status=409)
    named = await post(client, f"{path}/task", {**AUTHOR, "task_id": "t-1"})
    await post(client, f"{path}/task", {**AUTHOR, "task_id": "t-1"}, status=409)
    await post(client, f"{path}/task", {**AUTHOR, "task_id": "77"}, status=400)
    numbered = await post(client, f"{path}/task")
    assert (run["run_number"], step["run_number"], named["run_number"], named["task_id"]) == ("argo-a", "argo-a", "argo-a", "t-1")
    assert isinstance(numbered["task_id"], int)
    assert (await get(client, f"{path}/tasks/{numbered['task_id']}"))["task_id"] == numbered["task_id"]
    assert (await get(client, f"{path}/tasks/t-1"))["task_id"] == "t-1"


@pytest.mark.parametrize(
    "path",
    ["/flows/G", "/flows/F/runs/9", "/flows/F/runs/x", "RUN/steps/nope", "STEP/tasks/99", "STEP/tasks/x", "TASK/artifacts/nope"],
)
async def test_what_is_unknown_is_an_empty_404(client: httpx.AsyncClient, task: str, path: str) -> None:
    run, step = task.split("/steps", maxsplit=1)[0], task.split("/tasks", maxsplit=1)[0]
    assert await get(client, path.replace("RUN", run).replace("STEP", step).replace("TASK", task), 404) == {}


async def test_children_of_what_is_unknown_are_refused(client: httpx.AsyncClient, task: str) -> None:
    run, step = task.split("/steps", maxsplit=1)[0], task.split("/tasks", maxsplit=1)[0]
    await post(client, f"{run}/steps/nope/task", status=404)
    await post(client, f"{run}9/steps/start/step", status=404)
    row = [{"name": "x", "attempt_id": 0}]
    await post(client, f"{step}/tasks/99/artifact", row, status=400)
    await post(client, f"{run}9/steps/start/tasks/1/metadata", [], status=400)
    assert (await client.patch("/flows/F/runs/99/tag/mutate", json={"tags_to_add": ["a"], "tags_to_remove": []})).status_code == 404


async def test_first_heartbeats_depend_on_the_client_and_tasks_keep_their_run_alive(client: httpx.AsyncClient, clock: ManualClock) -> None:
    await post(client, "/flows/F")
    old = await post(client, "/flows/F/run", {**AUTHOR, "system_tags": ["metaflow_version:2.2.11"]})
    new = await post(client, "/flows/F/run", {**AUTHOR, "system_tags": ["metaflow_version:2.2.12"]})
    assert old["last_heartbeat_ts"] is None
    beats = [new["last_heartbeat_ts"]]
    run = f"/flows/F/runs/{new['run_number']}"
    await post(client, f"{run}/steps/start/step")
    for path in ("/steps/start/task", "/heartbeat"):
        clock.at += 100
        await post(client, run + path, AUTHOR)
        beats.append((await get(client, run))["last_heartbeat_ts"])
    (task,) = await get(client, f"{run}/steps/start/tasks")
    clock.at += 100
    await post(client, f"{run}/steps/start/tasks/{task['task_id']}/heartbeat", {})
    beats.append((await get(client, run))["last_heartbeat_ts"])
    assert all(after >= before + 100 for before, after in itertools.pairwise(beats)), beats
    assert all(isinstance(beat, int) and beat < 1e11 for beat in beats), "seconds"


async def test_tags_are_removed_before_they_are_added_and_concurrent_changes_are_all_kept(client: httpx.AsyncClient, task: str) -> None:
    run = task.split("/steps", maxsplit=1)[0]
    both = await client.patch(f"{run}/tag/mutate", json={"tags_to_add": ["mine", "b"], "tags_to_remove": ["mine", "absent"]})
    assert sorted(both.json()["tags"]) == ["b", "mine"]
    answers = await asyncio.gather(
        *(client.patch(f"{run}/tag/mutate", json={"tags_to_add": [f"t{number}"], "tags_to_remove": []}) for number in range(20))
    )
    assert {answer.status_code for answer in answers} <= {200, 409}
    kept = {f"t{number}" for number, answer in enumerate(answers) if answer.status_code == 200}
    assert set((await get(client, run))["tags"]) == {"b", "mine"} | kept
    for body in ({"tags_to_add": [1], "tags_to_remove": []}, {"tags_to_remove": "mine"}, []):
        assert (await client.patch(f"{run}/tag/mutate", json=body)).status_code == 400


async def test_tasks_are_found_by_text_of_any_field_once_each_in_their_order(client: httpx.AsyncClient, task: str) -> None:
    step = task.split("/tasks", maxsplit=1)[0]
    other = (await post(client, f"{step}/task"))["task_id"]
    first, second = (f"F/{task.split('/')[4]}/start/{number}" for number in (task.rsplit("/", 1)[1], other))
    for place, value in ((f"{step}/tasks/{other}", ["items=b", "inner=1"]), (task, "items=b"), (task, "items=b again")):
        await post(client, f"{place}/metadata", [{"field_name": "foreach-stack", "value": value, "type": "t"}])
    assert await get(client, f"{step}/filtered_tasks", pattern="items=b") == [first, second]
    assert await get(client, f"{step}/filtered_tasks", metadata_field_name="foreach-stack", pattern="inner") == [second]
    assert await get(client, f"{step}/filtered_tasks", metadata_field_name="other", pattern=".*") == []


async def test_runs_are_filtered(client: httpx.AsyncClient) -> None:
    await post(client, "/flows/F")
    await post(client, "/flows/F/run", {"user_name": "ada", "tags": ["a b", "x"], "system_tags": []})
    await post(client, "/flows/F/run", {"user_name": "bob", "tags": ["x"], "system_tags": ["y"]})

    async def users(**params: str) -> list[str]:
        return [run["user_name"] for run in await get(client, "/flows/F/runs", **params)]

    assert await users(user_name="ada") == ["ada"]
    assert await users(**{"user_name:co": "b,a"}) == ["bob", "ada"]
    assert await users(**{"_tags:all": "x,y"}) == ["bob"]
    assert await users(**{"_tags:any": "a b,y"}) == ["bob", "ada"]
    assert await users(status="running") == ["bob", "ada"]
    assert await users(status="failed") == []
    for bad in ({"status": "odd"}, {"user_name:zz": "x"}, {"ts_epoch:gt": "x"}):
        await get(client, "/flows/F/runs", 400, **bad)


async def test_fields_that_runs_do_not_have_filter_nothing_and_null_means_without(client: httpx.AsyncClient) -> None:
    await post(client, "/flows/F")
    await post(client, "/flows/F/run", {"user_name": "ada", "system_tags": ["user:ada", "metaflow_version:2.19.1"]})
    await post(client, "/flows/F/run", {"user_name": "bob", "run_number": "argo-1"})

    async def users(**params: str) -> list[str]:
        return [run["user_name"] for run in await get(client, "/flows/F/runs", **params)]

    assert await users(nothing="x") == ["bob", "ada"]
    assert await users(**{"nothing:zz": "x", "user_name": "ada"}) == ["ada"]
    assert await users(run_id="null") == ["ada"]
    assert await users(last_heartbeat_ts="null") == ["bob"]
    assert await users(run_id="argo-1,null") == ["bob", "ada"]
    assert await users(user="ada,bob") == ["ada"]
    assert await users(user="null") == ["bob"]
    assert await users(status="null") == await users(tags="null") == []


async def test_what_is_filtered_is_paged(client: httpx.AsyncClient) -> None:
    await post(client, "/flows/F")
    for _ in range(51):
        await post(client, "/flows/F/run")
    assert len(await get(client, "/flows/F/runs")) == 51
    answer = await client.get("/flows/F/runs", params={"user": "ada"})
    assert (len(answer.json()), answer.headers["X-Limit"]) == (50, "50")
    rest = await client.get("/flows/F/runs", params={"user": "ada", "_cursor": answer.headers["X-Next-Cursor"]})
    assert len(rest.json()) == 1


async def test_nothing_lies_below_what_is_unknown(client: httpx.AsyncClient, task: str) -> None:
    run, step = task.split("/steps", maxsplit=1)[0], task.split("/tasks", maxsplit=1)[0]
    lists = [f"{place}/{name}" for place in ("/flows/G/runs/1", f"{run}9") for name in ("steps", "artifacts", "metadata")]
    lists += [f"{run}/steps/nope/{name}" for name in ("tasks", "artifacts", "filtered_tasks")]
    lists += [f"{step}/tasks/99/{name}" for name in ("artifacts", "metadata", "attempt/0/artifacts")]
    for path in lists:
        assert await get(client, path) == [], path


async def test_every_answer_names_the_version(client: httpx.AsyncClient, task: str) -> None:
    for path in (task, "/flows/G", "/flows/F/runs?status=odd"):
        assert (await client.get(path)).headers["METADATA_SERVICE_VERSION"] == "2.5.1"


@pytest.mark.parametrize("name", ["흐름", "Überfluss", "test-flow", "with.dots"])
async def test_names_of_every_script_are_taken(client: httpx.AsyncClient, name: str) -> None:
    await post(client, f"/flows/{name}")
    run = (await post(client, f"/flows/{name}/run"))["run_number"]
    await post(client, f"/flows/{name}/runs/{run}/steps/{name}/step")
    made = await post(client, f"/flows/{name}/runs/{run}/steps/{name}/task")
    assert (await get(client, f"/flows/{name}/runs/{run}/steps/{name}/tasks"))[0] == made
    assert (made["flow_id"], made["step_name"]) == (name, name)


@pytest.mark.parametrize("name", ["..", ".hidden", "a b", "a%2Fb", "x" * 257, "a%00"])
async def test_names_that_are_no_part_of_a_path_are_refused(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.post(f"/flows/{name.replace('..', '%2E%2E')}", json=AUTHOR)).status_code in {400, 404}
    assert await get(client, "/flows") == []


async def test_outcomes_reach_the_shared_tables(client: httpx.AsyncClient, database: Database, task: str) -> None:
    def state() -> tuple[Any, ...]:
        run = database.read_sync(lambda tx: tx.one("SELECT state, task_count, done_count, failed_count FROM run"))
        node = database.read_sync(lambda tx: tx.one("SELECT state, attempts FROM task WHERE type = 'RUNTIME'"))
        assert run is not None
        assert node is not None
        return tuple(run) + tuple(node)

    def fact(name: str, value: str, attempt: int) -> list[dict[str, Any]]:
        return [{"field_name": name, "value": value, "type": name, "tags": [f"attempt_id:{attempt}"]}]

    assert state() == ("RUNNING", 1, 0, 0, "PENDING", 0)
    await post(client, f"{task}/metadata", fact("attempt", "0", 0))
    assert state() == ("RUNNING", 1, 0, 0, "RUNNING", 1)
    await post(client, f"{task}/metadata", fact("attempt_ok", "False", 0))
    assert state() == ("RUNNING", 1, 1, 1, "FAILED", 1)
    await post(client, f"{task}/metadata", fact("attempt", "1", 1))
    await post(client, f"{task}/metadata", fact("attempt_ok", "True", 1))
    assert state() == ("RUNNING", 1, 1, 0, "SUCCEEDED", 2)
    run = task.split("/steps", maxsplit=1)[0]
    await post(client, f"{run}/steps/end/step")
    end = await post(client, f"{run}/steps/end/task")
    await post(client, f"{run}/steps/end/tasks/{end['task_id']}/metadata", fact("attempt_ok", "True", 0))
    assert state()[0] == "SUCCEEDED"


async def test_unknown_addresses_say_so(client: httpx.AsyncClient) -> None:
    assert "has no GET" in await get(client, "/nothing/here", 404)


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff"])
async def test_broken_bodies_are_refused(client: httpx.AsyncClient, body: bytes) -> None:
    assert (await client.post("/flows/F", content=body)).status_code == 400
