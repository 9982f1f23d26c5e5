"""Artifacts of tasks that know nothing of W&B: listed, found by name, downloaded and walked by the real client."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conformance.decorators.test_wandb_log import V2_CLIENT, output_of
from tests.support.server import LiveServer

pytestmark = pytest.mark.conformance

HERE = Path(__file__).parent
READ = """
import json, sys, wandb
from pathlib import Path
api, project = wandb.Api(), sys.argv[1]
def tree(version):
    folder = Path(version.download(allow_missing_references=True, skip_cache=True))
    return {str(path.relative_to(folder)): path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()}
runs = {}
for run in api.runs(project, order="-created_at"):
    runs.setdefault(run.job_type, {
        "logged": sorted(f"{item.name} {item.type}" for item in run.logged_artifacts()),
        "used": sorted(f"{item.name} {item.type}" for item in run.used_artifacts()),
    })
after = next(run for run in api.runs(project, order="-created_at") if run.job_type == "after")
log = after.file("output.log").download(root="log", replace=True).read()
data, model = api.artifact(f"{project}/make.data:latest"), api.artifact(f"{project}/train.model:v0")
with wandb.init(project=project.split("/")[-1], id="by-hand", job_type="hand") as run:
    used = run.use_artifact("make.data:v0")
    again = wandb.Artifact("mine", "dataset")
    again.add_file(str(Path(used.download()) / "data"), name="mine.txt")
    run.log_artifact(again).wait()
print("OUT" + json.dumps({
    "runs": runs, "names": sorted(entry.name for kind in api.artifact_types(project) for entry in kind.collections()),
    "data": [data.version, data.metadata, data.logged_by().job_type, tree(data), sorted(run.job_type for run in data.used_by())],
    "model": [tree(model), model.size, [run.job_type for run in model.used_by()], model.verify()],
    "remote": [entry.ref for entry in api.artifact(f"{project}/importer.artifact:v0").manifest.entries.values()],
    "log": [[file.name for file in after.files()], "copied" in log.splitlines(), after.file("output.log").size == len(log.encode()),
        sorted([line.level, line.content] for line in after.console_logs() if line.content in {"copied", "careful"})],
    "mine": tree(api.artifact(f"{project}/mine:v0")), "used_by": sorted(run.job_type for run in api.artifact(f"{project}/make.data:v0").used_by()),
}))
"""


def blobs_of(server: LiveServer) -> list[bytes]:
    """Contents of all stored blobs."""
    return [path.read_bytes() for path in (server.data_dir / "blobs").rglob("*") if path.is_file()]


def test_artifacts_of_undecorated_tasks_are_read_through_the_public_api(live_server: LiveServer, tmp_path: Path) -> None:
    output_of(live_server, V2_CLIENT, tmp_path, "RESULT", str(HERE / "plain_program.py"), live_server.url)
    answer = output_of(live_server, V2_CLIENT, tmp_path, "OUT", "-c", READ, f"{getpass.getuser()}/plain-tasks")
    assert answer["runs"]["make"] == {"logged": ["make.data:v1 dataset"], "used": []}
    assert answer["runs"]["train"] == {"logged": ["train.model:v1 model"], "used": ["make.data:v1 dataset"]}
    assert answer["runs"]["judge"] == {
        "logged": [], "used": ["importer.artifact:v0 artifact", "make.data:v1 dataset", "train.model:v1 model"],
    }  # fmt: skip
    assert answer["runs"]["told"] == {"logged": ["copy:v0 kfp_artifact"], "used": ["data:v1 kfp_artifact"]}
    assert answer["runs"]["after"] == {"logged": [], "used": ["copy:v0 kfp_artifact"]}
    assert answer["names"] == ["copy", "data", "importer.artifact", "make.data", "mine", "train.model"]
    assert answer["data"] == ["v1", {"rows": 7}, "make", {"data": "second"}, ["judge", "train"]]
    assert answer["model"] == [{"config.json": "first", "weights/w.bin": "\1" * 1000}, 1005, ["judge"], None]
    assert answer["remote"] == ["https://example.com/file.bin"]
    assert answer["log"] == [["output.log"], True, True, [["error", "careful"], ["info", "copied"]]]
    assert answer["mine"] == {"mine.txt": "first"}
    assert answer["used_by"] == ["hand", "judge", "train"]
    assert blobs_of(live_server).count(b"first") == blobs_of(live_server).count(b"second") == 1
    names = {ref["name"] for node in lineage(live_server, f"version:{getpass.getuser()}/plain-tasks/mine:v0") for ref in node["names"]}
    assert {"make.data:v0", "data:v0", "mine:v0", "make", "train", "told", "judge", "train.model:v0"} <= names


def lineage(server: LiveServer, of: str) -> list[dict[str, Any]]:
    """Nodes around a thing."""
    answer = httpx.get(f"{server.url}/apis/penstock/v1/lineage", params={"of": of, "fold": "false"}, auth=("api", server.key))
    nodes: list[dict[str, Any]] = answer.raise_for_status().json()["nodes"]
    return nodes
