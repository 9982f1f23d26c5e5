"""What running attempts use of GPUs, with a stand-in for `nvidia-smi` that prints what the real one is documented to print."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from penstock.executors.process import gpus
from penstock.executors.process.gpu_samples import GpuSamples
from penstock.executors.process.layout import strip
from penstock.stores.files.attempt_logs import AttemptLogFiles

DEVICES = """0, GPU-aaaa, 40960, 1034, 57, NVIDIA A100-SXM4-40GB
1, GPU-bbbb, 40960, 8, 30, NVIDIA A100-SXM4-40GB
2, GPU-cccc, [N/A], [N/A], [Not Supported], Odd, with a comma
"""
PROGRAM = """#!/bin/sh
case "$*" in
  "--query-gpu=index,uuid,memory.total,memory.used,utilization.gpu,name --format=csv,noheader,nounits") cat "$0.devices";;
  "--query-compute-apps=pid,gpu_uuid,used_gpu_memory --format=csv,noheader,nounits") cat "$0.processes";;
  *) echo "Invalid combination of input arguments. Please run 'nvidia-smi -h' for help."; exit 2;;
esac
"""
Tell = Callable[[str], None]


@pytest.fixture
def tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tell:
    """Puts the stand-in on PATH and has it tell of these processes."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(PROGRAM)
    program.chmod(0o755)
    program.with_name("nvidia-smi.devices").write_text(DEVICES)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return lambda text: program.with_name("nvidia-smi.processes").write_text(text) and None


@pytest.fixture
def attempt(tmp_path: Path) -> Path:
    path = tmp_path / "runs" / "run" / "task" / "0"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def child() -> Iterator[int]:
    """A process below this one."""
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.communicate()


def read(attempt: Path) -> list[tuple[int, int, int]]:
    return AttemptLogFiles(attempt.parents[3]).gpu_usage("run", "task", 0)


def test_devices_are_read_and_what_one_does_not_tell_is_nothing(tell: Tell) -> None:
    first, _, odd = gpus.devices()
    assert (first.name, first.uuid, first.memory_bytes, first.memory_used_bytes, first.busy_percent) == (
        "NVIDIA A100-SXM4-40GB",
        "GPU-aaaa",
        40960 << 20,
        1034 << 20,
        57,
    )
    assert (odd.name, odd.memory_bytes, odd.memory_used_bytes, odd.busy_percent) == ("Odd, with a comma", 0, 0, 0)


def test_the_processes_of_an_attempt_have_its_gpus_and_memory_and_others_have_not(tell: Tell, attempt: Path, child: int) -> None:
    stranger = 1
    tell(f"{child}, GPU-aaaa, 1000\n{child}, GPU-bbbb, 24\n{os.getpid()}, GPU-aaaa, 1\n{stranger}, GPU-cccc, 512\n999999999, GPU-cccc, 9\n")
    samples = GpuSamples()
    samples.look({os.getpid(): attempt}, (), 1.0)
    tell("")
    samples.look({os.getpid(): attempt}, (), 6.0)
    strip(attempt)
    assert read(attempt) == [(1000, 870, 1025 << 20), (6000, 0, 0)]


def test_an_attempt_that_asked_for_a_gpu_and_uses_none_has_zeros_and_others_have_nothing(tell: Tell, attempt: Path, tmp_path: Path) -> None:
    tell("")
    other = tmp_path / "other"
    other.mkdir()
    GpuSamples().look({os.getpid(): attempt, 1: other}, [attempt], 1.0)
    assert read(attempt) == [(1000, 0, 0)]
    assert list(other.iterdir()) == []


def test_memory_that_is_not_told_leaves_the_share_of_the_device(tell: Tell, attempt: Path) -> None:
    tell(f"{os.getpid()}, GPU-bbbb, [N/A]\n")
    GpuSamples().look({os.getpid(): attempt}, (), 1.0)
    assert read(attempt) == [(1000, 300, 0)]


def test_a_driver_that_does_not_answer_is_no_gpu(tell: Tell, attempt: Path, tmp_path: Path) -> None:
    (tmp_path / "bin" / "nvidia-smi").write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed because it could not talk to the driver'\nexit 9\n")
    assert (list(gpus.devices()), list(gpus.processes())) == ([], [])


async def test_without_the_program_nobody_watches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    def fail() -> dict[int, Path]:
        raise AssertionError

    await GpuSamples().watch(fail, fail, float)
    assert (list(gpus.devices()), list(gpus.processes())) == ([], [])
