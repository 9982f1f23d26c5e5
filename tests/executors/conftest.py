from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from tests.executors.stage import Stage, stage


@pytest.fixture(scope="session")
def env_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Environments shared by the tests of a session; what is built once is not built again."""
    return tmp_path_factory.mktemp("envs")


@pytest.fixture
async def scene(tmp_path: Path, env_root: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, env_root=env_root) as scene:
        yield scene


@pytest.fixture
def open_stage(tmp_path: Path, env_root: Path) -> Callable[..., AbstractAsyncContextManager[Stage]]:
    def make(**options: Any) -> AbstractAsyncContextManager[Stage]:
        return stage(tmp_path, env_root=env_root, **options)

    return make
