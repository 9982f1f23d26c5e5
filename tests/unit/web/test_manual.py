"""The documents that the server serves itself: all there, linked to each other, and found by the pages that point to them."""

from __future__ import annotations

import re

import hatch_build
import pytest

from penstock.web.manual import DOCUMENTS, document, names
from penstock.web.render import HERE
from tests.unit.web.conftest import PageClient


def test_every_document_is_served_and_comes_with_the_package(client: PageClient) -> None:
    assert tuple(name for name, _ in DOCUMENTS) == hatch_build.DOCUMENTS
    assert [name for name, _ in names()] == [name for name, _ in DOCUMENTS]
    for name, _ in DOCUMENTS:
        assert client.get(f"/ui/help/{name}").status_code == 200
    assert client.get("/ui/help").status_code == 200


@pytest.mark.parametrize("name", ["contributing", "../README", "web.md", "%2e%2e%2fREADME"])
def test_nothing_else_is_served(client: PageClient, name: str) -> None:
    assert client.get(f"/ui/help/{name}").status_code == 404


def links() -> set[str]:
    """Places in the help that documents and templates lead to."""
    found = set()
    for name, _ in DOCUMENTS:
        shown = document(name)
        assert shown is not None
        found |= {link.removeprefix("/ui/help/") for link in re.findall(r'href="(/ui/help/[^"]+)"', shown.body)}
        found |= {f"{name}{link}" for link in re.findall(r'href="(#[^"]+)"', shown.body)}
    for path in (HERE / "templates").rglob("*.html"):
        found |= set(re.findall(r'ui\.help\("([^"]+)"\)', path.read_text()))
    return found


def test_every_link_into_the_help_leads_to_a_heading() -> None:
    assert len(links()) > 6
    for link in links():
        name, _, anchor = link.partition("#")
        shown = document(name)
        assert shown is not None, link
        assert not anchor or f'id="{anchor}"' in shown.body, link
