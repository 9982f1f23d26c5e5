"""From a loaded flow to what the server stores: the code package, and for each step how its task is run."""

from __future__ import annotations

import json
import os
import platform
import sys
from typing import Any, Dict, List

from metaflow.decorators import flow_decorators
from metaflow.metaflow_environment import MetaflowEnvironment
from metaflow.metaflow_version import get_version
from metaflow.mflog import BASH_SAVE_LOGS, bash_capture_logs, export_mflog_env_vars
from metaflow.package import MetaflowPackage
from metaflow.parameters import JSONType, deploy_time_eval
from metaflow.util import dict_to_cli_options, get_username

from .lowering import FlowParameter, StepWork, UnsupportedFlowError
from .program import program_of

RUN, TASK, RETRY = "$PENSTOCK_FLOW_RUN", "$PENSTOCK_FLOW_TASK", "$KFP_RETRY_INDEX"


def parameters_of(flow: Any) -> List[FlowParameter]:
    """Return the parameters of a flow with their defaults worked out."""
    found = []
    for _, parameter in flow._get_parameters():
        default = deploy_time_eval(parameter.kwargs.get("default"))
        wanted = parameter.kwargs.get("type")
        is_json = wanted is JSONType or (isinstance(wanted, type(JSONType)) and not isinstance(wanted, type))
        if is_json or isinstance(default, (dict, list)):
            type_name, default = "str", default if default is None or isinstance(default, str) else json.dumps(default)
        else:
            type_name = wanted.__name__ if isinstance(wanted, type) else type(default).__name__ if default is not None else "str"
        has_default = "default" in parameter.kwargs or not parameter.kwargs.get("required", False)
        found.append(FlowParameter(parameter.name, type_name, default, has_default, str(parameter.kwargs.get("help") or "")))
    return found


def schedule_of(flow: Any) -> "str | None":
    """Return the cron expression of `@schedule` with seconds in front, or None."""
    decorators = flow._flow_decorators.get("schedule")
    expression = decorators[0].schedule if decorators else None
    return None if not expression else "0 " + " ".join(expression.split()[:5])


def package_of(obj: Any) -> "tuple[Any, str, str]":
    """Upload the code package of a flow; return the package with its address and SHA.

    It is made for the plain environment whatever the flow's: `@pypi` packages come from the server, not from a resolved conda prefix.
    """
    obj.package = MetaflowPackage(obj.flow, MetaflowEnvironment(obj.flow), obj.echo, suffixes=obj.package_suffixes, flow_datastore=None)
    url, sha = obj.flow_datastore.save_data([obj.package.blob], len_hint=1)[0]
    return obj.package, url, sha


def work_of(obj: Any, tags: List[str]) -> Dict[str, StepWork]:
    """Return how each step's task is run; uploads the code."""
    if obj.flow_datastore.TYPE != "s3":
        raise UnsupportedFlowError('the code has to be in the server\'s datastore; run: eval "$(penstock env)"')
    package, url, sha = package_of(obj)
    return {node.name: _step(obj, node, package, url, sha, tags) for node in obj.graph}


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
        elif decorator.name == "resources":
            resources = _resources(attributes)
        elif decorator.name in ("pypi", "conda") and not attributes.get("disabled"):
            requirements += [_requirement(name, version) for name, version in (attributes.get("packages") or {}).items()]
            python = str(attributes.get("python") or python)
    settings = {
        "flow": obj.flow.name,
        "step": node.name,
        "code_url": url,
        "extract": MetaflowPackage.get_extract_commands(package.package_metadata, "job.tar", "."),
        "post_extract": MetaflowPackage.get_post_extract_env_vars(package.package_metadata, "."),
        "is_start": node.name == obj.graph.start_step,
        "is_foreach": node.type == "foreach",
        "script": _script(obj, node, user_retries, tags),
    }
    pause = int(minutes * 60)
    return StepWork(program_of(settings), requirements, python, max(total_retries, user_retries), pause, variables, resources)


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


def _script(obj: Any, node: Any, user_retries: int, tags: List[str]) -> str:
    """The shell script of a step: `init` first for the start step, the step, its log kept in the datastore."""
    top: Dict[str, Any] = {
        "with": [
            decorator.make_decorator_spec()
            for decorator in node.decorators
            if not decorator.statically_defined and decorator.inserted_by is None
        ]
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
        path = "%s/_parameters/%s-params" % (RUN, TASK)
        exists = [*base, "dump", "--max-value-size=0", path]
        init = [*base, "init", "--run-id", RUN, "--task-id", TASK + "-params", *tagged]
        check = "[ %s != 0 ] && %s >/dev/null 2>/dev/null" % (RETRY, " ".join(exists))
        commands.append("if ! { %s; }; then %s; fi" % (check, " ".join(init)))
    step = [*base, "step", node.name, "--run-id", RUN, "--task-id", TASK, "--retry-count", RETRY]
    step += ["--max-user-code-retries", str(user_retries), "--input-paths-filename", "input-paths"]
    step += ["${PENSTOCK_FLOW_SPLIT:+--split-index $PENSTOCK_FLOW_SPLIT}", *tagged]
    commands.append(" ".join(step))
    export = export_mflog_env_vars(
        flow_name=obj.flow.name,
        run_id=RUN,
        step_name=node.name,
        task_id=TASK,
        retry_count=RETRY,
        datastore_type=obj.flow_datastore.TYPE,
        datastore_root=obj.flow_datastore.datastore_root,
        stdout_path="$PWD/.logs/mflog_stdout",
        stderr_path="$PWD/.logs/mflog_stderr",
    )
    return "%s; %s; c=$?; %s; exit $c" % (export, bash_capture_logs(" && ".join(commands)), BASH_SAVE_LOGS)
