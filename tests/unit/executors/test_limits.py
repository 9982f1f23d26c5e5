"""Control groups on a directory that looks like them; the real ones are used by tests/executors/test_limits.py."""

from __future__ import annotations

from pathlib import Path

from penstock.domain.execution import Resources
from penstock.executors.process.limits import CgroupV1, CgroupV2, RlimitOnly, find_limiter

ASKED = Resources(cpu_limit=1.5, memory_limit_bytes=1 << 30)


def test_version_2_writes_limits_and_tells_what_to_join_and_remove(tmp_path: Path) -> None:
    held = CgroupV2(tmp_path).hold("task-0", ASKED)
    group = tmp_path / "task-0"
    assert (group / "memory.max").read_text() == str(1 << 30)
    assert (group / "cpu.max").read_text() == "150000 100000"
    assert held.join == (f"{group}/cgroup.procs",)
    assert held.cgroup is not None
    assert held.cgroup["kill"] == f"{group}/cgroup.kill"
    assert held.cgroup["remove"] == [str(group)]


def test_version_1_uses_a_group_per_tree(tmp_path: Path) -> None:
    held = CgroupV1(tmp_path / "memory", tmp_path / "cpu").hold("t", ASKED) if _made(tmp_path) else None
    assert held is not None
    assert (tmp_path / "memory/t/memory.limit_in_bytes").read_text() == str(1 << 30)
    assert (tmp_path / "cpu/t/cpu.cfs_quota_us").read_text() == "150000"
    assert len(held.join) == 2


def test_nothing_is_made_for_tasks_without_limits(tmp_path: Path) -> None:
    assert CgroupV2(tmp_path).hold("t", Resources()).join == ()
    assert CgroupV1(tmp_path, None).hold("t", Resources()).cgroup is None
    assert RlimitOnly().hold("t", Resources()).rlimits == {}
    assert list(tmp_path.iterdir()) == []


def test_a_group_that_cannot_be_made_falls_back_to_resource_limits(tmp_path: Path) -> None:
    assert CgroupV2(tmp_path / "absent").hold("t", ASKED).rlimits == {"RLIMIT_DATA": 1 << 30}


def test_a_host_without_control_groups_gets_resource_limits(tmp_path: Path) -> None:
    assert isinstance(find_limiter(tmp_path), RlimitOnly)


def _made(tmp_path: Path) -> bool:
    (tmp_path / "memory").mkdir()
    (tmp_path / "cpu").mkdir()
    return True
