"""What to try next in a sweep and which trials to stop early: grid and random search here, Bayesian search by Optuna, hyperband.

Everything is a function of the sweep's configuration and of what is known about its trials, so that a server that restarts goes on
where it was, and two agents are never given the same position.
"""

from __future__ import annotations

import importlib.util
import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from penstock.domain.errors import InvalidArgumentError, UnavailableError
from penstock.domain.sweeps import Suggestion, SweepTrial, TrialResult
from penstock.tracking.sweep_space import Space, parse_space

METHODS = ("grid", "random", "bayes", "custom")
_STARTUP_TRIALS = 5
_DEFAULT_ETA = 3
_MAX_CONFIG = 1 << 20


@dataclass(frozen=True, slots=True)
class Hyperband:
    """Early stopping: at each of `bands` iterations only the best 1/`eta` of trials go on."""

    bands: tuple[int, ...]
    eta: float
    is_strict: bool


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """A sweep configuration, understood."""

    method: str
    space: Space
    metric: str
    """Empty when the configuration names none."""
    is_maximized: bool
    target: float | None
    """Once a run's metric is this good, the sweep is done."""
    imputed: str
    """What a failed run counts as in Bayesian search: `worst` or `best` of the others, or its own `latest` value."""
    hyperband: Hyperband | None
    run_limit: int | None
    program: str
    name: str | None
    description: str | None
    document: Mapping[str, Any]

    def is_reached(self, results: Iterable[TrialResult]) -> bool:
        """Whether some run's metric has reached the target."""
        sign = -1.0 if self.is_maximized else 1.0
        return self.target is not None and any(
            result.metric is not None and sign * result.metric <= sign * self.target for result in results
        )

    @property
    def expected(self) -> int | None:
        """How many trials there will be, if that is known."""
        size = self.space.grid_size() if self.method == "grid" else None
        sizes = [number for number in (size, self.run_limit) if number is not None]
        return min(sizes) if sizes else None


def parse_config(text: str) -> SweepPlan:
    """Read a sweep configuration in YAML (or JSON, which is YAML).

    Raises:
        InvalidArgumentError: it cannot be understood; says where.
    """
    if len(text) > _MAX_CONFIG:
        raise InvalidArgumentError("the sweep configuration is too long")
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidArgumentError(f"the sweep configuration is not YAML: {error}") from error
    if not isinstance(document, Mapping):
        raise InvalidArgumentError("the sweep configuration must be an object")
    method = document.get("method")
    if method not in METHODS:
        raise InvalidArgumentError(f"sweep method {method!r} is not one of {', '.join(METHODS)}")
    space = parse_space(document.get("parameters"))
    metric = document.get("metric") or {}
    goal = metric.get("goal", "minimize") if isinstance(metric, Mapping) else "minimize"
    target, imputed = _metric_extras(metric)
    if goal not in {"minimize", "maximize"}:
        raise InvalidArgumentError(f"the goal of a sweep's metric is minimize or maximize, not {goal!r}")
    plan = SweepPlan(
        method=method,
        space=space,
        metric=str(metric.get("name") or "") if isinstance(metric, Mapping) else "",
        is_maximized=goal == "maximize",
        target=target,
        imputed=imputed,
        hyperband=_hyperband(document.get("early_terminate")),
        run_limit=_limit(document),
        program=str(document.get("program") or ""),
        name=document.get("name"),
        description=document.get("description"),
        document=document,
    )
    _check(plan)
    return plan


def _check(plan: SweepPlan) -> None:
    if plan.method == "grid" and plan.space.grid_size() is None:
        endless = next(entry.name for entry in plan.space.searched if entry.grid() is None)
        raise InvalidArgumentError(
            f"a grid sweep cannot go over {endless!r}: give it 'values', an integer range or a q_uniform distribution"
        )
    if plan.method == "bayes":
        if not plan.metric:
            raise InvalidArgumentError("a bayes sweep needs 'metric' with a 'name'")
        if importlib.util.find_spec("optuna") is None:
            raise UnavailableError("bayes sweeps need the extra 'penstock[sweeps]' (optuna) on the server")
    if plan.hyperband is not None and not plan.metric:
        raise InvalidArgumentError("early_terminate needs 'metric' with a 'name'")


def _metric_extras(metric: Any) -> tuple[float | None, str]:
    """Return `target` and `impute` of a metric."""
    if not isinstance(metric, Mapping):
        return None, "worst"
    target, imputed = metric.get("target"), metric.get("impute") or "worst"
    if target is not None and (isinstance(target, bool) or not isinstance(target, int | float)):
        raise InvalidArgumentError(f"the target of a sweep's metric is a number, not {target!r}")
    if imputed not in {"worst", "best", "latest"}:
        raise InvalidArgumentError(f"impute of a sweep's metric is worst, best or latest, not {imputed!r}")
    return target, imputed


def _limit(document: Mapping[str, Any]) -> int | None:
    limit = document.get("run_cap")
    if limit is None:
        return None
    if not isinstance(limit, int) or limit < 1:
        raise InvalidArgumentError(f"run_cap must be a whole number above 0, not {limit!r}")
    return limit


def _hyperband(spec: Any) -> Hyperband | None:
    if not spec:
        return None
    if not isinstance(spec, Mapping) or spec.get("type") != "hyperband":
        raise InvalidArgumentError("early_terminate must be an object of type 'hyperband'")
    try:
        eta = float(spec.get("eta", _DEFAULT_ETA))
        if eta <= 1:
            raise InvalidArgumentError("hyperband: eta must be above 1")
        if spec.get("max_iter") is not None:
            largest, depth = float(spec["max_iter"]), int(spec["s"])
            bands = [largest / eta**power for power in range(depth, 0, -1)]
        else:
            smallest = float(spec["min_iter"])
            bands = [smallest * eta**power for power in range(20)]
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidArgumentError("hyperband needs min_iter, or max_iter and s") from error
    whole = sorted({max(math.floor(band), 1) for band in bands if band < 2**53})
    return Hyperband(tuple(whole), eta, bool(spec.get("strict", False)))


def suggest(
    plan: SweepPlan, *, seed: int, position: int, trials: Sequence[SweepTrial], results: Mapping[str, TrialResult]
) -> Suggestion | None:
    """Return the parameters of trial `position`, or None when the search is over.

    Args:
        plan: the configuration.
        seed: fixed per sweep; makes random search repeatable.
        position: 0 for the first trial.
        trials: those handed out before.
        results: how their runs are doing, by run name.
    """
    if plan.run_limit is not None and position >= plan.run_limit:
        return None
    if plan.method == "grid":
        return _grid_point(plan.space, position)
    chance = random.Random(f"{seed}:{position}")
    if plan.method == "bayes" and len(results) >= _STARTUP_TRIALS:
        units = _bayes_point(plan, seed=seed, position=position, trials=trials, results=results)
    else:
        units = {parameter.name: chance.random() for parameter in plan.space.searched}
    values = {parameter.name: parameter.value_at(units[parameter.name]) for parameter in plan.space.searched}
    return Suggestion({**plan.space.fixed, **values}, units)


def _grid_point(space: Space, position: int) -> Suggestion | None:
    """Return combination `position`; the last parameter changes fastest."""
    size = space.grid_size()
    if size is None or position >= size:
        return None
    values: dict[str, Any] = {}
    rest = position
    for parameter in reversed(space.searched):
        choices = parameter.grid() or ()
        rest, index = divmod(rest, len(choices))
        values[parameter.name] = choices[index]
    ordered = {parameter.name: values[parameter.name] for parameter in space.searched}
    return Suggestion({**space.fixed, **ordered})


def _bayes_point(
    plan: SweepPlan, *, seed: int, position: int, trials: Sequence[SweepTrial], results: Mapping[str, TrialResult]
) -> dict[str, float]:
    """Ask Optuna's tree-structured Parzen estimator for a point, having told it what ended and what is under way."""
    import optuna  # noqa: PLC0415  optional dependency; its presence is checked when the sweep is made

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed * 1_000_003 % 2**32 + position, n_startup_trials=_STARTUP_TRIALS, constant_liar=True)
    study = optuna.create_study(direction="maximize" if plan.is_maximized else "minimize", sampler=sampler)
    searched: dict[str, Any] = {parameter.name: optuna.distributions.FloatDistribution(0.0, 1.0) for parameter in plan.space.searched}
    for units, result in _known_points(plan, trials, results):
        if set(units) != set(searched):
            continue
        value = counted_metric(plan, result, results.values())
        if value is None and not result.is_running:
            continue
        state = optuna.trial.TrialState.RUNNING if value is None else optuna.trial.TrialState.COMPLETE
        study.add_trial(optuna.trial.create_trial(state=state, value=value, params=dict(units), distributions=searched))
    asked = study.ask(searched)
    return {name: float(asked.params[name]) for name in searched}


def counted_metric(plan: SweepPlan, result: TrialResult, others: Iterable[TrialResult]) -> float | None:
    """Return the metric that the optimiser is told for a run; None while it runs and when there is none."""
    if result.is_running:
        return None
    if not result.is_failed or plan.imputed == "latest":
        return result.metric if result.metric is not None and math.isfinite(result.metric) else None
    values = [
        other.metric
        for other in others
        if other.metric is not None and math.isfinite(other.metric) and not other.is_failed and not other.is_running
    ]
    if not values:
        return None
    return max(values) if (plan.imputed == "best") == plan.is_maximized else min(values)


def _known_points(
    plan: SweepPlan, trials: Sequence[SweepTrial], results: Mapping[str, TrialResult]
) -> Iterator[tuple[Mapping[str, float], TrialResult]]:
    """Yield positions and results: of trials, and of runs that were there before the sweep and lie in its space."""
    of_trials = {trial.run_name: trial.suggestion.units for trial in trials}
    for name, result in results.items():
        units = of_trials[name] if name in of_trials else plan.space.units_of(result.config)
        if units is not None:
            yield units, result


def to_stop(plan: SweepPlan, results: Sequence[TrialResult]) -> list[str]:
    """Return the names of running trials that hyperband ends now.

    A trial that has passed a band is compared at that band with every trial that reached it, by the best value up to there; it goes on
    if it is among the best 1/eta. Without `strict` only its newest band counts, so that a slow starter that caught up survives.
    """
    band_plan = plan.hyperband
    if band_plan is None:
        return []
    sign = -1.0 if plan.is_maximized else 1.0
    stopped: list[str] = []
    for result in results:
        passed = [band for band in band_plan.bands if len(result.curve) >= band]
        if not result.is_running or not passed:
            continue
        for band in passed if band_plan.is_strict else passed[-1:]:
            reached = sorted(_best(other.curve, band, sign) for other in results if len(other.curve) >= band)
            kept = max(math.ceil(len(reached) / band_plan.eta), 1)
            if _best(result.curve, band, sign) > reached[kept - 1]:
                stopped.append(result.run_name)
                break
    return stopped


def _best(curve: Sequence[float], band: int, sign: float) -> float:
    finite = [sign * value for value in curve[:band] if math.isfinite(value)]
    return min(finite) if finite else math.inf
