"""kill -9 of the server while the real client uploads an artifact or waits for its commit: the client finishes, all is there once."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.clients import WANDB_NEWEST, client_environment, client_python
from tests.support.server import LiveServer

pytestmark = pytest.mark.faults

_FILES, _SIZE = 40, 400_000
_PROGRAM = f"""
import json, os, pathlib, random, sys, wandb
folder = pathlib.Path("payload"); folder.mkdir(exist_ok=True)
noise = random.Random(5)
for number in range({_FILES}):
    (folder / f"{{number:02}}.bin").write_bytes(noise.randbytes({_SIZE}))
with wandb.init(project="faults", id="kept") as run:
    run.log({{"before": 1}})
    artifact = wandb.Artifact("payload", "dataset")
    artifact.add_dir("payload")
    pathlib.Path("logging").touch()
    run.log_artifact(artifact, aliases=["kept"])
    artifact.wait()
    run.log({{"after": 2}})
api = wandb.Api()
found = api.artifact("tester/faults/payload:kept")
found.verify(found.download("back"))
kept = api.run("tester/faults/kept")
print("ANSWER " + json.dumps({{
    "versions": [(entry.version, entry.size, entry.file_count) for entry in api.artifacts("dataset", "tester/faults/payload")],
    "logged": [entry.name for entry in kept.logged_artifacts()], "state": kept.state,
    "rows": [{{key: row.get(key) for key in ("before", "after")}} for row in kept.scan_history()],
}}))
"""
_WHOLE = {
    "versions": [["v0", _FILES * _SIZE, _FILES]], "logged": ["payload:v0"], "state": "finished",
    "rows": [{"before": 1, "after": None}, {"before": None, "after": 2}],
}  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    with LiveServer(tmp_path / "data", env={"PENSTOCK_SERVER_USER": "tester"}) as found:
        yield found


@contextmanager
def client(server: LiveServer, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the program in the background."""
    home = folder / "client"
    home.mkdir()
    (home / "program.py").write_text(_PROGRAM)
    environment = client_environment(
        WANDB_BASE_URL=server.url, WANDB_API_KEY=server.key, WANDB_SILENT="true", HOME=str(home), WANDB_CACHE_DIR=str(home / "cache"),
        WANDB_DATA_DIR=str(home / "staging"), WANDB_CONFIG_DIR=str(home / "config"),
    )  # fmt: skip
    process = subprocess.Popen(
        [str(client_python(WANDB_NEWEST)), "program.py"], cwd=home, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "the moment to kill did not come"
        time.sleep(0.005)


def blob_bytes(server: LiveServer) -> int:
    total = 0
    for folder, _, names in os.walk(server.data_dir / "blobs"):
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                continue  # a draft that got its name just now
    return total


@pytest.mark.timeout(900)
@pytest.mark.parametrize("share", [0.05, 0.5, 1.0], ids=["first uploads", "uploads", "commit"])
def test_the_client_finishes_an_artifact_over_a_killed_server(server: LiveServer, tmp_path: Path, share: float) -> None:
    with client(server, tmp_path) as process:
        wait_until(lambda: blob_bytes(server) >= share * _FILES * _SIZE, process)
        server.restart()
        output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, f"{output}\n{server.log[-2000:]}"
    line = next(line for line in output.splitlines() if line.startswith("ANSWER "))
    assert json.loads(line.removeprefix("ANSWER ")) == _WHOLE


def test_a_commit_cut_short_is_repeated_and_makes_one_version(server: LiveServer) -> None:
    basic = base64.b64encode(f"api:{server.key}".encode()).decode()

    def ask(query: str, **variables: object) -> dict[str, dict[str, dict[str, object]]]:
        answer = httpx.post(
            f"{server.url}/graphql", json={"query": query, "variables": variables}, headers={"Authorization": f"Basic {basic}"}, timeout=60
        ).json()
        assert "errors" not in answer, answer
        found: dict[str, dict[str, dict[str, object]]] = answer["data"]
        return found

    create = """mutation { createArtifact(input: {entityName: "tester", projectName: "p", artifactTypeName: "dataset",
      artifactCollectionNames: ["many"], digest: "d", digestAlgorithm: MANIFEST_MD5}) { artifact { id } } }"""
    wire_id = str(ask(create)["createArtifact"]["artifact"]["id"])
    references = {f"{number:06}": {"digest": "x", "ref": f"s3://bucket/{number}", "size": 1} for number in range(150_000)}
    text = json.dumps({"version": 1, "contents": references}).encode()
    announce = """mutation($id: ID!, $digest: String!) { createArtifactManifest(input: {name: "wandb_manifest.json", digest: $digest,
      artifactID: $id, entityName: "tester", projectName: "p", runName: "", type: FULL}) { artifactManifest { file { uploadUrl } } } }"""
    digest = base64.b64encode(hashlib.md5(text, usedforsecurity=False).digest()).decode()
    manifest = ask(announce, id=wire_id, digest=digest)["createArtifactManifest"]["artifactManifest"]["file"]
    assert isinstance(manifest, dict)
    assert httpx.put(str(manifest["uploadUrl"]), content=text, timeout=60).status_code == 200
    commit = "mutation($id: ID!) { commitArtifact(input: {artifactID: $id}) { artifact { id } } }"
    body = json.dumps({"query": commit, "variables": {"id": wire_id}})
    sender = subprocess.Popen(
        ["curl", "-s", "-u", f"api:{server.key}", "-H", "Content-Type: application/json", "-d", body, f"{server.url}/graphql"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    listings = server.data_dir / "tracking" / "manifests"
    wait_until(lambda: listings.exists() and any(listings.iterdir()), sender)  # type: ignore[arg-type]
    server.restart()
    sender.communicate()
    ask(commit, id=wire_id)
    read = """query($id: ID!) { artifact(id: $id) { state versionIndex fileCount } project(name: "p", entityName: "tester") {
      artifactType(name: "dataset") { artifactCollection(name: "many") { artifacts { totalCount } } } } }"""
    found = ask(read, id=wire_id)
    assert found["artifact"] == {"state": "COMMITTED", "versionIndex": 0, "fileCount": 150_000}
    assert found["project"]["artifactType"]["artifactCollection"] == {"artifacts": {"totalCount": 1}}
