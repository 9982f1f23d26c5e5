"""Which texts are secrets in the logs of recorded steps: entries of the server's secret store that `@secrets` of the step names.

What a step names is read from the flow's definition (observed with metaflow 2.19: a decorator `secrets` of `_graph_info` with the attribute
`sources`; each is `<backend>.<name>`, a bare `<name>` of the default backend, or an object with `type` and `id`). Values are those of now:
one that was replaced since is not known any more.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from penstock.domain.errors import NotFoundError, PenstockError
from penstock.domain.masking import bytes_of
from penstock.interfaces.catalog_store import SecretStore

BACKEND = "penstock"
"""What the extension calls its backend of `@secrets`."""
GraphReader = Callable[[str, str], Awaitable[Mapping[str, Any] | None]]
"""(flow, run) -> definition of the flow, None when it cannot be read; raises NotFoundError for an unknown run."""

_LOG = re.compile(r"(?:.*/)?(?P<flow>[^/]+)/(?P<run>[^/]+)/(?P<step>[^/]+)/[^/]+/\d+\.(?:task|runtime)_(?:stdout|stderr)\.log")
_RUNS_KEPT = 256


class StepMasks:
    """Finds what to hide; remembers what the last runs declared."""

    def __init__(self, secrets: SecretStore, graph: GraphReader) -> None:
        self._secrets = secrets
        self._graph = graph
        self._declared: OrderedDict[tuple[str, str], Mapping[str, frozenset[str]]] = OrderedDict()

    async def of_key(self, key: str) -> Sequence[bytes]:
        """What to hide in an object of a datastore: nothing, unless its name is that of a log."""
        match = _LOG.fullmatch(key)
        return () if match is None else await self.of_step(match["flow"], match["run"], match["step"])

    async def of_step(self, flow_id: str, run_id: str, step_name: str) -> Sequence[bytes]:
        """What to hide in the logs of a step; where its flow's definition cannot be read, everything that the server keeps secret."""
        known = {name for name, _, _ in await self._secrets.names("secret")}
        if not known:
            return ()
        declared = await self._names(flow_id, run_id)
        wanted = known if declared is None else known & declared.get(step_name, frozenset())
        found: list[str] = []
        for name in sorted(wanted):
            entries = await self._secrets.read("secret", name) or {}
            found += [value.decode("utf-8", "surrogateescape") for value in entries.values()]
        return bytes_of(found)

    async def _names(self, flow_id: str, run_id: str) -> Mapping[str, frozenset[str]] | None:
        if (flow_id, run_id) in self._declared:
            self._declared.move_to_end((flow_id, run_id))
            return self._declared[flow_id, run_id]
        try:
            graph = await self._graph(flow_id, run_id)
        except NotFoundError:
            return {}
        except PenstockError:
            return None
        if graph is None:
            return None
        found = self._declared[flow_id, run_id] = names_by_step(graph)
        if len(self._declared) > _RUNS_KEPT:
            self._declared.popitem(last=False)
        return found


def names_by_step(graph: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Names of secrets that may be this server's, by step that declares any."""
    steps = graph.get("steps")
    found = {}
    for step, about in steps.items() if isinstance(steps, Mapping) else ():
        names = frozenset(name for source in _sources(about) for name in _names_of(source))
        if names:
            found[str(step)] = names
    return found


def _sources(step: Any) -> Iterator[Any]:
    for decorator in (step.get("decorators") if isinstance(step, Mapping) else None) or ():
        if isinstance(decorator, Mapping) and decorator.get("name") == "secrets" and isinstance(decorator.get("attributes"), Mapping):
            yield from decorator["attributes"].get("sources") or ()


def _names_of(source: Any) -> Iterator[str]:
    """A name with dots may be one of another backend, or this one's without its prefix: both readings count."""
    if isinstance(source, str):
        yield source.removeprefix(BACKEND + ".")
    elif isinstance(source, Mapping) and source.get("type") in {BACKEND, None, ""} and source.get("id"):
        yield str(source["id"])
