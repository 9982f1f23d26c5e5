"""Types, collections, memberships, links, registries across projects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from penstock.api.wandb import connections, ids
from penstock.api.wandb.context import RequestContext
from penstock.api.wandb.fields import FieldTable
from penstock.api.wandb.nodes import (
    CollectionBatch,
    CollectionNode,
    MembershipNode,
    ProjectNode,
    TypeNode,
    VersionNode,
    collection_node,
    version_node,
)
from penstock.api.wandb.resolvers.accounts import automated_projects, context_of
from penstock.api.wandb.resolvers.version_edits import project_artifact
from penstock.api.wandb.resolvers.versions import (
    alias_to_wire,
    file_connection,
    members_to_nodes,
    membership_aliases,
    tag_to_wire,
    type_node,
)
from penstock.api.wandb.selections import selects
from penstock.domain.accounts import Entity
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.matching import compile_filter
from penstock.domain.tracking import TrackedProject, TrackedProjectId
from penstock.domain.versions import COMMIT_HASH_LENGTH, Collection, CollectionKind
from penstock.interfaces.versions import CollectionQuery, MembershipQuery

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

COLLECTION_IDS = ("ArtifactCollection", "ArtifactSequence", "ArtifactPortfolio")
_MEMBER_ORDERS = {
    "version_index": "version_index", "versionindex": "version_index", "version": "version_index", "created_at": "created_at",
    "createdat": "created_at", "acm_created_at": "created_at", "linked_at": "created_at", "artifact_created_at": "version_created_at",
    "updated_at": "updated_at", "updatedat": "updated_at", "artifact_size": "size", "size": "size",
}  # fmt: skip
_COLLECTION_ORDERS = {
    "name": "name",
    "created_at": "created_at",
    "createdat": "created_at",
    "updated_at": "updated_at",
    "updatedat": "updated_at",
}
_KINDS = {"SEQUENCE": CollectionKind.SEQUENCE, "PORTFOLIO": CollectionKind.PORTFOLIO}


def parse_filter(text: str | None) -> dict[str, Any]:
    """Return a filter document; missing and empty ones match everything.

    Raises:
        InvalidArgumentError: it is not a JSON object.
    """
    if not text:
        return {}
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InvalidArgumentError(f"the filter is not JSON: {error}") from error
    if not isinstance(document, dict | None):
        raise InvalidArgumentError("the filter must be a JSON object")
    return document or {}


def _order(text: str | None, known: dict[str, str], default: str, *, is_descending: bool) -> tuple[str, bool]:
    if not text:
        return default, is_descending
    name = text.lstrip("+-").strip().lower()
    return known.get(name, default), text.startswith("-")


def artifact_collection(root: Any, info: GraphQLResolveInfo, *, id: str) -> CollectionNode | None:
    """Return a collection by id, or None."""
    context = context_of(info)
    found = context.services.collections.get(ids.number(id, *COLLECTION_IDS))
    return collection_node(context, found) if found is not None and context.can_read(found.entity) else None


def _named(context: RequestContext, project_id: int, name: str, type_name: str | None = None) -> CollectionNode | None:
    found = context.services.collections.named(project_id, name)
    if found is None or (type_name is not None and found.type_name != type_name):
        return None
    return collection_node(context, found)


def _type_sequence(node: TypeNode, info: GraphQLResolveInfo, *, name: str) -> CollectionNode | None:
    """Return the sequence of that name; older clients tell a portfolio, which they delete by another call, by this being null."""
    found = _named(context_of(info), node.type.project_id, name, node.type.name)
    return found if found is not None and found.collection.kind is CollectionKind.SEQUENCE else None


def _find(
    context: RequestContext,
    project_ids: list[int],
    *,
    type_name: str | None = None,
    after: str | None,
    first: int | None,
    filters: str | None = None,
    order: str | None = None,
    collection_types: list[str] | None = None,
) -> dict[str, Any]:
    offset, size = connections.window(after, first)
    by, descending = _order(order, _COLLECTION_ORDERS, "name", is_descending=False)
    found, total = context.services.collections.find(
        CollectionQuery(
            project_ids=project_ids,
            type_name=type_name,
            kinds=[_KINDS[kind] for kind in collection_types or ()],
            order=by,
            is_descending=descending,
            where=parse_filter(filters),
            offset=offset,
            limit=size,
        )
    )
    return connections.page(CollectionBatch(context, found).nodes(), offset=offset, total=total)


def _project_collections(
    node: ProjectNode, info: GraphQLResolveInfo, *, after: str | None = None, first: int | None = None, **narrowing: Any
) -> dict[str, Any]:
    context = context_of(info)
    context.settle_tasks(node.project.project_id)
    return _find(context, [node.project.project_id], after=after, first=first, **narrowing)


def _type_collections(
    node: TypeNode, info: GraphQLResolveInfo, *, after: str | None = None, first: int | None = None, **narrowing: Any
) -> dict[str, Any]:
    return _find(context_of(info), [node.type.project_id], type_name=node.type.name, after=after, first=first, **narrowing)


def _type_sequences(node: TypeNode, info: GraphQLResolveInfo, *, after: str | None = None, first: int | None = None) -> dict[str, Any]:
    return _type_collections(node, info, after=after, first=first, collection_types=["SEQUENCE"])


def _project_types(
    node: ProjectNode, info: GraphQLResolveInfo, *, after: str | None = None, first: int | None = None, include_all: bool | None = None
) -> dict[str, Any]:
    context = context_of(info)
    context.settle_tasks(node.project.project_id)
    types = context.services.collections.types(node.project.project_id)
    return connections.cut(types, after, first, TypeNode)


def _project_type(node: ProjectNode, info: GraphQLResolveInfo, *, name: str) -> TypeNode | None:
    context = context_of(info)
    context.settle_tasks(node.project.project_id)
    found = context.services.collections.type(node.project.project_id, name)
    return None if found is None else TypeNode(found)


def _project_collection(node: ProjectNode, info: GraphQLResolveInfo, *, name: str) -> CollectionNode | None:
    context = context_of(info)
    context.settle_tasks(node.project.project_id)
    return _named(context, node.project.project_id, name)


def _project_membership(node: ProjectNode, info: GraphQLResolveInfo, *, name: str) -> MembershipNode | None:
    context = context_of(info)
    context.settle_tasks(node.project.project_id)
    found = context.services.collections.resolve(node.project.project_id, name)
    return None if found is None else membership_node(context, found[1], found[0])


def membership_node(context: RequestContext, membership: Any, collection: Collection) -> MembershipNode | None:
    """Return a membership with its version, or None when the version is gone."""
    version = context.services.artifacts.get(membership.version_id)
    if version is None:
        return None
    return MembershipNode(membership, version_node(context, version), collection_node(context, collection))


def _collection_membership(node: CollectionNode, info: GraphQLResolveInfo, *, alias_name: str) -> MembershipNode | None:
    context = context_of(info)
    found = context.services.collections.membership(node.collection.collection_id, alias_name)
    return None if found is None else membership_node(context, found, node.collection)


def _members(
    context: RequestContext, collections: list[Collection], after: str | None, first: int | None, order: str | None, filters: str | None
) -> tuple[list[MembershipNode], int, int]:
    offset, size = connections.window(after, first)
    by, descending = _order(order, _MEMBER_ORDERS, "version_index", is_descending=True)
    found, total = context.services.collections.find_members(
        MembershipQuery(
            collection_ids=[entry.collection_id for entry in collections],
            order=by,
            is_descending=descending,
            where=parse_filter(filters),
            offset=offset,
            limit=size,
        )
    )
    return members_to_nodes(context, found, {entry.collection_id: entry for entry in collections}), offset, total


def _collection_artifacts(
    node: CollectionNode,
    info: GraphQLResolveInfo,
    *,
    after: str | None = None,
    first: int | None = None,
    order: str | None = None,
    filters: str | None = None,
) -> dict[str, Any]:
    nodes, offset, total = _members(context_of(info), [node.collection], after, first, order, filters)
    edges = [
        {"node": member.version, "version": f"v{member.membership.version_index}", "cursor": str(offset + place)}
        for place, member in enumerate(nodes, start=1)
    ]
    return connections.connection(edges, has_next=offset + len(nodes) < total, has_previous=offset > 0, total_count=total)


def _collection_memberships(
    node: CollectionNode,
    info: GraphQLResolveInfo,
    *,
    after: str | None = None,
    first: int | None = None,
    order: str | None = None,
    filters: str | None = None,
) -> dict[str, Any]:
    nodes, offset, total = _members(context_of(info), [node.collection], after, first, order, filters)
    return connections.page(nodes, offset=offset, total=total)


def _latest_artifact(node: CollectionNode, info: GraphQLResolveInfo) -> VersionNode | None:
    nodes, _, _ = _members(context_of(info), [node.collection], None, 1, None, None)
    return nodes[0].version if nodes else None


def _collection_aliases(
    node: CollectionNode, info: GraphQLResolveInfo, *, after: str | None = None, first: int | None = None
) -> dict[str, Any]:
    context = context_of(info)
    aliases = context.services.collections.aliases_of(node.collection.collection_id)
    return connections.cut(aliases, after, first, lambda alias: alias_to_wire(context, alias, node.collection))


def _collection_tags(
    node: CollectionNode, info: GraphQLResolveInfo, *, after: str | None = None, first: int | None = None
) -> dict[str, Any]:
    return connections.cut(node.batch.tags(node.collection.collection_id), after, first or connections.MAX_PAGE, tag_to_wire)


def _membership_files(
    node: MembershipNode, info: GraphQLResolveInfo, *, names: list[str] | None = None, after: str | None = None, first: int | None = None
) -> dict[str, Any]:
    return file_connection(context_of(info), node.version, names=names, after=after, first=first)


def _matching_projects(context: RequestContext, owner: str, filters: str | None) -> list[TrackedProject]:
    projects, _ = context.wait(context.services.projects.list(owner, limit=10_000))
    matches = compile_filter(parse_filter(filters))
    return [project for project in projects if matches(_project_lookup(project))]


def _project_lookup(project: TrackedProject) -> Any:
    values: dict[str, list[Any]] = {
        "id": [project.project_id], "project_id": [project.project_id], "name": [project.name], "description": [project.description],
        "created_at": [project.created_at], "updated_at": [project.updated_at],
    }  # fmt: skip
    return lambda field: values.get(field, ())


def _entity_projects(
    node: Entity,
    info: GraphQLResolveInfo,
    *,
    filters: str | None = None,
    after: str | None = None,
    first: int | None = None,
    order: str | None = None,
) -> dict[str, Any]:
    context = context_of(info)
    if selects(info, "triggers"):
        return automated_projects(context, node.name, first=first, after=after)
    found = _matching_projects(context, node.name, filters) if context.can_read(node.name) else []
    by, descending = _order(order, _COLLECTION_ORDERS, "name", is_descending=False)
    found.sort(key=lambda project: getattr(project, by), reverse=descending)
    return connections.cut(found, after, first or connections.MAX_PAGE, ProjectNode)


def _entity_collections(
    node: Entity,
    info: GraphQLResolveInfo,
    *,
    project_filters: str | None = None,
    after: str | None = None,
    first: int | None = None,
    **narrowing: Any,
) -> dict[str, Any]:
    context = context_of(info)
    owned = (
        [project.project_id for project in _matching_projects(context, node.name, project_filters)] if context.can_read(node.name) else []
    )
    return _find(context, [int(project_id) for project_id in owned], after=after, first=first, **narrowing)


def _entity_memberships(
    node: Entity,
    info: GraphQLResolveInfo,
    *,
    project_filters: str | None = None,
    collection_filters: str | None = None,
    filters: str | None = None,
    after: str | None = None,
    first: int | None = None,
    order: str | None = None,
) -> dict[str, Any]:
    context = context_of(info)
    owned = (
        [project.project_id for project in _matching_projects(context, node.name, project_filters)] if context.can_read(node.name) else []
    )
    found, _ = context.services.collections.find(
        CollectionQuery(
            project_ids=list(owned), kinds=[CollectionKind.PORTFOLIO], where=parse_filter(collection_filters), limit=connections.MAX_PAGE
        )
    )
    nodes, offset, total = _members(context, list(found), after, first, order or "-created_at", filters)
    return connections.page(nodes, offset=offset, total=total)


def _project_node(context: RequestContext, project_id: int) -> ProjectNode | None:
    found = context.wait(context.services.projects.get_by_id(TrackedProjectId(project_id)))
    return None if found is None else ProjectNode(found)


def _type_artifact(node: TypeNode, info: GraphQLResolveInfo, *, name: str) -> VersionNode | None:
    project = _project_node(context_of(info), node.type.project_id)
    return None if project is None else project_artifact(project, info, name=name)


def _collection(name: str) -> Any:
    return lambda node, info: getattr(node.collection, name)


_COLLECTION_FIELDS = {
    "id": lambda node, info: ids.encode("ArtifactCollection", node.collection.collection_id),
    "name": _collection("name"),
    "description": lambda node, info: node.collection.description if node.collection.is_described else None,
    "createdAt": _collection("created_at"),
    "updatedAt": _collection("updated_at"),
    "state": lambda node, info: "READY" if isinstance(node, CollectionNode) else node.state,
    "project": lambda node, info: (
        ProjectNode(found) if (found := context_of(info).project(node.collection.entity, node.collection.project)) else None
    ),
    "defaultArtifactType": lambda node, info: type_node(
        context_of(info), node.collection.project_id, node.collection.type_name, node.collection.created_at
    ),
    "tags": _collection_tags,
    "aliases": _collection_aliases,
    "artifacts": _collection_artifacts,
    "artifactMembership": _collection_membership,
    "artifactMemberships": _collection_memberships,
}

FIELDS: FieldTable = {
    "Query": {"artifactCollection": artifact_collection},
    "Project": {
        "artifactType": _project_type,
        "artifactTypes": _project_types,
        "artifactCollection": _project_collection,
        "artifactCollections": _project_collections,
        "artifactCollectionMembership": _project_membership,
    },
    "Entity": {"projects": _entity_projects, "artifactCollections": _entity_collections, "artifactMemberships": _entity_memberships},
    "ArtifactType": {
        "id": lambda node, info: ids.encode("ArtifactType", node.type.type_id),
        "name": lambda node, info: node.type.name,
        "description": lambda node, info: node.type.description or None,
        "createdAt": lambda node, info: node.type.created_at,
        "project": lambda node, info: _project_node(context_of(info), node.type.project_id),
        "artifact": _type_artifact,
        "artifactCollection": lambda node, info, name: _named(context_of(info), node.type.project_id, name, node.type.name),
        "artifactSequence": _type_sequence,
        "artifactCollections": _type_collections,
        "artifactSequences": _type_sequences,
    },
    "ArtifactSequence": {
        **_COLLECTION_FIELDS,
        "latestArtifact": _latest_artifact,
        "digestAlgorithm": lambda node, info: "MANIFEST_MD5",
    },
    "ArtifactPortfolio": _COLLECTION_FIELDS,
    "ArtifactCollectionMembership": {
        "id": lambda node, info: ids.encode("ArtifactCollectionMembership", node.membership.membership_id),
        "versionIndex": lambda node, info: node.membership.version_index,
        "commitHash": lambda node, info: node.version.version.digest[:COMMIT_HASH_LENGTH],
        "createdAt": lambda node, info: node.membership.created_at,
        "aliases": membership_aliases,
        "artifactCollection": lambda node, info: node.collection,
        "artifact": lambda node, info: node.version,
        "files": _membership_files,
    },
}  # fmt: skip
