from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path, PurePosixPath

import pytest
from tests.executors.stage import Stage, shell

from penstock.domain.artifacts import ArtifactType
from penstock.domain.execution import FailureKind, Mount, OutputArtifactPath, OutputParameterFile, ProcessSpec, Resources
from penstock.domain.plan import ParameterType
from penstock.executors.process import commands, full_disk, logs
from penstock.executors.process.inside import tree
from penstock.stores.files.attempt_logs import AttemptLogFiles


async def test_a_command_runs_as_written_with_clean_surroundings(scene: Stage) -> None:
    finished = await scene.run(shell('echo "$PWD"; echo "$GREETING"; which python3; ls -A', env={"GREETING": "hello"}))
    assert finished.failure is None
    lines = scene.log().splitlines()
    assert lines[0].endswith("/work")
    assert lines[1] == "hello"
    assert lines[2].startswith(str(scene.data))
    assert len(lines) == 3


async def test_text_outputs_are_read_from_files(scene: Stage) -> None:
    spec = lambda request, layout: shell(  # noqa: E731
        f"mkdir -p {layout.outputs}; printf 12 > {layout.outputs}/n",
        output_parameters=(OutputParameterFile("n", layout.outputs / "n", ParameterType.NUMBER_INTEGER),),
    )
    finished = await scene.run(spec)
    assert finished.outputs is not None
    assert finished.outputs.parameters == {"n": "12"}


async def test_an_output_that_leads_out_of_the_attempt_is_refused(scene: Stage) -> None:
    spec = lambda request, layout: shell(  # noqa: E731
        f"mkdir -p {layout.outputs}; ln -s /etc/passwd {layout.outputs}/n",
        output_parameters=(OutputParameterFile("n", layout.outputs / "n", ParameterType.STRING),),
    )
    finished = await scene.run(spec)
    assert finished.failure is not None
    assert finished.failure.kind == FailureKind.OUTPUT
    assert "leads out" in finished.failure.message


async def test_an_artifact_with_links_out_of_it_is_refused(scene: Stage) -> None:
    spec = lambda request, layout: shell(  # noqa: E731
        f"mkdir -p {layout.outputs}/tree; ln -s /etc {layout.outputs}/tree/etc",
        output_artifacts=(OutputArtifactPath("tree", layout.outputs / "tree", ArtifactType(), "minio://x"),),
    )
    finished = await scene.run(spec)
    assert finished.failure is not None
    assert finished.failure.kind == FailureKind.OUTPUT
    assert "'etc'" in finished.failure.message


async def test_a_fifo_as_output_does_not_hang_the_server(scene: Stage) -> None:
    spec = lambda request, layout: shell(  # noqa: E731
        f"mkdir -p {layout.outputs}; mkfifo {layout.outputs}/n",
        output_parameters=(OutputParameterFile("n", layout.outputs / "n", ParameterType.STRING),),
    )
    finished = await scene.run(spec)
    assert finished.failure is not None
    assert "not a regular file" in finished.failure.message


async def test_an_unknown_program_names_program_and_image(scene: Stage) -> None:
    finished = await scene.run(ProcessSpec(argv=("no-such-program",), image="registry/thing:1"))
    assert finished.failure is not None
    assert finished.failure.kind == FailureKind.START
    assert "no-such-program" in finished.failure.message
    assert "registry/thing:1" in finished.failure.message


async def test_an_argument_too_long_for_the_system_is_explained(scene: Stage) -> None:
    finished = await scene.run(ProcessSpec(argv=("echo", "x" * 200_000)))
    assert finished.failure is not None
    assert finished.failure.kind == FailureKind.START
    assert "128 KiB" in finished.failure.message


async def test_a_failure_carries_exit_code_and_last_lines_without_secrets(scene: Stage) -> None:
    spec = shell('echo before; echo "key is $KEY" >&2; exit 3', secret_env={"KEY": "hunter2-secret"})
    finished = await scene.run(spec)
    assert finished.failure is not None
    assert finished.exit_code == 3
    assert "key is ***" in finished.failure.message
    described = (scene.executor.log_path(finished.key).parent / "spec.json").read_text()
    assert "hunter2" not in described
    assert json.loads(described)["env"]["KEY"] == "***"


async def test_death_by_a_signal_is_named(scene: Stage) -> None:
    finished = await scene.run(shell("kill -SEGV $$"))
    assert finished.failure is not None
    assert finished.failure.kind == FailureKind.SIGNAL
    assert "SIGSEGV" in finished.failure.message


async def test_logs_that_are_no_text_and_very_long_lines_are_kept_and_shown(scene: Stage) -> None:
    finished = await scene.run(shell(r"printf '\377\376 bytes\n'; head -c 10485760 /dev/zero | tr '\0' x; exit 1"))
    assert finished.failure is not None
    assert len(finished.failure.message) < 2000
    assert logs.size_of(scene.executor.log_path(finished.key)) == 10485760 + 9
    assert "�� bytes" in logs.decode(logs.read_range(scene.executor.log_path(finished.key), 0, 9))


async def test_daemons_of_a_task_end_with_it(scene: Stage) -> None:
    script = (
        "import os,time\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\n"
        "open('pid','w').write(str(os.getpid()))\ntime.sleep(600)"
    )
    finished = await scene.run(ProcessSpec(argv=("sh", "-c", 'python3 -c "$0"; while [ ! -s pid ]; do sleep 0.02; done; cat pid', script)))
    assert finished.failure is None, finished.failure
    pid = int(scene.log())
    assert tree.stat_of(pid) is None


async def test_cancel_ends_the_whole_tree_after_the_grace_time(scene: Stage) -> None:
    await scene.launch(shell("trap '' TERM; (trap '' TERM; sleep 600) & echo $!; while true; do sleep 0.1; done"))
    started = await scene.started()
    inner = int(await _first_line(scene))
    await scene.executor.cancel(started.key, reason="the user asked for it", grace_seconds=0.2)
    finished = await scene.finished()
    assert finished.failure is not None
    assert finished.failure.was_canceled
    assert finished.failure.message == "the user asked for it"
    assert tree.stat_of(inner) is None
    assert tree.stat_of(started.detail["pid"]) is None


async def test_a_task_may_use_the_grace_time_to_clean_up(scene: Stage) -> None:
    await scene.launch(shell("trap 'echo cleaned up; exit 0' TERM; echo ready; while true; do sleep 0.05; done"))
    started = await scene.started()
    await _first_line(scene)
    await scene.executor.cancel(started.key, reason="stop", grace_seconds=30)
    finished = await scene.finished()
    assert finished.failure is not None
    assert finished.failure.was_canceled
    assert "cleaned up" in scene.log()


async def test_a_queued_attempt_is_canceled_without_ever_running(open_stage) -> None:
    from penstock.executors.process.slots import Capacity

    async with open_stage(capacity=Capacity(1, 1, 1 << 30), settings={"queue_note_seconds": 0.0}) as scene:
        await scene.launch(shell("sleep 600"), "first")
        await scene.started("first")
        await scene.launch(shell("echo ran"), "second")
        await scene.until(lambda report: getattr(report, "kind", "") == "queued")
        assert "waiting for a free slot (all 1 in use)" in scene.notes("queued")
        from tests.executors.stage import request_for

        await scene.executor.cancel(request_for("second").key, reason="not needed", grace_seconds=0)
        finished = await scene.finished("second")
        assert finished.failure is not None
        assert finished.failure.was_canceled
        assert not scene.executor.log_path(finished.key).exists()
        await scene.executor.cancel(request_for("first").key, reason="over", grace_seconds=0)


async def test_a_deadline_stops_the_task(open_stage) -> None:
    async with open_stage(settings={"grace_seconds": 0.1}) as scene:
        finished = await scene.run(shell("echo working; sleep 600", deadline_seconds=0.3))
        assert finished.failure is not None
        assert finished.failure.kind == FailureKind.DEADLINE
        assert "0.3 seconds" in finished.failure.message


async def test_memory_over_the_limit_is_told_apart_without_cgroups(scene: Stage) -> None:
    spec = ProcessSpec(argv=("python3", "-c", "x = bytearray(900_000_000)"), resources=Resources(memory_limit_bytes=256 << 20))
    finished = await scene.run(spec)
    assert finished.failure is not None
    assert finished.failure.kind == FailureKind.OUT_OF_MEMORY
    assert "256 MiB" in finished.failure.message


async def test_init_commands_run_first_and_sidecars_end_with_the_task(scene: Stage) -> None:
    sidecar = "echo $$ > ../side; sleep 600"
    script = "while [ ! -s ../side ]; do sleep 0.02; done; cat made; cat ../side"
    spec = shell(script, init=(("sh", "-c", "echo first > made"),), sidecars=(("sh", "-c", sidecar),))
    finished = await scene.run(spec)
    assert finished.failure is None, finished.failure
    first, side = scene.log().split()
    assert first == "first"
    assert tree.stat_of(int(side)) is None


async def test_a_failing_init_command_fails_the_task(scene: Stage) -> None:
    finished = await scene.run(shell("echo never", init=(("sh", "-c", "exit 4"),)))
    assert finished.exit_code == 4
    assert "never" not in scene.log()


async def test_the_log_can_be_followed_to_its_end(scene: Stage) -> None:
    await scene.launch(shell("for i in 1 2 3; do echo line $i; sleep 0.05; done"))
    started = await scene.started()
    path = scene.executor.log_path(started.key)
    text = b"".join([piece async for piece in logs.follow(path, is_final=lambda: not scene.executor.is_known(started.key))])
    assert text == b"line 1\nline 2\nline 3\n"


async def test_times_of_the_log_of_a_running_task_are_noted_to_its_end(scene: Stage) -> None:
    await scene.launch(shell("echo one; until [ -e go ]; do sleep 0.05; done; echo two"))
    started = await scene.started()
    key, files = started.key, AttemptLogFiles(scene.data)

    async def times(end: int) -> list[tuple[int, int | None]]:
        while True:
            found = files.times(key.run_id, key.task_id, key.attempt, start=0, end=end)
            if found and found[-1][0] >= end:
                return found
            await asyncio.sleep(0.05)

    [(offset, first)] = await times(4)
    assert offset == 4
    (scene.executor.log_path(key).parent / "work" / "go").touch()
    await scene.finished()
    (_, again), (offset, last) = await times(8)
    assert (again, offset) == (first, 8)
    assert first is not None
    assert last is not None
    assert started.at * 1000 - 1 <= first <= last


async def test_what_a_running_task_uses_is_noted(scene: Stage) -> None:
    await scene.launch(shell("until [ -e go ]; do sleep 0.05; done"))
    key = (await scene.started()).key
    files = AttemptLogFiles(scene.data)
    while True:
        found = files.usage(key.run_id, key.task_id, key.attempt)
        if len(found) >= 2:
            break
        await asyncio.sleep(0.05)
    (scene.executor.log_path(key).parent / "work" / "go").touch()
    await scene.finished()
    assert all(memory > 0 for _, _, memory in found)
    assert files.usage(key.run_id, key.task_id, key.attempt)[:2] == found[:2]


async def test_values_of_secrets_are_masked_in_the_log_while_it_grows_and_for_good(scene: Stage) -> None:
    mounts = tuple(
        Mount(PurePosixPath(f"/mnt/{name}"), files={"value": value}, is_secret=name == "secret")
        for name, value in (("secret", b"swordfish\n"), ("config", b"plain\n"))
    )
    spec = lambda request, layout: shell(  # noqa: E731
        'echo "key $KEY."; until [ -e go ]; do sleep 0.05; done; echo "again $KEY"; '
        f"cat {layout.mounts}/mnt/secret/value {layout.mounts}/mnt/config/value; exit 3",
        secret_env={"KEY": "hunter22"},
        mounts=mounts,
    )
    await scene.launch(spec)
    key = (await scene.started()).key
    files = AttemptLogFiles(scene.data, scene.executor.masks_of)
    await _first_line(scene)
    assert files.read(key.run_id, key.task_id, key.attempt, offset=0, length=100) == b"key ********.\n"
    (scene.executor.log_path(key).parent / "work" / "go").touch()
    finished = await scene.finished()
    assert scene.log() == "key ********.\nagain ********\n*********\nplain\n"
    assert finished.failure is not None
    assert "again ********\n*********\nplain" in finished.failure.message
    assert scene.executor.masks_of(key.run_id, key.task_id, key.attempt) == ()


async def test_a_killed_supervisor_makes_its_tasks_lost_and_the_next_task_gets_a_new_one(scene: Stage) -> None:
    await scene.launch(shell("(sleep 600) & echo $!; wait"))
    started = await scene.started()
    inner = int(await _first_line(scene))
    stat = tree.stat_of(started.detail["pid"])
    assert stat is not None
    os.kill(stat[1], signal.SIGKILL)
    finished = await scene.finished()
    assert finished.failure is not None
    assert finished.failure.kind == FailureKind.LOST
    assert not tree.is_alive(inner, tree.start_ticks(inner))
    assert (await scene.run(shell("echo again"), "next")).failure is None


async def test_a_waiting_child_that_was_killed_fails_no_task(scene: Stage) -> None:
    first = await scene.run(shell("echo first"), "first")
    started = await scene.started("first")
    supervisor = json.loads((scene.executor.log_path(first.key).parent / "started").read_text().splitlines()[0])["supervisor"]
    (waiting,) = tree.children_of(supervisor)
    os.kill(supervisor, signal.SIGSTOP)  # so that it has not heard of the loss when the task comes
    os.kill(waiting, signal.SIGKILL)
    await scene.launch(shell("echo $$"), "second")
    os.kill(supervisor, signal.SIGCONT)
    finished = await scene.finished("second")
    assert (first.failure, finished.failure) == (None, None)
    assert int(scene.log("second")) not in {waiting, started.detail["pid"]}
    notes = [json.loads(line) for line in (scene.executor.log_path(finished.key).parent / "started").read_text().splitlines()]
    assert [notes[0]["supervisor"], notes[1]["pid"]] == [supervisor, int(scene.log("second"))]


async def test_a_child_that_was_killed_before_it_read_its_task_fails_no_task(scene: Stage) -> None:
    first = await scene.run(shell("echo first"), "first")
    supervisor = json.loads((scene.executor.log_path(first.key).parent / "started").read_text().splitlines()[0])["supervisor"]
    (waiting,) = tree.children_of(supervisor)
    os.kill(waiting, signal.SIGSTOP)  # so that the task lies in its pipe when it is killed
    await scene.launch(shell("echo $$; sleep 600", deadline_seconds=1.0), "second")
    assert (await scene.started("second")).detail["pid"] == waiting
    os.kill(waiting, signal.SIGKILL)
    finished = await scene.finished("second")
    assert int(scene.log("second")) != waiting
    assert finished.failure is not None
    assert finished.failure.kind == FailureKind.DEADLINE


async def test_launching_twice_runs_once(scene: Stage) -> None:
    spec = shell("echo run")
    await scene.launch(spec)
    await scene.launch(spec)
    await scene.finished()
    assert scene.log() == "run\n"
    await scene.launch(spec)
    async with asyncio.timeout(30):
        while sum(1 for report in scene.reports if type(report).__name__ == "AttemptFinished") < 2:
            async with scene.news:
                await scene.news.wait()
    assert scene.log() == "run\n"


async def test_working_files_go_after_success_and_stay_after_failure(scene: Stage) -> None:
    good = await scene.run(shell("echo x > kept"), "good")
    bad = await scene.run(shell("echo x > kept; exit 1"), "bad")
    await scene.executor.close(leave_running=False)
    folder = scene.executor.log_path(good.key).parent
    assert not (folder / "work").exists()
    assert {"log", "spec.json", "exit.json", "result.json"} <= {path.name for path in folder.iterdir()}
    assert (scene.executor.log_path(bad.key).parent / "work" / "kept").exists()


async def test_a_full_disk_is_a_failure_of_ours_and_says_so(scene: Stage) -> None:
    spec = ProcessSpec(argv=("true",), files={PurePosixPath("/dev/full/x"): b""})
    finished = await scene.run(spec)
    assert finished.failure is not None
    assert "outside of the attempt" in finished.failure.message


@pytest.mark.parametrize(("spare_bytes", "is_kept"), [(0, True), (1 << 60, False)])
async def test_on_a_full_disk_a_failed_attempt_makes_room_before_its_end_is_told(open_stage, spare_bytes: int, is_kept: bool) -> None:
    async with open_stage(settings={"spare_bytes": spare_bytes}) as scene:
        finished = await scene.run(shell("echo much > much; exit 3"))
        root = scene.executor.log_path(finished.key).parent
        assert finished.exit_code == 3
        assert bool(list(root.rglob("much"))) is is_kept
        assert scene.executor.log_path(finished.key).exists()


_ENDLESS = "while true; do head -c 9000000 /dev/zero; sleep 0.1; done"


async def test_on_a_full_disk_a_task_whose_log_fills_it_is_stopped_and_its_log_makes_room(open_stage) -> None:
    async with open_stage(settings={"spare_bytes": 1 << 60}) as scene:
        finished = await scene.run(shell(f"echo begin; {_ENDLESS}"))
        log = scene.executor.log_path(finished.key).read_bytes()
        assert finished.failure is not None
        assert finished.failure.kind is FailureKind.SYSTEM
        assert not finished.failure.was_canceled
        assert finished.failure.message.startswith("it was stopped because its log filled the disk")
        assert log.startswith(b"begin\n")
        assert b"bytes of this log were removed: the disk was full]" in log
        assert len(log) < full_disk.LONG_LOG_BYTES


async def test_on_a_full_disk_a_long_log_of_an_ended_task_is_cut_and_named(open_stage) -> None:
    async with open_stage(settings={"spare_bytes": 1 << 60}) as scene:
        finished = await scene.run(shell("head -c 9000000 /dev/zero; echo; echo last words; exit 3"))
        assert finished.failure is not None
        assert finished.failure.message.startswith("exit code 3 (the disk was full, its log alone had 8")
        assert "last words" in finished.failure.message
        assert scene.executor.log_path(finished.key).stat().st_size < full_disk.LONG_LOG_BYTES
        (note,) = scene.notes("data_loss")
        assert note.startswith("the disk was full: the middle of its log, which had 8")


async def test_on_a_full_disk_a_task_that_succeeds_still_says_that_its_log_was_cut(open_stage) -> None:
    async with open_stage(settings={"spare_bytes": 1 << 60}) as scene:
        finished = await scene.run(shell("head -c 9000000 /dev/zero; echo; echo last words"))
        assert finished.failure is None
        assert len(scene.notes("data_loss")) == 1
        assert scene.reports.index(finished) == len(scene.reports) - 1, "the end is told last"


async def _first_line(scene: Stage) -> str:
    path: Path = scene.executor.log_path((await scene.started()).key)
    async for piece in logs.follow(path, is_final=lambda: False):
        if b"\n" in piece:
            return piece.decode().splitlines()[0]
    raise AssertionError


def test_overruled_variables_are_secret_and_said() -> None:
    spec = ProcessSpec(argv=("true",), env={"KEY": "theirs", "OWN": "1"}, secret_env={"TOKEN": "t"}, warnings=("first",))
    assert commands.overruled(spec, {}, "") is spec
    found = commands.overruled(spec, {"KEY": "k", "TOKEN": "u"}, "second")
    assert (found.env, found.secret_env, found.warnings) == ({"OWN": "1"}, {"KEY": "k", "TOKEN": "u"}, ("first", "second"))


def test_an_empty_variable_of_the_pipeline_leaves_the_servers_value() -> None:
    spec = ProcessSpec(argv=("true",), env={"URL": "", "OWN": "", "KEY": "", "SET": "mine"})
    found = commands.with_environment(spec, {"URL": "http://here", "SET": "theirs"}, {"KEY": "k"})
    assert found.env == {"URL": "http://here", "OWN": "", "SET": "mine"}
    assert found.secret_env == {"KEY": "k"}
