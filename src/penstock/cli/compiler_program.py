"""Runs in the user's own interpreter, which has kfp and not penstock: compiles the pipelines of a file.

Called as `python compiler_program.py FILE OUTPUT_DIR [NAME]`. Writes one package per pipeline into OUTPUT_DIR and prints one JSON
object: `{"sdk": "2.17.0", "pipelines": [{"name": .., "function": .., "package": path}]}` as its last line. Only the standard
library and kfp are used, in syntax that Python 3.7 reads, because kfp 1.8 lives there. Errors of the user's file leave as tracebacks.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any


def main(file: str, output_dir: str, wanted: str = "") -> None:
    """Compile the pipelines in `file`, or only the one called `wanted`."""
    sys.path.insert(0, str(Path(file).resolve().parent))
    sys.argv = [file]
    namespace = runpy.run_path(file, run_name="__penstock_compile__")
    import kfp  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - the file comes first: it may set up how kfp is imported

    pipelines: list[dict[str, str]] = []
    for function, name, item in _v1_pipelines(namespace) if kfp.__version__.startswith("1.") else _v2_pipelines(namespace):
        if wanted and wanted not in {function, name}:
            continue
        package = str(Path(output_dir, f"pipeline-{len(pipelines)}.yaml"))
        kfp.compiler.Compiler().compile(item, package)
        pipelines.append({"name": name, "function": function, "package": package})
    print("\n" + json.dumps({"sdk": kfp.__version__, "pipelines": pipelines}))


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


if __name__ == "__main__":
    main(*sys.argv[1:])
