"""The three shapes of the integration's guide, with a PyTorch module read from a file; the variable `SHAPE` chooses the flow."""

import os
import pathlib

import pandas as pd
import torch
import wandb
from metaflow import FlowSpec, Parameter, step
from wandb.integration.metaflow import wandb_log


def read_frame():
    """Write and read a table."""
    pathlib.Path("rows.csv").write_text("x,y\n1,2\n3,4\n")
    return pd.read_csv("rows.csv")


def read_module():
    """Write and read a network."""
    torch.manual_seed(1)
    torch.save(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1)), "network.pt")
    return torch.load("network.pt", weights_only=False)


class StepFlow(FlowSpec):
    """One decorated step with settings of its own."""

    rate = Parameter("rate", default=0.25)

    @wandb_log(datasets=True, models=True, settings=wandb.Settings(project="networks", run_notes="by hand"))
    @step
    def start(self):
        self.raw_df = read_frame()
        self.model_file = read_module()
        self.next(self.transform)

    @step
    def transform(self):
        self.raw_df = self.raw_df * 2
        self.next(self.end)

    @step
    def end(self):
        pass


@wandb_log(datasets=True, models=True)
class WholeFlow(FlowSpec):
    """Every step decorated by its flow."""

    rate = Parameter("rate", default=0.25)

    @step
    def start(self):
        self.raw_df = read_frame()
        self.model_file = read_module()
        self.next(self.transform)

    @step
    def transform(self):
        self.outputs = [round(float(value), 6) for value in self.model_file(torch.tensor(self.raw_df.values, dtype=torch.float32))]
        folder = pathlib.Path("parts")
        folder.mkdir(exist_ok=True)
        for name in ("a.txt", "b.txt"):
            (folder / name).write_text(name)
        self.folder = folder
        self.next(self.end)

    @step
    def end(self):
        self.total = sum(self.outputs)


@wandb_log(datasets=True, models=True)
class MixedFlow(FlowSpec):
    """A flow with a step that overrides it."""

    @step
    def start(self):
        self.raw_df = read_frame()
        self.model_file = read_module()
        self.next(self.mid)

    @step
    def mid(self):
        self.raw_df = read_frame() + 1
        self.model_file = read_module()
        self.next(self.end)

    @wandb_log(datasets=False, models=False)
    @step
    def end(self):
        self.raw_df = read_frame()
        self.model_file = read_module()


if __name__ == "__main__":
    {"step": StepFlow, "whole": WholeFlow, "mixed": MixedFlow}[os.environ["SHAPE"]]()
