"""Pages in other languages have none of our own sentences left in English."""

from __future__ import annotations

from html.parser import HTMLParser

import httpx
import pytest

from penstock.web.texts.i18n import messages
from tests.browser.conftest import Served
from tests.browser.test_journeys import PLACES, task

_OF_OTHERS = {"script", "style", "pre", "code", "textarea", "kbd"}
_VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
_SAID = ("aria-label", "title", "placeholder", "data-confirm", "data-confirm-text", "alt")


class _Texts(HTMLParser):
    """All that a page says: texts, and attributes that are read out or shown."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {" ".join(value.split()) for name, value in attrs if name in _SAID and value}
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            del self._open[len(self._open) - 1 - self._open[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        if not _OF_OTHERS & set(self._open):
            self.found.add(" ".join(data.split()))


@pytest.mark.parametrize("language", ["ko", "ja"])
def test_none_of_our_sentences_is_left_in_english(served: Served, language: str) -> None:
    ours = {english for english, told in messages(language).items() if " " in english and told != english}
    ids = {**served.seeded.runs, "task": task(served, "failed", "root/exit-handler-1/for-loop-2[3]/train-model"), "loop": task(served, "good", "root/exit-handler-1/for-loop-2")}
    found = {}
    with httpx.Client(base_url=served.url, cookies={"penstock_lang": language}, headers={"accept": "text/html"}, timeout=60) as client:
        pages = [place for place in PLACES if not place.startswith("/ui/help")]  # documents are as they were written
        for place in (*pages, "/ui/runs/none", f"/ui/executions/compare?tasks={ids['good']}/{ids['loop']},{ids['failed']}/{ids['task']}"):
            if left := _Texts(client.get(place.format(**ids)).text).found & ours:
                found[place] = left
    assert found == {}
