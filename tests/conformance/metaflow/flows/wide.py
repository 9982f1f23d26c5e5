"""Many foreach tasks at once."""

from metaflow import FlowSpec, Parameter, step


class WideFlow(FlowSpec):
    """A burst of task processes."""

    width = Parameter("width", default=40)

    @step
    def start(self):
        self.numbers = list(range(self.width))
        self.next(self.work, foreach="numbers")

    @step
    def work(self):
        self.square = self.input**2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(item.square for item in inputs)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    WideFlow()
