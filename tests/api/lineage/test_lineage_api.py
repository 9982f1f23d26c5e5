"""The lineage address over an in-process application."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from penstock.api import lineage
from penstock.lineage.service import LineageService
from penstock.stores.sql.database import open_database
from penstock.stores.sql.lineage import SqlLineageStore
from tests.support.histories import History


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    database = open_database(f"sqlite:///{tmp_path / 'penstock.db'}", synchronous="OFF")
    made = History(database)
    made.begin()
    yield made
    database.close()


async def get(history: History, **params: str) -> httpx.Response:
    service = LineageService(SqlLineageStore(history.database), lambda manifests: [history.manifests[each] for each in manifests])
    app = Starlette(routes=lineage.routes(lineage.LineageServices(service, lambda request: lambda entity: True)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.get("/apis/penstock/v1/lineage", params=params)


async def test_nodes_edges_and_clusters(history: History) -> None:
    source = history.artifact("sha256:src", at=1.5)
    for index in range(6):
        history.use(history.task(f"t{index}", component="work"), source, "input", key="rows")
    body = (await get(history, of=f"artifact:{source}", depth="2")).json()
    [cluster] = body.pop("clusters")
    assert body == {
        "focus": "digest:sha256:src",
        "nodes": [
            {
                "id": "digest:sha256:src", "kind": "data", "name": "data", "group": "data", "state": "", "distance": 0,
                "created_at": "1970-01-01T00:00:01.500Z", "size_bytes": None, "aliases": [],
                "names": [{"ref": f"artifact:{source}", "name": "data", "detail": "system.Dataset"}],
            }
        ],
        "edges": [{"source": "digest:sha256:src", "target": cluster["id"], "type": "used", "label": "rows", "count": 6}],
        "node_count": 7,
        "truncated": False,
    }  # fmt: skip
    assert (cluster["kind"], cluster["group"], cluster["count"], len(cluster["members"])) == ("pipeline_task", "work", 6, 6)
    opened = (await get(history, of=f"artifact:{source}", expand=cluster["id"])).json()
    assert (len(opened["nodes"]), opened["clusters"]) == (7, [])
    plain = (await get(history, of=f"artifact:{source}", fold="false", kinds="data,pipeline_task", limit="3")).json()
    assert (len(plain["nodes"]), plain["truncated"]) == (3, True)


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({}, 400, 3),
        ({"of": "nonsense"}, 400, 3),
        ({"of": "artifact:1", "depth": "x"}, 400, 3),
        ({"of": "artifact:1", "depth": "99"}, 400, 3),
        ({"of": "artifact:1", "direction": "sideways"}, 400, 3),
        ({"of": "artifact:1", "kinds": "data,what"}, 400, 3),
        ({"of": "artifact:1", "fold": "maybe"}, 400, 3),
        ({"of": "artifact:1"}, 404, 5),
        ({"of": "digest:sha256:none"}, 404, 5),
        ({"of": "version:ann/p/none:latest"}, 404, 5),
        ({"of": "artifact:99999999999999999999999"}, 400, 3),
    ],
)
async def test_refusals_have_the_envelope_of_the_pipeline_api(history: History, params: dict[str, str], status: int, code: int) -> None:
    answer = await get(history, **params)
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code)
    assert body["error"] == body["message"] == body["details"][0]["message"]
