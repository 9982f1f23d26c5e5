"""Uploaded pipeline files: bytes and a file name to a definition of known kind.

Accepts `.yaml`, `.yml`, `.json`, `.zip` and `.tar.gz` (`.tgz`) up to 32 MiB. YAML is loaded safely and refused when aliases would
make it much larger than it looks. Whether the definition is a valid pipeline is for the loader to say.
Semantics: kfp protocol notes, section 2.6; kfp 1.8 notes, section 6.
"""

from __future__ import annotations

import copy
import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from penstock.domain.errors import SpecError
from penstock.spec.argo.document import V2_PIPELINE_KEY
from penstock.spec.argo.lower import ARGO_DIALECT
from penstock.spec.kfp.document import is_pipeline
from penstock.spec.kfp.lower import KFP_DIALECT
from penstock.spec.kfp.section import kind_of
from penstock.spec.yaml_text import line_of, load_documents

MAX_BYTES = 32 * 1024 * 1024
_MEMBER = "pipeline.yaml"
_TEXT = (".yaml", ".yml", ".json")
_ZIP = (".zip",)
_TAR = (".tar.gz", ".tgz")


@dataclass(frozen=True, slots=True)
class Package:
    """A definition read from a file."""

    kind: str
    """`kfp` or `argo`."""
    content: Mapping[str, Any]
    """What `PlanLoader.load` takes: the bare PipelineSpec, the pair with a PlatformSpec, or the Workflow manifest."""
    source: str
    """The text it was read from."""


def read_package(data: bytes, file_name: str) -> Package:
    """Read an uploaded file.

    Raises:
        SpecError: unknown ending, too large, broken archive, not text, not YAML or JSON, empty, or not a pipeline; the place is the
            file name.
    """
    text = _text(_extract(data, file_name), file_name)
    return read_text(text, file_name)


def read_text(text: str, file_name: str = "pipeline.yaml") -> Package:
    """Read a definition from text; a name ending in `.json` means JSON, anything else YAML.

    Raises:
        SpecError: as `read_package`.
    """
    documents = _documents(text, file_name)
    if not documents:
        raise SpecError("the file is empty", place=file_name)
    for document in documents:
        if not isinstance(document, Mapping):
            raise SpecError(f"a pipeline has to be an object, found {kind_of(document)}", place=file_name)
    return _classify(documents, text, file_name)


def with_line(error: SpecError, package: Package) -> SpecError:
    """Return the error with the line of the text at which its place stands, where that is found."""
    line = line_of(package.source, error.place) if package.source and error.place else None
    if line is None:
        return error
    return SpecError(f"{str(error).removeprefix(f'{error.place}: ')} (line {line})", place=error.place)


def of_pipeline(package: Package, pipeline_name: str) -> Package:
    """Return the package as a pipeline of that name keeps it.

    A workflow that was compiled in V2_COMPATIBLE mode is told its pipeline's name by an argument, whose default becomes
    `pipeline/<pipeline_name>`: below it lie the URIs of its artifacts. Any other package stays as it is.
    Semantics: kfp 1.8 protocol notes, section 2.5.
    """
    metadata = package.content.get("metadata")
    notes = metadata.get("annotations") if package.kind == ARGO_DIALECT and isinstance(metadata, Mapping) else None
    if not isinstance(notes, Mapping) or str(notes.get(V2_PIPELINE_KEY)) != "true":
        return package
    content: Any = copy.deepcopy(dict(package.content))
    arguments = content.get("spec", {}).get("arguments", {}).get("parameters") or ()
    wanted = f"pipeline/{pipeline_name}"
    changed = [item for item in arguments if item.get("name") == "pipeline-name" and item.get("value") != wanted]
    for item in changed:
        item["value"] = wanted
    return Package(package.kind, content, yaml.safe_dump(content, sort_keys=False, allow_unicode=True)) if changed else package


def _classify(documents: list[Any], text: str, file_name: str) -> Package:
    first = documents[0]
    if str(first.get("apiVersion", "")).startswith("argoproj.io/"):
        if first.get("kind") != "Workflow" or len(documents) > 1:
            raise SpecError(f"expected one Argo Workflow, found {first.get('kind')!r}", place=file_name)
        return Package(ARGO_DIALECT, first, text)
    pipelines = [document for document in documents if "platforms" not in document]
    platforms = [document for document in documents if "platforms" in document]
    if len(pipelines) != 1 or len(platforms) > 1:
        raise SpecError(f"expected a PipelineSpec and at most one PlatformSpec, found {len(documents)} documents", place=file_name)
    if not is_pipeline(pipelines[0]) and "root" not in pipelines[0]:
        raise SpecError("neither a KFP pipeline nor an Argo Workflow", place=file_name)
    content = {"pipeline_spec": pipelines[0], "platform_spec": platforms[0]} if platforms else pipelines[0]
    return Package(KFP_DIALECT, content, text)


def _documents(text: str, file_name: str) -> list[Any]:
    if not text.strip():
        return []
    if file_name.lower().endswith(".json"):
        try:
            return [json.loads(text)]
        except RecursionError:
            raise SpecError("too deeply nested", place=file_name) from None
        except ValueError as error:
            raise SpecError(f"not JSON: {error}", place=file_name) from None
    return [document for document in load_documents(text, place=file_name) if document is not None]


def _text(data: bytes, file_name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"not UTF-8 text ({error.reason} at byte {error.start})", place=file_name) from None


def _extract(data: bytes, file_name: str) -> bytes:
    """Return the bytes of the definition, taken out of an archive when the name says so."""
    if len(data) > MAX_BYTES:
        raise SpecError(f"the file has more than {MAX_BYTES:,} bytes", place=file_name)
    name = file_name.lower()
    if name.endswith(_TEXT):
        return data
    if name.endswith(_ZIP):
        return _from_zip(data, file_name)
    if name.endswith(_TAR):
        return _from_tar(data, file_name)
    raise SpecError(f"unknown kind of file; expected one of {', '.join((*_TEXT, *_ZIP, *_TAR))}", place=file_name)


def _from_zip(data: bytes, file_name: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
            chosen = next((info for info in members if info.filename == _MEMBER), members[0] if members else None)
            if chosen is None:
                raise SpecError("the archive is empty", place=file_name)
            with archive.open(chosen) as stream:
                return _bounded(stream.read(MAX_BYTES + 1), file_name)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise SpecError(f"not a readable zip file: {error}", place=file_name) from None


def _from_tar(data: bytes, file_name: str) -> bytes:
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            chosen = _tar_member(archive, file_name)
            stream = archive.extractfile(chosen) if chosen else None
            if stream is None:
                raise SpecError("the archive is empty", place=file_name)
            return _bounded(stream.read(MAX_BYTES + 1), file_name)
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise SpecError(f"not a readable tar.gz file: {error}", place=file_name) from None


def _tar_member(archive: tarfile.TarFile, file_name: str) -> tarfile.TarInfo | None:
    """Return `pipeline.yaml`, or else the first file; gives up on archives that unpack to much more than a pipeline."""
    first: tarfile.TarInfo | None = None
    total = 0
    for member in archive:
        total += member.size
        if total > MAX_BYTES:
            raise SpecError(f"the archive unpacks to more than {MAX_BYTES:,} bytes", place=file_name)
        if member.isfile() and member.name.removeprefix("./") == _MEMBER:
            return member
        first = first or (member if member.isfile() else None)
    return first


def _bounded(data: bytes, file_name: str) -> bytes:
    if len(data) > MAX_BYTES:
        raise SpecError(f"the file inside the archive has more than {MAX_BYTES:,} bytes", place=file_name)
    return data
