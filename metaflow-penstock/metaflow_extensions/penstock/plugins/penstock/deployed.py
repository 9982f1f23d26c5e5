"""What `Deployer.create` and `trigger` give back. Loaded late, see `deployer`."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from typing import Any, Callable, ClassVar, Dict, Iterator, Optional

from metaflow.client.core import get_metadata
from metaflow.exception import MetaflowException
from metaflow.metaflow_config import SERVICE_HEADERS, SERVICE_URL
from metaflow.runner.deployer import DeployedFlow, Deployer, TriggeredRun, generate_fake_flow_file_contents
from metaflow.runner.utils import get_lower_level_group, handle_timeout, temporary_fifo

from .server import Server, ServerError

_ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")


def _server() -> Server:
    return Server.from_environment(SERVICE_URL, (SERVICE_HEADERS or {}).get("x-api-key"))


def _branch(name: Optional[str]) -> Dict[str, Any]:
    """Options that lead to a project's branch: `prod`, `prod.x`, `test.x` or `user.x`."""
    kind, _, rest = (name or "").partition(".")
    found: Dict[str, Any] = {"production": True} if kind == "prod" else {}
    return {**found, "branch": rest} if rest and kind != "user" else found


def _asked(ask: Callable[[str], None], run_id: str) -> bool:
    try:
        ask(run_id)
    except ServerError:
        return False
    return True


class PenstockTriggeredRun(TriggeredRun):
    """A run that was started on the server."""

    @property
    def run_id(self) -> str:
        """Id of the run, for pipelines and for flows."""
        return str(self.pathspec.split("/")[1])

    @property
    def status(self) -> str:
        """State in the server's words: PENDING, RUNNING, SUCCEEDED, FAILED, ..."""
        return _server().run_state(self.run_id)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.status not in _ENDED

    def wait_for_completion(self, check_interval: float = 5, timeout: Optional[float] = None) -> None:
        """Wait until it has ended; times are seconds.

        Raises:
            TimeoutError: it took longer.
        """
        started = time.monotonic()
        while self.is_running:
            if timeout is not None and time.monotonic() - started > timeout:
                raise TimeoutError("run %s did not end within %s seconds" % (self.pathspec, timeout))
            time.sleep(check_interval)

    def suspend(self, **kwargs: Any) -> bool:
        """Let no further step start until `unsuspend`; return whether the server took that (not when it has ended or is suspended)."""
        return _asked(_server().pause, self.run_id)

    def unsuspend(self, **kwargs: Any) -> bool:
        """Let it go on; return whether the server took that (not when it is not suspended)."""
        return _asked(_server().unpause, self.run_id)

    def terminate(self, **kwargs: Any) -> bool:
        """Begin to stop it; return whether the server took that."""
        return _asked(_server().terminate, self.run_id)


class PenstockDeployedFlow(DeployedFlow):
    """A flow on the server."""

    TYPE: ClassVar[Optional[str]] = "penstock"

    @classmethod
    def from_deployment(cls, identifier: str, metadata: Optional[str] = None) -> "PenstockDeployedFlow":
        """Return the flow that is deployed as `identifier`, without its file.

        Raises:
            MetaflowException: there is none.
        """
        about = _server().deployment(identifier)
        if about is None:
            raise MetaflowException("No deployed flow found for: %s" % identifier)
        return cls._of(identifier, about, metadata)

    @classmethod
    def _of(cls, identifier: str, about: Dict[str, Any], metadata: Optional[str]) -> "PenstockDeployedFlow":
        """A flow of the same name and parameters stands in for the file, as Metaflow does for its own orchestrators."""
        content = generate_fake_flow_file_contents(about["flow_name"], about["parameters"], about.get("project"))
        with tempfile.NamedTemporaryFile("w", suffix=".py", delete=False) as file:
            file.write(content)
        deployer = Deployer(file.name, env={"METAFLOW_USER": about["owner"]}, pylint=False, **_branch(about.get("branch")))
        found = deployer.penstock(name=identifier)
        found.name, found.flow_name, found.metadata = identifier, about["flow_name"], metadata or get_metadata()
        return cls(deployer=found)

    @classmethod
    def list_deployed_flows(cls, flow_name: Optional[str] = None) -> "Iterator[PenstockDeployedFlow]":
        """Yield what is deployed, of one flow or of all."""
        for identifier, about in _server().deployments():
            if flow_name is None or about["flow_name"] == flow_name:
                yield cls._of(identifier, about, None)

    @classmethod
    def get_triggered_run(cls, identifier: str, run_id: str, metadata: Optional[str] = None) -> PenstockTriggeredRun:
        """Return a run of the flow that is deployed as `identifier`."""
        found = cls.from_deployment(identifier, metadata)
        pathspec = "%s/%s" % (found.flow_name, run_id)
        content = json.dumps({"metadata": found.metadata, "pathspec": pathspec, "name": identifier})
        return PenstockTriggeredRun(deployer=found.deployer, content=content)

    def trigger(self, **kwargs: Any) -> PenstockTriggeredRun:
        """Start a run; arguments are the flow's parameters.

        Raises:
            RuntimeError: the command failed.
        """
        deployer = self.deployer
        with temporary_fifo() as (path, descriptor):
            given = {name: json.dumps(value) if isinstance(value, (dict, list)) else value for name, value in kwargs.items()}
            group = get_lower_level_group(deployer.api, deployer.top_level_kwargs, deployer.TYPE, deployer.deployer_kwargs)
            command = group.trigger(deployer_attribute_file=path, **given)
            process = deployer.spm.run_command(
                [sys.executable, *command], env=deployer.env_vars, cwd=deployer.cwd, show_output=deployer.show_output
            )
            running = deployer.spm.get(process)
            content = handle_timeout(descriptor, running, deployer.file_read_timeout)
            running.sync_wait()
            if running.process.returncode == 0:
                return PenstockTriggeredRun(deployer=deployer, content=content)
        raise RuntimeError("Error triggering %s on %s" % (self.name, self.TYPE))

    def delete(self) -> bool:
        """Remove the deployment and its schedule; return whether there was one."""
        return _server().delete(self.name)
