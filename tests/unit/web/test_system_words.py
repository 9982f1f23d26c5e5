"""What the System page says in words: no setting, fact, folder, table or service goes by its key alone; values read as what they mean."""

from __future__ import annotations

import pytest

from penstock.server.config import Settings, setting_names
from penstock.server.status import LOOPS
from penstock.stores.sql.pages_home import _QUEUES, _TABLES
from penstock.web.texts.system_words import QUEUES, ROOMS, SERVICES, SETTINGS, TABLES, Fact, program_of, server_facts, settings_by_room


def test_everything_with_a_key_has_words() -> None:
    assert set(SETTINGS) == set(setting_names())
    assert set(ROOMS) == {name.partition("_")[0] for name in setting_names()}
    assert set(SERVICES) == set(LOOPS)
    assert set(TABLES) == set(_TABLES)
    assert set(QUEUES) == {"tasks", *_QUEUES}


def test_settings_say_what_their_values_mean(tmp_path: object) -> None:
    settings = {name: getattr(Settings(data_dir=tmp_path), name) for name in setting_names()}  # type: ignore[arg-type]
    found = {fact.key: fact for _, facts in settings_by_room(settings, ["server_port"]) for fact in facts}
    assert found["server_port"] == Fact("server_port", "Port", "number", 8080, is_changed=True)
    assert (found["store_retention_days"].kind, found["store_retention_days"].value) == ("word", "never")
    assert (found["store_trash_days"].kind, found["store_trash_days"].value) == ("days", 7.0)
    assert (found["store_collect_seconds"].kind, found["store_collect_seconds"].value) == ("seconds", 3600.0)
    assert (found["executor_accelerators"].kind, found["executor_accelerators"].value) == ("word", "those of the machine")
    assert (found["cache_enabled"].kind, found["cache_enabled"].value) == ("word", "yes")
    assert (found["store_retention_kinds"].kind, found["store_retention_kinds"].value) == ("texts", ("run",))
    assert (found["flows_local_roots"].kind, found["flows_local_roots"].value) == ("word", "none")
    assert not found["server_host"].is_changed


def test_what_is_not_known_keeps_its_key() -> None:
    facts = server_facts({"new_fact": 3, "database": "sqlite", "settings": {}, "changed": []})
    assert facts == [Fact("database", "Database", "word", "SQLite"), Fact("new_fact", "new_fact", "number", 3)]


@pytest.mark.parametrize(
    ("agent", "surfaces", "program"),
    [
        ("OpenAPI-Generator/2.17.3/python", ("kfp",), "kfp 2.17.3"),
        ("W&B Public Client 0.31.0", ("wandb",), "wandb 0.31.0"),
        ("wandb-core", ("wandb",), "wandb"),
        ("python-requests/2.34.2", ("metaflow",), "metaflow"),
        ("Boto3/1.44.8 md/Botocore#1.44.8", ("s3",), "metaflow"),
        ("python-requests/2.34.2", ("pages",), ""),
        ("curl/8.0", ("kfp",), ""),
    ],
)
def test_clients_are_named(agent: str, surfaces: tuple[str, ...], program: str) -> None:
    assert program_of(agent, surfaces) == program
