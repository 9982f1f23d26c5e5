"""Tolerance of the GraphQL executor towards clients, and the form of its errors."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from graphql import build_schema, validate_schema

from penstock.api.wandb.execution import GraphqlExecutor, schema_text, snake
from penstock.api.wandb.resolvers import FIELDS
from penstock.domain.accounts import Caller, Role
from penstock.domain.errors import NotFoundError, RoleNeededError

SEEN: list[dict[str, Any]] = []


def upsert(root: Any, info: Any, *, input: dict[str, Any]) -> dict[str, Any]:
    SEEN.append(input)
    return {"inserted": True}


def fail(root: Any, info: Any, **arguments: Any) -> None:
    raise NotFoundError("no such thing")


def crash(root: Any, info: Any, **arguments: Any) -> None:
    raise RuntimeError("inner detail")


@pytest.fixture(scope="module")
def executor() -> GraphqlExecutor:
    fields = {
        "Mutation": {"upsertBucket": upsert, "deleteRun": fail, "stopRun": crash},
        "Query": {"serverInfo": lambda root, info: {"cli_version_info": {"x": float("nan"), "y": [float("-inf")]}}},
    }
    return GraphqlExecutor(fields, {})


def asked_by(role: Role) -> SimpleNamespace:
    return SimpleNamespace(caller=Caller("ann", role=role))


def run(executor: GraphqlExecutor, query: str, *, role: Role = Role.MEMBER, **body: Any) -> dict[str, Any]:
    return executor.run({"query": query, **body}, asked_by(role), on_unknown=lambda what: None)


MUTATIONS = sorted(GraphqlExecutor(FIELDS, {}).schema.type_map["Mutation"].fields)  # type: ignore[attr-defined]
OF_EVERYBODY = {"generateApiKey", "deleteApiKey", "updateUser"}
OF_ADMINISTRATORS = {"createUser", "createServiceAccount", "createInvite", "deleteInvite"}


@pytest.mark.parametrize("name", [name for name in MUTATIONS if name not in OF_EVERYBODY])
def test_no_mutation_that_changes_the_server_is_a_viewers(name: str) -> None:
    resolve = GraphqlExecutor(FIELDS, {}).schema.type_map["Mutation"].fields[name].resolve  # type: ignore[attr-defined]
    needed = "admin" if name in OF_ADMINISTRATORS else "member"
    with pytest.raises(RoleNeededError, match=f"this needs the role {needed}; you have viewer"):
        resolve(None, SimpleNamespace(context=asked_by(Role.VIEWER)), input={})


def test_a_viewer_cannot_hide_a_mutation_behind_an_alias_or_a_fragment(executor: GraphqlExecutor) -> None:
    SEEN.clear()
    for query in (
        "mutation { x: upsertBucket(input: {}) { inserted } }",
        "mutation { ...f } fragment f on Mutation { upsertBucket(input: {}) { inserted } }",
        "mutation { ... on Mutation { upsertBucket(input: {}) { inserted } } }",
    ):
        (error,) = run(executor, query, role=Role.VIEWER)["errors"]
        assert error["message"] == "this needs the role member; you have viewer"
        assert error["extensions"] == {"code": "PermissionDenied"}
    assert SEEN == []


def test_the_schema_is_valid_and_every_resolver_has_its_field() -> None:
    build_schema(schema_text())  # raises when the text itself is wrong
    assert validate_schema(GraphqlExecutor(FIELDS, {}).schema) == []


def test_unknown_input_fields_and_variables_are_dropped(executor: GraphqlExecutor) -> None:
    query = "mutation M($input: UpsertBucketInput!) { upsertBucket(input: $input) { inserted } }"
    answer = run(executor, query, variables={"input": {"modelName": "p", "cloudRegionID": None}, "extra": 1}, operationName="")
    assert answer == {"data": {"upsertBucket": {"inserted": True}}}
    assert SEEN[-1] == {"model_name": "p"}


def test_null_for_a_variable_with_a_default_is_the_default(executor: GraphqlExecutor) -> None:
    query = 'mutation M($name: String = "d") { upsertBucket(input: {name: $name}) { inserted } }'
    run(executor, query, variables={"name": None})
    assert SEEN[-1] == {"name": "d"}


def test_unknown_selections_are_named_in_double_quotes_and_counted(executor: GraphqlExecutor) -> None:
    counted: list[str] = []
    answer = executor.run({"query": "{ serverInfo { nonsense } }"}, None, on_unknown=counted.append)
    assert answer["errors"][0]["message"] == 'Cannot query field "nonsense" on type "ServerInfo".'
    assert counted == ['Cannot query field "nonsense" on type "ServerInfo".']


def test_domain_errors_carry_message_and_code(executor: GraphqlExecutor) -> None:
    answer = run(executor, 'mutation { deleteRun(input: {id: "x"}) { success } }')
    assert answer["errors"] == [{"message": "no such thing", "extensions": {"code": "NotFound"}, "path": ["deleteRun"]}]


def test_unforeseen_errors_do_not_show_their_inside(executor: GraphqlExecutor, caplog: pytest.LogCaptureFixture) -> None:
    answer = run(executor, 'mutation { stopRun(input: {id: "x"}) { success } }')
    assert "inner detail" not in str(answer)
    assert "inner detail" in caplog.text


def test_numbers_that_json_lacks_become_texts(executor: GraphqlExecutor) -> None:
    answer = run(executor, "{ serverInfo { cliVersionInfo } }")
    assert answer["data"]["serverInfo"]["cliVersionInfo"] == {"x": "NaN", "y": ["-Infinity"]}


@pytest.mark.parametrize("body", [{}, {"query": ""}, {"query": "{"}, {"query": "{ a "}, {"query": 3}])
def test_malformed_requests_are_answered_with_errors(executor: GraphqlExecutor, body: dict[str, Any]) -> None:
    answer = executor.run(body, None, on_unknown=lambda what: None)
    assert answer["data"] is None
    assert answer["errors"][0]["message"]


def test_introspection_answers_the_probes_of_old_clients(executor: GraphqlExecutor) -> None:
    names = ["Query", "Mutation", "ServerInfo", "ServerSettings", "Run", "Project", "Artifact", "LaunchAgent", "CreateArtifactInput"]
    for name in names:
        answer = run(executor, f'{{ __type(name: "{name}") {{ fields {{ name args {{ name }} }} inputFields {{ name }} }} }}')
        assert answer["data"]["__type"] is not None, name


@pytest.mark.parametrize(
    ("wire", "python"),
    [("hexMD5", "hex_md5"), ("artifactID", "artifact_id"), ("artifactTTLDurationSeconds", "artifact_ttl_duration_seconds"), ("id", "id")],
)
def test_names_turn_to_snake_case(wire: str, python: str) -> None:
    assert snake(wire) == python
