"""Runs as the real client makes them, read back through its public API (wandb.md section 17, one test per row)."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.conformance.wandb.conftest import Client

pytestmark = pytest.mark.conformance

LOG = """
with wandb.init(id="r1", name="first", group="g", job_type="train", tags=["t"], notes="n", config={"lr": 0.1, "deep": {"a": 1}}) as run:
    for i in range(25):
        run.log({"loss": 1 / (i + 1), "nested": {"x": i}})
    run.summary["best"] = 5
"""


def test_a_run_comes_back_as_it_was_logged(any_client: Client) -> None:
    answer = any_client.run(
        LOG
        + """
run = wandb.Api().run(f"{PROJECT}/r1")
rows = list(run.scan_history())
answer = {"state": run.state, "config": run.config, "name": run.name, "group": run.group, "job": run.job_type, "tags": run.tags,
          "notes": run.notes, "best": run.summary["best"], "loss": run.summary["loss"], "rows": len(rows),
          "losses": [row["loss"] for row in rows], "files": sorted(f.name for f in run.files())}
"""
    )
    assert answer["state"] == "finished"
    assert answer["config"] == {"lr": 0.1, "deep": {"a": 1}}
    assert (answer["name"], answer["group"], answer["job"], answer["tags"], answer["notes"]) == ("first", "g", "train", ["t"], "n")
    assert answer["best"] == 5
    assert answer["rows"] == 25
    assert answer["losses"] == [1 / (i + 1) for i in range(25)]
    assert {"config.yaml", "requirements.txt", "wandb-metadata.json", "wandb-summary.json"} <= set(answer["files"])


def test_history_is_sampled_and_scanned(client: Client) -> None:
    answer = client.run(
        LOG
        + """
run = wandb.Api().run(f"{PROJECT}/r1")
answer = {"all": len(run.history(pandas=False)), "few": len(run.history(samples=5, pandas=False)),
          "some": [len(run.history(samples=count, keys=keys, pandas=False)) for keys in (["loss"], ["loss", "nested.x"]) for count in (5, 10, 20)],
          "keys": [sorted(row) for row in run.history(keys=["nested.x"], pandas=False)][:1],
          "page": [row["_step"] for row in run.scan_history(keys=["_step", "loss"], page_size=7, min_step=3, max_step=20)],
          "last": run.lastHistoryStep}
"""
    )
    assert answer["all"] == 25
    assert answer["few"] == 5
    assert answer["some"] == [5, 10, 20, 5, 10, 20]
    assert answer["keys"] == [["_step", "nested.x"]]
    assert answer["page"] == list(range(3, 20))
    assert answer["last"] == 24


def test_a_run_resumes_where_it_stopped(any_client: Client) -> None:
    answer = any_client.run(
        """
with wandb.init(id="res") as run:
    for i in range(5):
        run.log({"a": i})
with wandb.init(id="res", resume="must") as run:
    for i in range(3):
        run.log({"a": 10 + i})
rows = [(row["_step"], row["a"]) for row in wandb.Api().run(f"{PROJECT}/res").scan_history()]
errors = []
for kwargs in ({"id": "absent", "resume": "must"}, {"id": "res", "resume": "never"}):
    try:
        wandb.init(**kwargs)
    except Exception as error:
        errors.append(type(error).__name__)
answer = {"rows": rows, "errors": len(errors)}
"""
    )
    assert answer["rows"] == [[0, 0], [1, 1], [2, 2], [3, 3], [4, 4], [5, 10], [6, 11], [7, 12]]
    assert answer["errors"] == 2


def test_fork_and_rewind(client: Client) -> None:
    answer = client.run(
        """
with wandb.init(id="base") as run:
    for i in range(6):
        run.log({"a": i})
with wandb.init(fork_from="base?_step=2") as run:
    run.log({"a": 100})
    fork = run.id
with wandb.init(resume_from="base?_step=3") as run:
    run.log({"a": 200})
api = wandb.Api()
answer = [[row["a"] for row in api.run(f"{PROJECT}/{name}").scan_history()] for name in (fork, "base")]
"""
    )
    assert answer == [[0, 1, 2, 100], [0, 1, 2, 3, 200]]


def test_exit_codes_decide_the_state(any_client: Client) -> None:
    answer = any_client.run(
        """
run = wandb.init(id="bad")
run.finish(exit_code=3)
answer = wandb.Api().run(f"{PROJECT}/bad").state
"""
    )
    assert answer == "failed"


def test_stop_interrupts_the_program(client: Client) -> None:
    answer = client.run(
        """
import threading, time
run = wandb.init(id="endless", settings=wandb.Settings(x_file_stream_transmit_interval=0.2))
wandb.Api().run(f"{PROJECT}/endless").stop()
stopped = False
try:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        run.log({"x": 1})
        time.sleep(0.1)
except KeyboardInterrupt:
    stopped = True
run.finish(exit_code=1)
answer = stopped
"""
    )
    assert answer is True


def test_filters_take_every_regular_expression(any_client: Client) -> None:
    answer = any_client.run(
        r"""
for name in ("foo-1", "bar_2", "Foo-barfoo-3"):
    wandb.init(name=name, config={"opt": {"name": "adam" if name == "foo-1" else "sgd"}}).finish()
def found(field, pattern, **more):
    return sorted(run.name for run in wandb.Api().runs(PROJECT, filters={field: {"$regex": pattern, **more}}))
try:
    found("display_name", "(?=f)")
except Exception as error:
    refused = str(error)
answer = {"repeated": found("display_name", "^(foo|bar)+[-_]"), "dots": found("display_name", ".*o.*-.*o.*-.*"), "flag": found("display_name", "(?i)^FOO"),
          "options": found("display_name", "^FOO", **{"$options": "i"}), "config": found("config.opt.name", "^(a|ad)*am$"),
          "class": found("display_name", "^[[:lower:]]+_"), "refused": "look-around" in refused}
"""
    )
    assert answer == {
        "repeated": ["bar_2", "foo-1"], "dots": ["Foo-barfoo-3"], "flag": ["Foo-barfoo-3", "foo-1"], "options": ["Foo-barfoo-3", "foo-1"],
        "config": ["foo-1"], "class": ["bar_2"], "refused": True,
    }  # fmt: skip


def test_runs_are_listed_filtered_and_ordered(any_client: Client) -> None:
    answer = any_client.run(
        """
for i in range(5):
    with wandb.init(name=f"n{i}", config={"lr": i}, tags=["even"] if i % 2 == 0 else []) as run:
        run.log({"score": 10 - i})
api = wandb.Api()
def names(**kwargs):
    return [run.name for run in api.runs(PROJECT, per_page=2, **kwargs)]
answer = {"all": names(order="+created_at"), "newest": names(order="-created_at"), "count": len(api.runs(PROJECT)),
          "config": names(filters={"config.lr": {"$gte": 3}}, order="+created_at"), "value": names(filters={"config.lr.value": 2}),
          "summary": names(filters={"summary_metrics.score": {"$gt": 8}}, order="+summary_metrics.score"),
          "tags": names(filters={"tags": "even"}, order="+created_at"),
          "or": names(filters={"$or": [{"display_name": "n1"}, {"display_name": {"$regex": "4$"}}]}, order="+created_at")}
"""
    )
    assert answer["all"] == ["n0", "n1", "n2", "n3", "n4"]
    assert answer["newest"] == ["n4", "n3", "n2", "n1", "n0"]
    assert answer["count"] == 5
    assert answer["config"] == ["n3", "n4"]
    assert answer["value"] == ["n2"]
    assert answer["summary"] == ["n1", "n0"]
    assert answer["tags"] == ["n0", "n2", "n4"]
    assert answer["or"] == ["n1", "n4"]


def test_edits_and_deletes_through_the_public_api(client: Client) -> None:
    answer = client.run(
        LOG
        + """
run = wandb.Api().run(f"{PROJECT}/r1")
run.notes, run.display_name = "new notes", "new name"
run.tags += ["more", "more"]
run.config["added"] = 4
run.summary["late"] = 9
run.summary.update()
run.update()
seen = wandb.Api().run(f"{PROJECT}/r1")
made = wandb.Api().create_run(project=PROJECT.split("/")[1], run_id="made")
made.delete()
try:
    wandb.Api().run(f"{PROJECT}/made")
    gone = False
except Exception:
    gone = True
answer = {"notes": seen.notes, "name": seen.name, "tags": seen.tags, "added": seen.config["added"], "late": seen.summary["late"],
          "state": seen.state, "gone": gone}
"""
    )
    assert answer == {
        "notes": "new notes", "name": "new name", "tags": ["t", "more"], "added": 4, "late": 9, "state": "finished", "gone": True,
    }  # fmt: skip


def test_files_go_up_and_come_back(any_client: Client) -> None:
    answer = any_client.run(
        """
from pathlib import Path
Path("a b.txt").write_text("spaces")
Path("up.txt").write_text("hello")
with wandb.init(id="f") as run:
    run.save("a b.txt", policy="now")
run = wandb.Api().run(f"{PROJECT}/f")
run.upload_file("up.txt")
names = sorted(f.name for f in run.files())
content = run.file("a b.txt").download(root="dl", replace=True).read()
size = run.file("absent.txt").size
try:
    said = wandb.restore("absent.txt", run_path=f"{PROJECT}/f").name
except ValueError as error:
    said = str(error)
restored = wandb.restore("a b.txt", run_path=f"{PROJECT}/f", root="restored").read()
run.file("up.txt").delete()
after = [f.name for f in wandb.Api().run(f"{PROJECT}/f").files()]
answer = {"names": names, "content": content, "absent": size, "said": said, "restored": restored, "after": after, "state": run.state}
"""
    )
    assert {"a b.txt", "up.txt"} <= set(answer["names"])
    assert answer["content"] == "spaces"
    assert answer["absent"] == 0
    assert "absent.txt not found" in answer["said"]
    assert answer["restored"] == "spaces"
    assert "up.txt" not in answer["after"]
    assert answer["state"] == "finished"


def test_media_and_tables(client: Client) -> None:
    answer = client.run(
        """
import numpy as np
with wandb.init(id="m") as run:
    run.log({"image": wandb.Image(np.zeros((4, 4, 3), dtype=np.uint8), caption="black"), "histogram": wandb.Histogram([1, 2, 3]),
             "html": wandb.Html("<b>x</b>"), "table": wandb.Table(columns=["x", "y"], data=[[1, 2], [3, 4]])})
run = wandb.Api().run(f"{PROJECT}/m")
row = next(iter(run.scan_history()))
artifact = next(a for a in run.logged_artifacts() if a.type == "run_table")
answer = {"types": {key: row[key]["_type"] for key in ("image", "histogram", "html", "table")}, "rows": artifact.get("table").data,
          "files": sorted(f.name.split("/")[1] for f in run.files() if f.name.startswith("media/"))}
"""
    )
    assert answer["types"] == {"image": "image-file", "histogram": "histogram", "html": "html-file", "table": "table-file"}
    assert answer["rows"] == [[1, 2], [3, 4]]
    assert answer["files"] == ["html", "images", "table"]


def test_numbers_that_are_not_numbers_survive(client: Client) -> None:
    answer = client.run(
        """
with wandb.init(id="nan") as run:
    run.log({"a": float("nan"), "b": float("inf"), "big": 2**60 + 1})
run = wandb.Api().run(f"{PROJECT}/nan")
row = next(iter(run.scan_history()))
answer = [str(row["a"]).lower(), str(row["b"]).lower(), row["big"]]
"""
    )
    assert answer[0] == "nan"
    assert answer[1].startswith("inf")
    assert answer[2] == 2**60 + 1


def test_console_lines_and_system_metrics(client: Client) -> None:
    answer = client.run(
        """
import sys
with wandb.init(id="c", settings=wandb.Settings(console="wrap")) as run:
    print("to out")
    print("to err", file=sys.stderr)
    run.log({"x": 1})
run = wandb.Api().run(f"{PROJECT}/c")
answer = {"lines": [(line.level, line.content) for line in run.console_logs()], "events": len(run.history(stream="system", pandas=False))}
"""
    )
    assert ["info", "to out"] in answer["lines"]
    assert ["error", "to err"] in answer["lines"]
    assert answer["events"] >= 1


def test_alerts_are_kept(any_client: Client) -> None:
    any_client.run(
        """
with wandb.init(id="al") as run:
    for text in ("accuracy", "again"):
        run.alert(title="Low", text=text, level=wandb.AlertLevel.WARN, wait_duration=300)
    run.alert(title="Other", text="x")
answer = None
"""
    )
    with closing(sqlite3.connect(any_client.server.data_dir / "penstock.db")) as database:
        raised = database.execute(
            "SELECT title, text, severity FROM alert WHERE tracked_run_id = (SELECT r.run_id FROM tracked_run r JOIN tracked_project p"
            " ON p.project_id = r.project_id WHERE p.name = ? AND r.name = 'al') ORDER BY alert_id", (any_client.project,),
        ).fetchall()  # fmt: skip
    assert raised == [("Low", "accuracy", "WARN"), ("Other", "x", "INFO")]


def test_an_offline_run_is_synced_once_however_often(any_client: Client) -> None:
    folder = any_client.run(
        """
import os
with wandb.init(id="off", mode="offline") as run:
    for i in range(30):
        run.log({"a": i})
    artifact = wandb.Artifact("offline-data", "dataset")
    open("o.txt", "w").write("x")
    artifact.add_file("o.txt")
    run.log_artifact(artifact)
    answer = run.settings.sync_dir if hasattr(run, "settings") else os.path.dirname(run.dir)
"""
    )
    for _ in range(2):
        done = any_client.command("sync", "--include-synced", folder)
        assert done.returncode == 0, done.stdout + done.stderr
    answer = any_client.run(
        """
run = wandb.Api().run(f"{PROJECT}/off")
answer = {"rows": len(list(run.scan_history())), "state": run.state, "artifacts": [a.name for a in run.logged_artifacts()]}
"""
    )
    assert answer == {"rows": 30, "state": "finished", "artifacts": ["offline-data:v0"]}
