"""`penstock backup` and the System page beside a living server, and a server that starts from the copy."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import httpx

from tests.cli.conftest import Run
from tests.support.server import LiveServer


def page(server: LiveServer) -> str:
    """Return the System page as a browser gets it."""
    return httpx.get(f"{server.url}/ui/system", headers={"accept": "text/html", "user-agent": "Mozilla/5.0"}, timeout=60).text


def send(server: LiveServer, **fields: str) -> int:
    """Send the form of backups; return the status."""
    headers = {"origin": server.url, "accept": "text/html"}
    return httpx.post(f"{server.url}/ui/system/backups", data=fields, headers=headers, timeout=60).status_code


def wait_for(server: LiveServer, *texts: str) -> None:
    """Wait until the System page says all of it."""
    limit = time.monotonic() + 240
    while not all(text in (shown := page(server)) for text in texts):
        assert time.monotonic() < limit, shown
        time.sleep(0.2)


def test_a_server_starts_from_a_backup_that_was_made_beside_a_living_one(penstock: Run, tmp_path: Path) -> None:
    with LiveServer(tmp_path / "data") as server:
        server.post("/apis/v2beta1/experiments", {"display_name": "kept"})
        (made,) = json.loads(penstock("backup", "--json").stdout)
        (checked,) = json.loads(penstock("backup", "--check", "latest", "--json").stdout)
        assert (checked["name"], checked["problems"]) == (made["name"], [])
        server.post("/apis/v2beta1/experiments", {"display_name": "later"})
        assert made["name"] in page(server)
        assert send(server, verb="make") == 303
        wait_for(server, "not tried", "Try a restore")  # the button is there when nothing is under way
        newest = json.loads(penstock("backup", "--list", "--json").stdout)[0]
        assert send(server, verb="check", name=newest["name"]) == 303
        limit = time.monotonic() + 240
        while not json.loads(penstock("backup", "--list", "--json").stdout)[0]["checked_at"]:
            assert time.monotonic() < limit
            time.sleep(0.2)
        shutil.copytree(made["path"], tmp_path / "copy", symlinks=True)
    with LiveServer(tmp_path / "copy") as again:
        names = {one["display_name"] for one in again.get("/apis/v2beta1/experiments")["experiments"]}
        assert names == {"Default", "kept"}


def test_options_of_a_backup_that_exclude_each_other_are_refused(penstock: Run, tmp_path: Path) -> None:
    for arguments, said in {("--list", "--keep", "2"): "--list makes none", ("--check", "latest", "--list"): "--list or --check"}.items():
        refused = penstock("backup", *arguments)
        assert (refused.returncode, said in refused.stderr) == (1, True), refused
    assert not (tmp_path / "data" / "backups").exists()
