"""Starts when another flow ended well."""

from metaflow import FlowSpec, step, trigger_on_finish


@trigger_on_finish(flow="RoutesFlow")
class FollowsFlow(FlowSpec):
    """Comes second."""

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        self.is_second = True


if __name__ == "__main__":
    FollowsFlow()
