// Positions for a graph of nested scopes: pure functions from structure to coordinates, no document.
// Layered top-down (or left-right) by dagre per scope, many boxes that stand alike in blocks; an open group is laid out first and then is one big box in its parent.
// Positions depend on structure only, so nodes never jump when states change.

import { Graph, layout } from "../vendor/dagre.esm.js";

const NODE = { width: 228, height: 54 };
export const ARTIFACT = { width: 148, most: 228, height: 30 };
const WIDE_LETTERS = /[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef]/g;
const HEADER = 38;
const PAD = 14;
const CELL = 15;
const GRID_WIDTH = 300;

/** About how wide a text is that has letters of this many pixels; those of East Asia are twice as wide. */
export function widthOf(text, letter) {
  return (text.length + 0.8 * (text.match(WIDE_LETTERS) ?? []).length) * letter;
}

/** Size of a loop's grid of iterations. */
function gridSize(count) {
  const perRow = Math.floor(GRID_WIDTH / CELL);
  const rows = Math.ceil(count / perRow);
  if (rows <= 8) return { width: GRID_WIDTH, height: Math.max(1, rows) * CELL, cell: CELL, perRow };
  const cell = Math.max(2, Math.sqrt((GRID_WIDTH * 8 * CELL) / count));
  const many = Math.floor(GRID_WIDTH / cell);
  return { width: GRID_WIDTH, height: Math.ceil(count / many) * cell, cell, perRow: many };
}

/** Edges without those that only repeat a longer way round and carry nothing. */
function withoutImplied(nodes, edges) {
  if (nodes.length > 800) return edges;
  const next = new Map(nodes.map((node) => [node.id, []]));
  for (const edge of edges) next.get(edge.source)?.push(edge.target);
  const reaches = (from, to, skipFirst) => {
    const seen = new Set();
    const stack = (next.get(from) ?? []).filter((id) => !(skipFirst && id === to));
    while (stack.length) {
      const id = stack.pop();
      if (id === to) return true;
      if (seen.has(id)) continue;
      seen.add(id);
      stack.push(...(next.get(id) ?? []));
    }
    return false;
  };
  return edges.filter((edge) => edge.labels.length || !reaches(edge.source, edge.target, true));
}

/** Add a node per output artifact between producer and consumers. */
function withArtifacts(nodes, edges) {
  const all = nodes.map((node) => ({ ...node }));
  const ids = new Set();
  for (const node of nodes) {
    for (const [key, type] of node.outputs ?? []) {
      const id = `${node.id}#${key}`;
      ids.add(id);
      all.push({ id, key, name: key, type: "ARTIFACT", artifactType: type, owner: node.id, isArtifact: true, is_group: false, state: node.state, counts: {} });
    }
  }
  const links = all.filter((node) => node.isArtifact).map((node) => ({ source: node.owner, target: node.id, labels: [] }));
  for (const edge of edges) {
    const through = edge.labels.map((label) => `${edge.source}#${label}`).filter((id) => ids.has(id));
    if (through.length) links.push(...through.map((id) => ({ source: id, target: edge.target, labels: [] })));
    else links.push(edge);
  }
  return { nodes: all, edges: links };
}

const MOST_FOR_DAGRE = 1500;

/** Layers by longest path, each wrapped into lines: not pretty, but linear, for scopes beyond what dagre can do in seconds. */
function layoutLayers(nodes, edges, isAcross) {
  const level = new Map(nodes.map((node) => [node.id, 0]));
  const incoming = new Map(nodes.map((node) => [node.id, 0]));
  const next = new Map(nodes.map((node) => [node.id, []]));
  for (const edge of edges) {
    if (!next.has(edge.source) || !next.has(edge.target)) continue;
    next.get(edge.source).push(edge.target);
    incoming.set(edge.target, incoming.get(edge.target) + 1);
  }
  const ready = nodes.filter((node) => !incoming.get(node.id)).map((node) => node.id);
  while (ready.length) {
    const id = ready.pop();
    for (const target of next.get(id)) {
      level.set(target, Math.max(level.get(target), level.get(id) + 1));
      incoming.set(target, incoming.get(target) - 1);
      if (!incoming.get(target)) ready.push(target);
    }
  }
  const layers = new Map();
  for (const node of nodes) {
    if (!layers.has(level.get(node.id))) layers.set(level.get(node.id), []);
    layers.get(level.get(node.id)).push(node);
  }
  const places = new Map();
  const perLine = Math.max(4, Math.ceil(Math.sqrt(nodes.length) * 1.5));
  let main = 0;
  let widest = 0;
  for (const number of [...layers.keys()].sort((a, b) => a - b)) {
    const layer = layers.get(number);
    for (let from = 0; from < layer.length; from += perLine) {
      let cross = 0;
      let deep = 0;
      for (const node of layer.slice(from, from + perLine)) {
        const [along, thick] = isAcross ? [node.height, node.width] : [node.width, node.height];
        const [x, y] = isAcross ? [main + node.width / 2, cross + node.height / 2] : [cross + node.width / 2, main + node.height / 2];
        places.set(node.id, { x, y, width: node.width, height: node.height });
        cross += along + 20;
        deep = Math.max(deep, thick);
      }
      widest = Math.max(widest, cross - 20);
      main += deep + 24;
    }
    main += 24;
  }
  const points = ({ source, target }) => [source, target].map((id, end) => {
    const place = places.get(id);
    const half = (isAcross ? place.width : place.height) / (end ? -2 : 2);
    return isAcross ? { x: place.x + half, y: place.y } : { x: place.x, y: place.y + half };
  });
  return { places, points, width: isAcross ? main : widest, height: isAcross ? widest : main };
}

/** Place boxes of known size: {places: Map, points: edge -> points, width, height}. */
function arrange(sizes, edges, settings) {
  if (sizes.length > MOST_FOR_DAGRE) return layoutLayers(sizes, edges, settings.rankdir === "LR");
  const graph = new Graph();
  graph.setGraph(settings);
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id, width, height } of sizes) graph.setNode(id, { width, height });
  for (const edge of edges) graph.setEdge(edge.source, edge.target);
  layout(graph);
  const { width, height } = graph.graph();
  return { places: new Map(sizes.map(({ id }) => [id, graph.node(id)])), points: (edge) => graph.edge(edge.source, edge.target).points, width, height };
}

/** Lay out a graph without groups: {nodes: [{id, width, height}], edges, direction}; answers {width, height, boxes, edges}. */
export function layoutFlat({ nodes, edges, direction, gap = 64 }) {
  const found = arrange(nodes, edges, { rankdir: direction, nodesep: 18, ranksep: gap });
  return {
    width: found.width,
    height: found.height,
    boxes: nodes.map(({ id }) => {
      const { x, y, width, height } = found.places.get(id);
      return { id, x: x - width / 2, y: y - height / 2, width, height };
    }),
    edges: edges.map((edge) => ({ source: edge.source, target: edge.target, points: found.points(edge) })),
  };
}

/**
 * Lay out scope `id`.
 * `data`: {scopes, loops}; `open`: set of open group ids; `rounds`: loop id -> chosen iteration id; `options`: {direction, artifacts, implied, inBlocks}.
 * Returns {width, height, boxes, edges}: boxes carry absolute x, y (top left), width, height, depth, isOpen.
 */
export function layoutScope(id, data, open, rounds, options, depth = 0) {
  const scope = data.scopes[id];
  if (!scope || !scope.nodes.length) return { width: 0, height: 0, boxes: [], edges: [] };
  let { nodes } = scope;
  let edges = options.implied ? withoutImplied(nodes, scope.edges) : scope.edges;
  if (options.artifacts) ({ nodes, edges } = withArtifacts(nodes, edges));

  const inner = new Map();
  const sizes = [];
  for (const node of nodes) {
    let size = node.isArtifact ? { ...ARTIFACT, width: Math.min(ARTIFACT.most, Math.max(ARTIFACT.width, 50 + widthOf(node.name, 6.6))) } : NODE;
    if (node.is_group && open.has(node.id)) {
      const inside = insideOf(node, data, open, rounds, options, depth + 1);
      if (inside) {
        inner.set(node.id, inside);
        size = { width: Math.max(NODE.width, inside.width + 2 * PAD), height: HEADER + inside.height + 2 * PAD };
      }
    }
    sizes.push({ id: node.id, width: size.width, height: size.height });
  }
  const [isAcross, gap] = options.direction === "LR" ? [true, 56] : [false, 42];
  const settings = { rankdir: options.direction, nodesep: options.artifacts ? 18 : 26, ranksep: gap, marginx: 0, marginy: 0 };
  const plain = (some, links) => arrange(some, links, settings);
  const found = options.inBlocks?.(sizes, edges, { isAcross, gap }, plain) ?? plain(sizes, edges);

  const boxes = [];
  const drawn = [];
  for (const node of nodes) {
    const place = found.places.get(node.id);
    const x = place.x - place.width / 2;
    const y = place.y - place.height / 2;
    const inside = inner.get(node.id);
    boxes.push({ node, x, y, width: place.width, height: place.height, depth, isOpen: Boolean(inside), loop: inside?.loop ?? null, pad: PAD });
    if (inside) {
      const left = x + (place.width - inside.width) / 2;
      const top = y + HEADER + PAD;
      for (const box of inside.boxes) boxes.push({ ...box, x: box.x + left, y: box.y + top });
      for (const edge of inside.edges) drawn.push({ ...edge, points: edge.points.map((point) => ({ x: point.x + left, y: point.y + top })) });
    }
  }
  for (const edge of edges) drawn.push({ ...edge, depth, points: found.points(edge) });
  return { width: found.width, height: found.height, boxes, edges: drawn };
}

function insideOf(node, data, open, rounds, options, depth) {
  const iterations = data.loops[node.id];
  if (!iterations) {
    const result = layoutScope(node.id, data, open, rounds, options, depth);
    return result.boxes.length ? result : null;
  }
  if (!iterations.length) return null;
  const grid = gridSize(iterations.length);
  const below = layoutScope(rounds.get(node.id) ?? iterations[0][0], data, open, rounds, options, depth);
  const top = grid.height + 40;
  const left = Math.max(0, (grid.width - below.width) / 2);
  return {
    width: Math.max(grid.width, below.width),
    height: top + below.height,
    boxes: below.boxes.map((box) => ({ ...box, x: box.x + left, y: box.y + top })),
    edges: below.edges.map((edge) => ({ ...edge, points: edge.points.map((point) => ({ x: point.x + left, y: point.y + top })) })),
    loop: { grid, iterations },
  };
}

/** Smooth path through an edge's points. */
export function edgePath(points) {
  const [first, ...rest] = points;
  if (rest.length < 2) return `M${first.x} ${first.y} L${rest[0].x} ${rest[0].y}`;
  let path = `M${first.x} ${first.y}`;
  for (let i = 0; i < rest.length - 1; i += 1) {
    const here = rest[i];
    const after = rest[i + 1];
    const isLast = i === rest.length - 2;
    const end = isLast ? after : { x: (here.x + after.x) / 2, y: (here.y + after.y) / 2 };
    path += ` Q${here.x} ${here.y} ${end.x} ${end.y}`;
  }
  return path;
}
