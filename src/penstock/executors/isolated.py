"""Short-lived processes of this Python for work on what strangers wrote: isolated, without this server's environment."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path


async def output_of(program: Path, *arguments: str, data: Iterable[bytes], seconds: float) -> bytes:
    """Run a stand-alone program with `data` as its standard input and return what it printed, however it ended.

    Raises:
        TimeoutError: it took more than `seconds`, and was killed.
    """
    # Standard input is a file: writing to a pipe whose reader has already left is an error of its own under uvloop.
    with tempfile.TemporaryFile() as source:
        source.writelines(data)
        source.seek(0)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            str(program),
            *arguments,
            stdin=source,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
        )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), seconds)
    except BaseException:
        # The request may have gone away as well: nothing waits for the answer any more.
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    return output
