"""What a client should not send: another user's things, documents that are none, chunks out of order. Nothing is half stored."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from tests.api.wandb.conftest import Api, basic
from tests.api.wandb.test_storage import CREATE, FILES, UPSERT, upload_url

BOB = "b" * 40
RUN = '{ project(name: "p", entityName: "ann") { run(name: "r") { id historyLineCount history } } }'


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("{ viewer { id ", "Syntax Error"),
        ("{ viewer { nothing } }", 'Cannot query field "nothing" on type "User".'),
        ("", "no query"),
        ("query($a: Int!) { viewer { id } }", "$a"),
        ("{ " + "viewer { id } " * 100_000 + "}", "too long"),
        ("{ a: __typename ...F } fragment F on Query { ...F }", "itself"),
    ],
)
async def test_documents_that_cannot_run_are_graphql_errors(api: Api, query: str, said: str) -> None:
    answer = await api.graphql(query)
    assert said in answer["errors"][0]["message"]


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"query": "{ viewer { id } }", "variables": {"x": ' + b"[" * 5000 + b"NaN" + b"]" * 5000 + b"}}"])
async def test_a_body_that_is_nested_without_end_is_refused_and_not_sent_again(api: Api, body: bytes) -> None:
    answer = await api.http.post("/graphql", content=body)
    assert (answer.status_code, "not JSON" in answer.text) == (400, True)


async def test_another_users_project_is_closed(api: Api) -> None:
    await api.data(UPSERT)
    wire_id = (await api.data(CREATE, digest="d"))["createArtifact"]["artifact"]["id"]
    address = await upload_url(api, "secret.txt")
    assert (await api.http.put(address, content=b"secret")).status_code == 200
    api.services.keys.adopt(BOB, "bob")
    api.http.headers.update(basic(BOB))
    assert (await api.data("{ viewer { entity } }"))["viewer"]["entity"] == "bob"
    seen = await api.data(RUN)
    assert seen["project"] is None
    assert (await api.data("query($id: ID!) { artifact(id: $id) { id } }", id=wire_id))["artifact"] is None
    assert (await api.http.get("/files/ann/p/r/secret.txt")).status_code == 404
    stream = {"files": {"wandb-history.jsonl": {"offset": 0, "content": ['{"_step": 0}']}}}
    assert (await api.http.post("/files/ann/p/r/file_stream", json=stream)).status_code in {403, 404}
    for query, variables in (
        ('mutation { upsertBucket(input: {entityName: "ann", modelName: "p", name: "r"}) { bucket { id } } }', {}),
        (FILES, {"f": ["x"]}),
        ("mutation($id: ID!) { deleteArtifact(input: {artifactID: $id}) { artifact { id } } }", {"id": wire_id}),
    ):
        assert (await api.graphql(query, **variables))["errors"], query
    with_wrong_signature = address.partition("signature=")[0] + "signature=" + "0" * 64
    assert (await api.http.put(with_wrong_signature, content=b"changed")).status_code == 403


async def test_chunks_out_of_order_and_repeated_make_the_same_rows(api: Api) -> None:
    await api.data(UPSERT)
    chunks = {at: [json.dumps({"_step": step, "x": step}) for step in range(at, at + 5)] for at in (10, 0, 5)}
    for at in (10, 0, 10, 5, 0):
        body = {"files": {"wandb-history.jsonl": {"offset": at, "content": chunks[at]}}}
        assert (await api.http.post("/files/ann/p/r/file_stream", json=body)).status_code == 200
    bad = {"files": {"wandb-history.jsonl": {"offset": 15, "content": ['{"_step": 15}', "{not json"]}}}
    assert (await api.http.post("/files/ann/p/r/file_stream", json=bad)).status_code == 400
    run = (await api.data(RUN))["project"]["run"]
    assert run["historyLineCount"] == 15
    assert [json.loads(row)["_step"] for row in run["history"]] == list(range(15))


def _bomb(size: int) -> bytes:
    """Return gzip that unpacks to `size` zero bytes, made without holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    piece = bytes(1 << 20)
    return b"".join([*(packer.compress(piece) for _ in range(size >> 20)), packer.flush()])


async def test_bodies_that_unpack_to_too_much_or_to_nothing_are_refused_whole(api: Api) -> None:
    await api.data(UPSERT)
    good = json.dumps({"files": {"wandb-history.jsonl": {"offset": 0, "content": ['{"_step": 0}']}}}).encode()
    for content, encoding, status in (
        (_bomb(200 << 20), "gzip", 413), (gzip.compress(good)[:-9], "gzip", 400), (good, "gzip", 400), (good, "br", 400), (b"\xff\xfe", "", 400),
        (b"[1]", "", 400), (b'{"files": 5}', "", 400), (b'{"files": {"wandb-history.jsonl": {"offset": 0, "content": [5]}}}', "", 400),
        (b"[" * 200_000, "", 400),
    ):  # fmt: skip
        headers = {"content-encoding": encoding} if encoding else {}
        answer = await api.http.post("/files/ann/p/r/file_stream", content=content, headers=headers)
        assert (answer.status_code, bool(answer.json()["error"])) == (status, True), content[:80]
    for offset in (-1, 2**60, 1.5, "0", True, None):
        chunk = {"files": {"wandb-history.jsonl": {"offset": offset, "content": ['{"_step": 0}']}}}
        assert (await api.http.post("/files/ann/p/r/file_stream", json=chunk)).status_code == 400, offset
    assert (await api.data(RUN))["project"]["run"] | {"id": ""} == {"id": "", "historyLineCount": 0, "history": []}
    assert (await api.http.post("/files/ann/p/r/file_stream", content=gzip.compress(good), headers={"content-encoding": "gzip"})).status_code == 200
    assert (await api.data(RUN))["project"]["run"]["historyLineCount"] == 1
