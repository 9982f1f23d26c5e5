"""The workspace: one directory for all tasks of a run, never that of another run."""

from kfp import dsl

SDKS = ("2.17.0",)
EXPECT = {"state": "SUCCEEDED", "outputs": {"read.Output": ["from the workspace"]}}


@dsl.component
def write(folder: str) -> str:
    import os

    assert not os.path.exists(os.path.join(folder, "file.txt"))
    with open(os.path.join(folder, "file.txt"), "w") as file:
        file.write("from the workspace")
    return "file.txt"


@dsl.component
def read(path: str, name: str) -> str:
    assert path.endswith("/" + name), path
    with open(path) as file:
        return file.read()


@dsl.pipeline(name="workspace", pipeline_config=dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size="1Gi")))
def pipeline():
    written = write(folder=dsl.WORKSPACE_PATH_PLACEHOLDER)
    read(path=f"{dsl.WORKSPACE_PATH_PLACEHOLDER}/{written.output}", name=written.output)
