"""kill -9 while runs stream: everything acknowledged is there once, and resending the rest completes it."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import threading
from typing import Any, Self

import httpx
import pytest

from tests.support.server import LiveServer

pytestmark = pytest.mark.faults

_CREATE = "mutation U($i: UpsertBucketInput!) { upsertBucket(input: $i) { bucket { id historyLineCount project { entity { name } } } } }"
_READ = (
    "query R($p: String!, $e: String!, $n: String!) { project(name: $p, entityName: $e) { run(name: $n) { state historyLineCount "
    "logLineCount summaryMetrics history(minStep: 0, maxStep: 100000) } } }"
)


class _Client:
    """Speaks to the server as a W&B client does."""

    def __init__(self, server: LiveServer) -> None:
        basic = base64.b64encode(f"api:{server.key}".encode()).decode()
        self.headers = {"Authorization": f"Basic {basic}"}
        self._http = httpx.Client(base_url=server.url, headers=self.headers, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def query(self, text: str, **variables: Any) -> Any:
        answer = self._http.post("/graphql", json={"query": text, "variables": variables})
        assert answer.status_code == 200, answer.text
        assert "errors" not in answer.json(), answer.text
        return answer.json()["data"]

    def post(self, path: str, body: dict[str, Any], *, packed: bool = False) -> httpx.Response:
        data = json.dumps(body).encode()
        if packed:
            return self._http.post(path, content=gzip.compress(data), headers={"Content-Encoding": "gzip"})
        return self._http.post(path, content=data)


def _chunk(start: int, count: int) -> dict[str, Any]:
    lines = [json.dumps({"_step": step, "loss": step / 7, "n": step}) for step in range(start, start + count)]
    return {
        "files": {
            "wandb-history.jsonl": {"offset": start, "content": lines},
            "output.log": {"offset": start, "content": [f"line {step}" for step in range(start, start + count)]},
            "wandb-summary.json": {"offset": 0, "content": [json.dumps({"n": start + count - 1})]},
        }
    }


@pytest.mark.parametrize("kill_after", [3, 9])
def test_a_killed_server_has_every_acknowledged_row_once(live_server: LiveServer, kill_after: int) -> None:
    names = ["a", "b", "c"]
    entity = ""
    with _Client(live_server) as client:
        for name in names:
            bucket = client.query(_CREATE, i={"modelName": "p", "name": name})["upsertBucket"]["bucket"]
            entity = bucket["project"]["entity"]["name"]
    acknowledged = dict.fromkeys(names, 0)
    reached = {name: threading.Semaphore(0) for name in names}

    def stream(name: str) -> None:
        with _Client(live_server) as sender, contextlib.suppress(httpx.TransportError):
            for start in range(0, 4000, 40):
                answer = sender.post(f"/files/{entity}/p/{name}/file_stream", _chunk(start, 40), packed=start % 80 == 0)
                if answer.status_code != 200:
                    return
                acknowledged[name] = start + 40
                reached[name].release()

    threads = [threading.Thread(target=stream, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for name in names:
        for _ in range(kill_after):
            assert reached[name].acquire(timeout=30)
    live_server.kill()
    for thread in threads:
        thread.join()
    live_server.start()
    with _Client(live_server) as client:
        for name in names:
            _resend_and_compare(client, f"/files/{entity}/p/{name}/file_stream", entity, name, acknowledged[name])


def _resend_and_compare(client: _Client, path: str, entity: str, name: str, acknowledged: int) -> None:
    run = client.query(_READ, p="p", e=entity, n=name)["project"]["run"]
    steps = [json.loads(row)["_step"] for row in run["history"]]
    assert steps == list(range(len(steps)))
    assert len(steps) >= acknowledged > 0
    assert run["logLineCount"] >= acknowledged
    for start in range(max(0, acknowledged - 80), acknowledged + 120, 40):  # resend what was lost on the way, and some more
        assert client.post(path, _chunk(start, 40)).status_code == 200
    end = acknowledged + 120
    assert client.post(path, {"complete": True, "exitcode": 0}).status_code == 200
    run = client.query(_READ, p="p", e=entity, n=name)["project"]["run"]
    rows = [json.loads(row) for row in run["history"]]
    assert [row["n"] for row in rows] == list(range(max(end, len(steps))))
    assert all(row["loss"] == row["_step"] / 7 for row in rows)
    assert (run["state"], run["historyLineCount"]) == ("finished", len(rows))


def test_bad_requests_get_the_status_that_stops_the_client(live_server: LiveServer) -> None:
    with _Client(live_server) as client:
        _try_bad_requests(client, live_server.url)


def _try_bad_requests(client: _Client, url: str) -> None:
    entity = client.query(_CREATE, i={"modelName": "p", "name": "run one.x"})["upsertBucket"]["bucket"]["project"]["entity"]["name"]
    path = f"/files/{entity}/p/run%20one.x/file_stream"
    assert client.post(path, {}).json() == {"exitcode": None, "limits": {}, "stopped": False}
    assert client.post(f"/files/{entity}/p/nobody/file_stream", {}).status_code == 404
    bad: list[Any] = [
        {"files": {"wandb-history.jsonl": {"offset": 0, "content": ['{"_step": 0}', "{"]}}},
        {"files": {"wandb-history.jsonl": {"offset": -1, "content": ["{}"]}}},
        {"files": {"wandb-history.jsonl": {"offset": 0, "content": [1]}}},
        {"files": [1]},
        [],
        {"complete": True, "exitcode": "x"},
    ]
    for body in bad:
        answer = client.post(path, body)
        assert answer.status_code == 400, (body, answer.text)
        assert answer.json()["error"]
    bomb = gzip.compress(b'{"x":"' + b"a" * (80 * 1024 * 1024) + b'"}')
    assert httpx.post(url + path, content=bomb, headers={**client.headers, "Content-Encoding": "gzip"}).status_code == 413
    assert httpx.post(url + path, content=b"\x1f\x8bnope", headers={**client.headers, "Content-Encoding": "gzip"}).status_code == 400
    assert httpx.post(url + path, content=b"{}").status_code == 401
    wrong = {"Authorization": "Basic " + base64.b64encode(b"api:" + b"0" * 40).decode()}
    assert httpx.post(url + path, content=b"{}", headers=wrong).status_code == 401
    assert httpx.post(url + path, content=b"{}", headers={**wrong, "User-Agent": "python-requests/2.31"}).status_code == 403
    run = client.query(_READ, p="p", e=entity, n="run one.x")["project"]["run"]
    assert (run["historyLineCount"], run["state"]) == (0, "running")
