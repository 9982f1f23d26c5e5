"""Calls of the package installer on the event loop that the server uses."""

from __future__ import annotations

import asyncio

import pytest
import uvloop

from penstock.executors.process import uv


def test_a_program_that_ends_before_it_reads_its_input_is_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uv, "_binary", lambda: "/bin/true")

    async def run_often() -> list[str]:
        return await asyncio.gather(*(uv.run_uv("anything", stdin="requirement\n" * 10_000) for _ in range(50)))

    assert uvloop.run(run_often()) == [""] * 50
