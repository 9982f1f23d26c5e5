"""Values and lives of runs that are out of the ordinary, read back exactly: wide rows, long texts, odd numbers and keys, many writers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.conformance.wandb.conftest import MIDDLE, NEWEST, Client
from tests.support.clients import client_python
from tests.support.server import LiveServer

pytestmark = pytest.mark.conformance


def test_wide_rows_long_texts_odd_numbers_and_keys_come_back_as_they_went_in(any_client: Client) -> None:
    answer = any_client.run(
        """
wide = {f"k{i}": i / 7 for i in range(10_000)}
odd = {"a.b": 1, "a/b": 2, "a b": 3, "ü/日本": 4, "nested": {"deep.er": {"x/y": 5}}, 'quote"\\\\': 6, "text": "é" * 100_000,
       "big": 2**53 + 1, "bigger": 2**62 + 3, "negative": -(2**60) - 1, "tiny": 5e-324, "zero": -0.0, "flag": True}
with wandb.init(id="odd", config={"big": 2**53 + 1, "a.b": {"c/d": [1, None, "x"]}, "none": None}) as run:
    run.log(wide)
    run.log(odd)
    run.log({"nan": float("nan"), "inf": float("inf"), "minus": float("-inf")})
    run.summary["big"] = 2**53 + 1
run = wandb.Api().run(f"{PROJECT}/odd")
rows = [{key: value for key, value in row.items() if value is not None} for row in run.scan_history()]
odd["nested.deep.er.x/y"] = 5
nested = rows[1].get("nested")
answer = {
    "wide": all(rows[0].get(key) == value for key, value in wide.items()),
    "odd": [key for key, value in odd.items() if key not in ("nested", "nested.deep.er.x/y") and rows[1].get(key) != value],
    "nested": nested["deep.er"]["x/y"] if isinstance(nested, dict) else rows[1].get("nested.deep.er.x/y"),
    "special": [str(float(rows[2][key])).lower() for key in ("nan", "inf", "minus")],
    "config": [run.config["big"], run.config["a.b"], run.config["none"]], "summary": run.summary["big"],
    "keyed": [list(run.scan_history(keys=[key]))[0][key] for key in ("a.b", "a/b", "ü/日本", "tiny")], "last": run.lastHistoryStep,
}
"""
    )
    assert answer == {
        "wide": True, "odd": [], "nested": 5, "special": ["nan", "inf", "-inf"], "config": [2**53 + 1, {"c/d": [1, None, "x"]}, None],
        "summary": 2**53 + 1, "keyed": [1, 2, 4, 5e-324], "last": 2,
    }  # fmt: skip


_SHARED = """
import os, sys, wandb
name = sys.argv[1]
run = wandb.init(id="together", settings=wandb.Settings(mode="shared", x_primary=name == "first", x_label=name))
open(name + ".ready", "w").close()
import time
deadline = time.monotonic() + 300
while not os.path.exists(("second" if name == "first" else "first") + ".ready"):
    assert time.monotonic() < deadline
    time.sleep(0.02)
for number in range(50):
    run.log({name: number})
print("said by", name)
if name == "first":
    while not os.path.exists("second.done"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
run.finish()
open(name + ".done", "w").close()
"""


def test_two_processes_write_one_run_in_shared_mode(client: Client) -> None:
    (client.folder / "shared.py").write_text(_SHARED)
    command = [str(client.python), "shared.py"]
    writers = [
        subprocess.Popen([*command, name], cwd=client.folder, env=client.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for name in ("first", "second")
    ]
    for writer in writers:
        output, _ = writer.communicate(timeout=400)
        assert writer.returncode == 0, output
    answer = client.run(
        """
run = wandb.Api().run(f"{PROJECT}/together")
rows = list(run.scan_history())
answer = {"state": run.state, **{name: sorted(row[name] for row in rows if row.get(name) is not None) for name in ("first", "second")}}
"""
    )
    assert answer == {"state": "finished", "first": list(range(50)), "second": list(range(50))}


_WORKER = """
import sys, wandb
settings = wandb.Settings(mode="shared", x_label=sys.argv[1], x_primary=False, x_update_finish_state=False)
with wandb.init(id="led", settings=settings) as run:
    run.log({sys.argv[1]: 1})
"""


@pytest.mark.parametrize("release", [NEWEST, MIDDLE], ids=["newest", "middle"])
def test_a_shared_run_ends_with_its_primary_when_workers_have_no_say(wandb_server: LiveServer, tmp_path: Path, release: tuple[str, ...]) -> None:
    client = Client(client_python(*release), wandb_server, tmp_path)
    (client.folder / "worker.py").write_text(_WORKER)
    answer = client.run(
        """
import subprocess, sys
own = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}
with wandb.init(id="led", settings=wandb.Settings(mode="shared", x_label="lead", x_primary=True)) as run:
    run.log({"lead": 1})
    for name in ("one", "two"):
        subprocess.run([sys.executable, "worker.py", name], check=True, env=own)
    during = wandb.Api().run(f"{PROJECT}/led").state
run = wandb.Api().run(f"{PROJECT}/led")
answer = [during, run.state, sorted(key for row in run.scan_history() for key in row if not key.startswith("_"))]
"""
    )
    assert answer == ["running", "finished", ["lead", "one", "two"]]


def test_every_way_to_resume(client: Client) -> None:
    answer = client.run(
        """
def log(value, **kwargs):
    with wandb.init(**kwargs) as run:
        run.log({"a": value})
        return run.id, run.resumed
seen = [log(0, id="kept"), log(1, id="kept", resume="allow"), log(2, id="kept", resume="must"), log(3, id="new", resume="allow"),
        log(4, id="auto", resume="never")]
replaced = log(6, id="new")
api = wandb.Api()
answer = {"seen": seen, "rows": {name: [row["a"] for row in api.run(f"{PROJECT}/{name}").scan_history()] for name in ("kept", "new", "auto")}}
"""
    )
    assert answer["seen"] == [["kept", False], ["kept", True], ["kept", True], ["new", False], ["auto", False]]
    assert answer["rows"] == {"kept": [0, 1, 2], "new": [6], "auto": [4]}
    answer = client.run(
        """
with wandb.init() as run:
    run.log({"a": 5})
answer = [run.id, [row["a"] for row in wandb.Api().run(f"{PROJECT}/kept").scan_history()]]
""",
        WANDB_RUN_ID="kept",
        WANDB_RESUME="must",
    )
    assert answer == ["kept", [0, 1, 2, 5]]


def test_a_program_that_dies_leaves_its_rows_and_no_second_run(client: Client) -> None:
    program = """
import os, wandb
run = wandb.init(id="dies", settings=wandb.Settings(x_file_stream_transmit_interval=0.1))
run.log({"a": 1})
import time
api, deadline = wandb.Api(), time.monotonic() + 300
while not list(api.run(os.environ["PROJECT"] + "/dies").scan_history()):
    assert time.monotonic() < deadline
    time.sleep(0.1)
print("seen", flush=True)
os.kill(os.getpid(), 9)
"""
    (client.folder / "dies.py").write_text(program)
    done = subprocess.run(
        [str(client.python), "dies.py"], cwd=client.folder, env=client.environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == -9, done.stderr
    assert "seen" in done.stdout
    answer = client.run(
        """
with wandb.init(id="dies", resume="must") as run:
    run.log({"a": 2})
run = wandb.Api().run(f"{PROJECT}/dies")
answer = {"rows": [row["a"] for row in run.scan_history()], "state": run.state, "runs": len(wandb.Api().runs(PROJECT))}
"""
    )
    assert answer == {"rows": [1, 2], "state": "finished", "runs": 1}


def test_summaries_follow_what_metrics_define(client: Client) -> None:
    answer = client.run(
        """
with wandb.init(id="defined") as run:
    run.define_metric("epoch")
    run.define_metric("val/*", step_metric="epoch", summary="min")
    run.define_metric("acc", summary="max,last")
    run.define_metric("hidden", hidden=True)
    for number, value in enumerate([3, 1, 2]):
        run.log({"epoch": number, "val/loss": value, "acc": value, "hidden": value})
run = wandb.Api().run(f"{PROJECT}/defined")
answer = {"loss": dict(run.summary["val/loss"]), "acc": dict(run.summary["acc"]), "epoch": run.summary["epoch"]}
"""
    )
    assert answer == {"loss": {"min": 1}, "acc": {"max": 3, "last": 2}, "epoch": 2}, json.dumps(answer)
