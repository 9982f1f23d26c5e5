"""Logs and artifacts as plain REST: whole, by range, followed; files, directories, upstream's addresses."""

from __future__ import annotations

import asyncio
import base64
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.ids import ArtifactId, RunId, TaskId
from penstock.testing.scripted_executor import WAIT, Outcome
from tests.support.kfp_api import BASE, KfpApi, pipeline_spec


@pytest.fixture
async def task(api: KfpApi, tmp_path: Path) -> dict[str, Any]:
    """A task with a file and a directory artifact and a log, in a finished run."""
    blob = api.blobs.put_bytes(b"0123456789")
    folder = tmp_path / "tree"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"alpha")
    (folder / "sub" / "b.txt").write_bytes(b"beta")
    tree = api.blobs.put_path(folder, move=False)
    kind = ArtifactType("system.Dataset")
    file = ArtifactRef(ArtifactId(11), "data", kind, "minio://mlpipeline/v2/artifacts/p/data.csv", {}, blob.digest, 10)
    directory = ArtifactRef(ArtifactId(12), "dir", kind, "minio://mlpipeline/v2/artifacts/p/dir", {}, tree.digest, 9, is_directory=True)
    remote = ArtifactRef(ArtifactId(13), "remote", kind, "gs://elsewhere/x", {"rows": 1})
    api.scripts["work"] = Outcome({}, {"file": (file,), "dir": (directory,), "remote": (remote,)})
    body = {"display_name": "r", "pipeline_spec": pipeline_spec(), "runtime_config": {"parameters": {"text": "x"}}}
    run = await api.ended((await api.call("POST", "/runs", body))["run_id"])
    found: dict[str, Any] = next(one for one in run["run_details"]["task_details"] if one["display_name"] == "work")
    write_log(api, found, 0, b"hello\nworld\n")
    return found


def write_log(api: KfpApi, task: dict[str, Any], attempt: int, content: bytes) -> None:
    folder = api.folder / "runs" / task["run_id"] / task["task_id"] / str(attempt)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("ab") as log:
        log.write(content)


async def test_every_road_to_a_log(api: KfpApi, task: dict[str, Any]) -> None:
    run_id, task_id = task["run_id"], task["task_id"]
    for path in (
        f"/apis/v1alpha1/runs/{run_id}/nodes/{task_id}/log",
        f"/pipeline/apis/v1alpha1/runs/{run_id}/nodes/{task_id}/log",
        f"/k8s/pod/logs?podname={task['pod_name']}&runid={run_id}&podnamespace=kubeflow",
        f"{BASE}/tasks/{task_id}/log",
        f"{BASE}/runs/{run_id}/tasks/{task_id}/log",
        f"{BASE}/tasks/{task_id}/attempts/0/log",
        f"{BASE}/tasks/{task_id}/log?follow=true",
    ):
        answer = await api.http.get(path)
        assert (answer.status_code, answer.text) == (200, "hello\nworld\n"), path
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_parts_of_a_log(api: KfpApi, task: dict[str, Any]) -> None:
    path = f"{BASE}/tasks/{task['task_id']}/log"
    part = await api.http.get(path, headers={"range": "bytes=6-9"})
    assert (part.status_code, part.text, part.headers["content-range"]) == (206, "worl", "bytes 6-9/12")
    assert (await api.http.get(path, headers={"range": "bytes=-6"})).text == "world\n"
    assert (await api.http.get(path, headers={"range": "bytes=8-"})).text == "rld\n"
    assert (await api.http.get(path, params={"offset": 6, "length": 3})).text == "wor"
    assert (await api.http.get(path, params={"offset": 600})).text == ""
    assert (await api.http.get(path, params={"attempt": 7})).status_code == 404
    assert (await api.http.get(path, params={"attempt": "x"})).status_code == 400
    assert (await api.http.get(f"{BASE}/tasks/nope/log")).json()["code"] == 5


async def test_a_log_is_followed_until_the_task_ends(api: KfpApi) -> None:
    api.scripts["work"] = WAIT
    body = {"display_name": "r", "pipeline_spec": pipeline_spec(), "runtime_config": {"parameters": {"text": "x"}}}
    run_id = (await api.call("POST", "/runs", body))["run_id"]
    while not api.executor.waiting():
        await api.driver._turn_over()
    task = next(one for one in (await api.call("GET", f"/runs/{run_id}"))["run_details"]["task_details"] if one["display_name"] == "work")
    view = await api.services.tasks.get(TaskId(task["task_id"]), run_id=RunId(run_id))
    write_log(api, task, 0, b"one")
    stream = api.services.tasks.follow_log(view, None)
    assert await anext(stream) == b"one"
    write_log(api, task, 0, b"two")
    assert await anext(stream) == b"two"
    api.executor.release("work")
    write_log(api, task, 0, b"end")
    rest = await asyncio.wait_for(asyncio.create_task(_collect(stream)), 30)
    assert rest == b"end"


async def _collect(stream: Any) -> bytes:
    return b"".join([chunk async for chunk in stream])


async def test_a_file_artifact_is_downloaded_whole_and_by_range(api: KfpApi, task: dict[str, Any]) -> None:
    assert task["outputs"]["file"] == {"artifact_ids": ["11"]}
    meta = await api.call("GET", "/artifacts/11")
    assert (meta["artifact_id"], meta["type"], meta["schema_title"], meta["size_bytes"]) == ("11", "Dataset", "system.Dataset", "10")
    path = f"{BASE}/artifacts/11:download"
    whole = await api.http.get(path)
    assert (whole.status_code, whole.content) == (200, b"0123456789")
    assert whole.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in whole.headers["content-security-policy"]
    part = await api.http.get(path, headers={"range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    assert (await api.http.get(path, params={"peek": 3})).content == b"012"
    for other in (
        "/artifacts/get?source=minio&bucket=mlpipeline&key=v2/artifacts/p/data.csv",
        "/artifacts/minio/mlpipeline/v2/artifacts/p/data.csv",
        "/pipeline/artifacts/get?source=minio&bucket=mlpipeline&key=v2%2Fartifacts%2Fp%2Fdata.csv&namespace=kubeflow",
        f"{BASE}/runs/{task['run_id']}/tasks/{task['task_id']}/artifacts/file",
    ):
        assert (await api.http.get(other)).content == b"0123456789", other


async def test_reading_a_node_artifact_gives_a_packed_copy(api: KfpApi, task: dict[str, Any]) -> None:
    answer = await api.call("GET", f"/runs/{task['run_id']}/nodes/{task['task_id']}/artifacts/file:read")
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(answer["data"]))) as archive:
        [member] = archive.getmembers()
        extracted = archive.extractfile(member)
        assert extracted is not None
        assert extracted.read() == b"0123456789"


async def test_a_directory_artifact_is_packed_or_read_file_by_file(api: KfpApi, task: dict[str, Any]) -> None:
    path = f"{BASE}/artifacts/12:download"
    packed = await api.http.get(path)
    assert packed.headers["content-type"] == "application/gzip"
    with tarfile.open(fileobj=io.BytesIO(packed.content)) as archive:
        assert sorted(archive.getnames()) == ["dir/a.txt", "dir/sub/b.txt"]
    zipped = await api.http.get(path, params={"format": "zip"})
    with zipfile.ZipFile(io.BytesIO(zipped.content)) as archive_zip:
        assert archive_zip.read("dir/sub/b.txt") == b"beta"
    assert (await api.http.get(path, params={"path": "sub/b.txt"})).content == b"beta"
    assert (await api.http.get(path, params={"path": "../../etc/passwd"})).status_code == 404
    assert (await api.http.get(path, params={"format": "rar"})).status_code == 400
    files = await api.call("GET", "/artifacts/12/files")
    assert [one["path"] for one in files["files"]] == ["a.txt", "sub/b.txt"]


async def test_what_is_not_here_is_not_found(api: KfpApi, task: dict[str, Any]) -> None:
    for path in ("/artifacts/13:download", "/artifacts/99:download", "/artifacts/99"):
        assert await api.refused("GET", path, status=404, code=5)
    assert await api.refused("GET", "/artifacts/abc", status=400, code=3)
    for path in ("/artifacts/get?source=volume&bucket=b&key=../../etc/passwd", "/artifacts/get?source=minio&bucket=b&key=no"):
        answer = await api.http.get(path)
        assert answer.json()["code"] in {3, 5}


async def test_lineage_edges_are_listed(api: KfpApi, task: dict[str, Any]) -> None:
    listed = await api.call("GET", f"/runs/{task['run_id']}/artifacts", sort_by="name")
    assert [one["name"] for one in listed["artifacts"]] == ["data", "dir", "remote"]
    uses = await api.call("GET", "/artifact_tasks", task_ids=task["task_id"], type="OUTPUT", page_size=2)
    assert uses["total_size"] == 3
    more = await api.call("GET", "/artifact_tasks", task_ids=task["task_id"], type="OUTPUT", page_token=uses["next_page_token"])
    assert {use["key"] for use in uses["artifact_tasks"] + more["artifact_tasks"]} == {"file", "dir", "remote"}
    assert (await api.call("GET", "/artifacts", filter='{"predicates":[{"operation":1,"key":"type","stringValue":"system.Dataset"}]}'))["total_size"] == 3
    await api.refused("GET", "/artifact_tasks", status=400, code=3, type="NOTHING")
