"""Types, collections, memberships, links, registries across projects."""

from __future__ import annotations

import json
from typing import Any

from graphql import GraphQLResolveInfo

from penstock.api.wandb import connections, ids
from penstock.api.wandb.context import RequestContext
from penstock.api.wandb.execution import FieldTable
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
from penstock.api.wandb.resolvers.accounts import context_of
from penstock.api.wandb.resolvers.projects import project_for_writing
from penstock.api.wandb.resolvers.version_edits import project_artifact
from penstock.api.wandb.resolvers.versions import (
    alias_to_wire,
    file_connection,
    members_to_nodes,
    membership_aliases,
    tag_to_wire,
    type_node,
    version_by_id,
)
from penstock.domain.accounts import Entity
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.matching import compile_filter
from penstock.domain.tracking import TrackedProject, TrackedProjectId
from penstock.domain.versions import Collection, CollectionKind
from penstock.interfaces.versions import CollectionQuery, MembershipQuery

Input = dict[str, Any]
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


def _collection_for_writing(context: RequestContext, wire_id: str) -> Collection:
    found = context.services.collections.get(ids.number(wire_id, *COLLECTION_IDS))
    if found is None:
        raise NotFoundError("no such artifact collection")
    context.services.accounts.check_writable(context.caller, found.entity)
    return found


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
    return None if found is None else _membership_node(context, found[1], found[0])


def _membership_node(context: RequestContext, membership: Any, collection: Collection) -> MembershipNode | None:
    version = context.services.artifacts.get(membership.version_id)
    if version is None:
        return None
    return MembershipNode(membership, version_node(context, version), collection_node(context, collection))


def _collection_membership(node: CollectionNode, info: GraphQLResolveInfo, *, alias_name: str) -> MembershipNode | None:
    context = context_of(info)
    found = context.services.collections.membership(node.collection.collection_id, alias_name)
    return None if found is None else _membership_node(context, found, node.collection)


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


def create_type(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Make an artifact type."""
    context = context_of(info)
    project = project_for_writing(context, input["entity_name"], input["project_name"])
    made = context.services.collections.ensure_type(project.project_id, input["name"], description=input.get("description") or "")
    return {"artifact_type": TypeNode(made)}


def create_portfolio(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Make an empty portfolio."""
    context = context_of(info)
    project = project_for_writing(context, input["entity_name"], input["project_name"])
    type_name = input.get("artifact_type_name")
    if not type_name:
        raise InvalidArgumentError("artifactTypeName is needed")
    context.services.collections.check_admits(project.project_id, type_name)
    made = context.services.collections.ensure_portfolio(
        project.project_id, input["name"], type_name, description=input.get("description") or ""
    )
    return {"artifact_collection": collection_node(context, made)}


def link_artifact(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Put a version into a portfolio, made when missing; linking again answers the same membership."""
    context = context_of(info)
    services = context.services
    if input.get("artifact_id"):
        version = version_by_id(context, input["artifact_id"])
    else:
        version = services.artifacts.by_client_id(input.get("client_id") or "")
    if version is None or not context.can_read(version.entity):
        raise NotFoundError("no such artifact")
    if input.get("artifact_portfolio_id"):
        portfolio = _collection_for_writing(context, input["artifact_portfolio_id"])
    else:
        project = project_for_writing(context, input.get("entity_name"), input.get("project_name"))
        services.collections.check_admits(project.project_id, version.type_name)
        portfolio = services.collections.ensure_portfolio(project.project_id, input.get("artifact_portfolio_name") or "", version.type_name)
    aliases = [entry["alias"] for entry in input.get("aliases") or () if entry["alias"] != "latest"]
    membership = services.collections.link(portfolio, version, aliases, by=context.caller.user_name)
    return {"version_index": membership.version_index, "artifact_membership": _membership_node(context, membership, portfolio)}


def unlink_artifact(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Take a version out of a portfolio."""
    context = context_of(info)
    portfolio = _collection_for_writing(context, input["artifact_portfolio_id"])
    removed = context.services.collections.unlink(
        portfolio.collection_id, ids.number(input["artifact_id"], "Artifact"), by=context.caller.user_name
    )
    if not removed:
        raise NotFoundError("the artifact is not linked to this collection")
    return {"artifact_id": input["artifact_id"], "success": True}


def update_sequence(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Rename or describe a sequence."""
    return _update(info, input["artifact_sequence_id"], input)


def update_portfolio(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Rename or describe a portfolio."""
    return _update(info, input["artifact_portfolio_id"], input)


def _update(info: GraphQLResolveInfo, wire_id: str, data: Input) -> dict[str, Any]:
    context = context_of(info)
    known = _collection_for_writing(context, wire_id)
    changed = context.services.collections.update(
        known.collection_id, name=data.get("name"), description=data.get("description"), by=context.caller.user_name
    )
    return {"artifact_collection": collection_node(context, changed)}


def move_sequence(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Give a sequence another type."""
    context = context_of(info)
    known = _collection_for_writing(context, input["artifact_sequence_id"])
    changed = context.services.collections.update(
        known.collection_id, type_name=input["destination_artifact_type_name"], by=context.caller.user_name
    )
    return {"artifact_collection": collection_node(context, changed)}


def delete_sequence(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Delete a sequence with its versions."""
    return _delete(info, input["artifact_sequence_id"], CollectionKind.SEQUENCE)


def delete_portfolio(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Delete a portfolio with its links."""
    return _delete(info, input["artifact_portfolio_id"], CollectionKind.PORTFOLIO)


def _delete(info: GraphQLResolveInfo, wire_id: str, kind: CollectionKind) -> dict[str, Any]:
    context = context_of(info)
    known = _collection_for_writing(context, wire_id)
    context.services.collections.delete(known.collection_id, kind)
    return {"artifact_collection": _DeletedCollection(collection_node(context, known).wire_type)}


class _DeletedCollection:
    """What is left to say about a collection that is gone."""

    state = "DELETED"

    def __init__(self, wire_type: str) -> None:
        self.wire_type = wire_type


def add_tags(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Tag a collection."""
    context = context_of(info)
    names = [tag["tag_name"] for tag in input["tags"]]
    context.services.collections.change_tags(_tagged(context, input).collection_id, add=names, by=context.caller.user_name)
    return {"tags": [tag_to_wire(name) for name in names]}


def remove_tags(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Take tags from a collection."""
    context = context_of(info)
    names = [tag["tag_name"] for tag in input["tags"]]
    context.services.collections.change_tags(_tagged(context, input).collection_id, remove=names, by=context.caller.user_name)
    return {"success": True}


def _tagged(context: RequestContext, data: Input) -> Collection:
    project = context.project(data["entity_name"], data["project_name"])
    found = None if project is None else context.services.collections.named(project.project_id, data["artifact_collection_name"])
    if found is None:
        raise NotFoundError(f"no artifact collection {data['artifact_collection_name']!r}")
    context.services.accounts.check_writable(context.caller, found.entity)
    return found


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
    "description": _collection("description"),
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
    "Mutation": {
        "createArtifactType": create_type, "createArtifactPortfolio": create_portfolio, "linkArtifact": link_artifact,
        "unlinkArtifact": unlink_artifact, "moveArtifactSequence": move_sequence, "updateArtifactSequence": update_sequence,
        "updateArtifactPortfolio": update_portfolio, "deleteArtifactSequence": delete_sequence, "deleteArtifactPortfolio": delete_portfolio,
        "createArtifactCollectionTagAssignments": add_tags, "deleteArtifactCollectionTagAssignments": remove_tags,
    },
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
        "description": lambda node, info: node.type.description,
        "createdAt": lambda node, info: node.type.created_at,
        "project": lambda node, info: _project_node(context_of(info), node.type.project_id),
        "artifact": _type_artifact,
        "artifactCollection": lambda node, info, name: _named(context_of(info), node.type.project_id, name, node.type.name),
        "artifactSequence": lambda node, info, name: _named(context_of(info), node.type.project_id, name, node.type.name),
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
        "commitHash": lambda node, info: node.version.version.digest[:20],
        "createdAt": lambda node, info: node.membership.created_at,
        "aliases": membership_aliases,
        "artifactCollection": lambda node, info: node.collection,
        "artifact": lambda node, info: node.version,
        "files": _membership_files,
    },
}  # fmt: skip
