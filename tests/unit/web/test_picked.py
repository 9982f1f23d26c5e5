"""A bulk action is for each row once, and for so many at the most, however they were picked."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from starlette.datastructures import FormData

from penstock.web.pages.lists import picked
from penstock.web.pages.lists.picked import ListAddress, ids_of


@pytest.mark.parametrize("form", [FormData([("id", name) for name in "abacad"]), FormData([("matching", "1"), ("id", "z")])])
async def test_rows_are_taken_once_and_cut_at_the_most(monkeypatch: pytest.MonkeyPatch, form: FormData) -> None:
    looked: list[ListAddress] = []

    async def matching(address: ListAddress) -> Sequence[str]:
        looked.append(address)
        return ["a", "b", "a", "c", "d"]

    monkeypatch.setattr(picked, "MOST_AT_ONCE", 3)
    assert await ids_of(form, "/ui/runs?q=x&n=25", matching) == ["a", "b", "c"]
    assert [(address.path, dict(address.query)) for address in looked] == [("/ui/runs", {"q": "x", "n": "25"})] * ("matching" in form)
