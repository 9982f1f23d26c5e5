"""Formats, drawings, previews, messages: the pure parts of the pages."""

from __future__ import annotations

import io
import pickle
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.plan import ParameterSpec, ParameterType
from penstock.interfaces.pages import ArtifactItem, ArtifactUse
from penstock.stores.blobs.local import LocalBlobStore
from penstock.web.messages import all_messages
from penstock.web.pages.catalog.parameter_fields import fields_of, value_of
from penstock.web.previews.content import Preview, ZipMember, archive_preview, preview_of, zip_of
from penstock.web.previews.file_levels import level_of
from penstock.web.previews.stored_folders import entry_of, folder_of, zip_of_folder
from penstock.web.previews.visualizations import matrix_of, roc_of, visuals_of
from penstock.web.texts import formats, i18n


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "< 1 ms"), (0.0004, "< 1 ms"), (0.0006, "1 ms"), (0.84, "840 ms"), (3.21, "3.2 s"), (9.94, "9.9 s"), (9.97, "10 s"), (59.6, "1 m 00 s"), (80, "1 m 20 s"), (7500, "2 h 05 m"), (273_600, "3 d 4 h"), (604_800, "7 d")],
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert formats.duration(seconds) == text


def test_numbers_keep_what_matters() -> None:
    assert formats.number(0.123456789) == "0.12346"
    assert formats.number(float("nan")) == "NaN"
    assert formats.number(3.0) == "3"
    assert formats.number(True) == "true"
    assert formats.size(1536) == "1.5 KiB"
    assert formats.headline("exit code 1; last lines of the log:\nTraceback\nValueError: bad x") == "exit code 1: ValueError: bad x"


def artifact(type_: str, metadata: dict[str, object]) -> ArtifactUse:
    """An output artifact with metadata only."""
    item = ArtifactItem(
        7, "m", "m", type_, "minio://b/k", None, None, is_directory=False, metadata=metadata, created_at=0.0, run_id="r", task_id="t"
    )
    return ArtifactUse("output", "m", 0, item, "t")


def test_scalars_may_be_text_and_wrapped_metadata_is_read() -> None:
    (visual,) = visuals_of([artifact("system.Metrics", {"accuracy": 0.9, "framework": "sklearn", "list": {"list": [1]}})])
    assert dict(visual.scalars) == {"accuracy": 0.9, "framework": "sklearn", "list": [1]}
    matrix = {"struct": {"annotationSpecs": [{"displayName": "a"}, {"displayName": "b"}], "rows": [{"row": [9, 1]}, {"row": [0, 10]}]}}
    shares = artifact("system.Metrics", {"accuracy": 0.87, "loss": 1.5, "_formats": {"accuracy": "PERCENTAGE", "loss": "RAW"}})
    (visual,) = visuals_of([shares])
    assert visual.scalars == [("accuracy", "87\u202f%"), ("loss", 1.5)]
    (drawn,) = visuals_of([artifact("system.ClassificationMetrics", {"confusionMatrix": matrix})])
    assert drawn.matrix is not None
    assert [cell.heat for cell in drawn.matrix.rows[0]] == [9, 1]


def test_outputs_of_a_loop_stand_in_the_order_of_its_rounds_where_the_first_of_them_ended() -> None:
    base = artifact("system.Metrics", {"loss": 1.0})
    paths = ["root/prepare", "root/loop[10]/fit", "root/loop[2]/fit", "root/report", "root/loop[0]/fit"]
    uses = [replace(base, task_id=f"{run}:{path}", task_path=path, run_id=run) for run in "ab" for path in paths]
    wanted = ["root/prepare", "root/loop[0]/fit", "root/loop[2]/fit", "root/loop[10]/fit", "root/report"]
    assert [(visual.run_id, visual.task_id) for visual in visuals_of(uses)] == [(run, f"{run}:{path}") for run in "ab" for path in wanted]


def test_slices_of_metrics_are_drawn_each_by_its_name() -> None:
    matrix = {"annotationSpecs": [{"displayName": "a"}, {"displayName": "b"}], "rows": [{"row": [9, 1]}, {"row": [0, 10]}]}
    points = [{"confidenceThreshold": 0.5, "recall": 1, "falsePositiveRate": 0}, {"confidenceThreshold": 0, "recall": 1, "falsePositiveRate": 1}]
    slices = [("young", {"confusionMatrix": matrix}), ("old", {"confusionMatrix": matrix, "confidenceMetrics": points})]
    metadata = {"evaluationSlices": [{"slice": name, "sliceClassificationMetrics": metrics} for name, metrics in slices]}
    young, old = visuals_of([artifact("system.SlicedClassificationMetrics", metadata)])
    assert (young.part, young.roc, old.part) == ("young", None, "old")
    assert young.matrix is not None
    assert old.roc is not None
    assert old.roc.name == "old"


def test_malformed_drawings_are_left_out() -> None:
    assert matrix_of({"annotationSpecs": [], "rows": [{"row": ["x"]}]}) is None
    assert roc_of("nothing", "n") is None
    assert visuals_of([artifact("system.ClassificationMetrics", {"confusionMatrix": 3})]) == []


def test_an_infinite_threshold_is_text_and_the_area_is_right() -> None:
    curve = roc_of(
        [{"confidenceThreshold": "Infinity", "recall": 0, "falsePositiveRate": 0}, {"confidenceThreshold": 0.5, "recall": 1, "falsePositiveRate": 0}, {"confidenceThreshold": 0, "recall": 1, "falsePositiveRate": 1}],
        "perfect",
    )  # fmt: skip
    assert curve is not None
    assert curve.area == 1
    assert curve.points[0][2] == "\u221e"


def preview(store: LocalBlobStore, data: bytes, type_: str = "system.Artifact") -> Preview:
    """Preview of bytes."""
    blob = store.put_bytes(data)
    return preview_of(store, digest=blob.digest, type_=type_, is_directory=False, size=blob.size_bytes)


def test_previews_judge_by_content(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path / "blobs")
    assert preview(store, b'{"a": 1}').kind == "json"
    table = preview(store, b"a,b\n1,2\n3,4\n")
    assert (table.kind, list(table.columns), list(table.rows[1])) == ("table", ["a", "b"], ["3", "4"])
    assert preview(store, b"\x89PNG\r\n\x1a\n...").media_type == "image/png"
    assert preview(store, b"<svg onload='alert(1)'/>").kind == "svg"
    assert preview(store, pickle.dumps({"a": 1})).kind == "pickle"
    assert preview(store, b"\0\1\2" * 9).kind == "binary"
    assert preview(store, b"<b>", "system.HTML").kind == "document"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("x.npy", b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }".ljust(80))
    assert "(3, 4" in preview(store, archive.getvalue()).entries[0][2]
    assert preview_of(store, digest="sha256:" + "0" * 64, type_="x", is_directory=False, size=1).kind == "missing"


def test_a_folder_is_listed_and_downloads_as_zip(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path / "blobs")
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.txt").write_text("hello")
    blob = store.put_path(folder, move=False)
    listed = preview_of(store, digest=blob.digest, type_="system.Model", is_directory=True, size=5)
    assert [entry[0] for entry in listed.entries] == ["sub/a.txt"]
    with zipfile.ZipFile(io.BytesIO(b"".join(zip_of_folder(store, blob.digest, "")))) as archive:
        assert archive.read("sub/a.txt") == b"hello"


def test_a_folder_is_walked_level_by_level_to_a_file_and_a_part_of_it_is_an_archive(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path / "blobs")
    folder = tmp_path / "model"
    (folder / "sub" / "deep").mkdir(parents=True)
    for name in ("a.txt", "sub/b.csv", "sub/deep/c.txt"):
        (folder / name).write_text("x,y\n1,2\n")
    digest = store.put_path(folder, move=False).digest
    top, below = folder_of(store, digest, "", 200), folder_of(store, digest, "sub", 200)
    assert [(row.name, row.is_folder, row.count) for row in level_of(top.files, "")] == [("sub", True, 2), ("a.txt", False, 1)]
    assert [row.path for row in level_of(below.files, "sub")] == ["sub/deep", "sub/b.csv"]
    opened = folder_of(store, digest, "sub/b.csv", 200)
    assert (opened.folder, opened.preview.kind if opened.preview else "") == ("sub", "table")
    assert entry_of(store, digest, "sub") is None
    with pytest.raises(NotFoundError, match="has no file su"):
        folder_of(store, digest, "su", 200)
    with zipfile.ZipFile(io.BytesIO(b"".join(zip_of_folder(store, digest, "sub")))) as archive:
        assert archive.namelist() == ["b.csv", "deep/c.txt"]


def test_fields_fit_their_types() -> None:
    specs = {
        "rate": ParameterSpec("rate", ParameterType.NUMBER_DOUBLE, default=2.0),
        "mode": ParameterSpec("mode", ParameterType.STRING, literals=("a", "b")),
        "many": ParameterSpec("many", ParameterType.LIST),
    }
    rate, mode, many = fields_of(specs, {"rate": 3.0})
    assert (rate.widget, rate.value, rate.is_changed, rate.is_required) == ("number", "3", True, False)
    assert (mode.widget, list(mode.choices)) == ("choice", ["a", "b"])
    assert (many.widget, many.is_required) == ("json", True)
    assert value_of("7", "NUMBER_INTEGER", "n") == 7
    with pytest.raises(InvalidArgumentError, match="n has to be a whole number"):
        value_of("x", "NUMBER_INTEGER", "n")


def test_nine_of_ten_texts_are_translated_and_keep_their_places() -> None:
    wanted = all_messages()
    assert len(wanted) > 300
    for language in i18n.LANGUAGES:
        known = i18n.messages(language)
        missing = sorted(message for message in wanted if not known.get(message))
        assert len(missing) <= len(wanted) / 10, (language, missing)
        for message, text in known.items():
            assert not text or sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", message)), (language, message)


def test_languages_are_chosen_by_reader_then_browser() -> None:
    assert i18n.choose_language("ko", "ja") == "ko"
    assert i18n.choose_language(None, "fr, ja;q=0.8") == "ja"
    assert i18n.choose_language("xx", "") == "en"


def test_names_in_archives_stay_in_the_folder_into_which_they_are_unpacked(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path / "blobs")
    digest = store.put_bytes(b"x").digest
    names = ("a/b.txt", "../up.txt", "/root.txt", "..\\..\\up.txt", "C:\\x", "a/./b", "back\\slash.txt")
    data = b"".join(zip_of(store, [ZipMember(name, digest) for name in names]))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["a/b.txt", "_/up.txt", "_/root.txt", "_/_/up.txt", "C_/x", "a/_/b", "back\\slash.txt"]


def test_an_archive_with_a_very_long_list_of_entries_is_not_looked_into() -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("a.npy", b"")
    data = bytearray(held.getvalue())
    assert archive_preview(io.BytesIO(data)).kind == "archive"
    end = data.rfind(b"PK\x05\x06")
    data[end + 12 : end + 16] = (3 << 20).to_bytes(4, "little")
    assert archive_preview(io.BytesIO(data)).kind == "binary"
    data[end + 12 : end + 16] = (50).to_bytes(4, "little")
    wide = b"PK\x06\x06" + bytes(36) + (3 << 20).to_bytes(8, "little") + bytes(8) + b"PK\x06\x07" + bytes(16)
    assert archive_preview(io.BytesIO(data[:end] + wide + data[end:])).kind == "binary"
