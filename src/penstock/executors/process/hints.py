"""What a user can do about the exception that ended an attempt.

Hints are given for what cannot be seen from the exception itself: that an image is not used here, which task left an input unwritten,
that a component's function stands alone. A hint is part of a sentence, without its own full stop.
"""

from __future__ import annotations

import json
import re

from penstock.domain.execution import ProcessSpec

_NO_MODULE = re.compile(r"^ModuleNotFoundError: No module named '([^']+)'")
_NO_NAME = re.compile(r"^NameError: name '([^']+)' is not defined")
_NO_FILE = re.compile(r"^FileNotFoundError: .*: '([^']+)'")
_PLAIN_IMAGE = re.compile(r"^(?:docker\.io/)?(?:library/)?python(?:[:@]|$)")
_OF_NONE = ("TypeError: 'NoneType' object", "TypeError: object of type 'NoneType'", "AttributeError: 'NoneType' object")
_NOT_FOUND_EXIT = 127

def hint_for(spec: ProcessSpec, code: int | None, exception: str, text: str) -> str:
    """Return what to do about it, empty when the log says all that can be said.

    Args:
        spec: what was run.
        code: its exit code.
        exception: what `tracebacks.exception_of` found.
        text: end of the log.
    """
    for path, story in spec.absent.items():
        if str(path) in text:
            return story
    if match := _NO_MODULE.match(exception):
        return _module_hint(spec, match.group(1))
    if spec.python is not None and _NO_NAME.match(exception):
        return "a component's function runs by itself and sees only what it imports and defines inside"
    if spec.python is not None and exception.startswith(_OF_NONE) and (empty := _empty_lists(spec.python.executor_input)):
        return f"input {empty[0]!r} is an empty list of artifacts, which the SDK hands over as None"
    if match := _NO_FILE.match(exception):
        return _file_hint(spec, match.group(1))
    if code == _NOT_FOUND_EXIT and spec.image:
        return f"image {spec.image!r} is not used here: tasks run as processes with the programs of this machine"
    return ""


def _empty_lists(executor_input: str) -> list[str]:
    artifacts = json.loads(executor_input).get("inputs", {}).get("artifacts", {})
    return [name for name, entry in artifacts.items() if not entry.get("artifacts")]


def _module_hint(spec: ProcessSpec, module: str) -> str:
    unused = spec.image if spec.image and not _PLAIN_IMAGE.match(spec.image) else ""
    if spec.python is not None:
        about_image = f"; image {unused!r} is not used here" if unused else ""
        return f"name the package of {module.partition('.')[0]!r} in `packages_to_install` of the component{about_image}"
    return f"image {unused!r} is not used here: the command has to install what it imports" if unused else ""


def _file_hint(spec: ProcessSpec, path: str) -> str:
    for output in spec.output_artifacts:
        if path.startswith(f"{output.path}/"):
            return f"make the directory of output {output.name!r} before writing below it, by `os.makedirs({output.name}.path)`"
    return ""
