from __future__ import annotations

import os
import tempfile
from pathlib import PurePosixPath

import pytest
from tests.executors.stage import python_spec, shell

from penstock.domain.artifacts import ArtifactType
from penstock.domain.execution import AttemptLayout, EnvironmentRequest, LaunchRequest, Mount, OutputArtifactPath, ProcessSpec
from penstock.executors.process import namespaces

SECRET = Mount(target=PurePosixPath("/mnt/penstock-test/secret"), files={"key": b"hunter2"})
VOLUME = Mount(target=PurePosixPath("/penstock-volume"), volume="shared", sub_path="part")


@pytest.fixture
def namespace() -> None:
    if not namespaces.probe():
        pytest.skip("this host allows no mount namespaces")


async def test_mounts_appear_at_their_literal_paths(open_stage, namespace) -> None:
    script = "cat /mnt/penstock-test/secret/key; echo kept > /penstock-volume/file; ls /tmp /usr > /dev/null; echo x > /tmp/own; pwd"
    async with open_stage(has_namespace=True) as scene:
        finished = await scene.run(shell(script, mounts=(SECRET, VOLUME)))
        assert finished.failure is None, finished.failure
        assert scene.log().startswith("hunter2")
        assert (scene.data / "volumes" / "shared" / "part" / "file").read_text() == "kept\n"
    assert not is_there("/penstock-volume")
    assert not is_there("/mnt/penstock-test")


async def test_mounts_work_in_a_fork_of_a_warm_parent(open_stage, namespace) -> None:
    source = "def f() -> str:\n    return open('/mnt/penstock-test/secret/key').read()\n"
    async with open_stage(has_namespace=True) as scene:
        finished = await scene.run(lambda request, layout: python_spec(source, layout, outputs=("Output",), mounts=(SECRET,)))
        assert finished.outputs is not None, finished.failure
        assert finished.outputs.parameters == {"Output": "hunter2"}
        assert (await scene.started()).detail["mode"] == "warm"


async def test_literal_paths_below_tmp_are_private_to_the_task(open_stage, namespace) -> None:
    mounts = (Mount(target=PurePosixPath("/tmp/outputs/result")),)
    async with open_stage(has_namespace=True) as scene:
        script = "echo 5 > /tmp/outputs/result/data; touch /tmp/private; cat ../mounts/tmp/outputs/result/data"
        finished = await scene.run(shell(script, mounts=mounts))
        assert finished.failure is None, finished.failure
        assert scene.log() == "5\n"
    assert not is_there("/tmp/outputs/result")
    assert not is_there("/tmp/private")


async def test_a_read_only_mount_refuses_writing(open_stage, namespace) -> None:
    mount = Mount(target=PurePosixPath("/penstock-volume"), volume="shared", read_only=True)
    async with open_stage(has_namespace=True) as scene:
        assert (await scene.run(shell("touch /penstock-volume/file", mounts=(mount,)))).failure is not None


async def test_without_a_namespace_mounts_are_found_below_the_stand_in(open_stage) -> None:
    async with open_stage(has_namespace=False) as scene:
        spec = lambda request, layout: shell(  # noqa: E731
            f"cat {layout.mounts}/mnt/penstock-test/secret/key; echo kept > {layout.mounts}/penstock-volume/file", mounts=(SECRET, VOLUME)
        )
        finished = await scene.run(spec)
        assert finished.failure is None, finished.failure
        assert scene.log() == "hunter2"
        assert (scene.data / "volumes" / "shared" / "part" / "file").read_text() == "kept\n"


@pytest.mark.parametrize("mount", [Mount(PurePosixPath("/v"), volume="../up"), Mount(PurePosixPath("/v"), volume="v", sub_path="../../up")])
async def test_volumes_cannot_be_left_by_name(open_stage, mount: Mount) -> None:
    async with open_stage() as scene:
        finished = await scene.run(ProcessSpec(argv=("true",), environment=EnvironmentRequest(), mounts=(mount,)))
        assert finished.failure is not None
        assert "not allowed" in finished.failure.message or "not a name" in finished.failure.message


def is_there(path: str) -> bool:
    return os.path.exists(path)


async def test_directories_of_the_host_stay_visible_in_a_private_tmp(open_stage, namespace) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as shared:
        async with open_stage(has_namespace=True) as scene:
            script = f"touch {shared}/here; touch /tmp/penstock-not-there; ls {shared}"
            finished = await scene.run(shell(script, mounts=(Mount(PurePosixPath("/tmp/outputs/result")),)))
            assert finished.failure is None, finished.failure
            assert scene.log() == "here\n"
        assert is_there(f"{shared}/here")
    assert not is_there("/tmp/penstock-not-there")


async def test_outputs_are_found_though_the_data_folder_lies_below_a_mounts_target(open_stage, namespace) -> None:
    def spec(request: LaunchRequest, layout: AttemptLayout) -> ProcessSpec:
        above = PurePosixPath(*layout.root.parts[:2])  # `/tmp` in most places
        path = layout.mounts / "result" / "data"
        outputs = (OutputArtifactPath("data", path, ArtifactType("system.Artifact"), "minio://b/data"),)
        mounts = (Mount(above, source=layout.mounts / "above"),)
        return ProcessSpec(argv=("sh", "-c", f"echo found > {path}"), mounts=mounts, directories=(path.parent,), output_artifacts=outputs)

    async with open_stage(has_namespace=True) as scene:
        finished = await scene.run(spec)
        assert finished.failure is None, finished.failure
        assert finished.outputs is not None
        assert finished.outputs.artifacts["data"][0].digest is not None


async def test_a_volume_that_nobody_made_is_a_warning_the_first_time(open_stage) -> None:
    async with open_stage(has_namespace=False) as scene:
        for name in ("first", "second"):
            assert (await scene.run(shell("true", mounts=(VOLUME,)), name)).failure is None
        made = Mount(target=PurePosixPath("/penstock-volume"), volume="made")
        assert (await scene.run(shell("true", mounts=(made,), create_volumes=("made",)), "third")).failure is None
        warnings = [(await scene.started(name)).detail["warnings"] for name in ("first", "second", "third")]
    assert warnings == [["Volume 'shared' did not exist: the task gets a new, empty one of that name."], [], []]


async def test_removing_a_volume_that_is_not_there_is_a_warning(open_stage) -> None:
    async with open_stage(has_namespace=False) as scene:
        assert (await scene.run(ProcessSpec(argv=(), create_volumes=("made",)), "making")).failure is None
        for name in ("first", "second"):
            assert (await scene.run(ProcessSpec(argv=(), delete_volumes=("made",)), name)).failure is None
        warnings = [(await scene.started(name)).detail["warnings"] for name in ("first", "second")]
    assert warnings == [[], ["There was no volume 'made' to remove."]]
