"""What pages offer a viewer and a member: no link that the door refuses, no form that it refuses unless the page says so beforehand.

Pages are found by following links, so that one which is added later is covered here without being named.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import pytest

from penstock.api.policy import role_for
from penstock.domain.accounts import Role
from penstock.domain.tracking import RunChange, TrackedProject
from penstock.server.app import Parts, build_app, build_parts
from penstock.server.config import Settings
from tests.browser.app import compile_digits
from tests.browser.seed import seed

URL = "http://127.0.0.1:8080"
BEGIN = (
    "/ui/home", "/ui/pipelines", "/ui/experiments", "/ui/runs", "/ui/recurring", "/ui/executions", "/ui/artifacts", "/ui/artifacts?tab=stored",
    "/ui/projects", "/ui/registry", "/flows", "/ui/trash", "/ui/logs", "/ui/search?q=digits", "/ui/help", "/authorize", "/crew/digits/overview",
    "/crew/digits/runs", "/crew/digits/sweeps", "/crew/digits/reports", "/crew/digits/artifacts", "/crew/digits/automations", "/ui/news",
    "/ui/search/results?q=new",
)  # fmt: skip
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=[/=:])[A-Za-z]*\d[\w:-]*")
_MOST_ALIKE = 1
"""Of pages that differ in ids and values alone so many are looked at."""
_OPEN_TO_VIEWERS = {"/authorize", "/signin/out", "/ui/tracking/markdown"}


class Offers(HTMLParser):
    """Links, fetched parts and forms of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[str] = []
        self.says_refusal = "<html" not in text
        """A part of a page is put into one that says it."""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element leads to."""
        given = {name: value or "" for name, value in attrs}
        self.links += [given[name] for name in ("href", "hx-get", "data-source", "data-marks") if given.get(name) and tag != "link"]
        self.says_refusal = self.says_refusal or "data-refusal" in given
        if tag == "form" and given.get("method") == "post":
            self.forms.append(given.get("action", ""))


@dataclass
class Walk:
    """The pages that a role reaches by following links."""

    http: httpx.AsyncClient
    key: str
    role: Role
    refused: list[str] = field(default_factory=list)
    unsaid: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    async def go(self, begin: tuple[str, ...]) -> None:
        """Follow every link, the first ones first."""
        waiting = [(address, "") for address in begin]
        while waiting:
            address, source = waiting.pop(0)
            kind = kind_of(address)
            if self.seen[kind] >= _MOST_ALIKE or self.seen[address] > 0:
                continue
            self.seen.update({kind, address})
            headers = {"authorization": f"Bearer {self.key}", "accept": "text/html"}
            answer = await self.http.get(address, headers=headers)
            if answer.status_code == 403:
                self.refused.append(f"{source} offers {address}")
            assert answer.status_code < 500, address
            if answer.status_code == 200 and "text/html" in answer.headers.get("content-type", ""):
                waiting += [(link, address) for link in self.read(address, Offers(answer.text))]

    def read(self, address: str, found: Offers) -> Iterator[str]:
        """Judge the forms of a page and return where its links lead on this server."""
        for action in found.forms:
            path = urlsplit(urljoin(URL + address, action)).path
            is_held_back = found.says_refusal and path not in _OPEN_TO_VIEWERS and self.role is Role.VIEWER
            if not is_held_back and not self.role.covers(role_for("POST", path)):
                self.unsaid.append(f"{address} has a form for {path}")
        for link in found.links:
            parts = urlsplit(urljoin(URL + address, link))
            if f"{parts.scheme}://{parts.netloc}" == URL and not parts.path.startswith(("/static/", "/signin", "/ui/live")):
                yield parts.path + (f"?{parts.query}" if parts.query else "")


def kind_of(address: str) -> str:
    """Return an address without ids and values."""
    parts = urlsplit(address)
    return _ID.sub("x", parts.path) + "?" + ",".join(sorted({name for name, _ in parse_qsl(parts.query)}))


@dataclass
class Site:
    """The whole application over a seeded database, with a key for each role."""

    http: httpx.AsyncClient
    parts: Parts
    keys: Mapping[Role, str]
    project: TrackedProject


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    parts = build_parts(Settings(data_dir=tmp_path, server_user="boss", server_host="0.0.0.0"), url=URL)
    seed(parts.database, tmp_path, parts.blobs, now=parts.clock.now(), spec_yaml=compile_digits(tmp_path))
    await parts.tracking.start()
    keys = {}
    for role in Role:
        parts.accounts.add_user(f"{role.value}-ann@example.org")
        parts.accounts.change_role(parts.accounts.owner, f"{role.value}-ann", role)
        keys[role] = parts.keys.make(f"{role.value}-ann").text
    parts.accounts.open_for_writing(parts.accounts.owner, "crew")
    for name in ("first", "second"):
        await parts.tracking.runs.upsert("crew", "digits", name, RunChange(display_name=name, config='{"lr": {"value": 1}}'))
    project = await parts.tracking.projects.get("crew", "digits")
    assert project is not None
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=build_app(parts)), base_url=URL) as http:
        yield Site(http, parts, keys, project)
    await parts.tracking.stop()
    parts.database.close()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MEMBER])
async def test_no_page_offers_what_the_readers_role_is_refused(site: Site, role: Role) -> None:
    walk = Walk(site.http, site.keys[role], role)
    await walk.go(BEGIN)
    assert (walk.refused, walk.unsaid) == ([], [])
    assert len(walk.seen) > 100
    assert any(address.startswith("/ui/runs/new") for address in walk.seen) is (role is Role.MEMBER)


async def test_a_viewer_is_told_beside_a_link_which_role_it_takes(site: Site) -> None:
    page = (await site.http.get("/ui/runs", headers={"authorization": f"Bearer {site.keys[Role.VIEWER]}", "accept": "text/html"})).text
    assert 'href="/ui/runs/new"' not in page
    assert re.search(r'<a class="button primary" role="link" aria-disabled="true" title="This needs the role member; you have viewer.">', page)


async def test_a_viewer_may_arrange_a_workspace_and_is_not_offered_to_save_it(site: Site) -> None:
    for role in (Role.VIEWER, Role.MEMBER):
        page = (await site.http.get("/crew/digits", headers={"authorization": f"Bearer {site.keys[role]}", "accept": "text/html"})).text
        for name in ("save-as", "report"):
            assert (f'data-view-{name} disabled title="This needs the role member; you have viewer."' in page) is (role is Role.VIEWER)
            assert f"data-view-{name}" in page
