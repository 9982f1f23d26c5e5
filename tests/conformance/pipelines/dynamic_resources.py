"""Resources from pipeline inputs and task outputs, limits and requests as strings."""

from kfp import dsl

SDKS = ("2.17.0",)
EXPECT = {"state": "SUCCEEDED", "outputs": {"work.Output": ["worked"]}}


@dsl.component
def memory() -> str:
    return "256Mi"


@dsl.component
def work() -> str:
    return "worked"


@dsl.pipeline(name="dynamic-resources")
def pipeline(cpu: str = "500m"):
    task = work()
    task.set_cpu_request(cpu)
    task.set_cpu_limit("1")
    task.set_memory_request(memory().output)
    task.set_memory_limit("1Gi")
