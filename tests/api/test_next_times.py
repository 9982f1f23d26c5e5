"""The next times of a schedule that is being written, over the whole application."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from penstock.server.app import build_app, build_parts
from penstock.server.config import Settings

URL = "http://127.0.0.1:8080"


@pytest.mark.parametrize("every", ["99999999", "99999999999999999999"])
async def test_a_period_beyond_all_calendars_is_refused_where_its_next_times_are(tmp_path: Path, every: str) -> None:
    parts = build_parts(Settings(data_dir=tmp_path, server_user="boss"), url=URL)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=build_app(parts)), base_url=URL, headers={"origin": URL}) as http:
        form = {"trigger": "period", "every": every, "unit": "weeks"}
        answer = await http.post("/ui/recurring/fires", data=form)
        usual = await http.post("/ui/recurring/fires", data=form | {"every": "2"})
    parts.database.close()
    assert (answer.status_code, "an interval is at most 100 years" in answer.text) == (200, True)
    assert usual.text.count("<li") == 5
