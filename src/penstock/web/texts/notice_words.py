"""Sentences that reach pages as finished English text, in the reader's language: notices of actions, what was not found, why a flow failed.

Such a sentence is made where a thing happens, for programs and logs too, so it is recognised again here: as a whole, or by a pattern with
`{names}`. A sentence that is not known stays as it is. Those of the engine and of definitions are in `web.texts.sentences`.
"""

from __future__ import annotations

import re
from functools import cache

from penstock.web.texts.i18n import messages, translate

DONE = (
    "Tagged", "Tags taken off", "Moved", "Retried", "Terminating", "Paused", "Continued", "Archived", "Restored", "Deleted", "Enabled",
    "Disabled", "Saved", "Asked to stop", "Removed for good",
)  # fmt: skip
"""What a notice says was done; stands for `{done}`."""
KINDS = (
    "run", "task", "flow", "pipeline", "experiment", "recurring run", "artifact", "document", "user", "project", "sweep", "page",
    "tracked run",
)  # fmt: skip
"""What may not be found; stands for `{kind}`."""
PLAIN = (
    "Nothing was selected.", "Nothing was selected, or it is not in the trash any more.", "It did not work.", "Saved.", "Changed.",
    "Approved.", "Rejected.", "Uploaded.", "Name the tag to add.", "Name the tag to add: KEY or KEY=VALUE.", "Pick two tasks or more.",
    "Choose the experiment to move to.", "Two artifacts stand beside each other: pick two.", "None of these artifacts has bytes here.",
    "Budget saved.", "Report saved.", "Report deleted.", "A report needs a title.", "Comment deleted.", "A comment needs words.",
    "Experiment created.", "Notes saved.", "Archived, with its runs; its schedules are disabled.",
    "Restored. Its runs stay archived until you restore them.", "Disabled; running runs go on.", "Schedule created.", "Schedule changed.",
    "Trigger created.", "Stopped; runs that were started go on.", "Pipeline uploaded.", "Version uploaded.", "Version deleted.",
    "Nothing is as old as that.", "An entry needs a key.", "The trial has begun.", "The backup has begun.",
    "A backup is being made already.", "Key revoked. Programs that use it are refused from now on.", "The invitation was withdrawn.",
    "Project deleted.", "None of these projects has a run.", "Automation deleted.", "It is sent again.",
    "That delivery is not one that failed.", "View deleted.", "The view was removed.",
    "A view needs a name.", "Choose a file, give a URL or paste the definition.",
    "This artifact was deleted, or its time to live has passed.",
    "The server made a mistake; its log has the details.",
    "These pages are served without a server process.",
    "Runs that were created without an experiment.",
    "the attempt did not succeed; its log says why",
    "This cannot be undone any more.",
    "This artifact is no folder.", "first key, kept in the data folder",
    "code", "image", "inputs", "options", "outputs",
)  # fmt: skip
PATTERNS = (
    "{done} {count} of {total} runs.",
    "{done}: {count} of {total}.",
    "{done} {count} of {total}.",
    "{done}: in the trash for {span}.",
    "{done} {count} of {total}: in the trash for {span}.",
    "{done} {count} of {total} runs: in the trash for {span}.",
    "{done}: {name}.",
    "{name} is in the trash for {span}.",
    "{name} are in the trash for {span}.",
    "Deleted {name}.",
    "Saved as {name}.",
    "{name} was removed.",
    "{key} of {name} was set.",
    "{count} runs will start one after the other.",
    "{name} is protected.",
    "{name} is free again.",
    "{name} was added.",
    "{name} has the role {role} now.",
    "{name} can sign in again.",
    "{name} was disabled. Its keys are refused from now on.",
    "There is no page at {name}.",
    "There is no {kind} {name}. Runs are recorded here once `penstock env` is set in the flow's shell.",
    "There is no {kind} {name} in {place}. It may have been deleted.",
    "There is no {kind} {name} in {place}.",
    "There is no such {kind} any more.",
    "There is no {kind} {name}.",
    "Set by the client, and not to be changed: {name}",
    "{name} is not a time zone.",
    "{name} is not a date and time.",
    "This comment is {name}'s; its author or an administrator may change or delete it.",
    "no heartbeat for more than {seconds} seconds",
    "task {name} failed and the client stopped",
    "attempt {count} of the task failed; its log says why",
    "{done}.",
)
"""With names; the first that fits is taken."""


def said(language: str, text: str) -> str:
    """Return a sentence in `language`, where it is known."""
    if language == "en" or not text:
        return text
    known = messages(language)
    if text in known:
        return known[text]
    if len(text) > _LONGEST:
        return text
    for pattern, sentence in _compiled():
        if (found := pattern.fullmatch(text)) is not None:
            values = {name: _value(language, name, value) for name, value in found.groupdict().items()}
            return translate(language, sentence, **values)
    return text


_LONGEST = 600
_ALTERNATIVES = {"done": DONE, "kind": KINDS}
_NUMBERS = frozenset({"count", "total", "seconds"})


@cache
def _compiled() -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile("".join(_piece(piece) for piece in re.split(r"(\{\w+\})", sentence))), sentence) for sentence in PATTERNS]


def _piece(piece: str) -> str:
    if not piece.startswith("{"):
        return re.escape(piece)
    name = piece[1:-1]
    if name in _ALTERNATIVES:
        return f"(?P<{name}>{'|'.join(map(re.escape, _ALTERNATIVES[name]))})"
    return rf"(?P<{name}>\d+)" if name in _NUMBERS else rf"(?P<{name}>[^\n]+)"


def _value(language: str, name: str, value: str) -> str:
    return translate(language, value) if name in _ALTERNATIVES else value
