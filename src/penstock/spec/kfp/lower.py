"""Lowers a KFP pipeline document to a `RunPlan`.

The document is validated first; then every component that the root reaches becomes a template of the same name. What a task
does at run time (commands, placeholders, files) is left to `runtime`, which gets the executor's own document in the template.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.domain.plan import GraphTemplate, RunPlan, Template
from penstock.spec.kfp.definitions import INPUTS, read_artifacts, read_parameters
from penstock.spec.kfp.document import Document, read_document
from penstock.spec.kfp.graph import ROOT, Pipeline, is_graph
from penstock.spec.kfp.leaves import lower_leaf
from penstock.spec.kfp.loop_items import thread_loop_items
from penstock.spec.kfp.lost_choices import restore_choices
from penstock.spec.kfp.merged_groups import part_groups
from penstock.spec.kfp.placeholder_check import check_placeholders
from penstock.spec.kfp.platform import deadline_seconds, pipeline_warnings
from penstock.spec.kfp.section import Section
from penstock.spec.kfp.tasks import lower_outputs, lower_task
from penstock.spec.kfp.validate import validate

KFP_DIALECT = "kfp"


def lower_pipeline(content: Mapping[str, Any]) -> RunPlan:
    """Return the plan of a stored KFP pipeline; the same content always gives an equal plan.

    Raises:
        SpecError: the document is not a valid pipeline.
    """
    document = thread_loop_items(restore_choices(part_groups(read_document(content))))
    validate(document)
    pipeline = Pipeline(document)
    check_placeholders(pipeline)
    root = document.pipeline.section("root")
    root_name = ROOT if ROOT not in document.pipeline.section("components") else "<root>"
    templates: dict[str, Template] = {root_name: _graph(pipeline, root_name, root)}
    pending = _children(pipeline, root)
    while pending:
        name, component = pending.pop()
        if name not in templates:
            if is_graph(component):
                templates[name] = _graph(pipeline, name, component)
                pending.extend(_children(pipeline, component))
            else:
                templates[name] = lower_leaf(pipeline, name, component)
    config = document.platform.section("pipelineConfig")
    return RunPlan(
        dialect=KFP_DIALECT,
        name=document.name,
        root=root_name,
        templates=templates,
        parameters=read_parameters(root, INPUTS),
        deadline_seconds=deadline_seconds(config),
        extra=_extra(document, root, config),
    )


def _extra(document: Document, root: Section, config: Section) -> dict[str, Any]:
    extra: dict[str, Any] = {"sdk_version": document.pipeline.text("sdkVersion")}
    if document.pipeline.text("defaultPipelineRoot"):
        extra["pipeline_root"] = document.pipeline.text("defaultPipelineRoot")
    required = sorted(name for name, artifact in read_artifacts(root, INPUTS).items() if not artifact.is_optional)
    if required:
        extra["required_artifacts"] = required
    for key in ("workspace", "resourceTtlOnCompletion", "resourceTtlOnSuccess", "resourceTtlOnFailure"):
        if key in config:
            extra[key] = config.data[key]
    if warnings := pipeline_warnings(config):
        extra["warnings"] = warnings
    return extra


def _graph(pipeline: Pipeline, name: str, component: Section) -> GraphTemplate:
    return GraphTemplate(
        name=name,
        tasks={key: lower_task(pipeline, component, key, task) for key, task in component.section("dag").sections("tasks")},
        parameters=read_parameters(component, INPUTS),
        artifacts=read_artifacts(component, INPUTS),
        output_parameters=lower_outputs(component, "parameters"),
        output_artifacts=lower_outputs(component, "artifacts"),
    )


def _children(pipeline: Pipeline, component: Section) -> list[tuple[str, Section]]:
    return [pipeline.component_of(task) for _, task in component.section("dag").sections("tasks")]
