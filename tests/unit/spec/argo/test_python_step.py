"""Recognising programs and packages in commands of the 1.8 SDK."""

from __future__ import annotations

from penstock.spec.argo.python_step import Installs, PythonStep, recognise, split_command

PLAIN = 'program_path=$(mktemp)\nprintf "%s" "$0" > "$program_path"\npython3 -u "$program_path" "$@"\n'
INSTALL = (
    "(PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install --quiet --no-warn-script-location 'six==1.16' 'wandb' ||"
    " PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install --quiet --no-warn-script-location 'six==1.16' 'wandb' --user)"
    ' && "$0" "$@"'
)


def test_a_plain_component_is_its_source_and_arguments() -> None:
    assert recognise(["sh", "-ec", PLAIN, "print(1)", "--n", "3"]) == PythonStep("print(1)", ("--n", "3"), "__main__")


def test_a_changed_script_runs_as_written() -> None:
    assert recognise(["sh", "-ec", PLAIN + "echo done", "print(1)"]) is None
    assert recognise(["bash", "-ec", PLAIN, "print(1)"]) is None


def test_packages_of_the_install_prefix_are_read_once() -> None:
    installs, rest = split_command(["sh", "-c", INSTALL, "sh", "-ec", PLAIN, "src"])
    assert installs == Installs(("six==1.16", "wandb"))
    assert rest == ("sh", "-ec", PLAIN, "src")


def test_index_options_are_kept() -> None:
    script = 'python3 -m pip install --quiet --index-url https://i --trusted-host h \'a\' && "$0" "$@"'
    installs, _ = split_command(["sh", "-c", script, "x"])
    assert installs == Installs(("a",), ("https://i",), ("h",))


def test_an_unknown_option_leaves_the_command_alone() -> None:
    command = ["sh", "-c", 'python3 -m pip install --target /x \'a\' && "$0" "$@"', "y"]
    assert split_command(command) == (Installs(), tuple(command))
