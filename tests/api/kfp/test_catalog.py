"""Experiments, pipelines, versions, uploads and the answers to what is not there."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import yaml

from tests.support.kfp_api import BASE, KfpApi, pipeline_spec


def as_yaml(**spec: Any) -> bytes:
    return yaml.safe_dump(pipeline_spec(**spec)).encode()


def as_zip(content: bytes, name: str = "pipeline.yaml") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def as_tar(content: bytes, name: str = "pipeline.yaml") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


async def test_experiments_have_unique_names_and_a_default_that_stays(api: KfpApi) -> None:
    created = await api.call("POST", "/experiments", {"displayName": "e", "description": "d"})
    assert created["storage_state"] == "AVAILABLE"
    assert created["created_at"].endswith("Z")
    await api.refused("POST", "/experiments", {"display_name": "e"}, status=409, code=6)
    await api.refused("POST", "/experiments", {"display_name": ""}, status=400, code=3)
    await api.refused("POST", "/experiments", {"display_name": "x" * 129}, status=400, code=3)
    await api.refused("POST", "/experiments", {"display_name": "n", "namespace": "x" * 64}, status=400, code=3)
    default = (await api.call("GET", "/experiments", filter='{"predicates":[{"operation":1,"key":"display_name","stringValue":"Default"}]}'))
    await api.refused("DELETE", f"/experiments/{default['experiments'][0]['experiment_id']}", status=400, code=3)
    assert await api.call("DELETE", f"/experiments/{created['experiment_id']}") == {}
    await api.refused("GET", f"/experiments/{created['experiment_id']}", status=404, code=5)


async def test_an_experiment_with_active_runs_is_not_deleted(api: KfpApi) -> None:
    from penstock.testing.scripted_executor import WAIT

    api.scripts["work"] = WAIT
    experiment = await api.call("POST", "/experiments", {"display_name": "e"})
    body = {"display_name": "r", "pipeline_spec": pipeline_spec(), "runtime_config": {"parameters": {"text": "x"}}}
    run = await api.call("POST", "/runs", body, experiment_id=experiment["experiment_id"])
    message = await api.refused("DELETE", f"/experiments/{experiment['experiment_id']}", status=400, code=9)
    assert "active" in message
    await api.call("POST", f"/runs/{run['run_id']}:terminate")
    await api.ended(run["run_id"])
    await api.call("DELETE", f"/experiments/{experiment['experiment_id']}")
    await api.refused("GET", f"/runs/{run['run_id']}", status=404, code=5)


@pytest.mark.parametrize(
    ("file_name", "pack"),
    [
        ("p.yaml", lambda content: content),
        ("p.yml", lambda content: content),
        ("p.json", lambda content: json.dumps(yaml.safe_load(content)).encode()),
        ("p.zip", as_zip),
        ("p.tar.gz", as_tar),
    ],
)
async def test_every_kind_of_file_is_accepted(api: KfpApi, file_name: str, pack: Callable[[bytes], bytes]) -> None:
    pipeline = await api.upload(pack(as_yaml()), file_name=file_name, name="p", description="d", tags='{"team":"red"}')
    assert (pipeline["name"], pipeline["display_name"], pipeline["description"], pipeline["tags"]) == ("p", "p", "d", {"team": "red"})
    versions = await api.call("GET", f"/pipelines/{pipeline['pipeline_id']}/versions")
    [version] = versions["pipeline_versions"]
    assert version["display_name"] == "p"
    assert version["pipeline_spec"]["pipelineInfo"] == {"name": "hello"}


@pytest.mark.parametrize(
    ("file_name", "content"),
    [
        ("p.yaml", b""),
        ("p.yaml", b"a: [b"),
        ("p.yaml", b"just text"),
        ("p.yaml", b"\xff\xfe\x00"),
        ("p.txt", as_yaml()),
        ("p.zip", as_zip(b"a: [b")),
        ("p.zip", b"PK"),
        ("p.tar.gz", b"\x1f\x8b"),
        ("p.yaml", as_yaml().replace(b"comp-work:", b"comp-other:", 1)),
        ("p.yaml", b"a: &a [1]\nb: &b [*a,*a]\n" + b"\n".join(f"{chr(99 + n)}: &{chr(99 + n)} [*{chr(98 + n)},*{chr(98 + n)}]".encode() for n in range(22))),
    ],
)
async def test_bad_files_are_refused_with_the_upload_body(api: KfpApi, file_name: str, content: bytes) -> None:
    answer = await api.upload(content, file_name=file_name, name="p", status=400)
    assert answer["error_message"]
    assert answer["error_details"]
    assert "code" not in answer
    assert await api.call("GET", "/pipelines") == {}


async def test_an_upload_over_the_limit_is_refused_before_it_is_read_whole(api: KfpApi) -> None:
    sent = 0

    async def body() -> Any:
        nonlocal sent
        yield b'--B\r\nContent-Disposition: form-data; name="uploadfile"; filename="p.yaml"\r\n\r\n'
        for _ in range(64):
            sent += 1
            yield b"#" * 1024 * 1024
        yield b"\r\n--B--\r\n"

    headers = {"content-type": "multipart/form-data; boundary=B"}
    answer = await api.http.post(f"{BASE}/pipelines/upload", params={"name": "p"}, content=body(), headers=headers)
    assert answer.status_code == 400
    assert "larger" in answer.json()["error_message"]


async def test_uploads_without_the_part_or_the_name_are_refused(api: KfpApi) -> None:
    for kwargs in (
        {"content": b"x", "headers": {"content-type": "text/plain"}},
        {"files": {"other": ("p.yaml", b"x")}},
        {"content": b"--B\r\nbroken", "headers": {"content-type": "multipart/form-data; boundary=B"}},
    ):
        answer = await api.http.post(f"{BASE}/pipelines/upload", **kwargs)  # type: ignore[arg-type]
        assert answer.status_code == 400, answer.text
        assert answer.json()["error_message"]
    named = await api.upload(as_yaml(), file_name="from file.yaml")
    assert named["display_name"] == "from file.yaml"


async def test_two_documents_come_back_as_a_pair(api: KfpApi) -> None:
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {}}}}}
    content = as_yaml() + b"---\n" + yaml.safe_dump(platform).encode()
    pipeline = await api.upload(content, name="p")
    [version] = (await api.call("GET", f"/pipelines/{pipeline['pipeline_id']}/versions"))["pipeline_versions"]
    assert set(version["pipeline_spec"]) == {"pipeline_spec", "platform_spec"}
    assert version["pipeline_spec"]["platform_spec"] == platform


async def test_versions_are_added_patched_and_deleted_before_their_pipeline(api: KfpApi) -> None:
    pipeline = await api.upload(as_yaml(), name="p")
    pipeline_id = pipeline["pipeline_id"]
    api.clock.advance(1)
    version = await api.upload(as_yaml(tasks=("a",)), path="/pipelines/upload_version", name="v2", pipelineid=pipeline_id, code_source_url="http://x")
    version_path = f"/pipelines/{pipeline_id}/versions/{version['pipeline_version_id']}"
    conflict = await api.upload(as_yaml(), path="/pipelines/upload_version", name="v2", pipelineid=pipeline_id, status=409)
    assert "v2" in conflict["error_message"]
    newest = await api.call("GET", f"/pipelines/{pipeline_id}/versions", page_size=1, sort_by="created_at desc")
    assert [one["name"] for one in newest["pipeline_versions"]] == ["v2"]
    assert newest["total_size"] == 2
    changed = await api.call("PATCH", version_path, {"display_name": "Second", "tags": {"a": "b"}})
    assert (changed["name"], changed["display_name"], changed["tags"]) == ("v2", "Second", {"a": "b"})
    assert "tags" not in await api.call("PATCH", version_path, {"tags": {}})
    assert (await api.call("PATCH", f"/pipelines/{pipeline_id}", {"display_name": "P"}))["name"] == "p"
    assert (await api.call("GET", "/pipelines/names/p"))["display_name"] == "P"
    await api.refused("GET", f"/pipelines/other/versions/{version['pipeline_version_id']}", status=404, code=5)
    await api.refused("DELETE", f"/pipelines/{pipeline_id}", status=400, code=3)
    await api.call("DELETE", version_path)
    await api.call("DELETE", f"/pipelines/{pipeline_id}", cascade="true")
    await api.refused("GET", f"/pipelines/{pipeline_id}", status=404, code=5)


async def test_packages_are_not_fetched_from_this_machine_by_default() -> None:
    from penstock.domain.errors import InvalidArgumentError
    from penstock.stores.remote_packages import HttpPackageDownloader

    for url in ("http://127.0.0.1:1/x.yaml", "http://localhost/x", "http://[::1]/x", "http://169.254.169.254/latest", "http://[::ffff:127.0.0.1]/x",
                "http://0.0.0.0/x", "file:///etc/passwd", "ftp://x/y", "gopher://x", "http://", "nonsense"):  # fmt: skip
        with pytest.raises(InvalidArgumentError, match="package_url"):
            await HttpPackageDownloader().fetch(url, limit_bytes=1000)
    with pytest.raises(InvalidArgumentError, match=r"package_url: 127\.0\.0\.1 is an address of this machine or link; nothing is fetched from those"):
        await HttpPackageDownloader().fetch("http://127.0.0.1:1/x.yaml", limit_bytes=1000)


async def test_unknown_addresses_answer_in_the_envelope(api: KfpApi) -> None:
    assert await api.refused("GET", "/nothing/here", status=404, code=5)
    assert await api.refused("POST", "/workflows", {}, status=404, code=5)
    assert await api.refused("PUT", "/experiments", {}, status=501, code=12)
    assert (await api.call("GET", "/healthz"))["pipeline_store"] == "database"
    assert "multi_user" not in (await api.call("GET", "/healthz")) or not (await api.call("GET", "/healthz"))["multi_user"]
    assert await api.call("GET", "/auth", namespace="x", resources="VIEWERS", verb="GET") == {}


async def test_secrets_are_written_and_never_given_out(api: KfpApi) -> None:
    await api.call("PUT", "/secrets/db", {"string_data": {"password": "hunter2"}, "data": {"user": "cm9vdA=="}})
    await api.call("PATCH", "/secrets/db", {"string_data": {"extra": "1"}})
    listed = await api.http.get(f"{BASE}/secrets")
    assert "hunter2" not in listed.text
    assert listed.json()["secrets"][0]["keys"] == ["extra", "password", "user"]
    await api.call("PUT", "/configmaps/cfg", {"string_data": {"a": "b"}})
    assert [one["name"] for one in (await api.call("GET", "/configmaps"))["configmaps"]] == ["cfg"]
    await api.refused("PUT", "/secrets/Not_Valid", {"string_data": {}}, status=400, code=3)
    await api.refused("PUT", "/secrets/x", {"string_data": {"../a": "b"}}, status=400, code=3)
    await api.refused("PUT", "/secrets/x", {"data": {"a": "***"}}, status=400, code=3)
    await api.call("DELETE", "/secrets/db")
    await api.refused("DELETE", "/secrets/db", status=404, code=5)


async def test_a_body_over_the_limit_is_refused(api: KfpApi) -> None:
    async def body() -> Any:
        for _ in range(40):
            yield b" " * 1024 * 1024

    answer: httpx.Response = await api.http.post(f"{BASE}/runs", content=body())
    assert (answer.status_code, answer.json()["code"]) == (400, 3)
