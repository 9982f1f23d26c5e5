"""Metrics, classification metrics, markdown and HTML artifacts with their metadata and files."""

from kfp import dsl
from kfp.dsl import HTML, ClassificationMetrics, Input, Markdown, Metrics, Output

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {"state": "SUCCEEDED", "outputs": {"read.Output": ["0.93 2 inf # title <b>bold</b>"]}}


@dsl.component
def evaluate(scores: Output[Metrics], curve: Output[ClassificationMetrics], text: Output[Markdown], page: Output[HTML]):
    scores.log_metric("accuracy", 0.93)
    curve.log_roc_curve([0.0, 1.0], [0.0, 1.0], [float("inf"), 0.5])
    curve.log_confusion_matrix(["a", "b"], [[1, 2], [3, 4]])
    with open(text.path, "w") as file:
        file.write("# title")
    with open(page.path, "w") as file:
        file.write("<b>bold</b>")


@dsl.component
def read(scores: Input[Metrics], curve: Input[ClassificationMetrics], text: Input[Markdown], page: Input[HTML]) -> str:
    points = curve.metadata["confidenceMetrics"]
    texts = []
    for artifact in (text, page):
        with open(artifact.path) as file:
            texts.append(file.read())
    return f"{scores.metadata['accuracy']} {len(points)} {points[0]['confidenceThreshold']} {' '.join(texts)}"


@dsl.pipeline(name="metrics")
def pipeline():
    made = evaluate()
    read(scores=made.outputs["scores"], curve=made.outputs["curve"], text=made.outputs["text"], page=made.outputs["page"])
