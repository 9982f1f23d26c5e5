"""What is said about a failed attempt beyond its exit code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from penstock.domain.artifacts import ArtifactType
from penstock.domain.execution import OutputArtifactPath, ProcessSpec, PythonTask, first_line_of
from penstock.domain.tracebacks import exception_of
from penstock.executors.process import failures

PYTHON = PythonTask(source="", function="f", module="kfp.dsl.executor_main", executor_input="{}", runtime_mode=True)
NOTE = "[KFP Executor 2026-01-01 00:00:00,000 INFO]: "


def traceback(exception: str) -> str:
    """The log of a component that raised, as kfp 2.17 writes it."""
    sdk = "/envs/a/lib/python3.11/site-packages/kfp/dsl"
    return (
        f"{NOTE}Looking for component `f` in --component_module_path `f.py`\nmine\nTraceback (most recent call last):\n"
        f'  File "{sdk}/executor_main.py", line 109, in <module>\n    executor_main()\n'
        f'  File "{sdk}/executor.py", line 453, in execute\n    result = self.func(**func_kwargs)\n             ^^^^^^^^^\n'
        f'  File "/t/ephemeral_component.py", line 8, in f\n    work()\n{exception}\n'
    )


def failed(folder: Path, log: str, spec: ProcessSpec, code: int = 1) -> str:
    path = folder / "log"
    path.write_text(log, encoding="utf-8")
    failure = failures.failure_of({"code": code}, spec, path)
    assert failure is not None
    return failure.message


def test_the_exception_stands_in_the_first_line_and_frames_of_the_sdk_nowhere(tmp_path: Path) -> None:
    message = failed(tmp_path, traceback("ValueError: first\nsecond line"), ProcessSpec(argv=("x",), python=PYTHON))
    assert first_line_of(message) == "exit code 1: ValueError: first"
    assert "executor" not in message
    assert message.endswith('  File "/t/ephemeral_component.py", line 8, in f\n    work()\nValueError: first\nsecond line')


def test_an_exception_that_did_not_end_the_program_is_not_its_cause(tmp_path: Path) -> None:
    spec = ProcessSpec(argv=("x",))
    assert first_line_of(failed(tmp_path, traceback("ValueError: caught"), spec, code=7)) == "exit code 7"
    assert first_line_of(failed(tmp_path, "working\noh no\n", spec)) == "exit code 1"
    assert exception_of(["Traceback (most recent call last):", "  cut"], 1) == ""
    assert exception_of(["name? Traceback (most recent call last):", "  File", "EOFError: EOF"], 1) == "EOFError: EOF"
    assert exception_of(['  File "f.py", line 1, in f', "    raise", "ValueError: x"], 1) == "ValueError: x"  # after a line of 10 MB


@pytest.mark.parametrize("text", ["x" * 2_000_000, "first\n" + "more\n" * 400_000])
def test_an_exception_with_a_very_long_text_is_named(tmp_path: Path, text: str) -> None:
    message = failed(tmp_path, traceback("OldError: caught") + traceback(f"ValueError: {text}"), ProcessSpec(argv=("x",), python=PYTHON))
    assert first_line_of(message).startswith(f"exit code 1: ValueError: {text[:5]}")
    assert len(message) < 20_000


def test_a_log_of_the_sdk_alone_is_not_repeated(tmp_path: Path) -> None:
    spec = ProcessSpec(argv=("x",), python=PYTHON)
    log = f'{NOTE}Got executor_input:\n{{\n    "inputs": {{}}\n}}\n'
    assert failed(tmp_path, log, spec, code=3) == "exit code 3; the component wrote nothing to its log"
    assert failed(tmp_path, "", spec, code=3) == "exit code 3; the log is empty"


def test_what_an_image_would_have_had_is_to_be_named(tmp_path: Path) -> None:
    missing = traceback("ModuleNotFoundError: No module named 'tensorflow.keras'")
    message = first_line_of(failed(tmp_path, missing, ProcessSpec(argv=("x",), python=PYTHON, image="tensorflow/tensorflow:2.11.0")))
    assert message.endswith(
        "(name the package of 'tensorflow' in `packages_to_install` of the component; image 'tensorflow/tensorflow:2.11.0' is not used here)"
    )
    assert "image" not in first_line_of(failed(tmp_path, missing, ProcessSpec(argv=("x",), python=PYTHON, image="python:3.11")))
    command = ProcessSpec(argv=("x",), image="my/tool:1")
    assert "my/tool:1" in first_line_of(failed(tmp_path, missing, command))
    assert "my/tool:1" in first_line_of(failed(tmp_path, "sh: 1: gsutil: not found\n", command, code=127))


def test_a_function_stands_alone(tmp_path: Path) -> None:
    message = failed(tmp_path, traceback("NameError: name 'CONSTANT' is not defined"), ProcessSpec(argv=("x",), python=PYTHON))
    assert "sees only what it imports and defines inside" in first_line_of(message)


def test_inputs_without_content_and_outputs_without_directory_are_explained(tmp_path: Path) -> None:
    story = "input 'data' has no content: task 'make' ended without writing its output 'out'"
    output = OutputArtifactPath("model", PurePosixPath("/m/model"), ArtifactType("system.Model"), "minio://m", "model")
    spec = ProcessSpec(argv=("x",), python=PYTHON, absent={PurePosixPath("/m/data"): story}, output_artifacts=(output,))
    missing = traceback("FileNotFoundError: [Errno 2] No such file or directory: '/m/data'")
    assert first_line_of(failed(tmp_path, missing, spec)).endswith(f"'/m/data' ({story})")
    deep = PurePosixPath(f"/m/{'d' * 200}")
    missing = traceback(f"FileNotFoundError: [Errno 2] No such file or directory: '{deep}'")
    message = failed(tmp_path, missing, ProcessSpec(argv=("x",), python=PYTHON, absent={deep: story}))
    assert first_line_of(message) == f"exit code 1: FileNotFoundError ({story})"
    assert str(deep) in message
    assert story in first_line_of(failed(tmp_path, "cat: /m/data: No such file or directory\n", spec))
    below = traceback("FileNotFoundError: [Errno 2] No such file or directory: '/m/model/weights'")
    assert "os.makedirs(model.path)" in first_line_of(failed(tmp_path, below, spec))


def test_an_empty_list_of_artifacts_is_none_to_the_sdk(tmp_path: Path) -> None:
    given = '{"inputs": {"artifacts": {"one": {"artifacts": [{}]}, "all": {"artifacts": []}}}}'
    spec = ProcessSpec(argv=("x",), python=replace(PYTHON, executor_input=given))
    log = traceback("TypeError: 'NoneType' object is not iterable")
    assert "(input 'all' is an empty list of artifacts, which the SDK hands over as None)" in first_line_of(failed(tmp_path, log, spec))
    assert "empty list" not in failed(tmp_path, log, ProcessSpec(argv=("x",), python=PYTHON))
