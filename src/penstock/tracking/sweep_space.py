"""The search space of a sweep: its parameters, how a position between 0 and 1 becomes a value, and how many values there are.

Every parameter of every distribution is drawn through one number in [0, 1), so that random search and the optimiser share one space.
Distributions and their parameters follow W&B's sweep configuration (docs.wandb.ai, "Sweep configuration options", August 2026).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.numbers import finite_number

_EDGE = 1e-12
_FINE = 4096
"""Positions that are tried to find a listed value."""
_HALVINGS = 60
_FRACTION_TERMS = 400
_TINY = 1e-300
_MAX_NESTING = 20


@dataclass(frozen=True, slots=True)
class Parameter:
    """One searched parameter."""

    name: str
    """Nested names joined with dots."""
    path: tuple[str, ...]
    distribution: str
    values: tuple[Any, ...] = ()
    """Of discrete distributions, in order."""
    weights: tuple[float, ...] = ()
    low: float = 0.0
    high: float = 1.0
    mu: float = 0.0
    sigma: float = 1.0
    alpha: float = 1.0
    beta: float = 1.0
    """Shape of beta distributions: `a` and `b` of the configuration."""
    step: float = 0.0
    """Quantum; 0: none."""

    def value_at(self, unit: float) -> Any:
        """Return the value at position `unit` of the distribution, 0 <= unit < 1."""
        unit = min(max(unit, 0.0), 1.0 - _EDGE)
        if self.values:
            return self.values[self.index_at(unit)]
        if self.distribution == "int_uniform":
            return int(self.low) + math.floor(unit * (int(self.high) - int(self.low) + 1))
        return self._quantized(self._continuous(unit))

    def unit_of(self, value: Any) -> float | None:
        """Return a position that has this value, or None when it is outside of the distribution."""
        if self.values:
            found = [unit for unit in ((index + 0.5) / _FINE for index in range(_FINE)) if self.value_at(unit) == value]
            return found[len(found) // 2] if found else None
        if finite_number(value) is None:
            return None
        if self.distribution == "int_uniform":
            count = int(self.high) - int(self.low) + 1
            place = value - int(self.low)
            return (place + 0.5) / count if 0 <= place < count and float(value).is_integer() else None
        return self._found(float(value))

    def _found(self, value: float) -> float | None:
        """Look for a continuous value by halving: every distribution rises or falls all the way."""
        first, last = self._continuous(0.0), self._continuous(1.0 - _EDGE)
        slack = self.step / 2 + abs(last - first) * _EDGE
        if not min(first, last) - slack <= value <= max(first, last) + slack:
            return None
        low, high = 0.0, 1.0 - _EDGE
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if (self._continuous(middle) < value) == (first <= last) else (low, middle)
        return (low + high) / 2

    def index_at(self, unit: float) -> int:
        """Return which of the discrete values stands at `unit`."""
        if not self.weights:
            return min(math.floor(unit * len(self.values)), len(self.values) - 1)
        total = 0.0
        for index, weight in enumerate(self.weights):
            total += weight
            if unit < total:
                return index
        return len(self.weights) - 1

    def grid(self) -> Sequence[Any] | None:
        """Return every value in order, or None when there are infinitely many."""
        if self.values:
            return self.values
        if self.distribution == "int_uniform":
            return range(int(self.low), int(self.high) + 1)
        if self.distribution == "q_uniform" and self.step > 0:
            count = math.floor((self.high - self.low) / self.step + _EDGE) + 1
            return [self._quantized(self.low + index * self.step) for index in range(count)]
        return None

    def _continuous(self, unit: float) -> float:
        family = self.distribution.removeprefix("q_")
        if family == "uniform":
            return self.low + unit * (self.high - self.low)
        if family == "log_uniform_values":
            return math.exp(math.log(self.low) + unit * (math.log(self.high) - math.log(self.low)))
        if family == "log_uniform":
            return math.exp(self.low + unit * (self.high - self.low))
        if family == "inv_log_uniform_values":
            return 1 / math.exp(math.log(1 / self.high) + unit * (math.log(1 / self.low) - math.log(1 / self.high)))
        if family == "inv_log_uniform":
            return 1 / math.exp(self.low + unit * (self.high - self.low))
        if family == "beta":
            return _beta_quantile(unit, self.alpha, self.beta)
        normal = NormalDist(self.mu, self.sigma).inv_cdf(max(unit, _EDGE))
        return math.exp(normal) if family == "log_normal" else normal

    def _quantized(self, value: float) -> float | int:
        if self.step <= 0:
            return value
        rounded = round(value / self.step) * self.step
        # Quanta such as 0.1 leave dust in the last digits; ten significant ones are what a person would write.
        return int(rounded) if float(self.step).is_integer() and float(rounded).is_integer() else float(f"{rounded:.10g}")


@dataclass(frozen=True, slots=True)
class Space:
    """All parameters of a sweep."""

    searched: tuple[Parameter, ...]
    fixed: Mapping[str, Any]
    """Values of constant parameters, by dotted name."""
    paths: Mapping[str, tuple[str, ...]]

    def nested(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values by top-level name, nested parameters as objects."""
        result: dict[str, Any] = {}
        for name, value in values.items():
            *parents, last = self.paths.get(name, (name,))
            place = result
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = value
        return result

    def units_of(self, config: Mapping[str, Any]) -> dict[str, float] | None:
        """Return the position of a run's config in this space, or None when it lies outside or lacks a parameter."""
        units: dict[str, float] = {}
        for parameter in self.searched:
            value: Any = config
            for part in parameter.path:
                value = value.get(part) if isinstance(value, Mapping) else None
            unit = None if value is None else parameter.unit_of(value)
            if unit is None:
                return None
            units[parameter.name] = unit
        return units

    def grid_size(self) -> int | None:
        """Return the number of combinations, or None when a parameter has no end of values."""
        size = 1
        for parameter in self.searched:
            values = parameter.grid()
            if values is None:
                return None
            size *= len(values)
        return size


def parse_space(parameters: Any) -> Space:
    """Read the `parameters` of a sweep configuration.

    Raises:
        InvalidArgumentError: a parameter cannot be understood; names it.
    """
    if not isinstance(parameters, Mapping) or not parameters:
        raise InvalidArgumentError("a sweep needs 'parameters'")
    searched: list[Parameter] = []
    fixed: dict[str, Any] = {}
    paths: dict[str, tuple[str, ...]] = {}
    _collect(parameters, (), searched, fixed, paths)
    return Space(tuple(searched), fixed, paths)


def _collect(
    parameters: Mapping[str, Any],
    prefix: tuple[str, ...],
    searched: list[Parameter],
    fixed: dict[str, Any],
    paths: dict[str, tuple[str, ...]],
) -> None:
    if len(prefix) > _MAX_NESTING:
        raise InvalidArgumentError("sweep parameters are nested too deeply")
    for key, spec in parameters.items():
        path = (*prefix, str(key))
        name = ".".join(path)
        if not isinstance(spec, Mapping):
            raise InvalidArgumentError(
                f"sweep parameter {name!r} must be an object with 'value', 'values', 'min' and 'max' or 'distribution'"
            )
        if isinstance(spec.get("parameters"), Mapping):
            _collect(spec["parameters"], path, searched, fixed, paths)
            continue
        paths[name] = path
        if "value" in spec:
            fixed[name] = spec["value"]
        else:
            searched.append(_parameter(name, path, spec))


def _parameter(name: str, path: tuple[str, ...], spec: Mapping[str, Any]) -> Parameter:
    if "values" in spec:
        return _categorical(name, path, spec)
    distribution = spec.get("distribution") or _default_distribution(name, spec)
    try:
        if distribution.removeprefix("q_") in {"normal", "log_normal"}:
            return Parameter(
                name, path, distribution, mu=float(spec.get("mu", 0)), sigma=_positive(name, "sigma", spec.get("sigma", 1)),
                step=_step(name, distribution, spec),
            )  # fmt: skip
        if distribution.removeprefix("q_") == "beta":
            return Parameter(
                name, path, distribution, alpha=_positive(name, "a", spec.get("a", 1)), beta=_positive(name, "b", spec.get("b", 1)),
                step=_step(name, distribution, spec),
            )  # fmt: skip
        if distribution in _RANGES:
            low, high = float(spec["min"]), float(spec["max"])
            if not low <= high:
                raise InvalidArgumentError(f"sweep parameter {name!r}: min {low:g} is above max {high:g}")
            if distribution.endswith("_values") and low <= 0:
                raise InvalidArgumentError(f"sweep parameter {name!r}: a logarithmic range begins above 0")
            return Parameter(name, path, distribution, low=low, high=high, step=_step(name, distribution, spec))
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidArgumentError(f"sweep parameter {name!r} of distribution {distribution!r} needs numbers 'min' and 'max'") from error
    raise InvalidArgumentError(f"sweep parameter {name!r} has the unknown distribution {distribution!r}")


_RANGES = frozenset(
    {
        "uniform",
        "q_uniform", "int_uniform", "log_uniform", "q_log_uniform", "log_uniform_values", "q_log_uniform_values", "inv_log_uniform",
        "inv_log_uniform_values",
    }
)  # fmt: skip


def _categorical(name: str, path: tuple[str, ...], spec: Mapping[str, Any]) -> Parameter:
    values = spec["values"]
    if not isinstance(values, list | tuple) or not values:
        raise InvalidArgumentError(f"sweep parameter {name!r}: 'values' must be a list with at least one value")
    weights = spec.get("probabilities")
    if weights is None:
        return Parameter(name, path, "categorical", values=tuple(values))
    if not isinstance(weights, list | tuple) or len(weights) != len(values) or not math.isclose(sum(weights), 1.0, abs_tol=1e-6):
        raise InvalidArgumentError(f"sweep parameter {name!r}: 'probabilities' must be one per value and sum to 1")
    return Parameter(name, path, "categorical_w_probabilities", values=tuple(values), weights=tuple(float(weight) for weight in weights))


def _default_distribution(name: str, spec: Mapping[str, Any]) -> str:
    if "min" in spec and "max" in spec:
        is_whole = isinstance(spec["min"], int) and isinstance(spec["max"], int)
        return "int_uniform" if is_whole else "uniform"
    if "mu" in spec or "sigma" in spec:
        return "normal"
    raise InvalidArgumentError(f"sweep parameter {name!r} needs 'value', 'values', 'min' and 'max', or a distribution")


def _step(name: str, distribution: str, spec: Mapping[str, Any]) -> float:
    if not distribution.startswith("q_"):
        return 0.0
    return _positive(name, "q", spec.get("q", 1))


def _beta_quantile(unit: float, alpha: float, beta: float) -> float:
    """Return where the beta distribution has `unit` of its mass below."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _beta_mass(middle, alpha, beta) < unit else (low, middle)
    return (low + high) / 2


def _beta_mass(x: float, alpha: float, beta: float) -> float:
    """Return the regularised incomplete beta function: the mass below `x`, 0 < x < 1."""
    if x > (alpha + 1) / (alpha + beta + 2):  # the fraction converges fast on this side of the mean only
        return 1.0 - _beta_mass(1.0 - x, beta, alpha) if x < 1.0 else 1.0
    if x <= 0.0:
        return 0.0
    scale = math.lgamma(alpha + beta) - math.lgamma(alpha) - math.lgamma(beta) + alpha * math.log(x) + beta * math.log1p(-x)
    return math.exp(scale) * _beta_fraction(x, alpha, beta) / alpha


def _beta_fraction(x: float, alpha: float, beta: float) -> float:
    """Return the continued fraction of the incomplete beta function (Lentz's way to evaluate it from the front)."""
    value = upper = 1.0
    lower = 0.0
    for index in range(2 * _FRACTION_TERMS):
        half = index // 2
        if index == 0:
            term = 1.0
        elif index % 2:
            term = -(alpha + half) * (alpha + beta + half) * x / ((alpha + 2 * half) * (alpha + 2 * half + 1))
        else:
            term = half * (beta - half) * x / ((alpha + 2 * half - 1) * (alpha + 2 * half))
        lower = 1.0 / _not_zero(1.0 + term * lower)
        upper = _not_zero(1.0 + term / upper)
        value *= upper * lower
        if abs(upper * lower - 1.0) < _EDGE:
            break
    return value - 1.0


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _positive(name: str, field: str, value: Any) -> float:
    number = float(value)
    if not number > 0 or not math.isfinite(number):
        raise InvalidArgumentError(f"sweep parameter {name!r}: {field!r} must be above 0")
    return number
