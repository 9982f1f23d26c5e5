from __future__ import annotations

from pathlib import Path

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.server.config import default_data_dir, is_loopback_host, load_settings


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").write_text('[server]\nport = 1\nhost = "::1"\n[executor]\nslots = 3\n')
    environ = {"PENSTOCK_SERVER_PORT": "2", "PENSTOCK_SERVER_HOST": "127.0.0.2"}

    settings = load_settings(data_dir=tmp_path, environ=environ, server_port=3)

    assert (settings.server_port, settings.server_host, settings.executor_slots) == (3, "127.0.0.2", 3)
    assert settings.cache_enabled


def test_values_are_converted_to_the_type_of_their_field(tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").write_text('[executor]\ninterpreters = ["/a/python", "/b/python"]\nstrict_python = true\n')
    environ = {"PENSTOCK_SERVER_ALLOWED_HOSTS": "one, two,", "PENSTOCK_CACHE_ENABLED": "off", "PENSTOCK_CACHE_EXPIRY_SECONDS": "1.5"}

    settings = load_settings(data_dir=tmp_path, environ=environ)

    assert settings.executor_interpreters == ("/a/python", "/b/python")
    assert settings.executor_strict_python
    assert settings.server_allowed_hosts == ("one", "two")
    assert not settings.cache_enabled
    assert settings.cache_expiry_seconds == 1.5


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[server]\nprot = 1\n", "prot"),
        ("port = 1\n", "'port' stands outside a section"),
        ("[server]\nport = [1]\n", "[server] port"),
        ("[server\n", "cannot be read"),
    ],
)
def test_a_wrong_file_names_the_place(tmp_path: Path, text: str, place: str) -> None:
    (tmp_path / "penstock.toml").write_text(text)
    with pytest.raises(InvalidArgumentError, match=r"penstock\.toml") as caught:
        load_settings(data_dir=tmp_path, environ={})
    assert place in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVER_PORT", "http"), ("SERVER_PORT", "70000"), ("CACHE_ENABLED", "maybe"), ("PIPELINES_TERMINATED_STATE", "DONE"),
        ("SERVER_LOG_LEVEL", "loud"), ("EXECUTOR_SLOTS", "-3"), ("EXECUTOR_CPUS", "nan"), ("STORE_RETENTION_DAYS", "-1"),
    ],
)  # fmt: skip
def test_a_wrong_variable_is_refused(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(InvalidArgumentError):
        load_settings(data_dir=tmp_path, environ={f"PENSTOCK_{name}": value})


@pytest.mark.parametrize("prefix", ["flows", "mf", "2-flows"])
def test_the_prefix_of_flows_is_one_part_of_an_address(tmp_path: Path, prefix: str) -> None:
    (tmp_path / "penstock.toml").write_text(f'[flows]\nprefix = "{prefix}"\n')
    settings = load_settings(data_dir=tmp_path, environ={})
    assert settings.flows_prefix == prefix
    assert {prefix, "graphql"} <= settings.reserved_entities


@pytest.mark.parametrize("prefix", ["", "a/b", "Flows", "-a", ".a", "{a}", "a\n"])
def test_a_prefix_that_is_no_part_of_an_address_is_refused(tmp_path: Path, prefix: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"flows_prefix: .* is no part of an address"):
        load_settings(data_dir=tmp_path, environ={"PENSTOCK_FLOWS_PREFIX": prefix})


@pytest.mark.parametrize("prefix", ["ui", "apis", "metaflow", "orgs", "pipeline", "s3", "signin"])
def test_a_prefix_that_the_server_uses_itself_is_refused(tmp_path: Path, prefix: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"flows_prefix: '{prefix}' is reserved: the server itself uses the address /{prefix}"):
        load_settings(data_dir=tmp_path, environ={"PENSTOCK_FLOWS_PREFIX": prefix})


def test_data_folder_comes_from_the_environment_else_from_home() -> None:
    assert default_data_dir({"PENSTOCK_HOME": "/srv/penstock"}) == Path("/srv/penstock")
    assert default_data_dir({}) == Path.home() / ".penstock"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]", "a.localhost"])
def test_loopback_names(host: str) -> None:
    assert is_loopback_host(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", "localhost.example.org"])
def test_other_names_are_not_loopback(host: str) -> None:
    assert not is_loopback_host(host)


def test_a_misspelt_variable_is_named_with_the_nearest_setting(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="PENSTOCK_SERVER_PROT is no setting; did you mean PENSTOCK_SERVER_PORT") as caught:
        load_settings(data_dir=tmp_path, environ={"PENSTOCK_SERVER_PROT": "1", "PENSTOCK_HOME": "x", "PENSTOCK_TEST_CLIENTS": "y"})
    assert "PENSTOCK_TEST_CLIENTS" not in str(caught.value)
    assert load_settings(data_dir=tmp_path, environ={"PENSTOCK_HOME": "x", "PENSTOCK_TEST_CLIENTS": "y"}).server_port == 8080


def test_a_number_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="PENSTOCK_SERVER_PORT: 'abc' is no whole number"):
        load_settings(data_dir=tmp_path, environ={"PENSTOCK_SERVER_PORT": "abc"})


def test_a_data_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidArgumentError, match="is a file; choose another with --data-dir or PENSTOCK_HOME"):
        load_settings(data_dir=tmp_path / "file", environ={})
