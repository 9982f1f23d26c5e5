"""Looks into pickles: plain data comes out, nothing is ever run."""

from __future__ import annotations

import collections
import datetime as dt
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.executors.preview.service import ProcessPickleViewer


class Evil:
    """Writes a file when unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (os.system, (f"touch {self.path}",))


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
async def test_plain_values_come_out_as_json(protocol: int) -> None:
    value = {"a": [1, 2.5, None, True, "é"], "t": (1, 2), "s": {3}, "o": collections.OrderedDict(x=1)}
    found = await ProcessPickleViewer().look(pickle.dumps(value, protocol))
    assert found.type_name == "dict"
    assert found.value == {"a": [1, 2.5, None, True, "é"], "t": [1, 2], "s": [3], "o": {"x": 1}}


async def test_objects_are_named_and_not_made() -> None:
    found = await ProcessPickleViewer().look(pickle.dumps([dt.timedelta(1), 7]))
    assert found.type_name == "list"
    assert found.value is None
    assert "<datetime.timedelta>" in found.text
    assert "7" in found.text


async def test_a_hostile_pickle_runs_nothing(tmp_path: Path) -> None:
    found = await ProcessPickleViewer().look(pickle.dumps(Evil(str(tmp_path / "ran"))))
    assert "system" in found.type_name
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("data", [b"", b"not a pickle", b"\x80\x04\x8c\xff"])
async def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgumentError, match="not a readable pickle"):
        await ProcessPickleViewer().look(data)
