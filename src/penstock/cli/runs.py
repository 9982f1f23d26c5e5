"""`penstock runs`: list, show, read logs, cancel, retry and delete runs of the running server."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from penstock.cli.client import Client, connect
from penstock.cli.follow import follow as follow_run
from penstock.cli.follow import leaf_tasks, run_state, seconds_between, task_name, task_note
from penstock.cli.options import AsJson, DataDir, print_json, print_table, resolve_data_dir
from penstock.cli.run import run_link
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.execution import first_line_of

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run or its name (the newest), or how one of them begins.")]
_SHORT_ID = 8


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(no_args_is_help=True, help="List, show and steer runs.", rich_markup_mode=None)
    group.command("ls")(list_runs)
    for command in (show, logs, cancel):
        group.command()(command)
    group.command(short_help="Start no further tasks of a run.")(pause)
    group.command("continue")(unpause)
    group.command(short_help="Run what failed again, in the same run.")(retry)
    group.command()(delete)
    app.add_typer(group, name="runs")


def list_runs(
    experiment: Annotated[str | None, typer.Option(metavar="NAME", help="Only runs of this experiment.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many, newest first.")] = 20,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List runs, newest first."""
    with connect(resolve_data_dir(data_dir)) as client:
        params: dict[str, Any] = {"page_size": limit, "sort_by": "created_at desc"}
        if experiment:
            params["experiment_id"] = client.experiment_id(experiment, is_made=False)
        runs = client.call("GET", "/runs", params=params).get("runs", [])
    if as_json:
        print_json(runs)
        return
    if not runs:
        typer.echo("no runs yet" if not experiment else f"no runs in experiment {experiment!r} yet", err=True)
        return
    table = Table(Column("id", no_wrap=True), "name", "state", "created", "took", box=None, pad_edge=False)
    for run in runs:
        table.add_row(run["run_id"][:_SHORT_ID], Text(run["display_name"]), run_state(run), _local(run.get("created_at")), _took(run))
    print_table(table)


def show(run: RunArgument, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show a run and its tasks."""
    with connect(resolve_data_dir(data_dir)) as client:
        found = find_run(client, run)
        tasks = client.tasks(str(found["run_id"]))
        link = run_link(client, str(found["run_id"]))
    if as_json:
        print_json({"run": found, "tasks": tasks})
        return
    console = Console(highlight=False)
    console.print(f"{found['display_name']}  {run_state(found)}  {_took(found)}\n{link}", markup=False, soft_wrap=True)
    if message := (found.get("error") or {}).get("message"):
        console.print(str(message), style="red", markup=False, soft_wrap=True)
    table = Table("task", "state", "took", "why", box=None, pad_edge=False)
    for task in leaf_tasks(tasks):
        seconds = seconds_between(task.get("start_time") or task.get("create_time"), task.get("end_time"))
        took = "" if seconds is None else f"{seconds:.1f} s"
        table.add_row(Text(task_name(task)), str(task.get("state")), took, Text(first_line_of(task_note(task))))
    console.print(table)


def logs(
    run: RunArgument,
    task: Annotated[str | None, typer.Argument(metavar="[TASK]", help="Name or id of a task. [default: all, one after the other]")] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until the task ends.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Print the log of a task, or of all tasks of a run."""
    with connect(resolve_data_dir(data_dir)) as client:
        run_id = str(find_run(client, run)["run_id"])
        tasks = leaf_tasks(client.tasks(run_id))
        if task is not None:
            chosen = [item for item in tasks if task in {task_name(item), item.get("display_name"), item.get("name"), item["task_id"]}]
            if not chosen:
                raise NotFoundError(f"run {run_id} has no task {task!r}; it has {', '.join(task_name(item) for item in tasks) or 'none'}")
        else:
            chosen = tasks
        for item in chosen:
            if len(chosen) > 1:
                typer.echo(f"--- {task_name(item)}", err=True)
            _print_log(client, run_id, str(item["task_id"]), follow=follow, is_required=len(chosen) == 1)


def cancel(run: RunArgument, data_dir: DataDir = None) -> None:
    """Stop a run: its processes are ended, exit tasks run."""
    with connect(resolve_data_dir(data_dir)) as client:
        found = find_run(client, run)
        client.call("POST", f"/runs/{found['run_id']}:terminate")
    typer.echo(f"canceling {found['display_name']} ({found['run_id']})")


def pause(run: RunArgument, data_dir: DataDir = None) -> None:
    """Start no further tasks of a run until it is continued; those that run go on."""
    with connect(resolve_data_dir(data_dir)) as client:
        found = find_run(client, run)
        client.call("POST", f"/runs/{found['run_id']}:pause")
    typer.echo(f"paused {found['display_name']} ({found['run_id']})")


def unpause(run: RunArgument, data_dir: DataDir = None) -> None:
    """Go on with a paused run."""
    with connect(resolve_data_dir(data_dir)) as client:
        found = find_run(client, run)
        client.call("POST", f"/runs/{found['run_id']}:unpause")
    typer.echo(f"continuing {found['display_name']} ({found['run_id']})")


def retry(
    run: RunArgument,
    detach: Annotated[bool, typer.Option("--detach", help="Do not follow.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Run what failed again, in the same run; what succeeded is kept."""
    with connect(resolve_data_dir(data_dir)) as client:
        run_id = str(find_run(client, run)["run_id"])
        client.call("POST", f"/runs/{run_id}:retry")
        if not detach and run_state(follow_run(client, run_id, Console(highlight=False))) != "SUCCEEDED":
            raise typer.Exit(1)


def delete(
    run: RunArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Delete a run."""
    with connect(resolve_data_dir(data_dir)) as client:
        found = find_run(client, run, is_exact=True)
        if not yes:
            typer.confirm(f"Delete {found['display_name']} ({found['run_id']})?", abort=True)
        client.call("DELETE", f"/runs/{found['run_id']}")
    typer.echo(f"deleted {found['display_name']} ({found['run_id']})")


def find_run(client: Client, text: str, *, is_exact: bool = False) -> dict[str, Any]:
    """Return the run that `text` means: an id, the beginning of one, or a display name (the newest of that name).

    Unless `is_exact`, the beginning of a name will do: the names that `penstock run` and the SDK give are the pipeline's with the time.

    Raises:
        NotFoundError: nothing fits among the newest 200 runs, or by full id.
        InvalidArgumentError: several ids begin so.
    """
    try:
        exact: dict[str, Any] = client.call("GET", f"/runs/{text}") if "/" not in text and " " not in text else {}
    except NotFoundError:
        exact = {}
    if exact:
        return exact
    runs = client.call("GET", "/runs", params={"page_size": 200, "sort_by": "created_at desc"}).get("runs", [])
    begins = [run for run in runs if run["run_id"].startswith(text)]
    if len(begins) > 1:
        raise InvalidArgumentError(f"{len(begins)} runs begin with {text!r}; give more of the id")
    named = [run for run in runs if run["display_name"] == text]
    longer = [] if is_exact else [run for run in runs if text and run["display_name"].startswith(text)]
    for run in begins + named + longer:
        return dict(run)
    raise NotFoundError(f"no run {text!r}")


def _print_log(client: Client, run_id: str, task_id: str, *, follow: bool, is_required: bool) -> None:
    try:
        for chunk in client.log(run_id, task_id, follow=follow):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
    except NotFoundError:
        if is_required:
            raise


def _local(moment: str | None) -> str:
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M:%S}" if moment else ""


def _took(run: dict[str, Any]) -> str:
    seconds = seconds_between(run.get("created_at"), run.get("finished_at"))
    return "" if seconds is None else f"{seconds:.1f} s"
