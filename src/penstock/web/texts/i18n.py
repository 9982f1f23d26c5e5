"""Languages of the pages. The English text is the key; `locales/<language>.json` maps it to another language.

A text without a translation shows in English. `scripts/messages` keeps the files complete; a test checks that they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

LANGUAGES: Mapping[str, str] = {"en": "English", "ko": "\ud55c\uad6d\uc5b4", "ja": "\u65e5\u672c\u8a9e"}
"""Language tag -> its name in itself."""

PARTS = ("tracking", "site", "artifacts", "pipelines")
"""Parts of the site whose texts have files of their own."""

ONE: Mapping[str, str] = {
    "{count} runs would start": "1 run would start",
    "Start {count} runs": "Start 1 run",
    "at most {count} runs of this schedule at a time": "at most 1 run of this schedule at a time",
    "{count} of at most {most} runs are active": "1 of at most {most} runs is active",
    "Delete this experiment and its {count} runs? They can be restored from the trash.": (
        "Delete this experiment and its run? They can be restored from the trash."
    ),
    "after each of {count} trials": "after 1 trial",
    "{count} more are not shown": "1 more is not shown",
    "{count} things around it, one step away.": "1 thing around it, one step away.",
    "{count} things around it, at most {depth} steps away.": "1 thing around it, at most {depth} steps away.",
    "{count} tasks of all runs at a time on this machine": "1 task of all runs at a time on this machine",
    "{count} logs looked through": "1 log looked through",
    "all of its {count} steps": "its only step",
}
"""English sentences that are another one where the count is one; the other languages have no plural."""


@cache
def messages(language: str) -> Mapping[str, str]:
    """Return the translations of a known language."""
    if language not in LANGUAGES:
        return {}
    loaded: dict[str, str] = {}
    for name in (*(f"{part}.{language}.json" for part in PARTS), f"{language}.json"):
        loaded |= json.loads(files("penstock.web").joinpath("locales", name).read_text(encoding="utf-8"))
    return loaded


def translate(language: str, message: str, **values: object) -> str:
    """Return `message` in `language`, its `{names}` replaced by `values`."""
    text = messages(language).get(message) or message
    if language == "en" and values.get("count") in (1, "1"):
        text = ONE.get(message, text)
    return text.format(**values) if values else text


def choose_language(cookie: str | None, accept: str) -> str:
    """Pick a language: the reader's choice, else the first known one the browser asks for, else English."""
    if cookie in LANGUAGES:
        return str(cookie)
    for part in accept.split(","):
        tag = part.split(";")[0].strip().lower().split("-")[0]
        if tag in LANGUAGES:
            return tag
    return "en"
