"""What happens in a forked process before the task's own code: session, signals, then the task comes, log, environment, limits, mounts.

`await_task` never returns: it ends in `execve`, in `python_task.run` or, when something cannot be set up, in exit code 127 with the
reason left in the file `start_error` of the attempt.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import signal
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from penstock.executors.process.inside import late_streams, namespace, pages, python_task

START_ERROR = "start_error"
SPEC = "spec.json"
"""Description of the task; written before any code of the task runs."""
START_FAILED = 127
_TASK = 3
"""Descriptor on which the task comes."""
_STREAMS = (4, 5)
"""Descriptors of the streams that will be stdout and stderr of a task that has some of its own."""
LATE = struct.Struct(">IQ")
"""Behind the message of a Python component: descriptor of its pipe in the supervisor (`late_streams`), number of the inode; zeros: none."""
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def _libc() -> Any:
    try:
        return ctypes.CDLL(None, use_errno=True)
    except (OSError, TypeError):
        return None


LIBC = _libc()


def become_subreaper() -> bool:
    """Make orphans below this process its children, so that none escapes."""
    return LIBC is not None and LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def await_task(
    reader: int, preloaded: python_task.Preloaded, copies: pages.Copies, parent: int, streams: tuple[int, int] | None
) -> NoReturn:
    """Wait for a task in this freshly forked process, and become it.

    Args:
        reader: pipe on which one message of `supervise` comes; closed without one, there is nothing to do any more.
        preloaded: what the supervisor imported ahead.
        copies: memory that the task will write to.
        parent: pid of the supervisor.
        streams: where `command_streams` are written to, if there are some.
    """
    try:
        _detach(parent)
        os.dup2(reader, _TASK)
        first = _TASK + 1
        for stream, place in zip(streams or (), _STREAMS, strict=False):
            os.dup2(stream, place, inheritable=False)
            first = place + 1
        os.closerange(first, max(64, reader + 2, *(stream + 2 for stream in streams or ())))
        copies.make(LIBC)
        with open(_TASK, "rb", closefd=False) as pipe:
            (size,) = struct.unpack(">I", pipe.read(4) or bytes(4))
            task = json.loads(pipe.read(size)) if size else None
            if task is not None and task.get("late_secret"):
                descriptor, number = LATE.unpack(pipe.read(LATE.size))
                task["late_pipe"] = (task["late_secret"], f"/proc/{parent}/fd/{descriptor}", number) if number else None
    except BaseException:
        os._exit(START_FAILED)  # nobody waits for a word of this process: the supervisor is gone
    if task is None:
        os._exit(0)
    become(task, preloaded, _STREAMS[: task.get("streams", 0)] if streams is not None else ())


def become(task: Mapping[str, Any], preloaded: python_task.Preloaded, streams: Sequence[int]) -> NoReturn:
    """Turn this forked process into the task.

    Args:
        task: message of `supervise`.
        preloaded: what the supervisor imported ahead.
        streams: what its stdout and stderr are, one for both, or none: the log.
    """
    try:
        _open_log(task["log"], streams)
        for directory in task["directories"]:
            _make_directory(directory)
        _link(task["tmp"], task["tmp_link"])
        _enter_limits(task)
        _write_new(os.path.join(task["root"], SPEC), task["spec"])
        if task.get("cold_file"):
            with open(task["cold_file"]["path"], "w", encoding="utf-8") as file:
                json.dump({**task["cold_file"]["task"], "late_pipe": task.get("late_pipe")}, file)
        if task.get("binds"):
            namespace.enter(task["binds"], task["new_root"], LIBC)
        _set_environment(task["env"])
        os.chdir(task["cwd"])
        if task.get("overlay"):
            _make_overlay(task["overlay"])
        if task.get("init") and task.get("late_pipe"):  # programs, too
            late_streams.LatePipe(*task["late_pipe"]).take_over()
        _start_companions(task)
    except _CompanionError as failed:
        os._exit(failed.code)
    except BaseException as error:  # anything here is a failure to start, told to the server
        _refuse(task["root"], error, "")
    if task.get("python") is not None:
        _enter_overlay(task.get("overlay"))
        python_task.run(task, preloaded)
    _execute(task["root"], list(task["argv"]), task["env"])


def _make_directory(path: str) -> None:
    try:
        os.mkdir(path)  # most have their parent already
    except (FileNotFoundError, FileExistsError):
        os.makedirs(path, exist_ok=True)


def _link(target: str, link: str) -> None:
    try:
        os.symlink(target, link)
    except FileExistsError:  # left by a supervisor that was killed
        os.unlink(link)
        os.symlink(target, link)


def _write_new(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(descriptor, text.encode("utf-8", "replace"))
    os.close(descriptor)


class _CompanionError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def _detach(parent: int) -> None:
    os.setsid()
    if LIBC is not None:
        LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(START_FAILED)  # the supervisor died before the line above took effect
    become_subreaper()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.enable()


def _open_log(path: str, streams: Sequence[int]) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    # Two openings of one file: each knows where its own last write ended (`stderr_marks`), and O_APPEND keeps them in order.
    ends = streams or (log, os.open(path, os.O_WRONLY | os.O_APPEND))
    os.dup2(null, 0)
    os.dup2(ends[0], 1)
    os.dup2(ends[-1], 2)
    os.closerange(3, max(64, log + 3))


def _enter_limits(task: Mapping[str, Any]) -> None:
    for path in task.get("cgroup_files") or ():
        with open(path, "w", encoding="ascii") as file:
            file.write("0")
    for name, value in (task.get("rlimits") or {}).items():
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        hard = resource.getrlimit(kind)[1]
        wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (wanted, wanted))
        except (ValueError, OSError):
            continue  # limits are only ever lowered; a host that refuses keeps its own


def _set_environment(env: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.umask(0o022)


def _make_overlay(overlay: Mapping[str, str]) -> None:
    """Lay a private virtual environment over the shared one: what a task installs for itself stays in its attempt."""
    root = overlay["path"]
    site = os.path.join(root, "lib", f"python{overlay['version']}", "site-packages")
    os.makedirs(site, exist_ok=True)
    os.makedirs(os.path.join(root, "bin"), exist_ok=True)
    for name in ("python", "python3", f"python{overlay['version']}"):
        link = os.path.join(root, "bin", name)
        if not os.path.islink(link):
            os.symlink(overlay["interpreter"], link)
    for name in ("pip", "pip3"):
        script = os.path.join(root, "bin", name)
        with open(script, "w", encoding="utf-8") as file:
            file.write('#!/bin/sh\nexec "$(dirname "$0")/python3" -m pip "$@"\n')
        os.chmod(script, 0o755)  # noqa: S103  a script has to be executable
    with open(os.path.join(root, "pyvenv.cfg"), "w", encoding="utf-8") as file:
        file.write(f"home = {os.path.dirname(overlay['interpreter'])}\ninclude-system-site-packages = false\n")
    with open(os.path.join(site, "shared_environment.pth"), "w", encoding="utf-8") as file:
        file.write(f"import site; site.addsitedir({overlay['shared_site']!r})\n")


def _enter_overlay(overlay: Any) -> None:
    if not overlay:
        return
    site = os.path.join(overlay["path"], "lib", f"python{overlay['version']}", "site-packages")
    position = sys.path.index(overlay["shared_site"]) if overlay["shared_site"] in sys.path else len(sys.path)
    sys.path.insert(position, site)
    sys.executable = os.path.join(overlay["path"], "bin", "python")
    sys.prefix = sys.exec_prefix = overlay["path"]


def _start_companions(task: Mapping[str, Any]) -> None:
    """Run init commands to their end, then start sidecars, which die with the task."""
    env: dict[str, str] = dict(task["env"])
    for argv in task.get("init") or ():
        code = subprocess.run(argv, check=False, env=env).returncode
        if code != 0:
            os.write(2, f"init command {argv[0]!r} ended with {code}\n".encode())
            raise _CompanionError(code if code > 0 else 128 - code)
    for index, argv in enumerate(task.get("sidecars") or ()):
        with open(os.path.join(task["root"], f"sidecar-{index}.log"), "ab") as log:
            try:
                subprocess.Popen(argv, env=env, stdout=log, stderr=log)
            except OSError as error:  # a program of the sidecar's image that is absent here
                log.write(f"{argv[0]}: {error}\n".encode())
    gc.collect()


def _execute(root: str, argv: list[str], env: Mapping[str, str]) -> NoReturn:
    for number in (signal.SIGPIPE, signal.SIGINT, getattr(signal, "SIGXFSZ", signal.SIGPIPE)):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(argv[0], argv, dict(env))  # noqa: S606  the command as compiled
    except BaseException as error:
        _refuse(root, error, argv[0])


def _refuse(root: str, error: BaseException, program: str) -> NoReturn:
    number = getattr(error, "errno", None)
    story = {"program": program, "errno": number, "text": str(error) or type(error).__name__, "type": type(error).__name__}
    try:
        with open(os.path.join(root, START_ERROR), "w", encoding="utf-8") as file:
            json.dump(story, file)
    finally:
        os._exit(START_FAILED)
