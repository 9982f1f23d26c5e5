"""Checks that placeholders in executors name something that the tasks using them have.

A placeholder that names nothing would otherwise be found only when the task starts. The source of a Python component is not
checked: text in it that merely looks like a placeholder is the author's own.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.spec.kfp import placeholders
from penstock.spec.kfp.definitions import INPUTS, OUTPUTS
from penstock.spec.kfp.graph import Pipeline, is_graph
from penstock.spec.kfp.runtime.python_component import is_source_element
from penstock.spec.kfp.section import Section


def check_placeholders(pipeline: Pipeline) -> None:
    """Check every task that runs a container.

    Raises:
        SpecError: a placeholder names an input or output that is declared nowhere; the place is that of the text.
    """
    for _, enclosing in pipeline.components():
        if not is_graph(enclosing):
            continue
        for _, task in enclosing.section("dag").sections("tasks"):
            _, component = pipeline.component_of(task)
            if not is_graph(component):
                container = pipeline.executor_of(component).section("container")
                _check_container(container, component, task)


def _check_container(container: Section, component: Section, task: Section) -> None:
    command = container.sequence("command")
    texts: list[tuple[str, object]] = [("image", container.text("image"))]
    texts += [(f"command[{i}]", part) for i, part in enumerate(command) if not is_source_element(command, i)]
    texts += [(f"args[{i}]", part) for i, part in enumerate(container.sequence("args"))]
    texts += [(f"env[{i}].value", item.data.get("value")) for i, item in enumerate(container.items("env"))]
    texts += [(f"resources.{key}", value) for key, value in container.section("resources").data.items()]
    for place, text in texts:
        for reference in placeholders.references_in(text):
            problem = next(_problems(reference, component, task), None)
            if problem:
                raise container.error(problem, place)


def _problems(reference: placeholders.Reference, component: Section, task: Section) -> Iterator[str]:
    inputs, outputs = component.section(INPUTS), component.section(OUTPUTS)
    match reference:
        case placeholders.InputParameter(name):
            if name not in inputs.section("parameters") and name not in task.section("inputs").section("parameters"):
                yield f"placeholder names input parameter {name!r}, which the component does not have"
        case placeholders.InputArtifact(name, _, _):
            if name not in inputs.section("artifacts") and name not in task.section("inputs").section("artifacts"):
                yield f"placeholder names input artifact {name!r}, which the component does not have"
        case placeholders.OutputArtifact(name, _, _):
            if name not in outputs.section("artifacts"):
                yield f"placeholder names output artifact {name!r}, which the component does not have"
        case placeholders.OutputParameterFile(name):
            if name not in outputs.section("parameters"):
                yield f"placeholder names output parameter {name!r}, which the component does not have"
