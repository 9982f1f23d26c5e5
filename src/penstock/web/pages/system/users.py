"""System > Users: who may use this server and as what, their keys, invitations. For administrators (`api.policy`)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.accounts import Account, ApiKey, Caller, Invite, Role
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.web.render import Crumb, Frame, Notice, redirect, render
from penstock.web.security import check_own_form
from penstock.web.services.tracking import TrackingServices, caller_of
from penstock.web.services.web import WebServices

PLACE = "/ui/system/users"
ROLES: Mapping[Role, str] = {
    Role.ADMIN: "Also users, secrets, backups and this system.",
    Role.MEMBER: "Runs and records; everything but what is an administrator's.",
    Role.VIEWER: "Reads only.",
}
"""Role -> what it means, most first."""
_MAX_DESCRIPTION = 200


@dataclass(frozen=True, slots=True)
class UsersPage:
    """Context of `system/users.html`."""

    accounts: Sequence[Account]
    """By name."""
    keys: Mapping[str, Sequence[ApiKey]]
    """User name -> keys in force, newest first; never their texts."""
    invites: Sequence[Invite]
    """That wait to be accepted."""
    me: str
    """Who looks at the page."""
    key_of: str = ""
    """Whose key was just made."""
    new_key: str = ""
    """Its text, shown this once."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What its clients read."""
    invited: str = ""
    """Who was just invited."""
    link: str = ""
    """Address of the invitation, shown this once."""
    roles: Mapping[Role, str] = field(default_factory=lambda: ROLES)


async def _page(services: WebServices, tracking: TrackingServices, request: Request, **made: object) -> Response:
    keys = await asyncio.to_thread(tracking.keys.list)
    own: dict[str, list[ApiKey]] = {}
    for key in keys:
        own.setdefault(key.user_name, []).append(key)
    accounts = await asyncio.to_thread(tracking.accounts.accounts, keys)
    invites = await asyncio.to_thread(tracking.invites.list)
    page = UsersPage(accounts, own, invites, caller_of(tracking, request).user_name, **made)  # type: ignore[arg-type]
    frame = Frame(title="Users", section="system", crumbs=(Crumb("System", "/ui/system"), Crumb("Users", is_word=True)))
    return render(services, request, "system/users.html", frame=frame, page=page)


async def users_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """List users, their keys and open invitations."""
    return await _page(services, tracking, request)


async def act(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Add a user or a service account, change a role, disable or enable, make or revoke a key, invite or withdraw.

    Raises:
        RoleNeededError: the caller is no administrator.
        InvalidArgumentError: a field does not fit, or the action is not known.
        NotFoundError: there is no such user, key or invitation.
        PreconditionError: it would leave the server without its administrator.
        AlreadyExistsError: the name or address is taken.
    """
    check_own_form(request)
    form = await request.form()
    fields = {name: str(value).strip() for name, value in form.items()}
    by = caller_of(tracking, request)
    by.need(Role.ADMIN)
    verb, user_name = fields.get("verb", ""), fields.get("user", "")
    if verb in {"make-key", "invite"}:
        if user_name not in {person.name for person in await asyncio.to_thread(tracking.accounts.users)}:
            raise NotFoundError(f"There is no user {user_name}.")
        if verb == "invite":
            return await _invite(services, tracking, request, by, user_name)
        made = await asyncio.to_thread(lambda: tracking.keys.make(user_name, description=fields.get("description", "")[:_MAX_DESCRIPTION]))
        variables = tracking.variables(user_name, made.text)
        return await _page(services, tracking, request, key_of=user_name, new_key=made.text, variables=variables)
    return redirect(PLACE, Notice(await asyncio.to_thread(_change, tracking, by, verb, user_name, fields)))


async def _invite(services: WebServices, tracking: TrackingServices, request: Request, by: Caller, user_name: str) -> Response:
    made = await asyncio.to_thread(tracking.invites.make, by, user_name)
    link = f"{services.url}/signin/invite/{made.token}"
    return await _page(services, tracking, request, invited=user_name, link=link)


def _change(tracking: TrackingServices, by: Caller, verb: str, user_name: str, fields: Mapping[str, str]) -> str:
    """Do what needs no page of its own; return what to say."""
    accounts = tracking.accounts
    if verb in {"add", "add-service"}:
        role = _role(fields)
        text = fields.get("name", "")
        made = accounts.add_user(text) if verb == "add" else accounts.add_service_account(text)
        if key := accounts.service_key(made.name):
            tracking.keys.adopt(key, made.name, description=text)
        if role is not made.role:
            accounts.change_role(by, made.name, role)
        return f"{made.name} was added."
    if verb == "role":
        accounts.change_role(by, user_name, _role(fields))
        return f"{user_name} has the role {_role(fields).value} now."
    if verb in {"disable", "enable"}:
        accounts.switch(by, user_name, is_enabled=verb == "enable")
        return f"{user_name} can sign in again." if verb == "enable" else f"{user_name} was disabled. Its keys are refused from now on."
    if verb == "revoke":
        tracking.keys.revoke(fields.get("id", ""))
        return "Key revoked. Programs that use it are refused from now on."
    if verb == "withdraw":
        tracking.invites.withdraw(by, fields.get("id", ""))
        return "The invitation was withdrawn."
    raise InvalidArgumentError(f"There is no action {verb!r}.")


def _role(fields: Mapping[str, str]) -> Role:
    try:
        return Role(fields.get("role", ""))
    except ValueError:
        raise InvalidArgumentError("A role is viewer, member or admin.") from None
