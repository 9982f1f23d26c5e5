"""What the search offers beside objects: commands, new runs of pipelines, tabs by the names that tutorials give them."""

from __future__ import annotations

import re

import pytest
from starlette.requests import Request

from penstock.interfaces.page_catalog import SearchHit
from penstock.web.pages.pasted import bare, jump_of
from penstock.web.pages.search import detail_of, tags_with
from tests.browser.app import SeededApp
from tests.unit.web.conftest import PageClient


def links(page: str) -> dict[str, str]:
    """Address of each result -> its text."""
    found = re.findall(r'<a class="result".*?href="([^"]*)"[^>]*>(.*?)</a>', page, re.DOTALL)
    return {address.replace("&amp;", "&"): re.sub(r"<[^>]+>", "", text).strip() for address, text in found}


@pytest.mark.parametrize("text", ["digits", "new run of digits", "run digits", "New Run of DIGITS"])
def test_a_pipeline_is_started_by_its_name(client: PageClient, text: str) -> None:
    found = links(client.get("/ui/search/results", params={"q": text}).text)
    assert found["/ui/runs/new?pipeline=pipe-digits"].startswith("New run of ")


@pytest.mark.parametrize(("text", "tab"), [("Volumes", "environment"), ("pod", "environment"), ("ml meta", "metadata"), ("input/output", "io")])
def test_tabs_are_found_by_the_names_of_tutorials(seeded: SeededApp, client: PageClient, text: str, tab: str) -> None:
    here = f"http://testserver/ui/runs/{seeded.runs['good']}?task=some-task&tab=logs"
    found = links(client.get("/ui/search/results", params={"q": text}, headers={"hx-current-url": here}).text)
    assert f"/ui/runs/{seeded.runs['good']}?task=some-task&tab={tab}" in found
    elsewhere = links(client.get("/ui/search/results", params={"q": text}).text)
    (address,) = [address for address in elsewhere if address.endswith(f"&tab={tab}")]
    assert client.get(address).status_code == 200


def test_commands_are_found_in_the_readers_language(client: PageClient) -> None:
    found = links(client.get("/ui/search/results", params={"q": "휴지통"}, headers={"accept-language": "ko"}).text)
    assert "/ui/trash" in found
    assert 'data-theme-choice="dark"' in client.get("/ui/search/results", params={"q": "dark"}).text


@pytest.mark.parametrize("text", ["vision", "tag:vision", "tag:team=vision", "TAG: team=VISION"])
def test_of_a_run_found_by_its_tag_that_tag_alone_is_shown(text: str) -> None:
    hit = SearchHit("tagged", "r", "digits", '{"user": "ada", "team": "vision", "nightly": ""}', "SUCCEEDED", 1.0)
    assert detail_of(Request({"type": "http", "headers": []}), hit, text) == "team=vision"
    assert tags_with(hit.detail, "night") == ["nightly"]
    assert not tags_with(hit.detail, "team=other")


@pytest.mark.parametrize("text", ["tag:vision", "tag:team", "tag:team=vision"])
def test_what_has_a_tag_is_found_as_in_the_filters_of_lists(client: PageClient, text: str) -> None:
    assert "/ui/pipelines/pipe-digits" in links(client.get("/ui/search/results", params={"q": text}).text)
    assert "/ui/experiments" not in client.get("/ui/search/results", params={"q": "tag:digits"}).text


def test_the_theme_is_toggled_by_a_command(client: PageClient) -> None:
    assert 'data-theme-choice="toggle"' in client.get("/ui/search/results", params={"q": "toggle theme"}).text


def test_two_letters_offer_no_tabs(client: PageClient) -> None:
    assert not [address for address in links(client.get("/ui/search/results", params={"q": "lo"}).text) if "&tab=" in address]

@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://kf.example/_/pipeline/#/pipelines/details/p-1/version/v-2", "/ui/pipelines/p-1?version=v-2"),
        ("https://kf.example/_/pipeline/#/executions/12", "/#/executions/12"),
        ("http://penstock:8080/#/runs/details/abc", "/ui/runs/abc"),
        ("/ui/runs/abc", "/ui/runs/abc"),
        ("flows/Load/2/view/dag", "/flows/Load/2/view/dag"),
        ("Load/2/train/34", "/flows/Load/2/train/34"),
        ("Load/2/train/34/model", "/flows/Load/2/train/34?tab=artifacts&value=model#value-model"),
        ("DataArtifact('Load/2/train/34/model')", "/flows/Load/2/train/34?tab=artifacts&value=model#value-model"),
        ("Load/2/nodes/34_node_1", "/flows/Load/2/nodes/34_node_1"),
        ("Task('Load/sched-7f-1/train/t-9')", "/flows/Load/sched-7f-1/train/t-9"),
        ("Load/sched-7f-1/train/t-9/model", "/flows/Load/sched-7f-1/train/t-9?tab=artifacts&value=model#value-model"),
        ("ann/digits/artifacts/model/net:v1", "/ann/digits/artifacts/model/net:v1"),
        ("Task('Load/2/train/34')", "/flows/Load/2/train/34"),
        ("Step('Load/2/train')", "/flows/Load/2/train"),
        ("Flow('Load')", "/flows/Load"),
        ("ann/digits/r1", "/ann/digits/runs/r1"),
        ("ann/digits/runs/r1", "/ann/digits/runs/r1"),
        ("ann/digits/sweeps/s1", "/ann/digits/sweeps/s1"),
        ("ann/digits", "/ann/digits"),
        ("https://wandb.ai/ann/digits/runs/r1/overview?nw=1", "/ann/digits/runs/r1/overview?nw=1"),
        ("/loss.*nan/", ""),
        ("http://evil//elsewhere.example/x", ""),
        ("//elsewhere.example/x", ""),
        ("two words", ""),
    ],
)
def test_what_clients_print_leads_to_its_page(text: str, address: str) -> None:
    assert jump_of(text) == address


def test_what_clients_print_around_a_name_is_left_out() -> None:
    assert bare("wandb-artifact://ann/digits/model:v3") == "ann/digits/model:v3"
    assert bare("wandb agent ann/digits/s1") == "ann/digits/s1"
