"""The Kubeflow Pipelines v2beta1 API over the use cases of `pipelines`. Wire it with `routes(KfpServices(...))`."""

from __future__ import annotations

from penstock.api.kfp.routes import routes
from penstock.api.kfp.services import KfpServices

__all__ = ["KfpServices", "routes"]
