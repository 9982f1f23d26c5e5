"""`@wandb_log` with PyTorch in the three shapes of the integration's guide. Slow: its environment alone has half a gigabyte."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.metaflow.machine import TORCH_CLIENT, Machine
from tests.support.clients import pip_client_python
from tests.support.server import LiveServer

pytestmark = [pytest.mark.conformance, pytest.mark.slow, pytest.mark.timeout(1800)]

SHAPES = ("networks", "whole", "mixed")

READ = f"""
import pathlib, torch, wandb
api = wandb.Api()
out = []
for project in {SHAPES!r}:
    for run in api.runs(f"{{api.default_entity}}/{{project}}", order="+created_at"):
        out.append({{
            "project": project, "step": run.job_type, "group": run.group, "notes": run.notes, "config": dict(run.config).get("rate"),
            "summary": {{key: value for key, value in run.summary.items() if not key.startswith("_")}},
            "logged": sorted([a.name.split(":")[0], a.type, sorted(a.manifest.entries)] for a in run.logged_artifacts()),
            "used": sorted(a.name.split(":")[0] for a in run.used_artifacts()),
        }})
folder = pathlib.Path(api.artifact("whole/model_file:v0").download())
layers = [type(layer).__name__ for layer in torch.load(folder / "model_file.pkl", weights_only=False)]
out = {{"runs": out, "layers": layers}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("torch") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def machine(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(server, tmp_path_factory.mktemp("machine"), client=TORCH_CLIENT, install=pip_client_python)


@pytest.fixture(scope="module")
def read(machine: Machine) -> dict[str, Any]:
    names = {"networks": "step", "whole": "whole", "mixed": "mixed"}
    for process in [machine.start("networks", "run", SHAPE=shape, WANDB_PROJECT=project) for project, shape in names.items()]:
        Machine.finish(process)
    found: dict[str, Any] = machine.read(READ)
    return found


def of(read: dict[str, Any], project: str) -> dict[str, dict[str, Any]]:
    return {run["step"]: run for run in read["runs"] if run["project"] == project}


BOTH = [["model_file", "model", ["model_file.pkl"]], ["raw_df", "dataset", ["raw_df.parquet"]]]


def test_a_decorated_step_logs_frame_and_module_with_its_settings(read: dict[str, Any]) -> None:
    runs = of(read, "networks")
    assert set(runs) == {"start"}
    assert runs["start"]["logged"] == BOTH
    assert runs["start"]["notes"] == "by hand"
    assert runs["start"]["config"] == 0.25
    assert runs["start"]["group"].startswith("StepFlow/")


def test_a_decorated_flow_logs_in_every_step_and_a_later_step_uses_the_module(read: dict[str, Any]) -> None:
    runs = of(read, "whole")
    assert set(runs) == {"start", "transform", "end"}
    assert runs["start"]["logged"] == BOTH
    assert runs["transform"]["used"] == ["model_file", "raw_df"]
    assert runs["transform"]["logged"] == [["folder", "dataset", ["a.txt", "b.txt"]]]
    assert len(runs["transform"]["summary"]["outputs"]) == 2
    assert set(runs["end"]["summary"]) == {"total"}
    assert read["layers"] == ["Linear", "ReLU", "Linear"]


def test_a_step_that_overrides_its_flow_logs_neither(read: dict[str, Any]) -> None:
    runs = of(read, "mixed")
    assert [runs[step]["logged"] for step in ("start", "mid")] == [BOTH, BOTH]
    assert (runs["end"]["logged"], runs["end"]["used"]) == ([], [])


def test_a_module_leads_from_the_step_that_made_it_to_the_step_that_used_it(
    read: dict[str, Any], machine: Machine, server: LiveServer
) -> None:
    del read
    start, used = machine.read("run = Flow('WholeFlow').latest_run\nout = [run[step].task.pathspec for step in ('start', 'transform')]")
    graph = server.get("/apis/penstock/v1/lineage", of=f"flow:{start}", depth=2, fold="false")
    models = {node["id"] for node in graph["nodes"] if {"model_file:v0"} & {name["name"] for name in node["names"]}}
    arrows = {(edge["source"], edge["type"], edge["target"]) for edge in graph["edges"]}
    (model,) = models
    assert {(f"task:{start}", "produced", model), (model, "used", f"task:{used}")} <= arrows
