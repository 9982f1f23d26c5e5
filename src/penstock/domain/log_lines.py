"""What of a log its component wrote: the SDK's executor tells of itself in between, in notes, its input, and frames of tracebacks."""

from __future__ import annotations

import re
from collections.abc import Sequence

FRAME = re.compile(r'^  File "')
"""First line of a frame in a traceback."""
_NOISE = re.compile(r"^\[KFP Executor [^\]]* INFO\]: ")
_SDK_FRAME = re.compile(
    r'^  File "(?:[^"]*/kfp/(?:v2/)?(?:dsl|components)/(?:executor(?:_main)?|utils)\.py'
    r'|[^"]*/metaflow/(?:task|cli|tracing/__init__|cli_components/\w+|_vendor/click/\w+)\.py|<frozen (?:runpy|importlib\.[^>]*)>)"'
)


def meaningful_lines(text: str) -> list[str]:
    """Return the lines of a log, or of the end of one, that its component wrote: no empty ones, nothing of the SDK's executor."""
    return _without_sdk_frames(_without_chatter([line.rstrip() for line in text.split("\n") if line.strip()]))


def _without_chatter(lines: Sequence[str]) -> list[str]:
    """Return the lines that are not the SDK's own: its notes, and its input, which it prints from `{` to `}` on lines of their own."""
    kept: list[str] = []
    is_input = False
    for index, line in enumerate(lines):
        if is_input:
            is_input = line != "}"
        elif _NOISE.match(line):
            is_input = line.endswith("Got executor_input:") and "}" in lines[index:]
        else:
            kept.append(line)
    return kept


def _without_sdk_frames(lines: Sequence[str]) -> list[str]:
    """Return a log without the frames of the SDK's executor in its tracebacks: those of the component are what its author knows."""
    kept: list[str] = []
    is_dropped = False
    for line in lines:
        if FRAME.match(line):
            is_dropped = _SDK_FRAME.match(line) is not None
        elif not line.startswith("    "):
            is_dropped = False
        if not is_dropped:
            kept.append(line)
    return kept
