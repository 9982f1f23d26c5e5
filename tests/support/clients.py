"""Environments with the real, unmodified clients: built by uv on first use under `.clients/`, kept between test runs."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import uv

_ROOT = Path(os.environ.get("PENSTOCK_TEST_CLIENTS") or Path(__file__).parents[2] / ".clients")
_DROPPED = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONWARNINGS")
_DROPPED_PREFIXES = ("WANDB_", "KF_", "METAFLOW_", "PENSTOCK_")

KFP_NEWEST = "kfp==2.17.0"
KFP_MIDDLE = "kfp==2.7.0"
KFP_OLDEST = "kfp==2.0.1"
KFP_V1 = "kfp==1.8.22"
WANDB_NEWEST = "wandb==0.31.0"


def client_python(*requirements: str, python: str = sys.executable) -> Path:
    """Return the interpreter of an environment that has `requirements` and nothing else.

    Safe to call from several processes at once: the first builds, the others wait.
    """
    return _build("", requirements, python, _install_by_uv)


def _build(prefix: str, requirements: tuple[str, ...], python: str, install: Callable[[Path, str, tuple[str, ...]], None]) -> Path:
    key = prefix + _key(requirements, python)
    target = _ROOT / key
    interpreter = target / "bin" / "python"
    ready = target / ".ready"
    if ready.exists() and interpreter.exists():
        return interpreter
    _ROOT.mkdir(parents=True, exist_ok=True)
    with (_ROOT / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (ready.exists() and interpreter.exists()):
            shutil.rmtree(target, ignore_errors=True)
            install(target, python, requirements)
            ready.touch()
    return interpreter


def _install_by_uv(target: Path, python: str, requirements: tuple[str, ...]) -> None:
    _run(uv.find_uv_bin(), "venv", "--quiet", "--python", python, str(target))
    _run(uv.find_uv_bin(), "pip", "install", "--quiet", "--python", str(target / "bin" / "python"), *requirements)


def _install_by_pip(target: Path, python: str, requirements: tuple[str, ...]) -> None:
    _run(uv.find_uv_bin(), "venv", "--quiet", "--seed", "--python", python, str(target))
    _run(str(target / "bin" / "python"), "-m", "pip", "install", "--quiet", *requirements)


def pip_client_python(*requirements: str, python: str = sys.executable) -> Path:
    """Like `client_python`, installed by pip: for what its index settings offer and uv's do not, such as a PyTorch without CUDA."""
    return _build("pip_", requirements, python, _install_by_pip)


def client_environment(**extra: str) -> dict[str, str]:
    """Return the environment for a client process: this one's without what would leak into it, plus `extra`."""
    kept = {name: value for name, value in os.environ.items() if name not in _DROPPED and not name.startswith(_DROPPED_PREFIXES)}
    return {**kept, **extra}


def run_client(
    python: Path, source: str, *arguments: str, env: Mapping[str, str], cwd: Path, timeout: float = 400.0
) -> subprocess.CompletedProcess[str]:
    """Run program text `source` in a client environment and return what came of it; both streams are text."""
    program = cwd / f"client-{hashlib.sha256(source.encode()).hexdigest()[:12]}.py"
    program.write_text(source, encoding="utf-8")
    return subprocess.run(
        [str(python), str(program), *arguments], env=dict(env), cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False
    )


def _key(requirements: tuple[str, ...], python: str) -> str:
    words = "_".join(re.sub(r"[^A-Za-z0-9.]+", "", requirement.replace("==", "-")) for requirement in requirements)[:60]
    digest = hashlib.sha256("\n".join([python, *sorted(requirements)]).encode()).hexdigest()[:8]
    return f"{words}-{digest}"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=client_environment())
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
