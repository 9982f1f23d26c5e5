"""The workspace of a run takes in files of this machine that an importer names."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.errors import UnavailableError
from penstock.domain.ids import ArtifactId, RunId
from penstock.server.workspaces import RunWorkspaces
from penstock.stores.blobs.local import LocalBlobStore

RUN = RunId("r")


def imported(uri: str) -> ArtifactRef:
    return ArtifactRef(ArtifactId(1), "artifact", ArtifactType("system.Dataset"), uri)


@pytest.fixture
def workspaces(tmp_path: Path) -> RunWorkspaces:
    return RunWorkspaces(tmp_path / "runs", LocalBlobStore(tmp_path / "blobs"))


@pytest.mark.parametrize("scheme", ["", "file://"])
async def test_a_local_file_and_a_local_directory_are_copied(workspaces: RunWorkspaces, tmp_path: Path, scheme: str) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "a.csv").write_text("a")
    place = workspaces.path(RUN) / ".artifacts" / "file" / str(tmp_path / "given").lstrip("/")
    await workspaces.stage(RUN, imported(f"{scheme}{folder}"))
    assert (place / "a.csv").read_text() == "a"
    (folder / "a.csv").write_text("changed")
    await workspaces.stage(RUN, imported(f"{scheme}{folder}/a.csv"))  # a copy that is there is kept
    assert (place / "a.csv").read_text() == "a"


@pytest.mark.parametrize("uri", ["/no/such/file", "s3://bucket/key", "relative/file"])
async def test_what_is_not_here_is_refused_by_name(workspaces: RunWorkspaces, uri: str) -> None:
    with pytest.raises(UnavailableError, match=f"the content of {uri} is not on this server"):
        await workspaces.stage(RUN, imported(uri))
