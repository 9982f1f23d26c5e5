"""Starts when two other flows ended well."""

from metaflow import FlowSpec, current, step, trigger_on_finish


@trigger_on_finish(flows=["RoutesFlow", "WaitsFlow"])
class FollowsFlow(FlowSpec):
    """Comes last."""

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        self.before = sorted(run.pathspec for run in current.trigger.runs)


if __name__ == "__main__":
    FollowsFlow()
