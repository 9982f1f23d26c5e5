"""Users, keys, entities, the organization, server information."""

from __future__ import annotations

import functools
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import penstock
from penstock.api.wandb import connections, ids
from penstock.api.wandb.context import RequestContext
from penstock.api.wandb.fields import FieldTable, Resolver
from penstock.api.wandb.nodes import OrganizationNode, ProjectNode, UserNode
from penstock.api.wandb.selections import selects
from penstock.domain.accounts import ApiKey, Entity, EntityKind, Role
from penstock.domain.errors import AlreadyExistsError, NotFoundError, PenstockError, PermissionDeniedError
from penstock.domain.tracking import TrackedProjectId
from penstock.tracking.accounts import ORGANIZATION, ORGANIZATION_ENTITY

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

_FEATURES = (
    "STRUCTURED_CONSOLE_LOGS", "FILESTREAM_GZIP", "MARK_RUN_FILES_UPLOADED", "USE_ARTIFACT_WITH_ENTITY_AND_PROJECT_INFORMATION",
    "ARTIFACT_MEMBERSHIP_IN_LINK_ARTIFACT_RESPONSE", "ARTIFACT_V2_DOWNLOAD_HANDLER_SUPPORTS_ARTIFACT_ID",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_HANDLER", "ARTIFACT_TAGS", "CLIENT_IDS", "LARGE_FILENAMES",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILES", "PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP", "TOTAL_COUNT_IN_FILE_CONNECTION",
    "ARTIFACT_COLLECTIONS_FILTERING_SORTING", "UPDATE_RUN_STATE", "ARTIFACT_REGISTRY_SEARCH", "INCLUDE_ARTIFACT_TYPES_IN_REGISTRY_CREATION",
    "SWEEPS_QUERY_FILTERING", "AUTOMATION_ACTION_NO_OP", "AUTOMATION_SCOPE_ENTITY", "AUTOMATION_EVENT_RUN_METRIC",
    "AUTOMATION_EVENT_RUN_METRIC_CHANGE", "AUTOMATION_EVENT_RUN_METRIC_ZSCORE", "AUTOMATION_EVENT_RUN_STATE",
    "AUTOMATION_EVENT_ADD_ARTIFACT_TAG", "AUTOMATION_EVENT_REMOVE_ARTIFACT_TAG", "AUTOMATION_EVENT_ADD_COLLECTION_TAG",
    "AUTOMATION_EVENT_REMOVE_COLLECTION_TAG", "AUTOMATION_EVENT_UNLINK_ARTIFACT", "QUERY_AUTOMATIONS_ON_ENTITY",
    "AUTOMATIONS_ON_ORGANIZATION",
)  # fmt: skip
"""Names that clients of 0.19 and later look for; what each switches on is in wandb.md section 5."""
_PUBLIC_CLIENT = re.compile(r"W&B Public Client (\d+)\.(\d+)")
_FIRST_WITH_OWN_KEY = 26
_NEWEST_CLIENT = "99.0.0"


def context_of(info: GraphQLResolveInfo) -> RequestContext:
    """Return the request's context."""
    context: RequestContext = info.context
    return context


def viewer(root: Any, info: GraphQLResolveInfo) -> UserNode:
    """Return the caller."""
    return UserNode(context_of(info).caller.user_name)


def user(root: Any, info: GraphQLResolveInfo, *, user_name: str) -> UserNode | None:
    """Return a user by name, or None."""
    entity_ = context_of(info).services.accounts.find_user(user_name)
    return None if entity_ is None else UserNode(entity_.name)


def users(root: Any, info: GraphQLResolveInfo, *, query: str | None = None, usernames: list[str] | None = None) -> dict[str, Any]:
    """Return users whose name or address contains `query`, or who are named."""
    accounts = context_of(info).services.accounts
    names = [entity_.name for entity_ in accounts.users()]
    wanted = (query or "").lower()
    found = [
        name for name in names if (name in usernames if usernames else wanted in name.lower() or wanted in accounts.email(name).lower())
    ]
    return connections.page([UserNode(name) for name in found], offset=0, total=len(found))


def entity(root: Any, info: GraphQLResolveInfo, *, name: str | None = None) -> Entity | None:
    """Return an entity; a name that nobody has used yet could become a team, but is None until then."""
    context = context_of(info)
    accounts = context.services.accounts
    wanted = context.entity_name(name)
    if wanted == context.caller.user_name:
        return accounts.personal_entity(wanted)
    return accounts.entity(wanted)


def organization(root: Any, info: GraphQLResolveInfo, *, name: str) -> OrganizationNode | None:
    """Return the organization under either of its names."""
    return OrganizationNode(ORGANIZATION) if name in {ORGANIZATION, ORGANIZATION_ENTITY} else None


def _org_entity(node: OrganizationNode, info: GraphQLResolveInfo) -> Entity | None:
    return context_of(info).services.accounts.entity(ORGANIZATION_ENTITY)


def server_info(root: Any, info: GraphQLResolveInfo) -> dict[str, Any]:
    """Return versions and features."""
    version = penstock.__version__
    return {
        # Clients warn when the server knows only older ones; this server follows the newest.
        "cli_version_info": {"max_cli_version": _NEWEST_CLIENT, "min_cli_version": "0.10.0"},
        "latest_local_version_info": {"out_of_date": False, "latest_version_string": version, "version_on_this_instance_string": version},
        "exposes_explicit_run_queue_ack_path": True,
        "features": [{"name": name, "is_enabled": True} for name in _FEATURES],
        "frontend_host": context_of(info).base_url,
    }


def _user_id(node: UserNode, info: GraphQLResolveInfo) -> str:
    return ids.encode("User", context_of(info).services.accounts.personal_entity(node.name).entity_id)


def _own_entity(node: UserNode, info: GraphQLResolveInfo) -> Entity:
    return context_of(info).services.accounts.personal_entity(node.name)


def _api_keys(node: UserNode, info: GraphQLResolveInfo, **page: Any) -> dict[str, Any]:
    context = context_of(info)
    keys = context.services.keys.list(node.name) if node.name == context.caller.user_name else []
    if _needs_own_key(context):
        keys.sort(key=lambda key: key.key_id != context.caller.key_id)
    return connections.page(keys, offset=0, total=len(keys))


def _teams(node: UserNode, info: GraphQLResolveInfo, **page: Any) -> dict[str, Any]:
    accounts = context_of(info).services.accounts
    # The entity that the registries belong to is no team that anybody logs to.
    shared = [entity_ for entity_ in accounts.teams() if entity_.name != ORGANIZATION_ENTITY]
    teams = [accounts.personal_entity(node.name), *shared]
    return connections.page(teams, offset=0, total=len(teams))


def _user_projects(
    node: UserNode, info: GraphQLResolveInfo, *, entity_name: str | None = None, first: int | None = None, after: str | None = None
) -> dict[str, Any]:
    if selects(info, "triggers"):
        return automated_projects(context_of(info), entity_name, first=first, after=after)
    return list_projects(context_of(info), entity_name or node.name, first=first, after=after)


def automated_projects(context: RequestContext, owner: str | None, *, first: int | None, after: str | None) -> dict[str, Any]:
    """Return the projects that have automations, newest automation first, of one entity or of all that the caller may see.

    Clients walk projects to find automations, and give up at the first page that holds none: of many projects without any, the pages
    after the first were never asked for.
    """
    found = reversed(context.services.automations.list(entity=owner))
    ids_ = dict.fromkeys(entry.project_id for entry in found if entry.project_id is not None)
    projects = [context.wait(context.services.projects.get_by_id(TrackedProjectId(project_id))) for project_id in ids_]
    nodes = [ProjectNode(project) for project in projects if project is not None and context.can_read(project.entity)]
    return connections.cut(nodes, after, first)


def list_projects(context: RequestContext, owner: str, *, first: int | None, after: str | None) -> dict[str, Any]:
    """Return the connection of an entity's projects, by name; cursors are names."""
    if not context.can_read(owner):
        return connections.page([], offset=0, total=0)
    projects, has_next = context.wait(context.services.projects.list(owner, after=after or None, limit=first or 1000))
    edges = [{"node": ProjectNode(project), "cursor": project.name} for project in projects]
    return connections.connection(edges, has_next=has_next, total_count=len(edges))


def _key_name(key: ApiKey, info: GraphQLResolveInfo) -> str:
    # The full key is never stored; its first characters name it, as the original does, so that users can tell which is which.
    context = context_of(info)
    fresh = context.fresh_key
    if fresh is not None and fresh.key.key_id == key.key_id:
        return fresh.text
    return context.key_text if _needs_own_key(context) and key.key_id == context.caller.key_id else key.prefix


def _needs_own_key(context: RequestContext) -> bool:
    """Whether the client is one that signs in anew with the name of the user's first key before it makes another (up to 0.25).

    It is told the key that it has just sent and no other one.
    """
    found = _PUBLIC_CLIENT.match(context.user_agent)
    return found is not None and int(found[1]) == 0 and int(found[2]) < _FIRST_WITH_OWN_KEY


def generate_api_key(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Make a key for the caller; its full text is the `name` in this one answer."""
    context = context_of(info)
    _refuse_task_keys(context)
    context.fresh_key = context.services.keys.make(context.caller.user_name, description=input.get("description") or "")
    return {"api_key": context.fresh_key.key}


def delete_api_key(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Revoke one of the caller's keys."""
    context = context_of(info)
    _refuse_task_keys(context)
    kind, parts = ids.decode(input["id"])
    own = {key.key_id for key in context.services.keys.list(context.caller.user_name)}
    if kind != "ApiKey" or not parts or parts[0] not in own:
        raise NotFoundError("you have no such API key")
    context.services.keys.revoke(parts[0])
    return {"success": True}


def _told_by_status(resolve: Resolver) -> Resolver:
    """Answer what `resolve` refuses with a status, too: clients up to 0.26 catch that and nothing else, and return False or None."""

    @functools.wraps(resolve)
    def resolved(root: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        try:
            return resolve(root, info, **arguments)
        except PenstockError as error:
            context_of(info).http_status = HTTPStatus.CONFLICT if isinstance(error, AlreadyExistsError) else HTTPStatus.BAD_REQUEST
            raise

    return resolved


def _refuse_task_keys(context: RequestContext) -> None:
    if context.caller.scope:
        raise PermissionDeniedError("the key of a pipeline task cannot manage keys")


def update_user(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Answer the viewer: user settings of the original's web pages have no meaning here."""
    return {"user": viewer(root, info)}


def create_team(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Make a team."""
    context = context_of(info)
    name = context.services.accounts.open_for_writing(context.caller, input["team_name"])
    return {"entity": context.services.accounts.entity(name)}


def create_user(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Make a user."""
    context = context_of(info)
    _refuse_task_keys(context)
    return {"user": UserNode(context.services.accounts.add_user(input["email"]).name)}


def create_invite(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Invite a user to a team: every user of this server belongs to its teams, so all that it takes is that both exist."""
    context = context_of(info)
    _refuse_task_keys(context)
    accounts = context.services.accounts
    wanted = input.get("username") or input.get("email") or ""
    team, invited = accounts.entity(input["entity_name"]), accounts.find_user(wanted)
    if team is None or team.kind is EntityKind.USER:
        raise NotFoundError(f"there is no team {input['entity_name']!r}")
    if invited is None:
        raise NotFoundError(f"there is no user {wanted!r}; Api().create_user makes one")
    invite_id = ids.encode("Invite", f"{team.entity_id}-{invited.entity_id}")
    return {
        "invite": {
            "id": invite_id, "name": invited.name, "email": accounts.email(invited.name), "created_at": invited.created_at,
            "to_user": UserNode(invited.name),
        }
    }  # fmt: skip


def delete_invite(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Refuse: nobody can be kept out of a team.

    Raises:
        PermissionDeniedError: always.
    """
    raise PermissionDeniedError("every user of this server belongs to all of its teams")


def create_service_account(root: Any, info: GraphQLResolveInfo, *, input: dict[str, Any]) -> dict[str, Any]:
    """Make a user for programs with a key of its own, which the team's list of members shows."""
    context = context_of(info)
    _refuse_task_keys(context)
    accounts = context.services.accounts
    accounts.open_for_writing(context.caller, input["entity_name"])
    made = accounts.add_service_account(input["description"])
    context.services.keys.adopt(accounts.service_key(made.name) or "", made.name, description=input["description"])
    return {"user": UserNode(made.name)}


def _entity_project(entity_: Entity, info: GraphQLResolveInfo, *, name: str | None = None) -> ProjectNode | None:
    project = context_of(info).project(entity_.name, name)
    return None if project is None else ProjectNode(project)


def _members(entity_: Entity, info: GraphQLResolveInfo) -> list[dict[str, Any]]:
    context = context_of(info)
    accounts = context.services.accounts
    # The newest comes last: clients take it for the service account that they have just made.
    people = [entity_] if entity_.kind is EntityKind.USER else sorted(accounts.users(), key=lambda person: person.entity_id)
    members = []
    for person in people:
        key, role = accounts.service_key(person.name), Role.ADMIN if person.name == accounts.default_user else person.role
        members.append(
            {
                "id": ids.encode("User", person.entity_id), "admin": role is Role.ADMIN, "role": role.value,
                "pending": False, "name": person.name, "username": person.name, "email": accounts.email(person.name),
                "account_type": "USER" if key is None else "SERVICE", "api_key": key if context.caller.role is Role.ADMIN else None,
            }
        )  # fmt: skip
    return members


def _account_type(node: UserNode, info: GraphQLResolveInfo) -> str:
    return "USER" if context_of(info).services.accounts.service_key(node.name) is None else "SERVICE"


def _is_admin(node: UserNode, info: GraphQLResolveInfo) -> bool:
    accounts = context_of(info).services.accounts
    known = accounts.entity(node.name)
    return node.name == accounts.default_user or (known is not None and known.role is Role.ADMIN)


def _is_team(entity_: Entity, info: GraphQLResolveInfo) -> bool:
    return entity_.kind is not EntityKind.USER


def _entity_organization(entity_: Entity, info: GraphQLResolveInfo) -> OrganizationNode | None:
    # Personal entities answer null, as the original does; clients then ask for `user.organizations` (wandb.md section 11).
    return None if entity_.kind is EntityKind.USER else OrganizationNode(ORGANIZATION)


FIELDS: FieldTable = {
    "Query": {
        "viewer": viewer, "user": user, "users": users, "entity": entity, "organization": organization, "serverInfo": server_info,
    },
    "Mutation": {
        "generateApiKey": generate_api_key, "deleteApiKey": delete_api_key, "updateUser": update_user, "createTeam": create_team,
        "createUser": create_user, "createInvite": _told_by_status(create_invite), "deleteInvite": _told_by_status(delete_invite),
        "createServiceAccount": _told_by_status(create_service_account),
    },
    "User": {
        "id": _user_id,
        "username": lambda node, info: node.name,
        "email": lambda node, info: context_of(info).services.accounts.email(node.name),
        "admin": _is_admin,
        "flags": lambda node, info: "{}",
        "entity": lambda node, info: node.name,
        "userEntity": _own_entity,
        "defaultEntity": _own_entity,
        "accountType": _account_type,
        "apiKeys": _api_keys,
        "teams": _teams,
        "projects": _user_projects,
        "organizations": lambda node, info: [OrganizationNode(ORGANIZATION)],
        "capped": lambda node, info: False,
        "userInfo": lambda node, info: "{}",
    },
    "ApiKey": {"id": lambda key, info: ids.encode("ApiKey", key.key_id), "name": _key_name},
    "Entity": {
        "id": lambda entity_, info: ids.encode("Entity", entity_.entity_id),
        "available": lambda entity_, info: True,
        "readOnly": lambda entity_, info: context_of(info).caller.role is Role.VIEWER,
        "readOnlyAdmin": lambda entity_, info: False,
        "isTeam": _is_team,
        "entityType": lambda entity_, info: {"user": "user", "team": "team"}.get(entity_.kind.value, "organization"),
        "privateOnly": lambda entity_, info: False,
        "storageBytes": lambda entity_, info: 0,
        "codeSavingEnabled": lambda entity_, info: True,
        "defaultAccess": lambda entity_, info: "PRIVATE",
        "isPaid": lambda entity_, info: True,
        "members": _members,
        "organization": _entity_organization,
        "user": lambda entity_, info: UserNode(entity_.name) if entity_.kind is EntityKind.USER else None,
        "project": _entity_project,
        "settings": lambda entity_, info: {"id": ids.encode("EntitySettings", entity_.entity_id), "open_to_teams": True},
        "xxhashDigestsEnabled": lambda entity_, info: False,
        "artifactTTLDurationSeconds": lambda entity_, info: None,
    },
    "Organization": {
        "id": lambda node, info: ids.encode("Organization", 1),
        "orgEntity": _org_entity,
        "featureFlags": lambda node, info, ramp_id_type: [],
        "advancedRegistryFeatures": lambda node, info: {"advanced_search": False},
    },
}  # fmt: skip
