// A board of panels: sections by key prefix or as the reader arranged them, drawn only near the viewport, one crosshair, one zoom.
// Settings live in the address; with a document (a workspace) they are kept in it too.

import { icon, make, throttle } from "./dom.js";
import { fetchJson } from "./fetching.js";
import { keptAnswer } from "./frozen.js";
import { MediaPanel } from "./media.js";
import { letDrag, letResize } from "./panel_drag.js";
import { editPanel, askText } from "./panel_edit.js";
import { LinePanel } from "./panel_line.js";
import { ImportancePanel, ParallelPanel } from "./panel_parallel.js";
import { CodePanel, NotesPanel } from "./panel_texts.js";
import { BarPanel, ComparerPanel, ScalarPanel, ScatterPanel } from "./panel_values.js";
import { VegaPanel } from "./panel_vega.js";
import { say } from "./words.js";

const PER_SECTION = 48;
const AT_ONCE = 12;
const LIVE_PAUSE = 1500;
const KINDS = { line: LinePanel, bar: BarPanel, scatter: ScatterPanel, scalar: ScalarPanel, comparer: ComparerPanel, parallel: ParallelPanel, importance: ImportancePanel, vega: VegaPanel, markdown: NotesPanel, code: CodePanel };
const DEFAULTS = { smoother: "ema", smooth: 0, logY: false, logX: false, clip: false, agg: "mean", band: "range", sync: true, lanes: "", lines: 10 };
const IN_ADDRESS = { smoother: "smoother", smooth: "smooth", logY: "ly", logX: "lx", clip: "clip", agg: "agg", band: "band", sync: "sync", lanes: "lanes", lines: "lines" };
const MOST_LINES = 50;

const ZOOM = /^(.*)\*([^*]*)\*([^*]*)\*([^*]*)\*([^*]*)$/s; // id of a panel, ends of x, ends of y
const rangeOf = (from, to) => (from !== "" && to !== "" && Number(to) > Number(from) ? [Number(from), Number(to)] : null);

/** The number in a field, within its bounds, which the field then says. */
function within(element) {
  element.value = String(Math.max(Number(element.min), Math.min(Number(element.max), Math.round(Number(element.value)) || DEFAULTS.lines)));
  return Number(element.value);
}

/** The panels of one run or many. `runs`: [{id, name, color, group?, url?}]; `finals`: [{name, color, url, values}] of runs without series; `answers`: of a frozen one; `source`: query that names them for values; `document`: a ViewDocument. */
export class Board {
  constructor(root, { runs, stream = "history", x = "_step", tools = null, document: doc = null, source = "", isAddressed = true, answers = null, finals = [] }) {
    Object.assign(this, { root, runs, finals, stream, tools, source, isAddressed, answers });
    this.asked = new Set();
    this.document = doc;
    this.sprite = root.closest("[data-icons]").dataset.icons;
    this.auto = [];
    this.held = new Map();
    this.sections = new Map();
    this.alerts = root.dataset.alerts;
    this.firstX = x;
    this.readSettings();
    this.observer = new IntersectionObserver((entries) => this.seen(entries), { rootMargin: "400px 0px" });
    this.bind();
    if (doc) letDrag(root, this);
  }

  readSettings() {
    const query = this.isAddressed ? new URLSearchParams(location.search) : new URLSearchParams();
    const kept = this.document?.value.settings ?? {};
    const settings = { ...DEFAULTS, x: this.firstX, ...kept };
    if (query.has("x")) settings.x = query.get("x");
    for (const [name, word] of Object.entries(IN_ADDRESS)) {
      if (!query.has(word)) continue;
      const text = query.get(word);
      settings[name] = typeof DEFAULTS[name] === "boolean" ? text !== "0" : typeof DEFAULTS[name] === "number" ? Number(text) || 0 : text;
    }
    this.settings = { ...settings, lines: Math.max(1, Math.min(MOST_LINES, Math.round(settings.lines) || DEFAULTS.lines)) };
    this.adopted = JSON.stringify(kept);
    this.range = query.has("from") && query.has("to") ? [Number(query.get("from")), Number(query.get("to"))] : null;
    this.zooms = new Map(query.getAll("zoom").map((text) => ZOOM.exec(text)).filter(Boolean).map(([, id, ...ends]) => [id, { x: rangeOf(ends[0], ends[1]), y: rangeOf(ends[2], ends[3]) }]));
  }

  get panels() {
    return [...this.held.values()];
  }

  get isGrouped() {
    return this.runs.some((run) => run.group !== undefined);
  }

  visible() {
    return this.runs.filter((run) => !run.isHidden);
  }

  /** A run of the list; thousands may be there. */
  runById(id) {
    if (this.indexed !== this.runs) {
      this.indexed = this.runs;
      this.byId = new Map(this.runs.map((run) => [run.id, run]));
    }
    return this.byId.get(id);
  }

  /** Whether a run of the values is switched off; those that the list has not come to are on unless the reader said otherwise. */
  isHidden({ id, group }) {
    return this.choose?.(id, group) ?? this.runById(id)?.isHidden ?? false;
  }

  /** How many runs there are to draw: those of the list, or as many as match where the list goes on. */
  get count() {
    return Math.max(this.total ?? 0, this.runs.length);
  }

  /** The first of some runs in the order of the list, and those beyond them that the reader asked for. */
  first(runs, most) {
    return runs.length <= most ? runs : runs.filter((run, place) => place < most || this.isAsked?.(run.id));
  }

  /** How a run of the values looks: as in the list, where it is in the list. */
  look(row) {
    const run = this.runById(row.id);
    if (!run) return { color: row.color };
    return { label: run.name, name: run.name, url: run.url, color: run.color, isBaseline: run.isBaseline, ...(run.group === undefined ? {} : { group: run.group }) };
  }

  groupColor(name) {
    return this.runs.find((run) => run.group === name)?.groupColor;
  }

  /** Take the list of panels that come with the keys. */
  setPanels(list) {
    this.auto = list.map((one) => ({ id: one.key, ...one }));
    this.arrange();
    if (!this.hasBegun) this.begin();
    this.offerKeys();
  }

  /** The panels at the top ask for their data at once; those that come into sight later are told so after a frame was drawn. */
  begin() {
    this.hasBegun = true;
    for (const panel of this.panels.slice(0, AT_ONCE)) {
      const box = panel.element.getBoundingClientRect();
      if (box.top > innerHeight) break;
      if (box.width) this.seen([{ target: panel.element, isIntersecting: true }]);
    }
  }

  lineKeys() {
    return this.auto.filter((one) => one.kind === "line").map((one) => one.key);
  }

  /** Sections with their panels, in order. */
  listed() {
    if (this.document) return this.document.arranged(this.auto);
    const sections = new Map();
    for (const spec of this.auto) {
      if (!sections.has(spec.section)) sections.set(spec.section, []);
      sections.get(spec.section).push(spec);
    }
    return [...sections].map(([name, panels]) => ({ name, isClosed: false, panels }));
  }

  shown() {
    return [...this.root.querySelectorAll("[data-panel]")].filter((element) => !element.closest("[hidden], details:not([open])")).map((element) => element.panel);
  }

  /** Make the page say what the list says; what stays where it is, is not touched. */
  arrange() {
    const listed = this.listed();
    const used = new Set();
    let before = null;
    for (const part of listed) {
      const section = this.sections.get(part.name) ?? this.addSection(part.name);
      const elements = part.panels.slice(0, section.most).map((spec) => {
        used.add(spec.id);
        return this.panelFor(spec).element;
      }).filter((element) => !element.closest("dialog"));
      section.count.textContent = String(part.panels.length);
      section.more.hidden = part.panels.length <= section.most;
      if (section.element.open === part.isClosed) section.element.open = !part.isClosed;
      const present = [...section.grid.children];
      if (elements.length !== present.length || elements.some((element, at) => element !== present[at])) section.grid.replaceChildren(...elements);
      if ((before ? before.nextElementSibling : this.root.firstElementChild) !== section.element) {
        if (before) before.after(section.element);
        else this.root.prepend(section.element);
      }
      before = section.element;
    }
    for (const [id, panel] of this.held) if (!used.has(id)) this.drop(id, panel);
    const names = new Set(listed.map((part) => part.name));
    for (const [name, section] of this.sections) {
      if (names.has(name)) continue;
      section.element.remove();
      this.sections.delete(name);
    }
    if (used.size) this.root.querySelector(":scope > .empty")?.remove();
    if (this.sought) this.filter(this.sought);
  }

  panelFor(spec) {
    let panel = this.held.get(spec.id);
    if (panel && panel.spec.kind !== spec.kind) {
      this.drop(spec.id, panel);
      panel = null;
    }
    if (!panel) {
      panel = new (KINDS[spec.kind] ?? MediaPanel)(this, spec);
      if (this.document) letResize(panel, this);
      this.held.set(spec.id, panel);
      this.observer.observe(panel.element);
    } else if (JSON.stringify(panel.spec) !== JSON.stringify(spec)) {
      panel.update(spec);
      if (panel.isDrawn) panel.load();
    }
    return panel;
  }

  drop(id, panel) {
    this.observer.unobserve(panel.element);
    panel.rest();
    panel.element.remove();
    this.held.delete(id);
  }

  addSection(name) {
    const count = make("span", { class: "count faint num" });
    const grid = make("div", { class: "panel-grid" });
    const more = make("button", { class: "button small", type: "button", hidden: true, onclick: () => this.more(name) }, say("more"));
    const label = name === "Charts" || name === "Media" ? say(name) : name;
    const element = make("details", { class: "panel-section", open: true, "data-section": name }, make("summary", {}, make("span", {}, label), count), grid, more);
    if (this.document) {
      const move = (by, symbol, word) => make("button", { class: "button ghost small square", type: "button", "aria-label": `${say(word)}: ${label}`, title: say(word), onclick: () => this.document.moveSection(this.listed(), name, by) }, icon(this.sprite, symbol));
      element.firstElementChild.after(make("span", { class: "section-tools" }, move(-1, "chevron-up", "section up"), move(1, "chevron-down", "section down")));
      element.addEventListener("toggle", () => {
        if (element.isConnected && Boolean(this.document.value.closed[name]) === element.open) this.document.close(name, !element.open);
      });
    }
    const section = { element, grid, count, more, most: PER_SECTION };
    this.sections.set(name, section);
    return section;
  }

  more(name) {
    this.sections.get(name).most += PER_SECTION;
    this.arrange();
  }

  /** Change the document; the focus stays on the panel that was moved. */
  rearrange(work, id) {
    work();
    if (id) (this.held.get(id)?.element.querySelector(".menu > summary") ?? this.root).focus({ preventScroll: false });
  }

  editPanel(spec = null) {
    editPanel(this, spec);
  }

  askSection(spec) {
    askText(this, say("move to section"), spec.section, this.listed().map((one) => one.name), (name) => this.document.put(this.listed(), spec.id, name));
  }

  seen(entries) {
    for (const entry of entries) {
      const { panel } = entry.target;
      if (!panel || entry.target.closest("dialog") || !entry.target.isConnected) continue;
      if (entry.isIntersecting) panel.equip();
      if (entry.isIntersecting && !panel.isDrawn) {
        panel.isDrawn = true;
        panel.load();
      } else if (!entry.isIntersecting && panel.isDrawn) panel.rest();
    }
  }

  /** Fetch JSON for a panel; a frozen board has its answers already. */
  async ask(address, { signal } = {}) {
    if (this.answers) return keptAnswer(await this.answers, address, say("not frozen"));
    this.asked.add(address);
    return fetchJson(address, { signal });
  }

  seriesAddress(key, width, x, range) {
    const query = new URLSearchParams({ runs: this.visible().map((run) => run.id).join(","), key, x, points: String(Math.min(2000, Math.round(width))) });
    if (this.stream === "events") query.set("stream", "events");
    if (range) {
      query.set("from", range[0]);
      query.set("to", range[1]);
    }
    return `/ui/tracking/series?${query}`;
  }

  /** Values of some columns for every run that matches, asked once for all panels until something changes. */
  fetchValues(columns, signal) {
    const query = new URLSearchParams(this.source);
    for (const column of columns) query.append("column", column);
    return this.ask(`/ui/tracking/values?${query}`, { signal });
  }

  /** All values of the drawn runs, twelve at most. */
  fetchAllValues(signal) {
    const query = new URLSearchParams({ runs: this.visible().slice(0, 12).map((run) => run.id).join(",") });
    return this.ask(`/ui/tracking/values?${query}`, { signal });
  }

  /** Draw only these runs. A workspace remembers it; elsewhere a second time brings the others back. */
  only(ids) {
    if (this.keepOnly) {
      this.keepOnly(ids);
      return;
    }
    const isBack = this.visible().length === ids.length;
    for (const run of this.runs) run.isHidden = !isBack && !ids.includes(run.id);
    this.reload();
  }

  /** Draw these runs no longer. */
  hide(ids) {
    if (this.keepHidden) {
      this.keepHidden(ids);
      return;
    }
    for (const run of this.runs) run.isHidden ||= ids.includes(run.id);
    this.reload();
  }

  /** Show this range of x in all panels that zoom together; null for all of it. */
  zoom(range) {
    this.range = range;
    this.note();
    this.reload();
  }

  /** Keep what one panel alone shows: ranges of x and y, nulls for all. */
  zoomPanel(id, { x, y }) {
    if (x || y) this.zooms.set(id, { x, y });
    else this.zooms.delete(id);
    this.note();
  }

  /** Load what is in sight again; settled when all of it is here. */
  reload(isMeant = () => true) {
    return Promise.all(this.panels.filter((panel) => panel.isDrawn && isMeant(panel)).map((panel) => panel.load()));
  }

  /** Draw again what is there, or only panels that hold a `part`. */
  redraw(part = null) {
    for (const panel of this.panels) if (panel.isDrawn && (!part || panel.body.querySelector(part))) panel.redraw();
  }

  /** Show the media of a step in all panels that have several. */
  moveTo(step, except = null) {
    this.mediaStep = step;
    for (const panel of this.panels) if (panel !== except && panel.range && panel.moveTo) panel.moveTo(step);
  }

  /** Other runs are faint. */
  fade() {
    for (const panel of this.panels) if (panel.isDrawn) panel.fade();
  }

  /** Runs have other names, groups or colours; what they logged is the same. */
  retell() {
    for (const panel of this.panels) if (panel.isDrawn) panel.retell();
  }

  /** Keep the address in step, so that a copied link restores the view. */
  note() {
    if (!this.isAddressed) return;
    const address = new URL(location.href);
    const { settings } = this;
    const set = (name, value) => (value === null ? address.searchParams.delete(name) : address.searchParams.set(name, value));
    set("x", settings.x === this.firstX ? null : settings.x);
    for (const [name, word] of Object.entries(IN_ADDRESS)) {
      const value = settings[name];
      const isPlain = value === DEFAULTS[name] || (name === "smoother" && !settings.smooth);
      set(word, isPlain ? null : typeof value === "boolean" ? (value ? "1" : "0") : String(value));
    }
    const short = (range) => range?.map((value) => String(Number(value.toPrecision(12)))) ?? ["", ""];
    set("from", this.range ? short(this.range)[0] : null);
    set("to", this.range ? short(this.range)[1] : null);
    address.searchParams.delete("zoom");
    for (const [id, { x, y }] of this.zooms) address.searchParams.append("zoom", [id, ...short(x), ...short(y)].join("*"));
    history.replaceState(history.state, "", address);
  }

  /** Any logged number may be the horizontal axis. */
  offerKeys() {
    const select = this.tools?.querySelector("[data-chart-x]");
    if (!select || this.stream === "events") return;
    const known = new Set([...select.options].map((option) => option.value));
    for (const key of this.lineKeys()) if (!known.has(key) && select.options.length < 300) select.append(make("option", { value: key }, key));
    select.value = this.settings.x;
  }

  /** Take settings from the document again, after undo or another view. */
  adopt() {
    const kept = JSON.stringify(this.document.value.settings);
    if (kept === this.adopted) return; // what the address says besides stays
    this.adopted = kept;
    const before = JSON.stringify(this.settings);
    this.settings = { ...DEFAULTS, x: this.firstX, ...this.document.value.settings };
    if (JSON.stringify(this.settings) === before) return;
    this.showSettings();
    this.note();
    this.reload();
  }

  showSettings() {
    for (const [name, element] of this.fields ?? []) {
      if (element.type === "checkbox") element.checked = this.settings[name];
      else element.value = this.settings[name];
    }
  }

  change(name, value, work) {
    this.settings[name] = value;
    this.document?.set(name, value === DEFAULTS[name] ? null : value);
    this.note();
    work();
  }

  bind() {
    const find = (name) => this.tools?.querySelector(`[data-chart-${name}]`);
    const redraw = throttle(() => this.redraw(), 60);
    const reload = () => {
      for (const zoom of this.zooms.values()) zoom.x = null; // values of another axis
      this.zoom(null);
    };
    const wishes = [["x", "x", reload], ["smoother", "smoother", redraw], ["smooth", "smooth", redraw], ["log-y", "logY", redraw], ["log-x", "logX", redraw], ["clip", "clip", redraw], ["agg", "agg", redraw], ["band", "band", redraw], ["sync", "sync", () => {}], ["lanes", "lanes", () => this.reload()], ["lines", "lines", () => this.onLines?.()]];
    this.fields = [];
    for (const [name, field, work] of wishes) {
      const element = find(name);
      if (!element) continue;
      this.fields.push([field, element]);
      const read = () => (element.type === "checkbox" ? element.checked : element.type === "range" ? Number(element.value) : element.type === "number" ? within(element) : element.value);
      element.addEventListener("change", () => this.change(field, read(), work));
      if (element.type === "range") element.addEventListener("input", () => {
        this.settings[field] = read();
        this.note();
        work();
      });
    }
    this.showSettings();
    find("reset")?.addEventListener("click", () => {
      this.zooms.clear();
      this.zoom(null);
    });
    find("drag")?.addEventListener("change", (event) => { this.isBrushing = event.target.value === "brush"; });
    const search = this.tools?.querySelector("[data-panel-search]");
    search?.addEventListener("input", () => this.filter(search.value));
    document.addEventListener("penstock:step", ({ detail }) => { if (this.settings.sync) this.moveTo(detail); });
    window.addEventListener("resize", throttle(() => { for (const panel of this.panels) panel.resize(); }, 120));
    document.addEventListener("penstock:theme", ({ detail }) => (detail?.isNow ? this.redraw(".uplot") : setTimeout(() => this.redraw(), 50)));
  }

  filter(text) {
    let wanted;
    try {
      wanted = new RegExp(text, "i");
    } catch {
      return;
    }
    const isNew = this.sought !== text;
    this.sought = text;
    for (const [name, section] of this.sections) {
      if (text && isNew && !section.more.hidden) {
        section.most = Infinity;
        this.arrange();
      }
      let count = 0;
      for (const element of this.sections.get(name).grid.children) {
        element.hidden = !wanted.test(element.dataset.key) && !wanted.test(element.panel?.name ?? "");
        if (!element.hidden) count += 1;
      }
      section.element.hidden = count === 0;
    }
  }

  /** Draw again when the history of a shown run grew, but never before the last answers are drawn: a slow server would answer for nothing. */
  listen(what) {
    const names = () => new Set(this.visible().map((run) => run.runName ?? run.name));
    const again = throttle(() => (document.hidden ? null : this.reload()), LIVE_PAUSE);
    const retold = throttle(() => (document.hidden ? null : this.reload((panel) => panel.isOfValues)), LIVE_PAUSE);
    document.addEventListener("penstock:change", (event) => {
      const known = names();
      if (event.detail?.some((change) => change.what === "config")) retold(); // names, tags, groups and config, of runs that are not in the list too
      if (event.detail && !event.detail.some((change) => known.has(change.name) && what.includes(change.what))) return;
      for (const panel of this.panels) panel.isStale = true;
      again();
    });
  }
}
