"""Exports that are asked strictly, as by `penstock ls`: what the list cannot be asked for is refused, whatever its page offers is taken."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.unit.web.conftest import PageClient

PAGES = {
    "runs": "/ui/runs",
    "executions": "/ui/executions",
    "artifacts": "/ui/artifacts?tab=stored",
    "collections": "/ui/artifacts",
    "pipelines": "/ui/pipelines",
    "experiments": "/ui/experiments",
    "recurring": "/ui/recurring",
}


@pytest.mark.parametrize("name", PAGES)
def test_whatever_sorts_or_groups_a_page_is_taken(client: PageClient, name: str) -> None:
    page = client.get(PAGES[name]).text
    head = page.partition("<thead>")[2].partition("</thead>")[0]
    sorts = {unescape(one) for one in re.findall(r"sort=(-?[^&\"]+)", head)}
    groups = {unescape(one) for one in re.findall(r"[?&;]group=([^&\"#]+)", page)} - {"cause"}
    assert len(sorts) > 3
    for asked in (*(f"sort={sort}" for sort in sorts), *(f"group={group}" for group in groups)):
        answer = client.get(f"/ui/export/{name}?format=json&strict=1&{asked}")
        assert answer.status_code == 200, (asked, answer.text)


@pytest.mark.parametrize("asked", ["runs?sort=metric.accuracy", "runs?sort=-param.rate", "runs?sort=tag.team", "runs?group=param.rate",
    "executions?sort=in.rate", "artifacts?sort=meta.rows", "collections?sort=meta.rows", "pipelines?group=tag.team",
    "experiments?sort=-best.accuracy", "runs?tab=archived", "pipelines?q=name:a%20versions>0", "runs?q=anything:goes", "flows?sort=user"])  # fmt: skip
def test_keys_and_chips_that_a_list_knows_are_taken(client: PageClient, asked: str) -> None:
    answer = client.get(f"/ui/export/{asked}&format=json&strict=1")
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("runs?sort=-durtion", "runs are not sorted by 'durtion', but by created, finished, duration, name"),
        ("runs?sort=metric.acuracy", "no run has the metric 'acuracy'; runs have "),
        ("runs?group=pipelin", "runs are not grouped by 'pipelin', but by pipeline, experiment, state, version, recurring, param.NAME"),
        ("executions?group=why", "executions are not grouped by 'why', but by component"),
        ("collections?sort=versoin", "collections are not sorted by 'versoin', but by name"),
        ("trash?sort=created", "trash are not sorted by 'created', but by name"),
        ("projects?group=name", "projects are not grouped by 'name', but by owner"),
        ("pipelines?q=statu:failed", "pipelines are not narrowed by 'statu', but by name"),
        ("executions?tab=archived", "executions are not archived; runs and experiments are"),
    ],
)
def test_what_a_list_does_not_know_is_refused_with_what_it_knows(client: PageClient, asked: str, said: str) -> None:
    answer = client.get(f"/ui/export/{asked}&format=json&strict=1")
    assert answer.status_code == 400
    assert said in unescape(answer.text)
