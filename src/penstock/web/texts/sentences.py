"""Sentences of the engine and of definitions in the reader's language: reasons of tasks and plans, what is missing, notices.

They are stored and answered to clients in English, names and numbers filled in. Here each is found again by its pattern, the pattern is
translated as any text is, and the names are filled in anew; what was filled in may be such a sentence itself. A sentence that no pattern
knows is shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

from penstock.domain.errors import SpecError
from penstock.spec.argo import leftovers
from penstock.web.texts import definition_words, failure_words, problem_words
from penstock.web.texts.i18n import translate

PATTERNS = (
    *failure_words.PATTERNS,
    "The program ended with exit code {code}.",
    # what a run needs
    "parameter(s) required by pipeline are not provided: {names}",
    "parameter(s) provided are not required by pipeline: {names}; it takes none",
    "parameter(s) provided are not required by pipeline: {names}; it takes {others}",
    "Unrecognized input parameter: {names}",
    "the pipeline needs input artifact(s) {names}; a run can be given parameters only",
    "input parameter {name} is required and cannot be null",
    "input parameter {name} type mismatch: {reason}",
    "input parameter {name} has value {value}, which is not one of {others}",
    # what becomes of a task, and why
    "reused from run {run}",
    "caching is off for this task",
    "the cache is off for this run",
    "depends on a task that would be executed",
    "its condition is false",
    "first run of this component in this pipeline",
    "the earlier result is no longer usable",
    "the cache could not be asked: {reason}",
    "{parts} changed",
    "{parts} and {part}",
    "{part}, {parts}",
    "the code",
    "the image",
    "the options",
    "the declared outputs",
    "the cache key",
    "input {name}",
    "artifact {name}",
    "{number} more",
    "looking for an earlier result in the cache",
    "runs again: its output {name} is gone, and {others} needs it",
    "waiting for the engine",
    "waiting for the executor to start attempt {number}",
    "waiting for attempt {number}, retry in {time}; {reason}",
    "waiting for {name} attempt {number}, retry in {time}",
    "waiting for a free place: this run runs at most {number} tasks at once",
    "waiting for a free place: {name} runs at most {number} iterations at once",
    "waiting for a free place: {name} runs at most {number} tasks at once",
    "waiting for an environment that another task is having built",
    "waiting for its turn",
    "waiting for its turn, behind {tasks}",
    "waiting for {place}, behind {tasks}",
    "waiting for a free slot (all {number} in use)",
    "waiting for {names}",
    "a free slot (all {number} in use)",
    "1 task",
    "{number} tasks",
    "attempt {number} failed; retry {retry} in {time}",
    "attempt {number} failed; retry {retry} starts now",
    "the server was restarted; the task went on running and was taken up again",
    "making an empty Python environment",
    "resolving {number} requirements",
    "resolving 1 requirement",
    "waiting until the run is continued: it is paused",
    "registering the artifact",
    "skipped because {name} failed",
    "skipped because {name} was canceled",
    "skipped because {name} was skipped",
    "the loop has fewer items now",
    "not started: {reason}",
    "another task of the graph failed",
    # what one machine does otherwise
    "Image {image} is not pulled: the command is a process of this machine.",
    "Node selector {labels} is ignored: all tasks run on this machine.",
    "Tolerations are ignored: all tasks run on this machine.",
    "Affinity is ignored: all tasks run on this machine.",
    "Image pull settings are ignored: tasks run as processes and no image is pulled.",
    "Security context {labels} is ignored: the task runs as the user of the server.",
    "Shared memory of {size} is not reserved: the task uses the /dev/shm of this machine.",
    "Init container {name} is skipped: it has no command, and image {image} is not run.",
    "Kubernetes setting {name} is not known here and is ignored.",
    "Pipeline setting {name} is not known here and is ignored.",
    "The workspace is a directory on this machine; its settings are not enforced: {names}.",
    "There is no workflow object to remove after the run, which is kept: {names}.",
    "the retry strategy has no limit, and is not carried out: a step is retried as often as its limit says",
    "podSpecPatch is not a JSON object; it is ignored",
    "the amount of {name}: recorded only, no limit is set on it here",
    "{name} has no command and needs its image; it is not started",
    "{what}: recorded only, {reason}",
    "the workflow's {what}",
    "the step's {what}",
    "the container's {what}",
    "the resource's {what}",
    "the pod's {what}",
    "nothing here carries it out",
    *definition_words.PATTERNS,
    *problem_words.PATTERNS,
)  # fmt: skip
_JOINED = frozenset({"{parts} and {part}", "{part}, {parts}", definition_words.MISTAKE})
"""Of parts of a sentence alone."""
_NAMES = re.compile(r"\{(\w+)\}")
_NUMBER = r"\d+"
_LINE = re.compile(r"(.*) \(line (\d+)\)", re.DOTALL)
_DEEPEST = 4
_WHOLE = ("names", "name", "run", "image", "labels", "size", "number", "value", "others", "cause")
"""What is filled in here is the user's own and never translated. A `{story}` is a sentence of its own, no part of one."""


def field_words() -> frozenset[str]:
    """Return the names of fields of a manifest, and the reasons why they are recorded only."""
    tables = (leftovers.WORKFLOW, leftovers.DAG, leftovers.LEAF, leftovers.CONTAINER, leftovers.RESOURCE, leftovers.OUTPUT_FILE)
    return frozenset(word for table in tables for words in table.words.values() for word in words)


@cache
def _readers() -> tuple[tuple[str, re.Pattern[str]], ...]:
    def reader(pattern: str) -> re.Pattern[str]:
        parts = _NAMES.split(pattern)
        texts = [(f"(?P<{part}>{_NUMBER if part == 'number' else '.+?'})" if at % 2 else re.escape(part)) for at, part in enumerate(parts)]
        return re.compile("".join(texts), re.DOTALL)

    return tuple((pattern, reader(pattern)) for pattern in PATTERNS if "{" in pattern and pattern != definition_words.LINE)


def _found(sentence: str, depth: int) -> Iterator[tuple[str, Mapping[str, str]]]:
    for pattern, reader in _readers():
        if (depth or pattern not in _JOINED) and (match := reader.fullmatch(sentence)):
            yield pattern, match.groupdict()


def say(language: str, sentence: str, depth: int = 0) -> str:
    """Return a sentence in a language; as it is when it has no translation."""
    if language == "en" or not sentence or depth > _DEEPEST:
        return sentence
    plain = translate(language, sentence) if "{" not in sentence else sentence
    if plain != sentence:
        return plain
    for pattern, values in _found(sentence, depth):
        told = translate(language, pattern)
        if told == pattern and set(_NAMES.sub("", pattern)) - set(" ,"):
            return sentence
        deeper = {name: 0 if name == "story" else depth + 1 for name in values}
        inner = {name: value if name in _WHOLE else say(language, value, deeper[name]) for name, value in values.items()}
        return _NAMES.sub(lambda place, inner=inner: inner.get(place.group(1), ""), told)  # type: ignore[misc]
    return sentence


def say_error(language: str, error: Exception) -> str:
    """Return what an error says in a language; the place in a definition that it begins with stays."""
    told = str(error)
    place = f"{error.place}: " if isinstance(error, SpecError) and error.place and told.startswith(f"{error.place}: ") else ""
    rest = told.removeprefix(place)
    if (match := _LINE.fullmatch(rest)) is None:
        return place + say(language, rest)
    return place + translate(language, definition_words.LINE, reason=say(language, match[1]), number=match[2])
