"""Lookups in a pipeline document: components by name, executors by label, what a task depends on.

Shared by `validate` and the lowering modules, so that both read the document in one way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from penstock.spec.kfp.document import Document
from penstock.spec.kfp.section import Section

ROOT = "root"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A document with its components and executors at hand."""

    document: Document

    def components(self) -> Iterator[tuple[str, Section]]:
        """Yield every component by name, the root first."""
        yield ROOT, self.document.pipeline.section("root")
        yield from self.document.pipeline.sections("components")

    def component_of(self, task: Section) -> tuple[str, Section]:
        """Return name and definition of the component a task refers to.

        Raises:
            SpecError: the reference is missing or names no component.
        """
        reference = task.section("componentRef")
        name = reference.required_text("name")
        components = self.document.pipeline.section("components")
        if name not in components:
            raise reference.error(f"no component {name!r}", "name")
        return name, components.section(name)

    def executor_of(self, component: Section) -> Section:
        """Return the executor that a leaf component names.

        Raises:
            SpecError: there is no executor of that label.
        """
        label = component.required_text("executorLabel")
        executors = self.document.pipeline.section("deploymentSpec").section("executors")
        if label not in executors:
            raise component.error(f"no executor {label!r}", "executorLabel")
        return executors.section(label)

    def platform_of(self, label: str) -> Section:
        """Return the Kubernetes configuration of an executor; empty when there is none."""
        return self.document.platform.section("deploymentSpec").section("executors").section(label)


def is_graph(component: Section) -> bool:
    """Whether the component is a DAG rather than a leaf."""
    return "dag" in component


def producer_inputs(task: Section) -> Iterator[tuple[Section, str, str]]:
    """Yield `(selector, output kind, output key)` for each input that comes from a sibling task.

    Output kind is `parameters`, `artifacts`, or `status` for a final status, which has no key.
    """
    for _, binding in task.section("inputs").sections("parameters"):
        if "taskOutputParameter" in binding:
            selector = binding.section("taskOutputParameter")
            yield selector, "parameters", selector.required_text("outputParameterKey")
        elif "taskFinalStatus" in binding:
            yield binding.section("taskFinalStatus"), "status", ""
    for _, binding in task.section("inputs").sections("artifacts"):
        if "taskOutputArtifact" in binding:
            selector = binding.section("taskOutputArtifact")
            yield selector, "artifacts", selector.required_text("outputArtifactKey")


def dependencies_of(task: Section) -> frozenset[str]:
    """Return the keys of every sibling the task waits for, by data or by order."""
    named = {key for key in task.sequence("dependentTasks") if isinstance(key, str)}
    return frozenset(named | {selector.required_text("producerTask") for selector, _, _ in producer_inputs(task)})
