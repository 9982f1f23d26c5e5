"""Sentences of the engine on pages: names between backticks become code, and nothing that a client wrote becomes markup."""

from __future__ import annotations

import pytest

from penstock.web.texts.formats import with_names


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("`check` failed: exit code 1", "<code>check</code> failed: exit code 1"),
        ("parameter `a` and parameter `b` changed", "parameter <code>a</code> and parameter <code>b</code> changed"),
        ("`<img src=x>` failed", "<code>&lt;img src=x&gt;</code> failed"),
        ("a lone ` stays", "a lone ` stays"),
        ("", ""),
    ],
)
def test_names_are_set_as_code_and_all_is_escaped(text: str, shown: str) -> None:
    assert with_names(text) == shown
