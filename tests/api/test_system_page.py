"""The System and start pages of a real server: what it shows of the process, and that values of secrets never leave it."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from penstock.executors.process.environment_list import folder_size, list_environments, touch
from penstock.interfaces.system_status import ErrorItem, SlotsItem, SystemStatus
from penstock.server.errors_seen import ErrorMemory
from penstock.server.status import LOOPS, ClientCounter, shown_setting
from penstock.web.pages.system.system import SERVICES
from penstock.web.texts.starters import is_local
from tests.support.server import LiveServer
from tests.support.tracking import HandClock

SECRET = "correct-horse-battery"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with one environment that was built earlier."""
    data = tmp_path_factory.mktemp("system")
    place = data / "envs" / "0123456789abcdef01234567"
    place.mkdir(parents=True)
    (place / "environment.json").write_text(json.dumps({"python": "3.11.9", "packages": ["kfp", "numpy"], "lock": ""}))
    program = data / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\ncase $1 in --query-gpu=*) echo '0, GPU-aaaa, 2048, 1024, 57, NVIDIA <A100>';; esac\n")
    program.chmod(0o755)
    env = {
        "PENSTOCK_EXECUTOR_ENVIRONMENT": f"TOKEN={SECRET}",
        "PENSTOCK_STORE_RETENTION_DAYS": "365",
        "PATH": f"{program.parent}:{os.environ['PATH']}",
    }
    with LiveServer(data, env=env) as live:
        yield live


def page(server: LiveServer) -> str:
    """Return the System page as a browser gets it."""
    return httpx.get(f"{server.url}/ui/system", headers={"accept": "text/html", "user-agent": "Mozilla/5.0"}).text


def send(server: LiveServer, fields: dict[str, str], origin: str | None = None) -> httpx.Response:
    """Send the form of secrets."""
    return httpx.post(f"{server.url}/ui/system/secrets", data=fields, headers={"origin": origin or server.url, "accept": "text/html"})


def bundle(server: LiveServer) -> httpx.Response:
    """Download the diagnostics."""
    return httpx.get(f"{server.url}/ui/system/diagnostics.json", headers={"user-agent": "curl/8"})


def test_gpus_of_the_machine_are_listed_with_what_is_used_of_them(server: LiveServer) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page(server)))
    assert "GPU 0 NVIDIA &lt;A100&gt; 57 % busy, 1.0 GiB of 2.0 GiB used" in text


def test_a_secret_is_set_and_removed_and_its_value_never_shown(server: LiveServer) -> None:
    form = {"verb": "set", "kind": "secret", "name": "depot-login", "key": "password", "value": SECRET}
    assert send(server, form, origin="http://evil.example").status_code == 403
    assert "depot-login" not in page(server)
    assert send(server, form).status_code == 303
    assert send(server, form | {"key": "user", "value": "me"}).status_code == 303
    text, whole = page(server), bundle(server)
    assert "password, user" in text
    assert SECRET not in text + whole.text
    assert "depot-login" not in whole.text
    assert whole.json()["secrets"] == 1
    assert send(server, form | {"name": "Not A Name"}).status_code == 400
    assert send(server, {"verb": "remove", "kind": "secret", "name": "depot-login"}).status_code == 303
    assert bundle(server).json()["secrets"] == 0


def test_services_slots_and_environments_are_those_of_the_process(server: LiveServer) -> None:
    status = bundle(server).json()["status"]
    assert {item["name"] for item in status["services"]} == set(LOOPS) == set(SERVICES)
    assert all(item["is_running"] for item in status["services"])
    assert status["slots"]["slots"] >= 2
    assert (status["slots"]["running"], status["slots"]["queued"]) == (0, 0)
    (environment,) = status["environments"]
    assert (environment["python"], environment["packages"]) == ("3.11.9", ["kfp", "numpy"])
    assert {item["name"] for item in status["folders"]} >= {"envs", "blobs"}
    assert "0123456789ab" in page(server)


def test_the_page_says_that_no_rule_did_anything_and_leads_to_metrics(server: LiveServer) -> None:
    page = httpx.get(f"{server.url}/ui/system", headers={"accept": "text/html"}).text
    assert "No trigger fired and no automation did anything in the last week." in page
    assert 'href="/metrics"' in page


def test_clients_and_what_they_asked_for_in_vain_are_counted(server: LiveServer) -> None:
    for _ in range(2):
        asked = {"query": "query { viewer { shoeSize } }"}
        httpx.post(f"{server.url}/graphql", json=asked, auth=("api", server.key), headers={"user-agent": "W&B Internal Client 0.99"})
    found = bundle(server).json()
    (client,) = [item for item in found["status"]["clients"] if item["agent"] == "W&B Internal Client 0.99"]
    assert client["requests"] == 2
    assert not [item for item in found["status"]["clients"] if item["agent"].startswith("Mozilla/")]
    assert "shoeSize" in page(server)


def test_services_that_are_switched_off_are_not_missed(tmp_path: Path) -> None:
    with LiveServer(tmp_path / "data", env={"PENSTOCK_STORE_COLLECT_SECONDS": "0"}) as live:
        services = bundle(live).json()["status"]["services"]
    assert {item["name"] for item in services} == set(LOOPS) - {"Removal of unused files", "Retention"}
    assert all(item["is_running"] for item in services)


def test_settings_are_shown_without_passwords() -> None:
    assert shown_setting("store_database_url", "postgresql://me:pw@db/penstock") == "postgresql://…@db/penstock"
    assert shown_setting("executor_index_urls", ("https://u:p@pypi.example/simple",)) == ("https://…@pypi.example/simple",)
    assert shown_setting("executor_environment", ("A=1", "rest")) == ("A=…", "…")
    assert shown_setting("executor_slots", 3) == 3


def test_environments_are_listed_last_used_first(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("envs")
    for name in ("one", "two", "broken"):
        (root / name).mkdir()
        (root / name / "environment.json").write_text("{" if name == "broken" else json.dumps({"python": "3.12.1", "packages": []}))
    (root / "one" / "module.py").write_bytes(b"x" * 1000)
    touch(root / "one")
    first, second = list_environments(root)
    assert (first.environment_id, second.environment_id) == ("one", "two")
    assert first.size_bytes - second.size_bytes == 1000
    assert not folder_size(root, limit=2).is_whole


def home(server: LiveServer) -> str:
    """Return the start page as a browser gets it."""
    return httpx.get(f"{server.url}/ui/home", headers={"accept": "text/html"}).text


def test_the_start_page_begins_with_starters_and_then_tells_how_the_server_is(tmp_path: Path) -> None:
    with LiveServer(tmp_path / "data") as live:
        first = home(live)
        assert f"kfp.Client(host=&#34;{live.url}&#34;)" in first
        assert f"eval &#34;$(penstock env --data-dir {live.data_dir})&#34;" in first
        assert f"penstock demo --data-dir {live.data_dir}" in first
        assert live.key not in first
        asked = {"query": 'mutation { upsertBucket(input: {name: "a1", modelName: "digits"}) { bucket { name } } }'}
        answer = httpx.post(f"{live.url}/graphql", json=asked, auth=("api", live.key)).json()
        assert "errors" not in answer
        who: dict[str, object] = {"user_name": "me", "tags": [], "system_tags": []}
        live.post("/metaflow/flows/HelloFlow", who)
        started = live.post("/metaflow/flows/HelloFlow/run", who)
        later = home(live)
    assert "penstock env" not in later
    assert '/digits"' in later
    assert f'href="/flows/HelloFlow/{started["run_number"]}"' in later
    assert "All services work" in later


@pytest.mark.parametrize(
    ("url", "expected"),
    [("http://127.0.0.1:8080", True), ("http://[::1]:1", True), ("http://localhost", True), ("https://penstock.example", False), ("http://10.0.0.1", False)],
)
def test_only_loopback_is_where_the_reader_sits(url: str, expected: bool) -> None:
    assert is_local(url) is expected


def test_what_if_names_old_runs_and_moves_them_to_the_trash_only_when_asked(server: LiveServer) -> None:
    browser = {"accept": "text/html", "user-agent": "Mozilla/5.0", "origin": server.url}
    empty = httpx.get(f"{server.url}/ui/system/retention?kind=run&days=0&keep=0", headers=browser).text
    assert "Nothing is as old as that" in empty
    assert "Every hour, what is older than 365 days goes to the trash" in empty
    for query in ("days=x", "days=1&keep=-1", "days=nan", "days=1&kind=experiment"):
        assert httpx.get(f"{server.url}/ui/system/retention?{query}", headers=browser).status_code == 400
    form = {"kind": "run", "days": "0", "keep": "0"}
    assert httpx.post(f"{server.url}/ui/system/retention", data=form, headers=browser | {"origin": "http://evil.example"}).status_code == 403
    spec = {"components": {}, "root": {"dag": {"tasks": {}}}, "pipelineInfo": {"name": "nothing-to-do"}, "schemaVersion": "2.1.0", "sdkVersion": "kfp-2.13.0"}
    run = server.post("/apis/v2beta1/runs", {"display_name": "old one", "pipeline_spec": spec})
    server.wait_for_run(run["run_id"])
    plan = httpx.get(f"{server.url}/ui/system/retention?kind=run&days=0&keep=0", headers=browser).text
    assert "nothing-to-do" in plan
    assert "old one" in plan
    assert "Nothing is as old as that" in httpx.get(f"{server.url}/ui/system/retention?kind=run&days=0&keep=1", headers=browser).text
    httpx.post(f"{server.url}/ui/system/retention", data=form, headers=browser)
    assert "old one" in httpx.get(f"{server.url}/ui/trash", headers=browser).text
    assert server.get("/apis/v2beta1/runs").get("runs", []) == []


def test_metrics_are_read_as_prometheus_reads_them(server: LiveServer) -> None:
    spec = {"components": {}, "root": {"dag": {"tasks": {}}}, "pipelineInfo": {"name": "counted"}, "schemaVersion": "2.1.0", "sdkVersion": "kfp-2.13.0"}
    server.wait_for_run(server.post("/apis/v2beta1/runs", {"display_name": "counted", "pipeline_spec": spec})["run_id"])
    answer = httpx.get(f"{server.url}/metrics", headers={"user-agent": 'odd "agent"\\'})
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    samples = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}
    assert all(re.fullmatch(r'[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\.)*"\})?', name) for name in samples)
    assert samples['penstock_runs{state="SUCCEEDED"}'] >= 1
    assert samples['penstock_service_up{service="Run engine"}'] == 1
    assert samples["penstock_slots"] >= 2
    assert samples['penstock_tasks{state="running"}'] == 0
    assert 0 < samples["penstock_disk_free_bytes"] < samples["penstock_disk_bytes"]
    assert samples['penstock_client_requests_total{agent="odd \\"agent\\"\\\\"}'] == 1


def test_errors_are_remembered_by_service_with_their_cause_and_without_passwords() -> None:
    clock = HandClock()
    memory = ErrorMemory(clock)
    engine, rounds, web = (logging.getLogger(name) for name in ("penstock.engine.driver", "penstock.background.rounds", "penstock.web"))
    for logger in (engine, rounds, web):
        logger.addHandler(memory)
    try:
        for _ in range(3):
            clock.time += 1
            try:
                raise ValueError("no answer from postgresql://me:secret@db/x\nand more")
            except ValueError:
                engine.exception("a turn of the engine failed")
        rounds.error("%s: what is due could not be done", "trash")
        web.error("nobody's fault")
        web.warning("not an error")
    finally:
        for logger in (engine, rounds, web):
            logger.removeHandler(memory)
    found = {item.service: item for item in memory.list()}
    assert set(found) == {"Run engine", "Trash", ""}
    failed = found["Run engine"]
    assert (failed.text, failed.count, failed.last_at) == ("a turn of the engine failed", 3, clock.time)
    assert failed.cause == "ValueError: no answer from postgresql://…@db/x and more"
    for number in range(300):
        memory.handle(logging.LogRecord("penstock.x", logging.ERROR, "", 0, "kind %d", (number,), None))
    assert [item.text for item in memory.list()[:2]] == ["kind 299", "kind 298"]
    assert len(memory.list()) == 100


def test_the_page_shows_the_last_error_of_a_service(server: LiveServer) -> None:
    assert "Errors since the server started" not in page(server)
    status = SystemStatus([], SlotsItem(1, 0, 0), [], [], [], [ErrorItem("Trash", "x", "", 1, 2.0), ErrorItem("Trash", "y", "", 1, 1.0)])
    last = status.last_error("Trash")
    assert last is not None
    assert last.text == "x"
    assert status.last_error("Run engine") is None


async def test_what_boto_says_of_single_requests_makes_no_client_of_its_own() -> None:
    counter = ClientCounter(HandClock())

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        """Answer nothing."""

    async def nothing(*_: object) -> Any:
        """Stands for a connection."""

    for agent, path in (
        ("Boto3/1.44 md/Botocore#1.44 m/Z,g cfg/retry-mode#adaptive", "/s3/metaflow"),
        ("Boto3/1.44 md/Botocore#1.44 m/b,D,g", "/s3/metaflow/key"),
        ("kfp/2.17", "/apis/v2beta1/runs"),
        ("kfp/2.17", "/ui/runs"),
    ):
        scope = {"type": "http", "path": path, "headers": [(b"user-agent", agent.encode())]}
        await counter.around(app)(scope, nothing, nothing)
    assert {item.agent: (item.requests, item.surfaces) for item in counter.list()} == {
        "Boto3/1.44 md/Botocore#1.44": (2, ("s3",)),
        "kfp/2.17": (2, ("kfp", "pages")),
    }
