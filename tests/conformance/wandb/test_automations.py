"""Automations with the real client: made, listed, changed, deleted, and what they do when they fire."""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.conformance.wandb.conftest import MIDDLE, NEWEST, Client
from tests.support.clients import client_python
from tests.support.server import LiveServer

pytestmark = pytest.mark.conformance


class Receiver:
    """A web server that keeps what is posted to it."""

    def __init__(self) -> None:
        self.posts: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.posts.put((dict(self.headers), body))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(f"thanks for {self.headers.get('Authorization', '')}".encode())

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def next(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return headers and document of the next post."""
        headers, body = self.posts.get(timeout=30)
        return headers, json.loads(body)

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where webhooks arrive."""
    receiver = Receiver()
    yield receiver
    receiver.close()


_MAKE = """
from wandb.automations import (ArtifactEvent, DoNothing, OnAddArtifactAlias, OnCreateArtifact, OnRunMetric, RunEvent, SendNotification,
                               SendWebhook)
api = wandb.Api()
def gql(query, variables):
    import base64, json, urllib.request
    request = urllib.request.Request(os.environ["WANDB_BASE_URL"] + "/graphql", json.dumps({"query": query, "variables": variables}).encode(),
        {"Content-Type": "application/json", "Authorization": "Basic " + base64.b64encode(b"api:" + os.environ["WANDB_API_KEY"].encode()).decode()})
    return json.load(urllib.request.urlopen(request))["data"]
def hook(**more):
    gql("mutation M($i: CreateGenericWebhookIntegrationInput!) { createGenericWebhookIntegration(input: $i) { integration { id } } }",
        {"i": {"entityName": "tester", "name": PROJECT.split("/")[1], "urlEndpoint": os.environ["HOOK"], **more}})
    return next(one for one in api.integrations("tester") if getattr(one, "name", "") == PROJECT.split("/")[1])
name = PROJECT.split("/")[1]
def log(text):
    artifact = wandb.Artifact("ds", "dataset", metadata={"rows": 7})
    with artifact.new_file("t.txt") as file:
        file.write(text)
    return artifact
"""


@pytest.mark.parametrize("release", [NEWEST, MIDDLE], ids=["newest", "middle"])
def test_automations_are_made_changed_found_and_deleted(release: tuple[str, ...], wandb_server: LiveServer, tmp_path: object) -> None:
    client = Client(client_python(*release), wandb_server, tmp_path)  # type: ignore[arg-type]
    answer = client.run(
        _MAKE
        + """
api.create_project(name, "tester")
project = api.project(name, "tester")
event = OnRunMetric(scope=project, filter=(RunEvent.metric("loss").avg(3) < 0.5) & (RunEvent.name.contains("good")))
made = api.create_automation(event >> DoNothing(), name=name + "-low", description="d")
found = api.automation(name=name + "-low", entity="tester")
try:
    api.create_automation(event >> DoNothing(), name=name + "-low")
    twin = "made"
except (ValueError, wandb.errors.CommError) as error:
    twin = str(error)
again = api.create_automation(event >> DoNothing(), name=name + "-low", fetch_existing=True)
changed = api.update_automation(found, enabled=False, description="new")
seen = api.automation(name=name + "-low")
channel = next(iter(api.slack_integrations(entity="tester")))
told = api.update_automation(seen, action=SendNotification.from_integration(channel, title="T", text="x"))
answer = {"id": made.id == found.id == again.id, "twin": twin, "enabled": [found.enabled, changed.enabled, seen.enabled],
          "description": seen.description, "filter": json.loads(json.dumps(seen.event.model_dump(mode="json")))["filter"],
          "scope": seen.scope.name, "action": told.action.title, "deleted": api.delete_automation(seen),
          "left": [one.name for one in api.automations("tester", name=name + "-low")]}
""".replace("answer = {", "import json\nanswer = {", 1),
        HOOK="",
    )
    assert answer["id"] is True
    assert "Unable to create another" in answer["twin"]
    assert answer["enabled"] == [True, False, False]
    assert answer["description"] == "new"
    assert "loss" in json.dumps(answer["filter"])
    assert answer["scope"] == client.project
    assert (answer["action"], answer["deleted"], answer["left"]) == ("T", True, [])


def test_webhooks_tell_of_artifacts_and_runs(client: Client, receiver: Receiver) -> None:
    """An alias event posts its payload with token and signature; a metric and a state fire once a run, whatever follows."""
    stored = subprocess.run(
        [sys.executable, "-m", "penstock.cli.main", "secrets", "set", "webhooks", "TOKEN=tok-123", "SIGN=sig-456", "--data-dir",
         str(client.server.data_dir)], capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert stored.returncode == 0, stored.stderr
    client.run(
        _MAKE
        + """
from wandb.automations import OnRunState
target = hook(accessTokenRef="TOKEN", secretRef="SIGN")
with wandb.init() as run:
    run.log_artifact(log("one")).wait()
collection, project = api.artifact_collection("dataset", f"{PROJECT}/ds"), api.project(name, "tester")
payload = {"version": "${artifact_version_string}", "alias": "${alias}", "rows": "${artifact_metadata.rows}", "deep": [{"x": "${event_type}"}]}
api.create_automation(OnAddArtifactAlias(scope=collection, filter=ArtifactEvent.alias.eq("prod")) >> SendWebhook.from_integration(
    target, payload=payload), name=name + "-alias")
api.create_automation(OnRunMetric(scope=project, filter=RunEvent.metric("loss").avg(2) > 5) >> SendWebhook.from_integration(target),
    name=name + "-metric")
api.create_automation(OnRunState(scope=project, filter=RunEvent.state == "failed") >> SendWebhook.from_integration(target),
    name=name + "-state")
artifact = api.artifact(f"{PROJECT}/ds:v0")
artifact.aliases.append("other")
artifact.save()
artifact.aliases.append("prod")
artifact.save()
answer = None
""",
        HOOK=receiver.url,
    )
    headers, document = receiver.next()
    assert document == {
        "version": f"tester/{client.project}/ds:v0", "alias": "prod", "rows": "7", "deep": [{"x": "ADD_ARTIFACT_ALIAS"}],
    }  # fmt: skip
    assert headers["Authorization"] == "Bearer tok-123"
    signed = hmac.new(b"sig-456", json.dumps(document).encode(), hashlib.sha256).hexdigest()
    assert headers["X-Wandb-Signature"] == signed
    client.run(
        """
run = wandb.init(id="bad", name="Bad")
for value in (9, 1, 9, 9, 9, 9):
    run.log({"loss": value})
run.finish(exit_code=1)
answer = None
"""
    )
    told = {document["event_type"]: document for _, document in (receiver.next(), receiver.next())}
    assert (told["RUN_METRIC"]["run_id"], told["RUN_METRIC"]["metric_name"], told["RUN_METRIC"]["metric_value"]) == ("bad", "loss", "9.0")
    assert (told["RUN_STATE"]["run_name"], told["RUN_STATE"]["run_state"]) == ("Bad", "failed")
    assert receiver.posts.empty()


def test_new_versions_raise_notifications_and_foreign_hosts_are_refused(client: Client, receiver: Receiver) -> None:
    client.run(
        _MAKE
        + """
with wandb.init() as run:
    run.log_artifact(log("one")).wait()
collection = api.artifact_collection("dataset", f"{PROJECT}/ds")
channel = next(iter(api.slack_integrations(entity="tester")))
api.create_automation(OnCreateArtifact(scope=collection) >> SendNotification.from_integration(
    channel, title="New ${artifact_version}", text="by ${event_author}"), name=name + "-told")
api.create_automation(OnCreateArtifact(scope=collection) >> SendWebhook.from_integration(hook()), name=name + "-refused")
for ending, address in (("lost", "nowhere"), ("posted", os.environ["HERE"])):
    gql("mutation M($i: CreateGenericWebhookIntegrationInput!) { createGenericWebhookIntegration(input: $i) { integration { id } } }",
        {"i": {"entityName": "tester", "name": f"{name}-to-{ending}", "urlEndpoint": address}})
    target = next(one for one in api.webhook_integrations(entity="tester") if one.name == f"{name}-to-{ending}")
    api.create_automation(OnCreateArtifact(scope=collection) >> SendWebhook.from_integration(target), name=f"{name}-{ending}")
with wandb.init() as run:
    for text in ("two", "two", "three"):
        run.log_artifact(log(text)).wait()
answer = None
""",
        HOOK="http://example.com/hook",
        HERE=receiver.url,
    )
    assert [receiver.next()[1]["artifact_version"] for _ in range(2)] == ["v1", "v2"]
    with closing(sqlite3.connect(client.server.data_dir / "penstock.db")) as database:
        log = database.execute(
            "SELECT a.name, d.state, d.detail FROM automation_delivery d JOIN automation a ON a.automation_id = d.automation_id"
            " WHERE a.name IN (?, ?, ?) ORDER BY d.delivery_id",
            [f"{client.project}-{ending}" for ending in ("told", "refused", "lost")],
        ).fetchall()
    assert [(name.rpartition("-")[2], state) for name, state, _ in log] == [("told", "done"), ("refused", "refused"), ("lost", "refused")] * 2
    assert log[0][2] == "New v1: by tester"
    assert "webhooks to example.com are not allowed" in log[1][2]
    assert "'nowhere' is no http address" in log[2][2]


@pytest.mark.parametrize("release", [NEWEST, MIDDLE], ids=["newest", "middle"])
def test_an_automation_is_found_among_more_projects_than_a_page_holds(
    release: tuple[str, ...], wandb_server: LiveServer, tmp_path: Path
) -> None:
    client = Client(client_python(*release), wandb_server, tmp_path)
    answer = client.run(
        _MAKE
        + """
for number in range(60):
    gql("mutation M($i: UpsertModelInput!) { upsertModel(input: $i) { inserted } }", {"i": {"entityName": "tester", "name": f"a-{name}-{number}"}})
gql("mutation M($i: UpsertModelInput!) { upsertModel(input: $i) { inserted } }", {"i": {"entityName": "tester", "name": f"z-{name}"}})
made = []
for number in range(2):
    scope = api.project(f"z-{name}", "tester")
    made.append(api.create_automation(OnRunMetric(scope=scope, filter=RunEvent.metric("loss") > number) >> DoNothing(), name=f"{name}-{number}"))
answer = {"named": [api.automation(name=f"{name}-1", entity=entity).name for entity in (None, "tester")], "paged": [one.name for one in api.automations(per_page=1) if name in one.name]}
for one in made:
    api.delete_automation(one)
answer["gone"] = [one.name for one in api.automations() if name in one.name]
"""
    )
    assert answer["named"] == [f"{client.project}-1"] * 2
    assert sorted(answer["paged"]) == [f"{client.project}-0", f"{client.project}-1"]
    assert answer["gone"] == []
