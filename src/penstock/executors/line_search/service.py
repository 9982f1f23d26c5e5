"""`interfaces.line_finder.LineFinder`: one short-lived isolated process per question."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from penstock.executors.isolated import output_of
from penstock.interfaces.line_finder import ExpressionError

_PROGRAM = Path(__file__).with_name("find.py")
_SECONDS = 20.0
"""By the clock, beside the limit on processor time: for machines that have other things to do."""


class ProcessLineFinder:
    """Looks for expressions in processes that are killed when they take too long."""

    def __init__(self, *, at_once: int = 2, seconds: int = 6) -> None:
        """Ask `at_once` processes, each for so many seconds of processor time at most."""
        self._seconds = seconds
        self._turns = asyncio.Semaphore(at_once)

    async def find(self, expression: str, texts: Sequence[bytes], *, most: int) -> Sequence[Sequence[int]]:
        """See `LineFinder.find`."""
        asked = json.dumps({"expression": expression, "most": most, "sizes": [len(text) for text in texts], "seconds": self._seconds})
        try:
            async with self._turns:
                output = await output_of(_PROGRAM, data=[asked.encode(), b"\n", *texts], seconds=_SECONDS)
        except TimeoutError:
            output = b""
        if not output:
            raise ExpressionError("it takes too long on these lines; say more of what stands around what it repeats")
        found = json.loads(output)
        if "error" in found:
            raise ExpressionError(found["error"])
        return found  # type: ignore[no-any-return]  # lists of numbers, as the program writes them
