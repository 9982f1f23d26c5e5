"""Pipelines for pictures: a sweep over a loop, one that fails, a schedule; submitted by the unmodified client (KF_PIPELINES_ENDPOINT)."""

from typing import List, NamedTuple

import kfp
from kfp import dsl
from kfp.dsl import HTML, ClassificationMetrics, Dataset, Input, Markdown, Metrics, Model, Output


@dsl.component
def prepare(rows: int, table: Output[Dataset]):
    """Writes a small table."""
    import random

    rng = random.Random(7)
    with open(table.path, "w") as file:
        file.write("hour,load,label\n")
        for number in range(rows):
            file.write(f"{number % 24},{rng.gauss(40 + number % 24, 5):.2f},{'day' if 6 < number % 24 < 20 else 'night'}\n")
    table.metadata["rows"] = rows


@dsl.component
def fit(table: Input[Dataset], rate: float, model: Output[Model], scores: Output[Metrics]) -> float:
    """Fits a line by hand."""
    import csv
    import json

    with open(table.path) as file:
        points = [(float(row["hour"]), float(row["load"])) for row in csv.DictReader(file)]
    slope = offset = 0.0
    for step in range(200):
        errors = [(offset + slope * x - y, x) for x, y in points]
        offset -= rate * sum(error for error, _ in errors) / len(points)
        slope -= rate / 100 * sum(error * x for error, x in errors) / len(points)
        if step % 50 == 0:
            print(f"step {step}: slope {slope:.3f}, offset {offset:.3f}")
    loss = sum((offset + slope * x - y) ** 2 for x, y in points) / len(points)
    with open(model.path, "w") as file:
        json.dump({"slope": slope, "offset": offset}, file)
    model.framework = "none"
    scores.log_metric("loss", loss)
    scores.log_metric("slope", slope)
    return loss


@dsl.component
def report(losses: List[float], page: Output[HTML], note: Output[Markdown], curves: Output[ClassificationMetrics]) -> NamedTuple(
    "Best", [("best", float)]
):
    """Tells which round was best."""
    from collections import namedtuple

    best = min(losses)
    with open(note.path, "w") as file:
        file.write(f"# Rounds\n\nThe best of {len(losses)} has a loss of **{best:.2f}**.\n")
    with open(page.path, "w") as file:
        file.write("<h1>Losses</h1><ul>" + "".join(f"<li>{loss:.2f}</li>" for loss in losses) + "</ul>")
    curves.log_confusion_matrix(["day", "night"], [[40, 3], [5, 48]])
    curves.log_roc_curve([0.0, 0.1, 0.3, 1.0], [0.0, 0.7, 0.9, 1.0], [1.0, 0.8, 0.5, 0.0])
    return namedtuple("Best", ["best"])(best)


@dsl.component
def check(best: float, limit: float):
    """Fails when the best round is not good enough."""
    if best > limit:
        raise ValueError(f"a loss of {best:.2f} is above the limit of {limit}")


@dsl.pipeline(name="load-forecast", description="Fits the load of a day, in rounds.")
def forecast(rows: int = 96, rates: List[float] = [0.01, 0.03, 0.1], limit: float = 200.0):
    prepared = prepare(rows=rows)
    with dsl.ParallelFor(rates, name="rounds") as rate:
        fitted = fit(table=prepared.outputs["table"], rate=rate)
    told = report(losses=dsl.Collected(fitted.outputs["Output"]))
    check(best=told.outputs["best"], limit=limit)


def main() -> None:
    client = kfp.Client()
    experiment = client.create_experiment("Load", description="How well the load of a day is foreseen.")
    kfp.compiler.Compiler().compile(forecast, "forecast.yaml")
    pipeline = client.upload_pipeline("forecast.yaml", pipeline_name="load-forecast", description="Fits the load of a day, in rounds.")
    (version,) = client.list_pipeline_versions(pipeline.pipeline_id).pipeline_versions
    of_pipeline = {"pipeline_id": pipeline.pipeline_id, "version_id": version.pipeline_version_id}
    runs = [
        client.run_pipeline(experiment.experiment_id, name, params=arguments, **of_pipeline)
        for name, arguments in (
            ("load, a first try", {"rows": 24, "rates": [0.01]}),
            ("load, as last year", {"rows": 48, "rates": [0.02]}),
            ("load, three rates", {}),
            ("load, five rates", {"rates": [0.003, 0.01, 0.03, 0.1, 0.2]}),
            ("load, strict", {"limit": 0.5}),
        )
    ]
    for run in runs:
        client.wait_for_run_completion(run.run_id, timeout=600)
    client.create_recurring_run(experiment.experiment_id, "load, every night", cron_expression="0 0 3 * * *", **of_pipeline)


if __name__ == "__main__":
    main()
