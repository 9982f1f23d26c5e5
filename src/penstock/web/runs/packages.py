"""Packages of a task's environment, and how they differ from those of an earlier run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.interfaces.pages import TaskItem
from penstock.web.comparisons.runs import versions
from penstock.web.services.web import WebServices


@dataclass(frozen=True, slots=True)
class PackageLine:
    """One package."""

    name: str
    version: str
    """As pinned, or an address; empty: it has none. None stands in `before` only."""
    before: str | None
    """Version in the earlier run; None: it had none of it."""
    change: str
    """`added`, `changed`, `removed` or empty."""


@dataclass(frozen=True, slots=True)
class Packages:
    """Packages of an attempt."""

    lines: Sequence[PackageLine]
    """By name, those that differ from the earlier run first."""
    previous: TaskItem | None = None
    """The same task in the newest earlier run that ran it; None: there is none."""
    is_comparable: bool = False
    """The earlier environment is still known."""

    @property
    def changes(self) -> Sequence[PackageLine]:
        """Those that differ."""
        return [line for line in self.lines if line.change]


def recorded_packages(services: WebServices, detail: Mapping[str, Any]) -> Sequence[str] | None:
    """Return the pinned requirements of an attempt's environment by what its executor recorded; None: not known (any more). Blocking."""
    packages = detail.get("packages")
    if packages is None and (environment := str(detail.get("environment_id") or "")):
        packages = services.locked_packages(environment)
    return packages


def package_lines(now: Mapping[str, str], before: Mapping[str, str] | None) -> list[PackageLine]:
    """Return both sides by name, differences first; without an earlier side nothing differs."""
    if before is None:
        return [PackageLine(name, version, None, "") for name, version in sorted(now.items())]
    lines = []
    for name in sorted({*now, *before}):
        change = "added" if name not in before else "removed" if name not in now else "changed" if now[name] != before[name] else ""
        lines.append(PackageLine(name, now.get(name, ""), before.get(name), change))
    return sorted(lines, key=lambda line: (not line.change, line.name))


def packages_of(
    services: WebServices, detail: Mapping[str, Any], earlier: tuple[TaskItem, Mapping[str, Any]] | None
) -> Packages | None:
    """Return the packages of an attempt against those of `earlier`, a task with what its last attempt recorded. Blocking."""
    mine = recorded_packages(services, detail)
    if mine is None:
        return None
    theirs = recorded_packages(services, earlier[1]) if earlier else None
    lines = package_lines(_with_python(mine, detail), _with_python(theirs, earlier[1]) if earlier and theirs is not None else None)
    return Packages(lines, earlier[0] if earlier else None, theirs is not None)


def _with_python(packages: Sequence[str], detail: Mapping[str, Any]) -> dict[str, str]:
    python = str(detail.get("python") or "").partition(" ")[0]
    return {**({"Python": python} if python else {}), **versions(packages)}
