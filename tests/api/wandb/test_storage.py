"""Bytes over HTTP: signatures, digests, ranges, names; and the steps of logging an artifact by hand."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from typing import Any

import httpx
import pytest

from tests.api.wandb.conftest import KEY, Api, basic

UPSERT = 'mutation { upsertBucket(input: {modelName: "p", name: "r"}) { bucket { id } } }'
FILES = 'mutation($f: [String!]!) { createRunFiles(input: {entityName: "ann", projectName: "p", runName: "r", files: $f}) { files { uploadUrl } } }'
CREATE = """mutation($digest: String!) { createArtifact(input: {entityName: "", projectName: "p", artifactTypeName: "t", digest: $digest,
  artifactCollectionName: "c", digestAlgorithm: MANIFEST_MD5, enableDigestDeduplication: true}) { artifact { id state } } }"""
MANIFEST = """mutation($id: ID!, $digest: String!) { createArtifactManifest(input: {artifactID: $id, name: "m", digest: $digest, entityName: "",
  projectName: "p", runName: "", type: FULL}) { artifactManifest { id file { uploadUrl } } } }"""
SPECS = """mutation($input: CreateArtifactFilesInput!) { createArtifactFiles(input: $input) { files { edges { node {
  name uploadUrl storagePath uploadMultipartUrls { uploadID uploadUrlParts { partNumber uploadUrl } } artifact { id } } } } } }"""
COMMIT = "mutation($id: ID!) { commitArtifact(input: {artifactID: $id}) { artifact { id digest } } }"
READ = """query($id: ID!) { artifact(id: $id) { state versionIndex size fileCount currentManifest { file { directUrl } }
  files(first: 10) { totalCount edges { node { name directUrl md5 sizeBytes } } } } }"""


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def without_key(api: Api) -> httpx.AsyncClient:
    """A client that sends no credentials, as wandb does with uploads and signed downloads."""
    return httpx.AsyncClient(transport=api.http._transport)


async def upload_url(api: Api, name: str) -> str:
    await api.data(UPSERT)
    answer = await api.data(FILES, f=[name])
    url: str = answer["createRunFiles"]["files"][0]["uploadUrl"]
    return url


async def test_a_run_file_goes_up_and_down_without_credentials(api: Api) -> None:
    url = await upload_url(api, "dir/a b%ü.txt")
    assert url.startswith("http://host:1")
    async with without_key(api) as http:
        assert (await http.put(url, content=b"one")).status_code == 200
        assert (await http.put(url, content=b"two")).status_code == 200
        answer = await api.data(
            '{ project(name: "p", entityName: "ann") { run(name: "r") { fileCount files { edges { node { name md5 sizeBytes directUrl } } } } } }'
        )
        run = answer["project"]["run"]
        file = run["files"]["edges"][0]["node"]
        assert (run["fileCount"], file["name"], file["md5"], file["sizeBytes"]) == (1, "dir/a b%ü.txt", md5(b"two"), 3)
        assert (await http.get(file["directUrl"])).content == b"two"
        assert (await http.put(file["directUrl"], content=b"x")).status_code == 403
        api.clock.time += 30 * 3600
        assert (await http.get(file["directUrl"])).status_code == 403
    assert (await api.http.get("/files/ann/p/r/dir/./a%20b%25%C3%BC.txt")).content == b"two"


async def test_files_need_a_key_or_a_signature(api: Api) -> None:
    url = await upload_url(api, "x")
    async with without_key(api) as http:
        assert (await http.put(url, content=b"x")).status_code == 200
        bare = url.partition("?")[0]
        assert (await http.get(bare)).status_code == 401
        assert (await http.get(bare, headers=basic("b" * 40))).status_code == 401
        assert (await http.get(bare, headers={"authorization": f"Bearer {KEY}"})).status_code == 200
        assert (await http.put(f"{bare}?expires=99999999999&signature=00", content=b"x")).status_code == 403


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "", "a\x00b"])
async def test_names_that_leave_the_run_are_refused(api: Api, name: str) -> None:
    await api.data(UPSERT)
    answer = await api.graphql(FILES, f=[name])
    assert "cannot be the name" in answer["errors"][0]["message"]


async def test_ranges_heads_and_browsers(api: Api) -> None:
    url = await upload_url(api, "page.html")
    async with without_key(api) as http:
        await http.put(url, content=bytes(range(100)))
    path = "/files/ann/p/r/page.html"
    part = await api.http.get(path, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, bytes(range(10, 20)), "bytes 10-19/100")
    tail = await api.http.get(path, headers={"range": "bytes=90-"})
    assert (tail.status_code, tail.content) == (206, bytes(range(90, 100)))
    head = await api.http.head(path)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "100", b"")
    assert "sandbox" in head.headers["content-security-policy"]
    options = await api.http.options(path)
    assert options.headers["access-control-allow-origin"] == "*"


async def new_artifact(api: Api, digest: str = "d1") -> str:
    answer = await api.data(CREATE, digest=digest)
    wire_id: str = answer["createArtifact"]["artifact"]["id"]
    return wire_id


async def send_manifest(api: Api, wire_id: str, contents: dict[str, Any], *, data: bytes | None = None) -> httpx.Response:
    text = json.dumps({"version": 1, "contents": contents}).encode()
    answer = await api.data(MANIFEST, id=wire_id, digest=md5(text))
    async with without_key(api) as http:
        return await http.put(answer["createArtifactManifest"]["artifactManifest"]["file"]["uploadUrl"], content=data or text)


async def specs(api: Api, *files: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await api.data(SPECS, input={"artifactFiles": list(files), "storageLayout": "V2", "cloudRegionID": None})
    return [edge["node"] for edge in answer["createArtifactFiles"]["files"]["edges"]]


async def test_an_artifact_step_by_step(api: Api) -> None:
    wire_id = await new_artifact(api)
    one, two = b"one", b"two"
    nodes = await specs(
        api, {"artifactID": wire_id, "name": "b", "md5": md5(two)}, {"artifactID": wire_id, "name": "a", "md5": md5(one)},
    )  # fmt: skip
    assert [node["name"] for node in nodes] == ["b", "a"]
    async with without_key(api) as http:
        wrong = await http.put(nodes[0]["uploadUrl"], content=b"bad")
        assert wrong.status_code == 400
        assert "MD5" in wrong.json()["error"]
        for node, data in zip(nodes, (two, one), strict=True):
            assert (await http.put(node["uploadUrl"], content=data)).status_code == 200
    contents = {"a": {"digest": md5(one), "size": 3}, "b": {"digest": md5(two), "size": 3}, "r": {"digest": "etag", "ref": "s3://b/k", "size": 9}}
    assert (await send_manifest(api, wire_id, contents, data=b"{}")).status_code == 400
    early = await api.graphql(COMMIT, id=wire_id)
    assert "no uploaded manifest" in early["errors"][0]["message"]
    assert (await send_manifest(api, wire_id, contents)).status_code == 200
    for _ in range(2):
        assert (await api.data(COMMIT, id=wire_id))["commitArtifact"]["artifact"] == {"id": wire_id, "digest": "d1"}
    artifact = (await api.data(READ, id=wire_id))["artifact"]
    assert (artifact["state"], artifact["versionIndex"], artifact["size"], artifact["fileCount"]) == ("COMMITTED", 0, 15, 3)
    files = {edge["node"]["name"]: edge["node"] for edge in artifact["files"]["edges"]}
    assert files["r"]["directUrl"] == "s3://b/k"
    async with without_key(api) as http:
        assert (await http.get(files["a"]["directUrl"])).content == one
        assert (await http.get(artifact["currentManifest"]["file"]["directUrl"])).json()["contents"] == contents
    hex_md5 = hashlib.md5(one).hexdigest()
    forms = [f"/artifacts/ann/{hex_md5}", f"/artifactsV2/default/ann/{wire_id}/{hex_md5}", f"/artifactsV2/d/ann/p/c/{wire_id}/{hex_md5}/a",
             f"/artifactsV2/d/ann/p/c/{wire_id}/{wire_id}/{hex_md5}/a"]  # fmt: skip
    for form in forms:
        assert (await api.http.get(form)).content == one, form
    assert (await api.http.get(f"/artifactsV2/d/ann/{wire_id}/{'0' * 32}")).status_code == 404
    assert (await api.data(CREATE, digest="d1"))["createArtifact"]["artifact"] == {"id": wire_id, "state": "COMMITTED"}


async def test_known_bytes_are_not_asked_for_again(api: Api) -> None:
    first = await new_artifact(api)
    [node] = await specs(api, {"artifactID": first, "name": "a", "md5": md5(b"one")})
    async with without_key(api) as http:
        await http.put(node["uploadUrl"], content=b"one")
    second = await new_artifact(api, "d2")
    [again] = await specs(api, {"artifactID": second, "name": "z", "md5": md5(b"one")})
    assert again["uploadUrl"] is None
    assert again["artifact"]["id"] == first


async def test_bytes_that_do_not_match_their_digest_are_not_kept(api: Api) -> None:
    wire_id = await new_artifact(api)
    [node] = await specs(api, {"artifactID": wire_id, "name": "a", "md5": md5(b"right")})
    await send_manifest(api, wire_id, {"a": {"digest": md5(b"right"), "size": 5}})
    async with without_key(api) as http:
        for wrong in (b"wrong", b"righ", b"right and more", b""):
            answer = await http.put(node["uploadUrl"], content=wrong)
            assert (answer.status_code, "MD5" in answer.json()["error"]) == (400, True)
            [asked] = await specs(api, {"artifactID": wire_id, "name": "a", "md5": md5(b"right")})
            assert asked["uploadUrl"] is not None
            assert (await api.graphql(COMMIT, id=wire_id))["errors"]
            hex_md5 = hashlib.md5(wrong).hexdigest()
            assert (await api.http.get(f"/artifactsV2/default/ann/{wire_id}/{hex_md5}")).status_code == 404
        assert (await http.put(node["uploadUrl"], content=b"right")).status_code == 200
    await api.data(COMMIT, id=wire_id)
    assert (await api.data(READ, id=wire_id))["artifact"]["state"] == "COMMITTED"


async def test_a_version_without_its_bytes_is_not_committed(api: Api) -> None:
    wire_id = await new_artifact(api)
    await send_manifest(api, wire_id, {"lost.txt": {"digest": md5(b"never sent"), "size": 10}})
    answer = await api.graphql(COMMIT, id=wire_id)
    assert "lost.txt" in answer["errors"][0]["message"]
    assert (await api.data(READ, id=wire_id))["artifact"]["state"] == "PENDING"


async def test_a_hundred_thousand_entries_are_committed_once_by_requests_that_overlap(api: Api) -> None:
    wire_id = await new_artifact(api)
    bodies = [str(number).encode() for number in range(40)]
    nodes = await specs(api, *({"artifactID": wire_id, "name": f"f{number}", "md5": md5(body)} for number, body in enumerate(bodies)))
    async with without_key(api) as http:
        for node, body in zip(nodes, bodies, strict=True):
            assert (await http.put(node["uploadUrl"], content=body)).status_code == 200
    digests = [md5(body) for body in bodies]
    contents = {f"train/{number:06}.png": {"digest": digests[number % 40], "size": 2} for number in range(100_000)}
    assert (await send_manifest(api, wire_id, contents)).status_code == 200
    answers = await asyncio.gather(*(api.data(COMMIT, id=wire_id) for _ in range(3)))
    assert [answer["commitArtifact"]["artifact"]["id"] for answer in answers] == [wire_id] * 3
    artifact = (await api.data(READ, id=wire_id))["artifact"]
    assert (artifact["state"], artifact["versionIndex"], artifact["size"], artifact["fileCount"]) == ("COMMITTED", 0, 200_000, 100_000)
    query = """query($id: ID!, $after: String) { artifact(id: $id) { files(first: 5000, after: $after) {
      totalCount edges { node { name } } pageInfo { endCursor } } } }"""
    page = (await api.data(query, id=wire_id))["artifact"]["files"]
    page = (await api.data(query, id=wire_id, after=page["pageInfo"]["endCursor"]))["artifact"]["files"]
    assert (page["totalCount"], page["edges"][0]["node"]["name"]) == (100_000, "train/005000.png")


async def test_parts_are_put_together_and_verified(api: Api) -> None:
    wire_id = await new_artifact(api)
    pieces = [b"a" * 1000, b"b" * 500]
    whole = b"".join(pieces)
    parts = [{"partNumber": i, "hexMD5": hashlib.md5(piece).hexdigest()} for i, piece in enumerate(pieces, start=1)]
    [node] = await specs(api, {"artifactID": wire_id, "name": "big", "md5": md5(whole), "uploadPartsInput": parts})
    multipart = node["uploadMultipartUrls"]
    tags = []
    async with without_key(api) as http:
        for target, piece in zip(multipart["uploadUrlParts"], pieces, strict=True):
            tags.append((await http.put(target["uploadUrl"], content=piece)).headers["etag"])
    query = """mutation($parts: [UploadPartsInput!]!, $id: ID!, $path: String!, $upload: String!) { completeMultipartUploadArtifact(input: {
      completeMultipartAction: Complete, completedParts: $parts, artifactID: $id, storagePath: $path, uploadID: $upload}) { digest } }"""
    sent = [{"partNumber": i, "hexMD5": tag} for i, tag in enumerate(tags, start=1)]
    bad = await api.graphql(query, parts=sent[:1], id=wire_id, path=node["storagePath"], upload=multipart["uploadID"])
    assert "MD5" in bad["errors"][0]["message"]
    done = await api.data(query, parts=sent, id=wire_id, path=node["storagePath"], upload=multipart["uploadID"])
    assert done["completeMultipartUploadArtifact"]["digest"] == md5(whole)


async def test_keys_and_bodies_that_are_refused(api: Api) -> None:
    async with without_key(api) as http:
        base = str(api.http.base_url).rstrip("/")
        assert (await http.post(f"{base}/graphql", json={"query": "{ viewer { id } }"})).status_code == 401
        assert (await http.post(f"{base}/graphql", json={"query": "{ viewer { id } }"}, headers=basic("b" * 40))).status_code == 401
        assert (await http.post(f"{base}/oidc/token")).status_code == 400
    assert (await api.http.post("/graphql", content=b"{")).status_code == 400
    assert (await api.http.post("/graphql", content=b"[]")).status_code == 400
    too_large = await api.http.post("/graphql", content=b"", headers={"content-length": str(1 << 30)})
    assert too_large.status_code == 413


async def test_a_large_config_and_odd_numbers_survive(api: Api) -> None:
    config = json.dumps({"big": {"value": "x" * 20_000_000}, "n": {"value": 2**70}})
    query = 'mutation($c: JSONString) { upsertBucket(input: {modelName: "p", name: "r", config: $c}) { bucket { config } } }'
    assert (await api.data(query, c=config))["upsertBucket"]["bucket"]["config"] == config
    stream = {"files": {"wandb-history.jsonl": {"offset": 0, "content": ['{"_step": 0, "big": 1180591620717411303424, "nan": NaN}']}}}
    assert (await api.http.post("/files/ann/p/r/file_stream", json=stream)).status_code == 200
    answer = await api.data(
        '{ project(name: "p", entityName: "ann") { run(name: "r") { historyKeys sampledHistory(specs: "{\\"keys\\": [\\"big\\", \\"nan\\"]}") } } }'
    )
    [[row]] = answer["project"]["run"]["sampledHistory"]
    assert row == {"big": 2**70, "nan": "NaN"}
