"""What a request selects below a field, for the few answers whose rows depend on it. Loads no GraphQL library, like the resolvers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo


def selects(info: GraphQLResolveInfo, name: str) -> bool:
    """Whether a field called `name` is selected at any depth below the field that is being answered."""
    return any(_holds(info, node.selection_set, name) for node in info.field_nodes)


def _holds(info: GraphQLResolveInfo, chosen: Any, name: str) -> bool:
    # Fragments form no ring: such documents do not pass validation.
    for node in chosen.selections if chosen is not None else ():
        if node.kind == "fragment_spread":
            inner = info.fragments[node.name.value].selection_set
        else:
            if node.kind == "field" and node.name.value == name:
                return True
            inner = node.selection_set
        if _holds(info, inner, name):
            return True
    return False
