"""What a viewer, a member and an administrator may do: every route of the whole application, asked in this process.

Routes are taken from the application, so that one which is added later is covered here without being named.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import BaseRoute, Mount, Route

from penstock.api.policy import CHANGES_NOTHING, SAFE_METHODS, role_for
from penstock.api.s3.signature import access_key_of_user, secret_for
from penstock.domain.accounts import Role
from penstock.server.app import Parts, build_app, build_parts, build_routes
from penstock.server.config import Settings
from penstock.server.datafolder import ensure_secret

URL = "http://127.0.0.1:8080"
WORDS = {role: f"this needs the role {role.value}; you have " for role in Role}
DECIDED_ELSEWHERE = re.compile(
    r"(POST|PUT|DELETE) /(s3(/.*)?|files/.*|storage/.*|graphql|authorize|signin(/out|/invite/x)?|apis/penstock/v1/hooks/x)"
)
"""Changing requests that the door lets a viewer send: with tests of their own below, or of no account at all (keys, sign-in, webhooks)."""


@dataclass
class Site:
    """The application with a key for each role."""

    http: httpx.AsyncClient
    parts: Parts
    keys: dict[Role, str]

    async def ask(self, role: Role, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request with the key of the user of this role, from one of the server's own pages."""
        headers = {"authorization": f"Bearer {self.keys[role]}", "origin": URL} | options.pop("headers", {})
        return await self.http.request(method, path, headers=headers, **options)


@pytest.fixture(params=["127.0.0.1", "0.0.0.0"], ids=["loopback", "network"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    """A server on loopback, and one that listens beyond it."""
    settings = Settings(data_dir=tmp_path, server_user="boss", server_host=request.param)
    parts = build_parts(settings, url=URL)
    keys = {}
    for role in Role:
        accounts = parts.accounts
        accounts.add_user(f"{role.value}-ann@example.org")
        accounts.change_role(accounts.owner, f"{role.value}-ann", role)
        keys[role] = parts.keys.make(f"{role.value}-ann").text
    await parts.tracking.start()
    transport = httpx.ASGITransport(app=build_app(parts))
    async with httpx.AsyncClient(transport=transport, base_url=URL) as http:
        yield Site(http, parts, keys)
    await parts.tracking.stop()
    parts.database.close()


def addresses(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield method and path of every route, parameters filled in."""
    for route in routes:
        if isinstance(route, Mount):
            yield from addresses(list(route.routes), prefix + route.path)
        elif isinstance(route, Route):
            path = re.sub(r"\{\w+:(int|uuid)\}", "7", prefix + route.path)
            path = re.sub(r"\{[^}]+\}", "x", path)
            for method in sorted(route.methods or {"GET", "POST", "PUT", "PATCH", "DELETE"}):
                yield method, path


async def test_every_changing_request_is_refused_to_a_viewer(site: Site) -> None:
    routes, _ = build_routes(site.parts)
    asked, let_through = 0, set()
    for method, path in sorted(set(addresses(routes))):
        if method in SAFE_METHODS or path in CHANGES_NOTHING:
            continue
        if DECIDED_ELSEWHERE.fullmatch(f"{method} {path}"):
            let_through.add(path)
            continue
        answer = await site.ask(Role.VIEWER, method, path, headers={"accept": "text/html"})
        assert answer.status_code == 403, f"{method} {path}: {answer.status_code}"
        assert re.search(r"needs the role (member|admin); you have viewer", answer.text), f"{method} {path}: {answer.text}"
        asked += 1
    assert asked > 100
    assert {path.split("/")[1] for path in let_through} == {"s3", "files", "storage", "graphql", "authorize", "signin", "apis"}


async def test_users_secrets_backups_and_the_system_page_are_the_administrators(site: Site) -> None:
    routes, _ = build_routes(site.parts)
    found = {(method, path) for method, path in addresses(routes) if role_for(method, path) is Role.ADMIN}
    for method, path in sorted(found):
        answer = await site.ask(Role.MEMBER, method, path)
        assert answer.status_code == 403, f"{method} {path}: {answer.status_code}"
        assert "this needs the role admin; you have member" in answer.text or method == "HEAD"
    paths = {path for _, path in found}
    assert {"/ui/system", "/ui/system/users", "/ui/system/users/actions", "/ui/system/secrets", "/ui/system/backups"} <= paths
    assert {"/apis/v2beta1/secrets/x", "/pipeline/apis/v2beta1/configmaps/x", "/ui/system/diagnostics.json"} <= paths
    page = await site.ask(Role.ADMIN, "GET", "/ui/system/users", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert "viewer-ann@example.org" in page.text


async def test_refusals_have_the_shape_of_each_protocol(site: Site) -> None:
    text = WORDS[Role.MEMBER] + "viewer"

    async def refused(path: str, **options: Any) -> Any:
        answer = await site.ask(Role.VIEWER, "POST", path, **options)
        assert answer.status_code == 403
        return answer.json()

    assert await refused("/metaflow/flows/F/run") == text
    assert (await refused("/apis/v2beta1/runs", json={}))["details"][0] == {
        "@type": "type.googleapis.com/google.rpc.Status", "code": 7, "message": text,
    }  # fmt: skip
    assert (await refused("/pipeline/apis/v2beta1/pipelines/upload"))["error_message"] == text
    assert (await refused("/apis/v1beta1/jobs", json={}))["details"][0]["error_message"] == text
    assert (await refused("/apis/penstock/v1/triggers", json={}))["code"] == 7
    assert (await refused("/ui/runs/actions"))["error"] == text
    page = await site.ask(Role.VIEWER, "POST", "/ui/runs/actions", headers={"accept": "text/html"})
    assert "<h1>Not allowed</h1>" in page.text
    assert "This needs the role member; you have viewer." in page.text
    assert "frame-ancestors" in page.headers["content-security-policy"]


async def test_wandb_takes_nothing_from_a_viewer_and_shows_everything(site: Site) -> None:
    text = WORDS[Role.MEMBER] + "viewer"
    upsert = 'mutation { upsertBucket(input: {name: "r", entityName: "team", modelName: "p"}) { inserted bucket { name } } }'
    (error,) = (await site.ask(Role.VIEWER, "POST", "/graphql", json={"query": upsert})).json()["errors"]
    assert error["message"] == text
    made = (await site.ask(Role.MEMBER, "POST", "/graphql", json={"query": upsert})).json()
    assert made["data"]["upsertBucket"]["inserted"] is True
    stream = await site.ask(Role.VIEWER, "POST", "/files/team/p/r/file_stream", json={"files": {}})
    assert (stream.status_code, stream.json()["error"]) == (403, text)
    upload = await site.ask(Role.VIEWER, "PUT", "/files/team/p/r/a.txt", content=b"x")
    assert (upload.status_code, upload.json()["error"]) == (403, text)
    signed = '{ model(name: "p", entityName: "team") { bucket(name: "r") { files(names: ["a.txt"]) { edges { node { url(upload: true) } } } } } }'
    assert text in (await site.ask(Role.VIEWER, "POST", "/graphql", json={"query": signed})).text
    read = "{ viewer { username admin teams { edges { node { name readOnly members { username role apiKey } } } } } }"
    viewer = (await site.ask(Role.VIEWER, "POST", "/graphql", json={"query": read})).json()["data"]["viewer"]
    assert viewer["username"] == "viewer-ann"
    assert viewer["admin"] is False
    team = next(edge["node"] for edge in viewer["teams"]["edges"] if edge["node"]["name"] == "team")
    assert team["readOnly"] is True
    roles = {member["username"]: member["role"] for member in team["members"]}
    assert roles == {"boss": "admin", "admin-ann": "admin", "member-ann": "member", "viewer-ann": "viewer"}


async def test_the_key_of_a_service_account_is_shown_to_administrators_only(site: Site) -> None:
    made = 'mutation { createServiceAccount(input: {entityName: "crew", description: "robot"}) { user { username } } }'
    refused = (await site.ask(Role.MEMBER, "POST", "/graphql", json={"query": made})).json()
    assert refused["errors"][0]["message"] == WORDS[Role.ADMIN] + "member"
    assert "errors" not in (await site.ask(Role.ADMIN, "POST", "/graphql", json={"query": made})).json()
    read = '{ entity(name: "crew") { members { username apiKey } } }'
    for role in Role:
        answer = (await site.ask(role, "POST", "/graphql", json={"query": read})).json()["data"]["entity"]
        shown = next(member["apiKey"] for member in answer["members"] if member["username"] == "robot")
        assert (shown is not None) is (role is Role.ADMIN)


def signed(site: Site, method: str, path: str, user_name: str) -> dict[str, str]:
    """Headers of a request signed with a user's access key of the object store (AWS Signature Version 4)."""
    access_key = access_key_of_user(user_name)
    secret = secret_for(ensure_secret(site.parts.settings.data_dir), access_key)
    stamp = dt.datetime.fromtimestamp(site.parts.clock.now(), dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
    lines = f"host:127.0.0.1:8080\nx-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:{stamp}\n"
    names = "host;x-amz-content-sha256;x-amz-date"
    canonical = f"{method}\n{path}\n\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    authorization = f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
    return {"x-amz-date": stamp, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "authorization": authorization}


async def test_the_object_store_takes_nothing_from_a_viewer(site: Site) -> None:
    path = "/s3/metaflow/flows/a"

    async def send(method: str, user_name: str) -> httpx.Response:
        return await site.http.request(method, path, headers=signed(site, method, path, user_name), content=b"x" if method == "PUT" else None)

    refused = await send("PUT", "viewer-ann")
    assert (refused.status_code, "<Code>AccessDenied</Code>" in refused.text) == (403, True)
    assert WORDS[Role.MEMBER] + "viewer" in refused.text
    assert (await send("PUT", "member-ann")).status_code == 200
    assert (await send("GET", "viewer-ann")).text == "x"
    assert (await send("DELETE", "viewer-ann")).status_code == 403
    site.parts.accounts.switch(site.parts.accounts.owner, "member-ann", is_enabled=False)
    assert "InvalidAccessKeyId" in (await send("GET", "member-ann")).text


async def act(site: Site, **fields: str) -> httpx.Response:
    """Send the form of the page of users as an administrator."""
    return await site.ask(Role.ADMIN, "POST", "/ui/system/users/actions", data=fields, headers={"accept": "text/html"})


async def who(site: Site, key: str) -> Any:
    """Return what the W&B protocol says of a key's user, None when the key is refused."""
    answer = await site.http.post("/graphql", json={"query": "{ viewer { username admin } }"}, headers={"authorization": f"Bearer {key}"})
    return None if answer.status_code == 401 else answer.json()["data"]["viewer"]


async def test_an_administrator_adds_promotes_and_disables_users(site: Site) -> None:
    assert (await act(site, verb="add", name="zoe@example.org", role="viewer")).status_code == 303
    page = await act(site, verb="make-key", user="zoe")
    key = re.findall(r"<code>([0-9a-f]{40})</code>", page.text)[0]
    assert f"AWS_ACCESS_KEY_ID={access_key_of_user('zoe')}" in page.text
    assert await who(site, key) == {"username": "zoe", "admin": False}
    headers = {"authorization": f"Bearer {key}"}
    assert (await site.http.post("/apis/v2beta1/experiments", json={"display_name": "x"}, headers=headers)).status_code == 403
    assert (await act(site, verb="role", user="zoe", role="member")).status_code == 303
    assert (await site.http.post("/apis/v2beta1/experiments", json={"display_name": "x"}, headers=headers)).status_code == 200
    assert (await act(site, verb="disable", user="zoe")).status_code == 303
    assert await who(site, key) is None
    refused = await site.http.get("/apis/v2beta1/runs", headers=headers)
    assert (refused.status_code, "disabled" in refused.text) == (401, True)
    assert "disabled" in (await site.ask(Role.ADMIN, "GET", "/ui/system/users", headers={"accept": "text/html"})).text
    await act(site, verb="enable", user="zoe")
    assert await who(site, key) == {"username": "zoe", "admin": False}
    await act(site, verb="revoke", id=site.parts.keys.list("zoe")[0].key_id)
    assert await who(site, key) is None
    page = await site.ask(Role.ADMIN, "GET", "/ui/system/users", headers={"accept": "text/html"})
    assert key not in page.text


async def test_the_servers_own_user_stays_an_administrator(site: Site) -> None:
    for fields in ({"verb": "role", "role": "viewer"}, {"verb": "disable"}):
        answer = await act(site, user="boss", **fields)
        assert answer.status_code == 400
        assert "stays an administrator" in answer.text
    assert (await act(site, verb="disable", user="admin-ann")).status_code == 400, "nobody disables themselves"
    assert site.parts.accounts.standing("boss") is Role.ADMIN


async def test_an_invitation_makes_one_key_for_whoever_accepts_it_first(site: Site) -> None:
    page = await act(site, verb="invite", user="member-ann")
    (link,) = re.findall(r"http://127\.0\.0\.1:8080(/signin/invite/[\w-]+)", page.text)
    before = len(site.parts.keys.list("member-ann"))
    assert "member-ann" in (await site.http.get(link)).text
    assert len(site.parts.keys.list("member-ann")) == before, "opening the link makes nothing"
    accepted = await site.http.post(link, headers={"origin": URL})
    key = re.findall(r"<code>([0-9a-f]{40})</code>", accepted.text)[0]
    assert await who(site, key) == {"username": "member-ann", "admin": False}
    assert f"penstock_key={key}" in accepted.headers["set-cookie"]
    assert (await site.http.post(link, headers={"origin": URL})).status_code == 404
    await act(site, verb="invite", user="viewer-ann")
    (invite,) = site.parts.database.read_sync(lambda tx: tx.all("SELECT invite_id FROM account_invite WHERE closed_at IS NULL"))
    assert (await act(site, verb="withdraw", id=invite["invite_id"])).status_code == 303
    assert 'id="invites"' not in (await site.ask(Role.ADMIN, "GET", "/ui/system/users")).text


async def test_tasks_of_pipelines_may_what_members_may(site: Site) -> None:
    made = site.parts.keys.make("boss", scope={"run_id": "r", "task_id": "t"})
    caller = site.parts.keys.check(made.text)
    assert (caller.user_name, caller.role) == ("boss", Role.MEMBER)


async def test_the_search_offers_the_commands_that_a_role_may_give(site: Site) -> None:
    async def offered(role: Role) -> set[str]:
        found = ""
        for text in ("new run", "users", "api keys"):
            found += (await site.ask(role, "GET", f"/ui/search/results?q={text}")).text
        return {address for address in ("/ui/runs/new", "/ui/system/users", "/authorize") if f'href="{address}"' in found}

    assert await offered(Role.VIEWER) == {"/authorize"}
    assert await offered(Role.MEMBER) == {"/authorize", "/ui/runs/new"}
    assert await offered(Role.ADMIN) == {"/authorize", "/ui/runs/new", "/ui/system/users"}


def own_projects(site: Site, owner: str, count: int) -> None:
    """Give a user projects of a personal entity, newer than all others."""
    project = "INSERT INTO tracked_project (entity, name, created_at, updated_at) VALUES (?, ?, 1, ?)"
    at = time.time()
    site.parts.database.write_sync(lambda tx: [tx.execute(project, (owner, f"digits-{number}", at + number)) for number in range(count)])


async def said_in(site: Site, role: Role, path: str) -> str:
    page = (await site.ask(role, "GET", path, headers={"accept": "text/html"})).text
    found = re.search(r"<main.*?</main>", page, re.DOTALL)
    assert found is not None
    return " ".join(re.sub(r"<[^>]*>", " ", found[0]).split())


async def test_who_may_see_nothing_is_told_so_and_not_whether_others_have_something(site: Site) -> None:
    nothing = {path: await said_in(site, Role.VIEWER, path) for path in ("/ui/home", "/ui/projects", "/ui/runs", "/ui/artifacts", "/flows")}
    assert "Nothing is visible to you here yet." in nothing["/ui/home"]
    for path, text in nothing.items():
        assert "You are viewer-ann, with the role viewer." in text, path
        assert "takes the role member, which an administrator gives: admin-ann, boss." in text, path
    own_projects(site, "member-ann", 2)
    assert {path: await said_in(site, Role.VIEWER, path) for path in nothing} == nothing
    assert "Nothing is visible" not in await said_in(site, Role.MEMBER, "/ui/home")


async def test_a_member_who_sees_nothing_is_shown_how_to_begin_and_a_viewer_is_not(site: Site) -> None:
    member, viewer = await said_in(site, Role.MEMBER, "/ui/home"), await said_in(site, Role.VIEWER, "/ui/home")
    assert "Nothing is visible to you here yet. Three ways to begin" in member
    assert "penstock demo" in member
    assert "which an administrator gives" not in member
    assert "penstock demo" not in viewer
    assert "Nothing has run here yet." in await said_in(site, Role.ADMIN, "/ui/home")


async def test_what_others_keep_for_themselves_crowds_nothing_out(site: Site) -> None:
    own_projects(site, "team", 1)
    own_projects(site, "member-ann", 12)
    assert "digits-0" in await said_in(site, Role.VIEWER, "/ui/home")
    found = await site.ask(Role.VIEWER, "GET", "/ui/search/results?q=digits")
    assert re.findall(r'href="/([\w-]+)/digits-\d+"', found.text) == ["team"]
