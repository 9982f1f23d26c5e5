"""Lines of logs as a terminal shows them."""

from __future__ import annotations

import pytest

from penstock.web.runs.log_styles import pieces_of


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("plain <b>", [("", "plain <b>")]),
        ("", [("", "")]),
        ("a \x1b[1;32mgreen\x1b[0m b", [("", "a "), ("ansi-bold ansi-fg-2", "green"), ("", " b")]),
        ("\x1b[91mred\x1b[34mblue\x1b[39mno colour", [("ansi-fg-1", "red"), ("ansi-fg-4", "blue"), ("", "no colour")]),
        ("10 %\r50 %\r100 %", [("", "100 %")]),
        ("done\r", [("", "done")]),
        ("\x1b[2Kmoved\x1b[1A", [("", "moved")]),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x07 bell\x07", [("", "link"), ("", " bell")]),
        ("\x1b[1;38;5;4mx", [("ansi-bold", "x")]),
        ("\x1b[999999mx", [("", "x")]),
    ],
)
def test_a_line_is_shown_in_pieces(text: str, pieces: list[tuple[str, str]]) -> None:
    assert pieces_of(text) == pieces
