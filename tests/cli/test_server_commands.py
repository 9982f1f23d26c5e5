from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import httpx

from penstock.spec.stored import missing
from tests.cli.conftest import Run
from tests.support.server import LiveServer


def test_up_answers_health_and_stops_cleanly_on_sigterm(tmp_path: Path) -> None:
    server = LiveServer(tmp_path / "data").start()
    assert server.get("/healthz")["status"] == "ok"
    assert server.stop() == 0
    assert not (tmp_path / "data" / "server.json").exists()


def test_a_second_server_on_the_same_folder_says_who_holds_it(penstock: Run, tmp_path: Path) -> None:
    with LiveServer(tmp_path / "data") as server:
        second = penstock("up", "--port", "0")
        assert second.returncode == 1
        assert f"held by the server with process id {server.pid} at {server.url}" in second.stderr


def test_a_folder_that_cannot_be_used_is_named(penstock: Run, tmp_path: Path) -> None:
    (tmp_path / "folder" / "server.lock").mkdir(parents=True)
    done = penstock("up", "--port", "0", "--data-dir", str(tmp_path / "folder"))
    assert (done.returncode, done.stderr) == (1, f"penstock: the data folder {tmp_path}/folder cannot be used: Is a directory\n")


def test_a_database_that_is_none_is_named_with_what_to_do(penstock: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "penstock.db").write_text("not a database, and long enough to look like one " * 40)
    for command in (("up", "--port", "0"), ("secrets", "ls")):
        done = penstock(*command)
        assert done.returncode == 1
        assert done.stderr.startswith(f"penstock: the database {tmp_path}/data/penstock.db cannot be reached: file is not a database; start from")
    looked = penstock("doctor")
    assert looked.returncode == 1
    assert f"{tmp_path}/data/penstock.db: file is not a database" in looked.stdout


def test_an_address_of_another_machine_is_refused_with_the_option_that_helps(penstock: Run) -> None:
    done = penstock("up", "--port", "0", "--host", "192.0.2.1")
    assert done.returncode == 1
    assert done.stderr.endswith("choose another address with --host\n")


def test_a_command_without_a_server_names_the_folder_to_start_it_on(penstock: Run, tmp_path: Path) -> None:
    assert penstock("env").stderr.endswith("start one with `penstock up`\n")
    assert penstock("env", "--data-dir", str(tmp_path / "my data")).stderr.endswith(f"`penstock up --data-dir '{tmp_path}/my data'`\n")


def test_listing_runs_of_an_experiment_that_is_not_there_makes_none(penstock: Run, tmp_path: Path) -> None:
    with LiveServer(tmp_path / "data") as server:
        done = penstock("runs", "ls", "--experiment", "nope")
        assert (done.returncode, done.stderr) == (1, "penstock: no experiment 'nope'; `penstock ls experiments` lists them\n")
        assert [one["display_name"] for one in server.get("/apis/v2beta1/experiments")["experiments"]] == ["Default"]
        assert penstock("runs", "ls").stderr == "no runs yet\n"
        assert penstock("ls", "runs", "status:failed").stderr == "nothing in runs fits 'status:failed'\n"


def test_a_list_that_is_no_terminals_is_as_wide_as_it_needs(penstock: Run, tmp_path: Path) -> None:
    name = "an experiment with a long name " * 4
    with LiveServer(tmp_path / "data") as server:
        made = server.post("/apis/v2beta1/experiments", {"display_name": name.strip()})
        (line,) = [line for line in penstock("ls", "experiments", columns="").stdout.splitlines() if "long name" in line]
        assert line.startswith(made["experiment_id"])
        assert name.strip() in line
        narrow = penstock("ls", "experiments", columns="60").stdout
        assert made["experiment_id"] in narrow
        assert max(map(len, narrow.splitlines())) <= 60


def test_a_taken_port_is_named(penstock: Run, tmp_path: Path) -> None:
    with LiveServer(tmp_path / "other") as server:
        refused = penstock("up", "--port", str(server.port))
        assert refused.returncode == 1
        assert f"cannot listen on 127.0.0.1:{server.port}" in refused.stderr


def test_a_killed_server_leaves_a_folder_that_starts_again(penstock: Run, tmp_path: Path) -> None:
    server = LiveServer(tmp_path / "data").start()
    server.kill()
    assert "no server runs on" in penstock("env").stderr
    with server:
        assert penstock("env").returncode == 0


def test_env_prints_variables_that_open_the_server(penstock: Run, tmp_path: Path) -> None:
    with LiveServer(tmp_path / "data") as server:
        variables = json.loads(penstock("env", "--json").stdout)
        assert variables["KF_PIPELINES_ENDPOINT"] == server.url
        assert variables["WANDB_BASE_URL"] == server.url
        assert variables["METAFLOW_UI_URL"] == f"{server.url}/flows"
        assert variables["WANDB_API_KEY"] == server.key
        assert f"export KF_PIPELINES_ENDPOINT={server.url}" in penstock("env").stdout.splitlines()
        assert stat.S_IMODE((tmp_path / "data" / "api-key").stat().st_mode) == 0o600


def test_env_prints_the_prefix_of_flows_that_the_server_was_started_with(penstock: Run, tmp_path: Path) -> None:
    with LiveServer(tmp_path / "data", env={"PENSTOCK_FLOWS_PREFIX": "mf"}) as server:
        assert f"export METAFLOW_UI_URL={server.url}/mf" in penstock("env").stdout.splitlines()
        led = httpx.get(f"{server.url}/mf/Shop/7?a=b")
        assert (led.status_code, led.headers["location"]) == (303, "/flows/Shop/7?a=b")


def test_a_prefix_that_the_server_uses_itself_ends_the_start_in_one_line(penstock: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "penstock.toml").write_text('[flows]\nprefix = "ui"\n')
    done = penstock("up", "--port", "0")
    assert (done.returncode, done.stderr) == (1, "penstock: flows_prefix: 'ui' is reserved: the server itself uses the address /ui\n")


def test_beyond_loopback_every_request_needs_the_key(penstock: Run, tmp_path: Path) -> None:
    with LiveServer(tmp_path / "data", flags=("--host", "0.0.0.0", "--url", "http://127.0.0.1:1")) as server:
        port = _port_of(server.pid)
        url = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{url}/healthz").status_code == 200
        refused = httpx.get(f"{url}/apis/v2beta1/runs")
        assert (refused.status_code, refused.json()["code"], refused.json()["details"][0]["code"]) == (401, 16, 16)
        assert httpx.get(f"{url}/ui/runs", headers={"accept": "text/html"}).headers["location"].startswith("/signin")
        key = {"authorization": f"Bearer {server.key}"}
        assert httpx.get(f"{url}/apis/v2beta1/runs", headers=key).status_code == 200


def _port_of(pid: int) -> int:
    """Return the port that a process listens on, from the kernel's table."""
    inodes = {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir() if "socket:" in str(link.readlink())}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
            return int(fields[1].rpartition(":")[2], 16)
    raise AssertionError("not listening")


def test_doctor_reports_every_check_as_json(penstock: Run) -> None:
    done = penstock("doctor", "--json")
    findings = {finding["subject"]: finding for finding in json.loads(done.stdout)}
    assert {"python", "uv", "settings", "disk", "server", "cgroups", "mount namespaces", "clients"} <= findings.keys()
    assert done.returncode == (1 if any(finding["verdict"] == "missing" for finding in findings.values()) else 0)


def test_doctor_names_a_wrong_setting(penstock: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "penstock.toml").write_text("[server]\nprot = 1\n")
    done = penstock("doctor")
    assert done.returncode == 1
    assert "no setting 'prot' in section [server]" in done.stdout


def test_help_lists_the_commands_and_version_prints_one_line(penstock: Run) -> None:
    shown = penstock("--help").stdout
    for command in ("up", "env", "run", "runs", "secrets", "demo", "doctor"):
        assert f"  {command} " in shown
    for commands in (shown, penstock("runs", "--help").stdout, penstock("secrets", "--help").stdout):
        assert not [line for line in commands.partition("Commands:")[2].splitlines() if line.endswith("...") and ", ..." not in line]
    assert penstock("--version").stdout.strip().count(".") == 2


def test_no_colours_where_the_output_is_not_a_terminal(penstock: Run) -> None:
    assert "\x1b[" not in penstock("doctor").stdout


def test_secrets_are_set_listed_without_values_merged_and_removed(penstock: Run, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\x00token")
    assert penstock("secrets", "set", "db", "user=me", "--from-file", f"token={tmp_path / 'token'}").returncode == 0
    assert penstock("secrets", "set", "db", "user=you", "--merge").returncode == 0
    assert penstock("secrets", "set", "settings", "mode=fast", "--config-map").returncode == 0

    (advice,) = re.findall("`penstock (.*)`", missing("configmap", "advised"))  # what a failed task tells its user to do
    assert penstock(*advice.replace("KEY=VALUE", "k=v").split()).stdout == "configmap advised: k\n"
    assert penstock("secrets", "rm", "advised", "--config-map").returncode == 0

    listed = penstock("secrets", "ls", "--json")
    assert [(one["kind"], one["name"], one["keys"]) for one in json.loads(listed.stdout)] == [
        ("secret", "db", ["token", "user"]),
        ("configmap", "settings", ["mode"]),
    ]
    assert "you" not in listed.stdout

    assert penstock("secrets", "rm", "db").returncode == 0
    gone = penstock("secrets", "rm", "db")
    assert (gone.returncode, "not found" in gone.stderr) == (1, True)
