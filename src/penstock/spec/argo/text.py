"""`{{...}}` in manifests: as expressions where the graph is lowered, as plain text where an attempt is prepared.

Semantics: Argo simple template tags as kfp 1.8 uses them (protocol notes, section 3.1). Names that Argo does not know stay as they
are, in particular `{{$}}` and `{{$.inputs...}}` of the V2-compatible launcher and Jinja text of users. Inserted values are not
scanned again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from penstock.domain.expr import Const, Expr, Format, Index, LoopItem, RunField, ScopeInput, TaskOutput
from penstock.domain.moments import ISO, utc_text

_TAG = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")

_RUN_FIELDS = {
    "workflow.name": "resource_name",
    "workflow.uid": "run_id",
    "workflow.namespace": "namespace",
    "workflow.creationTimestamp": "create_time",
    "workflow.status": "status",
    "workflow.failures": "failures",
    "workflow.duration": "duration",
    "workflow.serviceAccountName": "service_account",
    "workflow.parameters": "parameters",
    "pod.name": "task_id",
    "node.name": "task_path",
}
_GIVEN_AT_SUBMISSION = {
    "workflow.labels.pipeline/runid": "run_id",
    "workflow.labels.workflows.argoproj.io/workflow": "resource_name",
    "workflow.annotations.pipelines.kubeflow.org/run_name": "run_name",
}
"""Labels and annotations that no manifest carries yet: the server sets them on every workflow."""
_TIME_FORMS = {
    "workflow.creationTimestamp.RFC3339": ISO,
    **{f"workflow.creationTimestamp.{part}": f"%{part}" for part in "BbmAadHIMSYypZzs"},
}
"""Parts of the time of creation to the form of `strftime`."""
_RUN_PREFIXES = {
    "workflow.parameters.": "parameter:",
    "workflow.labels.": "label:",
    "workflow.annotations.": "annotation:",
}


def created_text(name: str, created_at: float) -> str | None:
    """Return what tag `name` says about the time of a run's creation; None for tags of other things."""
    form = ISO if name == "workflow.creationTimestamp" else _TIME_FORMS.get(name)
    return None if form is None else utc_text(created_at, form)


def tag_names(text: str) -> list[str]:
    """Names of all tags in `text`, in order."""
    return [match.group(1) for match in _TAG.finditer(text)]


def tag_expr(name: str) -> Expr | None:
    """Return the expression that tag `name` stands for inside a graph, or None when Argo would leave it alone."""
    if name.startswith("inputs.parameters."):
        return ScopeInput(name.removeprefix("inputs.parameters."))
    if name.startswith("tasks.") and ".outputs.parameters." in name:
        task, _, key = name.removeprefix("tasks.").partition(".outputs.parameters.")
        return TaskOutput(task, key)
    if name.startswith("tasks.") and name.endswith(".outputs.result"):
        return TaskOutput(name.removeprefix("tasks.").removesuffix(".outputs.result"), "result")
    if name == "item":
        return LoopItem()
    if name.startswith("item."):
        return Index(LoopItem(), Const(name.removeprefix("item.")))
    if name in _RUN_FIELDS:
        return RunField(_RUN_FIELDS[name])
    if name in _TIME_FORMS:
        return RunField(f"create_time:{_TIME_FORMS[name]}")
    if name in _GIVEN_AT_SUBMISSION:
        return RunField(_GIVEN_AT_SUBMISSION[name])
    for prefix, field in _RUN_PREFIXES.items():
        if name.startswith(prefix):
            return RunField(field + name.removeprefix(prefix))
    return None


def run_fields(value: Any) -> tuple[str, ...]:
    """Return the `RunField` names of every tag in `value` that stands for a fact of the run, sorted."""
    names = tag_names(json.dumps(value, ensure_ascii=False))
    return tuple(sorted({expr.name for name in names if isinstance(expr := tag_expr(name), RunField)}))


def text_expr(value: Any) -> Expr:
    """Lower an argument value: its text with every known tag as an expression.

    Non-strings are turned into the text that Argo sees (compact JSON).
    """
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    parts: list[Expr] = []
    end = 0
    for match in _TAG.finditer(text):
        expr = tag_expr(match.group(1))
        if expr is None:
            continue
        if match.start() > end:
            parts.append(Const(text[end : match.start()]))
        parts.append(expr)
        end = match.end()
    if end < len(text):
        parts.append(Const(text[end:]))
    if not parts:
        return Const("")
    if len(parts) == 1 and isinstance(parts[0], Const):
        return parts[0]
    return Format(tuple(parts))


def substitute(value: Any, resolve: Callable[[str], str | None]) -> Any:
    """Replace tags in every string inside `value` (also in mapping keys); `resolve` returns None for names to leave alone."""
    if isinstance(value, str):
        if "{{" not in value:
            return value

        def swap(match: re.Match[str]) -> str:
            found = resolve(match.group(1))
            return match.group(0) if found is None else found

        return _TAG.sub(swap, value)
    if isinstance(value, list | tuple):
        return [substitute(item, resolve) for item in value]
    if isinstance(value, dict):
        return {substitute(key, resolve): substitute(item, resolve) for key, item in value.items()}
    return value


_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def duration_seconds(value: Any) -> float | None:
    """Seconds of an Argo duration (`30`, `"30"`, `"1m30s"`); None when it is not one."""
    text = str(value).strip()
    try:
        return float(text)
    except ValueError:
        pass
    found = _DURATION.findall(text)
    if not found or _DURATION.sub("", text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in found)


_ISO = re.compile(r"P(?:(\d+(?:\.\d+)?)Y)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)W)?(?:(\d+(?:\.\d+)?)D)?"
                  r"(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?")  # fmt: skip
_ISO_SECONDS = (365 * 86400, 30 * 86400, 7 * 86400, 86400, 3600, 60, 1)


def iso_duration_seconds(text: str) -> float | None:
    """Seconds of an ISO 8601 duration such as `P0D` or `P1DT2H` (`max_cache_staleness`); None when it is not one.

    Years count 365 days and months 30, as upstream's cache does.
    """
    match = _ISO.fullmatch(text.strip())
    if match is None or not any(group is not None for group in match.groups()):
        return None
    return sum(float(group) * unit for group, unit in zip(match.groups(), _ISO_SECONDS, strict=True) if group is not None)
