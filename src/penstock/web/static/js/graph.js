// The graph view: draws what `layout.js` placed, patches states as they change, pans, zooms, searches, walks by keyboard.
// Without a run (`data-static`) it draws a definition. The table below the graph is its twin.

import { cutInTheMiddle, duration, icon, isTyping, make, makeSvg, text, throttle } from "./dom.js";
import { edgeKey, edgesAt, findEdge, hitLine, showEdge, tellEdges } from "./graph_edges.js";
import { listEdges } from "./graph_edge_list.js";
import { showTrail } from "./graph_layers.js";
import { GraphSearch } from "./graph_search.js";
import { Sight } from "./graph_sight.js";
import { foldSwitches } from "./graph_tools.js";
import { edgePath } from "./layout.js";
import { showMap } from "./minimap.js";
import { placeScopes } from "./placing.js";
import { openTask } from "./run.js";
import { asRead, inOrder, showFocused } from "./tabbing.js";
import { ask, waitAt } from "./waiting.js";

const LOOKS = { PENDING: "pending", RUNNING: "running", SUCCEEDED: "succeeded", SKIPPED: "skipped", FAILED: "failed", CANCELING: "canceling", CANCELED: "canceled", PAUSED: "paused" };
const KINDS = { FOREACH: "loop", PARALLEL: "layers", BRANCHES: "branch", SWITCH: "branch", JOIN: "lineage", RUNTIME: "leaf", IMPORTER: "import", LOOP: "loop", ITERATION: "loop", DAG: "layers", CONDITION: "branch", CONDITION_BRANCH: "branch", EXIT_HANDLER: "exit", CLUSTER: "layers", ARTIFACT: "box" };
const ARTIFACT_KINDS = { "system.Dataset": "dataset", "system.Model": "model", "system.Metrics": "metrics", "system.ClassificationMetrics": "metrics", "system.HTML": "document", "system.Markdown": "document" };
const ORDER = ["FAILED", "CANCELED", "CANCELING", "RUNNING", "PENDING", "PAUSED", "SUCCEEDED", "SKIPPED"];
const DIFFS = { added: "plus", removed: "minus", changed: "edit" };
const SWITCHES = { failed: "graph-failed-only", path: "graph-path", different: "graph-differences" };
/** The scale at least that a chosen task and what is around it are shown with. */
const LEGIBLE = 0.9;
const FAR = 0.6;
const UNFOLDED = new Set(["CONDITION", "CONDITION_BRANCH", "EXIT_HANDLER"]);

class GraphView {
  constructor(root) {
    this.root = root;
    this.source = root.dataset.source;
    this.isStatic = root.dataset.static === "yes";
    this.sprite = root.dataset.icons;
    this.world = make("div", { class: "graph-world" });
    this.svg = makeSvg("svg", { class: "graph-edges" });
    this.nodes = new Map();
    this.rounds = new Map();
    this.view = { x: 0, y: 0, k: 1 };
    this.path = null;
    this.shape = "";
    this.drawing = 0;
    this.data = null;
    this.placed = null;
    this.hasMoved = false;
    const parameters = new URL(location.href).searchParams;
    this.isDefault = !parameters.has("open");
    this.open = new Set((parameters.get("open") ?? "").split(",").filter(Boolean));
    this.options = { direction: parameters.get("dir") === "LR" ? "LR" : "TB", artifacts: parameters.get("artifacts") === "1", implied: root.dataset.whole !== "yes" && parameters.get("implied") !== "shown" };
    this.selected = parameters.get("task") && [parameters.get("task"), parameters.get("output")].filter(Boolean).join("#");
    this.hasLayers = root.dataset.layers === "yes";
    this.layer = this.hasLayers ? parameters.get("layer") : null;
    this.edge = null;
    this.edgeHome = null;
    this.wantedEdge = parameters.get("edge");
    this.sight = new Sight(() => this.remember());
    this.sight.read(parameters);
    if (this.layer && parameters.has("round")) this.rounds.set(this.layer, parameters.get("round"));
    this.marks = { outputs: {}, metrics: {}, tracked: [] };
    this.marked = "";
    this.sought = "";
    this.search = new GraphSearch(this);
  }

  async start() {
    this.world.append(this.svg);
    this.bindTools();
    this.bindPointer();
    showFocused(this.root, this.world, { view: () => this.view, move: (dx, dy) => {
      this.view.x += dx;
      this.view.y += dy;
      this.moved();
    } });
    this.root.addEventListener("keydown", (event) => this.onKey(event));
    document.addEventListener("penstock:task", (event) => this.select(event.detail));
    document.addEventListener("penstock:theme", () => this.data && this.paint());
    document.addEventListener("penstock:change", throttle(() => this.load().then(() => this.path && this.loadPath()).catch(() => {}), 400));
    window.addEventListener("popstate", () => {
      const { searchParams } = new URL(location.href);
      const layer = this.hasLayers ? searchParams.get("layer") : null;
      if (layer === this.layer) return;
      if (layer && searchParams.has("round")) this.rounds.set(layer, searchParams.get("round"));
      this.sight.read(searchParams);
      this.enter(layer, false);
    });
    new ResizeObserver(() => (this.hasMoved && this.sight.here !== "all" ? this.showMap() : this.fitWithSelected())).observe(this.root);
    await this.attempt();
  }

  /** Fetch and draw for the first time, or again when that did not work; the reader sees how it goes. */
  async attempt() {
    await waitAt(this.root, async (signal) => {
      await this.load(0, signal);
      if (this.isDefault) await this.unfold(signal);
      await this.loadPath();
    }, () => this.attempt(), { bars: 0 });
    this.root.querySelector(".graph-loading")?.remove();
  }

  fail(error) {
    waitAt(this.root, () => Promise.reject(error), () => this.attempt());
  }

  /** Open conditions and exit handlers once, as they are only control flow; loops and sub-pipelines stay closed. */
  async unfold(signal) {
    for (let round = 0; round < 4; round += 1) {
      const wanted = Object.values(this.data.scopes).flatMap((scope) => scope.nodes)
        .filter((node) => node.is_group && (node.diff === "changed" || (UNFOLDED.has(node.type) && !node.diff)) && node.state !== "SKIPPED" && !this.open.has(node.id)).slice(0, 12);
      if (!wanted.length) return;
      for (const node of wanted) this.open.add(node.id);
      await this.load(0, signal);
    }
  }

  /** Fetch what is open and draw it; newly chosen iterations are fetched in a second round. */
  async load(round = 0, signal = undefined) {
    const address = new URL(this.source, location.href);
    const wanted = [...new Set([...(this.layer ? [this.layer] : []), ...this.open, ...this.rounds.values()])];
    if (this.layer) address.searchParams.set("layer", this.layer);
    if (wanted.length) address.searchParams.set("open", wanted.join(","));
    const answer = await ask(address, { signal });
    this.data = await answer.json();
    let isMissing = false;
    for (const [loopId, iterations] of Object.entries(this.data.loops)) {
      if (!iterations.length) continue;
      const chosen = this.rounds.get(loopId);
      if (!chosen || !iterations.some(([id]) => id === chosen)) {
        const first = iterations.find(([id]) => this.open.has(id)) ?? iterations.find(([, , state]) => state === "FAILED")
          ?? iterations.find(([, , state]) => state === "RUNNING") ?? iterations[0];
        this.rounds.set(loopId, first[0]);
      }
      if (!this.data.scopes[this.rounds.get(loopId)]) isMissing = true;
    }
    if (isMissing && round < 3) {
      await this.load(round + 1, signal);
      return;
    }
    await this.draw();
    await this.loadMarks();
  }

  /** Id of the scope that is drawn: the open layer, of a loop the iteration that is shown, else the whole. */
  get rootId() {
    if (!this.layer) return this.data.root;
    return this.data.loops[this.layer] ? this.rounds.get(this.layer) : this.layer;
  }

  /** Open a group as a layer of its own, or go back to the whole (null). */
  enter(id, push = true) {
    if (push) {
      this.sight.settle();
      this.sight.forget();
      const address = new URL(location.href);
      for (const name of ["layer", "round", "at", "edge"]) address.searchParams.delete(name);
      if (id) address.searchParams.set("layer", id);
      history.pushState(history.state, "", address);
    }
    this.layer = id;
    this.choose(null, false);
    this.hasMoved = false;
    this.load().then(() => id && this.remember()).then(() => this.root.focus({ preventScroll: true })).catch((error) => this.fail(error));
  }

  showLayer() {
    const rounds = this.layer ? this.data.loops[this.layer] ?? [] : [];
    showTrail(document.getElementById("graph-trail"), this.sprite, this.layer ? this.data.trail ?? [] : [], {
      go: (id) => this.enter(id), rounds, chosen: this.rounds.get(this.layer),
      choose: (id) => {
        this.rounds.set(this.layer, id);
        this.remember();
        this.load().catch((error) => this.fail(error));
      },
    });
  }

  /** Fetch what is known beside states (artifacts, metrics, tracked runs) whenever another task has ended. */
  async loadMarks() {
    const { marks: source } = this.root.dataset;
    const ended = Object.values(this.data.scopes).flatMap((scope) => scope.nodes).filter((node) => node.finished_at).map((node) => `${node.id}${node.attempts}`).join();
    if (!source || ended === this.marked) return;
    this.marked = ended;
    const answer = await fetch(source, { credentials: "same-origin" });
    if (!answer.ok) return;
    this.marks = await answer.json();
    if (this.placed) this.paint();
    if (this.edge) this.choose(this.edge, false);
  }

  /** Mark an edge with its producer and consumer and say what flows along it; null: none. */
  choose(edge, isKept = true) {
    this.edge = edge;
    showEdge(document.getElementById("graph-edge-text"), edge, this.marks, (id) => this.nameOf(id), {
      go: (id) => {
        this.center(id);
        this.focusNode(id);
      },
      close: () => this.choose(null),
    });
    this.light();
    if (isKept) this.remember();
  }

  nameOf(id) {
    return this.nodes.get(id)?.box.node.name ?? "";
  }

  focusNode(id) {
    this.world.querySelector(`[data-node="${CSS.escape(id)}"]`)?.focus({ preventScroll: true });
  }

  /** Give an edge the focus, which chooses it; `home` is the box whose edges the reader walks through. */
  focusEdge(edge, home) {
    this.edgeHome = home;
    this.choose(edge);
    this.revealEdge(edge);
    this.svg.querySelector(`.edge-hit[data-edge="${CSS.escape(edgeKey(edge))}"]`)?.focus({ preventScroll: true });
  }

  /** Go from a box to its edges. */
  toEdges(box) {
    const [edge] = box ? edgesAt(this.placed.edges, box.dataset.node) : [];
    if (edge) this.focusEdge(edge, box.dataset.node);
  }

  /** The table of edges below the drawing, while it is open. */
  listEdges() {
    listEdges(document.getElementById("graph-edge-list"), this.placed?.edges ?? [], this.marks, {
      nameOf: (id) => this.nameOf(id), hrefOf: (id) => (this.isStatic || id.includes("~") || this.nodes.get(id)?.box.node.isArtifact ? null : `?task=${encodeURIComponent(id)}`),
      show: (edge) => this.focusEdge(edge, edge.source),
    });
  }

  light() {
    for (const [id, { element }] of this.nodes) element.classList.toggle("is-end", this.edge?.source === id || this.edge?.target === id);
    for (const path of this.svg.querySelectorAll(".edge")) {
      const { source, target } = path.dataset;
      const isChosen = this.edge?.source === source && this.edge?.target === target;
      path.classList.toggle("is-lit", isChosen || (this.selected !== null && (source === this.selected || target === this.selected)));
    }
  }

  async draw() {
    this.root.querySelector(".graph-loading")?.remove();
    if (!this.world.isConnected) this.root.append(this.world);
    const scope = this.data.scopes[this.rootId];
    this.showLayer();
    if (!scope?.nodes.length) {
      this.root.querySelector(".empty")?.remove();
      this.root.append(make("div", { class: "empty" }, make("p", {}, text("not yet"))));
      return;
    }
    this.root.querySelector(".empty")?.remove();
    const shape = JSON.stringify([
      Object.entries(this.data.scopes).map(([id, { nodes, edges }]) => [id, nodes.map((node) => node.id), edges.map((edge) => [edge.source, edge.target])]),
      Object.entries(this.data.loops).map(([id, rounds]) => [id, rounds.length]), this.rootId, [...this.open], [...this.rounds], this.options,
    ]);
    if (shape !== this.shape) {
      this.drawing += 1;
      const mine = this.drawing;
      const placed = await placeScopes(this.rootId, this.data, this.open, this.rounds, this.options, shape);
      if (mine !== this.drawing) return;
      this.shape = shape;
      this.placed = placed;
      this.place();
      if (this.sight.wanted) this.restoreSight();
      else if (!this.hasMoved || this.sight.here === "all") this.fitWithSelected();
    }
    this.paint();
    const wanted = this.wantedEdge && findEdge(this.placed.edges, this.wantedEdge);
    if (wanted) {
      this.wantedEdge = null;
      this.choose(wanted, false);
    }
    this.showMap();
    this.search.update();
    this.sayFolded();
  }

  /** Say what is not drawn as a box of its own. */
  sayFolded() {
    const place = document.getElementById("graph-folded");
    if (!place) return;
    const scopes = Object.values(this.data.scopes);
    const total = scopes.reduce((sum, scope) => sum + (scope.folded ?? 0), 0);
    const hidden = scopes.reduce((sum, scope) => sum + (scope.hidden ?? 0), 0);
    place.hidden = !total;
    place.querySelector("[data-count]").textContent = String(total);
    const rest = place.querySelector("[data-hidden]");
    rest.hidden = !hidden;
    rest.querySelector("span").textContent = String(hidden);
  }

  place() {
    const { width, height, boxes, edges } = this.placed;
    const wanted = new Set(boxes.map((box) => box.node.id));
    const focused = this.svg.contains(document.activeElement) ? document.activeElement.dataset.edge : null;
    for (const [id, entry] of this.nodes) {
      if (!wanted.has(id)) {
        entry.element.remove();
        this.nodes.delete(id);
      }
    }
    this.world.style.width = `${width}px`;
    this.world.style.height = `${height}px`;
    this.svg.setAttribute("width", width);
    this.svg.setAttribute("height", height);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren(makeSvg("defs", {}, makeSvg("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, makeSvg("path", { d: "M1 1 L7 4 L1 7", class: "arrow-head" }))));
    for (const edge of edges) {
      const path = makeSvg("path", { class: `edge${edge.labels.length || edge.words ? " carries" : ""}${edge.is_foreach ? " is-foreach" : ""}${edge.diff ? ` diff-${edge.diff}` : ""}`, d: edgePath(edge.points), "marker-end": "url(#arrow)", "data-source": edge.source, "data-target": edge.target });
      this.svg.append(hitLine(edge, edgePath(edge.points)), path);
    }
    for (const box of boxes) {
      let entry = this.nodes.get(box.node.id);
      if (!entry || entry.isOpen !== box.isOpen) {
        entry?.element.remove();
        entry = { element: this.make(box), isOpen: box.isOpen };
        this.nodes.set(box.node.id, entry);
      }
      entry.box = box;
      const { style } = entry.element;
      style.left = `${box.x}px`;
      style.top = `${box.y}px`;
      style.width = `${box.width}px`;
      style.height = `${box.height}px`;
      style.zIndex = box.isOpen ? String(box.depth) : "50";
    }
    this.svg.style.zIndex = "40";
    inOrder(this.svg, asRead(boxes, this.options.direction === "LR").map((box) => this.nodes.get(box.node.id).element));
    if (focused) this.svg.querySelector(`[data-edge="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    if (this.edge && !findEdge(edges, edgeKey(this.edge))) this.choose(null, false);
  }

  make(box) {
    const { node } = box;
    if (node.isArtifact) {
      const href = `?task=${encodeURIComponent(node.owner)}&output=${encodeURIComponent(node.key)}`;
      const isLink = !this.isStatic && !node.owner.includes("~");
      return make(isLink ? "a" : "div", { class: "node is-artifact", "data-node": isLink ? node.id : null, href: isLink ? href : null, draggable: "false", "aria-label": isLink ? node.name : null, title: `${node.name}\n${node.artifactType}` },
        icon(this.sprite, ARTIFACT_KINDS[node.artifactType] ?? "box"), make("span", { class: "node-name" }, ...cutInTheMiddle(node.name)));
    }
    const href = node.url || (this.isStatic ? `?node=${encodeURIComponent(node.id)}` : `?task=${encodeURIComponent(node.id)}`);
    const kind = icon(this.sprite, KINDS[node.type] ?? "leaf", "node-kind");
    const name = make("span", { class: "node-name" }, node.name, node.url ? make("span", { class: "node-note" }) : null);
    if (!node.is_group) {
      return make("a", { class: "node", href, draggable: "false", "data-node": node.id, "data-node-key": node.key }, kind,
        make("span", { class: "node-text" }, name, make("span", { class: "node-meta" })), make("span", { class: "node-side" }));
    }
    const toggle = make("button", {
      class: "node-toggle", type: "button", "aria-expanded": String(box.isOpen), "aria-label": `${text(box.isOpen ? "close" : "open")} ${node.name}`,
      onclick: (event) => {
        event.preventDefault();
        event.stopPropagation();
        this.toggle(node.id);
      },
    }, icon(this.sprite, box.isOpen ? "chevron-up" : "chevron-down"));
    const link = make("a", { class: "node-link", href, draggable: "false", "data-node": node.id, "data-node-key": node.key }, kind,
      make("span", { class: "node-text" }, name, make("span", { class: "node-meta" })));
    const enter = this.hasLayers && node.type !== "CLUSTER" && make("button", {
      class: "node-enter", type: "button", title: text("open as a layer"), "aria-label": `${text("open as a layer")}: ${node.name}`,
      onclick: (event) => {
        event.preventDefault();
        event.stopPropagation();
        this.enter(node.id);
      },
    }, icon(this.sprite, "layers"));
    return make("div", { class: `node is-group${box.isOpen ? " is-open" : ""}`, "data-node-box": node.id }, make("div", { class: "node-head" }, link, enter || null, toggle), make("div", { class: "node-loop" }));
  }

  /** Bring every box up to its state; positions stay. */
  paint() {
    const fresh = new Map(Object.values(this.data.scopes).flatMap((scope) => scope.nodes).map((node) => [node.id, node]));
    for (const [id, entry] of this.nodes) {
      const node = entry.box.node.isArtifact ? entry.box.node : fresh.get(id) ?? entry.box.node;
      const { element } = entry;
      if (node.isArtifact) continue;
      const look = node.is_cached && node.state === "SUCCEEDED" ? "cached" : LOOKS[node.state] ?? "waiting";
      element.className = element.className.replace(/\bs-\w+/g, "").trim();
      element.classList.add(`s-${look}`);
      if (node.diff) element.classList.add(`diff-${node.diff}`);
      element.title = [node.name, this.tally(node.counts), node.reason, node.about || node.component].filter(Boolean).join("\n");
      this.meta(element.querySelector(".node-meta"), node, look);
      element.querySelector(".node-note")?.replaceChildren(node.note);
      if (!node.is_group) this.side(element.querySelector(".node-side"), node);
      if (entry.box.loop) this.loop(element.querySelector(".node-loop"), node, entry.box.loop);
      else if (!entry.isOpen && node.is_group) this.ring(element.querySelector(".node-loop"), node.counts);
    }
    tellEdges(this.svg, this.placed.edges, this.marks, (id) => this.nameOf(id));
    this.listEdges();
    this.dim();
    this.select(this.selected);
  }

  meta(place, node, look) {
    const parts = [];
    if (!this.isStatic) {
      const word = node.state ? (look === "cached" ? text("cached") : text(node.state)) : text(document.querySelector(":is(#run-head, #flow-head)[data-final]") ? "never" : "not yet");
      parts.push(icon(this.sprite, look, node.state === "RUNNING" ? "spins" : ""), make("span", { class: "node-state" }, word));
      if (node.started_at && node.finished_at && look !== "cached" && !node.iterations) parts.push(make("span", { class: "num" }, duration(node.finished_at - node.started_at)));
      else if (node.started_at && node.state === "RUNNING") parts.push(make("span", { class: "num", "data-since": String(node.started_at) }, duration(this.data.now - node.started_at)));
      if (node.attempts > 1) parts.push(make("span", { class: "num" }, `×${node.attempts}`));
    } else if (node.diff) {
      parts.push(icon(this.sprite, DIFFS[node.diff]), make("span", { class: "node-state" }, text(node.diff)));
      if (node.parts.length) parts.push(make("span", { class: "cut" }, node.parts.map((part) => text(part)).join(", ")));
    } else parts.push(make("span", { class: "cut" }, node.condition || node.image || node.component));
    if (node.iterations !== null && node.iterations !== undefined) parts.push(make("span", { class: "num", title: `${node.iterations} ${text("iterations")}` }, `${node.iterations}×`));
    if (node.size) parts.push(make("span", { class: "num" }, `${node.size} ${text("tasks")}`));
    place.replaceChildren(...parts);
  }

  /** What a box says at its right: a metric of the task, and whether it is tracked. */
  side(place, node) {
    const [metric, value] = this.marks.metrics[node.id] ?? [];
    const parts = metric ? [make("span", { class: "num node-metric", title: `${metric}: ${value}`, "aria-label": `${metric} ${value}` }, value)] : [];
    if (this.marks.tracked.includes(node.id)) parts.push(make("span", { class: "node-tracked", role: "img", "aria-label": text("tracked"), title: text("tracked") }, icon(this.sprite, "chart")));
    place.replaceChildren(...parts);
  }

  /** Counts by state as a ring around the sign of a closed group. */
  ring(place, counts) {
    const total = Object.values(counts ?? {}).reduce((sum, count) => sum + count, 0);
    if (!total) {
      place.replaceChildren();
      return;
    }
    const svg = makeSvg("svg", { viewBox: "0 0 32 32", class: "node-ring", role: "img" });
    let begin = 0;
    for (const state of ORDER) {
      if (!counts[state]) continue;
      const share = (100 * counts[state]) / total;
      svg.append(makeSvg("circle", { class: `ring s-${LOOKS[state]}`, cx: 16, cy: 16, r: 13, pathLength: 100, "stroke-dasharray": `${share} ${100 - share}`, "stroke-dashoffset": String(-begin) }));
      begin += share;
    }
    svg.setAttribute("aria-label", this.tally(counts));
    place.replaceChildren(svg);
  }

  tally(counts) {
    return ORDER.filter((state) => counts?.[state]).map((state) => `${text(state)}: ${counts[state]}`).join(", ");
  }

  /** The grid of iterations of an open loop, and the picker of the one shown below it. */
  loop(place, node, { grid }) {
    const iterations = this.data.loops[node.id] ?? [];
    const chosen = this.rounds.get(node.id);
    const at = Math.max(0, iterations.findIndex(([id]) => id === chosen));
    const choose = (index) => {
      const target = iterations[Math.max(0, Math.min(iterations.length - 1, index))];
      if (!target) return;
      this.rounds.set(node.id, target[0]);
      this.remember();
      this.load();
    };
    if (!place.firstChild) {
      const canvas = make("canvas", { class: "loop-grid", role: "img" });
      canvas.addEventListener("click", (event) => {
        const size = canvas.getBoundingClientRect();
        const scale = grid.width / size.width;
        choose(Math.floor(((event.clientY - size.top) * scale) / grid.cell) * grid.perRow + Math.floor(((event.clientX - size.left) * scale) / grid.cell));
      });
      const input = make("input", { type: "number", min: "0", "aria-label": text("iteration"), onchange: () => choose(Number(input.value)) });
      const back = make("button", { type: "button", class: "button small square", "aria-label": "−1", onclick: () => choose(Number(input.value) - 1) }, icon(this.sprite, "chevron-left"));
      const on = make("button", { type: "button", class: "button small square", "aria-label": "+1", onclick: () => choose(Number(input.value) + 1) }, icon(this.sprite, "chevron-right"));
      place.append(canvas, make("div", { class: "loop-pick" }, back, input, on, make("button", { type: "button", class: "button ghost small cut loop-item", onclick: () => openTask(this.rounds.get(node.id)) })));
    }
    const [canvas, pick] = place.children;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = grid.width * ratio;
    canvas.height = grid.height * ratio;
    canvas.style.width = `${grid.width}px`;
    canvas.style.height = `${grid.height}px`;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const probe = make("span");
    document.body.append(probe);
    const colour = (name) => {
      probe.style.color = `var(--${name})`;
      return getComputedStyle(probe).color;
    };
    const colours = Object.fromEntries(Object.entries(LOOKS).map(([state, look]) => [state, colour(look === "canceling" ? "canceled" : look)]));
    const accent = colour("text");
    probe.remove();
    const gap = grid.cell > 6 ? 3 : grid.cell > 3 ? 1 : 0;
    const tally = {};
    for (const [, , state] of iterations) tally[state] = (tally[state] ?? 0) + 1;
    const isFailed = ([, [, , state]]) => state === "FAILED";
    const isDense = grid.cell <= 10 && tally.FAILED; // a failure is a dot then: it lies over its neighbours, which step back
    for (const [index, [, , state]] of [...iterations.entries()].sort((a, b) => isFailed(a) - isFailed(b))) {
      const grown = isDense && state === "FAILED" ? 1 : 0;
      const x = (index % grid.perRow) * grid.cell - grown;
      const y = Math.floor(index / grid.perRow) * grid.cell - grown;
      const side = grid.cell - gap + 2 * grown;
      context.globalAlpha = state === "FAILED" ? 1 : isDense ? 0.35 : state === "SUCCEEDED" ? 1 : 0.75;
      context.fillStyle = colours[state] ?? colours.PENDING;
      if (state === "PENDING" || state === "SKIPPED") {
        context.strokeStyle = context.fillStyle;
        context.strokeRect(x + 0.75, y + 0.75, side - 1.5, side - 1.5);
      } else context.fillRect(x, y, side, side);
      if (grid.cell > 10 && state === "FAILED") {
        context.strokeStyle = "#fff";
        context.beginPath();
        context.moveTo(x + 3, y + 3);
        context.lineTo(x + side - 3, y + side - 3);
        context.moveTo(x + side - 3, y + 3);
        context.lineTo(x + 3, y + side - 3);
        context.stroke();
      }
      if (index === at) {
        context.globalAlpha = 1;
        context.strokeStyle = accent;
        context.lineWidth = 1.5;
        context.strokeRect(x - 0.5, y - 0.5, side + 1, side + 1);
        context.lineWidth = 1;
      }
    }
    canvas.setAttribute("aria-label", `${iterations.length} ${text("iterations")}: ${ORDER.filter((state) => tally[state]).map((state) => `${text(state)} ${tally[state]}`).join(", ")}`);
    const input = pick.querySelector("input");
    input.max = String(iterations.length - 1);
    if (document.activeElement !== input) input.value = String(iterations[at]?.[1] ?? at);
    const note = pick.querySelector(".loop-item");
    note.textContent = iterations[at]?.[3] || text("open");
    note.title = note.textContent;
  }

  toggle(id) {
    if (this.open.has(id)) this.open.delete(id);
    else this.open.add(id);
    this.isDefault = false;
    this.remember();
    this.load().catch((error) => this.fail(error));
  }

  /** Open groups, of loops the iteration that is named, and draw what is in them; of a cluster's many tasks the one that is looked for, too. */
  async openAlong(trail, cluster, id) {
    trail.forEach(({ id, type }, at) => {
      if (type === "ITERATION") this.rounds.set(trail[at - 1]?.id, id);
      else this.open.add(id);
    });
    this.open.delete(this.sought);
    if (cluster) {
      this.open.add(cluster).add(id);
      this.sought = id;
    }
    this.isDefault = false;
    this.remember();
    await this.load();
  }

  remember() {
    const address = new URL(location.href);
    const opened = this.isDefault ? [] : [...this.open, ...[...this.rounds].filter(([loop]) => this.open.has(loop)).map(([, id]) => id)];
    if (this.isDefault) address.searchParams.delete("open");
    else address.searchParams.set("open", opened.join(","));
    if (this.options.direction === "LR") address.searchParams.set("dir", "LR");
    else address.searchParams.delete("dir");
    if (this.options.artifacts) address.searchParams.set("artifacts", "1");
    else address.searchParams.delete("artifacts");
    this.sight.write(address.searchParams);
    const edge = this.edge ? edgeKey(this.edge) : this.wantedEdge;
    const round = this.layer && this.data?.loops[this.layer] ? this.rounds.get(this.layer) : "";
    const marks = { edge, round, implied: this.options.implied || this.root.dataset.whole === "yes" ? "" : "shown", find: document.getElementById("graph-search")?.value.trim() };
    for (const name of Object.keys(SWITCHES)) marks[name] = document.getElementById(SWITCHES[name])?.checked ? "1" : "";
    for (const [name, value] of Object.entries(marks)) {
      if (value) address.searchParams.set(name, value);
      else address.searchParams.delete(name);
    }
    history.replaceState(history.state, "", address);
  }

  /** Switches and the text looked for are as the address says. */
  recall() {
    const { searchParams } = new URL(location.href);
    for (const [name, id] of Object.entries(SWITCHES)) {
      const box = document.getElementById(id);
      if (box && searchParams.get(name) === "1") box.checked = true;
    }
    const field = document.getElementById("graph-search");
    if (field && searchParams.has("find")) field.value = searchParams.get("find");
    const implied = document.getElementById("graph-transitive");
    if (implied) implied.checked = this.options.implied;
  }

  select(id) {
    this.selected = id;
    for (const element of this.world.querySelectorAll("[data-node]")) {
      const isHere = element.dataset.node === id;
      element.closest(".node").classList.toggle("is-selected", isHere);
      if (isHere) element.setAttribute("aria-current", "true");
      else element.removeAttribute("aria-current");
    }
    this.light();
  }

  // --- moving -----------------------------------------------------------

  apply(isSmooth = false) {
    this.world.classList.toggle("is-gliding", isSmooth && !matchMedia("(prefers-reduced-motion: reduce)").matches);
    this.world.style.transform = `translate(${this.view.x}px, ${this.view.y}px) scale(${this.view.k})`;
    // Buttons of boxes stay large enough for a finger; far away they would cover their boxes, and a task's panel leads inside, too.
    // In steps, and only where it matters: each change is a new style for everything that is drawn.
    const scale = this.world.contains(document.activeElement) ? this.view.k : Math.max(FAR, this.view.k);
    this.world.style.setProperty("--finger", `${Math.max(28, Math.ceil(24 / scale))}px`);
    this.world.classList.toggle("is-far", this.view.k < FAR);
    this.showMap(true);
  }

  /** Show the beginning, or what is around the chosen task, where names can be read; nothing the reader did, so nothing for the address. */
  fitWithSelected() {
    this.fit(this.sight.here === "all");
    if (this.hasMoved) return;
    const isSmall = this.view.k < LEGIBLE;
    if (!this.nodes.has(this.selected) || (!isSmall && this.isInSight(this.selected))) return;
    this.view.k = Math.max(this.view.k, LEGIBLE);
    this.centerOn(this.selected);
    // No room is left empty beside what is cut on the other side.
    const along = (size, room, at) => (size <= room ? (room - size) / 2 : Math.min(24, Math.max(room - size - 24, at)));
    this.view.x = along(this.placed.width * this.view.k, this.root.clientWidth, this.view.x);
    this.view.y = along(this.placed.height * this.view.k, this.root.clientHeight, this.view.y);
    this.apply();
  }

  /** The reader moved: draw it, and put it into the address once the hand rests. */
  moved(isSmooth = false) {
    this.hasMoved = true;
    this.apply(isSmooth);
    this.sight.note(this.view, this.root);
  }

  /** Look at the part of the graph that the address names. */
  restoreSight() {
    const view = this.sight.take(this.root);
    if (view) {
      this.view = view;
      this.hasMoved = true;
      this.apply();
    } else this.fit(true);
  }

  /** Show everything; without `whole` keep the text readable and show the beginning instead. */
  fit(whole = false) {
    if (!this.placed?.width) return;
    const { clientWidth, clientHeight } = this.root;
    const all = Math.min(1, (clientWidth - 48) / this.placed.width, (clientHeight - 48) / this.placed.height);
    const k = whole ? Math.max(0.05, all) : Math.max(0.72, all);
    const width = this.placed.width * k;
    const height = this.placed.height * k;
    const first = this.firstInRow();
    this.view = {
      k, x: width > clientWidth - 24 ? Math.max(clientWidth - 24 - width, Math.min(24, clientWidth / 2 - first.x * k)) : (clientWidth - width) / 2,
      y: height > clientHeight - 24 ? Math.max(clientHeight - 24 - height, Math.min(24, clientHeight / 2 - first.y * k)) : Math.min(64, (clientHeight - height) / 2),
    };
    this.hasMoved = whole;
    this.apply(true);
    if (whole && this.sight.here !== "all") this.sight.noteWhole();
  }

  /** The middle of the boxes that the graph begins with: they are in sight where not all of it is. */
  firstInRow() {
    const isAcross = this.options.direction === "LR";
    const boxes = this.placed.boxes.filter(({ depth }) => !depth);
    const begin = Math.min(...boxes.map((box) => (isAcross ? box.x : box.y)));
    const [box] = boxes.filter((one) => (isAcross ? one.x : one.y) <= begin + 1);
    if (!box) return { x: 0, y: 0 };
    return isAcross ? { x: 0, y: box.y + box.height / 2 } : { x: box.x + box.width / 2, y: 0 };
  }

  zoom(factor, x = this.root.clientWidth / 2, y = this.root.clientHeight / 2) {
    const k = Math.max(0.04, Math.min(2.5, this.view.k * factor));
    const ratio = k / this.view.k;
    this.view = { k, x: x - (x - this.view.x) * ratio, y: y - (y - this.view.y) * ratio };
    this.moved();
  }

  center(id) {
    if (this.centerOn(id)) this.moved(true);
  }

  centerOn(id) {
    const box = this.nodes.get(id)?.box;
    if (!box) return false;
    this.view.k = Math.max(this.view.k, 0.6);
    this.view.x = this.root.clientWidth / 2 - (box.x + box.width / 2) * this.view.k;
    this.view.y = this.root.clientHeight / 2 - (box.y + Math.min(box.height, 120) / 2) * this.view.k;
    return true;
  }

  bindPointer() {
    const pointers = new Map();
    let hasDragged = false;
    this.root.addEventListener("pointerdown", (event) => {
      if (event.button || event.target.closest("input, button, canvas")) return;
      pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      hasDragged = false;
    });
    this.root.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const dx = event.clientX - before.x;
      const dy = event.clientY - before.y;
      if (!hasDragged && Math.hypot(dx, dy) < 4) return;
      if (!hasDragged) this.root.setPointerCapture(event.pointerId);
      hasDragged = true;
      if (pointers.size === 2) {
        const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
        const distance = (point) => Math.hypot(point.x - other.x, point.y - other.y);
        const rect = this.root.getBoundingClientRect();
        this.zoom(distance({ x: event.clientX, y: event.clientY }) / (distance(before) || 1), (event.clientX + other.x) / 2 - rect.left, (event.clientY + other.y) / 2 - rect.top);
      } else {
        this.view.x += dx;
        this.view.y += dy;
        this.moved();
      }
      pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    const end = (event) => pointers.delete(event.pointerId);
    this.root.addEventListener("pointerup", end);
    this.root.addEventListener("pointercancel", end);
    this.root.addEventListener("click", (event) => {
      if (hasDragged) {
        event.preventDefault();
        event.stopPropagation();
        hasDragged = false;
        return;
      }
      const line = event.target.closest(".edge-hit");
      if (line) {
        this.edgeHome = line.dataset.source;
        this.choose(findEdge(this.placed.edges, line.dataset.edge));
        return;
      }
      const link = event.target.closest("a[data-node]");
      if (link && this.nodes.get(link.dataset.node)?.box.node.url) return; // the box is a link to a page of its own
      if (!link || this.isStatic || event.ctrlKey || event.metaKey || event.shiftKey) {
        if (link && this.isStatic) {
          event.preventDefault();
          document.dispatchEvent(new CustomEvent("penstock:node", { detail: link.dataset.node }));
        }
        return;
      }
      event.preventDefault();
      if (link.dataset.node.includes("~")) this.toggle(link.dataset.node);
      else {
        const [task, output = null] = link.dataset.node.split("#");
        openTask(task, { output });
      }
    }, true);
    this.root.addEventListener("wheel", (event) => {
      event.preventDefault();
      const rect = this.root.getBoundingClientRect();
      const isWheel = event.deltaX === 0 && Math.abs(event.deltaY) >= 50;
      if (event.ctrlKey || isWheel) this.zoom(Math.exp(-event.deltaY * (event.ctrlKey && !isWheel ? 0.01 : 0.0016)), event.clientX - rect.left, event.clientY - rect.top);
      else {
        this.view.x -= event.deltaX;
        this.view.y -= event.deltaY;
        this.moved();
      }
    }, { passive: false });
  }

  onKey(event) {
    if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    const line = event.target.closest?.(".edge-hit");
    if (line && this.onEdgeKey(event, findEdge(this.placed.edges, line.dataset.edge))) {
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    const here = event.target.closest?.("[data-node]");
    const isAcross = this.options.direction === "LR";
    const moves = { [isAcross ? "ArrowRight" : "ArrowDown"]: ["source", "target"], [isAcross ? "ArrowLeft" : "ArrowUp"]: ["target", "source"] };
    if (event.key.startsWith("Arrow")) {
      event.preventDefault();
      const first = this.placed?.boxes.find((box) => !box.node.isArtifact)?.node.id;
      let next = here ? null : first;
      if (here && moves[event.key]) {
        const [from, to] = moves[event.key];
        const edge = this.placed.edges.find((candidate) => candidate[from] === here.dataset.node);
        next = edge?.[to];
      } else if (here) {
        const box = this.nodes.get(here.dataset.node).box;
        const sign = event.key === "ArrowRight" || event.key === "ArrowDown" ? 1 : -1;
        const [along, off] = isAcross ? ["y", "x"] : ["x", "y"];
        next = this.placed.boxes.filter((other) => !other.node.isArtifact && other.node.id !== here.dataset.node && Math.abs(other[off] - box[off]) < 40 && sign * (other[along] - box[along]) > 0)
          .sort((a, b) => Math.abs(a[along] - box[along]) - Math.abs(b[along] - box[along]))[0]?.node.id;
      }
      if (next) {
        this.world.querySelector(`[data-node="${CSS.escape(next)}"]`)?.focus({ preventScroll: true });
        this.reveal(next);
      }
    } else if (event.key === "+" || event.key === "=") this.zoom(1.2);
    else if (event.key === "-") this.zoom(1 / 1.2);
  }

  /** Keys on an edge: along it to its ends, across it to the next edge of the same box. Says whether the key meant something. */
  onEdgeKey(event, edge) {
    if (!edge) return false;
    const isAcross = this.options.direction === "LR";
    const [on, back, next, previous] = isAcross ? ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp"] : ["ArrowDown", "ArrowUp", "ArrowRight", "ArrowLeft"];
    const home = this.edgeHome ?? edge.source;
    const ends = { [on]: edge.target, [back]: edge.source, Escape: home, Enter: home === edge.source ? edge.target : edge.source };
    if (event.key in ends) {
      if (event.key === "Escape") this.choose(null);
      this.focusNode(ends[event.key]);
      this.reveal(ends[event.key]);
      return true;
    }
    const step = { [next]: 1, e: 1, [previous]: -1, E: -1 }[event.key];
    if (!step) return false;
    const around = edgesAt(this.placed.edges, home);
    const at = around.findIndex((other) => edgeKey(other) === edgeKey(edge));
    this.focusEdge(around[(at + step + around.length) % around.length], home);
    return true;
  }

  /** Bring the middle of an edge into sight. */
  revealEdge({ points }) {
    const { x, y } = points[Math.floor(points.length / 2)];
    const [left, top] = [x * this.view.k + this.view.x, y * this.view.k + this.view.y];
    const { clientWidth, clientHeight } = this.root;
    if (left >= 0 && top >= 0 && left <= clientWidth && top <= clientHeight) return;
    this.view.x += clientWidth / 2 - left;
    this.view.y += clientHeight / 2 - top;
    this.moved(true);
  }

  reveal(id) {
    if (!this.isInSight(id)) this.center(id);
  }

  /** Whether the beginning of a box is in sight; what is not drawn counts as such. */
  isInSight(id) {
    const box = this.nodes.get(id)?.box;
    if (!box) return true;
    const left = box.x * this.view.k + this.view.x;
    const top = box.y * this.view.k + this.view.y;
    return left >= 0 && top >= 0 && left + 120 <= this.root.clientWidth && top + 40 <= this.root.clientHeight;
  }

  // --- tools ------------------------------------------------------------

  bindTools() {
    foldSwitches(document.querySelector(".graph-tools"));
    const at = (name) => document.getElementById(`graph-${name}`);
    document.getElementById("graph-edge-list")?.addEventListener("toggle", () => this.listEdges());
    at("fit")?.addEventListener("click", () => this.fit(true));
    at("in")?.addEventListener("click", () => this.zoom(1.25));
    at("out")?.addEventListener("click", () => this.zoom(1 / 1.25));
    at("direction")?.addEventListener("click", () => this.change({ direction: this.options.direction === "TB" ? "LR" : "TB" }));
    at("artifacts")?.addEventListener("change", (event) => this.change({ artifacts: event.target.checked }));
    at("transitive")?.addEventListener("change", (event) => this.change({ implied: event.target.checked }));
    this.recall();
    for (const name of ["failed-only", "differences"]) at(name)?.addEventListener("change", () => {
      this.remember();
      this.dim();
      this.showBright();
    });
    at("path")?.addEventListener("change", () => {
      this.remember();
      this.loadPath().then(() => this.showBright()).catch((error) => this.fail(error));
    });
    if (at("artifacts")) at("artifacts").checked = this.options.artifacts;
    this.search.bind();
    document.addEventListener("keydown", (event) => {
      if (event.key === "e" && !event.defaultPrevented && !event.ctrlKey && !event.metaKey) this.toEdges(event.target.closest?.("#graph [data-node]"));
      if (event.key === "f" && !isTyping(event) && !event.ctrlKey && !event.metaKey && !document.querySelector("dialog[open]")) this.fit(true);
    });
  }

  change(options) {
    // Turned, it is another drawing; else who moved it keeps what they look at where it is.
    const isKept = this.hasMoved && !("direction" in options);
    const held = isKept && this.sight.here !== "all" ? this.middle() : null;
    Object.assign(this.options, options);
    if (!isKept) {
      this.sight.forget();
      this.hasMoved = false;
    }
    this.remember();
    this.draw().then(() => held && this.hold(held)).catch((error) => this.fail(error));
  }

  /** The box of a task nearest to the middle of the view, and where its corner is on the screen. */
  middle() {
    const { x, y, k } = this.view;
    const onScreen = this.placed.boxes.filter(({ node, isOpen }) => !node.isArtifact && !isOpen).map((box) => ({ id: box.node.id, left: x + box.x * k, top: y + box.y * k, width: box.width * k, height: box.height * k }));
    const far = ({ left, top, width, height }) => Math.hypot(left + width / 2 - this.root.clientWidth / 2, top + height / 2 - this.root.clientHeight / 2);
    return onScreen.reduce((best, one) => (best && far(best) <= far(one) ? best : one), null);
  }

  /** Bring a box back to where it was on the screen. */
  hold({ id, left, top }) {
    const box = this.nodes.get(id)?.box;
    if (!box) return;
    this.view = { ...this.view, x: left - box.x * this.view.k, y: top - box.y * this.view.k };
    this.moved();
  }

  /** Dim what the switches leave out; clusters may hold tasks of the path and stay. */
  dim() {
    const isFailedOnly = Boolean(document.getElementById("graph-failed-only")?.checked);
    const isDifferent = Boolean(document.getElementById("graph-differences")?.checked);
    for (const [id, { element, isOpen, box }] of this.nodes) {
      const isOff = (isDifferent && !box.node.diff) || (isFailedOnly && !element.classList.contains("s-failed")) || (this.path !== null && box.node.type !== "CLUSTER" && !this.path.has(id));
      element.classList.toggle("is-dim", isOff && !isOpen);
      element.classList.toggle("is-on-path", this.path?.has(id) ?? false);
    }
  }

  /** Bring the first box that the switches leave bright into sight, unless one is there. */
  showBright() {
    const bright = [...this.nodes].filter(([, { element, isOpen }]) => !isOpen && !element.classList.contains("is-dim")).map(([id]) => id);
    if (bright.length && !bright.some((id) => this.isInSight(id))) this.center(bright[0]);
  }

  /** Fetch the critical path when its switch is on, say it as text and dim the rest. */
  async loadPath() {
    const field = document.getElementById("graph-path");
    const place = document.getElementById("graph-path-text");
    if (!field?.checked) {
      this.path = null;
      if (place) place.hidden = true;
      this.dim();
      return;
    }
    const answer = await ask(field.dataset.source);
    const { total_seconds: total, waited_share: waited, steps } = await answer.json();
    if (!field.checked) return;
    this.path = new Set(steps.flatMap(({ id, groups }) => [id, ...groups]));
    place.querySelector("[data-total]").textContent = duration(total);
    place.querySelector("[data-steps]").textContent = steps.map(({ name, share, seconds }) => `${name} ${Math.round(100 * share)} % (${duration(seconds)})`).join(" → ");
    place.querySelector("[data-waited] .num").textContent = `${Math.round(100 * waited)} %`;
    place.hidden = !steps.length;
    this.dim();
  }

  /** A small map while not everything is in sight. */
  showMap(isMove = false) {
    const map = document.getElementById("graph-map");
    if (!map || !this.placed?.width) return;
    const stateOf = (id) => [...(this.nodes.get(id)?.element.classList ?? [])].find((name) => name.startsWith("s-")) ?? "";
    showMap(map, {
      root: this.root, placed: this.placed, view: this.view, shape: this.shape, isMove,
      classOf: ({ node, isOpen }) => `${isOpen ? "map-group" : "map-node"} ${stateOf(node.id)}`,
      go: (x, y) => {
        this.view.x = this.root.clientWidth / 2 - x * this.view.k;
        this.view.y = this.root.clientHeight / 2 - y * this.view.k;
        this.moved(true);
      },
    });
  }
}

const root = document.getElementById("graph");
if (root) new GraphView(root).start();

