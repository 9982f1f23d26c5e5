"""A pipeline that learns to read handwritten digits, written as any kfp user would write it.

It needs `kfp` only; scikit-learn comes as a requirement of the components and its data set of 1,797 digits is part of the package.
Two versions of the pipeline differ in one more model size, so that the second run can reuse most of the first.
"""

import sys
from typing import List, NamedTuple  # noqa: UP035 - kfp reads annotations of components in this form on every Python

from kfp import dsl
from kfp.dsl import ClassificationMetrics, Dataset, Input, Metrics, Model, Output

PACKAGES = ["scikit-learn>=1.4"]
IMAGE = f"python:{sys.version_info.major}.{sys.version_info.minor}"


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def load_digits(digits: Output[Dataset]) -> int:
    """Write the data set as a table: 64 grey values and the digit per row."""
    import numpy as np
    from sklearn.datasets import load_digits

    data = load_digits()
    with open(digits.path, "w") as file:
        np.savetxt(file, np.column_stack([data.data, data.target]), fmt="%d", delimiter=",")
    digits.metadata["rows"] = len(data.target)
    print(f"{len(data.target)} digits of 8 x 8 pixels")
    return len(data.target)


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def split_and_scale(digits: Input[Dataset], test_share: float, train_set: Output[Dataset], test_set: Output[Dataset]):
    """Scale grey values to 0..1 and set a share of the rows aside for the evaluation."""
    import numpy as np
    from sklearn.model_selection import train_test_split

    table = np.loadtxt(digits.path, delimiter=",")
    table[:, :64] /= 16
    train, test = train_test_split(table, test_size=test_share, random_state=0, stratify=table[:, 64])
    for rows, target in ((train, train_set), (test, test_set)):
        with open(target.path, "w") as file:
            np.savetxt(file, rows, fmt="%.4f", delimiter=",")
        target.metadata["rows"] = len(rows)
    print(f"{len(train)} rows to learn from, {len(test)} to be judged by")


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def train(train_set: Input[Dataset], neurons: int, epochs: int, model: Output[Model]):
    """Train a network with one hidden layer of `neurons`."""
    import warnings

    import joblib
    import numpy as np
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    table = np.loadtxt(train_set.path, delimiter=",")
    network = MLPClassifier(hidden_layer_sizes=(neurons,), max_iter=1, warm_start=True, random_state=0)
    warnings.simplefilter("ignore", ConvergenceWarning)  # one round at a time, so that progress can be told
    for epoch in range(epochs):
        network.fit(table[:, :64], table[:, 64])
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1:3d} of {epochs}: loss {network.loss_:.4f}", flush=True)
    joblib.dump(network, model.path)
    model.framework = "scikit-learn"
    model.metadata["neurons"] = neurons


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def evaluate(
    models: Input[List[Model]],  # noqa: UP006 - see the import
    test_set: Input[Dataset],
    best_model: Output[Model],
    metrics: Output[Metrics],
    confusion: Output[ClassificationMetrics],
    roc: Output[ClassificationMetrics],
) -> NamedTuple("Verdict", [("accuracy", float), ("neurons", int)]):  # type: ignore[valid-type]
    """Judge every model on rows it has not seen; hand on the best one with its metrics."""
    import shutil
    from collections import namedtuple

    import joblib
    import numpy as np
    from sklearn.metrics import accuracy_score, confusion_matrix, roc_curve

    table = np.loadtxt(test_set.path, delimiter=",")
    images, truth = table[:, :64], table[:, 64]
    scores = []
    for model in models:
        accuracy = float(accuracy_score(truth, joblib.load(model.path).predict(images)))
        scores.append(accuracy)
        metrics.log_metric(f"accuracy_{model.metadata['neurons']}", accuracy)
        print(f"{model.metadata['neurons']:4d} neurons: {accuracy:.4f}")
    best = models[scores.index(max(scores))]
    network = joblib.load(best.path)
    metrics.log_metric("accuracy", max(scores))
    names = [str(digit) for digit in range(10)]
    confusion.log_confusion_matrix(names, confusion_matrix(truth, network.predict(images)).tolist())
    eight = network.predict_proba(images)[:, 8]
    false_rate, true_rate, thresholds = roc_curve(truth == 8, eight)
    roc.log_roc_curve(false_rate.tolist(), true_rate.tolist(), [min(float(value), 1.0) for value in thresholds])
    shutil.copy(best.path, best_model.path)
    best_model.metadata.update(best.metadata, accuracy=max(scores))
    return namedtuple("Verdict", ["accuracy", "neurons"])(max(scores), int(best.metadata["neurons"]))


@dsl.component(base_image=IMAGE)
def promote(model: Input[Model], accuracy: float, promoted: Output[Model]) -> str:
    """Publish the model under the name that applications load."""
    import shutil

    shutil.copy(model.path, promoted.path)
    promoted.metadata.update(model.metadata, stage="production")
    return f"promoted with accuracy {accuracy:.4f}"


@dsl.component(base_image=IMAGE)
def keep_current(accuracy: float, threshold: float) -> str:
    """Say why nothing changes."""
    return f"accuracy {accuracy:.4f} is below {threshold}: the current model stays"


@dsl.component(base_image=IMAGE)
def report(status: dsl.PipelineTaskFinalStatus):
    """Tell how it ended, also when it failed."""
    print(f"{status.pipeline_job_resource_name}: {status.state}")
    if status.error_message:
        print(status.error_message)


def make_pipeline(sizes: List[int]):  # noqa: UP006 - as above
    """Return the pipeline that tries the given sizes of the hidden layer."""

    @dsl.pipeline(name="digits", description="Learns to read handwritten digits and promotes the best of several models.")
    def digits(test_share: float = 0.3, epochs: int = 60, threshold: float = 0.95):
        last = report().set_display_name("report")
        with dsl.ExitHandler(last, name="whole pipeline"):
            data = load_digits()
            sets = split_and_scale(digits=data.outputs["digits"], test_share=test_share)
            with dsl.ParallelFor(sizes, name="sizes") as size:
                trained = train(train_set=sets.outputs["train_set"], neurons=size, epochs=epochs)
            verdict = evaluate(models=dsl.Collected(trained.outputs["model"]), test_set=sets.outputs["test_set"])
            with dsl.If(verdict.outputs["accuracy"] >= threshold, name="good enough"):
                promote(model=verdict.outputs["best_model"], accuracy=verdict.outputs["accuracy"])
            with dsl.Else(name="not good enough"):
                keep_current(accuracy=verdict.outputs["accuracy"], threshold=threshold)

    return digits


first_version = make_pipeline([4, 16, 64])
second_version = make_pipeline([4, 16, 64, 128])
