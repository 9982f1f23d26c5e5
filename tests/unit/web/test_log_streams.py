"""Bytes of a log by stream."""

from __future__ import annotations

import pytest

from penstock.web.runs.logs import of_stream


@pytest.mark.parametrize(
    ("spans", "errors", "output"),
    [
        ([], b"", b"abcdefgh"),
        ([(0, 2), (4, 6)], b"abef", b"cdgh"),
        ([(-5, 1), (7, 20)], b"ah", b"bcdefg"),
        ([(-5, 20)], b"abcdefgh", b""),
        ([(0, 3), (2, 5)], b"abcde", b"fgh"),
    ],
)
def test_spans_that_reach_beyond_a_piece_or_overlap_give_each_byte_to_one_stream(
    spans: list[tuple[int, int]], errors: bytes, output: bytes
) -> None:
    assert of_stream(b"abcdefgh", spans, is_stderr=True) == errors
    assert of_stream(b"abcdefgh", spans, is_stderr=False) == output
