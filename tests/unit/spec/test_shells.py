"""The `sh` of small images understands what BusyBox's does."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from penstock.spec.shells import with_shell_of

TEST = ("sh", "-ec", 'if [[ "$0" == "a b" ]]; then printf "%s;" "$@"; fi', "a b", "-x", "c  d")


@pytest.mark.parametrize("image", ["alpine", "library/bash:4.4.23", "docker.io/busybox@sha256:0", "registry:5000/x/python:3.9-alpine3.18"])
@pytest.mark.skipif(shutil.which("bash") is None, reason="this machine has no bash")
def test_small_images_get_bash_with_the_arguments_as_they_are(image: str) -> None:
    argv = with_shell_of(image, TEST)
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout == "-x;c  d;"


@pytest.mark.parametrize("image", ["", "python:3.11", "alpine/git", "my-alpine/tool:1", "debian:12"])
def test_other_images_keep_their_command(image: str) -> None:
    assert with_shell_of(image, TEST) == TEST


def test_only_the_shell_is_replaced() -> None:
    assert with_shell_of("alpine", ("echo", "x")) == ("echo", "x")
    assert with_shell_of("alpine", ()) == ()
