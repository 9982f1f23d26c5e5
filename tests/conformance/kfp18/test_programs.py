"""Every construct of the 1.8 SDK, submitted and read back by the real client.

All programs run in one client process against one server, because importing kfp 1.8 costs more than running them; each case is still a
test of its own.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.executors.process import namespaces
from tests.support.clients import KFP_V1, client_environment, client_python
from tests.support.server import LiveServer

pytestmark = pytest.mark.conformance

HERE = Path(__file__).parent
CLIENT = (KFP_V1, "setuptools<81")


def names_of(path: Path) -> list[str]:
    """First arguments of every `case(...)` in a program file, without importing it (kfp 1.8 is not installed here)."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    named = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "case" and call.args]
    return [str(call.args[0].value) for call in named if isinstance(call.args[0], ast.Constant)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("kfp18") / "data") as running:
        for name, entries in (("vault", {"token": "s3cret"}), ("names", {"user": "penstock"})):
            stored = httpx.put(f"{running.url}/apis/v2beta1/secrets/{name}", json={"string_data": entries})
            assert stored.status_code == 200, stored.text
        yield running


@pytest.fixture(scope="module")
def observed(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("client")
    output = folder / "observed.json"
    done = subprocess.run(
        [str(client_python(*CLIENT)), str(HERE / "driver.py"), server.url, str(output)],
        env=client_environment(HOME=str(folder)),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=290,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    found: dict[str, Any] = json.loads(output.read_text())
    return found


PROGRAMS = ("programs.py", "programs_v2.py", "programs_cluster.py")


@pytest.mark.parametrize("name", [name for file in PROGRAMS for name in names_of(HERE / file)])
def test_program(observed: dict[str, Any], server: LiveServer, name: str) -> None:
    run, expect = observed["found"][name], observed["expect"][name]
    if expect.get("needs") == "mounts" and not namespaces.probe():
        pytest.skip("this host allows no mount namespaces")
    assert run["status"] == expect["status"], run["error"]
    for task, outputs in expect.get("outputs", {}).items():
        published = [node["outputs"] for node in run["nodes"] if node["name"] == task]
        assert any(outputs.items() <= found.items() for found in published), published
    for task, phases in expect.get("phases", {}).items():
        assert sorted(node["phase"] for node in run["nodes"] if node["name"] == task) == phases
    for metric, value in expect.get("metrics", {}).items():
        assert run["metrics"].get(metric) == value
    assert expect.get("error", "") in run["error"]
    if "said" in expect:
        said = [value for node in run["nodes"] if node["name"].startswith("say") for value in node["outputs"].values()]
        assert sorted(said) == sorted(expect["said"])
    for task, text in expect.get("logs", {}).items():
        ids = [node["id"] for node in run["nodes"] if node["name"] == task]
        logs = [server.text(f"/apis/v1alpha1/runs/{run['run_id']}/nodes/{node}/log") for node in ids]
        assert any(text in log for log in logs), logs
    if "warned" in expect:
        tasks = server.get(f"/apis/v2beta1/runs/{run['run_id']}/tasks", page_size=100)["tasks"]
        warnings = " ".join(sentence for task in tasks for sentence in task.get("warnings", []))
        assert [text for text in expect["warned"] if text not in warnings] == [], warnings


def test_secrets_stay_masked(observed: dict[str, Any], server: LiveServer) -> None:
    run_id = observed["found"]["secrets"]["run_id"]
    found = [path for path in (server.data_dir / "runs" / run_id).rglob("spec.json") if "s3cret" in path.read_text()]
    assert not found


def test_every_viewer_of_the_classic_pages(observed: dict[str, Any], server: LiveServer) -> None:
    run_id = observed["found"]["viewers"]["run_id"]
    page = server.text(f"/ui/runs/{run_id}", view="output")
    for text in ("<td>one</td><td>two</td>", "confusion matrix", "AUC", 'href="https://boards.example/logs"', "gs://other/notes.md"):
        assert text in page
    assert "<td>cat</td><td>dog</td><td>5</td>" in page, "a table in a file of its own"
    boxes = [server.text(address) for address in re.findall(r'src="(/ui/artifacts/[0-9]+/viewers/[0-9]+)"', page)]
    assert [text for text in ("A heading", "inline page", "stored page") if not any(text in box for box in boxes)] == []
