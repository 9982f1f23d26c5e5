"""Python that fetches an artifact, for each client. Every text here runs as it stands; tests/browser/test_artifact_pages.py runs them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from penstock.domain.versions import ArtifactVersion, Collection
from penstock.interfaces.pages import ArtifactItem

CLIENTS: Sequence[str] = ("In a run", "Without a run", "In a pipeline", "As an imported file", "In a flow", "In plain Python")
"""Headings, translated by the template."""
_KFP_CLASSES = frozenset({"Artifact", "ClassificationMetrics", "Dataset", "HTML", "Markdown", "Metrics", "Model"})


def version_snippets(url: str, collection: Collection, index: int, version: ArtifactVersion, first_file: str) -> list[tuple[str, str]]:
    """Return (client, code) that fetches a version; `first_file` is the path of one of its files, empty without files."""
    path = f"{collection.entity}/{collection.project}/{collection.name}:v{index}"
    found = [
        (
            "In a run",
            (
                f'import wandb\n\nwith wandb.init() as run:\n    artifact = run.use_artifact("{path}", type="{version.type_name}")\n'
                "    folder = artifact.download()"
            ),
        ),
        ("Without a run", f'import wandb\n\nfolder = wandb.Api().artifact("{path}").download()'),
        (
            "In a pipeline",
            (
                'from kfp import dsl\n\n\n@dsl.component(packages_to_install=["wandb"])\ndef use_artifact(data: dsl.Output[dsl.Dataset]):\n'
                f'    import wandb\n\n    with wandb.init() as run:\n        run.use_artifact("{path}").download(root=data.path)'
            ),
        ),
    ]
    if first_file:
        address = f"{url}/ui/tracking/versions/{version.version_id}/files/{quote(first_file)}?download=1"
        found.append(("As an imported file", _importer(address, "Artifact")))
    found.append(("In a flow", _flow(f'import wandb\n\n        self.folder = wandb.Api().artifact("{path}").download()', "folder")))
    return found


def artifact_snippets(url: str, artifact: ArtifactItem) -> list[tuple[str, str]]:
    """Return (client, code) that fetches an artifact of a task."""
    name = re.sub(r"[^\w.-]", "_", artifact.name or artifact.output_key or "artifact")
    kind = artifact.type.removeprefix("system.")
    found = [("In a pipeline", _importer(artifact.uri, kind if kind in _KFP_CLASSES else "Artifact"))]
    if artifact.digest is None:
        return found
    address = f"{url}/ui/artifacts/{artifact.artifact_id}/download"
    file = name + (".zip" if artifact.is_directory else "")
    fetch = f'urllib.request.urlretrieve("{address}", "{file}")'
    return [
        *found,
        (
            "In a run",
            (
                f'import urllib.request\n\nimport wandb\n\n{fetch}\nwith wandb.init() as run:\n    artifact = wandb.Artifact("{name}", '
                f'type="{kind.lower()}")\n    artifact.add_file("{file}")\n    run.use_artifact(artifact)'
            ),
        ),
        ("In a flow", _flow(f"import urllib.request\n\n        self.file = {fetch}[0]", "file")),
        ("In plain Python", f"import urllib.request\n\n{fetch}"),
    ]


def _importer(uri: str, kind: str) -> str:
    return (
        f"from kfp import dsl\n\n\n@dsl.component\ndef read(data: dsl.Input[dsl.{kind}]):\n    print(data.path)\n\n\n"
        f'@dsl.pipeline\ndef use_artifact():\n    imported = dsl.importer(\n        artifact_uri="{uri}",\n'
        f"        artifact_class=dsl.{kind},\n        reimport=False,\n    )\n    read(data=imported.output)"
    )


def _flow(body: str, field: str) -> str:
    return (
        f"from metaflow import FlowSpec, step\n\n\nclass UseArtifact(FlowSpec):\n    @step\n    def start(self):\n        {body}\n"
        f"        self.next(self.end)\n\n    @step\n    def end(self):\n        print(self.{field})\n\n\n"
        'if __name__ == "__main__":\n    UseArtifact()'
    )
