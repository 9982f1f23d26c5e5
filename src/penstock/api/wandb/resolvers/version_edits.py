"""Mutations of artifact versions: the steps of logging one, use, edits, deletion (wandb.md section 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.api.wandb import connections, ids
from penstock.api.wandb.context import RequestContext
from penstock.api.wandb.fields import FieldTable
from penstock.api.wandb.nodes import ProjectNode, VersionNode, artifact_id, version_node
from penstock.api.wandb.resolvers.accounts import context_of
from penstock.api.wandb.resolvers.projects import project_for_writing
from penstock.api.wandb.resolvers.runs import run_for_writing
from penstock.api.wandb.resolvers.versions import manifest_to_wire, storage_path, version_by_id, version_for_writing
from penstock.api.wandb.scalars import md5_from_wire, md5_to_wire
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.runs import TrackedRunChanged
from penstock.domain.versions import TTL_NEVER, ArtifactVersion, ManifestKind, NewVersion
from penstock.tracking.artifact_uploads import PlannedFile

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

Input = dict[str, Any]
_TTL_INHERIT = -1
_REGION = "default"


def create_artifact(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Make a version, or answer the committed one that holds the same."""
    context = context_of(info)
    region = input.get("storage_region")
    if region not in {None, "", _REGION}:
        raise InvalidArgumentError(f"storage region {region!r} does not exist on this server; it has only {_REGION!r}")
    project = project_for_writing(context, input.get("entity_name"), input.get("project_name"))
    run = run_for_writing(context, project.entity, project.name, input["run_name"]) if input.get("run_name") else None
    names = input.get("artifact_collection_names") or []
    collection = input.get("artifact_collection_name") or (names[0] if names else None)
    if not collection:
        raise InvalidArgumentError("the artifact has no name")
    ttl = input.get("ttl_duration_seconds")
    created = context.services.artifacts.create(
        NewVersion(
            project_id=project.project_id,
            type_name=input["artifact_type_name"],
            collection_name=collection,
            digest=input["digest"],
            created_at=context.services.clock.now(),
            creator_user=context.caller.user_name,
            creator_run_id=None if run is None else run.run_id,
            description=input.get("description"),
            metadata=input.get("metadata"),
            labels=input.get("labels"),
            aliases=_aliases_of(input.get("aliases")),
            tags=tuple(tag["tag_name"] for tag in input.get("tags") or ()),
            client_id=input.get("client_id"),
            sequence_client_id=input.get("sequence_client_id"),
            distributed_id=input.get("distributed_id"),
            ttl_seconds=None if ttl in {None, _TTL_INHERIT} else ttl,
            history_step=input.get("history_step"),
            dedupe_any=bool(input.get("enable_digest_deduplication")),
        )
    )
    return {"artifact": version_node(context, created)}


def _aliases_of(aliases: list[Input] | None) -> tuple[str, ...]:
    """Return alias names once each; version numbers, which cannot be given, are left out."""
    return tuple(dict.fromkeys(entry["alias"] for entry in aliases or () if not _is_version(entry["alias"])))


def create_manifest(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Announce a manifest file."""
    context = context_of(info)
    version = version_for_writing(context, input["artifact_id"])
    base = input.get("base_artifact_id")
    manifest = context.services.uploads.announce_manifest(
        version.version_id,
        input["name"],
        kind=ManifestKind(input.get("type") or "FULL"),
        md5=md5_from_wire(input["digest"]) if input.get("digest") else "",
        base_version_id=ids.number(base, "Artifact") if base else None,
    )
    return {"artifact_manifest": manifest_to_wire(context, manifest)}


def update_manifest(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Complete the announcement of a manifest file."""
    context = context_of(info)
    manifest_id = ids.number(input["artifact_manifest_id"], "ArtifactManifest")
    known = context.services.uploads.manifest(manifest_id)
    if known is None:
        raise NotFoundError("no such artifact manifest")
    version_for_writing(context, artifact_id(known.version_id))
    base = input.get("base_artifact_id")
    manifest = context.services.uploads.update_manifest(
        manifest_id,
        md5=md5_from_wire(input["digest"]) if input.get("digest") else None,
        base_version_id=ids.number(base, "Artifact") if base else None,
    )
    return {"artifact_manifest": manifest_to_wire(context, manifest)}


def create_files(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Say for each file, in the order asked, where to put its bytes; no address when they are here already."""
    context = context_of(info)
    specs = input["artifact_files"]
    for wire_id in {spec["artifact_id"] for spec in specs}:
        version_for_writing(context, wire_id)
    planned = context.services.uploads.plan_uploads(
        [(ids.number(spec["artifact_id"], "Artifact"), spec["name"], md5_from_wire(spec["md5"])) for spec in specs]
    )
    nodes = [_planned_to_wire(context, file, spec) for file, spec in zip(planned, specs, strict=True)]
    return {"files": connections.page(nodes, offset=0, total=len(nodes))}


def _planned_to_wire(context: RequestContext, file: PlannedFile, spec: Input) -> dict[str, Any]:
    birth = file.version.version_id if file.known is None else file.known.birth_version_id
    path = f"/storage/artifacts/{file.version.version_id}/files/{file.md5}"
    answer = {
        "id": ids.encode("File", file.version.version_id, file.name), "name": file.name, "display_name": file.name,
        "storage_path": storage_path(file.version.version_id, file.md5), "size_bytes": 0 if file.known is None else file.known.size_bytes,
        "md5": md5_to_wire(file.md5), "direct_url": "", "upload_url": None, "upload_headers": [], "upload_multipart_urls": None,
        # Clients read only the id: the version that gave birth to the content (wandb.md section 12.2, step 4).
        "artifact": _BornVersion(birth),
    }  # fmt: skip
    if file.known is not None:
        return answer
    answer["upload_url"] = context.signed_url("PUT", path)
    if parts := spec.get("upload_parts_input"):
        upload_id = f"{file.version.version_id}-{file.md5}"
        answer["upload_multipart_urls"] = {
            "upload_id": upload_id,
            "upload_url_parts": [
                {"part_number": part["part_number"], "upload_url": context.signed_url("PUT", f"{path}/parts/{part['part_number']}")}
                for part in parts
            ],
        }
    return answer


class _BornVersion:
    """A version of which only the id is known."""

    def __init__(self, version_id: int) -> None:
        self.wire_id = artifact_id(version_id)


def complete_multipart(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Put uploaded parts together."""
    context = context_of(info)
    version = version_for_writing(context, input["artifact_id"])
    owner, _, md5 = input["upload_id"].partition("-")
    if owner != str(version.version_id):
        raise InvalidArgumentError("this upload belongs to another artifact")
    parts = [(int(part["part_number"]), part["hex_md5"].strip('"')) for part in input["completed_parts"]]
    context.services.uploads.complete_parts(version.version_id, md5, parts)
    return {"digest": md5_to_wire(md5)}


def commit_artifact(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Make a version visible."""
    context = context_of(info)
    version = version_for_writing(context, input["artifact_id"])
    committed = context.services.artifacts.commit(version.version_id)
    _tell(context, committed)
    return {"artifact": version_node(context, committed)}


def _tell(context: RequestContext, version: ArtifactVersion) -> None:
    run_id = version.creator_run_id
    run = None if run_id is None else context.wait(context.services.runs.get_by_id(run_id))
    if run is not None:
        event = TrackedRunChanged(run.entity, run.project, run.name, "artifacts")
        context.loop.call_soon_threadsafe(context.services.notifier.publish, event)


def use_artifact(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Note that a run uses a version."""
    context = context_of(info)
    version = version_by_id(context, input["artifact_id"])
    if version is None:
        raise NotFoundError("no such artifact")
    run = run_for_writing(context, input.get("entity_name"), input.get("project_name"), input["run_name"])
    used = context.services.artifacts.use(run.run_id, version.version_id, used_as=input.get("used_as"))
    return {"artifact": version_node(context, used)}


def update_artifact(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Change description, metadata, time to live, tags and, for clients up to 0.13, all aliases at once."""
    context = context_of(info)
    version = version_for_writing(context, input["artifact_id"])
    changes = {name: input[name] for name in ("description", "metadata", "labels") if input.get(name) is not None}
    ttl = input.get("ttl_duration_seconds")
    if ttl is not None:
        changes["ttl_seconds"] = None if ttl == _TTL_INHERIT else (TTL_NEVER if ttl < 0 else ttl)
    updated = context.services.artifacts.update(
        version.version_id,
        changes=changes,
        add_tags=[tag["tag_name"] for tag in input.get("tags_to_add") or ()],
        remove_tags=[tag["tag_name"] for tag in input.get("tags_to_delete") or ()],
        by=context.author,
    )
    if input.get("aliases") is not None:
        _replace_aliases(context, version, input["aliases"])
    return {"artifact": version_node(context, updated)}


def _replace_aliases(context: RequestContext, version: ArtifactVersion, aliases: list[Input]) -> None:
    collections = context.services.collections
    node = version_node(context, version)
    own = {node.batch.collection(member.collection_id) for member in node.batch.memberships(version.version_id)}
    by_name = {collection.name: collection.collection_id for collection in own if collection is not None}
    wanted = {
        (by_name[entry["artifact_collection_name"]], entry["alias"])
        for entry in aliases
        if entry["artifact_collection_name"] in by_name and not _is_version(entry["alias"])
    }
    present = {(alias.collection_id, alias.alias) for alias in node.batch.aliases(version.version_id)}
    collections.drop_aliases(version.version_id, sorted(present - wanted), by=context.author)
    collections.set_aliases(version.version_id, sorted(wanted - present), by=context.author)


def _is_version(alias: str) -> bool:
    return alias[:1] == "v" and alias[1:].isdigit()


def delete_artifact(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Delete a version."""
    context = context_of(info)
    version = version_for_writing(context, input["artifact_id"])
    with_aliases = bool(input.get("delete_aliases"))
    deleted = context.services.artifacts.delete(version.version_id, with_aliases=with_aliases, by=context.author)
    return {"artifact": version_node(context, deleted), "success": True}


def add_aliases(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Give a version aliases."""
    context = context_of(info)
    version = version_for_writing(context, input["artifact_id"])
    context.services.collections.set_aliases(version.version_id, _aliases_in(context, input["aliases"]), by=context.author)
    return {"success": True}


def delete_aliases(root: Any, info: GraphQLResolveInfo, *, input: Input) -> dict[str, Any]:
    """Take aliases from a version."""
    context = context_of(info)
    version = version_for_writing(context, input["artifact_id"])
    context.services.collections.drop_aliases(version.version_id, _aliases_in(context, input["aliases"]), by=context.author)
    return {"success": True}


def _aliases_in(context: RequestContext, aliases: list[Input]) -> list[tuple[int, str]]:
    found = []
    for entry in aliases:
        project = context.project(entry["entity_name"], entry["project_name"])
        collection = None if project is None else context.services.collections.named(project.project_id, entry["artifact_collection_name"])
        if project is None or collection is None:
            place = f"{entry['entity_name']}/{entry['project_name']}/{entry['artifact_collection_name']}"
            raise NotFoundError(f"no artifact collection {place}")
        context.services.accounts.check_writable(context.caller, project.entity)
        found.append((collection.collection_id, entry["alias"]))
    return found


def project_artifact(
    node: ProjectNode, info: GraphQLResolveInfo, *, name: str, enable_tracking: bool | None = None
) -> VersionNode | None:
    """Return the version that `collection:alias` names in a project, or None."""
    context = context_of(info)
    context.settle_tasks(node.project.project_id)
    found = context.services.collections.resolve(node.project.project_id, name)
    version = None if found is None else context.services.artifacts.get(found[1].version_id)
    return None if version is None else version_node(context, version)


FIELDS: FieldTable = {
    "Mutation": {
        "createArtifact": create_artifact, "createArtifactManifest": create_manifest, "updateArtifactManifest": update_manifest,
        "createArtifactFiles": create_files, "completeMultipartUploadArtifact": complete_multipart, "commitArtifact": commit_artifact,
        "useArtifact": use_artifact, "updateArtifact": update_artifact, "deleteArtifact": delete_artifact, "addAliases": add_aliases,
        "deleteAliases": delete_aliases,
    },
    "Project": {"artifact": project_artifact},
}  # fmt: skip
