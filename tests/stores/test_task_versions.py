"""Artifacts of pipeline tasks become versions when somebody asks: in time order, once, with their bytes where they are. Both databases."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from penstock.domain.ids import Digest, TrackedRunId
from penstock.domain.versions import ManifestEntry, ManifestKind, NewVersion, UseDirection
from penstock.lineage.service import LineageService
from penstock.server.wandb import build_artifacts
from penstock.stores.blobs.local import LocalBlobStore
from penstock.stores.sql.database import Database
from penstock.stores.sql.lineage import SqlLineageStore
from penstock.stores.sql.tracking_task_versions import SqlTaskVersionStore
from penstock.stores.sql.versions import SqlVersionStore
from penstock.tracking.artifact_uploads import ArtifactUploads
from penstock.tracking.artifacts import ArtifactService, hex_md5
from penstock.tracking.manifests import manifest_text, read_entries
from penstock.tracking.task_versions import TaskVersionService
from tests.support.histories import History
from tests.support.tracking import HandClock

INPUT, OUTPUT = UseDirection.INPUT, UseDirection.OUTPUT


@dataclass
class World:
    """Tasks that ended, and the service that makes their artifacts versions."""

    history: History
    blobs: LocalBlobStore
    artifacts: ArtifactService
    uploads: ArtifactUploads
    service: TaskVersionService

    def ended(self, name: str, *, at: float, job: str = "") -> int:
        """A task with its record, ended at a time; the run's id."""
        run = self.history.run(name, task=self.history.task(name), job=job or name)
        self.history.database.write_sync(
            lambda tx: tx.execute("UPDATE tracked_run SET artifacts_pending = 1, finished_at = ? WHERE run_id = ?", (at, run))
        )
        return run

    def made(self, task: str, key: str, digest: Digest | None, *, folder: bool = False, uri: str = "") -> int:
        """An artifact that a task made; its id."""
        number = next(self.history.numbers)
        self.history.add(
            "artifact", artifact_id=number, run_id="run-1", task_id=task, name=key, output_key=key, type="system.Dataset",
            uri=uri or f"minio://b/{task}/{key}", digest=digest, size_bytes=None, is_directory=int(folder), metadata='{"rows": 7}',
            created_at=float(number),
        )  # fmt: skip
        self.history.use(f"task:{task}", number, "output", key=key)
        return number

    def names(self, run: int, direction: UseDirection) -> list[str]:
        """Versions of a run."""
        self.service.settle_run(TrackedRunId(run))
        return [f"{v.collection_name}:v{v.version_index}" for v in self.artifacts.of_run(TrackedRunId(run), direction)[0]]

    def files(self, run: int) -> dict[str, bytes]:
        """Bytes of the only version that a run logged, by path, found as a download finds them."""
        [version] = self.artifacts.of_run(TrackedRunId(run), OUTPUT)[0]
        found = {}
        for entry in self.artifacts.listing(version).all():
            content = self.artifacts.content(version.project_id, hex_md5(entry.digest))
            assert content is not None
            found[entry.path] = b"".join(self.blobs.read(content.blob_digest))
        return found

    def lineage(self, ref: str) -> set[tuple[str, str, str]]:
        """Edges around a thing."""

        def contents(manifests: Sequence[Digest]) -> list[list[str]]:
            return [
                [hex_md5(entry.digest) for entry in read_entries(self.blobs.read(digest))] for digest in manifests
            ]

        graph = asyncio.run(LineageService(SqlLineageStore(self.history.database), contents).around(ref))
        return {(edge.source, edge.kind.value, edge.target) for edge in graph.edges}


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    history, blobs = History(database), LocalBlobStore(tmp_path / "blobs")
    history.begin()
    artifacts = build_artifacts(database, tmp_path, blobs, HandClock())
    versions = SqlVersionStore(database)
    service = TaskVersionService(SqlTaskVersionStore(database), artifacts, versions, blobs, birth_id=str)
    return World(history, blobs, artifacts, ArtifactUploads(versions, blobs, HandClock()), service)


def test_versions_follow_the_order_in_which_tasks_ended_whoever_is_asked_first(world: World) -> None:
    digests = [world.blobs.put_bytes(text).digest for text in (b"one", b"two", b"one")]
    runs = [world.ended(f"make-{i}", at=10.0 + i, job="make") for i in range(3)]
    for number, digest in enumerate(digests):
        world.made(f"make-{number}", "data", digest)
    assert world.names(runs[1], OUTPUT) == ["make.data:v1"]
    assert [world.names(run, OUTPUT) for run in runs] == [["make.data:v0"], ["make.data:v1"], ["make.data:v0"]]
    [version] = world.artifacts.of_run(TrackedRunId(runs[1]), OUTPUT)[0]
    assert (version.type_name, version.creator_run_id, json.loads(version.metadata or "")) == ("dataset", runs[1], {"rows": 7})
    assert world.files(runs[1]) == {"data": b"two"}


def test_outputs_of_both_dialects_are_named_alike(world: World) -> None:
    run = world.ended("train-model", at=1.0)
    world.made("train-model", "train-model-weights", world.blobs.put_bytes(b"w").digest)
    assert world.names(run, OUTPUT) == ["train-model.weights:v0"]


def test_asking_again_changes_nothing_and_new_tasks_are_taken_up(world: World) -> None:
    run = world.ended("make", at=1.0)
    world.made("make", "data", world.blobs.put_bytes(b"x").digest)
    for _ in range(2):
        assert world.names(run, OUTPUT) == ["make.data:v0"]
    later = world.ended("use", at=2.0)
    world.history.use("task:use", artifact := world.made("make", "more", world.blobs.put_bytes(b"y").digest), "input", key="in")
    assert world.names(later, INPUT) == ["make.more:v0"]
    assert world.lineage(f"artifact:{artifact}") == world.lineage("version:ann/p/make.more:v0") != set()


def test_a_folder_is_a_version_of_its_files_and_one_node_of_lineage(world: World, tmp_path: Path) -> None:
    (tmp_path / "d" / "sub").mkdir(parents=True)
    (tmp_path / "d" / "a.txt").write_bytes(b"alpha")
    (tmp_path / "d" / "sub" / "b").write_bytes(b"beta")
    run = world.ended("make", at=1.0)
    artifact = world.made("make", "model", world.blobs.put_path(tmp_path / "d", move=False).digest, folder=True)
    edges = world.lineage(f"artifact:{artifact}")
    assert world.names(run, OUTPUT) == ["make.model:v0"]
    assert world.files(run) == {"a.txt": b"alpha", "sub/b": b"beta"}
    assert world.lineage("version:ann/p/make.model:v0") == world.lineage(f"artifact:{artifact}") == edges


def test_what_the_tasks_own_program_told_is_neither_doubled_nor_lost_to_its_readers(world: World) -> None:
    told, reader = world.ended("told", at=1.0), world.ended("reader", at=2.0)
    stored = world.blobs.put_bytes(b"same")
    artifact = world.made("told", "data", stored.digest)
    world.history.use("task:reader", artifact, "input", key="data")
    new = NewVersion(1, "kfp_artifact", "data", "d" * 32, 1.0, "ann", creator_run_id=TrackedRunId(told))
    version = world.artifacts.create(new)
    with_md5 = world.blobs.open_upload()
    with_md5.write(b"same")
    blob = with_md5.finish()
    assert blob.md5 is not None
    world.uploads.take_file(version.version_id, blob.md5, blob)
    entry = base64.b64encode(bytes.fromhex(blob.md5)).decode()
    text = b"".join(manifest_text([ManifestEntry("data", entry, 4)]))
    manifest = world.uploads.announce_manifest(version.version_id, "m", kind=ManifestKind.FULL)
    world.uploads.take_manifest(manifest.manifest_id, world.blobs.put_bytes(text))
    world.artifacts.commit(version.version_id)
    assert world.names(reader, INPUT) == ["data:v0"]
    assert world.names(told, OUTPUT) == ["data:v0"]


def test_values_in_files_lost_bytes_and_taken_names_harm_nobody(world: World) -> None:
    run = world.ended("make", at=1.0)
    world.history.database.write_sync(lambda tx: tx.execute("UPDATE task SET outputs = '{\"parameters\": {\"value\": 3}}' WHERE task_id = 'make'"))
    for key, digest in (
        ("gone", Digest("sha256:" + "0" * 64)), ("none", None), ("value", world.blobs.put_bytes(b"3").digest),
        ("data", world.blobs.put_bytes(b"d").digest),
    ):  # fmt: skip
        world.made("make", key, digest)
    world.history.version("make.data", "sha256:m")  # of type `model`, made by somebody else
    assert world.names(run, OUTPUT) == ["make.data.dataset:v0"]
