"""From a loaded flow to what the server stores: the code package, and for each step how its task is run."""

from __future__ import annotations

import json
import os
import platform
import sys
import uuid
from typing import Any, Dict, List

from metaflow.decorators import flow_decorators
from metaflow.metaflow_environment import MetaflowEnvironment
from metaflow.metaflow_version import get_version
from metaflow.package import MetaflowPackage
from metaflow.parameters import JSONType, deploy_time_eval
from metaflow.util import dict_to_cli_options, get_username

from .lowering import PARAMETER, FlowParameter, StepWork, UnsupportedFlowError, pipeline_name
from .program import QUESTIONS, program_of
from .secrets import DECLARED_VARIABLE, declared_in
from .server import ABOUT_VARIABLE

RUN, TASK, PARAMETERS = "$PENSTOCK_FLOW_RUN", "$PENSTOCK_FLOW_TASK", "$PENSTOCK_FLOW_PARAMS"
ATTEMPT, RETRIES = "$PENSTOCK_FLOW_ATTEMPT", "$PENSTOCK_FLOW_RETRIES"


def parameters_of(flow: Any) -> List[FlowParameter]:
    """Return the parameters of a flow with their defaults worked out."""
    found = []
    for _, parameter in flow._get_parameters():
        if getattr(parameter, "IS_CONFIG_PARAMETER", False):
            continue  # their values are part of the code package
        default = deploy_time_eval(parameter.kwargs.get("default"))
        wanted = parameter.kwargs.get("type")
        if _is_json(wanted) or isinstance(default, (dict, list)):
            type_name, default = "str", default if default is None or isinstance(default, str) else json.dumps(default)
        else:
            type_name = wanted.__name__ if isinstance(wanted, type) else type(default).__name__ if default is not None else "str"
        has_default = "default" in parameter.kwargs or not parameter.kwargs.get("required", False)
        found.append(FlowParameter(parameter.name, type_name, default, has_default, str(parameter.kwargs.get("help") or "")))
    return found


def schedule_of(flow: Any) -> "str | None":
    """Return the cron expression of `@schedule` with seconds in front, and its time zone before that if it has one; or None."""
    decorators = flow._flow_decorators.get("schedule")
    expression = decorators[0].schedule if decorators else None
    if not expression:
        return None
    zone = getattr(decorators[0], "timezone", None)
    return ("CRON_TZ=%s " % zone if zone else "") + "0 " + " ".join(expression.split()[:5])


def triggers_of(flow: Any) -> List[Dict[str, Any]]:
    """Return what `@trigger` and `@trigger_on_finish` wait for, as the server takes it: an event, and parameters taken from it.

    Several are a conjunction: a run starts when all of them have happened since the last one did.
    """
    found: List[Dict[str, Any]] = []
    for name in ("trigger", "trigger_on_finish"):
        for decorator in flow._flow_decorators.get(name) or ():
            decorator.format_deploytime_value()
            found += [_event(flow, trigger) if name == "trigger" else _finish(trigger) for trigger in decorator.triggers]
    together = uuid.uuid4().hex
    for number, item in enumerate(found):
        item["parameters"][trigger_parameter(number)] = json.dumps(item.pop("about"))
        if len(found) > 1:
            item["event"]["together"] = together
    return found


def trigger_parameter(number: int) -> str:
    """Name of the pipeline's parameter that holds what is known of an event that started a run."""
    return "metaflow_trigger_%d" % (number + 1)


def _event(flow: Any, trigger: Dict[str, Any]) -> Dict[str, Any]:
    """The event; without a mapping every parameter takes the field of its own name, as Metaflow does where it runs flows itself."""
    given = trigger.get("parameters") or {parameter.name: parameter.name for parameter in parameters_of(flow)}
    parameters = {name.replace("-", "_"): "[[Event?.payload.%s]]" % field for name, field in given.items()}
    name = str(trigger["name"])
    about = {"type": "event", "name": name, "id": "[[Event?.payload.id]]", "timestamp": "[[Event?.payload.timestamp]]"}
    return {"event": {"kind": "webhook", "name": name}, "parameters": parameters, "about": about}


def _finish(trigger: Dict[str, Any]) -> Dict[str, Any]:
    """The end of another flow, wherever it runs; of the deployment in a project when one is named or this flow is in one."""
    from metaflow import current

    flow = name = trigger["flow"]
    project = trigger.get("project") or current.get("project_name")
    branch = trigger.get("branch") or current.get("branch_name")
    if project and branch:
        name = pipeline_name("%s.%s.%s" % (project, branch, name))
    about = {"type": "run", "flow": flow.rsplit(".", 1)[-1], "run": "[[Event.run_id]]", "timestamp": "[[Event?.finished_at]]"}
    return {"event": {"kind": "run_finished", "pipeline": name}, "parameters": {}, "about": about}


IGNORED_STEP, IGNORED_FLOW = ("kubernetes", "batch"), ("exit_hook",)


def ignored_of(obj: Any) -> List[str]:
    """Return sentences about decorators that have no effect here."""
    found = []
    for node in obj.graph:
        for decorator in node.decorators:
            if decorator.name in IGNORED_STEP:
                words = "*@%s* of step *%s* is ignored, but for cpu and memory: steps run on the server's own machines."
                found.append(words % (decorator.name, node.name))
    found += ["*@%s* is ignored." % name for name in IGNORED_FLOW if obj.flow._flow_decorators.get(name)]
    return found


def about(obj: Any) -> Dict[str, Any]:
    """Return what `from_deployment` has to know of a flow: name, owner, project and branch, parameters."""
    from metaflow import current

    parameters = {}
    for variable, parameter in obj.flow._get_parameters():
        if getattr(parameter, "IS_CONFIG_PARAMETER", False):
            continue
        wanted = parameter.kwargs.get("type")
        kind = "JSON" if _is_json(wanted) else wanted.__name__ if isinstance(wanted, type) else "str"
        if type(parameter).__name__ == "IncludeFile":
            kind = "FilePath"
        parameters[parameter.name] = {
            "name": parameter.name,
            "python_var_name": variable,
            "type": kind,
            "description": str(parameter.kwargs.get("help") or ""),
            "is_required": bool(parameter.kwargs.get("required", False)),
        }
    return {
        "flow_name": obj.flow.name,
        "owner": get_username() or "unknown",
        "project": current.get("project_name"),
        "branch": current.get("branch_name"),
        "parameters": parameters,
    }


def _is_json(wanted: Any) -> bool:
    return wanted is JSONType or (isinstance(wanted, type(JSONType)) and not isinstance(wanted, type))


def config_of(flow: Any) -> Dict[str, str]:
    """Return the variable that tells a task which `Config` values are in its code package; nothing for flows without any."""
    try:
        from metaflow.user_configs.config_options import ConfigInput
    except ImportError:
        return {}
    names = [parameter.name for _, parameter in flow._get_parameters() if getattr(parameter, "IS_CONFIG_PARAMETER", False)]
    return {"METAFLOW_FLOW_CONFIG_VALUE": json.dumps({name: ConfigInput.make_key_name(name) for name in names})} if names else {}


def package_of(obj: Any) -> "tuple[Any, str, str]":
    """Upload the code package of a flow; return the package with its address and SHA.

    It is made for the plain environment whatever the flow's: `@pypi` packages come from the server, not from a resolved conda prefix.
    """
    for node in obj.graph:
        for decorator in node.decorators:
            if decorator.name in IGNORED_STEP:  # their client libraries are not needed for what is ignored
                decorator.package_init = lambda *_: None
    obj.package = MetaflowPackage(obj.flow, MetaflowEnvironment(obj.flow), obj.echo, suffixes=obj.package_suffixes, flow_datastore=None)
    url, sha = obj.flow_datastore.save_data([obj.package.blob], len_hint=1)[0]
    return obj.package, url, sha


def work_of(obj: Any, target: str, tags: List[str]) -> Dict[str, StepWork]:
    """Return how each step's task is run in the deployment `target`; uploads the code."""
    if obj.flow_datastore.TYPE != "s3":
        raise UnsupportedFlowError('the code has to be in the server\'s datastore; run: eval "$(penstock env)"')
    package, url, sha = package_of(obj)
    work = {node.name: _step(obj, node, package, url, sha, tags) for node in obj.graph}
    for step in work.values():
        step.variables["ARGO_WORKFLOW_TEMPLATE"] = target  # by this `ArgoEvent.safe_publish` knows that the flow is deployed
    work[obj.graph.start_step].variables[ABOUT_VARIABLE] = json.dumps(about(obj))
    return work


def _step(obj: Any, node: Any, package: Any, url: str, sha: str, tags: List[str]) -> StepWork:
    user_retries = total_retries = minutes = 0
    variables = {
        "METAFLOW_FLOW_NAME": obj.flow.name,
        "METAFLOW_STEP_NAME": node.name,
        "METAFLOW_USER": get_username() or "unknown",
        "METAFLOW_RUNTIME_NAME": "penstock",
        "METAFLOW_CODE_URL": url,
        "METAFLOW_CODE_SHA": sha,
        "METAFLOW_CODE_DS": obj.flow_datastore.TYPE,
        "METAFLOW_CODE_METADATA": package.package_metadata,
        **config_of(obj.flow),
    }
    requirements = ["metaflow==%s" % _release(), "boto3"]
    python = ".".join(platform.python_version_tuple()[:2])
    resources: Dict[str, Any] = {}
    for decorator in node.decorators:
        user, error = decorator.step_task_retry_count()
        user_retries, total_retries = max(user_retries, user), max(total_retries, user + error, user_retries + error)
        attributes = decorator.attributes
        if decorator.name == "retry":
            minutes = float(attributes["minutes_between_retries"])
        elif decorator.name == "environment":
            variables.update({name: str(value) for name, value in (attributes.get("vars") or {}).items()})
        elif decorator.name == "secrets":
            variables.update(_secrets(decorator.attributes.get("sources") or [], variables))
        elif decorator.name in ("resources", *IGNORED_STEP):
            resources = {**_resources(attributes), **resources} if decorator.name != "resources" else _resources(attributes)
        elif decorator.name in ("pypi", "conda") and not attributes.get("disabled"):
            requirements += [_requirement(name, version) for name, version in (attributes.get("packages") or {}).items()]
            python = str(attributes.get("python") or python)
    settings = {
        "flow": obj.flow.name,
        "step": node.name,
        "parameter": PARAMETER,
        "code_url": url,
        "extract": MetaflowPackage.get_extract_commands(package.package_metadata, "job.tar", "."),
        "post_extract": MetaflowPackage.get_post_extract_env_vars(package.package_metadata, "."),
        "question": QUESTIONS.get(_kind(node)),
        "script": _script(obj, node, tags),
        "root": obj.flow_datastore.datastore_root,
        "retries": user_retries,
        "attempts": max(total_retries, user_retries) + 1,
    }
    pause = int(minutes * 60)
    return StepWork(program_of(settings), requirements, python, settings["attempts"] - 1, pause, variables, resources)


def _secrets(sources: List[Any], before: Dict[str, str]) -> Dict[str, str]:
    """Variables of a step with `@secrets`: which of the server's secrets it declares, and the backend of names without one."""
    from metaflow.metaflow_config import DEFAULT_SECRETS_BACKEND_TYPE

    found = {}
    if DEFAULT_SECRETS_BACKEND_TYPE:
        found["METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE"] = str(DEFAULT_SECRETS_BACKEND_TYPE)
    names = json.loads(before.get(DECLARED_VARIABLE, "[]")) + declared_in(sources)
    if names:
        found[DECLARED_VARIABLE] = json.dumps(names)
    return found


def _kind(node: Any) -> str:
    if getattr(node, "parallel_step", False):
        return "parallel"
    return "" if getattr(node, "parallel_foreach", False) else str(node.type)


def _release() -> str:
    return get_version().split("+")[0].split("-")[0]


def _requirement(name: str, version: Any) -> str:
    text = str(version or "").strip()
    return name if not text else name + text if text[0] in "<>=!~" else "%s==%s" % (name, text)


def _resources(attributes: Dict[str, Any]) -> Dict[str, Any]:
    found: Dict[str, Any] = {}
    if attributes.get("cpu"):
        found["resourceCpuRequest"] = str(attributes["cpu"])
    if attributes.get("memory"):
        found["resourceMemoryRequest"] = "%sM" % attributes["memory"]
    return found


def _script(obj: Any, node: Any, tags: List[str]) -> str:
    """The shell script of a step: `init` first for the start step, then the step."""
    top: Dict[str, Any] = {
        "with": [
            decorator.make_decorator_spec()
            for decorator in node.decorators
            if not decorator.statically_defined and decorator.inserted_by is None
        ]
        + ["penstock_internal"]
    }
    for decorator in flow_decorators(obj.flow):
        top.update(decorator.get_top_level_options())
    base = ["python", "-u", os.path.basename(sys.argv[0]), *dict_to_cli_options(top)]
    base += [
        "--quiet",
        "--metadata=service",
        "--environment=%s" % obj.environment.TYPE,
        "--datastore=%s" % obj.flow_datastore.TYPE,
        "--datastore-root=%s" % obj.flow_datastore.datastore_root,
        "--no-pylint",
    ]
    tagged = ["--tag %s" % json.dumps(tag) for tag in tags]
    commands = []
    if node.name == obj.graph.start_step:
        path = "%s/_parameters/%s" % (RUN, PARAMETERS)
        exists = [*base, "dump", "--max-value-size=0", path]
        init = [*base, "init", "--run-id", RUN, "--task-id", PARAMETERS, *tagged]
        check = '[ -z "$PENSTOCK_FLOW_FIRST" ] && %s >/dev/null 2>/dev/null' % " ".join(exists)
        commands.append('if [ -n "$PENSTOCK_FLOW_INIT" ] && ! { %s; }; then %s; fi' % (check, " ".join(init)))
    step = [*base, "step", node.name, "--run-id", RUN, "--task-id", TASK, "--retry-count", ATTEMPT]
    step += ["--max-user-code-retries", RETRIES, "--input-paths-filename", "input-paths"]
    if _kind(node) == "parallel":
        step += ["--ubf-context", "ubf_control", "--split-index", "0"]  # the control task is the first of its nodes
    step += ["${PENSTOCK_FLOW_SPLIT:+--split-index $PENSTOCK_FLOW_SPLIT}", *tagged]
    commands.append(" ".join(step))
    return " && ".join(commands)
