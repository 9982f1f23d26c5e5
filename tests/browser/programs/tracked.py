"""Tracked runs for pictures: curves, media, tables, artifacts with a linked version, a sweep, one run that failed."""

import math
import os
import random

import numpy as np
import pandas as pd
import wandb
from PIL import Image, ImageDraw, ImageFilter, ImageFont

PROJECT = "handwriting"


def sample(digit: int, rng: random.Random) -> wandb.Image:
    """A digit as somebody might have written it, with the box that was predicted around it."""
    paper = Image.new("L", (96, 96), 12)
    left, top = 28 + rng.randint(-8, 8), 10 + rng.randint(-6, 6)
    ImageDraw.Draw(paper).text((left, top), str(digit), fill=235, font=ImageFont.load_default(64))
    paper = paper.rotate(rng.uniform(-15, 15), fillcolor=12).filter(ImageFilter.GaussianBlur(1.2))
    box = {"position": {"minX": 0.2, "maxX": 0.8, "minY": 0.12, "maxY": 0.9}, "class_id": digit, "box_caption": f"{digit}: 0.9{rng.randint(0, 9)}"}
    return wandb.Image(paper, caption=f"read as {digit}", boxes={"predictions": {"box_data": [box], "class_labels": {n: str(n) for n in range(10)}}})


def train(number: int, rate: float, size: int) -> None:
    rng = random.Random(number)
    config = {"rate": rate, "batch": size, "model": {"depth": 18 + number, "name": "resnet"}, "augmented": number % 2 == 0}
    run = wandb.init(
        project=PROJECT, name=f"resnet-{number}", group="narrow" if number < 3 else "wide", job_type="train", config=config,
        tags=["baseline"] if number == 0 else ["tuned"], notes="A look at **learning rates**.",
    )
    run.define_metric("val/*", step_metric="epoch")
    for step in range(200):
        row = {"train/loss": math.exp(-step * rate / 2) + rng.random() * 0.05, "train/acc": 1 - math.exp(-step * rate / 3) * 0.9}
        if step % 20 == 0:
            row |= {"epoch": step // 20, "val/acc": 1 - math.exp(-step * rate / 3) * 0.95 + rng.random() * 0.02}
            row["gradients"] = wandb.Histogram(np.random.default_rng(step).normal(scale=1 - step / 300, size=500))
        if step % 100 == 0:
            row["samples"] = [sample(digit, rng) for digit in rng.sample(range(10), 3)]
        run.log(row, step=step)
    frame = pd.DataFrame({"id": range(30), "label": [rng.choice("abc") for _ in range(30)], "score": [rng.random() for _ in range(30)]})
    matrix = wandb.plot.confusion_matrix(y_true=[0, 1, 2, 2, 1, 0, 1] * 5, preds=[0, 1, 2, 1, 1, 0, 2] * 5, class_names=["a", "b", "c"])
    run.log({"predictions": wandb.Table(dataframe=frame), "matrix": matrix})
    data = wandb.Artifact("digits-data", "dataset", metadata={"rows": 100 + number // 3})
    with data.new_file("rows.csv") as file:
        file.write("a,b\n1,2\n" + "3,4\n" * (1 + number // 3))
    run.use_artifact(run.log_artifact(data) if number % 3 == 0 else "digits-data:latest")
    model = wandb.Artifact("resnet", "model", metadata={"accuracy": 0.9 + number / 100})
    with model.new_file("weights.bin", mode="wb") as file:
        file.write(os.urandom(20_000))
    logged = run.log_artifact(model, aliases=["best"] if number == 4 else None).wait()
    if number == 4:
        run.link_artifact(logged, "wandb-registry-model/classifier", aliases=["production"])
    print("finished", number)
    print("\x1b[33mwarning\x1b[0m: 3 rows without a label")
    run.finish(exit_code=1 if number == 3 else 0)


def search() -> None:
    with wandb.init() as run:
        for step in range(20):
            run.log({"score": 1 - abs(run.config.rate - 0.03) * 10 + step * 0.01 * run.config.layers})


def main() -> None:
    for number, (rate, size) in enumerate([(0.1, 32), (0.05, 32), (0.01, 64), (0.1, 128), (0.003, 64), (0.03, 128)]):
        train(number, rate, size)
    parameters = {"rate": {"min": 0.001, "max": 0.1}, "layers": {"values": [1, 2, 3]}}
    metric = {"name": "score", "goal": "maximize"}
    sweep = wandb.sweep({"name": "rates and layers", "method": "random", "metric": metric, "parameters": parameters}, project=PROJECT)
    wandb.agent(sweep, function=search, count=6, project=PROJECT)


if __name__ == "__main__":
    main()
