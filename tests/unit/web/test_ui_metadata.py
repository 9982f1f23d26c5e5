"""Viewers of the classic Kubeflow UI."""

from __future__ import annotations

from typing import Any

from penstock.web.previews.ui_metadata import viewers_of
from penstock.web.previews.visualizations import matrix_of, roc_of

URL = "http://127.0.0.1:8080"


def one(**output: Any) -> Any:
    found = viewers_of({"outputs": [output]}, url=URL)
    return found[0] if found else None


def test_inline_documents_keep_their_text() -> None:
    assert (one(type="markdown", storage="inline", source="# Hi").kind, one(type="web-app", storage="inline", source="<b>").kind) == (
        "markdown",
        "html",
    )


def test_a_frame_of_our_own_tracked_run_is_embedded_as_such() -> None:
    frame = '<iframe src="{}?kfp=true" style="border:none"></iframe>'
    assert one(type="markdown", storage="inline", source=frame.format(f"{URL}/me/p/runs/abc")).text == "/me/p/runs/abc"
    for foreign in ("https://evil.example/me/p/runs/abc", f"{URL}/ui/system", "javascript:alert(1)", f"{URL}.evil/me/p/runs/abc"):
        assert one(type="markdown", storage="inline", source=frame.format(foreign)).kind == "markdown"


def test_tables_and_charts() -> None:
    table = one(type="table", storage="inline", format="csv", header=["a", "b"], source="1,2\n3,4\n")
    assert (table.columns, table.rows) == (["a", "b"], [["1", "2"], ["3", "4"]])
    matrix = one(type="confusion_matrix", storage="inline", labels=["x", "y"], source="x,x,5\nx,y,1\ny,y,7\n")
    drawn = matrix_of(matrix.matrix)
    assert drawn is not None
    assert [[cell.count for cell in row] for row in drawn.rows] == [[5, 1], [0, 7]]
    schema = [{"name": "fpr", "type": "NUMBER"}, {"name": "tpr", "type": "NUMBER"}, {"name": "thresholds", "type": "NUMBER"}]
    curve = roc_of(one(type="roc", storage="inline", schema=schema, source="0,0,2\n0.5,1,1\n1,1,0\n").roc, "c")
    assert curve is not None
    assert curve.area == 0.75


def test_links_places_and_nonsense() -> None:
    assert (one(type="tensorboard", source="gs://b/logs").kind, one(type="tensorboard", source="gs://b/logs").url) == ("link", "")
    assert one(type="tensorboard", source="https://b/logs").url == "https://b/logs"
    assert one(type="tensorboard", source="javascript:alert(1)//://").url == ""
    assert one(type="table", source="gs://b/t.csv").kind == "elsewhere"
    assert one(type="table", source="minio://b/t.csv", _artifact_id=5).url == "/ui/artifacts/5"
    assert one(type="unknown", storage="inline", source="x") is None
    assert viewers_of({"outputs": "x"}) == []
    assert viewers_of({"outputs": [3, None]}) == []
