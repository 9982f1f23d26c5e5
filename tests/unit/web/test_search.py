"""Whatever a client prints can be pasted into the search."""

from __future__ import annotations

import pytest

from penstock.web.pages.search import jump_of


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://ml.example:8080/#/runs/details/0a1b-2c", "/ui/runs/0a1b-2c"),
        ("http://ml.example/pipeline/#/recurringrun/details/r-1", "/ui/recurring/r-1"),
        ("http://localhost:8080/#/pipelines/details/p1/version/v2", "/ui/pipelines/p1"),
        ("http://127.0.0.1:9/ui/runs?q=status:failed", "/ui/runs?q=status:failed"),
        ("https://host/me/mnist/runs/abc123/overview", "/me/mnist/runs/abc123/overview"),
        ("HelloFlow/12", "/flows/HelloFlow/12"),
        ("HelloFlow/12/train/34", "/flows/HelloFlow/12/train/34"),
        ("me/mnist/abc123", "/me/mnist/runs/abc123"),
        ("me/mnist", "/me/mnist"),
        ("https://host//evil.example/x", ""),
        ("https://host/\\\\evil.example", ""),
        ("javascript:alert(1)", ""),
        ("accuracy above all", ""),
        ("<script>/x", ""),
    ],
)
def test_what_a_pasted_text_leads_to(text: str, address: str) -> None:
    assert jump_of(text) == address
