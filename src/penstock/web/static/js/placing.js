// Where the boxes of a graph go: small graphs at once, large ones in a worker; what a worker found is kept by the graph's shape,
// for this tab and across reloads, so that a second look and every change of state cost no layout.

import { layoutFlat, layoutScope } from "./layout.js";

const AT_ONCE = 120;
/** Fewer boxes than make a block. */
const BESIDE = 12;
const KEPT_CHARACTERS = 1_500_000;
const kept = new Map();
const waiting = new Map();
let worker = null;
let turn = 0;

/** A short name for a long text (FNV-1a, twice with different seeds). */
export function nameOf(text) {
  let [a, b] = [0x811c9dc5, 0x01000193];
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x85ebca6b);
  }
  return `${text.length.toString(36)}-${(a >>> 0).toString(36)}${(b >>> 0).toString(36)}`;
}

function askWorker(kind, work) {
  if (!worker) {
    worker = new Worker(new URL("./layout_worker.js", import.meta.url), { type: "module" });
    worker.addEventListener("message", ({ data }) => {
      const { resolve, reject } = waiting.get(data.id) ?? {};
      waiting.delete(data.id);
      if (data.problem) reject?.(new Error(data.problem));
      else resolve?.(data.placed);
    });
    worker.addEventListener("error", (event) => {
      for (const { reject } of waiting.values()) reject(new Error(event.message || "layout worker"));
      waiting.clear();
    });
  }
  turn += 1;
  const id = turn;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, kind, work });
  });
}

function recall(key) {
  if (kept.has(key)) return kept.get(key);
  try {
    const stored = sessionStorage.getItem(`layout:${key}`);
    return stored ? JSON.parse(stored) : null;
  } catch {
    return null;
  }
}

function keep(key, placed) {
  kept.set(key, placed);
  if (kept.size > 20) kept.delete(kept.keys().next().value);
  try {
    const stored = JSON.stringify(placed);
    if (stored.length < KEPT_CHARACTERS) sessionStorage.setItem(`layout:${key}`, stored);
  } catch {
    // the storage is full or switched off; the layout is only found again
  }
}

async function place(kind, shape, size, work, now) {
  if (size <= AT_ONCE) return now();
  const key = nameOf(`${kind} ${shape}`);
  const known = recall(key);
  if (known) return known;
  const placed = await askWorker(kind, work);
  keep(key, placed);
  return placed;
}

/** Place the open scopes of a run or definition; `shape` says everything that positions depend on. */
export function placeScopes(root, data, open, rounds, options, shape) {
  const size = Object.values(data.scopes).reduce((sum, scope) => sum + scope.nodes.length, 0);
  const work = { root, data: { scopes: data.scopes, loops: data.loops }, open: [...open], rounds: [...rounds], options };
  return place("scopes", shape, size, work, async () => {
    const { inBlocks } = size > BESIDE ? await import(new URL("./blocks.js", import.meta.url).href) : {};
    return layoutScope(root, data, open, rounds, { ...options, inBlocks });
  });
}

/** Place a graph without groups: {nodes: [{id, width, height}], edges: [{source, target}], direction}. */
export function placeFlat(work) {
  return place("flat", JSON.stringify(work), work.nodes.length, work, () => layoutFlat(work));
}
