"""Projects: look-up, lists, changes; registries as far as they are projects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.api.wandb import ids
from penstock.api.wandb.context import RequestContext
from penstock.api.wandb.fields import FieldTable
from penstock.api.wandb.nodes import ProjectNode, UserNode
from penstock.api.wandb.resolvers.accounts import context_of, list_projects
from penstock.domain.accounts import EntityKind
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.tracking import TrackedProject, TrackedProjectId
from penstock.domain.versions import REGISTRY_PREFIX

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

_SETTINGS = ("framework", "access", "repo", "views", "is_benchmark", "is_published", "docker_image")
_DEFAULT_ROLE = "admin"


def project(root: Any, info: GraphQLResolveInfo, *, name: str | None = None, entity_name: str | None = None) -> ProjectNode | None:
    """Return a project, or None."""
    found = context_of(info).project(entity_name, name)
    return None if found is None else ProjectNode(found)


def projects(
    root: Any, info: GraphQLResolveInfo, *, entity_name: str | None = None, after: str | None = None, first: int | None = None, **rest: Any
) -> dict[str, Any]:
    """Return an entity's projects by name."""
    context = context_of(info)
    return list_projects(context, context.entity_name(entity_name), first=first, after=after)


def upsert_model(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Make or change a project; a registry is one with types."""
    context = context_of(info)
    if input.get("id"):
        known = project_by_id(context, input["id"])
        input = {**input, "entity_name": known.entity, "name": input.get("name") or known.name}  # noqa: A001
    owner = context.services.accounts.open_for_writing(context.caller, input.get("entity_name"))
    settings = {name: input[name] for name in _SETTINGS if input.get(name) is not None}
    found, inserted = context.wait(
        context.services.projects.upsert(
            owner, input.get("name"), user_name=context.caller.user_name, description=input.get("description"), settings=settings
        )
    )
    if found.name.startswith(REGISTRY_PREFIX):
        registries = context.services.registries
        allows_all = input.get("allow_all_artifact_types_in_registry")
        registries.make(
            found.project_id,
            allow_all_types=registries.allows_all_types(found.project_id) if allows_all is None else allows_all,
            type_names=[entry["name"] for entry in input.get("artifact_types") or ()],
        )
    context.forget_projects()
    return {"model": ProjectNode(found), "project": ProjectNode(found), "inserted": inserted}


def rename_project(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Rename a project."""
    context = context_of(info)
    known = context.project(input["entity_name"], input["old_project_name"])
    if known is None:
        raise NotFoundError(f"no project {input['entity_name']}/{input['old_project_name']}")
    context.services.accounts.check_writable(context.caller, known.entity)
    renamed = context.wait(context.services.projects.rename(known.project_id, input["new_project_name"]))
    context.forget_projects()
    return {"project": ProjectNode(renamed), "model": ProjectNode(renamed), "inserted": False}


def delete_model(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Delete a project with its runs."""
    context = context_of(info)
    known = project_by_id(context, input["id"])
    context.services.accounts.check_writable(context.caller, known.entity)
    context.wait(context.services.projects.delete(known.project_id))
    context.forget_projects()
    return {"success": True}


def project_by_id(context: RequestContext, wire_id: str) -> TrackedProject:
    """Return the project that a wire id (`Project:v1:name:entity` or `ProjectInternalId:number`) names.

    Raises:
        NotFoundError: there is none.
        InvalidArgumentError: it is the id of something else.
    """
    kind, parts = ids.decode(wire_id)
    if kind == "ProjectInternalId":
        found = context.wait(context.services.projects.get_by_id(TrackedProjectId(ids.number(wire_id, "ProjectInternalId"))))
    elif kind == "Project" and len(parts) == 3:
        found = context.project(parts[2], parts[1])
    else:
        raise InvalidArgumentError(f"{wire_id!r} is not the id of a project")
    if found is None or not context.can_read(found.entity):
        raise NotFoundError("no such project")
    return found


def project_for_writing(context: RequestContext, entity: str | None, name: str | None) -> TrackedProject:
    """Return a project to write to, made when missing.

    Raises:
        PermissionDeniedError: its entity is another user's.
        InvalidArgumentError: a name is not allowed.
    """
    owner = context.services.accounts.open_for_writing(context.caller, entity)
    known = context.project(owner, name)
    if known is None:
        known, _ = context.wait(context.services.projects.upsert(owner, name, user_name=context.caller.user_name))
        context.forget_projects()
    return known


def _members(node: ProjectNode, info: GraphQLResolveInfo) -> list[dict[str, Any]]:
    accounts = context_of(info).services.accounts
    roles = context_of(info).services.registries.members(node.project.project_id)
    people = {person.entity_id: person for person in accounts.users()}
    # Who made the registry administers it, whether or not somebody wrote that down.
    owners = {person.entity_id: _DEFAULT_ROLE for person in people.values() if person.name == node.project.user_name}
    return [
        {
            "id": ids.encode("User", entity_id), "name": people[entity_id].name, "username": people[entity_id].name,
            "email": accounts.email(people[entity_id].name), "role": {"name": role},
        }
        for entity_id, role in (owners | dict(roles)).items()
        if entity_id in people
    ]  # fmt: skip


def _team_members(node: ProjectNode, info: GraphQLResolveInfo) -> list[dict[str, Any]]:
    accounts = context_of(info).services.accounts
    roles = context_of(info).services.registries.members(node.project.project_id)
    teams = [(accounts.entity_by_id(entity_id), role) for entity_id, role in roles.items()]
    return [{"team": team, "role": {"name": role}} for team, role in teams if team is not None and team.kind is not EntityKind.USER]


def _set_members(info: GraphQLResolveInfo, data: dict[str, Any], role: str | None) -> dict[str, Any]:
    context = context_of(info)
    known = project_by_id(context, data["project_id"])
    context.services.accounts.check_writable(context.caller, known.entity)
    for wire_id in [*(data.get("user_ids") or ()), *(data.get("team_ids") or ())]:
        entity_id = ids.number(wire_id, "User", "Entity")
        if context.services.accounts.entity_by_id(entity_id) is None:
            raise NotFoundError(f"there is no user or team with the id {wire_id!r}")
        if role is None:
            context.services.registries.drop_member(known.project_id, entity_id)
        else:
            context.services.registries.set_member(known.project_id, entity_id, role)
    return {"success": True}


def create_members(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Add members to a registry."""
    return _set_members(info, input, "member")


def delete_members(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Remove members from a registry."""
    return _set_members(info, input, None)


def update_member(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Change a user's role."""
    return _set_members(info, {"project_id": input["project_id"], "user_ids": [input["user_id"]]}, input["user_project_role"])


def update_team_member(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Change a team's role."""
    return _set_members(info, {"project_id": input["project_id"], "team_ids": [input["team_id"]]}, input["team_project_role"])


def _run_count(node: ProjectNode, info: GraphQLResolveInfo, *, filters: str | None = None) -> int:
    context = context_of(info)
    return context.wait(context.services.runs.count(node.project, filters))


def _allows_all_types(node: ProjectNode, info: GraphQLResolveInfo) -> bool:
    return context_of(info).services.registries.allows_all_types(node.project.project_id)


def _setting(name: str, default: Any = None) -> Any:
    return lambda node, info: node.project.settings.get(name, default)


FIELDS: FieldTable = {
    "Query": {"project": project, "model": project, "models": projects, "projects": projects},
    "Mutation": {
        "upsertModel": upsert_model, "renameProject": rename_project, "deleteModel": delete_model, "createProjectMembers": create_members,
        "deleteProjectMembers": delete_members, "updateProjectMember": update_member, "updateProjectTeamMember": update_team_member,
    },
    "Project": {
        "id": lambda node, info: ids.encode("Project", "v1", node.project.name, node.project.entity),
        "internalId": lambda node, info: ids.encode("ProjectInternalId", node.project.project_id),
        "name": lambda node, info: node.project.name,
        "entityName": lambda node, info: node.project.entity,
        "entity": lambda node, info: owner_of(context_of(info), node.project.entity),
        "description": lambda node, info: node.project.description if node.project.is_described else None,
        "createdAt": lambda node, info: node.project.created_at,
        "updatedAt": lambda node, info: node.project.updated_at,
        "isBenchmark": lambda node, info: bool(node.project.settings.get("is_benchmark")),
        "isPublished": _setting("is_published", False),
        "user": lambda node, info: UserNode(node.project.user_name or node.project.entity),
        "readOnly": lambda node, info: False,
        "access": _setting("access", "PRIVATE"),
        "views": _setting("views", "{}"),
        "repo": _setting("repo"),
        "dockerImage": _setting("docker_image"),
        "framework": _setting("framework"),
        "tags": lambda node, info: [],
        "totalRuns": _run_count,
        "runCount": _run_count,
        "allowAllArtifactTypesInRegistry": _allows_all_types,
        "members": _members,
        "teamMembers": _team_members,
        "runQueues": lambda node, info: [],
    },
}  # fmt: skip


def owner_of(context: RequestContext, entity: str) -> Any:
    """Return the entity that owns a project; one whose record is missing is a team."""
    known = context.services.accounts.entity(entity)
    return known if known is not None else {"id": ids.encode("Entity", 0), "name": entity, "kind": EntityKind.TEAM}


__all__ = ["FIELDS", "owner_of", "project_by_id", "project_for_writing"]
