"""The history of a trigger through the API: page by page, as other lists."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.domain.ids import RecurringRunId
from penstock.server.app import build_app, build_parts
from penstock.server.config import Settings
from penstock.stores.sql.trigger_events import SqlTriggerStore

URL = "http://127.0.0.1:8080"
COUNT = 103


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A server whose trigger `one` has seen 103 events, two of them at the same time, and `two` a single one."""
    parts = build_parts(Settings(data_dir=tmp_path, server_user="boss"), url=URL)
    await parts.tracking.start()
    store = SqlTriggerStore(parts.database)
    for number in range(COUNT):
        await store.note(RecurringRunId("one"), f"event {number}", source="webhook", at=1000.0 + number // 2, facts={"number": number})
    await store.note(RecurringRunId("two"), "another", source="webhook", at=5000.0, facts={})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=build_app(parts)), base_url=URL) as client:
        yield client
    await parts.tracking.stop()
    parts.database.close()


async def read(http: httpx.AsyncClient, trigger: str, **asked: Any) -> httpx.Response:
    return await http.get(f"/apis/penstock/v1/triggers/{trigger}/events", params=asked)


async def test_a_history_is_read_to_its_end_page_by_page(http: httpx.AsyncClient) -> None:
    for size in (0, 2, 50, 103):
        asked: dict[str, Any] = {"page_size": size} if size else {}
        numbers: list[int] = []
        while True:
            page = (await read(http, "one", **asked)).json()
            numbers += [event["facts"]["number"] for event in page["events"]]
            assert len(page["events"]) <= (size or 100)
            if not page["next_page_token"]:
                break
            asked["page_token"] = page["next_page_token"]
        assert numbers == list(range(COUNT))[::-1]


async def test_a_token_belongs_to_its_history(http: httpx.AsyncClient) -> None:
    token = (await read(http, "one", page_size=2)).json()["next_page_token"]
    for refused in (await read(http, "two", page_token=token), await read(http, "one", page_token="x" + token), await read(http, "one", page_size=-1)):
        assert refused.status_code == 400
    assert (await read(http, "two", pageSize=1)).json()["next_page_token"] == ""
