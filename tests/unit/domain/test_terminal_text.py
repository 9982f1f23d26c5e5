"""What of a program's words is for a terminal only."""

from __future__ import annotations

import pytest

from penstock.domain.terminal_text import without_escapes


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[1;31mred\x1b[0m and \x1b[?25lhidden cursor\x1b[2K", "red and hidden cursor"),
        ("see \x1b]8;;https://example.org/a\x1b\\the page\x1b]8;;\x1b\\ or \x1b]0;title\x07go on", "see the page or go on"),
        ("a sequence without an end \x1b]8;;https://example.org\nand the next line\x07", "a sequence without an end \x1b]8;;https://example.org\nand the next line\x07"),
        ("50 %\r100 %\n", "50 %\r100 %\n"),
    ],
)  # fmt: skip
def test_text_and_bytes_are_told_alike(written: str, shown: str) -> None:
    assert without_escapes(written) == shown
    assert without_escapes(written.encode()) == shown.encode()
