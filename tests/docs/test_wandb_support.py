"""The support table of docs/wandb.md names tests that exist, and every conformance test of wandb stands in it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "wandb.md").read_text()


def test_the_support_table_and_the_conformance_tests_name_each_other() -> None:
    named = set(re.findall(r"`(test_\w+\.py)`", PAGE))
    assert named == {path.name for path in (ROOT / "tests" / "conformance" / "wandb").glob("test_*.py")}


def test_files_named_by_path_exist() -> None:
    paths = re.findall(r"`(tests/[\w/]+(?:\.py)?)`", PAGE)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_table_of_needs_names_every_test_of_the_checklist() -> None:
    text = (ROOT / "tests" / "conformance" / "wandb" / "test_checklist.py").read_text()
    named = re.findall(r"^\| [^|]+ \| `(test_\w+)` \|$", PAGE, re.MULTILINE)
    assert named == re.findall(r"^def (test_\w+)", text, re.MULTILINE)
