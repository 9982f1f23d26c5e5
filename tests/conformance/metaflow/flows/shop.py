"""A flow of a project: each branch is a deployment of its own."""

from metaflow import FlowSpec, project, step


@project(name="shop")
class ShopFlow(FlowSpec):
    """Two steps."""

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ShopFlow()
