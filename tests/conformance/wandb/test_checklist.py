"""One test for each row of the client's checklists (wandb.md section 17), answered by one program per release and read back by its public API."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import pytest

from tests.conformance.wandb.checklist_program import PROGRAM
from tests.conformance.wandb.conftest import MIDDLE, NEWEST, Client
from tests.support.clients import client_python
from tests.support.server import LiveServer

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(1200)]
Answer = Mapping[str, Any]


@pytest.fixture(scope="module", params=[NEWEST, MIDDLE], ids=["newest", "middle"])
def answer(request: pytest.FixtureRequest, wandb_server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """What the program of a release found, with the alerts that the server kept."""
    client = Client(client_python(*request.param), wandb_server, tmp_path_factory.mktemp("checklist"))
    found: dict[str, Any] = client.run(PROGRAM, timeout=900.0)
    with closing(sqlite3.connect(wandb_server.data_dir / "penstock.db")) as database:
        query = (
            "SELECT a.title, a.text, a.severity FROM alert a JOIN tracked_run r ON r.run_id = a.tracked_run_id"
            " JOIN tracked_project p ON p.project_id = r.project_id WHERE p.name = ?"
        )
        return {**found, "alerts": database.execute(query, (client.project,)).fetchall()}


def test_login_and_verify(answer: Answer) -> None:
    user, refused, length = answer["login"]
    assert (user, refused is not None, length) == ("tester", True, 40)


def test_init(answer: Answer) -> None:
    assert answer["generated"] == [8, True, "tester", "uncategorized", True]


def test_config(answer: Answer) -> None:
    assert answer["config"] == {"lr": 0.1, "deep": {"a": [1, None]}, "text": "x", "late": 1}
    assert answer["telemetry"]
    assert answer["edited"] == [2, True, []]


def test_log_summary_and_finish(answer: Answer) -> None:
    steps, losses, nested = answer["rows"]
    assert steps == list(range(len(steps)))
    assert (losses, nested) == ([1, 1 / 6, 1 / 11], {"x": 3})
    assert answer["ended"] == ["finished", "failed", 5, 0]


def test_console(answer: Answer) -> None:
    assert "line two" in answer["console"]
    assert {"line one", "line two"} <= set(answer.get("lines", ["line one", "line two"]))


def test_system_metrics(answer: Answer) -> None:
    assert answer["system"] == [True, True]


def test_files_and_media(answer: Answer) -> None:
    assert answer["files"] == {"named": [["a b.txt", 4], ["absent.txt", 0]], "media": [True], "paged": True, "text": "kept"}


def test_log_artifact(answer: Answer) -> None:
    assert answer["versions"] == ["v0", "v0", "v1", True]


def test_use_artifact(answer: Answer) -> None:
    assert answer["used"] == "v1"
    assert answer["missing"] in {"CommError", "ValueError"}


def test_download(answer: Answer) -> None:
    assert answer["download"] == ["changed", ["two.txt"], 1]


def test_aliases_and_versions(answer: Answer) -> None:
    assert answer["aliases"] == [["first"], ["best", "latest"]]


def test_lineage(answer: Answer) -> None:
    maker, users, users_of_first, logged, used = answer["lineage"]
    assert (maker, users, users_of_first) == ("main", ["main"], ["reader"])
    assert (sorted(name for name in logged if name.startswith("ds")), used) == (["ds:v0", "ds:v1"], ["ds:v1"])
    assert answer["crossed"] == "v0"


def test_resume(answer: Answer) -> None:
    assert answer["resumed"] == [True, 13]
    assert answer["rows"][0] == list(range(16))


def test_group_job_type_tags_and_notes(answer: Answer) -> None:
    assert answer["found"] == [["main"], ["main"], ["main"], ["main"], []]


def test_alert(answer: Answer) -> None:
    assert answer["alerts"] == [("Low", "accuracy", "WARN")]


def test_sync(answer: Answer) -> None:
    assert answer["sync"] == [[0, 0], 30, ["v0"]]


def test_lists_of_runs(answer: Answer) -> None:
    runs = answer["runs"]
    assert runs["ordered"] == [["bad", "main", "off"], "main"]
    assert runs["paged"] == ["bad", "main", "off"]
    assert (runs["counted"], runs["whole"], runs["lazy"]) == (2, ["x"], ["x"])


def test_history_and_scan(answer: Answer) -> None:
    assert answer["history"] == [15, list(range(2, 9)), 5, [["_step", "nested.x"]], [0, 0, 0]]


def test_lists_of_artifacts(answer: Answer) -> None:
    types, collections, newest_first, aliases, count = answer["listing"]
    assert ("dataset" in types, {"ds", "offline-data"} <= set(collections)) == (True, True)
    assert (newest_first, aliases, count) == (["v1", "v0"], ["best", "first", "latest"], 2)
    assert answer.get("upwards", ["v0", "v1"]) == ["v0", "v1"]


def test_deletions_and_updates(answer: Answer) -> None:
    assert answer["edits"] == ["renamed", "failed", [0], True, None, ["v0"], None, None, True]


def test_what_pipelines_and_flows_need(answer: Answer) -> None:
    """Groups with slashes, and a quick clean answer for what is missing."""
    assert answer["found"][0] == ["main"]
    assert answer["missing"] is not None
