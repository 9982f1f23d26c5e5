"""`PlanLoader`: stored definitions of any dialect to plans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.domain.errors import SpecError
from penstock.domain.plan import RunPlan
from penstock.spec.argo.lower import ARGO_DIALECT, lower_workflow
from penstock.spec.kfp.lower import KFP_DIALECT, lower_pipeline


class SpecPlanLoader:
    """Lowers by kind. Keeps nothing; callers that load the same content often keep the plan."""

    def load(self, kind: str, content: Mapping[str, Any]) -> RunPlan:
        """Return the plan of a stored definition of `kind` (`kfp` or `argo`).

        Raises:
            SpecError: the kind is unknown, or the document is not a valid definition.
        """
        if kind == KFP_DIALECT:
            return lower_pipeline(content)
        if kind == ARGO_DIALECT:
            return lower_workflow(content)
        raise SpecError(f"definitions of kind {kind!r} are not supported", place="kind")
