"""The API in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.kfp_api import KfpApi


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[KfpApi]:
    """A started API on an empty data folder."""
    api = await KfpApi(tmp_path).start()
    yield api
    await api.stop()
