"""Who may do what, in one place: the role that a request needs, by its method and path, and that a GraphQL mutation needs, by its name.

Reading is for everybody with a key, changing for members, users, secrets, backups and the System page for administrators. The tables
below are exceptions to this; an address or a mutation that nobody thought of needs the role of a member as soon as it changes something.
The door (`server.security`) asks this for every request; adapters ask it where only they know what a request does (`DECIDED_INSIDE`).
"""

from __future__ import annotations

from penstock.domain.accounts import Role

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

OPEN_PATHS = frozenset(
    {
        "/healthz", "/signin", "/favicon.ico", "/s3",
        *(f"{prefix}/apis/{version}/healthz" for prefix in ("", "/pipeline") for version in ("v1beta1", "v2beta1")),
    }
)  # fmt: skip
"""Nobody is asked for a key. kfp clients ask for their health first and retry any refusal for half a minute; the next call tells them."""

OPEN_PREFIXES = ("/static/", "/signin/", "/s3/", "/files/", "/storage/", "/apis/penstock/v1/hooks/")
"""Likewise: public files, and what checks a signature, a token or a key (with `Caller.need`) itself."""

DECIDED_INSIDE = frozenset({"/graphql", "/authorize"})
"""Changing requests that every role may send: mutations are told apart by name, and everybody has keys of their own."""

CHANGES_NOTHING = frozenset({"/ui/tracking/markdown"})
"""Reading that is sent by POST, for the length of what it carries."""

_ADMIN = ("/ui/system",)
_ADMIN_CHANGES = ("/apis/v2beta1/secrets", "/apis/v2beta1/configmaps")
_MEMBER_READS = ("/ui/runs/new", "/ui/recurring/new-trigger", "/metaflow/secrets")
"""What is read in order to change something, and values of secrets."""

_MUTATIONS = {
    "generateApiKey": Role.VIEWER,
    "deleteApiKey": Role.VIEWER,
    "updateUser": Role.VIEWER,
    "createUser": Role.ADMIN,
    "createServiceAccount": Role.ADMIN,
    "createInvite": Role.ADMIN,
    "deleteInvite": Role.ADMIN,
}


def is_open(path: str) -> bool:
    """Whether the door lets a request for `path` through without asking who it is from."""
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)


def role_for(method: str, path: str) -> Role:
    """Return the least role that may send a request.

    Args:
        method: of HTTP, in capitals.
        path: decoded, from the root of the server.
    """
    path = path.removeprefix("/pipeline") if path.startswith("/pipeline/apis/") else path
    if _is_below(path, _ADMIN):
        return Role.ADMIN
    if method in SAFE_METHODS:
        return Role.MEMBER if _is_below(path, _MEMBER_READS) else Role.VIEWER
    if path in DECIDED_INSIDE or path in CHANGES_NOTHING:
        return Role.VIEWER
    return Role.ADMIN if _is_below(path, _ADMIN_CHANGES) else Role.MEMBER


def role_for_mutation(name: str) -> Role:
    """Return the least role that may send a mutation of the W&B protocol."""
    return _MUTATIONS.get(name, Role.MEMBER)


def _is_below(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place or path.startswith(place + "/") for place in places)
