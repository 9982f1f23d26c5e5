"""Executes GraphQL documents over the schema in `schema/`: parsing, tolerance towards clients, error answers.

Rules (wandb.md section 4): parse and validation are cached by text; an empty `operationName` means none; undeclared variables and
unknown fields inside input objects are dropped, because clients send every optional field of their newest schema; unknown selections
are validation errors in the words that old clients match. Errors are part of a 200 answer, always; a resolver that fails in an
unforeseen way is logged and answered like any other error, since a client would repeat a 5xx for days.

Resolvers are plain functions in threads (see `context.RequestContext.wait` for asynchronous use cases). Arguments and input fields
reach them in snake case.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLAbstractType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLType,
    GraphQLUnionType,
    OperationDefinitionNode,
    build_schema,
    execute,
    parse,
    type_from_ast,
    validate,
)

from penstock.api.policy import role_for_mutation
from penstock.api.wandb.fields import FieldTable, Resolver
from penstock.api.wandb.scalars import json_safe, time_to_wire
from penstock.domain.errors import PenstockError, PermissionDeniedError

_log = logging.getLogger(__name__)
_MAX_CACHED = 2048
_MAX_CACHED_CHARACTERS = 50_000
"""Of the text of a document that is kept; parsed, it takes many times that."""
_MAX_QUERY_CHARACTERS = 1_000_000
_SCHEMA_FILES = ("base", "accounts", "projects", "runs", "files", "artifacts", "collections", "sweeps", "reports", "automations")


class GraphqlExecutor:
    """A schema with resolvers, ready to run documents. Safe to use from several threads."""

    def __init__(self, fields: FieldTable, type_names: Mapping[type, str]) -> None:
        """Remember `fields` for the schema.

        Args:
            fields: resolvers; a field without one is the attribute (or dict entry) of its snake-case name.
            type_names: GraphQL type of each Python class that stands for an interface or union member.
        """
        self._fields = fields
        self._type_names = type_names
        self._schema: GraphQLSchema | None = None
        self._lock = threading.Lock()
        self._documents: dict[str, DocumentNode | list[GraphQLError]] = {}

    @property
    def schema(self) -> GraphQLSchema:
        """Built when it is first asked for, by the thread that asks: a server that no such client uses starts without it.

        Raises:
            TypeError: there are resolvers for fields that the schema lacks.
        """
        with self._lock:
            if self._schema is None:
                self._schema = _build(self._fields, self._type_names)
            return self._schema

    def run(self, body: Mapping[str, Any], context: Any, *, on_unknown: Callable[[str], None]) -> dict[str, Any]:
        """Execute one request body; return the answer's JSON value.

        Args:
            body: the decoded request.
            context: handed to resolvers.
            on_unknown: told about each validation message of a refused document.
        """
        query = body.get("query")
        if not isinstance(query, str) or not query:
            return {"data": None, "errors": [{"message": "the request has no query"}]}
        document = self._document(query)
        if isinstance(document, list):
            for error in document:
                on_unknown(_double_quoted(error.message))
            return {"data": None, "errors": [error_to_wire(error) for error in document]}
        name = body.get("operationName") or None
        variables = body.get("variables")
        if not isinstance(variables, Mapping):
            variables = {}
        operation = _operation(document, name)
        if operation is not None:
            variables = self._known_variables(operation, variables)
        result = execute(self.schema, document, context_value=context, variable_values=dict(variables), operation_name=name)
        if not isinstance(result, ExecutionResult):
            raise TypeError("resolvers must be plain functions")
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [error_to_wire(error) for error in result.errors]
        return answer

    def _document(self, query: str) -> DocumentNode | list[GraphQLError]:
        with self._lock:
            known = self._documents.get(query)
        if known is not None:
            return known
        if len(query) > _MAX_QUERY_CHARACTERS:
            return [GraphQLError("the query is too long")]
        document: DocumentNode | list[GraphQLError]
        try:
            document = parse(query, no_location=False)
        except GraphQLError as error:
            document = [error]
        else:
            document = validate(self.schema, document) or document
        if len(query) > _MAX_CACHED_CHARACTERS:
            return document
        with self._lock:
            if len(self._documents) >= _MAX_CACHED:
                self._documents.clear()
            self._documents[query] = document
        return document

    def _known_variables(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> dict[str, Any]:
        known: dict[str, Any] = {}
        for definition in operation.variable_definitions or ():
            name = definition.variable.name.value
            if name in variables:
                declared = type_from_ast(self.schema, definition.type)
                value = _without_unknown(declared, variables[name]) if declared is not None else variables[name]
                # An explicit null for a variable with a default means the default, as for every absent input (rule 4).
                if value is not None or definition.default_value is None:
                    known[name] = value
        return known


def error_to_wire(error: GraphQLError) -> dict[str, Any]:
    """Return one entry of `errors`; unforeseen exceptions are logged and named, without their inner text."""
    original = error.original_error
    wire: dict[str, Any] = {"message": _double_quoted(error.message) if original is None else error.message}
    if isinstance(original, PenstockError):
        kind = PermissionDeniedError if isinstance(original, PermissionDeniedError) else type(original)
        wire["extensions"] = {"code": kind.__name__.removesuffix("Error")}
    elif original is not None and not isinstance(original, GraphQLError):
        _log.error("a GraphQL resolver failed at %s", error.path, exc_info=original)
        wire["message"] = f"the server could not answer this: {type(original).__name__}"
    # Older clients (0.24 for one) take any error that names this mutation for a server without it, and hide what was wrong.
    if error.path is not None and error.path != ["updateRunState"]:
        wire["path"] = error.path
    return wire


def _double_quoted(message: str) -> str:
    """Return a validation message with names in double quotes, the form that clients compare with (wandb.md section 4, rule 8)."""
    return re.sub(r"'([^']*)'", r'"\1"', message)


def snake(name: str) -> str:
    """Return a camel-case wire name in snake case: `hexMD5` -> `hex_md5`, `artifactTTLSeconds` -> `artifact_ttl_seconds`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def schema_text() -> str:
    """Return the whole SDL."""
    folder = resources.files("penstock.api.wandb") / "schema"
    return "\n".join((folder / f"{name}.graphql").read_text(encoding="utf-8") for name in _SCHEMA_FILES)


def _build(fields: FieldTable, type_names: Mapping[type, str]) -> GraphQLSchema:
    schema = build_schema(schema_text(), assume_valid_sdl=True, no_location=True)  # a unit test validates it
    unused = {type_name: set(table) for type_name, table in fields.items()}
    for type_name, type_ in schema.type_map.items():
        if type_name.startswith("__"):
            continue
        if isinstance(type_, GraphQLObjectType):
            table = fields.get(type_name, {})
            for name, field in type_.fields.items():
                resolver = table.get(name) or _attribute(snake(name))
                field.resolve = _for_role(name, resolver) if type_name == "Mutation" else resolver
                unused.get(type_name, set()).discard(name)
                for argument_name, argument in field.args.items():
                    argument.out_name = snake(argument_name)
        elif isinstance(type_, GraphQLInputObjectType):
            for name, input_field in type_.fields.items():
                input_field.out_name = snake(name)
        elif isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            type_.resolve_type = _type_resolver(type_names)
        elif isinstance(type_, GraphQLScalarType):
            _bind_scalar(type_)
    left = [f"{type_name}.{name}" for type_name, names in unused.items() for name in names]
    if left:
        raise TypeError(f"resolvers for fields that the schema lacks: {left}")
    return schema


def _for_role(mutation: str, resolver: Resolver) -> Resolver:
    """Return `resolver` for callers whose role reaches for the mutation, under whatever alias or fragment it is sent."""
    needed = role_for_mutation(mutation)

    def resolve(root: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        info.context.caller.need(needed)
        return resolver(root, info, **arguments)

    return resolve


def _type_resolver(type_names: Mapping[type, str]) -> Callable[[Any, GraphQLResolveInfo, GraphQLAbstractType], str]:
    def resolve(value: Any, info: GraphQLResolveInfo, abstract: GraphQLAbstractType) -> str:
        name = getattr(value, "wire_type", None)
        return name if isinstance(name, str) else type_names[type(value)]

    return resolve


def _attribute(name: str) -> Resolver:
    def resolve(source: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        if isinstance(source, dict):
            return source.get(name)
        return getattr(source, name, None)

    return resolve


def _bind_scalar(scalar: GraphQLScalarType) -> None:
    """Give the schema's own scalars their wire forms (wandb.md section 4, rules 6 and 7)."""
    if scalar.name == "JSONString":
        scalar.serialize = _same  # type: ignore[method-assign]
        scalar.parse_value = _same  # type: ignore[method-assign]
    elif scalar.name == "JSON":
        scalar.serialize = json_safe  # type: ignore[method-assign]
    elif scalar.name == "DateTime":
        scalar.serialize = _time  # type: ignore[method-assign]
    elif scalar.name in {"Int64", "Duration"}:
        scalar.serialize = _integer  # type: ignore[method-assign]
        scalar.parse_value = _integer  # type: ignore[method-assign]


def _same(value: Any) -> Any:
    return value


def _time(value: Any) -> Any:
    return time_to_wire(value) if isinstance(value, int | float) else value


def _integer(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise GraphQLError(f"not a whole number: {value!r}")
    try:
        return int(value)
    except (ValueError, OverflowError) as error:
        raise GraphQLError(f"not a whole number: {value!r}") from error


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    found = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name is None:
        return found[0] if len(found) == 1 else None
    return next((node for node in found if node.name is not None and node.name.value == name), None)


_SHORT_FORMS: Mapping[str, Callable[[str], dict[str, str]]] = {
    "ArtifactAliasInput": lambda text: {"alias": text, "artifactCollectionName": ""},
    "TagInput": lambda text: {"tagName": text},
}
"""Objects that some client sends as bare text (`Run.log_artifact` of the public API of 0.24.2: aliases and tags)."""


def _without_unknown(declared: GraphQLType, value: Any) -> Any:
    if isinstance(declared, GraphQLNonNull):
        return _without_unknown(declared.of_type, value)
    if isinstance(declared, GraphQLList):
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            return [_without_unknown(declared.of_type, entry) for entry in value]
        return _without_unknown(declared.of_type, value)
    if isinstance(declared, GraphQLInputObjectType) and isinstance(value, str) and declared.name in _SHORT_FORMS:
        return _SHORT_FORMS[declared.name](value)
    if isinstance(declared, GraphQLInputObjectType) and isinstance(value, Mapping):
        return {name: _without_unknown(declared.fields[name].type, entry) for name, entry in value.items() if name in declared.fields}
    return value


__all__ = ["GraphqlExecutor", "error_to_wire", "schema_text", "snake"]
