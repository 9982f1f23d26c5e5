"""A flow for the server to run: parameters of several types, packages of a step, a schedule, a card, a step that may fail."""

import os
import sys

from metaflow import FlowSpec, JSONType, Parameter, card, pypi, retry, schedule, step


@schedule(cron="30 4 ? * MON *")
class DeployedFlow(FlowSpec):
    """Nightly work."""

    scale = Parameter("scale", default=1.5)
    options = Parameter("options", type=JSONType, default='{"shift": 1}')
    is_broken = Parameter("is-broken", type=bool, default=False)
    mended = Parameter("mended", default="", help="a file: once it is there nothing is broken")

    @step
    def start(self):
        self.parts = [1, 2]
        self.next(self.work, foreach="parts")

    @pypi(packages={"cowsay": "6.1"})
    @step
    def work(self):
        import cowsay

        self.value = self.input * self.scale + self.options["shift"]
        self.animals = len(cowsay.char_names)
        print("worked on", self.input)
        self.next(self.gather)

    @retry(times=1, minutes_between_retries=0)
    @step
    def gather(self, inputs):
        print("gathering", file=sys.stderr)
        if self.is_broken and not os.path.exists(self.mended):
            raise ValueError("broken as asked")
        self.values = sorted(item.value for item in inputs)
        self.animals = inputs[0].animals
        self.next(self.end)

    @card(type="blank")
    @step
    def end(self):
        print("values:", self.values)


if __name__ == "__main__":
    DeployedFlow()
