"""`Deployer("flow.py").penstock(...)`."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, Optional

from metaflow.runner.deployer_impl import DeployerImpl


class PenstockDeployer(DeployerImpl):
    """Deploys a flow to a Penstock server. Option: `name` of the deployment, the flow's name if not given."""

    TYPE: ClassVar[Optional[str]] = "penstock"

    def __init__(self, deployer_kwargs: Dict[str, str], **kwargs: Any) -> None:
        """Keep the options of the command group."""
        self._deployer_kwargs = deployer_kwargs
        super().__init__(**kwargs)

    @property
    def deployer_kwargs(self) -> Dict[str, Any]:
        """Options of the command group."""
        return self._deployer_kwargs

    @staticmethod
    def deployed_flow_type() -> Any:
        """Return the class of what `create` gives."""
        # Metaflow's deployer module imports the plugins, so it cannot be imported while they load.
        from .deployed import PenstockDeployedFlow

        return PenstockDeployedFlow

    def create(self, **kwargs: Any) -> Any:
        """Deploy; options are those of `penstock create`."""
        return self._create(self.deployed_flow_type(), **kwargs)
