// The lineage graph: tasks as boxes, artifacts as pills, left to right around one thing; lines say by their look how two things belong
// together. Hovering dims what is unrelated, a click opens the panel of a node, and the other end of the paths to draw can be picked.

import { cutInTheMiddle, icon, isTyping, make, makeSvg } from "./dom.js";
import { edgePath, widthOf } from "./layout.js";
import { followForm } from "./lineage_form.js";
import { openNode, searchMembers, shownNode } from "./lineage_panel.js";
import { showMap } from "./minimap.js";
import { placeFlat } from "./placing.js";
import { asRead, showFocused } from "./tabbing.js";
import { ask, waitAt, waitForText } from "./waiting.js";

const LOOKS = { SUCCEEDED: "succeeded", FAILED: "failed", RUNNING: "running", PENDING: "pending", SKIPPED: "skipped", CANCELED: "canceled" };
const KINDS = { "system.Dataset": "dataset", "system.Model": "model", "system.Metrics": "metrics", "system.ClassificationMetrics": "metrics", "system.HTML": "document", "system.Markdown": "document" };

/** How boxes are drawn, and the scale that the drawing begins with at least, so that names can be read. Telephones show a box and its neighbours. */
const WIDE = { task: 188, artifact: 164, most: 240, gap: 64, scale: 0.8 };
const NARROW = { task: 150, artifact: 138, most: 168, gap: 28, scale: 0.85 };
const NARROW_BELOW = 500;

let drawn = new AbortController();

/** Draw, instead of what was drawn before. */
async function start(root) {
  drawn.abort();
  const { signal } = (drawn = new AbortController());
  const known = document.getElementById("lineage-drawing");
  const data = known ? JSON.parse(known.textContent) : await waitAt(root, (wait) => ask(root.dataset.source, { signal: wait }).then((answer) => answer.json()), () => start(root), { bars: 0 });
  root.querySelector(".graph-loading")?.remove();
  if (data === undefined) return;
  const form = root.clientWidth < NARROW_BELOW ? NARROW : WIDE;
  const widths = { task: widthFor(data.nodes, "task", form), artifact: widthFor(data.nodes, "artifact", form) };
  const sizes = data.nodes.map(({ id, kind }) => ({ id, width: widths[kind], height: kind === "task" ? 50 : 44 }));
  const placed = await placeFlat({ nodes: sizes, edges: data.edges.map(({ source, target }) => ({ source, target })), direction: "LR", gap: form.gap });
  if (signal.aborted) return;
  const places = new Map(placed.boxes.map((box) => [box.id, box]));
  const world = make("div", { class: "graph-world" });
  world.style.width = `${placed.width}px`;
  world.style.height = `${placed.height}px`;
  const svg = drawEdges(data, placed);
  world.append(svg);
  const isPicking = pickButton(signal);
  const nodes = new Map(data.nodes.map((node) => [node.id, node]));
  for (const place of asRead(placed.boxes, true)) world.append(drawNode(root.dataset.icons, nodes.get(place.id), data, place, isPicking));
  for (const old of root.querySelectorAll(".graph-world, .lineage-legend")) old.remove();
  root.append(world, legend(data));
  bindHover(world, svg, data.edges);
  const view = new View(root, world, placed, places, signal);
  view.begin(data.focus);
  // The panel takes room from the drawing: who has not moved it sees the whole again.
  const watch = new ResizeObserver(() => {
    if (view.hasMoved) view.map();
    else view.begin(data.focus);
    if (places.has(shownNode())) view.reveal(shownNode());
  });
  watch.observe(root);
  signal.addEventListener("abort", () => watch.disconnect());
  bindKeys(root, world, view, data, places, signal);
  showFocused(root, world, { view: () => view, move: (dx, dy) => {
    view.hasMoved = true;
    view.move(view.x + dx, view.y + dy);
  }, signal });
  const mark = (ref) => {
    for (const element of world.querySelectorAll(".node")) element.classList.toggle("is-shown", element.dataset.id === ref);
    if (places.has(ref)) view.reveal(ref);
  };
  document.addEventListener("penstock:node", (event) => mark(event.detail), { signal });
  mark(shownNode());
}

/** The width of all boxes of a kind: what the longest name asks for, within limits. */
function widthFor(nodes, kind, form) {
  const widest = (node) => 56 + Math.max(widthOf(node.name, 7.3), widthOf(node.detail, 5.9));
  return nodes.filter((node) => node.kind === kind).reduce((width, node) => Math.min(form.most, Math.max(width, Math.ceil(widest(node)))), form[kind]);
}

/** Lines and the wide ones over them, which say on hover what they are. */
function drawEdges(data, { width, height, edges }) {
  const svg = makeSvg("svg", { class: "graph-edges", width, height, viewBox: `0 0 ${width} ${height}` });
  svg.append(makeSvg("defs", {}, makeSvg("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, makeSvg("path", { d: "M1 1 L7 4 L1 7", class: "arrow-head" }))));
  for (const [index, edge] of data.edges.entries()) {
    const ends = { d: edgePath(edges[index].points), "data-source": edge.source, "data-target": edge.target };
    svg.append(
      makeSvg("path", { class: "edge-hit", ...ends }, makeSvg("title", {}, [data.words[edge.type], ...edge.labels].join(" · "))),
      makeSvg("path", { class: `edge carries is-${edge.type}`, "marker-end": "url(#arrow)", ...ends }));
  }
  return svg;
}

/** How the lines look that this drawing has. */
function legend(data) {
  const types = Object.keys(data.words).filter((type) => data.edges.some((edge) => edge.type === type));
  const sample = (type) => makeSvg("svg", { viewBox: "0 0 28 8", width: 28, height: 8, "aria-hidden": "true" }, makeSvg("path", { class: `edge carries is-${type}`, d: "M1 4 H27" }));
  return make("ul", { class: "lineage-legend small" }, ...types.map((type) => make("li", {}, sample(type), data.words[type])));
}

function drawNode(sprite, node, data, place, isPicking) {
  const isTask = node.kind === "task";
  const classes = ["node", isTask ? `s-${LOOKS[node.state] ?? "waiting"}` : "is-pill", node.id === data.focus || node.id === data.to ? "is-selected" : "", node.aliases?.length ? "has-alias" : ""];
  const others = Math.max(0, (node.aliases?.length ?? 0) - 1); // what is said of a box is what is seen on it
  const aliases = node.aliases?.length ? make("span", { class: "node-alias", title: node.aliases.join(", ") }, icon(sprite, "tag"), make("span", { class: "cut" }, node.aliases[0]), others ? ` +${others}` : null) : null;
  const element = make(node.url ? "a" : "div", { class: classes.filter(Boolean).join(" "), href: node.url || null, tabindex: node.url ? null : "0", "data-id": node.id, "aria-label": node.url ? [node.name, ...(others ? [node.aliases[0], `+${others}`] : node.aliases ?? []), node.detail].join(" ") : null, title: [node.whole, node.word, ...(node.aliases ?? [])].join("\n"), draggable: "false" },
    icon(sprite, isTask ? "leaf" : KINDS[node.type] ?? "box", "node-kind"),
    make("span", { class: "node-text" }, make("span", { class: "node-name" }, ...(node.url ? cutInTheMiddle(node.name) : [node.name])), " ", make("span", { class: "node-meta" }, aliases, " ", make("span", { class: "cut" }, ...cutInTheMiddle(node.detail)))));
  Object.assign(element.style, { left: `${place.x}px`, top: `${place.y}px`, width: `${place.width}px`, height: `${place.height}px` });
  element.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || !node.url) return;
    event.preventDefault();
    if (isPicking() && node.path && node.id !== data.focus) location.assign(node.path);
    else openNode(node.id, { isEntered: event.detail === 0 });
  });
  return element;
}

/** Pointing at a node, or giving it the focus, dims what neither led to it nor came of it. */
function bindHover(world, svg, edges) {
  const next = { source: new Map(), target: new Map() };
  for (const edge of edges) {
    for (const end of ["source", "target"]) {
      if (!next[end].has(edge[end])) next[end].set(edge[end], []);
      next[end].get(edge[end]).push(edge[end === "source" ? "target" : "source"]);
    }
  }
  const near = (start) => {
    const seen = new Set([start]);
    for (const ways of Object.values(next)) {
      const stack = [start];
      while (stack.length) {
        for (const id of ways.get(stack.pop()) ?? []) {
          if (seen.has(id)) continue;
          seen.add(id);
          stack.push(id);
        }
      }
    }
    return seen;
  };
  const dim = (id) => {
    const related = id ? near(id) : null;
    for (const element of world.querySelectorAll(".node")) element.classList.toggle("is-dim", Boolean(related) && !related.has(element.dataset.id));
    for (const path of svg.querySelectorAll(".edge")) path.classList.toggle("is-lit", Boolean(related) && related.has(path.dataset.source) && related.has(path.dataset.target));
  };
  const at = (event) => event.target.closest?.("[data-id]")?.dataset.id ?? null;
  world.addEventListener("pointerover", (event) => dim(at(event)));
  world.addEventListener("pointerleave", () => dim(null));
  world.addEventListener("focusin", (event) => dim(at(event)));
  world.addEventListener("focusout", () => dim(null));
}

/** What of the drawing is in sight: moved by dragging, zoomed by wheel, two fingers, buttons and keys. */
class View {
  constructor(root, world, placed, places, signal) {
    const { width, height } = placed;
    Object.assign(this, { root, world, placed, width, height, places, x: 0, y: 0, k: 1, hasMoved: false });
    // The frame is as high as the drawing asks for, within the limits that its style sets.
    root.closest(".lineage-frame").style.setProperty("--drawn", `${Math.ceil(height) + 120}px`);
    this.bindPointers(signal);
    root.addEventListener("wheel", (event) => {
      event.preventDefault();
      const rect = root.getBoundingClientRect();
      this.zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - rect.left, event.clientY - rect.top);
    }, { passive: false, signal });
    for (const [name, work] of Object.entries({ fit: () => this.fit(), in: () => this.zoom(1.25), out: () => this.zoom(1 / 1.25) })) document.getElementById(`lineage-${name}`).addEventListener("click", work, { signal });
  }

  /** One finger or the mouse moves, two fingers zoom around their middle. A press on a node that does not move is a click on it. */
  bindPointers(signal) {
    const { root } = this;
    const held = new Map();
    let hasDragged = false;
    root.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      if (!held.size) hasDragged = false;
      held.set(event.pointerId, { x: event.clientX, y: event.clientY });
    }, { signal });
    window.addEventListener("pointermove", (event) => {
      const before = held.get(event.pointerId);
      if (!before) return;
      const now = { x: event.clientX, y: event.clientY };
      if (!hasDragged && Math.hypot(now.x - before.x, now.y - before.y) < 4) return;
      hasDragged = true;
      this.hasMoved = true;
      const [other] = [...held].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
      if (other) {
        const rect = root.getBoundingClientRect();
        const far = (point) => Math.hypot(point.x - other.x, point.y - other.y) || 1;
        this.zoom(far(now) / far(before), (now.x + other.x) / 2 - rect.left, (now.y + other.y) / 2 - rect.top);
      } else this.move(this.x + now.x - before.x, this.y + now.y - before.y);
      held.set(event.pointerId, now);
    }, { signal });
    for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, (event) => held.delete(event.pointerId), { signal });
    root.addEventListener("click", (event) => {
      if (!hasDragged) return;
      hasDragged = false;
      event.preventDefault();
      event.stopPropagation();
    }, { capture: true, signal });
  }

  move(x, y, k = this.k) {
    Object.assign(this, { x, y, k });
    this.world.style.transform = `translate(${x}px, ${y}px) scale(${k})`;
    this.map();
  }

  /** The small map, while not everything is in sight. */
  map() {
    const map = document.getElementById("lineage-map");
    const look = new Map([...this.world.querySelectorAll(".node")].map((node) => [node.dataset.id, [...node.classList].find((name) => name.startsWith("s-")) ?? ""]));
    showMap(map, {
      root: this.root, placed: this.placed, view: this, shape: `${this.width} ${this.height} ${this.placed.boxes.length}`,
      classOf: ({ id }) => `map-node ${look.get(id)}`,
      go: (x, y) => {
        this.hasMoved = true;
        this.move(this.root.clientWidth / 2 - x * this.k, this.root.clientHeight / 2 - y * this.k);
      },
    });
  }

  /** The whole where it is legible, else what is around the focus. */
  begin(focus) {
    if (!this.root.clientWidth) return;
    const { clientWidth: wide, clientHeight: high } = this.root;
    this.move(0, 0, Math.max((wide < NARROW_BELOW ? NARROW : WIDE).scale, Math.min(1, (wide - 40) / this.width, (high - 40) / this.height)));
    this.center(focus);
    // No room is left empty beside what is cut on the other side.
    const along = (size, room, at) => (size <= room ? (room - size) / 2 : Math.min(20, Math.max(room - size - 20, at)));
    this.move(along(this.width * this.k, wide, this.x), along(this.height * this.k, high, this.y));
  }

  /** All of it, however small. */
  fit() {
    const { clientWidth: wide, clientHeight: high } = this.root;
    const k = Math.max(0.05, Math.min(1, (wide - 40) / this.width, (high - 40) / this.height));
    this.move((wide - this.width * k) / 2, (high - this.height * k) / 2, k);
  }

  center(id) {
    const box = this.places.get(id);
    this.move(this.root.clientWidth / 2 - (box.x + box.width / 2) * this.k, this.root.clientHeight / 2 - (box.y + box.height / 2) * this.k);
  }

  zoom(factor, x = this.root.clientWidth / 2, y = this.root.clientHeight / 2) {
    this.hasMoved = true;
    const k = Math.max(0.05, Math.min(2, this.k * factor));
    const ratio = k / this.k;
    this.move(x - (x - this.x) * ratio, y - (y - this.y) * ratio, k);
  }

  /** Bring a node into sight; what is in sight stays where it is. */
  reveal(id) {
    const { x, y, width, height } = this.places.get(id);
    const [left, top] = [x * this.k + this.x, y * this.k + this.y];
    if (!this.root.clientWidth || (left >= 0 && top >= 0 && left + width * this.k <= this.root.clientWidth && top + height * this.k <= this.root.clientHeight)) return;
    this.center(id);
  }
}

function bindKeys(root, world, view, data, places, signal) {
  root.addEventListener("keydown", (event) => {
    if (isTyping(event) || event.ctrlKey || event.metaKey) return;
    if (event.key === "+" || event.key === "=") view.zoom(1.2);
    else if (event.key === "-") view.zoom(1 / 1.2);
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    const next = neighbour(data, places, event.target.closest?.("[data-id]")?.dataset.id, event.key);
    if (!next) return;
    world.querySelector(`[data-id="${CSS.escape(next)}"]`).focus({ preventScroll: true });
    view.reveal(next);
  }, { signal });
  document.addEventListener("keydown", (event) => {
    if (event.key === "f" && !isTyping(event) && !event.ctrlKey && !event.metaKey && !event.altKey && !document.querySelector("dialog[open]")) view.fit();
  }, { signal });
}

/** Where an arrow key leads: right and left along an edge, up and down to the next in the same column; from nowhere to the focus. */
function neighbour({ focus, edges }, places, here, key) {
  if (!here) return focus;
  if (key === "ArrowRight") return edges.find((edge) => edge.source === here)?.target;
  if (key === "ArrowLeft") return edges.find((edge) => edge.target === here)?.source;
  const at = places.get(here);
  const sign = key === "ArrowDown" ? 1 : -1;
  const column = [...places.values()].filter((other) => Math.abs(other.x + other.width / 2 - at.x - at.width / 2) < 60 && sign * (other.y - at.y) > 0);
  return column.sort((a, b) => sign * (a.y - b.y))[0]?.id;
}

/** While the button is down, a click on a node shows the paths to it instead of its panel. Returns whether it is. */
function pickButton(signal) {
  const button = document.getElementById("lineage-pick");
  if (!button) return () => false;
  button.hidden = false;
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    button.classList.toggle("primary", button.getAttribute("aria-pressed") === "true");
  }, { signal });
  return () => button.getAttribute("aria-pressed") === "true";
}

function searchFolded() {
  for (const cluster of document.querySelectorAll("#lineage-folded [data-members]")) searchMembers(cluster);
}

searchFolded();
/** The rows of the drawing, where they come only when they are asked for: those of what is drawn now, as long as they are shown. */
function showRows() {
  const table = document.getElementById("lineage-table");
  if (!table) return;
  const load = async () => {
    const rows = table.querySelector(".lineage-rows");
    const { source } = table.dataset;
    if (!table.open || rows.dataset.source === source) return;
    const html = await waitForText(rows, source, load, { bars: 3 });
    if (html === undefined) return;
    rows.dataset.source = source;
    rows.innerHTML = html;
    document.dispatchEvent(new CustomEvent("penstock:patched"));
  };
  table.ontoggle = load;
  load();
}

const root = document.getElementById("lineage");
if (root) {
  start(root);
  showRows();
  followForm(root, () => {
    searchFolded();
    showRows();
    start(root);
  });
} else {
  // Where there was nothing to draw yet, the first of it begins the page anew.
  document.addEventListener("penstock:patched", () => document.getElementById("lineage") && location.reload());
}
