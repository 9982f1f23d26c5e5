"""Reports and custom charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.api.wandb import connections, ids
from penstock.api.wandb.context import RequestContext
from penstock.api.wandb.fields import FieldTable
from penstock.api.wandb.nodes import ProjectNode, UserNode
from penstock.api.wandb.resolvers.accounts import context_of
from penstock.api.wandb.resolvers.projects import project_for_writing
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.reports import COMMENT_KIND, FROZEN_KIND, Report
from penstock.domain.tracking import TrackedProject, TrackedProjectId
from penstock.tracking.reports import CHART_KIND

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

_DEFAULT_TYPE = "runs"


def view(root: Any, info: GraphQLResolveInfo, *, id: str) -> Report | None:
    """Return a report by id, or None."""
    context = context_of(info)
    found = context.services.reports.get(ids.number(id, "View"))
    project = None if found is None else _project(context, found)
    is_seen = found is not None and found.kind != FROZEN_KIND
    return found if is_seen and project is not None and context.can_read(project.entity) else None


def upsert_view(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Make or change a report."""
    context = context_of(info)
    reports = context.services.reports
    if input.get("type") == FROZEN_KIND:
        raise InvalidArgumentError(f"reports of the type {FROZEN_KIND} are made on the pages of this server")
    words = {name: input.get(name) for name in ("name", "display_name", "description", "spec")}
    if input.get("id"):
        known = _writable(context, input["id"])
        if input.get("type") == COMMENT_KIND and known.kind != COMMENT_KIND:
            raise InvalidArgumentError("a report does not become a comment: it would be one in its author's name")
        return {"view": reports.change(known.report_id, kind=input.get("type"), **words, is_locked=input.get("locked")), "inserted": False}
    project = project_for_writing(context, input.get("entity_name"), input.get("project_name"))
    made = reports.create(
        project.project_id,
        context.caller.user_name,
        kind=input.get("type") or _DEFAULT_TYPE,
        name=words["name"] or words["display_name"] or "report",
        display_name=words["display_name"] or "",
        description=words["description"] or "",
        spec=words["spec"] or "{}",
    )
    return {"view": made, "inserted": True}


def delete_view(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Delete a report, or a comment of one's own.

    No drafts hang on it, since a draft is a report of its own (wandb-workspaces 0.4.13 asks for them).
    """
    context = context_of(info)
    is_deleted = context.services.reports.delete(_writable(context, input.get("id") or "").report_id)
    return {"success": is_deleted, "pending_drafts": []}


def create_custom_chart(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Keep the definition of a custom chart with the caller's reports."""
    context = context_of(info)
    project = project_for_writing(context, input["entity"], None)
    made = context.services.reports.create(
        project.project_id,
        context.caller.user_name,
        kind=CHART_KIND,
        name=input["name"],
        display_name=input["display_name"],
        spec=input["spec"],
    )
    return {"chart": {"id": f"{input['entity']}/{made.name}"}}


def _writable(context: RequestContext, wire_id: str) -> Report:
    known = context.services.reports.get(ids.number(wire_id, "View"))
    project = None if known is None else _project(context, known)
    if known is None or project is None or known.kind == FROZEN_KIND:
        raise NotFoundError("no such report")
    context.services.accounts.check_writable(context.caller, project.entity)
    known.check_changeable_by(context.caller)
    return known


def _project(context: RequestContext, report: Report) -> TrackedProject | None:
    return context.wait(context.services.projects.get_by_id(TrackedProjectId(report.project_id)))


def _all_views(
    node: ProjectNode,
    info: GraphQLResolveInfo,
    *,
    view_type: str | None = None,
    view_name: str | None = None,
    user_name: str | None = None,
    after: str | None = None,
    first: int | None = None,
) -> dict[str, Any]:
    offset, size = connections.window(after, first)
    if view_type == FROZEN_KIND:
        return connections.page([], offset=offset, total=0)
    found, total = context_of(info).services.reports.list(
        node.project.project_id, kind=view_type, name=view_name, user_name=user_name, offset=offset, limit=size
    )
    return connections.page(found, offset=offset, total=total)


def _view_project(report: Report, info: GraphQLResolveInfo) -> ProjectNode | None:
    project = _project(context_of(info), report)
    return None if project is None else ProjectNode(project)


FIELDS: FieldTable = {
    "Query": {"view": view},
    "Mutation": {"upsertView": upsert_view, "deleteView": delete_view, "createCustomChart": create_custom_chart},
    "Project": {"allViews": _all_views},
    "View": {
        "type": lambda report, info: report.kind,
        "id": lambda report, info: ids.encode("View", report.report_id),
        "project": _view_project,
        "user": lambda report, info: UserNode(report.user_name),
        "viewCount": lambda report, info: 0,
        "locked": lambda report, info: report.is_locked,
    },
}
