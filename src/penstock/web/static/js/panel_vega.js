// Panels of custom charts: a Vega or Vega-Lite specification over a logged table, over the history or over one row per run.
// The specification is a preset's (`entity/name`) or stands in the panel itself.

import { make } from "./dom.js";
import { fetchJson } from "./fetching.js";
import { styleAt, vegaMark } from "./looks.js";
import { Panel } from "./panel.js";
import { themeColors } from "./theme.js";
import { drawVega, solid } from "./vega_drawing.js";
import { readSpec } from "./vega_spec.js";
import { say, shortNumber } from "./words.js";

/** What is known of the run of each row. */
export const OF_RUNS = ["name", "id", "group", "color", "_shape", "_dash"];
const TWIN_ROWS = 200;
const NAMED = 12;
const NUMBERS = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };
const STARTED = "penstock.vega.started";
const presets = new Map();

/** Words for what is wrong with a specification. */
export const problemOf = (error) => (error.name === "SpecError" ? say(error.key, error.values) : error.message);

const presetAddress = (name) => `/ui/tracking/charts/preset?name=${encodeURIComponent(name)}`;

function specOf(answer) {
  if (!answer.spec) throw new Error(answer.error);
  return answer.spec;
}

/** The specification of a preset, asked for once. */
export function presetOf(name) {
  if (!presets.has(name)) presets.set(name, fetchJson(presetAddress(name)).then(specOf).catch((error) => {
    presets.delete(name);
    throw error;
  }));
  return presets.get(name);
}

/** Colours of looks, each time another text: a scale that takes its colours from the rows needs as many as there are runs. */
function unlike(colorOf) {
  const seen = new Map();
  return (look) => {
    const color = colorOf(look);
    const times = seen.get(color) ?? 0;
    seen.set(color, times + 1);
    return times ? color.replace(/^rgb\((.*)\)$/, `rgba($1, ${1 - times / 1e6})`) : color;
  };
}

/** Dashes of looks, each time others, by less than can be seen: see `unlike`. */
function unlikeDashes(dashes) {
  const seen = [];
  return (look) => {
    const style = styleAt(look);
    seen[style] = (seen[style] ?? -1) + 1;
    const [first, ...rest] = solid(dashes[style]);
    return [first + seen[style] / 1e6, ...rest];
  };
}

/** Names, those that were there before with something of their own behind them: a scale knows runs by their names. */
function unlikeNames() {
  const seen = new Set();
  return (name, id) => {
    const own = seen.has(name) ? `${name} (${id})` : name;
    seen.add(own);
    return own;
  };
}

export class VegaPanel extends Panel {
  /** Whether it draws one row per run. */
  get isOfValues() {
    return !this.spec.table && !this.spec.keys?.length;
  }

  address() {
    const { table, keys, columns } = this.spec;
    const query = new URLSearchParams(this.isOfValues ? this.board.source : { runs: this.board.visible().map((run) => run.id).join() });
    if (table) query.set("table", table);
    for (const key of keys ?? []) query.append("key", key);
    for (const column of columns ?? []) query.append("column", column);
    return `/ui/tracking/charts/rows?${query}`;
  }

  /** The specification of a preset as it was when the grid was frozen. */
  async kept(name) {
    return specOf(await this.board.ask(presetAddress(name)));
  }

  /** Name of this panel among those that are being drawn; a page that was killed meanwhile finds it again. */
  get mark() {
    return `${location.pathname} ${this.spec.id}`;
  }

  async load() {
    if (!this.isForced && localStorage.getItem(STARTED) === this.mark) {
      this.offer();
      return;
    }
    await this.working(async (signal) => {
      try {
        const { vega, preset } = this.spec;
        const asked = vega ? null : this.board.answers ? this.kept(preset ?? "") : presetOf(preset ?? "");
        if (!vega) this.board.asked.add(presetAddress(preset ?? ""));
        asked?.catch(() => {});
        this.answer = await this.board.ask(this.address(), { signal });
        this.held = this.rowsOf(this.answer);
        this.document = vega ? readSpec(vega) : await asked;
      } catch (error) {
        if (error.name === "AbortError") throw error;
        this.complain(error);
        return;
      }
      this.wish();
      await this.turn;
    });
  }

  /** The last drawing of this chart did not come to its end: it is not tried again unasked. */
  offer() {
    this.body.classList.remove("skeleton");
    const again = make("button", { class: "button small", type: "button", onclick: () => {
      this.isForced = true;
      localStorage.removeItem(STARTED);
      this.load();
    } }, say("vega draw"));
    this.body.replaceChildren(make("div", { class: "empty small" }, say("vega stopped"), again));
  }

  /** Rows of runs that are drawn, as the specification finds them, in the colours of a theme. */
  rowsOf({ runs, rows, columns }, { of, dashes } = themeColors()) {
    const colorOf = unlike(of);
    const dashOf = unlikeDashes(dashes);
    const nameOf = unlikeNames();
    const looks = runs.map((run) => {
      if (this.board.isHidden(run)) return null;
      const { color = 1, name = run.name } = this.board.look(run);
      return { id: run.id, name: nameOf(name, run.url?.split("/").at(-1) ?? run.id), group: run.group, color: colorOf(color), _shape: vegaMark(color), _dash: dashOf(color) };
    });
    const found = [];
    for (const [owner, ...values] of rows) {
      if (!looks[owner]) continue;
      const row = { ...looks[owner] };
      columns.forEach((column, at) => {
        const value = values[at];
        row[column] = Object.hasOwn(NUMBERS, value) ? NUMBERS[value] : value;
      });
      found.push({ row, run: runs[owner] });
    }
    return found;
  }

  /** Draw what is there, one drawing after the other. */
  wish() {
    this.turn = (this.turn ?? Promise.resolve()).then(() => this.paint()).catch((error) => this.complain(error));
  }

  async paint() {
    this.clear();
    this.body.classList.remove("skeleton");
    const held = this.rowsOf(this.answer);
    this.held = held;
    if (!held.length) {
      this.empty();
      return;
    }
    const width = Math.max(160, this.body.clientWidth - 4);
    const height = Math.max(120, this.body.clientHeight - 8);
    const place = make("div", { class: "vega-place" });
    this.body.replaceChildren(place);
    const { fields, strings, preset, vega } = this.spec;
    const rows = held.map((one) => one.row);
    const columns = [...new Set([...OF_RUNS, ...this.answer.columns])];
    localStorage.setItem(STARTED, this.mark);
    try {
      const drawn = await drawVega(place, this.document, { rows, columns, settings: { fields, strings, preset: vega ? "" : preset, title: this.name }, colors: themeColors(), description: this.summary(), width, height });
      if (!drawn) return;
      if (place.isConnected) this.view = drawn.view;
      else drawn.view.finalize();
      this.tell(drawn);
    } finally {
      localStorage.removeItem(STARTED);
    }
  }

  /** What the chart is drawn from, in a sentence. */
  summary() {
    const runs = new Set(this.held.map((one) => one.run.id)).size;
    const names = this.answer.columns;
    return `${this.name}. ${say("vega summary", { rows: this.held.length, runs, columns: names.slice(0, NAMED).join(", ") + (names.length > NAMED ? ", …" : "") })}`;
  }

  tell({ warnings, isFed }) {
    const parts = [say("rows", { shown: this.held.length, count: this.answer.is_cut ? `> ${this.answer.rows.length}` : this.answer.rows.length })];
    const runs = new Set(this.held.map((one) => one.run.id)).size;
    if (runs < this.board.count) parts.unshift(say("drawn", { drawn: runs, all: this.board.count }));
    if (this.answer.is_cut) parts.push(say("vega cut"));
    if (!isFed) parts.push(say("vega own data"));
    parts.push(...[...new Set(warnings)].slice(0, 3));
    this.note.textContent = parts.join(" · ");
    this.fillTable();
  }

  complain(error) {
    this.clear();
    this.body.classList.remove("skeleton");
    this.body.replaceChildren(make("div", { class: "empty small vega-problem", role: "status" }, make("strong", {}, say("vega failed")), make("p", {}, problemOf(error))));
    this.note.textContent = "";
  }

  clear() {
    this.view?.finalize();
    this.view = null;
  }

  redraw() {
    if (this.answer && this.document) this.wish();
  }

  resize() {
    if (this.isDrawn) this.redraw();
  }

  rows() {
    const columns = this.answer?.columns ?? [];
    const cell = (value) => (value === null || value === undefined ? "" : typeof value === "number" ? shortNumber(value) : typeof value === "string" ? value.slice(0, 200) : JSON.stringify(value).slice(0, 200));
    return { head: [say("Run"), ...columns], rows: (this.held ?? []).slice(0, TWIN_ROWS).map(({ row, run }) => [run.url ? make("a", { class: "quiet", href: run.url }, run.name) : run.name, ...columns.map((column) => cell(row[column]))]) };
  }
}
