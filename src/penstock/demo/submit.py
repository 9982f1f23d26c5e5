"""Submits a version of the digits pipeline with the unmodified `kfp.Client`; runs in the demonstration's environment.

Called as `python submit.py first|second`, with KF_PIPELINES_ENDPOINT set. Prints `version <pipeline id> <version id> <name>` when it
uploaded something, and `run <id>` as its last line. A version that is there already, with the same definition, is run again.
"""

import hashlib
import sys
import tempfile
from pathlib import Path

import digits
import kfp
from kfp import compiler

NAME = "Digits demonstration"
DESCRIPTION = "Trains small models on handwritten digits; uploaded by penstock demo."


def upload(client: kfp.Client, label: str, package: Path) -> tuple[str, str]:
    """Return pipeline and version with this definition, uploaded unless it is there."""
    name = f"{label} version ({hashlib.sha256(package.read_bytes()).hexdigest()[:6]})"
    pipeline_id = client.get_pipeline_id(NAME)
    if pipeline_id is None:
        pipeline_id = client.upload_pipeline(str(package), pipeline_name=NAME, description=DESCRIPTION).pipeline_id
        version_id = client.list_pipeline_versions(pipeline_id).pipeline_versions[0].pipeline_version_id
    else:
        known = client.list_pipeline_versions(pipeline_id, page_size=100).pipeline_versions or []
        found = next((version for version in known if version.display_name == name), None)
        if found is not None:
            return pipeline_id, found.pipeline_version_id
        version_id = client.upload_pipeline_version(str(package), name, pipeline_id=pipeline_id).pipeline_version_id
    print(f"version {pipeline_id} {version_id} {name}")
    return pipeline_id, version_id


def main(label: str) -> None:
    """Compile, upload and submit a version."""
    pipeline = {"first": digits.first_version, "second": digits.second_version}[label]
    client = kfp.Client()
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "digits.yaml"
        compiler.Compiler().compile(pipeline, str(package))
        pipeline_id, version_id = upload(client, label, package)
    experiment = client.create_experiment("Demonstration")
    run = client.run_pipeline(experiment.experiment_id, f"digits, {label} version", pipeline_id=pipeline_id, version_id=version_id)
    print(f"run {run.run_id}")


if __name__ == "__main__":
    main(sys.argv[1])
