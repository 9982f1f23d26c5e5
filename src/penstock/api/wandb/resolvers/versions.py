"""Artifact versions: what they say about themselves, their files, their lineage."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from penstock.api.wandb import connections, ids
from penstock.api.wandb.context import RequestContext
from penstock.api.wandb.fields import FieldTable
from penstock.api.wandb.nodes import (
    CollectionBatch,
    MembershipNode,
    RunBatch,
    RunNode,
    TypeNode,
    UserNode,
    VersionBatch,
    VersionNode,
    artifact_id,
    collection_node,
    run_node,
    version_node,
)
from penstock.api.wandb.resolvers.accounts import context_of
from penstock.domain.errors import NotFoundError
from penstock.domain.versions import (
    COMMIT_HASH_LENGTH,
    TTL_NEVER,
    Alias,
    ArtifactVersion,
    Collection,
    CollectionType,
    Manifest,
    ManifestEntry,
    UseDirection,
    VersionState,
    version_alias,
)
from penstock.tracking.artifacts import hex_md5

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo


def version_by_id(context: RequestContext, wire_id: str) -> ArtifactVersion | None:
    """Return a version that the caller may see, or None."""
    found = context.services.artifacts.get(ids.number(wire_id, "Artifact"))
    return found if found is not None and context.can_read(found.entity) else None


def version_for_writing(context: RequestContext, wire_id: str) -> ArtifactVersion:
    """Return a version that the caller may change.

    Raises:
        NotFoundError: there is none.
        PermissionDeniedError: it is another user's.
    """
    found = version_by_id(context, wire_id)
    if found is None:
        raise NotFoundError("no such artifact")
    context.services.accounts.check_writable(context.caller, found.entity)
    return found


def artifact(root: Any, info: GraphQLResolveInfo, *, id: str) -> VersionNode | None:
    """Return a version by id, whatever its state, or None."""
    context = context_of(info)
    found = version_by_id(context, id)
    return None if found is None else version_node(context, found)


def artifact_manifest(root: Any, info: GraphQLResolveInfo, *, id: str) -> dict[str, Any] | None:
    """Return a manifest by id, or None."""
    context = context_of(info)
    found = context.services.uploads.manifest(ids.number(id, "ArtifactManifest"))
    version = None if found is None else context.services.artifacts.get(found.version_id)
    if found is None or version is None or not context.can_read(version.entity):
        return None
    return manifest_to_wire(context, found)


def manifest_to_wire(context: RequestContext, manifest: Manifest) -> dict[str, Any]:
    """Return a manifest with the addresses of its file."""
    path = f"/storage/artifacts/{manifest.version_id}/manifests/{manifest.manifest_id}/wandb_manifest.json"
    return {
        "id": ids.encode("ArtifactManifest", manifest.manifest_id),
        "digest": manifest.md5,
        "type": manifest.kind.value,
        "file": {
            "id": ids.encode("ManifestFile", manifest.manifest_id), "name": manifest.name, "display_name": manifest.name, "size_bytes": 0,
            "upload_headers": [], "upload_url": context.signed_url("PUT", path), "direct_url": context.signed_url("GET", path),
        },
    }  # fmt: skip


def client_id_mapping(root: Any, info: GraphQLResolveInfo, *, client_id: str) -> dict[str, Any] | None:
    """Return the id of the version that a client named so."""
    context = context_of(info)
    found = context.services.artifacts.by_client_id(client_id)
    return {"server_id": artifact_id(found.version_id)} if found is not None and context.can_read(found.entity) else None


def _current_manifest(node: VersionNode, info: GraphQLResolveInfo) -> dict[str, Any] | None:
    version = node.version
    if version.manifest_digest is None:
        return None
    path = f"/storage/artifacts/{version.version_id}/wandb_manifest.json"
    return {
        "id": ids.encode("ArtifactManifest", "current", version.version_id), "digest": version.digest, "type": "FULL",
        "file": {
            "id": ids.encode("ManifestFile", "current", version.version_id), "name": "wandb_manifest.json",
            "display_name": "wandb_manifest.json", "size_bytes": 0, "direct_url": context_of(info).signed_url("GET", path),
        },
    }  # fmt: skip


def files(
    node: VersionNode, info: GraphQLResolveInfo, *, names: list[str] | None = None, after: str | None = None, first: int | None = None
) -> dict[str, Any]:
    """Return a version's files by path."""
    return file_connection(context_of(info), node, names=names, after=after, first=first)


def file_connection(
    context: RequestContext, node: VersionNode, *, names: list[str] | None, after: str | None, first: int | None
) -> dict[str, Any]:
    """Return a page of a committed version's files; a pending one has none yet."""
    if node.version.manifest_digest is None:
        return connections.page([], offset=0, total=0)
    listing = context.services.artifacts.listing(node.version)
    offset, size = connections.window(after, first, default=connections.MAX_PAGE)
    if names:
        found = listing.named(names)
        entries, total = found[offset : offset + size], len(found)
    else:
        entries, total = listing.page(offset, size), listing.count
    return connections.page([entry_to_file(context, node, entry) for entry in entries], offset=offset, total=total)


def files_by_entries(
    node: VersionNode,
    info: GraphQLResolveInfo,
    *,
    entries: list[dict[str, Any]] | None = None,
    after: str | None = None,
    first: int | None = None,
    **storage: Any,
) -> dict[str, Any]:
    """Return download addresses for manifest entries that the client holds, in its order."""
    context = context_of(info)
    wanted = [
        ManifestEntry(path=entry["name"], digest=entry["digest"], size_bytes=entry.get("size"), ref=entry.get("ref"))
        for entry in entries or ()
    ]
    return connections.cut(wanted, after, first or connections.MAX_PAGE, lambda entry: entry_to_file(context, node, entry))


def entry_to_file(context: RequestContext, node: VersionNode, entry: ManifestEntry) -> dict[str, Any]:
    """Return a manifest entry as a file; references lead to where they point (wandb.md section 12.6)."""
    version = node.version
    if entry.ref is not None:
        url, md5, path = entry.ref, None, storage_path(version.version_id, entry.path)
    else:
        md5 = entry.digest
        name, path = entry.path.rpartition("/")[2], storage_path(version.version_id, hex_md5(md5))
        url = context.signed_url("GET", f"/storage/wandb_artifacts/{version.project_id}/{hex_md5(md5)}/{name}")
    return {
        "id": ids.encode("File", version.version_id, entry.path), "name": entry.path, "display_name": entry.path, "url": url,
        "direct_url": url, "size_bytes": entry.size_bytes or 0, "mimetype": mimetypes.guess_type(entry.path)[0], "md5": md5,
        "digest": entry.digest, "storage_path": path, "updated_at": version.updated_at, "created_at": version.created_at, "artifact": node,
    }  # fmt: skip


def storage_path(version_id: int, name: str) -> str:
    """Return what clients are told of where a file lies; they only show it, or hand it back."""
    return f"wandb_artifacts/{version_id}/{name}"


def _aliases(node: VersionNode, info: GraphQLResolveInfo) -> list[dict[str, Any]]:
    """Return the aliases in every collection, and one `v<number>` per collection, which clients up to 0.17 insist on."""
    found: list[dict[str, Any]] = []
    for member in node.batch.memberships(node.version.version_id):
        collection = node.batch.collection(member.collection_id)
        if collection is None or not context_of(info).can_read(collection.entity):
            continue
        names = [alias.alias for alias in node.batch.aliases(node.version.version_id) if alias.collection_id == member.collection_id]
        found += [_alias(context_of(info), collection, name) for name in [*names, version_alias(member.version_index)]]
    return found


def _alias(context: RequestContext, collection: Collection, name: str) -> dict[str, Any]:
    return {
        "id": ids.encode("ArtifactAlias", collection.collection_id, name), "alias": name, "artifact_collection_name": collection.name,
        "artifact_collection": collection_node(context, collection),
    }  # fmt: skip


def alias_to_wire(context: RequestContext, alias: Alias, collection: Collection) -> dict[str, Any]:
    """Return an alias of a collection."""
    return _alias(context, collection, alias.alias)


def membership_aliases(node: MembershipNode, info: GraphQLResolveInfo) -> list[dict[str, Any]]:
    """Return the aliases in this one collection, with `v<number>`."""
    version_id = node.membership.version_id
    collection = node.collection.collection
    names = [alias.alias for alias in node.version.batch.aliases(version_id) if alias.collection_id == collection.collection_id]
    return [_alias(context_of(info), collection, name) for name in [*names, version_alias(node.membership.version_index)]]


def members_to_nodes(
    context: RequestContext, members: Sequence[Any], collections: dict[int, Collection] | None = None
) -> list[MembershipNode]:
    """Return nodes of memberships, versions and collections fetched together; those the caller may not see are left out."""
    versions = context.services.artifacts.many([member.version_id for member in members])
    batch = VersionBatch(context, list(versions.values()))
    by_id = {node.version.version_id: node for node in batch.nodes()}
    known = collections if collections is not None else dict(context.services.collections.many(member.collection_id for member in members))
    nodes = {node.collection.collection_id: node for node in CollectionBatch(context, list(known.values())).nodes()}
    return [
        MembershipNode(member, by_id[member.version_id], nodes[member.collection_id])
        for member in members
        if member.version_id in by_id and member.collection_id in nodes and context.can_read(nodes[member.collection_id].collection.entity)
    ]


def _memberships(node: VersionNode, info: GraphQLResolveInfo, *, after: str | None = None, first: int | None = None) -> dict[str, Any]:
    context = context_of(info)
    nodes = members_to_nodes(context, node.batch.memberships(node.version.version_id))
    return connections.cut(nodes, after, first or connections.MAX_PAGE)


def _collections(node: VersionNode, info: GraphQLResolveInfo, *, after: str | None = None, first: int | None = None) -> dict[str, Any]:
    context = context_of(info)
    found = [node.batch.collection(member.collection_id) for member in node.batch.memberships(node.version.version_id)]
    nodes = CollectionBatch(context, [entry for entry in found if entry is not None and context.can_read(entry.entity)]).nodes()
    return connections.cut(nodes, after, first or connections.MAX_PAGE)


def _sequence(node: VersionNode, info: GraphQLResolveInfo) -> Any:
    collection = node.batch.collection(node.version.collection_id)
    if collection is None:
        raise NotFoundError("the artifact's collection was deleted")
    return collection_node(context_of(info), collection)


def type_node(context: RequestContext, project_id: int, name: str, created_at: float) -> TypeNode:
    """Return a type of a project; the project of a link need not have the type's record."""
    known = context.services.collections.type(project_id, name)
    return TypeNode(known if known is not None else CollectionType(0, project_id, name, "", created_at))


def _created_by(node: VersionNode, info: GraphQLResolveInfo) -> RunNode | UserNode | None:
    context = context_of(info)
    run_id = node.version.creator_run_id
    run = None if run_id is None else context.wait(context.services.runs.get_by_id(run_id))
    if run is not None:
        return run_node(context, run) if context.can_read(run.entity) else None
    return UserNode(node.version.creator_user) if run_id is None and node.version.creator_user else None


def _used_by(
    node: VersionNode, info: GraphQLResolveInfo, *, after: str | None = None, first: int | None = None, **rest: Any
) -> dict[str, Any]:
    context = context_of(info)
    context.settle_tasks(node.version.project_id)
    found = [
        context.wait(context.services.runs.get_by_id(run_id)) for run_id in context.services.artifacts.runs_using(node.version.version_id)
    ]
    nodes = RunBatch(context, [run for run in found if run is not None and context.can_read(run.entity)]).nodes()
    return connections.cut(nodes, after, first or connections.MAX_PAGE)


def _artifacts_of_run(direction: UseDirection) -> Any:
    def resolve(node: RunNode, info: GraphQLResolveInfo, *, after: str | None = None, first: int | None = None) -> dict[str, Any]:
        context = context_of(info)
        if node.run.task_id is not None:
            context.services.task_versions.settle_run(node.run.run_id)
        offset, size = connections.window(after, first, default=connections.MAX_PAGE)
        found, total = context.services.artifacts.of_run(node.run.run_id, direction, offset=offset, limit=size)
        return connections.page(VersionBatch(context, found).nodes(), offset=offset, total=total)

    return resolve


def tag_to_wire(tag: str) -> dict[str, Any]:
    """Return a tag."""
    return {"id": ids.encode("Tag", tag), "name": tag, "tag_category_name": "", "attributes": "{}"}


def _version(name: str) -> Any:
    return lambda node, info: getattr(node.version, name)


FIELDS: FieldTable = {
    "Query": {"artifact": artifact, "artifactManifest": artifact_manifest, "clientIDMapping": client_id_mapping},
    "ClientIDMapping": {"serverID": lambda source, info: source["server_id"]},
    "Run": {"inputArtifacts": _artifacts_of_run(UseDirection.INPUT), "outputArtifacts": _artifacts_of_run(UseDirection.OUTPUT)},
    "Artifact": {
        "id": lambda node, info: node.wire_id,
        "digest": _version("digest"),
        "digestAlgorithm": lambda node, info: "MANIFEST_MD5",
        "description": _version("description"),
        "labels": _version("labels"),
        "metadata": _version("metadata"),
        "state": lambda node, info: node.version.state.value,
        "size": _version("size_bytes"),
        "fileCount": _version("file_count"),
        "versionIndex": _version("version_index"),
        "commitHash": lambda node, info: node.version.digest[:COMMIT_HASH_LENGTH] if node.version.state is VersionState.COMMITTED else None,
        "createdAt": _version("created_at"),
        "updatedAt": _version("updated_at"),
        "historyStep": _version("history_step"),
        "ttlDurationSeconds": lambda node, info: TTL_NEVER if node.version.ttl_seconds is None else node.version.ttl_seconds,
        "ttlIsInherited": lambda node, info: node.version.ttl_seconds is None,
        "tags": lambda node, info: [tag_to_wire(tag) for tag in node.batch.tags(node.version.version_id)],
        "aliases": _aliases,
        "artifactType": lambda node, info: type_node(
            context_of(info), node.version.project_id, node.version.type_name, node.version.created_at
        ),
        "artifactSequence": _sequence,
        "artifactCollections": _collections,
        "artifactMemberships": _memberships,
        "currentManifest": _current_manifest,
        "files": files,
        "filesByManifestEntries": files_by_entries,
        "createdBy": _created_by,
        "usedBy": _used_by,
        "isLink": lambda node, info: False,
    },
}

__all__ = ["FIELDS", "file_connection", "version_by_id", "version_for_writing"]
