"""Resolves what an importer task registers: its URI, and metadata with placeholders.

Semantics: KFP protocol notes, section 4.9. Upstream leaves placeholders in metadata as they are; here they are resolved, in
keys and values, once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args

from penstock.domain.errors import ExpressionError
from penstock.domain.expr import UNSET, Expr, OwnInput
from penstock.domain.plan import ImporterWork
from penstock.engine.expressions import evaluate
from penstock.engine.inputs import InputError
from penstock.engine.nodes import Node, RunState
from penstock.engine.scope import NodeScope
from penstock.engine.values import shorten, text_form, tidy_numbers

_PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.parameters\[(?:'([^']*)'|\"([^\"]*)\")\]\}\}")
_EXPRESSIONS = get_args(Expr)


def uri_of(state: RunState, node: Node, work: ImporterWork) -> str:
    """Where the artifact is.

    Raises:
        InputError: the URI has no value or is no text.
    """
    value = _value(state, node, work.uri, "the URI")
    if not isinstance(value, str) or not value:
        raise InputError(f"the URI of the artifact must be text, got {shorten(value) if value is not UNSET else 'no value'}")
    return value


def metadata_of(state: RunState, node: Node, work: ImporterWork) -> Mapping[str, Any]:
    """Metadata with every placeholder and expression replaced; the compiler made doubles of its integers, which are put right.

    Raises:
        InputError: a placeholder names an input that has no value.
    """
    resolved = _resolve(state, node, work.metadata if work.metadata is not None else {})
    if not isinstance(resolved, dict):
        raise InputError("the metadata of the artifact must be a struct")
    return dict(tidy_numbers(resolved))


def _resolve(state: RunState, node: Node, value: Any) -> Any:
    if isinstance(value, str):
        return _resolve_text(state, node, value)
    if isinstance(value, Mapping):
        return {text_form(_resolve(state, node, key)): _resolve(state, node, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_resolve(state, node, item) for item in value]
    if isinstance(value, _EXPRESSIONS):
        result = _value(state, node, value, "metadata")
        return None if result is UNSET else result
    return value


def _resolve_text(state: RunState, node: Node, text: str) -> Any:
    def value_of(match: re.Match[str]) -> Any:
        name = match.group(1) if match.group(1) is not None else match.group(2)
        value = _value(state, node, OwnInput(name), "metadata")
        if value is UNSET:
            raise InputError(f"metadata refers to the input `{name}`, which has no value")
        return value

    whole = _PLACEHOLDER.fullmatch(text)
    return value_of(whole) if whole else _PLACEHOLDER.sub(lambda match: text_form(value_of(match)), text)


def _value(state: RunState, node: Node, expr: Expr, what: str) -> Any:
    try:
        return evaluate(expr, NodeScope(state, node, node.parameters))
    except ExpressionError as error:
        raise InputError(f"{what}: {error}") from error
