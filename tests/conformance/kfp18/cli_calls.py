"""Calls every command of the kfp 1.8 command line and asserts what it prints. Usage: cli_calls.py URL; prints `ok` at the end.

In one process, because importing kfp 1.8 costs more than the commands. `pipeline list-versions` fails inside the client of 1.8.22
itself (it passes a `filter` that its own method does not take), and `run submit --watch` needs Argo's program.
"""

import json
import sys
import warnings

warnings.simplefilter("ignore")

import kfp_server_api  # noqa: E402
from click.testing import CliRunner  # noqa: E402
from kfp import components, dsl  # noqa: E402
from kfp.cli import cli as kfp_cli  # noqa: E402
from kfp.compiler import Compiler  # noqa: E402

URL = sys.argv[1]
for command in (kfp_cli.run, kfp_cli.recurring_run, kfp_cli.pipeline, kfp_cli.experiment):
    kfp_cli.cli.add_command(command)


def _double(n: int) -> int:
    return n * 2


@dsl.pipeline(name="doubling", description="doubles")
def doubling(n: int = 4):
    components.create_component_from_func(_double)(n)


def call(*words, stdin=None, output="table"):
    """What a command prints; fails when it fails."""
    result = CliRunner().invoke(kfp_cli.cli, ["--endpoint", URL, "--output", output, *words], obj={}, input=stdin)
    assert result.exception is None, (words, result.exception, result.output)
    return result.output


def told(*words):
    """What a command prints as JSON."""
    return json.loads(call(*words, output="json"))


def refused(status, *words):
    """Assert that the server refuses a command; return the message."""
    result = CliRunner().invoke(kfp_cli.cli, ["--endpoint", URL, *words], obj={})
    assert isinstance(result.exception, kfp_server_api.ApiException), (words, result.exception, result.output)
    assert result.exception.status == status, (words, result.exception)
    return json.loads(result.exception.body)["message"]


def columns(text):
    """Words of the head of a grid."""
    return [cell.strip() for cell in text.splitlines()[1].strip("|").split("|")]


Compiler().compile(doubling, "doubling.yaml")
assert "No pipelines found" in call("pipeline", "list")
assert told("run", "list") == [] and "No recurring runs found" in call("recurring-run", "list")

text = call("experiment", "create", "-d", "what for", "first")
assert "Experiment Details" in text and "what for" in text
experiment = told("experiment", "create", "first")["ID"]
assert told("experiment", "get", experiment)["Name"] == "first"
assert columns(call("experiment", "list")) == ["Experiment ID", "Name", "Created at"]
assert [item["Name"] for item in told("experiment", "list", "--sort-by", "name desc", "-m", "1")] == ["first"]
only = json.dumps({"predicates": [{"op": 1, "key": "name", "stringValue": "Default"}]})
assert [item["Name"] for item in told("experiment", "list", "--filter", only)] == ["Default"]

text = call("pipeline", "upload", "-p", "dbl", "-d", "described", "doubling.yaml")
assert "Pipeline Details" in text and "described" in text and "Parameter Name" in text
call("pipeline", "upload", "doubling.yaml")  # named after the file
assert {item["Name"] for item in told("pipeline", "list")} == {"dbl", "doubling"}
pipeline = next(item["Pipeline ID"] for item in told("pipeline", "list") if item["Name"] == "dbl")
seen = told("pipeline", "get", pipeline)
assert seen["Pipeline Parameters"] == [{"Parameter Name": "n", "Default Value": "4"}] and seen["Pipeline Details"]["Description"] == "described"
version = told("pipeline", "upload-version", "-n", "dbl", "-v", "second", "doubling.yaml")
assert version["Version name"] == "second" and version["Pipeline ID"] == pipeline
assert "Pipeline Version Details" in call("pipeline", "upload-version", "-p", pipeline, "-v", "third", "doubling.yaml")
assert "third" in refused(409, "pipeline", "upload-version", "-p", pipeline, "-v", "third", "doubling.yaml")

[run] = told("run", "submit", "-e", "first", "-r", "one", "-f", "doubling.yaml", "-t", "60", "n=5")
assert run["status"] == "Succeeded" and run["name"] == "one" and run["experiment id"] == experiment
assert columns(call("run", "submit", "-e", "first", "-r", "stored", "-n", "dbl")) == ["run id", "name", "status", "created at", "experiment id"]
call("run", "submit", "-e", "first", "-r", "of version", "-v", version["Version ID"])
assert "m" in refused(400, "run", "submit", "-e", "first", "-f", "doubling.yaml", "m=1")
assert {item["name"] for item in told("run", "list", "-e", experiment)} == {"one", "stored", "of version"}
assert [item["name"] for item in told("run", "list", "--sort-by", "name", "-m", "1")] == ["of version"]
assert told("run", "get", run["run id"]) == [run]
assert "'status': 'Succeeded'" in call("run", "get", "-d", run["run id"])
assert "no-such-run" in refused(404, "run", "get", "no-such-run")

package = ("--pipeline-package-path", "doubling.yaml")
text = call("recurring-run", "create", "--experiment-name", "first", "--job-name", "hourly", "--interval-second", "3600", *package,
            "--max-concurrency", "1", "--enabled", "--no-catchup", "--description", "d", "--disable-caching", "n=3")  # fmt: skip
assert "Recurring Run Details" in text and "hourly" in text
nine = told("recurring-run", "create", "--experiment-id", experiment, "--job-name", "nine", "--cron-expression", "0 0 9 ? * 2-6",
            "--pipeline-id", pipeline, "--version-id", version["Version ID"], "--disabled", "--enable-caching",
            "--start-time", "2030-01-01T00:00:00Z", "--end-time", "2031-01-01T00:00:00Z")  # fmt: skip
assert {item["Name"] for item in told("recurring-run", "list", "-e", experiment)} == {"hourly", "nine"}
assert columns(call("recurring-run", "list")) == ["Recurring Run ID", "Name"]
assert told("recurring-run", "get", nine["Recurring Run ID"])["Name"] == "nine"
five = refused(400, "recurring-run", "create", "--experiment-name", "first", "--job-name", "five", "--cron-expression", "0 9 * * *", *package)
assert "six" in five, five
call("recurring-run", "delete", nine["Recurring Run ID"])
refused(404, "recurring-run", "get", nine["Recurring Run ID"])

call("pipeline", "delete-version", version["Version ID"])
assert f"{pipeline} is deleted" in call("pipeline", "delete", pipeline)
refused(404, "pipeline", "get", pipeline)
call("experiment", "archive", "--experiment-name", "first")
call("experiment", "archive", "--experiment-id", experiment)  # repeating it changes nothing
assert f"{experiment} is deleted." in call("experiment", "delete", experiment, stdin="y\n")
refused(404, "experiment", "get", experiment)
print("ok")
