"""Changes of collections: types, portfolios, links, names, tags, removal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.api.wandb import ids
from penstock.api.wandb.context import RequestContext
from penstock.api.wandb.fields import FieldTable
from penstock.api.wandb.nodes import TypeNode, collection_node
from penstock.api.wandb.resolvers.accounts import context_of
from penstock.api.wandb.resolvers.collections import COLLECTION_IDS, membership_node
from penstock.api.wandb.resolvers.projects import project_for_writing
from penstock.api.wandb.resolvers.versions import tag_to_wire, version_by_id
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.versions import Collection, CollectionKind

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

Input = dict[str, Any]


def _collection_for_writing(context: RequestContext, wire_id: str) -> Collection:
    found = context.services.collections.get(ids.number(wire_id, *COLLECTION_IDS))
    if found is None:
        raise NotFoundError("no such artifact collection")
    context.services.accounts.check_writable(context.caller, found.entity)
    return found


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
    context.services.registries.check_admits(project.project_id, type_name)
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
        services.registries.check_admits(project.project_id, version.type_name)
        portfolio = services.collections.ensure_portfolio(project.project_id, input.get("artifact_portfolio_name") or "", version.type_name)
    aliases = [entry["alias"] for entry in input.get("aliases") or () if entry["alias"] != "latest"]
    membership = services.collections.link(portfolio, version, aliases, by=context.author)
    return {"version_index": membership.version_index, "artifact_membership": membership_node(context, membership, portfolio)}


def unlink_artifact(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Take a version out of a portfolio."""
    context = context_of(info)
    portfolio = _collection_for_writing(context, input["artifact_portfolio_id"])
    removed = context.services.collections.unlink(
        portfolio.collection_id, ids.number(input["artifact_id"], "Artifact"), by=context.author
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
        known.collection_id, name=data.get("name"), description=data.get("description"), by=context.author
    )
    return {"artifact_collection": collection_node(context, changed)}


def move_sequence(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Give a sequence another type."""
    context = context_of(info)
    known = _collection_for_writing(context, input["artifact_sequence_id"])
    changed = context.services.collections.update(
        known.collection_id, type_name=input["destination_artifact_type_name"], by=context.author
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
    context.services.collections.delete(known.collection_id, kind, by=context.author)
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
    context.services.collections.change_tags(_tagged(context, input).collection_id, add=names, by=context.author)
    return {"tags": [tag_to_wire(name) for name in names]}


def remove_tags(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Take tags from a collection."""
    context = context_of(info)
    names = [tag["tag_name"] for tag in input["tags"]]
    context.services.collections.change_tags(_tagged(context, input).collection_id, remove=names, by=context.author)
    return {"success": True}


def _tagged(context: RequestContext, data: Input) -> Collection:
    project = context.project(data["entity_name"], data["project_name"])
    found = None if project is None else context.services.collections.named(project.project_id, data["artifact_collection_name"])
    if found is None:
        raise NotFoundError(f"no artifact collection {data['artifact_collection_name']!r}")
    context.services.accounts.check_writable(context.caller, found.entity)
    return found


FIELDS: FieldTable = {
    "Mutation": {
        "createArtifactType": create_type, "createArtifactPortfolio": create_portfolio, "linkArtifact": link_artifact,
        "unlinkArtifact": unlink_artifact, "moveArtifactSequence": move_sequence, "updateArtifactSequence": update_sequence,
        "updateArtifactPortfolio": update_portfolio, "deleteArtifactSequence": delete_sequence, "deleteArtifactPortfolio": delete_portfolio,
        "createArtifactCollectionTagAssignments": add_tags, "deleteArtifactCollectionTagAssignments": remove_tags,
    },
}  # fmt: skip
"""Resolvers of this module."""
