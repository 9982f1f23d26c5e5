"""Keys and accounts with the real client: login, verify, wrong keys, viewer, keys made and revoked."""

from __future__ import annotations

import pytest

from tests.conformance.wandb.conftest import Client

pytestmark = pytest.mark.conformance

WRONG = "b" * 40


def test_login_accepts_the_first_key(any_client: Client) -> None:
    done = any_client.command("login", "--relogin", any_client.server.key, WANDB_API_KEY="", WANDB_SILENT="false")
    assert done.returncode == 0, done.stderr


def test_login_refuses_another_key(client: Client) -> None:
    done = client.command("login", "--relogin", "--verify", WRONG, WANDB_API_KEY="", WANDB_SILENT="false")
    assert done.returncode != 0


def test_init_with_a_wrong_key_fails_at_once(any_client: Client) -> None:
    answer = any_client.run(
        """
try:
    wandb.init()
    answer = "started"
except Exception as error:
    answer = type(error).__name__
""",
        WANDB_API_KEY=WRONG,
    )
    assert answer in {"CommError", "UsageError", "AuthenticationError"}


def test_verify_passes_but_for_https(client: Client) -> None:
    done = client.command("verify", WANDB_SILENT="false")
    failed = [line for line in done.stdout.splitlines() if "❌" in line]
    assert all("requests to base url" in line or "over signed URLs" in line for line in failed), done.stdout
    assert sum("✅" in line for line in done.stdout.splitlines()) >= 8, done.stdout + done.stderr


def test_the_viewer_and_his_keys(any_client: Client) -> None:
    answer = any_client.run(
        """
viewer = wandb.Api().viewer
key = viewer.generate_api_key("for a test")
names = wandb.Api().viewer.api_keys
fresh = wandb.Api(api_key=key)
works = fresh.viewer.username
answer = {"name": viewer.username, "entity": viewer.entity, "length": len(key), "before": len(names), "works": works,
          "named": any(key.startswith(name) for name in names),
          "users": [user.username for user in wandb.Api().users("test")], "nobody": wandb.Api().user("nobody") is None}
"""
    )
    assert answer["name"] == answer["entity"] == answer["works"] == "tester"
    assert answer["length"] == 40
    assert answer["before"] >= 2
    assert answer["named"] is True
    assert answer["users"] == ["tester"]
    assert answer["nobody"] is True


def test_users_invitations_and_service_accounts(client: Client) -> None:
    answer = client.run(
        """
import os
api = wandb.Api()
name = f"bea-{wandb.__version__}"
made = api.create_user(f"{name}@example.com")
team = api.create_team(f"crew-{wandb.__version__}")
account = team.create_service_account(f"robot {wandb.__version__}")
answer = {"email": made.email, "name": made.username == name, "found": api.user(f"{name}@example.com").username == name,
          "invited": [team.invite(name), team.invite(f"{name}@example.com"), team.invite("nobody@example.com")],
          "account": [account.account_type, account.name == f"robot-{wandb.__version__}", len(account.api_key or "")]}
try:
    answer["again"] = repr(api.create_user(f"{name}@example.com"))
except Exception as error:
    answer["again"] = "already" in str(error)
member = next(member for member in api.team(team.name).members if member.username == name)
answer["member"] = [member.account_type, member.api_key, member.delete()]
os.environ["WANDB_API_KEY"] = account.api_key
with wandb.init(entity=team.name, project="shared", id="by-robot") as run:
    run.log({"x": 1})
os.environ["WANDB_USERNAME"] = name
wandb.teardown()  # variables are read once a process
with wandb.init(entity=team.name, project="shared", id="for-bea") as run:
    run.log({"x": 1})
api = wandb.Api()
seen = api.run(f"{team.name}/shared/by-robot")
answer["run"] = [seen.summary["x"], seen.user.username == account.name, api.run(f"{team.name}/shared/for-bea").user.username == name]
"""
    )
    assert answer["email"].startswith("bea-")
    assert answer["email"].endswith("@example.com")
    assert answer["name"] is answer["found"] is answer["again"] is True
    assert answer["invited"] == [True, True, False]
    assert answer["account"] == ["SERVICE", True, 40]
    assert answer["member"] == ["USER", None, False]
    assert answer["run"] == [1, True, True]


def test_what_teams_refuse_is_false_or_none_for_every_release(any_client: Client) -> None:
    answer = any_client.run(
        """
api = wandb.Api()
name = "team-" + PROJECT.split("/")[1]
team = api.create_team(name)
answer = [api.create_team(name).name == name, team.invite("nobody@example.com"), team.invite("nobody"), team.create_service_account(""),
          api.team(name).members[0].delete()]
"""
    )
    assert answer == [True, False, False, None, False]


def test_a_reserved_entity_is_refused(client: Client) -> None:
    answer = client.run(
        """
try:
    wandb.init(entity="graphql")
    answer = "started"
except Exception as error:
    answer = str(error)
"""
    )
    assert "reserved" in answer
