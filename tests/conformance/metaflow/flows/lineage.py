"""A value that one step makes and the next one gets."""

from metaflow import FlowSpec, step


class LineageFlow(FlowSpec):
    """Two steps."""

    @step
    def start(self):
        self.rows = [[number, f"name {number * 7919 % 1000}"] for number in range(2000)]
        self.small = None
        self.next(self.end)

    @step
    def end(self):
        self.total = len(self.rows)


if __name__ == "__main__":
    LineageFlow()
