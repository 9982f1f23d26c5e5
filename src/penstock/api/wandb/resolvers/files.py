"""Run files: upload and download addresses, lists, removal (wandb.md section 8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.api.wandb import connections, ids
from penstock.api.wandb.fields import FieldTable
from penstock.api.wandb.nodes import RunNode
from penstock.api.wandb.resolvers.accounts import context_of
from penstock.api.wandb.resolvers.runs import run_for_writing
from penstock.api.wandb.scalars import md5_to_wire
from penstock.domain.tracking import RunFile, TrackedRun
from penstock.tracking.files import normalized_file_name

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo


@dataclass(frozen=True, slots=True)
class RunFileNode:
    """A file of a run in an answer."""

    run: TrackedRun
    file: RunFile

    @property
    def path(self) -> str:
        """Address of the file from the root of the server, decoded."""
        return run_file_path(self.run, self.file.name)


def run_file_path(run: TrackedRun, name: str) -> str:
    """Return the address of a run's file from the root of the server, decoded."""
    return f"/files/{run.entity}/{run.project}/{run.name}/{name}"


def create_run_files(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Return upload addresses for files, in the order and under the names asked for."""
    context = context_of(info)
    run = run_for_writing(context, input["entity_name"], input["project_name"], input["run_name"])
    files = [
        {
            "id": ids.encode("File", 0), "name": name, "display_name": name, "size_bytes": 0, "upload_headers": [],
            "upload_url": context.signed_url("PUT", run_file_path(run, normalized_file_name(name))),
        }
        for name in input["files"]
    ]  # fmt: skip
    return {"run_id": ids.encode("Run", "v1", run.name, run.project, run.entity), "upload_headers": [], "files": files}


def mark_uploaded(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Acknowledge: the upload itself registered the files."""
    context = context_of(info)
    run_for_writing(context, input["entity_name"], input["project_name"], input["run_name"])
    return {"success": True}


def delete_files(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Remove files of runs; ids of files that are gone are ignored."""
    context = context_of(info)
    services = context.services
    wanted = [ids.number(wire_id, "File") for wire_id in input["files"]]
    for file_id in wanted:
        file = context.wait(services.files.get_by_id(file_id))
        run = None if file is None else context.wait(services.runs.get_by_id(file.run_id))
        if run is not None:
            services.accounts.check_writable(context.caller, run.entity)
    context.wait(services.files.delete(wanted))
    return {"success": True}


def files(
    node: RunNode,
    info: GraphQLResolveInfo,
    *,
    names: list[str | None] | None = None,
    after: str | None = None,
    first: int | None = None,
    pattern: str | None = None,
    upload: bool | None = None,
) -> dict[str, Any]:
    """Return a run's files by name; with `names` one per name, also for files that do not exist yet."""
    context = context_of(info)
    found = context.wait(context.services.files.list(node.run.run_id, names=names, pattern=pattern, after=after, limit=first))
    edges = [{"node": RunFileNode(node.run, file), "cursor": file.name} for file in found.files]
    return connections.connection(edges, has_next=found.has_next, has_previous=bool(after), upload_headers=[], run_id=node.run.run_id)


def _total_count(source: dict[str, Any], info: GraphQLResolveInfo) -> int | None:
    if "total_count" in source:
        return int(source["total_count"])
    return context_of(info).wait(context_of(info).services.files.count(source["run_id"])) if "run_id" in source else None


def _url(node: Any, info: GraphQLResolveInfo, *, upload: bool | None = None) -> Any:
    """Return an address for download or, for clients up to 0.13, for upload; both carry their authorisation."""
    if not isinstance(node, RunFileNode):
        return node.get("url")
    if upload:
        context_of(info).services.accounts.check_writable(context_of(info).caller, node.run.entity)
        return context_of(info).signed_url("PUT", node.path)
    return context_of(info).signed_url("GET", node.path)


def _field(name: str, of_run_file: Any) -> Any:
    """Return a resolver: run files are nodes, artifact files ready dictionaries."""
    return lambda node, info: of_run_file(node) if isinstance(node, RunFileNode) else node.get(name)


def _md5(node: RunFileNode) -> str | None:
    """Return the digest; "0" of a file that does not exist, by which `wandb.restore` knows that there is none."""
    if not node.file.file_id:
        return "0"
    return md5_to_wire(node.file.md5) if node.file.md5 else None


FIELDS: FieldTable = {
    "Mutation": {"createRunFiles": create_run_files, "markRunFilesUploaded": mark_uploaded, "deleteFiles": delete_files},
    "Run": {
        "files": files,
        "fileCount": lambda node, info: context_of(info).wait(context_of(info).services.files.count(node.run.run_id)),
    },
    "FileConnection": {"totalCount": _total_count},
    "File": {
        "id": _field("id", lambda node: ids.encode("File", node.file.file_id)),
        "name": _field("name", lambda node: node.file.name),
        "displayName": _field("display_name", lambda node: node.file.name),
        "url": _url,
        "directUrl": lambda node, info: _url(node, info) if isinstance(node, RunFileNode) else node.get("direct_url"),
        "uploadUrl": lambda node, info: _url(node, info, upload=True) if isinstance(node, RunFileNode) else node.get("upload_url"),
        "uploadHeaders": _field("upload_headers", lambda node: []),
        "sizeBytes": _field("size_bytes", lambda node: node.file.size_bytes),
        "mimetype": _field("mimetype", lambda node: node.file.mimetype or None),
        "updatedAt": _field("updated_at", lambda node: node.file.updated_at),
        "createdAt": _field("created_at", lambda node: node.file.updated_at),
        "md5": _field("md5", _md5),
        "digest": _field("digest", _md5),
        "storagePath": _field("storage_path", lambda node: node.path),
        "artifact": _field("artifact", lambda node: None),
    },
}

__all__ = ["FIELDS", "RunFileNode", "run_file_path"]
