"""Which runs of a run set the client's own documents (saved workspaces, reports) show, pin and compare with.

Semantics: `selections`, `pinnedRunIds` and `baselineRunId` of a run set, as `wandb-workspaces` 0.4 reads and writes them. A selection with
`root` 1 shows all runs but those of its tree, one with `root` 0 none but those. A run stands there by its id or by a global id
(`Run:v1:<id>:<project>:<entity>` in base64); a node of the tree is a group, as a whole where it has no children.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from penstock.web.tracking.panel_specs import listed, mapping, text

_MOST_NAMES = 1000
_MOST_PINNED = 20
"""As many as the client's own pages pin."""
_DEEPEST = 5


@dataclass(frozen=True, slots=True)
class RunSelection:
    """What a run set says of single runs and groups; runs by their ids (`TrackedRun.name`)."""

    is_additive: bool = False
    """Only what is named is shown; else all but that."""
    names: Sequence[str] = ()
    """Runs that are named."""
    groups: Sequence[tuple[str, ...]] = ()
    """Groups that are named as a whole: the values that lead to each."""
    pinned: Sequence[str] = ()
    """Runs that stand first."""
    baseline: str = ""
    """Run that the others are compared with; empty for none."""

    @property
    def all_names(self) -> list[str]:
        """All runs that it names, once each."""
        return list(dict.fromkeys([*self.names, *self.pinned, *filter(None, [self.baseline])]))

    def shows(self, name: str, path: Sequence[str]) -> bool:
        """Whether a run is drawn that stands in the group at `path`: what is pinned or the baseline always, unless it is hidden by name."""
        is_named = name in self.names or any(tuple(path[: len(group)]) == group for group in self.groups)
        is_kept = name == self.baseline or name in self.pinned
        return is_named or is_kept if self.is_additive else not is_named

    def choices(self, ids: Mapping[str, str], group_names: Mapping[tuple[str, ...], str]) -> dict[str, Any]:
        """Return it as the `runs` of a workspace's document; `ids` says what runs are called there, `group_names` what groups are."""
        named = {ids[name]: 1 for name in self.names if name in ids}
        groups = {group_names[group]: "on" if self.is_additive else "off" for group in self.groups}
        pinned = {ids[name]: 1 for name in self.pinned if name in ids}
        if self.is_additive:
            kept = pinned | ({ids[self.baseline]: 1} if self.baseline in ids else {})
            found: dict[str, Any] = {"shown": named | kept, "isOnly": True}
        else:
            found = {"hidden": named}
        return found | {"groups": groups, "pinned": pinned, "baseline": ids.get(self.baseline)}


def selection_of(chosen: Mapping[str, Any], *, entity: str, project: str) -> RunSelection:
    """Return what a run set of a project says of its runs; runs of other projects, which may be pinned too, are left out."""
    selections = mapping(chosen.get("selections"))
    leaves = list(_leaves(listed(selections.get("tree"))[:_MOST_NAMES]))
    own = (entity, project)
    names = [name for path, run in leaves if run is not None and (name := _name_of(run, own))]
    groups = [path for path, run in leaves if run is None]
    pinned = [name for one in listed(chosen.get("pinnedRunIds"))[:_MOST_PINNED] if (name := _name_of(text(one), own))]
    baseline = _name_of(text(chosen.get("baselineRunId")), own)
    return RunSelection(selections.get("root") == 0, names[:_MOST_NAMES], groups[:_MOST_NAMES], pinned, baseline)


def _leaves(nodes: Sequence[Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str | None]]:
    """Yield (path of the group, run) for each run of a tree, with None as the run for a group as a whole."""
    for node in nodes:
        if isinstance(node, str):
            yield path, node
            continue
        value, children = mapping(node).get("value"), listed(mapping(node).get("children"))
        if not isinstance(value, str) or len(path) >= _DEEPEST:
            continue
        if children:
            yield from _leaves(children[:_MOST_NAMES], (*path, value))
        else:
            yield (*path, value), None


def _name_of(held: str, own: tuple[str, str]) -> str:
    """Return the id of a run that is named by its id or a global one; empty for a run of another project."""
    try:
        parts = [unquote(part) for part in base64.b64decode(held, validate=True).decode().split(":")]  # this server's own are quoted
    except (binascii.Error, ValueError):
        return held
    if len(parts) < 5 or parts[0] not in {"Run", "BucketType"} or parts[1] != "v1":
        return held
    return ":".join(parts[2:-2]) if (parts[-1], parts[-2]) == own else ""
