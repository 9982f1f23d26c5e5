"""When the lines of a log were seen: noted while the task runs, read by range."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.executors.process import log_times
from penstock.executors.process.full_disk import FullDisk
from penstock.executors.process.layout import strip
from penstock.executors.process.log_times import LogTimes
from penstock.stores.files.attempt_logs import AttemptLogFiles


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "runs" / "run" / "task" / "0" / "log"
    path.parent.mkdir(parents=True)
    return path


def read(log: Path, start: int = 0, end: int = 1 << 40) -> list[tuple[int, int | None]] | None:
    return AttemptLogFiles(log.parents[4]).times("run", "task", 0, start=start, end=end)


def add(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


def test_times_are_noted_when_the_log_has_grown_and_once_more_after_the_end(log: Path) -> None:
    times = LogTimes()
    times.look([log], 1.0)  # there is no log yet
    assert read(log) is None
    for at, text in ((2.0, "one\n"), (3.0, ""), (4.5, "two\n")):
        add(log, text)
        times.look([log], at)
    assert read(log) == [(4, 2000), (8, 4500)]
    add(log, "three\n")
    times.look([], 5.0)
    add(log, "four\n")
    times.look([], 6.0)
    assert read(log) == [(4, 2000), (8, 4500), (14, 5000)]


def test_a_range_has_the_times_of_its_own_bytes_only(log: Path) -> None:
    times = LogTimes()
    for at in range(1, 6):
        add(log, "one\n")
        times.look([log], at)
    assert read(log, 4, 12) == [(8, 2000), (12, 3000)]
    assert read(log, 5, 6) == [(8, 2000)]
    assert read(log, 16, 99) == [(20, 5000)]
    assert read(log, 20, 24) == []
    assert read(log, 9, 3) == []


def test_the_next_server_goes_on_where_the_last_one_stopped(log: Path) -> None:
    add(log, "one\n")
    LogTimes().look([log], 1.0)
    add(log, "two\n")
    LogTimes().look([log], 9.0)
    assert read(log) == [(4, 1000), (8, 9000)]


def test_what_a_full_disk_cut_has_no_times_but_what_follows_has(log: Path, tmp_path: Path) -> None:
    times = LogTimes()
    add(log, "line\n" * (2 << 20))
    times.look([log], 1.0)
    assert FullDisk(tmp_path, 0).cut(log)
    assert read(log) is None
    times.look([log], 2.0)
    size = log.stat().st_size
    add(log, "more\n")
    times.look([log], 3.0)
    assert read(log) == [(size, None), (size + 5, 3000)]


def test_a_log_that_shrank_begins_anew(log: Path) -> None:
    times = LogTimes()
    add(log, "one\ntwo\n")
    times.look([log], 1.0)
    log.write_text("new\n")
    times.look([log], 2.0)
    assert read(log) == [(4, None)]


def test_after_many_records_the_looks_become_rare(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_times, "_DENSE", 2)
    times = LogTimes()
    for at in (1, 2, 3, 30, 62, 63):
        add(log, "one\n")
        times.look([log], at)
    assert read(log) == [(4, 1000), (8, 2000), (20, 62000)]
    times.look([], 64)
    assert read(log, 20) == [(24, 64000)]


def test_nothing_that_a_task_puts_in_the_place_of_the_notes_is_written_to(log: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"")
    log.with_name(log_times.NAME).symlink_to(victim)
    add(log, "one\n")
    LogTimes().look([log], 1.0)
    assert victim.read_bytes() == b""


def test_a_folder_that_is_gone_hinders_no_other_log(log: Path) -> None:
    add(log, "one\n")
    LogTimes().look([log.parent / "gone" / "log", log], 1.0)
    assert read(log) == [(4, 1000)]


def test_the_times_stay_with_the_log_when_working_files_are_removed(log: Path) -> None:
    add(log, "one\n")
    (log.parent / "work").mkdir()
    LogTimes().look([log], 1.0)
    strip(log.parent)
    assert sorted(path.name for path in log.parent.iterdir()) == ["log", "log.times"]
    assert read(log) == [(4, 1000)]


def test_numbers_that_are_no_times_are_not_told(log: Path) -> None:
    log.with_name(log_times.NAME).write_bytes(log_times.RECORD.pack(4, 1 << 63) + b"rest")
    assert read(log) == [(4, None)]
