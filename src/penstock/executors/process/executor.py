"""Runs attempts as processes of this machine (`interfaces.executor.Executor`).

Theory of operation. Each attempt is one coroutine that walks through phases: admitted to the gate (which bounds memory when
thousands wait), prepared by its dialect, environment found or built, capacity reserved, inputs staged, handed to a supervisor, awaited,
outputs collected. Only the supervisor knows when a process has ended; its word is the file `exit.json`. Whatever the server does before
the file `started` exists leaves no trace that counts, and everything after `exit.json` can be repeated, so a server may die anywhere.

Concurrency: everything here runs on the event loop but staging and storing of more than a little data, which runs in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from penstock.domain.data_losses import TASK_NOTE
from penstock.domain.errors import PenstockError, TaskError
from penstock.domain.execution import (
    AttemptFinished,
    AttemptKey,
    AttemptNote,
    AttemptStarted,
    Failure,
    FailureKind,
    LaunchRequest,
    ProcessSpec,
    TaskOutputs,
)
from penstock.domain.ids import RunId, TaskId
from penstock.domain.masking import bytes_of
from penstock.domain.sizes import size_words
from penstock.executors.process import adoption, collecting, commands, full_disk, logs, results, staging
from penstock.executors.process.attempt import Attempt
from penstock.executors.process.environments import Environment, Environments
from penstock.executors.process.failures import SERVER_STOPPED, failure_of
from penstock.executors.process.inside import tree
from penstock.executors.process.layout import LOG, RESULT, Folders, read_json, strip
from penstock.executors.process.limits import Limiter
from penstock.executors.process.slots import Capacity, Slots, Waiting, need_of
from penstock.executors.process.supervision import Supervision
from penstock.executors.process.watches import Watches
from penstock.interfaces.blobs import BlobStore
from penstock.interfaces.catalog_store import SecretStore
from penstock.interfaces.clock import Clock, IdSource
from penstock.interfaces.dialect import Dialect, SecretLookup
from penstock.interfaces.executor import ReportSink
from penstock.interfaces.remote_files import NoRemoteFiles, RemoteFiles
from penstock.interfaces.system_status import SlotsItem

_log = logging.getLogger(__name__)

_LONG_LOG_BYTES = 1 << 20
"""Longer ones are read in a thread; for others that costs more than it saves."""

TaskEnvironment = Callable[[LaunchRequest], tuple[Mapping[str, str], Mapping[str, str]]]
"""Extra environment of a task, plain and secret: whatever the server wants every task to have."""

Overruling = Callable[[LaunchRequest, Mapping[str, str]], tuple[Mapping[str, str], str]]
"""Given all variables of a task: secret ones that go over them, and a warning or nothing."""


@dataclass(frozen=True, slots=True)
class ExecutorSettings:
    """How this executor behaves; filled from the server's settings."""

    capacity: Capacity
    grace_seconds: float = 10.0
    """Between SIGTERM and SIGKILL at a deadline."""
    prepared_ahead: int = 64
    """Attempts that may be prepared while they wait for capacity; the others wait as requests only."""
    queue_note_seconds: float = 1.0
    """Wait after which an attempt says what it waits for."""
    keeps_work_of: frozenset[str] = frozenset({"failed"})
    """Attempts whose working files stay: any of `succeeded`, `failed`. Log and description always stay."""
    spare_bytes: int = 16 << 20
    """With less than this free on the disk, working files of failed attempts and the middle of long logs go at once: the server needs room
    to record how attempts end. A task whose log takes it is stopped."""
    tells_streams_apart: bool = True
    """stdout and stderr of commands take a pipe each to the log; else one for both, in exact order."""
    base_environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the clean environment of every task (proxies, certificates)."""


class ProcessExecutor:
    """Runs each attempt as a process tree with its own directory, environment, log and limits."""

    def __init__(
        self,
        data: Path,
        *,
        dialects: Mapping[str, Dialect],
        secrets: SecretLookup,
        blobs: BlobStore,
        environments: Environments,
        limiter: Limiter,
        clock: Clock,
        ids: IdSource,
        settings: ExecutorSettings,
        has_namespace: bool = False,
        task_environment: TaskEnvironment | None = None,
        overruling: Overruling | None = None,
        secret_store: SecretStore | None = None,
        remote: RemoteFiles | None = None,
    ) -> None:
        self._data = data = data.resolve()  # so that paths of attempts hold no links but those a task made
        self._dialects = dialects
        self._secrets = secrets
        self._secret_store = secret_store
        self._blobs = blobs
        self._remote = remote or NoRemoteFiles()
        self._environments = environments
        self._limiter = limiter
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._task_environment = task_environment
        self._overruling = overruling
        self._folders = Folders(data / "runs", has_namespace=has_namespace)
        self._slots = Slots(settings.capacity)
        self._disk = full_disk.FullDisk(data, settings.spare_bytes)
        self._gate = asyncio.Semaphore(settings.capacity.slots + settings.prepared_ahead)
        self._attempts: dict[AttemptKey, Attempt] = {}
        self._supervision = Supervision(data / "envs", on_started=self._report)
        self._sink: ReportSink | None = None
        self._watches = Watches(self._attempts.values(), self._disk, self._supervision, clock)
        # Apart from the loop's own threads, where staging and storing of running attempts must not wait for removals.
        self._cleaner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="penstock-clean")
        self._is_closing = False
        self._host = socket.gethostname()
        self._volumes = data / "volumes"

    @property
    def load(self) -> SlotsItem:
        """How many tasks run and wait now."""
        return SlotsItem(self._slots.capacity.slots, *self._slots.load)

    async def start(self, sink: ReportSink) -> None:
        """Take the sink; supervisors start when they are first needed."""
        self._sink = sink
        self._watches.start()

    async def launch(self, request: LaunchRequest) -> None:
        """Queue the attempt; a key that is known already changes nothing."""
        if self._is_closing or await self.adopt(request):
            return  # what has a trace on disk was started before and is never started again
        attempt = self._new_attempt(request, self._folders.attempt(request.key))
        attempt.task = asyncio.create_task(self._guard(attempt, self._walk(attempt)))

    async def adopt(self, request: LaunchRequest) -> bool:
        """Take up an attempt of an earlier server life; False if it never started."""
        if request.key in self._attempts:
            return True
        root = self._folders.attempt(request.key)
        trace = adoption.find(root)
        if trace is None:
            return False
        attempt = self._new_attempt(request, root)
        attempt.adopted = trace
        attempt.task = asyncio.create_task(self._guard(attempt, self._take_up(attempt, trace)))
        return True

    async def cancel(self, key: AttemptKey, *, reason: str, grace_seconds: float) -> None:
        """End an attempt, whatever its phase; unknown keys are ignored."""
        attempt = self._attempts.get(key)
        if attempt is None or attempt.phase == "collecting":
            return
        attempt.cancel_reason = attempt.cancel_reason or reason
        if attempt.phase != "running":
            if attempt.task is not None:
                attempt.task.cancel()
        else:
            self._supervision.stop(attempt, reason, grace_seconds)

    async def close(self, *, leave_running: bool) -> None:
        """Stop taking work; running tasks go on for the next server, or are ended and not reported."""
        self._is_closing = True
        self._watches.stop()
        if not leave_running:
            running = [attempt for attempt in self._attempts.values() if attempt.phase == "running" and attempt.ended is not None]
            for attempt in running:
                await self.cancel(attempt.request.key, reason=SERVER_STOPPED, grace_seconds=self._settings.grace_seconds)
            ends = [attempt.ended for attempt in running if attempt.ended is not None]
            if ends:
                await asyncio.wait(ends, timeout=self._settings.grace_seconds + 5)
            self._supervision.kill_all()
        tasks = [attempt.task for attempt in self._attempts.values() if attempt.task is not None]
        storing = [task for attempt in self._attempts.values() if (task := attempt.task) is not None and attempt.phase == "collecting"]
        if storing:
            await asyncio.wait(storing, timeout=30)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._supervision.settle()
        await asyncio.to_thread(self._cleaner.shutdown)
        await self._environments.close()
        await self._supervision.close()

    def log_path(self, key: AttemptKey) -> Path:
        """Return where the attempt's log is; read it with `logs`."""
        return self._folders.attempt(key) / LOG

    def masks_of(self, run_id: str, task_id: str, attempt: int) -> tuple[bytes, ...]:
        """Return what is still to be masked in the log of an attempt: values of its secrets while it runs, nothing once it has ended."""
        found = self._attempts.get(AttemptKey(RunId(run_id), TaskId(task_id), attempt))
        return found.masks if found is not None else ()

    def is_known(self, key: AttemptKey) -> bool:
        """Whether the attempt is in this executor's hands: its log may still grow."""
        return key in self._attempts

    def _new_attempt(self, request: LaunchRequest, root: Path) -> Attempt:
        attempt = Attempt(request, self._folders.layout(request.key.run_id, root), root)
        self._attempts[request.key] = attempt
        return attempt

    async def _guard(self, attempt: Attempt, walk: Any) -> None:
        """Turn whatever comes of an attempt into exactly one `AttemptFinished`."""
        outputs: TaskOutputs | None = None
        failure: Failure | None = None
        try:
            outputs, failure = await walk
        except asyncio.CancelledError:
            if self._is_closing or attempt.cancel_reason is None:
                self._forget(attempt)
                return
            failure = Failure(FailureKind.SIGNAL, attempt.cancel_reason, was_canceled=True)
        except TaskError as error:
            failure = Failure(FailureKind(error.kind), str(error))
        except PenstockError as error:
            failure = Failure(FailureKind.SYSTEM, str(error))
        except OSError as error:
            failure = Failure(FailureKind.SYSTEM, f"{error.strerror or error}" + (f": {error.filename}" if error.filename else ""))
        except Exception as error:  # a fault of ours must end this attempt, not the server
            _log.exception("attempt %s", attempt.request.key)
            failure = Failure(FailureKind.SYSTEM, f"internal error: {type(error).__name__}: {error}")
        self._forget(attempt)
        if self._disk.is_full():
            await asyncio.to_thread(self._disk.cut, attempt.root / LOG)
            if failure is not None:
                await asyncio.to_thread(_clean, attempt.root, outputs)
        if size := self._disk.size_before_cut(attempt.root / LOG):
            lost = f"the disk was full: the middle of its log, which had {size_words(size)}, was removed"
            self._note(attempt.request.key, TASK_NOTE, lost)
        failure = self._disk.explained(failure, attempt.root / LOG)
        exit_code = failure.exit_code if failure is not None else 0
        finished = AttemptFinished(attempt.request.key, self._clock.now(), outputs, failure, exit_code=exit_code, usage=attempt.usage)
        self._report(finished)
        if ("succeeded" if failure is None else "failed") not in self._settings.keeps_work_of:
            self._cleaner.submit(_clean, attempt.root, outputs)

    def _forget(self, attempt: Attempt) -> None:
        self._attempts.pop(attempt.request.key, None)
        self._supervision.forget(attempt)

    async def _walk(self, attempt: Attempt) -> tuple[TaskOutputs | None, Failure | None]:
        queued_at = self._clock.now()
        async with self._gate:
            request = attempt.request
            spec = self._prepare(attempt)
            if not spec.argv:
                return await self._carry_out(attempt, spec)
            if staging.needs_access(spec):
                spec = await asyncio.to_thread(staging.with_access, spec, self._remote)
            attempt.phase = "environment"
            began = self._clock.now()
            environment = await self._environments.prepare(spec.environment, lambda text: self._note(request.key, "environment", text))
            attempt.usage["environment_seconds"] = self._clock.now() - began
            attempt.phase = "queued"
            need, warnings = need_of(spec.resources, self._settings.capacity)
            waiting = self._slots.ask(need)
            try:
                if not waiting.granted.done():
                    await self._wait_for_turn(attempt, waiting)
                attempt.usage["queued_seconds"] = self._clock.now() - queued_at - attempt.usage["environment_seconds"]
                end = await self._run(attempt, spec, environment, warnings)
            finally:
                self._slots.give_back(waiting)
            return await self._conclude(attempt, spec, end)

    async def _carry_out(self, attempt: Attempt, spec: ProcessSpec) -> tuple[TaskOutputs | None, Failure | None]:
        """Do what a spec without a command asks for: files, volumes, outputs. Nothing runs, so repeating it after a crash is harmless."""
        await asyncio.to_thread(self._stage, attempt, spec)
        await _store_entries(spec, self._secret_store, self._clock)
        detail = {"mode": "none", "host": self._host, "warnings": [*spec.warnings, *staging.absent_volumes(spec, self._volumes)]}
        self._report(AttemptStarted(attempt.request.key, self._clock.now(), detail))
        outcome = await self._conclude(attempt, spec, {"code": 0})
        await asyncio.to_thread(staging.remove_volumes, spec, self._volumes)
        return outcome

    def _prepare(self, attempt: Attempt) -> ProcessSpec:
        """Return what is to run, with what the server gives every task; the pipeline's own values win unless they are overruled."""
        request = attempt.request
        spec = self._dialects[request.dialect].prepare(request, attempt.layout, self._secrets)
        if self._task_environment is not None:
            spec = commands.with_environment(spec, *self._task_environment(request))
        if self._overruling is not None:
            spec = commands.overruled(spec, *self._overruling(request, {**spec.env, **spec.secret_env}))
        attempt.masks, attempt.accelerators = bytes_of(spec.secret_values), spec.resources.accelerator_count
        return spec

    async def _wait_for_turn(self, attempt: Attempt, waiting: Waiting) -> None:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(
            self._settings.queue_note_seconds, lambda: self._note(attempt.request.key, "queued", self._slots.explain(waiting))
        )
        try:
            await waiting.granted
        finally:
            timer.cancel()

    async def _run(self, attempt: Attempt, spec: ProcessSpec, environment: Environment, warnings: tuple[str, ...]) -> dict[str, Any]:
        """Start the process and return how it ended."""
        attempt.phase = "staging"
        link = self._folders.tmp_link(attempt.request.key)
        plan = commands.plan(spec, environment, attempt.layout, self._settings.base_environment, link)
        detail: dict[str, Any] = {
            "python": environment.interpreter.full_version,
            "python_asked": spec.environment.python,
            "environment_id": environment.environment_id,
            "mode": plan.mode,
            "host": self._host,
            "limits": self._limiter.name,
            "warnings": [
                *spec.warnings,
                *warnings,
                *([environment.warning] if environment.warning else []),
                *plan.warnings,
                *staging.unmade_volumes(spec, self._volumes),
            ],
            "resources": {name: value for name in spec.resources.__slots__ if (value := getattr(spec.resources, name))},
            **staging.described(spec),
        }
        if staging.is_small(spec):
            binds = self._stage(attempt, spec)
        else:
            binds = await asyncio.to_thread(self._stage, attempt, spec)
        supervisor = await self._supervision.supervisor(plan.kind)
        held = self._limiter.hold(f"{attempt.request.key.task_id}-{attempt.request.key.attempt}", spec.resources)
        message = plan.message(
            attempt.name,
            attempt.layout,
            binds,
            held,
            grace_seconds=self._settings.grace_seconds,
            data=str(self._data),
            description=staging.as_text({**detail, "image": spec.image}),
            tells_streams_apart=self._settings.tells_streams_apart,
        )
        return await self._supervision.run(attempt, supervisor, message, detail)

    def _stage(self, attempt: Attempt, spec: ProcessSpec) -> list[dict[str, Any]]:
        self._folders.make(attempt.request.key)
        return staging.stage(spec, attempt.layout, self._blobs, self._volumes, self._remote)

    async def _take_up(self, attempt: Attempt, trace: adoption.Trace) -> tuple[TaskOutputs | None, Failure | None]:
        """Await an attempt of an earlier server and conclude it. Its start is told again: the word may have been lost with that server."""
        if beginning := adoption.beginning(attempt.root):
            self._report(AttemptStarted(attempt.request.key, *beginning))
        known = read_json(attempt.root / RESULT)
        if known is not None:
            return results.from_json(known), None
        request = attempt.request
        spec = self._prepare(attempt)
        waiting = self._slots.take(need_of(spec.resources, self._settings.capacity)[0])
        try:
            attempt.phase = "running"
            attempt.ended = asyncio.get_running_loop().create_future()
            if trace.is_running:
                attempt.pid = trace.pid if trace.pid and tree.is_alive(trace.pid, trace.pid_start) else None
                self._note(request.key, "reattached", "the server was restarted; the task went on running and was taken up again")
            end = await adoption.wait(trace)
            attempt.ended.set_result(end)
        finally:
            self._slots.give_back(waiting)
        return await self._conclude(attempt, spec, end)

    async def _conclude(self, attempt: Attempt, spec: ProcessSpec, end: dict[str, Any]) -> tuple[TaskOutputs | None, Failure | None]:
        if "refused" in end:
            raise TaskError(end["refused"], kind=FailureKind.START)
        attempt.phase = "collecting"
        log = attempt.root / LOG
        await _mask_log(log, attempt.masks)
        for name, value in (("cpu_seconds", end.get("cpu_seconds")), ("max_rss_bytes", end.get("max_rss_bytes"))):
            if value is not None:
                attempt.usage[name] = value
        if "ended_at" in end:
            attempt.usage["run_seconds"] = end["ended_at"] - end["started_at"]
        if attempt.cancel_reason is not None and end.get("stop") is None and end.get("code") != 0:
            end = {**end, "stop": attempt.cancel_reason}
        failure = failure_of(end, spec, log)
        if failure is not None:
            return None, failure
        began = self._clock.now()
        raw = collecting.read_raw(spec, attempt.layout)
        parsed = self._dialects[attempt.request.dialect].parse_outputs(attempt.request, spec, raw)
        for warning in parsed.warnings:
            self._note(attempt.request.key, "warning", warning)
        store = partial(collecting.store, parsed, spec, attempt.layout, volumes=self._volumes, blobs=self._blobs, ids=self._ids)
        outputs = await asyncio.to_thread(store) if collecting.needs_storing(parsed) else store()
        attempt.usage["upload_seconds"] = self._clock.now() - began
        return outputs, None

    def _note(self, key: AttemptKey, kind: str, text: str) -> None:
        self._report(AttemptNote(key, self._clock.now(), kind, text))

    def _report(self, report: AttemptFinished | AttemptNote | AttemptStarted) -> None:
        if self._sink is not None and not self._is_closing_silently(report):
            self._sink(report)

    def _is_closing_silently(self, report: AttemptFinished | AttemptNote | AttemptStarted) -> bool:
        """While closing, ends that the closing itself caused are not the user's business: the next server decides."""
        return self._is_closing and isinstance(report, AttemptFinished) and report.failure is not None


async def _store_entries(spec: ProcessSpec, store: SecretStore | None, clock: Clock) -> None:
    """Store and remove the secrets and config maps of a spec.

    Raises:
        TaskError: this executor has no store to write to (kind START).
    """
    if not spec.put_entries and not spec.delete_entries:
        return
    if store is None:
        raise TaskError("secrets and config maps cannot be changed here", kind=FailureKind.START)
    for item in spec.put_entries:
        await store.put(item.kind, item.name, item.entries, at=clock.now())
    for kind, name in spec.delete_entries:
        await store.delete(kind, name)


async def _mask_log(log: Path, masks: tuple[bytes, ...]) -> None:
    size = logs.size_of(log) if masks else 0
    if size > _LONG_LOG_BYTES:
        await asyncio.to_thread(logs.blank, log, masks)
    elif size:
        logs.blank(log, masks)


def _clean(root: Path, outputs: TaskOutputs | None) -> None:
    """Remove working files; the result is written first, since the report may not be on record yet when the server dies."""
    with contextlib.suppress(OSError, TypeError, ValueError):
        if outputs is not None:
            results.write(root / RESULT, outputs)
        strip(root)
