"""Calls every method of the kfp 1.8 client and asserts what it gives back. Usage: client_calls.py URL; prints `ok` at the end."""

import base64
import io
import json
import re
import sys
import tarfile
import time
import warnings

warnings.simplefilter("ignore")

import kfp  # noqa: E402
import kfp_server_api  # noqa: E402
import programs_v2  # noqa: E402
from kfp import components, dsl  # noqa: E402
from kfp.compiler import Compiler  # noqa: E402
from programs import V2  # noqa: E402


def _double(n: int) -> int:
    return n * 2


def _linger(seconds: float):
    import time

    time.sleep(seconds)


def _sometimes(path: str) -> str:
    import os

    if not os.path.exists(path):
        open(path, "w").close()
        raise RuntimeError("first time")
    return "second time"


double = components.create_component_from_func(_double)
linger = components.create_component_from_func(_linger)
sometimes = components.create_component_from_func(_sometimes)


@dsl.pipeline(name="doubling", description="doubles a number")
def doubling(n: int = 4):
    double(n)


def _name() -> str:
    return "{{workflow.uid}} {{workflow.namespace}} {{ unknown }}"


@dsl.pipeline(name="naming")
def naming():
    components.create_component_from_func(_name)()


@dsl.pipeline(name="lingering")
def lingering(seconds: float = 60):
    with dsl.ExitHandler(double(1)):
        linger(seconds)


@dsl.pipeline(name="second-chance")
def second_chance(path: str):
    first = double(2)
    sometimes(path).after(first)


def wait(client, run_id):
    """Until the run is over; kfp's own wait looks every five seconds."""
    while (client.get_run(run_id).run.status or "").lower() not in ("succeeded", "failed", "skipped", "error"):
        time.sleep(0.1)
    return client.get_run(run_id)


def refused(status, call, *args, **kwargs):
    """Assert that a call is refused with an HTTP status; returns the body."""
    try:
        call(*args, **kwargs)
    except kfp_server_api.ApiException as error:
        assert error.status == status, (error.status, error.body)
        return json.loads(error.body)
    raise AssertionError("not refused")


def of_resource(call, kind, of_id):
    """What a list has of one pipeline version, schedule or experiment."""
    return call(resource_reference_key_type=kind, resource_reference_key_id=of_id, page_size=100, sort_by="created_at")


def experiments(client):
    made = client.create_experiment("first", description="d")
    assert client.create_experiment("first").id == made.id
    assert client.get_experiment(experiment_name="first").id == client.get_experiment(experiment_id=made.id).id
    assert made.storage_state == "STORAGESTATE_AVAILABLE"
    names = [item.name for item in client.list_experiments(page_size=50, sort_by="name").experiments]
    assert names == sorted(names) and {"Default", "first"} <= set(names), names
    available = json.dumps({"predicates": [{"op": 1, "key": "storage_state", "stringValue": "STORAGESTATE_AVAILABLE"}]})
    assert made.id in [item.id for item in client.list_experiments(page_size=100, filter=available).experiments]
    client.archive_experiment(made.id)
    assert made.id not in [item.id for item in client.list_experiments(page_size=100, filter=available).experiments]
    assert client.get_experiment(experiment_id=made.id).storage_state == "STORAGESTATE_ARCHIVED"
    client._experiment_api.unarchive_experiment(made.id)
    body = refused(409, client._experiment_api.create_experiment, body=kfp_server_api.ApiExperiment(name="first"))
    assert body["code"] == 6 and body["message"] == body["error"] == body["details"][0]["error_message"]
    client._experiment_api.delete_experiment(made.id)
    refused(404, client.get_experiment, experiment_id=made.id)
    refused(404, client.list_runs, experiment_id=made.id)
    refused(404, client.list_recurring_runs, experiment_id=made.id)
    call = client._experiment_api.api_client.call_api
    assert refused(404, call, "/apis/v1beta1/nothing", "GET")["code"] == 5
    assert refused(501, call, "/apis/v1beta1/experiments", "PUT")["code"] == 12


def pipelines(client, folder):
    package = folder + "/doubling.yaml"
    Compiler().compile(doubling, package)
    for ending in ("zip", "tar.gz"):
        Compiler().compile(doubling, folder + "/doubling." + ending)
    made = client.upload_pipeline(package, pipeline_name="doubling pipeline", description="d")
    assert [(item.name, item.value) for item in made.parameters] == [("n", "4")]
    assert made.default_version.name == "doubling pipeline"
    assert client.get_pipeline_id("doubling pipeline") == made.id and client.get_pipeline_id("nothing") is None
    refused(409, client.upload_pipeline, package, pipeline_name="doubling pipeline")
    version = client.upload_pipeline_version(folder + "/doubling.zip", "v2", pipeline_id=made.id)
    again = client.upload_pipeline_version(folder + "/doubling.tar.gz", "v3", pipeline_name="doubling pipeline")
    assert client.get_pipeline(made.id).default_version.id == again.id
    listed = client.list_pipeline_versions(made.id, sort_by="created_at").versions
    assert [item.name for item in listed] == ["doubling pipeline", "v2", "v3"]
    assert "apiVersion" in client._pipelines_api.get_template(made.id).template
    assert "apiVersion" in client._pipelines_api.get_pipeline_version_template(version.id).template
    client._pipelines_api.update_pipeline_default_version(made.id, version.id)
    assert client.get_pipeline(made.id).default_version.id == version.id
    client.delete_pipeline_version(again.id)
    result = client.run_pipeline(client.create_experiment("runs").id, "from stored", pipeline_id=made.id, params={"n": 21})
    detail = wait(client, result.id)
    assert detail.run.status == "Succeeded", detail.run.error
    by_version = client.run_pipeline(client.create_experiment("runs").id, "by version", version_id=version.id)
    references = {item.key.type: item for item in by_version.resource_references}
    assert references["EXPERIMENT"].name == "runs" and references["PIPELINE_VERSION"].name == "v2"
    wait(client, by_version.id)
    assert of_resource(client._run_api.list_runs, "PIPELINE_VERSION", version.id).runs[-1].id == by_version.id
    assert {item.id for item in of_resource(client._run_api.list_runs, "PIPELINE_VERSION", version.id).runs} <= {result.id, by_version.id}
    assert of_resource(client._run_api.list_runs, "PIPELINE_VERSION", "another").runs is None
    assert any(item.name == "doubling pipeline" for item in client.list_pipelines(page_size=100).pipelines)
    with open(folder + "/bad.yaml", "w") as file:
        file.write("a: [")
    refused(400, client._upload_api.upload_pipeline, folder + "/bad.yaml", name="bad")
    client.delete_pipeline(made.id)
    refused(404, client.get_pipeline, made.id)
    typed_parameters(client, folder)
    named_by_upload(client, folder)
    runs_by_reference(client, folder)


def typed_parameters(client, folder):
    """This client sends every value as text; a pipeline with types takes it as what it stands for."""
    from kfp.v2 import compiler

    @programs_v2.component
    def typed(n: int, x: float, text: str) -> str:
        return f"{n + 1} {x / 2} {text}"

    @dsl.pipeline(name="typed-job")
    def typed_job(n: int = 1, x: float = 1.0, text: str = "7"):
        typed(n=n, x=x, text=text)

    compiler.Compiler().compile(typed_job, folder + "/typed.json")
    made = client.upload_pipeline(folder + "/typed.json", pipeline_name="typed job")
    assert sorted((item.name, item.value) for item in made.parameters) == [("n", "1"), ("text", "7"), ("x", "1")]
    run = client.run_pipeline(client.create_experiment("runs").id, "typed", pipeline_id=made.id, params={"n": 41, "x": 5, "text": 8})
    detail = wait(client, run.id)
    assert detail.run.status == "Succeeded", detail.run.error
    nodes = json.loads(detail.pipeline_runtime.workflow_manifest)["status"]["nodes"].values()
    assert "42 2.5 8" in [item["value"] for node in nodes for item in node.get("outputs", {}).get("parameters", [])]
    assert {(item.name, item.value) for item in detail.run.pipeline_spec.parameters} == {("n", "41"), ("x", "5"), ("text", "8")}


def named_by_upload(client, folder):
    """In V2_COMPATIBLE mode the pipeline's name is an argument; its default is the name under which it is uploaded."""
    package = folder + "/compatible.yaml"
    Compiler(mode=V2).compile(programs_v2.add_pipeline, package)
    made = client.upload_pipeline(package, pipeline_name="chosen here")
    assert {item.name: item.value for item in made.parameters}["pipeline-name"] == "pipeline/chosen here"
    assert "pipeline/chosen here" in client._pipelines_api.get_template(made.id).template


def runs_by_reference(client, folder):
    """A run may name its pipeline among its references; it gets the newest version."""
    Compiler().compile(doubling, folder + "/doubling.yaml")
    made = client.upload_pipeline(folder + "/doubling.yaml", pipeline_name="by reference")
    key = kfp_server_api.ApiResourceKey(type="PIPELINE", id=made.id)
    named = kfp_server_api.ApiResourceReference(key=key, relationship="CREATOR")
    run = client._run_api.create_run(kfp_server_api.ApiRun(name="referring", resource_references=[named])).run
    assert run.pipeline_spec.pipeline_id == made.id
    assert wait(client, run.id).run.status == "Succeeded"


def runs(client, folder):
    result = client.create_run_from_pipeline_func(doubling, arguments={"n": 5}, run_name="five", experiment_name="runs")
    detail = wait(client, result.run_id)
    run = detail.run
    assert (run.status, run.name, run.storage_state) == ("Succeeded", "five", "STORAGESTATE_AVAILABLE")
    assert [(item.name, item.value) for item in run.pipeline_spec.parameters] == [("n", "5")]
    assert run.finished_at >= run.created_at and run.finished_at.year > 2000
    manifest = json.loads(detail.pipeline_runtime.workflow_manifest)
    assert manifest["metadata"]["uid"] == result.run_id and manifest["metadata"]["labels"]["pipeline/runid"] == result.run_id
    node = next(item for item in manifest["status"]["nodes"].values() if item["displayName"] == "double")
    data = client._run_api.read_artifact(result.run_id, node["id"], "double-Output").data
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(data))) as archive:
        assert archive.extractfile(archive.getmembers()[0]).read() == b"10"
    assert client.wait_for_run_completion(result.run_id, 30).run.id == result.run_id
    report = kfp_server_api.ApiReportRunMetricsRequest(
        run_id=result.run_id, metrics=[kfp_server_api.ApiRunMetric(name="score", node_id=node["id"], number_value=0.5, format="RAW")]
    )
    assert client._run_api.report_run_metrics(result.run_id, report).results[0].status == "OK"
    assert client._run_api.report_run_metrics(result.run_id, report).results[0].status == "DUPLICATE_REPORTING"
    assert [(item.name, item.number_value) for item in client.get_run(result.run_id).run.metrics] == [("score", 0.5)]
    listed = client.list_runs(page_size=100, sort_by="created_at desc", experiment_id=client.get_experiment(experiment_name="runs").id)
    assert listed.runs[0].id == result.run_id
    by_filter = json.dumps({"predicates": [{"op": "EQUALS", "key": "name", "stringValue": "five"}]})
    assert [item.id for item in client.list_runs(filter=by_filter).runs] == [result.run_id]
    by_status = json.dumps({"predicates": [{"op": 1, "key": "status", "stringValue": "Failed"}]})
    assert not client.list_runs(filter=by_status).runs
    page = client.list_runs(page_size=1, sort_by="name")
    assert page.next_page_token and page.total_size >= 3
    assert client.list_runs(page_size=1, sort_by="name", page_token=page.next_page_token).runs[0].id != page.runs[0].id
    refused(400, client.list_runs, sort_by="nonsense")
    client.runs.archive_run(result.run_id)
    assert client.get_run(result.run_id).run.storage_state == "STORAGESTATE_ARCHIVED"
    client.runs.unarchive_run(result.run_id)
    refused(409, client.runs.retry_run, result.run_id)
    client.runs.delete_run(result.run_id)
    refused(404, client.get_run, result.run_id)
    body = refused(400, client.create_run_from_pipeline_func, doubling, arguments={"unknown": 1})
    assert "Unrecognized input parameter: unknown" in body["message"]


def stopping_and_retrying(client, folder):
    result = client.create_run_from_pipeline_func(lingering, arguments={})
    while client.get_run(result.run_id).run.status != "Running":
        time.sleep(0.1)
    client.runs.terminate_run(result.run_id)
    detail = wait(client, result.run_id)
    assert detail.run.status == "Failed"
    nodes = json.loads(detail.pipeline_runtime.workflow_manifest)["status"]["nodes"].values()
    assert [node["phase"] for node in nodes if node["displayName"] == "double"] == ["Succeeded"], "the exit handler did not run"
    result = client.create_run_from_pipeline_func(second_chance, arguments={"path": folder + "/marker"})
    assert wait(client, result.run_id).run.status == "Failed"
    client.runs.retry_run(result.run_id)
    detail = wait(client, result.run_id)
    assert detail.run.status == "Succeeded", detail.run.error


def caching(client, folder):
    def states(run_id):
        found = json.loads(wait(client, run_id).pipeline_runtime.workflow_manifest)["status"]["nodes"].values()
        return {node["displayName"]: node["phase"] for node in found if node["type"] in ("Pod", "Retry")}

    def tasks(run_id):
        import urllib.request

        url = client._run_api.api_client.configuration.host + "/apis/v2beta1/runs/" + run_id + "/tasks?page_size=100"
        with urllib.request.urlopen(url) as answer:
            return {task["display_name"]: task["state"] for task in json.load(answer)["tasks"] if task["type"] == "RUNTIME"}

    for _ in range(2):  # text of the run is part of what is reused: the second run never shows the first one's id
        result = client.create_run_from_pipeline_func(naming, arguments={})
        nodes = json.loads(wait(client, result.run_id).pipeline_runtime.workflow_manifest)["status"]["nodes"].values()
        values = [item["value"] for node in nodes for item in node.get("outputs", {}).get("parameters", [])]
        assert values == [result.run_id + " kubeflow {{ unknown }}"], values
    first = client.create_run_from_pipeline_func(programs_v2.mnist(64), arguments={}, mode=V2)
    assert set(states(first.run_id).values()) == {"Succeeded"}
    second = client.create_run_from_pipeline_func(programs_v2.MNIST_CHANGED, arguments={}, mode=V2)
    assert set(states(second.run_id).values()) == {"Succeeded"}
    assert tasks(second.run_id) == {"load-data": "CACHED", "preprocessing": "CACHED", "train": "SUCCEEDED"}, tasks(second.run_id)
    third = client.create_run_from_pipeline_func(programs_v2.MNIST_CHANGED, arguments={}, mode=V2, enable_caching=False)
    assert set(states(third.run_id).values()) == {"Succeeded"}
    assert set(tasks(third.run_id).values()) == {"SUCCEEDED"}


def jobs(client, folder):
    experiment = client.create_experiment("scheduled")
    package = folder + "/scheduled.yaml"
    Compiler().compile(doubling, package)
    job = client.create_recurring_run(
        experiment.id, "every second", interval_second=1, pipeline_package_path=package, params={"n": 3}, max_concurrency=2, no_catchup=True
    )
    found = client.get_recurring_run(job.id)
    assert (found.enabled, found.max_concurrency, found.trigger.periodic_schedule.interval_second) == (True, "2", "1")
    while not client.list_runs(experiment_id=experiment.id).runs:
        time.sleep(0.2)
    run = client.list_runs(experiment_id=experiment.id).runs[0]
    assert {item.key.type: item.name for item in run.resource_references}["JOB"] == "every second"
    assert re.fullmatch(r"everysecond[a-z0-9]{5}-\d+-\d+", run.name), run.name
    client.disable_job(job.id)
    assert not client.get_recurring_run(job.id).enabled
    of_job = of_resource(client._run_api.list_runs, "JOB", job.id)
    assert run.id in [item.id for item in of_job.runs] and of_job.total_size == len(of_job.runs)
    stored = client.upload_pipeline(package, pipeline_name="kept for a schedule")
    by_version = client.create_recurring_run(
        experiment.id, "of a version", interval_second=3600, version_id=stored.default_version.id, enabled=False
    )
    assert of_resource(client._run_api.list_runs, "JOB", by_version.id).runs is None
    assert [item.id for item in of_resource(client.jobs.list_jobs, "PIPELINE_VERSION", stored.default_version.id).jobs] == [by_version.id]
    client.delete_job(by_version.id)
    assert [item.id for item in client.list_recurring_runs(experiment_id=experiment.id).jobs] == [job.id]
    client.jobs.enable_job(job.id)
    client.delete_job(job.id)
    refused(404, client.get_recurring_run, job.id)
    cron = client.create_recurring_run(experiment.id, "at nine", cron_expression="0 0 9 ? * 2-6", pipeline_package_path=package)
    assert client.get_recurring_run(cron.id).trigger.cron_schedule.cron == "0 0 9 ? * 2-6"
    client.delete_job(cron.id)
    refused(400, client.create_recurring_run, experiment.id, "bad", cron_expression="nonsense", pipeline_package_path=package)
    refused(400, client.create_recurring_run, experiment.id, "bad", interval_second=5, max_concurrency=99, pipeline_package_path=package)


def main():
    """Call the named group."""
    url, group, folder = sys.argv[1:4]
    client = kfp.Client(host=url)
    assert client.get_kfp_healthz().multi_user in (None, False)
    if group == "prefix":
        client = kfp.Client(host=url + "/pipeline/", existing_token="anything")
        assert client.list_experiments().experiments
    elif group == "experiments":
        experiments(client)
    else:
        globals()[group](client, folder)
    print("ok")


main()
