"""Media of every kind, alone, in lists, under nested keys, in cells and in the summary: what comes back is what went in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.wandb.conftest import Client
from tests.support.clients import client_python
from tests.support.server import LiveServer

pytestmark = pytest.mark.conformance

_EXTRAS = ("pillow", "numpy", "pandas", "plotly", "matplotlib", "bokeh", "soundfile")
_MAKE = """
import base64, hashlib, io, wave
from pathlib import Path
import numpy as np
from PIL import Image
noise = np.random.default_rng(1)
with wave.open("beep.wav", "wb") as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(8000)
    file.writeframes((3000 * np.sin(np.arange(4000) / 5)).astype("<i2").tobytes())
frames = [Image.new("RGB", (16, 16), (20 * number, 0, 0)) for number in range(5)]
frames[0].save("clip.gif", save_all=True, append_images=frames[1:])
Path("cube.obj").write_text("v 0 0 0\\nv 1 0 0\\nv 0 1 0\\nf 1 2 3\\n")
Path("mol.pdb").write_text("ATOM      1  N   ALA A   1      11.104   6.134  -6.504  1.00  0.00           N\\nEND\\n")
pixels = noise.integers(0, 255, (32, 32, 3), dtype=np.uint8)
mask = np.zeros((32, 32), dtype=np.uint8)
mask[5:20, 5:20] = 1
labels = {0: "ground", 1: "figure"}
box = {"position": {"minX": 0.1, "maxX": 0.5, "minY": 0.1, "maxY": 0.6}, "class_id": 1, "box_caption": "b", "scores": {"s": 0.5}}
def image(**options):
    return wandb.Image(pixels, **options)
def marked():
    return image(caption="c", masks={"seen": {"mask_data": mask, "class_labels": labels}}, boxes={"seen": {"box_data": [box], "class_labels": labels}})
def sound():
    return wandb.Audio("beep.wav", caption="beep")
def film():
    return wandb.Video("clip.gif", caption="film", format="gif")
"""
_CHECK = """
run = wandb.Api().run(f"{PROJECT}/media")
files = {file.name: file for file in run.files(per_page=7)}
def media(value, place):
    if isinstance(value, dict):
        if "_type" in value and "path" in value:
            yield place, value
        for key, part in value.items():
            yield from media(part, f"{place}.{key}")
    elif isinstance(value, list):
        for part in value:
            yield from media(part, place)
seen, wrong = [], []
rows = list(run.scan_history())
for row in [*rows, run.summary._json_dict]:
    for key, top in row.items():
        for place, value in media(top, key):
            seen.append(f"{place} {value['_type']}")
            data = Path(files[value["path"]].download(root="back", replace=True).name).read_bytes()
            digest = base64.b64encode(hashlib.md5(data).digest()).decode()
            if hashlib.sha256(data).hexdigest() != value["sha256"] or value.get("size", len(data)) != len(data) or files[value["path"]].md5 != digest:
                wrong.append(place)
"""


@pytest.fixture
def media_client(wandb_server: LiveServer, tmp_path: Path) -> Client:
    """The newest client with what its media types need."""
    return Client(client_python("wandb==0.31.0", *_EXTRAS), wandb_server, tmp_path)


def test_media_of_every_kind_come_back_as_files_with_their_digests(media_client: Client) -> None:
    answer = media_client.run(
        _MAKE
        + """
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import plotly.graph_objects as go
from bokeh.plotting import figure
drawn, axes = plt.subplots()
axes.plot([1, 2], [3, 4])
lines = figure()
lines.line([1, 2], [3, 4])
cube = [[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]
with wandb.init(id="media") as run:
    run.log({
        "image": marked(), "images": [image(caption="a"), marked()], "nested": {"deep": {"image": image()}},
        "jpg": wandb.Image(Image.fromarray(pixels), file_type="jpg"), "audio": sound(), "audios": [sound(), sound()], "video": film(),
        "videos": [film(), film()], "html": wandb.Html("<h1>t</h1>"), "htmls": [wandb.Html("<b>1</b>"), wandb.Html("<b>2</b>")],
        "plotly": go.Figure(go.Scatter(x=[1, 2], y=[3, 4])), "histogram": wandb.Histogram(np_histogram=np.histogram([1, 2, 2, 3])),
        "object": wandb.Object3D("cube.obj"), "cloud": wandb.Object3D(noise.random((20, 3))), "molecule": wandb.Molecule("mol.pdb"),
        "scene": wandb.Object3D.from_point_cloud(points=cube, boxes=[{"corners": cube, "label": "B", "color": [255, 0, 0]}], vectors=[]),
        "figure": drawn, "picture": wandb.Image(drawn), "bokeh": wandb.data_types.Bokeh(lines),
    })
    run.summary["last"] = image()
"""
        + _CHECK
        + """
listed = rows[0]["images"]
answer = {"seen": sorted(set(seen)), "wrong": wrong, "histogram": rows[0]["histogram"]["values"], "captions": listed["captions"],
          "separated": [name in files for name in listed["filenames"]], "masks": [list(layer or {}) for layer in listed["all_masks"]],
          "boxes": rows[0]["image"]["boxes"]["seen"]["path"] in files, "summary": run.summary["image"]["caption"]}
"""
    )
    assert answer["wrong"] == []
    assert {entry.split(".")[0].split(" ")[0] for entry in answer["seen"]} == {
        "audio", "audios", "bokeh", "cloud", "figure", "html", "htmls", "image", "images", "jpg", "last", "molecule", "nested", "object",
        "picture", "plotly", "scene", "video", "videos",
    }  # fmt: skip
    assert {"nested.deep.image image-file", "image.masks.seen mask", "htmls.html html-file", "figure plotly-file"} <= set(answer["seen"])
    assert answer["histogram"][0] == 1
    assert answer["captions"] == ["a", "c"]
    assert answer["separated"] == [True, True]
    assert answer["masks"] == [[], ["seen"]]
    assert answer["boxes"] is True
    assert answer["summary"] == "c"


def test_tables_bring_their_media_back_as_objects(media_client: Client) -> None:
    answer = media_client.run(
        _MAKE
        + """
import pandas as pd
with wandb.init(id="media") as run:
    table = wandb.Table(columns=["n", "image", "audio", "html", "cloud", "video", "marked"])
    for number in range(3):
        table.add_data(number, image(), sound(), wandb.Html("<i>x</i>"), wandb.Object3D(noise.random((5, 3))), film(), marked())
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [1.5, float("nan")]})
    run.log({"cells": table, "frame": wandb.Table(dataframe=frame)})
    artifact = wandb.Artifact("mixed", "dataset")
    artifact.add(image(), "one")
    artifact.add(wandb.Table(columns=["id", "a"], data=[[1, "x"], [2, "y"]]), "left")
    artifact.add(wandb.JoinedTable("left.table.json", wandb.Table(columns=["id", "b"], data=[[1, 1.5], [2, 2.5]]), "id"), "joined")
    for number in range(2):
        artifact.add(wandb.Table(columns=["c"], data=[[number]]), f"parts/{number}")
    artifact.add(wandb.data_types.PartitionedTable(parts_path="parts"), "whole")
    run.log_artifact(artifact).wait()
    growing = wandb.Table(columns=["s"], log_mode="INCREMENTAL")
    for number in range(3):
        growing.add_data(number)
        run.log({"growing": growing})
"""
        + _CHECK
        + """
logged = {entry.source_name.rpartition(":")[0]: entry for entry in run.logged_artifacts()}
cells, frame = logged["run-media-cells"].get("cells"), logged["run-media-frame"].get("frame")
mixed = wandb.Api().artifact(f"{PROJECT}/mixed:v0")
answer = {"wrong": wrong, "row": [type(cell).__name__ for cell in cells.data[1]], "same": bool((np.asarray(cells.data[2][1].image) == pixels).all()),
          "mask": list(cells.data[0][6]._masks), "frame": [row[:2] for row in frame.data],
          "one": type(mixed.get("one")).__name__, "joined": type(mixed.get("joined")).__name__,
          "whole": [row for _, row in mixed.get("whole").iterrows()],
          "growing": [row["growing"]["_type"] for row in rows if row.get("growing")],
          "parts": len(logged["run-media-incr-growing"].manifest.entries)}
"""
    )
    assert answer["wrong"] == []
    assert answer["row"] == ["int", "Image", "Audio", "Html", "Object3D", "Video", "Image"]
    assert answer["same"] is True
    assert answer["mask"] == ["seen"]
    assert answer["frame"] == [[1, "x"], [2, None]]
    assert (answer["one"], answer["joined"]) == ("Image", "JoinedTable")
    assert answer["whole"] == [[0], [1]]
    assert answer["growing"] == ["incremental-table-file"] * 3
    assert answer["parts"] == 3
