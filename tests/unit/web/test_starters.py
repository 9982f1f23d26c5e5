"""What a server that has nothing yet offers to copy."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from penstock.web.texts.starters import Starter, folder_option, starters, variable_lines

ALL = starters("http://127.0.0.1:8080")


@pytest.mark.parametrize("starter", ALL, ids=[one.package for one in ALL])
def test_a_starter_pasted_into_a_shell_writes_a_program_and_runs_it(starter: Starter, tmp_path: Path) -> None:
    shell = shutil.which("sh")
    assert shell is not None
    (tmp_path / "pip").write_text("#!/bin/sh\n")
    (tmp_path / "python").write_text('#!/bin/sh\necho "$@" > asked\n')
    for name in ("pip", "python"):
        (tmp_path / name).chmod(0o755)
    subprocess.run([shell, "-c", starter.lines], cwd=tmp_path, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True)
    assert (tmp_path / "asked").read_text().split()[0] == starter.file
    program = (tmp_path / starter.file).read_text()
    compile(program, starter.file, "exec")
    assert re.search(rf"^(import|from) {starter.package}\b", program, re.MULTILINE)


def test_the_pipeline_goes_to_this_server() -> None:
    assert 'host="http://127.0.0.1:8080"' in ALL[0].program


@pytest.mark.parametrize(("folder", "option"), [(".penstock", ""), ("other", " --data-dir {home}/other"), ("a b", " --data-dir '{home}/a b'")])
def test_commands_name_a_folder_that_they_would_not_take_by_themselves(folder: str, option: str, tmp_path: Path) -> None:
    assert folder_option(tmp_path / folder, home=tmp_path) == option.format(home=tmp_path)


def test_the_variables_of_a_server_elsewhere_are_written_out() -> None:
    assert variable_lines("http://127.0.0.1:8080", " --data-dir /d", "mf") == 'eval "$(penstock env --data-dir /d)"'
    lines = variable_lines("https://p.example.org", " --data-dir /d", "mf")
    assert "WANDB_BASE_URL=https://p.example.org WANDB_API_KEY=..." in lines
    assert "METAFLOW_UI_URL=https://p.example.org/mf" in lines
