"""Who may remove a comment below a report: its author and administrators, on the page, by its form and through the clients' API."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.domain.accounts import Role
from penstock.domain.reports import COMMENT_KIND
from penstock.domain.tracking import RunChange
from penstock.server.app import Parts, build_app, build_parts
from penstock.server.config import Settings
from penstock.stores.sql.reports import SqlReportStore
from penstock.tracking.reports import ReportService

URL = "http://127.0.0.1:8080"
FORM = "/ui/tracking/reports/actions"
REFUSAL = "This comment is ann&#39;s; its author or an administrator may change or delete it."


@dataclass
class Site:
    """A report of a team with a comment of ann's."""

    http: httpx.AsyncClient
    parts: Parts
    reports: ReportService
    report: int
    comment: int

    async def ask(self, user: str, method: str, address: str, **options: Any) -> httpx.Response:
        """Ask as a user, from a page of the server."""
        key = self.parts.keys.make(user).text
        return await self.http.request(method, address, headers={"authorization": f"Bearer {key}", "origin": URL, "accept": "text/html"}, **options)

    async def mutate(self, user: str, change: str) -> Any:
        """Ask the clients' API."""
        return (await self.ask(user, "POST", "/graphql", json={"query": f"mutation {{ {change} }}"})).json()

    def is_there(self) -> bool:
        """Whether the comment still stands."""
        return self.reports.get(self.comment) is not None


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    parts = build_parts(Settings(data_dir=tmp_path, server_user="boss", server_host="0.0.0.0"), url=URL)
    await parts.tracking.start()
    for user in ("ann", "zoe", "vic"):
        parts.accounts.add_user(f"{user}@example.org")
    parts.accounts.change_role(parts.accounts.owner, "vic", Role.VIEWER)
    parts.accounts.open_for_writing(parts.accounts.owner, "crew")
    await parts.tracking.runs.upsert("crew", "plan", "r", RunChange(display_name="r"))
    project = await parts.tracking.projects.get("crew", "plan")
    assert project is not None
    reports = ReportService(SqlReportStore(parts.database), parts.clock)
    report = reports.create(project.project_id, "boss", kind="runs", name="R", spec='{"blocks": []}').report_id
    comment = reports.create(project.project_id, "ann", kind=COMMENT_KIND, name=str(report), spec='{"text": "hm"}').report_id
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=build_app(parts)), base_url=URL) as http:
        yield Site(http, parts, reports, report, comment)
    await parts.tracking.stop()
    parts.database.close()


@pytest.mark.parametrize(("user", "may"), [("ann", True), ("boss", True), ("zoe", False), ("vic", False)])
async def test_a_comment_is_removed_by_its_author_or_an_administrator(site: Site, user: str, *, may: bool) -> None:
    page = (await site.ask(user, "GET", f"/crew/plan/reports/{site.report}")).text
    assert f'id="comment-{site.comment}"' in page
    assert ('aria-label="Delete this comment"' in page) is may
    answer = await site.ask(user, "POST", FORM, data={"report": site.report, "verb": "delete", "id": site.comment})
    assert answer.status_code == (303 if may else 403)
    assert site.is_there() is not may
    assert (REFUSAL in answer.text) is (user == "zoe")


@pytest.mark.parametrize(("user", "may"), [("ann", True), ("boss", True), ("zoe", False), ("vic", False)])
async def test_the_clients_api_has_the_same_rule(site: Site, user: str, *, may: bool) -> None:
    wire = base64.b64encode(f"View:{site.comment}".encode()).decode()
    for change in (f'upsertView(input: {{id: "{wire}", displayName: "mine"}}) {{ inserted }}', f'deleteView(input: {{id: "{wire}"}}) {{ success }}'):
        assert ("errors" not in await site.mutate(user, change)) is may
    assert site.is_there() is not may


async def test_nobody_turns_a_report_into_a_comment_of_its_author(site: Site) -> None:
    wire = base64.b64encode(f"View:{site.report}".encode()).decode()
    refused = await site.mutate("zoe", f'upsertView(input: {{id: "{wire}", type: "penstock/comment", name: "1"}}) {{ inserted }}')
    assert re.search("does not become a comment", str(refused["errors"]))
    known = site.reports.get(site.report)
    assert known is not None
    assert known.kind == "runs"
