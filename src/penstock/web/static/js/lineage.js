// The lineage graph: tasks as boxes, artifacts as pills, left to right around one thing; lines say by their look how two things belong
// together. Hovering dims what is unrelated, a click opens the panel of a node, and the other end of the paths to draw can be picked.

import { icon, isTyping, make, makeSvg } from "./dom.js";
import { edgePath } from "./layout.js";
import { openNode, searchMembers, shownNode } from "./lineage_panel.js";
import { placeFlat } from "./placing.js";
import { ask, waitAt } from "./waiting.js";

const LOOKS = { SUCCEEDED: "succeeded", FAILED: "failed", RUNNING: "running", PENDING: "pending", SKIPPED: "skipped", CANCELED: "canceled" };
const KINDS = { "system.Dataset": "dataset", "system.Model": "model", "system.Metrics": "metrics", "system.ClassificationMetrics": "metrics", "system.HTML": "document", "system.Markdown": "document" };

async function start(root) {
  const known = document.getElementById("lineage-drawing");
  const data = known ? JSON.parse(known.textContent) : await waitAt(root, (signal) => ask(root.dataset.source, { signal }).then((answer) => answer.json()), () => start(root), { bars: 0 });
  root.querySelector(".graph-loading")?.remove();
  if (data === undefined) return;
  const sizes = data.nodes.map((node) => ({ id: node.id, width: node.kind === "task" ? 188 : 164, height: node.kind === "task" ? 50 : 40 }));
  const placed = await placeFlat({ nodes: sizes, edges: data.edges.map(({ source, target }) => ({ source, target })), direction: "LR" });
  const places = new Map(placed.boxes.map((box) => [box.id, box]));
  const world = make("div", { class: "graph-world" });
  world.style.width = `${placed.width}px`;
  world.style.height = `${placed.height}px`;
  const svg = drawEdges(data, placed);
  world.append(svg);
  const isPicking = pickButton();
  for (const node of data.nodes) world.append(drawNode(root.dataset.icons, node, data, places.get(node.id), isPicking));
  root.append(world, legend(data));
  bindHover(world, svg, data.edges);
  const view = new View(root, world, placed, places);
  view.begin(data.focus);
  // The panel takes room from the drawing: who has not moved it sees the whole again.
  new ResizeObserver(() => {
    if (!view.hasMoved) view.begin(data.focus);
    if (places.has(shownNode())) view.reveal(shownNode());
  }).observe(root);
  bindKeys(root, world, view, data, places);
  const mark = (ref) => {
    for (const element of world.querySelectorAll(".node")) element.classList.toggle("is-shown", element.dataset.id === ref);
    if (places.has(ref)) view.reveal(ref);
  };
  document.addEventListener("penstock:node", (event) => mark(event.detail));
  mark(shownNode());
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
  const aliases = node.aliases?.length ? make("span", { class: "node-alias", title: node.aliases.join(", ") }, icon(sprite, "tag"), make("span", { class: "cut" }, node.aliases[0]), node.aliases.length > 1 ? ` +${node.aliases.length - 1}` : null) : null;
  const element = make(node.url ? "a" : "div", { class: classes.filter(Boolean).join(" "), href: node.url || null, tabindex: node.url ? null : "0", "data-id": node.id, title: [node.name, node.detail, ...(node.aliases ?? [])].join("\n"), draggable: "false" },
    icon(sprite, isTask ? "leaf" : KINDS[node.type] ?? "box", "node-kind"),
    make("span", { class: "node-text" }, make("span", { class: "node-name" }, node.name), make("span", { class: "node-meta" }, aliases, make("span", { class: "cut" }, node.detail))));
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

/** What of the drawing is in sight: moved by dragging, zoomed by wheel and keys. */
class View {
  constructor(root, world, { width, height }, places) {
    Object.assign(this, { root, world, width, height, places, x: 0, y: 0, k: 1, hasMoved: false });
    let from = null;
    root.addEventListener("pointerdown", (event) => {
      if (!event.target.closest(".node")) from = { x: event.clientX - this.x, y: event.clientY - this.y };
    });
    root.addEventListener("pointermove", (event) => {
      if (!from) return;
      this.hasMoved = true;
      this.move(event.clientX - from.x, event.clientY - from.y);
    });
    window.addEventListener("pointerup", () => { from = null; });
    root.addEventListener("wheel", (event) => {
      event.preventDefault();
      const rect = root.getBoundingClientRect();
      this.zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - rect.left, event.clientY - rect.top);
    }, { passive: false });
  }

  move(x, y, k = this.k) {
    Object.assign(this, { x, y, k });
    this.world.style.transform = `translate(${x}px, ${y}px) scale(${k})`;
  }

  /** The whole where it is legible, else what is around the focus. */
  begin(focus) {
    if (!this.root.clientWidth) return;
    const { clientWidth: wide, clientHeight: high } = this.root;
    this.move(0, 0, Math.max(0.5, Math.min(1, (wide - 40) / this.width, (high - 40) / this.height)));
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

function bindKeys(root, world, view, data, places) {
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
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "f" && !isTyping(event) && !event.ctrlKey && !event.metaKey && !event.altKey && !document.querySelector("dialog[open]")) view.fit();
  });
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
function pickButton() {
  const button = document.getElementById("lineage-pick");
  if (!button) return () => false;
  button.hidden = false;
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    button.classList.toggle("primary", button.getAttribute("aria-pressed") === "true");
  });
  return () => button.getAttribute("aria-pressed") === "true";
}

// The slider says its value while it is drawn along.
document.querySelector(".table-tools input[name=depth]")?.addEventListener("input", ({ target }) => {
  target.parentElement.querySelector(".num").textContent = target.value;
});

for (const cluster of document.querySelectorAll("#lineage-folded [data-members]")) searchMembers(cluster);
const root = document.getElementById("lineage");
if (root) start(root);
