// The workspace of a project: a list of runs at left, panels of the visible ones at right. Filter, sort and group are the server's (they
// are links and a form). What the reader arranges is a document: kept in this browser as it changes, and on the server as a named view.

import { Board } from "./board.js";
import { isTyping, notify, throttle } from "./dom.js";
import { postJson } from "./fetching.js";
import { lookClass, recolored } from "./looks.js";
import { askText } from "./panel_edit.js";
import { RunList } from "./run_list.js";
import { ViewDocument } from "./views.js";
import { why } from "./waiting.js";
import { say } from "./words.js";

const root = document.querySelector("[data-panels]");
const list = document.querySelector("[data-run-list]");
const MOST = 50;
const NO_CHOICES = { hidden: {}, shown: {}, colors: {}, pinned: {}, groupColors: {}, groups: {}, isOnly: false };

function stored(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null;
  }
}

/** Names of the groups around a run that the list has not come to, the innermost first. */
function groupsAround(name) {
  const parts = name?.split(" · ") ?? [];
  return parts.map((_, at) => parts.slice(0, parts.length - at).join(" · "));
}

/** Parts of the address that say which runs are listed, and in which order. */
const ASKED = { q: "", group: "", then: "", sort: "-created" };

/** What an address asks of the list, without what would be so anyway. */
function askedOf(parts) {
  return Object.fromEntries(Object.keys(ASKED).map((name) => [name, parts[name] ?? ""]).filter(([name, value]) => value && value !== ASKED[name]));
}

/** What drawings say of a run. */
const WORDS = ["id", "name", "url", "group", "color", "groupColor"];

class Workspace {
  constructor() {
    this.query = askedOf(Object.fromEntries(new URLSearchParams(location.search)));
    this.place = root.dataset.store;
    this.view = JSON.parse(document.getElementById("workspace-view").textContent);
    const base = { ...this.view.document, runs: { ...NO_CHOICES, ...this.view.document.runs } };
    this.document = new ViewDocument(base);
    const draft = stored(this.place);
    if (draft?.base === this.document.base) this.document.value = { ...this.document.value, ...draft.value };
    this.board = new Board(root, { runs: [], tools: document.querySelector("[data-chart-tools]"), document: this.document, source: root.dataset.source });
    this.board.choose = (id, group) => this.isOff(this.board.runById(id) ?? { id, groups: groupsAround(group) }) ?? Boolean(this.choices.isOnly);
    this.board.keepOnly = (ids) => this.only(ids);
    this.board.keepHidden = (ids) => this.choose((runs) => {
      for (const id of ids) {
        delete runs.shown[id];
        runs.hidden[id] = 1;
      }
    });
    this.board.isAsked = (id) => this.isAsked(id);
    this.board.onLines = () => this.changed();
    this.list = new RunList(list, { source: root.dataset.source, onChange: () => this.listed() });
    this.board.runs = this.arrangedRuns();
    this.document.onChange = () => this.changed();
    this.bind();
    this.paint();
    this.board.setPanels(this.panels());
    this.board.listen(["history", "summary"]);
    this.list.want(this.chosen());
    this.list.settle();
  }

  /** Whether the list is filtered, grouped or sorted otherwise than the view that is open says. */
  get isAskedAnew() {
    return this.view.can_save && JSON.stringify(this.query) !== JSON.stringify(askedOf(this.view.query));
  }

  get isDirty() {
    return this.document.isDirty || this.isAskedAnew;
  }

  get choices() {
    return this.document.value.runs;
  }

  panels() {
    return JSON.parse(document.getElementById("panel-list").dataset.panelList);
  }

  /** Whether the reader switched a run off (true) or on (false), itself or the innermost of its groups that was; null: neither. */
  isOff({ id, groups }) {
    const { hidden, shown } = this.choices;
    if (hidden[id]) return true;
    if (shown[id]) return false;
    const named = groups.find((name) => this.choices.groups?.[name]);
    return named === undefined ? null : this.choices.groups[named] === "off";
  }

  /** Runs that the reader wants to see wherever they stand in the list. */
  chosen() {
    const { shown, pinned, baseline } = this.choices;
    return new Set([...Object.keys(pinned), ...(baseline ? [baseline] : []), ...Object.keys(shown)].slice(0, MOST));
  }

  /** Whether the reader switched a run on, pinned it or compares with it: it is drawn beside the first ones. */
  isAsked(id) {
    const { pinned, baseline } = this.choices;
    return Boolean(pinned[id]) || baseline === id || this.isOff(this.board.runById(id) ?? { id, groups: [] }) === false;
  }

  arrangedRuns() {
    const { colors, pinned, baseline, isOnly } = this.choices;
    const groupColors = this.choices.groupColors ?? {};
    const runs = this.list.runs().map((run) => ({ ...run, isOff: this.isOff(run), isKept: Boolean(pinned[run.id]) || baseline === run.id }));
    this.board.total = this.list.total;
    const first = this.board.settings.lines;
    let room = MOST - runs.filter((run) => run.isOff === false).length; // what was asked for comes before what is drawn unasked
    return runs.map((run, place) => {
      const isGrouped = run.group !== undefined;
      const isPlain = run.isOff === null && !isOnly && (run.isKept || place < first || isGrouped);
      if (isPlain) room -= 1;
      const isHidden = !(run.isOff === false || (isPlain && room >= 0));
      const groupColor = groupColors[run.group] ?? run.groupColor;
      const isBeyond = isHidden && run.isOff === null && !isOnly;
      return { ...run, isBeyond, groupColor, color: colors[run.id] ?? (isGrouped ? groupColor : run.color), isHidden, isBaseline: baseline === run.id };
    });
  }

  paint() {
    for (const run of this.board.runs) this.paintRow(run);
    const members = new Map();
    for (const run of this.board.runs) for (const name of run.groups) {
      if (!members.has(name)) members.set(name, []);
      members.get(name).push(run);
    }
    for (const group of list.querySelectorAll("[data-run-group]")) this.paintGroup(group, members.get(group.dataset.runGroup) ?? []);
    document.getElementById("drawn-note").textContent = say("drawn", { drawn: this.board.visible().length, all: this.list.total });
    const { document: doc } = this;
    for (const [name, isOff] of [["undo", !doc.past.length], ["redo", !doc.future.length], ["revert", !this.isDirty], ["save", !this.isDirty || !this.view.can_save || "refusal" in document.body.dataset]]) {
      const button = document.querySelector(`[data-view-${name}]`);
      if (button) button.disabled = isOff;
    }
    document.querySelector("[data-view-dirty]").hidden = !this.isDirty;
    const mode = document.querySelector("[data-view-mode]");
    if (mode) mode.checked = doc.value.mode === "auto";
  }

  /** Let a row show the eye, pin, mark and colour of its run; only where something differs, there may be thousands. */
  paintRow(run) {
    const row = this.list.rows.get(run.id);
    const looks = [Boolean(run.isHidden), Boolean(this.choices.pinned[run.id]), run.isBaseline, run.color, run.isBeyond];
    if (!row || row.painted === looks.join()) return;
    row.painted = looks.join();
    const [isHidden, isPinned, isBaseline] = looks;
    row.classList.toggle("is-hidden", isHidden);
    row.classList.toggle("is-pinned", isPinned);
    row.classList.toggle("is-baseline", isBaseline);
    row.classList.toggle("is-beyond", run.isBeyond);
    const eye = row.querySelector("[data-eye]");
    eye.setAttribute("aria-pressed", String(!isHidden));
    eye.title = say(run.isBeyond ? "beyond" : "draw");
    row.querySelector("[data-pin]").setAttribute("aria-pressed", String(isPinned));
    row.querySelector("[data-baseline]").setAttribute("aria-pressed", String(isBaseline));
    row.querySelector(".run-swatch").className = `run-swatch ${lookClass(run.color)}`;
  }

  membersOf(group) {
    return this.board.runs.filter((run) => run.groups.includes(group.dataset.runGroup));
  }

  paintGroup(group, members) {
    group.querySelector("[data-group-eye]").setAttribute("aria-pressed", String(members.some((run) => !run.isHidden)));
    const swatch = group.querySelector(":scope > .group-tools .run-swatch");
    if (swatch) swatch.className = `run-swatch ${lookClass(members[0]?.groupColor ?? 1)}`;
  }

  /** The document changed: draw what differs, and keep it in this browser. */
  changed() {
    const key = (runs) => runs.filter((run) => !run.isHidden).map((run) => run.id).join();
    const before = key(this.board.runs);
    const look = () => JSON.stringify(this.board.runs.map((run) => [run.color, run.groupColor, run.isBaseline]));
    const looks = look();
    this.list.want(this.chosen());
    this.board.runs = this.arrangedRuns();
    this.board.arrange();
    this.board.adopt();
    this.paint();
    if (before !== key(this.board.runs)) this.board.reload();
    else if (looks !== look()) this.board.redraw();
    this.keep();
  }

  /** Rows are others, or say something else. */
  listed() {
    const told = (names) => JSON.stringify(this.board.visible().map((run) => names.map((name) => run[name])));
    const [ids, words] = [told(["id"]), told(WORDS)];
    this.board.runs = this.arrangedRuns();
    this.paint();
    if (ids !== told(["id"])) this.board.reload();
    else if (words !== told(WORDS)) this.board.retell();
  }

  keep() {
    if (this.document.isDirty) localStorage.setItem(this.place, JSON.stringify({ base: this.document.base, value: this.document.value }));
    else localStorage.removeItem(this.place);
  }

  choose(work) {
    this.document.change((value) => work(value.runs));
  }

  /** Draw these runs and no others, also of those that the list has not come to; when these are alone already, the others come back. */
  only(ids) {
    const isAlone = ids.length > 0 && this.choices.isOnly && ids.length === Object.keys(this.choices.shown).length && ids.every((id) => this.choices.shown[id]);
    if (isAlone) this.choose((runs) => Object.assign(runs, { hidden: {}, shown: {}, groups: {}, isOnly: false }));
    else this.choose((runs) => Object.assign(runs, { hidden: {}, shown: Object.fromEntries(ids.map((id) => [id, 1])), groups: {}, isOnly: true }));
  }

  /** Draw the runs of a group or none of them, or give the group the next colour; its runs follow unless they have one of their own. */
  clickedGroup(button, isAlone) {
    const group = button.closest("[data-run-group]");
    const members = this.membersOf(group);
    if ("groupColor" in button.dataset) this.choose((runs) => { runs.groupColors = { ...runs.groupColors, [group.dataset.runGroup]: recolored(members[0].groupColor) }; });
    else this.choose((runs) => {
      const isOn = button.getAttribute("aria-pressed") === "true";
      for (const { id } of members) for (const part of [runs.hidden, runs.shown]) delete part[id];
      const inner = group.querySelectorAll("[data-run-group]");
      runs.groups = isAlone ? {} : { ...runs.groups };
      for (const { dataset } of inner) delete runs.groups[dataset.runGroup];
      if (isAlone) Object.assign(runs, { hidden: {}, shown: {}, isOnly: true });
      runs.groups[group.dataset.runGroup] = isOn && !isAlone ? "off" : "on";
    });
  }

  clicked(event) {
    const button = event.target.closest("button");
    if (button?.closest(".group-tools")) {
      this.clickedGroup(button, event.altKey);
      return;
    }
    const row = button?.closest("[data-run]");
    if (!row) return;
    const id = row.dataset.run;
    if ("eye" in button.dataset) {
      if (event.altKey) this.only([id]);
      else this.choose((runs) => {
        const isOn = button.getAttribute("aria-pressed") === "true";
        delete runs[isOn ? "shown" : "hidden"][id];
        runs[isOn ? "hidden" : "shown"][id] = 1;
      });
    } else if ("pin" in button.dataset) this.choose((runs) => {
      if (runs.pinned[id]) delete runs.pinned[id];
      else runs.pinned[id] = 1;
      delete runs.hidden[id];
    });
    else if ("baseline" in button.dataset) this.choose((runs) => { runs.baseline = runs.baseline === id ? null : id; });
    else if ("color" in button.dataset) {
      const run = this.board.runs.find((one) => one.id === id);
      this.choose((runs) => { runs.colors[id] = recolored(run.color); });
    }
  }

  /** Address of a view with what this page's address says besides: filter, order, group, ranges. */
  addressOf(view) {
    const address = new URL(view, location.href);
    for (const [key, value] of new URLSearchParams(location.search)) if (!["view", "nw"].includes(key)) address.searchParams.append(key, value);
    return address.href;
  }

  async save(name = null) {
    if (this.isSaving) return; // a second click would find the view changed, by the first
    this.isSaving = true;
    const { value } = this.document;
    try {
      const answer = await postJson("/ui/tracking/views", { project: root.dataset.project, id: name === null ? this.view.id : null, stamp: this.view.stamp, name, document: { ...value, query: this.query } });
      this.document.saved(value);
      if (name === null) Object.assign(this.view, { query: this.query, stamp: answer.stamp });
      this.keep();
      if (name !== null) location.href = this.addressOf(answer.url);
      else this.paint();
    } catch (error) {
      if (name !== null) throw error; // the dialog says it
      if (error.status === 409) this.view.stamp = null; // told once, the reader may replace it
      notify(why(error));
    } finally {
      this.isSaving = false;
    }
  }

  /** Back to what is stored: at once, or by another address where the list is another. */
  revert() {
    this.document.revert();
    if (!this.isAskedAnew) return;
    const address = new URL(location.href);
    for (const name of [...Object.keys(ASKED), "cursor"]) address.searchParams.delete(name);
    const asked = Object.entries(askedOf(this.view.query));
    for (const [name, value] of asked.length ? asked : [["q", ""]]) address.searchParams.set(name, value);
    location.href = address.href;
  }

  /** A report with the open panels, over the runs that are drawn; over all when nothing was chosen. */
  async report(title) {
    const panels = this.board.listed().filter((part) => !part.isClosed).flatMap((part) => part.panels);
    const { hidden, shown, groups, isOnly } = this.choices;
    const isChosen = Boolean(this.query.q) || isOnly || [hidden, shown, groups ?? {}].some((part) => Object.keys(part).length);
    const runs = isChosen ? this.board.visible().map((run) => run.runName) : null;
    location.href = (await postJson("/ui/tracking/reports/panels", { project: root.dataset.project, title, panels, runs })).url;
  }

  bind() {
    const on = (name, work) => document.querySelector(`[data-view-${name}]`)?.addEventListener("click", ({ target }) => {
      const menu = target.closest("details[open]")?.querySelector("summary");
      menu?.click();
      menu?.focus();
      work();
    });
    on("undo", () => this.document.undo());
    on("redo", () => this.document.redo());
    on("revert", () => this.revert());
    on("reset", () => this.document.change((value) => Object.assign(value, { settings: {}, panels: {}, extra: {}, removed: {}, moved: {}, order: {}, sections: [], closed: {}, mode: "auto", runs: structuredClone(NO_CHOICES) })));
    on("save", () => this.save());
    on("save-as", () => askText(this.board, say("name of the view"), this.view.name ?? "", [], (name) => this.save(name)));
    on("report", () => askText(this.board, say("title of the report"), this.view.name ?? "", [], (title) => this.report(title)));
    on("add", () => this.board.editPanel());
    document.querySelector("[data-view-mode]")?.addEventListener("change", (event) => this.document.change((value) => { value.mode = event.target.checked ? "auto" : "manual"; }));
    const quick = document.querySelector("[data-quick-add]");
    quick?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.quickAdd(quick.elements.quick.value.trim());
      quick.reset();
    });
    list.addEventListener("click", (event) => this.clicked(event));
    document.querySelector("[data-eye-all]")?.addEventListener("click", () => {
      if (this.board.visible().length) this.only([]);
      else this.choose((runs) => Object.assign(runs, { hidden: {}, shown: Object.fromEntries(this.board.runs.slice(0, MOST).map((run) => [run.id, 1])), groups: {}, isOnly: false }));
    });
    document.addEventListener("keydown", (event) => {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || isTyping(event) || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      if (event.shiftKey) this.document.redo();
      else this.document.undo();
    });
    document.addEventListener("penstock:patched", () => this.board.setPanels(this.panels()));
    const highlight = throttle((id) => {
      for (const run of this.board.runs) run.isFaint = Boolean(id) && run.id !== id;
      this.board.fade();
    }, 120);
    list.addEventListener("pointerover", (event) => highlight(event.target.closest("[data-run]")?.dataset.run));
    list.addEventListener("pointerleave", () => highlight(null));
    for (const button of document.querySelectorAll("[data-narrow]")) {
      button.addEventListener("click", () => {
        const isOpen = document.querySelector(".workspace").classList.toggle("shows-runs");
        button.setAttribute("aria-expanded", String(isOpen));
      });
    }
  }

  /** A key gives its own panel; anything else is a pattern over keys. */
  quickAdd(text) {
    if (!text) return;
    const found = this.board.auto.find((one) => one.key === text);
    const section = say("my panels");
    try {
      if (found) this.document.add({ ...found, id: undefined, section });
      else if (new RegExp(text)) this.document.add({ kind: "line", match: text, section });
    } catch (error) {
      notify(why(error));
    }
  }
}

if (root && list) new Workspace();

for (const form of document.querySelectorAll("[data-auto-submit]")) form.addEventListener("change", () => form.requestSubmit());
