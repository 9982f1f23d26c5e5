"""Things in space as the real client logs them: solids with faces, clouds with boxes and vectors, molecules with bonds; turned by keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.watching import watched_page
from tests.support.clients import client_environment, client_python, run_client
from tests.support.server import LiveServer

CLIENT = ("wandb==0.31.0", "pillow", "numpy", "pandas", "plotly")
PROGRAM = r"""
import base64, json, random, struct
import numpy as np, wandb

places = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
sides = [(0, 1, 3), (0, 3, 2), (4, 5, 7), (4, 7, 6), (0, 1, 5), (0, 5, 4), (2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 3, 7), (1, 7, 5)]
open("cube.obj", "w").write("".join("v %d %d %d\n" % at for at in places) + "".join("f %d/1 %d/1 %d/1\n" % tuple(1 + at for at in side) for side in sides) + "f 1 2 99\n")
with open("cube.stl", "wb") as file:
    file.write(bytes(80) + struct.pack("<I", len(sides)))
    for side in sides:
        file.write(struct.pack("<12fH", 0, 0, 0, *(part for at in side for part in places[at]), 0))
held = np.array(places, "<f4").tobytes() + np.array(sides, "<u2").tobytes()
document = {
    "asset": {"version": "2.0"}, "scenes": [{"nodes": [0]}], "nodes": [{"children": [1, 0], "rotation": [0, 0, 1, 0]}, {"mesh": 0, "scale": [2, 1, 1]}],
    "materials": [{"pbrMetallicRoughness": {"baseColorFactor": [1, 0, 0, 1]}}],
    "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1, "material": 0}, {"attributes": {"POSITION": 2}}]}],
    "accessors": [{"bufferView": 0, "componentType": 5126, "type": "VEC3", "count": 8}, {"bufferView": 1, "componentType": 5123, "type": "SCALAR", "count": 36},
                  {"bufferView": 2, "componentType": 5126, "type": "VEC3", "count": 4000000000}],
    "bufferViews": [{"buffer": 0, "byteLength": 96}, {"buffer": 0, "byteOffset": 96, "byteLength": 72}, {"buffer": 1, "byteLength": 9}],
    "buffers": [{"byteLength": len(held)}, {"byteLength": 9, "uri": "http://127.0.0.1:9/elsewhere.bin"}],
}
text = json.dumps(document).encode() + b"   "
text = text[: len(text) // 4 * 4]
held += bytes(-len(held) % 4)
open("cube.glb", "wb").write(struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(held)) + struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(held), b"BIN\0") + held)
corners = [[x, y, z] for x in (0, 1) for y in (0, 2) for z in (0, 3)]
random.Random(1).shuffle(corners)
cloud = wandb.Object3D.from_point_cloud(points=np.random.default_rng(1).uniform(-2, 2, (300, 3)).tolist(), boxes=[{"corners": corners, "label": "<b>bus", "color": [255, 0, 0], "score": 0.5}],
    vectors=[{"start": [0, 0, 0], "end": [1, 2, 3]}])
ring = [(0, 0, 0), (1.5, 0, 0), (2.2, 1.2, 0)]
sdf = "x\n y\n\n  3  2  0\n" + "".join("%10.4f%10.4f%10.4f %-3s 0\n" % (*at, "CCO"[number]) for number, at in enumerate(ring)) + "  1  2  1  0\n  2  3  2  0\nM  END\n$$$$\n"
open("given.sdf", "w").write(sdf + sdf)
open("near.pdb", "w").write("".join("HETATM%5d  %s   LIG A   1    %8.3f%8.3f%8.3f  1.00  0.00           %s\n" % (number, "CCO"[number], *at, "CCO"[number]) for number, at in enumerate(ring))
    + "HETATM    9 NA   NA  A   1       3.000   1.500   0.500  1.00  0.00          NA\nEND\n")
with wandb.init(project="space", name="space") as run:
    run.log({"cube/obj": wandb.Object3D("cube.obj"), "cube/stl": wandb.Object3D("cube.stl"), "cube/glb": wandb.Object3D("cube.glb"), "cloud/lidar": cloud,
        "molecule/given": wandb.Molecule("given.sdf", caption="acid"), "molecule/near": wandb.Molecule("near.pdb")})
    artifact = wandb.Artifact("space", "solids")
    open("none.obj", "w").write("nothing here\n" * 9)
    json.dump({"nodes": [{"mesh": 0}], "meshes": [{"primitives": [{"extensions": {"KHR_draco_mesh_compression": {}}}]}]}, open("packed.gltf", "w"))
    for name in ("cube.glb", "given.sdf", "none.obj", "packed.gltf"):
        artifact.add_file(name)
    run.log_artifact(artifact)
"""
FILES = "/tester/space/artifacts/solids/space/v0/files/"


@dataclass
class Logged:
    """A server with a run that logged things in space."""

    url: str


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    folder: Path = tmp_path_factory.mktemp("space")
    with LiveServer(folder / "data", env={"PENSTOCK_SERVER_USER": "tester"}) as server:
        environment = client_environment(WANDB_BASE_URL=server.url, WANDB_API_KEY=server.key, WANDB_SILENT="true", USER="tester", HOME=str(folder))
        done = run_client(client_python(*CLIENT), PROGRAM, env=environment, cwd=folder)
        assert done.returncode == 0, done.stderr
        yield Logged(server.url)


@pytest.fixture
def tab(chromium: Browser, logged: Logged) -> Iterator[Page]:
    """A fresh page; leaving it checks console and requests."""
    with watched_page(chromium, logged.url) as page:
        yield page


def middle(canvas: Locator) -> list[int]:
    """Colour in the middle of a drawing, once something is drawn."""
    canvas.page.wait_for_function(
        "(canvas) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((part) => part)", arg=canvas.element_handle()
    )
    found: list[int] = canvas.evaluate("(canvas) => [...canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data]")
    return found


def picture(canvas: Locator) -> str:
    """All pixels of a drawing."""
    found: str = canvas.evaluate("(canvas) => canvas.toDataURL()")
    return found


def test_solids_have_faces_clouds_boxes_and_molecules_bonds(tab: Page) -> None:
    tab.goto("/tester/space")
    told = {
        "cube/obj": "12 faces", "cube/stl": "12 faces", "cube/glb": "12 faces · parts that lie in other files are not drawn",
        "cloud/lidar": "300 points · boxes: 1 · vectors: 1", "acid": "3 atoms (C 2, O 1) · 2 bonds · the first of 2 in the file",
        "molecule/near": "4 atoms (C 2, O 1, Na 1) · 2 bonds",
    }  # fmt: skip
    for name, text in told.items():
        canvas = tab.get_by_role("img", name=f"{name}: {text}. drag or arrow keys turn it", exact=True)
        canvas.scroll_into_view_if_needed()
        expect(canvas).to_be_visible()
        if name.startswith("cube"):
            red, green, blue, _ = middle(canvas)
            assert (red > 100 > green and blue < 100) if name == "cube/glb" else blue > red


def test_a_solid_is_turned_by_keys_and_follows_the_theme(tab: Page) -> None:
    tab.goto(FILES + "cube.glb")
    canvas = tab.locator("canvas.cloud")
    middle(canvas)
    first = picture(canvas)
    canvas.focus()
    tab.keyboard.press("ArrowRight")
    tab.wait_for_function("([canvas, first]) => canvas.toDataURL() !== first", arg=[canvas.element_handle(), first])
    tab.keyboard.press("+")
    tab.keyboard.press("0")
    tab.wait_for_function("([canvas, first]) => canvas.toDataURL() === first", arg=[canvas.element_handle(), first])
    tab.goto(FILES + "given.sdf")
    middle(canvas)
    before = picture(canvas)
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_function("([canvas, before]) => canvas.toDataURL() !== before", arg=[canvas.element_handle(), before])


def test_a_file_in_which_nothing_is_drawn_says_so(tab: Page) -> None:
    tab.goto(FILES + "none.obj")
    expect(tab.get_by_text("Nothing in this file can be drawn here")).to_be_visible()
    expect(tab.get_by_role("link", name="Download")).to_have_count(1)


HOSTILE: list[tuple[str, Any]] = [
    ("a.obj", "v 0 0 0\nf 1 1 1\nf 5 -9 x\nf\nl 1\n" + "v 1e999 nan 0\n" * 9),
    ("b.stl", "solid x\nvertex 1 2\nvertex a b c\n"),
    ("c.gltf", '{"nodes": [{"children": [0, 0]}], "scenes": [{"nodes": [0, 0, 9, -1]}], "meshes": 5, "buffers": [{"uri": "data:;base64,AAAA"}]}'),
    ("d.pts.json", '{"points": [[1, 2, "x"], [null, {}, []], 5], "boxes": [null, {"corners": 7}], "vectors": [{"start": "x"}, 3]}'),
    ("e.pts.json", "5"),
    ("f.babylon", '{"meshes": [{"positions": [1, 2], "indices": [0, 99, -1]}, null]}'),
    ("g.pdb", "CONECT    1    2\nATOM  x\nHETATM\n" * 50),
    ("h.sdf", "x\n\n\n999999 V2000\n"),
    ("i.mol2", "@<TRIPOS>ATOM\n1 C x y z\n@<TRIPOS>BOND\n1 7 8 1\n"),
    ("j.cif", "loop_\n_atom_site_fract_x\n_atom_site_label\n'a b\n1 2\n"),
    ("k.glb", "glTF"),
    ("l.mmtf", "x"),
]


@pytest.mark.parametrize(("name", "text"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_a_damaged_file_is_drawn_in_part_or_refused(tab: Page, name: str, text: str) -> None:
    tab.goto("/ui/projects")
    read = """async ([name, text]) => {
        const folder = document.querySelector('script[type=module]').src.replace(/[^/]+$/, '');
        const { spaceOf } = await import(folder + 'in_space.js');
        try { document.body.append(spaceOf(new TextEncoder().encode(text).buffer, name, name)) } catch (error) { return String(error) }
        return 'drawn';
    }"""
    said = tab.evaluate(read, [name, text])
    assert said == "drawn" or "Error" in said, said


def test_atoms_in_one_place_and_very_many_faces_are_bounded(tab: Page) -> None:
    tab.goto("/ui/projects")
    made = """async () => {
        const folder = document.querySelector('script[type=module]').src.replace(/[^/]+$/, '');
        const { spaceOf } = await import(folder + 'in_space.js');
        const begun = performance.now();
        const told = [['a.xyz', '30000\\n\\n' + 'C 0 0 0\\n'.repeat(30000)], ['b.obj', 'v 0 0 0\\nv 1 0 0\\nv 0 1 0\\n' + 'f 1 2 3\\n'.repeat(200000)]].map(([name, text]) => {
            const element = spaceOf(new TextEncoder().encode(text).buffer, name, name);
            document.body.append(element);
            return element.textContent;
        });
        return [told, performance.now() - begun];
    }"""
    told, _ = tab.evaluate(made)
    assert ("C 20,000" in told[0], "space left out" in told[0]) == (True, True)
    assert told[1].startswith("space faces (space drawn)")


TEXTURED = """async ([mime, wraps, extra]) => {
    const folder = document.querySelector('script[type=module]').src.replace(/[^/]+$/, '');
    const { spaceOf } = await import(folder + 'in_space.js');
    const sheet = new OffscreenCanvas(2, 2);
    const ctx = sheet.getContext('2d');
    [['#f00', 0, 0], ['#0f0', 1, 0], ['#00f', 0, 1], ['#ff0', 1, 1]].forEach(([color, x, y]) => { ctx.fillStyle = color; ctx.fillRect(x, y, 1, 1); });
    const picture = new Uint8Array(await (await sheet.convertToBlob({ type: mime })).arrayBuffer());
    const places = new Float32Array([-1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 1, 0]);
    const shares = new Float32Array([0, 2, 2, 2, 2, 0, 0, 0]);
    const order = new Uint16Array([0, 1, 2, 0, 2, 3]);
    const held = new Uint8Array(92 + picture.length);
    [[places, 0], [shares, 48], [order, 80]].forEach(([part, at]) => held.set(new Uint8Array(part.buffer), at));
    held.set(picture, 92);
    const document_ = {
        nodes: [{ mesh: 0 }], meshes: [{ primitives: [{ attributes: { POSITION: 0, TEXCOORD_0: 1 }, indices: 2, material: 0 }] }],
        materials: [{ pbrMetallicRoughness: { baseColorTexture: { index: 0 } } }], textures: [{ source: 0, sampler: 0 }], samplers: [wraps],
        images: [{ bufferView: 3, mimeType: mime }], buffers: [{ uri: 'data:application/octet-stream;base64,' + btoa(String.fromCharCode(...held)) }],
        accessors: [{ bufferView: 0, componentType: 5126, type: 'VEC3', count: 4 }, { bufferView: 1, componentType: 5126, type: 'VEC2', count: 4 }, { bufferView: 2, componentType: 5123, type: 'SCALAR', count: 6 }],
        bufferViews: [{ buffer: 0, byteLength: 48 }, { buffer: 0, byteOffset: 48, byteLength: 32 }, { buffer: 0, byteOffset: 80, byteLength: 12 }, { buffer: 0, byteOffset: 92, byteLength: picture.length }], ...extra,
    };
    const element = spaceOf(new TextEncoder().encode(JSON.stringify(document_)).buffer, 'quad.gltf', 'quad');
    document.querySelector('main').replaceChildren(element);
    element.querySelector('canvas').style.width = '300px';
    element.querySelector('canvas').style.height = '300px';
    const until = async (ready) => { while (!ready()) await new Promise((done) => setTimeout(done, 20)); };
    await until(() => /textures/.test(element.textContent));
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const canvas = element.querySelector('canvas');
    const seen = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    const counts = { red: 0, green: 0, blue: 0, yellow: 0 };
    for (let at = 0; at < seen.length; at += 4) {
        const [r, g, b] = [seen[at] > 90, seen[at + 1] > 90, seen[at + 2] > 90];
        if (seen[at + 3] < 255) continue;
        if (r && g && !b) counts.yellow += 1; else if (r && !g && !b) counts.red += 1; else if (g && !r && !b) counts.green += 1; else if (b && !r && !g) counts.blue += 1;
    }
    return [counts, element.textContent];
}"""
"""Draw a square with a picture of four colours, laid over it twice in each direction."""


@pytest.mark.parametrize(
    ("wraps", "colors"),
    [({}, {"red", "green", "blue", "yellow"}), ({"wrapS": 33071, "wrapT": 33071}, {"red", "green", "blue", "yellow"}), ({"wrapS": 33648}, {"red", "green", "blue", "yellow"})],
    ids=["repeated", "clamped", "mirrored"],
)
def test_faces_of_gltf_have_their_textures(tab: Page, wraps: dict[str, int], colors: set[str]) -> None:
    tab.goto("/ui/projects")
    counts, told = tab.evaluate(TEXTURED, ["image/png", wraps, {}])
    assert told.startswith(("2 faces · textures: 1", "space faces · space textures"))
    assert {name for name, count in counts.items() if count > 50} == colors
    most = max(counts.values())
    if wraps.get("wrapT"):  # beyond its edge the last texel goes on
        assert counts["yellow"] > 2.5 * counts["red"]
    else:
        assert min(counts.values()) > 0.6 * most


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"images": [{"uri": "http://127.0.0.1:9/far.png"}]}, "no textures"),
        ({"images": [{"bufferView": 0}]}, "no textures"),
        ({"materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0, "extensions": {"KHR_texture_transform": {}}}}}]}, "no textures"),
    ],
    ids=["elsewhere", "no picture", "moved"],
)
def test_textures_that_are_not_drawn_are_said(tab: Page, extra: dict[str, Any], words: str) -> None:
    tab.goto("/ui/projects")
    counts, told = tab.evaluate(TEXTURED, ["image/png", {}, extra])
    assert words in told
    assert counts["red"] == counts["green"] == counts["yellow"] == 0


def test_what_is_packed_is_named(tab: Page) -> None:
    tab.goto("/ui/projects")
    read = """async ([name, text]) => {
        const folder = document.querySelector('script[type=module]').src.replace(/[^/]+$/, '');
        const { spaceOf } = await import(folder + 'in_space.js');
        try { spaceOf(new TextEncoder().encode(text).buffer, name, name) } catch (error) { return error.told }
    }"""
    draco = '{"nodes": [{"mesh": 0}], "meshes": [{"primitives": [{"extensions": {"KHR_draco_mesh_compression": {}}}]}]}'
    for name, text in (("a.gltf", draco), ("b.mmtf", "x")):
        assert tab.evaluate(read, [name, text]) == "space packed"


def test_a_packed_solid_says_what_it_is_packed_with_and_offers_the_download(tab: Page) -> None:
    tab.goto(FILES + "packed.gltf")
    expect(tab.get_by_text("what is packed with Draco is not drawn · Nothing in this file can be drawn here")).to_be_visible()
    expect(tab.get_by_role("link", name="Download")).to_have_count(1)
