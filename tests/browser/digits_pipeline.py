"""The pipeline behind the seeded pages: loop, condition, exit handler, metrics. Compiled by the real SDK; never run by the seed."""

from typing import NamedTuple

from kfp import compiler, dsl
from kfp.dsl import HTML, ClassificationMetrics, Dataset, Input, Markdown, Metrics, Model, Output


@dsl.component(base_image="python:3.11", packages_to_install=["scikit-learn==1.5.2", "numpy"])
def load_digits(rows: int, dataset: Output[Dataset]):
    """Loads the digits that come with scikit-learn."""
    import numpy as np
    from sklearn.datasets import load_digits as load

    data = load()
    np.savez(dataset.path, x=data.data[:rows], y=data.target[:rows])


@dsl.component(base_image="python:3.11", packages_to_install=["numpy"])
def preprocess(dataset: Input[Dataset], train: Output[Dataset], test: Output[Dataset], test_share: float = 0.2):
    """Scales to 0..1 and splits."""
    print(dataset.path, train.path, test.path, test_share)


@dsl.component(base_image="python:3.11", packages_to_install=["scikit-learn==1.5.2"])
def train_model(train: Input[Dataset], learning_rate: float, model: Output[Model], metrics: Output[Metrics]) -> float:
    """Trains one classifier."""
    print(train.path, learning_rate)
    metrics.log_metric("accuracy", 0.9)
    return 0.9


@dsl.component(base_image="python:3.11", packages_to_install=["scikit-learn==1.5.2"])
def evaluate(
    test: Input[Dataset],
    accuracies: list,
    metrics: Output[Metrics],
    classes: Output[ClassificationMetrics],
    report: Output[HTML],
    notes: Output[Markdown],
) -> NamedTuple("Best", [("accuracy", float), ("index", int)]):
    """Compares the trained models on held-out data."""
    print(test.path, accuracies, metrics, classes, report, notes)
    return (max(accuracies), accuracies.index(max(accuracies)))


@dsl.component(base_image="python:3.11")
def promote(accuracy: float) -> str:
    """Names the model that goes on."""
    return f"promoted at {accuracy}"


@dsl.component(base_image="python:3.11")
def keep_old(accuracy: float) -> str:
    """Keeps the model that was there."""
    return f"kept, {accuracy} is too low"


@dsl.component(base_image="python:3.11")
def tidy_up(run_name: str):
    """Runs whatever happened."""
    print("done", run_name)


@dsl.pipeline(name="digits-training", description="Trains digit classifiers over several learning rates and promotes the best one.")
def digits(rows: int = 1797, threshold: float = 0.95, rates: list = [0.01, 0.03, 0.1, 0.3, 1.0]):  # noqa: B006 - a default value of the pipeline
    bye = tidy_up(run_name=dsl.PIPELINE_JOB_NAME_PLACEHOLDER)
    with dsl.ExitHandler(bye):
        data = load_digits(rows=rows)
        split = preprocess(dataset=data.outputs["dataset"])
        with dsl.ParallelFor(rates) as rate:
            trained = train_model(train=split.outputs["train"], learning_rate=rate)
        best = evaluate(test=split.outputs["test"], accuracies=dsl.Collected(trained.outputs["Output"]))
        with dsl.If(best.outputs["accuracy"] >= threshold):
            promote(accuracy=best.outputs["accuracy"])
        with dsl.Else():
            keep_old(accuracy=best.outputs["accuracy"])


if __name__ == "__main__":
    import sys

    compiler.Compiler().compile(digits, sys.argv[1])
