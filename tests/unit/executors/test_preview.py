"""Looks into pickles: plain data comes out, tables and arrays are shown, nothing is ever run."""

from __future__ import annotations

import base64
import collections
import datetime as dt
import decimal
import fractions
import json
import os
import pathlib
import pickle
import types
import uuid
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import orjson
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


async def test_numbers_and_texts_that_json_cannot_hold_come_out_as_text() -> None:
    found = await ProcessPickleViewer().look(pickle.dumps({"big": 10**30, "half \ud83d": "\ud800x", "most": 2**63 - 1, "least": -(2**63)}))
    assert found.value == {"big": "1" + "0" * 30, "half \\ud83d": "\\ud800x", "most": 2**63 - 1, "least": -(2**63)}
    assert json.loads(orjson.dumps(found.value)) == found.value
    (huge,) = await ProcessPickleViewer().look_all([pickle.dumps(10**5000)])
    assert huge is not None
    assert (huge.type_name, huge.value, huge.text) == ("int", None, "<int>")


async def test_objects_are_named_and_not_made() -> None:
    found = await ProcessPickleViewer().look(pickle.dumps([types.SimpleNamespace(), 7]))
    assert found.type_name == "list"
    assert found.value is None
    assert "<types.SimpleNamespace>" in found.text
    assert "7" in found.text


async def test_a_hostile_pickle_runs_nothing(tmp_path: Path) -> None:
    found = await ProcessPickleViewer().look(pickle.dumps(Evil(str(tmp_path / "ran"))))
    assert "system" in found.type_name
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("data", [b"", b"not a pickle", b"\x80\x04\x8c\xff"])
async def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgumentError, match="not a readable pickle"):
        await ProcessPickleViewer().look(data)


FRAMES = {
    "pandas 2.3": (
    "eNqNVM1u00AQtl0nhbZAEYIAigoSCIUDERUHOCCqNhFSa9VIvVfW2t5krfiv67WaSFSUQ38i7a3LK/QVeCEkzty4wezaUZwW1PrgmbVn5pv5dmYOzW9v6pp6+N0UxT7K"
    "2l5CcbtHUYQFv9lFDH1U+pl4+VUciBY3nahPBV+pmgcxwzRGYdaOUIz6mGaCL22EiTfYLs7g3uIPShcnDNxs6iP4HSeP08AbhNhxpRNY83szxohSNALLpuOko+HU3O6u"
    "yz8byBtgX7rNpFV4tT3EcD+hgYdCwRc7ldOZ2HpS/2XaJ2JH8EdVV5+NUpyVQvDlildXfpvysTAJL+0ezrLi4yEEcVEGXC44Md53NuU3cCaPeW2iK1Z9YFrw+3EepaPC"
    "PcpDFqgSgEyHYi+JM0Zzj8k6a8pQ8HmAUyZnwtKOREd3hSymZemWcSTIc17zy3S58emdGJ8Wf+e4/lnYtr31Bx71staYcMe7kIqeCq7vCQxnbsby7u38WBI0n1AfU+B5"
    "nLvkGXkhAUmrCveKG8HqFISszkJoEqJjaLoA5QASdfkNNw+gzBi4q2Vh4MlMLdOqWbqMYRnyTRYvowHescJzr8bTNYlHNiFq/ULc27z5j4aBu8AsiOSF3uqW+nrJ8rRh"
    "JPr2lFKT6+8vUKrBzXYMqE0lrDNxrBL5fzHVcMS/TrBxZ1nTsN5YPm8c/vj54Ts5bxTktnjN6VG8J2xedzzkEQx9xs08Dhi0AoTJ8hNFyhzQfV2ye5UOupTfJBv5/F4r"
    "5ZeSegNwrkAxJijBlShP9SK8ZpRyrpRmKUtUzVqy6tep7XXR+UNh48JTplPJlwn4T5pkBYglTy9HmT+axKjDYLqw8LjJ8BCorlHEggQoR3AwB7ATQPRC1AcRQc+pOSNv"
    "ixEjzdktNNkgFMV9uUJ2pKysDfCDsWGIMph+bmYsSSFhqWBQdBUTq9k1HVgDsNDlmpksdyfCDKm9swt5IsZgbUOP1B2ZnlIbKAyT/czx8xRmEybBCZGLYWWfZrnb/guw"
    "PWqd"
),
    "pandas 3.1": (
    "eNqVVc9P3EYUto13N/wGoRIqhYbmtEjtRpySSJVasihVY+GmcEajsXd2x8JrO+OxYKUimgMEpLkxUVX12D+h96p/Qm/9K3rojVv7Zjwuu9SRgqXdN/a89/y+931+84P7"
    "btSy9CWaGU56OJdiegdz/ILhIZFXcvONPJFt4aLhgEnxSenTCVNGOlHCCUtwnHeGOMEDwiB27nmchoe75T2Et8WqCUFxFOQ3MVIsoiLJovAwJihQQeAtVpNimI06SOcf"
    "FjGPMGN4BHkRI2Ga5JwVIVeeDe0pRQuSa5cr6VlnsmsH8q3ck23P9hzPOZd0UTR6fJQpLMKJnsrLi3J/SthfSN/3X/4Dl/7zLC6Dy+6GXTbEcoydMtY1VoKbuBcUEZSX"
    "AJBGHkch0QV4c15Tpfcc9U9nxbxBr2sE36VtxtKjfc6iZLBt6jYtnkYZRgbubDbCyrEDTZNiAcDnHFqCKqht+rlYUKhQP2UIxxHwBvjmYswGBOU6vTzThUAjrAMdMJ2N"
    "UFD0+5oYuiGmgxEnVcaubesA9aNP6LPumkFr2bfspJt9/N89OZA+1yvRRGXPqSVmS7A7FQctA01+fXpdJjwvI0IcUgKdKAL6SLNnj3eSLtBlRTBdqei1Nb1rwumPkUof"
    "1FG6VL7o+ktjTxWF8BbHm5p8i1iZUGvF2gOEstHxjV79Hc3dcxwekp4CdZvmefiECI+GpOL45cPm366vXwIV795U7P6vYr/ddYpcaoQ2l+e61vejv3Mu1Y6NT5f+nG9a"
    "f/zy3e9/gVWPTyTdP5HCLZKIw5cCUXn+VndpynNvcREpXrsAcZCyKMTxJEBLLI3tVcQblc+EZotAm9Ymx0mPHJO8E+CcSDGDEnKEvlHPlFot0ajWehz1YERJulkmpZ/R"
    "x226VS9/S8vfr9e0U6tpJ3tdI2q6S7+lryZUqzpWBMJN1Kz0Cy3kVsp6hIEsLosa2pwzTVq0NT6Hvq+dQ45lK17ONQeu1/jg7yEYS05/q01tW+YLaHjN8bxcqlHxI/1J"
    "dfXnD+hva6K/X1X9bRo7Y+yiscvGfmTsx8au1/KwDjM+IIyTY84wj1LMD0Ek/RgPhiCYu1BEfy3ZAWiWmNnDyYCMyQl2YYhzzDiMcOHCqM2gH2pBYGHrSKLJdRGoGU5I"
    "Jb++PiFhbA8Jx1qPB3AWYM7hHDxRA00Vqpf3cRynRznqFRmcFKB/FOOAwBl4kRdB5191bL2l"
),
}
"""A frame with numbers, texts, times and categories, as the real releases pickle it (protocol 4, compressed, base64)."""
SERIES = {
    "pandas 2.3": (
    "eNptUsFqFEEQnRl31hgVNRiil4AHcb0MBnLwIAjmpIMrGK9LUzPTbg/29C7T3WYXDOghmkDdUp79VK3uMZCIfRhqquq9Kt6rr6Ofv7IkPtxagmnAFvWil4WVfSst4fhw"
    "CM7p6Tc6pgmORDfvCXcvN7fGyd6AtkUHBuayZ+DWYWvmWr7Si/rT2yE7kExmhA+uohu5kraowErCTWHkkXgdctyvbmJ+EcfpDTgg3Da+W64HeOe1a6HvYU14S/SyXhjr"
    "el87hmAeGwmv87jYck5lckIHaUU/6D1NyrTMTkhtY9649VIGSPbuOZ2dDtVrmH6h6XT65je/+ClfOqrOZrxKuqKp5B8cGeh48ZGTK0f+OwNhRuq+2gmT1MPLc3Yxa6+w"
    "v/iHPQnsB3fTwZLkrzUJcTqQ3lZ3WAV17//sj8Je6nHcSj1Rk2GXYzbxWbG3X+wNCgJrTWoTx1WwxtIspsefQftQKHCDDRZcYxM3Kt+yuobD3Oq2llG/MivTMNeDt1EA"
    "wdrxlIubuSE66SA6xV7nIuoDmINzfBlhH/FRwzyGO6D14siKxi+ZH5wUGiqpLZ1a9QHHbF/Fh+Or4g9j/Ask"
),
    "pandas 3.1": (
    "eNqtU81rE0EUT9IkNv3QKmKLiAdFiJfFggcFUdsIYoNB7DkMb3cnmcXJ7jIftnso6qHa4Nz6/FfFm76ZTZR68ORAsjNv3tfv95v3sf3t+0ojLNctIU9Bo+secpVxjed4"
    "/xOeYN+12Wyq0N2uHaKkUDzKcsNVDlJHM8hhyhUFXjvM8qnk+7JI3r2urXWS/hjdzsXolB9zHcWgObo1lvMj9srbyF80XGe5D9VTMIBucxEPSkFFxbb2lCqODo2imnve"
    "9qffHiuBBT9062UF3jGSWYzuMlNcG+pgcX2OfbHjLpuq5GxSKAYyAw/cbUhQU850SI+n+BaHrWFz2BiHgF5ZsdhOJgGfW41tJk2WU1O9uDJ8mXrQbIZI/xN3xL3BTmOx"
    "mn99L7o1j3+f+RhHJuxcl6W+TU/Peo36RThTA5cWGPHlhx91ws8+okdgIS1yWeGcwhNIBCd+bOzaOcyI97bhxwatdwZS6EZuZ2UVsaDQzBKkBYcblCgpciLDJsYX7ARP"
    "KkyKLMAOG6cEOMYvlKxPTLVOURy4TrrssZU9wvlZfbvimk9wNBod/KQV/oYNg/F8sLUkpLUkhszUmtgUV0hYcVVcryUW2+JmX9z6p0yByv+ogHgsnornJyiezW0s9sWg"
    "Ju6EpHkQ7T6MduvXCvSuUay5buzHQOM4mLvvQVp/8cat0jAxuqPDXdfRMkt44M937vmxYDXBpqkj7ii5rqeR5JxxA2EYSKwOCxqC64AxNHy+DTaRMA3bbZCyONIstSXl"
    "B8OZhJhLjWdafHVdki+mt2vj6BcNDICf"
),
}

SHOWN = """2 rows, 7 columns

   number  text  ratio                      at  kind   flag  more
0       1     x    1.5     2024-01-01 00:00:00     p   True     3
1       2  None    nan  2024-01-02 03:04:05.25     q  False     4"""


def unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


@pytest.mark.parametrize("release", FRAMES)
async def test_a_frame_is_shown_as_a_table(release: str) -> None:
    found = await ProcessPickleViewer().look(unpacked(FRAMES[release]))
    assert found.type_name.endswith(".DataFrame")
    assert found.value is None
    assert found.text == SHOWN


@pytest.mark.parametrize("release", SERIES)
async def test_a_series_is_shown_with_its_labels(release: str) -> None:
    found = await ProcessPickleViewer().look(unpacked(SERIES[release]))
    assert found.text == "2 items\n\n   x  1\nNone  2"


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.arange(6).reshape(2, 3), "shape 2 x 3\n\n0, 1, 2, 3, 4, 5"),
        (np.asfortranarray(np.arange(6.0).reshape(2, 3)), "shape 2 x 3\n\n0, 1, 2, 3, 4, 5"),
        (np.array([1.5, -2.25], dtype=">f4"), "2 items\n\n1.5, -2.25"),
        (np.array(["ab", "ü"]), "2 items\n\nab, ü"),
        (np.array([True, False]), "2 items\n\nTrue, False"),
        (np.array(["1969-12-31T23:59:59.5", "NaT"], dtype="M8[ms]"), "2 items\n\n1969-12-31 23:59:59.5, NaT"),
        (np.array([None, {"a": 1}], dtype=object), "2 items\n\nNone, {'a': 1}"),
        (np.zeros(1000, dtype="u1"), "1000 items\n\n" + "0, " * 100 + "..."),
        (np.float64(0.1), "0.1"),
    ],
)
async def test_arrays_and_their_numbers_are_shown(value: Any, text: str, protocol: int) -> None:
    found = await ProcessPickleViewer().look(pickle.dumps(value, protocol))
    assert (found.value, found.text) == (None, text)


class Model:
    """An object with attributes, such as a model."""

    def __init__(self) -> None:
        self.depth, self.weights, self.next = 3, np.arange(8), Evil("nowhere")


async def test_an_object_is_shown_by_its_attributes() -> None:
    found = await ProcessPickleViewer().look(pickle.dumps(Model()))
    lines = found.text.splitlines()
    assert lines[0].endswith(".Model>")
    assert lines[2:4] == ["depth: 3", "weights: [0, 1, 2, 3, 4, 5, ...]"]
    assert lines[4].startswith("next: <")


class Broken:
    """Claims to be a frame of which nothing is right."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def __reduce__(self) -> tuple[Any, tuple[()], Any]:
        return (DataFrame, (), self.state)


class DataFrame:
    """Has a name that is known."""

    _mgr: Any = None


@pytest.mark.parametrize("state", [None, 5, {"_mgr": 3}, {"_mgr": {"blocks": 1}}, {"_mgr": Model()}, (1, 2, 3)])
async def test_a_frame_of_another_shape_is_named_only(state: Any) -> None:
    data = pickle.dumps(Broken(state)) if state is not None else pickle.dumps(DataFrame())
    assert (await ProcessPickleViewer().look(data)).text.startswith(f"<{__name__}.DataFrame>")


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (dt.datetime(2026, 11, 30, 12, 8, 30, 123456), "2026-11-30 12:08:30.123456"),
        (dt.datetime(2026, 11, 30, 12, 8, tzinfo=dt.UTC), "2026-11-30 12:08:00+00:00"),
        (dt.datetime(2026, 11, 30, 12, 8, tzinfo=dt.timezone(dt.timedelta(hours=-5), "EST")), "2026-11-30 12:08:00-05:00"),
        (dt.time(12, 8), "12:08:00"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.timedelta(days=1, seconds=5), "1 day, 0:00:05"),
        (decimal.Decimal("12.50"), "12.50"),
        (decimal.Decimal("-Infinity"), "-Infinity"),
        (fractions.Fraction(1, 3), "1/3"),
        (pathlib.PurePosixPath("/tmp/x/y"), "/tmp/x/y"),
        (pathlib.PureWindowsPath("c:/x"), "c:\\x"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (range(1, 9, 2), "range(1, 9, 2)"),
    ],
)
async def test_small_values_of_the_standard_library_say_what_they_are(value: Any, text: str, protocol: int) -> None:
    found = await ProcessPickleViewer().look(pickle.dumps(value, protocol))
    assert (found.type_name.rpartition(".")[2].removeprefix("x"), found.value) == (type(value).__name__, text)


async def test_times_and_decimals_are_told_inside_of_other_values_and_bytes_by_their_length() -> None:
    viewer = ProcessPickleViewer()
    day = dt.date(2026, 1, 2)
    found = await viewer.look(pickle.dumps({"days": [day], "of": {day: decimal.Decimal(3)}, "some": {day}}))
    assert found.value == {"days": ["2026-01-02"], "of": {"2026-01-02": "3"}, "some": ["2026-01-02"]}
    assert (await viewer.look(pickle.dumps({"raw": b"x", "day": day}))).text == "{'raw': b'x', 'day': <datetime.date 2026-01-02>}"
    assert (await viewer.look(pickle.dumps(b"ab" * 5000))).text.startswith("10000 bytes\n\nb'abab")


class Odd:
    """Pickles as a call of something with whatever arguments."""

    def __init__(self, make: Any, *args: Any) -> None:
        self.made = (make, args)

    def __reduce__(self) -> Any:
        return self.made


@pytest.mark.parametrize(
    "odd",
    [
        Odd(dt.datetime, b"short"), Odd(dt.datetime, 1, 2, 3), Odd(dt.date, b"\x00" * 4), Odd(dt.timedelta, 10**30), Odd(decimal.Decimal, "rm -rf"),
        Odd(decimal.Decimal), Odd(pathlib.PurePosixPath, 7), Odd(uuid.UUID, "x"), Odd(range, "a"), Odd(fractions.Fraction, "a", "b"),
        Odd(dt.datetime, b"\x07\xea\x0b\x1e\x00\x00\x00\x00\x00\x00", Odd(dt.timezone, "x")),
    ],
)  # fmt: skip
async def test_values_that_are_made_of_something_else_are_named_only(odd: Odd) -> None:
    found = await ProcessPickleViewer().look(pickle.dumps([odd]))
    name = f"{odd.made[0].__module__}.{odd.made[0].__name__}"
    assert name in f"{found.text} {found.value}"
