"""Backups that pages ask for: pages that are open hear when one begins and when it has ended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from penstock.domain.backups import Backup
from penstock.domain.errors import PreconditionError
from penstock.domain.runs import CatalogChanged, DomainEvent
from penstock.server.backups import BackupDesk
from penstock.server.notifier import LocalNotifier


class SlowStore:
    """Backups that take until they are let go, and then fail."""

    can_make = True

    def __init__(self) -> None:
        self.go = threading.Event()

    def list(self) -> Sequence[Backup]:
        return ()

    def make(self) -> Backup:
        self.go.wait(30)
        raise PreconditionError("the disk is full")

    def check(self, name: str) -> Backup:
        raise AssertionError(name)

    def remove_old(self, *, keep: int) -> Sequence[str]:
        raise AssertionError(keep)


async def test_open_pages_hear_of_the_begin_and_of_the_end_of_a_backup() -> None:
    store, notifier = SlowStore(), LocalNotifier()
    desk = BackupDesk(store, notifier)

    def is_ours(event: DomainEvent) -> bool:
        return isinstance(event, CatalogChanged)

    with notifier.listen(is_ours) as events:
        assert desk.begin_making()
        assert not desk.begin_making()
        await asyncio.wait_for(anext(events), 30)
        assert desk.is_busy
        store.go.set()
        await asyncio.wait_for(anext(events), 30)
        assert (desk.is_busy, desk.problem) == (False, "the disk is full")
