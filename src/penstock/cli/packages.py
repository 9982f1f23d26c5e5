"""Turns the FILE of `penstock run` into a pipeline package: compiled in the user's interpreter, or read as it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from penstock.domain.errors import InvalidArgumentError

_EXAMPLES = {"NUMBER_INTEGER": "5", "NUMBER_DOUBLE": "0.5", "BOOLEAN": "true", "LIST": "[1, 2]", "STRUCT": '{"a": 1}'}
"""Values that read as one of a parameter type."""
_PROGRAM = Path(__file__).with_name("compiler_program.py")


@dataclass(frozen=True, slots=True)
class Package:
    """A pipeline ready to submit."""

    name: str
    """Pipeline name inside the document."""
    text: str
    """The document as compiled, YAML."""
    documents: tuple[Mapping[str, Any], ...]
    """Parsed: the pipeline spec and, where there is one, the platform spec; or one Argo workflow."""

    @property
    def is_argo(self) -> bool:
        """Whether kfp 1.8 made it (an Argo `Workflow`)."""
        return "pipelineSpec" not in self.documents[0] and self.documents[0].get("kind") == "Workflow"

    @property
    def pipeline_spec(self) -> dict[str, Any]:
        """The `pipeline_spec` field of a run: the bare spec, or both documents by name."""
        if len(self.documents) == 1:
            return dict(self.documents[0])
        return {"pipeline_spec": self.documents[0], "platform_spec": self.documents[1]}

    def parameter_types(self) -> dict[str, str]:
        """Return the IR type of each pipeline parameter by name."""
        inputs = self.documents[0].get("root", {}).get("inputDefinitions", {}).get("parameters", {})
        return {name: str(entry.get("parameterType", "STRING")) for name, entry in inputs.items()}


def load_package(file: Path, *, pipeline: str | None, python: str | None) -> Package:
    """Read or compile `file`.

    Args:
        file: a `.py` with pipelines, or a compiled `.yaml`, `.yml` or `.json`.
        pipeline: which pipeline of a `.py`, by function or pipeline name; None: the only one.
        python: interpreter with the user's kfp; None: `user_python()`.

    Raises:
        InvalidArgumentError: no such file, nothing to run in it, several to choose from, or it does not compile (with the traceback).
    """
    if not file.is_file():
        raise InvalidArgumentError(f"no file {file}")
    if file.suffix == ".py":
        return _compile(file, pipeline, python or user_python())
    if file.suffix not in {".yaml", ".yml", ".json"}:
        raise InvalidArgumentError(f"{file} is neither a Python file with a pipeline (.py) nor a compiled one (.yaml, .yml, .json)")
    return _read(file)


def _read(file: Path) -> Package:
    text = file.read_text(encoding="utf-8")
    try:
        documents = tuple(document for document in yaml.load_all(text, Loader=_LOADER) if document)
    except yaml.YAMLError as error:
        raise InvalidArgumentError(f"{file} is not YAML: {error}") from error
    if not documents or not isinstance(documents[0], dict):
        raise InvalidArgumentError(f"{file} holds no pipeline")
    first = documents[0]
    name = first.get("pipelineInfo", {}).get("name") or first.get("metadata", {}).get("generateName", "").rstrip("-") or file.stem
    return Package(name=str(name), text=text, documents=documents)


def _compile(file: Path, pipeline: str | None, python: str) -> Package:
    with tempfile.TemporaryDirectory(prefix="penstock-compile-") as folder:
        command = [python, "-W", "ignore::FutureWarning", str(_PROGRAM), str(file), folder, *([pipeline] if pipeline else [])]
        environment = {name: value for name, value in os.environ.items() if name != "_KFP_RUNTIME"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode != 0:
            hint = f"\n(compiled with {python}; choose another interpreter with --python)" if "No module named 'kfp'" in done.stderr else ""
            raise InvalidArgumentError(f"{file} does not compile:\n{done.stderr.strip()}{hint}")
        answer = json.loads(done.stdout.strip().splitlines()[-1])
        found = answer["pipelines"]
        names = ", ".join(entry["function"] for entry in found)
        if not found:
            raise InvalidArgumentError(f"{file} has no pipeline{_choice(pipeline, answer['known'])}")
        if len(found) > 1:
            raise InvalidArgumentError(f"{file} has several pipelines ({names}); choose one with --pipeline")
        return _read(Path(found[0]["package"]))


def _choice(wanted: str | None, known: Sequence[str]) -> str:
    called = f" called {wanted}" if wanted else ""
    return f"{called}; it has {', '.join(known)}" if known else f"{called}: no function with the decorator @dsl.pipeline"


def user_python() -> str:
    """Return the interpreter a user means: the active environment's, else the first on PATH that has kfp, else ours if it has."""
    active = os.environ.get("VIRTUAL_ENV", "")
    if active and (candidate := Path(active) / "bin" / "python").exists():
        return str(candidate)
    on_path = [found for name in ("python", "python3") if (found := shutil.which(name))]
    candidates = list(dict.fromkeys([*on_path, sys.executable]))
    return next((candidate for candidate in candidates if _has_kfp(candidate)), candidates[0])


def _has_kfp(python: str) -> bool:
    program = "import importlib.util, sys; sys.exit(importlib.util.find_spec('kfp') is None)"
    return subprocess.run([python, "-c", program], capture_output=True, check=False).returncode == 0


def parse_parameters(pairs: list[str], types: Mapping[str, str]) -> dict[str, Any]:
    """Turn `KEY=VALUE` texts into values of the pipeline's parameter types.

    Strings stay as they are; everything else is read as JSON (Python's `True`, `False` and `None` too).

    Raises:
        InvalidArgumentError: no `=`, or a value that does not fit the type.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise InvalidArgumentError(f"-p {pair}: expected KEY=VALUE")
        if types.get(key, "STRING") == "STRING":
            values[key] = text
            continue
        try:
            values[key] = json.loads({"True": "true", "False": "false", "None": "null"}.get(text, text))
        except ValueError as error:
            example = _EXAMPLES.get(types[key])
            such_as = f", such as {example}" if example else ""
            where = f" ({error})" if types[key] in {"LIST", "STRUCT"} else ""
            raise InvalidArgumentError(f"-p {key}: {text!r} is not a {types[key]}{such_as}{where}") from error
    return values


def without_cache(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a `pipeline_spec` field in which no task asks for the cache."""
    copy: dict[str, Any] = json.loads(json.dumps(spec))
    document = copy.get("pipeline_spec", copy)
    for component in [document.get("root", {}), *document.get("components", {}).values()]:
        for task in component.get("dag", {}).get("tasks", {}).values():
            task["cachingOptions"] = {}
    return copy


def workflow_without_cache(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of an Argo workflow in which no step may be reused."""
    copy: dict[str, Any] = json.loads(json.dumps(manifest))
    for template in copy.get("spec", {}).get("templates", []):
        template.setdefault("metadata", {}).setdefault("labels", {})["pipelines.kubeflow.org/enable_caching"] = "false"
    return copy


class _SpecLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Safe YAML that keeps dates as text, as the pipeline format means them."""


_SpecLoader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))
_LOADER = _SpecLoader
