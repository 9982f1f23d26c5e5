"""A pipeline that takes a flow's table in three ways (Metaflow's client, tracker, importer) and makes one for flows."""

import sys

from kfp import Client, compiler, dsl
from kfp.dsl import Artifact, Dataset, Input, Output

PACKAGES = ["metaflow>=2.19", "boto3", "setuptools<81", "wandb==0.31.0", "pandas", "pyarrow"]


@dsl.component(packages_to_install=PACKAGES, base_image="python:3.11")
def by_client(run: str) -> int:
    from metaflow import Run, namespace

    namespace(None)
    return int(Run(run)["start"].task.data.frame["y"].sum())


@dsl.component(packages_to_install=PACKAGES, base_image="python:3.11")
def by_tracker(made: Output[Dataset]) -> int:
    import pandas as pd
    import wandb

    with wandb.init(project="frames") as run:
        folder = run.use_artifact("frame:latest").download()
        frame = pd.read_parquet(folder + "/frame.parquet")
        (frame * 2).to_parquet(made.path)
        artifact = wandb.Artifact("doubled", type="dataset")
        artifact.add_file(made.path, name="frame.parquet")
        run.log_artifact(artifact).wait()
    return int(frame["y"].sum())


@dsl.component(packages_to_install=PACKAGES, base_image="python:3.11")
def by_importer(frame: Input[Artifact]) -> int:
    import gzip
    import pickle

    with gzip.open(frame.path) as file:
        return int(pickle.load(file)["y"].sum())


@dsl.pipeline(name="frames")
def frames(run: str, uri: str):
    by_client(run=run)
    by_tracker()
    imported = dsl.importer(artifact_uri=uri, artifact_class=Artifact, reimport=False)
    by_importer(frame=imported.output)


compiler.Compiler().compile(frames, "frames.yaml")
print("RUN", Client(host=sys.argv[1]).create_run_from_pipeline_package("frames.yaml", arguments={"run": sys.argv[2], "uri": sys.argv[3]}).run_id)
