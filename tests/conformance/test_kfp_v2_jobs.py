"""Pipelines that `kfp.v2.compiler` of SDK 1.8 compiled, uploaded and run; their client cannot submit them itself."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.conformance.submitted import Outcome
from tests.support.clients import KFP_V1, client_environment, client_python, run_client
from tests.support.server import LiveServer

pytestmark = pytest.mark.conformance

_PROGRAM = """
import sys
from kfp.v2 import compiler, dsl
from kfp.v2.dsl import Dataset, Input, Output, component


@component
def add(a: int, b: float = 2.0) -> float:
    return a + b


@component
def write(x: float, data: Output[Dataset]):
    with open(data.path, "w") as file:
        file.write(str(x))
    data.metadata["rows"] = 1


@component
def read(data: Input[Dataset], word: str) -> str:
    with open(data.path) as file:
        return f"{word} {file.read()} {data.metadata['rows']}"


@dsl.pipeline(name="v2-job", pipeline_root="gs://some-bucket/root")
def pipeline(n: int = 3, word: str = "w"):
    total = add(a=n)
    with dsl.Condition(total.output > 2):
        written = write(x=total.output)
        read(data=written.outputs["data"], word=word)
    with dsl.ParallelFor([1, 2]) as item:
        add(a=item).set_display_name("looped")


compiler.Compiler().compile(pipeline, sys.argv[1])
"""


def test_a_job_of_the_old_compiler_is_uploaded_and_run(live_server: LiveServer, tmp_path: Path) -> None:
    package = tmp_path / "job.json"
    compiled = run_client(client_python(KFP_V1, "setuptools<81"), _PROGRAM, str(package), env=client_environment(), cwd=tmp_path)
    assert compiled.returncode == 0, compiled.stderr

    with package.open("rb") as file:
        uploaded = httpx.post(f"{live_server.url}/apis/v2beta1/pipelines/upload", files={"uploadfile": ("job.json", file)}, timeout=30.0)
    assert uploaded.status_code == 200, uploaded.text
    run = live_server.post(
        "/apis/v2beta1/runs",
        {
            "display_name": "old",
            "pipeline_version_reference": {"pipeline_id": uploaded.json()["pipeline_id"]},
            "runtime_config": {"parameters": {"n": 4}},
        },
    )
    outcome = Outcome(live_server, live_server.wait_for_run(run["run_id"], seconds=240.0))

    assert outcome.state == "SUCCEEDED", outcome.story()
    assert outcome.outputs("add.Output") == [6.0], outcome.story()
    assert outcome.outputs("looped.Output") == [3.0, 4.0], outcome.story()
    assert outcome.outputs("read.Output") == ["w 6.0 1"], outcome.story()
