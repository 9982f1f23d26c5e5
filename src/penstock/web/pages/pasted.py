"""Where it leads what people paste from clients: addresses, ids and pathspecs of the three worlds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

_WRAPPED = re.compile(r"^(?:Flow|Run|Step|Task|DataArtifact)\((['\"])([^'\"]+)\1\)$")
"""As objects of Metaflow's client print themselves."""
_LEAD = re.compile(r"^(?:wandb-artifact://+|wandb (?:agent|sync|launch-sweep) |client-artifact://+)", re.IGNORECASE)
"""What stands before a name in an address of a version, and in the command that `wandb sweep` prints."""
_SAFE = "/:?=&#%@~+,;!$'()*-._"

_JUMPS: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"#/runs/details/([\w-]+)"), "/ui/runs/{}"),
    (re.compile(r"#/experiments/details/([\w-]+)"), "/ui/experiments/{}"),
    (re.compile(r"#/(?:shared/)?pipelines/details/([\w-]+)/version/([\w-]+)"), "/ui/pipelines/{}?version={}"),
    (re.compile(r"#/(?:shared/)?pipelines/details/([\w-]+)"), "/ui/pipelines/{}"),
    (re.compile(r"#/recurringruns?/details/([\w-]+)"), "/ui/recurring/{}"),
    (re.compile(r"(#/[^\s\\]+)$"), "/{}"),
    (re.compile(r"^https?://[^/\s]+(/(?!/)[^\s\\]+)$"), "{}"),
    (re.compile(r"^(/[\w.-]+(?:/[^\s\\]*)?[^\s\\/])$"), "{}"),
    (re.compile(r"^((?:ui|flows)/[^\s\\]*[^\s\\/])$"), "/{}"),
    (re.compile(r"^([A-Za-z_]\w*/\d+/\w+/\d+)/(\w+)$"), "/flows/{0}?tab=artifacts&value={1}#value-{1}"),
    (re.compile(r"^([A-Za-z_]\w*/\d+(?:/\w+(?:/\d+)?)?)$"), "/flows/{}"),
    (re.compile(r"^([\w.-]+/[\w.-]+/(?:runs|sweeps|artifacts|reports|groups)/[\w.:/-]*[\w-])$"), "/{}"),
    (re.compile(r"^([A-Za-z_]\w*/[\w-]+/\w+/[\w-]+)/(\w+)$"), "/flows/{0}?tab=artifacts&value={1}#value-{1}"),
    (re.compile(r"^([A-Za-z_]\w*/[\w-]+/\w+/[\w-]+)$"), "/flows/{}"),
    (re.compile(r"^([\w.-]+/[\w.-]+)/([\w.-]+)$"), "/{}/runs/{}"),
    (re.compile(r"^([\w.-]+/[\w.-]+)$"), "/{}"),
)
"""What is pasted -> address: what kfp clients print, any address or path of a server like this one, `Flow/12/train/34` with or without the
name of an artifact, `entity/project/run`, `entity/project`. The host of an address does not count: a client may know the server by another
name."""


def bare(text: str) -> str:
    """Return the name in what a client printed around it: `Step('Flow/12/train')`, `wandb-artifact://entity/project/name:v0`."""
    wrapped = _WRAPPED.match(text)
    return wrapped[2] if wrapped else _LEAD.sub("", text)


def jump_of(text: str) -> str:
    """Return the address on this server of a pasted address or path; empty when it is none."""
    name = bare(text)
    if _WRAPPED.match(text) and "/" not in name:
        return f"/flows/{quote(name)}"
    for pattern, address in _JUMPS:
        if match := pattern.search(name):
            return address.format(*(quote(part, safe=_SAFE) for part in match.groups()))
    return ""
