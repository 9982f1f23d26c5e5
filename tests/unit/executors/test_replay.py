"""The program that runs an attempt elsewhere: what it is told, and that it does it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.execution import OutputArtifactPath, ProcessSpec, StagedArtifact
from penstock.domain.ids import ArtifactId
from penstock.executors.process.replay import ROOT, replay_document
from penstock.web.runs import replay_script

COPY = f'printf "%s\\n" "$GREETING" && cat {ROOT}/inputs/data > {ROOT}/outputs/copy && exit 3'


def test_a_command_runs_again_below_its_own_folder_and_secrets_stay_on_the_server(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("kept bytes")
    source = ArtifactRef(ArtifactId(7), "data", ArtifactType(), f"file://{tmp_path}/data")
    spec = ProcessSpec(
        argv=("sh", "-c", COPY),
        env={"GREETING": f"work is in {ROOT}/work"},
        secret_env={"TOKEN": "swordfish"},
        staged=(StagedArtifact(source, ROOT / "inputs" / "data"),),
        output_artifacts=(OutputArtifactPath("copy", ROOT / "outputs" / "copy", ArtifactType(), "minio://x/copy"),),
    )
    document = replay_document(spec, packages=["a==1"], python="3.11.2", address_of=lambda artifact: artifact.uri.removeprefix("file://"))
    assert "swordfish" not in json.dumps(document)
    document |= {"title": "copy of a run", "server": "http://127.0.0.1:1"}
    program = tmp_path / "replay_copy.py"
    program.write_text(Path(replay_script.__file__).read_text().replace('"@task@"', json.dumps(json.dumps(document))))
    done = subprocess.run([sys.executable, str(program), "--here"], capture_output=True, text=True, check=False, cwd=tmp_path)
    folder = tmp_path / "replay_copy"
    assert done.returncode == 3, done.stderr
    assert done.stdout == f"work is in {folder}/work\n"
    assert (folder / "outputs" / "copy").read_text() == "kept bytes"
    assert f"output copy: {folder}/outputs/copy" in done.stderr
    assert "set the variable TOKEN yourself" in done.stderr
