"""Programs for the kfp client: what users write, with their expectations inside. Each gets the server's address as its first argument."""

from __future__ import annotations

PREAMBLE = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
import kfp
from kfp import dsl, compiler
import kfp_server_api

URL = sys.argv[1]
client = kfp.Client(host=URL)


@dsl.component
def add(a: int, b: int = 2) -> int:
    return a + b


@dsl.pipeline(name="adder")
def adder(a: int = 1):
    add(a=add(a=a).output)


def refused(status, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except kfp_server_api.ApiException as error:
        assert error.status == status, (error.status, error.body)
        return json.loads(error.body)
    raise AssertionError("not refused")
"""

RUNS = """
compiler.Compiler().compile(adder, "adder.yaml")
result = client.create_run_from_pipeline_func(adder, arguments={"a": 5}, run_name="first")
assert result.run_info.state == "PENDING", result.run_info
run = client.wait_for_run_completion(result.run_id, timeout=400, sleep_duration=1)
assert run.state == "SUCCEEDED", run
assert run.display_name == "first"
assert run.runtime_config.parameters == {"a": 5}
assert run.created_at.tzinfo is not None
names = [task.display_name for task in run.run_details.task_details]
assert "add" in names and "add-2" in names, names
root = [task for task in run.run_details.task_details if task.parent_task_id is None][0]
assert len(root.child_tasks) == 2 and all(child.pod_name for child in root.child_tasks)
assert [entry.state for entry in run.state_history][-1] == "SUCCEEDED"

again = client.create_run_from_pipeline_package("adder.yaml", arguments={"a": 6}, experiment_name="second experiment")
assert again.wait_for_run_completion(timeout=400).state == "SUCCEEDED"
experiment = client.get_experiment(experiment_name="second experiment")
listed = client.list_runs(experiment_id=experiment.experiment_id, sort_by="created_at desc", page_size=5)
assert [one.run_id for one in listed.runs] == [again.run_id] and listed.total_size == 1

direct = client.run_pipeline(experiment.experiment_id, "direct", pipeline_package_path="adder.yaml", params={"a": 1}, pipeline_root="minio://x/y")
client.wait_for_run_completion(direct.run_id, timeout=400, sleep_duration=1)
assert client.get_run(direct.run_id).runtime_config.pipeline_root == "minio://x/y"

condition = json.dumps({"predicates": [{"operation": "EQUALS", "key": "name", "stringValue": "direct"}]})
assert [one.run_id for one in client.list_runs(filter=condition).runs] == [direct.run_id]
first_page = client.list_runs(page_size=2, sort_by="created_at desc")
second_page = client.list_runs(page_size=2, page_token=first_page.next_page_token, sort_by="created_at desc")
ids = [one.run_id for one in first_page.runs + second_page.runs]
assert ids == [direct.run_id, again.run_id, result.run_id], ids
assert not second_page.next_page_token

client.archive_run(direct.run_id)
assert client.get_run(direct.run_id).storage_state == "ARCHIVED"
client.unarchive_run(direct.run_id)
assert client.get_run(direct.run_id).storage_state == "AVAILABLE"
client.delete_run(direct.run_id)
assert refused(404, client.get_run, direct.run_id)["code"] == 5
body = refused(400, client.run_pipeline, experiment.experiment_id, "bad", pipeline_package_path="adder.yaml", params={"unknown": 1})
assert body["code"] == 3 and "unknown" in body["message"]
"""

TERMINATE_AND_RETRY = """
import time, urllib.request

@dsl.component
def fail_once(marker: str):
    import os
    if not os.path.exists(marker):
        open(marker, "w").close()
        raise SystemExit(3)

@dsl.component
def sleep_long():
    import time
    time.sleep(600)

@dsl.pipeline(name="flaky")
def flaky(marker: str):
    add(a=1)
    fail_once(marker=marker)

@dsl.component
def last_word(status: dsl.PipelineTaskFinalStatus) -> str:
    return f"{status.state} {status.error_code} {status.error_message}"

@dsl.pipeline(name="sleeper")
def sleeper():
    with dsl.ExitHandler(last_word()):
        sleep_long()

marker = os.path.abspath("marker")
run_id = client.create_run_from_pipeline_func(flaky, arguments={"marker": marker}, enable_caching=False).run_id
failed = client.wait_for_run_completion(run_id, timeout=400, sleep_duration=1)
assert failed.state == "FAILED", failed
assert failed.error.message and "3" in failed.error.message, failed.error
api = getattr(client, "runs", None) or client._run_api
getattr(api, "run_service_retry_run", None) and api.run_service_retry_run(run_id) or getattr(api, "retry_run", lambda run_id: None)(run_id)
done = client.wait_for_run_completion(run_id, timeout=400, sleep_duration=1)
assert done.state == "SUCCEEDED", done
states = {task.display_name: task.state for task in done.run_details.task_details}
assert states["add"] == states["fail-once"] == "SUCCEEDED"

run_id = client.create_run_from_pipeline_func(sleeper, enable_caching=False).run_id
while client.get_run(run_id).state == "PENDING":
    time.sleep(0.1)
client.terminate_run(run_id)
ended = client.wait_for_run_completion(run_id, timeout=400, sleep_duration=1)
assert ended.state == "FAILED" and ended.error.code == 1, ended
assert "CANCELING" in [entry.state for entry in ended.state_history]
assert {task.display_name: task.state for task in ended.run_details.task_details}["last-word"] == "SUCCEEDED"
with urllib.request.urlopen(f"{URL}/apis/v2beta1/runs/{run_id}/tasks") as answer:
    tasks = {task["name"]: task for task in json.load(answer)["tasks"]}
assert tasks["last-word"]["outputs"]["parameters"][0]["value"] == "CANCELED 1 terminated by user", tasks["last-word"]
refused(400, client.terminate_run, run_id)
"""

EXPERIMENTS = """
default = client.get_experiment(experiment_name="Default")
assert default.display_name == "Default"
refused(400, client.delete_experiment, default.experiment_id)
first = client.create_experiment("exp a", description="what for")
assert client.create_experiment("exp a").experiment_id == first.experiment_id
assert client.get_experiment(experiment_id=first.experiment_id).description == "what for"
try:
    client.get_experiment(experiment_name="missing")
    raise AssertionError
except ValueError:
    pass
for number in range(5):
    client.create_experiment(f"many-{number}")
pages, token = [], ""
while True:
    page = client.list_experiments(page_token=token, page_size=3, sort_by="name desc")
    pages += [one.display_name for one in page.experiments]
    token = page.next_page_token
    if not token:
        break
assert pages == sorted(pages, reverse=True) and len(pages) == len(set(pages)) == page.total_size, pages
client.archive_experiment(first.experiment_id)
assert client.get_experiment(experiment_id=first.experiment_id).storage_state == "ARCHIVED"
client.unarchive_experiment(first.experiment_id)
assert client.get_experiment(experiment_id=first.experiment_id).storage_state == "AVAILABLE"
client.delete_experiment(first.experiment_id)
refused(404, client.get_experiment, experiment_id=first.experiment_id)
for call in (client.list_runs, client.list_recurring_runs):
    assert refused(404, call, experiment_id=first.experiment_id)["code"] == 5
    call(experiment_id=default.experiment_id)
health = client.get_kfp_healthz()
assert not getattr(health, "multi_user", False)
"""

PIPELINES = """
compiler.Compiler().compile(adder, "adder.yaml")
pipeline = client.upload_pipeline("adder.yaml", pipeline_name="pipe", description="adds")
assert client.get_pipeline_id("pipe") == pipeline.pipeline_id
assert client.get_pipeline_id("missing") is None
assert client.get_pipeline(pipeline.pipeline_id).description == "adds"
assert refused(409, client.upload_pipeline, "adder.yaml", pipeline_name="pipe")["error_message"]
if hasattr(client, "upload_pipeline_from_pipeline_func"):
    func = client.upload_pipeline_from_pipeline_func(adder, pipeline_name="from func")
else:
    func = client.upload_pipeline("adder.yaml", pipeline_name="from func")
second = client.upload_pipeline_version("adder.yaml", "v2", pipeline_id=pipeline.pipeline_id, description="more")
third = client.upload_pipeline_version_from_pipeline_func(adder, "v3", pipeline_name="pipe") if hasattr(client, "upload_pipeline_version_from_pipeline_func") else second
versions = client.list_pipeline_versions(pipeline.pipeline_id, sort_by="created_at desc")
assert versions.total_size in (2, 3) and versions.pipeline_versions[-1].display_name == "pipe"
got = client.get_pipeline_version(pipeline.pipeline_id, second.pipeline_version_id)
assert got.pipeline_spec["pipelineInfo"]["name"] == "adder", got.pipeline_spec
assert {one.display_name for one in client.list_pipelines(sort_by="name").pipelines} >= {"pipe", "from func"}
experiment = client.create_experiment("for versions")
run = client.run_pipeline(experiment.experiment_id, "of version", pipeline_id=pipeline.pipeline_id, version_id=second.pipeline_version_id, params={"a": 2})
assert client.wait_for_run_completion(run.run_id, timeout=400, sleep_duration=1).state == "SUCCEEDED"
assert client.get_run(run.run_id).pipeline_version_reference.pipeline_version_id == second.pipeline_version_id
refused(400, client.delete_pipeline, pipeline.pipeline_id)
for version in client.list_pipeline_versions(pipeline.pipeline_id).pipeline_versions:
    client.delete_pipeline_version(pipeline.pipeline_id, version.pipeline_version_id)
client.delete_pipeline(pipeline.pipeline_id)
refused(404, client.get_pipeline, pipeline.pipeline_id)
open("broken.yaml", "w").write("not: [a, pipeline")
refused(400, client.upload_pipeline, "broken.yaml", pipeline_name="broken")
"""

RECURRING = """
import datetime, time
compiler.Compiler().compile(adder, "adder.yaml")
experiment = client.create_experiment("schedules")
every = client.create_recurring_run(experiment.experiment_id, "every second", pipeline_package_path="adder.yaml",
                                    params={"a": 3}, interval_second=1, max_concurrency=1, enabled=True)
deadline = time.time() + 60
while len(client.list_runs(experiment_id=experiment.experiment_id).runs or []) < 2:
    assert time.time() < deadline, "the schedule does not fire"
    time.sleep(0.2)
client.disable_recurring_run(every.recurring_run_id)
fired = client.list_runs(experiment_id=experiment.experiment_id, sort_by="scheduled_at").runs
assert all(run.recurring_run_id == every.recurring_run_id for run in fired)
gaps = [later.scheduled_at - earlier.scheduled_at for earlier, later in zip(fired, fired[1:])]
assert all(gap == datetime.timedelta(seconds=1) for gap in gaps), gaps
assert fired[0].display_name.startswith("every second-1-")
got = client.get_recurring_run(every.recurring_run_id)
assert got.status == "DISABLED" and got.mode == "DISABLE" and str(got.max_concurrency) == "1"
assert str(got.trigger.periodic_schedule.interval_second) == "1"
cron = client.create_recurring_run(experiment.experiment_id, "nightly", pipeline_package_path="adder.yaml", cron_expression="0 0 3 * * *",
                                   start_time="2020-01-01T00:00:00Z", no_catchup=True, enabled=False)
assert client.get_recurring_run(cron.recurring_run_id).trigger.cron_schedule.cron == "0 0 3 * * *"
client.enable_recurring_run(cron.recurring_run_id)
assert client.get_recurring_run(cron.recurring_run_id).status == "ENABLED"
listed = client.list_recurring_runs(experiment_id=experiment.experiment_id)
assert {one.display_name for one in listed.recurring_runs} == {"every second", "nightly"} and listed.total_size == 2
body = refused(400, client.create_recurring_run, experiment.experiment_id, "five", pipeline_package_path="adder.yaml", cron_expression="0 3 * * *")
assert "six" in body["message"]
refused(400, client.create_recurring_run, experiment.experiment_id, "eleven", pipeline_package_path="adder.yaml", interval_second=9, max_concurrency=11)
client.archive_experiment(experiment.experiment_id)
assert client.get_recurring_run(cron.recurring_run_id).status == "DISABLED"
client.enable_job(cron.recurring_run_id)
client.disable_job(cron.recurring_run_id)
client.delete_job(every.recurring_run_id)
client.delete_recurring_run(cron.recurring_run_id)
refused(404, client.get_recurring_run, cron.recurring_run_id)
"""

PIPELINES_CLIENT = """
from kfp.kubeflow_client import PipelinesClient, KubernetesBackendConfig
pipelines = PipelinesClient(KubernetesBackendConfig(base_url=URL))
assert pipelines.kfp_client.get_kfp_healthz()
version = pipelines.upload_pipeline(adder, name="modern", version="one", description="d")
again = pipelines.upload_pipeline(adder, name="modern", version="two")
assert pipelines.get_pipeline("modern")
assert pipelines.get_pipeline_version("modern", "two")
assert len(pipelines.list_pipeline_versions("modern").pipeline_versions) == 2
assert any(one.name == "modern" for one in pipelines.list_pipelines().pipelines)
pipelines.create_experiment("modern experiment", description="x")
assert pipelines.get_experiment("modern experiment").experiment_id
assert pipelines.list_experiments().experiments
run = pipelines.run("modern", params={"a": 4}, name="modern run", experiment="modern experiment", version="one")
done = pipelines.wait_for_run_status(run, timeout=400, polling_interval=1)
assert done.state == "SUCCEEDED", done
assert pipelines.get_run(done.run_id).run_id == done.run_id
assert [one.run_id for one in pipelines.list_runs(experiment="modern experiment", status="SUCCEEDED").runs] == [done.run_id]
assert pipelines.list_runs(pipeline="modern").runs
inline = pipelines.run(adder, params={"a": 1})
assert pipelines.wait_for_run_status(inline, timeout=400, polling_interval=1).state == "SUCCEEDED"
pipelines.delete_pipeline("modern", version="one")
pipelines.delete_pipeline("modern", force=True)
pipelines.delete_experiment("modern experiment")
"""

SETTINGS = """
os.environ["KF_PIPELINES_ENDPOINT"] = URL
os.environ["KF_PIPELINES_UI_ENDPOINT"] = "http://pages.example:1234"
os.environ["KF_PIPELINES_DEFAULT_EXPERIMENT_NAME"] = "of the environment"
by_environment = kfp.Client()
run_id = by_environment.create_run_from_pipeline_func(adder).run_id
assert client.get_experiment(experiment_id=client.get_run(run_id).experiment_id).display_name == "of the environment"
os.environ["KF_PIPELINES_OVERRIDE_EXPERIMENT_NAME"] = "overriding"
run_id = by_environment.create_run_from_pipeline_func(adder, experiment_name="given").run_id
assert client.get_experiment(experiment_id=client.get_run(run_id).experiment_id).display_name == "overriding"
for name in [name for name in os.environ if name.startswith("KF_PIPELINES")]:
    del os.environ[name]

assert not client.get_user_namespace()
team = f"team-{kfp.__version__}"
client.set_user_namespace(team)
mine = kfp.Client(host=URL)
assert mine.get_user_namespace() == team
assert mine.create_experiment(team, namespace=team).namespace == team
run_id = mine.create_run_from_pipeline_func(adder, experiment_name=team, namespace=team).run_id
assert client.wait_for_run_completion(run_id, timeout=400, sleep_duration=1).state == "SUCCEEDED"
ours = client.get_experiment(experiment_name=team)
assert [run.run_id for run in mine.list_runs(namespace=team, experiment_id=ours.experiment_id).runs] == [run_id]
assert not [one for one in client.list_experiments(namespace="team-b").experiments if one.display_name == team]
client.set_user_namespace("")
token = kfp.Client(host=URL, existing_token="anything", cookies="a=b")
assert token.get_run(run_id).state == "SUCCEEDED"
"""

LISTS = """
import datetime
experiment = client.create_experiment("of lists").experiment_id
compiler.Compiler().compile(adder, "adder.yaml")
runs = [client.run_pipeline(experiment, name, pipeline_package_path="adder.yaml").run_id for name in ("c", "a", "d", "b", "e é%_")]
for run_id in runs:
    client.wait_for_run_completion(run_id, timeout=400, sleep_duration=1)
client.archive_run(runs[0])
middle = client.get_run(runs[2])


def found(**predicate):
    text = json.dumps({"predicates": [predicate]})
    return [run.display_name for run in client.list_runs(experiment_id=experiment, sort_by="name", filter=text).runs or []]


numbers = {"EQUALS": 1, "NOT_EQUALS": 2, "GREATER_THAN": 3, "GREATER_THAN_EQUALS": 5, "LESS_THAN": 6, "LESS_THAN_EQUALS": 7, "IN": 8,
           "IS_SUBSTRING": 9}
moment, ended = (at.astimezone(datetime.timezone.utc).isoformat() for at in (middle.created_at, middle.finished_at))
for operation, key, value, names in [
    ("EQUALS", "display_name", {"stringValue": "a"}, ["a"]),
    ("NOT_EQUALS", "name", {"string_value": "a"}, ["b", "c", "d", "e é%_"]),
    ("GREATER_THAN", "created_at", {"timestampValue": moment}, ["b", "e é%_"]),
    ("GREATER_THAN_EQUALS", "created_at", {"timestamp_value": moment}, ["b", "d", "e é%_"]),
    ("LESS_THAN", "created_at", {"timestampValue": moment}, ["a", "c"]),
    ("LESS_THAN_EQUALS", "created_at", {"timestampValue": moment}, ["a", "c", "d"]),
    ("IN", "name", {"stringValues": {"values": ["a", "b", "zz"]}}, ["a", "b"]),
    ("IS_SUBSTRING", "name", {"stringValue": "é%_"}, ["e é%_"]),
    ("EQUALS", "created_at", {"timestampValue": moment}, ["d"]),
    ("EQUALS", "finished_at", {"timestampValue": ended}, ["d"]),
    ("EQUALS", "storage_state", {"stringValue": "ARCHIVED"}, ["c"]),
    ("EQUALS", "state", {"stringValue": "SUCCEEDED"}, ["a", "b", "c", "d", "e é%_"]),
    ("EQUALS", "run_id", {"stringValue": runs[1]}, ["a"]),
]:
    assert found(operation=operation, key=key, **value) == names, (operation, key)
    assert found(operation=numbers[operation], key=key, **value) == names, numbers[operation]
for key in ("run_id", "name", "created_at", "finished_at", "scheduled_at", "description", "storage_state", "state", "experiment_id"):
    for direction in ("asc", "desc"):
        seen, token = [], ""
        while True:
            page = client.list_runs(experiment_id=experiment, page_size=2, page_token=token, sort_by=f"{key} {direction}")
            seen += [run.run_id for run in page.runs]
            token = page.next_page_token
            assert page.total_size == len(runs)
            if not token:
                break
        assert sorted(seen) == sorted(runs), (key, direction)
token = client.list_runs(page_size=1, sort_by="name").next_page_token
for arguments in (
    {"page_size": -1}, {"sort_by": "nothing"}, {"sort_by": "name sideways"}, {"page_token": "made up"}, {"filter": "no json"},
    {"page_token": token, "sort_by": "created_at"}, {"filter": '{"predicate": []}'},
    {"filter": '{"predicates": [{"operation": 4, "key": "name", "stringValue": "x"}]}'},
    {"filter": '{"predicates": [{"operation": 1, "key": "colour", "stringValue": "x"}]}'},
    {"filter": '{"predicates": [{"operation": 1, "key": "name"}]}'},
):
    assert refused(400, client.list_runs, **arguments)["code"] == 3, arguments
assert refused(400, client.list_experiments, page_token=token)["code"] == 3
"""

METHODS = """
from kfp.kubeflow_client import PipelinesClient
for kind, called in ((kfp.Client, sys.argv[2]), (PipelinesClient, sys.argv[3])):
    left = [name for name in dir(kind) if not name.startswith("_") and name not in called.split(",")]
    assert not left, left
"""

CLI = """
from click.testing import CliRunner
from kfp.cli.cli import cli

done = set()


def run(*words, fails=False):
    result = CliRunner().invoke(cli, ["--endpoint", URL, *words], obj={}, input="y\\n", auto_envvar_prefix="KFP")
    assert (result.exit_code != 0) is fails, (words, result.output, result.exception)
    plain = [word for word in words if word not in ("--output", "json")]
    done.add((plain[0], plain[1]))
    return result.output + str(result.exception or "")


def data(*words):
    output = run("--output", "json", *words)
    return json.loads(output[min(place for place in (output.find("{"), output.find("[")) if place >= 0):])


open("adder.py", "w").write('''
from kfp import dsl

@dsl.component
def add(a: int, b: int = 2) -> int:
    return a + b

@dsl.pipeline(name="adder")
def adder(a: int = 1):
    add(a=add(a=a).output)
''')
run("dsl", "compile", "--py", "adder.py", "--output", "adder.yaml", "--function", "adder", "--pipeline-parameters", '{"a": 4}')

experiment = data("experiment", "create", "-d", "why", "cli experiment")["experiment_id"]
assert "cli experiment" in run("experiment", "list", "-m", "50", "--sort-by", "name desc")
assert data("experiment", "get", experiment)["description"] == "why"
assert "ARCHIVED" in run("experiment", "archive", "--experiment-id", experiment)
assert "AVAILABLE" in run("experiment", "unarchive", "--experiment-name", "cli experiment")
run("experiment", "delete", experiment)
assert "404" in run("experiment", "get", experiment, fails=True)

pipeline = data("pipeline", "create", "-p", "cli pipe", "-d", "text", "adder.yaml")["pipeline_id"]
version = data("pipeline", "create-version", "adder.yaml", "-v", "cli v2", "-n", "cli pipe", "-d", "second")["pipeline_version_id"]
assert "409" in run("pipeline", "create", "-p", "cli pipe", "adder.yaml", fails=True)
assert "cli pipe" in run("pipeline", "list", "-m", "50")
table = run("pipeline", "list-versions", pipeline)
assert "PARENT ID" in table and "cli v2" in table and table.index("cli v2") < table.index("cli pipe")  # newest first
assert data("pipeline", "get", pipeline)["display_name"] == "cli pipe"
assert data("pipeline", "get-version", pipeline, version)["description"] == "second"

output = run("run", "create", "-e", "cli runs", "-r", "from cli", "-f", "adder.yaml", "-w", "-t", "90", "a=7")
assert "SUCCEEDED" in output, output
run("run", "create", "-e", "cli runs", "-r", "of version", "-p", pipeline, "-v", version, "-w", "a=8")
assert "400" in run("run", "create", "-e", "cli runs", "-f", "adder.yaml", "a=text", fails=True)
table = run("run", "list", "-m", "50")
assert all(word in table for word in ("ID", "NAME", "CREATED AT", "STATE", "STORAGE STATE", "from cli", "of version"))
run_id = next(one["run_id"] for one in data("run", "list") if one["display_name"] == "from cli")
assert data("run", "get", run_id)["runtime_config"]["parameters"] == {"a": 7}
assert "ARCHIVED" in run("run", "archive", run_id)
assert "AVAILABLE" in run("run", "unarchive", run_id)
run("run", "delete", run_id)
assert "404" in run("run", "get", run_id, fails=True)

recurring = data("recurring-run", "create", "--experiment-name", "cli schedules", "--job-name", "cli job", "--cron-expression", "0 0 4 * * *",
                 "--pipeline-package-path", "adder.yaml", "--disabled", "--no-catchup", "--max-concurrency", "2",
                 "--start-time", "2030-01-01T00:00:00Z", "--description", "nightly", "a=1")["recurring_run_id"]
assert "cli job" in run("recurring-run", "list", "-m", "50")
shown = data("recurring-run", "get", recurring)
assert (shown["status"], shown["no_catchup"], shown["max_concurrency"], shown["description"]) == ("DISABLED", True, "2", "nightly")
assert "ENABLED" in run("recurring-run", "enable", recurring)
assert "DISABLED" in run("recurring-run", "disable", recurring)
assert "six" in run("recurring-run", "create", "--experiment-name", "cli schedules", "--cron-expression", "0 4 * * *",
                    "--job-name", "five", "--pipeline-package-path", "adder.yaml", "a=1", fails=True)
data("recurring-run", "create", "--experiment-name", "cli schedules", "--job-name", "by version", "--interval-second", "3600",
     "--pipeline-id", pipeline, "--version-id", version, "--disable-caching", "a=1")
run("recurring-run", "delete", recurring)

assert "400" in run("pipeline", "delete", pipeline, fails=True)  # it has versions
for one in data("pipeline", "list-versions", pipeline):
    run("pipeline", "delete-version", pipeline, one["pipeline_version_id"])
run("pipeline", "delete", pipeline)

served = ("run", "experiment", "pipeline", "recurring-run", "dsl")
missing = {(group, command) for group in served for command in cli.commands[group].commands} - done
assert not missing, missing
"""
