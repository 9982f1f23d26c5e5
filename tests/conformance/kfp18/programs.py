"""Pipelines for the kfp 1.8 SDK, one per construct, each with what its run must come to. Imported by `driver.py` inside a 1.8 environment.

`CASES` maps a name to a function, arguments, mode and expectation. Expectations: `status`, `outputs` (display name of a task to
output values), `phases` (display name to the sorted list of node phases), `error` (text that the run's error contains), `logs`,
`warned` (texts that warnings of its tasks contain), `needs` (`mounts`: the host has to allow mount namespaces).
"""


from collections import namedtuple
from typing import NamedTuple

import kfp.dsl as dsl
from kfp import components
from kfp.components import InputPath, OutputPath
from kubernetes.client.models import V1EnvVar, V1EnvVarSource, V1ObjectFieldSelector

Case = namedtuple("Case", "function arguments mode expect")
CASES = {}
V2 = dsl.PipelineExecutionMode.V2_COMPATIBLE


def case(name, arguments=None, mode=None, **expect):
    """Register a pipeline function."""

    def register(function):
        CASES[name] = Case(function, arguments or {}, mode, expect)
        return function

    return register


def _add(a: float, b: float) -> float:
    return a + b


def _say(text: str) -> str:
    print("said", text)
    return text


def _numbers() -> list:
    return [1, 2, 3]


def _records() -> list:
    return [{"lr": 0.1, "who": "a"}, {"lr": 0.2, "who": "b"}]


def _nothing() -> list:
    return []


def _fail(text: str):
    print("about to fail:", text)
    raise ValueError("broken on purpose: " + text)


def _flip() -> str:
    return "heads"


add = components.create_component_from_func(_add)
say = components.create_component_from_func(_say)
numbers = components.create_component_from_func(_numbers)
records = components.create_component_from_func(_records)
nothing = components.create_component_from_func(_nothing)
fail = components.create_component_from_func(_fail)
flip = components.create_component_from_func(_flip)


@case("addition", {"a": 7, "b": 8}, status="Succeeded", outputs={"add": {"add-Output": "15.0"}})
@dsl.pipeline(name="addition-pipeline", description="adds")
def addition(a: float = 1, b: float = 7):
    add(a, b)


@case("chained values", status="Succeeded", outputs={"add-2": {"add-2-Output": "7.0"}})
@dsl.pipeline(name="chained")
def chained(a: float = 1):
    first = add(a, 2)
    add(first.output, 4)


def _write(path: OutputPath("CSV"), n: int):
    with open(path, "w") as file:
        file.write("x\n" * n)


def _read(path: InputPath("CSV")) -> int:
    return len(open(path).readlines())


write = components.create_component_from_func(_write)
read = components.create_component_from_func(_read)


@case("files by path", status="Succeeded", outputs={"read": {"read-Output": "4"}})
@dsl.pipeline(name="files")
def files(n: int = 4):
    read(write(n).output)


def _write_folder(path: OutputPath()):
    import os

    os.makedirs(os.path.join(path, "sub"))
    for name in ("a", "sub/b"):
        with open(os.path.join(path, name), "w") as file:
            file.write(name)


def _list_folder(path: InputPath()) -> str:
    import os

    return ",".join(sorted(os.path.relpath(os.path.join(top, name), path) for top, _, names in os.walk(path) for name in names))


@case("directories", status="Succeeded", outputs={"list-folder": {"list-folder-Output": "a,sub/b"}})
@dsl.pipeline(name="directories")
def directories():
    made = components.create_component_from_func(_write_folder)()
    components.create_component_from_func(_list_folder)(made.output)


def _pair(n: int) -> NamedTuple("Out", [("half", float), ("text", str)]):
    from collections import namedtuple

    return namedtuple("Out", ["half", "text"])(n / 2, "n=" + str(n))


@case("named tuples", status="Succeeded", outputs={"say": {"say-Output": "n=5"}, "add": {"add-Output": "3.5"}})
@dsl.pipeline(name="tuples")
def tuples():
    both = components.create_component_from_func(_pair)(5)
    say(both.outputs["text"])
    add(both.outputs["half"], 1)


@case(
    "conditions",
    status="Succeeded",
    phases={"say": ["Succeeded"], "say-2": [], "say-3": ["Succeeded"], "condition-2": ["Skipped"]},
)
@dsl.pipeline(name="conditions")
def conditions(n: int = 7):
    coin = flip()
    with dsl.Condition(coin.output == "heads"):
        say("yes")
    with dsl.Condition(coin.output != "heads"):
        say("no")
    with dsl.Condition(n > 5):
        with dsl.Condition(n <= 7):
            say("between")


@case("conditions over quoted words", {"word": 'a "b"'}, status="Succeeded", said=["same", "other"])
@dsl.pipeline(name="quoted")
def quoted(word: str):
    with dsl.Condition(word == 'a "b"'):
        say("same")
    with dsl.Condition(word == 'c "d"'):
        say("never")
    with dsl.Condition(word != 'c "d"'):
        say("other")


@case("after a skipped condition", status="Succeeded", phases={"say": [], "say-2": ["Succeeded"]})
@dsl.pipeline(name="after-skipped")
def after_skipped():
    coin = flip()
    with dsl.Condition(coin.output == "tails", name="never") as group:
        say("never")
    say("still").after(group)


@case("static loop", status="Succeeded", phases={"say": ["Succeeded"] * 3})
@dsl.pipeline(name="static-loop")
def static_loop():
    with dsl.ParallelFor([1, 2, 3]) as item:
        say(item)


@case("static loop over dicts", {"tail": "z"}, status="Succeeded", said=["a-z", "b-z"])
@dsl.pipeline(name="dict-loop")
def dict_loop(tail: str = "y"):
    with dsl.ParallelFor([{"n": "a"}, {"n": "b"}]) as item:
        say("%s-%s" % (item.n, tail))


@case("loop over an output", status="Succeeded", phases={"add": ["Succeeded"] * 3})
@dsl.pipeline(name="dynamic-loop")
def dynamic_loop():
    with dsl.ParallelFor(numbers().output, parallelism=2) as item:
        add(item, 10)


@case("loop over records", status="Succeeded", said=["a", "b"])
@dsl.pipeline(name="record-loop")
def record_loop():
    with dsl.ParallelFor(records().output) as item:
        say(item.who)


@case("loop over a parameter", {"items": [4, 5]}, status="Succeeded", phases={"add": ["Succeeded"] * 2})
@dsl.pipeline(name="parameter-loop")
def parameter_loop(items: list = [1]):
    with dsl.ParallelFor(items) as item:
        add(item, 1)


@case("nested loops", status="Succeeded", phases={"add": ["Succeeded"] * 6})
@dsl.pipeline(name="nested-loops")
def nested_loops():
    with dsl.ParallelFor([1, 2]) as left:
        with dsl.ParallelFor(numbers().output) as right:
            add(left, right)


@case("values leave groups", status="Succeeded", outputs={"say-2": {"say-2-Output": "in a condition"}, "say-3": {"say-3-Output": '["x","y"]'}})
@dsl.pipeline(name="leaving-groups")
def leaving_groups():
    with dsl.Condition(flip().output == "heads"):
        said = say("in a condition")
    say(said.output)
    with dsl.ParallelFor(["x", "y"]) as item:
        looped = dsl.ContainerOp(
            name="looped", image="alpine", command=["sh", "-c", "printf %s $0 > /tmp/word"], arguments=[item], file_outputs={"word": "/tmp/word"}
        )
    say(looped.output)


@case("empty loop", status="Succeeded", phases={"say": []})
@dsl.pipeline(name="empty-loop")
def empty_loop():
    with dsl.ParallelFor(nothing().output) as item:
        say(item)


@case("exit handler", status="Succeeded", said=["work", "bye Succeeded x"])
@dsl.pipeline(name="exit-handler")
def exit_handler(name: str = "x"):
    with dsl.ExitHandler(say("bye {{workflow.status}} %s" % name)):
        say("work")


@case("exit handler after a failure", status="Failed", said=["bye Failed"], error="broken on purpose: now")
@dsl.pipeline(name="exit-after-failure")
def exit_after_failure():
    with dsl.ExitHandler(say("bye {{workflow.status}}")):
        fail("now")


@case("failure stops what depends on it", status="Failed", phases={"fail": ["Failed"], "say": ["Omitted"]}, error="broken on purpose: it")
@dsl.pipeline(name="failing")
def failing():
    say("never").after(fail("it"))


def _count_and_fail(folder: str) -> int:
    import os

    path = os.path.join(folder, "count")
    count = int(open(path).read()) + 1 if os.path.exists(path) else 1
    with open(path, "w") as file:
        file.write(str(count))
    if count < 3:
        raise RuntimeError("attempt %d" % count)
    return count


@case("retries on a volume", status="Succeeded", outputs={"count-and-fail": {"count-and-fail-Output": "3"}})
@dsl.pipeline(name="retries")
def retries():
    volume = dsl.VolumeOp(name="make", resource_name="shared", size="1Gi", modes=dsl.VOLUME_MODE_RWO)
    op = components.create_component_from_func(_count_and_fail)("/data")
    op.add_pvolumes({"/data": volume.volume}).set_retry(3)


@case("volumes pass data", status="Succeeded", logs={"reader": "written by the first"})
@dsl.pipeline(name="volumes")
def volumes():
    volume = dsl.VolumeOp(name="make", resource_name="data", size="1Gi", modes=dsl.VOLUME_MODE_RWO)
    first = dsl.ContainerOp(
        name="writer", image="alpine", command=["sh", "-c"], arguments=["echo written by the first > /mnt/data/f"], pvolumes={"/mnt/data": volume.volume}
    )
    dsl.ContainerOp(name="reader", image="alpine", command=["cat"], arguments=["/mnt/data/f"], pvolumes={"/mnt/data": first.pvolume})


def _sleep(seconds: int):
    import time

    time.sleep(seconds)


@case("timeout of a step", status="Failed", error="deadline")
@dsl.pipeline(name="step-timeout")
def step_timeout():
    components.create_component_from_func(_sleep)(60).set_timeout(1)


@case("timeout of a workflow", status="Failed", error="deadline")
@dsl.pipeline(name="workflow-timeout")
def workflow_timeout():
    dsl.get_pipeline_conf().set_timeout(2)
    components.create_component_from_func(_sleep)(60)


@case("container with file outputs", status="Succeeded", outputs={"say": {"say-Output": "from a file\nwith two lines"}})
@dsl.pipeline(name="file-outputs")
def file_outputs():
    op = dsl.ContainerOp(
        name="make",
        image="library/bash:4.4.23",
        command=["sh", "-c"],
        arguments=['printf "from a file\nwith two lines\n" > /results/out.txt'],
        file_outputs={"out": "/results/out.txt"},
    )
    say(op.outputs["out"])


@case("constant as a file", status="Succeeded", logs={"show": "constant text"})
@dsl.pipeline(name="constant-file")
def constant_file():
    dsl.ContainerOp(
        name="show", image="alpine", command=["cat"], arguments=[dsl.InputArgumentPath("constant text", input="text", path="/tmp/in/text")]
    )


@case("order without data", status="Succeeded")
@dsl.pipeline(name="order")
def order():
    first = say("one")
    second = say("two").after(first)
    say("three").after(first, second)


@dsl.graph_component
def count_down(n):
    """Calls itself until the counter is used up."""
    less = add(n, -1)
    with dsl.Condition(less.output > 0):
        count_down(less.output)


@case("recursion", {"n": 3}, status="Succeeded", phases={"add": ["Succeeded"] * 3})
@dsl.pipeline(name="recursion")
def recursion(n: float = 3):
    count_down(n)


def _metrics(mlpipeline_metrics_path: OutputPath("Metrics"), mlpipeline_ui_metadata_path: OutputPath("UI_metadata")):
    import json

    metrics = [{"name": "accuracy", "numberValue": 0.75, "format": "PERCENTAGE"}, {"name": "loss", "numberValue": 2, "format": "RAW"}]
    with open(mlpipeline_metrics_path, "w") as file:
        json.dump({"metrics": metrics}, file)
    with open(mlpipeline_ui_metadata_path, "w") as file:
        json.dump({"outputs": [{"type": "markdown", "storage": "inline", "source": "# Hi"}]}, file)


@case("metrics", status="Succeeded", metrics={"accuracy": [0.75, "PERCENTAGE"], "loss": [2.0, "RAW"]})
@dsl.pipeline(name="metrics")
def metrics():
    components.create_component_from_func(_metrics)()


def _viewers(mlpipeline_ui_metadata_path: OutputPath(), table_path: OutputPath("CSV"), page_path: OutputPath("HTML")):
    import json

    for path, text in ((table_path, "cat,dog,5\ndog,dog,7\n"), (page_path, "<h1>stored page</h1>")):
        with open(path, "w") as file:
            file.write(text)
    numbers = [{"name": name, "type": "NUMBER"} for name in ("fpr", "tpr", "thresholds")]
    inline = {"storage": "inline", "format": "csv"}
    outputs = [
        {"type": "markdown", "storage": "inline", "source": "# A heading"},
        {"type": "web-app", "storage": "inline", "source": "<h1>inline page</h1>"},
        {"type": "table", **inline, "header": ["first", "second"], "source": "one,two"},
        {"type": "confusion_matrix", **inline, "labels": ["cat", "dog"], "source": "cat,cat,3\ncat,dog,1\ndog,dog,4"},
        {"type": "roc", **inline, "schema": numbers, "source": "0,0,2\n0.5,1,1\n1,1,0"},
        {"type": "tensorboard", "source": "https://boards.example/logs"},
        {"type": "table", "format": "csv", "header": ["target", "predicted", "count"], "source": table_path},
        {"type": "web-app", "source": page_path},
        {"type": "markdown", "source": "gs://other/notes.md"},
    ]
    with open(mlpipeline_ui_metadata_path, "w") as file:
        json.dump({"outputs": outputs}, file)


@case("viewers", status="Succeeded")
@dsl.pipeline(name="viewers")
def viewers():
    components.create_component_from_func(_viewers)()


TEXT_COMPONENT = """
name: Join
inputs:
- {name: first, type: String}
- {name: second, type: String, optional: true}
outputs:
- {name: joined, type: String}
implementation:
  container:
    image: alpine
    command: [sh, -c, 'mkdir -p "$(dirname "$0")" && echo "$@" > "$0"', {outputPath: joined}]
    args:
    - {concat: [first=, {inputValue: first}]}
    - if: {cond: {isPresent: second}, then: [second, {inputValue: second}], else: [alone]}
"""


@case("component text", status="Succeeded", said=["first=1 second 2", "first=1 alone"])
@dsl.pipeline(name="component-text")
def component_text():
    join = components.load_component_from_text(TEXT_COMPONENT)
    say(join(first="1", second="2").output)
    say(join(first="1").output)


def _who(run_id: str, pod: str) -> str:
    return str(len(run_id)) + " {{workflow.uid}} " + ("{{workflow.annotations.pipelines.kubeflow.org/run_name}}" and "named")


@case("run placeholders", status="Succeeded")
@dsl.pipeline(name="placeholders")
def placeholders():
    components.create_component_from_func(_who)(dsl.RUN_ID_PLACEHOLDER, dsl.EXECUTION_ID_PLACEHOLDER)


def _same_day(parts: str, whole: str) -> str:
    return str(whole.startswith(parts))


@case("parts of the time of creation", status="Succeeded", outputs={"same-day": {"same-day-Output": "True"}})
@dsl.pipeline(name="parts-of-time")
def parts_of_time():
    created = "{{workflow.creationTimestamp%s}}"
    parts = "-".join(created % part for part in (".Y", ".m", ".d"))
    components.create_component_from_func(_same_day)(parts, created % ".RFC3339")


@case("run id as a default", status="Succeeded", said=["36", "36"])
@dsl.pipeline(name="run-id-default")
def run_id_default(of_run: str = dsl.RUN_ID_PLACEHOLDER):
    length = components.create_component_from_func(_length)
    say(length(of_run).output)
    say(length(dsl.RUN_ID_PLACEHOLDER).output)


def _length(text: str) -> str:
    return str(len(text))


def _environment() -> str:
    import os

    return "|".join(os.environ.get(name, "-") for name in ("PLAIN", "EXPANDED", "POD", "LABEL"))


def with_variables(op):
    """Op transformer in the shape of the W&B tutorial."""
    op.add_pod_label("team", "blue")
    op.container.add_env_variable(V1EnvVar(name="PLAIN", value="p"))
    op.container.add_env_variable(V1EnvVar(name="EXPANDED", value="$(PLAIN)q"))
    field = V1EnvVarSource(field_ref=V1ObjectFieldSelector(field_path="metadata.labels['team']"))
    return op.add_env_variable(V1EnvVar(name="LABEL", value_from=field)) if hasattr(op, "add_env_variable") else _label(op, field)


def _label(op, field):
    op.container.add_env_variable(V1EnvVar(name="LABEL", value_from=field))
    return op


@case("environment by a transformer", status="Succeeded", outputs={"environment": {"environment-Output": "p|pq|-|blue"}})
@dsl.pipeline(name="environment")
def environment():
    dsl.get_pipeline_conf().add_op_transformer(with_variables)
    components.create_component_from_func(_environment)()


@case("json parameters", {"d": {"a": [1]}, "flag": True}, status="Succeeded", said=['{"a": [1]} True'])
@dsl.pipeline(name="json-parameters")
def json_parameters(d: dict = {}, flag: bool = False):
    say("%s %s" % (d, flag))


def _typed(n: int, x: float, flag: bool, items: list, d: dict, text: str = "dflt") -> str:
    assert (type(n), type(x), type(flag), type(items), type(d)) == (int, float, bool, list, dict)
    return "%d %.1f %s %s %s %s" % (n, x, flag, items, sorted(d), text)


@case("typed inputs", status="Succeeded", outputs={"typed": {"typed-Output": "3 0.5 True [1, 2] ['k'] dflt"}})
@dsl.pipeline(name="typed-inputs")
def typed_inputs():
    components.create_component_from_func(_typed)(3, 0.5, True, [1, 2], {"k": 1})


def _load_csv(train_data_path: OutputPath("csv"), train_target_path: OutputPath("csv")):
    for path, text in ((train_data_path, "a,b\n0,0\n1,1\n"), (train_target_path, "target\n0\n1\n")):
        with open(path, "w") as file:
            file.write(text)


def _train_from_csv(
    train_data_path: InputPath("csv"), train_target_path: InputPath("csv"), model_path: OutputPath("dill"), kernel: str
):
    import dill

    rows = [open(path).read().split()[1:] for path in (train_data_path, train_target_path)]
    with open(model_path, mode="wb") as file_writer:
        dill.dump({"kernel": kernel, "fit": lambda row: dict(zip(*rows))[row]}, file_writer)


def _predict_from_csv(model_path: InputPath("dill"), row: str) -> str:
    import dill

    with open(model_path, mode="rb") as file_reader:
        model = dill.load(file_reader)
    return model["kernel"] + " " + model["fit"](row)


@case("training on csv files", {"kernel": "rbf"}, status="Succeeded", outputs={"predict-from-csv": {"predict-from-csv-Output": "rbf 1"}})
@dsl.pipeline(name="svc")
def training_on_csv(kernel: str = "linear"):
    data = components.create_component_from_func(_load_csv)()
    train = components.create_component_from_func(_train_from_csv, packages_to_install=["dill==0.3.9"])
    model = train(train_data=data.outputs["train_data"], train_target=data.outputs["train_target"], kernel=kernel)
    components.create_component_from_func(_predict_from_csv, packages_to_install=["dill==0.3.9"])(model.output, "1,1")


def _six() -> str:
    import six

    return six.__version__


@case("packages", status="Succeeded", outputs={"six": {"six-Output": "1.16.0"}})
@dsl.pipeline(name="packages")
def packages():
    components.create_component_from_func(_six, packages_to_install=["six==1.16.0"])()


@case("display names", status="Succeeded", phases={"Speak up": ["Succeeded"]})
@dsl.pipeline(name="display-names")
def display_names():
    say("hello").set_display_name("Speak up")


@case("resources and placement", status="Succeeded")
@dsl.pipeline(name="resources")
def resources():
    op = say("small").set_memory_limit("512Mi").set_cpu_limit("1").set_cpu_request("100m")
    op.add_node_selector_constraint("zone", "a")


@case("image entrypoint", status="Failed", error="entrypoint")
@dsl.pipeline(name="entrypoint")
def entrypoint():
    dsl.ContainerOp(name="hello", image="hello-world")


@case("shell of small images", status="Succeeded", outputs={"say": {"say-Output": "a b|-e -c"}})
@dsl.pipeline(name="small-shell")
def small_shell():
    op = dsl.ContainerOp(
        name="test",
        image="library/bash:4.4.23",
        command=["sh", "-ec"],
        arguments=['if [[ "$0" == "a b" ]]; then printf "%s|%s" "$0" "$*" > /results/out.txt; fi', "a b", "-e", "-c"],
        file_outputs={"out": "/results/out.txt"},
    )
    say(op.outputs["out"])


@case("foreign resource", status="Failed", error="Kubernetes cluster")
@dsl.pipeline(name="foreign-resource")
def foreign_resource():
    dsl.ResourceOp(name="pod", k8s_resource={"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}, action="create")


@case("init containers and sidecars", status="Succeeded")
@dsl.pipeline(name="companions")
def companions():
    op = say("with company")
    op.add_sidecar(dsl.Sidecar("side", image="alpine", command=["sleep", "600"]))
    op.add_init_container(dsl.UserContainer("init", image="alpine", command=["sh", "-c", "echo init"]))


@case("uncached on request", status="Succeeded")
@dsl.pipeline(name="uncached")
def uncached():
    op = say("again")
    op.execution_options.caching_strategy.max_cache_staleness = "P0D"


def _big() -> str:
    return "x" * 200000


@case("large values", status="Succeeded", outputs={"size": {"size-Output": "200000"}})
@dsl.pipeline(name="large-values")
def large_values():
    components.create_component_from_func(_size)(components.create_component_from_func(_big)().output)


def _size(text_path: InputPath(str)) -> int:
    return len(open(text_path).read())




@dsl.graph_component
def endless(n):
    """Calls itself for ever."""
    again = add(n, 1)
    with dsl.Condition(again.output > 0):
        endless(again.output)


@case("endless recursion", status="Failed", error="limit of 100 levels")
@dsl.pipeline(name="endless")
def endless_recursion(n: float = 1):
    endless(n)


def _secret() -> str:
    import os

    return os.environ["TOKEN"].upper()


@case("secrets", status="Succeeded", outputs={"secret": {"secret-Output": "S3CRET"}})
@dsl.pipeline(name="secrets")
def secrets():
    from kfp import onprem

    op = components.create_component_from_func(_secret)()
    op.apply(onprem.use_k8s_secret(secret_name="vault", k8s_secret_key_to_env={"token": "TOKEN"}))


@case("missing secret", status="Failed", error="does not exist")
@dsl.pipeline(name="missing-secret")
def missing_secret():
    from kfp import onprem

    op = components.create_component_from_func(_secret)()
    op.apply(onprem.use_k8s_secret(secret_name="nowhere", k8s_secret_key_to_env={"token": "TOKEN"}))
