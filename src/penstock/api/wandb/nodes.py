"""What resolvers pass to each other: domain values together with their siblings in the same answer.

GraphQL resolves one run after the other, field by field. A node therefore knows the batch it came in; the first field that needs
something from a store fetches it for the whole batch. That keeps a page of fifty runs at a handful of queries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penstock.api.wandb import ids
from penstock.api.wandb.context import RequestContext
from penstock.domain.ids import TrackedRunId
from penstock.domain.tracking import SeriesInfo, TrackedProject, TrackedRun
from penstock.domain.versions import Alias, ArtifactVersion, Collection, CollectionKind, CollectionType, Membership


class RunBatch:
    """Runs of one answer."""

    def __init__(
        self, context: RequestContext, runs: Sequence[TrackedRun], *, infos: Mapping[TrackedRunId, SeriesInfo] | None = None
    ) -> None:
        self._context = context
        self._runs = runs
        self._infos: dict[TrackedRunId, SeriesInfo] | None = dict(infos) if infos is not None else None

    def nodes(self) -> list[RunNode]:
        """Return a node per run, in order."""
        return [RunNode(run, self) for run in self._runs]

    def info(self, run_id: TrackedRunId) -> SeriesInfo:
        """Return the state of a run's series; fetched for all runs at once."""
        if self._infos is None:
            self._infos = self._context.wait(self._fetch())
        return self._infos[run_id]

    async def _fetch(self) -> dict[TrackedRunId, SeriesInfo]:
        history = self._context.services.history
        infos = await asyncio.gather(*(history.info(run.run_id) for run in self._runs))
        return {run.run_id: info for run, info in zip(self._runs, infos, strict=True)}


@dataclass(frozen=True, slots=True)
class RunNode:
    """A run in an answer."""

    run: TrackedRun
    batch: RunBatch

    @property
    def info(self) -> SeriesInfo:
        """State of its series."""
        return self.batch.info(self.run.run_id)

    @property
    def wire_id(self) -> str:
        """Its storage id on the wire."""
        return ids.encode("Run", "v1", self.run.name, self.run.project, self.run.entity)


def run_node(context: RequestContext, run: TrackedRun, info: SeriesInfo | None = None) -> RunNode:
    """Return the node of a single run."""
    return RunBatch(context, [run], infos=None if info is None else {run.run_id: info}).nodes()[0]


@dataclass(frozen=True, slots=True)
class ProjectNode:
    """A project in an answer. `run_count` of the value may be old; the resolver counts."""

    project: TrackedProject


@dataclass(frozen=True, slots=True)
class UserNode:
    """A user in an answer."""

    name: str


@dataclass(frozen=True, slots=True)
class OrganizationNode:
    """The organization."""

    name: str


@dataclass(frozen=True, slots=True)
class TypeNode:
    """An artifact type in an answer."""

    type: CollectionType


class VersionBatch:
    """Artifact versions of one answer, with what is fetched for all of them at once."""

    def __init__(self, context: RequestContext, versions: Sequence[ArtifactVersion]) -> None:
        self._context = context
        self._ids = [version.version_id for version in versions]
        self._versions = versions
        self._tags: Mapping[int, Sequence[str]] | None = None
        self._aliases: Mapping[int, Sequence[Alias]] | None = None
        self._memberships: Mapping[int, Sequence[Membership]] | None = None
        self._collections: dict[int, Collection] | None = None

    def nodes(self) -> list[VersionNode]:
        """Return a node per version, in order."""
        return [VersionNode(version, self) for version in self._versions]

    def tags(self, version_id: int) -> Sequence[str]:
        """Return a version's tags."""
        if self._tags is None:
            self._tags = self._context.services.artifacts.tags(self._ids)
        return self._tags.get(version_id, ())

    def aliases(self, version_id: int) -> Sequence[Alias]:
        """Return the given aliases of a version in all collections."""
        if self._aliases is None:
            self._aliases = self._context.services.collections.aliases_of_versions(self._ids)
        return self._aliases.get(version_id, ())

    def memberships(self, version_id: int) -> Sequence[Membership]:
        """Return a version's memberships, oldest first."""
        if self._memberships is None:
            self._memberships = self._context.services.collections.memberships_of(self._ids)
        return self._memberships.get(version_id, ())

    def collection(self, collection_id: int) -> Collection | None:
        """Return a collection that one of the versions stands in."""
        if self._collections is None:
            wanted = {version.collection_id for version in self._versions}
            wanted.update(member.collection_id for version_id in self._ids for member in self.memberships(version_id))
            self._collections = dict(self._context.services.collections.many(wanted))
        return self._collections.get(collection_id)


@dataclass(frozen=True, slots=True)
class VersionNode:
    """An artifact version in an answer."""

    version: ArtifactVersion
    batch: VersionBatch

    @property
    def wire_id(self) -> str:
        """Its id on the wire."""
        return artifact_id(self.version.version_id)


def version_node(context: RequestContext, version: ArtifactVersion) -> VersionNode:
    """Return the node of a single version."""
    return VersionBatch(context, [version]).nodes()[0]


class CollectionBatch:
    """Collections of one answer."""

    def __init__(self, context: RequestContext, collections: Sequence[Collection]) -> None:
        self._context = context
        self._collections = collections
        self._tags: Mapping[int, Sequence[str]] | None = None

    def nodes(self) -> list[CollectionNode]:
        """Return a node per collection, in order."""
        return [CollectionNode(collection, self) for collection in self._collections]

    def tags(self, collection_id: int) -> Sequence[str]:
        """Return a collection's tags."""
        if self._tags is None:
            self._tags = self._context.services.collections.tags([entry.collection_id for entry in self._collections])
        return self._tags.get(collection_id, ())


@dataclass(frozen=True, slots=True)
class CollectionNode:
    """A collection in an answer."""

    collection: Collection
    batch: CollectionBatch

    @property
    def wire_type(self) -> str:
        """`ArtifactSequence` or `ArtifactPortfolio`."""
        return "ArtifactSequence" if self.collection.kind is CollectionKind.SEQUENCE else "ArtifactPortfolio"


def collection_node(context: RequestContext, collection: Collection) -> CollectionNode:
    """Return the node of a single collection."""
    return CollectionBatch(context, [collection]).nodes()[0]


@dataclass(frozen=True, slots=True)
class MembershipNode:
    """A version's place in a collection, in an answer."""

    membership: Membership
    version: VersionNode
    collection: CollectionNode


def artifact_id(version_id: int) -> str:
    """Return the wire id of an artifact version."""
    return ids.encode("Artifact", version_id)
