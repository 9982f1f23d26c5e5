"""The namespace that a reader chose, and pages that stay open in another one."""

from __future__ import annotations

import pytest

from tests.unit.web.conftest import PageClient

_OPEN = {"x-live": "1"}


def test_the_namespace_of_an_opened_page_is_remembered_and_completes_addresses(client: PageClient) -> None:
    chosen = client.get("/ui/experiments?namespace=lab")
    assert chosen.headers["set-cookie"].startswith("penstock_namespace=lab;")
    assert client.get("/ui/runs?q=x", headers={"cookie": "penstock_namespace=lab"}).headers["location"] == "/ui/runs?q=x&namespace=lab"
    assert 'penstock_namespace=""' in client.get("/ui/runs?namespace=", headers={"cookie": "penstock_namespace=lab"}).headers["set-cookie"]


@pytest.mark.parametrize("kept", ["", "penstock_namespace=shop"])
def test_a_page_that_stays_open_in_a_namespace_leaves_what_was_chosen_elsewhere(client: PageClient, kept: str) -> None:
    answer = client.get("/ui/experiments?namespace=lab", headers=_OPEN | ({"cookie": kept} if kept else {}))
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


def test_a_list_of_pipelines_that_stays_open_leaves_whether_demonstrations_are_hidden(client: PageClient) -> None:
    assert "demos=hide" in client.get("/ui/pipelines?demos=hide").headers["set-cookie"]
    assert "set-cookie" not in client.get("/ui/pipelines?demos=hide", headers=_OPEN).headers
