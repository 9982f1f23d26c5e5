"""The list of the trash: narrowed, sorted, grouped, exported and paged as the other lists, and acted on in bulk with what did not work listed."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

from penstock.domain.trash import TrashKind
from penstock.server.app import Parts, build_app, build_parts
from penstock.server.config import Settings

URL = "http://127.0.0.1:8080"
OURS = {"origin": URL, "accept": "text/html"}
COUNT = 60


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Parts]]:
    """A server whose trash holds sixty experiments and a project."""
    parts = build_parts(Settings(data_dir=tmp_path, server_user="boss"), url=URL)
    await parts.tracking.start()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=build_app(parts)), base_url=URL) as http:
        for number in range(COUNT):
            made = await http.post("/apis/v2beta1/experiments", json={"display_name": f"try {number}"})
            await parts.trash.put(TrashKind.EXPERIMENT, made.json()["experiment_id"], batch="b", by="ann" if number % 2 else "bob")
        query = 'mutation { upsertBucket(input: {name: "r", entityName: "boss", modelName: "digits"}) { inserted } }'
        await http.post("/graphql", json={"query": query}, headers={"authorization": f"Bearer {parts.keys.make('boss').text}"})
        project = await parts.tracking.projects.get("boss", "digits")
        assert project is not None
        await parts.trash.put(TrashKind.PROJECT, str(project.project_id), batch="c", by="boss")
        yield http, parts
    await parts.tracking.stop()
    parts.database.close()


async def shown(http: httpx.AsyncClient, query: str = "") -> tuple[list[str], str]:
    """Titles of the rows, and the page."""
    page = (await http.get(f"/ui/trash?{query}", headers=OURS)).text
    return re.findall(r'aria-label="Select ([^"]+)"', page.partition("<tbody>")[2]), page


async def test_the_trash_is_narrowed_sorted_and_paged(site: tuple[httpx.AsyncClient, Parts]) -> None:
    http, _ = site
    names, page = await shown(http)
    assert (len(names), names[0]) == (50, "digits")
    assert re.search(rf'name="matching" value="1">all {COUNT + 1}\s+that match', page)
    more = re.search(r'href="/ui/trash\?([^"]*cursor=[^"]*)" rel="next"', page)
    assert more is not None
    assert len((await shown(http, more[1].replace("&amp;", "&")))[0]) == COUNT - 49
    assert (await shown(http, "q=kind:project"))[0] == ["digits"]
    assert set((await shown(http, "q=by:ann+try&n=200"))[0]) == {f"try {number}" for number in range(1, COUNT, 2)}
    assert (await shown(http, "sort=name&n=200"))[0][:4] == ["digits", "try 0", "try 1", "try 2"]
    for name in ("name", "kind", "from", "size", "deleted", "left"):
        up, down = [(await shown(http, f"n=200&sort={sign}{name}"))[0] for sign in ("", "-")]
        assert up == down[::-1]
        assert len(up) == COUNT + 1
    assert (await shown(http, "sort=nonsense"))[0] == names
    empty, page = await shown(http, "q=nobody")
    assert (empty, "Nothing matches this filter" in page) == ([], True)


async def test_all_that_match_are_restored_and_what_is_gone_or_taken_is_listed(site: tuple[httpx.AsyncClient, Parts]) -> None:
    http, parts = site
    items = {item.title: item for item in await parts.trash.items()}
    form = {"verb": "restore", "id": [str(items["try 4"].item_id), "4711"], "next": "/ui/trash"}
    told = unquote((await http.post("/ui/trash/actions", data=form, headers=OURS)).headers["set-cookie"])
    assert "Restored: 1 of 2." in told
    assert "4711: it is not in the trash any more" in told
    await http.post("/apis/v2beta1/experiments", json={"display_name": "try 1"})
    form = {"verb": "restore", "matching": "1", "next": "/ui/trash?q=by:ann&n=25"}
    told = unquote((await http.post("/ui/trash/actions", data=form, headers=OURS)).headers["set-cookie"])
    left = sorted(item.title for item in await parts.trash.items())
    assert f"Restored: {COUNT // 2 - 1} of {COUNT // 2}." in told
    assert "try 1: " in told
    assert left == sorted(["digits", "try 1", *(f"try {number}" for number in range(0, COUNT, 2) if number != 4)])


async def test_the_trash_is_grouped_and_a_group_leads_to_its_rows(site: tuple[httpx.AsyncClient, Parts]) -> None:
    http, _ = site
    for by, groups in (("kind", {"Experiment": COUNT, "Project": 1}), ("by", {"ann": COUNT // 2, "bob": COUNT // 2, "boss": 1})):
        page = (await http.get(f"/ui/trash?group={by}", headers=OURS)).text
        found = re.findall(r'<a class="name quiet cut" href="([^"]+)">([^<]+)</a></th>\s*<td class="num lead-state"><span class="only-wide">(\d+)', page)
        assert {name: int(count) for _, name, count in found} == groups
        for address, _, count in found:
            rows = (await shown(http, address.replace("&amp;", "&").partition("?")[2] + "&n=200"))[0]
            assert len(rows) == int(count)
    assert "Select" in (await http.get("/ui/trash?group=nonsense", headers=OURS)).text.partition("<tbody>")[2]


async def test_the_trash_is_exported_and_has_views(site: tuple[httpx.AsyncClient, Parts]) -> None:
    http, _ = site
    rows = (await http.get("/ui/export/trash?format=json&q=by:ann&sort=name", headers=OURS)).json()
    assert [row["name"] for row in rows] == [f"try {number}" for number in range(1, COUNT, 2)]
    assert (rows[0]["kind"], rows[0]["by"], rows[0]["size_bytes"]) == ("experiment", "ann", None)
    groups = (await http.get("/ui/export/trash?format=json&group=kind", headers=OURS)).json()
    assert {row["group"]: row["count"] for row in groups} == {"experiment": COUNT, "project": 1}
    assert (await http.get("/ui/export/trash?format=csv&limit=1", headers=OURS)).text.splitlines()[0] == "item_id,kind,id,name,from,by,size_bytes,deleted_at,removed_at"
    saved = await http.post("/ui/views", data={"verb": "save", "table": "trash", "name": "mine", "next": "/ui/trash?q=by:ann&group=kind"}, headers=OURS)
    assert saved.headers["location"] == "/ui/trash?q=by%3Aann&group=kind"
    assert "mine" in (await http.get("/ui/views?table=trash&address=/ui/trash", headers=OURS)).text
    offered = await http.get("/ui/trash/values?field=by&text=b", headers=OURS)
    assert set(json.loads(offered.text)) == {"bob", "boss"}


async def test_the_button_of_a_row_restores_that_row_whatever_is_picked(site: tuple[httpx.AsyncClient, Parts]) -> None:
    http, parts = site
    items = {item.title: item.item_id for item in await parts.trash.items()}
    form = {"one": str(items["try 7"]), "id": [str(items["try 8"]), str(items["try 9"])], "matching": "1", "next": "/ui/trash"}
    told = unquote((await http.post("/ui/trash/actions", data=form, headers=OURS)).headers["set-cookie"])
    assert "Restored: try 7." in told
    assert {item.title for item in await parts.trash.items()} == items.keys() - {"try 7"}


async def test_who_deletes_what_another_tab_has_deleted_is_told_and_is_offered_no_undo(site: tuple[httpx.AsyncClient, Parts]) -> None:
    http, parts = site
    made = (await http.post("/apis/v2beta1/experiments", json={"display_name": "in two tabs"})).json()["experiment_id"]

    async def delete() -> dict[str, object]:
        answer = await http.post("/ui/experiments/actions", data={"verb": "delete", "id": made}, headers=OURS)
        assert answer.status_code == 303
        notice = unquote(answer.headers["set-cookie"]).partition("penstock_notice=")[2].partition("; HttpOnly")[0].strip('"')
        told: dict[str, object] = json.JSONDecoder().raw_decode(notice.replace('\\"', '"').replace("\\054", ","))[0]
        return told

    first, second = await delete(), await delete()
    assert (first["kind"], first["undo_url"]) == ("done", "/ui/trash/actions")
    assert (second["kind"], second["undo_url"]) == ("error", "")
    assert "in two tabs is in the trash already" in str(second["problems"])
    assert len([item for item in await parts.trash.items() if item.subject == made]) == 1
