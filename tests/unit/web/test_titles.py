"""Titles of pages, as tabs and bookmarks of a browser show them."""

from __future__ import annotations

import html
import re

import pytest

from tests.browser.app import SeededApp
from tests.unit.web.conftest import PageClient


def title(seeded: SeededApp, address: str, language: str) -> str:
    """The title of a page in a language."""
    found = re.search("<title>(.*) · Penstock</title>", PageClient(seeded.app).get(address, headers={"cookie": f"penstock_lang={language}"}).text)
    assert found is not None, address
    return html.unescape(found.group(1))


@pytest.mark.parametrize(("language", "words"), [("ko", ("실행", "반복 실행", "로그에서 검색")), ("ja", ("実行", "定期実行", "ログを検索"))])
def test_titles_are_in_the_language_of_the_reader(seeded: SeededApp, language: str, words: tuple[str, ...]) -> None:
    assert tuple(title(seeded, address, language) for address in ("/ui/runs", "/ui/recurring", "/ui/logs")) == words


def test_names_in_titles_stay_as_they_are(seeded: SeededApp) -> None:
    address = f"/ui/runs/{seeded.runs['good']}"
    assert title(seeded, address, "ko") == title(seeded, address, "en")


def test_what_the_server_says_of_its_own_experiment_is_translated(seeded: SeededApp) -> None:
    listed = PageClient(seeded.app).get("/ui/experiments", headers={"cookie": "penstock_lang=ko"}).text
    assert "Runs that were created without an experiment." not in listed
