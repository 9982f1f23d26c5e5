"""Artifacts: directories, metadata, a model's framework, writing to an input leaves the original alone."""

from kfp import dsl
from kfp.dsl import Input, Model, Output

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {"state": "SUCCEEDED", "outputs": {"spoil.Output": ["a"], "read.Output": ["a b sklearn 2"]}}


@dsl.component
def train(model: Output[Model]):
    import os

    os.makedirs(os.path.join(model.path, "deep"))
    for name in ("a", "deep/b"):
        with open(os.path.join(model.path, name), "w") as file:
            file.write(name[-1])
    model.framework = "sklearn"
    model.metadata["files"] = 2


@dsl.component
def spoil(model: Input[Model]) -> str:
    import os

    path = os.path.join(model.path, "a")
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write("spoiled")
    return text


@dsl.component
def read(model: Input[Model], after: str) -> str:
    import os

    texts = []
    for name in ("a", "deep/b"):
        with open(os.path.join(model.path, name)) as file:
            texts.append(file.read())
    return f"{' '.join(texts)} {model.framework} {int(model.metadata['files'])}"


@dsl.pipeline(name="artifacts")
def pipeline():
    trained = train()
    spoiled = spoil(model=trained.outputs["model"])
    read(model=trained.outputs["model"], after=spoiled.output)
