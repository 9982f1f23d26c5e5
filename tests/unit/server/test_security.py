from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from penstock.api import credentials
from penstock.api.credentials import is_welcome, note_caller, while_welcome
from penstock.domain.accounts import Caller, Role
from penstock.domain.errors import AccountDisabledError
from penstock.server.security import Door
from penstock.server.signin import sign_in_routes

KEY = "a" * 40


async def good_key(key: str) -> Caller | None:
    return Caller("ann", role=Role.ADMIN) if key == KEY else None


async def answer(request: Request) -> Response:
    return PlainTextResponse("ok")


async def page(request: Request) -> Response:
    return HTMLResponse("<p>ok</p>")


async def strict_page(request: Request) -> Response:
    return HTMLResponse("<p>ok</p>", headers={"content-security-policy": "sandbox"})


class Browser:
    """Asks an application directly, without a socket; keeps cookies and does not follow redirections."""

    def __init__(self, app: Door) -> None:
        self._app = app
        self._cookies = httpx.Cookies()

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self._ask("GET", path, headers=headers)

    def post(self, path: str, headers: dict[str, str] | None = None, data: dict[str, str] | None = None, files: Any = None) -> httpx.Response:
        return self._ask("POST", path, headers=headers, data=data, files=files)

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080", cookies=self._cookies) as asking:
                answer = await asking.request(method, path, **options)
                self._cookies = asking.cookies
                return answer

        return asyncio.run(ask())


def client(*, needs_key: bool = False, is_public: bool = False) -> Browser:
    routes = [
        Route("/thing", answer, methods=["GET", "POST"]),
        Route("/page", page),
        Route("/strict", strict_page),
        Route("/healthz", answer),
        *sign_in_routes(good_key),
    ]
    owner = None if needs_key else Caller("me", role=Role.ADMIN)
    door = Door(Starlette(routes=routes), hosts=["box.example"], accept_addresses=is_public, key_check=good_key, owner=owner)
    return Browser(door)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:8080", "box.example:1", "BOX.example"])
def test_own_names_are_answered(host: str) -> None:
    assert client().get("/thing", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.9", ""])
def test_a_rebound_name_is_refused(host: str) -> None:
    assert client().get("/thing", headers={"host": host}).status_code == 421


def test_beyond_loopback_numeric_addresses_are_answered_and_names_still_checked() -> None:
    public = client(is_public=True)
    assert public.get("/thing", headers={"host": "10.0.0.9:8080"}).status_code == 200
    assert public.get("/thing", headers={"host": "evil.example"}).status_code == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "file://", "http://127.0.0.1.evil.example"])
def test_changes_from_foreign_pages_are_refused(origin: str) -> None:
    assert client().post("/thing", headers={"origin": origin}).status_code == 403


def test_changes_from_own_pages_and_from_programs_are_accepted() -> None:
    assert client().post("/thing", headers={"origin": "http://localhost:8080"}).status_code == 200
    assert client().post("/thing").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {KEY}"},
        {"authorization": "Basic " + base64.b64encode(f"api:{KEY}".encode()).decode()},
        {"x-api-key": KEY},
        {"cookie": f"penstock_key={KEY}"},
    ],
)
def test_every_form_of_the_key_opens_the_door(headers: dict[str, str]) -> None:
    assert client(needs_key=True).get("/thing", headers=headers).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic !!"}, {"x-api-key": "wrong"}])
def test_without_a_good_key_the_door_stays_shut(headers: dict[str, str]) -> None:
    refused = client(needs_key=True).get("/thing", headers=headers)
    assert refused.status_code == 401
    assert "API key" in refused.json()["error"]


def test_a_browser_opens_no_dialog_of_its_own_over_a_page_whose_key_is_gone() -> None:
    asked = client(needs_key=True).get("/thing", headers={"user-agent": "Mozilla/5.0 (X11; Linux x86_64)"})
    assert (asked.status_code, asked.headers["www-authenticate"]) == (401, 'Bearer realm="penstock"')
    assert client(needs_key=True).get("/thing").headers["www-authenticate"].startswith("Basic ")


def test_health_is_open() -> None:
    assert client(needs_key=True).get("/healthz").status_code == 200


def test_a_browser_signs_in_and_comes_back() -> None:
    browser = client(needs_key=True)
    led = browser.get("/page?x=1", headers={"accept": "text/html"})
    assert (led.status_code, led.headers["location"]) == (303, "/signin?next=%2Fpage%3Fx%3D1")

    assert "Penstock</p>" in browser.get(led.headers["location"]).text
    wrong = browser.post("/signin", data={"key": "wrong", "next": "/page?x=1"})
    assert wrong.status_code == 401
    assert "penstock_key" not in wrong.cookies

    right = browser.post("/signin", data={"key": KEY, "next": "/page?x=1"})
    assert (right.status_code, right.headers["location"]) == (303, "/page?x=1")
    assert "HttpOnly" in right.headers["set-cookie"]
    assert browser.get("/page").status_code == 200


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_sign_in_does_not_lead_away(target: str) -> None:
    assert client().post("/signin", data={"key": KEY, "next": target}).headers["location"] == "/"


def test_a_stranger_cannot_fill_memory_or_disk_through_the_sign_in_page() -> None:
    browser = client(needs_key=True)
    assert browser.post("/signin", data={"key": "x" * 100_000}).status_code == 400
    assert browser.post("/signin", data={str(number): "" for number in range(20)}).status_code == 400
    assert browser.post("/signin", files={"key": ("a.bin", b"x")}).status_code == 400
    assert browser.post("/signin", data={"key": KEY, "next": "/page?q=" + "x" * 8000}).status_code == 303


def test_refusals_have_the_headers_of_all_answers() -> None:
    for refused in (
        client(needs_key=True).get("/page"),
        client(needs_key=True).get("/page", headers={"accept": "text/html"}),
        client().get("/page", headers={"host": "evil.example"}),
        client().post("/thing", headers={"origin": "https://evil.example"}),
    ):
        assert refused.status_code in {303, 401, 403, 421}
        assert refused.headers["x-content-type-options"] == "nosniff"
        assert refused.headers["x-frame-options"] == "SAMEORIGIN"


def test_sign_in_page_escapes_what_it_is_given() -> None:
    assert '"><script>' not in client().get('/signin?next=/"><script>').text


def test_pages_get_a_policy_unless_they_bring_their_own() -> None:
    assert "default-src 'self'" in client().get("/page").headers["content-security-policy"]
    assert client().get("/strict").headers["content-security-policy"] == "sandbox"
    assert "content-security-policy" not in client().get("/thing").headers
    assert client().get("/thing").headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("now", "is_let_in"),
    [
        (Caller("nils", role=Role.VIEWER), True), (Caller("nils", role=Role.ADMIN), True), (Caller("other", role=Role.ADMIN), False),
        (None, False), (AccountDisabledError("the account of nils is disabled"), False),
    ],
)  # fmt: skip
async def test_what_answers_for_long_learns_whether_its_reader_would_be_let_in_again(now: Caller | Exception | None, is_let_in: bool) -> None:
    found: list[Caller | Exception | None] = [Caller("nils", role=Role.MEMBER), now]
    told: list[bool] = []

    async def check(key: str) -> Caller | None:
        one = found.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    async def long_answer(request: Request) -> Response:
        told.append(await is_welcome(request.scope))
        return PlainTextResponse("ok")

    door = Door(Starlette(routes=[Route("/page", long_answer)]), hosts=[], accept_addresses=False, key_check=check)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=door), base_url="http://127.0.0.1:8080") as asking:
        assert (await asking.get("/page", headers={"x-api-key": KEY})).status_code == 200
    assert told == [is_let_in]


async def test_a_log_that_is_followed_ends_when_its_reader_would_not_be_let_in_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "LOOK_SECONDS", 0.0)
    answers, closed = [True, True, False], []

    async def welcome() -> bool:
        return answers.pop(0)

    async def lines() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"line"
        finally:
            closed.append(True)

    scope: dict[str, Any] = {"type": "http"}
    note_caller(scope, Caller("nils"), welcome)
    assert [piece async for piece in while_welcome(scope, lines())] == [b"line", b"line"]
    assert closed == [True]
