"""Prints the table of the pipeline language for docs/kfp-api.md, from the programs that the real SDKs compile and a live server runs."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.conformance.programs import SDK_VERSIONS, Program, all_programs

MARK = "<!-- language:"
END = "<!-- end of the language -->"
PAGE = Path(__file__).parents[2] / "docs" / "kfp-api.md"


def table() -> str:
    """Return the table as Markdown, one row per program by name."""
    rows = [f"| What runs | {' | '.join(SDK_VERSIONS)} | Program |", f"|---|{'---|' * len(SDK_VERSIONS)}---|"]
    rows += [_row(program) for program in all_programs()]
    return "\n".join(rows) + "\n"


def _row(program: Program) -> str:
    words = (ast.get_docstring(ast.parse(program.path.read_text(encoding="utf-8"))) or "").splitlines()[0].rstrip(".").replace("|", "\\|")
    marks = " | ".join("yes" if sdk in program.sdks else "" for sdk in SDK_VERSIONS)
    return f"| {words} | {marks} | `{program.name}` |"


if __name__ == "__main__":
    print(table(), end="")
