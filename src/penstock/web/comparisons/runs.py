"""What differs between runs, without a database: code, packages, values, and the sentence that names likely causes first."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.interfaces.pages import TaskItem
from penstock.web.texts.formats import component_name

_LESS_IS_BETTER = ("loss", "error", "mse", "rmse", "mae", "time", "seconds", "latency", "perplexity", "fpr")
_CONTEXT = 3
"""Equal lines shown on either side of a change."""
_MAX_LINES = 2000
"""Lines of a text that are compared; the matcher may take the square of it."""
_SHOWN_CHARACTERS = 40
_SHOWN_VALUES = 4
"""Values of other runs that the headline names."""
_VERSION = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(?:===?|@)\s*([^\s;\\]+)")

CAUSE_WORDS: Mapping[str, str] = {
    "code": "Code of", "step": "Step", "parameter": "Parameter", "input": "Input", "package": "Package", "metric": "Metric",
}  # fmt: skip
"""Kinds of differences, the likeliest cause first; the words stand before the name."""


@dataclass(frozen=True, slots=True)
class DiffRow:
    """One name over all runs."""

    name: str
    values: Sequence[Any]
    """Per run; `None` where it has none."""
    is_different: bool


@dataclass(frozen=True, slots=True)
class DiffBlock:
    """Neighbouring lines of a difference."""

    is_folded: bool
    """Equal lines far from any change."""
    lines: Sequence[tuple[str, str]]
    """(`+`, `-` or blank, text)."""


@dataclass(frozen=True, slots=True)
class CodeDiff:
    """A component whose code or definition differs from the baseline's."""

    component: str
    kind: str
    """`source` or `definition`."""
    runs: Sequence[int]
    """Indexes of the runs that have this other text."""
    state: str
    """`changed`, `added` or `removed`."""
    blocks: Sequence[DiffBlock]
    is_cut: bool
    """A text is longer than what is compared."""
    against: int = 0
    """Index of the run that it is compared with: the baseline, or the first of its kind where the baseline is of another."""

    @property
    def name(self) -> str:
        """Name that the author gave: without the prefix that compilers put in front."""
        return component_name(self.component)


@dataclass(frozen=True, slots=True)
class ComponentText:
    """What a run's definition says of a component."""

    source: str
    """Empty: it carries no source."""
    definition: str
    """Everything else, as JSON."""


@dataclass(frozen=True, slots=True)
class PackageTable:
    """Packages of one task name that differ between the runs."""

    task: str
    rows: Sequence[DiffRow]
    """Versions by package; only those that differ."""
    unknown: Sequence[int]
    """Indexes of runs whose environment is not known."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One difference of the headline."""

    kind: str
    """A key of `CAUSE_WORDS`."""
    name: str
    change: str
    """`before -> after`, `added`, `removed` or empty."""

    @property
    def word(self) -> str:
        """What stands before the name."""
        return CAUSE_WORDS[self.kind]


def is_cost(name: str) -> bool:
    """Whether a metric's name says that less of it is better."""
    return any(word in name.lower() for word in _LESS_IS_BETTER)


def difference_rows(runs: Sequence[Mapping[str, Any]]) -> list[DiffRow]:
    """One row per name that any run has; differing ones first, each group by name."""
    names = list(dict.fromkeys(name for run in runs for name in run))
    rows = [
        DiffRow(name, [run.get(name) for run in runs], any(_differs(run.get(name), runs[0].get(name)) for run in runs[1:]))
        for name in names
    ]
    return sorted(rows, key=lambda row: (not row.is_different, row.name))


def _differs(one: Any, other: Any) -> bool:
    """Whether two values say something else; what is not a number is the same as itself here."""
    return bool(one != other) and repr(one) != repr(other)


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Versions (or addresses) of pinned requirements by normalised name; a package without one has an empty version."""
    found = {}
    for entry in packages:
        match = _VERSION.match(entry)
        name, version = (match[1], match[2]) if match else (entry.strip(), "")
        found[re.sub(r"[-_.]+", "-", name).lower()] = version
    return found


def package_tables(runs: Sequence[Mapping[str, Mapping[str, str] | None]]) -> list[PackageTable]:
    """Compare packages by task name. A run without the task, or with an unknown environment (None), takes no part in its table."""
    tables = []
    for task in sorted({name for run in runs for name in run}):
        locks = [run.get(task) for run in runs]
        known = [lock for lock in locks if lock is not None]
        unknown = [index for index, run in enumerate(runs) if task in run and run[task] is None]
        names = sorted({name for lock in known for name in lock})
        changed = [name for name in names if len({lock.get(name) for lock in known}) > 1]
        if changed or unknown:
            rows = [DiffRow(name, [lock.get(name) if lock is not None else None for lock in locks], is_different=True) for name in changed]
            tables.append(PackageTable(task, rows, unknown))
    return tables


def text_blocks(before: str, after: str) -> list[DiffBlock]:
    """Line difference of two texts, whole: equal lines further than three from a change are folded blocks."""
    old, new = before.splitlines()[:_MAX_LINES], after.splitlines()[:_MAX_LINES]
    blocks: list[DiffBlock] = []
    shown: list[tuple[str, str]] = []
    codes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for place, (tag, start, end, new_start, new_end) in enumerate(codes):
        if tag != "equal":
            shown += [("-", line) for line in old[start:end]] + [("+", line) for line in new[new_start:new_end]]
            continue
        same = [(" ", line) for line in old[start:end]]
        head = 0 if place == 0 else _CONTEXT
        tail = 0 if place == len(codes) - 1 else _CONTEXT
        if len(same) <= head + tail + 1:
            shown += same
            continue
        shown += same[:head]
        if shown:
            blocks.append(DiffBlock(is_folded=False, lines=shown))
        blocks.append(DiffBlock(is_folded=True, lines=same[head : len(same) - tail]))
        shown = same[len(same) - tail :]
    return [*blocks, DiffBlock(is_folded=False, lines=shown)] if shown else blocks


def code_diffs(runs: Sequence[Mapping[str, ComponentText] | None], baseline: int) -> list[CodeDiff]:
    """Differences of components from the baseline's, source before the rest; runs with the same other text share one.

    None stands for a run whose definition cannot be read; it takes no part.
    """
    base = runs[baseline]
    if base is None:
        return []
    found: list[CodeDiff] = []
    for kind in ("source", "definition"):
        for name in sorted({name for run in runs if run is not None for name in run}):
            mine = getattr(base[name], kind) if name in base else ""
            others: dict[str, list[int]] = {}
            for index, run in enumerate(runs):
                if run is not None and (text := getattr(run[name], kind) if name in run else "") != mine:
                    others.setdefault(text, []).append(index)
            for text, indexes in others.items():
                is_cut = max(mine.count("\n"), text.count("\n")) >= _MAX_LINES
                state = "changed" if mine and text else "added" if text else "removed"
                found.append(CodeDiff(name, kind, indexes, state, text_blocks(mine, text), is_cut, baseline))
    return found


def definition_text(work: Any, source_of: Any) -> ComponentText:
    """Texts of a leaf's work; `source_of` finds the Python source in a list of command words."""
    document = {field.name: getattr(work, field.name) for field in dataclasses.fields(work)}
    words = [str(word) for key in ("command", "args") for word in document.get(key, ())]
    source = source_of(words)
    for key in ("command", "args"):
        if key in document:
            document[key] = ["(source)" if source_of([str(word)]) else _lines_of(word) for word in document[key]]
    return ComponentText(source, json.dumps(document, indent=1, sort_keys=True, default=str, ensure_ascii=False))


def _lines_of(word: Any) -> Any:
    """Scripts as lists of lines, so that a difference shows the line and not the script."""
    return word.splitlines() if isinstance(word, str) and "\n" in word else word


def causes(
    code: Sequence[CodeDiff],
    parameters: Sequence[DiffRow],
    inputs: Sequence[DiffRow],
    packages: Sequence[PackageTable],
    metrics: Sequence[DiffRow],
    baseline: int,
) -> list[Cause]:
    """Differences in the order in which they are likely to explain each other, each named once."""
    found = [Cause("code", diff.name, "" if diff.state == "changed" else diff.state) for diff in code]
    for kind, rows in (
        ("parameter", parameters),
        ("input", inputs),
        ("package", [row for table in packages for row in table.rows]),
        ("metric", metrics),
    ):
        found += [Cause(kind, row.name, "" if kind == "input" else change_text(row.values, baseline)) for row in rows if row.is_different]
    return list({(cause.kind, cause.name): cause for cause in reversed(found)}.values())[::-1]


def change_text(values: Sequence[Any], baseline: int) -> str:
    """`2.1 -> 2.2`, the baseline's value first; other values are named once."""
    base = _short(values[baseline])
    others = list(dict.fromkeys(text for value in values if (text := _short(value)) != base))
    more = len(others) - _SHOWN_VALUES
    listed = others if more <= 1 else [*others[:_SHOWN_VALUES], f"\u2026 (+{more})"]
    return f"{base} \u2192 {', '.join(listed)}" if others else ""


def _short(value: Any) -> str:
    if value is None:
        return "\u2013"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}\u2026"


def seconds_by_task(tasks: Sequence[TaskItem]) -> dict[str, Any]:
    """Seconds by task; tasks of flows have ids of their run, so they are named by their step and their place among its tasks."""
    of_step = Counter(parts[1] for task in tasks if (parts := _flow_parts(task)))
    counted: Counter[str] = Counter()
    found: dict[str, Any] = {}
    for task in tasks:
        name = task.path.removeprefix("root/")
        if parts := _flow_parts(task):
            name = parts[1] if of_step[parts[1]] == 1 else f"{parts[1]}[{counted[parts[1]]}]"
            counted[parts[1]] += 1
        if task.finished_at and task.started_at:
            found[name] = "cached" if task.is_cached else _told_seconds(task.finished_at - task.started_at)
    return found


def _told_seconds(seconds: float) -> float:
    """Seconds to a tenth, those of quick tasks to a thousandth."""
    return round(seconds, 1 if seconds >= 10 else 3)


def _flow_parts(task: TaskItem) -> list[str]:
    """Root, step and id of a flow's task; nothing for any other."""
    parts = task.path.split("/")
    return parts if "/" in task.run_id and len(parts) == 3 else []
