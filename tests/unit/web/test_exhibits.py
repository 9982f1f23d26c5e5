"""Outputs of several runs side by side: which stand on one shelf, what is shown at a step, which are pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.interfaces.pages import ArtifactItem, ArtifactUse
from penstock.stores.blobs.local import LocalBlobStore
from penstock.web.comparisons.exhibits import Piece, file_piece, shelves_of, steps_of
from penstock.web.comparisons.stored_pictures import picture_pieces

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


def piece(run: int, task: str = "draw", name: str = "picture", step: int = 0, kind: str = "image") -> Piece:
    return Piece(run, kind, task, name, step)


def test_an_output_is_one_shelf_over_the_runs_that_have_it_and_names_the_others() -> None:
    (html, picture, own) = shelves_of([piece(2), piece(0), piece(1, name="own"), piece(0, kind="html"), piece(1, kind="html")], 3)
    assert (html.kind, [cell.run for cell in html.cells], html.missing) == ("html", [0, 1], [2])
    assert ([cell.run for cell in picture.cells], picture.missing) == ([0, 2], [1])
    assert (own.name, own.missing) == ("own", [0, 2])


def test_outputs_of_different_pipelines_are_matched_by_name_alone() -> None:
    (shelf,) = shelves_of([piece(0, "draw"), piece(1, "paint")], 2)
    assert (shelf.task, shelf.name, shelf.missing) == ("", "picture", [])
    assert len(shelves_of([piece(0, "draw"), piece(0, "paint"), piece(1, "show")], 2)) == 3


def test_a_cell_shows_the_last_step_up_to_the_chosen_one() -> None:
    (shelf,) = shelves_of([piece(0, step=5), piece(0, step=1), piece(1, step=3), piece(1, step=3)], 2)
    first, second = shelf.cells
    assert steps_of([shelf]) == [1, 5]
    assert [first.shown_at(step) for step in (None, 0, 4, 9)] == [{1}, {0}, {0}, {1}]
    assert second.shown_at(1) == {0, 1}


@pytest.mark.parametrize(
    ("path", "name", "step"),
    [("epoch_12.png", "out/epoch_#.png", 12), ("a/b 3 x.png", "out/a/b # x.png", 3), ("loss.png", "out/loss.png", 7)],
)
def test_files_of_a_folder_that_differ_by_a_number_are_steps(path: str, name: str, step: int) -> None:
    found = file_piece(piece(0, name="out", step=7), path, "/there", 10)
    assert (found.name, found.step, found.download) == (name, step, "/there?download=1")


def test_pictures_are_known_by_their_bytes_whatever_their_type_and_folders_by_their_files(tmp_path: Path) -> None:
    blobs = LocalBlobStore(tmp_path / "blobs")
    folder = tmp_path / "plots"
    folder.mkdir()
    for name, data in (("step 1.png", PNG), ("step 2.png", PNG + b"2"), ("not.png", b"text"), ("notes.txt", b"text")):
        (folder / name).write_bytes(data)
    tree = blobs.put_path(folder, move=False)

    def use(number: int, key: str, digest: str, is_directory: bool = False, type_: str = "system.Artifact") -> ArtifactUse:
        item = ArtifactItem(number, key, key, type_, "", digest, 50, is_directory, {}, 0.0, "r", "t")
        return ArtifactUse("output", key, 0, item, "t", "draw", "r", task_path="root/for-loop-1[2]/draw")

    text, picture = blobs.put_bytes(b"plain"), blobs.put_bytes(PNG)
    uses = [
        use(1, "text", text.digest), use(2, "picture", picture.digest, type_="system.Dataset"), use(3, "plots", tree.digest, True),
        use(4, "gone", "sha256:" + "0" * 64), use(5, "page", picture.digest, type_="system.HTML"),
    ]  # fmt: skip
    found = picture_pieces(blobs, uses, {"r": 0})
    assert [(one.name, one.step, one.label, one.address) for one in found] == [
        ("picture", 2, "[2]", "/ui/artifacts/2/view"),
        ("plots/step #.png", 1, "step 1.png [2]", "/ui/artifacts/3/content/step%201.png"),
        ("plots/step #.png", 2, "step 2.png [2]", "/ui/artifacts/3/content/step%202.png"),
    ]
