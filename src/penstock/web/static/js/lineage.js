// The lineage graph: tasks as boxes, artifacts as pills, left to right around one artifact; hovering dims what is unrelated,
// and the other end of the paths to draw can be picked.

import { icon, isTyping, make, makeSvg } from "./dom.js";
import { edgePath } from "./layout.js";
import { placeFlat } from "./placing.js";
import { ask, waitAt } from "./waiting.js";

const LOOKS = { SUCCEEDED: "succeeded", FAILED: "failed", RUNNING: "running", PENDING: "pending", SKIPPED: "skipped", CANCELED: "canceled" };
const KINDS = { "system.Dataset": "dataset", "system.Model": "model", "system.Metrics": "metrics", "system.ClassificationMetrics": "metrics", "system.HTML": "document", "system.Markdown": "document" };

async function start(root) {
  const sprite = root.dataset.icons;
  const data = await waitAt(root, (signal) => ask(root.dataset.source, { signal }).then((answer) => answer.json()), () => start(root), { bars: 0 });
  root.querySelector(".graph-loading")?.remove();
  if (data === undefined) return;
  const sizes = data.nodes.map((node) => ({ id: node.id, width: node.kind === "task" ? 188 : 164, height: node.kind === "task" ? 50 : 40 }));
  const placed = await placeFlat({ nodes: sizes, edges: data.edges.map(({ source, target }) => ({ source, target })), direction: "LR" });
  const { width, height } = placed;
  const places = new Map(placed.boxes.map((box) => [box.id, box]));
  const world = make("div", { class: "graph-world" });
  const svg = makeSvg("svg", { class: "graph-edges", width, height, viewBox: `0 0 ${width} ${height}` });
  world.append(svg);
  world.style.width = `${width}px`;
  world.style.height = `${height}px`;
  for (const [index, edge] of data.edges.entries()) {
    const path = makeSvg("path", { class: "edge carries", d: edgePath(placed.edges[index].points), "data-source": edge.source, "data-target": edge.target });
    path.append(makeSvg("title", {}, edge.labels.join(", ")));
    svg.append(path);
  }
  const isPicking = pickButton();
  for (const node of data.nodes) {
    const place = places.get(node.id);
    const isFocus = node.id === data.focus || node.id === data.to;
    const element = make("a", { class: `node ${node.kind === "task" ? `s-${LOOKS[node.state] ?? "waiting"}` : "is-pill"}${isFocus ? " is-selected" : ""}`, href: node.url, "data-id": node.id, title: `${node.name}\n${node.detail}`, draggable: "false" },
      icon(sprite, node.kind === "task" ? "leaf" : KINDS[node.type] ?? "box", "node-kind"),
      make("span", { class: "node-text" }, make("span", { class: "node-name" }, node.name), make("span", { class: "node-meta" }, make("span", { class: "cut" }, node.detail))));
    Object.assign(element.style, { left: `${place.x}px`, top: `${place.y}px`, width: `${place.width}px`, height: `${place.height}px` });
    element.addEventListener("pointerenter", () => dim(node.id));
    element.addEventListener("pointerleave", () => dim(null));
    element.addEventListener("click", (event) => {
      if (!isPicking() || !node.path || node.id === data.focus) return;
      event.preventDefault();
      location.assign(node.path);
    });
    world.append(element);
  }
  root.append(world);

  const near = (start) => {
    const seen = new Set([start]);
    for (const [from, to] of [["source", "target"], ["target", "source"]]) {
      const stack = [start];
      while (stack.length) {
        const id = stack.pop();
        for (const edge of data.edges) {
          if (edge[from] === id && !seen.has(edge[to])) {
            seen.add(edge[to]);
            stack.push(edge[to]);
          }
        }
      }
    }
    return seen;
  };
  function dim(id) {
    const related = id ? near(id) : null;
    for (const element of world.querySelectorAll(".node")) element.classList.toggle("is-dim", Boolean(related) && !related.has(element.dataset.id));
    for (const path of svg.querySelectorAll(".edge")) path.classList.toggle("is-lit", Boolean(related) && related.has(path.dataset.source) && related.has(path.dataset.target));
  }

  let view = { x: 0, y: 0, k: 1 };
  const apply = () => { world.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.k})`; };
  const box = places.get(data.focus);
  const focus = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const k = Math.max(0.5, Math.min(1, (root.clientWidth - 40) / width, (root.clientHeight - 40) / height));
  const isAll = width * k <= root.clientWidth;
  view = { k, x: isAll ? (root.clientWidth - width * k) / 2 : root.clientWidth / 2 - focus.x * k, y: height * k <= root.clientHeight ? (root.clientHeight - height * k) / 2 : root.clientHeight / 2 - focus.y * k };
  apply();
  const zoom = (factor, x = root.clientWidth / 2, y = root.clientHeight / 2) => {
    const next = Math.max(0.1, Math.min(2, view.k * factor));
    const ratio = next / view.k;
    view = { k: next, x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio };
    apply();
  };
  const reveal = (id) => {
    const { x, y, width: wide, height: high } = places.get(id);
    const left = x * view.k + view.x;
    const top = y * view.k + view.y;
    if (left >= 0 && top >= 0 && left + wide * view.k <= root.clientWidth && top + high * view.k <= root.clientHeight) return;
    view = { k: view.k, x: root.clientWidth / 2 - (x + wide / 2) * view.k, y: root.clientHeight / 2 - (y + high / 2) * view.k };
    apply();
  };
  root.addEventListener("keydown", (event) => {
    if (isTyping(event)) return;
    if (event.key === "+" || event.key === "=") zoom(1.2);
    else if (event.key === "-") zoom(1 / 1.2);
    const here = event.target.closest?.("[data-id]")?.dataset.id;
    const next = neighbour(data, places, here, event.key);
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    if (!next) return;
    world.querySelector(`[data-id="${CSS.escape(next)}"]`).focus({ preventScroll: true });
    reveal(next);
  });
  world.addEventListener("focusin", (event) => dim(event.target.closest("[data-id]")?.dataset.id ?? null));
  world.addEventListener("focusout", () => dim(null));
  let from = null;
  root.addEventListener("pointerdown", (event) => {
    if (!event.target.closest(".node")) from = { x: event.clientX - view.x, y: event.clientY - view.y };
  });
  root.addEventListener("pointermove", (event) => {
    if (!from) return;
    view.x = event.clientX - from.x;
    view.y = event.clientY - from.y;
    apply();
  });
  window.addEventListener("pointerup", () => { from = null; });
  root.addEventListener("wheel", (event) => {
    event.preventDefault();
    const rect = root.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - rect.left, event.clientY - rect.top);
  }, { passive: false });
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

/** While the button is down, a click on a node shows the paths to it instead of its page. Returns whether it is. */
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

/** What is typed in the field of a cluster leaves those of its members in the list that contain it. */
function searchMembers(cluster) {
  const members = [...cluster.querySelectorAll("li")];
  cluster.querySelector("input").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const member of members) member.hidden = !member.textContent.toLowerCase().includes(wanted);
    cluster.querySelector("[role=status]").hidden = members.some((member) => !member.hidden);
  });
}

for (const cluster of document.querySelectorAll("[data-members]")) searchMembers(cluster);
const root = document.getElementById("lineage");
if (root) start(root);
