"""What `Deployer.create` and `trigger` give back. Loaded late, see `deployer`."""

from __future__ import annotations

import json
import sys
from typing import Any, ClassVar, Optional

from metaflow.metaflow_config import SERVICE_HEADERS, SERVICE_URL
from metaflow.runner.deployer import DeployedFlow, TriggeredRun
from metaflow.runner.utils import get_lower_level_group, handle_timeout, temporary_fifo

from .server import Server


def _server() -> Server:
    return Server.from_environment(SERVICE_URL, (SERVICE_HEADERS or {}).get("x-api-key"))


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

    def terminate(self) -> bool:
        """Begin to stop it."""
        _server().terminate(self.run_id)
        return True


class PenstockDeployedFlow(DeployedFlow):
    """A flow on the server."""

    TYPE: ClassVar[Optional[str]] = "penstock"

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
