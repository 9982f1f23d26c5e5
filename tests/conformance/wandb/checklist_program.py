"""The program whose answers `test_checklist.py` judges: everything that wandb.md section 17 lists, row by row, in one client process."""

PROGRAM = r'''
import inspect, json, subprocess, sys, time
from pathlib import Path

ENTITY, NAME = PROJECT.split("/")
fresh = lambda: wandb.Api()
run_of = lambda name: fresh().run(f"{PROJECT}/{name}")
version_of = lambda name: fresh().artifact(f"{PROJECT}/{name}")
answer, failures = {}, {}

def refused(call):
    """Name of what the call raises; None when it raises nothing."""
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return None

def data(name, *names, **texts):
    made = wandb.Artifact(name, "dataset", metadata={"k": 1})
    for file, text in texts.items():
        Path(f"{file}.txt").write_text(text)
        made.add_file(f"{file}.txt", name=f"dir/{file}.txt")
    return made

# Writing: one run that does nearly everything, some that differ in one thing.
fast = wandb.Settings(x_file_stream_transmit_interval=0.2, x_stats_sampling_interval=0.2, console="wrap")
Path("a b.txt").write_text("kept")
config = {"lr": 0.1, "deep": {"a": [1, None]}, "text": "x"}
with wandb.init(id="main", name="first", group="Flow/12", job_type="train", tags=["t", "u"], notes="n", config=config, settings=fast) as run:
    print("line one")
    run.config.update({"late": 1})
    for step in range(12):
        run.log({"loss": 1 / (step + 1), "nested": {"x": step}})
    run.summary["best"] = 5
    run.save("a b.txt", policy="now")
    run.log({"media": wandb.Html("<b>hello</b>")})
    run.alert(title="Low", text="accuracy", level=wandb.AlertLevel.WARN, wait_duration=300)
    run.alert(title="Low", text="again", wait_duration=300)
    first = data("ds", one="1", two="2")
    first.add_reference("https://example.com/x.csv", name="ref.csv", checksum=False)
    run.log_artifact(first, aliases=["best", "first"]).wait()
    same = data("ds", one="1", two="2")
    same.add_reference("https://example.com/x.csv", name="ref.csv", checksum=False)
    run.log_artifact(same).wait()
    second = data("ds", one="changed", two="2")
    run.log_artifact(second, aliases=["best"]).wait()
    rows = lambda: fresh().run(f"{PROJECT}/main").history(stream="system", pandas=False)
    while not rows():
        time.sleep(0.2)
answer["versions"] = [first.version, same.version, second.version, first.digest == same.digest]
with wandb.init(id="main", resume="must", settings=fast) as run:
    print("line two")
    answer["resumed"] = [run.resumed, run.starting_step]
    for step in range(3):
        run.log({"loss": 0})
    answer["used"] = run.use_artifact("ds:latest").version
    answer["missing"] = refused(lambda: run.use_artifact("absent:latest"))
with wandb.init(project=f"{NAME}-other", id="reader") as run:
    answer["crossed"] = run.use_artifact(f"{PROJECT}/ds:first").version
run = wandb.init(id="bad")
run.finish(exit_code=3)
program = """
import json, os, wandb
with wandb.init() as run:
    told = [len(run.id), bool(run.name), run.entity, run.project, wandb.Api().run(run.path).name == run.name]
wandb.Api().run(run.path).delete()
with wandb.init(id="off", mode="offline", project=os.environ["PROJECT"].split("/")[1]) as run:
    for i in range(30):
        run.log({"a": i})
    made = wandb.Artifact("offline-data", "dataset")
    made.add_file("a b.txt")
    run.log_artifact(made)
    folder = run.settings.sync_dir
print(json.dumps([told, folder]))
"""
without = {name: value for name, value in os.environ.items() if name not in {"WANDB_PROJECT", "WANDB_SERVICE", "_WANDB_STARTUP_DEBUG"}}
done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=without)
assert done.returncode == 0, done.stderr
answer["generated"], folder = json.loads(done.stdout.strip().splitlines()[-1])
command = [str(Path(sys.executable).parent / "wandb"), "sync", "--include-synced", folder]
synced = [subprocess.run(command, capture_output=True, env=without).returncode for _ in range(2)]

# Reading back.
api = fresh()
answer["login"] = [api.viewer.username, refused(lambda: wandb.Api(api_key="b" * 40).viewer.username), len(os.environ["WANDB_API_KEY"])]
run = run_of("main")
document = json.loads(run.json_config)
answer["config"] = {key: value["value"] for key, value in document.items() if key != "_wandb"}
answer["telemetry"] = "t" in document["_wandb"]["value"]
run.config["edited"] = 2
run.update()
edited = json.loads(run_of("main").json_config)
answer["edited"] = [edited["edited"]["value"], "t" in edited["_wandb"]["value"], sorted(set(document) - set(edited))]
rows = list(run_of("main").scan_history())
answer["rows"] = [[row["_step"] for row in rows], [row["loss"] for row in rows if "loss" in row][:12:5], rows[3]["nested"]]
answer["ended"] = [run.state, run_of("bad").state, run.summary["best"], run.summary["loss"]]
answer["console"] = Path(run.file("output.log").download(root="out", replace=True).name).read_text()
if hasattr(run, "console_logs"):
    answer["lines"] = [line.content for line in run.console_logs()]
events = run.history(stream="system", pandas=False)
answer["system"] = [len(events) > 0, any(key.startswith("system.") for key in events[-1])]
page = run.files(per_page=1)
answer["files"] = {
    "named": [(file.name, file.size) for file in run.files(names=["a b.txt", "absent.txt"])],
    "media": [file.name.startswith("media/html/") for file in run.files(pattern="media/%")],
    "paged": len({file.name for file in page}) == len(list(run.files())),
    "text": Path(run.file("a b.txt").download(root="out", replace=True).name).read_text(),
}
version = version_of("ds:v1")
folder = Path(version.download(root="got"))
version.verify("got")
part = Path(version_of("ds:v1").download(root="part", path_prefix="dir/t", multipart=True))
answer["download"] = [(folder / "dir/one.txt").read_text(), sorted(path.name for path in part.rglob("*.txt")), version.get_entry("dir/two.txt").size]
answer["aliases"] = [sorted(version_of(f"ds:v{number}").aliases) for number in (0, 1)]
answer["lineage"] = [
    version.logged_by().id, [user.id for user in version.used_by()], [user.id for user in version_of("ds:v0").used_by()],
    [logged.name for logged in run.logged_artifacts()], [used.name for used in run.used_artifacts()],
]
answer["found"] = [
    [found.id for found in api.runs(PROJECT, filters=asked)]
    for asked in ({"group": "Flow/12"}, {"jobType": "train"}, {"tags": "u"}, {"notes": {"$regex": "^n$"}}, {"group": "Flow"})
]
answer["sync"] = [synced, len(list(run_of("off").scan_history())), [made.version for made in api.artifacts("dataset", f"{PROJECT}/offline-data")]]
names = lambda **asked: [found.id for found in fresh().runs(PROJECT, **asked)]
answer["runs"] = {
    "ordered": [names(order="+name"), names(order="-summary_metrics.best")[0]],
    "paged": names(per_page=1, order="+name"), "counted": len(api.runs(PROJECT, {"state": "finished"})),
    "whole": [dict(found.config)["text"] for found in api.runs(PROJECT, {"name": "main"}, lazy=False)],
    "lazy": [dict(found.config)["text"] for found in api.runs(PROJECT, {"name": "main"})],
}
answer["history"] = [
    run.lastHistoryStep, [row["_step"] for row in run.scan_history(page_size=4, min_step=2, max_step=9)], len(run.history(samples=5, pandas=False)),
    [sorted(row) for row in run.history(keys=["nested.x"], pandas=False)][:1], [row["loss"] for row in run.scan_history(keys=["loss"])][-3:],
]
collection = api.artifact_collection("dataset", f"{PROJECT}/ds")
answer["listing"] = [
    [kind.name for kind in api.artifact_types(PROJECT)], sorted(found.name for found in api.artifact_type("dataset", PROJECT).collections()),
    [found.version for found in collection.artifacts()], sorted(collection.aliases), len(api.artifacts("dataset", f"{PROJECT}/ds", per_page=1)),
]
if "order" in inspect.signature(wandb.Api.artifacts).parameters:
    answer["upwards"] = [found.version for found in api.artifacts("dataset", f"{PROJECT}/ds", order="version_index")]
bad = run_of("bad")
bad.name = "renamed"
bad.update()
again = run_of("bad")
gone = run_of("off")
run.file("a b.txt").delete()
answer["edits"] = [
    again.name, again.state, [file.size for file in run_of("main").files(names=["a b.txt"])], refused(lambda: version_of("ds:v1").delete()) is not None,
    version_of("ds:v1").delete(delete_aliases=True), [found.version for found in fresh().artifacts("dataset", f"{PROJECT}/ds")],
    gone.delete(), refused(gone.delete), refused(lambda: run_of("off")) is not None,
]
'''
