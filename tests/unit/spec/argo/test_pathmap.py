"""Literal paths moved into an attempt."""

from __future__ import annotations

from pathlib import PurePosixPath

from penstock.spec.argo.pathmap import PathMap

ROOT = PurePosixPath("/a/1/mounts")


def test_declared_paths_move_below_the_root_wherever_they_end() -> None:
    paths = PathMap(ROOT, ["/tmp/outputs/x/data", "/data"])
    assert paths.apply("cat /tmp/outputs/x/data > /data/y") == "cat /a/1/mounts/tmp/outputs/x/data > /a/1/mounts/data/y"
    assert paths.apply("--p=/data") == "--p=/a/1/mounts/data"


def test_longer_paths_win_and_words_that_only_contain_one_stay() -> None:
    paths = PathMap(ROOT, ["/tmp/a", "/tmp/a/b"])
    assert paths.apply(["/tmp/a/b", "/tmp/ab", "/x/tmp/a", "/tmp/a.txt"]) == ["/a/1/mounts/tmp/a/b", "/tmp/ab", "/x/tmp/a", "/tmp/a.txt"]


def test_dots_cannot_climb_out() -> None:
    paths = PathMap(ROOT, ["/tmp/../../../etc/passwd"])
    assert paths.local("/tmp/../../../etc/passwd") == ROOT / "etc/passwd"


def test_nothing_declared_changes_nothing() -> None:
    assert PathMap(ROOT, ["/", "relative"]).apply("ls / relative") == "ls / relative"
