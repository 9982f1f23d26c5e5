"""Files of runs: registered under a normalised name once their bytes are in the blob store, listed, looked up, deleted.

Receiving and sending bytes is the adapter's business; blobs that no record refers to any more are collected elsewhere.
"""

from __future__ import annotations

import mimetypes
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.ids import TrackedRunId
from penstock.domain.runs import TrackedRunChanged
from penstock.domain.tracking import RunFile, TrackedRun
from penstock.interfaces.clock import Clock
from penstock.interfaces.notifier import Notifier
from penstock.interfaces.task_traces import TaskTraces
from penstock.interfaces.tracking_store import FileRegistration, RunFileStore

_LOG = "output.log"
_MAX_NAME = 4096
_MAX_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class FilePage:
    """Files by name. The cursor of a file is its name."""

    files: Sequence[RunFile]
    has_next: bool


class RunFileService:
    """Use cases on files of runs."""

    def __init__(self, store: RunFileStore, clock: Clock, notifier: Notifier, traces: TaskTraces | None = None) -> None:
        self._store = store
        self._traces = traces
        self._clock = clock
        self._notifier = notifier

    async def register(self, run: TrackedRun, file: FileRegistration) -> RunFile:
        """Record that the bytes of a file are stored; an earlier file of the same name is replaced. The run's state stays.

        Raises:
            InvalidArgumentError: the name leaves the run's folder.
            NotFoundError: the run is gone.
        """
        name = normalized_file_name(file.name)
        mimetype = file.mimetype or mimetypes.guess_type(name)[0] or "application/octet-stream"
        stored = await self._store.put(
            RunFile(0, run.run_id, name, file.digest, file.size_bytes, file.md5, mimetype, self._clock.now()),
        )
        self._notifier.publish(TrackedRunChanged(run.entity, run.project, run.name, "files"))
        return stored

    async def get(self, run_id: TrackedRunId, name: str) -> RunFile | None:
        """Return the file, or None. `./a b.txt` and `a b.txt` are the same name.

        Raises:
            InvalidArgumentError: the name leaves the run's folder.
        """
        wanted = normalized_file_name(name)
        await self._add_log(run_id, [wanted])
        return await self._store.get(run_id, wanted)

    async def get_by_id(self, file_id: int) -> RunFile | None:
        """Return the file, or None."""
        return await self._store.get_by_id(file_id)

    async def list(
        self,
        run_id: TrackedRunId,
        *,
        names: Sequence[str | None] | None = None,
        pattern: str | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> FilePage:
        """Return files by name.

        With `names`: one entry per name in that order, also for files that do not exist (id 0, size 0, no time; wandb.md section 8).
        `../a.txt` is found as `__/a.txt`: clients upload it by that name (`Run.upload_file`), and ask for what they were given.
        `pattern` is SQL LIKE with `%` and `_`. `after` is the name of the last file of the page before.

        Raises:
            InvalidArgumentError: a name leaves the run's folder.
        """
        size = max(1, min(limit if limit is not None else _MAX_PAGE, _MAX_PAGE))
        wanted = [normalized_file_name(_uploaded_name(name)) for name in names or () if name]
        await self._add_log(run_id, wanted)
        if not wanted:
            files, has_next = await self._store.list(run_id, names=(), pattern=pattern or None, after=after or None, limit=size)
            return FilePage(files, has_next)
        found, _ = await self._store.list(run_id, names=wanted, pattern=pattern or None, after=None, limit=len(wanted))
        by_name = {file.name: file for file in found}
        start = wanted.index(after) + 1 if after in wanted else 0
        page = wanted[start : start + size]
        files = [by_name.get(name) or RunFile(0, run_id, name, None, 0, None, "", None) for name in page]
        return FilePage(files, start + size < len(wanted))

    async def of_runs(
        self, run_ids: Sequence[TrackedRunId], *, names: Sequence[str] = (), beginnings: Sequence[str] = (), per_run: int = 40
    ) -> Mapping[TrackedRunId, Sequence[RunFile]]:
        """Return, by run, the files with one of these names or beginnings, the first `per_run` of each by name. One query for all runs."""
        found: dict[TrackedRunId, list[RunFile]] = {}
        for file in await self._store.of_runs(run_ids, names=names, beginnings=beginnings, per_run=per_run):
            found.setdefault(file.run_id, []).append(file)
        return found

    async def count(self, run_id: TrackedRunId) -> int:
        """Return how many files are stored."""
        await self._add_log(run_id, [])
        return await self._store.count(run_id)

    async def _add_log(self, run_id: TrackedRunId, wanted: Sequence[str]) -> None:
        """Make the log of a task without a client a file when somebody looks: clients up to 0.28 read `output.log` instead of lines."""
        if self._traces is None or (wanted and _LOG not in wanted) or await self._store.get(run_id, _LOG) is not None:
            return
        log = await self._traces.log_file(run_id)
        if log is not None:
            await self._store.put(RunFile(0, run_id, log.name, log.digest, log.size_bytes, log.md5, log.mimetype, self._clock.now()))

    async def delete(self, file_ids: Sequence[int]) -> Sequence[RunFile]:
        """Remove files by id; return those that existed."""
        return await self._store.delete(file_ids)


def _uploaded_name(name: str) -> str:
    return "/".join("__" if part == ".." else part for part in name.split("/"))


def normalized_file_name(name: str) -> str:
    r"""Return the one spelling of a run file's name: relative, `/` between parts, no `.` parts.

    Raises:
        InvalidArgumentError: empty, absolute, with a `..` part, a NUL, or longer than 4096 bytes.
    """
    cleaned = posixpath.normpath(name.replace("\\", "/")) if name else ""
    is_outside = cleaned.startswith(("/", "../")) or cleaned == ".." or cleaned in {"", "."}
    if is_outside or "\x00" in name or ".." in name.replace("\\", "/").split("/") or len(name.encode("utf-8", "replace")) > _MAX_NAME:
        raise InvalidArgumentError(f"{name[:200]!r} cannot be the name of a run's file")
    return cleaned
