"""The parent of tasks: one process per environment that forks a child per task, watches it and writes down how it ended.

Theory of operation. The server starts a supervisor with one end of a socket pair and sends it messages; the supervisor is single-threaded
and never runs user code. It outlives the server: when the socket closes it takes no more work, waits for its children and leaves. What
must survive is in files of the attempt, each written before anything that depends on it:

- `started` names this process and the child, before the child learns what to run. No file: the attempt never ran.
- `spec.json` is written by the child, before any code of the task. No file: the child was lost before its task had begun, and another
  child is given the task.
- `stop.json` exists before a task is signalled, and says why.
- `exit.json` appears, whole, once the task's whole tree is gone and its log is complete. Present: the attempt is over.

Every task is a child subreaper, so whatever it leaves behind falls to this process when it ends; a child of ours that is no running task
is therefore a leftover of an ended one and is killed before the end is reported.

What commands write is read here (`command_streams`): a waiting child has the pipes already, whichever task it gets. So is what Python
components write once they have started a program (`late_streams`).

The fork itself costs a millisecond or two, so one child (`_Spare`) is always forked ahead, while there is nothing else to do. It has a
session of its own, holds nothing but the pipe on which it waits for its task, and dies with this process.

Messages are JSON with a four-byte big-endian length before them. To the supervisor: `run` (see `child.become` for its fields), `stop`
(`id`, `reason`, `grace`) and `retire` (leave when the last task has ended). From it: `ready`, `started` (`id`, `pid`, `at`), `refused`
(`id`, `text`: it never ran), `ended` (`id`, `exit`).
"""

from __future__ import annotations

import contextlib
import errno
import gc
import heapq
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any

from penstock.executors.process.inside import child, command_streams, control_group, pages, python_task, rehearsal, tree

STARTED, STOP, EXIT = "started", "stop.json", "exit.json"
DEADLINE = "deadline"
"""Reason in `stop.json` of a task that ran out of time."""
_HEADER = struct.Struct(">I")
_MOST_TRIES = 3


class _Running:
    def __init__(self, task: dict[str, Any], taker: _Spare, at: float) -> None:
        self.task = task
        self.pid = taker.pid
        self.streams = taker.streams
        self.at = at
        self.deadline = time.monotonic() + task["deadline"] if task.get("deadline") else None
        self.tries = 1
        self.stop: str | None = None


class _Spare:
    """A child that waits to be told what to run. Once it has a task, `streams` are those of its streams that are read here."""

    def __init__(self, pid: int, writer: int, pair: command_streams.StreamPair | None) -> None:
        self.pid = pid
        self.ticks = tree.start_ticks(pid)
        self.streams: list[command_streams.CommandStream] = []
        self._pair = pair
        self._writer = writer

    def hand_over(self, task: dict[str, Any], body: bytes) -> bool:
        """Let it run `task`, whose message is `body`; False if it has died."""
        late = command_streams.open_late(task["late_secret"], task["log"]) if task.get("late_secret") else None
        place = (late.descriptor, os.fstat(late.descriptor).st_ino) if late is not None else (0, 0)
        data = memoryview(_HEADER.pack(len(body)) + body + (child.LATE.pack(*place) if task.get("late_secret") else b""))
        try:
            while data:
                data = data[os.write(self._writer, data) :]
        except BrokenPipeError:
            self.close()
            if late is not None:
                late.close()
            return False
        os.close(self._writer)
        if self._pair is not None:
            self.streams = self._pair.chosen(task)
        if late is not None:
            self.streams.append(late)
        return True

    def close(self) -> None:
        """Let go of it: it leaves."""
        os.close(self._writer)
        if self._pair is not None:
            self._pair.close()


class Supervisor:
    """Loop of one supervisor process."""

    def __init__(self, server: socket.socket, preloaded: python_task.Preloaded, copies: pages.Copies, *, has_streams: bool) -> None:
        self._server: socket.socket | None = server
        self._preloaded = preloaded
        self._copies = copies
        self._has_streams = has_streams
        self._streams: dict[int, command_streams.CommandStream] = {}
        self._buffer = bytearray()
        self._running: dict[int, _Running] = {}
        self._spare: _Spare | None = None
        self._is_retired = False
        self._timers: list[tuple[float, int, str]] = []
        self._pid = os.getpid()
        self._identity = {"supervisor": self._pid, "supervisor_start": tree.start_ticks(self._pid), "boot": tree.boot_id()}
        self._poll = select.poll()
        self._poll.register(server, select.POLLIN)
        self._wake = _wakeup_pipe()
        self._poll.register(self._wake, select.POLLIN)

    def serve(self) -> None:
        """Work until the server has gone and every task has ended."""
        self._send({"op": "ready", **self._identity})
        while self._running or self._takes_work():
            self._prepare_spare()
            for descriptor, _ in self._poll.poll(self._wait_milliseconds()):
                if descriptor == self._wake:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._wake, 4096)
                elif descriptor in self._streams:
                    self._move(self._streams[descriptor])
                elif self._server is not None:
                    self._receive()
            for stream in [stream for stream in self._streams.values() if stream.is_holding]:
                self._move(stream)
            self._reap()
            self._fire_timers()

    def _takes_work(self) -> bool:
        return self._server is not None and not self._is_retired

    def _receive(self) -> None:
        assert self._server is not None
        try:
            data = self._server.recv(1 << 20)
        except (ConnectionError, OSError):
            data = b""
        if not data:
            self._server_is_gone()
            return
        self._buffer += data
        for body in self._messages():
            message = json.loads(body)
            if message["op"] == "run":
                self._run(message, body)
            elif message["op"] == "stop":
                self._stop(message["id"], message["reason"], message["grace"])
            elif message["op"] == "retire":
                self._is_retired = True

    def _messages(self) -> Iterator[bytes]:
        while len(self._buffer) >= _HEADER.size:
            (size,) = _HEADER.unpack_from(self._buffer)
            if len(self._buffer) < _HEADER.size + size:
                return
            body = bytes(self._buffer[_HEADER.size : _HEADER.size + size])
            del self._buffer[: _HEADER.size + size]
            yield body

    def _server_is_gone(self) -> None:
        if self._server is not None:
            self._poll.unregister(self._server)
            self._server.close()
            self._server = None
            self._buffer.clear()

    def _is_server_there(self) -> bool:
        """A server that died has its queued requests taken back: the next server decides about them, never both."""
        if self._server is None:
            return False
        poll = select.poll()
        poll.register(self._server, getattr(select, "POLLRDHUP", 0))
        return not poll.poll(0)

    def _send(self, message: dict[str, Any]) -> None:
        if self._server is None:
            return
        body = json.dumps(message).encode()
        try:
            self._server.sendall(_HEADER.pack(len(body)) + body)
        except (ConnectionError, OSError):
            self._server_is_gone()

    def _run(self, task: dict[str, Any], body: bytes) -> None:
        if not self._is_server_there():
            return
        now = time.time()
        path = os.path.join(task["root"], STARTED)
        try:
            marker = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError as error:
            self._send({"op": "refused", "id": task["id"], "text": f"{error.strerror}: {error.filename}"})
            return
        try:
            taker = self._hand_over(marker, now, task, body)
        except OSError as error:  # out of processes or memory, disk full
            with contextlib.suppress(OSError):
                os.unlink(path)
            self._send({"op": "refused", "id": task["id"], "text": f"the process could not be started: {error.strerror}"})
            return
        finally:
            os.close(marker)
        self._watch(_Running(task, taker, now))
        self._send({"op": "started", "id": task["id"], "pid": taker.pid, "at": now})

    def _watch(self, running: _Running) -> None:
        self._running[running.pid] = running
        if running.deadline is not None:
            heapq.heappush(self._timers, (running.deadline, running.pid, DEADLINE))
        for stream in running.streams:
            self._streams[stream.descriptor] = stream
            self._poll.register(stream.descriptor, select.POLLIN)

    def _move(self, stream: command_streams.CommandStream) -> None:
        if not stream.move():
            self._forget(stream)
            stream.close()

    def _forget(self, stream: command_streams.CommandStream) -> None:
        del self._streams[stream.descriptor]
        self._poll.unregister(stream.descriptor)

    def _end_streams(self, ended: _Running) -> None:
        """Take the last words of a tree that has gone. A process outside of it that holds a pipe is not waited for."""
        for stream in ended.streams:
            if self._streams.get(stream.descriptor) is stream:
                self._forget(stream)
                stream.end()

    def _hand_over(self, marker: int, now: float, task: dict[str, Any], body: bytes) -> _Spare:
        """Note in the file `marker` which child will run `task`, whose message is `body`, give it to that child, and return it."""
        for _ in range(_MOST_TRIES):
            spare = self._spare = self._spare or self._fork()
            lines = [{**self._identity, "at": now}, {"pid": spare.pid, "start": spare.ticks}]
            if os.fstat(marker).st_size:  # ext4 sends a file that was cut to nothing to the disk at once, and lets us wait
                os.ftruncate(marker, 0)
                os.lseek(marker, 0, os.SEEK_SET)
            _write(marker, "".join(json.dumps(line) + "\n" for line in lines).encode())
            self._spare = None
            if spare.hand_over(task, body):
                return spare
        raise OSError(errno.ESRCH, "its process was killed before it had begun")

    def _prepare_spare(self) -> None:
        if self._spare is None and self._takes_work():
            with contextlib.suppress(OSError):  # said when a task really needs one
                self._spare = self._fork()
        elif self._spare is not None and not self._takes_work():
            self._spare.close()
            self._spare = None

    def _fork(self) -> _Spare:
        reader, writer = os.pipe()
        pair = command_streams.open_pair() if self._has_streams else None
        try:
            pid = os.fork()
        except OSError:
            os.close(writer)
            if pair is not None:
                pair.close()
            raise
        else:
            if pid == 0:
                child.await_task(reader, self._preloaded, self._copies, self._pid, pair.writers if pair is not None else None)
            return _Spare(pid, writer, pair)
        finally:
            os.close(reader)
            if pair is not None:
                pair.close_writers()

    def _stop(self, task_id: str, reason: str, grace: float) -> None:
        for running in self._running.values():
            if running.task["id"] == task_id:
                self._ask_to_stop(running, reason, grace)

    def _ask_to_stop(self, running: _Running, reason: str, grace: float) -> None:
        if running.stop is None:
            running.stop = reason
            with contextlib.suppress(OSError):
                _write_whole(os.path.join(running.task["root"], STOP), {"reason": reason, "at": time.time()})
        if grace > 0:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(running.pid, signal.SIGTERM)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(running.pid, signal.SIGCONT)
        heapq.heappush(self._timers, (time.monotonic() + max(grace, 0.0), running.pid, "kill"))

    def _fire_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            _, pid, what = heapq.heappop(self._timers)
            running = self._running.get(pid)
            if running is None:
                continue
            if what == DEADLINE:
                if running.stop is None:
                    self._ask_to_stop(running, DEADLINE, running.task.get("grace", 0.0))
            else:
                control_group.kill(running.task.get("cgroup") or {})
                tree.kill_tree(pid)

    def _wait_milliseconds(self) -> float | None:
        if any(stream.is_holding for stream in self._streams.values()):
            return 0
        if not self._timers:
            return None
        return max(0.0, self._timers[0][0] - time.monotonic()) * 1000 + 1

    def _reap(self) -> None:
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            running = self._running.get(ended.si_pid)
            if running is not None:
                self._finish(running)
                continue
            os.waitpid(ended.si_pid, 0)
            if self._spare is not None and self._spare.pid == ended.si_pid:
                self._spare.close()
                self._spare = None

    def _finish(self, running: _Running) -> None:
        self._kill_leftovers(running)
        _, status, usage = os.wait4(running.pid, 0)
        del self._running[running.pid]
        self._end_streams(running)
        if os.WIFSIGNALED(status) and self._begin_again(running):
            return
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        story: dict[str, Any] = {
            "pid": running.pid,
            "code": code,
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
            "started_at": running.at,
            "ended_at": time.time(),
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "max_rss_bytes": usage.ru_maxrss * 1024,
            "stop": running.stop,
        }
        with contextlib.suppress(OSError):
            os.unlink(running.task["tmp_link"])
        root = running.task["root"]
        if code == child.START_FAILED:
            story["start_error"] = _read_json(os.path.join(root, child.START_ERROR))
        cgroup = running.task.get("cgroup")
        if cgroup:
            story["oom_kills"] = control_group.oom_kills(cgroup)
            control_group.remove(cgroup)
        try:
            _write_whole(os.path.join(root, EXIT), story)
        except OSError as error:  # disk full: the server still hears it; without a server the attempt counts as lost
            story["unsaved"] = str(error)
        self._send({"op": "ended", "id": running.task["id"], "exit": story})

    def _begin_again(self, lost: _Running) -> bool:
        """Give the task of a child that was killed before its task had begun to another child; False if it is not to be begun again.

        A dying child takes its message, for as long as its end of the pipe is open.
        """
        root = lost.task["root"]
        has_begun = os.path.exists(os.path.join(root, child.SPEC))
        if has_begun or lost.stop is not None or lost.tries >= _MOST_TRIES or not self._is_server_there():
            return False
        try:
            marker = os.open(os.path.join(root, STARTED), os.O_WRONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            taker = self._hand_over(marker, lost.at, lost.task, json.dumps(lost.task).encode())
        except OSError:
            return False
        finally:
            os.close(marker)
        lost.pid, lost.streams, lost.tries = taker.pid, taker.streams, lost.tries + 1
        self._watch(lost)
        return True

    def _kill_leftovers(self, ended: _Running) -> None:
        """Kill and reap what ended tasks left behind; see the theory above. The zombie of `ended` itself stays for its status."""
        if ended.task.get("cgroup"):
            control_group.kill(ended.task["cgroup"])
        spare = 0 if self._spare is None else self._spare.pid
        while True:
            strays = [pid for pid in tree.children_of(self._pid) if pid not in self._running and pid != spare]
            if not strays:
                return
            for pid in strays:
                tree.kill_tree(pid)
            for pid in strays:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)


def _wakeup_pipe() -> int:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.signal(signal.SIGCHLD, _ignore)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_SETMASK, [])  # for the tasks, which inherit it
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # meant for the server; tasks are ended by message, or by killing this process
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    return reader


def _ignore(number: int, frame: Any) -> None:
    """Have the signal wake the loop through its pipe and nothing else."""


def _read_json(path: str) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def _write_whole(path: str, content: dict[str, Any]) -> None:
    """Write a new file in one system call. Readers take a file that does not parse for one that is not there yet."""
    data = json.dumps(content).encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        _write(descriptor, data)
    finally:
        os.close(descriptor)


def _write(descriptor: int, data: bytes) -> None:
    if os.write(descriptor, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _highest_descriptor() -> int:
    try:
        return max(int(name) for name in os.listdir("/proc/self/fd"))
    except OSError:
        return 1024


def main(descriptor: int, settings: dict[str, Any]) -> None:
    """Run a supervisor on the inherited socket `descriptor`.

    Settings: `executors` and `modules` to import ahead; `rehearses`, whether its tasks are Python components, all others may be commands.
    """
    os.setsid()
    os.chdir("/")
    os.dup2(descriptor, 3, inheritable=False)
    descriptor = 3
    os.closerange(4, _highest_descriptor() + 1)  # whatever else the server's process had open and inheritable
    server = socket.socket(fileno=descriptor)
    child.become_subreaper()
    sys.path[:] = [entry for entry in sys.path if entry]
    if settings["runtime_mode"]:
        os.environ[python_task.RUNTIME_VARIABLE] = "true"
    preloaded = python_task.Preloaded()
    preloaded.load(settings["executors"], settings["modules"])
    python_task.hide_ourselves()
    gc.collect()
    gc.disable()
    gc.freeze()
    copies = pages.Copies(())
    if settings["rehearses"]:
        with contextlib.suppress(OSError):
            copies = rehearsal.rehearse(preloaded, next(iter(settings["executors"]), ""))
        gc.freeze()
    Supervisor(server, preloaded, copies, has_streams=not settings["rehearses"]).serve()
