"""Leaf components: executors of the deployment spec as work of the plan."""

from __future__ import annotations

from typing import Any

from penstock.domain.expr import Const, Expr, Format, OwnInput, RunField
from penstock.domain.plan import ContainerWork, ImporterWork, LeafTemplate, VolumeWork, Work
from penstock.spec.kfp import placeholders
from penstock.spec.kfp.definitions import INPUTS, OUTPUTS, read_artifact_type, read_artifacts, read_parameters
from penstock.spec.kfp.graph import Pipeline
from penstock.spec.kfp.identity import container_identity, digest
from penstock.spec.kfp.platform import deadline_seconds
from penstock.spec.kfp.section import Section

VOLUME_IMAGES = {"argostub/createpvc": "create", "argostub/deletepvc": "delete"}


def lower_leaf(pipeline: Pipeline, name: str, component: Section) -> LeafTemplate:
    """Return the template of a leaf component.

    Raises:
        SpecError: the executor is malformed.
    """
    executor = pipeline.executor_of(component)
    platform = pipeline.platform_of(component.text("executorLabel"))
    work = _work(executor, platform, component)
    output_parameters = read_parameters(component, OUTPUTS)
    return LeafTemplate(
        name=name,
        work=work,
        parameters=read_parameters(component, INPUTS),
        artifacts=read_artifacts(component, INPUTS),
        output_parameters=output_parameters,
        output_artifacts=read_artifacts(component, OUTPUTS),
        identity=_identity(work, component),
        deadline_seconds=deadline_seconds(platform),
        extra=_extra(pipeline, component),
    )


def _extra(pipeline: Pipeline, component: Section) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    passthroughs = [dict(item.data) for item in component.items("taskConfigPassthroughs")]
    if passthroughs:
        extra["task_config_passthroughs"] = passthroughs
    if pipeline.document.is_legacy:
        extra["typed_parameters"] = True
    return extra


def _identity(work: Work, component: Section) -> dict[str, str]:
    if isinstance(work, ContainerWork):
        return container_identity(work, component)
    if isinstance(work, ImporterWork):
        return {"code": digest({"uri": repr(work.uri), "type": work.type.schema_title, "metadata": work.metadata})}
    return {"code": digest(work.action)}


def _work(executor: Section, platform: Section, component: Section) -> Work:
    if "importer" in executor:
        return _importer(executor.section("importer"), component)
    container = executor.section("container")
    image = container.required_text("image")
    action = VOLUME_IMAGES.get(image.partition(":")[0])
    if action:
        return VolumeWork(action=action, platform=platform.data)
    return ContainerWork(
        image=image,
        command=tuple(container.sequence("command")),
        args=tuple(container.sequence("args")),
        env=tuple((item.required_text("name"), item.data.get("value", "")) for item in container.items("env")),
        resources=container.section("resources").data,
        platform=platform.data,
    )


def _importer(importer: Section, component: Section) -> ImporterWork:
    outputs = read_artifacts(component, OUTPUTS)
    schema = importer.section("typeSchema")
    key = next(iter(outputs), "artifact")
    return ImporterWork(
        uri=_importer_uri(importer.section("artifactUri")),
        type=read_artifact_type(schema) if schema.data else outputs[key].type if outputs else read_artifact_type(schema),
        output_key=key,
        metadata=importer.data.get("metadata"),
        reimport=importer.flag("reimport"),
        download_to_workspace=importer.flag("downloadToWorkspace"),
    )


def _importer_uri(uri: Section) -> Expr:
    if "runtimeParameter" in uri:
        return OwnInput(uri.required_text("runtimeParameter"))
    if "constantValue" in uri:
        return Const(uri.section("constantValue").required_text("stringValue"))
    text = uri.required_text("constant")
    parts = placeholders.parse(text)
    if all(isinstance(part, str | placeholders.Unknown) for part in parts):
        return Const(text)
    return Format(tuple(_uri_part(uri, part) for part in parts))


def _uri_part(uri: Section, part: placeholders.Part) -> Expr:
    if isinstance(part, str):
        return Const(part)
    if isinstance(part, placeholders.InputParameter):
        return OwnInput(part.name)
    if isinstance(part, placeholders.RunFact):
        return RunField(part.field)
    if isinstance(part, placeholders.Unknown):
        return Const(part.text)
    raise uri.error("the URI of an importer may refer to parameters and to facts of the run only", "constant")
