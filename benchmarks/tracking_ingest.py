"""How fast one server takes history over HTTP, acknowledged when durable; what a chart and a scan cost; bytes per scalar at rest.

Run: `.venv/bin/python -m benchmarks.tracking_ingest [--seconds 10] [--runs 200]`. Starts its own server process on a fresh data folder; the
senders are separate processes with prepared bodies, so that the figures are the server's.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import math
import multiprocessing
import random
import struct
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import orjson
from tests.support.server import LiveServer

from penstock.domain.ids import TrackedRunId
from penstock.interfaces.tracking_store import SampleSpec, SeriesAppend
from penstock.stores.series.store import ColumnSeriesStore

KEYS = ("loss", "acc", "val/loss", "val/acc", "lr", "grad_norm", "throughput")


def as_single(value: float) -> float:
    """Return `value` as a tensor of single precision would give it."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


def row(step: int, noise: random.Random) -> str:
    """Return one history row of ten scalars, as a training loop logs it."""
    decay = math.exp(-step / 30_000)
    values = {
        "loss": as_single(2 * decay + 0.05 * noise.gauss(0, 1)),
        "acc": as_single(1 - decay * 0.9 + 0.01 * noise.gauss(0, 1)),
        "val/loss": as_single(2.1 * decay + 0.05 * noise.gauss(0, 1)),
        "val/acc": as_single(0.98 - decay * 0.9 + 0.01 * noise.gauss(0, 1)),
        "lr": 0.001 * 0.5 * (1 + math.cos(step / 100_000)),
        "grad_norm": as_single(abs(noise.gauss(1, 0.3))),
        "throughput": as_single(1200 + 15 * noise.gauss(0, 1)),
        "_step": step,
        "_timestamp": round(1.8e9 + step * 0.013 + noise.random() * 1e-3, 6),
        "_runtime": round(step * 0.013 + noise.random() * 1e-3, 6),
    }
    return orjson.dumps(values).decode()


def headers(key: str) -> dict[str, str]:
    """Return what a client sends with each request."""
    return {"Authorization": "Basic " + base64.b64encode(f"api:{key}".encode()).decode(), "Content-Type": "application/json"}


def create_run(server: LiveServer, name: str) -> str:
    """Make a run and return its file-stream path."""
    query = "mutation U($i: UpsertBucketInput!) { upsertBucket(input: $i) { bucket { id name project { name entity { name } } } } }"
    body = {"query": query, "variables": {"i": {"modelName": "bench", "name": name}}}
    answer = httpx.post(f"{server.url}/graphql", json=body, headers=headers(server.key), timeout=60).json()
    bucket = answer["data"]["upsertBucket"]["bucket"]
    return f"/files/{bucket['project']['entity']['name']}/bench/{name}/file_stream"


def rows_kept(server: LiveServer, prefix: str) -> int:
    """Return how many rows of history the server has for runs whose name begins with `prefix`."""
    query = """query R($after: String, $filters: JSONString) { project(name: "bench") { runs(first: 100, after: $after, filters: $filters) {
        edges { node { historyLineCount } } pageInfo { hasNextPage endCursor } } } }"""
    count, after = 0, None
    while True:
        variables = {"after": after, "filters": json.dumps({"name": {"$regex": f"^{prefix}"}})}
        answer = httpx.post(f"{server.url}/graphql", json={"query": query, "variables": variables}, headers=headers(server.key), timeout=60)
        page = answer.json()["data"]["project"]["runs"]
        count += sum(edge["node"]["historyLineCount"] for edge in page["edges"])
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return count


def send_all(url: str, key: str, path: str, bodies: list[bytes], start: Any, results: Any) -> None:
    """Post bodies one after the other; report (seconds, latencies)."""
    latencies = []
    with httpx.Client(base_url=url, headers=headers(key), timeout=120) as client:
        start.wait()
        begin = time.perf_counter()
        for body in bodies:
            sent = time.perf_counter()
            client.post(path, content=body).raise_for_status()
            latencies.append(time.perf_counter() - sent)
        results.put((begin, time.perf_counter(), latencies))


def bodies_of(rows: list[str], chunk: int) -> list[bytes]:
    """Return request bodies that carry `rows`."""
    return [
        orjson.dumps({"files": {"wandb-history.jsonl": {"offset": at, "content": rows[at : at + chunk]}}})
        for at in range(0, len(rows), chunk)
    ]


def measure_ingest(server: LiveServer, *, rows: int, chunk: int, senders: int) -> None:
    """Several runs at full speed."""
    noise = random.Random(7)
    text = [row(step, noise) for step in range(rows)]
    bodies = bodies_of(text, chunk)
    context = multiprocessing.get_context("fork")
    start, results = context.Event(), context.Queue()
    paths = [create_run(server, f"fast{index}") for index in range(senders)]
    workers = [context.Process(target=send_all, args=(server.url, server.key, path, bodies, start, results)) for path in paths]
    for worker in workers:
        worker.start()
    time.sleep(0.5)  # the senders have connected; not part of the figure
    start.set()
    found = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    seconds = max(end for _, end, _ in found) - min(begin for begin, _, _ in found)
    latencies = sorted(value for _, _, values in found for value in values)
    scalars = rows * 10 * senders
    print(
        f"ingest: {scalars / seconds / 1e6:.2f} M scalars/s ({senders} senders, {rows * senders:,} rows of 10, {chunk} a request, ", end=""
    )
    print(f"{sum(map(len, bodies)) * senders / seconds / 1e6:.0f} MB/s of body, p99 {latencies[int(len(latencies) * 0.99)] * 1000:.0f} ms)")


async def measure_many(server: LiveServer, *, runs: int, seconds: float) -> None:
    """Many runs that stream slowly at once, each over its own connection, through a client that costs little itself."""
    noise = random.Random(9)
    paths = [await asyncio.to_thread(create_run, server, f"slow{index}") for index in range(runs)]
    rounds = int(seconds)
    chunks = [
        orjson.dumps(
            {"files": {"wandb-history.jsonl": {"offset": 10 * at, "content": [row(10 * at + index, noise) for index in range(10)]}}}
        )
        for at in range(rounds)
    ]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers(server.key).items())
    latencies: list[float] = []

    async def stream(path: str) -> None:
        await asyncio.sleep(noise.random())
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for body in chunks:
            begin = time.perf_counter()
            writer.write(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(answer.decode())
            length = int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            latencies.append(time.perf_counter() - begin)
            await asyncio.sleep(max(0.0, 1.0 - latencies[-1]))
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(stream(path) for path in paths))
    latencies.sort()
    print(
        f"{runs} runs for {seconds:.0f} s: {len(latencies):,} requests, {len(latencies) * 10:,} rows, kept {rows_kept(server, 'slow'):,}, "
        f"p50 {latencies[len(latencies) // 2] * 1000:.1f} ms, p99 {latencies[int(len(latencies) * 0.99)] * 1000:.1f} ms"
    )


async def measure_reading(folder: Path, *, rows: int) -> None:
    """Charts and scans of one long run, straight at the store."""
    store = ColumnSeriesStore(folder)
    store.start()
    noise = random.Random(3)
    run = TrackedRunId(1)
    for at in range(0, rows, 20_000):
        lines = [row(step, noise) for step in range(at, at + 20_000)]
        if at <= 654_321 < at + 20_000:
            spiked = json.loads(lines[654_321 - at])
            lines[654_321 - at] = json.dumps({**spiked, "loss": 99.5})

        await store.append([SeriesAppend(run, "history", at, lines)])
    await store.settle(run)
    size = sum(file.stat().st_size for file in (folder / "runs").rglob("*.history"))
    print(f"at rest: {size / rows / 10:.2f} bytes per scalar ({rows:,} rows of 10)")
    store.close()
    for label in ("cold", "again"):
        if label == "cold":
            store = ColumnSeriesStore(folder)
            store.start()
        begin = time.perf_counter()
        drawn = await store.chart(run, "history", key="loss", x_key="_step", points=1000, min_step=None, max_step=None)
        chart_ms = (time.perf_counter() - begin) * 1000
        begin = time.perf_counter()
        sampled = await store.sample(run, SampleSpec(("_step", "loss"), 1000))
        sample_ms = (time.perf_counter() - begin) * 1000
        print(f"chart of {drawn.rows:,} points, {label}: {chart_ms:.0f} ms, peak {max(drawn.high)}; ", end="")
        print(f"sampled rows: {sample_ms:.0f} ms, peak {max(row['loss'] for row in sampled)}")
    begin, count = time.perf_counter(), 0
    for at in range(0, rows, 1000):
        count += len(await store.rows(run, "history", min_step=at, max_step=at + 1000, samples=None))
    print(f"scan: {count / (time.perf_counter() - begin):,.0f} rows/s in pages of 1,000 ({count:,} rows)")
    store.close()


def memory_of(pid: int) -> float:
    """Return the peak memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--chunk", type=int, default=5_000)
    parser.add_argument("--senders", type=int, default=2)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with LiveServer(Path(folder) / "data") as server:
            measure_ingest(server, rows=options.rows, chunk=options.chunk, senders=options.senders)
            print(f"server's peak memory: {memory_of(server.pid):.0f} MB")
            asyncio.run(measure_many(server, runs=options.runs, seconds=options.seconds))
            print(f"server's peak memory: {memory_of(server.pid):.0f} MB")
        asyncio.run(measure_reading(Path(folder) / "series", rows=1_000_000))


if __name__ == "__main__":
    main()
