"""Waits for two events, both of which have to happen, and takes a parameter from each."""

from metaflow import FlowSpec, Parameter, current, step, trigger


@trigger(
    events=[
        {"name": "left.ready", "parameters": {"left": "value"}},
        {"name": "right.ready", "parameters": {"right": "value"}},
    ]
)
class WaitsFlow(FlowSpec):
    """Waits."""

    left = Parameter("left", default=0)
    right = Parameter("right", default=0)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        self.total = self.left * 10 + self.right
        self.names = sorted(event.name for event in current.trigger.events)


if __name__ == "__main__":
    WaitsFlow()
