"""What a reader is told when something is not there or does not work: on a page, with what to hand on; programs get a line or JSON."""

from __future__ import annotations

import html
import logging
import re

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from penstock.domain.errors import UnavailableError
from penstock.web.errors import guarded, unknown_address
from penstock.web.render import NOTICE_COOKIE, Notice, redirect
from penstock.web.services.web import WebServices
from tests.browser.app import SeededApp
from tests.unit.web.conftest import PageClient


def refusing(services: WebServices) -> PageClient:
    """An application with one page that cannot be had now."""

    async def busy(request: Request) -> Response:
        raise UnavailableError("The disk is full.")

    async def done(request: Request) -> Response:
        return redirect("/ui/home", Notice("Saved."))

    routes = [Route("/busy", guarded(services, busy), methods=["GET", "POST"]), Route("/done", guarded(services, done), methods=["POST"])]
    return PageClient(Starlette(routes=routes, exception_handlers={404: unknown_address(services)}))


def details(text: str) -> str:
    """What the button of an error page copies."""
    found = re.search(r'<button[^>]*data-copy="([^"]*)"[^>]*>.{0,200}Copy the details', text, re.DOTALL)
    assert found is not None
    return html.unescape(found.group(1))


def test_an_address_that_nobody_serves_is_a_page_for_browsers_and_a_word_for_programs(seeded: SeededApp) -> None:
    client = refusing(seeded.services)
    page = client.get("/nobody/serves-this")
    assert page.status_code == 404
    assert "There is no page at /nobody/serves-this." in page.text
    assert 'id="rail"' in page.text
    assert "/nobody/serves-this" in details(page.text)
    word = client.get("/nobody/serves-this", headers={"accept": "application/json"})
    assert (word.status_code, word.text) == (404, "Not Found")


def test_what_cannot_be_had_now_has_an_id_that_the_log_knows(seeded: SeededApp, caplog: pytest.LogCaptureFixture) -> None:
    client = refusing(seeded.services)
    with caplog.at_level(logging.WARNING):
        page = client.get("/busy")
    assert page.status_code == 503
    (record,) = [record for record in caplog.records if "was not answered" in record.getMessage()]
    told = details(page.text)
    identity = re.search(r"request (\w{12})", told)
    assert identity is not None
    assert identity.group(1) in record.getMessage()
    assert "The disk is full." in told
    data = client.get("/busy", headers={"accept": "application/json"}).json()
    assert data["error"] == "The disk is full."
    assert data["request_id"]


def test_a_form_that_script_sends_is_told_where_to_go_and_what_was_wrong(seeded: SeededApp) -> None:
    client = refusing(seeded.services)
    led = client.post("/done", data={}, headers={"x-form": "1"})
    assert (led.status_code, led.json()) == (200, {"location": "/ui/home"})
    assert NOTICE_COOKIE in led.headers["set-cookie"]
    assert client.post("/done", data={}).headers["location"] == "/ui/home"
    refused = client.post("/busy", data={}, headers={"x-form": "1", "accept-language": "ko"})
    assert refused.status_code == 200
    assert refused.json()["problem"] == "The disk is full."
    assert refused.json()["request_id"]


def test_a_notice_waits_for_the_page_that_opens_next(seeded: SeededApp) -> None:
    client = PageClient(seeded.app)
    cookie = refusing(seeded.services).post("/done", data={}).headers["set-cookie"].partition(";")[0]
    again = client.get("/ui/experiments", headers={"cookie": cookie, "x-live": "1"})
    assert "data-notice" not in again.text
    assert "set-cookie" not in again.headers
    opened = client.get("/ui/experiments", headers={"cookie": cookie})
    assert "data-notice" in opened.text
    assert NOTICE_COOKIE in opened.headers["set-cookie"]
