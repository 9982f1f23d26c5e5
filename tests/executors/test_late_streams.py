"""Programs that a Python component starts: they may open its streams anew, and what all of them write is whole and in order."""

from __future__ import annotations

import dataclasses
import re

import pytest
from tests.executors.stage import Stage, python_spec
from tests.executors.test_command_streams import _streams

from penstock.domain.execution import AttemptFinished
from penstock.executors.process.inside import late_streams

BEGIN = "import os, subprocess, sys\n    print('first')\n    sys.stderr.write('error first\\n')\n    "


async def run(scene: Stage, body: str, **extra: object) -> AttemptFinished:
    """Run a component with this body."""
    return await scene.run(
        lambda request, layout: dataclasses.replace(python_spec(f"def f():\n    {BEGIN}{body}\n    print('last')\n", layout), **extra)
    )


def words(scene: Stage) -> list[str]:
    """The lines of stdout that are one word each; the SDK's own are longer."""
    return re.findall(r"^\w+$", _streams(scene)[0].decode(), re.MULTILINE)


STARTS = {
    "subprocess": "subprocess.run(['sh', '-c', {script!r}], check=True)",
    "system": "os.system({script!r})",
    "posix_spawn": "os.waitpid(os.posix_spawn('/bin/sh', ['sh', '-c', {script!r}], os.environ), 0)",
    "fork": "pid = os.fork()\n    if not pid: os.execvp('sh', ['sh', '-c', {script!r}])\n    os.waitpid(pid, 0)",
    "a process of multiprocessing": (
        "import multiprocessing\n    one = multiprocessing.get_context('fork').Process(target=os.system, args=({script!r},))\n"
        "    one.start()\n    one.join()"
    ),
    "asyncio": "import asyncio\n    async def go(): await (await asyncio.create_subprocess_shell({script!r})).wait()\n    asyncio.run(go())",
}


@pytest.mark.parametrize("way", STARTS)
@pytest.mark.parametrize("is_cold", [False, True])
async def test_a_program_of_a_component_opens_its_streams_anew_and_cuts_nothing(scene: Stage, way: str, is_cold: bool) -> None:
    script = "echo second > /dev/stdout; echo third > /proc/self/fd/1; echo fourth | tee /dev/stdout; echo error second > /dev/stderr"
    finished = await run(scene, STARTS[way].format(script=script), needs_cold_start=is_cold)
    assert finished.failure is None, finished.failure
    assert (await scene.started()).detail["mode"] == ("cold" if is_cold else "warm")
    assert words(scene) == ["first", "second", "third", "fourth", "fourth", "last"]
    assert _streams(scene)[1].startswith(b"error first\n")
    assert "error second\n" in scene.log()


async def test_without_programs_both_streams_keep_their_exact_order(scene: Stage) -> None:
    await run(scene, "for number in range(200): print('out', number), sys.stderr.write('error %d\\n' % number)")
    lines = [line for line in scene.log().splitlines() if line.startswith(("out", "error "))]
    assert lines == ["error first", *(line for number in range(200) for line in (f"out {number}", f"error {number}"))]


async def test_a_component_and_its_programs_keep_the_exact_order(scene: Stage) -> None:
    own = "print('own', number), sys.stderr.write('error %d\\n' % number), os.system('echo program %d; echo program error >&2' % number)"
    await run(scene, f"for number in range(30): {own}")
    lines = [line for line in scene.log().splitlines() if line.startswith(("own", "error ", "program"))][1:]
    assert lines == [line for number in range(30) for line in (f"own {number}", f"error {number}", f"program {number}", "program error")]
    assert [line for line in _streams(scene)[1].decode().splitlines() if line.startswith("error ")][1:] == [f"error {number}" for number in range(30)]


async def test_streams_that_are_not_told_apart_are_not_cut_either(open_stage) -> None:
    async with open_stage(settings={"tells_streams_apart": False}) as scene:
        await run(scene, "os.system('echo second > /dev/stdout; echo third > /dev/stderr')")
        assert [line for line in words(scene) if line != "error"] == ["first", "second", "third", "last"]


async def test_an_init_command_of_a_component_cuts_nothing(scene: Stage) -> None:
    finished = await run(scene, "pass", init=(("sh", "-c", "echo zeroth; echo again > /dev/stdout"),))
    assert finished.failure is None, finished.failure
    assert words(scene) == ["zeroth", "again", "first", "last"]
    assert _streams(scene)[1] == b"error first\n"


async def test_a_component_that_closes_and_moves_its_descriptors_starts_programs_as_before(scene: Stage) -> None:
    moved = "kept = os.dup(1)\n    os.dup2(os.open('file', os.O_WRONLY | os.O_CREAT), 1)\n    os.system('echo aside > /dev/stdout')\n    os.dup2(kept, 1)\n"
    closed = "    os.system('echo second > /dev/stdout')\n    os.closerange(3, 256)\n    os.system('echo third')\n    print(open('file').read())"
    finished = await run(scene, moved + closed)
    assert finished.failure is None, finished.failure
    assert words(scene) == ["first", "second", "third", "aside", "last"]


async def test_a_program_that_is_left_behind_with_the_streams_holds_no_component_up(scene: Stage) -> None:
    finished = await run(scene, "subprocess.Popen(['sh', '-c', 'echo left; exec sleep 600'], start_new_session=True).poll()")
    assert finished.failure is None, finished.failure
    assert "last" in scene.log()


def test_frames_are_taken_apart_wherever_what_was_read_ends() -> None:
    secret = b"\x00secret"
    stream = b"plain\n" + secret + b"\x00\x06error\n" + b"more\n" + secret + b"\x00\x02e\n"
    whole = [(b"plain\n", False), (b"error\n", True), (b"more\n", False), (b"e\n", True)]
    assert late_streams.unframed(secret, stream, is_cut=False) == (whole, b"")
    for cut in range(len(stream) + 1):
        first, rest = late_streams.unframed(secret, stream[:cut], is_cut=True)
        second, left = late_streams.unframed(secret, rest + stream[cut:], is_cut=False)
        joined = [[b"".join(data for data, is_framed in first + second if is_framed is kind) for kind in (False, True)], left]
        assert joined == [[b"plain\nmore\n", b"error\ne\n"], b""], cut


async def test_much_on_stderr_beside_programs_is_whole_and_marked(scene: Stage) -> None:
    await run(scene, "one = subprocess.Popen(['sh', '-c', 'for i in 1 2 3; do echo between; done'])\n    sys.stderr.write('e' * 300000 + chr(10))\n    one.wait()")
    assert b"e" * 300_000 in _streams(scene)[1].replace(b"between\n", b"")
    assert words(scene).count("between") == 3
