"""References to environment variables in what an author wrote: `$(NAME)`, which Kubernetes replaces before a container starts."""

from __future__ import annotations

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\$\$\(|\$\(([A-Za-z_][\w.-]*)\)")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by the variable's value; unknown names stay, `$$(` is an escape (Kubernetes rule)."""

    def swap(match: re.Match[str]) -> str:
        name = match.group(1)
        return "$(" if name is None else variables.get(name, match.group(0))

    return _VARIABLE.sub(swap, text) if "$" in text else text
