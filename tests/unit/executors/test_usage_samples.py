"""What running attempts use: summed up over process trees, noted beside logs, read back."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.executors.process import usage_samples
from penstock.executors.process.layout import strip
from penstock.executors.process.usage_samples import RECORD, UsageSamples, used_by
from penstock.stores.files.attempt_logs import AttemptLogFiles

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE)
sys.stdin.read()
child.communicate()
"""
CHILD = """
import sys, time
held = b"x" * (64 << 20)
while time.process_time() < 0.3:
    pass
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def attempt(tmp_path: Path) -> Path:
    path = tmp_path / "runs" / "run" / "task" / "0"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def busy() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does nothing, with a child that holds 64 MiB and has spent 0.3 s of CPU."""
    process = subprocess.Popen([sys.executable, "-c", PARENT, CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.communicate()


def read(attempt: Path) -> list[tuple[int, int, int]]:
    return AttemptLogFiles(attempt.parents[3]).usage("run", "task", 0)


def test_what_a_process_uses_is_that_of_its_whole_tree(busy: subprocess.Popen[bytes]) -> None:
    use = used_by([busy.pid])[busy.pid]
    assert use.cpu_milliseconds >= 250
    assert use.memory_bytes >= 64 << 20


def test_each_of_two_trees_has_what_is_its_own(busy: subprocess.Popen[bytes]) -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys; print(1, flush=True); sys.stdin.read()"], stdin=-1, stdout=-1) as idle:
        assert idle.stdout is not None
        idle.stdout.readline()
        found = used_by([busy.pid, idle.pid])
        assert found.keys() == {busy.pid, idle.pid}
        assert 0 < found[idle.pid].memory_bytes < 64 << 20 < found[busy.pid].memory_bytes
        idle.communicate()
    assert idle.pid not in used_by([busy.pid, idle.pid])


def test_a_process_whose_parent_is_gone_counts_by_its_session() -> None:
    script = "(exec 2>/dev/null; sleep 1000 & echo $!) & wait; echo; read line; kill -9 0"
    with subprocess.Popen(["/bin/sh", "-c", script], stdin=-1, stdout=-1, start_new_session=True) as leader:
        assert leader.stdout is not None
        orphan = int(leader.stdout.readline())
        assert leader.stdout.readline() == b"\n"  # the shell between has ended
        while Path(f"/proc/{orphan}/comm").read_text() != "sleep\n":  # before, its memory is of neither program
            time.sleep(0.01)
        assert used_by([leader.pid])[leader.pid].memory_bytes > used_by([orphan])[orphan].memory_bytes > 0
        whole, own = used_by([leader.pid])[leader.pid], used_by([leader.pid, orphan])[leader.pid]
        assert whole.memory_bytes > own.memory_bytes
        leader.communicate()


def test_uses_are_noted_in_order_and_read_back(attempt: Path, busy: subprocess.Popen[bytes]) -> None:
    samples = UsageSamples()
    assert read(attempt) == []
    for at in (1.0, 2.5):
        samples.look({busy.pid: attempt}, at)
    samples.look({}, 3.0)
    strip(attempt)
    first, second = read(attempt)
    assert (first[0], second[0]) == (1000, 2500)
    assert 250 <= first[1] <= second[1]
    assert min(first[2], second[2]) >= 64 << 20


def test_after_many_records_one_a_minute_is_noted_and_at_last_none(attempt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_samples, "_DENSE", 2)
    monkeypatch.setattr(usage_samples, "_MOST", 4)
    samples = UsageSamples()
    for at in (*range(1, 200), 1000, 2000):
        samples.look({os.getpid(): attempt}, at)
    assert [moment for moment, _, _ in read(attempt)] == [1000, 2000, 3000, 63000]


def test_a_record_that_a_full_disk_cut_is_replaced(attempt: Path) -> None:
    (attempt / "usage").write_bytes(RECORD.pack(1000, 5, 6) + b"rest")
    UsageSamples().look({os.getpid(): attempt}, 2.0)
    assert [moment for moment, _, _ in read(attempt)] == [1000, 2000]


def test_no_link_that_the_task_made_is_followed(attempt: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (attempt / "usage").symlink_to(victim)
    UsageSamples().look({os.getpid(): attempt}, 1.0)
    assert victim.read_bytes() == b"mine"


def test_a_folder_that_is_gone_hinders_no_other(attempt: Path, busy: subprocess.Popen[bytes]) -> None:
    UsageSamples().look({os.getpid(): attempt / "gone", busy.pid: attempt}, 1.0)
    assert len(read(attempt)) == 1


def test_records_that_cannot_be_are_left_out(attempt: Path) -> None:
    records = ((1000, 5, 6), (900, 6, 6), (1 << 63, 7, 7), (2000, 4, 8), (3000, 9, 1 << 60), (4000, 1 << 60, 1))
    (attempt / "usage").write_bytes(b"".join(RECORD.pack(*record) for record in records) + b"rest")
    assert read(attempt) == [(1000, 5, 6), (2000, 5, 8)]


def test_a_pipe_in_place_of_the_records_is_not_waited_for(attempt: Path) -> None:
    os.mkfifo(attempt / "usage")
    UsageSamples().look({os.getpid(): attempt}, 1.0)
    assert read(attempt) == []
