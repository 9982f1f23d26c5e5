"""Runs one recognised Python component in this process, as `python3 -u -m <executor module>` would.

`Preloaded` is filled in a warm parent before it forks (imports only, never user code); `run` is called in the child, which was already
given its directories, environment and output. Everything a program can see of its start is made the same on both roads: `__main__`,
`sys.argv`, `sys.path[0]`, the standard streams, exit codes, tracebacks without frames of ours, exit handlers, waiting for threads.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import importlib
import importlib.util
import inspect
import io
import json
import logging
import os
import sys
import threading
import time
import traceback
import typing
from collections.abc import Mapping
from types import CodeType, ModuleType
from typing import Any, NoReturn

from penstock.executors.process.inside import custom_paths, late_streams, prefixes, stderr_marks

RUNTIME_VARIABLE = "_KFP_RUNTIME"
ATTEMPT_VARIABLE = "PENSTOCK_ATTEMPT"
"""Names the attempt's directory."""
_EXECUTORS = {
    "kfp.dsl.executor_main": ("kfp.dsl", "kfp.dsl.executor", "kfp.dsl.kfp_config", "kfp.dsl.utils"),
    "kfp.components.executor_main": ("kfp.dsl", "kfp.components.executor", "kfp.components.kfp_config", "kfp.components.utils"),
    "kfp.v2.components.executor_main": ("kfp.v2.dsl", "kfp.v2.components.executor", "kfp.v2.components.kfp_config"),
}
"""What each executor module imports; loaded ahead, while the executor module itself is left for `run` to execute as `__main__`."""

_STANDARD = ("argparse", "json", "logging", "inspect", "typing", "tempfile", "copy", "ast", "datetime", "locale", "gettext")


class Preloaded:
    """Code objects of the executor modules that this interpreter can run, read once."""

    def __init__(self) -> None:
        self._code: dict[str, CodeType] = {}
        self._specs: dict[str, Any] = {}

    def load(self, executors: list[str], modules: list[str]) -> None:
        """Import what the named executor modules need and `modules`; what is not installed is left out."""
        for name in _STANDARD:
            importlib.import_module(name)
        for executor in executors:
            try:
                for name in _EXECUTORS.get(executor, ()):
                    importlib.import_module(name)
                self._find(executor)
            except Exception:  # noqa: S112  the task itself will meet and report the same error
                continue
        for name in modules:
            try:
                importlib.import_module(name)
            except Exception:  # noqa: S112  likewise
                continue

        _fill_caches()

    def main_code(self, module: str) -> CodeType:
        """Return the code that `python -m module` executes.

        Raises:
            ImportError: there is no such module in this environment.
        """
        return self._code[module] if module in self._code else self._find(module)

    def main_spec(self, module: str) -> Any:
        """Return the module's spec; call `main_code` first."""
        return self._specs[module]

    def _find(self, module: str) -> CodeType:
        spec = importlib.util.find_spec(module)
        loader: Any = spec.loader if spec else None
        code = loader.get_code(module) if loader else None
        if code is None:
            raise ImportError(f"No module named {module}")
        self._specs[module] = spec
        self._code[module] = code
        return code  # type: ignore[no-any-return]


def _fill_caches() -> None:
    """Do once what every executor does with the standard library, so that compiled patterns and the like are there after the fork."""

    def sample(first: str | None, second: list[int]) -> dict[str, Any]:
        return {}

    parser = argparse.ArgumentParser(description="sample")
    parser.add_argument("--component_module_path", type=str, help="sample")
    parser.add_argument("--function_to_execute", type=str, required=True)
    parser.parse_known_args(["--component_module_path", "a.py", "--executor_input", '{"a": [1]}', "--function_to_execute", "f"])
    json.loads(json.dumps({"a": ["b", 1, 1.5, None]}, indent=4))
    typing.get_type_hints(sample)
    inspect.getfullargspec(sample)
    inspect.signature(sample)
    record = logging.LogRecord("sample", logging.INFO, "a.py", 1, "%s", ("a",), None)
    logging.Formatter("[KFP Executor %(asctime)s %(levelname)s]: %(message)s").format(record)


def hide_ourselves() -> None:
    """Take the stand-ins for our own package out of `sys.modules`; a task that has the real one installed gets that."""
    for name in [name for name in sys.modules if name == "penstock" or name.startswith("penstock.")]:
        del sys.modules[name]


def run(task: Mapping[str, Any], preloaded: Preloaded) -> NoReturn:
    """Run the component described by `task["python"]` and leave the process with the exit code Python would give."""
    late = task.get("late_pipe")
    pipe = late_streams.LatePipe(*late) if late else None
    if pipe is not None:
        late_streams.watch(pipe)
    _fresh_streams(pipe)
    _fresh_state()
    prefixes.apply_to_loaded(task.get("prefixes") or {})
    python = task["python"]
    program = _write_program(python["source"])
    code = 1
    try:
        _execute(python, program, preloaded)
        code = 0
    except SystemExit as stop:
        code = _exit_code(stop)
    except BaseException:  # the interpreter's last resort is ours
        _print_exception()
    _leave(code, "" if python["module"] == "__main__" else python["executor_input"])


def _execute(python: Mapping[str, Any], program: str, preloaded: Preloaded) -> None:
    if python["module"] == "__main__":
        _become_main(None, program, [program, *python["argv"]])
        path0, script = os.path.dirname(program), compile(python["source"], program, "exec", dont_inherit=True)
    else:
        script = preloaded.main_code(python["module"])
        spec = preloaded.main_spec(python["module"])
        arguments = ["--component_module_path", program, "--executor_input", python["executor_input"]]
        _become_main(spec, spec.origin, [spec.origin, *arguments, "--function_to_execute", python["function"]])
        path0 = os.getcwd()
    sys.path.insert(0, path0)
    exec(script, sys.modules["__main__"].__dict__)  # noqa: S102  running the author's program is the point


def _become_main(spec: Any, filename: str, argv: list[str]) -> None:
    main = ModuleType("__main__")
    main.__file__ = filename
    main.__dict__["__builtins__"] = __builtins__
    if spec is not None:
        main.__spec__, main.__loader__, main.__package__ = spec, spec.loader, spec.parent
        main.__cached__ = spec.cached  # type: ignore[attr-defined]
    sys.modules["__main__"] = main
    sys.argv[:] = argv


def _write_program(source: str) -> str:
    """Write the component's source where the compiled command would: in a fresh directory below TMPDIR."""
    directory = os.path.join(os.environ["TMPDIR"], "program")
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, "ephemeral_component.py")
    with open(path, "wb", buffering=0) as file:
        file.write(source.encode("utf-8", "surrogateescape"))
    return path


def _fresh_streams(pipe: late_streams.LatePipe | None) -> None:
    root = os.environ.get(ATTEMPT_VARIABLE)
    sys.stdin = io.TextIOWrapper(open(0, "rb", closefd=False), encoding="utf-8")  # noqa: SIM115  for the life of the process
    for name, descriptor, errors in (("stdout", 1, "strict"), ("stderr", 2, "backslashreplace")):
        raw: io.FileIO = open(descriptor, "wb", buffering=0, closefd=False)  # noqa: SIM115  likewise
        if name == "stderr" and root:
            raw = stderr_marks.MarkedErrors(f"{root}/log", pipe)
        stream = io.TextIOWrapper(raw, encoding="utf-8", errors=errors, write_through=True)
        stream.mode = "w"  # type: ignore[misc]
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _fresh_state() -> None:
    """Forget what a fork shares and a new interpreter would not; `random` seeds itself anew after a fork."""
    sys.dont_write_bytecode = True  # the environment is compiled as a whole; the program's own file is never loaded again
    tempfile = sys.modules.get("tempfile")
    if tempfile is not None:
        tempfile.tempdir = None  # type: ignore[attr-defined]
        tempfile._name_sequence = None  # type: ignore[attr-defined]  # noqa: SLF001
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
    if hasattr(time, "tzset"):
        time.tzset()


def _exit_code(stop: SystemExit) -> int:
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return stop.code & 0xFF
    sys.stderr.write(f"{stop.code}\n")
    return 1


def _print_exception() -> None:
    kind, error, trace = sys.exc_info()
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    if kind is None or error is None:
        return
    if sys.excepthook is not sys.__excepthook__:
        sys.excepthook(kind, error, trace)
    else:
        traceback.print_exception(kind, error, trace)


def _leave(code: int, executor_input: str) -> NoReturn:
    """End as the interpreter would, without taking the shared parts of the parent's memory down."""
    root = os.environ.get(ATTEMPT_VARIABLE)
    try:
        shutdown = getattr(threading, "_shutdown", None)
        if shutdown is not None:
            shutdown()
        atexit._run_exitfuncs()  # noqa: SLF001
    except BaseException:
        _print_exception()
    _let_go()
    if code == 0 and root and executor_input:
        code = _bring_home(executor_input, root)
    failed = _flush()
    os._exit(120 if failed and code == 0 else code)


def _bring_home(executor_input: str, root: str) -> int:
    """Take what the component wrote elsewhere into the attempt, once all of it is written; returns the exit code."""
    try:
        custom_paths.bring_home(executor_input, root)
    except Exception:
        _print_exception()
        return 1
    return 0


def _let_go() -> None:
    """Drop the program's globals and write out files that it left open, as the end of an interpreter does.

    kfp 1.8 opens the files of `InputTextFile` and `OutputTextFile` arguments and never closes them.
    """
    try:
        sys.modules["__main__"].__dict__.clear()
        # Only objects made since the fork are looked at: those of the parent are frozen.
        # Their types are asked, not they: what stands for an object that is gone (`weakref.proxy`) refuses every question.
        kinds = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
        writers = [item for item in gc.get_objects() if issubclass(type(item), kinds)]
    except BaseException:
        _print_exception()
        return
    for writer in sorted(writers, key=lambda item: not issubclass(type(item), io.TextIOWrapper)):
        try:
            if not writer.closed and writer.writable():
                writer.flush()
        except (OSError, ValueError):
            continue


def _flush() -> bool:
    failed = False
    streams: list[Any | None] = [sys.stdout, sys.stderr]
    for stream in streams:
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except (OSError, ValueError):
            failed = True
    return failed
