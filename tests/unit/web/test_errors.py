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
from penstock.web.services.web import WebServices
from tests.browser.app import SeededApp
from tests.unit.web.conftest import PageClient


def refusing(services: WebServices) -> PageClient:
    """An application with one page that cannot be had now."""

    async def busy(request: Request) -> Response:
        raise UnavailableError("The disk is full.")

    return PageClient(Starlette(routes=[Route("/busy", guarded(services, busy))], exception_handlers={404: unknown_address(services)}))


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
