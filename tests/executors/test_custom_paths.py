"""Artifacts that a component left elsewhere are copied into its attempt, by the task itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.executors.process.inside.custom_paths import bring_home


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "attempt" / "work").mkdir(parents=True)
    return tmp_path / "attempt"


def brought_home(root: Path, document: Any) -> Any:
    """What the executor output says afterwards."""
    place = root / "output.json"
    place.write_text(json.dumps(document))
    bring_home(json.dumps({"outputs": {"outputFile": str(place)}}), str(root))
    return json.loads(place.read_text())


def described(path: Path | str) -> dict[str, Any]:
    return {"artifacts": {"o": {"artifacts": [{"name": "o", "uri": "minio://x/o", "metadata": {"n": 1}, "custom_path": str(path)}]}}}


def home_of(document: Any) -> Path:
    return Path(document["artifacts"]["o"]["artifacts"][0]["custom_path"])


def test_a_file_and_a_directory_elsewhere_are_copied_into_the_attempt(root: Path, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_text("there")

    file = home_of(brought_home(root, described(tmp_path / "deep" / "file")))
    assert (file.is_relative_to(root), file.read_text()) == (True, "there")

    other = root.parent / "second"
    other.mkdir()
    assert (home_of(brought_home(other, described(tmp_path / "deep"))) / "file").read_text() == "there"


def test_what_a_link_leads_into_the_attempt_is_named_by_its_place_there(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root / "work")
    (root / "work" / "file").touch()

    assert home_of(brought_home(root, described(tmp_path / "link" / "file"))) == root / "work" / "file"


def test_a_place_where_nothing_is_stays_as_it_was_given(root: Path) -> None:
    assert home_of(brought_home(root, described("/none/such"))) == Path("/none/such")


@pytest.mark.parametrize("document", [{}, [], {"artifacts": 3}, {"artifacts": {"o": {"artifacts": [1, {"custom_path": ""}]}}}])
def test_an_output_without_custom_paths_stays_as_it_is(root: Path, document: Any) -> None:
    assert brought_home(root, document) == document


def test_an_attempt_without_an_output_file_has_nothing_to_bring(root: Path) -> None:
    bring_home("{}", str(root))
    bring_home(json.dumps({"outputs": {"outputFile": str(root / "none.json")}}), str(root))
