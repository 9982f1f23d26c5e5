"""Which object the page at an address is about."""

from __future__ import annotations

import pytest

from penstock.web.opened import address_of_object, object_of


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/ui/runs/abc", ("run", "abc")),
        ("/ui/runs/new", None),
        ("/ui/runs", None),
        ("/ui/runs/abc/graph", None),
        ("/ui/artifacts/7", ("artifact", "7")),
        ("/ui/artifacts/compare", None),
        ("/ui/recurring/new-trigger", None),
        ("/ui/recurring/r1", ("recurring", "r1")),
        ("/flows/Shop", None),
        ("/flows/Shop/3/train/4", ("flow", "Shop/3")),
        ("/ann/digits", ("project", "ann/digits")),
        ("/ann/digits/workspace", ("project", "ann/digits")),
        ("/ann/digits/runs/r1/logs", ("tracked", "ann/digits/runs/r1")),
        ("/ann/digits/artifacts/model/net/v3/files", ("collection", "ann/digits/artifacts/model/net")),
        ("/ann/digits/sweeps/s1", ("sweep", "ann/digits/sweeps/s1")),
        ("/ann/digits/reports/March--VmlldzoxMg", ("report", "ann/digits/reports/12")),
        ("/ann/digits/reports/12", ("report", "ann/digits/reports/12")),
        ("/ann/digits/reports/new", None),
        ("/ann/digits/reports/12/edit", None),
        ("/ui/projects", None),
    ],
)
def test_pages_of_objects_are_told_from_lists(path: str, found: tuple[str, str] | None) -> None:
    assert object_of(path) == found


@pytest.mark.parametrize("path", ["/ui/runs/abc", "/ui/artifacts/7", "/flows/Shop/3", "/ann/digits/runs/r1", "/ann/digits/reports/12"])
def test_an_object_leads_back_to_its_page(path: str) -> None:
    found = object_of(path)
    assert found is not None
    assert address_of_object(*found) == path
