"""Flows whose data is in somebody else's S3 (moto's server): the client reads all of it, and this server shows what it was told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conformance.metaflow.machine import CLIENT, Machine
from tests.support.s3 import s3_server
from tests.support.server import LiveServer

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an S3 server with a bucket."""
    with s3_server(tmp_path_factory.mktemp("moto"), bucket="lake") as address:
        yield address


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("lake") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def machine(server: LiveServer, store: str, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    found = Machine(server, tmp_path_factory.mktemp("machine"), embedded_store=False, client=(*CLIENT, "boto3"))
    found.env |= {
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DATASTORE_SYSROOT_S3": "s3://lake/flows",
        "METAFLOW_S3_ENDPOINT_URL": store,
        "AWS_ACCESS_KEY_ID": "lake",
        "AWS_SECRET_ACCESS_KEY": "lake",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    found.run("cards", "run")
    return found


def test_values_logs_and_cards_are_read_back_by_the_client(machine: Machine) -> None:
    out: dict[str, Any] = machine.read(
        """
from metaflow.cards import get_cards
task = Flow("CardsFlow").latest_run["start"].task
with S3(s3root="s3://lake/own") as s3:
    s3.put("note", "hello")
    note = s3.get("note").text
out = {"mapping": task.data.mapping, "stdout": task.stdout, "cards": len(get_cards(task)), "root": task.metadata_dict["ds-root"], "note": note}
"""
    )
    assert out["mapping"] == {"k": [1, 2.5, None]}
    assert "to stdout" in out["stdout"]
    assert out["cards"] >= 2
    assert (out["root"], out["note"]) == ("s3://lake/flows", "hello")


def test_pages_show_what_was_recorded_and_say_where_the_rest_is(machine: Machine, server: LiveServer) -> None:
    (path,) = machine.read("out = [Flow('CardsFlow').latest_run['start'].task.pathspec]")
    with httpx.Client(base_url=f"{server.url}/flows/", headers={"accept": "text/html"}, timeout=30) as browser:
        assert "start" in browser.get(path.rsplit("/", 2)[0]).text
        for tab in ("logs", "cards"):
            assert "s3://lake/flows, which is not this server" in browser.get(path, params={"tab": tab}).text
        assert "mapping" in browser.get(path, params={"tab": "artifacts"}).text
