"""Whatever clients repeat, overlap or reorder, and wherever the server dies, a series is what was sent, once."""

from __future__ import annotations

import asyncio
import json
import math
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.domain.ids import TrackedRunId
from penstock.interfaces.tracking_store import SampleSpec, SeriesAppend
from penstock.stores.series import codec
from penstock.stores.series.store import ColumnSeriesStore

_RUN = TrackedRunId(7)
_QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=True, allow_infinity=True), st.text(max_size=20)
)
_values = st.recursive(
    _scalars, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)), max_leaves=6
)
_keys = st.sampled_from(["loss", "a.b", "x/y", "a", "", "_timestamp", "val"]) | st.text(max_size=5)
_rows = st.dictionaries(_keys.filter(lambda key: key != "_step"), _values, max_size=6)


def canonical(value: Any) -> Any:
    """Return a value in which equality tells int from float, and NaN equals itself."""
    if isinstance(value, dict):
        return {"d": sorted((key, canonical(inner)) for key, inner in value.items())}.__repr__()
    if isinstance(value, list):
        return [canonical(inner) for inner in value]
    if isinstance(value, float):
        return ("f", "nan" if math.isnan(value) else value.hex())
    return (type(value).__name__, value)


async def _read(store: ColumnSeriesStore) -> list[Any]:
    rows = await store.rows(_RUN, "history", min_step=None, max_step=None, samples=None)
    return [json.loads(row) for row in rows]


@_QUICK
@given(rows=st.lists(_rows, min_size=1, max_size=12), compact=st.booleans())
def test_rows_come_back_value_by_value(rows: list[dict[str, Any]], compact: bool) -> None:
    async def scenario() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = ColumnSeriesStore(Path(folder))
            store.start()
            sent = [{"_step": index, **row} for index, row in enumerate(rows)]
            await store.append([SeriesAppend(_RUN, "history", 0, [json.dumps(row) for row in sent])])
            if compact:
                await store.settle(_RUN)
            assert [canonical(row) for row in await _read(store)] == [canonical(row) for row in sent]
            store.close()

    asyncio.run(scenario())


_chunks = st.lists(st.tuples(st.integers(0, 39), st.integers(1, 25), st.booleans()), min_size=1, max_size=14)


@_QUICK
@given(chunks=_chunks, seed=st.integers(0, 3))
def test_repeated_overlapping_and_reordered_chunks_change_nothing(chunks: list[tuple[int, int, bool]], seed: int) -> None:
    steps = [index if seed < 2 else (index * 7) % 40 for index in range(40)]  # in order, or out of step order
    lines = [json.dumps({"_step": step, "v": step * 0.5, "n": step, f"k{step % 3}": "x"}) for step in steps]

    async def scenario() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = ColumnSeriesStore(Path(folder))
            store.start()
            sent: set[int] = set()
            end = 0
            for start, length, compact in chunks:
                part = lines[start : start + length]
                await store.append([SeriesAppend(_RUN, "history", start, part)])
                sent |= set(range(start, start + len(part)))
                end = max(end, start + len(part))
                if compact:
                    await store.settle(_RUN)
            expected = sorted((json.loads(lines[index]) for index in sent), key=lambda row: int(row["_step"]))
            assert await _read(store) == expected
            info = await store.info(_RUN)
            assert (info.history_lines, info.history_rows) == (end, len(sent))
            assert info.history_tail is not None
            assert json.loads(info.history_tail) == expected[-1]
            assert {key.key: key.counts for key in info.keys}["v"] == {"number": len(sent)}
            assert store.unsaved_bytes == sum(stream.unsaved_bytes for stream in store.streams)
            await store.settle(_RUN)
            assert store.unsaved_bytes == 0
            store.close()
            again = ColumnSeriesStore(Path(folder))
            again.start()
            assert await _read(again) == expected
            again.close()

    asyncio.run(scenario())


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_log_cut_at_any_byte_keeps_every_whole_record(data: st.DataObject) -> None:
    async def scenario() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = ColumnSeriesStore(Path(folder) / "a")
            store.start()
            ends = []
            (log,) = (Path(folder) / "a" / "log").glob("*.log")
            for index in range(6):
                await store.append([SeriesAppend(_RUN, "history", 3 * index, [json.dumps({"_step": 3 * index + k}) for k in range(3)])])
                ends.append(log.stat().st_size)
            cut = data.draw(st.integers(0, ends[-1]))
            other = Path(folder) / "b"
            shutil.copytree(Path(folder) / "a", other)
            with next((other / "log").glob("*.log")).open("r+b") as file:
                file.truncate(cut)
            torn = ColumnSeriesStore(other)
            torn.start()
            whole = sum(end <= cut for end in ends)
            assert [row["_step"] for row in await _read(torn)] == list(range(3 * whole))
            await torn.append(
                [SeriesAppend(_RUN, "history", 3 * index, [json.dumps({"_step": 3 * index + k}) for k in range(3)]) for index in range(6)]
            )
            assert [row["_step"] for row in await _read(torn)] == list(range(18))
            torn.close()
            store.close()

    asyncio.run(scenario())


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_block_file_cut_at_any_byte_loses_nothing_that_the_log_still_has(data: st.DataObject) -> None:
    async def scenario() -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            store = ColumnSeriesStore(root / "a")
            store.start()
            for index in range(4):
                await store.append(
                    [SeriesAppend(_RUN, "history", 300 * index, [json.dumps({"_step": 300 * index + k, "v": 1.5}) for k in range(300)])]
                )
                await store.settle(_RUN)
            store.close()
            other = root / "b"
            shutil.copytree(root / "a", other)
            (file,) = (other / "runs").rglob("*.history")
            with file.open("r+b") as handle:
                handle.truncate(data.draw(st.integers(0, file.stat().st_size)))
            torn = ColumnSeriesStore(other)
            torn.start()
            assert [row["_step"] for row in await _read(torn)] == list(range(1200))
            torn.close()

    asyncio.run(scenario())


@given(values=st.lists(st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True), min_size=1, max_size=300))
def test_doubles_survive_the_codec_bit_by_bit(values: list[float]) -> None:
    array = np.array(values, dtype=np.float64)
    assert codec.decode_floats(codec.encode_floats(array)).tobytes() == array.tobytes()


@given(values=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=300))
def test_integers_survive_the_codec(values: list[int]) -> None:
    array = np.array(values, dtype=np.int64)
    assert codec.decode_ints(codec.encode_ints(array)).tolist() == values


@settings(max_examples=30, deadline=None)
@given(spikes=st.sets(st.integers(0, 2999), min_size=1, max_size=2), samples=st.integers(7, 200), compact=st.booleans())
def test_samples_and_charts_show_every_spike(spikes: set[int], samples: int, compact: bool) -> None:
    async def scenario() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = ColumnSeriesStore(Path(folder))
            store.start()
            lines = [json.dumps({"_step": step, "loss": 1000.0 + step if step in spikes else math.sin(step / 50)}) for step in range(3000)]
            await store.append([SeriesAppend(_RUN, "history", 0, lines)])
            if compact:
                await store.settle(_RUN)
            rows = await store.sample(_RUN, SampleSpec(("_step", "loss"), samples))
            assert len(rows) == samples
            assert [row["_step"] for row in rows] == sorted({row["_step"] for row in rows})
            assert rows[0]["_step"] == 0
            assert rows[-1]["_step"] == 2999
            assert max(row["loss"] for row in rows) == 1000.0 + max(spikes)
            chart = await store.chart(_RUN, "history", key="loss", x_key="_step", points=samples, min_step=None, max_step=None)
            assert len(chart.x) <= samples
            assert chart.rows == 3000
            assert (max(chart.high), chart.high_x[int(np.argmax(chart.high))]) == (1000.0 + max(spikes), max(spikes))
            store.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("total", [700, 300_000])
def test_a_sample_has_as_many_rows_as_were_asked_for_whatever_the_values(total: int) -> None:
    """Where neighbours are extremes of one another's stretches, or every value is the same, extremes alone would be fewer."""

    async def scenario() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = ColumnSeriesStore(Path(folder))
            store.start()
            lines = [json.dumps({"_step": step, "same": 1, "rising": step, "wave": math.sin(step)}) for step in range(total)]
            await store.append([SeriesAppend(_RUN, "history", 0, lines)])
            await store.settle(_RUN)
            for keys in (("same",), ("rising",), ("wave",), ("same", "rising"), ("wave", "rising", "same")):
                for samples in (3, 10, 500):
                    rows = await store.sample(_RUN, SampleSpec(("_step", *keys), samples))
                    steps = [row["_step"] for row in rows]
                    assert len(set(steps)) == samples, (keys, samples)
                    assert (steps[0], steps[-1], steps) == (0, total - 1, sorted(steps))
                    assert all(row.get("rising", row["_step"]) == row["_step"] for row in rows)
                    assert all(row.get("wave", math.sin(row["_step"])) == math.sin(row["_step"]) for row in rows)
            store.close()

    asyncio.run(scenario())


def test_every_stretch_of_a_chart_is_drawn_as_finely_whether_or_not_its_buckets_are_stored() -> None:
    rows = [{"_step": step, "loss": math.sin(step) + 0.25} for step in range(16_000)]

    async def scenario() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = ColumnSeriesStore(Path(folder))
            store.start()
            for start in (0, 8000):
                if start:
                    await store.settle(_RUN)  # the first half has stored buckets, the second is fresh
                await store.append([SeriesAppend(_RUN, "history", start, [json.dumps(row) for row in rows[start : start + 8000]])])
            chart = await store.chart(_RUN, "history", key="loss", x_key="_step", points=16, min_step=None, max_step=None)
            assert 8 <= len(chart.x) <= 16
            assert max(np.diff([0, *chart.x])) <= 2 * len(rows) / len(chart.x)
            store.close()

    asyncio.run(scenario())
