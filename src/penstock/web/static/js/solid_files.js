// Files of solids and of points in space as scenes: glTF (also as one file, `.glb`), OBJ, STL, Babylon and the client's `.pts.json`. What a
// file says of places and counts is taken for hostile: nothing outside of its own bytes is read, and what is large is cut and said so.

import { Scene } from "./space.js";
import { Texture } from "./textures.js";
import { say } from "./words.js";

const MOST_FACES = 150_000;
const MOST_POINTS = 50_000;
const MOST_LINES = 50_000;
const MOST_NODES = 20_000;
const DEEPEST = 64;
const ARROW = 0.12;

const number = (value) => value.toLocaleString();

/** Takes faces, lines and points up to what is drawn, and counts the others. */
class Builder {
  constructor() {
    this.scene = new Scene();
    this.counts = { faces: 0, lines: 0, points: 0, boxes: 0, vectors: 0 };
    this.notes = new Set();
  }

  face(a, b, c, color = 0, skin = null) {
    if (![a, b, c].every((at) => at?.every(Number.isFinite))) return;
    this.counts.faces += 1;
    if (this.counts.faces <= MOST_FACES) this.scene.face(a, b, c, color, skin);
  }

  line(a, b, color = 0) {
    if (![a, b].every((at) => at?.every(Number.isFinite))) return false;
    this.counts.lines += 1;
    if (this.counts.lines > MOST_LINES) return false;
    this.scene.stick(a, b, color);
    return true;
  }

  /** All points of a cloud: an even choice of them where there are more than are drawn. */
  cloud(points) {
    const held = points.filter(({ at }) => at.every(Number.isFinite));
    const every = Math.ceil(held.length / MOST_POINTS) || 1;
    held.forEach(({ at, color }, place) => { if (place % every === 0) this.scene.ball(at, color); });
    this.counts.points += held.length;
  }

  end() {
    const { faces, lines, points, boxes, vectors } = this.counts;
    const told = (word, all, drawn) => `${say(word, { count: number(all) })}${drawn < all ? ` (${say("space drawn", { count: number(drawn) })})` : ""}`;
    if (faces) this.scene.told.push(told("space faces", faces, this.scene.faceColors.length));
    if (points) this.scene.told.push(told("points", points, this.scene.ballColors.length));
    if (boxes) this.scene.told.push(told("space boxes", boxes, boxes));
    if (vectors) this.scene.told.push(told("space vectors", vectors, vectors));
    if (lines > MOST_LINES) this.scene.told.push(told("space lines", lines, MOST_LINES));
    this.scene.told.push(...this.notes);
    return this.scene;
  }
}

/** Whether files of a name hold solids or points that are drawn. */
export function isSolid(name) {
  return /\.(obj|stl|gltf|glb|babylon|pts\.json)$/i.test(name);
}

/** The scene of a file by its bytes. Throws when they are not what the name says. */
export function solidOf(bytes, name) {
  const builder = new Builder();
  const text = () => new TextDecoder().decode(bytes);
  if (/\.glb$/i.test(name)) readGlb(builder, bytes);
  else if (/\.gltf$/i.test(name)) readGltf(builder, JSON.parse(text()), null);
  else if (/\.stl$/i.test(name)) readStl(builder, bytes);
  else if (/\.babylon$/i.test(name)) readBabylon(builder, JSON.parse(text()));
  else if (/\.obj$/i.test(name)) readObj(builder, text());
  else readPoints(builder, JSON.parse(text()));
  return builder.end();
}

const rgb = (parts) => {
  const most = Math.max(...parts.map(Math.abs));
  return parts.map((part) => Math.max(0, Math.min(255, Math.round(Math.abs(part) * (most <= 1 ? 255 : 1)))));
};

/** Rows of [x, y, z], [x, y, z, class] or [x, y, z, red, green, blue]; or {points, boxes, vectors}. */
function readPoints(builder, document) {
  const rows = Array.isArray(document) ? document : (document?.points ?? []);
  builder.cloud(rows.filter((row) => Array.isArray(row) && row.length >= 3).map((row) => ({ at: row.slice(0, 3).map(Number), color: row.length >= 6 ? row.slice(3, 6).map((part) => Math.max(0, Math.min(255, Math.round(Math.abs(part))))) : row.length === 4 ? Math.abs(Math.trunc(Number(row[3]))) % 8 || 0 : 0 })));
  if (Array.isArray(document)) return;
  for (const box of Array.isArray(document?.boxes) ? document.boxes : []) {
    const corners = Array.isArray(box?.corners) ? box.corners.filter(Array.isArray).map((at) => at.slice(0, 3).map(Number)) : [];
    if (corners.length !== 8) continue;
    const color = Array.isArray(box.color) && box.color.length >= 3 ? rgb(box.color.slice(0, 3).map(Number)) : 1;
    if (edgesOf(corners).filter(([a, b]) => builder.line(corners[a], corners[b], color)).length) builder.counts.boxes += 1;
    const words = [box.label, typeof box.score === "number" ? box.score.toPrecision(3) : ""].filter((word) => word !== null && word !== undefined && word !== "");
    if (words.length) builder.scene.labels.push({ at: corners.reduce((top, at) => (at[1] > top[1] ? at : top)), text: words.join(" ").slice(0, 60) });
  }
  for (const one of Array.isArray(document?.vectors) ? document.vectors : []) arrow(builder, one);
}

function arrow(builder, one) {
  const [start, end] = [one?.start, one?.end].map((at) => (Array.isArray(at) ? at.slice(0, 3).map(Number) : null));
  const color = Array.isArray(one?.color) && one.color.length >= 3 ? rgb(one.color.slice(0, 3).map(Number)) : 2;
  if (!start || !end || !builder.line(start, end, color)) return;
  builder.counts.vectors += 1;
  const along = end.map((value, axis) => value - start[axis]);
  const side = Math.abs(along[0]) < Math.abs(along[1]) ? [0, along[2], -along[1]] : [along[2], 0, -along[0]];
  const scale = ARROW * Math.hypot(...along) / (Math.hypot(...side) || 1);
  for (const sign of [1, -1]) builder.line(end, end.map((value, axis) => value - 1.6 * ARROW * along[axis] + sign * side[axis] * scale), color);
}

/** Pairs of the corners of a box that share an edge: clients write the corners in any order. */
function edgesOf(corners) {
  const [from, ...others] = corners;
  const size = Math.max(...others.map((at) => Math.hypot(...at.map((value, axis) => value - from[axis])))) || 1;
  const placeOf = (at) => corners.findIndex((one) => Math.hypot(...one.map((value, axis) => value - at[axis])) < size * 1e-3);
  const sum = (...sides) => from.map((value, axis) => value + sides.reduce((all, side) => all + corners[side][axis] - from[axis], 0));
  for (let a = 1; a < 6; a += 1) for (let b = a + 1; b < 7; b += 1) for (let c = b + 1; c < 8; c += 1) {
    const places = [0, a, b, placeOf(sum(a, b)), c, placeOf(sum(a, c)), placeOf(sum(b, c)), placeOf(sum(a, b, c))];
    if (new Set(places).size === 8 && !places.includes(-1)) return cubeEdges.map(([x, y]) => [places[x], places[y]]);
  }
  return cubeEdges;
}

/** Corners counted in two: each edge changes one digit. */
const cubeEdges = Array.from({ length: 8 }, (_, from) => [1, 2, 4].filter((digit) => !(from & digit)).map((digit) => [from, from | digit])).flat();

function readObj(builder, text) {
  const places = [];
  const colors = [];
  let isSolidFile = false;
  for (const line of text.split("\n")) {
    const words = line.trim().split(/\s+/);
    if (words[0] === "v") {
      places.push(words.slice(1, 4).map(Number));
      colors.push(words.length >= 7 ? rgb(words.slice(4, 7).map(Number)) : 0);
    } else if (words[0] === "f" || words[0] === "l") {
      const corners = words.slice(1).map((word) => parseInt(word, 10)).map((at) => (at < 0 ? places.length + at : at - 1));
      isSolidFile = true;
      if (words[0] === "f") for (let at = 2; at < corners.length; at += 1) builder.face(places[corners[0]], places[corners[at - 1]], places[corners[at]], colors[corners[0]]);
      else for (let at = 1; at < corners.length; at += 1) builder.line(places[corners[at - 1]], places[corners[at]], "text");
    } else if (words[0] === "usemtl") builder.notes.add(say("space no materials"));
  }
  if (!isSolidFile) builder.cloud(places.map((at, place) => ({ at, color: colors[place] })));
}

function readStl(builder, bytes) {
  const view = new DataView(bytes);
  const count = bytes.byteLength >= 84 ? view.getUint32(80, true) : 0;
  if (count && 84 + 50 * count === bytes.byteLength) {
    for (let face = 0; face < count; face += 1) {
      const corner = (place) => [0, 4, 8].map((axis) => view.getFloat32(84 + 50 * face + 12 + 12 * place + axis, true));
      builder.face(corner(0), corner(1), corner(2));
    }
    return;
  }
  let corners = [];
  for (const match of new TextDecoder().decode(bytes).matchAll(/^\s*vertex\s+(\S+)\s+(\S+)\s+(\S+)/gm)) {
    corners.push(match.slice(1, 4).map(Number));
    if (corners.length < 3) continue;
    builder.face(...corners);
    corners = [];
  }
}

function readBabylon(builder, document) {
  for (const mesh of (Array.isArray(document?.meshes) ? document.meshes : []).slice(0, MOST_NODES)) {
    const [places, indices] = [mesh?.positions ?? mesh?.geometry?.positions, mesh?.indices];
    if (!Array.isArray(places) || !Array.isArray(indices)) continue;
    const [move, scale] = [mesh.position ?? [0, 0, 0], mesh.scaling ?? [1, 1, 1]];
    if ((mesh.rotation ?? []).some(Boolean) || mesh.rotationQuaternion || mesh.parentId) builder.notes.add(say("space not turned"));
    const corner = (at) => [0, 1, 2].map((axis) => Number(places[3 * at + axis]) * Number(scale[axis]) + Number(move[axis]));
    for (let at = 0; at + 2 < indices.length; at += 3) builder.face(corner(indices[at]), corner(indices[at + 1]), corner(indices[at + 2]));
  }
}

function readGlb(builder, bytes) {
  const view = new DataView(bytes);
  if (view.getUint32(0, true) !== 0x46546c67) throw new Error("not glTF");
  let [document, held] = [null, null];
  for (let at = 12; at + 8 <= bytes.byteLength;) {
    const [length, kind] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    const part = bytes.slice(at + 8, at + 8 + length);
    if (kind === 0x4e4f534a) document ??= JSON.parse(new TextDecoder().decode(part));
    else if (kind === 0x004e4942) held ??= part;
    at += 8 + length;
  }
  readGltf(builder, document, held);
}

const NUMBERS = { 5120: ["getInt8", 1], 5121: ["getUint8", 1], 5122: ["getInt16", 2], 5123: ["getUint16", 2], 5125: ["getUint32", 4], 5126: ["getFloat32", 4] };
const PARTS = { SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4 };
/** Whole numbers that stand for shares have their largest one as 1. */
const WHOLE = { 5120: 127, 5121: 255, 5122: 32767, 5123: 65535 };

function readGltf(builder, document, held) {
  const list = (name) => (Array.isArray(document?.[name]) ? document[name] : []);
  const buffers = list("buffers").map((buffer, at) => (typeof buffer?.uri === "string" ? unpacked(buffer.uri, builder) : at === 0 ? held : null));
  const views = list("bufferViews");
  const rows = (place) => accessorRows(list("accessors")[place], views, buffers);
  if (views.some((view) => view?.extensions?.EXT_meshopt_compression)) builder.notes.add(say("space packed", { name: "meshopt" }));
  const textures = texturesOf(builder, { list, views, buffers });
  let visited = 0;
  const visit = (place, above, path) => {
    const node = list("nodes")[place];
    visited += 1;
    if (!node || path.includes(place) || path.length > DEEPEST || visited > MOST_NODES) return;
    const matrix = times(above, matrixOf(node));
    for (const part of list("meshes")[node.mesh]?.primitives ?? []) primitive(builder, part, rows, matrix, { material: list("materials")[part?.material], texture: textures(part?.material) });
    for (const child of node.children ?? []) visit(child, matrix, [...path, place]);
  };
  const inner = new Set(list("nodes").flatMap((node) => node?.children ?? []));
  const roots = list("scenes")[document?.scene ?? 0]?.nodes ?? list("nodes").map((_, at) => at).filter((at) => !inner.has(at));
  for (const root of roots) visit(root, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], []);
}

/** The picture of a material by its place, each once; null for none, and for those that are packed as the browser does not unpack or lie elsewhere. */
function texturesOf(builder, { list, views, buffers }) {
  const found = new Map();
  const bytesOf = ({ uri, bufferView } = {}) => {
    if (typeof uri === "string") return new Uint8Array(unpacked(uri, builder) ?? 0);
    const { buffer, byteOffset = 0, byteLength = 0 } = views[bufferView] ?? {};
    const held = buffers[buffer];
    return held && byteOffset >= 0 && byteLength > 0 && byteOffset + byteLength <= held.byteLength ? new Uint8Array(held, byteOffset, byteLength) : new Uint8Array(0);
  };
  const read = (material) => {
    const { baseColorTexture: asked, baseColorFactor: factor } = material?.pbrMetallicRoughness ?? {};
    const texture = list("textures")[asked?.index];
    if (!texture) return null;
    if (texture.source === undefined && texture.extensions?.KHR_texture_basisu) builder.notes.add(say("space packed", { name: "Basis Universal" }));
    const bytes = asked.extensions?.KHR_texture_transform ? [] : bytesOf(list("images")[texture.source]);
    if (!bytes.length) {
      builder.notes.add(say("space no textures"));
      return null;
    }
    const { wrapS, wrapT } = list("samplers")[texture.sampler] ?? {};
    const tint = [0, 1, 2].map((part) => Math.max(0, Math.min(1, Number(factor?.[part] ?? 1) || 0)) ** (1 / 2.2));
    return { texture: new Texture(bytes, { wraps: [wrapS, wrapT], tint, hasHoles: ["MASK", "BLEND"].includes(material.alphaMode) }), set: Number(asked.texCoord ?? 0) };
  };
  return (place) => {
    if (!found.has(place)) found.set(place, read(list("materials")[place]));
    return found.get(place);
  };
}

/** The bytes in a `data:` address; null for addresses that lead elsewhere, which are not followed. */
function unpacked(uri, builder) {
  const text = /^data:[^,]*;base64,([^]*)$/.exec(uri)?.[1];
  if (text === undefined) {
    builder.notes.add(say("space lies elsewhere"));
    return null;
  }
  return Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0)).buffer;
}

function accessorRows(accessor, views, buffers) {
  const place = views[accessor?.bufferView];
  const buffer = buffers[place?.buffer];
  const [read, bytes] = NUMBERS[accessor?.componentType] ?? [];
  const width = PARTS[accessor?.type];
  if (!buffer || !read || !width || accessor.sparse || place.extensions?.EXT_meshopt_compression) return [];
  const data = new DataView(buffer);
  const step = place.byteStride ?? bytes * width;
  const start = (place.byteOffset ?? 0) + (accessor.byteOffset ?? 0);
  const fitting = Math.floor((buffer.byteLength - start - bytes * width) / step) + 1;
  const count = Math.max(0, Math.min(accessor.count ?? 0, fitting));
  if (!(step > 0) || !(start >= 0) || !Number.isFinite(count)) return [];
  const share = accessor.normalized ? (WHOLE[accessor.componentType] ?? 1) : 1;
  return Array.from({ length: count }, (_, row) => Array.from({ length: width }, (_, part) => data[read](start + row * step + part * bytes, true) / share));
}

function primitive(builder, part, rows, matrix, { material, texture }) {
  if (part?.extensions?.KHR_draco_mesh_compression) {
    builder.notes.add(say("space packed", { name: "Draco" }));
    return;
  }
  const places = rows(part?.attributes?.POSITION).map((at) => moved(matrix, at));
  const shades = rows(part?.attributes?.COLOR_0);
  const base = material?.pbrMetallicRoughness?.baseColorFactor;
  const plain = Array.isArray(base) && base.length >= 3 && base.slice(0, 3).some((share) => share < 1) ? base.slice(0, 3).map((share) => Math.round(255 * Math.max(0, Math.min(1, share)) ** (1 / 2.2))) : 0;
  const colorOf = (at) => (shades[at] ? rgb(shades[at].slice(0, 3)) : plain);
  const order = part?.indices === undefined ? places.map((_, at) => at) : rows(part.indices).map(([at]) => at);
  const shares = texture ? rows(part?.attributes?.[`TEXCOORD_${texture.set}`]) : [];
  if (texture && shares.length) builder.scene.textures.add(texture.texture);
  const skinOf = (...corners) => (shares.length && corners.every((at) => shares[at]) ? { texture: texture.texture, at: corners.flatMap((at) => shares[at].slice(0, 2)) } : null);
  const face = (a, b, c) => builder.face(places[a], places[b], places[c], colorOf(a), skinOf(a, b, c));
  const mode = part?.mode ?? 4;
  if (mode === 0) builder.cloud(order.filter((at) => places[at]).map((at) => ({ at: places[at], color: colorOf(at) })));
  else if (mode < 4) for (let at = 1; at < order.length; at += mode === 1 ? 2 : 1) builder.line(places[order[at - 1]], places[order[at]], colorOf(order[at]));
  else if (mode === 4) for (let at = 2; at < order.length; at += 3) face(order[at - 2], order[at - 1], order[at]);
  else for (let at = 2; at < order.length; at += 1) face(mode === 6 ? order[0] : order[at - 2], order[at - 1], order[at]);
}

/** Column-major matrix of a node, as glTF writes it or by its move, turn and size. */
function matrixOf(node) {
  if (Array.isArray(node.matrix) && node.matrix.length === 16) return node.matrix.map(Number);
  const [x, y, z, w] = node.rotation ?? [0, 0, 0, 1];
  const [sx, sy, sz] = node.scale ?? [1, 1, 1];
  const [tx, ty, tz] = node.translation ?? [0, 0, 0];
  return [
    (1 - 2 * (y * y + z * z)) * sx, 2 * (x * y + z * w) * sx, 2 * (x * z - y * w) * sx, 0,
    2 * (x * y - z * w) * sy, (1 - 2 * (x * x + z * z)) * sy, 2 * (y * z + x * w) * sy, 0,
    2 * (x * z + y * w) * sz, 2 * (y * z - x * w) * sz, (1 - 2 * (x * x + y * y)) * sz, 0,
    tx, ty, tz, 1,
  ];
}

const times = (a, b) => Array.from({ length: 16 }, (_, at) => [0, 1, 2, 3].reduce((sum, place) => sum + a[place * 4 + (at % 4)] * b[Math.floor(at / 4) * 4 + place], 0));
const moved = (matrix, at) => [0, 1, 2].map((row) => matrix[row] * at[0] + matrix[4 + row] * at[1] + matrix[8 + row] * at[2] + matrix[12 + row]);
