"""Says why an attempt failed: how the process ended, and the last lines of its log that mean something."""

from __future__ import annotations

import errno
import signal
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.domain.execution import LOG_FOLLOWS, Failure, FailureKind, ProcessSpec
from penstock.domain.log_lines import meaningful_lines
from penstock.domain.masking import mask
from penstock.domain.sizes import size_words
from penstock.domain.tracebacks import TRACEBACK, UNCAUGHT_EXIT, exception_of
from penstock.executors.process import full_disk, hints, logs
from penstock.executors.process.inside.supervise import DEADLINE

SERVER_STOPPED = "the server was stopped"
"""Reason in `stop.json` of a task that the closing server ended; the next server treats it as lost, not as canceled by anybody."""
_TAIL_BYTES = 16 * 1024
_TAIL_LINES = 12
_LINE_CHARACTERS = 400
_CAUSE_CHARACTERS = 120
_MEMORY_WORDS = ("MemoryError", "std::bad_alloc", "Cannot allocate memory", "out of memory")


def last_lines(log: Path, secrets: Iterable[str]) -> str:
    """Return the end of the log as a user wants to read it in a message: no empty lines, nothing of the SDK's executor, no secrets."""
    return _shown(_meaningful_lines(log, secrets))


def _meaningful_lines(log: Path, secrets: Iterable[str]) -> list[str]:
    return meaningful_lines(mask(logs.decode(logs.read_tail(log, _TAIL_BYTES)), secrets))


def _shown(lines: Sequence[str]) -> str:
    return "\n".join(line if len(line) <= _LINE_CHARACTERS else f"{line[:_LINE_CHARACTERS]}..." for line in lines[-_TAIL_LINES:])


def failure_of(end: Mapping[str, Any], spec: ProcessSpec, log: Path) -> Failure | None:
    """Return why the attempt that ended as told in `exit.json` failed; None if it did not.

    Args:
        end: content of `exit.json`, or `{"lost": True}`.
        spec: what was run.
        log: its log file.
    """
    code = end.get("code")
    if end.get("lost"):
        return Failure(FailureKind.LOST, "the process vanished together with its supervisor; nothing is known about how it ended")
    stopped = end.get("stop")
    if stopped == DEADLINE:
        allowed = f" of {spec.deadline_seconds:g} seconds" if spec.deadline_seconds else ""
        text = f"it ran longer than its deadline{allowed} and was stopped"
        return Failure(FailureKind.DEADLINE, _with_log(text, spec, log), exit_code=code)
    if stopped == SERVER_STOPPED:
        return Failure(FailureKind.LOST, "the server was stopped and ended its tasks", exit_code=code)
    if stopped == full_disk.REASON:
        return Failure(FailureKind.SYSTEM, _with_log(f"it was stopped because {stopped}", spec, log), exit_code=code)
    if stopped is not None:
        return Failure(FailureKind.SIGNAL, stopped or "canceled", exit_code=code, was_canceled=True)
    if code == 0:
        return None
    if end.get("start_error"):
        return Failure(FailureKind.START, _start_story(end["start_error"], spec), exit_code=code)
    if _ran_out_of_memory(end, spec, log):
        limit = size_words(spec.resources.memory_limit_bytes or 0)
        text = f"it needed more memory than its limit of {limit}"
        return Failure(FailureKind.OUT_OF_MEMORY, _with_log(text, spec, log), exit_code=code)
    if code is None:
        number = end.get("signal") or 0
        text = f"killed by signal {number} ({_signal_name(number)})"
        return Failure(FailureKind.SIGNAL, _with_log(text, spec, log), exit_code=128 + number)
    return Failure(FailureKind.EXIT_CODE, _with_log(f"exit code {code}", spec, log, code), exit_code=code)


def _ran_out_of_memory(end: Mapping[str, Any], spec: ProcessSpec, log: Path) -> bool:
    limit = spec.resources.memory_limit_bytes
    if not limit:
        return False
    if end.get("oom_kills"):
        return True
    # Without a cgroup the limit is one on data segments, and allocations fail instead of a kill.
    return "oom_kills" not in end and any(word in last_lines(log, ()) for word in _MEMORY_WORDS)


def _start_story(error: Mapping[str, Any], spec: ProcessSpec) -> str:
    program = error.get("program") or ""
    if error.get("type") == "FileNotFoundError" and program:
        image = f" of image {spec.image!r}" if spec.image else ""
        return f"the program {program!r}{image} does not exist on this machine, and tasks run as processes here, not in containers"
    if error.get("errno") == errno.E2BIG:
        return f"an argument of {program!r} is longer than the system allows (128 KiB); pass large values by file"
    if error.get("type") == "PermissionError" and program:
        return f"{program!r} may not be executed: {error.get('text')}"
    return f"the process could not be set up: {error.get('text')}"


def _with_log(text: str, spec: ProcessSpec, log: Path, code: int | None = None) -> str:
    """Return one line that says all that is known, and after it the end of the log."""
    lines = _meaningful_lines(log, spec.secret_values)
    shown = _shown(lines)
    exception = exception_of(lines, code) or _exception_before(log, spec, code)
    hint = hints.hint_for(spec, code, exception, shown)
    if hint and len(exception) > _CAUSE_CHARACTERS:
        exception = exception.partition(":")[0]  # whole below; what to do has to stay in sight where the line is cut
    cause = f": {exception[:_LINE_CHARACTERS]}" if exception else ""
    first = f"{text}{cause} ({hint})" if hint else f"{text}{cause}"
    return f"{first}{LOG_FOLLOWS}\n{shown}" if lines else f"{first}; {_emptiness(log)}"


def _exception_before(log: Path, spec: ProcessSpec, code: int | None) -> str:
    """Return the first line of an exception whose text is longer than the end of the log that was read."""
    if code != UNCAUGHT_EXIT or logs.size_of(log) <= _TAIL_BYTES:
        return ""
    piece = logs.decode(logs.read_from_last(log, TRACEBACK.encode(), _TAIL_BYTES))
    return exception_of(meaningful_lines(mask(piece, spec.secret_values)), code)


def _emptiness(log: Path) -> str:
    return "the component wrote nothing to its log" if log.exists() and log.stat().st_size else "the log is empty"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
