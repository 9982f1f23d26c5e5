from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
from tests.executors.stage import Stage, python_spec, request_for

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.execution import FailureKind, ProcessSpec, PythonTask
from penstock.domain.ids import ArtifactId, Digest
from penstock.stores.files.attempt_logs import AttemptLogFiles


def dataset(digest: Digest | None, uri: str = "minio://in/data", **extra) -> ArtifactRef:
    return ArtifactRef(ArtifactId(1), "data", ArtifactType("system.Dataset"), uri, digest=digest, **extra)


async def test_a_component_runs_in_a_fork_and_its_return_value_is_collected(scene: Stage) -> None:
    source = "def f(x: int) -> int:\n    print('said', x)\n    return x + 1\n"
    finished = await scene.run(lambda request, layout: python_spec(source, layout, inputs={"x": 41}, outputs=("Output",)))
    assert finished.failure is None
    assert finished.outputs is not None
    assert finished.outputs.parameters == {"Output": 42}
    assert (await scene.started()).detail["mode"] == "warm"
    assert "said 41" in scene.log()
    assert finished.usage["cpu_seconds"] > 0


async def test_output_artifacts_are_stored_with_metadata(scene: Stage) -> None:
    source = (
        "def f(out: Output[Dataset], folder: Output[Dataset]):\n"
        "    import os\n"
        "    open(out.path, 'w').write('hello')\n"
        "    out.metadata['rows'] = 3\n"
        "    os.makedirs(folder.path + '/deep')\n"
        "    open(folder.path + '/deep/a', 'w').write('a')\n"
    )
    finished = await scene.run(lambda request, layout: python_spec(source, layout, artifacts=("out", "folder")))
    assert finished.failure is None, finished.failure
    assert finished.outputs is not None
    (out,), (folder,) = finished.outputs.artifacts["out"], finished.outputs.artifacts["folder"]
    assert out.metadata == {"rows": 3}
    assert b"".join(scene.blobs.read(out.digest)) == b"hello"
    assert folder.is_directory
    assert [entry.path for entry in scene.blobs.list_tree(folder.digest)] == ["deep/a"]


async def test_a_task_that_writes_to_its_input_does_not_change_the_stored_artifact(scene: Stage) -> None:
    blob = scene.blobs.put_bytes(b"original")
    source = "def f(data: Input[Dataset]):\n    open(data.path, 'a').write(' and more')\n    print(open(data.path).read())\n"
    spec = lambda request, layout: python_spec(source, layout, staged={"data": dataset(blob.digest)})  # noqa: E731
    finished = await scene.run(spec)
    assert finished.failure is None, finished.failure
    assert "original and more" in scene.log()
    assert b"".join(scene.blobs.read(blob.digest)) == b"original"


async def test_a_plain_file_without_digest_is_copied(scene: Stage, tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("from a file")
    source = "def f(data: Input[Dataset]):\n    print(open(data.path).read())\n"
    artifact = dataset(None, uri=f"file://{tmp_path}/plain.txt")
    finished = await scene.run(lambda request, layout: python_spec(source, layout, staged={"data": artifact}))
    assert finished.failure is None
    assert "from a file" in scene.log()


async def test_an_input_in_unreachable_storage_fails_with_its_address(scene: Stage) -> None:
    artifact = dataset(None, uri="gs://bucket/thing")
    finished = await scene.run(lambda request, layout: python_spec("def f(): pass\n", layout, staged={"data": artifact}))
    assert finished.failure is not None
    assert finished.failure.kind == FailureKind.INPUT
    assert "gs://bucket/thing" in finished.failure.message


async def test_large_parameters_pass(scene: Stage) -> None:
    source = "def f(x: str) -> int:\n    return len(x)\n"
    finished = await scene.run(lambda request, layout: python_spec(source, layout, inputs={"x": "y" * 300_000}, outputs=("Output",)))
    assert finished.outputs is not None
    assert finished.outputs.parameters == {"Output": 300_000}


async def test_an_exception_ends_in_a_failure_with_the_traceback_of_user_code_only(scene: Stage) -> None:
    finished = await scene.run(lambda request, layout: python_spec("def f():\n    raise ValueError('no such luck')\n", layout))
    assert finished.failure is not None
    assert finished.failure.kind == FailureKind.EXIT_CODE
    assert finished.exit_code == 1
    assert "exit code 1" in finished.failure.message
    assert "ValueError: no such luck" in finished.failure.message
    assert "python_task.py" not in scene.log()


@pytest.mark.parametrize("variables", [{}, {"PYTHONHASHSEED": "1"}], ids=["warm", "cold"])
async def test_streams_keep_their_order_in_the_log_and_stderr_is_told_apart(scene: Stage, variables: dict[str, str]) -> None:
    source = (
        "def f():\n"
        "    import sys, subprocess, warnings\n"
        "    print('one')\n"
        "    print('two', file=sys.stderr)\n"
        "    subprocess.run(['sh', '-c', 'echo three; echo four >&2'], check=True)\n"
        "    print('five')\n"
        "    warnings.warn('six')\n"
        "    raise ValueError('seven')\n"
    )
    finished = await scene.run(lambda request, layout: dataclasses.replace(python_spec(source, layout), env=variables))
    assert finished.exit_code == 1
    path = scene.executor.log_path(request_for("task").key)
    log = path.read_bytes()
    words = re.compile("(?:^|: )(one|two|three|four|five|six|seven)$", re.MULTILINE)
    assert words.findall(log.decode()) == ["one", "two", "three", "four", "five", "six", "seven"]
    key = request_for("task").key
    spans = AttemptLogFiles(path.parents[4]).stderr_spans(key.run_id, key.task_id, 0, start=0, end=len(log))
    told = "".join(log[begin:end].decode() for begin, end in spans)
    assert words.findall(told) == ["two", "six", "seven"]
    assert "Traceback (most recent call last)" in told
    [(begin, _)] = AttemptLogFiles(path.parents[4]).stderr_spans(key.run_id, key.task_id, 0, start=spans[0][1], end=spans[1][0] + 1)
    assert begin == spans[1][0]


async def test_a_syntax_error_in_the_source_fails_the_task_with_its_line(scene: Stage) -> None:
    finished = await scene.run(lambda request, layout: python_spec("def f() -> str:\n    return (1 +\n", layout, outputs=("Output",)))
    assert finished.failure is not None
    assert re.match(r"exit code 1: SyntaxError: .*\(ephemeral_component\.py, line \d+\)", finished.failure.message)
    assert "importlib" not in finished.failure.message
    assert "return (1 +" in finished.failure.message


async def test_exit_codes_and_exit_handlers_are_those_of_an_interpreter(scene: Stage) -> None:
    source = "def f():\n    import atexit, sys\n    atexit.register(lambda: print('handler ran'))\n    sys.exit(7)\n"
    finished = await scene.run(lambda request, layout: python_spec(source, layout))
    assert finished.exit_code == 7
    assert "handler ran" in scene.log()


async def test_a_missing_output_is_a_failure_of_its_own_kind(scene: Stage) -> None:
    finished = await scene.run(lambda request, layout: python_spec("def f():\n    pass\n", layout, outputs=("value",)))
    assert finished.failure is not None
    assert finished.failure.kind == FailureKind.OUTPUT


async def test_tasks_do_not_see_each_other_nor_the_server(scene: Stage, monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.invalid")
    source = (
        "def f() -> str:\n"
        "    import json, os, random, sys\n"
        "    links = [f'/proc/self/fd/{n}' for n in os.listdir('/proc/self/fd')]\n"
        "    return json.dumps({'env': dict(os.environ), 'cwd': os.getcwd(), 'files': os.listdir('.'),\n"
        "        'random': random.random(), 'ours': 'penstock' in sys.modules, 'sid': os.getsid(0), 'pid': os.getpid(),\n"
        "        'main': sys.modules['__main__'].__spec__.name, 'fds': [os.readlink(n) for n in links if os.path.exists(n)]})\n"
    )
    spec = lambda request, layout: python_spec(source, layout, outputs=("Output",), env={"MINE": "1"})  # noqa: E731
    seen = []
    for name in ("one", "two"):
        finished = await scene.run(spec, name)
        assert finished.outputs is not None, finished.failure
        seen.append(json.loads(finished.outputs.parameters["Output"]))
    one, two = seen
    assert one["random"] != two["random"]
    assert one["cwd"] != two["cwd"]
    assert one["files"] == []
    assert one["sid"] == one["pid"]
    assert one["main"] == "kfp.dsl.executor_main"
    assert one["env"]["MINE"] == "1"
    assert not one["ours"]
    assert len(one["fds"]) == 3, one["fds"]
    assert "http_proxy" not in one["env"]
    assert "PYTHONDONTWRITEBYTECODE" not in one["env"]


async def test_interpreter_variables_and_accelerators_get_an_interpreter_of_their_own(scene: Stage) -> None:
    source = "def f() -> str:\n    import sys\n    return str(sys.flags.hash_randomization)\n"
    spec = lambda request, layout: python_spec(source, layout, outputs=("Output",), env={"PYTHONHASHSEED": "0"})  # noqa: E731
    finished = await scene.run(spec)
    assert finished.outputs is not None, finished.failure
    assert finished.outputs.parameters == {"Output": "0"}
    assert (await scene.started()).detail["mode"] == "cold"


async def test_packages_a_task_installs_itself_stay_in_its_attempt(scene: Stage, tmp_path: Path) -> None:
    package = tmp_path / "own" / "ownpackage"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("word = 'installed'\n")
    (tmp_path / "own" / "pyproject.toml").write_text('[project]\nname = "ownpackage"\nversion = "1"\n')
    wheel = tmp_path / "ownpackage-1-py3-none-any.whl"
    _make_wheel(wheel)
    source = (
        "def f(wheel: str) -> str:\n"
        "    import subprocess, sys\n"
        "    subprocess.check_call([sys.executable, '-m', 'pip', 'install', '--quiet', '--no-index', wheel])\n"
        "    import ownpackage\n"
        "    return ownpackage.word\n"
    )
    spec = lambda request, layout: python_spec(source, layout, inputs={"wheel": str(wheel)}, outputs=("Output",))  # noqa: E731
    finished = await scene.run(spec)
    assert finished.outputs is not None, finished.failure
    assert finished.outputs.parameters == {"Output": "installed"}
    probe = "def f() -> bool:\n    import importlib.util\n    return importlib.util.find_spec('ownpackage') is None\n"
    finished = await scene.run(lambda request, layout: python_spec(probe, layout, outputs=("Output",)), "other")
    assert finished.outputs is not None
    assert finished.outputs.parameters == {"Output": True}


def _make_wheel(path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ownpackage/__init__.py", "word = 'installed'\n")
        archive.writestr("ownpackage-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: ownpackage\nVersion: 1\n")
        archive.writestr("ownpackage-1.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("ownpackage-1.dist-info/RECORD", "")


async def test_sockets_fit(scene: Stage) -> None:
    source = (
        "def f() -> int:\n"
        "    import socket, tempfile\n"
        "    name = tempfile.mkdtemp(prefix='pymp-') + '/listener-12345678'\n"
        "    with socket.socket(socket.AF_UNIX) as server:\n"
        "        server.bind(name)\n"
        "    return len(name) - len(tempfile.gettempdir())\n"
    )
    finished = await scene.run(lambda request, layout: python_spec(source, layout, outputs=("Output",)))
    assert finished.failure is None, finished.failure
    assert list((scene.data / "t").iterdir()) == []


async def test_a_whole_program_runs_as_the_main_module_with_its_arguments(scene: Stage) -> None:
    source = (
        "import sys, os, pickle\n"
        "class Thing: pass\n"
        "if __name__ == '__main__':\n"
        "    assert pickle.loads(pickle.dumps(Thing())).__class__ is Thing\n"
        "    print(sys.argv[1:], os.path.dirname(os.path.abspath(sys.argv[0])) == sys.path[0])\n"
        "    sys.exit('bad end')\n"
    )
    spec = ProcessSpec(argv=("x",), python=PythonTask(source, "", "__main__", "", runtime_mode=False, argv=("--a", "b c")))
    finished = await scene.run(spec)
    assert (await scene.started()).detail["mode"] == "warm"
    assert scene.log() == "['--a', 'b c'] True\nbad end\n"
    assert finished.exit_code == 1
