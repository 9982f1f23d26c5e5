"""What crosses the wire when a large artifact is logged, and when it is logged again unchanged, by the real client.

Run: `.venv/bin/python -m benchmarks.artifact_unchanged [--megabytes 1024]`. A counting relay stands between the client and the server,
so that the bytes are those that arrive at the server, whatever the client says.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import tempfile
from pathlib import Path

from tests.support.clients import client_environment, client_python
from tests.support.server import LiveServer

_PROGRAM = """
import sys, wandb
with wandb.init(project="bench") as run:
    artifact = wandb.Artifact("large", "dataset")
    artifact.add_file(sys.argv[1], policy="immutable")
    run.log_artifact(artifact).wait()
    print("VERSION", artifact.version)
"""


class Relay:
    """Passes connections on to a port and counts what clients send."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.sent = 0
        self.port = 0

    async def start(self) -> None:
        """Listen on a free port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(self._pass(reader, inner_writer, counts=True), self._pass(inner_reader, writer, counts=False))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counts: bool) -> None:
        try:
            while data := await reader.read(1 << 18):
                self.sent += len(data) if counts else 0
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


async def measure(server: LiveServer, file: Path, folder: Path) -> None:
    """Log the file twice and print what went over."""
    relay = Relay(server.port)
    await relay.start()
    python = client_python("wandb==0.31.0")
    for label in ("first", "unchanged", "unchanged, other machine"):
        home = folder / label.replace(" ", "-").replace(",", "")
        home.mkdir()
        # A home of its own: the client remembers nothing of what it sent before.
        environment = client_environment(
            WANDB_BASE_URL=f"http://127.0.0.1:{relay.port}", WANDB_API_KEY=server.key, HOME=str(home), WANDB_SILENT="true",
            WANDB_CACHE_DIR=str(home / "cache"), WANDB_DATA_DIR=str(home / "data"),
        )  # fmt: skip
        before = relay.sent
        done = await asyncio.to_thread(
            subprocess.run, [str(python), "-c", _PROGRAM, str(file)], cwd=home, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr[-2000:])
        print(f"{label}: {done.stdout.strip().splitlines()[-1]}, {relay.sent - before:,} bytes to the server", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1024)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "large.bin"
        piece = random.Random(1).randbytes(1 << 20)
        with file.open("wb") as target:
            for number in range(options.megabytes):
                target.write(number.to_bytes(8, "big") + piece[8:])
        with LiveServer(folder / "data") as server:
            asyncio.run(measure(server, file, folder))


if __name__ == "__main__":
    main()
