from __future__ import annotations

from pathlib import Path

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.execution import FailureKind, ProcessSpec, Resources, TaskOutputs
from penstock.domain.ids import ArtifactId, Digest
from penstock.executors.process import failures, logs, results
from penstock.executors.process.layout import read_json


def test_the_tail_begins_with_a_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"first line\nsecond\nthird\n")
    assert logs.read_tail(path, 10) == b"third\n"
    assert logs.read_tail(path, 1000) == path.read_bytes()
    path.write_bytes(b"x" * 100)
    assert logs.read_tail(path, 10) == b"x" * 10


def test_ranges_and_missing_logs(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert logs.read_range(path, 0, 10) == b""
    assert logs.read_tail(path, 10) == b""
    assert logs.size_of(path) == 0
    path.write_bytes(b"0123456789")
    assert logs.read_range(path, 3, 4) == b"3456"


def test_decoding_replaces_what_is_no_text_and_keeps_the_end_of_progress_bars() -> None:
    assert logs.decode(b"\xff ok\r\n") == "� ok\n"
    assert logs.decode(b"10%\r50%\r100%\nnext") == "100%\nnext"


async def test_following_a_log_that_is_finished_yields_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a" * (logs.CHUNK_BYTES + 10))
    pieces = [piece async for piece in logs.follow(path, is_final=lambda: True)]
    assert b"".join(pieces) == path.read_bytes()
    assert [piece async for piece in logs.follow(tmp_path / "none", is_final=lambda: True)] == []


def test_masking_takes_longest_first_and_leaves_short_values() -> None:
    assert failures.mask("token abcdef abc x", ["abc", "abcdef", "x"]) == "token *** abc x"
    assert failures.mask("line1 and line2!", ["line1\nline2"]) == "*** and ***!"


def test_executor_chatter_is_left_out_of_messages(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("[KFP Executor 2026-01-01 00:00:00,000 INFO]: Got executor_input:\nTraceback\n\nValueError: x\n")
    assert failures.last_lines(path, ()) == "Traceback\nValueError: x"
    note = "[KFP Executor 2026-01-01 00:00:00,000 INFO]: Got executor_input:"
    path.write_text(f'said before\n{note}\n{{\n    "inputs": {{\n    }}\n}}\n{{\nsaid after\n')
    assert failures.last_lines(path, ()) == "said before\n{\nsaid after"


def test_an_out_of_memory_kill_by_the_kernel_names_the_limit(tmp_path: Path) -> None:
    spec = ProcessSpec(argv=("x",), resources=Resources(memory_limit_bytes=64 << 20))
    failure = failures.failure_of({"code": None, "signal": 9, "oom_kills": 1}, spec, tmp_path / "log")
    assert failure is not None
    assert failure.kind == FailureKind.OUT_OF_MEMORY
    assert "64 MiB" in failure.message


def test_results_survive_a_file(tmp_path: Path) -> None:
    ref = ArtifactRef(
        ArtifactId(7), "a", ArtifactType("system.Model"), "minio://a", {"x": 1}, Digest("sha256:" + "0" * 64), 3, is_directory=True
    )
    outputs = TaskOutputs({"p": [1, "two"]}, {"a": (ref,)})
    results.write(tmp_path / "result.json", outputs)
    assert results.from_json(read_json(tmp_path / "result.json")) == outputs
