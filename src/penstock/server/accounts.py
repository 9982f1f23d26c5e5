"""The server's own account: its default user and the first key, which `penstock env` prints."""

from __future__ import annotations

import asyncio
import getpass
import os

from penstock.api.s3.signature import access_key_of_user
from penstock.domain.accounts import Caller
from penstock.domain.errors import AccountDisabledError, UnauthenticatedError
from penstock.server.config import Settings
from penstock.server.datafolder import read_key, write_key
from penstock.server.flows import datastore_variables, metadata_variables
from penstock.server.security import KeyCheck
from penstock.tracking.accounts import name_from_login
from penstock.tracking.keys import KeyService


def default_user(settings: Settings) -> str:
    """Return the name of the user whose server this is."""
    if settings.server_user:
        return name_from_login(settings.server_user, settings.reserved_entities)
    try:
        return name_from_login(getpass.getuser(), settings.reserved_entities)
    except (KeyError, OSError):  # no name for this user id, as in many containers
        return f"user-{os.getuid()}"


def ensure_first_key(settings: Settings, keys: KeyService, user: str) -> str:
    """Return the key kept in the data folder, made when there is none; it is valid when this returns, unless it was revoked."""
    kept = read_key(settings.data_dir)
    if kept is not None:
        keys.adopt(kept, user, description="first key, kept in the data folder")
        return kept
    made = keys.make(user, description="first key, kept in the data folder")
    write_key(settings.data_dir, made.text)
    return made.text


def key_check(keys: KeyService) -> KeyCheck:
    """Return the door's question to `keys`; a look-up that needs the database runs in a thread."""

    async def check(text: str) -> Caller | None:
        try:
            return await asyncio.to_thread(keys.check, text)
        except AccountDisabledError:
            raise
        except UnauthenticatedError:
            return None

    return check


def client_variables(url: str, key: str | None, secret: bytes | None, *, flows_prefix: str, user_name: str | None = None) -> dict[str, str]:
    """Return the variables of the clients that work here, by name; with the object store's key of a user if one is named."""
    variables = {"KF_PIPELINES_ENDPOINT": url, **metadata_variables(url, flows_prefix)}
    if key:
        variables |= {"WANDB_BASE_URL": url, "WANDB_API_KEY": key, "METAFLOW_SERVICE_AUTH_KEY": key}
    access_key = None if user_name is None else access_key_of_user(user_name)
    return variables | (datastore_variables(url, secret, access_key) if secret else {})
