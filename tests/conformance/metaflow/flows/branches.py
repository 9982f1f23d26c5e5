"""Branches, foreach, nested foreach, joins, parameters, retries and catch in one flow."""

from metaflow import FlowSpec, Parameter, catch, current, retry, step


class BranchesFlow(FlowSpec):
    """A flow with one of everything."""

    alpha = Parameter("alpha", default=0.5, help="a number")

    @step
    def start(self):
        """Choose the work."""
        self.items = ["a", "b", "c"]
        self.next(self.left, self.right)

    @step
    def left(self):
        self.next(self.fan, foreach="items")

    @retry(times=2, minutes_between_retries=0)
    @step
    def fan(self):
        if self.input == "b" and current.retry_count == 0:
            raise ValueError("first try of b")
        self.value = self.input * 2
        self.inner = [1, 2]
        self.next(self.nested, foreach="inner")

    @step
    def nested(self):
        self.product = f"{self.value}{self.input}"
        self.next(self.join_nested)

    @step
    def join_nested(self, inputs):
        self.products = sorted(item.product for item in inputs)
        self.next(self.join_fan)

    @step
    def join_fan(self, inputs):
        self.products = sorted(product for item in inputs for product in item.products)
        self.next(self.join)

    @catch(var="problem")
    @step
    def right(self):
        if self.alpha < 1:
            raise RuntimeError("caught on purpose")
        self.next(self.join)

    @step
    def join(self, inputs):
        self.products = inputs.join_fan.products
        self.problem_text = str(inputs.right.problem)
        self.next(self.end)

    @step
    def end(self):
        print("products:", self.products)


if __name__ == "__main__":
    BranchesFlow()
