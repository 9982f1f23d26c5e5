from __future__ import annotations

from typing import Any

import pytest

from penstock.spec.kfp.runtime.images import wanted_python
from penstock.spec.kfp.runtime.python_component import recognize
from tests.unit.spec.kfp.ir import container
from tests.unit.spec.kfp.runtime.attempts import leaf, prepare, request

SOURCE = "\nimport kfp\nfrom kfp import dsl\n\ndef f(text: str) -> str:\n    return text\n"
ENSURE_PIP = """
if ! [ -x "$(command -v pip)" ]; then
    python3 -m ensurepip || python3 -m ensurepip --user || apt-get install python3-pip
fi

"""
PIP = "python3 -m pip install --quiet --no-warn-script-location"
KFP = "'kfp==2.17.0' '--no-deps' 'typing-extensions>=3.7.4,<5; python_version<\"3.9\"'"
VENV = """
export PIP_DISABLE_PIP_VERSION_CHECK=1
tmp=$(mktemp -d)
python3 -m venv "$tmp/venv" --system-site-packages
. "$tmp/venv/bin/activate"
"""
TYPING = 'typing-extensions>=3.7.4,<5; python_version<"3.9"'
NEW_SCRIPT = """program_path=$(mktemp -d)

printf "%s" "$0" > "$program_path/ephemeral_component.py"
_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main @ --component_module_path @ "$program_path/ephemeral_component.py" @ "$!"
""".replace("@", " " * 23).replace("$!", "$@")
OLD_SCRIPT = """program_path=$(mktemp -d)
printf "%s" "$0" > "$program_path/ephemeral_component.py"
python3 -m kfp.components.executor_main \\
        --component_module_path \\
        "$program_path/ephemeral_component.py" \\
        "$@"
"""
ARGS = ["--executor_input", "{{$}}", "--function_to_execute", "f"]


def boot(commands: str) -> str:
    return f'{ENSURE_PIP}PIP_DISABLE_PIP_VERSION_CHECK=1 {commands} && "$0" "$@"\n'


def command(install: str | None, script: str = NEW_SCRIPT) -> list[str]:
    prefix = [] if install is None else ["sh", "-c", install]
    return [*prefix, "sh", "-ec", script, SOURCE]


@pytest.mark.parametrize(
    ("install", "requirements", "no_deps", "indexes", "hosts"),
    [
        (boot(f"{PIP} {KFP}"), [], ["kfp==2.17.0", TYPING], [], []),
        (boot(f"{PIP} 'kfp==2.7.0' '--no-deps' && {PIP} 'a==1' 'b[x]>=2,<3'"), ["a==1", "b[x]>=2,<3"], ["kfp==2.7.0"], [], []),
        (boot(f"{PIP} 'a'  &&  {VENV} {PIP} {KFP}"), ["a"], ["kfp==2.17.0", TYPING], [], []),
        (
            boot(
                f"{PIP} --index-url https://i/s --extra-index-url https://e/s --trusted-host e 'a' && {PIP} --index-url https://i/s {KFP}"
            ),
            ["a"],
            ["kfp==2.17.0", TYPING],
            ["https://i/s", "https://e/s"],
            ["e"],
        ),
        (
            boot(f"{PIP} 'git+https://github.com/x/y@refs/pull/1/head' '--no-deps'"),
            [],
            ["git+https://github.com/x/y@refs/pull/1/head"],
            [],
            [],
        ),
        (boot(f"{PIP} 'kfp-kubernetes==1.0' 'x'"), ["kfp-kubernetes==1.0", "x"], [], [], []),
        (boot(f"{PIP} --upgrade 'kfp==2.0.0-beta.16'"), ["kfp==2.0.1"], [], [], []),
        (boot(f'{PIP} "it\'s"'), ["it's"], [], [], []),
    ],
)
def test_install_scripts_of_every_sdk_are_read(
    install: str, requirements: list[str], no_deps: list[str], indexes: list[str], hosts: list[str]
) -> None:
    found = recognize(command(install), ARGS)

    assert found is not None
    assert (found.function, found.module, found.runtime_mode, found.source) == ("f", "kfp.dsl.executor_main", True, SOURCE)
    installs = found.installs
    assert [list(part) for part in (installs.requirements, installs.no_deps, installs.index_urls, installs.trusted_hosts)] == [
        requirements,
        no_deps,
        indexes,
        hosts,
    ]


def test_the_scripts_of_2_0_and_of_components_without_packages_are_recognised() -> None:
    old = boot(f"python3 -m pip install --quiet     --no-warn-script-location 'kfp==2.0.1'")  # noqa: F541

    with_packages = recognize(command(old, OLD_SCRIPT), ARGS)
    without = recognize(command(None), ["--function_to_execute", "f", "--executor_input", "{{$}}"])

    assert with_packages is not None
    assert (with_packages.module, with_packages.runtime_mode) == ("kfp.components.executor_main", False)
    assert with_packages.installs.requirements == ("kfp==2.0.1",)
    assert without is not None
    assert without.installs.requirements == without.installs.no_deps == ()


@pytest.mark.parametrize(
    ("words", "args"),
    [
        (command(boot(f"{PIP} {KFP}") + "echo more\n"), ARGS),
        (command(boot(f"{PIP} {KFP} | tee log")), ARGS),
        (command(boot(f"{PIP} -r requirements.txt")), ARGS),
        (command(boot(f"{PIP} 'open")), ARGS),
        (command(boot("apt-get install -y git")), ARGS),
        (command(f"{ENSURE_PIP}{PIP} 'a'"), ARGS),
        (command(None, NEW_SCRIPT + "echo more\n"), ARGS),
        (command(None, NEW_SCRIPT.replace("kfp.dsl", "my.own")), ARGS),
        (["bash", *command(None)[1:]], ARGS),
        (["sudo", *command(None)], ARGS),
        (command(None), [*ARGS, "--more"]),
        (command(None), ["--executor_input", "{}", "--function_to_execute", "f"]),
        (command(None), []),
        (["python3", "-m", "kfp.dsl.executor_main"], ARGS),
        ([{"Concat": []}, *command(None)[1:]], ARGS),
    ],
)
def test_anything_else_runs_as_compiled(words: list[Any], args: list[str]) -> None:
    assert recognize(words, args) is None


def test_a_recognised_component_becomes_a_python_task_of_any_size() -> None:
    inputs = {"parameters": {"text": "STRING"}}
    executor = container(image="python:3.12-slim", command=command(boot(f"{PIP} {KFP}")), args=ARGS)

    spec = prepare(request(leaf(executor=executor, inputs=inputs), parameters={"text": "x" * 300_000}))

    assert spec.python is not None
    assert spec.python.source == SOURCE
    assert len(spec.python.executor_input) > 300_000
    assert spec.argv[-2:] == ("--function_to_execute", "f")
    assert (spec.environment.python, spec.environment.no_deps[0]) == ("3.12", "kfp==2.17.0")


def test_a_component_that_installs_no_kfp_gets_the_one_that_compiled_it() -> None:
    executor = container(command=command(None), args=ARGS)

    assert prepare(request(leaf(executor=executor))).environment.no_deps == ("kfp==2.17.0",)


def test_placeholders_in_the_source_are_replaced_on_both_roads() -> None:
    words = command(None)
    words[-1] = "print('{{$.pipeline_job_uuid}} {{$.inputs.parameters}}')"

    spec = prepare(request(leaf(executor=container(command=words, args=ARGS))))

    assert spec.python is not None
    assert spec.python.source == spec.argv[3] == "print('run-1 {{$.inputs.parameters}}')"


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("python:3.11", "3.11"),
        ("python:3.9-slim-bookworm", "3.9"),
        ("docker.io/library/python:3.12.1@sha256:00", "3.12"),
        ("registry.access.redhat.com/ubi9/python-311:latest", "3.11"),
        ("quay.io/org/ubi8-python-39", "3.9"),
        ("gcr.io/x/train:py310", "3.10"),
        ("org/image:1.0-python3.12", "3.12"),
        ("python", None),
        ("alpine:3.18", None),
        ("pythonista/app:3.1.4", None),
        ("tensorflow/tensorflow:2.13.0", None),
    ],
)
def test_the_image_names_the_python(image: str, version: str | None) -> None:
    assert wanted_python(image) == version
