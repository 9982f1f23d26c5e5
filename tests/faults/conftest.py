from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.faults.programs import compile_programs


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Compiled pipelines by name, as documents for `POST /runs`."""
    folder: Path = tmp_path_factory.mktemp("programs")
    return {name: yaml.safe_load(text) for name, text in compile_programs(folder).items()}
