"""No decoration at all: parameters, plain values, values that are not plain, inherited ones, a retried task, foreach, a run begun by hand."""

import os

from metaflow import FlowSpec, Parameter, current, retry, step


class Odd:
    """Not plain."""


class SilentFlow(FlowSpec):
    """Says nothing to a tracker, except in `talk`."""

    rate = Parameter("rate", default=0.25)
    title_text = Parameter("title-text", default="plain")

    @step
    def start(self):
        print("counting to 3")
        self.count, self.ratio, self.is_good, self.word = 3, 0.75, True, "hello"
        self.names, self.mapping, self.unique = ["a", "b"], {"k": {"n": 1}}, {7}
        self.odd, self.long = Odd(), "x" * 100_000
        self.next(self.work, foreach="names")

    @retry(times=1, minutes_between_retries=0)
    @step
    def work(self):
        self.part = self.input
        self.tries = current.retry_count
        if self.input == "b" and current.retry_count == 0:
            raise ValueError("once")
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.parts = sorted(item.part for item in inputs)
        self.merge_artifacts(inputs, include=["count"])
        self.next(self.talk)

    @step
    def talk(self):
        import wandb

        with wandb.init(project="talks", config={"own": 1}) as run:
            run.log({"loss": 0.5})
        if os.environ.get("FAIL_AT_END"):
            raise ValueError("as asked")
        self.next(self.end)

    @step
    def end(self):
        self.count += 1


if __name__ == "__main__":
    SilentFlow()
