"""What can be known of a recorded task from its datastore: logs, artifact names and values, cards, the graph of its flow.

Layout of a datastore: Metaflow protocol notes, section 5. Nothing is unpickled here; a `PickleViewer` looks into values in a process of its
own. When the datastore cannot be reached, every method says why, and what would make it reachable.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from penstock.domain.errors import NotFoundError, UnavailableError
from penstock.domain.flows import Page
from penstock.domain.log_lines import meaningful_lines
from penstock.domain.masking import blanked
from penstock.flows.masks import StepMasks
from penstock.interfaces.catalog_store import SecretStore
from penstock.interfaces.flow_files import DatastoreRoot, FlowFiles, PickleSummary, PickleViewer, StoredFile
from penstock.interfaces.flow_store import FlowStore

PARAMETERS_STEP = "_parameters"
MAX_NOTE_BYTES = 64 * 1024
MAX_LOG_BYTES = 64 * 1024 * 1024
MAX_VALUE_BYTES = 16 * 1024 * 1024
SMALL_VALUE_BYTES = 16 * 1024
MAX_CARD_BYTES = 64 * 1024 * 1024
_TAIL_BYTES = 64 * 1024
_ROOT_MARK = ":root:"
"""Stands in the location of an artifact before the root of its datastore."""
_OF_THE_RUNTIME = frozenset({"Task failed.", "Task is starting."})
"""What the client's runtime writes among the lines of a task, whose source it names as itself where it runs the task on its own machine."""

_LOG_LINE = re.compile(rb"\[MFLOG\|\d\|([^|]*)\|([^|]*)\|[^\]]*\](.*)", re.DOTALL)
_SHA = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a task's log."""

    time: str
    """UTC, as Metaflow wrote it; empty for lines without a prefix."""
    source: str
    """`task` or `runtime`."""
    stream: str
    """`stdout` or `stderr`."""
    text: str


@dataclass(frozen=True, slots=True)
class LogEnds:
    """The ends of the logs of an attempt."""

    lines: Sequence[LogLine]
    """By time, both streams."""
    size_bytes: int
    """How much was read."""
    is_whole: bool
    """Nothing was left out: the first of `lines` is the first of the log."""


@dataclass(frozen=True, slots=True)
class ValueInfo:
    """An artifact of a task."""

    name: str
    sha: str
    type_name: str
    """As Metaflow recorded it; empty when unknown."""
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class Card:
    """A rendered card."""

    name: str
    """`<type>[-<id>]-<hash>.html`."""
    type: str
    size_bytes: int

    @property
    def title(self) -> str:
        """What its flow calls it: the `id` of `@card`, else its type."""
        return self.name.removesuffix(".html").rpartition("-")[0].partition("-")[2] or self.type


class FlowReader:
    """Read side of recorded tasks."""

    def __init__(self, store: FlowStore, files: FlowFiles, pickles: PickleViewer, secrets: SecretStore) -> None:
        self._store = store
        self._files = files
        self._pickles = pickles
        self.masks = StepMasks(secrets, self.graph)

    async def root_of(self, flow_id: str, run_id: str, step_name: str, task_id: str) -> DatastoreRoot:
        """Where the task keeps its data.

        Raises:
            NotFoundError: unknown task, or it has not said.
        """
        rows = await self._store.metadata(flow_id, run_id, step_name, task_id, Page())
        newest: dict[str, str] = {}
        for row in rows:
            newest.setdefault(row.field_name, str(row.value))
        if "ds-root" not in newest:
            newest |= await self._told_by_values(flow_id, run_id, step_name, task_id)
        if "ds-root" not in newest:
            # A run that a scheduler began (`init`) does not say it for its parameters; its other tasks do.
            for row in await self._store.metadata(flow_id, run_id, None, None, Page()):
                if row.field_name in {"ds-type", "ds-root"}:
                    newest.setdefault(row.field_name, str(row.value))
        if "ds-root" not in newest:
            raise NotFoundError(f"task {flow_id}/{run_id}/{step_name}/{task_id} has not told where its data is")
        return DatastoreRoot(newest.get("ds-type", "local"), newest["ds-root"])

    async def _told_by_values(self, flow_id: str, run_id: str, step_name: str, task_id: str) -> dict[str, str]:
        """Where the task keeps its data, as its artifacts say: those of a task that `resume` took over have nothing else."""
        rows = await self._store.artifacts(flow_id, run_id, step_name, task_id, None, None, Page(limit=1))
        root = (rows[0].location or "").removeprefix(_ROOT_MARK) if rows else ""
        return {"ds-type": rows[0].ds_type or "local", "ds-root": root} if root and root != rows[0].location else {}

    async def logs(self, flow_id: str, run_id: str, step_name: str, task_id: str, attempt: int) -> list[LogLine]:
        """Lines of both streams of an attempt, merged by time, without values of secrets; empty while nothing was written.

        Raises:
            NotFoundError: unknown task.
            UnavailableError: its datastore cannot be read from here.
        """
        root = await self.root_of(flow_id, run_id, step_name, task_id)
        masks = await self.masks.of_step(flow_id, run_id, step_name)
        found: list[LogLine] = []
        for stream in ("stdout", "stderr"):
            for source in ("runtime", "task"):
                path = f"{flow_id}/{run_id}/{step_name}/{task_id}/{attempt}.{source}_{stream}.log"
                data = await asyncio.to_thread(self._files.read, root, path, limit=MAX_LOG_BYTES)
                found += _parse_log(blanked(data or b"", masks), source, stream)
        return sorted(found, key=lambda line: line.time)

    async def log_sizes(self, flow_id: str, run_id: str, step_name: str, task_id: str, attempt: int) -> dict[str, int]:
        """Bytes of each log file of an attempt by its name: what is the same has the same lines; empty while nothing was written.

        Raises:
            NotFoundError: unknown task, or it has not said where its data is.
            UnavailableError: its datastore cannot be read from here.
        """
        root = await self.root_of(flow_id, run_id, step_name, task_id)
        return await self._log_sizes(root, f"{flow_id}/{run_id}/{step_name}/{task_id}", attempt)

    async def _log_sizes(self, root: DatastoreRoot, folder: str, attempt: int) -> dict[str, int]:
        found = await asyncio.to_thread(self._files.list, root, folder + "/")
        return {item.name: item.size_bytes for item in found if item.name.startswith(f"{attempt}.") and item.name.endswith(".log")}

    async def last_words(self, flow_id: str, run_id: str, step_name: str, task_id: str, attempt: int, *, count: int) -> list[str]:
        """The last lines that an attempt wrote to stderr, else to stdout, without values of secrets; reads only the ends of its logs.

        Raises:
            NotFoundError: unknown task.
            UnavailableError: its datastore cannot be read from here.
        """
        ends = await self.log_ends(flow_id, run_id, step_name, task_id, attempt, limit=_TAIL_BYTES)
        for stream in ("stderr", "stdout"):
            written = [line.text for line in ends.lines if line.stream == stream and line.text not in _OF_THE_RUNTIME]
            if found := meaningful_lines("\n".join(written))[-count:]:
                return found
        return []

    async def log_ends(self, flow_id: str, run_id: str, step_name: str, task_id: str, attempt: int, *, limit: int) -> LogEnds:
        """The last `limit` bytes of each log of an attempt, merged by time, without values of secrets.

        Raises:
            NotFoundError: unknown task.
            UnavailableError: its datastore cannot be read from here.
        """
        root = await self.root_of(flow_id, run_id, step_name, task_id)
        folder = f"{flow_id}/{run_id}/{step_name}/{task_id}"
        sizes = await self._log_sizes(root, folder, attempt)
        masks = await self.masks.of_step(flow_id, run_id, step_name)
        lines: list[LogLine] = []
        read, is_whole = 0, True
        for stream in ("stdout", "stderr"):
            for source in ("runtime", "task"):
                name = f"{attempt}.{source}_{stream}.log"
                if name not in sizes:
                    continue
                offset = max(0, sizes[name] - limit)
                data = await asyncio.to_thread(self._files.read, root, f"{folder}/{name}", offset=offset, limit=limit) or b""
                lines += _parse_log(blanked(data, masks), source, stream)[1 if offset else 0 :]
                read += len(data)
                is_whole = is_whole and not offset
        return LogEnds(sorted(lines, key=lambda line: line.time), read, is_whole)

    async def exit_code(self, flow_id: str, run_id: str, step_name: str, task_id: str, attempt: int) -> int | None:
        """How the process of an attempt ended, as the client's runtime noted: its exit code, below 0 a signal; None without a note.

        Raises:
            NotFoundError: unknown task.
            UnavailableError: its datastore cannot be read from here.
        """
        root = await self.root_of(flow_id, run_id, step_name, task_id)
        path = f"{flow_id}/{run_id}/{step_name}/{task_id}/{attempt}.runtime"
        data = await asyncio.to_thread(self._files.read, root, path, limit=MAX_NOTE_BYTES)
        try:
            code = orjson.loads(data).get("return_code") if data else None
        except (orjson.JSONDecodeError, AttributeError):
            return None
        return code if isinstance(code, int) else None

    async def log_lines(self, flow_id: str, run_id: str, step_name: str, task_id: str, attempt: int) -> Sequence[str]:
        """The same without anything but text; nothing where it cannot be read from here."""
        try:
            return [line.text for line in await self.logs(flow_id, run_id, step_name, task_id, attempt)]
        except (NotFoundError, UnavailableError):
            return []

    async def values(self, flow_id: str, run_id: str, step_name: str, task_id: str, attempt: int) -> list[ValueInfo]:
        """Artifacts of an attempt with type and size, from the datastore's index; names only when it cannot be read.

        Raises:
            NotFoundError: unknown task.
        """
        rows = await self._store.artifacts(flow_id, run_id, step_name, task_id, attempt, None, Page())
        infos: dict[str, Any] = {}
        try:
            root = await self.root_of(flow_id, run_id, step_name, task_id)
            path = f"{flow_id}/{run_id}/{step_name}/{task_id}/{attempt}.data.json"
            data = await asyncio.to_thread(self._files.read, root, path, limit=MAX_VALUE_BYTES)
            infos = orjson.loads(data).get("info", {}) if data else {}
        except (NotFoundError, UnavailableError, orjson.JSONDecodeError):
            infos = {}
        found = []
        for row in sorted(rows, key=lambda row: row.name):
            info = infos.get(row.name) or {}
            kind = str(info.get("type", "")).removeprefix("<class '").removesuffix("'>")
            found.append(ValueInfo(row.name, row.sha or "", kind, info.get("size")))
        return found

    async def value(self, flow_id: str, run_id: str, step_name: str, task_id: str, name: str, attempt: int | None = None) -> PickleSummary:
        """A safe look at the value of an artifact.

        Raises:
            NotFoundError: unknown artifact, or its data is gone.
            UnavailableError: its datastore cannot be read from here.
            InvalidArgumentError: it is too large to look at.
        """
        rows = await self._store.artifacts(flow_id, run_id, step_name, task_id, attempt, name, Page())
        if not rows:
            raise NotFoundError(f"task {flow_id}/{run_id}/{step_name}/{task_id} has no artifact {name!r}")
        return await self._pickles.look(await self.blob(flow_id, run_id, step_name, task_id, rows[0].sha or ""))

    async def plain_values(self, flow_id: str, run_id: str, step_name: str, task_id: str, infos: Sequence[ValueInfo]) -> dict[str, Any]:
        """The plain ones among these artifacts as JSON data by name; one look for all.

        Raises:
            NotFoundError: unknown task, or the data of a value is gone.
            UnavailableError: its datastore cannot be read from here.
        """
        if not infos:
            return {}
        blobs = [await self.blob(flow_id, run_id, step_name, task_id, info.sha) for info in infos]
        seen = await self._pickles.look_all(blobs)
        return {info.name: found.value for info, found in zip(infos, seen, strict=True) if found is not None and found.value is not None}

    async def looks(self, flow_id: str, run_id: str, step_name: str, task_id: str, infos: Sequence[ValueInfo]) -> dict[str, PickleSummary]:
        """Safe looks at small values (`SMALL_VALUE_BYTES`) by name, those that can be read; the number of queries is fixed.

        Raises:
            NotFoundError: unknown task.
            UnavailableError: its datastore cannot be read from here.
        """
        known = [info for info in infos if _SHA.fullmatch(info.sha)]
        if not known:
            return {}
        root = await self.root_of(flow_id, run_id, step_name, task_id)
        wanted = [(root, f"{flow_id}/data/{info.sha[:2]}/{info.sha}") for info in known]
        blobs = await asyncio.to_thread(lambda: [_small(data) for data in self._files.read_all(wanted, limit=SMALL_VALUE_BYTES)])
        there = [(info.name, blob) for info, blob in zip(known, blobs, strict=True) if blob is not None]
        seen = await self._pickles.look_all([blob for _, blob in there]) if there else ()
        return {name: found for (name, _), found in zip(there, seen, strict=True) if found is not None}

    async def blob(self, flow_id: str, run_id: str, step_name: str, task_id: str, sha: str) -> bytes:
        """Uncompressed bytes of a content-addressed value.

        Raises:
            NotFoundError: no such value.
            UnavailableError: the datastore cannot be read from here.
        """
        if not _SHA.fullmatch(sha):
            raise NotFoundError(f"{sha!r} is not the name of a value")
        root = await self.root_of(flow_id, run_id, step_name, task_id)
        data = await asyncio.to_thread(self._files.read, root, f"{flow_id}/data/{sha[:2]}/{sha}", limit=MAX_VALUE_BYTES)
        if data is None:
            raise NotFoundError(f"the data of value {sha} is gone from {root.root}")
        try:
            return await asyncio.to_thread(gunzip, data)
        except (OSError, EOFError, zlib.error) as error:
            raise NotFoundError(f"the data of value {sha} is damaged: {error}") from error

    async def graph(self, flow_id: str, run_id: str) -> dict[str, Any] | None:
        """`_graph_info` of a run (steps with type, next, decorators, docs), or None when it cannot be read.

        Raises:
            NotFoundError: unknown run.
        """
        try:
            tasks = await self._store.tasks(flow_id, run_id, PARAMETERS_STEP, None, Page())
            if not tasks:
                return None
            found = await self.value(flow_id, run_id, PARAMETERS_STEP, tasks[0].shown_id, "_graph_info")
        except (NotFoundError, UnavailableError):
            await self._store.run(flow_id, run_id)
            return None
        return found.value if isinstance(found.value, dict) else None

    async def cards(self, flow_id: str, run_id: str, step_name: str, task_id: str) -> list[Card]:
        """Rendered cards of a task; of one that runs those that its step refreshed.

        Raises:
            NotFoundError: unknown task.
            UnavailableError: its datastore cannot be read from here.
        """
        root = await self.root_of(flow_id, run_id, step_name, task_id)
        found = await asyncio.to_thread(self._files.list, root, _card_folder(flow_id, run_id, step_name, task_id))
        return _cards(found)

    async def cards_below(self, tasks: Sequence[tuple[DatastoreRoot, str, str, str, str]]) -> list[list[Card]]:
        """Rendered cards of each task (root of its data, flow, run, step, task); none where the data cannot be read from here."""
        folders = [(root, _card_folder(*names)) for root, *names in tasks]
        return [_cards(files) for files in await asyncio.to_thread(self._files.list_all, folders)]

    async def card(self, flow_id: str, run_id: str, step_name: str, task_id: str, name: str) -> bytes:
        """HTML of a card: hostile content, to be shown in a sandbox only.

        Raises:
            NotFoundError: unknown card.
            UnavailableError: its datastore cannot be read from here.
        """
        if name not in {card.name for card in await self.cards(flow_id, run_id, step_name, task_id)}:
            raise NotFoundError(f"no card {name!r}")
        root = await self.root_of(flow_id, run_id, step_name, task_id)
        path = f"{_card_folder(flow_id, run_id, step_name, task_id)}{name}"
        return await asyncio.to_thread(self._files.read, root, path, limit=MAX_CARD_BYTES) or b""


    async def card_update(self, flow_id: str, run_id: str, step_name: str, task_id: str, name: str) -> dict[str, Any] | None:
        """What a step last refreshed of a card: `reload_token` of the HTML that it belongs to, `data`, `created_on`; None before that.

        Raises:
            NotFoundError: unknown task.
            UnavailableError: its datastore cannot be read from here.
        """
        root = await self.root_of(flow_id, run_id, step_name, task_id)
        wanted = name.removesuffix(".html") + ".data.json"
        folder = _card_folder(flow_id, run_id, step_name, task_id, kind="runtime")
        if wanted not in {item.name for item in await asyncio.to_thread(self._files.list, root, folder)}:
            return None
        try:
            text = await asyncio.to_thread(self._files.read, root, folder + wanted, limit=MAX_CARD_BYTES) or b""
            found = json.loads(text, parse_constant=lambda _: None)  # the client writes NaN, which browsers do not read
        except ValueError:  # read while the step was writing it: the next look finds it whole
            return None
        return found if isinstance(found, dict) else None


def _card_folder(flow_id: str, run_id: str, step_name: str, task_id: str, *, kind: str = "cards") -> str:
    return f"mf.cards/{flow_id}/runs/{run_id}/steps/{step_name}/tasks/{task_id}/{kind}/"


def _cards(files: Sequence[StoredFile]) -> list[Card]:
    shown = [item for item in files if item.name.endswith(".html") and "/" not in item.name]
    return [Card(item.name, item.name.split("-", 1)[0], item.size_bytes) for item in shown]


def _parse_log(data: bytes, source: str, stream: str) -> Sequence[LogLine]:
    found: list[LogLine] = []
    for line in data.split(b"\n"):
        match = _LOG_LINE.match(line)
        if match is not None:
            time, kind, text = match.groups()
            found.append(LogLine(time.decode("ascii", "replace"), kind.decode("ascii", "replace"), stream, text.decode("utf-8", "replace")))
        elif line:
            found.append(LogLine(found[-1].time if found else "", source, stream, line.decode("utf-8", "replace")))
    return found


def _small(data: bytes | None) -> bytes | None:
    """Uncompressed bytes of a small value; None when it is not there, damaged or larger than it said."""
    try:
        blob = None if data is None else gunzip(data)
    except (OSError, EOFError, zlib.error):
        return None
    return None if blob is None or len(blob) > SMALL_VALUE_BYTES else blob


def gunzip(data: bytes) -> bytes:
    """Decompress at most `MAX_VALUE_BYTES` * 4, so that a small file cannot fill the memory."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    machine = zlib.decompressobj(wbits=31)
    found = machine.decompress(data, MAX_VALUE_BYTES * 4)
    if machine.unconsumed_tail:
        raise gzip.BadGzipFile("it is larger than can be shown")
    return found
