"""The command group `penstock` of every flow: create, trigger, list, list-runs, status, terminate, suspend, unsuspend, delete."""

from __future__ import annotations

import json
from typing import Any, Optional

from metaflow import parameters
from metaflow._vendor import click
from metaflow.exception import MetaflowException
from metaflow.metaflow_config import SERVICE_URL, UI_URL
from metaflow.parameters import DelayedEvaluationParameter, JSONType

try:
    from metaflow.metaflow_config import SERVICE_HEADERS
except ImportError:
    SERVICE_HEADERS = {}

from .deployment import ignored_of, parameters_of, schedule_of, trigger_parameter, triggers_of, work_of
from .lowering import UnsupportedFlowError, lower
from .server import Server, ServerError


class PenstockException(MetaflowException):
    """What went wrong with the server or the flow."""

    headline = "Penstock"


@click.group()
def cli() -> None:
    """Commands of this extension."""


@cli.group(help="Run and schedule this flow on a Penstock server.")
@click.option("--name", default=None, type=str, help="Name of the deployment; the flow's name if not given.")
@click.pass_obj
def penstock(obj: Any, name: Optional[str] = None) -> None:
    """Find the server and the deployment's name."""
    obj.check(obj.graph, obj.flow, obj.environment, pylint=obj.pylint)
    obj.penstock_name = name
    obj.penstock_server = _guarded(lambda: Server.from_environment(SERVICE_URL, (SERVICE_HEADERS or {}).get("x-api-key")))


def _guarded(work: Any) -> Any:
    try:
        return work()
    except (ServerError, UnsupportedFlowError) as error:
        raise PenstockException(str(error)) from error


def _name(obj: Any, name: Optional[str]) -> str:
    from metaflow import current

    return name or obj.penstock_name or getattr(current, "project_flow_name", None) or obj.flow.name


@penstock.command(help="Deploy a new version of this flow.")
@click.option("--name", default=None, type=str, help="Name of the deployment; the flow's name if not given.")
@click.option("--tag", "tags", multiple=True, default=None, help="Tag of all runs of this deployment; may be repeated.")
@click.option("--only-json", is_flag=True, default=False, help="Only print the definition.")
@click.option("--deployer-attribute-file", default=None, type=str, hidden=True)
@click.pass_obj
def create(
    obj: Any, name: Optional[str] = None, tags: Any = None, only_json: bool = False, deployer_attribute_file: Optional[str] = None
) -> None:
    """Upload the code, store the definition, set the schedule."""
    target = _name(obj, name)
    _write(deployer_attribute_file, {"name": target, "flow_name": obj.flow.name, "metadata": obj.metadata.metadata_str()})
    triggers = _guarded(lambda: triggers_of(obj.flow))
    extra = [trigger_parameter(number) for number in range(len(triggers))]
    spec = _guarded(lambda: lower(obj.graph, target, work_of(obj, target, list(tags or ())), parameters_of(obj.flow), extra))
    if only_json:
        obj.echo_always(json.dumps(spec, indent=2), err=False, no_bold=True)
        return
    for sentence in ignored_of(obj):
        obj.echo(sentence)
    found = _guarded(lambda: obj.penstock_server.deploy(target, obj.flow.__doc__ or "", spec))
    cron = schedule_of(obj.flow)
    _guarded(lambda: obj.penstock_server.schedule(target, found["pipeline_id"], cron, triggers))
    obj.echo("Flow *%s* is deployed as *%s*." % (obj.flow.name, target), bold=True)
    obj.echo("See it at %s/ui/pipelines/%s" % (obj.penstock_server.url, found["pipeline_id"]))
    if cron is not None:
        obj.echo("It runs by the schedule %s." % cron, no_bold=True)
    if triggers:
        events = [trigger["event"] for trigger in triggers]
        words = ["*%s* %s" % ((event["name"], "is published") if "name" in event else (event["pipeline"], "finishes")) for event in events]
        obj.echo("It runs when %s." % " and ".join(words))


@parameters.add_custom_parameters(deploy_mode=False)
@penstock.command(help="Start a run of the deployed flow.")
@click.option("--run-id-file", default=None, type=str, help="Write the id of the run to this file.")
@click.option("--deployer-attribute-file", default=None, type=str, hidden=True)
@click.pass_obj
def trigger(obj: Any, run_id_file: Optional[str] = None, deployer_attribute_file: Optional[str] = None, **kwargs: Any) -> None:
    """Start a run with the given parameters."""
    given = {}
    for _, parameter in obj.flow._get_parameters():
        value = kwargs.get(parameter.name.replace("-", "_").lower())
        if value is None:
            continue
        if isinstance(value, DelayedEvaluationParameter):
            value = value(return_str=True)
        if parameter.kwargs.get("type") == JSONType or isinstance(value, (dict, list)):
            value = value if isinstance(value, str) else json.dumps(value)
        given[parameter.name.replace("-", "_")] = value
    target = _name(obj, None)
    run_id = _guarded(lambda: obj.penstock_server.trigger(target, given))
    if run_id_file:
        with open(run_id_file, "w", encoding="utf-8") as file:
            file.write(run_id)
    pathspec = "%s/%s" % (obj.flow.name, run_id)
    _write(deployer_attribute_file, {"name": target, "metadata": obj.metadata.metadata_str(), "pathspec": pathspec})
    obj.echo("Flow *%s* is triggered (run-id *%s*)." % (target, run_id), bold=True)
    obj.echo("See the run at %s/%s" % ((UI_URL or obj.penstock_server.url + "/flows").rstrip("/"), pathspec))


@penstock.command(name="list", help="List the deployments of this flow.")
@click.option("--all", "is_all", is_flag=True, default=False, help="Of every flow.")
@click.pass_obj
def list_deployments(obj: Any, is_all: bool = False) -> None:
    """Print name and flow of each deployment."""
    for name, about in _guarded(lambda: list(obj.penstock_server.deployments())):
        if is_all or about["flow_name"] == obj.flow.name:
            obj.echo_always("%s\t%s\t%s" % (name, about["flow_name"], about["owner"]), err=False)


@penstock.command(name="list-runs", help="List the runs of the deployed flow, newest first.")
@click.option("--pending", "states", flag_value="PENDING", multiple=True, help="Only those that wait.")
@click.option("--running", "states", flag_value="RUNNING", multiple=True, help="Only those that run.")
@click.option("--succeeded", "states", flag_value="SUCCEEDED", multiple=True, help="Only those that ended well.")
@click.option("--failed", "states", flag_value="FAILED", multiple=True, help="Only those that failed.")
@click.pass_obj
def list_runs(obj: Any, states: Any = ()) -> None:
    """Print run id, state and time of creation of each run."""
    target = _name(obj, None)
    for run in _guarded(lambda: list(obj.penstock_server.runs(target))):
        state = run.get("state", "")
        if not states or state in states:
            obj.echo_always("%s\t%s\t%s" % (run["run_id"], state, run.get("created_at", "")), err=False)


@penstock.command(
    help="Start no further steps of RUN_ID until `unsuspend`; those that run go on. "
    "Without RUN_ID: let schedule and events start no runs; runs that were started go on."
)
@click.argument("run-id", type=str, required=False)
@click.pass_obj
def suspend(obj: Any, run_id: Optional[str] = None) -> None:
    """Pause one run, or disable schedule and events."""
    if run_id is None:
        _switch(obj, is_enabled=False)
        return
    _guarded(lambda: obj.penstock_server.pause(run_id))
    obj.echo("Run *%s* is suspended." % run_id, bold=True)


@penstock.command(help="Go on with RUN_ID. Without RUN_ID: let schedule and events start runs again.")
@click.argument("run-id", type=str, required=False)
@click.pass_obj
def unsuspend(obj: Any, run_id: Optional[str] = None) -> None:
    """Continue one run, or enable schedule and events."""
    if run_id is None:
        _switch(obj, is_enabled=True)
        return
    _guarded(lambda: obj.penstock_server.unpause(run_id))
    obj.echo("Run *%s* goes on." % run_id, bold=True)


def _switch(obj: Any, *, is_enabled: bool) -> None:
    target = _name(obj, None)
    if not _guarded(lambda: obj.penstock_server.set_enabled(target, is_enabled=is_enabled)):
        raise PenstockException("*%s* has neither a schedule nor events" % target)
    obj.echo("Schedule and events of *%s* are %s." % (target, "enabled" if is_enabled else "suspended"), bold=True)


@penstock.command(help="Show the state of a run.")
@click.argument("run-id", type=str)
@click.pass_obj
def status(obj: Any, run_id: str) -> None:
    """Print the state of a run."""
    obj.echo_always(_guarded(lambda: obj.penstock_server.run_state(run_id)))


@penstock.command(help="Stop a run.")
@click.argument("run-id", type=str)
@click.pass_obj
def terminate(obj: Any, run_id: str) -> None:
    """Begin to stop a run."""
    _guarded(lambda: obj.penstock_server.terminate(run_id))
    obj.echo("Run *%s* is being stopped." % run_id, bold=True)


@penstock.command(help="Remove the deployment and its schedule; its runs stay.")
@click.pass_obj
def delete(obj: Any) -> None:
    """Remove the deployment."""
    target = _name(obj, None)
    if not _guarded(lambda: obj.penstock_server.delete(target)):
        raise PenstockException("nothing is deployed as %r" % target)
    obj.echo("The deployment *%s* is removed." % target, bold=True)


def _write(path: Optional[str], content: Any) -> None:
    if path:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(content, file)
