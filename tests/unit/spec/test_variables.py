"""References to variables, as Kubernetes replaces them."""

from __future__ import annotations

import pytest

from penstock.spec.variables import expand


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$(A)/$(A)", "one/one"),
        ("$(B)", "$(A)"),
        ("$(ABSENT) $(date +%s) $A ${A}", "$(ABSENT) $(date +%s) $A ${A}"),
        ("$$(A)", "$(A)"),
    ],
)
def test_known_names_are_replaced_once_and_everything_else_stays(text: str, expected: str) -> None:
    assert expand(text, {"A": "one", "B": "$(A)"}) == expected
