"""Runs uv, the package resolver and installer: offline first, the network only when that does not do."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Sequence
from functools import cache

import uv

from penstock.domain.errors import TaskError
from penstock.domain.execution import FailureKind
from penstock.domain.terminal_text import without_escapes

_DROPPED = re.compile(r"PYTHON.*|PIP_.*|VIRTUAL_ENV|CONDA_PREFIX|UV_PYTHON.*|UV_OFFLINE|UV_PROJECT.*")
_MESSAGE_LINES = 12
_UNSOLVED = "error: No solution found"
_CAUSE = re.compile(r"^\W*(?:cause:)?\s*")


@cache
def _binary() -> str:
    return uv.find_uv_bin()


async def run_uv(*arguments: str, stdin: str = "", is_offline_only: bool = False) -> str:
    """Run uv and return its standard output; tries `--offline` first, which is many times faster when the cache has everything.

    Raises:
        TaskError: uv refused; carries the end of what it said (kind ENVIRONMENT).
    """
    code, output, said = await _run(("--offline", *arguments), stdin)
    if code != 0 and not is_offline_only:
        code, output, said = await _run(arguments, stdin)
    if code != 0:
        raise TaskError(trimmed(said) or f"uv ended with {code}", kind=FailureKind.ENVIRONMENT)
    return output


async def _run(arguments: Sequence[str], stdin: str) -> tuple[int, str, str]:
    # Standard input is a file: writing to a pipe whose reader has already left is an error of its own under uvloop.
    with tempfile.TemporaryFile() as source:
        source.write(stdin.encode())
        source.seek(0)
        process = await asyncio.create_subprocess_exec(
            _binary(),
            "--no-progress",
            "--color",
            "never",
            *arguments,
            stdin=source,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**{name: value for name, value in os.environ.items() if not _DROPPED.fullmatch(name)}, "UV_PYTHON_DOWNLOADS": "never"},
        )
    try:
        output, said = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, output.decode(errors="replace"), said.decode(errors="replace")


def trimmed(text: str) -> str:
    """Return what a user needs of uv's words: no colours, no progress lines, the cause before a headline; the last lines only."""
    lines = [line.rstrip() for line in without_escapes(text).splitlines()]
    noise = ("Using Python", "Resolved ", "Prepared ", "Downloading ", "Building ", "Built ", "warning: `VIRTUAL_ENV")
    kept = [line for line in lines if line.strip() and not line.startswith(noise)]
    if kept and kept[0].startswith(_UNSOLVED) and len(kept) > 1:
        kept = [f"the packages cannot be installed together: {_CAUSE.sub('', kept[1])}", *kept[2:]]
    return "\n".join(kept[-_MESSAGE_LINES:])
