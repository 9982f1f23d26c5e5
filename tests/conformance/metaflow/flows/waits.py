"""Waits for two events, both of which have to happen: is not deployable."""

from metaflow import FlowSpec, step, trigger


@trigger(events=["left.ready", "right.ready"])
class WaitsFlow(FlowSpec):
    """Waits."""

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    WaitsFlow()
