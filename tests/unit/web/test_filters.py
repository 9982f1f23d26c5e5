"""The filter bar's grammar, and what it selects."""

from __future__ import annotations

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.interfaces.pages import Condition
from penstock.stores.sql.page_filters import decode_cursor, encode_cursor, number_of, seconds_of
from penstock.web.lists.filters import chip_text, filter_text, list_query, parse
from tests.browser.app import SeededApp
from tests.unit.web.conftest import PageClient


def test_words_and_chips_are_told_apart() -> None:
    words, conditions = parse('nightly status:failed accuracy>0.9 tag:"a b" started:<24h "x:y" http://h/x name!=old')
    assert words == ("nightly", "x:y", "http://h/x")
    assert conditions == (
        Condition("status", ":", "failed"),
        Condition("accuracy", ">", "0.9"),
        Condition("tag", ":", "a b"),
        Condition("started", "<", "24h"),
        Condition("name", "!=", "old"),
    )


@pytest.mark.parametrize("text", ["status:failed", "accuracy>=0.5", 'tag:"a b"', 'name:"say \\"hi\\""'])
def test_a_chip_reads_back_as_itself(text: str) -> None:
    (condition,) = parse(text)[1]
    assert parse(chip_text(condition))[1] == (condition,)


def test_the_address_bar_holds_the_state_of_a_list() -> None:
    query = list_query({"q": "a status:ok", "sort": "-name", "tab": "archived", "n": "100", "cursor": "x"}, now=5.0)
    assert (query.sort, query.is_descending, query.is_archived, query.limit, query.cursor) == ("name", True, True, 100, "x")
    assert list_query({"n": "7", "sort": "name"}, now=0.0).limit == 50


def test_spans_and_numbers() -> None:
    assert seconds_of("1h30m") == 5400
    assert seconds_of("soon") is None
    assert number_of("95%") == 95
    assert number_of("nan") is None


def test_a_cursor_comes_back_and_rubbish_does_not_pass() -> None:
    assert decode_cursor(encode_cursor(1.5, "id")) == (1.5, "id")
    for text in ("", "!!", "e30"):
        with pytest.raises(InvalidArgumentError, match="page position"):
            decode_cursor(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("status:failed", {"failed", "night-3"}),
        ("status:active", {"running", "pending"}),
        ("accuracy>0.961 accuracy<0.965", {"good"}),
        ("metric.accuracy>0.9705", {"cached", "night-5"}),
        ("experiment=learning-rates", {"cached", "failed", "running"}),
        ("recurring:nightly status:failed", {"night-3"}),
        ("started:<1h", {"hostile", "running", "pending"}),
        ("cached>0", {"cached"}),
        ("framework=scikit-learn baseline", {"good"}),
        ("duration>1d", set()),
        ("stopped", {"canceled"}),
    ],
)
def test_chips_select_runs(seeded: SeededApp, client: PageClient, text: str, expected: set[str]) -> None:
    page = client.get("/ui/runs", params={"q": text, "n": "200"}).text
    shown = {label for label, run_id in seeded.runs.items() if f'id="row-{run_id}"' in page}
    assert shown == expected


def test_paging_shows_every_run_once_in_order(seeded: SeededApp, client: PageClient) -> None:
    for sort in ("created", "-created", "name", "-duration", "state"):
        seen: list[str] = []
        address: str | None = f"/ui/executions?sort={sort}&n=25"
        while address:
            page = client.get(address).text
            rows = page.split("<tbody>")[1].split("</tbody>")[0].split("<tr id=")[1:] if "<tbody>" in page else []
            seen += [row.split("?task=")[1].split('"')[0] for row in rows]
            link = page.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0] if 'rel="next"' in page else ""
            address = link.replace("&amp;", "&") or None
        assert len(seen) == len(set(seen)) > 100


def test_the_text_of_a_filter_reads_back_as_it_was() -> None:
    for text in ('nightly "x:y" a:b', '"two words" c="d e"', '"say \\"hi\\"" plain', '"\\\\" name!=old'):
        words, conditions = parse(text)
        assert parse(filter_text(words, conditions)) == (words, conditions)
