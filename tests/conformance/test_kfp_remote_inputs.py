"""Importers of files in somebody else's S3 (moto's server): what tasks find at `.path`, and what they are told where there is nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.clients import KFP_NEWEST, client_environment, client_python, run_client
from tests.support.s3 import s3_server
from tests.support.server import LiveServer

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(1200)]

PROGRAM = """
import json, sys, warnings
warnings.simplefilter("ignore")
import kfp
from kfp import dsl

@dsl.component
def read(data: dsl.Input[dsl.Dataset]) -> str:
    import os
    if os.path.isdir(data.path):
        found = sorted(os.path.join(folder, name) for folder, _, names in os.walk(data.path) for name in names)
        return "|".join(f"{os.path.relpath(name, data.path)}={open(name).read()}" for name in found)
    return open(data.path).read()

@dsl.component
def tell(data: dsl.Input[dsl.Dataset]) -> str:
    return data.uri

@dsl.pipeline(name="remote")
def remote(uri: str):
    read(data=dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset).output)

@dsl.pipeline(name="told")
def told(uri: str):
    tell(data=dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset).output)

@dsl.pipeline(name="copied", pipeline_config=dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size="1Gi")))
def copied(uri: str):
    read(data=dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset, download_to_workspace=True).output)

client = kfp.Client(host=sys.argv[1])
pipelines = {"remote": remote, "told": told, "copied": copied}
print(json.dumps({name: client.create_run_from_pipeline_func(pipelines[pipeline], arguments={"uri": uri}).run_id
                  for name, pipeline, uri in json.loads(sys.argv[2])}))
"""
CASES = [
    ("file", "remote", "s3://lake/deep/data.csv"),
    ("folder", "remote", "s3://lake/deep"),
    ("minio", "remote", "minio://lake/deep/data.csv"),
    ("workspace", "copied", "s3://lake/deep/data.csv"),
    ("missing", "remote", "s3://lake/nothing"),
    ("google", "remote", "gs://lake/deep/data.csv"),
    ("google told", "told", "gs://lake/deep/data.csv"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with s3_server(tmp_path_factory.mktemp("moto"), bucket="lake") as store:
        for name, text in (("deep/data.csv", "1,2"), ("deep/er/more.txt", "more"), ("deeper.txt", "beside")):
            assert httpx.put(f"{store}/lake/{name}", content=text.encode(), timeout=60).status_code == 200
        keys = {"AWS_ACCESS_KEY_ID": "lake", "AWS_SECRET_ACCESS_KEY": "lake", "AWS_DEFAULT_REGION": "us-east-1"}
        with LiveServer(tmp_path_factory.mktemp("remote") / "data", env={"AWS_ENDPOINT_URL_S3": store, **keys}) as running:
            yield running


@pytest.fixture(scope="module")
def ended(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str, list[str]]]:
    """Output of the reading task, error of the run and warnings of the task, by case."""
    folder = tmp_path_factory.mktemp("client")
    arguments = (server.url, json.dumps(CASES))
    done = run_client(client_python(KFP_NEWEST), PROGRAM, *arguments, env=client_environment(HOME=str(folder)), cwd=folder)
    assert done.returncode == 0, done.stderr
    return {name: _outcome(server, run_id) for name, run_id in json.loads(done.stdout.splitlines()[-1]).items()}


def _outcome(server: LiveServer, run_id: str) -> tuple[str, str, list[str]]:
    run = server.wait_for_run(run_id)
    tasks: list[dict[str, Any]] = server.get(f"/apis/v2beta1/runs/{run_id}/tasks")["tasks"]
    reader = next(task for task in tasks if task["name"] in {"read", "tell"})
    output = next((item["value"] for item in reader.get("outputs", {}).get("parameters", ())), "")
    return output, run.get("error", {}).get("message", ""), reader.get("warnings", [])


@pytest.mark.parametrize(
    ("case", "content"), [("file", "1,2"), ("folder", "data.csv=1,2|er/more.txt=more"), ("minio", "1,2"), ("workspace", "1,2")]
)
def test_a_task_finds_what_an_importer_names(ended: dict[str, tuple[str, str, list[str]]], case: str, content: str) -> None:
    assert ended[case] == (content, "", [])


def test_what_is_not_there_fails_the_task_that_needs_it_by_its_address(ended: dict[str, tuple[str, str, list[str]]]) -> None:
    assert "input artifact 'artifact': there is nothing at s3://lake/nothing" in ended["missing"][1]


def test_a_store_that_is_not_read_is_a_warning_and_the_reason_if_the_task_looks_for_it(
    ended: dict[str, tuple[str, str, list[str]]],
) -> None:
    told, error, warnings = ended["google told"]
    assert (told, error) == ("gs://lake/deep/data.csv", "")
    assert warnings == [
        "Input 'data' is known by its URI gs://lake/deep/data.csv only, and was not fetched for the task: the server reads no gs:// storage."
    ]
    assert "the server reads no gs:// storage" in ended["google"][1]
