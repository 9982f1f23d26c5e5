"""Imported artifacts in the workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.errors import InvalidArgumentError, UnavailableError
from penstock.domain.ids import ArtifactId, Digest, RunId
from penstock.engine.workspace import BlobWorkspaceStager, place_of
from penstock.stores.blobs.local import LocalBlobStore


def _artifact(uri: str, digest: Digest | None) -> ArtifactRef:
    return ArtifactRef(ArtifactId(1), "a", ArtifactType(), uri, {}, digest)


async def test_content_is_copied_to_its_place_and_again(tmp_path: Path) -> None:
    blobs = LocalBlobStore(tmp_path / "blobs")
    digest = blobs.put_bytes(b"data").digest
    stager = BlobWorkspaceStager(blobs, lambda run_id: tmp_path / run_id / "workspace")
    for _ in range(2):
        await stager.stage(RunId("r"), _artifact("gs://bucket/a/b.csv", digest))
    target = tmp_path / "r" / "workspace" / ".artifacts" / "gs" / "bucket" / "a" / "b.csv"
    assert target.read_bytes() == b"data"
    assert [path.name for path in target.parent.iterdir()] == ["b.csv"]


@pytest.mark.parametrize("digest", [None, Digest(f"sha256:{'0' * 64}")])
async def test_content_that_is_not_here_is_refused(tmp_path: Path, digest: Digest | None) -> None:
    stager = BlobWorkspaceStager(LocalBlobStore(tmp_path / "blobs"), lambda run_id: tmp_path / run_id)
    with pytest.raises(UnavailableError):
        await stager.stage(RunId("r"), _artifact("gs://bucket/x", digest))


@pytest.mark.parametrize("uri", ["plain", "gs://", "gs://a/../../etc/passwd", "../x://a", "gs://a/\x00"])
def test_uris_that_lead_elsewhere_are_refused(uri: str) -> None:
    with pytest.raises(InvalidArgumentError):
        place_of(uri)
