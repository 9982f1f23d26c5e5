"""Reading pipeline files with the user's SDK: what a tutorial's file does beside defining its pipeline."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from penstock.cli import compiler_program
from tests.support.clients import KFP_V1, client_environment, client_python

_TUTORIAL = """
import kfp
import kfp.dsl as dsl
from kfp.v2.dsl import component

@component
def add(a: float, b: float) -> float:
    return a + b

@dsl.pipeline(name="addition-pipeline", description="adds")
def add_pipeline(a: float = 1, b: float = 7):
    add(a, b)

client = kfp.Client()
client.create_run_from_pipeline_func(
    add_pipeline, arguments={"a": 7, "b": 8}, mode=kfp.dsl.PipelineExecutionMode.V2_COMPATIBLE,
)
raise RuntimeError("reading goes on after the submission")
"""


def test_a_file_that_submits_itself_is_read_up_to_there_and_compiled_for_its_components(tmp_path: Path) -> None:
    file = tmp_path / "add_pipeline.py"
    file.write_text(_TUTORIAL)
    command = [str(client_python(KFP_V1, "setuptools<81")), str(Path(compiler_program.__file__)), str(file), str(tmp_path)]
    done = subprocess.run(command, env=client_environment(HOME=str(tmp_path)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (pipeline,) = json.loads(done.stdout.splitlines()[-1])["pipelines"]
    assert (pipeline["name"], pipeline["function"]) == ("addition-pipeline", "add_pipeline")
    assert "pipelines.kubeflow.org/v2_component" in Path(pipeline["package"]).read_text()
