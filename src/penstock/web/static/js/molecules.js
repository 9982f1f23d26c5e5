// Molecules as balls and sticks: atoms and bonds of PDB, PQR, SDF, MOL, MOL2, XYZ, GRO and CIF files. Where a file names no bonds, atoms are
// joined that lie as near as their covalent radii say.

import { Scene } from "./space.js";
import { say } from "./words.js";

const MOST_ATOMS = 20_000;
/** As chemists paint them; carbon in the colour of text. */
const COLORS = { C: "text", H: [226, 227, 232], O: [214, 62, 58], N: [72, 104, 222], S: [212, 172, 44], P: [226, 124, 36], F: [70, 168, 92], Cl: [70, 168, 92], Br: [150, 72, 52], I: [132, 70, 168] };
const OTHER = [196, 110, 170];
/** Sticks of a bond, by its order: how far from its middle, and how thick. */
const STICKS = { 2: [[-0.16, 0.16], 0.08], 3: [[-0.24, 0, 0.24], 0.07] };
const ONE_STICK = [[0], 0.13];
/** Covalent radii in Å (Cordero et al. 2008); others are taken for 1.3. */
const RADII = { H: 0.31, B: 0.84, C: 0.76, N: 0.71, O: 0.66, F: 0.57, Na: 1.66, Mg: 1.41, Al: 1.21, Si: 1.11, P: 1.07, S: 1.05, Cl: 1.02, K: 2.03, Ca: 1.76, Mn: 1.39, Fe: 1.32, Co: 1.26, Ni: 1.24, Cu: 1.32, Zn: 1.22, Se: 1.2, Br: 1.2, I: 1.39 };
const SLACK = 0.45;
const LEAST = 0.4;
/** Ions are not joined to what happens to lie near. */
const ALONE = new Set(["Na", "K", "Ca", "Mg"]);

const radiusOf = (element) => RADII[element] ?? 1.3;
const named = (text) => {
  const letters = text.replace(/[^A-Za-z]/g, "");
  const two = letters.slice(0, 1).toUpperCase() + letters.slice(1, 2).toLowerCase();
  return two in RADII ? two : letters.slice(0, 1).toUpperCase();
};
const lines = (text) => text.split(/\r?\n/);

/** Whether files of a name hold molecules that are drawn. */
export function isMolecule(name) {
  return /\.(pdb|pqr|sdf|sd|mol|mol2|xyz|gro|cif|mcif|mmcif)$/i.test(name);
}

/** The scene of a molecule's file; empty when it holds no atoms. */
export function moleculeOf(text, name) {
  const kind = name.split(".").pop().toLowerCase();
  const read = { pdb: fromPdb, pqr: fromPdb, sdf: fromMol, sd: fromMol, mol: fromMol, mol2: fromMol2, xyz: fromXyz, gro: fromGro, cif: fromCif, mcif: fromCif, mmcif: fromCif }[kind];
  const { atoms: found, bonds = [], notes = [] } = read(text);
  const held = found.filter(({ at }) => at.every(Number.isFinite));
  const all = held.length === found.length ? bonds : [];
  const atoms = held.slice(0, MOST_ATOMS);
  const given = all.filter(([a, b]) => a !== b && atoms[a] && atoms[b]);
  const joined = given.length && (kind !== "pdb" || given.length >= atoms.length / 2) ? given : [...given, ...byDistance(atoms, given)];
  return sceneOf(atoms, joined, [...notes, ...(held.length > atoms.length ? [say("space left out", { count: (held.length - atoms.length).toLocaleString() })] : [])]);
}

function sceneOf(atoms, bonds, notes) {
  const scene = new Scene();
  const counts = new Map();
  for (const { at, element } of atoms) {
    counts.set(element, (counts.get(element) ?? 0) + 1);
    scene.ball(at, COLORS[element] ?? OTHER, 0.2 + 0.18 * radiusOf(element));
  }
  for (const [a, b, order] of bonds) bond(scene, atoms[a], atoms[b], order);
  const parts = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 8).map(([element, count]) => `${element} ${count.toLocaleString()}`);
  scene.told = [`${say("space atoms", { count: atoms.length.toLocaleString() })} (${parts.join(", ")})`, say("space bonds", { count: bonds.length.toLocaleString() }), ...notes];
  return scene;
}

/** Halves of a bond have the colours of their atoms; a double one is two sticks. */
function bond(scene, a, b, order) {
  const middle = a.at.map((value, axis) => (value + b.at[axis]) / 2);
  const along = b.at.map((value, axis) => value - a.at[axis]);
  const side = Math.abs(along[0]) < Math.abs(along[1]) ? [0, along[2], -along[1]] : [along[2], 0, -along[0]];
  const length = Math.hypot(...side) || 1;
  const [shifts, radius] = STICKS[order] ?? ONE_STICK;
  for (const shift of shifts) {
    const moved = (at) => at.map((value, axis) => value + side[axis] / length * shift);
    scene.stick(moved(a.at), moved(middle), COLORS[a.element] ?? OTHER, radius);
    scene.stick(moved(middle), moved(b.at), COLORS[b.element] ?? OTHER, radius);
  }
}

/** Pairs that lie near enough, looked for among neighbours in a grid; atoms that have bonds by the file are left as they are. */
function byDistance(atoms, given) {
  const settled = new Set(given.flatMap(([a, b]) => [a, b]));
  const reach = 2 * Math.max(0.31, ...new Set(atoms.map(({ element }) => radiusOf(element)))) + SLACK;
  const grid = new Map();
  const keyOf = (cell) => cell.join();
  const cellOf = ({ at }) => at.map((value) => Math.floor(value / reach));
  const found = [];
  atoms.forEach((atom, number) => {
    if (ALONE.has(atom.element) || settled.has(number)) return;
    const cell = cellOf(atom);
    let near = 0;
    for (let place = 0; place < 27 && near < 12; place += 1) {
      const beside = [cell[0] + (place % 3) - 1, cell[1] + (Math.floor(place / 3) % 3) - 1, cell[2] + Math.floor(place / 9) - 1];
      for (const other of grid.get(keyOf(beside)) ?? []) {
        const far = Math.hypot(...atom.at.map((value, axis) => value - atoms[other].at[axis]));
        if (far < LEAST || far > radiusOf(atom.element) + radiusOf(atoms[other].element) + SLACK || (atom.element === "H" && atoms[other].element === "H")) continue;
        found.push([other, number, 1]);
        near += 1;
      }
    }
    const key = keyOf(cell);
    // Atoms that all lie in one place would be compared with each other, each with each.
    const list = grid.get(key) ?? [];
    if (list.length < 200) list.push(number);
    grid.set(key, list);
  });
  return found;
}

function fromPdb(text) {
  const [atoms, bonds, numbers] = [[], [], new Map()];
  let models = 0;
  for (const line of lines(text)) {
    if (line.startsWith("MODEL")) models += 1;
    if (/^(?:ATOM|HETATM)/.test(line) && models < 2) {
      if (!/[ A1]/.test(line[16] ?? " ")) continue; // another place of the same atom
      const fixed = [line.slice(30, 38), line.slice(38, 46), line.slice(46, 54)];
      const words = line.trim().split(/\s+/);
      const at = fixed.every((part) => part.trim() && Number.isFinite(Number(part))) ? fixed : words.slice(-5, -2);
      numbers.set(Number(line.slice(6, 11)), atoms.length);
      atoms.push({ at: at.map(Number), element: named(/^[A-Za-z]{1,2}$/.test(line.slice(76, 78).trim()) ? line.slice(76, 78) : /^[A-Za-z]/.test(line[12] ?? "") && !"CHNO".includes(line[12]) ? line.slice(12, 14) : line.slice(12, 16).replace(/[^A-Za-z]/g, "").slice(0, 1)) });
    } else if (line.startsWith("CONECT")) {
      const [from, ...to] = [6, 11, 16, 21, 26].map((start) => line.slice(start, start + 5).trim()).filter(Boolean).map((part) => numbers.get(Number(part)));
      for (const other of new Set(to)) if (from < other) bonds.push([from, other, Math.min(3, to.filter((one) => one === other).length)]);
    }
  }
  return { atoms, bonds, notes: models > 1 ? [say("space first of", { count: models })] : [] };
}

/** The first molecule of a MOL or SDF file, in the second or the third form of its tables. */
function fromMol(text) {
  const molecules = text.split(/^\$\$\$\$/m).filter((part) => part.trim());
  const all = lines(molecules[0] ?? "");
  const notes = molecules.length > 1 ? [say("space first of", { count: molecules.length })] : [];
  if (/V3000/.test(all[3] ?? "")) {
    const rows = (name) => (text.match(new RegExp(`BEGIN ${name}([^]*?)END ${name}`))?.[1] ?? "").split("\n").map((line) => line.replace(/^M\s+V30\s*/, "").trim().split(/\s+/)).filter((words) => words.length > 3);
    return { atoms: rows("ATOM").map((words) => ({ at: words.slice(2, 5).map(Number), element: named(words[1]) })), bonds: rows("BOND").map((words) => [words[2] - 1, words[3] - 1, Number(words[1])]), notes };
  }
  const [count, many] = [Number((all[3] ?? "").slice(0, 3)), Number((all[3] ?? "").slice(3, 6))];
  if (!(count > 0)) return { atoms: [] };
  const atoms = all.slice(4, 4 + count).map((line) => ({ at: [line.slice(0, 10), line.slice(10, 20), line.slice(20, 30)].map(Number), element: named(line.slice(31, 34)) }));
  const bonds = all.slice(4 + count, 4 + count + (many || 0)).map((line) => [Number(line.slice(0, 3)) - 1, Number(line.slice(3, 6)) - 1, Number(line.slice(6, 9))]);
  return { atoms, bonds, notes };
}

function fromMol2(text) {
  const part = (name) => (text.split(`@<TRIPOS>${name}`)[1] ?? "").split("@<TRIPOS>")[0].split("\n").map((line) => line.trim().split(/\s+/)).filter((words) => words.length > 3);
  const places = new Map();
  const atoms = part("ATOM").map((words, at) => {
    places.set(words[0], at);
    return { at: words.slice(2, 5).map(Number), element: named((words[5] ?? words[1]).split(".")[0]) };
  });
  return { atoms, bonds: part("BOND").map((words) => [places.get(words[1]), places.get(words[2]), Number(words[3]) || 1]) };
}

function fromXyz(text) {
  const rows = lines(text).map((line) => line.trim().split(/\s+/));
  const count = Number(rows[0]?.[0]);
  const held = Number.isInteger(count) ? rows.slice(2, 2 + count) : rows;
  return { atoms: held.filter((words) => /^[A-Za-z]{1,2}\d*$/.test(words[0])).map((words) => ({ at: words.slice(1, 4).map(Number), element: named(words[0]) })) };
}

/** Lengths of GRO files are in nanometres. */
function fromGro(text) {
  const all = lines(text);
  const count = Number((all[1] ?? "").trim());
  return { atoms: all.slice(2, 2 + (count || 0)).map((line) => ({ at: [line.slice(20, 28), line.slice(28, 36), line.slice(36, 44)].map((part) => 10 * Number(part)), element: named(line.slice(10, 15).replace(/[^A-Za-z]/g, "").slice(0, 1)) })) };
}

/** Atoms of the loop of a CIF file, by their coordinates or by shares of the crystal's cell. */
function fromCif(text) {
  const words = (line) => (line.match(/'[^']*'|"[^"]*"|\S+/g) ?? []).map((word) => word.replace(/^(['"])(.*)\1$/, "$2"));
  const cell = Object.fromEntries([...text.matchAll(/^_cell[._](length_[abc]|angle_\w+)\s+([\d.]+)/gm)].map((match) => [match[1], Number(match[2])]));
  const heads = [];
  const atoms = [];
  for (const line of lines(text)) {
    const head = /^\s*_atom_site[._](\w+)\s*$/.exec(line);
    if (head) {
      if (atoms.length) break;
      heads.push(head[1]);
    } else if (heads.length && /^\s*(?:loop_|#|_|data_)/.test(line)) {
      if (atoms.length) break;
      if (!/^\s*_atom_site/.test(line)) heads.length = 0;
    } else if (heads.length && line.trim()) {
      const row = words(line);
      if (row.length < heads.length) continue;
      const value = (name) => row[heads.indexOf(name)];
      const numbers = (prefix) => ["x", "y", "z"].map((axis) => parseFloat(value(prefix + axis)));
      if ((value("pdbx_PDB_model_num") ?? "1") !== "1") continue;
      atoms.push({ at: heads.includes("Cartn_x") ? numbers("Cartn_") : inCell(numbers("fract_"), cell), element: named((value("type_symbol") ?? value("label") ?? "C")) });
    }
  }
  return { atoms };
}

function inCell([x, y, z], { length_a: a = 1, length_b: b = 1, length_c: c = 1, angle_alpha: alpha = 90, angle_beta: beta = 90, angle_gamma: gamma = 90 }) {
  const cos = (angle) => Math.cos((angle * Math.PI) / 180);
  const sin = Math.sin((gamma * Math.PI) / 180) || 1;
  const tilt = (cos(alpha) - cos(beta) * cos(gamma)) / sin;
  return [a * x + b * cos(gamma) * y + c * cos(beta) * z, b * sin * y + c * tilt * z, c * Math.sqrt(Math.max(0, 1 - cos(beta) ** 2 - tilt ** 2)) * z];
}
