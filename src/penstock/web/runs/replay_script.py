"""Runs one task of a pipeline run again on this machine: same code, same inputs, same packages.

    python3 THIS_FILE            makes a folder beside this file with an environment of the task's packages, and runs there
    python3 THIS_FILE --here     uses the packages of this Python instead
    python3 THIS_FILE --pdb      stops in the debugger where the task fails

The folder keeps the component's source (`component.py`, yours to edit: later runs use it), inputs and outputs. Nothing is sent anywhere;
inputs are fetched from the server that wrote this file. A server that asks for a key is given the variable WANDB_API_KEY.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

RUN_COMPONENT = """\
import json, os, runpy, sys
task = json.load(open({task!r}, encoding="utf-8"))
if task["module"] == "__main__":
    sys.argv = [{program!r}, *task["argv"]]
    runpy.run_path({program!r}, run_name="__main__")
else:
    sys.argv = [task["module"], "--component_module_path", {program!r}, "--executor_input", task["executor_input"],
                "--function_to_execute", task["function"]]
    runpy.run_module(task["module"], run_name="__main__", alter_sys=True)
"""


def say(text: str) -> None:
    """Tell the reader what happens."""
    sys.stderr.write(f"replay: {text}\n")
    sys.stderr.flush()


def fetch(address: str, target: Path) -> None:
    """Copy the bytes at an address, or of a local path, to `target`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if address.startswith(("http://", "https://")):
        headers = {}
        if os.environ.get("WANDB_API_KEY") and address.startswith(task["server"]):
            headers["authorization"] = f"Bearer {os.environ['WANDB_API_KEY']}"
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer, target.open("wb") as file:  # noqa: S310  the addresses of this file
            shutil.copyfileobj(answer, file)
    elif Path(address).is_dir():
        shutil.copytree(address, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(address, target)


def stage(folder: Path) -> None:
    """Put inputs, files and directories in place; outputs of an earlier replay are removed, inputs that are there are kept."""
    for name in ("outputs", "mounts", "work"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for path in task["directories"]:
        Path(path).mkdir(parents=True, exist_ok=True)
    for item in task["staged"]:
        kept = folder / "fetched" / re.sub(r"[^\w.-]", "_", item["from"])[-150:]
        if not kept.exists():
            say(f"fetching input {item['name']}")
            half = kept.with_name(f"{kept.name}.half")
            fetch(item["from"], half)
            half.rename(kept)
        target = Path(item["path"])
        target.parent.mkdir(parents=True, exist_ok=True)
        if item["is_folder"] and zipfile.is_zipfile(kept):
            with zipfile.ZipFile(kept) as archive:
                archive.extractall(target)
        elif kept.is_dir():
            shutil.copytree(kept, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(kept, target)
    for path, content in task["files"].items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(base64.b64decode(content))


def environment(folder: Path) -> Path:
    """Return the Python of an environment with the task's packages, made once; by uv where it is installed, else by venv and pip."""
    home = folder / "venv"
    python = home / "bin" / "python"
    mark, wanted = home / "replay.txt", "\n".join(task["requirements"]) + "\n"
    if mark.exists() and mark.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(home, ignore_errors=True)
    (folder / "requirements.txt").write_text(wanted, encoding="utf-8")
    version = ".".join(task["python"].split(".")[:2])
    is_same = version in {"", f"{sys.version_info[0]}.{sys.version_info[1]}"}
    say(f"installing {len(task['requirements'])} packages into {home}")
    flags = ["--no-deps"] if task["is_locked"] else []
    for number, address in enumerate(task["index_urls"]):
        flags += ["--extra-index-url" if number else "--index-url", address]
    uv = shutil.which("uv")
    if uv:
        subprocess.run([uv, "venv", "--quiet", "--python", version or sys.executable, str(home)], check=True)
        command = [uv, "pip", "install", "--quiet", "--python", str(python), *flags]
    else:
        if not is_same:
            say(f"the task ran on Python {version}, this is {sys.version.split()[0]}; start this file with python{version} to be exact")
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *flags]
    if task["requirements"]:
        subprocess.run([*command, "-r", str(folder / "requirements.txt")], check=True)
    mark.write_text(wanted, encoding="utf-8")
    return python


def variables(folder: Path, python: Path) -> dict[str, str]:
    """Return the environment variables of the task: this machine's, over them those that the task was given."""
    found = {**os.environ, "WANDB_MODE": os.environ.get("WANDB_MODE", "offline"), "PYTHONUNBUFFERED": "1"}
    found["PATH"] = f"{python.parent}{os.pathsep}{found.get('PATH', '')}"
    found |= task["env"] | (task["component"] or {}).get("env", {})
    if task["hook"]:
        hook = folder / "hook"
        hook.mkdir(exist_ok=True)
        (hook / "sitecustomize.py").write_text(task["hook"], encoding="utf-8")
        found[task["prefix_variable"]] = json.dumps(task["prefixes"])
        found["PYTHONPATH"] = os.pathsep.join(filter(None, [str(hook), found.get("PYTHONPATH")]))
    for name in task["secrets"]:
        if not os.environ.get(name):
            say(f"set the variable {name} yourself: it holds a secret on the server")
    return found


def command(folder: Path, python: Path, *, is_debugged: bool) -> list[str]:
    """Return what to start; the component's source is written once and then left alone."""
    component = task["component"]
    if component is None:
        return list(task["argv"])
    program, start = folder / "component.py", folder / "run_component.py"
    if not program.exists():
        program.write_text(component["source"], encoding="utf-8")
    (folder / "component.json").write_text(json.dumps({**component, "source": ""}), encoding="utf-8")
    start.write_text(RUN_COMPONENT.format(task=str(folder / "component.json"), program=str(program)), encoding="utf-8")
    return [str(python), "-u", *(["-m", "pdb", "-c", "continue"] if is_debugged else []), str(start)]


def tell(folder: Path) -> None:
    """Say what the task left."""
    written = task["executor_output"]
    values: dict[str, Any] = json.loads(Path(written).read_text(encoding="utf-8")) if written and Path(written).exists() else {}
    for name, value in values.get("parameterValues", {}).items():
        say(f"output {name} = {json.dumps(value, ensure_ascii=False)[:300]}")
    for name, items in values.get("artifacts", {}).items():
        for item in items["artifacts"]:
            if item.get("metadata"):
                say(f"output {name}: {json.dumps(item['metadata'], ensure_ascii=False)[:300]}")
    for name, path in task["outputs"].items():
        if Path(path).exists() and name not in values.get("parameterValues", {}):
            say(f"output {name}: {path}")
    say(f"everything is in {folder}")


def main() -> int:
    """Run the task; return its exit code."""
    folder = Path(__file__).resolve().with_suffix("")
    folder.mkdir(exist_ok=True)
    globals()["task"] = json.loads(TASK_JSON.replace("/.penstock-replay", json.dumps(str(folder))[1:-1]))
    say(f"{task['title']}")
    python = Path(sys.executable) if "--here" in sys.argv[1:] else environment(folder)
    stage(folder)
    for place in task["missing"]:
        say(f"not here: what the task had at {place}")
    env = variables(folder, python)
    for words in task["init"]:
        subprocess.run(words, cwd=folder / "work", env=env, check=True)
    words = command(folder, python, is_debugged="--pdb" in sys.argv[1:])
    code = subprocess.run(words, cwd=task["working_dir"], env=env, check=False).returncode
    say(f"ended with exit code {code}")
    tell(folder)
    return code if code >= 0 else 128 - code


task: dict[str, Any] = {}
TASK_JSON = "@task@"

if __name__ == "__main__":
    sys.exit(main())
