"""The search in logs finds lines of the consoles of tracked runs, for those who may see them, as a page and as a file."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.domain.tracking import RunChange
from penstock.server.app import Parts, build_app, build_parts
from penstock.server.config import Settings
from penstock.tracking.filestream import Chunk, StreamMessage
from penstock.web.runs import console_search, found_lines

URL = "http://127.0.0.1:8080"


@dataclass
class Site:
    """A server with two users."""

    http: httpx.AsyncClient
    parts: Parts
    keys: dict[str, str]

    async def log(self, entity: str, project: str, name: str, *lines: str, change: RunChange | None = None) -> None:
        """A run of a client that wrote these lines."""
        await self.parts.tracking.runs.upsert(entity, project, name, change or RunChange(display_name=name), user_name=entity)
        if lines:
            await self.parts.tracking.filestream.post(entity, project, name, StreamMessage(console=Chunk(0, list(lines))), writer="")

    async def page(self, query: str, user: str = "boss") -> str:
        """The page of a search."""
        return await self._get(f"/ui/logs?{query}", user)

    async def rows(self, query: str, user: str = "boss") -> list[dict[str, Any]]:
        """The same as a file."""
        found: list[dict[str, Any]] = json.loads(await self._get(f"/ui/export/log-hits?format=json&{query}", user))
        return found

    async def _get(self, address: str, user: str) -> str:
        answer = await self.http.get(address, headers={"accept": "text/html", "authorization": f"Bearer {self.keys[user]}"})
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    parts = build_parts(Settings(data_dir=tmp_path, server_user="boss"), url=URL)
    await parts.tracking.start()
    parts.accounts.add_user("zoe@example.org")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=build_app(parts)), base_url=URL) as http:
        yield Site(http, parts, {user: parts.keys.make(user).text for user in ("boss", "zoe")})
    await parts.tracking.stop()
    parts.database.close()


async def test_a_line_of_a_console_is_found_and_its_link_opens_the_runs_log_there(site: Site) -> None:
    await site.log("boss", "digits", "r 1", "begun", "ERROR 2026-01-31T12:00:01 \x1b[31mValueError: 17 is <too> much\x1b[0m", "end")
    await site.log("boss", "digits", "r2", '{"ts":"2026-01-31T12:00:02","content":"ValueError: 4 is <too> much","level":"error","label":"w"}')
    page = await site.page("errors=1")
    assert 'href="/boss/digits/runs/r%201/logs#L2"' in page
    assert 'href="/boss/digits/runs/r2/logs#L1"' in page
    assert "<too>" not in page
    (kind,) = await site.rows("errors=1")
    assert (kind["lines"], kind["runs"], kind["logs"]) == (2, 2, 2)
    assert kind["url"] == f"{URL}/boss/digits/runs/r2/logs#L1"


async def test_a_reader_finds_only_what_is_theirs_to_see(site: Site) -> None:
    await site.log("boss", "secret", "r", "needle of boss")
    await site.log("zoe", "own", "r", "needle of zoe")
    await site.log("shared", "all", "r", "needle of all")
    for user, other in (("zoe", "boss"), ("boss", "zoe")):
        assert {row["line"] for row in await site.rows("text=needle&group=line", user)} == {f"needle of {user}", "needle of all"}
        page = await site.page("text=needle", user)
        assert f"needle of {user}" in page
        assert f"needle of {other}" not in page
        assert f"/{other}/" not in page
        groups = {row["group"] for row in await site.rows("text=needle&group=run", user)}
        assert groups == {"r"}


async def test_the_scope_narrows_tracked_runs_and_fields_of_tasks_leave_them_out(site: Site) -> None:
    await site.log("boss", "digits", "a", "needle a", change=RunChange(display_name="first", tags=["night"], group="g"))
    await site.log("boss", "other", "b", "needle b", change=RunChange(display_name="second"))
    await site.log("boss", "other", "empty")
    for scope, found in (
        ("", {"a", "b"}), ("project:digits", {"a"}), ("tag:night", {"a"}), ("group=g", {"a"}), ("run=second", {"b"}), ("status:running", {"a", "b"}),
        ("status:failed,running", {"a", "b"}), ("status:failed", set()), ("started:<1h", {"a", "b"}), ("component:load", set()), ("first", {"a"}),
        ("project:digits status:failed", set()),
    ):  # fmt: skip
        rows = await site.rows(f"text=needle&group=line&q={scope}")
        assert {row["line"].removeprefix("needle ") for row in rows} == found, scope


async def test_hits_are_sorted_grouped_and_listed_line_by_line(site: Site) -> None:
    await site.log("boss", "p", "r1", "needle one", "needle two", "zebra needle")
    await site.log("boss", "p", "r2", "needle one")
    kinds = [row["line"] for row in await site.rows("text=needle&sort=line")]
    assert kinds == sorted(kinds)
    assert [row["lines"] for row in await site.rows("text=needle&sort=-lines")] == [2, 1, 1]
    assert [row["line"] for row in await site.rows("text=needle&group=line&sort=-line")] == ["zebra needle", "needle two", "needle one", "needle one"]
    assert {(row["group"], row["count"]) for row in await site.rows("text=needle&group=run")} == {("r1", 3), ("r2", 1)}
    page = await site.page("text=needle&group=run")
    assert "/ui/logs?text=needle&amp;q=run%3Dr1" in page
    assert "/ui/export/log-hits?text=needle&amp;group=run&amp;format=csv" in page
    csv = (await site.http.get("/ui/export/log-hits?format=csv&text=needle&group=line", headers={"authorization": f"Bearer {site.keys['boss']}"})).text
    assert csv.splitlines()[0] == "line,number,fingerprint,kind,name,run,run_id,project,created_at,url"


async def test_the_search_goes_on_where_it_stopped_and_looks_at_each_console_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        await site.log("boss", "p", f"r{number:02}", f"needle {number}")
    monkeypatch.setattr(console_search, "LOGS_PER_STEP", 2)
    monkeypatch.setattr(console_search, "RUNS_PER_STEP", 5)
    monkeypatch.setattr("penstock.web.runs.log_search._MAX_STEPS", 3)
    seen: list[str] = []
    address = "/ui/logs?text=needle&group=line"
    for _ in range(9):
        page = (await site.http.get(address, headers={"accept": "text/html", "authorization": f"Bearer {site.keys['boss']}"})).text
        seen += [f"r{number:02}" for number in range(12) if f"/boss/p/runs/r{number:02}/logs#L1" in page]
        if 'rel="next"' not in page:
            break
        address = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert sorted(seen) == [f"r{number:02}" for number in range(12)]


async def test_what_is_no_place_to_go_on_and_no_expression_is_said_so(site: Site) -> None:
    headers = {"accept": "application/json", "authorization": f"Bearer {site.keys['boss']}"}
    for query in ("text=a&older=x.y", "text=a&older=.99999999999999999999", "text=%2F(%2F", ""):
        assert (await site.http.get(f"/ui/export/log-hits?format=json&{query}", headers=headers)).status_code == 400, query


async def test_of_a_long_console_the_end_is_looked_through(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_search, "TAIL_BYTES", 40_000)
    await site.log("boss", "p", "long", "needle at the start", *("x" * 90 for _ in range(1500)), "y" * 500_000 + "needle", "needle at the end")
    assert found_lines.TAIL_BYTES > console_search.TAIL_BYTES
    (row,) = await site.rows("text=needle&group=line")
    assert (row["line"], row["number"]) == ("needle at the end", 1503)
