"""The page of a run of a flow: its metadata by pages, and its tags, which are changed where the reader is."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from penstock.domain.flows import Authorship, NewMetadata
from tests.unit.web.flow_room import Room

BY = Authorship("ada", ("attempt_id:0",), ())


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_all_metadata_of_a_run_is_reached_by_pages(room: Room) -> None:
    run = room.run(None)
    assert 'rel="next"' not in room.client.get(f"/flows/{run}/view/metadata").text
    rows = [NewMetadata(f"field-{number}", "x", "t", BY) for number in range(1100)]
    asyncio.run(room.flows.web.recorder.add_metadata("F", run.partition("/")[2], "start", "2", rows))
    address, seen, pages = f"/flows/{run}/view/metadata", list[str](), 0
    while address:
        page = room.client.get(address).text
        seen += re.findall(r"(field-\d+)</th>", page)
        after = re.search(r'href="([^"]+)" rel="next"', page)
        address, pages = after[1].replace("&amp;", "&") if after else "", pages + 1
    assert (len(seen), len(set(seen)), pages) == (1100, 1100, 3)
    assert room.client.get(f"/flows/{run}/view/metadata?before=x.y").status_code == 200


def test_tags_are_changed_where_the_reader_is(room: Room) -> None:
    run = room.run(None)
    for view, place in (("timeline", f"/flows/{run}/view/timeline"), ("dag", f"/flows/{run}"), ("//elsewhere", f"/flows/{run}")):
        answer = room.client.post(f"/flows/{run}/tags", data={"add": "seen", "view": view}, headers={"origin": "http://testserver"})
        assert (answer.status_code, answer.headers["location"]) == (303, place)
    assert 'name="view" value="timeline"' in room.client.get(f"/flows/{run}/view/timeline").text
