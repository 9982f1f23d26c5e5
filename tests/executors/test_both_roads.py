"""The warm fork and the compiled command must give the same result, for every generation of the SDK."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest
from tests.executors.stage import Stage, python_spec, request_for

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.ids import ArtifactId
from penstock.executors.process.inside import stderr_marks

GENERATIONS = {
    "kfp==2.0.1": ("kfp.components.executor_main", False),
    "kfp==2.7.0": ("kfp.dsl.executor_main", True),
    "kfp==2.17.0": ("kfp.dsl.executor_main", True),
}

SOURCE = """
def f(
    x: int, words: List[str], data: Input[Dataset], out: Output[Model], text: OutputPath(str)
) -> NamedTuple('R', [('a', int), ('b', dict)]):
    import os, sys, json, subprocess, tempfile
    from collections import namedtuple
    print('to stdout', words)
    sys.stderr.write('to stderr\\n')
    os.write(1, b'raw bytes\\n')
    subprocess.run(['sh', '-c', 'echo from a shell'], check=True)
    with open(out.path, 'w') as file:
        file.write(open(data.path).read().upper())
    out.metadata['score'] = 0.5
    with open(text, 'w') as file:
        file.write('plain text')
    seen = {
        'argv': [word for word in sys.argv[1:] if not word.startswith(('/', '{'))],
        'argv0': os.path.basename(sys.argv[0]),
        'path0': sys.path[0] == os.getcwd() or sys.path[1] == os.getcwd(),
        'main': sys.modules['__main__'].__spec__.name,
        'name': __name__,
        'tmp': os.path.isdir(tempfile.gettempdir()),
        'uri': out.uri[:9],
        'path': out.path.endswith('/out'),
        'python': sys.version_info[:2],
    }
    plain = Dataset(name='p', uri='/some/where')
    seen['plain'] = plain.path
    return namedtuple('R', ['a', 'b'])(x * 2, seen)
"""

FAILING = """
def f(x: int):
    print('before')
    raise RuntimeError('boom %d' % x)
"""


def spec_maker(requirement: str, source: str, blob, *, is_warm: bool):
    module, is_runtime = GENERATIONS[requirement]

    data = ArtifactRef(ArtifactId(1), "data", ArtifactType(), "minio://in/data", digest=blob.digest)

    def make(request, layout):
        spec = python_spec(
            source,
            layout,
            inputs={"x": 21, "words": ["a", "b"]} if source is SOURCE else {"x": 3},
            requirement=requirement,
            module=module,
            is_runtime=is_runtime,
            outputs=("a", "b", "text") if source is SOURCE else (),
            artifacts=("out",) if source is SOURCE else (),
            staged={"data": data} if source is SOURCE else {},
        )
        return spec if is_warm else dataclasses.replace(spec, python=None)

    return make


@pytest.mark.parametrize("requirement", GENERATIONS)
async def test_results_artifacts_and_log_are_equal(scene: Stage, requirement: str) -> None:
    blob = scene.blobs.put_bytes(b"input text")
    results = {}
    for name, is_warm in (("warm", True), ("command", False)):
        finished = await scene.run(spec_maker(requirement, SOURCE, blob, is_warm=is_warm), name)
        assert finished.outputs is not None, finished.failure
        assert (await scene.started(name)).detail["mode"] == name
        (out,) = finished.outputs.artifacts["out"]
        parameters = dict(finished.outputs.parameters)
        results[name] = (parameters, out.digest, out.metadata, out.uri, *streams_of(scene, name))
    assert results["warm"][0]["a"] == 42
    assert results["warm"][0]["text"] == "plain text"
    assert results["warm"][0]["b"]["plain"] == "/some/where"
    assert json.dumps(results["warm"]) == json.dumps(results["command"])


@pytest.mark.parametrize("requirement", GENERATIONS)
async def test_failures_are_equal(scene: Stage, requirement: str) -> None:
    blob = scene.blobs.put_bytes(b"input text")
    seen = []
    for name, is_warm in (("warm", True), ("command", False)):
        finished = await scene.run(spec_maker(requirement, FAILING, blob, is_warm=is_warm), name)
        assert finished.failure is not None
        traceback = comparable(scene.log(name)).partition("Traceback")[2]
        user = traceback[traceback.index("executor_main()") :]
        seen.append((finished.exit_code, finished.failure.kind, user))
    assert seen[0] == seen[1]
    assert "RuntimeError: boom 3" in seen[0][2]


def streams_of(scene: Stage, name: str) -> tuple[str, str]:
    """What an attempt wrote to stdout and to stderr. The order between the two is that of arrival where a command has a pipe for stderr."""
    path = scene.executor.log_path(request_for(name).key)
    data, errors, rest, place = path.read_bytes(), b"", b"", 0
    for begin, end in stderr_marks.RECORD.iter_unpack(path.with_name(stderr_marks.NAME).read_bytes()):
        rest, errors, place = rest + data[place:begin], errors + data[begin:end], end
    return comparable((rest + data[place:]).decode()), comparable(errors.decode())


def comparable(log: str) -> str:
    """Take out what differs between any two starts: times, directories."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+", "TIME", log)
    text = re.sub(r"/[^\s\"'`,]*/(tmp\.\w+|program)/", "/PROGRAM/", text)
    text = re.sub(r"\"/[^\s\"]*/tmp\.\w+\"|\"/[^\s\"]*/program\"", '"/PROGRAM"', text)
    return re.sub(r"/runs/run-1/\w+/0", "/ATTEMPT", text)
