"""Pipelines of the kfp 1.8 SDK in V2_COMPATIBLE mode, in the shapes of the MNIST tutorial."""

import kfp.dsl as dsl
from kfp.v2.dsl import ClassificationMetrics, Dataset, Input, Metrics, Model, Output, OutputPath, component

from programs import V2, case


@component
def add(a: float, b: float) -> float:
    """Calculates sum of two arguments"""
    return a + b


@case("v2 addition", {"a": 7, "b": 8}, V2, status="Succeeded", outputs={"add": {"add-Output": "15.0"}})
@dsl.pipeline(name="addition-pipeline-v2", description="An example pipeline that performs addition calculations.")
def add_pipeline(a: float = 1, b: float = 7):
    add(a, b)


@component
def load_data(output_dataset: Output[Dataset]):
    print("data loading...")
    with open(output_dataset.path, "w") as file:
        file.write("1,2,3")
    output_dataset.metadata["rows"] = 3
    print(f"Saved raw data on : {output_dataset.path}")


@component
def preprocessing(input_dataset: Input[Dataset], output_dataset: Output[Dataset]):
    with open(input_dataset.path) as file:
        numbers = [int(item) / 10 for item in file.read().split(",")]
    assert input_dataset.metadata["rows"] == 3, input_dataset.metadata
    assert input_dataset.uri.startswith("minio://mlpipeline/v2/artifacts/pipeline/"), input_dataset.uri
    with open(output_dataset.path, "w") as file:
        file.write(",".join(map(str, numbers)))


def trainer(units):
    """A training component with one number baked into its code."""
    source = f'''
def train(dataset: Input[Dataset], output_model: Output[Model], metrics: Output[Metrics]):
    units = {units}
    with open(dataset.path) as file:
        numbers = [float(item) for item in file.read().split(",")]
    metrics.log_metric("accuracy", 90.0 + units / 256)
    metrics.log_metric("framework", "Tensorflow")
    metrics.log_metric("dataset_size", len(numbers))
    import os
    os.makedirs(output_model.path)
    with open(os.path.join(output_model.path, "weights"), "w") as file:
        file.write(str(units))
'''
    import inspect
    import linecache

    name = f"<train-{units}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    scope = {"Input": Input, "Output": Output, "Dataset": Dataset, "Model": Model, "Metrics": Metrics}
    exec(compile(source, name, "exec"), scope)
    assert inspect.getsource(scope["train"])
    return component(scope["train"])


def mnist(units):
    """The tutorial's pipeline: load, preprocess, train."""
    train = trainer(units)

    @dsl.pipeline(name="mnist-pipeline", description="An example pipeline that mnist training.")
    def mnist_pipeline():
        loaded = load_data()
        prepared = preprocessing(loaded.outputs["output_dataset"])
        train(prepared.outputs["output_dataset"])

    return mnist_pipeline


case("v2 mnist", mode=V2, status="Succeeded", phases={"train": ["Succeeded"]}, metrics={"accuracy": [90.5, "RAW"], "dataset_size": [3.0, "RAW"]})(
    mnist(128)
)
MNIST_CHANGED = mnist(256)


@component
def values(n: int, text: str, out_path: OutputPath(str)) -> int:
    with open(out_path, "w") as file:
        file.write(text * n)
    return n + 1


@component
def use(value: int, text: str) -> str:
    return f"{value} {text}"


@case("v2 values", mode=V2, status="Succeeded", outputs={"use": {"use-Output": "3 abab"}})
@dsl.pipeline(name="v2-values")
def v2_values():
    made = values(n=2, text="ab")
    use(made.outputs["Output"], made.outputs["out_path"])


@component
def evaluate(report: Output[ClassificationMetrics]):
    report.log_confusion_matrix(["a", "b"], [[1, 2], [3, 4]])
    report.log_roc_data_point(fpr=0.1, tpr=0.7, threshold=0.5)


@case("v2 classification metrics", mode=V2, status="Succeeded")
@dsl.pipeline(name="v2-classification")
def v2_classification():
    evaluate()


@component(packages_to_install=["six==1.16.0"])
def installed() -> str:
    import six

    return six.__version__


@case("v2 packages", mode=V2, status="Succeeded", outputs={"installed": {"installed-Output": "1.16.0"}})
@dsl.pipeline(name="v2-packages")
def v2_packages():
    installed()


@component
def broken(n: int):
    raise ValueError(f"no good: {n}")


@case("v2 failure", mode=V2, status="Failed", error="no good: 1")
@dsl.pipeline(name="v2-failure")
def v2_failure():
    broken(n=1)


@component
def score(metrics: Output[Metrics]):
    metrics.log_metric("accuracy", 0.75)


@component
def judge(metrics: Input[Metrics]) -> str:
    return f"{metrics.metadata['accuracy']:.2f}"


@case("v2 metrics as an input", mode=V2, status="Succeeded", outputs={"judge": {"judge-Output": "0.75"}})
@dsl.pipeline(name="v2-metrics-input")
def v2_metrics_input():
    judge(metrics=score().outputs["metrics"])


@component
def forget(out: Output[Dataset]):
    pass


@component
def look(data: Input[Dataset]) -> str:
    with open(data.path) as file:
        return file.read()


@case(
    "v2 artifact never written",
    mode=V2,
    status="Failed",
    error="input 'data' has no content: task 'forget' ended without writing its output 'out'",
    phases={"forget": ["Succeeded"], "look": ["Failed"]},
)
@dsl.pipeline(name="v2-forgotten")
def v2_forgotten():
    look(data=forget().outputs["out"])
