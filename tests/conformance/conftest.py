"""Fixtures for the tests with real clients."""

from __future__ import annotations

import pytest

from tests.conformance.programs import CompiledPrograms


@pytest.fixture(scope="session")
def compiled_programs(tmp_path_factory: pytest.TempPathFactory) -> CompiledPrograms:
    """The pipeline programs, compiled on demand."""
    return CompiledPrograms(tmp_path_factory.mktemp("compiled"))
