"""`interfaces.flow_files.PickleViewer`: one short-lived isolated process per look."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penstock.domain.errors import InvalidArgumentError
from penstock.executors.isolated import output_of
from penstock.interfaces.flow_files import PickleSummary

_PROGRAM = Path(__file__).with_name("look.py")
_SECONDS = 15.0


class ProcessPickleViewer:
    """Looks into pickles in processes without this server's environment."""

    def __init__(self, *, at_once: int = 2) -> None:
        self._turns = asyncio.Semaphore(at_once)

    async def look(self, data: bytes) -> PickleSummary:
        """See `PickleViewer.look`."""
        found = await self._ask(data)
        if "error" in found:
            raise InvalidArgumentError(f"the value is not a readable pickle: {found['error']}")
        return PickleSummary(found["type"], found["value"], found["text"])

    async def look_all(self, items: Sequence[bytes]) -> Sequence[PickleSummary | None]:
        """See `PickleViewer.look_all`. When one item ends the process, each is looked at by itself."""
        try:
            answers = await self._ask(b"".join(items), *[str(len(item)) for item in items])
        except InvalidArgumentError:
            return [await self._look_or_none(item) for item in items]
        return [None if "error" in found else PickleSummary(found["type"], found["value"], found["text"]) for found in answers]

    async def _look_or_none(self, item: bytes) -> PickleSummary | None:
        try:
            return await self.look(item)
        except InvalidArgumentError:
            return None

    async def _ask(self, data: bytes, *sizes: str) -> Any:
        try:
            async with self._turns:
                output = await output_of(_PROGRAM, *sizes, data=[data], seconds=_SECONDS)
        except TimeoutError:
            raise InvalidArgumentError("the value takes too long to look at") from None
        try:
            return json.loads(output)
        except ValueError as error:
            raise InvalidArgumentError("the value is too large to look at") from error
