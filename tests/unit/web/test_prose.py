"""Markdown of users: what would take long is read in part, and nothing of it is lost."""

from __future__ import annotations

import pytest

from penstock.web.texts.prose import MOST, cost_of, prose


def test_a_usual_text_is_read_whole() -> None:
    text = "# Title\n\nSome *words* and a [link](https://example.org).\n\n" * 400
    assert cost_of(text) < MOST
    assert prose(text).count("<h1>") == 400


@pytest.mark.parametrize("text", ["[" * 200_000, "*a " * 100_000, "|a|\n|-|\n" + "|b|\n" * 50_000, "> " * 50_000 + "x", "<b>" * 100_000, "a" * 300_000])
def test_a_text_that_would_take_long_is_read_in_part_and_its_rest_stands_as_it_is_written(text: str) -> None:
    found = prose(text)
    assert cost_of(text) > MOST
    assert '<pre class="wrap">' in found
    assert "<b>" not in found
    assert len(found) < 8 * len(text)


def test_reading_ends_between_lines() -> None:
    lines = "".join(f"{number} [x](y) **b**\n\n" for number in range(5000))
    read, _, rest = prose(lines).partition('<pre class="wrap">')
    assert read.count("<p>") + rest.count("[x](y)") == 5000
