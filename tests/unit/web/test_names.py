"""Sentences of the engine on pages: names between backticks become code, and nothing that a client wrote becomes markup."""

from __future__ import annotations

import pytest

from penstock.web.texts.formats import type_group_word, with_names


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("`check` failed: exit code 1", "<code>check</code> failed: exit code 1"),
        ("parameter `a` and parameter `b` changed", "parameter <code>a</code> and parameter <code>b</code> changed"),
        ("`<img src=x>` failed", "<code>&lt;img src=x&gt;</code> failed"),
        ("a lone ` stays", "a lone ` stays"),
        ("`a` failed: no `very lo\u2026", "<code>a</code> failed: no <code>very lo\u2026</code>"),
        ("", ""),
    ],
)
def test_names_are_set_as_code_and_all_is_escaped(text: str, shown: str) -> None:
    assert with_names(text) == shown


def test_types_of_groups_have_the_words_of_the_sdk() -> None:
    keys = ("classificationmetrics", "html", "dataset", "system.Model", "run_table")
    assert [type_group_word(key) for key in keys] == ["ClassificationMetrics", "HTML", "Dataset", "Model", "run_table"]
