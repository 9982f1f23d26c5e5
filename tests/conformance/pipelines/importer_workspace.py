"""An importer that downloads into the workspace of the run."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Output

SDKS = ("2.17.0",)
EXPECT = {"state": "SUCCEEDED", "outputs": {"read.Output": ["imported"]}}


@dsl.component
def write(data: Output[Dataset]) -> str:
    with open(data.path, "w") as file:
        file.write("imported")
    return data.uri


@dsl.component
def read(data: Input[Artifact]) -> str:
    assert "/.artifacts/" in data.path, data.path
    with open(data.path) as file:
        return file.read()


@dsl.pipeline(
    name="importer-workspace",
    pipeline_config=dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size="1Gi")),
)
def pipeline():
    written = write()
    imported = dsl.importer(
        artifact_uri=written.outputs["Output"], artifact_class=Dataset, reimport=False, download_to_workspace=True
    )
    read(data=imported.output)
