"""Runs in the user's own interpreter, which has kfp and not penstock: compiles the pipelines of a file.

Called as `python compiler_program.py FILE OUTPUT_DIR [NAME]`. Writes one package per pipeline into OUTPUT_DIR and prints one JSON
object: `{"sdk": "2.17.0", "pipelines": [{"name": .., "function": .., "package": path}], "known": [function, ..]}` as its last line.
Only the standard library and kfp are used, in syntax that Python 3.7 reads, because kfp 1.8 lives there. Errors of the user's file
leave as tracebacks, with those of its frames that the user wrote.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import traceback
import types
from pathlib import Path
from typing import Any

_OF_KFP = re.compile(r"site-packages[/\\]kfp[/\\]")


def main(file: str, output_dir: str, wanted: str = "") -> None:
    """Compile the pipelines in `file`, or only the one called `wanted`."""
    sys.path.insert(0, str(Path(file).resolve().parent))
    sys.argv = [file]
    namespace = _read(file)
    import kfp  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - the file comes first: it may set up how kfp is imported

    pipelines: list[dict[str, str]] = []
    found = _v1_pipelines(namespace) if kfp.__version__.startswith("1.") else _v2_pipelines(namespace)
    for function, name, item in found:
        if wanted and wanted not in {function, name}:
            continue
        package = str(Path(output_dir, f"pipeline-{len(pipelines)}.yaml"))
        kfp.compiler.Compiler().compile(item, package)
        if kfp.__version__.startswith("1.") and "{{$}}" in Path(package).read_text(encoding="utf-8"):
            # Components of kfp.v2.dsl: the default mode compiles them but leaves out what fills in their inputs.
            kfp.compiler.Compiler(mode=kfp.dsl.PipelineExecutionMode.V2_COMPATIBLE).compile(item, package)
        pipelines.append({"name": name, "function": function, "package": package})
    print("\n" + json.dumps({"sdk": kfp.__version__, "pipelines": pipelines, "known": [function for function, _, _ in found]}))


class _Submitted(BaseException):
    """The file has come to the place where it would talk to a server."""


class _NoClient:
    """Stands for `kfp.Client` while a file is only read: tutorials submit at the end of the file that defines the pipeline."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        del args, kwargs

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise _Submitted(name)


def _read(file: str) -> dict[str, Any]:
    """Run the file, up to the first use of a client if it has one; return its globals."""
    source = Path(file).read_bytes()
    if b"Client(" in source:
        import kfp  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - a file without client is imported before kfp

        holders: tuple[Any, ...] = (kfp, sys.modules.get("kfp.client"))
        for holder in holders:
            if holder is not None:
                holder.Client = _NoClient
    module = types.ModuleType("__penstock_compile__")
    module.__file__ = file
    sys.modules[module.__name__] = module
    with contextlib.suppress(_Submitted):
        exec(compile(source, file, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - running the author's file is the point
    return module.__dict__


def _v2_pipelines(namespace: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Return pipelines of kfp 2.x: what `@dsl.pipeline` made, recognised by its graph."""
    found = []
    for function, item in namespace.items():
        implementation = getattr(getattr(item, "component_spec", None), "implementation", None)
        if getattr(implementation, "graph", None) is not None and not function.startswith("_"):
            found.append((function, str(getattr(item, "name", function)), item))
    return found


def _v1_pipelines(namespace: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Return pipeline functions of kfp 1.8: those that `@dsl.pipeline` gave a name."""
    found = []
    for function, item in namespace.items():
        name = getattr(item, "_component_human_name", None)
        if callable(item) and name and not hasattr(item, "component_spec"):
            found.append((function, str(name), item))
    return found


def _explain(error: BaseException) -> str:
    """Return the traceback of an error without frames of this program and, where others are left, without those of kfp."""
    kept = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    own = [frame for frame in kept if not _OF_KFP.search(frame.filename)]
    frames = traceback.format_list(own or kept)
    head = ["Traceback (most recent call last):\n"] if frames else []
    return "".join([*head, *frames, *traceback.format_exception_only(type(error), error)])


if __name__ == "__main__":
    arguments = sys.argv[1:]
    try:
        main(*arguments)
    except Exception as error:  # whatever the file raises is its author's to read
        sys.exit(_explain(error))
