"""Artifacts with the real client: logging, versions, aliases, use, download, lineage, links, drafts, deletion."""

from __future__ import annotations

import httpx
import pytest

from tests.conformance.wandb.conftest import Client

pytestmark = pytest.mark.conformance

MAKE = """
from pathlib import Path
Path("d/sub").mkdir(parents=True, exist_ok=True)
Path("d/a.txt").write_text("alpha")
Path("d/sub/b.bin").write_bytes(bytes(range(256)) * 100)
Path("d/empty").write_bytes(b"")
Path("ref.dat").write_text("reference")

def make(**kwargs):
    artifact = wandb.Artifact("ds", "dataset", **kwargs)
    artifact.add_dir("d")
    return artifact
"""


def test_an_artifact_is_logged_used_and_downloaded(any_client: Client) -> None:
    answer = any_client.run(
        MAKE
        + """
with wandb.init(id="producer") as run:
    artifact = make(metadata={"rows": 3}, description="text")
    artifact.add_reference("file://" + str(Path("ref.dat").absolute()), name="ref.dat")
    run.log_artifact(artifact, aliases=["best"])
    artifact.wait()
with wandb.init(id="consumer") as run:
    used = run.use_artifact("ds:best")
    folder = Path(used.download())
    used.verify()
    files = {str(p.relative_to(folder)): p.stat().st_size for p in folder.rglob("*") if p.is_file()}
artifact = wandb.Api().artifact(f"{PROJECT}/ds:latest")
producer, consumer = wandb.Api().run(f"{PROJECT}/producer"), wandb.Api().run(f"{PROJECT}/consumer")
answer = {"files": files, "version": artifact.version, "aliases": sorted(artifact.aliases), "metadata": artifact.metadata,
          "description": artifact.description, "size": artifact.size, "logged_by": artifact.logged_by().id,
          "used_by": [r.id for r in artifact.used_by()], "out": [a.name for a in producer.logged_artifacts()],
          "in": [a.name for a in consumer.used_artifacts()], "state": artifact.state, "type": artifact.type}
"""
    )
    assert answer["files"] == {"a.txt": 5, "sub/b.bin": 25600, "empty": 0, "ref.dat": 9}
    assert answer["version"] == "v0"
    assert {"best", "latest"} <= set(answer["aliases"])
    assert answer["metadata"] == {"rows": 3}
    assert answer["description"] == "text"
    assert answer["size"] == 25614
    assert answer["logged_by"] == "producer"
    assert answer["used_by"] == ["consumer"]
    assert answer["out"] == ["ds:v0"]
    assert answer["in"] == ["ds:v0"]
    assert (answer["state"], answer["type"]) == ("COMMITTED", "dataset")


def test_unchanged_content_makes_no_new_version(any_client: Client) -> None:
    answer = any_client.run(
        MAKE
        + """
versions = []
with wandb.init() as run:
    for text in ("alpha", "alpha", "beta", "alpha"):
        Path("d/a.txt").write_text(text)
        artifact = make()
        run.log_artifact(artifact)
        artifact.wait()
        versions.append(artifact.version)
answer = {"versions": versions, "latest": wandb.Api().artifact(f"{PROJECT}/ds:latest").version}
"""
    )
    assert answer["versions"] == ["v0", "v0", "v1", "v0"]
    assert answer["latest"] == "v0"


def test_versions_are_listed_and_found_by_alias_number_and_digest(client: Client) -> None:
    answer = client.run(
        MAKE
        + """
with wandb.init() as run:
    for i in range(4):
        Path("d/a.txt").write_text(str(i))
        run.log_artifact(make(metadata={"i": i}), aliases=[f"n{i}"]).wait()
api = wandb.Api()
one = api.artifact(f"{PROJECT}/ds:v1")
answer = {"all": [a.version for a in api.artifacts("dataset", f"{PROJECT}/ds", per_page=3)], "alias": api.artifact(f"{PROJECT}/ds:n2").version,
          "digest": api.artifact(f"{PROJECT}/ds:{one.digest}").version,
          "commit": api.artifact(f"{PROJECT}/ds:{one.commit_hash}").version, "types": [t.name for t in api.artifact_types(PROJECT)],
          "collections": [c.name for c in api.artifact_collections(PROJECT, "dataset")], "exists": api.artifact_exists(f"{PROJECT}/ds:v9"),
          "aliases": sorted(api.artifact_collection("dataset", f"{PROJECT}/ds").aliases)}
"""
    )
    assert answer["all"] == ["v3", "v2", "v1", "v0"]
    assert (answer["alias"], answer["digest"], answer["commit"]) == ("v2", "v1", "v1")
    assert "dataset" in answer["types"]
    assert answer["collections"] == ["ds"]
    assert answer["exists"] is False
    assert answer["aliases"] == ["latest", "n0", "n1", "n2", "n3"]


def test_edits_aliases_tags_ttl(client: Client) -> None:
    answer = client.run(
        MAKE
        + """
from datetime import timedelta
with wandb.init() as run:
    run.log_artifact(make(), aliases=["old"], tags=["one"]).wait()
artifact = wandb.Api().artifact(f"{PROJECT}/ds:v0")
artifact.description, artifact.metadata["k"], artifact.tags, artifact.ttl = "new", 1, ["two"], timedelta(days=3)
artifact.aliases = ["latest", "new"]
artifact.save()
seen = wandb.Api().artifact(f"{PROJECT}/ds:v0")
answer = {"description": seen.description, "metadata": seen.metadata, "tags": seen.tags, "ttl": seen.ttl.days, "aliases": sorted(seen.aliases)}
"""
    )
    assert answer == {"description": "new", "metadata": {"k": 1}, "tags": ["two"], "ttl": 3, "aliases": ["latest", "new"]}


def test_links_and_registries(client: Client) -> None:
    answer = client.run(
        MAKE
        + """
name = PROJECT.split("/")[1]
with wandb.init() as run:
    artifact = make()
    run.log_artifact(artifact).wait()
    run.link_artifact(artifact, f"{PROJECT}/portfolio", aliases=["prod"])
    run.link_artifact(artifact, f"wandb-registry-model/{name}", aliases=["staging"])
api = wandb.Api()
linked = api.artifact(f"wandb-registry-model/{name}:staging")
collections = [c.name for c in api.registries().collections(filter={"name": name})]
versions = [a.source_name for a in api.registries(filter={"name": "model"}).collections(filter={"name": name}).versions()]
registry = api.create_registry(name=name, visibility="organization", artifact_types=["model"])
try:
    artifact.link(f"wandb-registry-{name}/c")
    refused = False
except Exception as error:
    refused = "dataset" in str(error)
answer = {"portfolio": api.artifact(f"{PROJECT}/portfolio:prod").source_name, "linked": linked.source_name, "is_link": linked.is_link,
          "collections": collections, "versions": versions, "registry": api.registry(name).name, "refused": refused,
          "types": list(api.registry(name).artifact_types), "url": linked.url}
registry.delete()
linked.unlink()
answer["unlinked"] = not api.artifact_exists(f"wandb-registry-model/{name}:staging")
"""
    )
    assert answer["portfolio"] == answer["linked"] == "ds:v0"
    assert answer["is_link"] is True
    assert len(answer["collections"]) == 1
    assert answer["versions"] == ["ds:v0"]
    assert answer["registry"]
    assert answer["types"] == ["model"]
    assert answer["refused"] is True
    assert answer["unlinked"] is True
    address = answer["url"]
    pages = [httpx.get(address), httpx.get(address.partition("?")[0]), httpx.get(address.rpartition("&")[0])]
    assert [page.status_code for page in pages] == [303, 303, 303]
    registry = "/penstock-org/wandb-registry-model/artifacts"
    collection = f"{registry}/dataset/{client.project}"
    assert [page.headers["location"] for page in pages] == [f"{collection}/v0", registry, collection]
    assert httpx.get(client.server.url + registry).status_code == 200


def test_a_deleted_portfolio_leaves_the_version_that_it_held(any_client: Client) -> None:
    answer = any_client.run(
        MAKE
        + """
with wandb.init() as run:
    artifact = make()
    run.log_artifact(artifact).wait()
    run.link_artifact(artifact, f"{PROJECT}/portfolio", aliases=["prod"])
api = wandb.Api()
kept, gone = (api.artifact_type("dataset", PROJECT).collection(name) for name in ("ds", "portfolio"))
answer = {"sequences": [kept.is_sequence(), gone.is_sequence()]}
gone.delete()
answer["left"] = [found.name for found in wandb.Api().artifact_type("dataset", PROJECT).collections()]
answer["version"] = wandb.Api().artifact(f"{PROJECT}/ds:v0").version
"""
    )
    assert answer == {"sequences": [True, False], "left": ["ds"], "version": "v0"}


def test_drafts_incremental_and_distributed_versions(client: Client) -> None:
    answer = client.run(
        MAKE
        + """
with wandb.init() as run:
    run.log_artifact(make()).wait()
    draft = run.use_artifact("ds:v0").new_draft()
    Path("n.txt").write_text("n")
    draft.add_file("n.txt")
    draft.remove("empty")
    run.log_artifact(draft).wait()
    grown = wandb.Artifact("ds", "dataset", incremental=True)
    Path("g.txt").write_text("g")
    grown.add_file("g.txt")
    run.log_artifact(grown).wait()
for part in ("x", "y"):
    with wandb.init(group="writers") as run:
        artifact = wandb.Artifact("shared", "dataset")
        Path(part).write_text(part)
        artifact.add_file(part)
        run.upsert_artifact(artifact, distributed_id="job-1")
with wandb.init(group="writers") as run:
    artifact = wandb.Artifact("shared", "dataset")
    Path("z").write_text("z")
    artifact.add_file("z")
    run.finish_artifact(artifact, distributed_id="job-1")
api = wandb.Api()
answer = {"draft": sorted(api.artifact(f"{PROJECT}/ds:v1").manifest.entries), "grown": sorted(api.artifact(f"{PROJECT}/ds:v2").manifest.entries),
          "shared": sorted(api.artifact(f"{PROJECT}/shared:v0").manifest.entries),
          "versions": len(api.artifacts("dataset", f"{PROJECT}/shared"))}
"""
    )
    assert answer["draft"] == ["a.txt", "n.txt", "sub/b.bin"]
    assert answer["grown"] == ["a.txt", "g.txt", "n.txt", "sub/b.bin"]
    assert answer["shared"] == ["x", "y", "z"]
    assert answer["versions"] == 1


def test_files_of_a_version(client: Client) -> None:
    answer = client.run(
        MAKE
        + """
with wandb.init() as run:
    run.log_artifact(make()).wait()
artifact = wandb.Api().artifact(f"{PROJECT}/ds:v0")
answer = {"names": [f.name for f in artifact.files(per_page=2)], "one": [f.name for f in artifact.files(["a.txt"])],
          "text": Path(artifact.get_entry("a.txt").download()).read_text(), "count": len(artifact.files())}
"""
    )
    assert answer == {"names": ["a.txt", "empty", "sub/b.bin"], "one": ["a.txt"], "text": "alpha", "count": 3}


def test_deletion_asks_for_aliases_and_keeps_numbers(client: Client) -> None:
    answer = client.run(
        MAKE
        + """
with wandb.init() as run:
    for i in range(3):
        Path("d/a.txt").write_text(str(i))
        run.log_artifact(make()).wait()
    artifact = wandb.Api().artifact(f"{PROJECT}/ds:latest")
    try:
        artifact.delete()
        refused = False
    except Exception as error:
        refused = "alias" in str(error)
    artifact.delete(delete_aliases=True)
    latest = wandb.Api().artifact(f"{PROJECT}/ds:latest").version
    Path("d/a.txt").write_text("again")
    fresh = make()
    run.log_artifact(fresh).wait()
answer = {"refused": refused, "latest": latest, "fresh": fresh.version}
"""
    )
    assert answer == {"refused": True, "latest": "v1", "fresh": "v3"}


def test_what_is_missing_is_a_clean_error(client: Client) -> None:
    answer = client.run(
        MAKE
        + """
errors = []
with wandb.init() as run:
    run.log_artifact(make()).wait()
    for work in (lambda: run.use_artifact("absent:latest"), lambda: run.use_artifact("ds:v7"),
                 lambda: run.log_artifact(wandb.Artifact("ds", "model")).wait()):
        try:
            work()
            errors.append("none")
        except Exception as error:
            errors.append(type(error).__name__ + ": " + str(error))
answer = errors
"""
    )
    assert "not found" in answer[0]
    assert "not found" in answer[1]
    assert "already exists with type" in answer[2]


def test_large_files_arrive_in_parts(client: Client) -> None:
    answer = client.run(
        """
from wandb.sdk.artifacts import artifact as _artifact
from pathlib import Path
with wandb.init() as run:
    artifact = wandb.Artifact("big", "dataset")
    Path("big.bin").write_bytes(os.urandom(1 << 20) * 8)
    artifact.add_file("big.bin")
    run.log_artifact(artifact).wait()
answer = Path(wandb.Api().artifact(f"{PROJECT}/big:v0").download(multipart=True), "big.bin").read_bytes() == Path("big.bin").read_bytes()
"""
    )
    assert answer is True
