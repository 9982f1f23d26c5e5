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


def test_the_viewer_and_his_keys(client: Client) -> None:
    answer = client.run(
        """
viewer = wandb.Api().viewer
key = viewer.generate_api_key("for a test")
before = len(wandb.Api().viewer.api_keys)
fresh = wandb.Api(api_key=key)
works = fresh.viewer.username
answer = {"name": viewer.username, "entity": viewer.entity, "length": len(key), "before": before, "works": works,
          "users": [user.username for user in wandb.Api().users("test")], "nobody": wandb.Api().user("nobody") is None}
"""
    )
    assert answer["name"] == answer["entity"] == answer["works"] == "tester"
    assert answer["length"] == 40
    assert answer["before"] >= 2
    assert answer["users"] == ["tester"]
    assert answer["nobody"] is True


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
