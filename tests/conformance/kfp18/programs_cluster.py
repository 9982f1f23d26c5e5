"""Pipelines of the kfp 1.8 SDK that lean on what a cluster gives: resources, volumes, pod settings, facts of the workflow, literal paths."""

from typing import NamedTuple

import kfp.dsl as dsl
from kfp.components import InputBinaryFile, InputPath, InputTextFile, OutputBinaryFile, OutputPath, OutputTextFile, create_component_from_func
from kubernetes.client import models as k8s

from programs import case, say


def _env(name, **source):
    return k8s.V1EnvVar(name=name, value_from=k8s.V1EnvVarSource(**source))


@case("deleted resources", status="Succeeded", phases={"kubernetes-resource-delete": ["Succeeded"]})
@dsl.pipeline(name="deleting")
def deleting():
    volume = dsl.VolumeOp(name="make", resource_name="short", size="1Gi", modes=dsl.VOLUME_MODE_RWO)
    volume.delete().after(say("between").add_pvolumes({"/data": volume.volume}))


def _credentials() -> str:
    import os

    return os.environ["PASSWORD"] + open("/etc/pair/user").read()


@case("secrets made by a step", status="Succeeded", outputs={"credentials": {"credentials-Output": "secretme"}, "say": {"say-Output": "v"}})
@dsl.pipeline(name="made-secrets")
def made_secrets():
    manifest = {"kind": "Secret", "metadata": {"name": "pair"}, "data": {"password": "c2VjcmV0"}, "stringData": {"user": "me"}}
    secret = dsl.ResourceOp(name="secret", k8s_resource={"apiVersion": "v1", **manifest})
    settings = k8s.V1ConfigMap(api_version="v1", kind="ConfigMap", metadata=k8s.V1ObjectMeta(name="settings"), data={"k": "v"})
    say(dsl.ResourceOp(name="settings", k8s_resource=settings, attribute_outputs={"k": "{.data.k}"}).outputs["k"])
    op = create_component_from_func(_credentials)().after(secret)
    op.container.add_env_variable(_env("PASSWORD", secret_key_ref=k8s.V1SecretKeySelector(name="pair", key="password")))
    op.add_volume(k8s.V1Volume(name="pair", secret=k8s.V1SecretVolumeSource(secret_name="pair")))
    op.container.add_volume_mount(k8s.V1VolumeMount(name="pair", mount_path="/etc/pair"))
    _uncached(op)


@case("config maps are read and patched", status="Succeeded", outputs={"say": {"say-Output": "v z"}})
@dsl.pipeline(name="patched-config")
def patched():
    def config(name, action, **rest):
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "patched-config"}, **rest}
        return dsl.ResourceOp(name=name, k8s_resource=manifest, action=action, attribute_outputs={"k": "{.data.k}", "x": "{.data.x}"})

    made = config("make", "apply", data={"k": "v", "x": "y"})
    changed = config("change", "patch", data={"x": "z"}).after(made)
    read = config("read", "get").after(changed)
    say("%s %s" % (read.outputs["k"], read.outputs["x"]))


def _uncached(op):
    if isinstance(op, dsl.ContainerOp):
        op.execution_options.caching_strategy.max_cache_staleness = "P0D"
    return op


@case("snapshots", status="Succeeded", logs={"reader": "before", "now": "after"})
@dsl.pipeline(name="snapshots")
def snapshots():
    def shell(name, script, volume):
        return dsl.ContainerOp(name=name, image="alpine", command=["sh", "-c", script], pvolumes={"/data": volume})

    first = shell("writer", "echo before > /data/f", dsl.VolumeOp(name="make", resource_name="data", size="1Gi").volume)
    snapshot = dsl.VolumeSnapshotOp(name="snap", resource_name="snap", volume=first.pvolume)
    second = shell("changer", "echo after > /data/f", first.pvolume.after(snapshot))
    restored = dsl.VolumeOp(name="restore", resource_name="copy", data_source=snapshot.snapshot, size=snapshot.outputs["size"])
    shell("reader", "cat /data/f", restored.volume.after(second))
    shell("now", "cat /data/f", second.pvolume)


def _write(path: OutputPath("CSV")):
    with open(path, "w") as file:
        file.write("by volume")


def _read(path: InputPath("CSV")) -> str:
    print(open(path).read())
    return "done"


@case("data passed by a volume", status="Succeeded", logs={"read": "by volume"})
@dsl.pipeline(name="passing")
def passing():
    from kfp.dsl import data_passing_methods

    claim = k8s.V1PersistentVolumeClaimVolumeSource("passing-data")
    conf = dsl.get_pipeline_conf()
    conf.data_passing_method = data_passing_methods.KubernetesVolume(k8s.V1Volume(name="data", persistent_volume_claim=claim), path_prefix="p/")
    create_component_from_func(_read)(create_component_from_func(_write)().output)


def _write_open(text: OutputTextFile(str), blob: OutputBinaryFile("Blob")):
    import builtins
    import weakref

    builtins.gone = weakref.proxy(set())  # as TensorFlow and wandb leave them: any question to it raises, also when the step ends
    text.write("two\nlines")
    blob.write(b"\x00\xff\x01")


def _read_open(text: InputTextFile(str), blob: InputBinaryFile("Blob")) -> NamedTuple("Out", [("lines", int), ("size", float), ("ok", bool)]):
    return len(text.readlines()), len(blob.read()) / 2, True


@case("files that the SDK opens", status="Succeeded", outputs={"read-open": {"read-open-lines": "2", "read-open-size": "1.5", "read-open-ok": "True"}})
@dsl.pipeline(name="open-files")
def open_files():
    made = create_component_from_func(_write_open)()
    create_component_from_func(_read_open)(made.outputs["text"], made.outputs["blob"])


@case("parameter as a file", {"text": "from the caller"}, status="Succeeded", logs={"show": "from the caller", "name": "parameter-file-"})
@dsl.pipeline(name="parameter-file")
def parameter_file(text: str = "default"):
    dsl.ContainerOp(name="show", image="alpine", command=["cat", "/in/t"], artifact_argument_paths=[dsl.InputArgumentPath(text, path="/in/t")])
    dsl.ContainerOp(name="name", image="alpine", command=["cat"], arguments=[dsl.InputArgumentPath("{{workflow.name}}", input="n", path="/in/n")])


@case("pod settings", status="Succeeded", warned=["time to live", "image pull secrets", "security context: recorded only"], logs={"Pretty": "/empty 500 67108864 kubeflow"})
@dsl.pipeline(name="Pod settings – 설정")
def pod_settings():
    op = dsl.ContainerOp(name="odd", image="alpine", command=["sh", "-c", "echo $(pwd) $CPU $MEMORY $SPACE; ls /sec"])
    for name, kind in (("sec", {"secret": k8s.V1SecretVolumeSource(secret_name="absent", optional=True)}), ("empty", {"empty_dir": {}})):
        op.add_volume(k8s.V1Volume(name=name, **kind))
        op.container.add_volume_mount(k8s.V1VolumeMount(name=name, mount_path="/" + name))
    op.container.set_cpu_limit("500m").set_memory_request("64Mi").set_security_context(k8s.V1SecurityContext(run_as_user=1000))
    op.container.add_env_from(k8s.V1EnvFromSource(config_map_ref=k8s.V1ConfigMapEnvSource(name="absent", optional=True)))
    op.container.add_env_variable(_env("CPU", resource_field_ref=k8s.V1ResourceFieldSelector(resource="limits.cpu", divisor="1m")))
    op.container.add_env_variable(_env("MEMORY", resource_field_ref=k8s.V1ResourceFieldSelector(resource="requests.memory")))
    op.container.add_env_variable(_env("SPACE", field_ref=k8s.V1ObjectFieldSelector(field_path="metadata.namespace")))
    op.container.working_dir = "/empty"
    op.set_display_name("Pretty")
    conf = dsl.get_pipeline_conf()
    conf.set_image_pull_secrets([k8s.V1LocalObjectReference(name="s")])
    conf.set_ttl_seconds_after_finished(5)


@case("computed literal paths", needs="mounts", status="Succeeded", outputs={"say": {"say-Output": "hello inline"}})
@dsl.pipeline(name="computed")
def computed():
    script = "base=/tmp/outputs; mkdir -p $base/x; echo hello $(cat /tmp/inputs/t/data) > $base/x/data"
    op = dsl.ContainerOp(
        name="compute",
        image="alpine",
        command=["sh", "-c", script],
        file_outputs={"x": "/tmp/outputs/x/data"},
        artifact_argument_paths=[dsl.InputArgumentPath("inline", input="t", path="/tmp/inputs/t/data")],
    )
    say(op.outputs["x"])


@case("companions share volumes", status="Succeeded", logs={"main": "from init from side"})
@dsl.pipeline(name="sharing")
def sharing():
    wait = "while [ ! -f /shared/side ]; do sleep 0.05; done; echo $(cat /shared/init) $(cat /shared/side)"
    op = dsl.ContainerOp(name="main", image="alpine", command=["sh", "-c", wait])
    op.add_volume(k8s.V1Volume(name="shared", empty_dir=k8s.V1EmptyDirVolumeSource()))
    mount = k8s.V1VolumeMount(name="shared", mount_path="/shared")
    op.container.add_volume_mount(mount)
    op.add_init_container(dsl.UserContainer("init", "alpine", ["sh", "-c", "echo from init > /shared/init"]).add_volume_mount(mount))
    op.add_sidecar(dsl.Sidecar("side", "alpine", ["sh", "-c", "echo from side > /shared/side; sleep 600"], mirror_volume_mounts=True))


@case("companions of their own", status="Succeeded", logs={"own": "init a-b 6 dir / side c / main []"}, warned=["sidecar 'side': list of ports"])
@dsl.pipeline(name="own-companions")
def own_companions():
    wait = 'while [ ! -f /shared/side ]; do sleep 0.05; done; echo "$(cat /shared/init) / $(cat /shared/side) / main [$ONLY]"'
    op = dsl.ContainerOp(name="own", image="alpine", command=["sh", "-c", wait])
    op.add_volume(k8s.V1Volume(name="shared", empty_dir=k8s.V1EmptyDirVolumeSource()))
    op.container.add_volume_mount(k8s.V1VolumeMount(name="shared", mount_path="/shared"))
    init = dsl.UserContainer("init", "alpine", ["sh", "-c", 'echo "init $ONLY-$(PART) ${#TOKEN} $(basename $PWD)" > /own/init'])
    init.add_env_variable(k8s.V1EnvVar(name="ONLY", value="a")).add_env_variable(k8s.V1EnvVar(name="PART", value="b"))
    init.add_env_variable(_env("TOKEN", secret_key_ref=k8s.V1SecretKeySelector(name="vault", key="token")))
    init.add_volume_mount(k8s.V1VolumeMount(name="shared", mount_path="/own"))
    init.working_dir = "/some/dir"
    op.add_init_container(init)
    side = dsl.Sidecar("side", "alpine", ["sh", "-c", 'echo "side $ONLY" > /other/part && mv /other/part /other/side; sleep 600'])
    side.add_env_variable(k8s.V1EnvVar(name="ONLY", value="c")).add_port(k8s.V1ContainerPort(container_port=80))
    side.add_volume_mount(k8s.V1VolumeMount(name="shared", mount_path="/other"))
    op.add_sidecar(side)


@case("parts of volumes", status="Succeeded", logs={"parts": "****** deep user from a part"})
@dsl.pipeline(name="parts")
def parts():
    """A file of a secret at its own place, an entry under another name, several sources at once, a directory of a shared volume."""
    script = "echo $(cat /etc/one.conf) $(ls /etc/items) $(ls /etc/all | tail -1) $(cat /part/f)"
    op = dsl.ContainerOp(name="parts", image="alpine", command=["sh", "-c", script])
    secret = k8s.V1SecretVolumeSource
    items = [k8s.V1KeyToPath(key="token", path="deep/t")]
    pair = [k8s.V1VolumeProjection(secret=k8s.V1SecretProjection(name="vault")), k8s.V1VolumeProjection(secret=k8s.V1SecretProjection(name="names"))]
    volumes = {
        "one": {"secret": secret(secret_name="vault")},
        "items": {"secret": secret(secret_name="vault", items=items)},
        "all": {"projected": k8s.V1ProjectedVolumeSource(sources=pair)},
        "shared": {"empty_dir": k8s.V1EmptyDirVolumeSource()},
    }
    for name, source in volumes.items():
        op.add_volume(k8s.V1Volume(name=name, **source))
    places = {"one": ("/etc/one.conf", "token"), "items": ("/etc/items", None), "all": ("/etc/all", None), "shared": ("/part", "a/b")}
    for name, (path, part) in places.items():
        op.container.add_volume_mount(k8s.V1VolumeMount(name=name, mount_path=path, sub_path=part))
    init = dsl.UserContainer("init", "alpine", ["sh", "-c", "mkdir -p /whole/a/b && echo from a part > /whole/a/b/f"])
    op.add_init_container(init.add_volume_mount(k8s.V1VolumeMount(name="shared", mount_path="/whole")))


@case("facts of the pod as files", status="Succeeded", logs={"facts": 'mine="yes" [two words] 500 kubeflow'})
@dsl.pipeline(name="downward")
def downward():
    op = dsl.ContainerOp(name="facts", image="alpine", command=["sh", "-c"], arguments=["echo $(grep mine= /pod/labels) [$(cat /pod/note)] $(cat /pod/cpu) $(cat /all/space)"])

    def field(path, name):
        return k8s.V1DownwardAPIVolumeFile(path=path, field_ref=k8s.V1ObjectFieldSelector(field_path=name))

    cpu = k8s.V1DownwardAPIVolumeFile(path="cpu", resource_field_ref=k8s.V1ResourceFieldSelector(resource="limits.cpu", divisor="1m"))
    items = [field("labels", "metadata.labels"), field("note", "metadata.annotations['note']"), cpu]
    space = k8s.V1DownwardAPIProjection(items=[field("space", "metadata.namespace")])
    volumes = {
        "pod": {"downward_api": k8s.V1DownwardAPIVolumeSource(items=items)},
        "all": {"projected": k8s.V1ProjectedVolumeSource(sources=[k8s.V1VolumeProjection(downward_api=space)])},
    }
    for name, source in volumes.items():
        op.add_volume(k8s.V1Volume(name=name, **source))
        op.container.add_volume_mount(k8s.V1VolumeMount(name=name, mount_path="/" + name))
    op.add_pod_label("mine", "yes").add_pod_annotation("note", "two words")
    op.container.set_cpu_limit("500m")


def _seconds(text: str, given: str) -> str:
    whole, _, part = text.partition(".")
    return f"{whole.isdigit()} {len(part)} {float(text) > 0} {given}"


@case("time that the workflow took", {"n": 3}, status="Succeeded", said=["pipeline-runner", 'True 6 True [{"name":"n","value":"3"}]'])
@dsl.pipeline(name="took")
def took(n: int = 1):
    seconds = create_component_from_func(_seconds)("{{workflow.duration}}", "{{workflow.parameters}}")
    say(seconds.after(say("{{workflow.serviceAccountName}}")).output)


@case("time that the workflow took, told by its exit handler", status="Succeeded", logs={"bye": "took seconds"})
@dsl.pipeline(name="took-exit")
def took_exit():
    script = "case {{workflow.duration}} in [0-9]*.[0-9][0-9][0-9][0-9][0-9][0-9]) echo took seconds;; esac"
    with dsl.ExitHandler(dsl.ContainerOp(name="bye", image="alpine", command=["sh", "-c", script])):
        say("work")


@case("retries by policy", status="Failed", error="exit code 7", phases={"again": ["Succeeded"], "again(0)": ["Failed"], "again(1)": ["Succeeded"], "never": ["Failed"], "never(0)": ["Failed"]})
@dsl.pipeline(name="policies")
def policies():
    def shell(name, script):
        return dsl.ContainerOp(name=name, image="alpine", command=["sh", "-c", script])

    again = shell("again", "echo try {{retries}}; [ {{retries}} -ge 1 ]").set_retry(3, policy="Always", backoff_duration="0s", backoff_factor=2)
    shell("never", "exit 7").after(again).set_retry(2, policy="OnError")


@case("missing output is an error", status="Failed", error="/nowhere/file", phases={"forgetful": ["Error"]})
@dsl.pipeline(name="forgetful")
def forgetful():
    dsl.ContainerOp(name="forgetful", image="alpine", command=["true"], file_outputs={"o": "/nowhere/file"})


@case("items that are no list", status="Failed", error="not JSON", phases={"for-loop-1": ["Error"]})
@dsl.pipeline(name="no-list")
def no_list():
    with dsl.ParallelFor(say("abc").output) as item:
        say(item)
