"""Task config: settings that the component gets as data, one of them also applied."""

from kfp import dsl

SDKS = ("2.17.0",)
EXPECT = {"state": "SUCCEEDED", "outputs": {"show.Output": ["1 [{'name': 'MODE', 'value': 'fast'}] fast"]}}


@dsl.component(
    task_config_passthroughs=[
        dsl.TaskConfigField.RESOURCES,
        dsl.TaskConfigPassthrough(field=dsl.TaskConfigField.ENV, apply_to_task=True),
    ]
)
def show(config: dsl.TaskConfig) -> str:
    import os

    return f"{config.resources['limits']['cpu']} {config.env} {os.environ['MODE']}"


@dsl.pipeline(name="task-config")
def pipeline():
    task = show()
    task.set_cpu_limit("1")
    task.set_env_variable("MODE", "fast")
