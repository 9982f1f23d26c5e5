"""`@secrets(sources=["penstock.NAME"])`: entries of the server's secret store (`penstock secrets set NAME KEY=VALUE`) as variables."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List, Optional

from metaflow.plugins.secrets import SecretsProvider

DECLARED_VARIABLE = "METAFLOW_PENSTOCK_SECRETS"
"""Variable of a deployed step that names the secrets it declares, as a JSON list; the server answers with `ENTRY_PREFIX` variables."""

ENTRY_PREFIX = "METAFLOW_PENSTOCK_SECRET_"
"""Followed by the hex digits of `<name>/<key>`: an entry, put into the environment of a deployed step by the server."""


class PenstockSecretsProvider(SecretsProvider):
    """Reads secrets of the server whose metadata service is configured.

    Options: `keys`, a mapping from entry to variable, takes only those entries and under those names.
    """

    TYPE = "penstock"

    def get_secret_as_dict(self, secret_id: str, options: Optional[Dict[str, Any]] = None, role: Optional[str] = None) -> Dict[str, str]:
        """Return the variables of a secret.

        Raises:
            ServerError: the server cannot be reached, has no such secret, or the key is missing or that of a task.
        """
        entries = _given(secret_id)
        if entries is None:
            entries = _asked(secret_id)
        wanted = (options or {}).get("keys")
        if wanted is None:
            return entries
        missing = sorted(set(wanted) - set(entries))
        if missing:
            raise ValueError("secret %r has no %s" % (secret_id, ", ".join(missing)))
        return {name: entries[key] for key, name in wanted.items()}


def declared_in(sources: List[Any]) -> List[str]:
    """Return the names of the secrets of this provider among the sources of a decorator."""
    from metaflow.metaflow_config import DEFAULT_SECRETS_BACKEND_TYPE

    found = []
    for source in sources:
        if isinstance(source, str):
            kind, _, name = source.partition(".") if "." in source else ("", "", source)
        else:
            kind, name = source.get("type") or "", source.get("id")
        if (kind or DEFAULT_SECRETS_BACKEND_TYPE) == PenstockSecretsProvider.TYPE and name:
            found.append(str(name))
    return found


def _given(name: str) -> Optional[Dict[str, str]]:
    """Entries that the server put into this step's environment; None outside deployed steps, or when the step did not declare it."""
    if name not in json.loads(os.environ.get(DECLARED_VARIABLE) or "[]"):
        return None
    found = {}
    for variable, value in os.environ.items():
        if variable.startswith(ENTRY_PREFIX):
            of, _, key = bytes.fromhex(variable[len(ENTRY_PREFIX) :]).decode().partition("/")
            if of == name:
                found[key] = value
    return found or None


def _asked(name: str) -> Dict[str, str]:
    from metaflow.metaflow_config import SERVICE_URL

    try:
        from metaflow.metaflow_config import SERVICE_HEADERS
    except ImportError:
        SERVICE_HEADERS = {}  # noqa: N806 - Metaflow's name

    from .server import Server

    return Server.from_environment(SERVICE_URL, (SERVICE_HEADERS or {}).get("x-api-key")).secret(name)
