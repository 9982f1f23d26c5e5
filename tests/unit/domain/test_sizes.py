"""Bytes are written in the largest binary unit of which there is one, never in exponents."""

from __future__ import annotations

import pytest

from penstock.domain.sizes import size_words


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"), (512, "512 B"), (1023, "1023 B"), (1 << 20, "1 MiB"), (3 << 29, "1.5 GiB"), ((1 << 30) - (1 << 20), "1023 MiB"),
        (1 << 40, "1 TiB"), (5 << 50, "5120 TiB"),
    ],
)  # fmt: skip
def test_bytes_are_written_in_the_largest_unit_that_keeps_them_short(size: int, words: str) -> None:
    assert size_words(size) == words
