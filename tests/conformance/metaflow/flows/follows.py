"""Starts when two other flows ended well; its one step is first and last."""

from metaflow import FlowSpec, current, step, trigger_on_finish


@trigger_on_finish(flows=["RoutesFlow", "WaitsFlow"])
class FollowsFlow(FlowSpec):
    """Comes last."""

    @step(start=True, end=True)
    def only(self):
        self.before = sorted(run.pathspec for run in current.trigger.runs)


if __name__ == "__main__":
    FollowsFlow()
