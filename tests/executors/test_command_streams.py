from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from tests.executors.stage import Stage, shell

from penstock.domain.execution import FailureKind, ProcessSpec
from penstock.executors.process import full_disk, logs
from penstock.executors.process.inside import command_streams
from penstock.stores.files.attempt_logs import AttemptLogFiles


def _streams(scene: Stage, name: str = "task") -> tuple[bytes, bytes]:
    """What the log of an attempt has of stdout and of stderr."""
    (path,) = (scene.data / "runs" / "run-1" / name).glob("0/log")
    log = path.read_bytes()
    out, errors, place = b"", b"", 0
    for begin, end in AttemptLogFiles(scene.data).stderr_spans("run-1", name, 0, start=0, end=len(log)):
        out, errors, place = out + log[place:begin], errors + log[begin:end], end
    return out + log[place:], errors


async def test_what_a_command_and_its_children_write_to_stderr_is_told_apart(scene: Stage) -> None:
    child = "import sys; print('child out'); sys.stderr.write('child error\\n')"
    finished = await scene.run(
        shell(
            f'echo out; echo error >&2; echo device > /dev/stderr; ls no-such-file; {sys.executable} -c "{child}"; '
            "(echo joined >&2) 2>&1; echo again > /dev/fd/2"
        )
    )
    out, errors = _streams(scene)
    assert finished.failure is None
    assert out == b"out\nchild out\njoined\n"
    assert [line.rpartition(b": ")[2] for line in errors.splitlines()] == [
        b"error",
        b"device",
        b"No such file or directory",
        b"child error",
        b"again",
    ]


@pytest.mark.parametrize("is_apart", [True, False])
async def test_a_command_may_open_its_standard_streams_anew_and_cuts_nothing(open_stage, is_apart: bool) -> None:
    async with open_stage(settings={"tells_streams_apart": is_apart}) as scene:
        script = (
            "echo first; echo second > /dev/stdout; echo third | tee /dev/stdout; printf fourth > file; cat file > /proc/self/fd/1; "
            "echo; cp file /dev/stdout; echo; echo fifth >> /dev/stdout; sh -c 'echo sixth > /dev/fd/1'; echo seventh > /dev/stderr"
        )
        finished = await scene.run(shell(script))
        assert finished.failure is None
        out, errors = _streams(scene)
        words = ["first", "second", "third", "third", "fourth", "fourth", "fifth", "sixth"]
        assert out.decode().split() == (words if is_apart else [*words, "seventh"])
        assert errors == (b"seventh\n" if is_apart else b"")


async def test_a_command_may_send_its_stderr_elsewhere_for_good(scene: Stage) -> None:
    finished = await scene.run(shell("echo first >&2; exec 2> file; echo second >&2; cat file; exec 2>&-; echo third"))
    assert finished.failure is None
    assert _streams(scene) == (b"second\nthird\n", b"first\n")


async def test_bytes_that_are_no_text_reach_the_log_as_they_are(scene: Stage) -> None:
    await scene.run(shell("printf 'a\\000\\377\\rb' >&2; printf '\\001'"))
    assert _streams(scene) == (b"\x01", b"a\x00\xff\rb")


async def test_much_on_both_streams_at_once_is_whole_and_keeps_its_lines(scene: Stage) -> None:
    lines = "import os, sys\nfor n in range(8000): os.write({0}, b'{1} %06d %s\\n' % (n, b'x' * 50))"
    one, two = (f'{sys.executable} -c "{lines.format(number, name)}"' for number, name in ((1, "out"), (2, "error")))
    finished = await scene.run(shell(f"{one} & {two}; wait"))
    out, errors = _streams(scene)
    assert finished.failure is None
    for found, name in ((out, b"out"), (errors, b"error")):
        assert found == b"".join(b"%s %06d %s\n" % (name, number, b"x" * 50) for number in range(8000))


async def test_one_write_that_is_larger_than_a_pipe_is_whole(scene: Stage) -> None:
    finished = await scene.run(shell(f"{sys.executable} -c \"import os; os.write(2, b'e' * 3000000)\""))
    assert finished.failure is None
    assert _streams(scene) == (b"", b"e" * 3_000_000)


async def test_a_failure_says_what_a_command_wrote_to_stderr_last_without_secrets(scene: Stage) -> None:
    program = "import os; raise ValueError('no such thing: ' + os.environ['KEY'])"
    finished = await scene.run(shell(f'echo begin; {sys.executable} -c "{program}"', secret_env={"KEY": "hunter2-secret"}))
    assert finished.failure is not None
    assert finished.failure.message.startswith("exit code 1: ValueError: no such thing: ***")
    assert b"ValueError: no such thing: **************" in _streams(scene)[1]
    assert "hunter2" not in scene.log()


async def test_words_before_a_command_is_there_are_on_stderr_too(scene: Stage) -> None:
    await scene.run(shell("true", init=(("sh", "-c", "echo missing input >&2; exit 4"),)))
    assert _streams(scene)[1].startswith(b"missing input\n")


async def test_what_runs_on_in_the_background_with_stderr_holds_no_task_up(scene: Stage) -> None:
    finished = await scene.run(shell("setsid sh -c 'echo begun >&2; exec sleep 600' & while ! grep -q begun ../log; do sleep 0.02; done"))
    assert finished.failure is None
    assert _streams(scene) == (b"", b"begun\n")


async def test_a_stranger_that_holds_the_stderr_of_a_task_does_not_hold_it_up(scene: Stage) -> None:
    await scene.launch(shell("while [ ! -e go ]; do sleep 0.02; done; echo last words >&2"))
    started = await scene.started()
    root: Path = scene.executor.log_path(started.key).parent
    async for _ in logs.follow(root / "spec.json", is_final=lambda: False):
        break
    stranger = os.open(f"/proc/{started.detail['pid']}/fd/2", os.O_WRONLY)
    try:
        (root / "work" / "go").touch()
        finished = await scene.finished()
        with pytest.raises(BrokenPipeError):
            os.write(stranger, b"too late")
    finally:
        os.close(stranger)
    assert finished.failure is None
    assert _streams(scene) == (b"", b"last words\n")


async def test_a_task_that_put_a_pipe_in_the_place_of_its_log_holds_nobody_up(scene: Stage) -> None:
    script = "rm ../log; mkfifo ../log ../log.stderr; echo error >&2"
    assert (await scene.run(shell(script), "odd")).failure is None
    assert (await scene.run(shell("echo fine >&2"), "next")).failure is None
    assert _streams(scene, "next") == (b"", b"fine\n")


async def test_a_task_that_runs_out_of_time_keeps_what_it_said_on_stderr(scene: Stage) -> None:
    trap = "trap 'echo asked to stop >&2; exit 3' TERM; echo begun >&2; while true; do sleep 0.02; done"
    finished = await scene.run(shell(trap, deadline_seconds=1.0))
    assert finished.failure is not None
    assert finished.failure.kind is FailureKind.DEADLINE
    out, errors = _streams(scene)
    assert (out, errors.splitlines()[0], errors.splitlines()[-1]) == (b"", b"begun", b"asked to stop")


async def test_one_file_for_both_streams_keeps_the_exact_order(open_stage) -> None:
    async with open_stage(settings={"tells_streams_apart": False}) as scene:
        lines = "".join(f"echo out {number}; echo error {number} >&2; " for number in range(200))
        await scene.run(shell(lines))
        assert scene.log() == "".join(f"out {number}\nerror {number}\n" for number in range(200))
        assert _streams(scene)[1] == b""


async def test_on_a_full_disk_a_task_whose_stderr_fills_it_is_stopped(open_stage) -> None:
    async with open_stage(settings={"spare_bytes": 1 << 60}) as scene:
        finished = await scene.run(shell("while true; do head -c 9000000 /dev/zero >&2; sleep 0.1; done"))
        assert finished.failure is not None
        assert finished.failure.message.startswith("it was stopped because its log filled the disk")
        assert scene.executor.log_path(finished.key).stat().st_size < full_disk.LONG_LOG_BYTES


async def test_an_unknown_program_is_still_named(scene: Stage) -> None:
    finished = await scene.run(ProcessSpec(argv=("no-such-program",), image="registry/thing:1"))
    assert finished.failure is not None
    assert finished.failure.kind is FailureKind.START


def test_what_a_full_disk_took_is_counted_in_the_log_when_there_is_room_again(tmp_path: Path) -> None:
    pair = command_streams.open_pair()
    assert pair is not None
    (_, stream), (spare, writer) = pair.chosen({"streams": 2, "log": "/dev/full"}), pair.writers
    os.write(writer, b"lost\n")
    assert stream.move()
    stream.log = str(tmp_path / "log")
    Path(stream.log).touch()
    os.write(writer, b"kept\n")
    os.close(writer)
    os.close(spare)
    stream.end()
    pair.output.close()
    note = b"\n[5 bytes of stderr are missing here: they could not be written]\n"
    assert Path(stream.log).read_bytes() == note + b"kept\n"


def test_a_supervisor_that_has_hardly_any_descriptors_left_opens_no_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(command_streams, "_SPARE_DESCRIPTORS", 1 << 30)
    assert command_streams.open_pair() is None
    assert sorted(os.listdir("/proc/self/fd")) == before
