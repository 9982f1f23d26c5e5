// Points in space: clouds, boxes and molecules as dots on a canvas that turns by dragging and by the arrow keys.

import { sized } from "./canvas.js";
import { make } from "./dom.js";
import { themeColors } from "./theme.js";
import { say } from "./words.js";

const MOST = 50_000;
const ELEMENTS = { C: 0, O: 7, N: 4, S: 5, P: 1, H: 2 };

/** A canvas for the text of a stored `*.pts.json`, `*.pdb`, `*.xyz` or `*.obj` file. Throws when nothing in it is a point. */
export function cloud(text, name, label) {
  const points = /\.json$/.test(name) ? fromJson(text) : fromLines(text);
  if (!points.length) throw new Error("no points");
  const shown = points.length > MOST ? points.filter((_, i) => i % Math.ceil(points.length / MOST) === 0) : points;
  const told = `${say("points", { count: points.length.toLocaleString() })}${shown.length < points.length ? ` (${shown.length.toLocaleString()})` : ""}`;
  const canvas = make("canvas", { class: "cloud", tabindex: "0", role: "img", "aria-label": `${label}: ${told}. ${say("turn keys")}` });
  const view = { across: 0.6, down: 0.4, zoom: 1 };
  const scene = centred(shown);
  const draw = () => paint(canvas, scene, view);
  canvas.addEventListener("pointermove", (event) => {
    if (!event.buttons) return;
    view.across += event.movementX / 120;
    view.down += event.movementY / 120;
    draw();
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    view.zoom *= event.deltaY < 0 ? 1.1 : 1 / 1.1;
    draw();
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const turn = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] }[event.key];
    if (turn) [view.across, view.down] = [view.across + turn[0], view.down + turn[1]];
    else if (event.key === "+" || event.key === "-") view.zoom *= event.key === "+" ? 1.2 : 1 / 1.2;
    else return;
    event.preventDefault();
    event.stopPropagation();
    draw();
  });
  requestAnimationFrame(draw);
  return make("div", {}, canvas, make("p", { class: "small faint" }, `${told} · ${say("turn keys")}`));
}

/** Rows of [x, y, z], [x, y, z, class] or [x, y, z, red, green, blue]; boxes give their corners. */
function fromJson(text) {
  const document = JSON.parse(text);
  const rows = Array.isArray(document) ? document : [...(document.points ?? []), ...(document.boxes ?? []).flatMap((box) => box.corners ?? [])];
  return rows.filter((row) => Array.isArray(row) && row.length >= 3).map((row) => ({
    at: row.slice(0, 3).map(Number), color: row.length >= 6 ? `rgb(${row.slice(3, 6).map((part) => Math.max(0, Math.min(255, Math.round(Math.abs(part))))).join(" ")})` : null, series: row.length === 4 ? Number(row[3]) % 8 : 0,
  }));
}

function fromLines(text) {
  return text.split("\n").map(pointOf).filter(Boolean);
}

/** A point of a line: an atom of a PDB file, a vertex of an OBJ file, or an atom of an XYZ or MOL file. */
function pointOf(line) {
  const atom = /^(?:ATOM|HETATM)/.test(line);
  if (atom) return { at: [line.slice(30, 38), line.slice(38, 46), line.slice(46, 54)].map(Number), color: null, series: ELEMENTS[(line.slice(76, 78).trim() || line.slice(12, 14).trim())[0]] ?? 3 };
  const words = line.trim().split(/\s+/);
  if (words[0] === "v" && words.length >= 4) return { at: words.slice(1, 4).map(Number), color: null, series: 0 };
  if (/^[A-Z][a-z]?$/.test(words[0]) && words.length >= 4 && words.slice(1, 4).every((part) => Number.isFinite(Number(part)))) return { at: words.slice(1, 4).map(Number), color: null, series: ELEMENTS[words[0][0]] ?? 3 };
  if (words.length >= 4 && /^[A-Z][a-z]?$/.test(words[3]) && words.slice(0, 3).every((part) => /^-?\d+\.\d+$/.test(part))) return { at: words.slice(0, 3).map(Number), color: null, series: ELEMENTS[words[3][0]] ?? 3 };
  return null;
}

function centred(points) {
  const held = points.filter((point) => point.at.every(Number.isFinite));
  const edges = [0, 1, 2].map((axis) => {
    let [low, high] = [Infinity, -Infinity];
    for (const { at } of held) [low, high] = [Math.min(low, at[axis]), Math.max(high, at[axis])];
    return [low, high];
  });
  const size = Math.max(...edges.map(([low, high]) => high - low)) || 1;
  return held.map((point) => ({ ...point, at: point.at.map((value, axis) => (value - (edges[axis][0] + edges[axis][1]) / 2) / size) }));
}

function paint(canvas, points, { across, down, zoom }) {
  const { ctx, width, height } = sized(canvas, 220);
  const colors = themeColors().series;
  const [ca, sa, cd, sd] = [Math.cos(across), Math.sin(across), Math.cos(down), Math.sin(down)];
  const scale = Math.min(width, height) * 0.7 * zoom;
  const placed = points.map((point) => {
    const [x, y, z] = point.at;
    const [turned, depth] = [x * ca - z * sa, x * sa + z * ca];
    return { point, left: width / 2 + turned * scale, top: height / 2 - (y * cd - depth * sd) * scale, depth: y * sd + depth * cd };
  }).sort((a, b) => a.depth - b.depth);
  const radius = points.length > 5000 ? 0.8 : points.length > 500 ? 1.5 : 3;
  for (const { point, left, top, depth } of placed) {
    ctx.globalAlpha = 0.55 + 0.45 * Math.max(0, Math.min(1, depth + 0.5));
    ctx.fillStyle = point.color ?? colors[point.series];
    ctx.beginPath();
    ctx.arc(left, top, radius * (1 + depth * 0.3), 0, 7);
    ctx.fill();
  }
}
