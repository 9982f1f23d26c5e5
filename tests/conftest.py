"""Fixtures for every folder of tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import LiveServer


@pytest.fixture
def live_server(tmp_path: Path) -> Iterator[LiveServer]:
    """A running server on its own data folder."""
    with LiveServer(tmp_path / "data") as server:
        yield server


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., LiveServer]]:
    """Start servers with flags and environment of the test's choice; all are stopped at the end."""
    with ExitStack() as stack:

        def start(name: str = "data", **options: Any) -> LiveServer:
            return stack.enter_context(LiveServer(tmp_path / name, **options))

        yield start
