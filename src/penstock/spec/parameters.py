"""Checks the parameters of a requested run against what its plan accepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.expr import UNSET
from penstock.domain.plan import ParameterSpec, RunPlan
from penstock.spec.argo.lower import ARGO_DIALECT
from penstock.spec.values import text_of, to_type


def check_parameters(plan: RunPlan, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return `given` with each value as its declared type wants it; defaults are not filled in.

    Null is accepted for an optional parameter and kept, since it differs from leaving the parameter out.

    Raises:
        InvalidArgumentError: a parameter is unknown, missing, of the wrong type or not among its literals, or the pipeline
            needs input artifacts, which a run cannot supply; names every fault of the first kind found.

    Semantics: kfp protocol notes, section 2.6. For manifests of kfp 1.8 the words for unknown names are those of upstream's
    `Workflow.VerifyParameters`, which names one.
    """
    artifacts = plan.extra.get("required_artifacts", ())
    if artifacts:
        raise InvalidArgumentError(f"the pipeline needs input artifact(s) {', '.join(artifacts)}; a run can be given parameters only")
    unknown = sorted(name for name in given if name not in plan.parameters)
    if unknown and plan.dialect == ARGO_DIALECT:
        raise InvalidArgumentError(f"Unrecognized input parameter: {', '.join(unknown)}")
    if unknown:
        takes = f"it takes {', '.join(plan.parameters)}" if plan.parameters else "it takes none"
        raise InvalidArgumentError(f"parameter(s) provided are not required by pipeline: {', '.join(unknown)}; {takes}")
    missing = sorted(name for name, spec in plan.parameters.items() if name not in given and _is_required(spec))
    if missing:
        raise InvalidArgumentError(f"parameter(s) required by pipeline are not provided: {', '.join(missing)}")
    return {name: _check(plan.parameters[name], value) for name, value in given.items()}


def _is_required(spec: ParameterSpec) -> bool:
    return spec.default is UNSET and not spec.is_optional


def _check(spec: ParameterSpec, value: Any) -> Any:
    if value is None:
        if _is_required(spec):
            raise InvalidArgumentError(f"input parameter {spec.name!r} is required and cannot be null")
        return None
    try:
        result = to_type(value, spec.type)
    except ValueError as error:
        raise InvalidArgumentError(f"input parameter {spec.name!r} type mismatch: {error}") from None
    if spec.literals and not any(_is_same(result, literal) for literal in spec.literals):
        allowed = ", ".join(text_of(literal) for literal in spec.literals)
        raise InvalidArgumentError(f"input parameter {spec.name!r} has value {text_of(result)!r}, which is not one of {allowed}")
    return result


def _is_same(left: Any, right: Any) -> bool:
    return bool(left == right) and isinstance(left, bool) is isinstance(right, bool)
