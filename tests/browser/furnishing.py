"""What people do on the pages of a server besides running programs: users, secrets, notes, triggers, automations, views; by the pages' own forms."""

from __future__ import annotations

import re

import httpx

from tests.support.server import LiveServer


def furnish(server: LiveServer) -> None:
    """Send the forms, on a server that holds the demonstration and the programs of `filled.py`.

    Raises:
        HTTPStatusError: a form was refused.
    """
    users = (("add", "ann@example.org", "member"), ("add", "bo@example.org", "viewer"), ("add-service", "nightly builds", "member"))
    for verb, name, role in users:
        _send(server, "/ui/system/users/actions", verb=verb, name=name, role=role)
    _send(server, "/ui/system/secrets", kind="secret", name="warehouse", key="password", value="not shown again")
    _send(server, "/ui/system/secrets", kind="configmap", name="regions", key="north.json", value='{"hours": 24}')
    load = next(one for one in server.get("/apis/v2beta1/experiments", page_size=100)["experiments"] if one["display_name"] == "Load")
    notes = "Rates above 0.1 do not settle.\nThe strict limit of 0.5 is what the grid asks for from January on."
    _send(server, "/ui/experiments/actions", verb="notes", id=load["experiment_id"], notes=notes)
    page = httpx.get(f"{server.url}/ui/pipelines", timeout=60).text
    pipelines = dict(re.findall(r'class="name quiet cut" href="/ui/pipelines/([^"]+)">([^<]+)<', page))
    forecast = next(identity for identity, name in pipelines.items() if name == "load-forecast")
    event = {"event": "metric", "metric": "loss", "comparison": "<", "threshold": "60", "of_pipeline": "load-forecast"}
    _send(server, "/ui/recurring/new-trigger", pipeline=forecast, name="when a loss is below 60", **event)
    project = re.search(r'href="/([^/"]+)/handwriting"', httpx.get(f"{server.url}/ui/projects", timeout=60).text)
    assert project, "the tracked runs are not there"
    _send(server, "/ui/tracking/automations", entity=project[1], project="handwriting", name="a run failed", event="state", state="FAILED", action="notify")
    runs = {"table": "runs", "name": "failed, newest first", "next": "/ui/runs?q=status:failed"}
    _send(server, "/ui/views", verb="save", **runs)


def put_away(server: LiveServer, run_name: str, *, verb: str) -> None:
    """Move a run to the trash (`delete`) or to the archive (`archive`), as the list of runs does."""
    runs = server.get("/apis/v2beta1/runs", page_size=100)["runs"]
    (identity,) = [run["run_id"] for run in runs if run["display_name"] == run_name]
    _send(server, "/ui/runs/actions", verb=verb, id=identity, next="/ui/runs")


def _send(server: LiveServer, address: str, **form: str) -> None:
    answer = httpx.post(f"{server.url}{address}", data=form, headers={"origin": server.url}, timeout=60)
    if answer.status_code != httpx.codes.SEE_OTHER:
        answer.raise_for_status()
        raise AssertionError(f"{address} answered {answer.status_code}: {answer.text[:2000]}")
