"""Retention: says what would be freed if old things went, and moves them to the trash, when asked or by itself.

Nothing is removed here. What lies in the trash can be restored; its bytes are freed when the trash lets go of it and housekeeping has
passed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from penstock.domain.errors import PenstockError
from penstock.domain.ids import Digest
from penstock.domain.retention import FreedPlace, OldThing, RetentionPlan, RetentionRule
from penstock.domain.trash import TrashKind
from penstock.interfaces.clock import Clock
from penstock.interfaces.retention import Holdings, RetentionStore
from penstock.trash.service import TrashService

_log = logging.getLogger(__name__)
MOST_THINGS = 10_000
"""Things of one round."""
_MOST_READ = 20_000
"""Directories and manifests that stay and are read to see which bytes they need."""
_POLICY_BATCH = 200
_POLICY_SECONDS = 3600.0
_SOON_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ContentReaders:
    """How contents are looked into. Blocking."""

    files_of: Callable[[Digest], Iterable[tuple[Digest, int]]]
    """Files of a stored directory with their sizes.

    Raises:
        PenstockError: it cannot be read.
    """
    names_in: Callable[[Digest], Iterable[str]]
    """MD5s in hex that a manifest names.

    Raises:
        PenstockError: it cannot be read.
    """
    folder_bytes: Callable[[str], int]
    """Bytes of the logs and working files of a run."""


class RetentionService:
    """Use cases of retention."""

    def __init__(self, store: RetentionStore, trash: TrashService, readers: ContentReaders, clock: Clock, policy: RetentionRule) -> None:
        """`policy` is what `carry_out` follows; 0 days switch it off."""
        self._store = store
        self._trash = trash
        self._readers = readers
        self._clock = clock
        self.policy = policy

    async def plan(self, rule: RetentionRule, *, readable: Callable[[str], bool] = lambda entity: True) -> RetentionPlan:
        """Return what following the rule would do now to things of entities that are `readable`."""
        found = await self._store.old(rule, now=self._clock.now(), limit=MOST_THINGS + 1)
        things = [thing for thing in found[:MOST_THINGS] if readable(thing.entity)]
        holdings = await self._store.holdings(things)
        plan = await asyncio.to_thread(_weighed, things, holdings, self._readers)
        return replace(plan, is_cut=len(found) > MOST_THINGS)

    async def follow(self, things: Sequence[OldThing], *, batch: str, by: str) -> list[str]:
        """Move things to the trash; return why it did not work for those for which it did not."""
        problems = []
        for thing in things:
            try:
                await self._trash.put(thing.kind, thing.subject, batch=batch, by=by)
            except PenstockError as error:
                problems.append(f"{thing.title}: {error}")
        return problems

    async def carry_out(self) -> float | None:
        """Follow the policy for some things; return when to go on, None when there is no policy."""
        if self.policy.days <= 0:
            return None
        now = self._clock.now()
        things = await self._store.old(self.policy, now=now, limit=_POLICY_BATCH)
        problems = await self.follow(things, batch=self._trash.new_batch(), by="retention")
        for problem in problems:
            _log.warning("retention: %s", problem)
        has_more = len(things) == _POLICY_BATCH and len(problems) < len(things)
        return now + (_SOON_SECONDS if has_more else _POLICY_SECONDS)


def _weighed(things: Sequence[OldThing], holdings: Holdings, readers: ContentReaders) -> RetentionPlan:
    """Say which bytes only these things hold."""
    held, is_exact = _held(holdings, readers)
    needed = set(holdings.needed) & held.keys()
    is_whole = len(holdings.needed_trees) <= _MOST_READ and len(holdings.needed_manifests) <= _MOST_READ
    if held:
        for tree in holdings.needed_trees[:_MOST_READ]:
            try:
                needed.update(digest for digest, _ in readers.files_of(tree) if digest in held)
            except PenstockError:
                is_exact = False
    by_md5: dict[str, list[Digest]] = {}
    for (_, md5), (digest, _) in holdings.stored.items():
        if digest in held:
            by_md5.setdefault(md5, []).append(digest)
    for manifest in holdings.needed_manifests[:_MOST_READ] if by_md5 else ():
        try:
            for md5 in readers.names_in(manifest):
                needed.update(by_md5.get(md5, ()))
        except PenstockError:
            is_exact = False
    freed = [0] * len(things)
    for digest, (size, owner) in held.items():
        if digest not in needed:
            freed[owner] += size
    return RetentionPlan(
        places=_places(things, freed),
        things=things,
        freed_bytes=sum(freed),
        shared_bytes=sum(held[digest][0] for digest in needed),
        log_bytes=sum(readers.folder_bytes(thing.subject) for thing in things if thing.kind is TrashKind.RUN),
        is_cut=False,
        is_exact=is_exact and is_whole,
    )


def _held(holdings: Holdings, readers: ContentReaders) -> tuple[dict[Digest, tuple[int, int]], bool]:
    """Return the contents that old things hold, each once, as digest -> (bytes, first owner); and whether all could be looked into."""
    held: dict[Digest, tuple[int, int]] = {}
    is_exact = True
    for content in holdings.contents:
        if not content.is_tree:
            held.setdefault(content.digest, (content.size_bytes, content.owner))
            continue
        try:
            for digest, size in readers.files_of(content.digest):
                held.setdefault(digest, (size, content.owner))
        except PenstockError:
            is_exact = False
    for manifest in holdings.manifests:
        try:
            for md5 in readers.names_in(manifest.digest):
                found = holdings.stored.get((manifest.project_id, md5))
                if found is not None:
                    held.setdefault(found[0], (found[1], manifest.owner))
        except PenstockError:
            is_exact = False
    return held, is_exact


def _places(things: Sequence[OldThing], freed: Sequence[int]) -> list[FreedPlace]:
    """Add up by pipeline and project."""
    groups: dict[tuple[TrashKind, str], list[int]] = {}
    for number, thing in enumerate(things):
        groups.setdefault((thing.kind, thing.place), []).append(number)
    places = [
        FreedPlace(kind, place, len(numbers), sum(freed[number] for number in numbers), min(things[number].at for number in numbers))
        for (kind, place), numbers in groups.items()
    ]
    return sorted(places, key=lambda found: (-found.freed_bytes, -found.things, found.place))
