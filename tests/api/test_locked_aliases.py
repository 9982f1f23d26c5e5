"""A protected alias on the pages: who may not change it finds it locked, and what would be refused is not offered."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from penstock.domain.accounts import Role
from penstock.server.app import build_app, build_parts
from penstock.server.config import Settings
from penstock.stores.sql.registries import SqlRegistryStore
from tests.support.histories import History

URL = "http://127.0.0.1:8080"
VERSION = "/crew/p/artifacts/model/weights/v0"


@pytest.mark.parametrize("user", ["boss", "eve"])
async def test_only_who_protected_an_alias_is_offered_what_changes_it(tmp_path: Path, user: str) -> None:
    parts = build_parts(Settings(data_dir=tmp_path, server_user="boss"), url=URL)
    await parts.tracking.start()
    history = History(parts.database)
    history.begin()
    version = history.version("weights", "sha256:a")
    parts.database.write_sync(lambda tx: tx.execute("UPDATE tracked_project SET entity = 'crew'"))
    for alias in ("production", "mine"):
        history.add("membership_alias", collection_id=version, alias=alias, version_id=version, created_at=1.0)
    SqlRegistryStore(parts.database).set_protected(1, "production", is_protected=True, by="boss", at=1.0)
    accounts = parts.accounts
    accounts.add_user("eve@example.org")
    accounts.change_role(accounts.owner, "eve", Role.MEMBER)
    headers = {"authorization": f"Bearer {parts.keys.make(user).text}", "accept": "text/html", "origin": URL}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=build_app(parts)), base_url=URL, headers=headers) as http:
        is_owner = user == "boss"
        listed = (await http.get("/crew/p/artifacts")).text
        assert ('aria-label="Free production"' in listed) is is_owner
        page = (await http.get(f"{VERSION}/history")).text
        assert ('data-open-dialog="delete-version"' in page) is is_owner
        assert ("The alias production is protected by boss." in page) is not is_owner
        field = re.search(r'name="aliases" value="([^"]*)"', page)
        assert field is not None
        assert set(field[1].split(", ")) == ({"mine", "production"} if is_owner else {"mine"})
        form = {"verb": "edit", "id": str(version), "collection": str(version), "aliases": "", "next": VERSION}
        assert (await http.post("/ui/tracking/versions/actions", data=form)).status_code == 303
        left = {row["alias"] for row in parts.database.read_sync(lambda tx: tx.all("SELECT alias FROM membership_alias"))}
        assert left == (set() if is_owner else {"production"})
        if not is_owner:
            refused = await http.post("/ui/tracking/versions/actions", data={"verb": "delete", "id": str(version), "next": VERSION})
            assert refused.status_code == 403, "the door still holds"
    await parts.tracking.stop()
    parts.database.close()
