"""`@wandb_log` on single steps: `others`, own settings, one tracked run for each foreach task, and steps without it."""

import wandb
from metaflow import FlowSpec, step
from wandb.integration.metaflow import wandb_log


class PartlyFlow(FlowSpec):
    """Step decoration only."""

    @wandb_log(others=True)
    @step
    def start(self):
        self.anything = (1, 2, "three")
        self.parts = ["a", "b"]
        self.next(self.work, foreach="parts")

    @wandb_log
    @step
    def work(self):
        self.part = str(self.input)
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.anything = inputs[0].anything
        self.parts_seen = sorted(item.part for item in inputs)
        self.next(self.end)

    @wandb_log(others=True, settings=wandb.Settings(project="elsewhere", run_group="my-group", run_job_type="my-type"))
    @step
    def end(self):
        self.length = len(self.anything)


if __name__ == "__main__":
    PartlyFlow()
