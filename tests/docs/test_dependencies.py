from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def names(requirements: list[str]) -> set[str]:
    return {re.match(r"[A-Za-z0-9._-]+", requirement).group() for requirement in requirements}  # type: ignore[union-attr]


def test_every_dependency_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = names(project["project"]["dependencies"])
    wanted |= names([one for extra in project["project"]["optional-dependencies"].values() for one in extra])
    wanted |= {name for name in names(project["dependency-groups"]["dev"]) if not name.startswith("types-")}
    browser = json.loads((ROOT / "package.json").read_text())
    wanted |= browser["dependencies"].keys() | browser["devDependencies"].keys()
    page = (ROOT / "docs" / "dependencies.md").read_text()
    assert sorted(name for name in wanted if name not in page) == []
