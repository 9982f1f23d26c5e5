// A board of panels: sections by key prefix, drawn only near the viewport, one crosshair, one zoom, settings in the address.

import { make, throttle } from "./dom.js";
import { icon } from "./dom.js";
import { Plot, grouped, say, shortNumber } from "./plot.js";
import { drawMedia } from "./media.js";

const FLIGHTS = 6;
const PER_SECTION = 48;
const LIVE_PAUSE = 1500;

const waiting = [];
let flying = 0;

/** Fetch JSON, never more than a few at once. */
export function fetchJson(address) {
  return new Promise((done, fail) => {
    waiting.push({ address, done, fail });
    launch();
  });
}

function launch() {
  while (flying < FLIGHTS && waiting.length) {
    const { address, done, fail } = waiting.shift();
    flying += 1;
    fetch(address, { credentials: "same-origin", headers: { accept: "application/json" } })
      .then(async (answer) => {
        const body = await answer.json();
        if (answer.ok) done(body);
        else fail(new Error(body.error ?? String(answer.status)));
      }, fail)
      .finally(() => {
        flying -= 1;
        launch();
      });
  }
}

class Panel {
  constructor(board, { key, kind, title }) {
    this.board = board;
    this.key = key;
    this.kind = kind;
    const sprite = board.sprite;
    this.note = make("span", { class: "panel-note small faint" });
    this.body = make("div", { class: "chart-body skeleton" });
    this.legend = make("div", { class: "chart-legend small" });
    this.element = make("figure", { class: `chart-panel kind-${kind}`, "data-key": key, tabindex: "0", role: "group", "aria-label": key },
      make("figcaption", { class: "chart-head" },
        make("span", { class: "chart-title cut", title: key }, title),
        kind === "line" ? make("button", { class: "button ghost small square", type: "button", "aria-label": `${say("table")}: ${key}`, title: say("table"), onclick: () => this.showTable() }, icon(sprite, "grid")) : "",
        make("button", { class: "button ghost small square", type: "button", "aria-label": `${say("expand")}: ${key}`, title: say("expand"), onclick: () => this.expand() }, icon(sprite, "fit"))),
      this.body, kind === "line" ? this.legend : "", this.note);
    if (kind === "line") this.element.addEventListener("keydown", (event) => this.keys(event));
  }

  async load() {
    if (this.kind !== "line") {
      const runs = this.board.visible().map((run) => run.id).join();
      if (this.isLoaded && this.drawnRuns === runs && !this.isStale) return;
      this.drawnRuns = runs;
      this.isStale = false;
      await drawMedia(this, this.board);
      return;
    }
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const slow = setTimeout(() => this.body.classList.add("skeleton"), 300);
    try {
      const answer = await fetchJson(this.board.seriesAddress(this.key, this.body.clientWidth || 480));
      if (turn !== this.turn) return;
      this.data = answer.series;
      this.draw();
    } catch (error) {
      this.fail(error);
    } finally {
      clearTimeout(slow);
      this.body.classList.remove("skeleton");
    }
  }

  fail(error) {
    this.body.classList.remove("skeleton");
    this.plot?.destroy();
    this.plot = null;
    this.body.replaceChildren(make("div", { class: "empty small" }, `${say("failed")} ${error.message}`));
  }

  draw() {
    const { settings, range } = this.board;
    const series = this.board.arranged(this.data);
    this.series = series;
    const drawn = series.filter((one) => one.x.length);
    if (!drawn.length) {
      this.plot?.destroy();
      this.plot = null;
      this.body.replaceChildren(make("div", { class: "empty small" }, say("nothing")));
      this.note.textContent = "";
      return;
    }
    if (!this.plot) {
      this.body.replaceChildren();
      this.plot = new Plot(this.body, { onZoom: (from, to) => this.board.zoom(from, to), syncKey: "board" });
    }
    this.plot.axis = settings.x;
    this.plot.draw(series, settings, range);
    const rows = Math.max(...this.data.map((one) => one.rows));
    const points = Math.max(...this.data.map((one) => one.x.length));
    this.note.textContent = rows > points ? say("buckets", { per: Math.ceil(rows / points).toLocaleString() }) : say("full", { rows: rows.toLocaleString() });
    const last = drawn.map((one) => `${one.name}: ${shortNumber(one.y.findLast((value) => value !== null))}`).slice(0, 5).join(", ");
    this.element.setAttribute("aria-label", `${this.key}. ${last}`);
    this.drawLegend(drawn);
    if (this.table) this.fillTable();
  }

  drawLegend(drawn) {
    this.legend.replaceChildren();
    if (drawn.length < 2) return;
    for (const one of drawn.slice(0, 8)) {
      const line = one.url ? make("a", { class: "quiet cut", href: one.url }, one.name) : make("span", { class: "cut" }, one.name);
      this.legend.append(make("span", { class: "legend-entry" }, make("span", { class: `legend-swatch series-${((one.color - 1) % 8) + 1}` }), line));
    }
    if (drawn.length > 8) this.legend.append(make("span", { class: "faint" }, `+${drawn.length - 8}`));
  }

  showTable() {
    if (this.table) {
      this.table.remove();
      this.table = null;
      return;
    }
    this.table = make("div", { class: "table-box chart-table", tabindex: "0", role: "region", "aria-label": `${say("table")}: ${this.key}` });
    this.element.append(this.table);
    this.fillTable();
  }

  fillTable() {
    const head = make("tr", {}, ...["", say("value"), say("lowest"), say("highest")].map((word) => make("th", { scope: "col", class: word ? "right" : "" }, word)));
    const rows = (this.series ?? []).filter((one) => one.x.length).map((one) => {
      const values = one.y.filter((value) => value !== null);
      const least = Math.min(...(one.low ?? values).filter((value) => value !== null));
      const most = Math.max(...(one.high ?? values).filter((value) => value !== null));
      return make("tr", {}, make("th", { scope: "row", class: "cut" }, one.name), ...[values.at(-1), least, most].map((value) => make("td", { class: "num" }, shortNumber(value))));
    });
    this.table.replaceChildren(make("table", { class: "table compact" }, make("thead", {}, head), make("tbody", {}, ...rows)));
  }

  expand() {
    const dialog = make("dialog", { class: "chart-dialog", "aria-label": this.key });
    const place = make("div", { class: "chart-place" });
    this.element.replaceWith(place);
    const close = make("button", { class: "button", type: "button", onclick: () => dialog.close() }, say("close"));
    const step = (by) => {
      const panels = this.board.panels.filter((panel) => !panel.element.closest("[hidden]"));
      const next = panels[(panels.indexOf(this) + by + panels.length) % panels.length];
      dialog.close();
      next.expand();
    };
    dialog.append(make("div", { class: "body" }, this.element, make("footer", {}, close)));
    dialog.addEventListener("keydown", (event) => {
      if (event.target.closest("input, select")) return;
      if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
        event.stopPropagation();
        step(event.key === "ArrowLeft" ? -1 : 1);
      }
    }, true);
    dialog.addEventListener("close", () => {
      place.replaceWith(this.element);
      dialog.remove();
      this.redraw();
      this.element.focus();
    });
    document.body.append(dialog);
    dialog.showModal();
    this.isDrawn = true;
    if (this.kind === "line") this.load();
    else if (!this.isLoaded) this.load();
  }

  redraw() {
    if (this.kind === "line" && this.data) this.draw();
  }

  keys(event) {
    if (event.target !== this.element || !this.plot?.plot || this.element.closest("dialog")) return;
    const { min, max } = this.plot.plot.scales.x;
    const width = max - min;
    const moves = { "+": [min + width / 4, max - width / 4], "-": [min - width / 2, max + width / 2], ArrowLeft: [min - width / 4, max - width / 4], ArrowRight: [min + width / 4, max + width / 4] };
    if (event.key === "0" || event.key === "Escape") this.board.zoom(null, null);
    else if (event.key === "Enter") this.expand();
    else if (moves[event.key]) this.board.zoom(...moves[event.key]);
    else return;
    event.preventDefault();
  }

  rest() {
    if (this.kind !== "line" || !this.plot) return;
    this.plot.destroy();
    this.plot = null;
    this.isDrawn = false;
  }
}

/** The panels of one run or many. `runs`: [{id, name, color, group?, url?}]. */
export class Board {
  constructor(root, { runs, stream, x = "_step", tools }) {
    this.root = root;
    this.runs = runs;
    this.stream = stream;
    this.sprite = root.closest("[data-icons]").dataset.icons;
    this.panels = [];
    this.known = new Set();
    this.sections = new Map();
    this.tools = tools;
    const query = new URLSearchParams(location.search);
    this.settings = {
      x: query.get("x") ?? x, smoother: query.get("smoother") ?? "ema", smooth: Number(query.get("smooth") ?? 0), logY: query.has("ly"), logX: query.has("lx"), clip: query.has("clip"),
    };
    this.range = query.has("from") && query.has("to") ? [Number(query.get("from")), Number(query.get("to"))] : null;
    this.observer = new IntersectionObserver((entries) => this.seen(entries), { rootMargin: "500px 0px" });
    this.bind();
  }

  /** Take a list of panels; those that are new are added at the end of their section. */
  setPanels(list) {
    for (const one of list) {
      if (this.known.has(one.key)) continue;
      this.known.add(one.key);
      this.add(one);
    }
    if (this.panels.length) this.root.querySelector(":scope > .empty")?.remove();
    this.offerKeys(list);
  }

  add(one) {
    let section = this.sections.get(one.section);
    if (!section) {
      const count = make("span", { class: "count faint num" });
      const grid = make("div", { class: "panel-grid" });
      const element = make("details", { class: "panel-section", open: true }, make("summary", {}, make("span", {}, one.section === "Charts" || one.section === "Media" ? say(one.section) : one.section), count), grid);
      section = { element, grid, count, size: 0, held: [] };
      this.sections.set(one.section, section);
      this.root.append(element);
    }
    section.size += 1;
    section.count.textContent = String(section.size);
    if (section.grid.childElementCount >= PER_SECTION) {
      section.held.push(one);
      section.more ??= section.element.appendChild(make("button", { class: "button small", type: "button", onclick: () => this.more(section) }, say("more")));
      return;
    }
    this.put(section, one);
  }

  put(section, one) {
    const panel = new Panel(this, one);
    this.panels.push(panel);
    panel.element.panel = panel;
    section.grid.append(panel.element);
    this.observer.observe(panel.element);
  }

  more(section) {
    for (const one of section.held.splice(0, PER_SECTION)) this.put(section, one);
    if (!section.held.length) section.more.remove();
  }

  seen(entries) {
    for (const entry of entries) {
      const { panel } = entry.target;
      if (entry.target.closest("dialog")) continue;
      if (entry.isIntersecting && !panel.isDrawn) {
        panel.isDrawn = true;
        panel.load();
      } else if (!entry.isIntersecting && panel.isDrawn) panel.rest();
    }
  }

  seriesAddress(key, width) {
    const query = new URLSearchParams({ runs: this.visible().map((run) => run.id).join(","), key, x: this.settings.x, points: String(Math.min(2000, Math.round(width))) });
    if (this.stream === "events") query.set("stream", "events");
    if (this.range) {
      query.set("from", this.range[0]);
      query.set("to", this.range[1]);
    }
    return `/ui/tracking/series?${query}`;
  }

  visible() {
    return this.runs.filter((run) => !run.isHidden);
  }

  /** Series with names and colours; runs of a group become mean and band. */
  arranged(data) {
    const byId = new Map(this.runs.map((run) => [run.id, run]));
    const alone = [];
    const groups = new Map();
    for (const one of data) {
      const run = byId.get(one.run);
      if (!run || run.isHidden) continue;
      if (run.group !== undefined) {
        if (!groups.has(run.group)) groups.set(run.group, { name: run.group || "–", color: run.groupColor, series: [] });
        groups.get(run.group).series.push(one);
      } else alone.push({ ...one, name: run.name, color: run.color, url: run.url });
    }
    for (const group of groups.values()) alone.push({ ...grouped(group.series), name: `${group.name} (${group.series.length})`, color: group.color });
    return alone;
  }

  zoom(from, to) {
    if (from !== null && !(to > from)) return;
    this.range = from === null ? null : [from, to];
    if (from === null) for (const panel of this.panels) if (panel.plot) panel.plot.yRange = null;
    this.note();
    this.reload();
  }

  reload() {
    for (const panel of this.panels) if (panel.isDrawn) panel.load();
  }

  redraw() {
    for (const panel of this.panels) if (panel.isDrawn) panel.redraw();
  }

  /** Keep the address in step, so that a copied link restores the view. */
  note() {
    const address = new URL(location.href);
    const { settings } = this;
    const values = {
      x: settings.x === "_step" ? null : settings.x, smooth: settings.smooth || null, smoother: settings.smooth ? settings.smoother : null, ly: settings.logY ? "1" : null, lx: settings.logX ? "1" : null,
      clip: settings.clip ? "1" : null, from: this.range?.[0] ?? null, to: this.range?.[1] ?? null,
    };
    for (const [name, value] of Object.entries(values)) {
      if (value === null) address.searchParams.delete(name);
      else address.searchParams.set(name, value);
    }
    history.replaceState(history.state, "", address);
  }

  /** Any logged number may be the horizontal axis. */
  offerKeys(list) {
    const select = this.tools?.querySelector("[data-chart-x]");
    if (!select || this.stream === "events") return;
    const known = new Set([...select.options].map((option) => option.value));
    for (const one of list) if (one.kind === "line" && !known.has(one.key) && select.options.length < 300) select.append(make("option", { value: one.key }, one.key));
    select.value = this.settings.x;
  }

  bind() {
    const find = (name) => this.tools?.querySelector(`[data-chart-${name}]`);
    const { settings } = this;
    const link = (name, field, read, work, event = "change") => {
      const element = find(name);
      if (!element) return;
      if (element.type === "checkbox") element.checked = settings[field];
      else element.value = settings[field];
      element.addEventListener(event, () => {
        settings[field] = read(element);
        this.note();
        work();
      });
    };
    const redraw = throttle(() => this.redraw(), 60);
    link("x", "x", (element) => element.value, () => {
      this.range = null;
      this.note();
      this.reload();
    });
    link("smoother", "smoother", (element) => element.value, redraw);
    link("smooth", "smooth", (element) => Number(element.value), redraw, "input");
    link("log-y", "logY", (element) => element.checked, redraw);
    link("log-x", "logX", (element) => element.checked, redraw);
    link("clip", "clip", (element) => element.checked, redraw);
    find("reset")?.addEventListener("click", () => this.zoom(null, null));
    const search = this.tools?.querySelector("[data-panel-search]");
    search?.addEventListener("input", () => this.filter(search.value));
    window.addEventListener("resize", throttle(() => { for (const panel of this.panels) panel.plot?.resize(); }, 120));
    document.addEventListener("penstock:theme", () => setTimeout(() => this.redraw(), 50));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  filter(text) {
    let wanted;
    try {
      wanted = new RegExp(text, "i");
    } catch {
      return;
    }
    for (const section of this.sections.values()) {
      if (text) while (section.held.length) this.more(section);
      let count = 0;
      for (const element of section.grid.children) {
        element.hidden = !wanted.test(element.dataset.key);
        if (!element.hidden) count += 1;
      }
      section.element.hidden = count === 0;
    }
  }

  /** Draw again when the history of a shown run grew. */
  listen(what) {
    const names = () => new Set(this.visible().map((run) => run.runName ?? run.name));
    const again = throttle(() => {
      if (!document.hidden) this.reload();
    }, LIVE_PAUSE);
    document.addEventListener("penstock:change", (event) => {
      const known = names();
      if (!event.detail.some((change) => known.has(change.name) && what.includes(change.what))) return;
      for (const panel of this.panels) panel.isStale = true;
      again();
    });
  }
}
