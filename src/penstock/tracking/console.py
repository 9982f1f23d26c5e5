"""Console lines of runs: reading pages, plain text, and the two line formats of clients (wandb.md section 10)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from penstock.domain.ids import TrackedRunId
from penstock.domain.natural_order import natural_key
from penstock.domain.tracking import ConsoleLine
from penstock.interfaces.task_traces import TaskTraces
from penstock.interfaces.tracking_store import ConsoleEnds, ConsoleStore

_MAX_LINES = 10_000
_TIMESTAMP = re.compile(r"(ERROR )?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?) ")
_LABEL = re.compile(r"\[([^\[\]\s]{1,128})\] ")


@dataclass(frozen=True, slots=True)
class ConsolePage:
    """Lines in ascending order."""

    lines: Sequence[ConsoleLine]
    has_next: bool
    """Lines follow the last one of the page."""
    has_previous: bool
    """Lines precede the first one of the page."""
    line_count: int
    """Highest line number plus one."""


class ConsoleService:
    """Use cases that read console lines. Where no client has written any, those of the task's log are the lines."""

    def __init__(self, store: ConsoleStore, traces: TaskTraces | None = None) -> None:
        self._store = store
        self._traces = traces

    async def page(
        self,
        run_id: TrackedRunId,
        *,
        first: int | None = None,
        after: int | None = None,
        last: int | None = None,
        before: int | None = None,
        label: str = "",
    ) -> ConsolePage:
        """Return the `first` lines after the line number `after`, or the `last` ones before `before`; at most 10,000.

        With `label` only lines of the writers of that label are there, under the numbers that they have among all.
        """
        writers = await self._writers(run_id, label)
        if label and not writers:
            return ConsolePage([], False, False, 0)
        from_end = last is not None and first is None
        wanted = last if from_end else first
        limit = max(0, min(wanted if wanted is not None else _MAX_LINES, _MAX_LINES))
        low = after if after is not None else -1
        count = await self._store.line_count(run_id, writers=writers)
        if count:
            lines = await self._store.read(run_id, after=low, before=before, limit=limit + 1, from_end=from_end, writers=writers)
        else:
            everything = await self._log_of_task(run_id)
            count = len(everything)
            inside = everything[low + 1 : before]
            lines = inside[-limit - 1 :] if from_end else inside[: limit + 1]
        has_more = len(lines) > limit
        if from_end:
            shown = lines[1:] if has_more else lines
            return ConsolePage(shown, before is not None and before < count, has_more or low >= 0, count)
        shown = lines[:limit] if has_more else lines
        return ConsolePage(shown, has_more or before is not None, low >= 0, count)

    async def line_count(self, run_id: TrackedRunId) -> int:
        """Return the highest line number plus one (`logLineCount`)."""
        return await self._store.line_count(run_id) or len(await self._log_of_task(run_id))

    async def labels(self, run_id: TrackedRunId) -> Sequence[str]:
        """Return the labels of the writers of a shared run, in natural order (`rank2` before `rank10`); none for other runs."""
        found = {line.label for line in (await self._store.first_lines(run_id)).values() if line.label}
        return sorted(found, key=natural_key)

    async def ends(self, run_id: TrackedRunId, *, characters: int, per_line: int) -> ConsoleEnds:
        """Return the last lines that clients wrote, as many as have so many characters together; of each line the first `per_line`."""
        return await self._store.ends(run_id, characters=characters, per_line=per_line)

    async def _writers(self, run_id: TrackedRunId, label: str) -> Sequence[str]:
        """Return who writes under the label: it is a setting of the client's process, so its first line tells it."""
        if not label:
            return []
        return [writer for writer, line in (await self._store.first_lines(run_id)).items() if line.label == label]

    async def _log_of_task(self, run_id: TrackedRunId) -> Sequence[ConsoleLine]:
        lines = [] if self._traces is None else await self._traces.log_lines(run_id)
        return [ConsoleLine(number, text, None, "error" if is_error else "info", "") for number, (text, is_error) in enumerate(lines)]

    async def search(
        self, run_id: TrackedRunId, text: str, *, after: int = -1, limit: int = 1000, label: str = ""
    ) -> Sequence[ConsoleLine]:
        """Return lines that contain `text`, whatever the case, ascending; with `label` only those of its writers."""
        writers = await self._writers(run_id, label)
        if label and not writers:
            return []
        found = await self._store.search(run_id, text, after=after, limit=min(limit, _MAX_LINES), writers=writers)
        if found or await self._store.line_count(run_id):
            return found
        lines = await self._log_of_task(run_id)
        return [line for line in lines[after + 1 :] if text.lower() in line.text.lower()][: min(limit, _MAX_LINES)]


class _StructuredLine(msgspec.Struct):
    """Line format of clients that saw `STRUCTURED_CONSOLE_LOGS`."""

    content: str
    ts: str | None = None
    level: str | None = None
    label: str | None = None


_decoder = msgspec.json.Decoder(_StructuredLine)


def parse_line(number: int, raw: str) -> ConsoleLine:
    """Take a line apart: JSON form, text form with time and `ERROR ` prefix, or anything else kept verbatim."""
    if raw.startswith("{"):
        try:
            line = _decoder.decode(raw)
        except msgspec.DecodeError:
            return ConsoleLine(number, raw.rstrip("\n"), None, "info", "")
        return ConsoleLine(number, line.content, line.ts or None, "error" if line.level == "error" else "info", line.label or "")
    match = _TIMESTAMP.match(raw)
    if match is None:
        return ConsoleLine(number, raw.rstrip("\n"), None, "info", "")
    text = raw[match.end() :].rstrip("\n")
    label = _LABEL.match(text)
    level = "error" if match.group(1) else "info"
    if label is None:
        return ConsoleLine(number, text, match.group(2), level, "")
    return ConsoleLine(number, text[label.end() :], match.group(2), level, label.group(1))
