"""The public API and the command line beyond what runs and artifacts need: every object's attributes answer, what is absent is a clean error."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.conformance.wandb.conftest import MIDDLE, NEWEST, Client
from tests.support.clients import client_python
from tests.support.server import LiveServer

pytestmark = pytest.mark.conformance

_MAKE = """
from pathlib import Path
Path("m.txt").write_text("hello")
Path("train.py").write_text("print(1)")
with wandb.init(id="one", name="one", config={"lr": 0.5}) as run:
    run.log({"loss": 1})
    run.log_code(".", include_fn=lambda path: path.endswith("train.py"))
    run.log_model("m.txt", name="net")
    artifact = wandb.Artifact("ds", "dataset", metadata={"k": 1})
    artifact.add_file("m.txt")
    run.log_artifact(artifact, aliases=["best"]).wait()
    run.link_artifact(artifact, "port", aliases=["prod"])
    run.link_model("m.txt", "registered", name="net")
"""


def test_every_attribute_of_every_object_answers(client: Client) -> None:
    answer = client.run(
        _MAKE
        + """
api = wandb.Api()
failed = {}
def walk(label, thing, skip=()):
    for name in dir(type(thing)):
        if name.startswith("_") or name in skip or not isinstance(getattr(type(thing), name), property):
            continue
        try:
            getattr(thing, name)
        except Exception as error:
            failed[f"{label}.{name}"] = f"{type(error).__name__}: {error}"
artifact = api.artifact(f"{PROJECT}/ds:v0")
run = api.run(f"{PROJECT}/one")
project = api.project(*reversed(PROJECT.split("/")))
sweep_id = wandb.sweep({"method": "grid", "parameters": {"x": {"values": [1, 2]}}}, project=PROJECT.split("/")[1])
walk("api", api)
walk("run", run)
walk("runs", api.runs(PROJECT))
walk("project", project)
walk("artifact", artifact)
walk("collection", api.artifact_collection("dataset", f"{PROJECT}/ds"))
walk("type", api.artifact_type("dataset", PROJECT))
walk("file", run.file("wandb-summary.json"))
walk("user", api.viewer)
walk("sweep", api.sweep(f"{PROJECT}/{sweep_id}"))
answer = failed
"""
    )
    assert answer == {}


def test_names_of_all_forms_lead_to_the_version(client: Client) -> None:
    answer = client.run(
        _MAKE
        + """
digest = wandb.Api().artifact(f"{PROJECT}/ds:v0").digest
name = PROJECT.split("/")[1]
with wandb.init(id="two") as run:
    forms = ["ds", "ds:latest", "ds:v0", "ds:best", f"ds:{digest}", f"{name}/ds:v0", f"{PROJECT}/ds:v0", "port:prod"]
    found = [run.use_artifact(form).digest == digest for form in forms]
    model = Path(run.use_model("net:latest")).read_text()
restored = wandb.restore("config.yaml", run_path=f"{PROJECT}/one") is not None
api = wandb.Api()
used = sorted({entry.name for entry in api.run(f"{PROJECT}/two").used_artifacts()})
answer = {"found": found, "model": model, "restored": restored, "used": used,
          "exists": [api.artifact_exists(f"{PROJECT}/ds:v0"), api.artifact_exists(f"{PROJECT}/ds:v9"),
                     api.artifact_exists("tester/absent/ds:v0"), api.artifact_collection_exists(f"{PROJECT}/ds", "dataset")]}
"""
    )
    assert all(answer["found"])
    assert len(answer["found"]) == 8
    assert (answer["model"], answer["restored"]) == ("hello", True)
    assert answer["used"] == ["ds:v0", "net:v0"]
    assert answer["exists"] == [True, False, False, True]


def test_what_no_server_here_does_is_a_clean_error_at_once(client: Client) -> None:
    answer = client.run(
        """
api = wandb.Api()
calls = {"queue": lambda: api.run_queue("tester", "q").id, "user": lambda: api.create_user("no address"),
         "project": lambda: api.project("absent").id, "sweep": lambda: api.sweep(f"{PROJECT}/absent"), "run": lambda: api.run(f"{PROJECT}/absent")}
answer = {}
for name, call in calls.items():
    try:
        answer[name] = f"answered {call()!r}"
    except Exception as error:
        answer[name] = type(error).__name__
"""
    )
    assert {name: kind for name, kind in answer.items() if kind.startswith("answered") or kind in {"TypeError", "KeyError", "AttributeError"}} == {}


def test_the_command_line_puts_lists_gets_pulls_and_restores(client: Client) -> None:
    client.run(_MAKE + "answer = None")
    base = client.environment["PROJECT"]
    for words, said in (
        (("status",), "base_url"),
        (("artifact", "put", "m.txt", "-n", f"{base}/cli", "-t", "dataset"), "cli"),
        (("artifact", "ls", base), "cli"),
        (("artifact", "get", f"{base}/cli:latest", "--root", "got"), ""),
        (("pull", "-p", client.project, "-e", client.entity, "one"), ""),
        (("restore", "--no-git", f"{base}/one"), ""),
        (("job", "create", "code", "-n", "work", "-p", client.project, "-e", client.entity, "-E", "python m.txt", "-r", "3.11", "got"), "Created"),
        (("job", "describe", f"{base}/work:latest"), "source_type: artifact"),
        (("job", "list", "-p", client.project, "-e", client.entity), "work"),
        (("sync", "--yes", "--include-online", "--include-synced"), ""),
    ):
        done = client.command(*words, WANDB_SILENT="false")
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        assert said in done.stdout + done.stderr, words
    assert (client.folder / "got" / "m.txt").read_text() == "hello"
    answer = client.run(
        """
api = wandb.Api()
job = api.job(f"{PROJECT}/work:latest")
answer = [len(list(api.run(f"{PROJECT}/one").scan_history())), [entry.name for entry in api.artifacts("dataset", f"{PROJECT}/ds")],
          job._get_code_artifact(job._job_info["source"]["artifact"]).state]
"""
    )
    assert answer == [1, ["ds:v0"], "COMMITTED"]


def test_a_run_of_the_public_api_logs_and_uses_versions(wandb_server: LiveServer, tmp_path: Path) -> None:
    """The release before sends aliases and tags as bare texts, the newest as objects."""
    for number, release in enumerate((NEWEST, MIDDLE)):
        (tmp_path / str(number)).mkdir()
        answer = Client(client_python(*release), wandb_server, tmp_path / str(number)).run(
            """
from pathlib import Path
Path("m.txt").write_text("hello")
wandb.init(id="one").finish()
artifact = wandb.Artifact("by-hand", "dataset")
artifact.add_file("m.txt")
artifact.save(project=PROJECT.split("/")[1])
artifact.wait()
api = wandb.Api()
run, version = api.run(f"{PROJECT}/one"), api.artifact(f"{PROJECT}/by-hand:latest")
run.log_artifact(version, aliases=["x"], tags=["t"])
run.use_artifact(version)
seen = api.artifact(f"{PROJECT}/by-hand:x")
answer = {"logged": [entry.name for entry in api.run(f"{PROJECT}/one").logged_artifacts()], "version": seen.version,
          "used": [entry.name for entry in api.run(f"{PROJECT}/one").used_artifacts()], "aliases": sorted(seen.aliases),
          "tags": seen.tags}
"""
        )
        assert answer == {
            "logged": ["by-hand:v0"], "version": "v0", "used": ["by-hand:v0"], "aliases": ["latest", "x"], "tags": ["t"],
        }, release  # fmt: skip


def test_what_nobody_set_is_none_and_an_empty_text_stays_one(client: Client) -> None:
    answer = client.run(
        """
entity, project = PROJECT.split("/")
with wandb.init(id="plain") as run:
    artifact = wandb.Artifact("ds", type="dataset")
    run.log_artifact(artifact).wait()
    artifact.link(f"{PROJECT}/port")
with wandb.init(id="dressed", group="g", job_type="train", notes="n"):
    pass
api = wandb.Api()
def texts(name):
    run = api.run(f"{PROJECT}/{name}")
    return [run.group, run.job_type, run.notes, run.description, run.commit]
def card(name):
    return api.artifact_collection("dataset", f"{PROJECT}/{name}").description
answer = {"plain": texts("plain"), "dressed": texts("dressed")[:3], "cards": [card("ds"), card("port")]}
for name in ("ds", "port"):
    collection = api.artifact_collection("dataset", f"{PROJECT}/{name}")
    collection.description = ""
    collection.save()
answer["emptied"] = [card("ds"), card("port")]
for number, text in enumerate((None, "", "of models")):
    registry = api.create_registry(name=f"{project}-{number}", visibility="organization", description=text)
    registry.load()
    answer.setdefault("registries", []).append(registry.description)
    registry.delete()
"""
    )
    assert answer["plain"] == [None] * 5
    assert answer["dressed"] == ["g", "train", "n"]
    assert answer["cards"] == [None, None]
    assert answer["emptied"] == ["", ""]
    assert answer["registries"] == [None, "", "of models"]


def test_the_words_that_programs_look_for_in_answers(client: Client) -> None:
    answer = client.run(
        """
api = wandb.Api()
with wandb.init() as run:
    artifact = wandb.Artifact("ds", type="dataset")
    with artifact.new_file("a.txt") as file:
        file.write("a")
    run.log_artifact(artifact).wait()
made = api.run("/".join(api.create_run(project=PROJECT.split("/")[1]).path))
answer = {"failed": made.update_state("failed"), "path": api.artifact(f"{PROJECT}/ds:v0").files()[0].storage_path,
          "url": api.artifact(f"{PROJECT}/ds:v0").files()[0].direct_url}
try:
    made.update_state("failed")
except wandb.Error as error:
    answer["again"] = str(error)
api.create_registry(name=PROJECT.split("/")[1], visibility="organization").delete()
answer["shared"] = [name for name in wandb.Api().viewer.teams if name.endswith("-org")]
"""
    )
    assert answer["failed"] is True
    assert "invalid state transition" in answer["again"]
    assert answer["path"].startswith("wandb_artifacts/")
    assert "/wandb_artifacts/" in answer["url"]
    assert answer["shared"] == [], "the entity of the registries is not among a user's teams"


@pytest.mark.parametrize("release", [NEWEST, MIDDLE], ids=["newest", "middle"])
def test_a_state_that_a_run_cannot_take_is_refused_in_words(release: tuple[str, ...], wandb_server: LiveServer, tmp_path: Path) -> None:
    answer = Client(client_python(*release), wandb_server, tmp_path).run(
        """
api = wandb.Api()
made = api.run("/".join(api.create_run(project=PROJECT.split("/")[1]).path))
answer = {"failed": made.update_state("failed")}
try:
    made.update_state("failed")
except wandb.Error as error:
    answer["again"] = str(error).lower()
"""
    )
    assert answer["failed"] is True
    assert "invalid state transition" in answer["again"]


def test_a_file_from_outside_its_root_is_uploaded_and_found(client: Client) -> None:
    answer = client.run(
        """
from pathlib import Path
Path("root").mkdir()
Path("outside.txt").write_text("four")
with wandb.init() as run:
    run.log({"x": 1})
seen = wandb.Api().run(f"{PROJECT}/{run.id}")
file = seen.upload_file("outside.txt", root="root")
answer = [file.name, file.size, file.download(root="down").read(), "__/outside.txt" in [each.name for each in seen.files()]]
"""
    )
    assert answer == ["__/outside.txt", 4, "four", True]


def test_members_of_registries_have_one_of_four_roles(client: Client) -> None:
    answer = client.run(
        """
from wandb.apis.public.registries._members import MemberId
api = wandb.Api()
name = PROJECT.split("/")[1]
team = api.create_team(f"team-{name}")
def words(call):
    try:
        call()
    except Exception as error:
        return str(error)
registry = api.create_registry(name=f"members-{name}", visibility="organization").add_members(team)
answer = {}
for role in ("admin", "member", "viewer", "restricted_viewer"):
    registry.update_member(team, role=role)
    answer[role] = [member.role for member in registry.team_members()]
answer["role"] = words(lambda: registry.update_member(team, role="owner"))
answer["nobody"] = words(lambda: registry.add_members(MemberId(kind="Entity", index=999999).encode()))
answer["members"] = [[member.role, member.team.name == team.name] for member in registry.team_members()]
"""
    )
    for role in ("admin", "member", "viewer", "restricted_viewer"):
        assert answer[role] == [role]
    assert "restricted_viewer, not 'owner'" in answer["role"]
    assert "there is no user or team" in answer["nobody"]
    assert answer["members"] == [["restricted_viewer", True]], "what was refused changed nothing"


def test_the_viewer_has_an_entity_and_a_default_one(client: Client) -> None:
    query = "{ viewer { userEntity { name } defaultEntity { name isTeam } } }"
    answered = httpx.post(f"{client.server.url}/graphql", json={"query": query}, auth=("api", client.server.key)).json()
    assert answered == {"data": {"viewer": {"userEntity": {"name": "tester"}, "defaultEntity": {"name": "tester", "isTeam": False}}}}
