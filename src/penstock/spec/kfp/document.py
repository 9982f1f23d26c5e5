"""A compiled KFP pipeline as it was stored: which part is the PipelineSpec, which the PlatformSpec, which schema it follows.

Accepts a bare PipelineSpec, the pair `{"pipeline_spec", "platform_spec"}` of the REST API, and the PipelineJob wrapper of
`kfp.v2` (SDK 1.8), which `legacy` translates. What the parts mean is the business of `validate` and `lower`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.domain.errors import SpecError
from penstock.spec.kfp.legacy import translate_job
from penstock.spec.kfp.section import Section, kind_of

PIPELINE_KEYS = ("pipelineInfo", "components", "deploymentSpec", "root", "defaultPipelineRoot", "schemaVersion", "sdkVersion")
_SNAKE_KEYS = {re.sub(r"(?<!^)(?=[A-Z])", "_", key).lower(): key for key in PIPELINE_KEYS}
_WRAPPER_KEYS = ("pipeline_spec", "platform_spec", "pipelineSpec", "platformSpec")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
SCHEMA_VERSION = "2.1.0"


@dataclass(frozen=True, slots=True)
class Document:
    """A pipeline document, taken apart."""

    pipeline: Section
    """The PipelineSpec."""
    platform: Section
    """`platforms.kubernetes` of the PlatformSpec; empty when there is none."""
    is_legacy: bool = False
    """Came as a `kfp.v2` PipelineJob; its steps expect typed `inputs.parameters` in ExecutorInput."""

    @property
    def name(self) -> str:
        """Name of the pipeline."""
        return self.pipeline.section("pipelineInfo").text("name")


def is_pipeline(content: Mapping[str, Any]) -> bool:
    """Whether `content` looks like a KFP pipeline document of any accepted form."""
    return any(key in content for key in (*_WRAPPER_KEYS, "pipelineInfo", "pipeline_info", "deploymentSpec", "schemaVersion"))


def read_document(content: Mapping[str, Any]) -> Document:
    """Take the stored content apart and check its outermost form.

    Raises:
        SpecError: unknown top-level keys, wrong schema version, bad pipeline name, no root.

    Semantics: kfp protocol notes, section 2.6; snake_case spellings of the top-level keys are accepted as protobuf JSON does.
    """
    if not isinstance(content, Mapping):
        raise SpecError(f"a pipeline has to be an object, found {kind_of(content)}")
    if "pipelineSpec" in content and "platformSpec" not in content:
        return _check(Document(Section(translate_job(Section.of(content))), Section({}), is_legacy=True))
    platform: Any = None
    place = ""
    spec: Any = content
    if any(key in content for key in _WRAPPER_KEYS):
        unknown = [key for key in content if key not in _WRAPPER_KEYS]
        if unknown:
            raise SpecError("unknown key", place=unknown[0])
        place = "pipeline_spec"
        spec = content.get("pipeline_spec", content.get("pipelineSpec"))
        platform = content.get("platform_spec", content.get("platformSpec"))
    pipeline = Section.of(spec, place)
    if not pipeline.data:
        raise pipeline.error("the pipeline is empty")
    return _check(Document(_canonical(pipeline), _kubernetes(platform)))


def _canonical(pipeline: Section) -> Section:
    data: dict[str, Any] = {}
    for key, value in pipeline.data.items():
        name = _SNAKE_KEYS.get(key, key)
        if name not in PIPELINE_KEYS:
            raise pipeline.error(f"unknown key; a PipelineSpec has {', '.join(PIPELINE_KEYS)}", key)
        data[name] = value
    return Section(data, "")


def _kubernetes(platform: Any) -> Section:
    whole = Section.of(platform, "platform_spec")
    if not whole.data:
        return Section({}, "platform_spec")
    unknown = [key for key in whole.data if key != "platforms"]
    if unknown:
        raise whole.error("unknown key; a PlatformSpec has `platforms`", unknown[0])
    return whole.section("platforms").section("kubernetes")


def _check(document: Document) -> Document:
    pipeline = document.pipeline
    version = pipeline.text("schemaVersion")
    if version != SCHEMA_VERSION:
        raise pipeline.error(f"schema version {version!r} is not supported; recompile with kfp 2.x ({SCHEMA_VERSION})", "schemaVersion")
    info = pipeline.section("pipelineInfo")
    name = info.text("name")
    if not _NAME.fullmatch(name):
        raise info.error(f"{name!r} does not match {_NAME.pattern}", "name")
    if not pipeline.section("root").data:
        raise pipeline.error("the pipeline has no root", "root")
    return document
