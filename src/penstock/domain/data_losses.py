"""Data that is missing from a record: what wandb clients say that they left out, and what the server had to remove.

Semantics: clients tell of it in their own console lines only (observed with client 0.16 and 0.31; see
`tests/conformance/wandb/test_losses.py`), as long as they record them: what is said after the program closed the run is not sent, and some
releases say all of it then. The pure-Python uploader also counts what it dropped in every file-stream request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from penstock.domain.terminal_text import without_escapes

TASK_NOTE = "data_loss"
"""Kind of the notes of tasks from whose log something was removed."""
_MOST_DETAIL = 500
_OWN = "wandb: "
"""How the client's own lines begin."""
_SAID: Sequence[tuple[str, re.Pattern[str]]] = (
    ("steps", re.compile(r"less than (?:the )?current step\b")),
    ("size", re.compile(r"\bexceed(?:s maximum size|ed size limit)\b")),
    ("dropped", re.compile(r"\bDropped streaming file chunk\b")),
)


@dataclass(frozen=True, slots=True)
class DataLoss:
    """That something is missing."""

    kind: str
    """`steps` (rows with a step that is over), `size` (too large for the client to send) or `dropped` (the client gave up sending)."""
    detail: str
    """What the client said."""


def losses_in(lines: Iterable[str]) -> list[DataLoss]:
    """Return what the client's own lines among console lines (as text, not as sent) tell of, the first of each kind."""
    found: dict[str, DataLoss] = {}
    for line in lines:
        if "wandb" in line and (said := without_escapes(line)).startswith(_OWN):
            words = said.removeprefix(_OWN).strip()
            for kind, pattern in _SAID:
                if kind not in found and pattern.search(words):
                    found[kind] = DataLoss(kind, words[:_MOST_DETAIL])
    return list(found.values())
